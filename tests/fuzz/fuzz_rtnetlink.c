/* A datagram of netlink messages: whatever it holds, each one takes some of it, and what it says is in bounds. */
#include "proto/rtnetlink.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_address(const struct bc_rtnetlink_address *address) {
  static const uint8_t zeros[12];
  unsigned bits = address->is_ipv6 ? 128 : 32;
  bool is_clean = address->is_ipv6 || (memcmp(address->local + 4, zeros, sizeof zeros) == 0 &&
                                       memcmp(address->peer + 4, zeros, sizeof zeros) == 0 && !address->is_tentative);
  bool is_mark_true = !address->is_ours || (address->length == bits && address->interface == BC_RTNETLINK_LOOPBACK);
  if (address->length > bits || !is_clean || !is_mark_true) {
    abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* An exact copy, so that the sanitizer sees a read behind the end. */
  char *copy = malloc(size == 0 ? 1 : size);
  if (copy == NULL) {
    abort();
  }
  if (size > 0) {
    memcpy(copy, data, size);
  }
  struct bc_str datagram = {.at = copy, .len = size};
  struct bc_rtnetlink_message message;
  size_t left = size;
  while (bc_rtnetlink_next(&datagram, &message) == BC_ERR_OK) {
    if (datagram.len >= left || message.error < 0) {
      abort();
    }
    left = datagram.len;
    if (message.kind == BC_RTNETLINK_HERE || message.kind == BC_RTNETLINK_GONE) {
      check_address(&message.address);
    }
  }
  free(copy);
  return 0;
}
