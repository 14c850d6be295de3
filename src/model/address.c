#include "model/address.h"

#include <arpa/inet.h>
#include <string.h>

bool bc_address_parse_ipv4(struct bc_str text, uint8_t address[static 4]) {
  size_t at = 0;
  for (unsigned octet = 0; octet < 4; octet++) {
    size_t start = at;
    unsigned value = 0;
    while (at < text.len && at - start < 3 && text.at[at] >= '0' && text.at[at] <= '9') {
      value = value * 10 + (unsigned)(text.at[at] - '0');
      at++;
    }
    bool has_leading_zero = at - start > 1 && text.at[start] == '0';
    if (at == start || value > 255 || has_leading_zero) {
      return false;
    }
    if (octet < 3 && (at == text.len || text.at[at++] != '.')) {
      return false;
    }
    address[octet] = (uint8_t)value;
  }
  return at == text.len;
}

bool bc_address_parse_ipv6(struct bc_str text, uint8_t address[static 16]) {
  char terminated[BC_ADDRESS_TEXT_BYTES];
  if (text.len == 0 || text.len >= sizeof terminated || memchr(text.at, '\0', text.len) != NULL) {
    return false;
  }
  memcpy(terminated, text.at, text.len);
  terminated[text.len] = '\0';
  return inet_pton(AF_INET6, terminated, address) == 1;
}

bool bc_address_parse(struct bc_str text, uint8_t address[static 16], bool *is_ipv6) {
  *is_ipv6 = text.len > 0 && memchr(text.at, ':', text.len) != NULL;
  if (*is_ipv6) {
    return bc_address_parse_ipv6(text, address);
  }
  memset(address, 0, 16);
  return bc_address_parse_ipv4(text, address);
}

static size_t address_print_octet(uint8_t octet, char *to) {
  size_t len = 0;
  if (octet >= 100) {
    to[len++] = (char)('0' + octet / 100);
  }
  if (octet >= 10) {
    to[len++] = (char)('0' + octet / 10 % 10);
  }
  to[len++] = (char)('0' + octet % 10);
  return len;
}

void bc_address_print(const uint8_t *address, bool is_ipv6, struct bc_buf *to) {
  char text[BC_ADDRESS_TEXT_BYTES];
  if (is_ipv6) {
    if (inet_ntop(AF_INET6, address, text, sizeof text) != NULL) {
      bc_buf_add_text(to, text);
    }
    return;
  }
  size_t len = 0;
  for (unsigned octet = 0; octet < 4; octet++) {
    if (octet > 0) {
      text[len++] = '.';
    }
    len += address_print_octet(address[octet], text + len);
  }
  bc_buf_add(to, text, len);
}
