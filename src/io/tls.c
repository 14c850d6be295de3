/* Sessions on a socket. What may be verified: tls_verify.c; what their maker wants: tls_options.c. */
#include "io/tls.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/tls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- the socket of a session ---- */

static bool tls_may_retry(int number) {
  return number == EAGAIN || number == EINTR;
}

static int tls_socket_read(BIO *bio, char *to, int room) {
  struct bc_tls_session *session = BIO_get_data(bio);
  ssize_t got = recv(session->fd, to, (size_t)room, 0);
  BIO_clear_retry_flags(bio);
  session->has_ended = got == 0;
  session->io_errno = got < 0 ? errno : 0;
  if (got < 0 && tls_may_retry(errno)) {
    BIO_set_retry_read(bio);
  }
  return (int)got;
}

static int tls_socket_write(BIO *bio, const char *bytes, int len) {
  struct bc_tls_session *session = BIO_get_data(bio);
  ssize_t put = send(session->fd, bytes, (size_t)len, MSG_NOSIGNAL);
  BIO_clear_retry_flags(bio);
  session->io_errno = put < 0 ? errno : 0;
  if (put < 0 && tls_may_retry(errno)) {
    BIO_set_retry_write(bio);
  }
  return (int)put;
}

static long tls_socket_control(BIO *bio, int command, long number, void *pointer) {
  const struct bc_tls_session *session = BIO_get_data(bio);
  (void)number;
  (void)pointer;
  switch (command) {
  case BIO_CTRL_FLUSH:
    return 1;
  case BIO_CTRL_EOF:
    return session != NULL && session->has_ended ? 1 : 0;
  default:
    return 0;
  }
}

static BIO_METHOD *tls_make_socket(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
  if (method != NULL) {
    (void)BIO_meth_set_read(method, tls_socket_read);
    (void)BIO_meth_set_write(method, tls_socket_write);
    (void)BIO_meth_set_ctrl(method, tls_socket_control);
  }
  return method;
}

/* ---- what a process shares ---- */

static size_t tls_load_system(X509_STORE *store, const char *ca_file) {
  const char *const files[] = {ca_file, ca_file == NULL ? getenv("SSL_CERT_FILE") : NULL, BC_TLS_SYSTEM_FILES};
  size_t last = ca_file != NULL ? 1 : sizeof files / sizeof files[0];
  size_t count = 0;
  for (size_t i = 0; i < last && count == 0; i++) {
    BIO *bio = files[i] == NULL ? NULL : BIO_new_file(files[i], "r");
    count = bio == NULL ? 0 : tls_options_load(store, bio);
    (void)BIO_free(bio);
  }
  ERR_clear_error();
  return count;
}

static void tls_on_info(const SSL *ssl, int where, int value) {
  struct bc_tls_session *session = SSL_get_app_data(ssl);
  if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && session != NULL) {
    session->alert = value;
  }
}

/* Without DH in finite fields: it is the server that picks the size of its numbers, and with 10,000 bits, which OpenSSL
 * takes, a handshake would hold up the loop for a quarter of a second. */
static bool tls_bound_cost(SSL_CTX *context) {
  return SSL_CTX_set_cipher_list(context, "DEFAULT:!kDHE") == 1 &&
         SSL_CTX_set1_groups_list(context, "X25519:P-256:X448:P-384:P-521") == 1;
}

