#include "model/listen.h"

#include "base/limits.h"
#include "model/address.h"

#include <string.h>

static enum bc_err listen_read_path(struct bc_str path, struct bc_listen *out) {
  if (path.len < 2 || path.at[0] != '/' || !bc_str_is_printable(path)) {
    return BC_ERR_SYNTAX;
  }
  out->is_unix = true;
  out->path = path;
  return path.len > BC_LISTEN_PATH_BYTES ? BC_ERR_RANGE : BC_ERR_OK;
}

/* The address and the port of "ADDRESS:PORT" or "[ADDRESS]:PORT". */
static bool listen_split(struct bc_str text, struct bc_str *address, struct bc_str *port) {
  size_t colon = text.len;
  while (colon > 0 && text.at[colon - 1] != ':') {
    colon--;
  }
  if (colon < 2) {
    return false;
  }
  *address = (struct bc_str){.at = text.at, .len = colon - 1};
  *port = (struct bc_str){.at = text.at + colon, .len = text.len - colon};
  bool is_bracketed = address->at[0] == '[' && address->len > 2 && address->at[address->len - 1] == ']';
  if (is_bracketed) {
    address->at++;
    address->len -= 2;
  }
  return is_bracketed == (memchr(address->at, ':', address->len) != NULL);
}

enum bc_err bc_listen_parse(struct bc_str text, struct bc_listen *out) {
  struct bc_listen read = {0};
  struct bc_str address;
  struct bc_str port;
  uint64_t number = 0;
  if (bc_str_starts(text, "unix:")) {
    enum bc_err err = listen_read_path((struct bc_str){.at = text.at + 5, .len = text.len - 5}, &read);
    *out = err == BC_ERR_OK ? read : *out;
    return err;
  }
  if (!listen_split(text, &address, &port) || !bc_address_parse(address, read.address, &read.is_ipv6)) {
    return BC_ERR_SYNTAX;
  }
  enum bc_err err = bc_str_to_u64(port, UINT16_MAX, &number);
  if (err != BC_ERR_OK || number == 0) {
    return err == BC_ERR_OK ? BC_ERR_RANGE : err;
  }
  read.port = (uint16_t)number;
  *out = read;
  return BC_ERR_OK;
}

bool bc_listen_check_list(struct bc_str list) {
  struct bc_str seen[BC_LIMIT_HTTP_LISTEN];
  size_t count = 0;
  struct bc_str field;
  struct bc_listen one;
  while (bc_str_next_field(&list, ',', &field)) {
    if (count == BC_LIMIT_HTTP_LISTEN || bc_listen_parse(field, &one) != BC_ERR_OK) {
      return false;
    }
    for (size_t i = 0; i < count; i++) {
      if (bc_str_equal(seen[i], field)) {
        return false;
      }
    }
    seen[count++] = field;
  }
  return count > 0;
}

bool bc_listen_is_local(const struct bc_listen *listen) {
  static const uint8_t loopback[16] = {[15] = 1};
  if (listen->is_unix) {
    return true;
  }
  return listen->is_ipv6 ? memcmp(listen->address, loopback, sizeof loopback) == 0 : listen->address[0] == 127;
}

bool bc_listen_is_every(const struct bc_listen *listen) {
  static const uint8_t zeros[16];
  return !listen->is_unix && memcmp(listen->address, zeros, sizeof zeros) == 0;
}
