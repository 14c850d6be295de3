#include "model/settings.h"

#include "base/limits.h"
#include "base/mem.h"
#include "model/admission.h"
#include "model/egress.h"
#include "model/guard.h"
#include "model/http_access.h"
#include "model/settings_table.h"
#include "model/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_ENVIRONMENT_PREFIX "BGPCOMMANDER_"

/* Who set a value: a weaker source never replaces what a stronger one gave. */
enum settings_rank { RANK_DEFAULT, RANK_FILE, RANK_ENVIRONMENT, RANK_ARGUMENT };

struct settings_parse {
  struct bc_settings *out;
  struct bc_fault *fault;
  enum settings_rank ranks[BC_SETTINGS_ENTRIES];
  size_t lines[BC_SETTINGS_ENTRIES]; /* of the node file; 0 = not given there */
};

const struct bc_settings_entry bc_settings_entries[BC_SETTINGS_ENTRIES] = {
#define BC_SETTING(kind_, field_, name_, letter_, sources_, value_, fallback_, help_)                                  \
  {.kind = BC_SETTINGS_##kind_,                                                                                        \
   .sources = BC_SETTINGS_##sources_,                                                                                  \
   .offset = offsetof(struct bc_settings, field_),                                                                     \
   .name = (name_),                                                                                                    \
   .letter = (letter_),                                                                                                \
   .value = (value_),                                                                                                  \
   .fallback = (fallback_),                                                                                            \
   .help = (help_)},
#include "model/settings.def"
#undef BC_SETTING
};

static bool settings_is_list(const struct bc_settings_entry *entry) {
  return entry->kind == BC_SETTINGS_LIST || (entry->kind >= BC_SETTINGS_RULES && entry->kind <= BC_SETTINGS_NEXT_HOPS);
}

static bool settings_is_text(const struct bc_settings_entry *entry) {
  return entry->kind < BC_SETTINGS_COUNT;
}

static void *settings_field(struct bc_settings *settings, const struct bc_settings_entry *entry) {
  return (char *)settings + entry->offset;
}

static const struct bc_settings_entry *settings_find(struct bc_str name, unsigned source) {
  for (size_t i = 0; i < BC_SETTINGS_ENTRIES; i++) {
    const struct bc_settings_entry *entry = &bc_settings_entries[i];
    bool is_letter = source == BC_SETTINGS_ARGUMENT && name.len == 1 && bc_str_is(name, entry->letter);
    if ((entry->sources & source) != 0 && (bc_str_is(name, entry->name) || is_letter)) {
      return entry;
    }
  }
  return NULL;
}

static void settings_store_text(struct bc_settings *settings, const struct bc_settings_entry *entry,
                                struct bc_str value, bool appends) {
  char **field = settings_field(settings, entry);
  if (!appends) {
    free(*field);
    *field = bc_mem_copy_text(value.at, value.len);
    return;
  }
  size_t old = strlen(*field);
  *field = bc_mem_resize(*field, old + value.len + 2, 1);
  bool is_line = entry->kind == BC_SETTINGS_COMMANDS || entry->kind == BC_SETTINGS_TOKENS;
  (*field)[old] = is_line ? '\n' : ',';
  memcpy(*field + old + 1, value.at, value.len);
  (*field)[old + 1 + value.len] = '\0';
}

static void settings_store_number(struct bc_settings *settings, const struct bc_settings_entry *entry,
                                  unsigned number) {
  void *field = settings_field(settings, entry);
  switch (entry->kind) {
  case BC_SETTINGS_COUNT:
  case BC_SETTINGS_MEBIBYTES:
  case BC_SETTINGS_SERIES:
  case BC_SETTINGS_NUMBER:
  case BC_SETTINGS_DURATION:
  case BC_SETTINGS_AUDIT_SIZE:
    *(unsigned *)field = number;
    break;
  case BC_SETTINGS_LEVEL:
    *(enum bc_log_level *)field = (enum bc_log_level)number;
    break;
  case BC_SETTINGS_FORMAT:
    *(enum bc_log_format *)field = (enum bc_log_format)number;
    break;
  case BC_SETTINGS_API:
    *(enum bc_settings_api *)field = (enum bc_settings_api)number;
    break;
  default:
    *(bool *)field = number != 0;
    break;
  }
}

