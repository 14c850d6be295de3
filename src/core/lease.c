/* Routes of the API: put, removed, looked at. */
#include "core/lease_private.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEASE_RECORD_MAX = 2 * BC_LIMIT_COMMAND_BYTES + 65536, LEASE_HASH_DIGITS = 12, LEASE_CLOCK_SET_MS = 1000 };

void core_lease_tick(struct core_leases *leases) {
  struct bc_lease_time now = {.wall_ms = bc_wall_now_ms(), .boot_ms = bc_boot_now_ms()};
  (void)snprintf(now.boot_id, sizeof now.boot_id, "%s", leases->boot_id);
  bc_leases_move(leases->table, &now);
  int64_t zero_wall_ms = now.wall_ms - (int64_t)bc_leases_clock(leases->table);
  if (llabs(zero_wall_ms - leases->zero_wall_ms) > LEASE_CLOCK_SET_MS) {
    leases->zero_wall_ms = zero_wall_ms;
  }
}

bool core_lease_parse(struct core_leases *leases, const struct bc_lease *lease, struct bc_route *route) {
  *route = (struct bc_route){0};
  return bc_route_parse(leases->core->intern, bc_str_of(lease->text), route, NULL) == BC_ERR_OK;
}

/* ---- names ---- */

static uint64_t lease_hash(uint64_t hash, const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3U;
  }
  return (hash ^ 0xffU) * 0x100000001b3U;
}

/* The same for the same neighbors and NLRI, in each process. */
static void lease_make_name(const struct bc_route *route, char name[static BC_LIMIT_NAME_BYTES + 1]) {
  const char *selector = route->selector == NULL ? "" : route->selector;
  uint64_t hash = lease_hash(0xcbf29ce484222325U, selector, strlen(selector));
  for (size_t i = 0; i < bc_route_nlri_count(route); i++) {
    const struct bc_nlri *nlri = bc_route_nlri(route, i);
    struct bc_buf text;
    bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
    bc_buf_add_text(&text, bc_family_text((enum bc_family)nlri->family));
    bc_nlri_print(nlri, &text);
    hash = lease_hash(hash, text.data, text.len);
    bc_buf_free(&text);
  }
  hash ^= hash >> 29;
  hash *= 0xbf58476d1ce4e5b9U;
  (void)snprintf(name, BC_LIMIT_NAME_BYTES + 1, BC_LEASE_PREFIX "%0*" PRIx64, LEASE_HASH_DIGITS, hash >> 16);
}

/* False when it is too long. */
static bool lease_full_name(const char *name, char full[static BC_LIMIT_NAME_BYTES + 1]) {
  bool has_prefix = strncmp(name, BC_LEASE_PREFIX, strlen(BC_LEASE_PREFIX)) == 0;
  int len = snprintf(full, BC_LIMIT_NAME_BYTES + 1, "%s%s", has_prefix ? "" : BC_LEASE_PREFIX, name);
  return len > 0 && len <= BC_LIMIT_NAME_BYTES;
}

/* ---- looking ---- */

const struct bc_lease *core_lease_find(struct bc_core *core, const char *name) {
  char full[BC_LIMIT_NAME_BYTES + 1];
  return lease_full_name(name, full) ? bc_leases_find(core->leases->table, full) : NULL;
}

const struct bc_lease *core_lease_find_route(struct bc_core *core, const struct bc_route *route) {
  struct bc_config_route view;
  const char *holder = bc_config_find_holder(core->config, route, NULL);
  bool is_ours = holder != NULL && bc_config_find(core->config, holder, &view) && view.is_local;
  bool is_same = is_ours && view.route != NULL && core_want_is_same(view.route, route);
  return is_same ? bc_leases_find(core->leases->table, view.name) : NULL;
}

const struct bc_lease *core_lease_find_coming(struct bc_core *core, const char *name, const struct bc_route *route) {
  char full[BC_LIMIT_NAME_BYTES + 1];
  const struct core_lease_op *op;
  const struct bc_lease *newest = NULL;
  if (name != NULL && !lease_full_name(name, full)) {
    return NULL;
  }
  TAILQ_FOREACH(op, &core->leases->ops, link) {
    bool may_be = op->made != NULL && !op->is_removed;
    if (may_be && (name != NULL ? strcmp(op->made->name, full) == 0 : core_want_is_same(&op->route, route))) {
      newest = op->made;
    }
  }
  return newest;
}

const struct bc_lease *core_lease_next(struct bc_core *core, const char *after) {
  return bc_leases_after(core->leases->table, after);
}

