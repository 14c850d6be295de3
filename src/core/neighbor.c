/* The neighbors as ExaBGP tells them: configuration, negotiated families, coming and going. */
#include "base/mem.h"
#include "core/private.h"

#include <stdio.h>
#include <string.h>

enum { NEIGHBOR_HEARD_BYTES = 65536 };

static bool neighbor_is(const struct core_neighbor *neighbor, struct bc_str peer, struct bc_str local) {
  return bc_str_is(peer, neighbor->config.peer) &&
         (local.len == 0 || neighbor->config.local[0] == '\0' || bc_str_is(local, neighbor->config.local));
}

const char *core_neighbor_state_text(const struct core_neighbor *neighbor) {
  return neighbor->has_state ? bc_exabgp_state_text(neighbor->state) : "unknown";
}

struct core_neighbor *core_neighbor_find(struct bc_core *core, struct bc_str peer, struct bc_str local) {
  /* Asked for each NLRI of an UPDATE: mostly it is the one before. */
  if (core->neighbor_last < core->neighbor_count && neighbor_is(&core->neighbors[core->neighbor_last], peer, local)) {
    return &core->neighbors[core->neighbor_last];
  }
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    if (neighbor_is(&core->neighbors[i], peer, local)) {
      core->neighbor_last = i;
      return &core->neighbors[i];
    }
  }
  return NULL;
}

unsigned core_neighbor_number(const struct bc_core *core, const struct core_neighbor *neighbor) {
  return (unsigned)(neighbor - core->neighbors);
}

static uint32_t neighbor_families(const char families[32][24], unsigned count) {
  uint32_t set = 0;
  for (unsigned i = 0; i < count; i++) {
    enum bc_family family;
    if (bc_family_parse(bc_str_of(families[i]), &family) == BC_ERR_OK) {
      set |= 1U << family;
    }
  }
  return set;
}

static struct bc_rib_neighbor neighbor_for_rib(const struct core_neighbor *neighbor,
                                               const struct bc_rib_neighbor *old) {
  const struct bc_exabgp_neighbor_config *config = &neighbor->config;
  struct bc_rib_neighbor made = old == NULL ? (struct bc_rib_neighbor){0} : *old;
  (void)snprintf(made.name.ip, sizeof made.name.ip, "%s", config->peer);
  (void)snprintf(made.name.local_ip, sizeof made.name.local_ip, "%s", config->local);
  (void)snprintf(made.name.local_as, sizeof made.name.local_as, "%s", config->local_as);
  (void)snprintf(made.name.peer_as, sizeof made.name.peer_as, "%s", config->peer_as);
  (void)snprintf(made.name.router_id, sizeof made.name.router_id, "%s", config->router_id);
  made.configured = neighbor_families(config->families, config->family_count);
  made.reports_updates = config->reports_updates;
  return made;
}

static bool neighbor_differs(const struct bc_exabgp_neighbor_config *a, const struct bc_exabgp_neighbor_config *b) {
  return neighbor_families(a->families, a->family_count) != neighbor_families(b->families, b->family_count) ||
         a->reports_updates != b->reports_updates || a->neighbor_changes != b->neighbor_changes ||
         strcmp(a->processes, b->processes) != 0 || strcmp(a->local_as, b->local_as) != 0 ||
         strcmp(a->peer_as, b->peer_as) != 0 || strcmp(a->router_id, b->router_id) != 0;
}

/* A place for one more: a new one, or that of one that is not configured any more; NULL = none is free. */
static struct core_neighbor *neighbor_place(struct bc_core *core) {
  if (core->neighbor_count < BC_LIMIT_NEIGHBORS) {
    const struct bc_rib_neighbor nobody = {0};
    (void)bc_rib_neighbor_add(core->rib, &nobody);
    return &core->neighbors[core->neighbor_count++];
  }
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    struct core_neighbor *neighbor = &core->neighbors[i];
    if (neighbor->is_gone && !neighbor->is_listed) {
      core_publish_forget_neighbor(core, neighbor);
      *neighbor = (struct core_neighbor){0};
      return neighbor;
    }
  }
  return NULL;
}

static struct core_neighbor *neighbor_add(struct bc_core *core, const struct bc_exabgp_neighbor_config *config) {
  struct core_neighbor *neighbor = neighbor_place(core);
  if (neighbor == NULL) {
    core->neighbors_left_out++;
    return NULL;
  }
  neighbor->config = *config;
  neighbor->since_ms = bc_wall_now_ms();
  struct bc_rib_neighbor made = neighbor_for_rib(neighbor, NULL);
  made.negotiated = made.configured;
  bc_rib_neighbor_set(core->rib, core_neighbor_number(core, neighbor), &made, bc_mono_now());
  core->neighbors_are_news = true;
  return neighbor;
}