/* `where` stands before the message: "--workers", "BGPCOMMANDER_WORKERS", "/etc/…:3: workers". */
static enum bc_err settings_set(struct settings_parse *parse, const struct bc_settings_entry *entry,
                                enum settings_rank rank, struct bc_str value, const char *where) {
  unsigned number = 0;
  struct bc_fault why;
  if (!bc_settings_value_read(entry->kind, value, &number)) {
    if (bc_settings_value_explain(entry->kind, value, &why)) {
      bc_fault_set(parse->fault, 0, "%s: column %zu: %.160s", where, why.column, why.text);
      return BC_ERR_SYNTAX;
    }
    bc_fault_set(parse->fault, 0, "%s: %s, found \"%.60s\"", where, bc_settings_value_expected(entry->kind),
                 value.len == 0 ? "" : value.at);
    return BC_ERR_SYNTAX;
  }
  size_t index = (size_t)(entry - bc_settings_entries);
  bool appends = settings_is_list(entry) && rank == RANK_FILE && parse->ranks[index] == RANK_FILE;
  if (parse->ranks[index] > rank) {
    return BC_ERR_OK;
  }
  parse->ranks[index] = rank;
  if (settings_is_text(entry)) {
    settings_store_text(parse->out, entry, value, appends);
  } else {
    settings_store_number(parse->out, entry, number);
  }
  return BC_ERR_OK;
}

static void settings_set_defaults(struct settings_parse *parse) {
  for (size_t i = 0; i < BC_SETTINGS_ENTRIES; i++) {
    const struct bc_settings_entry *entry = &bc_settings_entries[i];
    unsigned number = 0;
    struct bc_str value = bc_str_of(entry->fallback);
    if (value.len > 0 && settings_is_text(entry)) {
      settings_store_text(parse->out, entry, value, false);
    } else if (value.len > 0 && bc_settings_value_read(entry->kind, value, &number)) {
      settings_store_number(parse->out, entry, number);
    }
  }
}

/* ---- the command line ---- */

struct settings_option {
  const struct bc_settings_entry *entry;
  struct bc_str value;
  bool has_value;
};

/* One dash or two before any name, as the classic program's flags. */
static bool settings_is_option(const char *word) {
  return word[0] == '-' && word[1] != '\0';
}

static struct settings_option settings_split_option(const char *word) {
  struct bc_str rest = bc_str_of(word + (word[1] == '-' ? 2 : 1));
  struct bc_str name;
  struct settings_option option = {0};
  (void)bc_str_next_field(&rest, '=', &name);
  option.entry = settings_find(name, BC_SETTINGS_ARGUMENT);
  option.has_value = rest.at != NULL;
  option.value = rest;
  return option;
}

static bool settings_is_exabgps(const char *word) {
  return strcmp(word, ",") == 0 || strcmp(word, "[") == 0 || strcmp(word, "]") == 0;
}

/* ExaBGP makes words of their own of commas and brackets in its `run` line: `-c a,b` arrives as `-c` `a` `,` `b`, and
 * `--http [::1]:80` as `--http` `[` `::1` `]` `:80`. */
static void settings_join_list(int argc, char *const *argv, int *at, struct bc_buf *value) {
  const char *last = argv[*at];
  while (*at + 1 < argc) {
    const char *next = argv[*at + 1];
    bool is_open = (strcmp(last, ",") == 0 || strcmp(last, "[") == 0) && !settings_is_option(next);
    bool is_port = strcmp(last, "]") == 0 && next[0] == ':';
    if (!settings_is_exabgps(next) && !is_open && !is_port) {
      return;
    }
    bc_buf_add_text(value, next);
    last = next;
    (*at)++;
  }
}

