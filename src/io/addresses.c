#include "io/addresses.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/tree.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  ADDRESSES_COALESCE_MS = 200,
  ADDRESSES_REDUMP_MS = 60000, /* a notification may be lost unseen */
  ADDRESSES_AGAIN_MS = 1000,   /* after a failure, or a dump that was interrupted or is not answered */
  ADDRESSES_DATAGRAM_BYTES = 65536,
  ADDRESSES_READS_A_TURN = 64,
  ADDRESSES_RECEIVE_BYTES = 1024 * 1024
};

#define ADDRESSES_SURPLUS "the host has more than are followed"

struct addresses_entry {
  RB_ENTRY(addresses_entry) link;
  struct bc_rtnetlink_address is;
  unsigned generation; /* of the dump that last told it */
};

RB_HEAD(addresses_tree, addresses_entry);

struct bc_addresses {
  struct bc_loop *loop;
  bc_loop_fn *changed;
  void *arg;
  struct bc_timer *changed_timer;
  struct bc_timer *dump_timer;
  struct bc_watch *watch;
  int fd;
  uint32_t port; /* our netlink address */
  struct addresses_tree tree;
  size_t count;
  unsigned generation;
  uint32_t sequence; /* of the dump that is being read; 0 = none */
  bool is_dump_interrupted;
  bool has_dump;    /* one was read whole … */
  bool has_surplus; /* … but there are more than are held */
  char problem[128];
  char *buffer;
};

/* By address first, so that what a prefix holds stands together. */
static int addresses_compare(const struct addresses_entry *a, const struct addresses_entry *b) {
  int by = (int)a->is.is_ipv6 - (int)b->is.is_ipv6;
  by = by != 0 ? by : memcmp(a->is.local, b->is.local, sizeof a->is.local);
  by = by != 0 ? by : (int)a->is.length - (int)b->is.length;
  by = by != 0 ? by : memcmp(a->is.peer, b->is.peer, sizeof a->is.peer);
  return by != 0 ? by : (a->is.interface > b->is.interface) - (a->is.interface < b->is.interface);
}

BC_TREE(addresses_tree, addresses_entry, link, addresses_compare)

/* The functions of <sys/tree.h> take the head without const, though finding changes nothing. */
static struct addresses_tree *addresses_tree(const struct bc_addresses *addresses) {
  return (struct addresses_tree *)(uintptr_t)&addresses->tree;
}

static void addresses_tell(struct bc_addresses *addresses) {
  if (!bc_timer_is_armed(addresses->changed_timer)) {
    bc_timer_start(addresses->changed_timer, ADDRESSES_COALESCE_MS);
  }
}

static void addresses_set_problem(struct bc_addresses *addresses, const char *what, int error) {
  char text[sizeof addresses->problem] = "";
  if (what != NULL) {
    (void)snprintf(text, sizeof text, "%s%s%s", what, error == 0 ? "" : ": ", error == 0 ? "" : strerror(error));
  }
  if (strcmp(text, addresses->problem) != 0) {
    memcpy(addresses->problem, text, sizeof text);
    addresses_tell(addresses);
  }
}

/* ---- what the kernel tells ---- */

static void addresses_drop(struct bc_addresses *addresses, struct addresses_entry *entry) {
  RB_REMOVE(addresses_tree, &addresses->tree, entry);
  addresses->count--;
  free(entry);
}

static bool addresses_is_same_to_others(const struct bc_rtnetlink_address *a, const struct bc_rtnetlink_address *b) {
  return a->is_ours == b->is_ours && a->is_tentative == b->is_tentative && a->is_duplicate == b->is_duplicate;
}

static void addresses_here(struct bc_addresses *addresses, const struct bc_rtnetlink_address *address) {
  struct addresses_entry wanted = {.is = *address};
  struct addresses_entry *entry = RB_FIND(addresses_tree, &addresses->tree, &wanted);
  if (entry == NULL) {
    if (addresses->count >= BC_LIMIT_HOST_ADDRESSES) {
      addresses->has_surplus = true;
      addresses_set_problem(addresses, ADDRESSES_SURPLUS, 0);
      return;
    }
    entry = bc_mem_new(1, sizeof *entry);
    entry->is = *address;
    (void)RB_INSERT(addresses_tree, &addresses->tree, entry);
    addresses->count++;
    addresses_tell(addresses);
  } else if (!addresses_is_same_to_others(&entry->is, address)) {
    entry->is = *address;
    addresses_tell(addresses);
  }
  entry->generation = addresses->generation;
}

static void addresses_gone(struct bc_addresses *addresses, const struct bc_rtnetlink_address *address) {
  struct addresses_entry wanted = {.is = *address};
  struct addresses_entry *entry = RB_FIND(addresses_tree, &addresses->tree, &wanted);
  if (entry != NULL) {
    addresses_drop(addresses, entry);
    addresses_tell(addresses);
  }
}

