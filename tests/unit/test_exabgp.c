/* What real ExaBGP 4.2.21 and 5.0.13 write, and what nobody should. */
#include "base/buf.h"
#include "base/mono.h"
#include "proto/exabgp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                                           \
  "{ \"exabgp\": \"4.0.1\", \"time\": 1795414787.1628764, \"host\" : \"r1\", \"pid\" : 8981, \"ppid\" : 8977, "
#define PEER_42                                                                                                        \
  "\"neighbor\": { \"address\": { \"local\": \"10.99.0.1\", \"peer\": \"10.99.0.2\" }, \"asn\": { \"local\": 65000, "  \
  "\"peer\": 65001 } , "
#define HEAD_5                                                                                                         \
  "{ \"exabgp\": \"5.0.0\", \"time\": 1795414827.7101102, \"host\" : \"r1\", \"pid\" : 9062, \"ppid\" : 9061, "
#define PEER_5                                                                                                         \
  "\"neighbor\": { \"address\": { \"local\": \"10.99.0.1\", \"peer\": \"10.99.0.2\" }, \"asn\": { \"local\": 65000, "  \
  "\"peer\": 65001 }, \"router-id\": \"10.99.0.1\" , "
#define STATE_42(rest) HEAD "\"counter\": 1, \"type\": \"state\", " PEER_42 rest " } }"
#define SENT_42(message)                                                                                               \
  HEAD "\"counter\": 10, \"type\": \"update\", " PEER_42 "\"direction\": \"send\", \"message\": { " message " } } }"
#define SENT_5(message)                                                                                                \
  HEAD_5 "\"counter\": 10, \"type\": \"update\", " PEER_5 "\"direction\": \"send\", \"message\": { " message " } } }"
#define ATTRIBUTES "\"origin\": \"igp\", \"as-path\": [ 65000 ], \"confederation-path\": []"

struct fixture {
  struct bc_exabgp *codec;
  struct bc_exabgp_event event;
  struct bc_buf seen; /* "+ipv4 unicast 10.0.0.0/24 path 1.2.3.4 rd 1:1\n" */
};

static void on_nlri(void *arg, const struct bc_exabgp_event *event, bool is_withdraw,
                    const struct bc_exabgp_nlri *nlri) {
  struct fixture *f = arg;
  assert_int_equal(event->kind, BC_EXABGP_LINE_UPDATE);
  bc_buf_add_format(&f->seen, "%c" BC_STR_FMT " " BC_STR_FMT, is_withdraw ? '-' : '+', BC_STR_ARG(nlri->family),
                    BC_STR_ARG(nlri->prefix));
  bc_buf_add_str(&f->seen, nlri->rule);
  if (nlri->path_id.len > 0) {
    bc_buf_add_format(&f->seen, " path " BC_STR_FMT, BC_STR_ARG(nlri->path_id));
  }
  if (nlri->rd.len > 0) {
    bc_buf_add_format(&f->seen, " rd " BC_STR_FMT, BC_STR_ARG(nlri->rd));
  }
  bc_buf_add_char(&f->seen, '\n');
}

static int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  f->codec = bc_exabgp_new();
  bc_buf_init(&f->seen, 1 << 20);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  bc_exabgp_free(f->codec);
  bc_buf_free(&f->seen);
  free(f);
  return 0;
}

static enum bc_exabgp_line read_line(struct fixture *f, const char *line) {
  bc_buf_clear(&f->seen);
  bc_exabgp_read(f->codec, bc_str_of(line), &f->event, on_nlri, f);
  return f->event.kind;
}

#define assert_str(text, expected)                                                                                     \
  do {                                                                                                                 \
    char copy_[512];                                                                                                   \
    (void)snprintf(copy_, sizeof copy_, BC_STR_FMT, BC_STR_ARG(text));                                                 \
    assert_string_equal(copy_, expected);                                                                              \
  } while (0)