/* Takes the option at argv[*at] and its value; *at is then its last word. */
static enum bc_err settings_take_option(struct settings_parse *parse, int argc, char *const *argv, int *at) {
  const char *word = argv[*at];
  struct settings_option option = settings_split_option(word);
  if (option.entry == NULL) {
    bc_fault_set(parse->fault, 0, "%.60s: there is no such option", word);
    return BC_ERR_SYNTAX;
  }
  if (option.entry->kind == BC_SETTINGS_FLAG && !option.has_value) {
    option.value = bc_str_of("true");
  } else if (!option.has_value) {
    if (*at + 1 >= argc) {
      bc_fault_set(parse->fault, 0, "%.60s: %s, found nothing", word, bc_settings_value_expected(option.entry->kind));
      return BC_ERR_SYNTAX;
    }
    option.value = bc_str_of(argv[++*at]);
  }
  char where[64];
  size_t len = strcspn(word, "=");
  (void)snprintf(where, sizeof where, "%.*s", (int)(len < sizeof where ? len : sizeof where - 1), word);
  struct bc_buf joined;
  bc_buf_init(&joined, BC_LIMIT_CONFIG_BYTES);
  bc_buf_add_str(&joined, option.value);
  if (settings_is_list(option.entry)) {
    settings_join_list(argc, argv, at, &joined);
  }
  enum bc_err err = settings_set(parse, option.entry, RANK_ARGUMENT, bc_buf_str(&joined), where);
  bc_buf_free(&joined);
  return err;
}

/* --help and --version work whatever else is wrong. */
static bool settings_take_questions(struct settings_parse *parse, int argc, char *const *argv) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
    struct settings_option option = {0};
    if (settings_is_option(argv[i])) {
      option = settings_split_option(argv[i]);
    }
    if (option.entry == NULL) {
      continue;
    }
    if (option.entry->kind != BC_SETTINGS_FLAG && !option.has_value) {
      i++;
    }
    parse->out->wants_help =
        parse->out->wants_help || option.entry == &bc_settings_entries[BC_SETTINGS_ENTRY_wants_help];
    parse->out->wants_version =
        parse->out->wants_version || option.entry == &bc_settings_entries[BC_SETTINGS_ENTRY_wants_version];
  }
  return parse->out->wants_help || parse->out->wants_version;
}

static void settings_take_word(struct bc_settings *out, const char **words, const char *word) {
  if (out->command == NULL) {
    out->command = word;
    return;
  }
  words[out->word_count++] = word;
}

static enum bc_err settings_take_arguments(struct settings_parse *parse, int argc, char *const *argv) {
  const char **words = bc_mem_new((size_t)argc + 1, sizeof *words);
  memcpy(&parse->out->words, &words, sizeof words);
  bool options_ended = false;
  for (int i = 1; i < argc; i++) {
    if (!options_ended && strcmp(argv[i], "--") == 0) {
      options_ended = true;
    } else if (!options_ended && settings_is_option(argv[i])) {
      enum bc_err err = settings_take_option(parse, argc, argv, &i);
      if (err != BC_ERR_OK) {
        return err;
      }
    } else {
      settings_take_word(parse->out, words, argv[i]);
    }
  }
  return BC_ERR_OK;
}

/* ---- the environment ---- */

char *bc_settings_environment_name(const struct bc_settings_entry *entry) {
  if ((entry->sources & BC_SETTINGS_ENVIRONMENT) == 0) {
    return NULL;
  }
  struct bc_buf name;
  bc_buf_init(&name, 64);
  bc_buf_add_text(&name, SETTINGS_ENVIRONMENT_PREFIX);
  for (const char *at = entry->name; *at != '\0'; at++) {
    bc_buf_add_char(&name, *at == '-' ? '_' : (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at));
  }
  return bc_buf_take(&name);
}

