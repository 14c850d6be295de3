#include "cli/chosen.h"

#include "base/str.h"
#include "cli/client.h"

enum { CHOSEN_NAMES = 64 };

static bool chosen_is_asked_for(const struct bc_settings *settings, const char *name) {
  for (int i = 0; i < settings->word_count; i++) {
    if (bc_str_glob(bc_str_of(settings->words[i]), bc_str_of(name))) {
      return true;
    }
  }
  return false;
}

json_t *bc_chosen_request(const struct bc_settings *settings, const char *command) {
  json_t *request = bc_client_request(command);
  json_t *names = json_array();
  for (int i = 0; i < settings->word_count; i++) {
    (void)json_array_append_new(names, json_string(settings->words[i]));
  }
  if (json_array_size(names) == (size_t)settings->word_count && settings->word_count > 0 &&
      settings->word_count <= CHOSEN_NAMES) {
    (void)json_object_set(request, "name", names);
  }
  json_decref(names);
  return request;
}

void bc_chosen_filter(const struct bc_settings *settings, json_t *answer, const char *list) {
  json_t *chosen = json_array();
  size_t i;
  json_t *one;
  json_array_foreach(json_object_get(answer, list), i, one) {
    if (chosen_is_asked_for(settings, bc_client_text(one, "name"))) {
      (void)json_array_append(chosen, one);
    }
  }
  (void)json_object_set_new(answer, list, chosen);
}