static void acks_are_whole_lines_only(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f, "done"), BC_EXABGP_LINE_DONE);
  assert_int_equal(read_line(f, "done\r"), BC_EXABGP_LINE_DONE);
  assert_int_equal(read_line(f, "error"), BC_EXABGP_LINE_ERROR);
  assert_int_equal(read_line(f, "error: Could not parse route: x"), BC_EXABGP_LINE_OTHER);
  assert_int_equal(read_line(f, "undone"), BC_EXABGP_LINE_OTHER);
  assert_int_equal(read_line(f, "one"), BC_EXABGP_LINE_OTHER);
  assert_int_equal(read_line(f, ""), BC_EXABGP_LINE_OTHER);
  assert_int_equal(read_line(f, " done"), BC_EXABGP_LINE_OTHER);
}

static void the_version_is_told_by_4_and_5_and_as_json(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f, "exabgp 4.2.21"), BC_EXABGP_LINE_VERSION);
  assert_str(f->event.text, "4.2.21");
  assert_int_equal(read_line(f, "exabgp 5.0.13"), BC_EXABGP_LINE_VERSION);
  assert_str(f->event.text, "5.0.13");
  assert_int_equal(read_line(f, "{\"version\": \"6.0.0-dev\", \"application\": \"exabgp\"}"), BC_EXABGP_LINE_VERSION);
  assert_str(f->event.text, "6.0.0-dev");
  assert_int_equal(read_line(f, "exabgp is here"), BC_EXABGP_LINE_OTHER);
}

static void states_of_4_are_read(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f, STATE_42("\"state\": \"connected\"")), BC_EXABGP_LINE_STATE);
  assert_int_equal(f->event.state, BC_EXABGP_CONNECTED);
  assert_int_equal(read_line(f, STATE_42("\"state\": \"up\"")), BC_EXABGP_LINE_STATE);
  assert_int_equal(f->event.state, BC_EXABGP_UP);
  assert_str(f->event.neighbor.peer, "10.99.0.2");
  assert_str(f->event.neighbor.local, "10.99.0.1");
  assert_int_equal(f->event.neighbor.local_as, 65000);
  assert_int_equal(f->event.neighbor.peer_as, 65001);
  assert_int_equal(f->event.neighbor.router_id.len, 0);
  assert_int_equal(
      read_line(f, STATE_42("\"state\": \"down\", \"reason\": \"peer reset, message (closing connection) error(Broken "
                            "TCP connection)\"")),
      BC_EXABGP_LINE_STATE);
  assert_int_equal(f->event.state, BC_EXABGP_DOWN);
  assert_str(f->event.reason, "peer reset, message (closing connection) error(Broken TCP connection)");
}

static void states_of_5_are_read(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f, HEAD_5 "\"counter\": 10, \"type\": \"state\", " PEER_5
                                       "\"state\": \"down\", \"reason\": \"stop, message [shutting down]\" } }"),
                   BC_EXABGP_LINE_STATE);
  assert_int_equal(f->event.state, BC_EXABGP_DOWN);
  assert_str(f->event.reason, "stop, message [shutting down]");
  assert_str(f->event.neighbor.router_id, "10.99.0.1");
}

/* The reason holds what the peer sent; 4.2 escapes only quotes in it. */
static void a_down_survives_what_breaks_its_json(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f, STATE_42("\"state\": \"down\", \"reason\": \"C:\\windows \\x \xff\x01 \\\"so\\\"\"")),
                   BC_EXABGP_LINE_STATE);
  assert_int_equal(f->event.state, BC_EXABGP_DOWN);
  assert_str(f->event.neighbor.peer, "10.99.0.2");
  assert_str(f->event.reason, "C:\\windows \\x ?? \"so\"");
  assert_int_equal(read_line(f,
                             HEAD "\"type\": \"state\", \"neighbor\": { \"address\": { \"local\": \"None\", \"peer\": "
                                  "\"10.99.0.2\" }, \"asn\": { \"local\": None, \"peer\": 65001 } , \"state\": "
                                  "\"up\" } }"),
                   BC_EXABGP_LINE_STATE);
  assert_int_equal(f->event.neighbor.local_as, 0);
  assert_int_equal(f->event.neighbor.peer_as, 65001);
}