/* An empty variable counts as not set, as shells have it. */
static enum bc_err settings_take_environment(struct settings_parse *parse, char *const *environment) {
  for (size_t i = 0; i < BC_SETTINGS_ENTRIES; i++) {
    char *name = bc_settings_environment_name(&bc_settings_entries[i]);
    size_t len = name == NULL ? 0 : strlen(name);
    enum bc_err err = BC_ERR_OK;
    for (char *const *at = environment; name != NULL && err == BC_ERR_OK && at != NULL && *at != NULL; at++) {
      if (strncmp(*at, name, len) == 0 && (*at)[len] == '=' && (*at)[len + 1] != '\0') {
        err = settings_set(parse, &bc_settings_entries[i], RANK_ENVIRONMENT, bc_str_of(*at + len + 1), name);
      }
    }
    free(name);
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  return BC_ERR_OK;
}

/* ---- the node file ---- */

/* A '#' at the start or after a blank begins a comment. */
static struct bc_str settings_strip_comment(struct bc_str line) {
  for (size_t i = 0; i < line.len; i++) {
    if (line.at[i] == '#' && (i == 0 || line.at[i - 1] == ' ' || line.at[i - 1] == '\t')) {
      line.len = i;
    }
  }
  return bc_str_trim(line);
}

static enum bc_err settings_take_line(struct settings_parse *parse, struct bc_str line, size_t number) {
  char where[BC_FAULT_TEXT_BYTES / 2];
  struct bc_str rest = settings_strip_comment(line);
  if (rest.len == 0) {
    return BC_ERR_OK;
  }
  struct bc_str name = bc_str_next_word(&rest);
  struct bc_str value = bc_str_trim(rest);
  (void)snprintf(where, sizeof where, "%.80s:%zu", parse->out->config, number);
  const struct bc_settings_entry *entry = settings_find(name, BC_SETTINGS_FILE);
  if (entry == NULL) {
    bc_fault_set(parse->fault, 0, "%s: expected a setting of docs/settings.md, found \"%.*s\"", where,
                 (int)(name.len < 60 ? name.len : 60), name.at);
    return BC_ERR_SYNTAX;
  }
  size_t index = (size_t)(entry - bc_settings_entries);
  if (parse->lines[index] != 0 && !settings_is_list(entry)) {
    bc_fault_set(parse->fault, 0, "%s: %s: expected once, but it stands in line %zu too", where, entry->name,
                 parse->lines[index]);
    return BC_ERR_SYNTAX;
  }
  parse->lines[index] = number;
  char *text = bc_mem_copy_text(value.at, value.len);
  size_t used = strlen(where);
  (void)snprintf(where + used, sizeof where - used, ": %s", entry->name);
  enum bc_err err = settings_set(parse, entry, RANK_FILE, (struct bc_str){.at = text, .len = value.len}, where);
  free(text);
  return err;
}

static enum bc_err settings_take_file(struct settings_parse *parse, struct bc_str content) {
  if (content.len > BC_LIMIT_NODE_FILE_BYTES) {
    bc_fault_set(parse->fault, 0, "%.80s: expected at most %d bytes, found %zu", parse->out->config,
                 (int)BC_LIMIT_NODE_FILE_BYTES, content.len);
    return BC_ERR_LIMIT;
  }
  struct bc_str line;
  size_t number = 0;
  while (bc_str_next_field(&content, '\n', &line)) {
    enum bc_err err = settings_take_line(parse, line, ++number);
    if (err != BC_ERR_OK) {
      return err;
    }
  }
  return BC_ERR_OK;
}

/* ---- all ---- */

static enum bc_err settings_take_hostname(struct settings_parse *parse, const char *hostname) {
  if (parse->out->node != NULL) {
    return BC_ERR_OK;
  }
  struct bc_str name = bc_str_of(hostname);
  return settings_set(parse, &bc_settings_entries[BC_SETTINGS_ENTRY_node], RANK_DEFAULT, name,
                      "the host's name cannot be the node's, give --node");
}

/* A list that the node file repeats may have grown over the limit of one. */
static enum bc_err settings_check_list(struct settings_parse *parse, unsigned index, const char *list) {
  const struct bc_settings_entry *entry = &bc_settings_entries[index];
  unsigned number = 0;
  if (list == NULL || bc_settings_value_read(entry->kind, bc_str_of(list), &number)) {
    return BC_ERR_OK;
  }
  bc_fault_set(parse->fault, 0, "%.80s: %s: %s", parse->out->config, entry->name,
               bc_settings_value_expected(entry->kind));
  return BC_ERR_LIMIT;
}

static enum bc_err settings_check_egress(struct settings_parse *parse) {
  struct bc_fault fault;
  struct bc_egress *egress = bc_egress_new();
  enum bc_err err = bc_egress_add_list(egress, BC_EGRESS_ALLOW, bc_str_of(parse->out->egress_allow), &fault);
  if (err == BC_ERR_OK) {
    err = bc_egress_add_list(egress, BC_EGRESS_DENY, bc_str_of(parse->out->egress_deny), &fault);
  }
  if (err != BC_ERR_OK) {
    bc_fault_set(parse->fault, 0, "%.80s: %s", parse->out->config, fault.text);
  }
  bc_egress_free(egress);
  return err;
}

/* Each value was read already; there may be too many. */
static enum bc_err settings_check_guard(struct settings_parse *parse) {
  const struct bc_settings *out = parse->out;
  const char *const lists[] = {out->announce_allow, out->announce_deny, out->announce_family, out->announce_community};
  struct bc_fault fault;
  struct bc_guard *guard = bc_guard_new();
  enum bc_err err = BC_ERR_OK;
  for (unsigned i = 0; err == BC_ERR_OK && i < BC_GUARD_SETTINGS; i++) {
    err = bc_guard_add_list(guard, (enum bc_guard_setting)i, bc_str_of(lists[i]), &fault);
  }
  if (err != BC_ERR_OK) {
    bc_fault_set(parse->fault, 0, "%.80s: %s", parse->out->config, fault.text);
  }
  bc_guard_free(guard);
  return err;
}

static enum bc_err settings_check_http(struct settings_parse *parse) {
  const struct bc_settings *out = parse->out;
  struct bc_fault fault = {0};
  struct bc_tokens *tokens = bc_tokens_new();
  struct bc_http_access *access = bc_http_access_new();
  const char *name = "http_token: ";
  enum bc_err err = bc_tokens_add_lines(tokens, bc_str_of(out->http_token), &fault);
  if (err == BC_ERR_OK) {
    name = "http_host: ";
    err = bc_http_access_add_list(access, bc_str_of(out->http_host), &fault);
  }
  if (err == BC_ERR_OK) {
    name = "";
    err = bc_admission_check(out, &fault);
  }
  if (err != BC_ERR_OK) {
    bc_fault_set(parse->fault, 0, "%.80s: %s%.160s", parse->out->config, name, fault.text);
  }
  bc_http_access_free(access);
  bc_tokens_free(tokens);
  return err;
}

enum bc_err bc_settings_parse(int argc, char *const *argv, char *const *environment, struct bc_str node_file,
                              const char *hostname, struct bc_settings *out, struct bc_fault *fault) {
  *out = (struct bc_settings){0};
  struct settings_parse parse = {.out = out, .fault = fault};
  settings_set_defaults(&parse);
  if (settings_take_questions(&parse, argc, argv)) {
    return BC_ERR_OK;
  }
  /* The strongest first: they say which node file it is. */
  enum bc_err err = settings_take_arguments(&parse, argc, argv);
  if (err == BC_ERR_OK) {
    err = settings_take_environment(&parse, environment);
  }
  if (err == BC_ERR_OK && node_file.at != NULL) {
    err = settings_take_file(&parse, node_file);
  }
  if (err == BC_ERR_OK) {
    err = settings_check_list(&parse, BC_SETTINGS_ENTRY_endpoints, out->endpoints);
  }
  if (err == BC_ERR_OK) {
    err = settings_check_list(&parse, BC_SETTINGS_ENTRY_http, out->http);
  }
  if (err == BC_ERR_OK) {
    err = settings_check_egress(&parse);
  }
  if (err == BC_ERR_OK) {
    err = settings_check_guard(&parse);
  }
  if (err == BC_ERR_OK) {
    err = settings_check_http(&parse);
  }
  if (err == BC_ERR_OK) {
    err = settings_take_hostname(&parse, hostname);
  }
  if (err != BC_ERR_OK) {
    bc_settings_release(out);
  }
  return err;
}

void bc_settings_release(struct bc_settings *settings) {
  for (size_t i = 0; i < BC_SETTINGS_ENTRIES; i++) {
    if (settings_is_text(&bc_settings_entries[i])) {
      char **field = settings_field(settings, &bc_settings_entries[i]);
      free(*field);
    }
  }
  free((void *)settings->words);
  *settings = (struct bc_settings){0};
}
