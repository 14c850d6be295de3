/* A web server for tests, in threads of its own: answers by path, with or without TLS, and counts. */
#ifndef BC_TEST_WEB_SERVER_H
#define BC_TEST_WEB_SERVER_H

#include "tls_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* KEEP: waits for the next request on the connection. STALL: sends no more, until the server stops. FLOOD: sends 'x'
 * until nobody reads. RESET: cuts off. */
enum web_after { WEB_CLOSE, WEB_KEEP, WEB_STALL, WEB_FLOOD, WEB_RESET };

struct web_reply {
  const char *path;   /* as it stands in the request; NULL at the end of a table: any other */
  const char *answer; /* NULL: an HTTP/2 answer with status 200 and body "two" */
  enum web_after after;
};

enum { WEB_SEEN_BYTES = 300000, WEB_HANDLERS = 256 };

struct web_server {
  int listener;
  int stop; /* readable when all is to end */
  uint16_t port;
  const struct web_reply *replies;
  SSL_CTX *tls;
  void (*on_request)(void); /* called before each answer; may be NULL */
  bool is_first;            /* speaks before it is asked: the first reply */
  pthread_t accepter;
  pthread_t handlers[WEB_HANDLERS];
  size_t handler_count;
  atomic_uint connections; /* accepted */
  atomic_uint requests;
  atomic_uint gone; /* connections that are over */
  pthread_mutex_t lock;
  char seen[WEB_SEEN_BYTES]; /* the last request */
  char sni[256];             /* of the last handshake */
  bool has_client_cert;
};

struct web_peer {
  struct web_server *server;
  int fd;
  SSL *ssl;
};

static inline bool web_peer_wait(const struct web_peer *peer, short events) {
  struct pollfd fds[2] = {{.fd = peer->fd, .events = events}, {.fd = peer->server->stop, .events = POLLIN}};
  (void)poll(fds, 2, -1);
  return fds[1].revents == 0;
}

static inline ssize_t web_peer_read(const struct web_peer *peer, char *to, size_t room) {
  if (peer->ssl == NULL || SSL_pending(peer->ssl) == 0) {
    if (!web_peer_wait(peer, POLLIN)) {
      return -1;
    }
  }
  return peer->ssl != NULL ? SSL_read(peer->ssl, to, (int)room) : recv(peer->fd, to, room, 0);
}

static inline bool web_peer_write(const struct web_peer *peer, const char *bytes, size_t len) {
  while (len > 0) {
    if (!web_peer_wait(peer, POLLOUT)) {
      return false;
    }
    ssize_t put = peer->ssl != NULL ? SSL_write(peer->ssl, bytes, (int)len)
                                    : send(peer->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put <= 0) {
      return false;
    }
    bytes += put;
    len -= (size_t)put;
  }
  return true;
}

/* A whole request into `to`, with the body that it announces. */
static inline bool web_peer_take_request(const struct web_peer *peer, char *to, size_t room, size_t *took) {
  size_t len = 0;
  to[0] = '\0';
  for (;;) {
    const char *end = strstr(to, "\r\n\r\n");
    const char *length = strstr(to, "Content-Length: ");
    size_t body = end == NULL || length == NULL || length > end ? 0 : strtoul(length + 16, NULL, 10);
    if (end != NULL && len >= (size_t)(end - to) + 4 + body) {
      *took = len;
      return true;
    }
    ssize_t got = web_peer_read(peer, to + len, room - 1 - len);
    if (got <= 0) {
      return false;
    }
    len += (size_t)got;
    to[len] = '\0';
  }
}

/* Just so much HTTP/2 that a client is content: settings, a head (:status 200), one piece of data; when the client's
 * head has come. `bytes` begin with the client's preface. */
