/* What answers and routes have in common is made once: of very many routes under one policy most get the same verdict,
 * and had the same attributes. Each table is small, and forgets what something else takes the place of. */
#include "base/mem.h"
#include "core/private.h"
#include "model/policy_verdict.h"

#include <stdlib.h>
#include <string.h>

static size_t cache_place(const void *a, const void *b) {
  uint64_t hash = (uint64_t)(uintptr_t)a * 0x9e3779b97f4a7c15U + (uint64_t)(uintptr_t)b;
  return (size_t)((hash * 0x9e3779b97f4a7c15U) >> 32) % CORE_POLICY_KNOWN;
}

/* ---- verdicts ---- */

void core_policy_said_copy(const struct core_policy_said *from, struct core_policy_said *to) {
  to->verdict = from->verdict;
  to->reason = from->reason == NULL ? NULL : bc_intern_ref(from->reason);
  to->attributes = json_incref(from->attributes);
  to->text = bc_intern_ref(from->text);
  to->again_ms = from->again_ms;
}

/* Equal attributes are one object, whatever else the verdicts say. */
static json_t *cache_share(struct bc_core *core, json_t *attributes) {
  char *text = attributes == NULL ? NULL : json_dumps(attributes, JSON_COMPACT | JSON_SORT_KEYS);
  if (text == NULL) {
    return attributes;
  }
  const char *key = bc_intern_get(core->intern, bc_str_of(text));
  struct core_known_words *known = &core->policies.cache->words[cache_place(key, NULL)];
  free(text);
  if (known->text == key) {
    bc_intern_put(core->intern, key);
    json_decref(attributes);
    return json_incref(known->attributes);
  }
  bc_intern_put(core->intern, known->text);
  json_decref(known->attributes);
  *known = (struct core_known_words){.text = key, .attributes = json_incref(attributes)};
  return attributes;
}

enum bc_err core_policy_read(struct bc_core *core, struct bc_str text, struct core_policy_said *said,
                             struct bc_fault *fault) {
  const char *key = bc_intern_get(core->intern, text);
  struct core_policy_said *known = &core->policies.cache->said[cache_place(key, NULL)];
  struct bc_policy_verdict verdict;
  if (known->text != key) {
    enum bc_err err = bc_policy_verdict_parse(text, BC_POLICY_ROUTE, &verdict, fault);
    if (err != BC_ERR_OK) {
      bc_intern_put(core->intern, key);
      return err;
    }
    core_policy_said_clear(core, known);
    *known = (struct core_policy_said){
        .verdict = verdict.verdict,
        .reason = verdict.reason == NULL ? NULL : bc_intern_get(core->intern, bc_str_of(verdict.reason)),
        .attributes = cache_share(core, json_incref(verdict.attributes)),
        .text = bc_intern_ref(key),
        .again_ms = verdict.again_ms};
    bc_policy_verdict_free(&verdict);
  }
  core_policy_said_copy(known, said);
  bc_intern_put(core->intern, key);
  return BC_ERR_OK;
}

/* ---- verdicts on routes ---- */

static void cache_forget_made(struct bc_core *core, struct core_known_made *known) {
  bc_intern_put(core->intern, known->configured);
  bc_intern_put(core->intern, known->selector);
  bc_intern_put(core->intern, known->made);
  json_decref(known->attributes);
  *known = (struct core_known_made){0};
}

/* Where nothing of the prefix has a say in what attributes may be. */
static struct core_known_made *cache_find_made(struct bc_core *core, const struct bc_route *configured,
                                               const json_t *attributes) {
  bool is_plain = configured->is_groupable && !configured->is_split && attributes != NULL;
  return is_plain ? &core->policies.cache->made[cache_place(configured->attributes, attributes)] : NULL;
}

static bool cache_is_made_of(const struct core_known_made *known, const struct bc_route *configured,
                             const json_t *attributes) {
  return known->attributes == attributes && known->configured == configured->attributes &&
         known->selector == configured->selector && known->family == configured->nlri.family;
}

