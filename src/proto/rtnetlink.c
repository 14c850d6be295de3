#include "proto/rtnetlink.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* By number where the kernel's headers may be older than the kernel. */
enum { RTNETLINK_IFA_RT_PRIORITY = 9, RTNETLINK_IFA_PROTO = 11 };

static size_t rtnetlink_padding(size_t len) {
  return (4 - len % 4) % 4;
}

static size_t rtnetlink_address_bytes(bool is_ipv6) {
  return is_ipv6 ? 16 : 4;
}

/* ---- from the kernel ---- */

/* Takes `len` bytes and what pads them; the last one may lack its padding. */
static struct bc_str rtnetlink_take(struct bc_str *from, size_t len) {
  struct bc_str taken = {.at = from->at, .len = len};
  size_t whole = len + rtnetlink_padding(len);
  whole = whole > from->len ? from->len : whole;
  from->at += whole;
  from->len -= whole;
  return taken;
}

static bool rtnetlink_next_attribute(struct bc_str *from, unsigned *type, struct bc_str *value) {
  struct rtattr head;
  if (from->len < sizeof head) {
    return false;
  }
  memcpy(&head, from->at, sizeof head);
  if (head.rta_len < sizeof head || head.rta_len > from->len) {
    return false;
  }
  *value = rtnetlink_take(from, head.rta_len);
  value->at += sizeof head;
  value->len -= sizeof head;
  *type = head.rta_type & (unsigned)NLA_TYPE_MASK;
  return true;
}

static uint32_t rtnetlink_u32(struct bc_str value) {
  uint32_t number = 0;
  memcpy(&number, value.at, value.len < sizeof number ? 0 : sizeof number);
  return number;
}

struct rtnetlink_found {
  struct bc_str local;
  struct bc_str peer;
  uint32_t flags;
  bool has_mark;
};

static void rtnetlink_read_attribute(unsigned type, struct bc_str value, struct rtnetlink_found *found) {
  switch (type) {
  case IFA_LOCAL:
    found->local = value;
    break;
  case IFA_ADDRESS:
    found->peer = value;
    break;
  case IFA_FLAGS:
    found->flags = rtnetlink_u32(value);
    break;
  case IFA_LABEL:
    found->has_mark = found->has_mark ||
                      (value.len == sizeof BC_RTNETLINK_LABEL && memcmp(value.at, BC_RTNETLINK_LABEL, value.len) == 0);
    break;
  case RTNETLINK_IFA_RT_PRIORITY:
    found->has_mark = found->has_mark || rtnetlink_u32(value) == BC_RTNETLINK_METRIC;
    break;
  case RTNETLINK_IFA_PROTO:
    found->has_mark = found->has_mark || (value.len > 0 && (uint8_t)value.at[0] == BC_RTNETLINK_PROTOCOL);
    break;
  default:
    break;
  }
}

/* False when it is no IP address. */
static bool rtnetlink_read_address(struct bc_str body, struct bc_rtnetlink_address *out) {
  struct ifaddrmsg head;
  if (body.len < sizeof head) {
    return false;
  }
  memcpy(&head, body.at, sizeof head);
  (void)rtnetlink_take(&body, sizeof head);
  struct rtnetlink_found found = {.flags = head.ifa_flags};
  struct bc_str value;
  unsigned type;
  while (rtnetlink_next_attribute(&body, &type, &value)) {
    rtnetlink_read_attribute(type, value, &found);
  }
  *out = (struct bc_rtnetlink_address){
      .is_ipv6 = head.ifa_family == AF_INET6, .length = head.ifa_prefixlen, .interface = head.ifa_index};
  size_t bytes = rtnetlink_address_bytes(out->is_ipv6);
  /* An IPv6 address without a peer has no IFA_LOCAL. */
  struct bc_str local = found.local.at == NULL ? found.peer : found.local;
  struct bc_str peer = found.peer.at == NULL ? local : found.peer;
  if ((head.ifa_family != AF_INET && head.ifa_family != AF_INET6) || local.len != bytes || peer.len != bytes ||
      head.ifa_prefixlen > bytes * 8) {
    return false;
  }
  memcpy(out->local, local.at, bytes);
  memcpy(out->peer, peer.at, bytes);
  out->is_tentative = out->is_ipv6 && (found.flags & IFA_F_TENTATIVE) != 0;
  out->is_duplicate = out->is_ipv6 && (found.flags & IFA_F_DADFAILED) != 0;
  out->is_ours = found.has_mark && head.ifa_index == BC_RTNETLINK_LOOPBACK && head.ifa_prefixlen == bytes * 8;
  return true;
}

static int rtnetlink_read_error(struct bc_str body) {
  int32_t error = 0;
  memcpy(&error, body.at, body.len < sizeof error ? 0 : sizeof error);
  return error > 0 || error == INT32_MIN ? 0 : -error;
}

