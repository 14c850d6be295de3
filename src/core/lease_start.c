/* The start of the leases, their end, and what is leaving. */
#include "core/lease_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
  START_SLICE = 200,    /* leases that end in one turn of the loop */
  START_LOOK_MS = 5000, /* the clock of the timers stands still while the machine sleeps, that of the leases does not */
  START_LEAVING_MS = 1000, /* between two looks at what is leaving */
  START_LEAVING_SLICE = 500,
  START_CLOCK_MS = 60000, /* between two records of the clock */
  START_RECORDS_MAX = 1024 * 1024 * 64
};

/* ---- the start ---- */

/* What nobody can tell: with the journal lost too, all that can be read stays. */
static bool start_is_believed(struct core_leases *leases, const struct bc_lease *lease) {
  struct bc_core *core = leases->core;
  struct bc_route route;
  if (core->journal.was_lost) {
    bc_log(BC_LOG_ERROR,
           "route %s: its file is damaged behind it, and the journal is lost: it is taken for one that stands",
           lease->name);
    return true;
  }
  bool is_said = core_lease_parse(leases, lease, &route);
  if (is_said) {
    is_said = bc_rib_said(core->rib, &route);
    bc_route_release(core->intern, &route);
  }
  return is_said;
}

/* Of what stands before a damaged line only that is believed which the journal has as announced: a route whose removal
 * was in the line is in the journal as withdrawn, or is about to be. */
static size_t start_settle_doubts(struct core_leases *leases, struct bc_buf *record) {
  size_t left_out = 0;
  struct bc_lease *next;
  for (struct bc_lease *lease = bc_leases_after_id(leases->table, 0); lease != NULL; lease = next) {
    next = bc_leases_after_id(leases->table, lease->id);
    bool is_in_doubt = lease->is_doubtful && !lease->is_leaving;
    leases->in_doubt += is_in_doubt && leases->core->journal.was_lost ? 1 : 0;
    if (is_in_doubt && !start_is_believed(leases, lease)) {
      bc_log(BC_LOG_ERROR, "route %s: its file is damaged behind it, and the journal does not have it: it is withdrawn",
             lease->name);
      bc_leases_leave(leases->table, lease, record);
      left_out++;
    }
    lease->is_doubtful = false;
  }
  return left_out;
}

/* Nobody asks for it, so who reads the audit log would not know why it went. */
static void start_tell_expired(struct core_leases *leases, const struct bc_lease *lease) {
  leases->totals.expired++;
  core_lease_tell(leases, lease, "expired");
  (void)core_audit_write(leases->core,
                         &(struct core_audit_line){.who = "bgpcommander",
                                                   .action = "expire",
                                                   .name = lease->name,
                                                   .command = lease->text,
                                                   .ttl_ms = lease->ttl_ms,
                                                   .outcome = "accepted",
                                                   .is_done = true},
                         NULL, NULL);
}

static void start_end_expired(struct core_leases *leases, struct bc_buf *record) {
  struct bc_lease *lease;
  while ((lease = bc_leases_first_due(leases->table)) != NULL && bc_lease_left_ms(leases->table, lease) == 0) {
    bc_log(BC_LOG_NOTICE, "route %s: its time was over before this start", lease->name);
    start_tell_expired(leases, lease);
    bc_leases_leave(leases->table, lease, record);
  }
}

static void start_tell_clock(struct core_leases *leases) {
  int64_t now_ms = bc_boot_now_ms();
  bool is_first = leases->clock_told_ms == 0;
  bool is_due = is_first || now_ms - leases->clock_told_ms >= START_CLOCK_MS;
  struct bc_leases_counts counts = bc_leases_counts(leases->table);
  /* The first one also keeps the disk's room for the removals. */
  if (is_due && (counts.timed > 0 || (is_first && counts.live > 0))) {
    leases->clock_told_ms = now_ms;
    core_lease_disk_tell_clock(leases);
  }
}

static size_t start_count_nlri(const struct bc_core *core, const struct bc_lease *lease) {
  struct bc_config_route config;
  bool is_known = bc_config_find(core->config, lease->name, &config) && config.route != NULL;
  return is_known ? bc_route_nlri_count(config.route) : 1;
}