uint64_t core_lease_left_ms(struct bc_core *core, const struct bc_lease *lease) {
  core_lease_tick(core->leases);
  return bc_lease_left_ms(core->leases->table, lease);
}

/* ---- putting ---- */

static bool lease_is_line(const char *text) {
  size_t len = strlen(text);
  json_t *made = json_string(text); /* NULL: no UTF-8 */
  bool is_line = made != NULL && len <= BC_LIMIT_LEASE_TEXT_BYTES;
  for (size_t i = 0; i < len; i++) {
    is_line = is_line && (unsigned char)text[i] >= ' ' && text[i] != 0x7f;
  }
  json_decref(made);
  return is_line;
}

static const char *lease_or_empty(const char *text) {
  return text == NULL ? "" : text;
}

/* Its name; that of the one which has its identity when it asks for none. */
static enum bc_err lease_name(struct bc_core *core, const struct core_lease_ask *ask,
                              char name[static BC_LIMIT_NAME_BYTES + 1], struct bc_fault *fault) {
  const struct bc_lease *same = ask->name == NULL ? core_lease_find_route(core, ask->route) : NULL;
  if (same != NULL) {
    (void)snprintf(name, BC_LIMIT_NAME_BYTES + 1, "%s", same->name);
  } else if (ask->name == NULL) {
    lease_make_name(ask->route, name);
  } else if (!lease_full_name(ask->name, name)) {
    bc_fault_set(fault, 0, "expected a name of at most %zu bytes", BC_LIMIT_NAME_BYTES - strlen(BC_LEASE_PREFIX));
    return BC_ERR_SYNTAX;
  }
  return BC_ERR_OK;
}

static bool lease_overlaps(const struct bc_route *a, const struct bc_route *b) {
  size_t at = 0;
  bool is_same = false;
  for (size_t i = 0; i < bc_route_nlri_count(a) && !is_same; i++) {
    int order = 1;
    while (at < bc_route_nlri_count(b) && (order = bc_nlri_compare(bc_route_nlri(b, at), bc_route_nlri(a, i))) < 0) {
      at++;
    }
    is_same = at < bc_route_nlri_count(b) && order == 0;
  }
  return is_same && bc_selectors_overlap(a->selector, b->selector);
}

/* Others that are on their way to the disk are in no table yet. */
static const char *lease_holder_on_its_way(const struct core_leases *leases, const struct bc_route *route,
                                           const char *except) {
  const struct core_lease_op *op;
  TAILQ_FOREACH(op, &leases->ops, link) {
    if (op->made != NULL && strcmp(op->made->name, except) != 0 && lease_overlaps(&op->route, route)) {
      return op->made->name;
    }
  }
  return NULL;
}

/* What stands may be another route's though the configuration does not say so: a new version that was pushed back, or
 * no key has named it yet. */
static enum bc_err lease_judge_standing(const struct bc_core *core, const struct bc_route *route, const char *name,
                                        struct bc_fault *fault) {
  struct bc_config_route view;
  bool is_own = bc_config_find(core->config, name, &view) && view.route != NULL && core_want_is_same(view.route, route);
  if (!is_own && !bc_rib_is_started(core->rib) && !core_apply_knows_standing(core)) {
    bc_fault_set(fault, 0, "without a journal, whose is what stands must first be known");
    return BC_ERR_AGAIN;
  }
  for (size_t i = 0; i < bc_route_nlri_count(route); i++) {
    const struct bc_nlri *nlri = bc_route_nlri(route, i);
    const char *wanting = bc_rib_find_wanting(core->rib, route->selector, nlri, name);
    if (wanting != NULL) {
      bc_fault_set(fault, 0, "%s is announced with this prefix", wanting);
      return BC_ERR_EXISTS;
    }
    if (!is_own && bc_rib_may_be_named(core->rib, route->selector, nlri)) {
      bc_fault_set(fault, 0, "this prefix stands since before the start, and the store has not told whose it is");
      return BC_ERR_AGAIN;
    }
  }
  return BC_ERR_OK;
}

static enum bc_err lease_judge_texts(const struct core_lease_ask *ask, struct bc_fault *fault) {
  bool are_lines = lease_is_line(lease_or_empty(ask->owner)) && lease_is_line(lease_or_empty(ask->reason)) &&
                   lease_is_line(lease_or_empty(ask->source));
  if (!are_lines) {
    bc_fault_set(fault, 0, "the reason: expected one line of at most %d bytes of UTF-8", BC_LIMIT_LEASE_TEXT_BYTES);
  }
  return are_lines ? BC_ERR_OK : BC_ERR_SYNTAX;
}

