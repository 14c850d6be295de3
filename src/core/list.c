/* The answers to `routes` and `checks`, in pieces: made as it is read, so that it costs the loop little at a time, and
 * memory for one piece, however many routes there are and however many clients ask. */
#include "base/mem.h"
#include "core/private.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_PIECE_BYTES = 65536, LIST_PIECE_ROUTES = 200, LIST_LOOKS = 1000, LIST_NAMES = 64 };

/* Texts that were asked for; NULL = all. */
struct list_texts {
  char **each;
  size_t count;
};

struct list {
  struct bc_core *core;
  struct list_texts names;  /* or globs */
  bool is_exact;            /* none of them is a glob: they are sorted, … */
  size_t at;                /* … and from this one on not looked up yet */
  struct list_texts states; /* of routes */
  char *part;               /* of its name, prefix or reason; NULL = any */
  bool is_brief;
  const char *after; /* interned: the last route that was looked at, which may be gone meanwhile; NULL = none yet */
  bool is_rest;      /* the routes are told, or the named checks */
  size_t foreign;    /* from here on it is not told */
  bool has_one;      /* of the array that is being written: a comma goes before the next */
};

static void list_add(struct list *list, json_t *one, struct bc_buf *text) {
  bc_buf_add_text(text, list->has_one ? "," : "");
  core_report_print(one, text);
  json_decref(one);
  list->has_one = true;
}

static bool list_is_asked_for(const struct list *list, const char *name) {
  bool is_asked_for = list->names.each == NULL;
  for (size_t i = 0; i < list->names.count && !is_asked_for; i++) {
    is_asked_for = bc_str_glob(bc_str_of(list->names.each[i]), bc_str_of(name));
  }
  return is_asked_for;
}

static struct core_route *list_next(struct list *list) {
  struct core_route *route = NULL;
  if (!list->is_exact) {
    return core_route_after(list->core, list->after);
  }
  while (route == NULL && list->at < list->names.count) {
    const char *name = list->names.each[list->at++];
    bool is_twice = list->after != NULL && strcmp(list->after, name) == 0;
    route = is_twice ? NULL : core_route_find(list->core, name);
  }
  return route;
}

/* The name of the next check, and the check if it has one: named ones, then those of routes. */
static const char *list_next_check(const struct list *list, const struct core_check **check) {
  struct core_named *named = list->is_rest ? NULL : core_named_after(list->core, list->after);
  if (named != NULL || !list->is_rest) {
    *check = named == NULL ? NULL : &named->check;
    return named == NULL ? NULL : named->check.name;
  }
  const struct core_route *route = core_route_after(list->core, list->after);
  *check = route == NULL ? NULL : route->check;
  return route == NULL ? NULL : route->name;
}

/* False when all of them are told. */
static bool list_checks(struct list *list, struct bc_buf *text) {
  unsigned told = 0;
  for (unsigned looks = 0; looks < LIST_LOOKS && told < LIST_PIECE_ROUTES && text->len < LIST_PIECE_BYTES; looks++) {
    const struct core_check *check;
    const char *name = list_next_check(list, &check);
    if (name == NULL) {
      return false;
    }
    bc_intern_put(list->core->intern, list->after);
    list->after = bc_intern_ref(name);
    if (check != NULL && list_is_asked_for(list, name)) {
      list_add(list, core_report_check(check), text);
      told++;
    }
  }
  return true;
}

/* Nothing of what was looked at is asked for: that it goes on is seen all the same. */
static bool list_go_on(struct bc_buf *text) {
  bc_buf_add_text(text, text->len == 0 ? " " : "");
  return true;
}

static bool list_more_checks(void *arg, struct bc_buf *text) {
  struct list *list = arg;
  if (list_checks(list, text)) {
    return list_go_on(text);
  }
  if (list->is_rest) {
    bc_buf_add_text(text, "]}");
    return false;
  }
  list->is_rest = true;
  bc_intern_put(list->core->intern, list->after);
  list->after = NULL;
  return true;
}

static bool list_has_state(const struct list *list, const struct core_route *route) {
  bool has_state = list->states.each == NULL;
  const char *state = has_state ? "" : core_route_state_text(list->core, route);
  for (size_t i = 0; i < list->states.count && !has_state; i++) {
    has_state = strcmp(list->states.each[i], state) == 0;
  }
  return has_state;
}

static bool list_has_part(const struct list *list, const json_t *made) {
  static const char *const members[] = {"name", "prefix", "reason"};
  bool has_part = list->part == NULL;
  for (size_t i = 0; i < sizeof members / sizeof members[0] && !has_part; i++) {
    const char *text = json_string_value(json_object_get(made, members[i]));
    has_part = text != NULL && strcasestr(text, list->part) != NULL;
  }
  return has_part;
}

/* False when it is not asked for. */
static bool list_route(struct list *list, const struct core_route *route, struct bc_buf *text) {
  if (!list_is_asked_for(list, route->name) || !list_has_state(list, route)) {
    return false;
  }
  json_t *made = list->is_brief || list->part != NULL ? core_report_route_brief(list->core, route)
                                                      : core_report_route(list->core, route);
  bool is_asked_for = list_has_part(list, made);
  if (is_asked_for && !list->is_brief && list->part != NULL) {
    json_decref(made);
    made = core_report_route(list->core, route);
  }
  if (is_asked_for) {
    list_add(list, made, text);
  } else {
    json_decref(made);
  }
  return is_asked_for;
}

