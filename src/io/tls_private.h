/* What the files of TLS share, and what io/stream.c calls. */
#ifndef BC_IO_TLS_PRIVATE_H
#define BC_IO_TLS_PRIVATE_H

#include "base/buf.h"
#include "base/mono.h"
#include "io/stream.h"
#include "io/tls.h"

#include <openssl/ssl.h>

struct bc_tls {
  SSL_CTX *context;
  X509_STORE *store;
  BIO_METHOD *socket; /* the socket of a stream, without SIGPIPE */
  size_t trusted;
};

struct bc_tls_session {
  struct bc_tls *tls;
  SSL *ssl;
  int fd;
  int io_errno;   /* of the last recv or send that failed */
  bool has_ended; /* recv said: end */
  int alert;      /* that the server sent; -1: none */
  bool is_broken; /* OpenSSL must not be asked any more */
  struct bc_mono started;
  char name[256];                    /* that the certificate must name; "": not verified */
  char refusal[BC_FAULT_TEXT_BYTES]; /* why the certificate is not accepted; "": it is */
  struct bc_tls_facts *facts;        /* when the handshake is over */
};

/* DONE: some bytes moved, the handshake is over. WANTS_…: the descriptor must be ready for that first. ENDED: the peer
 * has closed. FAILED: `error` and `text` say how. */
enum tls_step { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_ENDED, TLS_FAILED };

struct tls_failure {
  enum bc_stream_error error;
  struct bc_fault fault; /* without the place */
};

/* ---- tls.c: for the stream that has the session ---- */

void tls_session_attach(struct bc_tls_session *session, int fd);
enum tls_step tls_session_handshake(struct bc_tls_session *session, struct tls_failure *failure);
enum tls_step tls_session_read(struct bc_tls_session *session, char *to, size_t room, size_t *got,
                               struct tls_failure *failure);
enum tls_step tls_session_write(struct bc_tls_session *session, struct bc_str bytes, size_t *put,
                                struct tls_failure *failure);
/* There are bytes to read that the descriptor does not show any more. */
bool tls_session_has_pending(const struct bc_tls_session *session);
/* As if the handshake had gone well; OpenSSL is not asked any more. */
void tls_session_pretend(struct bc_tls_session *session);
/* Tells the peer that no more comes, if that can be done at once. */
void tls_session_say_goodbye(struct bc_tls_session *session);

/* ---- stream.c ---- */

/* What an errno of a socket means; `text` is a static text. */
enum bc_stream_error stream_error_of(int number, const char **text);

/* ---- tls_options.c: a session from what its maker wants ---- */

bool tls_options_apply(struct bc_tls_session *session, const struct bc_tls_options *options, struct bc_fault *fault);
/* The same parser for the trusted certificates of the process: adds those of `bio` to `store`. */
size_t tls_options_load(X509_STORE *store, BIO *bio);

/* ---- tls_verify.c: why a certificate is refused ---- */

/* Why OpenSSL refuses a certificate (`error`, at `depth` of the chain), in a line; `name` is whom it must name. */
void tls_verify_print(const char *name, const struct bc_tls_cert *cert, int error, int depth, struct bc_buf *to);
/* A verify callback of OpenSSL: writes session->refusal at the first error. */
int tls_verify_on_result(int is_fine, X509_STORE_CTX *context);

#endif