static void the_end_of_exabgp_is_told_by_both_encoders(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f, HEAD "\"type\": \"notification\", \"notification\": \"shutdown\" }"),
                   BC_EXABGP_LINE_SHUTDOWN);
  assert_int_equal(read_line(f, "shutdown 8996 8995"), BC_EXABGP_LINE_SHUTDOWN);
  assert_int_equal(read_line(f, "shutdown now"), BC_EXABGP_LINE_OTHER);
  assert_int_equal(read_line(f, HEAD "\"type\": \"notification\", " PEER_42
                                     "\"direction\": \"receive\", \"notification\": { \"code\": 6 }  } }"),
                   BC_EXABGP_LINE_OTHER);
}

static void an_update_reports_each_nlri_and_its_med(void **state) {
  struct fixture *f = *state;
  assert_int_equal(
      read_line(f, SENT_42("\"update\": { \"attribute\": { " ATTRIBUTES
                           ", \"as-set\": [ 2, 3 ], \"med\": 9, \"community\": [ [ 65000, 1 ], [ 65535, 65281 ] ] }, "
                           "\"announce\": { \"ipv4 unicast\": { \"10.99.0.1\": [ { \"nlri\": \"10.4.0.0/16\", "
                           "\"path-information\": \"0.0.0.0\" }, { \"nlri\": \"10.2.0.0/24\" } ] } } }")),
      BC_EXABGP_LINE_UPDATE);
  assert_string_equal(f->seen.data, "+ipv4 unicast 10.4.0.0/16 path 0.0.0.0\n+ipv4 unicast 10.2.0.0/24\n");
  assert_true(f->event.has_med);
  assert_int_equal(f->event.med, 9);
  assert_str(f->event.neighbor.peer, "10.99.0.2");
}

static void an_update_of_5_is_read_with_its_as_path_object(void **state) {
  struct fixture *f = *state;
  assert_int_equal(
      read_line(f, SENT_5("\"update\": { \"attribute\": { \"origin\": \"igp\", \"as-path\": {\"0\": {\"element\": "
                          "\"as-sequence\", \"value\": [65000]}}, \"med\": 4294967295 }, \"announce\": { \"ipv4 "
                          "unicast\": { \"10.99.0.1\": [ { \"nlri\": \"10.1.0.1/32\", \"path-information\": "
                          "\"1.2.3.4\" } ] } } }")),
      BC_EXABGP_LINE_UPDATE);
  assert_string_equal(f->seen.data, "+ipv4 unicast 10.1.0.1/32 path 1.2.3.4\n");
  assert_true(f->event.med == UINT32_MAX);
}

static void vpn_and_labelled_nlri_are_reported(void **state) {
  struct fixture *f = *state;
  (void)read_line(f, SENT_42("\"update\": { \"attribute\": { " ATTRIBUTES
                             " }, \"announce\": { \"ipv4 mpls-vpn\": { \"10.99.0.1\": [ { \"nlri\": \"10.20.0.0/24\", "
                             "\"label\": [ [42] ], \"rd\": \"65000:1\" } ] } } }"));
  assert_string_equal(f->seen.data, "+ipv4 mpls-vpn 10.20.0.0/24 rd 65000:1\n");
  assert_false(f->event.has_med);
  (void)read_line(f, SENT_42("\"update\": { \"attribute\": { " ATTRIBUTES
                             " }, \"announce\": { \"ipv4 nlri-mpls\": { \"10.99.0.1\": [ { \"nlri\": \"10.21.0.0/24\", "
                             "\"label\": [ [42], [43] ] } ] } } }"));
  assert_string_equal(f->seen.data, "+ipv4 nlri-mpls 10.21.0.0/24\n");
}

