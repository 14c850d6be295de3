/* What a TLS session refuses of its maker. */
#include "base/limits.h"
#include "base/mem.h"
#include "io/tls.h"
#include "tls_peer.h"

#include <openssl/param_build.h>
#include <stdio.h>

static struct tls_cert ca;
static struct tls_cert good;
static struct tls_cert client;
static struct bc_tls *shared;
static struct bc_tls_options options;

static void assert_unusable(const char *text) {
  struct bc_fault fault;
  assert_null(bc_tls_session_new(shared, &options, &fault));
  assert_string_equal(fault.text, text);
  options = (struct bc_tls_options){.name = bc_str_of("a.example")};
}

static void options_that_cannot_be_used_are_named(void **state) {
  (void)state;
  char text[2 * TLS_PEER_PEM_BYTES];
  options.ca = bc_str_of("no PEM");
  assert_unusable("ca: no certificate in it (PEM expected)");
  (void)snprintf(text, sizeof text, "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ca.pem);
  options.ca = bc_str_of(text);
  assert_unusable("ca: one of its certificates cannot be read");
  char *large = bc_mem_new(1, BC_LIMIT_TLS_PEM_BYTES + 2);
  memset(large, '\n', BC_LIMIT_TLS_PEM_BYTES + 1);
  options.ca = bc_str_of(large);
  assert_unusable("ca: expected at most 65536 bytes of PEM");
  free(large);
  options.cert = bc_str_of(client.pem);
  assert_unusable("cert and key: expected both or none");
  options.cert = bc_str_of(client.pem);
  options.key = bc_str_of(good.key_pem);
  assert_unusable("key: does not belong to cert");
  options.cert = bc_str_of(client.key_pem);
  options.key = bc_str_of(client.key_pem);
  assert_unusable("cert: no certificate that can be used in it (PEM expected)");
  options.cert = bc_str_of(client.pem);
  options.key = bc_str_of(client.pem);
  assert_unusable("key: no private key in it (PEM without a password expected)");
  options.name = bc_str_of("");
  assert_unusable("name: expected a host name or an address");
  options.name = bc_str_of("a\nb");
  assert_unusable("name: expected a host name or an address");
  options.alpn[0] = bc_str_of("");
  options.alpn_count = 1;
  assert_unusable("alpn: expected at most 8 names of 1 to 31 bytes");
}

/* OpenSSL would ask for it at the terminal. */
static void a_key_with_a_password_is_refused(void **state) {
  (void)state;
  char pem[TLS_PEER_PEM_BYTES] = "";
  BIO *bio = BIO_new(BIO_s_mem());
  assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, client.key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
  assert_true(BIO_read(bio, pem, sizeof pem - 1) > 0);
  (void)BIO_free(bio);
  options.cert = bc_str_of(client.pem);
  options.key = bc_str_of(pem);
  assert_unusable("key: no private key in it (PEM without a password expected)");
}

/* To sign with it would take seconds. None of its numbers is a prime: nobody has looked at that yet. */
static void a_key_that_is_too_large_is_refused(void **state) {
  (void)state;
  static const char *const names[] = {
      "n", "e", "d", "rsa-factor1", "rsa-factor2", "rsa-exponent1", "rsa-exponent2", "rsa-coefficient1"};
  enum { NUMBERS = sizeof names / sizeof names[0], BITS = 8200 };
  char pem[4 * TLS_PEER_PEM_BYTES] = "";
  BIGNUM *numbers[NUMBERS];
  EVP_PKEY *key = NULL;
  OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
  for (size_t i = 0; i < NUMBERS; i++) {
    numbers[i] = BN_new();
    assert_int_equal(BN_rand(numbers[i], i == 0 || i == 2 ? BITS : BITS / 2, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(build, names[i], numbers[i]), 1);
  }
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
  assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params), 1);
  BIO *bio = BIO_new(BIO_s_mem());
  assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
  assert_true(BIO_read(bio, pem, sizeof pem - 1) > 0);
  options.cert = bc_str_of(client.pem);
  options.key = bc_str_of(pem);
  assert_unusable("key: expected at most 8192 bits, found 8200");
  (void)BIO_free(bio);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  for (size_t i = 0; i < NUMBERS; i++) {
    BN_free(numbers[i]);
  }
}

static int start(void **state) {
  (void)state;
  tls_cert_make(&ca, &(struct tls_cert_wish){.name = "Root", .is_ca = true});
  tls_cert_make(&good, &(struct tls_cert_wish){.name = "good", .issuer = &ca});
  tls_cert_make(&client, &(struct tls_cert_wish){.name = "client", .issuer = &ca});
  shared = bc_tls_new("/nonexistent");
  options = (struct bc_tls_options){.name = bc_str_of("a.example")};
  return 0;
}

static int stop(void **state) {
  (void)state;
  tls_cert_free(&ca);
  tls_cert_free(&good);
  tls_cert_free(&client);
  bc_tls_free(shared);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_that_cannot_be_used_are_named),
      cmocka_unit_test(a_key_with_a_password_is_refused),
      cmocka_unit_test(a_key_that_is_too_large_is_refused),
  };
  return cmocka_run_group_tests(tests, start, stop);
}
