/* Records read back. Of each line only its beginning is looked at, which is always written in one order: most lines are
 * not of what somebody asks for. */
#include "base/limits.h"
#include "base/mem.h"
#include "model/record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* ---- the beginning of a line ---- */

struct record_head {
  uint64_t id;
  enum bc_record_type type;
  uint64_t at_ms;
  struct bc_str rest; /* behind these: `"route":"web",…}`, or `"of":[…],…}` */
};

static bool record_take(struct bc_str *rest, const char *text) {
  size_t len = strlen(text);
  if (!bc_str_starts(*rest, text)) {
    return false;
  }
  rest->at += len;
  rest->len -= len;
  return true;
}

static bool record_take_number(struct bc_str *rest, uint64_t *number) {
  size_t len = 0;
  while (len < rest->len && rest->at[len] >= '0' && rest->at[len] <= '9') {
    len++;
  }
  bool is_good = bc_str_to_u64((struct bc_str){.at = rest->at, .len = len}, INT64_MAX, number) == BC_ERR_OK;
  rest->at += len;
  rest->len -= len;
  return is_good;
}

static bool record_take_type(struct bc_str *rest, enum bc_record_type *type) {
  static const char *const names[] = {
#define BC_RECORD_NAME(name, text) (text),
      BC_RECORD_TYPE_LIST(BC_RECORD_NAME)
#undef BC_RECORD_NAME
  };
  const char *end = rest->len == 0 ? NULL : memchr(rest->at, '"', rest->len);
  struct bc_str name = {.at = rest->at, .len = end == NULL ? 0 : (size_t)(end - rest->at)};
  for (size_t i = 0; end != NULL && i < sizeof names / sizeof names[0]; i++) {
    if (bc_str_is(name, names[i])) {
      *type = (enum bc_record_type)i;
      rest->at += name.len;
      rest->len -= name.len;
      return true;
    }
  }
  return false;
}

/* A line that was torn has no end. */
static bool record_read_head(struct bc_str line, struct record_head *head) {
  head->rest = line;
  return line.len > 0 && line.at[line.len - 1] == '}' && record_take(&head->rest, "{\"id\":") &&
         record_take_number(&head->rest, &head->id) && record_take(&head->rest, ",\"type\":\"") &&
         record_take_type(&head->rest, &head->type) && record_take(&head->rest, "\",\"at\":") &&
         record_take_number(&head->rest, &head->at_ms) && record_take(&head->rest, ",");
}

uint64_t bc_record_last_id(struct bc_str bytes) {
  uint64_t last = 0;
  struct bc_str line;
  while (bc_str_next_field(&bytes, '\n', &line)) {
    struct record_head head;
    if (record_read_head(line, &head) && head.id > last) {
      last = head.id;
    }
  }
  return last;
}

/* ---- the query ---- */

static const char *record_read_number(const json_t *request, const char *name, int64_t least, int64_t *number) {
  static const char *const problems[][2] = {
      {"id", "`id` must be the number of a decision"},
      {"since", "`since` must be a number of milliseconds since 1970"},
      {"until", "`until` must be a number of milliseconds since 1970"},
      {"before", "`before` must be the number of a decision"},
      {"limit", "`limit` must be a number from 1 to 1000"},
  };
  const json_t *member = json_object_get(request, name);
  if (member == NULL || json_is_null(member)) {
    return NULL;
  }
  if (json_is_integer(member) && json_integer_value(member) >= least) {
    *number = json_integer_value(member);
    return NULL;
  }
  size_t i = 0;
  while (strcmp(problems[i][0], name) != 0) {
    i++;
  }
  return problems[i][1];
}

const char *bc_record_query_read(const json_t *request, struct bc_record_query *query) {
  enum { RECORD_LIMIT_DEFAULT = 100 };
  int64_t id = 0;
  int64_t before = 0;
  int64_t limit = RECORD_LIMIT_DEFAULT;
  const json_t *route = json_object_get(request, "route");
  const json_t *inputs = json_object_get(request, "inputs");
  *query = (struct bc_record_query){.route = json_string_value(route), .wants_inputs = json_is_true(inputs)};
  if (route != NULL && query->route == NULL) {
    return "`route` must be a text";
  }
  if (inputs != NULL && !json_is_boolean(inputs)) {
    return "`inputs` must be true or false";
  }
  const char *problem = record_read_number(request, "id", 1, &id);
  problem = problem != NULL ? problem : record_read_number(request, "since", 0, &query->since_ms);
  problem = problem != NULL ? problem : record_read_number(request, "until", 0, &query->until_ms);
  problem = problem != NULL ? problem : record_read_number(request, "before", 1, &before);
  problem = problem != NULL ? problem : record_read_number(request, "limit", 1, &limit);
  if (problem == NULL && limit > BC_LIMIT_RECORDS_ASKED) {
    return "`limit` must be a number from 1 to 1000";
  }
  query->id = (uint64_t)id;
  query->before = (uint64_t)before;
  query->limit = (size_t)limit;
  return problem;
}