void core_lease_begin(struct core_leases *leases) {
  struct bc_core *core = leases->core;
  struct bc_buf record;
  bc_buf_init(&record, START_RECORDS_MAX);
  size_t doubted = start_settle_doubts(leases, &record);
  start_end_expired(leases, &record);
  leases->damaged += doubted;
  if (record.len > 0) {
    core_lease_disk_note(leases, &record, true, NULL, NULL);
  }
  bc_buf_free(&record);
  start_tell_clock(leases);
  int64_t now_ms = bc_wall_now_ms();
  for (struct bc_lease *lease = bc_leases_after(leases->table, NULL); lease != NULL;
       lease = bc_leases_after(leases->table, lease->name)) {
    bc_config_put_local(core->config, lease->name, bc_str_of(lease->text), bc_mono_now());
    lease->nlri = start_count_nlri(core, lease);
    core_lease_owner_live(leases, lease, true);
    core_lease_owner_put(leases, lease, now_ms - lease->since_ms);
  }
  core_lease_disk_mind(leases);
  core_lease_arm(leases);
}

static void start_on_retry(void *arg) {
  struct core_leases *leases = arg;
  if (leases->log != NULL) {
    core_lease_disk_retry(leases);
    return;
  }
  bool was_loaded = leases->is_loaded;
  if (core_lease_disk_open(leases) && !was_loaded) {
    core_lease_begin(leases);
    core_lease_name_leaving(leases->core);
    core_lease_withdraw_leaving(leases->core);
    core_apply_changes(leases->core);
  }
}

void core_lease_open(struct bc_core *core) {
  struct core_leases *leases = bc_mem_new(1, sizeof *leases);
  core->leases = leases;
  leases->core = core;
  leases->table = bc_leases_new();
  TAILQ_INIT(&leases->ops);
  RB_INIT(&leases->owners);
  leases->timer = bc_timer_new(core->loop, core_lease_on_timer, leases);
  leases->retry_timer = bc_timer_new(core->loop, start_on_retry, leases);
  bc_boot_id_read(leases->boot_id);
  if (core_lease_disk_open(leases)) {
    core_lease_begin(leases);
  }
}

/* How late it is when we end: so that less is unknown after a reboot. */
void core_lease_end(struct bc_core *core) {
  struct core_leases *leases = core->leases;
  if (leases != NULL && bc_leases_counts(leases->table).timed > 0) {
    core_lease_tick(leases);
    core_lease_disk_tell_clock(leases);
  }
}

void core_lease_close(struct bc_core *core) {
  struct core_leases *leases = core->leases;
  if (leases == NULL) {
    return;
  }
  bc_timer_free(leases->timer);
  bc_timer_free(leases->retry_timer);
  core_lease_disk_close(leases);
  core_lease_owner_free(leases);
  bc_leases_free(leases->table);
  free(leases->problem);
  free(leases);
  core->leases = NULL;
}

/* ---- what is leaving ---- */

/* A route that is in force speaks for it now: its own name again, or another one. Also when nothing is left of it. */
static bool start_is_taken_over(struct bc_core *core, const char *name, const struct bc_route *single) {
  struct bc_rib_view view;
  if (!bc_rib_find(core->rib, single->selector, &single->nlri, &view)) {
    return true;
  }
  const struct core_route *route = core_route_find(core, name);
  bool is_again = false;
  for (size_t i = 0; route != NULL && route->has_claim && i < bc_route_nlri_count(&route->claimed); i++) {
    is_again = is_again || (route->claimed.selector == single->selector &&
                            bc_nlri_compare(bc_route_nlri(&route->claimed, i), &single->nlri) == 0);
  }
  return is_again || (view.owner != NULL && strcmp(view.owner, name) != 0);
}

/* What nobody names stays as it is: so it gets its name, as if it were wanted. */
static void start_name(struct bc_core *core, const char *name, const struct bc_route *single) {
  struct bc_rib_view view;
  bool is_started = bc_rib_is_started(core->rib);
  bool stands = is_started ? bc_rib_find(core->rib, single->selector, &single->nlri, &view) && view.is_unnamed
                           : bc_rib_stood(core->rib, single->selector, &single->nlri, core->journal.was_lost);
  if (stands) {
    bc_rib_want(core->rib, name, single, bc_mono_now());
  }
}

static void start_unwant(struct bc_core *core, const char *name, const struct bc_route *single) {
  if (!start_is_taken_over(core, name, single)) {
    bc_rib_unwant(core->rib, single->selector, &single->nlri, bc_mono_now());
  }
}

typedef void start_fn(struct bc_core *core, const char *name, const struct bc_route *single);

