#include "io/endpoint.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

socklen_t bc_endpoint_fill(const struct bc_resolver_address *address, uint16_t port, struct sockaddr_storage *to) {
  memset(to, 0, sizeof *to);
  if (address->is_ipv6) {
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&ipv6.sin6_addr, address->bytes, 16);
    memcpy(to, &ipv6, sizeof ipv6);
    return sizeof ipv6;
  }
  struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  memcpy(&ipv4.sin_addr, address->bytes, 4);
  memcpy(to, &ipv4, sizeof ipv4);
  return sizeof ipv4;
}

void bc_endpoint_print(const struct bc_resolver_address *address, uint16_t port,
                       char text[static BC_ENDPOINT_TEXT_BYTES]) {
  char shown[INET6_ADDRSTRLEN] = "";
  struct bc_buf buf;
  bc_buf_init(&buf, BC_ENDPOINT_TEXT_BYTES - 1);
  (void)inet_ntop(address->is_ipv6 ? AF_INET6 : AF_INET, address->bytes, shown, sizeof shown);
  bc_buf_add_text(&buf, shown);
  if (port != 0) {
    bc_buf_add_format(&buf, " port %u", port);
  }
  memcpy(text, buf.data, buf.len + 1);
  bc_buf_free(&buf);
}

void bc_endpoint_print_error(int error_number, char text[static BC_ENDPOINT_ERROR_BYTES]) {
  const char *words = strerror(error_number);
  size_t len = strnlen(words, BC_ENDPOINT_ERROR_BYTES - 1);
  memcpy(text, words, len);
  text[len] = '\0';
  bool is_word = len > 1 && text[1] >= 'a' && text[1] <= 'z';
  text[0] = (char)(is_word && text[0] >= 'A' && text[0] <= 'Z' ? text[0] - 'A' + 'a' : text[0]);
}

bool bc_endpoint_is_shortage(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS || error_number == ENOMEM ||
         error_number == EAGAIN;
}

int bc_endpoint_connect_error(int error_number, const struct sockaddr *address, socklen_t len) {
  if (error_number != EADDRNOTAVAIL) {
    return error_number;
  }
  /* Sends nothing; the ports of UDP are others. */
  int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool has_address = fd >= 0 && (connect(fd, address, len) == 0 || errno == EAGAIN);
  if (fd >= 0) {
    (void)close(fd);
  }
  return has_address ? EAGAIN : error_number;
}