struct bc_tls *bc_tls_new(const char *ca_file) {
  struct bc_tls *tls = bc_mem_new(1, sizeof *tls);
  tls->socket = tls_make_socket();
  tls->context = SSL_CTX_new(TLS_client_method());
  tls->store = X509_STORE_new();
  if (tls->socket == NULL || tls->context == NULL || tls->store == NULL || !tls_bound_cost(tls->context)) {
    abort(); /* only for want of memory */
  }
  tls->trusted = tls_load_system(tls->store, ca_file);
  (void)SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
  (void)SSL_CTX_set_options(tls->context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  (void)SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
  (void)SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                           SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_info_callback(tls->context, tls_on_info);
  return tls;
}

void bc_tls_free(struct bc_tls *tls) {
  if (tls == NULL) {
    return;
  }
  SSL_CTX_free(tls->context);
  X509_STORE_free(tls->store);
  BIO_meth_free(tls->socket);
  free(tls);
}

size_t bc_tls_trusted(const struct bc_tls *tls) {
  return tls->trusted;
}

void *bc_tls_store(const struct bc_tls *tls) {
  return tls->store;
}

/* ---- sessions ---- */

struct bc_tls_session *bc_tls_session_new(struct bc_tls *tls, const struct bc_tls_options *options,
                                          struct bc_fault *fault) {
  struct bc_tls_session *session = bc_mem_new(1, sizeof *session);
  session->tls = tls;
  session->fd = -1;
  session->alert = -1;
  session->ssl = SSL_new(tls->context);
  if (session->ssl == NULL) {
    abort(); /* only for want of memory */
  }
  (void)SSL_set_app_data(session->ssl, session);
  SSL_set_connect_state(session->ssl);
  bool is_fine = tls_options_apply(session, options, fault);
  ERR_clear_error();
  if (!is_fine) {
    bc_tls_session_free(session);
    return NULL;
  }
  return session;
}

void bc_tls_session_free(struct bc_tls_session *session) {
  if (session != NULL) {
    SSL_free(session->ssl);
    free(session->facts);
    free(session);
  }
}

const struct bc_tls_facts *bc_tls_session_facts(const struct bc_tls_session *session) {
  return session->facts;
}

void tls_session_attach(struct bc_tls_session *session, int fd) {
  BIO *bio = BIO_new(session->tls->socket);
  if (bio == NULL) {
    abort(); /* only for want of memory */
  }
  session->fd = fd;
  session->started = bc_mono_now();
  BIO_set_data(bio, session);
  BIO_set_init(bio, 1);
  SSL_set_bio(session->ssl, bio, bio);
}

/* ---- how it fails ---- */

static void tls_fail(struct tls_failure *failure, enum bc_stream_error error, const char *text) {
  failure->error = error;
  bc_fault_set(&failure->fault, 0, "%s", text);
}

/* What OpenSSL says of bytes that are no TLS: the first ones look like a version of its own past. */
static bool tls_is_garbage(int reason) {
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST || reason == SSL_R_BAD_RECORD_TYPE ||
         reason == SSL_R_PACKET_LENGTH_TOO_LONG || reason == SSL_R_UNEXPECTED_MESSAGE ||
         reason == SSL_R_RECORD_LENGTH_MISMATCH;
}

/* The one that scripts meet and this OpenSSL has no text for: RFC 8446 6. */
static const char *tls_alert_text(int alert) {
  enum { CERTIFICATE_REQUIRED = 116 };
  return (alert & 0xff) == CERTIFICATE_REQUIRED ? "certificate required" : SSL_alert_desc_string_long(alert);
}

static void tls_describe(const struct bc_tls_session *session, struct tls_failure *failure) {
  unsigned long code = ERR_peek_error();
  const char *reason = ERR_reason_error_string(code);
  bool is_early = session->facts == NULL;
  if (session->refusal[0] != '\0') {
    tls_fail(failure, BC_STREAM_TLS, session->refusal);
  } else if (session->alert >= 0) {
    failure->error = BC_STREAM_TLS;
    bc_fault_set(&failure->fault, 0, "TLS: the server says: %s", tls_alert_text(session->alert));
  } else if (session->io_errno != 0 && !tls_may_retry(session->io_errno)) {
    const char *text;
    failure->error = stream_error_of(session->io_errno, &text);
    bc_fault_set(&failure->fault, 0, "%s%s", text, is_early ? " in the TLS handshake" : "");
  } else if (session->has_ended) {
    tls_fail(failure, BC_STREAM_CLOSED, is_early ? "closed in the TLS handshake" : "closed without the end of TLS");
  } else if (is_early && ERR_GET_LIB(code) == ERR_LIB_SSL && tls_is_garbage(ERR_GET_REASON(code))) {
    tls_fail(failure, BC_STREAM_TLS, "TLS: what came is not TLS");
  } else {
    failure->error = BC_STREAM_TLS;
    bc_fault_set(&failure->fault, 0, "TLS: %s", reason == NULL ? "failed" : reason);
  }
}

/* `result` of the last call of OpenSSL, which was begun with an empty queue of errors. */
static enum tls_step tls_conclude(struct bc_tls_session *session, int result, struct tls_failure *failure) {
  enum tls_step step = TLS_FAILED;
  switch (SSL_get_error(session->ssl, result)) {
  case SSL_ERROR_NONE:
    step = TLS_DONE;
    break;
  case SSL_ERROR_WANT_READ:
    step = TLS_WANTS_READ;
    break;
  case SSL_ERROR_WANT_WRITE:
    step = TLS_WANTS_WRITE;
    break;
  case SSL_ERROR_ZERO_RETURN:
    step = TLS_ENDED;
    break;
  default:
    session->is_broken = true;
    tls_describe(session, failure);
    break;
  }
  ERR_clear_error();
  return step;
}

/* ---- steps ---- */

static void tls_note_facts(struct bc_tls_session *session) {
  struct bc_tls_facts *facts = bc_mem_new(1, sizeof *facts);
  const unsigned char *alpn = NULL;
  unsigned alpn_len = 0;
  session->facts = facts;
  facts->handshake_us = bc_mono_now().us - session->started.us;
  (void)snprintf(facts->version, sizeof facts->version, "%s", SSL_get_version(session->ssl));
  SSL_get0_alpn_selected(session->ssl, &alpn, &alpn_len);
  if (alpn_len < sizeof facts->alpn) {
    for (unsigned i = 0; i < alpn_len; i++) {
      facts->alpn[i] = (char)(alpn[i] >= 0x20 && alpn[i] < 0x7f ? alpn[i] : '?');
    }
  }
  X509 *peer = SSL_get0_peer_certificate(session->ssl);
  if (peer != NULL) {
    facts->has_cert = true;
    bc_tls_cert_read_x509(peer, &facts->cert);
  }
}

enum tls_step tls_session_handshake(struct bc_tls_session *session, struct tls_failure *failure) {
  ERR_clear_error();
  enum tls_step step = tls_conclude(session, SSL_do_handshake(session->ssl), failure);
  if (step == TLS_DONE) {
    tls_note_facts(session);
  }
  return step;
}

enum tls_step tls_session_read(struct bc_tls_session *session, char *to, size_t room, size_t *got,
                               struct tls_failure *failure) {
  ERR_clear_error();
  *got = 0;
  return tls_conclude(session, SSL_read_ex(session->ssl, to, room, got), failure);
}

enum tls_step tls_session_write(struct bc_tls_session *session, struct bc_str bytes, size_t *put,
                                struct tls_failure *failure) {
  ERR_clear_error();
  *put = 0;
  return tls_conclude(session, SSL_write_ex(session->ssl, bytes.at, bytes.len, put), failure);
}

bool tls_session_has_pending(const struct bc_tls_session *session) {
  return session->facts != NULL && !session->is_broken && SSL_pending(session->ssl) > 0;
}

void tls_session_pretend(struct bc_tls_session *session) {
  session->facts = bc_mem_new(1, sizeof *session->facts);
  session->is_broken = true;
}

void tls_session_say_goodbye(struct bc_tls_session *session) {
  if (session->facts != NULL && !session->is_broken) {
    ERR_clear_error();
    (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
  }
}