static void start_each_leaving(struct bc_core *core, start_fn *fn) {
  struct core_leases *leases = core->leases;
  bc_rib_set_mark(core->rib, 0);
  for (struct bc_lease *lease = bc_leases_after_id(leases->table, 0); lease != NULL;
       lease = bc_leases_after_id(leases->table, lease->id)) {
    struct bc_route route;
    if (!lease->is_leaving || !core_lease_parse(leases, lease, &route)) {
      continue;
    }
    for (size_t i = 0; i < bc_route_nlri_count(&route); i++) {
      struct bc_route single = bc_route_single(&route, i);
      fn(core, lease->name, &single);
      bc_route_release(core->intern, &single);
    }
    bc_route_release(core->intern, &route);
  }
}

void core_lease_name_leaving(struct bc_core *core) {
  start_each_leaving(core, start_name);
}

void core_lease_withdraw_leaving(struct bc_core *core) {
  start_each_leaving(core, start_unwant);
}

bool core_lease_has_any(const struct bc_core *core) {
  struct bc_leases_counts counts = bc_leases_counts(core->leases->table);
  return counts.live + counts.leaving > 0;
}

struct start_single {
  const char *selector; /* interned */
  const struct bc_nlri *nlri;
};

static int start_compare_singles(const void *a, const void *b) {
  const struct start_single *one = a;
  const struct start_single *other = b;
  uintptr_t at = (uintptr_t)one->selector;
  uintptr_t other_at = (uintptr_t)other->selector;
  return at != other_at ? (at > other_at) - (at < other_at) : bc_nlri_compare(one->nlri, other->nlri);
}

static size_t start_count_singles(const struct bc_core *core, const struct bc_route *routes, size_t route_count,
                                  size_t single_count) {
  struct start_single *singles = bc_mem_new(single_count + 1, sizeof *singles);
  size_t made = 0;
  size_t count = 0;
  for (size_t i = 0; i < route_count; i++) {
    for (size_t j = 0; j < bc_route_nlri_count(&routes[i]); j++) {
      singles[made++] = (struct start_single){routes[i].selector, bc_route_nlri(&routes[i], j)};
    }
  }
  qsort(singles, made, sizeof *singles, start_compare_singles);
  for (size_t i = 0; i < made; i++) {
    bool is_again = i > 0 && start_compare_singles(&singles[i - 1], &singles[i]) == 0;
    count += !is_again && bc_rib_is_recorded(core->rib, singles[i].selector, singles[i].nlri) ? 1 : 0;
  }
  free(singles);
  return count;
}

/* Several that are leaving may have had the same prefix one after the other: the journal has it once. */
size_t core_lease_count_recorded(struct bc_core *core) {
  struct bc_leases_counts counts = bc_leases_counts(core->leases->table);
  struct bc_route *routes = bc_mem_new(counts.live + counts.leaving + 1, sizeof *routes);
  size_t route_count = 0;
  size_t single_count = 0;
  for (struct bc_lease *lease = bc_leases_after_id(core->leases->table, 0); lease != NULL;
       lease = bc_leases_after_id(core->leases->table, lease->id)) {
    if (core_lease_parse(core->leases, lease, &routes[route_count])) {
      single_count += bc_route_nlri_count(&routes[route_count++]);
    }
  }
  size_t count = start_count_singles(core, routes, route_count, single_count);
  for (size_t i = 0; i < route_count; i++) {
    bc_route_release(core->intern, &routes[i]);
  }
  free(routes);
  return count;
}

/* Nothing of it stands any more, or it is another route's. */
static bool start_has_left(struct core_leases *leases, const struct bc_lease *lease) {
  struct bc_core *core = leases->core;
  struct bc_route route;
  bool has_left = true;
  if (!core_lease_parse(leases, lease, &route)) {
    return true;
  }
  for (size_t i = 0; has_left && i < bc_route_nlri_count(&route); i++) {
    struct bc_route single = bc_route_single(&route, i);
    struct bc_rib_view view;
    bool is_there = bc_rib_find(core->rib, single.selector, &single.nlri, &view) && view.state != BC_RIB_NONE;
    has_left = !is_there || start_is_taken_over(core, lease->name, &single);
    bc_route_release(core->intern, &single);
  }
  bc_route_release(core->intern, &route);
  return has_left;
}

