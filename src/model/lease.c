#include "model/lease_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What a lease costs in the file beside its texts. */
enum { LEASE_RECORD_BYTES = 320, LEASE_REMOVAL_BYTES = 384, LEASE_FILE_LEAST = 65536 };

static int lease_compare_name(const struct bc_lease *a, const struct bc_lease *b) {
  return strcmp(a->name, b->name);
}

static int lease_compare_leaving(const struct bc_lease *a, const struct bc_lease *b) {
  int order = strcmp(a->name, b->name);
  return order != 0 ? order : (a->id < b->id) - (a->id > b->id);
}

static int lease_compare_id(const struct bc_lease *a, const struct bc_lease *b) {
  return (a->id > b->id) - (a->id < b->id);
}

static int lease_compare_due(const struct bc_lease *a, const struct bc_lease *b) {
  int order = (a->due > b->due) - (a->due < b->due);
  return order != 0 ? order : lease_compare_id(a, b);
}

BC_TREE(bc_lease_name_tree, bc_lease, by_name, lease_compare_name)
BC_TREE(bc_lease_leaving_tree, bc_lease, by_name, lease_compare_leaving)
BC_TREE(bc_lease_id_tree, bc_lease, by_id, lease_compare_id)
BC_TREE(bc_lease_due_tree, bc_lease, by_due, lease_compare_due)

/* The functions of <sys/tree.h> take the head without const, though finding changes nothing. */
static struct bc_leases *lease_table(const struct bc_leases *leases) {
  return (struct bc_leases *)(uintptr_t)leases;
}

/* ---- life ---- */

static size_t lease_text_bytes(const struct bc_lease *lease) {
  return strlen(lease->name) + strlen(lease->text) + strlen(lease->owner) + strlen(lease->reason) +
         strlen(lease->source);
}

bool bc_lease_has_room(const struct bc_leases *leases, const struct bc_lease_ask *ask) {
  size_t bytes = strlen(ask->name) + strlen(ask->text) + strlen(ask->owner) + strlen(ask->reason) + strlen(ask->source);
  bool is_too_long = strlen(ask->text) > BC_LIMIT_COMMAND_BYTES || strlen(ask->owner) > BC_LIMIT_LEASE_TEXT_BYTES ||
                     strlen(ask->reason) > BC_LIMIT_LEASE_TEXT_BYTES || strlen(ask->source) > BC_LIMIT_LEASE_TEXT_BYTES;
  return !is_too_long && leases->text_bytes + bytes <= BC_LIMIT_LEASES_BYTES;
}

struct bc_lease *bc_lease_new(struct bc_leases *leases, uint64_t id, const struct bc_lease_ask *ask) {
  struct bc_lease *lease = bc_mem_new(1, sizeof *lease);
  *lease = (struct bc_lease){.id = id,
                             .name = bc_mem_copy_string(ask->name),
                             .text = bc_mem_copy_string(ask->text),
                             .owner = bc_mem_copy_string(ask->owner),
                             .reason = bc_mem_copy_string(ask->reason),
                             .source = bc_mem_copy_string(ask->source),
                             .ttl_ms = ask->ttl_ms};
  leases->text_bytes += lease_text_bytes(lease);
  leases->last_id = id > leases->last_id ? id : leases->last_id;
  return lease;
}

static void lease_release(struct bc_leases *leases, struct bc_lease *lease) {
  leases->text_bytes -= lease_text_bytes(lease);
  free((char *)(uintptr_t)lease->name);
  free((char *)(uintptr_t)lease->text);
  free((char *)(uintptr_t)lease->owner);
  free((char *)(uintptr_t)lease->reason);
  free((char *)(uintptr_t)lease->source);
  free(lease);
}

void bc_lease_insert(struct bc_leases *leases, struct bc_lease *lease) {
  (void)RB_INSERT(bc_lease_id_tree, &leases->by_id, lease);
  if (lease->is_leaving) {
    (void)RB_INSERT(bc_lease_leaving_tree, &leases->leaving, lease);
    leases->counts.leaving++;
    return;
  }
  (void)RB_INSERT(bc_lease_name_tree, &leases->by_name, lease);
  leases->counts.live++;
  if (lease->ttl_ms > 0) {
    (void)RB_INSERT(bc_lease_due_tree, &leases->by_due, lease);
    leases->counts.timed++;
  }
}