/* Seen: 9225060887890886656, the number of rate-limit:9600, passes 2^63. */
static void a_flow_is_reported_by_its_text(void **state) {
  struct fixture *f = *state;
  assert_int_equal(
      read_line(f, SENT_42("\"update\": { \"attribute\": { " ATTRIBUTES
                           ", \"extended-community\": [ { \"value\": 9225060887890886656, \"string\": "
                           "\"rate-limit:9600\" } ] }, \"announce\": { \"ipv4 flow\": { \"no-nexthop\": [ { "
                           "\"source-ipv4\": [ \"10.9.0.0/24\" ], \"protocol\": [ \"=tcp\" ], \"destination-port\": [ "
                           "\"=80\" ], \"string\": \"flow source-ipv4 10.9.0.0/24 protocol =tcp destination-port "
                           "=80\" } ] } } }")),
      BC_EXABGP_LINE_UPDATE);
  assert_string_equal(f->seen.data, "+ipv4 flow flow source-ipv4 10.9.0.0/24 protocol =tcp destination-port =80\n");
  /* As 5.0 writes it, with RD and next hop; the withdraw of 4.2. */
  (void)read_line(f, SENT_42("\"update\": { \"announce\": { \"ipv6 flow-vpn\": { \"10.0.0.1\": [ { \"next-header\": [ "
                             "\"=tcp\" ], \"rd\": \"65000:1\", \"next-hop\": \"10.0.0.1\", \"string\": \"flow "
                             "next-header =tcp rd 65000:1 next-hop 10.0.0.1\" } ] } } }"));
  assert_string_equal(f->seen.data, "+ipv6 flow-vpn flow next-header =tcp rd 65000:1 next-hop 10.0.0.1 rd 65000:1\n");
  (void)read_line(f, SENT_42("\"update\": { \"withdraw\": { \"ipv4 flow\": [ { \"source-ipv4\": [ \"10.9.0.0/24\" ], "
                             "\"string\": \"flow source-ipv4 10.9.0.0/24\" } ] } }"));
  assert_string_equal(f->seen.data, "-ipv4 flow flow source-ipv4 10.9.0.0/24\n");
}

static void a_vpls_is_reported_by_its_fields(void **state) {
  struct fixture *f = *state;
  (void)read_line(f, SENT_42("\"update\": { \"attribute\": { " ATTRIBUTES
                             " }, \"announce\": { \"l2vpn vpls\": { \"10.99.0.1\": [ { \"rd\": \"65000:1\", "
                             "\"endpoint\": 5, \"base\": 10, \"offset\": 1, \"size\": 8 } ] } } }"));
  assert_string_equal(f->seen.data, "+l2vpn vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 rd 65000:1\n");
  (void)read_line(f, SENT_42("\"update\": { \"withdraw\": { \"l2vpn vpls\": [ { \"rd\": \"65000:1\", \"endpoint\": 5, "
                             "\"base\": 10, \"offset\": 1, \"size\": 8 }, { \"rd\": \"65000:1\", \"endpoint\": 6, "
                             "\"base\": -1, \"offset\": 1, \"size\": 8 } ] } }"));
  assert_string_equal(f->seen.data, "-l2vpn vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 rd 65000:1\n");
}

static void withdraws_come_before_announces(void **state) {
  struct fixture *f = *state;
  (void)read_line(f, SENT_42("\"update\": { \"attribute\": { " ATTRIBUTES
                             " }, \"announce\": { \"ipv6 unicast\": { \"2001:db8:99::1\": [ { \"nlri\": "
                             "\"2001:db8:1::/48\" } ] } }, \"withdraw\": { \"ipv4 unicast\": [ { \"nlri\": "
                             "\"10.0.0.0/24\", \"path-information\": \"0.0.0.0\" } ] } }"));
  assert_string_equal(f->seen.data, "-ipv4 unicast 10.0.0.0/24 path 0.0.0.0\n+ipv6 unicast 2001:db8:1::/48\n");
}