static void start_look_at_leaving(struct core_leases *leases) {
  unsigned looks = 0;
  struct bc_buf record;
  bc_buf_init(&record, START_RECORDS_MAX);
  struct bc_lease *lease = bc_leases_after_id(leases->table, leases->leaving_after);
  while (bc_rib_is_started(leases->core->rib) && lease != NULL && looks++ < START_LEAVING_SLICE) {
    struct bc_lease *next = bc_leases_after_id(leases->table, lease->id);
    leases->leaving_after = lease->id;
    if (lease->is_leaving && start_has_left(leases, lease)) {
      bc_leases_forget(leases->table, lease, &record);
    }
    lease = next;
  }
  if (record.len > 0) {
    core_lease_disk_note(leases, &record, true, NULL, NULL);
  }
  bc_buf_free(&record);
  leases->leaving_after = lease == NULL ? 0 : leases->leaving_after;
}

/* ---- the end of a lease ---- */

void core_lease_miss(struct core_leases *leases, struct bc_lease *lease, bool is_removed) {
  struct bc_buf record;
  bc_buf_init(&record, START_RECORDS_MAX);
  bc_log(BC_LOG_NOTICE, "route %s: %s before it was on disk: it is not announced", lease->name,
         is_removed ? "removed" : "its time was over");
  if (is_removed) {
    core_lease_tell(leases, lease, "removed");
  } else {
    start_tell_expired(leases, lease);
  }
  core_lease_drop(leases, lease, is_removed ? "removed through the API" : "its time is over", &record);
  core_lease_disk_note(leases, &record, true, NULL, NULL);
  bc_buf_free(&record);
}

/* True when more are due. */
static bool start_end_due(struct core_leases *leases, struct bc_buf *record) {
  unsigned ended = 0;
  struct bc_lease *lease;
  while ((lease = bc_leases_first_due(leases->table)) != NULL && bc_lease_left_ms(leases->table, lease) == 0) {
    if (ended++ == START_SLICE) {
      break;
    }
    bc_log(BC_LOG_NOTICE, "route %s: its time is over", lease->name);
    start_tell_expired(leases, lease);
    core_lease_drop(leases, lease, "its time is over", record);
  }
  if (record->len > 0) {
    core_lease_disk_note(leases, record, true, NULL, NULL);
  }
  if (ended > 0) {
    core_apply_changes(leases->core);
  }
  return ended > START_SLICE;
}

void core_lease_arm(struct core_leases *leases) {
  struct bc_leases_counts counts = bc_leases_counts(leases->table);
  const struct bc_lease *first = bc_leases_first_due(leases->table);
  int64_t delay_ms = START_LOOK_MS;
  if (first != NULL && bc_lease_left_ms(leases->table, first) < (uint64_t)delay_ms) {
    delay_ms = (int64_t)bc_lease_left_ms(leases->table, first);
  }
  delay_ms = counts.leaving > 0 && delay_ms > START_LEAVING_MS ? START_LEAVING_MS : delay_ms;
  if (counts.timed + counts.leaving == 0 || leases->core->is_exiting) {
    bc_timer_stop(leases->timer);
    return;
  }
  /* Changes that follow each other closely may not push it back for ever. */
  struct bc_mono at = bc_mono_add_ms(bc_mono_now(), delay_ms);
  if (!bc_timer_is_armed(leases->timer) || !bc_mono_reached(leases->timer_at, at)) {
    leases->timer_at = at;
    bc_timer_start_at(leases->timer, at);
  }
}

bool core_lease_hands_over(const struct bc_core *core, const struct bc_route *route) {
  bool stands = true;
  for (size_t i = 0; stands && i < bc_route_nlri_count(route); i++) {
    struct bc_rib_view view;
    stands = bc_rib_find(core->rib, route->selector, bc_route_nlri(route, i), &view) && view.state != BC_RIB_NONE &&
             view.owner != NULL && strncmp(view.owner, BC_LEASE_PREFIX, strlen(BC_LEASE_PREFIX)) == 0;
  }
  return stands;
}

/* A key that came now may want what a lease leaves: the sooner that one is forgotten the better. */
void core_lease_look(struct bc_core *core) {
  struct core_leases *leases = core->leases;
  if (leases != NULL && bc_leases_counts(leases->table).leaving > 0 && !core->is_exiting) {
    bc_timer_start(leases->timer, 0);
  }
}

void core_lease_on_timer(void *arg) {
  struct core_leases *leases = arg;
  struct bc_buf record;
  if (leases->core->is_exiting) {
    return;
  }
  bc_buf_init(&record, START_RECORDS_MAX);
  core_lease_tick(leases);
  bool is_more = start_end_due(leases, &record);
  if (!is_more) {
    start_look_at_leaving(leases);
    start_tell_clock(leases);
  }
  bc_buf_free(&record);
  core_lease_disk_mind(leases);
  core_lease_arm(leases);
}
