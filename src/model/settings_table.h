/* The list of settings as a table: for the files of this module, and for main, which has to tell words from values in
 * lines that are refused. */
#ifndef BC_MODEL_SETTINGS_TABLE_H
#define BC_MODEL_SETTINGS_TABLE_H

#include "model/settings.h"

enum bc_settings_kind {
  BC_SETTINGS_LIST, /* endpoints; the node file may repeat the name */
  BC_SETTINGS_NAME,
  BC_SETTINGS_PATH,
  BC_SETTINGS_WORD, /* a file that a command reads: any text */
  BC_SETTINGS_PREFIX,
  BC_SETTINGS_RULES,    /* of egress; the node file may repeat the name */
  BC_SETTINGS_COMMANDS, /* rules for exec.run, a line each; the node file may repeat the name */
  BC_SETTINGS_PREFIXES, /* of the guard, as the two that follow; the node file may repeat the name */
  BC_SETTINGS_FAMILIES,
  BC_SETTINGS_COMMUNITIES,
  BC_SETTINGS_LISTEN, /* of the HTTP API; the node file may repeat the name */
  BC_SETTINGS_TOKENS, /* a line each; the node file may repeat the name, as those that follow */
  BC_SETTINGS_HOSTS,
  BC_SETTINGS_LENGTHS,
  BC_SETTINGS_FLOWS,
  BC_SETTINGS_BLACKHOLES,
  BC_SETTINGS_NEXT_HOPS,
  BC_SETTINGS_COUNT, /* here and below: not a text */
  BC_SETTINGS_MEBIBYTES,
  BC_SETTINGS_SERIES,
  BC_SETTINGS_NUMBER,
  BC_SETTINGS_DURATION, /* milliseconds */
  BC_SETTINGS_AUDIT_SIZE,
  BC_SETTINGS_LEVEL,
  BC_SETTINGS_FORMAT,
  BC_SETTINGS_API,
  BC_SETTINGS_SWITCH,
  BC_SETTINGS_FLAG
};

/* Where a setting may be given; a set of bits. */
enum {
  BC_SETTINGS_ARGUMENT = 1,
  BC_SETTINGS_ENVIRONMENT = 2,
  BC_SETTINGS_FILE = 4,
  BC_SETTINGS_OUTSIDE = BC_SETTINGS_ARGUMENT | BC_SETTINGS_ENVIRONMENT,
  BC_SETTINGS_ANYWHERE = BC_SETTINGS_OUTSIDE | BC_SETTINGS_FILE
};

enum {
#define BC_SETTING(kind, field, name, letter, sources, value, fallback, help) BC_SETTINGS_ENTRY_##field,
#include "model/settings.def"
#undef BC_SETTING
  BC_SETTINGS_ENTRIES
};

struct bc_settings_entry {
  enum bc_settings_kind kind;
  unsigned sources;
  size_t offset; /* of the field in struct bc_settings */
  const char *name, *letter, *value, *fallback, *help;
};
extern const struct bc_settings_entry bc_settings_entries[BC_SETTINGS_ENTRIES];

/* "BGPCOMMANDER_STATE_DIR"; NULL for one that is not read from the environment. Owned by the caller. */
char *bc_settings_environment_name(const struct bc_settings_entry *entry);

/* A value by its kind: texts are only checked, others give *number (SWITCH and FLAG: 0 or 1). */
bool bc_settings_value_read(enum bc_settings_kind kind, struct bc_str value, unsigned *number);
/* Why a value was refused, with the column and what was expected there; false: bc_settings_value_expected is all that
 * can be said. */
bool bc_settings_value_explain(enum bc_settings_kind kind, struct bc_str value, struct bc_fault *fault);
/* What bc_settings_value_read accepts, for people. */
const char *bc_settings_value_expected(enum bc_settings_kind kind);

#endif
