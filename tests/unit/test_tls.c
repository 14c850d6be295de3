/* TLS on streams, against servers of OpenSSL with certificates of every kind. */
#include "stream_world.h"
#include "tls_peer.h"

static struct tls_cert ca;
static struct tls_cert middle;
static struct tls_cert good;    /* of ca */
static struct tls_cert leaf;    /* of middle */
static struct tls_cert expired; /* of ca */
static struct tls_cert early;   /* of ca */
static struct tls_cert alone;   /* of itself */
static struct tls_cert plain;   /* of ca, without subjectAltName */
static struct tls_cert client;  /* of ca */
static struct bc_tls *shared;   /* trusts ca */
static struct tls_peer peer;
static struct bc_tls_options options;

static int make_certs(void **state) {
  (void)state;
  tls_cert_make(&ca, &(struct tls_cert_wish){.name = "Root", .is_ca = true, .from_days = -30, .to_days = 30});
  tls_cert_make(&middle, &(struct tls_cert_wish){.name = "Middle", .is_ca = true, .issuer = &ca});
  tls_cert_make(&good, &(struct tls_cert_wish){.name = "good",
                                               .issuer = &ca,
                                               .names = "DNS:a.example,DNS:*.b.example,IP:127.0.0.1,IP:::1"});
  tls_cert_make(&leaf, &(struct tls_cert_wish){.name = "leaf", .issuer = &middle, .names = "DNS:a.example"});
  tls_cert_make(&expired, &(struct tls_cert_wish){
                              .name = "old", .issuer = &ca, .names = "DNS:a.example", .from_days = -20, .to_days = -3});
  tls_cert_make(&early, &(struct tls_cert_wish){
                            .name = "new", .issuer = &ca, .names = "DNS:a.example", .from_days = 3, .to_days = 20});
  tls_cert_make(&alone, &(struct tls_cert_wish){.name = "alone", .names = "DNS:a.example"});
  tls_cert_make(&plain, &(struct tls_cert_wish){.name = "a.example", .issuer = &ca});
  tls_cert_make(&client, &(struct tls_cert_wish){.name = "client", .issuer = &ca});
  char path[] = "/tmp/bc-tls-XXXXXX";
  int fd = mkstemp(path);
  assert_int_equal(write(fd, ca.pem, strlen(ca.pem)), strlen(ca.pem));
  (void)close(fd);
  shared = bc_tls_new(path);
  (void)unlink(path);
  assert_int_equal(bc_tls_trusted(shared), 1);
  return 0;
}

static int free_certs(void **state) {
  struct tls_cert *const all[] = {&ca, &middle, &good, &leaf, &expired, &early, &alone, &plain, &client};
  (void)state;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    tls_cert_free(all[i]);
  }
  bc_tls_free(shared);
  return 0;
}

static int start(void **state) {
  options = (struct bc_tls_options){.name = bc_str_of("a.example")};
  return world_start(state);
}

static int stop(void **state) {
  int result = world_stop(state);
  tls_peer_stop(&peer);
  return result;
}

/* ---- steps ---- */

static void shake(void) {
  struct bc_fault fault;
  struct bc_tls_session *session = bc_tls_session_new(shared, &options, &fault);
  if (session == NULL) {
    fail_msg("%s", fault.text);
  }
  world.is_calling = true;
  bc_stream_start_tls(world.stream, session);
  world.is_calling = false;
  assert_true(bc_stream_is_busy(world.stream) || bc_stream_input_end(world.stream)->error != BC_STREAM_FINE);
  world_wait();
  assert_false(bc_stream_is_busy(world.stream));
}

static void open_to(const struct tls_peer_wish *wish) {
  bc_stream_close(world.stream);
  tls_peer_stop(&peer);
  peer = tls_peer_start(wish);
  world_connect(peer.port);
  world_wait();
  assert_int_equal(bc_stream_input_end(world.stream)->error, BC_STREAM_FINE);
}

