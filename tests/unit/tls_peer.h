/* TLS servers for tests: certificates made on the spot, each server a child that ends with us. */
#ifndef BC_TESTS_TLS_PEER_H
#define BC_TESTS_TLS_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { TLS_PEER_DAY = 86400, TLS_PEER_PEM_BYTES = 4096 };

/* ---- certificates ---- */

struct tls_cert {
  X509 *x509;
  EVP_PKEY *key;
  char pem[TLS_PEER_PEM_BYTES];
  char key_pem[TLS_PEER_PEM_BYTES];
};

struct tls_cert_wish {
  const char *name;              /* the subject's CN */
  const char *names;             /* subjectAltName: "DNS:a.example,IP:127.0.0.1"; NULL: none */
  const struct tls_cert *issuer; /* NULL: itself */
  bool is_ca;
  bool is_rsa;   /* its key; else on a curve */
  int from_days; /* from now */
  int to_days;   /* 0: 10 */
};

static inline void tls_cert_add(X509 *x509, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  assert_non_null(extension);
  assert_int_equal(X509_add_ext(x509, extension, -1), 1);
  X509_EXTENSION_free(extension);
}

static inline void tls_cert_write_pem(struct tls_cert *cert) {
  BIO *bio = BIO_new(BIO_s_mem());
  assert_int_equal(PEM_write_bio_X509(bio, cert->x509), 1);
  assert_true(BIO_read(bio, cert->pem, TLS_PEER_PEM_BYTES - 1) > 0);
  assert_int_equal(PEM_write_bio_PrivateKey(bio, cert->key, NULL, NULL, 0, NULL, NULL), 1);
  assert_true(BIO_read(bio, cert->key_pem, TLS_PEER_PEM_BYTES - 1) > 0);
  (void)BIO_free(bio);
}

static inline void tls_cert_make(struct tls_cert *cert, const struct tls_cert_wish *wish) {
  static long serial = 0x1000;
  memset(cert, 0, sizeof *cert);
  cert->key = wish->is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
  cert->x509 = X509_new();
  assert_non_null(cert->key);
  X509 *issuer = wish->issuer == NULL ? cert->x509 : wish->issuer->x509;
  (void)X509_set_version(cert->x509, 2);
  (void)ASN1_INTEGER_set(X509_get_serialNumber(cert->x509), ++serial);
  (void)X509_time_adj_ex(X509_getm_notBefore(cert->x509), wish->from_days, wish->from_days > 0 ? 3600 : 0, NULL);
  (void)X509_time_adj_ex(X509_getm_notAfter(cert->x509), wish->to_days == 0 ? 10 : wish->to_days, 0, NULL);
  (void)X509_set_pubkey(cert->x509, cert->key);
  (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(cert->x509), "O", MBSTRING_ASC, (const unsigned char *)"Test",
                                   -1, -1, 0);
  (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(cert->x509), "CN", MBSTRING_UTF8,
                                   (const unsigned char *)wish->name, -1, -1, 0);
  (void)X509_set_issuer_name(cert->x509, X509_get_subject_name(issuer));
  tls_cert_add(cert->x509, issuer, NID_basic_constraints, wish->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (wish->names != NULL) {
    tls_cert_add(cert->x509, issuer, NID_subject_alt_name, wish->names);
  }
  assert_true(X509_sign(cert->x509, wish->issuer == NULL ? cert->key : wish->issuer->key, EVP_sha256()) > 0);
  tls_cert_write_pem(cert);
}

static inline void tls_cert_free(struct tls_cert *cert) {
  X509_free(cert->x509);
  EVP_PKEY_free(cert->key);
}

/* A root, and a server and a client that it vouches for. */
struct tls_authority {
  struct tls_cert root;
  struct tls_cert leaf;
  struct tls_cert client;
};

/* `names`: those of the server (tls_cert_wish). */
static inline void tls_authority_make(struct tls_authority *authority, const char *names) {
  tls_cert_make(&authority->root, &(struct tls_cert_wish){.name = "Test Root", .is_ca = true});
  tls_cert_make(&authority->leaf,
                &(struct tls_cert_wish){.name = "www.test", .names = names, .issuer = &authority->root, .to_days = 5});
  tls_cert_make(&authority->client, &(struct tls_cert_wish){.name = "a client", .issuer = &authority->root});
}

static inline void tls_authority_free(struct tls_authority *authority) {
  tls_cert_free(&authority->root);
  tls_cert_free(&authority->leaf);
  tls_cert_free(&authority->client);
}

/* ---- servers ---- */

struct tls_peer;

struct tls_peer_wish {
  const struct tls_cert *cert;
  const struct tls_cert *chain;     /* sent behind it; NULL: none */
  const struct tls_cert *client_ca; /* clients must have a certificate of this one; NULL: none is asked for */
  int most_version;                 /* 0: any */
  int least_version;
  const char *groups; /* for the exchange of keys, and ciphers of TLS 1.2; NULL: any */
  const char *ciphers;
  bool is_ipv6;
  const char *alpn;                /* the one that it speaks; NULL: none */
  void (*before)(int fd);          /* in front of the handshake; NULL: nothing */
  void (*serve)(SSL *ssl, int fd); /* after the handshake; NULL: there is no handshake, all is done by `before` */
};

struct tls_peer {
  pid_t pid;
  uint16_t port;
};

static inline int tls_peer_pick_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                                     const unsigned char *in, unsigned in_len, void *arg) {
  const char *wanted = arg;
  (void)ssl;
  for (unsigned i = 0; i < in_len; i += in[i] + 1U) {
    if (in[i] == strlen(wanted) && memcmp(in + i + 1, wanted, in[i]) == 0) {
      *out = in + i + 1;
      *out_len = in[i];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static inline SSL_CTX *tls_peer_context(const struct tls_peer_wish *wish) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (wish->cert != NULL) {
    (void)SSL_CTX_use_certificate(context, wish->cert->x509);
    (void)SSL_CTX_use_PrivateKey(context, wish->cert->key);
  }
  if (wish->chain != NULL) {
    (void)SSL_CTX_add1_chain_cert(context, wish->chain->x509);
  }
  if (wish->client_ca != NULL) {
    (void)X509_STORE_add_cert(SSL_CTX_get_cert_store(context), wish->client_ca->x509);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  }
  (void)SSL_CTX_set_max_proto_version(context, wish->most_version);
  (void)SSL_CTX_set_min_proto_version(context, wish->least_version);
  if (wish->least_version != 0 && wish->least_version < TLS1_2_VERSION) {
    SSL_CTX_set_security_level(context, 0);
  }
  if (wish->groups != NULL) {
    (void)SSL_CTX_set1_groups_list(context, wish->groups);
  }
  if (wish->ciphers != NULL) {
    (void)SSL_CTX_set_cipher_list(context, wish->ciphers);
    (void)SSL_CTX_set_dh_auto(context, 1);
  }
  if (wish->alpn != NULL) {
    SSL_CTX_set_alpn_select_cb(context, tls_peer_pick_alpn, (void *)(uintptr_t)wish->alpn);
  }
  return context;
}

static inline void tls_peer_serve(const struct tls_peer_wish *wish, SSL_CTX *context, int fd) {
  if (wish->before != NULL) {
    wish->before(fd);
  }
  if (wish->serve != NULL) {
    SSL *ssl = SSL_new(context);
    (void)SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
      wish->serve(ssl, fd);
    }
    SSL_free(ssl);
  }
  (void)close(fd);
}

/* At loopback, a port that the kernel picks; -1: not in this family. */
static inline int tls_peer_listen(bool is_ipv6, uint16_t *port) {
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  struct sockaddr *address = is_ipv6 ? (struct sockaddr *)&ipv6 : (struct sockaddr *)&ipv4;
  socklen_t len = is_ipv6 ? sizeof ipv6 : sizeof ipv4;
  int listener = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, address, len) != 0) {
    assert_true(is_ipv6);
    (void)close(listener);
    return -1;
  }
  assert_int_equal(listen(listener, 128), 0);
  assert_int_equal(getsockname(listener, address, &len), 0);
  *port = ntohs(is_ipv6 ? ipv6.sin6_port : ipv4.sin_port);
  return listener;
}