/* False when all are told. */
static bool list_routes(struct list *list, struct bc_buf *text) {
  unsigned told = 0;
  unsigned most = list->part == NULL ? LIST_LOOKS : LIST_PIECE_ROUTES;
  for (unsigned looks = 0; looks < most && told < LIST_PIECE_ROUTES && text->len < LIST_PIECE_BYTES; looks++) {
    struct core_route *route = list_next(list);
    if (route == NULL) {
      return false;
    }
    bc_intern_put(list->core->intern, list->after);
    list->after = bc_intern_ref(route->name);
    told += list_route(list, route, text);
  }
  return true;
}

static bool list_foreign(struct list *list, struct bc_buf *text) {
  const struct bc_rib *rib = list->core->rib;
  unsigned number;
  const char *shown;
  while (text->len < LIST_PIECE_BYTES) {
    if (!bc_rib_foreign(rib, &list->foreign, &number, &shown)) {
      return false;
    }
    json_t *one = json_object();
    json_object_set_new(one, "neighbor", json_string(bc_rib_neighbor_get(rib, number)->name.ip));
    json_object_set_new(one, "text", json_stringn_nocheck(shown, strlen(shown)));
    list_add(list, one, text);
  }
  return true;
}

static bool list_more(void *arg, struct bc_buf *text) {
  struct list *list = arg;
  if (!list->is_rest) {
    if (list_routes(list, text)) {
      return list_go_on(text);
    }
    if (list->names.each != NULL || list->states.each != NULL || list->part != NULL) {
      bc_buf_add_text(text, "]}");
      return false;
    }
    list->is_rest = true;
    list->has_one = false;
    bc_buf_add_text(text, "],\"foreign\":[");
  }
  if (list_foreign(list, text)) {
    return true;
  }
  bc_buf_add_format(text, "],\"foreignTotal\":%zu}", bc_rib_counts(list->core->rib).foreign);
  return false;
}

static void list_free_texts(struct list_texts *texts) {
  for (size_t i = 0; i < texts->count; i++) {
    free(texts->each[i]);
  }
  free(texts->each);
}

static void list_end(void *arg) {
  struct list *list = arg;
  list_free_texts(&list->names);
  list_free_texts(&list->states);
  free(list->part);
  bc_intern_put(list->core->intern, list->after);
  free(list);
}

static bool list_add_text(struct list_texts *texts, const json_t *text) {
  if (!json_is_string(text) || texts->count == LIST_NAMES) {
    return false;
  }
  texts->each[texts->count++] = bc_mem_copy_string(json_string_value(text));
  return true;
}

/* A text, or an array of texts; false when it is something else. */
static bool list_take_texts(struct list_texts *texts, const json_t *from) {
  size_t i;
  const json_t *text;
  if (from == NULL) {
    return true;
  }
  texts->each = bc_mem_new(LIST_NAMES, sizeof *texts->each);
  if (!json_is_array(from)) {
    return list_add_text(texts, from);
  }
  json_array_foreach(from, i, text) {
    if (!list_add_text(texts, text)) {
      return false;
    }
  }
  return true;
}

static int list_compare(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_judge_names(struct list *list) {
  list->is_exact = list->names.each != NULL;
  for (size_t i = 0; i < list->names.count; i++) {
    list->is_exact = list->is_exact && strpbrk(list->names.each[i], "*?") == NULL;
  }
  if (list->names.count > 0) {
    qsort(list->names.each, list->names.count, sizeof *list->names.each, list_compare);
  }
}

static const char *list_take(struct list *list, const json_t *request) {
  const json_t *part = json_object_get(request, "q");
  const json_t *brief = json_object_get(request, "brief");
  if (!list_take_texts(&list->names, json_object_get(request, "name"))) {
    return "`name` must be a text, or a list of at most 64 texts";
  }
  if (!list_take_texts(&list->states, json_object_get(request, "state"))) {
    return "`state` must be a text, or a list of at most 64 texts";
  }
  if ((part != NULL && !json_is_string(part)) || (brief != NULL && !json_is_boolean(brief))) {
    return "`q` must be a text, `brief` true or false";
  }
  list->part = bc_mem_copy_string(json_string_value(part));
  list->is_brief = json_is_true(brief);
  list_judge_names(list);
  return NULL;
}

const char *core_list_begin(struct bc_core *core, enum core_list_of of, const json_t *request,
                            struct bc_sock_answer *answer) {
  struct list *list = bc_mem_new(1, sizeof *list);
  list->core = core;
  const char *problem = list_take(list, request);
  if (problem != NULL) {
    list_end(list);
    return problem;
  }
  bc_buf_add_text(&answer->text, of == CORE_LIST_ROUTES ? "{\"routes\":[" : "{\"checks\":[");
  answer->more = of == CORE_LIST_ROUTES ? list_more : list_more_checks;
  answer->end = list_end;
  answer->arg = list;
  return NULL;
}
