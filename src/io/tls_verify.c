/* Why a certificate is refused, for people. */
#include "base/buf.h"
#include "base/mem.h"
#include "io/tls_private.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VERIFY_NAMES_SHOWN = 3, VERIFY_SPAN_BYTES = 32, VERIFY_MINUTE = 60, VERIFY_HOUR = 3600, VERIFY_DAY = 86400 };

/* "3 days", "1 hour": the largest unit of which there are at least two, or one second. */
static void verify_print_span(int64_t seconds, struct bc_buf *to) {
  static const struct {
    int64_t seconds;
    const char *name;
  } units[] = {{VERIFY_DAY, "days"}, {VERIFY_HOUR, "hours"}, {VERIFY_MINUTE, "minutes"}};
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (seconds >= 2 * units[i].seconds) {
      bc_buf_add_format(to, "%lld %s", (long long)(seconds / units[i].seconds), units[i].name);
      return;
    }
  }
  bc_buf_add_format(to, "%lld s", (long long)seconds);
}

static void verify_print_names(const struct bc_tls_cert *cert, struct bc_buf *to) {
  size_t shown = cert->name_count < VERIFY_NAMES_SHOWN ? cert->name_count : VERIFY_NAMES_SHOWN;
  size_t more = cert->name_count + cert->names_dropped - shown;
  if (shown == 0) {
    bc_buf_add_text(to, cert->subject[0] == '\0' ? "nobody" : cert->subject);
  }
  for (size_t i = 0; i < shown; i++) {
    bc_buf_add_format(to, "%s%s", i == 0 ? "" : ", ", bc_tls_cert_name(cert, i));
  }
  if (more > 0) {
    bc_buf_add_format(to, " and %zu more", more);
  }
}

void tls_verify_print(const char *name, const struct bc_tls_cert *cert, int error, int depth, struct bc_buf *to) {
  int64_t now = (int64_t)time(NULL);
  bc_buf_add_text(to, "certificate");
  if (depth > 0) {
    bc_buf_add_format(to, " of %s", cert->subject);
  }
  switch (error) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    bc_buf_add_text(to, ": expired ");
    verify_print_span(now - cert->not_after, to);
    bc_buf_add_text(to, " ago");
    break;
  case X509_V_ERR_CERT_NOT_YET_VALID:
    bc_buf_add_text(to, ": becomes valid in ");
    verify_print_span(cert->not_before - now, to);
    break;
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    bc_buf_add_text(to, " is for ");
    verify_print_names(cert, to);
    bc_buf_add_format(to, ", not %s", name);
    break;
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    bc_buf_add_text(to, ": self-signed certificate");
    break;
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    bc_buf_add_text(to, ": not a trusted one");
    break;
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    bc_buf_add_format(to, ": its issuer is not known or not trusted: %s", cert->issuer);
    break;
  default:
    bc_buf_add_format(to, ": %s", X509_verify_cert_error_string(error));
    break;
  }
}

int tls_verify_on_result(int is_fine, X509_STORE_CTX *context) {
  const SSL *ssl = X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
  struct bc_tls_session *session = SSL_get_app_data(ssl);
  X509 *x509 = X509_STORE_CTX_get_current_cert(context);
  if (is_fine == 1 || session->refusal[0] != '\0') {
    return is_fine;
  }
  struct bc_tls_cert *cert = bc_mem_new(1, sizeof *cert);
  struct bc_buf text;
  bc_buf_init(&text, sizeof session->refusal - 1);
  if (x509 != NULL) {
    bc_tls_cert_read_x509(x509, cert);
  }
  tls_verify_print(session->name, cert, X509_STORE_CTX_get_error(context), X509_STORE_CTX_get_error_depth(context),
                   &text);
  memcpy(session->refusal, text.data, text.len + 1);
  free(cert);
  bc_buf_free(&text);
  return 0;
}