static const struct bc_tls_facts *shake_with(const struct tls_peer_wish *wish) {
  open_to(wish);
  shake();
  assert_string_equal(bc_stream_input_end(world.stream)->fault.text, "");
  const struct bc_tls_facts *facts = bc_tls_session_facts(bc_stream_tls(world.stream));
  assert_non_null(facts);
  return facts;
}

static const struct bc_tls_facts *shake_with_cert(const struct tls_cert *cert) {
  return shake_with(&(struct tls_peer_wish){.cert = cert, .serve = tls_serve_echo});
}

static void assert_fails(const struct tls_peer_wish *wish, enum bc_stream_error error, const char *text) {
  open_to(wish);
  shake();
  world_assert_end(bc_stream_input_end(world.stream), error, text);
  world_assert_end(bc_stream_output_end(world.stream), error, text);
  assert_null(bc_tls_session_facts(bc_stream_tls(world.stream)));
}

static void assert_refuses(const struct tls_cert *cert, const char *text) {
  assert_fails(&(struct tls_peer_wish){.cert = cert, .serve = tls_serve_echo}, BC_STREAM_TLS, text);
}

static void assert_echo(const char *text) {
  world_send(text);
  struct bc_str input = world_receive(strlen(text));
  assert_int_equal(input.len, strlen(text));
  assert_memory_equal(input.at, text, input.len);
  bc_stream_consume(world.stream, input.len);
}

/* ---- handshakes that succeed ---- */

static void a_session_tells_version_time_and_certificate(void **state) {
  (void)state;
  int64_t now = (int64_t)time(NULL);
  const struct bc_tls_facts *facts = shake_with_cert(&good);
  assert_string_equal(facts->version, "TLSv1.3");
  assert_string_equal(facts->alpn, "");
  assert_true(facts->handshake_us > 0);
  assert_true(facts->has_cert);
  assert_string_equal(facts->cert.subject, "CN=good,O=Test");
  assert_string_equal(facts->cert.issuer, "CN=Root,O=Test");
  assert_int_equal(facts->cert.name_count, 4);
  assert_string_equal(bc_tls_cert_name(&facts->cert, 0), "a.example");
  assert_string_equal(bc_tls_cert_name(&facts->cert, 1), "*.b.example");
  assert_string_equal(bc_tls_cert_name(&facts->cert, 2), "127.0.0.1");
  assert_string_equal(bc_tls_cert_name(&facts->cert, 3), "::1");
  assert_true(facts->cert.not_before <= now && facts->cert.not_before > now - TLS_PEER_DAY);
  assert_int_equal(facts->cert.not_after - facts->cert.not_before, 10 * TLS_PEER_DAY);
  assert_echo("hello\n");
}

static void a_chain_by_a_ca_between_is_followed(void **state) {
  (void)state;
  (void)shake_with(&(struct tls_peer_wish){.cert = &leaf, .chain = &middle, .serve = tls_serve_echo});
  assert_refuses(&leaf, "certificate: its issuer is not known or not trusted: CN=Middle,O=Test");
}

static void whoever_is_named_as_ca_is_trusted_and_nobody_else(void **state) {
  (void)state;
  options.ca = bc_str_of(alone.pem);
  (void)shake_with_cert(&alone);
  assert_refuses(&good, "certificate: its issuer is not known or not trusted: CN=Root,O=Test");
  char both[2 * TLS_PEER_PEM_BYTES];
  (void)snprintf(both, sizeof both, "%s%s", alone.pem, ca.pem);
  options.ca = bc_str_of(both);
  (void)shake_with_cert(&good);
  /* A CA in between alone will do. */
  options.ca = bc_str_of(middle.pem);
  (void)shake_with_cert(&leaf);
}

static void the_name_may_be_an_address_a_wildcard_or_the_subject(void **state) {
  (void)state;
  static const char *const names[] = {"127.0.0.1", "::1", "x.b.example", "A.Example", "a.example."};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    options.name = bc_str_of(names[i]);
    (void)shake_with_cert(&good);
  }
  options.name = bc_str_of("a.example");
  (void)shake_with_cert(&plain);
}

static char seen_name[64];