static void addresses_dump_end(struct bc_addresses *addresses, int error) {
  addresses->sequence = 0;
  if (error != 0 || addresses->is_dump_interrupted) {
    bc_timer_start(addresses->dump_timer, error != 0 ? ADDRESSES_AGAIN_MS : ADDRESSES_COALESCE_MS);
    if (error != 0) {
      addresses_set_problem(addresses, "the kernel does not list them", error);
    }
    return;
  }
  struct addresses_entry *at;
  struct addresses_entry *next;
  RB_FOREACH_SAFE(at, addresses_tree, &addresses->tree, next) {
    if (at->generation != addresses->generation) {
      addresses_drop(addresses, at);
      addresses_tell(addresses);
    }
  }
  if (!addresses->has_dump) {
    addresses->has_dump = true;
    addresses_tell(addresses);
  }
  addresses_set_problem(addresses, addresses->has_surplus ? ADDRESSES_SURPLUS : NULL, 0);
  bc_timer_start(addresses->dump_timer, ADDRESSES_REDUMP_MS);
}

static void addresses_take(struct bc_addresses *addresses, struct bc_str datagram) {
  struct bc_rtnetlink_message message;
  enum bc_err err;
  while ((err = bc_rtnetlink_next(&datagram, &message)) == BC_ERR_OK) {
    bool is_dump = message.port == addresses->port;
    if (is_dump && message.sequence != addresses->sequence) {
      continue; /* of a dump that was given up */
    }
    addresses->is_dump_interrupted = addresses->is_dump_interrupted || (is_dump && message.is_interrupted);
    switch (message.kind) {
    case BC_RTNETLINK_HERE:
      addresses_here(addresses, &message.address);
      break;
    case BC_RTNETLINK_GONE:
      addresses_gone(addresses, &message.address);
      break;
    case BC_RTNETLINK_DONE:
    case BC_RTNETLINK_ANSWER:
      addresses_dump_end(addresses, message.error);
      break;
    case BC_RTNETLINK_OTHER:
      break;
    }
  }
  /* What was not understood may have been a part of the list. */
  addresses->is_dump_interrupted = addresses->is_dump_interrupted || err == BC_ERR_PROTOCOL;
}

/* ---- the socket ---- */

static void addresses_dump(struct bc_addresses *addresses) {
  static uint32_t last;
  struct bc_buf request;
  bc_buf_init(&request, BC_RTNETLINK_REQUEST_BYTES);
  addresses->sequence = ++last == 0 ? ++last : last;
  addresses->generation++;
  addresses->is_dump_interrupted = false;
  addresses->has_surplus = false;
  bc_rtnetlink_print_dump(addresses->sequence, &request);
  bool is_sent = send(addresses->fd, request.data, request.len, 0) == (ssize_t)request.len;
  if (!is_sent) {
    addresses->sequence = 0;
    addresses_set_problem(addresses, "the kernel cannot be asked for them", errno);
  }
  bc_timer_start(addresses->dump_timer, ADDRESSES_AGAIN_MS);
  bc_buf_free(&request);
}

static void addresses_on_ready(void *arg, int fd, int events) {
  struct bc_addresses *addresses = arg;
  (void)events;
  for (int i = 0; i < ADDRESSES_READS_A_TURN; i++) {
    struct sockaddr_nl from = {0};
    socklen_t from_len = sizeof from;
    ssize_t got = recvfrom(fd, addresses->buffer, ADDRESSES_DATAGRAM_BYTES, 0, (struct sockaddr *)&from, &from_len);
    if (got < 0 && errno == ENOBUFS) {
      /* Notifications were lost: only a list tells what is true now. */
      bc_timer_start(addresses->dump_timer, 0);
      continue;
    }
    if (got <= 0) {
      return;
    }
    if (from.nl_pid == 0) {
      addresses_take(addresses, (struct bc_str){.at = addresses->buffer, .len = (size_t)got});
    }
  }
}

static bool addresses_open(struct bc_addresses *addresses) {
  struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
  int bytes = ADDRESSES_RECEIVE_BYTES;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  socklen_t name_len = sizeof name;
  if (fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0 &&
      getsockname(fd, (struct sockaddr *)&name, &name_len) == 0) {
    addresses->port = name.nl_pid;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    addresses->fd = fd;
    addresses->watch = bc_watch_new(addresses->loop, fd, addresses_on_ready, addresses);
    if (addresses->watch != NULL) {
      bc_watch_set(addresses->watch, BC_WATCH_READ);
      return true;
    }
    addresses->fd = -1;
  }
  addresses_set_problem(addresses, "no netlink socket", errno);
  if (fd >= 0) {
    (void)close(fd);
  }
  return false;
}