static void neighbor_change(struct bc_core *core, struct core_neighbor *neighbor,
                            const struct bc_exabgp_neighbor_config *config) {
  unsigned number = core_neighbor_number(core, neighbor);
  core->neighbors_are_news =
      core->neighbors_are_news || neighbor->is_gone || neighbor_differs(&neighbor->config, config);
  neighbor->config = *config;
  struct bc_rib_neighbor made = neighbor_for_rib(neighbor, bc_rib_neighbor_get(core->rib, number));
  bc_rib_neighbor_set(core->rib, number, &made, bc_mono_now());
}

void core_neighbor_configured(struct bc_core *core, const struct bc_exabgp_neighbor_config *config) {
  struct core_neighbor *neighbor = core_neighbor_find(core, bc_str_of(config->peer), bc_str_of(config->local));
  if (neighbor != NULL) {
    neighbor_change(core, neighbor, config);
  } else {
    neighbor = neighbor_add(core, config);
  }
  if (neighbor == NULL) {
    return;
  }
  neighbor->is_listed = true;
  neighbor->is_gone = false;
  core_publish_neighbor(core, neighbor);
}

static void neighbor_set_established(struct bc_core *core, struct core_neighbor *neighbor, bool is_established,
                                     const uint32_t *negotiated) {
  struct bc_rib_neighbor made = *bc_rib_neighbor_get(core->rib, core_neighbor_number(core, neighbor));
  made.is_established = is_established;
  if (negotiated != NULL) {
    made.negotiated = *negotiated;
  }
  bc_rib_neighbor_set(core->rib, core_neighbor_number(core, neighbor), &made, bc_mono_now());
}

static void neighbor_tell(struct bc_core *core, const struct core_neighbor *neighbor, const char *was) {
  json_t *detail = json_object();
  json_object_set_new(detail, "state", json_string(core_neighbor_state_text(neighbor)));
  json_object_set_new(detail, "was", json_string(was));
  json_object_set_new(detail, "reason", core_report_bytes(neighbor->reason, sizeof neighbor->reason));
  (void)core_event_tell(core, BC_EVENT_NEIGHBOR, neighbor->config.peer, 0, detail);
}

void core_neighbor_detail(struct bc_core *core, const struct bc_exabgp_neighbor_detail *detail) {
  struct core_neighbor *neighbor = core_neighbor_find(core, bc_str_of(detail->peer), bc_str_of(detail->local));
  if (neighbor == NULL) {
    return;
  }
  uint32_t negotiated = neighbor_families(detail->families, detail->family_count);
  neighbor_set_established(core, neighbor, detail->is_established, detail->is_established ? &negotiated : NULL);
  bool was_established = neighbor->has_state && neighbor->state == BC_EXABGP_UP;
  if (!neighbor->has_state || was_established != detail->is_established) {
    const char *was = core_neighbor_state_text(neighbor);
    neighbor->sessions += detail->is_established;
    neighbor->has_state = true;
    neighbor->state = detail->is_established ? BC_EXABGP_UP : BC_EXABGP_DOWN;
    neighbor->since_ms = bc_wall_now_ms();
    neighbor->reason[0] = '\0';
    neighbor_tell(core, neighbor, was);
  }
  core_publish_neighbor(core, neighbor);
  core_policy_on_world(core);
}

/* ---- which neighbors our commands reach ----
 *
 * ExaBGP never tells a process its own name. When all neighbors list the same processes, all are ours.
 * Else a neighbor is ours once a message about it has come to us; that is remembered on disk, so that a
 * new core need not wait for the next message. */

static const char neighbor_file[] = "neighbors";

static bool neighbor_lists_are_equal(const struct bc_core *core) {
  const char *first = NULL;
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    const char *list = core->neighbors[i].config.processes;
    if (list[0] == '\0' || !core->neighbors[i].is_listed) {
      continue;
    }
    if (first != NULL && strcmp(first, list) != 0) {
      return false;
    }
    first = list;
  }
  return true;
}

static void neighbor_set_ours(struct bc_core *core, const struct core_neighbor *neighbor, bool is_ours) {
  struct bc_rib_neighbor made = *bc_rib_neighbor_get(core->rib, core_neighbor_number(core, neighbor));
  if (made.is_ours != is_ours) {
    made.is_ours = is_ours;
    bc_rib_neighbor_set(core->rib, core_neighbor_number(core, neighbor), &made, bc_mono_now());
  }
}

static bool neighbor_was_heard(const struct bc_core *core, const struct core_neighbor *neighbor) {
  struct bc_str rest = bc_buf_str(&core->heard);
  struct bc_str line;
  while (bc_str_next_field(&rest, '\n', &line)) {
    if (bc_str_is(line, neighbor->config.peer)) {
      return true;
    }
  }
  return false;
}

void core_neighbor_configure_begin(struct bc_core *core) {
  core->neighbors_are_news = false;
  core->neighbors_left_out = 0;
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    core->neighbors[i].is_listed = false;
  }
}