static void lease_unlink_live(struct bc_leases *leases, struct bc_lease *lease) {
  RB_REMOVE(bc_lease_name_tree, &leases->by_name, lease);
  leases->counts.live--;
  if (lease->ttl_ms > 0) {
    RB_REMOVE(bc_lease_due_tree, &leases->by_due, lease);
    leases->counts.timed--;
  }
}

void bc_lease_count_gone(struct bc_leases *leases, uint64_t id) {
  leases->gone.count++;
  leases->gone.ids = (leases->gone.ids + id) & INT64_MAX;
}

void bc_lease_set_leaving(struct bc_leases *leases, struct bc_lease *lease) {
  if (!lease->is_leaving) {
    lease_unlink_live(leases, lease);
    lease->is_leaving = true;
    (void)RB_INSERT(bc_lease_leaving_tree, &leases->leaving, lease);
    leases->counts.leaving++;
  }
}

void bc_lease_free(struct bc_leases *leases, struct bc_lease *lease) {
  if (lease->is_leaving) {
    RB_REMOVE(bc_lease_leaving_tree, &leases->leaving, lease);
    leases->counts.leaving--;
  } else {
    lease_unlink_live(leases, lease);
  }
  RB_REMOVE(bc_lease_id_tree, &leases->by_id, lease);
  lease_release(leases, lease);
}

struct bc_leases *bc_leases_new(void) {
  struct bc_leases *leases = bc_mem_new(1, sizeof *leases);
  RB_INIT(&leases->by_name);
  RB_INIT(&leases->leaving);
  RB_INIT(&leases->by_id);
  RB_INIT(&leases->by_due);
  return leases;
}

void bc_leases_free(struct bc_leases *leases) {
  struct bc_lease *lease;
  while (leases != NULL && (lease = RB_MIN(bc_lease_id_tree, &leases->by_id)) != NULL) {
    bc_lease_free(leases, lease);
  }
  free(leases);
}

/* ---- the clock ---- */

void bc_leases_move(struct bc_leases *leases, const struct bc_lease_time *now) {
  struct bc_lease_time *last = &leases->last;
  bool is_same_boot = leases->has_time && now->boot_id[0] != '\0' && strcmp(now->boot_id, last->boot_id) == 0 &&
                      now->boot_ms >= last->boot_ms;
  int64_t before = is_same_boot ? last->boot_ms : last->wall_ms;
  int64_t after = is_same_boot ? now->boot_ms : now->wall_ms;
  if (leases->has_time && after > before) {
    leases->clock += (uint64_t)after - (uint64_t)before;
  }
  *last = *now;
  leases->has_time = true;
}

uint64_t bc_leases_clock(const struct bc_leases *leases) {
  return leases->clock;
}

uint64_t bc_lease_due(uint64_t clock, uint64_t left_ms) {
  return left_ms > UINT64_MAX - clock ? UINT64_MAX : clock + left_ms;
}

uint64_t bc_lease_left_ms(const struct bc_leases *leases, const struct bc_lease *lease) {
  if (lease->ttl_ms == 0) {
    return UINT64_MAX;
  }
  return lease->due > leases->clock ? lease->due - leases->clock : 0;
}

struct bc_lease *bc_leases_first_due(const struct bc_leases *leases) {
  return RB_MIN(bc_lease_due_tree, &lease_table(leases)->by_due);
}

/* ---- changes ---- */

enum bc_err bc_leases_make(struct bc_leases *leases, const struct bc_lease_ask *ask, struct bc_lease **out,
                           struct bc_buf *record) {
  const struct bc_lease *old = bc_leases_find(leases, ask->name);
  bool is_full = leases->counts.live + leases->made >= BC_LIMIT_LEASES + (old != NULL ? 1U : 0U) ||
                 leases->counts.leaving >= BC_LIMIT_LEASES;
  if (is_full || !bc_lease_has_room(leases, ask)) {
    return BC_ERR_LIMIT;
  }
  struct bc_lease *lease = bc_lease_new(leases, leases->last_id + 1, ask);
  lease->since_ms = leases->last.wall_ms;
  lease->due = ask->ttl_ms == 0 ? 0 : bc_lease_due(leases->clock, ask->ttl_ms);
  lease->keeps_identity = ask->keeps_identity;
  lease->nlri = ask->nlri;
  leases->made++;
  bc_lease_print_put(leases, lease, record);
  *out = lease;
  return BC_ERR_OK;
}