static inline void web_peer_speak_http2(const struct web_peer *peer, char *bytes, size_t len) {
  static const char answer[] = "\0\0\0\x4\0\0\0\0\0"
                               "\0\0\0\x4\x1\0\0\0\0"
                               "\0\0\x1\x1\x4\0\0\0\x1\x88"
                               "\0\0\x3\0\x1\0\0\0\x1two";
  size_t at = 24;
  for (;;) {
    const unsigned char *frame = (const unsigned char *)bytes + at;
    size_t end = len < at + 9 ? at + 9 : at + 9 + ((size_t)frame[1] << 8) + frame[2];
    if (end > WEB_SEEN_BYTES) {
      return;
    }
    if (len >= at + 9 && len >= end) {
      if (frame[3] == 1) {
        break;
      }
      at = end;
      continue;
    }
    ssize_t got = web_peer_read(peer, bytes + len, WEB_SEEN_BYTES - len);
    if (got <= 0) {
      return;
    }
    len += (size_t)got;
  }
  (void)web_peer_write(peer, answer, sizeof answer - 1);
}

static inline const struct web_reply *web_server_choose(const struct web_server *server, const char *request) {
  const struct web_reply *reply = server->replies;
  const char *path = strchr(request, ' ');
  for (; reply->path != NULL; reply++) {
    size_t len = strlen(reply->path);
    if (path != NULL && strncmp(path + 1, reply->path, len) == 0 && path[1 + len] == ' ') {
      break;
    }
  }
  return reply;
}

/* False: the connection is over. */
static inline bool web_peer_answer(const struct web_peer *peer, const struct web_reply *reply) {
  static const char flood[4096] = {'x'};
  if (!web_peer_write(peer, reply->answer, strlen(reply->answer))) {
    return false;
  }
  switch (reply->after) {
  case WEB_KEEP:
    return true;
  case WEB_STALL:
    (void)web_peer_wait(peer, 0);
    return false;
  case WEB_FLOOD:
    while (web_peer_write(peer, flood, sizeof flood)) {
    }
    return false;
  case WEB_RESET: {
    struct linger linger = {.l_onoff = 1};
    (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    return false;
  }
  case WEB_CLOSE:
    break;
  }
  return false;
}

static inline bool web_peer_shake_hands(struct web_peer *peer) {
  struct web_server *server = peer->server;
  if (server->tls == NULL) {
    return true;
  }
  peer->ssl = SSL_new(server->tls);
  (void)SSL_set_fd(peer->ssl, peer->fd);
  if (SSL_accept(peer->ssl) != 1) {
    /* Bytes that nobody read would make a reset of the close, and the alert were lost. */
    char bytes[4096];
    (void)shutdown(peer->fd, SHUT_WR);
    while (web_peer_wait(peer, POLLIN) && recv(peer->fd, bytes, sizeof bytes, 0) > 0) {
    }
    return false;
  }
  X509 *client = SSL_get1_peer_certificate(peer->ssl);
  const char *sni = SSL_get_servername(peer->ssl, TLSEXT_NAMETYPE_host_name);
  (void)pthread_mutex_lock(&server->lock);
  server->has_client_cert = client != NULL;
  (void)snprintf(server->sni, sizeof server->sni, "%s", sni == NULL ? "" : sni);
  (void)pthread_mutex_unlock(&server->lock);
  X509_free(client);
  return true;
}

static inline void *web_server_handle(void *arg) {
  struct web_peer *peer = arg;
  struct web_server *server = peer->server;
  char *request = calloc(1, WEB_SEEN_BYTES);
  size_t len;
  if (server->is_first) {
    (void)web_peer_answer(peer, server->replies);
  } else if (web_peer_shake_hands(peer)) {
    while (web_peer_take_request(peer, request, WEB_SEEN_BYTES, &len)) {
      const struct web_reply *reply = web_server_choose(server, request);
      (void)pthread_mutex_lock(&server->lock);
      memcpy(server->seen, request, strlen(request) + 1);
      (void)pthread_mutex_unlock(&server->lock);
      atomic_fetch_add(&server->requests, 1);
      if (server->on_request != NULL) {
        server->on_request();
      }
      if (reply->answer == NULL) {
        web_peer_speak_http2(peer, request, len);
        while (web_peer_read(peer, request, WEB_SEEN_BYTES) > 0) {
        }
        break;
      }
      if (!web_peer_answer(peer, reply)) {
        break;
      }
    }
  }
  SSL_free(peer->ssl);
  (void)close(peer->fd);
  atomic_fetch_add(&server->gone, 1);
  free(request);
  free(peer);
  return NULL;
}

static inline void *web_server_accept(void *arg) {
  struct web_server *server = arg;
  for (;;) {
    struct pollfd fds[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop, .events = POLLIN}};
    (void)poll(fds, 2, -1);
    if (fds[1].revents != 0) {
      return NULL;
    }
    int fd = accept(server->listener, NULL, NULL);
    if (fd < 0) {
      continue;
    }
    atomic_fetch_add(&server->connections, 1);
    struct web_peer *peer = calloc(1, sizeof *peer);
    peer->server = server;
    peer->fd = fd;
    if (server->handler_count == WEB_HANDLERS ||
        pthread_create(&server->handlers[server->handler_count], NULL, web_server_handle, peer) != 0) {
      abort();
    }
    server->handler_count++;
  }
}

