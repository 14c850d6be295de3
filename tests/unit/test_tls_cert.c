/* Certificates as plain data. */
#include "io/tls.h"
#include "tls_peer.h"

#include <stdio.h>

static void a_certificate_is_read_from_pem_and_der(void **state) {
  (void)state;
  struct tls_cert good;
  struct bc_tls_cert from_pem;
  struct bc_tls_cert from_der;
  unsigned char *der = NULL;
  tls_cert_make(&good, &(struct tls_cert_wish){.name = "good", .names = "DNS:a.example,IP:10.0.0.1"});
  int len = i2d_X509(good.x509, &der);
  assert_int_equal(bc_tls_cert_read(bc_str_of(good.pem), &from_pem), BC_ERR_OK);
  assert_int_equal(bc_tls_cert_read((struct bc_str){.at = (char *)der, .len = (size_t)len}, &from_der), BC_ERR_OK);
  assert_memory_equal(&from_pem, &from_der, sizeof from_pem);
  assert_int_equal(strlen(from_pem.sha256), 64);
  assert_int_equal(strlen(from_pem.serial), 4);
  assert_int_equal(bc_tls_cert_read((struct bc_str){.at = (char *)der, .len = (size_t)len - 1}, &from_der),
                   BC_ERR_SYNTAX);
  assert_int_equal(bc_tls_cert_read(bc_str_of(""), &from_der), BC_ERR_SYNTAX);
  OPENSSL_free(der);
  tls_cert_free(&good);
}

static void names_that_are_none_or_too_many_are_counted(void **state) {
  (void)state;
  struct tls_cert cert;
  struct bc_tls_cert read;
  char names[8192] = "DNS:x";
  size_t len = strlen(names);
  for (int i = 0; i < 300; i++) {
    len += (size_t)snprintf(names + len, sizeof names - len, ",DNS:%03d.long.name.example", i);
  }
  tls_cert_make(&cert, &(struct tls_cert_wish){.name = "many \xc3\xa4\n, more", .names = names});
  bc_tls_cert_read_x509(cert.x509, &read);
  assert_int_equal(read.name_count + read.names_dropped, 301);
  assert_true(read.names_dropped > 0);
  assert_string_equal(bc_tls_cert_name(&read, read.name_count), "");
  assert_true(strlen(bc_tls_cert_name(&read, read.name_count - 1)) > 0);
  assert_string_equal(read.subject, "CN=many \xc3\xa4\\0A\\, more,O=Test");
  tls_cert_free(&cert);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_certificate_is_read_from_pem_and_der),
      cmocka_unit_test(names_that_are_none_or_too_many_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
