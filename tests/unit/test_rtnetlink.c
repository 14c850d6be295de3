/* What the kernel tells of addresses, and what we ask of it. */
#include "proto/rtnetlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static const uint8_t v4[4] = {172, 16, 1, 5};
static const uint8_t v4_peer[4] = {172, 16, 1, 6};
static const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 5};

/* One message as the kernel writes it, to which attributes are added. */
struct made {
  struct bc_buf bytes;
};

static void made_start(struct made *made, unsigned type, struct ifaddrmsg head) {
  struct nlmsghdr outer = {.nlmsg_type = (uint16_t)type, .nlmsg_seq = 7, .nlmsg_pid = 4711};
  bc_buf_init(&made->bytes, 4096);
  bc_buf_add(&made->bytes, &outer, sizeof outer);
  bc_buf_add(&made->bytes, &head, sizeof head);
}

static void made_add(struct made *made, unsigned type, const void *bytes, size_t len) {
  struct rtattr head = {.rta_type = (unsigned short)type, .rta_len = (unsigned short)(sizeof head + len)};
  bc_buf_add(&made->bytes, &head, sizeof head);
  bc_buf_add(&made->bytes, bytes, len);
  bc_buf_add(&made->bytes, "\0\0\0", (4 - len % 4) % 4);
}

static struct bc_str made_end(struct made *made) {
  uint32_t len = (uint32_t)made->bytes.len;
  memcpy(made->bytes.data, &len, sizeof len);
  return bc_buf_str(&made->bytes);
}

static struct bc_rtnetlink_message read_one(struct made *made) {
  struct bc_str datagram = made_end(made);
  struct bc_rtnetlink_message message;
  assert_int_equal(bc_rtnetlink_next(&datagram, &message), BC_ERR_OK);
  struct bc_rtnetlink_message none;
  assert_int_equal(bc_rtnetlink_next(&datagram, &none), BC_ERR_NOT_FOUND);
  bc_buf_free(&made->bytes);
  return message;
}

static struct ifaddrmsg head_of(int family, unsigned length, unsigned interface, unsigned flags) {
  return (struct ifaddrmsg){.ifa_family = (uint8_t)family,
                            .ifa_prefixlen = (uint8_t)length,
                            .ifa_index = interface,
                            .ifa_flags = (uint8_t)flags};
}

static void an_ipv4_address_is_its_local_end(void **state) {
  (void)state;
  struct made made;
  made_start(&made, RTM_NEWADDR, head_of(AF_INET, 32, 3, 0));
  made_add(&made, IFA_ADDRESS, v4_peer, 4);
  made_add(&made, IFA_LOCAL, v4, 4);
  made_add(&made, IFA_LABEL, "eth0", 5);
  struct bc_rtnetlink_message found = read_one(&made);
  assert_int_equal(found.kind, BC_RTNETLINK_HERE);
  assert_int_equal(found.port, 4711);
  assert_int_equal(found.sequence, 7);
  assert_memory_equal(found.address.local, v4, 4);
  assert_memory_equal(found.address.peer, v4_peer, 4);
  assert_int_equal(found.address.length, 32);
  assert_int_equal(found.address.interface, 3);
  assert_false(found.address.is_ipv6 || found.address.is_ours || found.address.is_tentative);
}

static void an_ipv6_address_without_a_peer_is_its_only_one(void **state) {
  (void)state;
  struct made made;
  made_start(&made, RTM_DELADDR, head_of(AF_INET6, 64, 2, 0));
  made_add(&made, IFA_ADDRESS, v6, 16);
  struct bc_rtnetlink_message found = read_one(&made);
  assert_int_equal(found.kind, BC_RTNETLINK_GONE);
  assert_true(found.address.is_ipv6);
  assert_memory_equal(found.address.local, v6, 16);
  assert_memory_equal(found.address.peer, v6, 16);
}

static void duplicate_detection_is_read_from_both_flags(void **state) {
  (void)state;
  struct made made;
  made_start(&made, RTM_NEWADDR, head_of(AF_INET6, 128, 2, IFA_F_TENTATIVE));
  made_add(&made, IFA_ADDRESS, v6, 16);
  assert_true(read_one(&made).address.is_tentative);
  uint32_t flags = IFA_F_DADFAILED | IFA_F_MANAGETEMPADDR;
  made_start(&made, RTM_NEWADDR, head_of(AF_INET6, 128, 2, 0));
  made_add(&made, IFA_ADDRESS, v6, 16);
  made_add(&made, IFA_FLAGS, &flags, sizeof flags);
  struct bc_rtnetlink_message found = read_one(&made);
  assert_true(found.address.is_duplicate);
  assert_false(found.address.is_tentative);
}