/* Listens at `address` (of IPv4 or IPv6), at `port` (0: any), with `tls` (taken over) or NULL. `replies` must outlive
 * it. */
static inline struct web_server *web_server_new(const char *address, uint16_t port, const struct web_reply *replies,
                                                SSL_CTX *tls) {
  struct web_server *server = calloc(1, sizeof *server);
  struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  bool is_ipv6 = strchr(address, ':') != NULL;
  void *any = is_ipv6 ? (void *)&ipv6 : (void *)&ipv4;
  socklen_t len = is_ipv6 ? sizeof ipv6 : sizeof ipv4;
  int on = 1;
  (void)signal(SIGPIPE, SIG_IGN);
  server->replies = replies;
  server->tls = tls;
  server->stop = eventfd(0, EFD_CLOEXEC);
  server->listener = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  (void)setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  (void)inet_pton(is_ipv6 ? AF_INET6 : AF_INET, address, is_ipv6 ? (void *)&ipv6.sin6_addr : (void *)&ipv4.sin_addr);
  if (bind(server->listener, any, len) != 0 || listen(server->listener, 128) != 0 ||
      getsockname(server->listener, any, &len) != 0) {
    perror(address);
    abort();
  }
  server->port = ntohs(is_ipv6 ? ipv6.sin6_port : ipv4.sin_port);
  (void)pthread_mutex_init(&server->lock, NULL);
  if (pthread_create(&server->accepter, NULL, web_server_accept, server) != 0) {
    abort();
  }
  return server;
}

static inline void web_server_free(struct web_server *server) {
  if (server == NULL) {
    return;
  }
  (void)eventfd_write(server->stop, 1);
  (void)pthread_join(server->accepter, NULL);
  for (size_t i = 0; i < server->handler_count; i++) {
    (void)pthread_join(server->handlers[i], NULL);
  }
  (void)close(server->listener);
  (void)close(server->stop);
  SSL_CTX_free(server->tls);
  (void)pthread_mutex_destroy(&server->lock);
  free(server);
}

/* The last request holds `text`. */
static inline bool web_server_saw(struct web_server *server, const char *text) {
  (void)pthread_mutex_lock(&server->lock);
  bool is_there = strstr(server->seen, text) != NULL;
  (void)pthread_mutex_unlock(&server->lock);
  return is_there;
}

/* For web_server_new; `client_ca` NULL: asks for no certificate of the client, else for one of this authority. */
static inline SSL_CTX *web_server_context(const struct tls_cert *cert, const struct tls_cert *client_ca) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  (void)SSL_CTX_use_certificate(context, cert->x509);
  (void)SSL_CTX_use_PrivateKey(context, cert->key);
  if (client_ca != NULL) {
    (void)X509_STORE_add_cert(SSL_CTX_get_cert_store(context), client_ca->x509);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  }
  return context;
}

#endif