void core_lease_tell_owner(const char *name, const char *owner, struct bc_fault *fault) {
  /* Who came without a token cannot come as himself again: there are tokens by now. */
  bool is_token = strncmp(owner, "token ", strlen("token ")) == 0;
  bc_fault_set(fault, 0, "%.100s belongs to %.60s: only %s with the scope operate%s may change it", name, owner,
               is_token ? "that token, or one" : "a token", is_token ? "," : "");
}

static enum bc_err lease_judge_owner(const struct core_leases *leases, const struct core_lease_ask *ask,
                                     const char *name, struct bc_fault *fault) {
  const struct bc_lease *coming = core_lease_find_coming(leases->core, name, NULL);
  const struct bc_lease *old = coming != NULL ? coming : bc_leases_find(leases->table, name);
  if (old != NULL && !ask->may_take_over && strcmp(old->owner, lease_or_empty(ask->owner)) != 0) {
    core_lease_tell_owner(name, old->owner, fault);
    return BC_ERR_CONFLICT;
  }
  return BC_ERR_OK;
}

enum bc_err core_lease_try(struct bc_core *core, const struct core_lease_ask *ask,
                           char name[static BC_LIMIT_NAME_BYTES + 1], bool *is_new, struct bc_fault *fault) {
  struct core_leases *leases = core->leases;
  struct bc_fault unheard;
  fault = fault == NULL ? &unheard : fault;
  if (!leases->is_loaded || leases->log == NULL) {
    bc_fault_set(fault, 0, "the file of the routes of the API: %s", lease_or_empty(leases->problem));
    return BC_ERR_IO;
  }
  enum bc_err err = lease_name(core, ask, name, fault);
  err = err != BC_ERR_OK ? err : lease_judge_texts(ask, fault);
  err = err != BC_ERR_OK ? err : bc_config_try_local(core->config, name, ask->route, fault);
  err = err != BC_ERR_OK ? err : lease_judge_owner(leases, ask, name, fault);
  const char *coming = err == BC_ERR_OK ? lease_holder_on_its_way(leases, ask->route, name) : NULL;
  if (coming != NULL) {
    bc_fault_set(fault, 0, "%s has this prefix", coming);
    err = BC_ERR_EXISTS;
  }
  err = err != BC_ERR_OK ? err : lease_judge_standing(core, ask->route, name, fault);
  *is_new = err == BC_ERR_OK && bc_leases_find(leases->table, name) == NULL;
  return err;
}

/* Nothing of what has the name now is left when the new one is taken, whichever of those on their way come to be. */
static bool lease_keeps_identity(struct core_leases *leases, const char *name, const struct bc_route *route) {
  struct bc_config_route view;
  const struct core_lease_op *op;
  bool is_same = !bc_config_find(leases->core->config, name, &view) ||
                 (view.route != NULL && core_want_is_same(view.route, route));
  TAILQ_FOREACH(op, &leases->ops, link) {
    bool is_it = op->made != NULL && strcmp(op->made->name, name) == 0;
    is_same = is_same && (!is_it || core_want_is_same(&op->route, route));
  }
  return is_same;
}

enum bc_err core_lease_put(struct bc_core *core, const struct core_lease_ask *ask, core_lease_done_fn *done, void *arg,
                           char name[static BC_LIMIT_NAME_BYTES + 1], bool *is_new, struct bc_fault *fault) {
  struct core_leases *leases = core->leases;
  struct bc_fault unheard;
  fault = fault == NULL ? &unheard : fault;
  enum bc_err err = core_lease_try(core, ask, name, is_new, fault);
  if (err != BC_ERR_OK) {
    return err;
  }
  struct bc_buf text;
  struct bc_buf record;
  struct bc_lease *made;
  bc_buf_init(&text, BC_LIMIT_COMMAND_BYTES);
  bc_buf_init(&record, LEASE_RECORD_MAX);
  bc_route_print(ask->route, BC_VERB_NONE, &text);
  core_lease_tick(leases);
  err = bc_buf_status(&text) != BC_ERR_OK || text.len > BC_LIMIT_CONFIG_BYTES ? BC_ERR_LIMIT : BC_ERR_OK;
  struct bc_lease_ask put = {.name = name,
                             .text = text.data,
                             .owner = lease_or_empty(ask->owner),
                             .reason = lease_or_empty(ask->reason),
                             .source = lease_or_empty(ask->source),
                             .ttl_ms = ask->ttl_ms,
                             .nlri = bc_route_nlri_count(ask->route),
                             .keeps_identity = lease_keeps_identity(leases, name, ask->route)};
  err = err != BC_ERR_OK ? err : bc_leases_make(leases->table, &put, &made, &record);
  if (err == BC_ERR_OK) {
    err = core_lease_disk_put(leases, made, ask->route, &record, done, arg);
    if (err != BC_ERR_OK) {
      bc_leases_drop(leases->table, made);
    }
  }
  if (err != BC_ERR_OK) {
    bc_fault_set(fault, 0, err == BC_ERR_IO ? "the file of the routes of the API: %s" : "too many routes of the API%s",
                 err == BC_ERR_IO ? lease_or_empty(leases->problem) : ", or too much waits for the disk");
  }
  bc_buf_free(&text);
  bc_buf_free(&record);
  return err;
}