static bool is_ours(int family, unsigned length, unsigned interface, unsigned type, const void *mark, size_t mark_len) {
  struct made made;
  made_start(&made, RTM_NEWADDR, head_of(family, length, interface, 0));
  made_add(&made, IFA_ADDRESS, family == AF_INET ? v4 : v6, family == AF_INET ? 4 : 16);
  made_add(&made, type, mark, mark_len);
  struct bc_rtnetlink_message found = read_one(&made);
  assert_int_equal(found.kind, BC_RTNETLINK_HERE);
  return found.address.is_ours;
}

static void ours_is_a_marked_host_address_on_the_loopback_interface(void **state) {
  (void)state;
  uint8_t protocol = BC_RTNETLINK_PROTOCOL;
  uint32_t metric = BC_RTNETLINK_METRIC;
  uint32_t other = 256;
  assert_true(is_ours(AF_INET, 32, 1, IFA_LABEL, "lo:bgpc", 8));
  assert_false(is_ours(AF_INET, 32, 1, IFA_LABEL, "lo", 3));
  assert_false(is_ours(AF_INET, 32, 1, IFA_LABEL, "lo:bgpcx", 9));
  assert_false(is_ours(AF_INET, 32, 1, IFA_LABEL, "lo:bgp", 7));
  assert_false(is_ours(AF_INET, 24, 1, IFA_LABEL, "lo:bgpc", 8));
  assert_false(is_ours(AF_INET, 32, 2, IFA_LABEL, "lo:bgpc", 8));
  assert_true(is_ours(AF_INET6, 128, 1, 11, &protocol, 1));
  assert_true(is_ours(AF_INET6, 128, 1, 9, &metric, 4));
  assert_false(is_ours(AF_INET6, 128, 1, 9, &other, 4));
  assert_false(is_ours(AF_INET6, 128, 1, 9, &metric, 3));
  assert_false(is_ours(AF_INET6, 128, 1, 11, "\3", 1));
  assert_false(is_ours(AF_INET6, 64, 1, 11, &protocol, 1));
  assert_false(is_ours(AF_INET6, 128, 2, 9, &metric, 4));
}

static void what_is_no_address_is_passed_over(void **state) {
  (void)state;
  struct made made;
  made_start(&made, RTM_NEWADDR, head_of(AF_INET, 32, 1, 0));
  made_add(&made, IFA_LOCAL, v6, 16);
  assert_int_equal(read_one(&made).kind, BC_RTNETLINK_OTHER);
  made_start(&made, RTM_NEWADDR, head_of(AF_INET, 33, 1, 0));
  made_add(&made, IFA_LOCAL, v4, 4);
  assert_int_equal(read_one(&made).kind, BC_RTNETLINK_OTHER);
  made_start(&made, RTM_NEWADDR, head_of(AF_UNIX, 32, 1, 0));
  made_add(&made, IFA_LOCAL, v4, 4);
  assert_int_equal(read_one(&made).kind, BC_RTNETLINK_OTHER);
  made_start(&made, RTM_NEWADDR, head_of(AF_INET6, 128, 1, 0));
  assert_int_equal(read_one(&made).kind, BC_RTNETLINK_OTHER);
  made_start(&made, RTM_NEWROUTE, head_of(AF_INET, 32, 1, 0));
  assert_int_equal(read_one(&made).kind, BC_RTNETLINK_OTHER);
}