static void compact_nlri_are_read(void **state) {
  struct fixture *f = *state;
  (void)read_line(f,
                  SENT_42("\"update\": { \"withdraw\": { \"ipv4 unicast\": [ \"10.0.0.0/24\", \"10.1.0.0/24\" ] } }"));
  assert_string_equal(f->seen.data, "-ipv4 unicast 10.0.0.0/24\n-ipv4 unicast 10.1.0.0/24\n");
}

static void an_end_of_rib_names_its_family(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f, SENT_42("\"eor\": { \"afi\" : \"ipv4\", \"safi\" : \"mpls-vpn\" }")),
                   BC_EXABGP_LINE_EOR);
  assert_str(f->event.family, "ipv4 mpls-vpn");
  assert_str(f->event.neighbor.peer, "10.99.0.2");
}

static void what_a_peer_announces_to_us_confirms_nothing(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f, HEAD "\"type\": \"update\", " PEER_42
                                     "\"direction\": \"receive\", \"message\": { \"update\": { \"announce\": { \"ipv4 "
                                     "unicast\": { \"10.99.0.2\": [ { \"nlri\": \"10.0.0.0/24\" } ] } } } } } }"),
                   BC_EXABGP_LINE_OTHER);
  assert_int_equal(
      read_line(f, "neighbor 10.99.0.2 receive update announced 10.0.0.0/24 next-hop 10.99.0.2 origin igp"),
      BC_EXABGP_LINE_OTHER);
  assert_string_equal(f->seen.data, "");
}

static void the_text_encoder_tells_states(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f, "neighbor 10.99.0.2 up"), BC_EXABGP_LINE_STATE);
  assert_int_equal(f->event.state, BC_EXABGP_UP);
  assert_int_equal(read_line(f, "neighbor 2001:db8:99::2 connected"), BC_EXABGP_LINE_STATE);
  assert_int_equal(f->event.state, BC_EXABGP_CONNECTED);
  assert_str(f->event.neighbor.peer, "2001:db8:99::2");
  assert_int_equal(read_line(f, "neighbor 2001:db8:99::2 down - notification sent (6,4)"), BC_EXABGP_LINE_STATE);
  assert_int_equal(f->event.state, BC_EXABGP_DOWN);
  assert_str(f->event.reason, "notification sent (6,4)");
}