int64_t core_lease_end_ms(struct bc_core *core, const struct bc_lease *lease) {
  enum { LEASE_SHOWN_S_MAX = INT32_MAX };
  if (lease->ttl_ms == 0) {
    return 0;
  }
  core_lease_tick(core->leases);
  uint64_t left_ms = bc_lease_left_ms(core->leases->table, lease);
  uint64_t most_ms = (uint64_t)LEASE_SHOWN_S_MAX * 1000;
  return core->leases->zero_wall_ms + (int64_t)bc_leases_clock(core->leases->table) +
         (int64_t)(left_ms < most_ms ? left_ms : most_ms);
}

/* RFC 3339; NULL = it has no end. */
static json_t *lease_expires(struct core_leases *leases, const struct bc_lease *lease) {
  int64_t end_ms = core_lease_end_ms(leases->core, lease);
  return end_ms == 0 ? NULL : core_report_time(end_ms);
}

void core_lease_tell(struct core_leases *leases, const struct bc_lease *lease, const char *what) {
  json_t *detail = core_event_detail(what, NULL);
  json_t *expires = lease_expires(leases, lease);
  json_object_set_new(detail, "owner", json_string(lease->owner));
  if (lease->reason[0] != '\0') {
    json_object_set_new(detail, "reason", json_string(lease->reason));
  }
  if (expires != NULL) {
    json_object_set_new(detail, "expires", expires);
  }
  (void)core_event_tell(leases->core, BC_EVENT_LEASE, lease->name, 0, detail);
}

/* A route of the store has waited for the very same, and has it now: the next start may not withdraw that by the name
 * of this one, should it not know the store. */
static bool lease_is_succeeded(struct core_leases *leases, const struct bc_lease *lease) {
  struct bc_config *config = leases->core->config;
  struct bc_config_route view;
  struct bc_route route;
  if (!core_lease_parse(leases, lease, &route)) {
    return false;
  }
  const char *holder = bc_config_find_holder(config, &route, NULL);
  bool is_succeeded = holder != NULL && bc_config_find(config, holder, &view) && !view.is_local && view.route != NULL &&
                      core_want_is_same(view.route, &route);
  bc_route_release(leases->core->intern, &route);
  return is_succeeded;
}

/* The one that a put has moved away from its prefix. */
static void lease_forget_moved(struct core_leases *leases, const char *name) {
  struct bc_lease *moved = bc_leases_find_leaving(leases->table, name);
  struct bc_buf record;
  if (moved == NULL || !lease_is_succeeded(leases, moved)) {
    return;
  }
  bc_buf_init(&record, LEASE_RECORD_MAX);
  bc_leases_forget(leases->table, moved, &record);
  core_lease_disk_note(leases, &record, true, NULL, NULL);
  bc_buf_free(&record);
}

void core_lease_take(struct core_leases *leases, struct core_lease_op *op) {
  struct bc_core *core = leases->core;
  struct bc_lease *lease = op->made;
  const struct bc_lease *old = bc_leases_find(leases->table, lease->name);
  if (old != NULL) {
    core_lease_owner_live(leases, old, false);
  }
  const char *what = old == NULL ? "put" : "changed";
  op->made = NULL;
  bc_leases_commit(leases->table, lease);
  leases->totals.put++;
  core_lease_tell(leases, lease, what);
  core_lease_owner_live(leases, lease, true);
  core_lease_owner_put(leases, lease, 0);
  core_lease_tick(leases);
  if (op->is_removed || bc_lease_left_ms(leases->table, lease) == 0) {
    core_lease_miss(leases, lease, op->is_removed);
  } else {
    bc_config_put_local(core->config, lease->name, bc_str_of(lease->text), bc_mono_now());
    lease_forget_moved(leases, lease->name);
  }
  core_apply_changes(core);
  core_lease_arm(leases);
}