static void answers_carry_their_errno(void **state) {
  (void)state;
  struct {
    struct nlmsghdr head;
    int32_t error;
  } answer = {.head = {.nlmsg_len = sizeof answer, .nlmsg_type = NLMSG_ERROR}, .error = -EEXIST};
  struct bc_str datagram = {.at = (const char *)&answer, .len = sizeof answer};
  struct bc_rtnetlink_message message;
  assert_int_equal(bc_rtnetlink_next(&datagram, &message), BC_ERR_OK);
  assert_int_equal(message.kind, BC_RTNETLINK_ANSWER);
  assert_int_equal(message.error, EEXIST);
  answer.head.nlmsg_type = NLMSG_DONE;
  answer.head.nlmsg_flags = NLM_F_DUMP_INTR;
  answer.error = 0;
  datagram = (struct bc_str){.at = (const char *)&answer, .len = sizeof answer};
  assert_int_equal(bc_rtnetlink_next(&datagram, &message), BC_ERR_OK);
  assert_int_equal(message.kind, BC_RTNETLINK_DONE);
  assert_int_equal(message.error, 0);
  assert_true(message.is_interrupted);
  answer.error = INT32_MIN;
  datagram = (struct bc_str){.at = (const char *)&answer, .len = sizeof answer};
  assert_int_equal(bc_rtnetlink_next(&datagram, &message), BC_ERR_OK);
  assert_int_equal(message.error, 0);
}

static void a_message_that_is_cut_is_refused(void **state) {
  (void)state;
  struct made made;
  made_start(&made, RTM_NEWADDR, head_of(AF_INET6, 128, 1, 0));
  made_add(&made, IFA_ADDRESS, v6, 16);
  struct bc_str whole = made_end(&made);
  for (size_t len = 1; len < whole.len; len++) {
    /* An exact copy, so that the sanitizer sees a read behind the end. */
    char *exact = malloc(len);
    assert_non_null(exact);
    memcpy(exact, whole.at, len);
    struct bc_str datagram = {.at = exact, .len = len};
    struct bc_rtnetlink_message message;
    assert_int_equal(bc_rtnetlink_next(&datagram, &message), BC_ERR_PROTOCOL);
    if (len >= sizeof(struct nlmsghdr)) {
      uint32_t claimed = (uint32_t)len; /* whole by its own word: its attributes end early */
      memcpy(exact, &claimed, sizeof claimed);
      datagram = (struct bc_str){.at = exact, .len = len};
      assert_int_equal(bc_rtnetlink_next(&datagram, &message), BC_ERR_OK);
      assert_int_equal(message.kind, BC_RTNETLINK_OTHER);
    }
    free(exact);
  }
  bc_buf_free(&made.bytes);
}

/* What is asked is what the kernel would tell. */
static void a_request_to_set_reads_as_an_address_of_ours(void **state) {
  (void)state;
  for (int is_ipv6 = 0; is_ipv6 < 2; is_ipv6++) {
    struct bc_buf request;
    struct nlmsghdr head;
    bc_buf_init(&request, BC_RTNETLINK_REQUEST_BYTES);
    bc_rtnetlink_print_set(is_ipv6 != 0, is_ipv6 != 0 ? v6 : v4, 9, &request);
    assert_int_equal(bc_buf_status(&request), BC_ERR_OK);
    memcpy(&head, request.data, sizeof head);
    assert_int_equal(head.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    struct bc_str datagram = bc_buf_str(&request);
    struct bc_rtnetlink_message message;
    assert_int_equal(bc_rtnetlink_next(&datagram, &message), BC_ERR_OK);
    assert_int_equal(message.kind, BC_RTNETLINK_HERE);
    assert_int_equal(message.sequence, 9);
    assert_true(message.address.is_ours);
    assert_memory_equal(message.address.local, is_ipv6 != 0 ? v6 : v4, is_ipv6 != 0 ? 16 : 4);
    bc_buf_clear(&request);
    bc_rtnetlink_print_remove(is_ipv6 != 0, is_ipv6 != 0 ? v6 : v4, 10, &request);
    datagram = bc_buf_str(&request);
    assert_int_equal(bc_rtnetlink_next(&datagram, &message), BC_ERR_OK);
    assert_int_equal(message.kind, BC_RTNETLINK_GONE);
    bc_buf_free(&request);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_ipv4_address_is_its_local_end),
      cmocka_unit_test(an_ipv6_address_without_a_peer_is_its_only_one),
      cmocka_unit_test(duplicate_detection_is_read_from_both_flags),
      cmocka_unit_test(ours_is_a_marked_host_address_on_the_loopback_interface),
      cmocka_unit_test(what_is_no_address_is_passed_over),
      cmocka_unit_test(answers_carry_their_errno),
      cmocka_unit_test(a_message_that_is_cut_is_refused),
      cmocka_unit_test(a_request_to_set_reads_as_an_address_of_ours),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