static void serve_name(SSL *ssl, int fd) {
  (void)fd;
  const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  (void)snprintf(seen_name, sizeof seen_name, "%s;", name == NULL ? "none" : name);
  (void)SSL_write(ssl, seen_name, (int)strlen(seen_name));
  (void)SSL_shutdown(ssl);
}

static void the_server_is_told_the_name_but_no_address(void **state) {
  (void)state;
  static const struct {
    const char *name;
    const char *told;
  } cases[] = {{"a.example", "a.example;"}, {"a.example.", "a.example;"}, {"127.0.0.1", "none;"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    options.name = bc_str_of(cases[i].name);
    (void)shake_with(&(struct tls_peer_wish){.cert = &good, .serve = serve_name});
    struct bc_str input = world_receive(100);
    assert_int_equal(input.len, strlen(cases[i].told));
    assert_memory_equal(input.at, cases[i].told, input.len);
  }
}

static void what_is_spoken_inside_is_agreed_on(void **state) {
  (void)state;
  struct tls_peer_wish wish = {.cert = &good, .alpn = "h2", .serve = tls_serve_echo};
  options.alpn[0] = bc_str_of("http/1.1");
  options.alpn[1] = bc_str_of("h2");
  options.alpn_count = 2;
  assert_string_equal(shake_with(&wish)->alpn, "h2");
  wish.alpn = "smtp";
  assert_fails(&wish, BC_STREAM_TLS, "TLS: the server says: no application protocol");
}

static void any_certificate_will_do_where_none_is_verified(void **state) {
  (void)state;
  options.is_unverified = true;
  options.name = bc_str_of("c.example");
  assert_string_equal(shake_with_cert(&alone)->cert.subject, "CN=alone,O=Test");
  assert_string_equal(shake_with_cert(&expired)->cert.subject, "CN=old,O=Test");
}

static void no_session_is_resumed(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    (void)shake_with_cert(&good);
    assert_echo("x");
  }
  /* A resumed session of TLS 1.3 would have no certificate sent; TLS 1.2 has tickets of its own. */
  struct tls_peer_wish wish = {.cert = &good, .most_version = TLS1_2_VERSION, .serve = tls_serve_echo};
  assert_string_equal(shake_with(&wish)->version, "TLSv1.2");
  assert_true(shake_with(&wish)->has_cert);
}

/* ---- handshakes that fail ---- */

static void a_certificate_is_refused_with_its_reason(void **state) {
  (void)state;
  assert_refuses(&expired, "certificate: expired 3 days ago");
  assert_refuses(&alone, "certificate: self-signed certificate");
  options.name = bc_str_of("c.example");
  assert_refuses(&good, "certificate is for a.example, *.b.example, 127.0.0.1 and 1 more, not c.example");
  options.name = bc_str_of("127.0.0.2");
  assert_refuses(&good, "certificate is for a.example, *.b.example, 127.0.0.1 and 1 more, not 127.0.0.2");
  assert_refuses(&plain, "certificate is for CN=a.example,O=Test, not 127.0.0.2");
  options.name = bc_str_of("a.example");
  assert_refuses(&early, "certificate: becomes valid in 3 days");
  options.ca = bc_str_of(alone.pem);
  assert_fails(&(struct tls_peer_wish){.cert = &good, .chain = &ca, .serve = tls_serve_echo}, BC_STREAM_TLS,
               "certificate of CN=Root,O=Test: not a trusted one");
}

static void versions_that_do_not_meet_are_told(void **state) {
  (void)state;
  options.needs_tls13 = true;
  assert_fails(&(struct tls_peer_wish){.cert = &good, .most_version = TLS1_2_VERSION, .serve = tls_serve_echo},
               BC_STREAM_TLS, "TLS: the server says: protocol version");
  options.needs_tls13 = false;
  assert_fails(
      &(struct tls_peer_wish){
          .cert = &good, .least_version = TLS1_1_VERSION, .most_version = TLS1_1_VERSION, .serve = tls_serve_echo},
      BC_STREAM_TLS, "TLS: the server says: protocol version");
}