enum bc_err bc_rtnetlink_next(struct bc_str *datagram, struct bc_rtnetlink_message *message) {
  struct nlmsghdr head;
  if (datagram->len == 0) {
    return BC_ERR_NOT_FOUND;
  }
  if (datagram->len < sizeof head) {
    return BC_ERR_PROTOCOL;
  }
  memcpy(&head, datagram->at, sizeof head);
  if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram->len) {
    return BC_ERR_PROTOCOL;
  }
  struct bc_str body = rtnetlink_take(datagram, head.nlmsg_len);
  (void)rtnetlink_take(&body, sizeof head);
  *message = (struct bc_rtnetlink_message){.kind = BC_RTNETLINK_OTHER,
                                           .port = head.nlmsg_pid,
                                           .sequence = head.nlmsg_seq,
                                           .is_interrupted = (head.nlmsg_flags & NLM_F_DUMP_INTR) != 0};
  if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR) {
    message->kind = head.nlmsg_type == NLMSG_DONE ? BC_RTNETLINK_DONE : BC_RTNETLINK_ANSWER;
    message->error = rtnetlink_read_error(body);
  } else if ((head.nlmsg_type == RTM_NEWADDR || head.nlmsg_type == RTM_DELADDR) &&
             rtnetlink_read_address(body, &message->address)) {
    message->kind = head.nlmsg_type == RTM_NEWADDR ? BC_RTNETLINK_HERE : BC_RTNETLINK_GONE;
  }
  return BC_ERR_OK;
}

/* ---- to the kernel ---- */

static void rtnetlink_add(struct bc_buf *to, const void *bytes, size_t len) {
  static const char zeros[4];
  bc_buf_add(to, bytes, len);
  bc_buf_add(to, zeros, rtnetlink_padding(len));
}

static void rtnetlink_add_attribute(struct bc_buf *to, unsigned type, const void *bytes, size_t len) {
  struct rtattr head = {.rta_len = (unsigned short)(sizeof head + len), .rta_type = (unsigned short)type};
  bc_buf_add(to, &head, sizeof head);
  rtnetlink_add(to, bytes, len);
}

static void rtnetlink_add_request(struct bc_buf *to, unsigned type, unsigned flags, uint32_t sequence,
                                  const struct bc_buf *body) {
  struct nlmsghdr head = {.nlmsg_len = (uint32_t)(sizeof head + body->len),
                          .nlmsg_type = (uint16_t)type,
                          .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
                          .nlmsg_seq = sequence};
  bc_buf_add(to, &head, sizeof head);
  bc_buf_add(to, body->data, body->len);
}

void bc_rtnetlink_print_dump(uint32_t sequence, struct bc_buf *to) {
  struct ifaddrmsg head = {.ifa_family = AF_UNSPEC};
  struct bc_buf body;
  bc_buf_init(&body, BC_RTNETLINK_REQUEST_BYTES);
  rtnetlink_add(&body, &head, sizeof head);
  rtnetlink_add_request(to, RTM_GETADDR, NLM_F_DUMP, sequence, &body);
  bc_buf_free(&body);
}

static void rtnetlink_start_change(bool is_ipv6, const uint8_t *address, struct bc_buf *body) {
  size_t bytes = rtnetlink_address_bytes(is_ipv6);
  struct ifaddrmsg head = {.ifa_family = is_ipv6 ? AF_INET6 : AF_INET,
                           .ifa_prefixlen = (uint8_t)(bytes * 8),
                           .ifa_flags = is_ipv6 ? IFA_F_NODAD : 0,
                           .ifa_scope = RT_SCOPE_UNIVERSE,
                           .ifa_index = BC_RTNETLINK_LOOPBACK};
  bc_buf_init(body, BC_RTNETLINK_REQUEST_BYTES);
  rtnetlink_add(body, &head, sizeof head);
  rtnetlink_add_attribute(body, IFA_LOCAL, address, bytes);
  rtnetlink_add_attribute(body, IFA_ADDRESS, address, bytes);
  if (!is_ipv6) {
    rtnetlink_add_attribute(body, IFA_LABEL, BC_RTNETLINK_LABEL, sizeof BC_RTNETLINK_LABEL);
  }
}

void bc_rtnetlink_print_set(bool is_ipv6, const uint8_t *address, uint32_t sequence, struct bc_buf *to) {
  struct bc_buf body;
  rtnetlink_start_change(is_ipv6, address, &body);
  if (is_ipv6) {
    uint32_t metric = BC_RTNETLINK_METRIC;
    uint8_t protocol = BC_RTNETLINK_PROTOCOL;
    rtnetlink_add_attribute(&body, RTNETLINK_IFA_RT_PRIORITY, &metric, sizeof metric);
    rtnetlink_add_attribute(&body, RTNETLINK_IFA_PROTO, &protocol, sizeof protocol);
  }
  rtnetlink_add_request(to, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence, &body);
  bc_buf_free(&body);
}

void bc_rtnetlink_print_remove(bool is_ipv6, const uint8_t *address, uint32_t sequence, struct bc_buf *to) {
  struct bc_buf body;
  rtnetlink_start_change(is_ipv6, address, &body);
  rtnetlink_add_request(to, RTM_DELADDR, NLM_F_ACK, sequence, &body);
  bc_buf_free(&body);
}