/* ---- the search ---- */

struct record_note {
  STAILQ_ENTRY(record_note) link;
  size_t len;
  char text[]; /* a JSON object */
};
STAILQ_HEAD(record_notes, record_note);

struct record_found {
  uint64_t id;
  char *text;
  size_t bytes; /* with its notes */
  struct record_notes notes;
  size_t note_count;
};

struct bc_record_search {
  struct bc_record_query query;
  char *route;
  struct record_found *found; /* a ring of query.limit places, by ids */
  size_t first;
  size_t count;
  size_t bytes;
  uint64_t last_id;
  uint64_t lost;
  int64_t begins_ms;
  bool has_more;
};

struct bc_record_search *bc_record_search_new(const struct bc_record_query *query) {
  struct bc_record_search *search = bc_mem_new(1, sizeof *search);
  search->query = *query;
  search->route = bc_mem_copy_string(query->route);
  search->query.route = search->route;
  search->found = bc_mem_new(query->limit, sizeof *search->found);
  return search;
}

static struct record_found *record_at(const struct bc_record_search *search, size_t i) {
  return &search->found[(search->first + i) % search->query.limit];
}

static void record_drop_first(struct bc_record_search *search) {
  struct record_found *found = record_at(search, 0);
  struct record_note *note;
  while ((note = STAILQ_FIRST(&found->notes)) != NULL) {
    STAILQ_REMOVE_HEAD(&found->notes, link);
    free(note);
  }
  search->bytes -= found->bytes;
  free(found->text);
  search->first = (search->first + 1) % search->query.limit;
  search->count--;
}

void bc_record_search_free(struct bc_record_search *search) {
  if (search != NULL) {
    while (search->count > 0) {
      record_drop_first(search);
    }
    free(search->found);
    free(search->route);
    free(search);
  }
}

static void record_make_room(struct bc_record_search *search) {
  while (search->bytes > BC_LIMIT_RECORDS_ANSWER_BYTES && search->count > 1) {
    record_drop_first(search);
    search->has_more = true;
  }
}

static bool record_is_route(struct bc_str rest, const char *route) {
  struct bc_str name;
  if (!record_take(&rest, "\"route\":\"")) {
    return false;
  }
  return route == NULL || (bc_str_next_field(&rest, '"', &name) && bc_str_is(name, route));
}

static bool record_is_asked_for(const struct bc_record_search *search, const struct record_head *head) {
  const struct bc_record_query *query = &search->query;
  int64_t at_ms = (int64_t)head->at_ms;
  return (head->type == BC_RECORD_DECISION || query->wants_inputs) && (query->id == 0 || head->id == query->id) &&
         (query->before == 0 || head->id < query->before) && (query->since_ms == 0 || at_ms >= query->since_ms) &&
         (query->until_ms == 0 || at_ms <= query->until_ms) && record_is_route(head->rest, query->route);
}

static void record_keep(struct bc_record_search *search, const struct record_head *head, struct bc_str line) {
  if (search->count == search->query.limit) {
    record_drop_first(search);
    search->has_more = true;
  }
  struct record_found *found = record_at(search, search->count++);
  *found = (struct record_found){.id = head->id, .text = bc_mem_copy_text(line.at, line.len), .bytes = line.len};
  STAILQ_INIT(&found->notes);
  search->bytes += line.len;
  record_make_room(search);
}

static struct record_found *record_find(const struct bc_record_search *search, uint64_t id) {
  size_t low = 0;
  size_t high = search->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    struct record_found *found = record_at(search, middle);
    if (found->id == id) {
      return found;
    }
    low = found->id < id ? middle + 1 : low;
    high = found->id < id ? high : middle;
  }
  return NULL;
}

/* Without the other decisions that it belongs to, but with their number. */
static void record_attach(struct bc_record_search *search, struct record_found *found, const struct record_head *head,
                          size_t with, struct bc_str rest) {
  struct bc_buf made;
  if (found->note_count == BC_LIMIT_RECORD_NOTES) {
    return;
  }
  bc_buf_init(&made, rest.len + 128);
  bc_buf_add_format(&made, "{\"type\":\"%s\",\"at\":%llu,\"with\":%zu%s", bc_record_type_text(head->type),
                    (unsigned long long)head->at_ms, with, rest.len > 1 ? "," : "");
  bc_buf_add_str(&made, rest);
  struct record_note *note = bc_mem_new(1, sizeof *note + made.len + 1);
  memcpy(note->text, made.data, made.len);
  note->len = made.len;
  bc_buf_free(&made);
  STAILQ_INSERT_TAIL(&found->notes, note, link);
  found->note_count++;
  found->bytes += note->len;
  search->bytes += note->len;
}

