/* Requests over TLS. */
#include "web_world.h"

static const struct web_reply tls_replies[] = {{NULL, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", WEB_KEEP}};

static struct tls_authority authority;

static int setup_tls(void **state) {
  tls_authority_make(&authority, "DNS:www.test,DNS:*.wild.test,IP:127.0.0.1");
  return setup(state);
}

static int teardown_tls(void **state) {
  tls_authority_free(&authority);
  return teardown(state);
}

static void serve_tls(const struct tls_cert *identity, const struct tls_cert *client_ca) {
  world.server = web_server_new("127.0.0.1", 0, tls_replies, web_server_context(identity, client_ca));
}

/* Says something else than TLS to whoever comes. */
static void serve_greeting(void) {
  static const struct web_reply greeting[] = {{"", "220 mail.test\r\n", WEB_STALL}};
  serve(greeting);
  world.server->is_first = true;
}

static struct bc_tls_options trusting(void) {
  return (struct bc_tls_options){.ca = bc_str_of(authority.root.pem)};
}

static const struct bc_web_answer *get_tls(const char *text, const struct bc_tls_options *options) {
  struct bc_web_url url;
  parse(text, &url);
  struct bc_web_request request = request_of(&url);
  request.tls = options;
  const struct bc_web_answer *answer = await(&request);
  bc_web_url_free(&url);
  return answer;
}

static void a_certificate_of_an_own_authority_is_read(void **state) {
  (void)state;
  struct bc_tls_options options = trusting();
  serve_tls(&authority.leaf, NULL);
  const struct bc_web_answer *answer = get_tls("https://www.test/", &options);
  assert_string_equal(answer->fault.text, "");
  assert_string_equal(answer->body.data, "ok");
  assert_true(answer->tls_us > 0);
  assert_non_null(answer->cert);
  assert_string_equal(answer->cert->subject, "CN=www.test,O=Test");
  assert_string_equal(answer->cert->issuer, "CN=Test Root,O=Test");
  assert_int_equal(answer->cert->name_count, 3);
  assert_string_equal(bc_tls_cert_name(answer->cert, 1), "*.wild.test");
  assert_int_equal(answer->cert->not_after - answer->cert->not_before, 5 * 86400);
  assert_string_equal(world.server->sni, "www.test");
  assert_string_equal(get_tls("https://127.0.0.1/", &options)->fault.text, "");
  assert_string_equal(world.server->sni, "");
  assert_string_equal(get_tls("https://a.wild.test/", &options)->fault.text, "");
}

static void the_system_authorities_are_those_of_the_process(void **state) {
  (void)state;
  char path[] = "/tmp/test_web_XXXXXX";
  int fd = mkstemp(path);
  assert_true(write(fd, authority.root.pem, strlen(authority.root.pem)) > 0);
  (void)close(fd);
  bc_web_free(world.web);
  bc_tls_free(world.tls);
  world.tls = bc_tls_new(path);
  world.web = bc_web_new(world.loop, world.tls);
  (void)unlink(path); /* it was read once, and is not looked for again */
  serve_tls(&authority.leaf, NULL);
  assert_string_equal(get_tls("https://www.test/", NULL)->fault.text, "");
  assert_string_equal(get_tls("https://www.test/", &(struct bc_tls_options){.needs_tls13 = true})->fault.text, "");
  /* An own authority is in the place of the system's, not beside them. */
  struct tls_cert other;
  tls_cert_make(&other, &(struct tls_cert_wish){.name = "Other Root", .is_ca = true});
  struct bc_tls_options options = {.ca = bc_str_of(other.pem)};
  assert_failed(get_tls("https://www.test/", &options), BC_STREAM_TLS,
                "certificate: its issuer is not known or not trusted: CN=Test Root,O=Test");
  tls_cert_free(&other);
}

static void certificates_that_are_wrong_are_refused(void **state) {
  (void)state;
  struct bc_tls_options options = trusting();
  struct tls_cert expired;
  struct tls_cert alone;
  tls_cert_make(
      &expired,
      &(struct tls_cert_wish){
          .name = "www.test", .names = "DNS:www.test", .issuer = &authority.root, .from_days = -9, .to_days = -3});
  tls_cert_make(&alone, &(struct tls_cert_wish){.name = "www.test", .names = "DNS:www.test"});
  serve_tls(&authority.leaf, NULL);
  assert_failed(get_tls("https://www.test/", NULL), BC_STREAM_TLS,
                "certificate: its issuer is not known or not trusted: CN=Test Root,O=Test");
  assert_failed(get_tls("https://other.test/", &options), BC_STREAM_TLS,
                "certificate is for www.test, *.wild.test, 127.0.0.1, not other.test");
  web_server_free(world.server);
  serve_tls(&expired, NULL);
  assert_failed(get_tls("https://www.test/", &options), BC_STREAM_TLS, "certificate: expired 3 days ago");
  web_server_free(world.server);
  serve_tls(&alone, NULL);
  assert_failed(get_tls("https://www.test/", &options), BC_STREAM_TLS, "certificate: self-signed certificate");
  assert_int_equal(atomic_load(&world.server->requests), 0);
  /* Unless nobody looks. */
  options = (struct bc_tls_options){.is_unverified = true};
  const struct bc_web_answer *answer = get_tls("https://other.test/", &options);
  assert_string_equal(answer->fault.text, "");
  assert_string_equal(answer->cert->subject, "CN=www.test,O=Test");
  tls_cert_free(&expired);
  tls_cert_free(&alone);
}

static void the_name_of_the_handshake_can_be_another(void **state) {
  (void)state;
  static const char *const headers[] = {"host: mine", NULL};
  struct bc_tls_options options = trusting();
  struct bc_web_url url;
  serve_tls(&authority.leaf, NULL);
  options.name = bc_str_of("www.test");
  assert_string_equal(get_tls("https://vip.test:4443/a", &options)->fault.text, "");
  assert_string_equal(world.server->sni, "www.test");
  assert_true(web_server_saw(world.server, "GET /a HTTP/1.1\r\nHost: vip.test:4443\r\n"));
  assert_string_equal(get_tls("https://[2001:db8::1]/", &options)->fault.text, "");
  assert_true(web_server_saw(world.server, "Host: [2001:db8::1]\r\n"));
  parse("https://vip.test/", &url);
  struct bc_web_request request = request_of(&url);
  request.tls = &options;
  request.headers = headers;
  assert_string_equal(await(&request)->fault.text, "");
  assert_true(web_server_saw(world.server, "\r\nHost: mine\r\n"));
  assert_false(web_server_saw(world.server, "vip.test"));
  bc_web_url_free(&url);
  options.name = bc_str_of("other.test");
  assert_int_equal(get_tls("https://www.test/", &options)->error, BC_STREAM_TLS);
  options.name = bc_str_of("a b/c");
  assert_int_equal(get_tls("https://www.test/", &options)->error, BC_STREAM_TLS);
}

static void a_client_certificate_is_shown(void **state) {
  (void)state;
  struct bc_tls_options options = trusting();
  serve_tls(&authority.leaf, &authority.root);
  assert_string_equal(get_tls("https://www.test/", &options)->fault.text, "");
  assert_false(world.server->has_client_cert);
  options.cert = bc_str_of(authority.client.pem);
  options.key = bc_str_of(authority.client.key_pem);
  assert_string_equal(get_tls("https://www.test/", &options)->fault.text, "");
  assert_true(world.server->has_client_cert);
}

static void options_that_cannot_be_used_end_before_a_connect(void **state) {
  (void)state;
  struct bc_tls_options options = {.ca = bc_str_of("no certificate")};
  struct bc_web_url url;
  serve_tls(&authority.leaf, NULL);
  parse("https://www.test/", &url);
  struct bc_web_request request = request_of(&url);
  request.tls = &options;
  bc_web_cancel(bc_web_start(world.web, &request)); /* its end is there, but nobody was told */
  bc_web_url_free(&url);
  assert_int_equal(get_tls("https://www.test/", &options)->error, BC_STREAM_TLS);
  options = trusting();
  options.cert = bc_str_of(authority.client.pem);
  options.key = bc_str_of(authority.leaf.key_pem);
  assert_int_equal(get_tls("https://www.test/", &options)->error, BC_STREAM_TLS);
  assert_int_equal(atomic_load(&world.server->connections), 0);
}

static void an_old_version_of_tls_is_refused(void **state) {
  (void)state;
  struct bc_tls_options options = trusting();
  SSL_CTX *context = web_server_context(&authority.leaf, NULL);
  (void)SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  world.server = web_server_new("127.0.0.1", 0, tls_replies, context);
  assert_string_equal(get_tls("https://www.test/", &options)->fault.text, "");
  options.needs_tls13 = true;
  assert_int_equal(get_tls("https://www.test/", &options)->error, BC_STREAM_TLS);
}

static void a_handshake_that_fails_says_how(void **state) {
  (void)state;
  static const struct web_reply silent[] = {{"", "", WEB_CLOSE}};
  static const struct web_reply rude[] = {{"", "", WEB_RESET}};
  struct bc_tls_options options = trusting();
  serve_greeting();
  assert_failed(get_tls("https://www.test/", &options), BC_STREAM_TLS, "TLS: what came is not TLS");
  web_server_free(world.server);
  serve(silent);
  world.server->is_first = true;
  enum bc_stream_error error = get_tls("https://www.test/", &options)->error;
  assert_true(error == BC_STREAM_CLOSED || error == BC_STREAM_RESET); /* whether our hello was there already */
  web_server_free(world.server);
  serve(rude);
  world.server->is_first = true;
  error = get_tls("https://www.test/", &options)->error;
  assert_true(error == BC_STREAM_CLOSED || error == BC_STREAM_RESET);
  web_server_free(world.server);
  SSL_CTX *context = web_server_context(&authority.leaf, NULL);
  (void)SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  (void)SSL_CTX_set_cipher_list(context, "ECDHE-RSA-AES128-SHA"); /* for no key of ours */
  world.server = web_server_new("127.0.0.1", 0, tls_replies, context);
  assert_failed(get_tls("https://www.test/", &options), BC_STREAM_TLS, "TLS: sslv3 alert handshake failure");
  web_server_free(world.server);
  context = web_server_context(&authority.leaf, &authority.root);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  world.server = web_server_new("127.0.0.1", 0, tls_replies, context);
  assert_failed(get_tls("https://www.test/", &options), BC_STREAM_TLS, "TLS: tlsv13 alert certificate required");
  web_server_free(world.server);
  static const struct web_reply half[] = {{NULL, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", WEB_CLOSE}};
  world.server = web_server_new("127.0.0.1", 0, half, web_server_context(&authority.leaf, NULL));
  assert_failed(get_tls("https://www.test/", &options), BC_STREAM_CLOSED, "closed before the end of the answer");
}

static void a_kept_connection_serves_its_tls_options_only(void **state) {
  (void)state;
  struct bc_web_url url;
  serve_tls(&authority.leaf, NULL);
  parse("https://www.test/", &url);
  struct bc_tls_options options = {.is_unverified = true};
  struct bc_web_request request = request_of(&url);
  request.keep = true;
  request.tls = &options;
  assert_int_equal(await(&request)->error, BC_STREAM_FINE);
  const struct bc_web_answer *answer = await(&request);
  assert_int_equal(answer->tls_us, 0);
  assert_non_null(answer->cert);
  assert_int_equal(atomic_load(&world.server->connections), 1);
  /* A connection that nobody verified is none for who verifies. */
  request.tls = NULL;
  assert_int_equal(await(&request)->error, BC_STREAM_TLS);
  struct bc_tls_options strict = trusting();
  request.tls = &strict;
  assert_int_equal(await(&request)->error, BC_STREAM_FINE);
  assert_int_equal(await(&request)->error, BC_STREAM_FINE);
  assert_int_equal(atomic_load(&world.server->connections), 3);
  request.tls = NULL;
  assert_int_equal(await(&request)->error, BC_STREAM_TLS);
  strict.cert = bc_str_of(authority.client.pem);
  strict.key = bc_str_of(authority.client.key_pem);
  request.tls = &strict;
  assert_int_equal(await(&request)->error, BC_STREAM_FINE);
  assert_int_equal(atomic_load(&world.server->connections), 5);
  bc_web_url_free(&url);
}

int main(void) {
#define WEB_TLS_TEST(name) cmocka_unit_test_setup_teardown(name, setup_tls, teardown_tls)
  const struct CMUnitTest tests[] = {
      WEB_TLS_TEST(a_certificate_of_an_own_authority_is_read),
      WEB_TLS_TEST(the_system_authorities_are_those_of_the_process),
      WEB_TLS_TEST(certificates_that_are_wrong_are_refused),
      WEB_TLS_TEST(the_name_of_the_handshake_can_be_another),
      WEB_TLS_TEST(a_client_certificate_is_shown),
      WEB_TLS_TEST(options_that_cannot_be_used_end_before_a_connect),
      WEB_TLS_TEST(an_old_version_of_tls_is_refused),
      WEB_TLS_TEST(a_handshake_that_fails_says_how),
      WEB_TLS_TEST(a_kept_connection_serves_its_tls_options_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
