#include "model/service_address.h"

#include "model/address.h"

#include <string.h>

bool bc_service_address_is_host(const struct bc_nlri *nlri) {
  enum bc_family family = (enum bc_family)nlri->family;
  return bc_family_has_prefix(family) && nlri->length == (bc_family_is_ipv6(family) ? 128 : 32);
}

/* Nobody else could reach it, or the host itself would lose something by it. */
static bool service_address_is_special(const struct bc_nlri *nlri) {
  static const uint8_t loopback[16] = {[15] = 1};
  static const uint8_t nothing[16];
  const uint8_t *at = nlri->address;
  if (bc_family_is_ipv6((enum bc_family)nlri->family)) {
    return at[0] == 0xff || (at[0] == 0xfe && (at[1] & 0xc0) == 0x80) || memcmp(at, loopback, sizeof loopback) == 0 ||
           memcmp(at, nothing, sizeof nothing) == 0;
  }
  return at[0] == 0 || at[0] == 127 || at[0] >= 224 || (at[0] == 169 && at[1] == 254);
}

static enum bc_err service_address_refuse(const struct bc_nlri *nlri, const char *why, struct bc_fault *fault) {
  struct bc_buf text;
  bc_buf_init(&text, BC_FAULT_TEXT_BYTES);
  bc_nlri_print_prefix(nlri, &text);
  bc_fault_set(fault, 0, "address: %s, found %.80s", why, text.data);
  bc_buf_free(&text);
  return BC_ERR_REFUSED;
}

enum bc_err bc_service_address_check(const struct bc_route *route, enum bc_address_mode mode, struct bc_fault *fault) {
  for (size_t i = 0; mode != BC_ADDRESS_IGNORE && i < bc_route_nlri_count(route); i++) {
    const struct bc_nlri *nlri = bc_route_nlri(route, i);
    if (!bc_family_has_prefix((enum bc_family)nlri->family)) {
      bc_fault_set(fault, 0, "address: expected \"ignore\": a route of %s has no address",
                   bc_family_text((enum bc_family)nlri->family));
      return BC_ERR_REFUSED;
    }
    if (mode == BC_ADDRESS_MANAGE && !bc_service_address_is_host(nlri)) {
      return service_address_refuse(nlri, "\"manage\" needs a host route (/32, or /128 of IPv6)", fault);
    }
    if (mode == BC_ADDRESS_MANAGE && service_address_is_special(nlri)) {
      return service_address_refuse(nlri, "\"manage\" needs an address that a service can have", fault);
    }
  }
  return BC_ERR_OK;
}
