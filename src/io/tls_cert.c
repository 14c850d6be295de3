/* Certificates as plain data. */
#include "base/buf.h"
#include "io/tls.h"
#include "io/tls_private.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

/* RFC 2253 as it is meant for people: UTF-8 stays, control characters are escaped. */
enum { CERT_NAME_FLAGS = (XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) | ASN1_STRFLGS_ESC_CTRL };

/* Cut at a whole character. */
static void cert_copy(char *to, size_t size, const char *from, size_t len) {
  if (len >= size) {
    len = size - 1;
    while (len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80) {
      len--;
    }
  }
  memcpy(to, from, len);
  to[len] = '\0';
}

static void cert_read_name(const X509_NAME *name, char *to, size_t size) {
  BIO *bio = BIO_new(BIO_s_mem());
  char *text = NULL;
  /* -1: a string in it is not what it says to be. */
  if (bio != NULL && X509_NAME_print_ex(bio, name, 0, CERT_NAME_FLAGS) >= 0) {
    long len = BIO_get_mem_data(bio, &text);
    cert_copy(to, size, text == NULL ? "" : text, len > 0 ? (size_t)len : 0);
  }
  (void)BIO_free(bio);
}

static void cert_read_hex(const unsigned char *bytes, size_t count, char *to, size_t size) {
  static const char digits[] = "0123456789abcdef";
  size_t len = 0;
  for (size_t i = 0; i < count && len + 2 < size; i++) {
    to[len++] = digits[bytes[i] >> 4];
    to[len++] = digits[bytes[i] & 0xf];
  }
  to[len] = '\0';
}

static int64_t cert_read_time(const ASN1_TIME *when) {
  int days = 0;
  int seconds = 0;
  ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
  bool is_fine = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, when) == 1;
  ASN1_TIME_free(epoch);
  return is_fine ? (int64_t)days * 86400 + seconds : 0;
}

/* ---- subjectAltName ---- */

static void cert_add_name(struct bc_tls_cert *cert, size_t *used, struct bc_str name) {
  if (name.len == 0 || !bc_str_is_printable(name) || name.len >= sizeof cert->names - *used) {
    cert->names_dropped++;
    return;
  }
  memcpy(cert->names + *used, name.at, name.len);
  *used += name.len + 1;
  cert->name_count++;
}

static void cert_read_names(const X509 *x509, struct bc_tls_cert *cert) {
  GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
  size_t used = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
    char address[INET6_ADDRSTRLEN] = "";
    if (type == GEN_DNS) {
      cert_add_name(
          cert, &used,
          (struct bc_str){.at = (const char *)ASN1_STRING_get0_data(value), .len = (size_t)ASN1_STRING_length(value)});
    } else if (type == GEN_IPADD) {
      int len = ASN1_STRING_length(value);
      if (len == 4 || len == 16) {
        (void)inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), address, sizeof address);
      }
      cert_add_name(cert, &used, bc_str_of(address));
    }
  }
  GENERAL_NAMES_free(names);
}

const char *bc_tls_cert_name(const struct bc_tls_cert *cert, size_t index) {
  const char *at = cert->names;
  for (size_t i = 0; i < index; i++) {
    at += strlen(at) + 1;
  }
  return at;
}

/* ---- the whole ---- */

void bc_tls_cert_read_x509(void *from, struct bc_tls_cert *cert) {
  const X509 *x509 = from;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned digest_len = 0;
  memset(cert, 0, sizeof *cert);
  cert_read_name(X509_get_subject_name(x509), cert->subject, sizeof cert->subject);
  cert_read_name(X509_get_issuer_name(x509), cert->issuer, sizeof cert->issuer);
  const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
  cert_read_hex(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial), cert->serial, sizeof cert->serial);
  if (X509_digest(x509, EVP_sha256(), digest, &digest_len) == 1) {
    cert_read_hex(digest, digest_len, cert->sha256, sizeof cert->sha256);
  }
  cert->not_before = cert_read_time(X509_get0_notBefore(x509));
  cert->not_after = cert_read_time(X509_get0_notAfter(x509));
  cert_read_names(x509, cert);
  /* A certificate may be whole and one of its extensions not. */
  ERR_clear_error();
}

enum bc_err bc_tls_cert_read(struct bc_str bytes, struct bc_tls_cert *cert) {
  const unsigned char *at = (const unsigned char *)bytes.at;
  X509 *x509 = NULL;
  if (bytes.len > 0 && bytes.len <= BC_TLS_CERT_BYTES) {
    BIO *bio = BIO_new_mem_buf(bytes.at, (int)bytes.len);
    x509 = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, (void *)(uintptr_t) "");
    (void)BIO_free(bio);
    if (x509 == NULL) {
      x509 = d2i_X509(NULL, &at, (long)bytes.len);
    }
  }
  ERR_clear_error();
  if (x509 == NULL) {
    return BC_ERR_SYNTAX;
  }
  bc_tls_cert_read_x509(x509, cert);
  X509_free(x509);
  return BC_ERR_OK;
}
