/* A port for a server of a test. Below those that the kernel gives to connections: no connection of a test that runs
 * beside takes it before the server does. */
#ifndef BC_TESTS_FREE_PORT_H
#define BC_TESTS_FREE_PORT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FREE_PORT_LEAST = 10000, FREE_PORT_COUNT = 22000, FREE_PORT_TRIES = 1000 };

/* Of TCP, free at all addresses of IPv4 and of IPv6. */
static inline uint16_t free_port(void) {
  for (unsigned i = 0; i < FREE_PORT_TRIES; i++) {
    uint32_t chance = 0;
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance) {
      break;
    }
    uint16_t port = (uint16_t)(FREE_PORT_LEAST + chance % FREE_PORT_COUNT);
    struct sockaddr_in6 both = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = bind(fd, (struct sockaddr *)&both, sizeof both) == 0;
    (void)close(fd);
    if (is_free) {
      return port;
    }
  }
  abort();
}
#endif