static void a_server_that_picks_its_own_numbers_is_not_spoken_with(void **state) {
  (void)state;
  assert_fails(&(struct tls_peer_wish){.cert = &good, .groups = "ffdhe8192", .serve = tls_serve_echo}, BC_STREAM_TLS,
               "TLS: the server says: handshake failure");
  struct tls_cert rsa;
  struct tls_peer_wish wish = {
      .cert = &rsa, .most_version = TLS1_2_VERSION, .ciphers = "ECDHE:AES", .serve = tls_serve_echo};
  tls_cert_make(&rsa, &(struct tls_cert_wish){.name = "rsa", .issuer = &ca, .names = "DNS:a.example", .is_rsa = true});
  (void)shake_with(&wish);
  wish.ciphers = "DHE";
  assert_fails(&wish, BC_STREAM_TLS, "TLS: the server says: handshake failure");
  tls_cert_free(&rsa);
}

static void a_server_without_a_certificate_is_told(void **state) {
  (void)state;
  assert_fails(&(struct tls_peer_wish){.serve = tls_serve_echo}, BC_STREAM_TLS,
               "TLS: the server says: handshake failure");
}

static void what_is_not_tls_is_told_from_tls(void **state) {
  (void)state;
  assert_fails(&(struct tls_peer_wish){.before = tls_before_garbage}, BC_STREAM_TLS, "TLS: what came is not TLS");
  assert_fails(&(struct tls_peer_wish){.before = tls_before_close}, BC_STREAM_CLOSED, "closed in the TLS handshake");
  assert_fails(&(struct tls_peer_wish){.before = tls_before_reset}, BC_STREAM_RESET,
               "connection reset in the TLS handshake");
}

static void a_server_that_says_nothing_is_waited_for(void **state) {
  (void)state;
  struct bc_fault fault;
  open_to(&(struct tls_peer_wish){.before = tls_before_silence});
  bc_stream_start_tls(world.stream, bc_tls_session_new(shared, &options, &fault));
  unsigned before = world.callbacks;
  /* Another handshake, begun later, is over meanwhile. */
  struct bc_stream *silent = world.stream;
  struct tls_peer other = peer;
  peer.pid = 0;
  world.stream = NULL;
  (void)shake_with_cert(&good);
  assert_int_equal(world.callbacks, before + 2);
  assert_true(bc_stream_is_busy(silent));
  bc_stream_close(silent);
  tls_peer_stop(&other);
}

static void clients_are_asked_for_their_certificate(void **state) {
  (void)state;
  struct tls_peer_wish wish = {.cert = &good, .client_ca = &ca, .serve = tls_serve_echo};
  wish.most_version = TLS1_2_VERSION;
  assert_fails(&wish, BC_STREAM_TLS, "TLS: the server says: handshake failure");
  /* In TLS 1.3 the server's answer comes behind our handshake. */
  wish.most_version = 0;
  (void)shake_with(&wish);
  (void)world_receive(1);
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_TLS, "TLS: the server says: certificate required");
  options.cert = bc_str_of(client.pem);
  options.key = bc_str_of(client.key_pem);
  (void)shake_with(&wish);
  assert_echo("it is me\n");
  /* With those between it and the one that the server trusts. */
  char chain[2 * TLS_PEER_PEM_BYTES];
  (void)snprintf(chain, sizeof chain, "%s%s", leaf.pem, middle.pem);
  options.cert = bc_str_of(chain);
  options.key = bc_str_of(leaf.key_pem);
  (void)shake_with(&wish);
  assert_echo("it is me\n");
}

/* ---- bytes ---- */

static void the_end_of_tls_is_told_from_a_cut(void **state) {
  (void)state;
  (void)shake_with(&(struct tls_peer_wish){.cert = &good, .serve = tls_serve_hello});
  struct bc_str input = world_receive(100);
  assert_int_equal(input.len, 6);
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_CLOSED, "closed");
  (void)shake_with(&(struct tls_peer_wish){.cert = &good, .serve = tls_serve_cut});
  input = world_receive(100);
  assert_int_equal(input.len, 6);
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_CLOSED, "closed without the end of TLS");
}

