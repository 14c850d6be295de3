#include "base/mem.h"
#include "io/web_private.h"

#include <openssl/ssl.h>
#include <string.h>

/* NULL when libcurl uses another library than OpenSSL, or there is no TLS. */
static SSL *web_tls_session(CURL *easy) {
  const struct curl_tlssessioninfo *info = NULL;
  bool is_there = curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info != NULL &&
                  info->backend == CURLSSLBACKEND_OPENSSL;
  return is_there ? info->internals : NULL;
}

void web_tls_take_cert(struct bc_web_call *call) {
  SSL *ssl = call->cert == NULL ? web_tls_session(call->call.easy) : NULL;
  X509 *x509 = ssl == NULL ? NULL : SSL_get1_peer_certificate(ssl);
  if (x509 != NULL) {
    call->cert = bc_mem_new(1, sizeof *call->cert);
    bc_tls_cert_read_x509(x509, call->cert);
    X509_free(x509);
  }
}

/* libcurl would read the system's certificates for each client, when this process may not open files any more. */
static CURLcode web_tls_use_store(CURL *easy, void *context, void *arg) {
  struct bc_web_call *call = arg;
  (void)easy;
  SSL_CTX_set1_cert_store(context, bc_tls_store(call->web->tls));
  return CURLE_OK;
}

static CURLcode web_tls_set_blob(CURL *easy, CURLoption option, struct bc_str text) {
  struct curl_blob blob = {.data = (void *)(uintptr_t)text.at, .len = text.len, .flags = CURL_BLOB_COPY};
  return curl_easy_setopt(easy, option, &blob);
}

static CURLcode web_tls_set_trust(struct bc_web_call *call, const struct bc_tls_options *options) {
  CURL *easy = call->call.easy;
  if (options->ca.len > 0) {
    return web_tls_set_blob(easy, CURLOPT_CAINFO_BLOB, options->ca);
  }
  (void)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  CURLcode code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, web_tls_use_store);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, call);
}

static CURLcode web_tls_set_identity(CURL *easy, const struct bc_tls_options *options) {
  CURLcode code = web_tls_set_blob(easy, CURLOPT_SSLCERT_BLOB, options->cert);
  code = code != CURLE_OK ? code : web_tls_set_blob(easy, CURLOPT_SSLKEY_BLOB, options->key);
  /* Else OpenSSL would ask the terminal for the password of a key that has one. */
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
}

bool web_tls_set_up(struct bc_web_call *call, const struct bc_tls_options *options, const char *host) {
  CURL *easy = call->call.easy;
  if (options->ca.len > 0 || options->cert.len > 0 || options->key.len > 0) {
    /* libcurl finds out only when it is connected, and then says little. */
    struct bc_tls_options whole = *options;
    whole.name = whole.name.len > 0 ? whole.name : bc_str_of(host);
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