/* ---- removing ---- */

void core_lease_drop(struct core_leases *leases, struct bc_lease *lease, const char *reason, struct bc_buf *record) {
  core_lease_owner_live(leases, lease, false);
  leases->gone_reason = reason;
  (void)bc_config_delete_local(leases->core->config, lease->name);
  bc_leases_leave(leases->table, lease, record);
  if (lease_is_succeeded(leases, lease)) {
    bc_leases_forget(leases->table, lease, record);
  }
}

/* The record of it comes behind that of the put. */
static void lease_remove_coming(struct core_leases *leases, const char *name, struct bc_buf *record) {
  struct core_lease_op *op;
  TAILQ_FOREACH(op, &leases->ops, link) {
    if (op->made != NULL && !op->is_removed && strcmp(op->made->name, name) == 0) {
      op->is_removed = true;
      bc_leases_leave_made(leases->table, op->made, record);
    }
  }
}

enum bc_err core_lease_remove(struct bc_core *core, const char *name, const char *owner, core_lease_done_fn *done,
                              void *arg, struct bc_fault *fault) {
  struct core_leases *leases = core->leases;
  struct bc_lease *lease = (struct bc_lease *)(uintptr_t)core_lease_find(core, name);
  const struct bc_lease *coming = core_lease_find_coming(core, name, NULL);
  const struct bc_lease *any = lease != NULL ? lease : coming;
  if (any == NULL) {
    bc_fault_set(fault, 0, "there is no route of the API with this name");
    return BC_ERR_NOT_FOUND;
  }
  if (owner != NULL && strcmp(owner, any->owner) != 0) {
    core_lease_tell_owner(any->name, any->owner, fault);
    return BC_ERR_CONFLICT;
  }
  struct bc_buf record;
  bc_buf_init(&record, LEASE_RECORD_MAX);
  core_lease_tick(leases);
  leases->totals.removed++;
  lease_remove_coming(leases, any->name, &record);
  if (lease != NULL) {
    core_lease_tell(leases, lease, "removed");
    core_lease_drop(leases, lease, "removed through the API", &record);
  }
  core_lease_disk_note(leases, &record, true, done, arg);
  core_apply_changes(core); /* what it announces for others comes behind that record */
  core_lease_arm(leases);
  bc_buf_free(&record);
  return BC_ERR_OK;
}

/* ---- telling ---- */

void core_lease_report(struct bc_core *core, const char *route, json_t *to) {
  bool is_local = strncmp(route, BC_LEASE_PREFIX, strlen(BC_LEASE_PREFIX)) == 0;
  struct core_leases *leases = core->leases;
  const struct bc_lease *lease = is_local ? bc_leases_find(leases->table, route) : NULL;
  json_object_set_new(to, "origin", json_string(is_local ? "api" : "store"));
  json_object_set_new(to, "owner", lease == NULL ? json_null() : json_string(lease->owner));
  json_object_set_new(to, "note", lease == NULL ? json_null() : json_string(lease->reason));
  core_lease_tick(leases);
  json_t *expires = lease == NULL ? NULL : lease_expires(leases, lease);
  json_object_set_new(to, "expires", expires == NULL ? json_null() : expires);
}

void core_lease_warn(struct bc_core *core, json_t *list) {
  const struct core_leases *leases = core->leases;
  char line[320];
  if (leases->problem != NULL) {
    (void)snprintf(line, sizeof line, "routes of the API: %s%s", leases->problem,
                   leases->is_loaded ? "" : ": until it can be read, what stands without a name is kept");
    json_array_append_new(list, json_string(line));
  }
  if (leases->damaged > 0) {
    (void)snprintf(line, sizeof line, "routes of the API: %zu damaged lines in the file were left out at the start",
                   leases->damaged);
    json_array_append_new(list, json_string(line));
  }
  if (leases->in_doubt > 0) {
    (void)snprintf(line, sizeof line,
                   "routes of the API: %zu are kept though one of these lines may have been their removal: the journal "
                   "is lost too, so remove what is not wanted any more",
                   leases->in_doubt);
    json_array_append_new(list, json_string(line));
  }
}

const char *core_lease_gone_reason(const struct bc_core *core) {
  const char *reason = core->leases->gone_reason;
  return reason == NULL ? "removed" : reason;
}

bool core_lease_is_known(const struct bc_core *core) {
  return core->leases->is_loaded;
}

struct core_lease_totals core_lease_totals(const struct bc_core *core) {
  return core->leases->totals;
}

const char *core_lease_problem(const struct bc_core *core) {
  return core->leases->problem;
}
