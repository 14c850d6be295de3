/* A session from what its maker wants. */
#include "base/limits.h"
#include "io/tls_private.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum {
  OPTIONS_ALPN_WIRE_BYTES = BC_TLS_ALPN_MOST * BC_TLS_ALPN_BYTES,
  OPTIONS_KEY_BITS = 8192 /* to sign with twice as many takes a second */
};

/* OpenSSL would ask at the terminal. */
static int options_have_no_password(char *to, int room, int is_writing, void *arg) {
  if (room > 0) {
    to[0] = '\0';
  }
  (void)is_writing;
  (void)arg;
  return -1;
}

static BIO *options_open(struct bc_str pem) {
  return pem.len > BC_LIMIT_TLS_PEM_BYTES ? NULL : BIO_new_mem_buf(pem.at, (int)pem.len);
}

size_t tls_options_load(X509_STORE *store, BIO *bio) {
  size_t count = 0;
  for (;;) {
    X509 *cert = PEM_read_bio_X509(bio, NULL, options_have_no_password, NULL);
    if (cert == NULL) {
      return count;
    }
    count += X509_STORE_add_cert(store, cert) == 1 ? 1 : 0;
    X509_free(cert);
  }
}

/* PEM_read_bio_X509 ends at the end, and at what is no certificate: only the former is fine. */
static bool options_is_at_end(void) {
  unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

/* ---- whom to trust ---- */

static bool options_trust(struct bc_tls_session *session, struct bc_str ca, struct bc_fault *fault) {
  BIO *bio = options_open(ca);
  X509_STORE *store = X509_STORE_new();
  bool is_fine = false;
  if (bio == NULL || store == NULL) {
    bc_fault_set(fault, 0, "ca: expected at most %d bytes of PEM", (int)BC_LIMIT_TLS_PEM_BYTES);
  } else if (tls_options_load(store, bio) == 0) {
    bc_fault_set(fault, 0, "ca: no certificate in it (PEM expected)");
  } else if (!options_is_at_end()) {
    bc_fault_set(fault, 0, "ca: one of its certificates cannot be read");
  } else {
    is_fine = SSL_set1_verify_cert_store(session->ssl, store) == 1;
  }
  X509_STORE_free(store);
  (void)BIO_free(bio);
  return is_fine;
}

/* ---- whom to expect ---- */

static bool options_is_address(const char *name) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static bool options_expect(struct bc_tls_session *session, const struct bc_tls_options *options,
                           struct bc_fault *fault) {
  X509_VERIFY_PARAM *param = SSL_get0_param(session->ssl);
  struct bc_str name = options->name;
  /* The root's dot belongs to no certificate and, by RFC 6066 3, not to SNI. */
  name.len -= name.len > 1 && name.at[name.len - 1] == '.' ? 1 : 0;
  if (name.len == 0 || name.len >= sizeof session->name || !bc_str_is_printable(name)) {
    bc_fault_set(fault, 0, "name: expected a host name or an address");
    return false;
  }
  memcpy(session->name, name.at, name.len);
  bool is_address = options_is_address(session->name);
  bool is_fine = is_address || SSL_set_tlsext_host_name(session->ssl, session->name) == 1;
  if (!options->is_unverified) {
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    is_fine = is_fine && (is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, session->name)
                                     : X509_VERIFY_PARAM_set1_host(param, session->name, name.len)) == 1;
    /* Who names an intermediate certificate trusts it, not only its root. */
    (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    SSL_set_verify(session->ssl, SSL_VERIFY_PEER, tls_verify_on_result);
  }
  if (!is_fine) {
    bc_fault_set(fault, 0, "name: cannot be verified");
  }
  return is_fine;
}

/* ---- who we are ---- */

static bool options_set_chain(struct bc_tls_session *session, BIO *bio) {
  X509 *own = PEM_read_bio_X509(bio, NULL, options_have_no_password, NULL);
  bool is_fine = own != NULL && SSL_use_certificate(session->ssl, own) == 1;
  X509_free(own);
  while (is_fine) {
    X509 *next = PEM_read_bio_X509(bio, NULL, options_have_no_password, NULL);
    if (next == NULL) {
      return options_is_at_end();
    }
    is_fine = SSL_add1_chain_cert(session->ssl, next) == 1;
    X509_free(next);
  }
  return false;
}

static bool options_set_own(struct bc_tls_session *session, const struct bc_tls_options *options,
                            struct bc_fault *fault) {
  BIO *cert = options_open(options->cert);
  BIO *key = options_open(options->key);
  EVP_PKEY *pkey = NULL;
  bool is_fine = false;
  if (cert == NULL || key == NULL) {
    bc_fault_set(fault, 0, "cert, key: expected at most %d bytes of PEM each", (int)BC_LIMIT_TLS_PEM_BYTES);
  } else if (!options_set_chain(session, cert)) {
    bc_fault_set(fault, 0, "cert: no certificate that can be used in it (PEM expected)");
  } else if ((pkey = PEM_read_bio_PrivateKey(key, NULL, options_have_no_password, NULL)) == NULL) {
    bc_fault_set(fault, 0, "key: no private key in it (PEM without a password expected)");
  } else if (EVP_PKEY_get_bits(pkey) > OPTIONS_KEY_BITS) {
    bc_fault_set(fault, 0, "key: expected at most %d bits, found %d", (int)OPTIONS_KEY_BITS, EVP_PKEY_get_bits(pkey));
  } else if (SSL_use_PrivateKey(session->ssl, pkey) != 1 || SSL_check_private_key(session->ssl) != 1) {
    bc_fault_set(fault, 0, "key: does not belong to cert");
  } else {
    is_fine = true;
  }
  EVP_PKEY_free(pkey);
  (void)BIO_free(cert);
  (void)BIO_free(key);
  return is_fine;
}

/* ---- the rest ---- */

static bool options_set_alpn(struct bc_tls_session *session, const struct bc_tls_options *options,
                             struct bc_fault *fault) {
  unsigned char wire[OPTIONS_ALPN_WIRE_BYTES];
  size_t len = 0;
  for (size_t i = 0; i < options->alpn_count; i++) {
    struct bc_str one = options->alpn[i];
    if (i >= BC_TLS_ALPN_MOST || one.len == 0 || one.len >= BC_TLS_ALPN_BYTES) {
      bc_fault_set(fault, 0, "alpn: expected at most %d names of 1 to %d bytes", (int)BC_TLS_ALPN_MOST,
                   (int)BC_TLS_ALPN_BYTES - 1);
      return false;
    }
    wire[len++] = (unsigned char)one.len;
    memcpy(wire + len, one.at, one.len);
    len += one.len;
  }
  /* Alone among its like it returns 0 when all is well. */
  return len == 0 || SSL_set_alpn_protos(session->ssl, wire, (unsigned)len) == 0;
}

bool tls_options_apply(struct bc_tls_session *session, const struct bc_tls_options *options, struct bc_fault *fault) {
  if ((options->cert.len == 0) != (options->key.len == 0)) {
    bc_fault_set(fault, 0, "cert and key: expected both or none");
    return false;
  }
  if (options->needs_tls13) {
    (void)SSL_set_min_proto_version(session->ssl, TLS1_3_VERSION);
  }
  if (options->ca.len == 0) {
    (void)SSL_set1_verify_cert_store(session->ssl, session->tls->store);
  } else if (!options_trust(session, options->ca, fault)) {
    return false;
  }
  return options_expect(session, options, fault) && options_set_alpn(session, options, fault) &&
         (options->cert.len == 0 || options_set_own(session, options, fault));
}
