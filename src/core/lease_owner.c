/* How many NLRI the leases of each owner have, and how many were put in the last hour: who announces a hundred in one
 * route has announced a hundred. */
#include "base/mem.h"
#include "core/lease_private.h"

#include <stdlib.h>
#include <string.h>

enum { OWNER_SPARE = 1024, OWNER_MINUTE_MS = 60000 };

struct core_lease_owner {
  RB_ENTRY(core_lease_owner) link;
  size_t nlri; /* that stand */
  struct core_lease_rate rate;
  char name[];
};

static int owner_compare(const struct core_lease_owner *a, const struct core_lease_owner *b) {
  return strcmp(a->name, b->name);
}

BC_TREE(core_lease_owner_tree, core_lease_owner, link, owner_compare)

static struct core_lease_owner *owner_find(struct core_leases *leases, const char *name) {
  size_t len = strlen(name);
  struct core_lease_owner *wanted = bc_mem_new(1, sizeof *wanted + len + 1);
  (void)memcpy(wanted->name, name, len + 1);
  struct core_lease_owner *found = RB_FIND(core_lease_owner_tree, &leases->owners, wanted);
  free(wanted);
  return found;
}

/* ---- the last hour ---- */

static int64_t owner_minute(void) {
  return bc_mono_now().us / 1000 / OWNER_MINUTE_MS;
}

/* Minutes that are over are empty again. */
static void rate_move(struct core_lease_rate *rate, int64_t minute) {
  int64_t passed = minute - rate->minute;
  for (int64_t i = 0; i < passed && i < CORE_LEASE_MINUTES; i++) {
    rate->counts[(size_t)(minute - i) % CORE_LEASE_MINUTES] = 0;
  }
  rate->minute = passed > 0 ? minute : rate->minute;
}

static void rate_add(struct core_lease_rate *rate, int64_t now, int64_t age_minutes, size_t nlri) {
  rate_move(rate, now);
  if (age_minutes >= 0 && age_minutes < CORE_LEASE_MINUTES && age_minutes <= now) {
    rate->counts[(size_t)(now - age_minutes) % CORE_LEASE_MINUTES] += (uint32_t)nlri;
  }
}

static size_t rate_sum(struct core_lease_rate *rate, int64_t now) {
  size_t sum = 0;
  rate_move(rate, now);
  for (size_t i = 0; i < CORE_LEASE_MINUTES; i++) {
    sum += rate->counts[i];
  }
  return sum;
}

/* ---- owners ---- */

/* Those of whom nothing is to be told any more: only when there are many, so that it costs little for each put. */
static void owner_trim(struct core_leases *leases) {
  struct core_lease_owner *next;
  int64_t now = owner_minute();
  if (leases->owner_count < 2 * bc_leases_counts(leases->table).live + OWNER_SPARE) {
    return;
  }
  for (struct core_lease_owner *at = RB_MIN(core_lease_owner_tree, &leases->owners); at != NULL; at = next) {
    next = RB_NEXT(core_lease_owner_tree, &leases->owners, at);
    if (at->nlri == 0 && rate_sum(&at->rate, now) == 0) {
      RB_REMOVE(core_lease_owner_tree, &leases->owners, at);
      leases->owner_count--;
      free(at);
    }
  }
}

static struct core_lease_owner *owner_get(struct core_leases *leases, const char *name) {
  struct core_lease_owner *found = owner_find(leases, name);
  if (found == NULL) {
    owner_trim(leases);
    size_t len = strlen(name);
    found = bc_mem_new(1, sizeof *found + len + 1);
    (void)memcpy(found->name, name, len + 1);
    (void)RB_INSERT(core_lease_owner_tree, &leases->owners, found);
    leases->owner_count++;
  }
  return found;
}

void core_lease_owner_put(struct core_leases *leases, const struct bc_lease *lease, int64_t age_ms) {
  rate_add(&owner_get(leases, lease->owner)->rate, owner_minute(), age_ms / OWNER_MINUTE_MS, lease->nlri);
}

void core_lease_owner_live(struct core_leases *leases, const struct bc_lease *lease, bool is_live) {
  struct core_lease_owner *found = owner_get(leases, lease->owner);
  found->nlri = is_live ? found->nlri + lease->nlri : found->nlri - lease->nlri;
  leases->nlri = is_live ? leases->nlri + lease->nlri : leases->nlri - lease->nlri;
}

void core_lease_owner_free(struct core_leases *leases) {
  struct core_lease_owner *at;
  while ((at = RB_MIN(core_lease_owner_tree, &leases->owners)) != NULL) {
    RB_REMOVE(core_lease_owner_tree, &leases->owners, at);
    free(at);
  }
}

struct core_lease_counts core_lease_count(struct bc_core *core, const char *owner) {
  struct core_leases *leases = core->leases;
  struct core_lease_owner *found = owner == NULL ? NULL : owner_find(leases, owner);
  return (struct core_lease_counts){.all = bc_leases_counts(leases->table).live,
                                    .nlri = leases->nlri,
                                    .nlri_of_owner = found == NULL ? 0 : found->nlri,
                                    .hour_of_owner = found == NULL ? 0 : rate_sum(&found->rate, owner_minute())};
}
