#include "model/settings_table.h"

#include <stdlib.h>
#include <string.h>

/* Lists stood without quotes in the classic usage, texts with. */
static void settings_print_default(const struct bc_settings_entry *entry, const char *text, struct bc_buf *to) {
  bool is_quoted = entry->kind > BC_SETTINGS_LIST && entry->kind < BC_SETTINGS_COUNT;
  bc_buf_add_format(to, is_quoted ? "\"%s\"" : "%s", text);
}

static void settings_print_option(const struct bc_settings_entry *entry, const char *hostname, struct bc_buf *to) {
  if (entry->letter[0] != '\0' && entry->kind != BC_SETTINGS_FLAG) {
    bc_buf_add_format(to, "  -%s=", entry->letter);
  } else if (entry->kind == BC_SETTINGS_FLAG) {
    bc_buf_add_format(to, "  --%s", entry->name);
  } else {
    bc_buf_add_format(to, "  --%s=", entry->name);
  }
  bool is_node = entry == &bc_settings_entries[BC_SETTINGS_ENTRY_node];
  if (entry->kind != BC_SETTINGS_FLAG) {
    settings_print_default(entry, is_node ? hostname : entry->fallback, to);
  }
  bc_buf_add_format(to, ": %s\n", entry->help);
}

static void settings_print_options(bool classic, const char *hostname, struct bc_buf *to) {
  for (size_t i = 0; i < BC_SETTINGS_ENTRIES; i++) {
    const struct bc_settings_entry *entry = &bc_settings_entries[i];
    bool is_classic = entry->letter[0] != '\0' && entry->kind != BC_SETTINGS_FLAG;
    if ((entry->sources & BC_SETTINGS_ARGUMENT) != 0 && is_classic == classic) {
      settings_print_option(entry, hostname, to);
    }
  }
}

void bc_settings_print_usage(const char *program, const char *hostname, struct bc_buf *to) {
  bc_buf_add_format(to, "Usage of %s:\n", program);
  settings_print_options(true, hostname, to);
  settings_print_options(false, hostname, to);
  bc_buf_add_text(to, "\n-c, -n and -p are also called --endpoints, --node and --scripts; a value may follow after a "
                      "blank.\nMost may also stand in the environment (BGPCOMMANDER_STATE_DIR) and in the node file "
                      "(state-dir /srv/bgp).\n");
}

/* A bar would end the cell. */
static void settings_print_cell(const char *text, struct bc_buf *to) {
  for (; *text != '\0'; text++) {
    bc_buf_add_text(to, *text == '|' ? "\\" : "");
    bc_buf_add_char(to, *text);
  }
}

static void settings_print_names(const struct bc_settings_entry *entry, struct bc_buf *to) {
  char *environment = bc_settings_environment_name(entry);
  const char *value = entry->kind == BC_SETTINGS_FLAG ? "" : " ";
  bool is_argument = (entry->sources & BC_SETTINGS_ARGUMENT) != 0;
  if (is_argument && entry->letter[0] != '\0') {
    bc_buf_add_format(to, "`-%s%s%s`, ", entry->letter, value, entry->value);
  }
  if (is_argument) {
    bc_buf_add_format(to, "`--%s%s%s`", entry->name, value, entry->value);
  }
  if (environment == NULL) {
    bc_buf_add_text(to, " | ");
  } else {
    bc_buf_add_format(to, " | `%s`", environment);
  }
  if ((entry->sources & BC_SETTINGS_FILE) == 0) {
    bc_buf_add_text(to, " | ");
  } else {
    bc_buf_add_format(to, " | `%s ", entry->name);
    settings_print_cell(entry->value, to);
    bc_buf_add_char(to, '`');
  }
  free(environment);
}

void bc_settings_print_reference(struct bc_buf *to) {
  bc_buf_add_text(to, "| command line | environment | node file | default | what |\n|---|---|---|---|---|\n");
  for (size_t i = 0; i < BC_SETTINGS_ENTRIES; i++) {
    const struct bc_settings_entry *entry = &bc_settings_entries[i];
    bool is_node = i == BC_SETTINGS_ENTRY_node;
    bc_buf_add_text(to, "| ");
    settings_print_names(entry, to);
    if (entry->fallback[0] != '\0') {
      bc_buf_add_format(to, " | `%s`", entry->fallback);
    } else {
      bc_buf_add_text(to, is_node ? " | the host's name" : " | ");
    }
    bc_buf_add_text(to, " | ");
    settings_print_cell(entry->help, to);
    bc_buf_add_text(to, " |\n");
  }
}