static void the_text_encoder_tells_updates_with_their_family(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f,
                             "neighbor 10.99.0.2 send update announced 10.1.0.0/24 path-information 0.0.0.0 next-hop "
                             "10.99.0.1 origin igp as-path [ 65000 ] med 7"),
                   BC_EXABGP_LINE_UPDATE);
  assert_string_equal(f->seen.data, "+ipv4 unicast 10.1.0.0/24 path 0.0.0.0\n");
  assert_int_equal(f->event.med, 7);
  (void)read_line(f, "neighbor 10.99.0.2 send update withdrawn 10.20.0.0/24 label 42 rd 65000:1");
  assert_string_equal(f->seen.data, "-ipv4 mpls-vpn 10.20.0.0/24 rd 65000:1\n");
  (void)read_line(f, "neighbor 10.99.0.2 send update announced 10.21.0.0/24 label [ 42 43 ] next-hop 10.99.0.1");
  assert_string_equal(f->seen.data, "+ipv4 nlri-mpls 10.21.0.0/24\n");
  (void)read_line(f, "neighbor 10.99.0.2 send update announced 224.1.0.0/24 next-hop 10.99.0.1");
  assert_string_equal(f->seen.data, "+ipv4 multicast 224.1.0.0/24\n");
  (void)read_line(f, "neighbor 10.99.0.2 send update announced 2001:db8:1::/48 next-hop 2001:db8:99::1 origin igp");
  assert_string_equal(f->seen.data, "+ipv6 unicast 2001:db8:1::/48\n");
  (void)read_line(f,
                  "neighbor 10.99.0.2 send update announced flow source-ipv4 10.9.0.0/24 next-hop 10.0.0.1 origin igp");
  assert_string_equal(f->seen.data, "+ipv4 flow flow source-ipv4 10.9.0.0/24 next-hop 10.0.0.1\n");
  (void)read_line(f, "neighbor 10.99.0.2 send update flow protocol =tcp rd 65000:1 origin igp");
  assert_string_equal(f->seen.data, "+ipv4 flow-vpn flow protocol =tcp rd 65000:1\n");
  (void)read_line(f, "neighbor 10.99.0.2 send update withdrawn flow destination-ipv6 2001:db8::/32/0");
  assert_string_equal(f->seen.data, "-ipv6 flow flow destination-ipv6 2001:db8::/32/0\n");
  (void)read_line(f, "neighbor 10.99.0.2 send update announced vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 "
                     "next-hop 10.0.0.1 origin igp med 5");
  assert_string_equal(f->seen.data,
                      "+l2vpn vpls vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 next-hop 10.0.0.1\n");
  assert_true(f->event.has_med && f->event.med == 5);
  assert_int_equal(read_line(f, "neighbor 10.99.0.2 send update start"), BC_EXABGP_LINE_OTHER);
  assert_int_equal(read_line(f, "neighbor 10.99.0.2 send update route eor 1/133 (ipv4 flow)"), BC_EXABGP_LINE_EOR);
  assert_str(f->event.family, "ipv4 flow");
}

static void the_summary_lists_peers_of_4_and_5(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f, "Peer            AS        up/down state       |     #sent     #recvd"),
                   BC_EXABGP_LINE_SUMMARY_HEADER);
  assert_int_equal(read_line(f, "10.99.0.2       65001     0:00:03 established           3          2"),
                   BC_EXABGP_LINE_SUMMARY_ROW);
  assert_str(f->event.neighbor.peer, "10.99.0.2");
  assert_int_equal(f->event.neighbor.peer_as, 65001);
  assert_str(f->event.text, "established");
  assert_int_equal(read_line(f, "2001:db8:99::2  65001 31 days, 1:02:03 established           3          2"),
                   BC_EXABGP_LINE_SUMMARY_ROW);
  assert_str(f->event.text, "established");
  assert_int_equal(read_line(f, "10.99.0.9       65009        down idle                  0          0"),
                   BC_EXABGP_LINE_SUMMARY_ROW);
  assert_str(f->event.text, "idle");
}

static void standing_routes_of_4_and_5_are_read(void **state) {
  struct fixture *f = *state;
  assert_int_equal(read_line(f,
                             "neighbor 10.99.0.2 local-ip 10.99.0.1 local-as 65000 peer-as 65001 router-id 10.99.0.1 "
                             "family-allowed in-open ipv4 unicast 10.1.0.1/32 path-information 1.2.3.4 next-hop "
                             "self"),
                   BC_EXABGP_LINE_STANDING);
  assert_str(f->event.neighbor.peer, "10.99.0.2");
  assert_str(f->event.neighbor.local, "10.99.0.1");
  assert_str(f->event.neighbor.router_id, "10.99.0.1");
  assert_int_equal(f->event.neighbor.local_as, 65000);
  assert_int_equal(f->event.neighbor.peer_as, 65001);
  assert_str(f->event.family, "ipv4 unicast");
  assert_str(f->event.text, "10.1.0.1/32 path-information 1.2.3.4 next-hop self");
  assert_int_equal(read_line(f, "10.99.0.2 ipv4 flow flow source-ipv4 10.9.0.0/24 protocol =tcp"),
                   BC_EXABGP_LINE_STANDING);
  assert_str(f->event.family, "ipv4 flow");
  assert_str(f->event.text, "flow source-ipv4 10.9.0.0/24 protocol =tcp");
  assert_int_equal(read_line(f, "neighbor 2001:db8:99::2 local-ip 2001:db8:99::1 local-as auto peer-as 65001 router-id "
                                "10.99.0.1 family-allowed ipv4-unicast/ipv6-unicast ipv6 unicast 2001:db8:1::/48 "
                                "next-hop 2001:db8:99::1"),
                   BC_EXABGP_LINE_STANDING);
  assert_int_equal(f->event.neighbor.local_as, 0);
  assert_str(f->event.text, "2001:db8:1::/48 next-hop 2001:db8:99::1");
  assert_int_equal(read_line(f, "neighbor 10.99.0.2 {"), BC_EXABGP_LINE_OTHER);
}

