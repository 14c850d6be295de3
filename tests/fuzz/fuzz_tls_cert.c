/* Certificates, in PEM or DER, as plain data: OpenSSL reads them, what it gives is bounded by us. */
#include "io/tls.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_text(const char *text, size_t size) {
  if (memchr(text, '\0', size) == NULL) {
    abort();
  }
  for (const char *at = text; *at != '\0'; at++) {
    if ((unsigned char)*at < 0x20) {
      abort();
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  struct bc_tls_cert cert;
  if (bc_tls_cert_read((struct bc_str){.at = (const char *)bytes, .len = len}, &cert) != BC_ERR_OK) {
    return 0;
  }
  check_text(cert.subject, sizeof cert.subject);
  check_text(cert.issuer, sizeof cert.issuer);
  check_text(cert.serial, sizeof cert.serial);
  check_text(cert.sha256, sizeof cert.sha256);
  for (size_t i = 0; i < cert.name_count; i++) {
    const char *name = bc_tls_cert_name(&cert, i);
    if (name < cert.names || name >= cert.names + sizeof cert.names || *name == '\0') {
      abort();
    }
    check_text(name, sizeof cert.names - (size_t)(name - cert.names));
  }
  return 0;
}