/* Goes through `[1,2,3]`; how many, or 0 when it is something else. `rest` is then behind it. */
static size_t record_count_ids(struct bc_str *rest) {
  size_t count = 0;
  uint64_t id;
  bool is_good = record_take(rest, "\"of\":[");
  while (is_good && !record_take(rest, "]")) {
    is_good = (count == 0 || record_take(rest, ",")) && record_take_number(rest, &id);
    count++;
  }
  (void)record_take(rest, ",");
  return is_good ? count : 0;
}

static void record_note(struct bc_record_search *search, const struct record_head *head) {
  struct bc_str rest = head->rest;
  struct bc_str ids = head->rest;
  size_t count = record_count_ids(&rest);
  uint64_t id;
  (void)record_take(&ids, "\"of\":[");
  for (size_t i = 0; i < count; i++) {
    struct record_found *found = record_take_number(&ids, &id) ? record_find(search, id) : NULL;
    (void)record_take(&ids, ",");
    if (found != NULL) {
      record_attach(search, found, head, count, rest);
    }
  }
  record_make_room(search);
}

static void record_count_lost(struct bc_record_search *search, const struct record_head *head) {
  struct bc_str rest = head->rest;
  uint64_t count;
  if (record_take(&rest, "\"of\":[],\"text\":\"") && record_take_number(&rest, &count)) {
    search->lost += count;
  }
}

void bc_record_search_line(struct bc_record_search *search, struct bc_str line) {
  struct record_head head;
  /* One that does not come behind the one before is no record of this row. */
  if (!record_read_head(line, &head) || head.id <= search->last_id) {
    return;
  }
  search->last_id = head.id;
  search->begins_ms = search->begins_ms == 0 ? (int64_t)head.at_ms : search->begins_ms;
  switch (head.type) {
  case BC_RECORD_DECISION:
  case BC_RECORD_INPUT:
    if (record_is_asked_for(search, &head)) {
      record_keep(search, &head, line);
    }
    break;
  case BC_RECORD_LOST:
    record_count_lost(search, &head);
    break;
  default:
    record_note(search, &head);
  }
}

/* ---- what was found ---- */

size_t bc_record_search_count(const struct bc_record_search *search) {
  return search->count;
}

json_t *bc_record_search_get(const struct bc_record_search *search, size_t i) {
  const struct record_found *found = record_at(search, search->count - 1 - i);
  json_t *made = json_loads(found->text, 0, NULL);
  json_t *notes = json_array();
  const struct record_note *note;
  STAILQ_FOREACH(note, &found->notes, link) {
    json_t *one = json_loadb(note->text, note->len, 0, NULL);
    if (one != NULL) {
      json_array_append_new(notes, one);
    }
  }
  if (made == NULL || json_object_set(made, "notes", notes) != 0) {
    json_decref(made);
    made = NULL;
  }
  json_decref(notes);
  return made;
}

bool bc_record_search_has_more(const struct bc_record_search *search) {
  return search->has_more;
}

int64_t bc_record_search_begins_ms(const struct bc_record_search *search) {
  return search->begins_ms;
}

uint64_t bc_record_search_lost(const struct bc_record_search *search) {
  return search->lost;
}

json_t *bc_record_search_answer(const struct bc_record_search *search) {
  json_t *list = json_array();
  for (size_t i = 0; i < search->count; i++) {
    json_t *one = bc_record_search_get(search, i);
    if (one != NULL) {
      json_array_append_new(list, one);
    }
  }
  json_t *made = json_object();
  json_object_set_new(made, "decisions", list);
  json_object_set_new(made, "more", json_boolean(search->has_more));
  json_object_set_new(made, "begins", json_integer(search->begins_ms));
  json_object_set_new(made, "lost", json_integer((json_int_t)search->lost));
  return made;
}

static const char *record_text(const json_t *object, const char *member) {
  const char *text = json_string_value(json_object_get(object, member));
  return text == NULL ? "" : text;
}

bool bc_record_is_move(const json_t *decision) {
  size_t i;
  const json_t *note;
  json_array_foreach(json_object_get(decision, "notes"), i, note) {
    if (strcmp(record_text(note, "type"), bc_record_type_text(BC_RECORD_SENT)) == 0) {
      return true;
    }
  }
  const char *verdict = record_text(decision, "verdict");
  return strcmp(verdict, "keep") != 0 && strcmp(verdict, record_text(decision, "was")) != 0;
}
