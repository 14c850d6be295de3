/* Service addresses that we set on the loopback interface, and remove when no route with them stands any more.
 *
 * Ours is what carries our mark in the kernel and is in the file `addresses` of the state directory: the mark alone
 * may be another daemon's on the same host. The file is written before an address is set. */
#include "base/mem.h"
#include "core/address.h"
#include "core/private.h"
#include "model/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  ADDRESS_STEP_MS = 20,
  ADDRESS_LOOK_MS = 100, /* between two looks whether the routes of those that leave are gone */
  ADDRESS_LOOK_LATE_MS = 2000,
  ADDRESS_RETRY_MS = 10000,
  ADDRESS_FILE_BYTES = BC_LIMIT_MANAGED_ADDRESSES * (BC_ADDRESS_TEXT_BYTES + 1)
};

#define ADDRESS_FILE "addresses"

static int address_compare(const struct core_address *a, const struct core_address *b) {
  int by = (int)a->is_ipv6 - (int)b->is_ipv6;
  return by != 0 ? by : memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

BC_TREE(core_address_tree, core_address, link, address_compare)

static struct core_address *address_find(const struct bc_core *core, bool is_ipv6, const uint8_t *bytes) {
  struct core_address wanted = {.is_ipv6 = is_ipv6};
  memcpy(wanted.bytes, bytes, is_ipv6 ? 16 : 4);
  /* Finding changes nothing. */
  return RB_FIND(core_address_tree, (struct core_address_tree *)(uintptr_t)&core->addresses.set, &wanted);
}

static struct core_address *address_make(struct bc_core *core, bool is_ipv6, const uint8_t *bytes) {
  struct core_address *made = bc_mem_new(1, sizeof *made);
  made->is_ipv6 = is_ipv6;
  memcpy(made->bytes, bytes, is_ipv6 ? 16 : 4);
  (void)RB_INSERT(core_address_tree, &core->addresses.set, made);
  core->addresses.count++;
  return made;
}

static void address_drop(struct bc_core *core, struct core_address *address) {
  RB_REMOVE(core_address_tree, &core->addresses.set, address);
  core->addresses.count--;
  free(address);
}

static void address_print_line(const struct core_address *address, struct bc_buf *to) {
  bc_address_print(address->bytes, address->is_ipv6, to);
  bc_buf_add_char(to, '\n');
}

static void address_log(const struct core_address *address, const char *what) {
  struct bc_buf text;
  bc_buf_init(&text, BC_ADDRESS_TEXT_BYTES);
  bc_address_print(address->bytes, address->is_ipv6, &text);
  bc_log(BC_LOG_NOTICE, "service address %s: %s", text.data, what);
  bc_buf_free(&text);
}

static struct bc_addresses_found address_on_host(const struct bc_core *core, const struct core_address *address) {
  return bc_addresses_find(core->addresses.host, address->is_ipv6, address->bytes, address->is_ipv6 ? 128 : 32);
}

const char *core_address_neighbor(const struct bc_core *core, bool is_ipv6, const uint8_t *bytes) {
  struct bc_buf text;
  const char *found = NULL;
  bc_buf_init(&text, BC_ADDRESS_TEXT_BYTES);
  bc_address_print(bytes, is_ipv6, &text);
  for (unsigned i = 0; i < core->neighbor_count && found == NULL; i++) {
    found = strcmp(core->neighbors[i].config.peer, text.data) == 0 ? core->neighbors[i].config.peer : NULL;
  }
  bc_buf_free(&text);
  return found;
}

static void address_arm_at(struct bc_core *core, struct bc_mono at) {
  struct core_addresses *all = &core->addresses;
  if (!bc_timer_is_armed(all->step_timer) || at.us < all->step_at.us) {
    all->step_at = at;
    bc_timer_start_at(all->step_timer, at);
  }
}

/* ---- wants ---- */

struct core_address *core_address_want(struct bc_core *core, bool is_ipv6, const uint8_t *bytes) {
  struct core_address *address = address_find(core, is_ipv6, bytes);
  if (address == NULL) {
    if (core->addresses.count >= BC_LIMIT_MANAGED_ADDRESSES) {
      return NULL;
    }
    address = address_make(core, is_ipv6, bytes);
  }
  if (address->wanted++ == 0) {
    address->was_wanted = true;
    core_address_step(core);
  }
  return address;
}

void core_address_unwant(struct bc_core *core, struct core_address *address) {
  if (--address->wanted == 0) {
    address->absent_since = (struct bc_mono){0};
    core_address_step(core);
  }
}

/* ---- the file ---- */

static void address_on_saved(void *arg, enum bc_err err, const char *text) {
  struct bc_core *core = arg;
  struct core_address *at;
  core->addresses.is_save_busy = false;
  if (err != BC_ERR_OK) {
    /* The mark in the kernel is still there; a full disk keeps no service down. */
    bc_log(BC_LOG_WARNING, "which service addresses are ours cannot be written: %s", text);
  }
  RB_FOREACH(at, core_address_tree, &core->addresses.set) {
    at->is_saved = at->is_saved || (at->is_saving && at->is_recorded);
    at->is_saving = false;
  }
  core_address_step(core);
}

static void address_save(struct bc_core *core) {
  struct core_addresses *all = &core->addresses;
  struct bc_buf content;
  struct core_address *at;
  if (!all->is_save_due || all->is_save_busy) {
    return;
  }
  bc_buf_init(&content, ADDRESS_FILE_BYTES);
  RB_FOREACH(at, core_address_tree, &all->set) {
    at->is_saving = at->is_recorded;
    if (at->is_recorded) {
      address_print_line(at, &content);
    }
  }
  all->is_save_busy = bc_disk_save(core->disk, ADDRESS_FILE, bc_buf_str(&content), address_on_saved, core) == BC_ERR_OK;
  all->is_save_due = !all->is_save_busy;
  bc_buf_free(&content);
}

static void address_load(struct bc_core *core) {
  struct bc_buf content;
  struct bc_fault fault;
  bc_buf_init(&content, ADDRESS_FILE_BYTES);
  enum bc_err err = bc_disk_load(core->disk, ADDRESS_FILE, &content, &fault);
  if (err != BC_ERR_OK && err != BC_ERR_NOT_FOUND) {
    bc_log(BC_LOG_WARNING, "which service addresses are ours cannot be read: %s", fault.text);
  }
  struct bc_str rest = bc_buf_str(&content);
  struct bc_str line;
  while (err == BC_ERR_OK && bc_str_next_field(&rest, '\n', &line)) {
    uint8_t bytes[16];
    bool is_ipv6;
    if (bc_address_parse(line, bytes, &is_ipv6) && address_find(core, is_ipv6, bytes) == NULL &&
        core->addresses.count < BC_LIMIT_MANAGED_ADDRESSES) {
      struct core_address *address = address_make(core, is_ipv6, bytes);
      address->is_recorded = true;
      address->is_saved = true;
    }
  }
  bc_buf_free(&content);
}

static void address_record(struct bc_core *core, struct core_address *address, bool is_ours) {
  if (address->is_recorded != is_ours) {
    address->is_recorded = is_ours;
    address->is_saved = false;
    core->addresses.is_save_due = true;
  }
}

/* ---- steps ---- */

static bool address_ask(struct bc_core *core, struct core_address *address, bool is_remove) {
  struct bc_str bytes = {.at = (const char *)address->bytes, .len = address->is_ipv6 ? 16 : 4};
  uint32_t id = ++core->addresses.last_request == 0 ? ++core->addresses.last_request : core->addresses.last_request;
  struct bc_msg message = {.type = BC_MSG_ADDRESS_SET, .address_set = {.id = id, .address = bytes}};
  if (is_remove) {
    message = (struct bc_msg){.type = BC_MSG_ADDRESS_REMOVE, .address_remove = {.id = id, .address = bytes}};
  }
  if (!core->addresses.is_able || !core_pool_send(core, CORE_WORKER_EXEC, &message)) {
    return false;
  }
  address->request = id;
  address->is_remove = is_remove;
  return true;
}

static bool address_may_try(const struct core_address *address) {
  return address->request == 0 && bc_mono_reached(address->retry_at, bc_mono_now());
}

static void address_step_set(struct bc_core *core, struct core_address *address) {
  if (!bc_mono_is_set(address->absent_since)) {
    address->absent_since = bc_mono_now();
  }
  bool is_unable = core->addresses.is_told && !core->addresses.is_able;
  if (is_unable || !address_may_try(address) || core_address_neighbor(core, address->is_ipv6, address->bytes) != NULL) {
    return;
  }
  address_record(core, address, true);
  if (address->is_saved) {
    (void)address_ask(core, address, false);
  }
}

/* What the last core left may belong to a route that we have not been told of yet. */
static bool address_may_leave(const struct bc_core *core, const struct core_address *address) {
  const struct core_apply *apply = &core->apply;
  if (address->is_standing || !core->routes_started || core->options->is_safe_mode) {
    return false;
  }
  return address->was_wanted || (apply->has_list && apply->loss == LOSS_NONE && core->unreadable == 0);
}

/* Nothing is to be done while it is not known what the host has: then `found` is only a part of the truth. */
static void address_step_one(struct bc_core *core, struct core_address *address) {
  struct bc_addresses_found found = address_on_host(core, address);
  if (address->request != 0) {
    return;
  }
  if (found.is_ours && address->wanted > 0) {
    address_record(core, address, true);
  } else if (!found.is_ours && (found.is_there || address->wanted == 0)) {
    address_record(core, address, false); /* somebody else's now, or gone */
  }
  if (address->wanted > 0) {
    if (found.is_there) {
      address->absent_since = (struct bc_mono){0};
      address->error = 0;
    } else {
      address_step_set(core, address);
    }
  } else if (!address->is_recorded) {
    address_drop(core, address);
  } else if (address_may_leave(core, address) && address_may_try(address)) {
    (void)address_ask(core, address, true);
  }
}

static void address_on_standing(void *arg, const struct bc_nlri *nlri) {
  struct bc_core *core = arg;
  enum bc_family family = (enum bc_family)nlri->family;
  if (bc_family_has_prefix(family)) {
    struct core_address *address = address_find(core, bc_family_is_ipv6(family), nlri->address);
    if (address != NULL) {
      address->is_standing = true;
    }
  }
}

/* Those that are ours and nobody wants: whether a route with one of them stands. */
static void address_look_at_rib(struct bc_core *core) {
  struct core_address *at;
  core->addresses.leaving = 0;
  RB_FOREACH(at, core_address_tree, &core->addresses.set) {
    at->is_standing = false;
    core->addresses.leaving += at->wanted == 0 && at->is_recorded ? 1 : 0;
  }
  if (core->addresses.leaving > 0) {
    bc_rib_each_standing(core->rib, address_on_standing, core);
  }
}

static void address_count_leftovers(struct bc_core *core) {
  size_t count = 0;
  const struct bc_rtnetlink_address *at = bc_addresses_next_ours(core->addresses.host, NULL);
  for (; at != NULL; at = bc_addresses_next_ours(core->addresses.host, at)) {
    count += address_find(core, at->is_ipv6, at->local) == NULL ? 1 : 0;
  }
  core->addresses.leftovers = core->apply.has_list ? count : 0;
}

/* When something has to be looked at that no event will tell of. */
static void address_arm(struct bc_core *core) {
  struct bc_mono now = bc_mono_now();
  struct bc_mono at = {0};
  struct core_address *address;
  RB_FOREACH(address, core_address_tree, &core->addresses.set) {
    if (!bc_mono_reached(address->retry_at, now)) {
      at = bc_mono_earlier(at, address->retry_at);
    }
    struct bc_mono late = bc_mono_add_ms(address->absent_since, CORE_ADDRESS_COMING_MS);
    if (bc_mono_is_set(address->absent_since) && !bc_mono_reached(late, now)) {
      at = bc_mono_earlier(at, late);
    }
  }
  if (core->addresses.leaving > 0) {
    at = bc_mono_earlier(at, bc_mono_add_ms(now, core->is_exiting ? ADDRESS_LOOK_MS : ADDRESS_LOOK_LATE_MS));
  }
  if (bc_mono_is_set(at)) {
    address_arm_at(core, at);
  }
}

static void address_on_step(void *arg) {
  struct bc_core *core = arg;
  struct core_address *at;
  struct core_address *next;
  bool is_absent = false;
  if (bc_addresses_problem(core->addresses.host) != NULL) {
    return; /* the next list wakes us */
  }
  address_look_at_rib(core);
  RB_FOREACH_SAFE(at, core_address_tree, &core->addresses.set, next) {
    is_absent = is_absent || bc_mono_is_set(at->absent_since);
    address_step_one(core, at);
  }
  address_count_leftovers(core);
  address_save(core);
  address_arm(core);
  if (is_absent || core->addresses.leaving > 0) {
    core_pool_need(core, CORE_WORKER_EXEC);
  }
  if (is_absent) {
    core_address_review(core);
  }
}

void core_address_step(struct bc_core *core) {
  address_arm_at(core, bc_mono_add_ms(bc_mono_now(), ADDRESS_STEP_MS));
}

void core_address_on_rib(struct bc_core *core) {
  if (core->addresses.leaving > 0) {
    int64_t wait_ms = core->is_exiting ? ADDRESS_STEP_MS : ADDRESS_LOOK_MS;
    address_arm_at(core, bc_mono_add_ms(bc_mono_now(), wait_ms));
  }
}

/* ---- the worker ---- */

static struct core_address *address_of_request(const struct bc_core *core, uint32_t id) {
  struct core_address *at;
  RB_FOREACH(at, core_address_tree, (struct core_address_tree *)(uintptr_t)&core->addresses.set) {
    if (at->request == id) {
      return at;
    }
  }
  return NULL;
}

static void address_on_result(struct bc_core *core, const struct bc_msg_address_result *result) {
  struct core_address *address = result->id == 0 ? NULL : address_of_request(core, result->id);
  if (address == NULL) {
    return;
  }
  address->request = 0;
  int error = (int)result->error;
  bool is_done = error == 0 || error == (address->is_remove ? EADDRNOTAVAIL : EEXIST);
  address->error = is_done || address->is_remove ? 0 : error;
  if (is_done) {
    address_log(address, address->is_remove ? "removed from lo" : "set on lo");
  } else {
    address->retry_at = bc_mono_add_ms(bc_mono_now(), ADDRESS_RETRY_MS);
    bc_log(BC_LOG_WARNING, "a service address cannot be %s: %s", address->is_remove ? "removed" : "set",
           strerror(error));
  }
  core_address_step(core);
  core_address_review(core);
}

void core_address_on_message(struct bc_core *core, const struct bc_msg *message) {
  struct core_addresses *all = &core->addresses;
  struct core_address *at;
  if (message->type == BC_MSG_ADDRESS_RESULT) {
    address_on_result(core, &message->address_result);
    return;
  }
  all->is_told = true;
  all->is_able = message->address_able.is_able == 1;
  (void)snprintf(all->why, sizeof all->why, BC_STR_FMT, BC_STR_ARG(message->address_able.why));
  RB_FOREACH(at, core_address_tree, &all->set) {
    at->retry_at = (struct bc_mono){0};
  }
  core_address_step(core);
  core_address_review(core);
}

void core_address_on_worker_gone(struct bc_core *core) {
  struct core_address *at;
  RB_FOREACH(at, core_address_tree, &core->addresses.set) {
    at->request = 0;
  }
}

bool core_address_is_settled(const struct bc_core *core) {
  struct core_address *at;
  if (!core->addresses.is_able) {
    return true;
  }
  RB_FOREACH(at, core_address_tree, (struct core_address_tree *)(uintptr_t)&core->addresses.set) {
    bool is_leaving = at->wanted == 0 && at->is_recorded && at->was_wanted && address_on_host(core, at).is_ours;
    if (at->request != 0 || is_leaving) {
      return false;
    }
  }
  return true;
}

/* ---- life ---- */

void core_address_set_open(struct bc_core *core) {
  struct core_addresses *all = &core->addresses;
  RB_INIT(&all->set);
  all->step_timer = bc_timer_new(core->loop, address_on_step, core);
  if (core->options->is_safe_mode) {
    all->is_told = true;
    (void)snprintf(all->why, sizeof all->why, "safe mode");
  }
  address_load(core);
}

void core_address_set_close(struct bc_core *core) {
  struct core_address *at;
  while ((at = RB_MIN(core_address_tree, &core->addresses.set)) != NULL) {
    address_drop(core, at);
  }
  bc_timer_free(core->addresses.step_timer);
  core->addresses.step_timer = NULL;
}
