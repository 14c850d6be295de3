/* Any bytes may stand in the files of the records; and whatever a text is, the record that tells it is read back. */
#include "model/record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_read(struct bc_str lines, const struct bc_record_query *query) {
  struct bc_record_search *search = bc_record_search_new(query);
  struct bc_str line;
  uint64_t last = bc_record_last_id(lines);
  while (bc_str_next_field(&lines, '\n', &line)) {
    bc_record_search_line(search, line);
  }
  json_t *answer = bc_record_search_answer(search);
  size_t count = bc_record_search_count(search);
  if (count > query->limit || (count > 0 && last == 0) ||
      json_array_size(json_object_get(answer, "decisions")) > count) {
    abort();
  }
  json_decref(answer);
  bc_record_search_free(search);
}

static void fuzz_print(const char *text) {
  const struct bc_record_check check = {
      .name = text, .status = text, .reason = text, .output = text, .data = text, .key = text, .hash = 1};
  const struct bc_record_decision decision = {
      .id = 1, .route = "web", .reason = text, .text = text, .checks = &check, .check_count = 1};
  const uint64_t of = 1;
  const struct bc_record_note note = {.id = 2,
                                      .type = BC_RECORD_SENT,
                                      .of = &of,
                                      .of_count = 1,
                                      .neighbor = text,
                                      .how = text,
                                      .text = bc_str_of(text)};
  struct bc_buf lines;
  bc_buf_init(&lines, 1U << 20);
  bc_record_print_decision(&decision, &lines);
  bc_record_print_note(&note, &lines);
  struct bc_record_search *search = bc_record_search_new(&(struct bc_record_query){.route = "web", .limit = 1});
  struct bc_str rest = bc_buf_str(&lines);
  struct bc_str line;
  while (bc_str_next_field(&rest, '\n', &line)) {
    bc_record_search_line(search, line);
  }
  json_t *found = bc_record_search_count(search) == 1 ? bc_record_search_get(search, 0) : NULL;
  if (json_array_size(json_object_get(found, "notes")) != 1 || bc_record_last_id(bc_buf_str(&lines)) != 2) {
    abort();
  }
  json_decref(found);
  bc_record_search_free(search);
  bc_buf_free(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_str lines = {.at = (const char *)data, .len = size};
  fuzz_read(lines, &(struct bc_record_query){.limit = 3});
  fuzz_read(lines, &(struct bc_record_query){.limit = 1, .route = "web", .wants_inputs = true});
  fuzz_read(lines, &(struct bc_record_query){.limit = 1000, .id = 7, .since_ms = 1, .until_ms = INT64_MAX});
  char *text = malloc(size + 1);
  if (size > 0) {
    memcpy(text, data, size);
  }
  text[size] = '\0';
  fuzz_print(text);
  free(text);
  return 0;
}
