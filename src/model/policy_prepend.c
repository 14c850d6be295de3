#include "model/policy_prepend.h"

#include <string.h>

enum {
  /* Longer paths are dropped here and there. */
  PREPEND_MOST = 64,
  PATH_BYTES = 65536
};

struct prepend {
  uint64_t as_number; /* 0 = that of the neighbors */
  uint64_t times;
};

static enum bc_err prepend_read(const json_t *value, struct prepend *out, struct bc_fault *fault) {
  static const char expected[] = "a whole number from 0 to 64, or {as = AS, times = NUMBER}";
  const json_t *times = value;
  if (json_is_object(value)) {
    const json_t *as_number = json_object_get(value, "as");
    times = json_object_get(value, "times");
    bool is_known = json_object_size(value) == 2 && as_number != NULL && times != NULL &&
                    bc_policy_value_number(as_number, UINT32_MAX, &out->as_number) && out->as_number > 0;
    if (!is_known) {
      return bc_policy_value_expected(fault, "prepend", expected, value);
    }
  }
  return bc_policy_value_number(times, PREPEND_MOST, &out->times)
             ? BC_ERR_OK
             : bc_policy_value_expected(fault, "prepend", expected, value);
}

/* The one local AS of all neighbors that the route goes to. */
static enum bc_err prepend_find_local(const char *selector, const struct bc_neighbor_name *neighbors, size_t count,
                                      uint64_t *local_as, struct bc_fault *fault) {
  for (size_t i = 0; i < count; i++) {
    uint64_t number;
    if (!bc_selector_selects(selector, &neighbors[i])) {
      continue;
    }
    if (bc_str_to_u64(bc_str_of(neighbors[i].local_as), UINT32_MAX, &number) != BC_ERR_OK || number == 0) {
      bc_fault_set(fault, 0, "prepend: the local AS towards the neighbor %s is not known: say it, {as = AS, times = N}",
                   neighbors[i].ip);
      return BC_ERR_SYNTAX;
    }
    if (*local_as != 0 && *local_as != number) {
      bc_fault_set(fault, 0,
                   "prepend: the neighbors have several local AS, %llu and %llu: say which, {as = AS, times = N}",
                   (unsigned long long)*local_as, (unsigned long long)number);
      return BC_ERR_SYNTAX;
    }
    *local_as = number;
  }
  if (*local_as == 0) {
    bc_fault_set(fault, 0,
                 "prepend: no neighbor that the route goes to is known, and so no local AS: say it, {as = "
                 "AS, times = N}");
    return BC_ERR_SYNTAX;
  }
  return BC_ERR_OK;
}

/* Who finds its own AS in the path drops the route. */
static enum bc_err prepend_check_loop(const char *selector, const struct bc_neighbor_name *neighbors, size_t count,
                                      uint64_t as_number, struct bc_fault *fault) {
  for (size_t i = 0; i < count; i++) {
    uint64_t number;
    if (bc_selector_selects(selector, &neighbors[i]) &&
        bc_str_to_u64(bc_str_of(neighbors[i].peer_as), UINT32_MAX, &number) == BC_ERR_OK && number == as_number) {
      bc_fault_set(fault, 0,
                   "prepend: the neighbor %s is in AS %llu itself and would drop the route, as its own AS would be in "
                   "the path",
                   neighbors[i].ip, (unsigned long long)as_number);
      return BC_ERR_SYNTAX;
    }
  }
  return BC_ERR_OK;
}

static void prepend_path(struct bc_policy_items *items, const struct bc_policy_attribute *word,
                         const struct prepend *prepend) {
  const struct bc_policy_item *path = bc_policy_items_find(items, word);
  struct bc_buf text;
  bc_buf_init(&text, PATH_BYTES * 2);
  bc_buf_add_char(&text, '[');
  for (uint64_t i = 0; i < prepend->times + (path == NULL ? 1 : 0); i++) {
    bc_buf_add_format(&text, " %llu", (unsigned long long)prepend->as_number);
  }
  if (path != NULL) {
    bc_buf_add(&text, path->value.at + 1, path->value.len - 1);
  } else {
    bc_buf_add_text(&text, " ]");
  }
  bc_policy_items_remove(items, word);
  bc_policy_items_add(items, word, bc_buf_take(&text));
  bc_buf_free(&text);
}

enum bc_err bc_policy_prepend(struct bc_policy_items *items, const char *selector,
                              const struct bc_neighbor_name *neighbors, size_t neighbor_count, const json_t *value,
                              struct bc_fault *fault) {
  struct prepend prepend = {0};
  if (items->where == BC_POLICY_IN_FLOW) {
    bc_fault_set(fault, 0, "prepend: a flow has no as-path");
    return BC_ERR_SYNTAX;
  }
  if (json_is_false(value)) {
    return BC_ERR_OK;
  }
  enum bc_err err = prepend_read(value, &prepend, fault);
  if (err != BC_ERR_OK || prepend.times == 0) {
    return err;
  }
  if (prepend.as_number == 0) {
    err = prepend_find_local(selector, neighbors, neighbor_count, &prepend.as_number, fault);
  }
  if (err == BC_ERR_OK) {
    err = prepend_check_loop(selector, neighbors, neighbor_count, prepend.as_number, fault);
  }
  if (err == BC_ERR_OK) {
    prepend_path(items, bc_policy_attribute_find(bc_str_of("as_path"), items->where), &prepend);
  }
  return err;
}
