#include "io/resolver.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/endpoint.h"
#include "io/resolver_private.h"

#include <ares.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Callers have deadlines of a second or two, so a lost packet is to be sent again before; 1232 bytes pass every link
 * unfragmented. */
enum {
  RESOLVER_RETRY_MS = 1000,
  RESOLVER_TRIES = 3,
  RESOLVER_EDNS_BYTES = 1232,
  RESOLVER_PORT = 53,
  RESOLVER_NAME_BYTES = 253,
  RESOLVER_SHOWN_BYTES = 100
};

/* A descriptor of c-ares. */
struct resolver_socket {
  LIST_ENTRY(resolver_socket) link;
  struct bc_watch *watch;
  int fd;
};

struct resolver_channel {
  LIST_ENTRY(resolver_channel) link;
  struct bc_resolver *resolver;
  ares_channel ares;
  struct bc_timer *timer;
  LIST_HEAD(, resolver_socket) sockets;
  unsigned names;  /* at c-ares */
  unsigned wanted; /* of these, not given up */
};

struct resolver_name;

/* What c-ares holds of a name: it cannot give up a single one, so it may outlive the call. */
struct resolver_lookup {
  struct resolver_channel *channel;
  struct resolver_name *name; /* NULL: given up */
};

struct resolver_name {
  struct bc_resolver_call call;
  struct resolver_lookup *lookup; /* NULL: not at c-ares */
  char text[RESOLVER_SHOWN_BYTES + 1];
  struct bc_resolver_found found;
  bc_resolver_found_fn *fn;
  void *arg;
};

/* ---- calls ---- */

static void resolver_call_end(struct bc_resolver_call *call) {
  LIST_REMOVE(call, link);
  bc_timer_free(call->timer);
  call->stop(call);
}

static void resolver_on_timer(void *arg) {
  struct bc_resolver_call *call = arg;
  if (!call->is_settled) {
    call->time_out(call);
  }
  resolver_call_end(call);
  call->tell(call);
  call->release(call);
}

void bc_resolver_call_start(struct bc_resolver *resolver, struct bc_resolver_call *call, int64_t timeout_ms) {
  call->resolver = resolver;
  call->timer = bc_timer_new(resolver->loop, resolver_on_timer, call);
  LIST_INSERT_HEAD(&resolver->calls, call, link);
  timeout_ms = timeout_ms < BC_RESOLVER_TIMEOUT_MS ? timeout_ms : BC_RESOLVER_TIMEOUT_MS;
  bc_timer_start_at(call->timer, bc_mono_add_ms(bc_mono_now(), timeout_ms));
}

void bc_resolver_call_settle(struct bc_resolver_call *call) {
  if (!call->is_settled) {
    call->is_settled = true;
    bc_timer_start(call->timer, 0);
  }
}

void bc_resolver_cancel(struct bc_resolver_call *call) {
  if (call != NULL) {
    resolver_call_end(call);
    call->release(call);
  }
}

/* ---- c-ares on the loop ---- */

static void resolver_channel_free(struct resolver_channel *channel) {
  LIST_REMOVE(channel, link);
  ares_destroy(channel->ares);
  bc_timer_free(channel->timer);
  free(channel);
}