static void addresses_on_dump_timer(void *arg) {
  struct bc_addresses *addresses = arg;
  if (addresses->fd < 0 && !addresses_open(addresses)) {
    bc_timer_start(addresses->dump_timer, ADDRESSES_REDUMP_MS);
    return;
  }
  addresses_dump(addresses);
}

static void addresses_on_changed(void *arg) {
  struct bc_addresses *addresses = arg;
  addresses->changed(addresses->arg);
}

struct bc_addresses *bc_addresses_new(struct bc_loop *loop, bc_loop_fn *changed, void *arg) {
  struct bc_addresses *made = bc_mem_new(1, sizeof *made);
  made->loop = loop;
  made->changed = changed;
  made->arg = arg;
  made->fd = -1;
  RB_INIT(&made->tree);
  made->buffer = bc_mem_new(ADDRESSES_DATAGRAM_BYTES, 1);
  made->changed_timer = bc_timer_new(loop, addresses_on_changed, made);
  made->dump_timer = bc_timer_new(loop, addresses_on_dump_timer, made);
  addresses_on_dump_timer(made);
  return made;
}

void bc_addresses_free(struct bc_addresses *addresses) {
  if (addresses == NULL) {
    return;
  }
  struct addresses_entry *entry;
  while ((entry = RB_MIN(addresses_tree, &addresses->tree)) != NULL) {
    addresses_drop(addresses, entry);
  }
  bc_watch_free(addresses->watch);
  if (addresses->fd >= 0) {
    (void)close(addresses->fd);
  }
  bc_timer_free(addresses->changed_timer);
  bc_timer_free(addresses->dump_timer);
  free(addresses->buffer);
  free(addresses);
}

/* ---- questions ---- */

const char *bc_addresses_problem(const struct bc_addresses *addresses) {
  if (addresses->problem[0] != '\0') {
    return addresses->problem;
  }
  return addresses->has_dump ? NULL : "the kernel has not listed them yet";
}

static bool addresses_covers(const uint8_t *prefix, unsigned length, const uint8_t *address) {
  unsigned whole = length / 8;
  if (memcmp(prefix, address, whole) != 0) {
    return false;
  }
  unsigned mask = 0xffU & ~(0xffU >> length % 8);
  return length % 8 == 0 || ((prefix[whole] ^ address[whole]) & mask) == 0;
}

struct bc_addresses_found bc_addresses_find(const struct bc_addresses *addresses, bool is_ipv6, const uint8_t *address,
                                            unsigned length) {
  struct bc_addresses_found found = {0};
  struct addresses_entry first = {.is = {.is_ipv6 = is_ipv6}};
  unsigned bytes = is_ipv6 ? 16 : 4;
  unsigned whole = length / 8;
  memcpy(first.is.local, address, whole);
  if (whole < bytes) {
    first.is.local[whole] = (uint8_t)(address[whole] & (0xffU & ~(0xffU >> length % 8)));
  }
  bool is_single = length == bytes * 8;
  struct addresses_entry *at = RB_NFIND(addresses_tree, addresses_tree(addresses), &first);
  while (at != NULL && at->is.is_ipv6 == is_ipv6 && addresses_covers(address, length, at->is.local)) {
    bool is_usable = !at->is.is_tentative && !at->is.is_duplicate;
    found.is_usable = found.is_usable || is_usable;
    found.is_tentative = found.is_tentative || (at->is.is_tentative && !at->is.is_duplicate);
    found.is_there = true;
    found.is_ours = found.is_ours || at->is.is_ours;
    found.is_foreign = found.is_foreign || !at->is.is_ours;
    if (is_usable && !is_single) {
      break; /* one is enough, and there may be very many */
    }
    at = RB_NEXT(addresses_tree, NULL, at);
  }
  return found;
}

const struct bc_rtnetlink_address *bc_addresses_next(const struct bc_addresses *addresses,
                                                     const struct bc_rtnetlink_address *after) {
  struct addresses_entry *at;
  if (after == NULL) {
    at = RB_MIN(addresses_tree, addresses_tree(addresses));
  } else {
    struct addresses_entry wanted = {.is = *after};
    at = RB_FIND(addresses_tree, addresses_tree(addresses), &wanted);
    at = at == NULL ? NULL : RB_NEXT(addresses_tree, NULL, at);
  }
  return at == NULL ? NULL : &at->is;
}

const struct bc_rtnetlink_address *bc_addresses_next_ours(const struct bc_addresses *addresses,
                                                          const struct bc_rtnetlink_address *after) {
  const struct bc_rtnetlink_address *at = bc_addresses_next(addresses, after);
  while (at != NULL && !at->is_ours) {
    at = bc_addresses_next(addresses, at);
  }
  return at;
}