static void a_flood_comes_through_whole(void **state) {
  (void)state;
  size_t taken = 0;
  (void)shake_with(&(struct tls_peer_wish){.cert = &good, .serve = tls_serve_flood});
  while (bc_stream_input_end(world.stream)->error == BC_STREAM_FINE) {
    struct bc_str input = world_receive(1);
    for (size_t i = 0; i < input.len; i++, taken++) {
      if (input.at[i] != (char)('a' + taken / 16384 % 26)) {
        fail_msg("byte %zu is wrong", taken);
      }
    }
    bc_stream_consume(world.stream, input.len);
  }
  assert_int_equal(taken, 640 * 16384);
}

/* A record holds more than is wanted of it: what OpenSSL keeps shows on no descriptor. */
static void bytes_that_tls_holds_already_are_found(void **state) {
  (void)state;
  static char text[16001];
  memset(text, 'x', sizeof text - 1);
  (void)shake_with_cert(&good);
  for (int i = 0; i < 5; i++) {
    world_send(text);
  }
  /* The buffer is full in the middle of the last record, and nothing comes behind that. */
  for (size_t taken = 0; taken < 5 * (sizeof text - 1);) {
    size_t wanted = 5 * (sizeof text - 1) - taken;
    wanted = wanted < BC_LIMIT_STREAM_INPUT_BYTES ? wanted : BC_LIMIT_STREAM_INPUT_BYTES;
    struct bc_str input = world_receive(wanted);
    assert_int_equal(input.len, wanted);
    taken += input.len;
    bc_stream_consume(world.stream, input.len);
  }
}

static void a_megabyte_is_echoed_while_it_is_sent(void **state) {
  (void)state;
  static char text[65536];
  size_t taken = 0;
  memset(text, 'y', sizeof text);
  (void)shake_with_cert(&good);
  for (size_t sent = 0; taken < 16 * sizeof text;) {
    if (sent < 16 * sizeof text && world_queue(text, sizeof text) == BC_ERR_OK) {
      sent += sizeof text;
    }
    struct bc_str input = world_receive(1);
    assert_true(input.len > 0);
    taken += input.len;
    bc_stream_consume(world.stream, input.len);
  }
  assert_int_equal(taken, 16 * sizeof text);
}

/* What was not taken is tried again, from wherever the queue lies by then. */
static void a_server_that_stands_still_gets_all_when_it_goes_on(void **state) {
  (void)state;
  static char text[60000];
  size_t sent = 0;
  size_t taken = 0;
  for (size_t i = 0; i < sizeof text; i++) {
    text[i] = (char)('a' + i % 26);
  }
  (void)shake_with_cert(&good);
  assert_int_equal(kill(peer.pid, SIGSTOP), 0);
  world_shrink_send_buffer(peer.port);
  for (; world_queue(text, sizeof text) == BC_ERR_OK; world_turn()) {
    sent += sizeof text;
  }
  assert_int_equal(kill(peer.pid, SIGCONT), 0);
  while (taken < sent) {
    struct bc_str input = world_receive(1);
    assert_string_equal(bc_stream_output_end(world.stream)->fault.text, "");
    for (size_t i = 0; i < input.len; i++, taken++) {
      if (input.at[i] != text[taken % sizeof text]) {
        fail_msg("byte %zu is wrong", taken);
      }
    }
    assert_true(input.len > 0);
    bc_stream_consume(world.stream, input.len);
  }
  assert_int_equal(taken, sent);
}

static void sending_to_a_server_that_is_gone_fails(void **state) {
  (void)state;
  (void)shake_with(&(struct tls_peer_wish){.cert = &good, .serve = tls_serve_cut});
  while (bc_stream_output_end(world.stream)->error == BC_STREAM_FINE) {
    assert_int_equal(world_queue("x", 1), BC_ERR_OK);
    world_wait();
  }
  world_assert_end(bc_stream_output_end(world.stream), BC_STREAM_RESET, "connection reset");
  /* A session that was cut is over in both directions. */
  (void)shake_with(&(struct tls_peer_wish){.cert = &good, .serve = tls_serve_cut});
  (void)world_receive(100);
  assert_int_equal(world_queue("x", 1), BC_ERR_OK);
  world_wait();
  world_assert_end(bc_stream_output_end(world.stream), BC_STREAM_CLOSED, "closed without the end of TLS");
}