/* ExaBGP has read a configuration without it. */
static void neighbor_is_gone(struct bc_core *core, struct core_neighbor *neighbor) {
  if (neighbor->is_gone) {
    return;
  }
  const char *was = core_neighbor_state_text(neighbor);
  neighbor->is_gone = true;
  neighbor->has_state = true;
  neighbor->state = BC_EXABGP_DOWN;
  neighbor->since_ms = bc_wall_now_ms();
  (void)snprintf(neighbor->reason, sizeof neighbor->reason, "not configured any more");
  bc_log(BC_LOG_NOTICE, "neighbor %s is not configured any more", neighbor->config.peer);
  neighbor_tell(core, neighbor, was);
  neighbor_set_established(core, neighbor, false, NULL);
  core_publish_neighbor(core, neighbor);
}

/* Those that found no place: they have one in the next answer when others have gone in this one. */
static void neighbor_judge_left_out(struct bc_core *core, unsigned gone) {
  bool was_cut = core->neighbors_cut;
  core->neighbors_cut = core->neighbors_left_out > gone;
  if (core->neighbors_left_out > 0 && gone > 0) {
    core->link.want_config = true;
    core->neighbors_are_news = true;
  }
  if (core->neighbors_cut && !was_cut) {
    bc_log(BC_LOG_WARNING, "more than %d neighbors: %u are not followed", BC_LIMIT_NEIGHBORS,
           core->neighbors_left_out - gone);
  }
}

bool core_neighbor_configure_end(struct bc_core *core) {
  bool equal = neighbor_lists_are_equal(core);
  unsigned gone = 0;
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    struct core_neighbor *neighbor = &core->neighbors[i];
    bool is_ours = neighbor->config.processes[0] != '\0' && (equal || neighbor_was_heard(core, neighbor));
    neighbor_set_ours(core, neighbor, is_ours && neighbor->is_listed);
    if (!neighbor->is_listed) {
      neighbor_is_gone(core, neighbor);
      gone++;
    }
  }
  neighbor_judge_left_out(core, gone);
  core_policy_on_world(core);
  return core->neighbors_are_news;
}

void core_neighbor_heard(struct bc_core *core, struct core_neighbor *neighbor) {
  if (neighbor->is_heard) {
    return;
  }
  neighbor->is_heard = true;
  neighbor_set_ours(core, neighbor, neighbor->is_listed);
  if (neighbor_was_heard(core, neighbor)) {
    return;
  }
  bc_buf_add_format(&core->heard, "%s\n", neighbor->config.peer);
  if (bc_disk_save(core->disk, neighbor_file, bc_buf_str(&core->heard), NULL, NULL) != BC_ERR_OK) {
    bc_log(BC_LOG_WARNING, "the neighbors that talk to us cannot be remembered: the disk is busy");
  }
}

void core_neighbor_open(struct bc_core *core) {
  struct bc_fault fault;
  bc_buf_init(&core->heard, NEIGHBOR_HEARD_BYTES);
  enum bc_err err = bc_disk_load(core->disk, neighbor_file, &core->heard, &fault);
  if (err != BC_ERR_OK && err != BC_ERR_NOT_FOUND) {
    bc_log(BC_LOG_WARNING, "%s", fault.text);
  }
}

bool core_neighbor_event(struct bc_core *core, const struct bc_exabgp_event *event) {
  struct core_neighbor *neighbor = core_neighbor_find(core, event->neighbor.peer, event->neighbor.local);
  if (neighbor == NULL) {
    return false;
  }
  core_neighbor_heard(core, neighbor);
  bool changed = !neighbor->has_state || neighbor->state != event->state;
  const char *was = core_neighbor_state_text(neighbor);
  bool told = neighbor->state == BC_EXABGP_UP || event->state == BC_EXABGP_UP || !neighbor->has_state;
  neighbor->has_state = true;
  if (changed) {
    neighbor->sessions += event->state == BC_EXABGP_UP;
    /* A failing session repeats connected and down each second: told once per change of up and down. */
    bool is_notice = neighbor->state == BC_EXABGP_UP || event->state == BC_EXABGP_UP;
    neighbor->state = event->state;
    neighbor->since_ms = bc_wall_now_ms();
    bc_log(is_notice ? BC_LOG_NOTICE : BC_LOG_INFO, "neighbor %s is %s%s" BC_STR_FMT, neighbor->config.peer,
           bc_exabgp_state_text(event->state), event->reason.len > 0 ? ": " : "", BC_STR_ARG(event->reason));
  }
  (void)snprintf(neighbor->reason, sizeof neighbor->reason, BC_STR_FMT, BC_STR_ARG(event->reason));
  if (changed && told) {
    neighbor_tell(core, neighbor, was);
  }
  if (event->state != BC_EXABGP_CONNECTED) {
    neighbor_set_established(core, neighbor, event->state == BC_EXABGP_UP, NULL);
  }
  core_publish_neighbor(core, neighbor);
  core_policy_on_world(core);
  core_publish_dirty(core);
  return true;
}
