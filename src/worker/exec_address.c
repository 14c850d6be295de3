#include "base/log.h"
#include "proto/rtnetlink.h"
#include "worker/exec_private.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADDRESS_ANSWER_BYTES = 8192, ADDRESS_ANSWER_MS = 1000 };

static void address_send(struct exec_worker *worker, const struct bc_msg *message) {
  if (bc_channel_send(worker->channel, message) != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "%s could not be sent", bc_msg_name(message->type));
  }
}

void exec_address_start(struct exec_worker *worker, bool is_permitted) {
  const char *why = "";
  worker->address_fd = -1;
  if (!is_permitted) {
    why = "no CAP_NET_ADMIN: run ExaBGP as root, or with AmbientCapabilities=CAP_NET_ADMIN in its unit";
  } else {
    worker->address_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    why = worker->address_fd < 0 ? "no netlink socket" : "";
  }
  struct bc_msg able = {.type = BC_MSG_ADDRESS_ABLE,
                        .address_able = {.is_able = worker->address_fd >= 0, .why = bc_str_of(why)}};
  address_send(worker, &able);
}

/* 0 or an errno. */
static int address_read_answer(struct exec_worker *worker) {
  char bytes[ADDRESS_ANSWER_BYTES];
  struct pollfd entry = {.fd = worker->address_fd, .events = POLLIN};
  while (poll(&entry, 1, ADDRESS_ANSWER_MS) > 0) {
    ssize_t got = recv(worker->address_fd, bytes, sizeof bytes, 0);
    struct bc_str datagram = {.at = bytes, .len = got > 0 ? (size_t)got : 0};
    struct bc_rtnetlink_message message;
    while (bc_rtnetlink_next(&datagram, &message) == BC_ERR_OK) {
      if (message.kind == BC_RTNETLINK_ANSWER && message.sequence == worker->address_sequence) {
        return message.error;
      }
    }
    if (got < 0 && errno != EAGAIN && errno != EINTR) {
      return errno;
    }
  }
  return ETIMEDOUT;
}

static int address_change(struct exec_worker *worker, bool is_set, struct bc_str address) {
  struct bc_buf request;
  if (worker->address_fd < 0) {
    return EPERM;
  }
  if (address.len != 4 && address.len != 16) {
    return EINVAL;
  }
  bool is_ipv6 = address.len == 16;
  uint8_t bytes[16] = {0};
  memcpy(bytes, address.at, address.len);
  bc_buf_init(&request, BC_RTNETLINK_REQUEST_BYTES);
  worker->address_sequence++;
  if (is_set) {
    bc_rtnetlink_print_set(is_ipv6, bytes, worker->address_sequence, &request);
  } else {
    bc_rtnetlink_print_remove(is_ipv6, bytes, worker->address_sequence, &request);
  }
  ssize_t sent = send(worker->address_fd, request.data, request.len, 0);
  int err = sent == (ssize_t)request.len ? 0 : sent < 0 ? errno : EIO;
  bc_buf_free(&request);
  return err != 0 ? err : address_read_answer(worker);
}

void exec_address_change(struct exec_worker *worker, const struct bc_msg *message) {
  bool is_set = message->type == BC_MSG_ADDRESS_SET;
  uint32_t id = is_set ? message->address_set.id : message->address_remove.id;
  struct bc_str address = is_set ? message->address_set.address : message->address_remove.address;
  int err = address_change(worker, is_set, address);
  struct bc_msg result = {.type = BC_MSG_ADDRESS_RESULT, .address_result = {.id = id, .error = (uint32_t)err}};
  address_send(worker, &result);
}

void exec_address_stop(struct exec_worker *worker) {
  if (worker->address_fd >= 0) {
    (void)close(worker->address_fd);
  }
}
