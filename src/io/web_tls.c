#include "base/mem.h"
#include "io/tls_private.h"
#include "io/web_private.h"

#include <openssl/ssl.h>
#include <stdlib.h>

/* NULL when libcurl uses another library than OpenSSL, or there is no TLS. */
static SSL *web_tls_session(CURL *easy) {
  const struct curl_tlssessioninfo *info = NULL;
  bool is_there = curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info != NULL &&
                  info->backend == CURLSSLBACKEND_OPENSSL;
  return is_there ? info->internals : NULL;
}

static void web_tls_keep_cert(struct bc_web_call *call, X509 *x509) {
  if (call->cert == NULL) {
    call->cert = bc_mem_new(1, sizeof *call->cert);
    bc_tls_cert_read_x509(x509, call->cert);
  }
}

void web_tls_take_cert(struct bc_web_call *call) {
  SSL *ssl = call->cert == NULL ? web_tls_session(call->call.easy) : NULL;
  X509 *x509 = ssl == NULL ? NULL : SSL_get1_peer_certificate(ssl);
  if (x509 != NULL) {
    web_tls_keep_cert(call, x509);
    X509_free(x509);
  }
}

/* ---- verification ---- */

static void web_tls_refuse(struct bc_web_call *call, const struct bc_tls_cert *cert, int error, int depth) {
  struct bc_buf text;
  bc_buf_init(&text, BC_FAULT_TEXT_BYTES);
  tls_verify_print(call->tls_name, cert, error, depth, &text);
  bc_fault_set(&call->refusal, 0, "%s", text.data);
  bc_buf_free(&text);
}

void web_tls_refuse_name(struct bc_web_call *call) {
  if (call->cert != NULL) {
    web_tls_refuse(call, call->cert, X509_V_ERR_HOSTNAME_MISMATCH, 0);
  }
}

/* For each certificate of the chain: `is_fine` as OpenSSL found it. */
static int web_tls_on_result(int is_fine, X509_STORE_CTX *context) {
  const SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
  struct bc_web_call *call = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  X509 *x509 = X509_STORE_CTX_get_current_cert(context);
  int depth = X509_STORE_CTX_get_error_depth(context);
  if (x509 != NULL && depth == 0) {
    web_tls_keep_cert(call, x509);
  }
  bool is_verified = (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0;
  if (is_fine == 0 && is_verified && call->refusal.text[0] == '\0') {
    struct bc_tls_cert *cert = bc_mem_new(1, sizeof *cert);
    if (x509 != NULL) {
      bc_tls_cert_read_x509(x509, cert);
    }
    web_tls_refuse(call, cert, X509_STORE_CTX_get_error(context), depth);
    free(cert);
  }
  return is_fine;
}

/* libcurl makes a context for each connection. A connection that is kept outlives the call that made it, so nothing may
 * verify again. */
static CURLcode web_tls_set_context(CURL *easy, void *context, void *arg) {
  struct bc_web_call *call = arg;
  (void)easy;
  if (!call->has_own_ca) {
    /* libcurl would read the system's certificates for each client, when this process may not open files any more. */
    SSL_CTX_set1_cert_store(context, bc_tls_store(call->web->tls));
  }
  (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  (void)SSL_CTX_set_app_data(context, call);
  SSL_CTX_set_verify(context, SSL_CTX_get_verify_mode(context), web_tls_on_result);
  return CURLE_OK;
}

/* ---- options ---- */

static CURLcode web_tls_set_blob(CURL *easy, CURLoption option, struct bc_str text) {
  struct curl_blob blob = {.data = (void *)(uintptr_t)text.at, .len = text.len, .flags = CURL_BLOB_COPY};
  return curl_easy_setopt(easy, option, &blob);
}

static CURLcode web_tls_set_trust(struct bc_web_call *call, const struct bc_tls_options *options) {
  CURL *easy = call->call.easy;
  call->has_own_ca = options->ca.len > 0;
  (void)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, call);
  CURLcode code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, web_tls_set_context);
  return code != CURLE_OK || !call->has_own_ca ? code : web_tls_set_blob(easy, CURLOPT_CAINFO_BLOB, options->ca);
}

static CURLcode web_tls_set_identity(CURL *easy, const struct bc_tls_options *options) {
  CURLcode code = web_tls_set_blob(easy, CURLOPT_SSLCERT_BLOB, options->cert);
  code = code != CURLE_OK ? code : web_tls_set_blob(easy, CURLOPT_SSLKEY_BLOB, options->key);
  /* Else OpenSSL would ask the terminal for the password of a key that has one. */
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
}

bool web_tls_set_up(struct bc_web_call *call, const struct bc_tls_options *options, const char *host) {
  CURL *easy = call->call.easy;
  call->tls_name =
      options->name.len > 0 ? bc_mem_copy_text(options->name.at, options->name.len) : bc_mem_copy_string(host);
  if (options->ca.len > 0 || options->cert.len > 0 || options->key.len > 0) {
    /* libcurl finds out only when it is connected, and then says little. */
    struct bc_tls_options whole = *options;
    whole.name = bc_str_of(call->tls_name);
    struct bc_tls_session *probe = bc_tls_session_new(call->web->tls, &whole, &call->refusal);
    if (probe == NULL) {
      return false;
    }
    bc_tls_session_free(probe);
  }
  long verify = options->is_unverified ? 0 : 1;
  long least = options->needs_tls13 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
  (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
  (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify * 2);
  (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, least);
  (void)curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  CURLcode code = web_tls_set_trust(call, options);
  if (code == CURLE_OK && options->cert.len > 0) {
    code = web_tls_set_identity(easy, options);
  }
  if (code != CURLE_OK) {
    bc_fault_set(&call->refusal, 0, "%s", curl_easy_strerror(code));
  }
  return code == CURLE_OK;
}