static void tls_cannot_begin_on_what_has_ended(void **state) {
  (void)state;
  open_to(&(struct tls_peer_wish){.before = tls_before_close});
  world_send("x");
  (void)world_receive(1);
  shake();
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_CLOSED, "closed");
  world_assert_end(bc_stream_output_end(world.stream), BC_STREAM_CLOSED, "closed before the TLS handshake");
}

static void tls_may_begin_in_the_middle(void **state) {
  (void)state;
  open_to(&(struct tls_peer_wish){.cert = &good, .before = tls_before_starttls, .serve = tls_serve_echo});
  struct bc_str input = world_receive(10);
  bc_stream_consume(world.stream, input.len);
  world_send("STARTTLS\r\n");
  bc_stream_consume(world.stream, world_receive(8).len);
  shake();
  assert_string_equal(bc_stream_input_end(world.stream)->fault.text, "");
  assert_echo("EHLO\r\n");
}

static void bytes_in_front_of_tls_end_it(void **state) {
  (void)state;
  open_to(&(struct tls_peer_wish){.cert = &good, .before = tls_before_starttls, .serve = tls_serve_echo});
  (void)world_receive(10);
  bc_stream_consume(world.stream, 9);
  shake();
  world_assert_end(bc_stream_input_end(world.stream), BC_STREAM_PROTOCOL, "bytes came before the TLS handshake");
}

/* ---- no trust ---- */

static void without_trusted_certificates_none_is_accepted(void **state) {
  (void)state;
  struct bc_tls *before = shared;
  shared = bc_tls_new("/nonexistent");
  assert_int_equal(bc_tls_trusted(shared), 0);
  assert_refuses(&good, "certificate: its issuer is not known or not trusted: CN=Root,O=Test");
  options.ca = bc_str_of(ca.pem);
  (void)shake_with_cert(&good);
  bc_stream_close(world.stream);
  world.stream = NULL;
  bc_tls_free(shared);
  shared = before;
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      RULE(a_session_tells_version_time_and_certificate),
      RULE(a_chain_by_a_ca_between_is_followed),
      RULE(whoever_is_named_as_ca_is_trusted_and_nobody_else),
      RULE(the_name_may_be_an_address_a_wildcard_or_the_subject),
      RULE(the_server_is_told_the_name_but_no_address),
      RULE(what_is_spoken_inside_is_agreed_on),
      RULE(any_certificate_will_do_where_none_is_verified),
      RULE(no_session_is_resumed),
      RULE(a_certificate_is_refused_with_its_reason),
      RULE(versions_that_do_not_meet_are_told),
      RULE(a_server_without_a_certificate_is_told),
      RULE(what_is_not_tls_is_told_from_tls),
      RULE(a_server_that_says_nothing_is_waited_for),
      RULE(clients_are_asked_for_their_certificate),
      RULE(the_end_of_tls_is_told_from_a_cut),
      RULE(a_flood_comes_through_whole),
      RULE(bytes_that_tls_holds_already_are_found),
      RULE(a_megabyte_is_echoed_while_it_is_sent),
      RULE(a_server_that_stands_still_gets_all_when_it_goes_on),
      RULE(sending_to_a_server_that_is_gone_fails),
      RULE(tls_cannot_begin_on_what_has_ended),
      RULE(tls_may_begin_in_the_middle),
      RULE(bytes_in_front_of_tls_end_it),
      RULE(a_server_that_picks_its_own_numbers_is_not_spoken_with),
      RULE(without_trusted_certificates_none_is_accepted),
  };
  return cmocka_run_group_tests(tests, make_certs, free_certs);
}
