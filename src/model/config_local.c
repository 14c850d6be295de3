/* Routes that do not come from the store: they have a name that no key can have, no check, no policy, and wait for
 * nothing. */
#include "model/config_private.h"

#include "model/name.h"

#include <string.h>

bool bc_config_is_local_name(const char *name) {
  return strncmp(name, BC_CONFIG_LOCAL_PREFIX, strlen(BC_CONFIG_LOCAL_PREFIX)) == 0;
}

static bool local_refuse(struct bc_fault *fault, const char *holder) {
  bool is_local = bc_config_is_local_name(holder);
  bc_fault_set(fault, 0, "%s%s has this prefix%s", is_local ? "" : "routes/", holder,
               is_local ? "" : ": change it in the store");
  return false;
}

/* It could be put: nobody else has a part of it, and it is not too much. */
enum bc_err bc_config_try_local(const struct bc_config *config, const char *name, const struct bc_route *route,
                                struct bc_fault *fault) {
  struct bc_str own = bc_str_of(name);
  size_t before = strlen(BC_CONFIG_LOCAL_PREFIX);
  bool is_name = bc_config_is_local_name(name) && own.len <= BC_LIMIT_NAME_BYTES &&
                 bc_name_is_valid((struct bc_str){own.at + before, own.len - before}, false);
  if (!is_name || route->internal != 0) {
    bc_fault_set(fault, 0,
                 is_name ? "watchdog and withdraw steer ExaBGP itself and are not supported"
                         : "expected a name of letters, digits, '.', '_' and '-', found \"%s\"",
                 name);
    return BC_ERR_SYNTAX;
  }
  const char *holder = bc_config_find_holder(config, route, name);
  if (holder != NULL) {
    (void)local_refuse(fault, holder);
    return BC_ERR_EXISTS;
  }
  const struct bc_config_entry *entry = bc_config_entry_find(config, name);
  size_t old = entry != NULL && entry->has_route ? bc_route_nlri_count(&entry->route) - 1 : 0;
  if (config->local_nlri - old + bc_route_nlri_count(route) - 1 > BC_LIMIT_LEASES_NLRI) {
    bc_fault_set(fault, 0, "routes of the API have more than %d NLRI beyond one each", BC_LIMIT_LEASES_NLRI);
    return BC_ERR_LIMIT;
  }
  return BC_ERR_OK;
}

void bc_config_put_local(struct bc_config *config, const char *name, struct bc_str text, struct bc_mono now) {
  if (!bc_config_is_local_name(name) || strlen(name) > BC_LIMIT_NAME_BYTES) {
    return;
  }
  struct bc_config_entry *entry = bc_config_entry_find(config, name);
  if (entry == NULL) {
    entry = bc_config_entry_new(config, name);
  }
  entry->present = 1U << BC_CONFIG_KEY_CONFIG;
  (void)bc_config_value_put(config, entry, BC_CONFIG_KEY_CONFIG, text);
  bc_config_settle_touch(config, entry, now);
  bc_config_identity_claim(config, entry);
}

bool bc_config_delete_local(struct bc_config *config, const char *name) {
  struct bc_config_entry *entry = bc_config_is_local_name(name) ? bc_config_entry_find(config, name) : NULL;
  if (entry == NULL) {
    return false;
  }
  bc_config_entry_free(config, entry);
  return true;
}