static void resolver_arm(struct resolver_channel *channel) {
  struct timeval left;
  if (channel->resolver->channel != channel && channel->names == 0) {
    bc_timer_start(channel->timer, 0);
  } else if (ares_timeout(channel->ares, NULL, &left) == NULL) {
    bc_timer_stop(channel->timer);
  } else {
    bc_timer_start(channel->timer, (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 + 1);
  }
}

static void resolver_on_retry(void *arg) {
  struct resolver_channel *channel = arg;
  if (channel->resolver->channel != channel && channel->names == 0) {
    resolver_channel_free(channel);
    return;
  }
  ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  resolver_arm(channel);
}

static void resolver_on_ready(void *arg, int fd, int events) {
  struct resolver_channel *channel = arg;
  ares_process_fd(channel->ares, (events & BC_WATCH_READ) != 0 ? fd : ARES_SOCKET_BAD,
                  (events & BC_WATCH_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
  resolver_arm(channel);
}

static void resolver_on_socket(void *arg, ares_socket_t fd, int readable, int writable) {
  struct resolver_channel *channel = arg;
  struct resolver_socket *sock;
  LIST_FOREACH(sock, &channel->sockets, link) {
    if (sock->fd == fd) {
      break;
    }
  }
  if (readable == 0 && writable == 0) {
    if (sock != NULL) {
      LIST_REMOVE(sock, link);
      bc_watch_free(sock->watch);
      free(sock);
    }
    return;
  }
  if (sock == NULL) {
    struct bc_watch *watch = bc_watch_new(channel->resolver->loop, fd, resolver_on_ready, channel);
    if (watch == NULL) {
      return; /* the deadline ends it */
    }
    sock = bc_mem_new(1, sizeof *sock);
    sock->fd = fd;
    sock->watch = watch;
    LIST_INSERT_HEAD(&channel->sockets, sock, link);
  }
  bc_watch_set(sock->watch, (readable != 0 ? BC_WATCH_READ : 0) | (writable != 0 ? BC_WATCH_WRITE : 0));
}

static struct resolver_channel *resolver_channel_new(struct bc_resolver *resolver, struct bc_fault *fault) {
  struct resolver_channel *channel = bc_mem_new(1, sizeof *channel);
  char *resolv_conf = bc_mem_copy_string(resolver->options.resolv_conf);
  struct ares_options options = {.flags = ARES_FLAG_EDNS,
                                 .timeout = RESOLVER_RETRY_MS,
                                 .tries = RESOLVER_TRIES,
                                 .ednspsz = RESOLVER_EDNS_BYTES,
                                 .udp_port = resolver->options.port,
                                 .tcp_port = resolver->options.port,
                                 .sock_state_cb = resolver_on_socket,
                                 .sock_state_cb_data = channel,
                                 .resolvconf_path = resolv_conf};
  int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB;
  mask |= resolv_conf != NULL ? ARES_OPT_RESOLVCONF : 0;
  mask |= resolver->options.port != 0 ? ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT : 0;
  channel->resolver = resolver;
  int status = ares_init_options(&channel->ares, &options, mask);
  free(resolv_conf);
  if (status != ARES_SUCCESS) {
    bc_fault_set(fault, 0, "the resolver does not start: %s", ares_strerror(status));
    free(channel);
    return NULL;
  }
  channel->timer = bc_timer_new(resolver->loop, resolver_on_retry, channel);
  LIST_INSERT_HEAD(&resolver->channels, channel, link);
  return channel;
}

/* The errno of opening the hosts file; 0: it can be read, or there is none. */
static int resolver_try_hosts(const struct bc_resolver *resolver) {
  const char *named = resolver->options.has_own_hosts ? getenv("CARES_HOSTS") : NULL;
  int fd = open(named == NULL ? "/etc/hosts" : named, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0) {
    (void)close(fd);
    return 0;
  }
  return errno == ENOENT ? 0 : errno;
}

struct bc_resolver *bc_resolver_new(struct bc_loop *loop, const struct bc_resolver_options *options,
                                    struct bc_fault *fault) {
  struct bc_resolver *resolver = bc_mem_new(1, sizeof *resolver);
  resolver->loop = loop;
  LIST_INIT(&resolver->channels);
  LIST_INIT(&resolver->calls);
  if (options != NULL) {
    resolver->options = *options;
    resolver->options.resolv_conf = bc_mem_copy_string(options->resolv_conf);
  }
  resolver->reads_hosts = resolver_try_hosts(resolver) == 0;
  if (ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS) {
    resolver->channel = resolver_channel_new(resolver, fault);
  } else {
    bc_fault_set(fault, 0, "the resolver does not start");
  }
  if (resolver->channel == NULL) {
    bc_resolver_free(resolver);
    return NULL;
  }
  return resolver;
}

void bc_resolver_free(struct bc_resolver *resolver) {
  if (resolver == NULL) {
    return;
  }
  while (!LIST_EMPTY(&resolver->calls)) {
    bc_resolver_cancel(LIST_FIRST(&resolver->calls));
  }
  while (!LIST_EMPTY(&resolver->channels)) {
    resolver_channel_free(LIST_FIRST(&resolver->channels));
  }
  ares_library_cleanup();
  free((void *)resolver->options.resolv_conf);
  free(resolver);
}

enum bc_err bc_resolver_reload(struct bc_resolver *resolver, struct bc_fault *fault) {
  struct resolver_channel *fresh = resolver_channel_new(resolver, fault);
  if (fresh == NULL) {
    return BC_ERR_IO;
  }
  struct resolver_channel *old = resolver->channel;
  resolver->channel = fresh;
  resolver_arm(old);
  return BC_ERR_OK;
}

void bc_resolver_first_server(const struct bc_resolver *resolver, struct bc_resolver_address *server, uint16_t *port) {
  struct ares_addr_port_node *servers = NULL;
  *server = (struct bc_resolver_address){.bytes = {127, 0, 0, 1}};
  *port = resolver->options.port != 0 ? resolver->options.port : RESOLVER_PORT;
  if (ares_get_servers_ports(resolver->channel->ares, &servers) != ARES_SUCCESS || servers == NULL) {
    return;
  }
  server->is_ipv6 = servers->family == AF_INET6;
  memset(server->bytes, 0, sizeof server->bytes);
  memcpy(server->bytes, &servers->addr, server->is_ipv6 ? 16 : 4);
  *port = servers->udp_port != 0 ? (uint16_t)servers->udp_port : *port;
  ares_free_data(servers);
}

/* ---- what c-ares found ---- */

/* Sends nothing. */
static bool resolver_has_route(const struct sockaddr *address, socklen_t len) {
  int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool is_routed = fd >= 0 && connect(fd, address, len) == 0;
  if (fd >= 0) {
    (void)close(fd);
  }
  return is_routed;
}

static struct bc_resolver_address resolver_address_of(const struct sockaddr *from) {
  struct bc_resolver_address address = {.is_ipv6 = from->sa_family == AF_INET6};
  if (address.is_ipv6) {
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, from, sizeof ipv6);
    memcpy(address.bytes, &ipv6.sin6_addr, 16);
  } else {
    struct sockaddr_in ipv4;
    memcpy(&ipv4, from, sizeof ipv4);
    memcpy(address.bytes, &ipv4.sin_addr, 4);
  }
  return address;
}

/* Adds the addresses of one family; false when there is no route to the first of them, nothing added. */
static bool resolver_add_family(const struct ares_addrinfo *info, int family, bool even_unrouted,
                                struct bc_resolver_found *found) {
  size_t most = found->count + BC_RESOLVER_ADDRESSES / 2;
  bool is_first = true;
  for (const struct ares_addrinfo_node *node = info->nodes; node != NULL && found->count < most; node = node->ai_next) {
    if (node->ai_family != family) {
      continue;
    }
    if (is_first && !even_unrouted && !resolver_has_route(node->ai_addr, (socklen_t)node->ai_addrlen)) {
      return false;
    }
    is_first = false;
    found->addresses[found->count++] = resolver_address_of(node->ai_addr);
  }
  return true;
}

/* RFC 6724 in brief. c-ares would make a socket for each address, of which an answer may have thousands. */
static void resolver_take(const struct ares_addrinfo *info, struct bc_resolver_found *found) {
  bool has_ipv6 = resolver_add_family(info, AF_INET6, false, found);
  (void)resolver_add_family(info, AF_INET, true, found);
  if (!has_ipv6) {
    (void)resolver_add_family(info, AF_INET6, true, found);
  }
}

/* c-ares does not tell a descriptor that it did not get from a server that it did not reach. */
static bool resolver_is_short(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool is_short = fd < 0 && bc_endpoint_is_shortage(errno);
  if (fd >= 0) {
    (void)close(fd);
  }
  return is_short;
}

static enum bc_err resolver_judge(int status, const char **text) {
  if (status != ARES_ENOTFOUND && status != ARES_ENODATA && resolver_is_short()) {
    *text = "it cannot be looked up: too many descriptors are open";
    return BC_ERR_LIMIT;
  }
  switch (status) {
  case ARES_ENOTFOUND:
    *text = "there is no such name";
    return BC_ERR_NOT_FOUND;
  case ARES_SUCCESS:
  case ARES_ENODATA:
    *text = "the name has no address";
    return BC_ERR_NOT_FOUND;
  case ARES_ETIMEOUT:
    *text = "no DNS server answered";
    return BC_ERR_TIMEOUT;
  case ARES_EBADNAME:
    *text = "this cannot be a name";
    return BC_ERR_SYNTAX;
  case ARES_ECONNREFUSED: /* also when each server refuses the query */
    *text = "no DNS server is reached that takes the query";
    return BC_ERR_IO;
  default:
    *text = ares_strerror(status);
    return BC_ERR_IO;
  }
}

static void resolver_name_fail(struct resolver_name *name, enum bc_err err, const char *text) {
  name->found.err = err;
  bc_fault_set(&name->found.fault, 0, "%s: %s", name->text, text);
}

static void resolver_on_found(void *arg, int status, int timeouts, struct ares_addrinfo *info) {
  struct resolver_lookup *lookup = arg;
  struct resolver_name *name = lookup->name;
  (void)timeouts;
  lookup->channel->names--;
  lookup->channel->resolver->names--;
  if (name != NULL) {
    lookup->channel->wanted--;
    name->lookup = NULL;
    const char *text = "";
    if (status == ARES_SUCCESS) {
      resolver_take(info, &name->found);
    }
    if (name->found.count == 0) {
      enum bc_err err = resolver_judge(status, &text);
      resolver_name_fail(name, err, text);
    }
    bc_resolver_call_settle(&name->call);
  }
  if (info != NULL) {
    ares_freeaddrinfo(info);
  }
  free(lookup);
}

/* ---- names ---- */

/* False, with the failure, when what c-ares finds would not be what this host knows. */
static bool resolver_name_has_hosts(const struct bc_resolver *resolver, struct resolver_name *name) {
  int error = resolver->reads_hosts ? resolver_try_hosts(resolver) : 0;
  if (error == EACCES || error == EPERM) {
    resolver_name_fail(name, BC_ERR_AUTH,
                       "it is not looked up: /etc/hosts was replaced, and this process may not read the new one");
    return false;
  }
  if (bc_endpoint_is_shortage(error)) {
    resolver_name_fail(name, BC_ERR_LIMIT, "it cannot be looked up: too many descriptors are open");
    return false;
  }
  return true;
}

static struct resolver_name *resolver_name_of(struct bc_resolver_call *call) {
  return (struct resolver_name *)((char *)call - offsetof(struct resolver_name, call));
}

static void resolver_name_time_out(struct bc_resolver_call *call) {
  resolver_name_fail(resolver_name_of(call), BC_ERR_TIMEOUT, "no DNS server answered in time");
}

static void resolver_name_stop(struct bc_resolver_call *call) {
  struct resolver_lookup *lookup = resolver_name_of(call)->lookup;
  if (lookup == NULL) {
    return;
  }
  struct resolver_channel *channel = lookup->channel;
  lookup->name = NULL;
  channel->wanted--;
  if (channel->wanted == 0) {
    ares_cancel(channel->ares);
    resolver_arm(channel);
  }
}

static void resolver_name_tell(struct bc_resolver_call *call) {
  struct resolver_name *name = resolver_name_of(call);
  name->fn(name->arg, &name->found);
}

static void resolver_name_release(struct bc_resolver_call *call) {
  free(resolver_name_of(call));
}

static bool resolver_is_name(struct bc_str text) {
  return text.len > 0 && text.len <= RESOLVER_NAME_BYTES && bc_str_is_printable(text) &&
         memchr(text.at, ' ', text.len) == NULL;
}

static void resolver_name_ask(struct bc_resolver *resolver, struct resolver_name *name, const char *text) {
  struct resolver_channel *channel = resolver->channel;
  struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
                                      .ai_socktype = SOCK_STREAM,
                                      .ai_flags =
                                          ARES_AI_NOSORT | (resolver->options.has_own_hosts ? ARES_AI_ENVHOSTS : 0)};
  name->lookup = bc_mem_new(1, sizeof *name->lookup);
  *name->lookup = (struct resolver_lookup){.channel = channel, .name = name};
  resolver->names++;
  channel->names++;
  channel->wanted++;
  ares_getaddrinfo(channel->ares, text, NULL, &hints, resolver_on_found, name->lookup);
  resolver_arm(channel);
}

struct bc_resolver_call *bc_resolver_look_up(struct bc_resolver *resolver, struct bc_str text, int64_t timeout_ms,
                                             bc_resolver_found_fn *fn, void *arg) {
  struct resolver_name *name = bc_mem_new(1, sizeof *name);
  name->call.time_out = resolver_name_time_out;
  name->call.stop = resolver_name_stop;
  name->call.tell = resolver_name_tell;
  name->call.release = resolver_name_release;
  name->fn = fn;
  name->arg = arg;
  if (text.len > 0) {
    memcpy(name->text, text.at, text.len < RESOLVER_SHOWN_BYTES ? text.len : RESOLVER_SHOWN_BYTES);
  }
  bc_resolver_call_start(resolver, &name->call, timeout_ms);
  if (!resolver_is_name(text)) {
    resolver_name_fail(name, BC_ERR_SYNTAX, "this cannot be a name");
    bc_resolver_call_settle(&name->call);
  } else if (resolver->names >= BC_LIMIT_RESOLVER_NAMES) {
    resolver_name_fail(name, BC_ERR_LIMIT, "too many names are looked up at once");
    bc_resolver_call_settle(&name->call);
  } else if (!resolver_name_has_hosts(resolver, name)) {
    bc_resolver_call_settle(&name->call);
  } else {
    char terminated[RESOLVER_NAME_BYTES + 1] = "";
    memcpy(terminated, text.at, text.len);
    resolver_name_ask(resolver, name, terminated);
  }
  return &name->call;
}
