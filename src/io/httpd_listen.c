#include "io/httpd_private.h"

#include "base/mem.h"
#include "io/unix_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { HTTPD_LISTEN_BACKLOG = 512, HTTPD_LISTEN_TURN = 64, HTTPD_LISTEN_RETRY_MS = 1000 };

struct httpd_listen_address {
  char text[128];
  const char *path; /* into `text`; NULL: not a Unix socket */
  struct sockaddr_storage address;
  socklen_t len;
  bool is_local;
};

static bool httpd_listen_is_loopback(const struct sockaddr_storage *address) {
  if (address->ss_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
  }
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    return v6->sin6_addr.s6_addr[12] == 127;
  }
  return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* "127.0.0.1:5000" or "[::1]:5000". */
static bool httpd_listen_parse_ip(const char *text, struct httpd_listen_address *to) {
  const char *colon = strrchr(text, ':');
  uint64_t port;
  if (colon == NULL || bc_str_to_u64(bc_str_of(colon + 1), 65535, &port) != BC_ERR_OK) {
    return false;
  }
  char host[128];
  size_t len = (size_t)(colon - text);
  bool is_v6 = len > 2 && text[0] == '[' && text[len - 1] == ']';
  (void)snprintf(host, sizeof host, "%.*s", (int)(is_v6 ? len - 2 : len), is_v6 ? text + 1 : text);
  if (is_v6) {
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to->address;
    *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    to->len = sizeof *v6;
    return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
  }
  struct sockaddr_in *v4 = (struct sockaddr_in *)&to->address;
  *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  to->len = sizeof *v4;
  return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

static enum bc_err httpd_listen_parse(struct bc_str item, size_t column, struct httpd_listen_address *to,
                                      struct bc_fault *fault) {
  static const char prefix[] = "unix:";
  *to = (struct httpd_listen_address){.is_local = true};
  if (item.len >= sizeof to->text) {
    bc_fault_set(fault, column, "longer than %zu bytes: " BC_STR_FMT, sizeof to->text - 1, BC_STR_ARG(item));
    return BC_ERR_RANGE;
  }
  memcpy(to->text, item.at, item.len);
  if (bc_str_starts(item, prefix)) {
    to->path = to->text + sizeof prefix - 1;
    if (*to->path != '/') {
      bc_fault_set(fault, column, "the path of a Unix socket begins with /: %s", to->text);
      return BC_ERR_SYNTAX;
    }
    return BC_ERR_OK;
  }
  if (!httpd_listen_parse_ip(to->text, to)) {
    bc_fault_set(fault, column, "expected ADDRESS:PORT as 127.0.0.1:5000 or [::1]:5000, or unix:/PATH: %s", to->text);
    return BC_ERR_SYNTAX;
  }
  to->is_local = httpd_listen_is_loopback(&to->address);
  return BC_ERR_OK;
}

/* ---- accepting ---- */

static bool httpd_listen_peer(int fd, const struct sockaddr_storage *address, struct bc_httpd_peer *peer) {
  *peer = (struct bc_httpd_peer){.uid = (uid_t)-1};
  if (address->ss_family == AF_UNIX) {
    struct ucred credentials;
    socklen_t len = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0) {
      return false;
    }
    peer->is_unix = true;
    peer->pid = credentials.pid;
    peer->uid = credentials.uid;
    memcpy(peer->address, "unix", sizeof "unix");
    return true;
  }
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
  const void *from = address->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                                                   : (const void *)&v6->sin6_addr;
  int family = address->ss_family;
  if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    family = AF_INET;
    from = v6->sin6_addr.s6_addr + 12;
  }
  peer->is_loopback = httpd_listen_is_loopback(address);
  return inet_ntop(family, from, peer->address, sizeof peer->address) != NULL;
}

