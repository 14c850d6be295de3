/* What this process was told, told again. */
#include "model/settings_table.h"

#include <stdio.h>
#include <string.h>

static const char *settings_level_text(enum bc_log_level level) {
  static const char *const texts[] = {BC_LOG_LEVEL_LIST(BC_ENUM_TEXT)};
  return texts[level];
}

/* Of what is not kept as a text; NULL = not set. */
static const char *settings_value_text(enum bc_settings_kind kind, const void *field, char number[static 16]) {
  switch (kind) {
  case BC_SETTINGS_LEVEL:
    return settings_level_text(*(const enum bc_log_level *)field);
  case BC_SETTINGS_FORMAT:
    return *(const enum bc_log_format *)field == BC_LOG_JSON ? "json" : "text";
  case BC_SETTINGS_API:
    return bc_settings_api_text(*(const enum bc_settings_api *)field);
  case BC_SETTINGS_SWITCH:
    return *(const bool *)field ? "on" : "off";
  case BC_SETTINGS_COUNT:
  case BC_SETTINGS_MEBIBYTES:
  case BC_SETTINGS_NUMBER:
    (void)snprintf(number, 16, "%u", *(const unsigned *)field);
    return number[0] == '0' ? NULL : number;
  default:
    return kind < BC_SETTINGS_COUNT ? *(char *const *)field : NULL;
  }
}

void bc_settings_each(const struct bc_settings *settings, bc_settings_each_fn *fn, void *arg) {
  for (size_t i = 0; i < BC_SETTINGS_ENTRIES; i++) {
    const struct bc_settings_entry *entry = &bc_settings_entries[i];
    char number[16];
    bool is_daemons = (entry->sources & (BC_SETTINGS_FILE | BC_SETTINGS_ENVIRONMENT)) != 0;
    bool is_secret = strcmp(entry->name, "http_token") == 0;
    const void *field = (const char *)settings + entry->offset;
    const char *value = is_daemons && !is_secret ? settings_value_text(entry->kind, field, number) : NULL;
    if (value != NULL) {
      fn(arg, entry->name, value);
    }
  }
}
