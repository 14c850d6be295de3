/* TLS for connections that we make, and certificates as plain data.
 *
 * What all connections of a process share is made once, before the process gives up its right to open files: OpenSSL's
 * configuration and the system's trusted certificates. A session is one connection's part; io/stream.h moves its bytes.
 *
 * TLS 1.2 or newer. No session is resumed and none renegotiated: a check wants to see the whole handshake. Nothing here
 * blocks; a handshake costs about a millisecond of CPU time, and no server can make it many: DH in finite fields, where
 * it picks the size of the numbers, is not spoken. */
#ifndef BC_IO_TLS_H
#define BC_IO_TLS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bc_tls;
struct bc_tls_session;

/* The system's trusted certificates, where the distributions have them: Debian, Fedora, SUSE, FreeBSD and Alpine. The
 * first that holds any counts. */
#define BC_TLS_SYSTEM_FILES                                                                                            \
  "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",                  \
      "/etc/ssl/cert.pem"

/* ---- certificates ---- */

enum {
  BC_TLS_NAME_BYTES = 512,
  BC_TLS_SERIAL_BYTES = 64,
  BC_TLS_SHA256_BYTES = 65,
  BC_TLS_NAMES_BYTES = 4096,
  BC_TLS_VERSION_BYTES = 16,
  BC_TLS_ALPN_BYTES = 32,
  BC_TLS_CERT_BYTES = 65536 /* the longest text that bc_tls_cert_read takes */
};

/* A certificate for people and scripts. Texts are terminated, printable UTF-8 or ASCII; what is too long is cut. */
struct bc_tls_cert {
  char subject[BC_TLS_NAME_BYTES]; /* RFC 2253: "CN=www.example.com,O=Example,C=US" */
  char issuer[BC_TLS_NAME_BYTES];
  char serial[BC_TLS_SERIAL_BYTES]; /* hex, without leading zeros */
  char sha256[BC_TLS_SHA256_BYTES]; /* of the whole certificate, hex */
  int64_t not_before;               /* seconds since 1970 UTC */
  int64_t not_after;
  char names[BC_TLS_NAMES_BYTES]; /* of subjectAltName: DNS names and addresses, each terminated, behind each other */
  size_t name_count;              /* of these */
  size_t names_dropped;           /* that had no room, or are no names */
};

/* Name `index` (below name_count) of a certificate. */
const char *bc_tls_cert_name(const struct bc_tls_cert *cert, size_t index);

/* The first certificate in a PEM text, or one in DER. BC_ERR_SYNTAX: there is none. */
BC_MUST_CHECK enum bc_err bc_tls_cert_read(struct bc_str bytes, struct bc_tls_cert *cert);
/* The same from an X509 of OpenSSL, for other files of io/ only. */
void bc_tls_cert_read_x509(void *from, struct bc_tls_cert *cert);

/* ---- what a process shares ---- */

/* `ca_file`: a file of PEM certificates that are trusted; NULL: SSL_CERT_FILE of the environment, else where the
 * distributions keep theirs. Never fails: with none, every verification of a session without `ca` does. */
struct bc_tls *bc_tls_new(const char *ca_file);
/* All its sessions must have been freed. NULL is allowed. */
void bc_tls_free(struct bc_tls *tls);
/* How many certificates are trusted; 0: none were found. */
size_t bc_tls_trusted(const struct bc_tls *tls);
/* The X509_STORE of them, for other files of io/ only; stays ours. */
void *bc_tls_store(const struct bc_tls *tls);

/* ---- sessions ---- */

enum { BC_TLS_ALPN_MOST = 8 };

struct bc_tls_options {
  struct bc_str name; /* whom the certificate must name, and SNI: a host name, or an address (then no SNI) */
  bool is_unverified; /* any certificate will do */
  struct bc_str ca;   /* PEM: trusted in place of the system's; empty: the system's */
  struct bc_str cert; /* PEM: ours, with its chain behind it; empty: none */
  struct bc_str key;  /* PEM: of `cert`, not encrypted */
  bool needs_tls13;   /* else TLS 1.2 will do, too */
  struct bc_str alpn[BC_TLS_ALPN_MOST]; /* the first is liked best */
  size_t alpn_count;
};

/* Copies what it needs of `options`. NULL with `fault` ("ca: no certificate in it") when they cannot be used. To be
 * given to bc_stream_start_tls or to bc_tls_session_free. */
struct bc_tls_session *bc_tls_session_new(struct bc_tls *tls, const struct bc_tls_options *options,
                                          struct bc_fault *fault);
/* NULL is allowed. */
void bc_tls_session_free(struct bc_tls_session *session);

/* What came of the handshake. */
struct bc_tls_facts {
  char version[BC_TLS_VERSION_BYTES]; /* "TLSv1.3" */
  char alpn[BC_TLS_ALPN_BYTES];       /* "": none was agreed on */
  int64_t handshake_us;
  bool has_cert;
  struct bc_tls_cert cert; /* the server's */
};
/* NULL until the handshake is over. */
const struct bc_tls_facts *bc_tls_session_facts(const struct bc_tls_session *session);

#endif