void bc_lease_replace(struct bc_leases *leases, const struct bc_lease *by) {
  struct bc_lease *old = bc_leases_find(leases, by->name);
  if (old != NULL && by->keeps_identity) {
    bc_lease_free(leases, old);
  } else if (old != NULL) {
    bc_lease_count_gone(leases, old->id);
    bc_lease_set_leaving(leases, old);
  }
}

void bc_leases_commit(struct bc_leases *leases, struct bc_lease *lease) {
  leases->made--;
  bc_lease_replace(leases, lease);
  bc_lease_insert(leases, lease);
}

void bc_leases_drop(struct bc_leases *leases, struct bc_lease *lease) {
  leases->made--;
  lease_release(leases, lease);
}

void bc_leases_leave(struct bc_leases *leases, struct bc_lease *lease, struct bc_buf *record) {
  bc_lease_count_gone(leases, lease->id);
  bc_lease_set_leaving(leases, lease);
  bc_lease_print_id(leases, "leave", lease->id, record);
}

void bc_leases_leave_made(struct bc_leases *leases, const struct bc_lease *made, struct bc_buf *record) {
  bc_lease_count_gone(leases, made->id);
  bc_lease_print_id(leases, "leave", made->id, record);
}

void bc_leases_forget(struct bc_leases *leases, struct bc_lease *lease, struct bc_buf *record) {
  bc_lease_print_id(leases, "forget", lease->id, record);
  bc_lease_free(leases, lease);
}

void bc_leases_tell_clock(struct bc_leases *leases, struct bc_buf *record) {
  bc_lease_print_id(leases, "clock", leases->last_id, record);
}

size_t bc_leases_removal_bytes(const struct bc_leases *leases) {
  return (leases->counts.live + leases->counts.leaving + leases->made) * LEASE_REMOVAL_BYTES;
}

bool bc_leases_is_grown(const struct bc_leases *leases, size_t bytes) {
  size_t needed = leases->text_bytes + (leases->counts.live + leases->counts.leaving) * LEASE_RECORD_BYTES;
  return bytes > LEASE_FILE_LEAST && bytes / 2 > needed;
}

/* ---- looking ---- */

struct bc_lease *bc_leases_find(const struct bc_leases *leases, const char *name) {
  struct bc_lease wanted = {.name = name};
  return RB_FIND(bc_lease_name_tree, &lease_table(leases)->by_name, &wanted);
}

struct bc_lease *bc_leases_after(const struct bc_leases *leases, const char *name) {
  if (name == NULL) {
    return RB_MIN(bc_lease_name_tree, &lease_table(leases)->by_name);
  }
  struct bc_lease wanted = {.name = name};
  struct bc_lease *found = RB_NFIND(bc_lease_name_tree, &lease_table(leases)->by_name, &wanted);
  bool is_itself = found != NULL && strcmp(found->name, name) == 0;
  return is_itself ? RB_NEXT(bc_lease_name_tree, NULL, found) : found;
}

struct bc_lease *bc_leases_find_leaving(const struct bc_leases *leases, const char *name) {
  struct bc_lease wanted = {.name = name, .id = UINT64_MAX};
  struct bc_lease *found = RB_NFIND(bc_lease_leaving_tree, &lease_table(leases)->leaving, &wanted);
  return found != NULL && strcmp(found->name, name) == 0 ? found : NULL;
}

struct bc_lease *bc_lease_find_id(const struct bc_leases *leases, uint64_t id) {
  struct bc_lease wanted = {.id = id};
  return RB_FIND(bc_lease_id_tree, &lease_table(leases)->by_id, &wanted);
}

struct bc_lease *bc_leases_after_id(const struct bc_leases *leases, uint64_t id) {
  struct bc_lease wanted = {.id = id + 1};
  return RB_NFIND(bc_lease_id_tree, &lease_table(leases)->by_id, &wanted);
}

struct bc_leases_counts bc_leases_counts(const struct bc_leases *leases) {
  return leases->counts;
}