/* Serves one connection after the other. Port 0: there is no IPv6. */
static inline struct tls_peer tls_peer_start(const struct tls_peer_wish *wish) {
  uint16_t port = 0;
  int listener = tls_peer_listen(wish->is_ipv6, &port);
  if (listener < 0) {
    return (struct tls_peer){0};
  }
  struct tls_peer peer = {.pid = fork(), .port = port};
  assert_true(peer.pid >= 0);
  if (peer.pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    SSL_CTX *context = tls_peer_context(wish);
    for (;;) {
      int fd = accept(listener, NULL, NULL);
      if (fd < 0) {
        _exit(1);
      }
      tls_peer_serve(wish, context, fd);
    }
  }
  (void)close(listener);
  return peer;
}

static inline void tls_peer_stop(struct tls_peer *peer) {
  if (peer->pid > 0) {
    (void)kill(peer->pid, SIGKILL);
    (void)waitpid(peer->pid, NULL, 0);
    peer->pid = 0;
  }
}

/* ---- what servers do ---- */

static inline void tls_serve_echo(SSL *ssl, int fd) {
  char bytes[16384];
  (void)fd;
  for (;;) {
    int got = SSL_read(ssl, bytes, sizeof bytes);
    if (got <= 0 || SSL_write(ssl, bytes, got) != got) {
      (void)SSL_shutdown(ssl);
      return;
    }
  }
}

static inline void tls_serve_hello(SSL *ssl, int fd) {
  (void)fd;
  (void)SSL_write(ssl, "hello\n", 6);
  (void)SSL_shutdown(ssl);
}

/* As many servers end it. */
static inline void tls_serve_cut(SSL *ssl, int fd) {
  (void)SSL_write(ssl, "hello\n", 6);
  (void)shutdown(fd, SHUT_RDWR);
}

static inline void tls_serve_flood(SSL *ssl, int fd) {
  static char bytes[16384];
  (void)fd;
  for (int i = 0; i < 640; i++) {
    memset(bytes, 'a' + i % 26, sizeof bytes);
    if (SSL_write(ssl, bytes, sizeof bytes) <= 0) {
      return;
    }
  }
  (void)SSL_shutdown(ssl);
}

static inline void tls_before_garbage(int fd) {
  (void)!send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL);
  char byte;
  while (recv(fd, &byte, 1, 0) > 0) {
  }
}

/* It has read our hello, so that closing is no reset. */
static inline void tls_before_close(int fd) {
  char bytes[65536];
  (void)recv(fd, bytes, sizeof bytes, 0);
}

static inline void tls_before_reset(int fd) {
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  char byte;
  (void)recv(fd, &byte, 1, 0);
  (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

static inline void tls_before_silence(int fd) {
  char byte;
  while (recv(fd, &byte, 1, 0) > 0) {
  }
}

/* As SMTP has it. */
static inline void tls_before_starttls(int fd) {
  char bytes[64];
  (void)!send(fd, "220 here\r\n", 10, MSG_NOSIGNAL);
  (void)recv(fd, bytes, sizeof bytes, 0);
  (void)!send(fd, "220 go\r\n", 8, MSG_NOSIGNAL);
}

#endif