static void httpd_listen_on_connect(void *arg, int fd, int events) {
  struct httpd_listener *listener = arg;
  (void)events;
  for (int i = 0; i < HTTPD_LISTEN_TURN; i++) {
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    int client = accept4(fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        bc_watch_set(listener->watch, 0); /* it would be called again and again */
        bc_timer_start(listener->retry, HTTPD_LISTEN_RETRY_MS);
      }
      return;
    }
    struct bc_httpd_peer peer;
    if (!httpd_listen_peer(client, &address, &peer)) {
      (void)close(client);
      continue;
    }
    if (!peer.is_unix) {
      int on = 1;
      (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    bc_httpd_add(listener->httpd, client, &peer, (const struct sockaddr *)&address, len);
  }
}

static void httpd_listen_on_retry(void *arg) {
  struct httpd_listener *listener = arg;
  bc_watch_set(listener->watch, BC_WATCH_READ);
}

/* ---- opening ---- */

static enum bc_err httpd_listen_ip(const struct httpd_listen_address *from, int *out, struct bc_fault *fault) {
  int on = 1;
  int fd = socket(from->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool is_open =
      fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      (from->address.ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
      bind(fd, (const struct sockaddr *)&from->address, from->len) == 0 && listen(fd, HTTPD_LISTEN_BACKLOG) == 0;
  if (!is_open) {
    int code = errno;
    bc_fault_set(fault, 0, "cannot listen at %s: %s", from->text, strerror(code));
    if (fd >= 0) {
      (void)close(fd);
    }
    return code == EADDRINUSE ? BC_ERR_EXISTS : BC_ERR_IO;
  }
  *out = fd;
  return BC_ERR_OK;
}

static enum bc_err httpd_listen_open(struct bc_httpd *httpd, const struct httpd_listen_address *from,
                                     struct bc_fault *fault) {
  struct httpd_listener *listener = &httpd->listeners[httpd->listener_count];
  *listener = (struct httpd_listener){.httpd = httpd, .fd = -1};
  enum bc_err err = from->path != NULL ? bc_unix_listen_open(from->path, &listener->fd, &listener->file, fault)
                                       : httpd_listen_ip(from, &listener->fd, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  httpd->listener_count++; /* from here on bc_httpd_listen_end closes it */
  listener->path = from->path == NULL ? NULL : bc_mem_copy_string(from->path);
  listener->retry = bc_timer_new(httpd->loop, httpd_listen_on_retry, listener);
  listener->watch = bc_watch_new(httpd->loop, listener->fd, httpd_listen_on_connect, listener);
  if (listener->watch == NULL) {
    bc_fault_set(fault, 0, "cannot watch %s: this user watches too many descriptors (fs.epoll.max_user_watches)",
                 from->text);
    return BC_ERR_IO;
  }
  bc_watch_set(listener->watch, BC_WATCH_READ);
  return BC_ERR_OK;
}

void bc_httpd_listen_end(struct bc_httpd *httpd) {
  while (httpd->listener_count > 0) {
    struct httpd_listener *listener = &httpd->listeners[--httpd->listener_count];
    bc_watch_free(listener->watch);
    bc_timer_free(listener->retry);
    if (listener->path != NULL) {
      bc_unix_listen_remove(listener->path, &listener->file);
      free(listener->path);
    }
    (void)close(listener->fd);
  }
}

/* At most BC_LIMIT_HTTP_LISTEN. */
static enum bc_err httpd_listen_parse_all(const char *listen, struct httpd_listen_address *to, unsigned *count,
                                          struct bc_fault *fault) {
  struct bc_str rest = bc_str_of(listen), field;
  enum bc_err err = BC_ERR_OK;
  for (*count = 0; err == BC_ERR_OK && bc_str_next_field(&rest, ',', &field); (*count)++) {
    if (*count == BC_LIMIT_HTTP_LISTEN) {
      bc_fault_set(fault, 0, "more than %d addresses", BC_LIMIT_HTTP_LISTEN);
      return BC_ERR_RANGE;
    }
    err = httpd_listen_parse(bc_str_trim(field), (size_t)(field.at - listen) + 1, &to[*count], fault);
  }
  return err;
}

enum bc_err bc_httpd_listen(struct bc_httpd *httpd, const char *listen, struct bc_fault *fault) {
  struct httpd_listen_address addresses[BC_LIMIT_HTTP_LISTEN];
  unsigned count;
  enum bc_err err = httpd_listen_parse_all(listen, addresses, &count, fault);
  for (unsigned i = 0; err == BC_ERR_OK && i < count; i++) {
    err = httpd_listen_open(httpd, &addresses[i], fault);
  }
  return err;
}

enum bc_err bc_httpd_listen_each(const char *listen, bc_httpd_listen_fn *fn, void *arg, struct bc_fault *fault) {
  struct httpd_listen_address addresses[BC_LIMIT_HTTP_LISTEN];
  unsigned count;
  enum bc_err err = httpd_listen_parse_all(listen, addresses, &count, fault);
  for (unsigned i = 0; err == BC_ERR_OK && fn != NULL && i < count; i++) {
    fn(arg, addresses[i].text, addresses[i].is_local);
  }
  return err;
}