static struct bc_route cache_dress(struct bc_core *core, const struct core_known_made *known,
                                   const struct bc_route *configured) {
  struct bc_route made = bc_route_copy(configured);
  bc_intern_put(core->intern, made.attributes);
  made.attributes = bc_intern_ref(known->made);
  made.med = known->med;
  made.has_med = known->has_med;
  made.has_next_hop = known->has_next_hop;
  return made;
}

static enum bc_err cache_apply(struct bc_core *core, const struct bc_route *configured, const json_t *attributes,
                               struct bc_route *made, struct bc_fault *fault) {
  struct bc_neighbor_name names[BC_LIMIT_NEIGHBORS];
  size_t count = 0;
  for (unsigned i = 0; i < core->neighbor_count; i++) {
    if (!core->neighbors[i].is_gone) {
      names[count++] = bc_rib_neighbor_get(core->rib, i)->name;
    }
  }
  return bc_policy_apply(core->intern, configured, attributes, names, count, made, fault);
}

enum bc_err core_policy_apply(struct bc_core *core, const struct bc_route *configured, const json_t *attributes,
                              struct bc_route *made, struct bc_fault *fault) {
  struct core_known_made *known = cache_find_made(core, configured, attributes);
  if (known != NULL && cache_is_made_of(known, configured, attributes)) {
    *made = cache_dress(core, known, configured);
    return BC_ERR_OK;
  }
  enum bc_err err = cache_apply(core, configured, attributes, made, fault);
  if (err == BC_ERR_OK && known != NULL) {
    cache_forget_made(core, known);
    *known =
        (struct core_known_made){.configured = bc_intern_ref(configured->attributes),
                                 .selector = configured->selector == NULL ? NULL : bc_intern_ref(configured->selector),
                                 .attributes = json_incref((json_t *)(uintptr_t)attributes),
                                 .made = bc_intern_ref(made->attributes),
                                 .med = made->med,
                                 .family = configured->nlri.family,
                                 .has_med = made->has_med,
                                 .has_next_hop = made->has_next_hop};
  }
  return err;
}

/* ---- attributes as policies see them ---- */

void core_policy_add_attributes(struct bc_core *core, const struct bc_route *route, struct bc_buf *to) {
  struct core_known_shown *known = &core->policies.cache->shown[cache_place(route->attributes, NULL)];
  if (known->attributes != route->attributes || known->family != route->nlri.family) {
    struct bc_buf json;
    bc_buf_init(&json, BC_LIMIT_POLICY_CONTEXT_BYTES);
    bc_policy_print_attributes(route, &json);
    if (json.len > CORE_POLICY_SHOWN_BYTES || bc_buf_status(&json) != BC_ERR_OK) {
      bc_buf_free(&json);
      bc_policy_print_attributes(route, to);
      return;
    }
    bc_intern_put(core->intern, known->attributes);
    free(known->json);
    known->attributes = bc_intern_ref(route->attributes);
    known->family = route->nlri.family;
    known->len = json.len;
    known->json = bc_buf_take(&json);
  }
  bc_buf_add(to, known->json, known->len);
}

/* ---- life ---- */

void core_policy_cache_open(struct bc_core *core) {
  core->policies.cache = bc_mem_new(1, sizeof *core->policies.cache);
}

/* `prepend` makes them of the local AS of the neighbors. */
void core_policy_forget_made(struct bc_core *core) {
  for (size_t i = 0; i < CORE_POLICY_KNOWN; i++) {
    cache_forget_made(core, &core->policies.cache->made[i]);
  }
}

void core_policy_cache_close(struct bc_core *core) {
  struct core_policy_cache *cache = core->policies.cache;
  core_policy_forget_made(core);
  for (size_t i = 0; i < CORE_POLICY_KNOWN; i++) {
    core_policy_said_clear(core, &cache->said[i]);
    bc_intern_put(core->intern, cache->words[i].text);
    json_decref(cache->words[i].attributes);
    bc_intern_put(core->intern, cache->shown[i].attributes);
    free(cache->shown[i].json);
  }
  free(cache);
  core->policies.cache = NULL;
}