static void garbage_is_other(void **state) {
  struct fixture *f = *state;
  static const char *const lines[] = {"{",
                                      "{ \"type\": \"state\" }",
                                      "{ \"type\": \"update\" }",
                                      "[]",
                                      "neighbor",
                                      "neighbor x up",
                                      "10.0.0.1",
                                      "10.0.0.1 ipv4 unicast",
                                      "10.0.0.1 1 2 3",
                                      "{ \"type\": \"state\", \"neighbor\": { \"state\": \"gone\" } }"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    assert_int_equal(read_line(f, lines[i]), BC_EXABGP_LINE_OTHER);
  }
  bc_exabgp_read(f->codec, (struct bc_str){.at = "\0{\n", .len = 3}, &f->event, on_nlri, f);
  assert_int_equal(f->event.kind, BC_EXABGP_LINE_OTHER);
}

/* A generous bound (a sanitizer build on a busy machine), against anything quadratic. */
static void many_updates_are_read_quickly(void **state) {
  struct fixture *f = *state;
  const char *line = SENT_42("\"update\": { \"attribute\": { " ATTRIBUTES
                             ", \"med\": 7 }, \"announce\": { \"ipv4 unicast\": { \"10.99.0.1\": [ { \"nlri\": "
                             "\"10.1.0.0/24\", \"path-information\": \"0.0.0.0\" } ] } } }");
  enum { LINES = 10000 };
  struct bc_mono start = bc_mono_now();
  for (int i = 0; i < LINES; i++) {
    assert_int_equal(read_line(f, line), BC_EXABGP_LINE_UPDATE);
  }
  int64_t us = bc_mono_now().us - start.us;
  print_message("%.1f us per update line\n", (double)us / LINES);
  assert_true(us / LINES < 500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(acks_are_whole_lines_only),
                                     TEST(the_version_is_told_by_4_and_5_and_as_json),
                                     TEST(states_of_4_are_read),
                                     TEST(states_of_5_are_read),
                                     TEST(a_down_survives_what_breaks_its_json),
                                     TEST(the_end_of_exabgp_is_told_by_both_encoders),
                                     TEST(an_update_reports_each_nlri_and_its_med),
                                     TEST(an_update_of_5_is_read_with_its_as_path_object),
                                     TEST(vpn_and_labelled_nlri_are_reported),
                                     TEST(a_flow_is_reported_by_its_text),
                                     TEST(a_vpls_is_reported_by_its_fields),
                                     TEST(withdraws_come_before_announces),
                                     TEST(compact_nlri_are_read),
                                     TEST(an_end_of_rib_names_its_family),
                                     TEST(what_a_peer_announces_to_us_confirms_nothing),
                                     TEST(the_text_encoder_tells_states),
                                     TEST(the_text_encoder_tells_updates_with_their_family),
                                     TEST(the_summary_lists_peers_of_4_and_5),
                                     TEST(standing_routes_of_4_and_5_are_read),
                                     TEST(garbage_is_other),
                                     TEST(many_updates_are_read_quickly)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
