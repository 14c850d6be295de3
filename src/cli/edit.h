/* An edit of the store by a command: read, changed, judged, shown, agreed to, written, waited for. */
#ifndef BC_CLI_EDIT_H
#define BC_CLI_EDIT_H

#include "base/buf.h"
#include "cli/cli.h"
#include "io/store_edit.h"

#include <jansson.h>

struct bc_edit_change {
  char *key;
  char *value; /* NULL: it is to go */
  size_t len;
};

struct bc_edit {
  const struct bc_settings *settings;
  struct bc_loop *loop;
  struct bc_store_edit *store;
  struct bc_edit_change changes[BC_STORE_EDIT_CHANGES];
  size_t count;
  bool is_quiet;   /* what goes wrong is in edit->answer alone */
  bool is_full;    /* more changes than can be made at once */
  const void *arg; /* the command's own */
  json_t *answer;  /* of --json */
  /* Of the request under way. */
  enum bc_err err;
  char text[BC_FAULT_TEXT_BYTES];
};

/* Opens the store of the settings: BC_CLI_OK, or the exit code (told). Always to be ended. */
int bc_edit_begin(struct bc_edit *edit, const struct bc_settings *settings);
/* The same, without telling: edit->answer has the words. */
int bc_edit_begin_quietly(struct bc_edit *edit, const struct bc_settings *settings);
/* Prints what --json wants; frees. Returns `code`. */
int bc_edit_end(struct bc_edit *edit, int code);

/* BC_CLI_OK, or told. */
int bc_edit_read(struct bc_edit *edit, const struct bc_store_edit_scope *scope);
/* All that people write, the states of these routes (NULL at the end; may be NULL), each node's status on demand. */
int bc_edit_read_all(struct bc_edit *edit, const char *const *states, bool has_status);

/* The value of a key as it was read, trimmed; `at` NULL: not there, or not to be had. */
struct bc_str bc_edit_value(const struct bc_edit *edit, const char *key);
/* … of "FOLDER/NAME/LEAF". */
struct bc_str bc_edit_leaf(const struct bc_edit *edit, const char *folder, const char *name, const char *leaf);
/* The names right below a folder ("routes/"), each once, in order: *cursor 0 at first. False after the last. */
bool bc_edit_next_name(const struct bc_edit *edit, const char *folder, size_t *cursor, struct bc_str *name);

/* Wants a key to hold a text, or to go. What it holds already (blanks around do not count) is no change. */
void bc_edit_put(struct bc_edit *edit, const char *key, struct bc_str value);
void bc_edit_delete(struct bc_edit *edit, const char *key);

/* What the change is about, so that it can be judged and agreed to. */
struct bc_edit_plan {
  const char *const *routes; /* names of routes that change, NULL at the end; NULL: any may */
  const char *node;          /* only this node's view can change; NULL: that of all nodes */
  const char *question;      /* NULL: not dangerous; else what it does, to be agreed to */
  const char *waits_for;     /* a route; NULL: that all is settled. For --wait */
  bool is_delete;            /* of that route */
};
/* Judges the changes as the daemon would, shows them, asks, writes, waits: the exit code. */
int bc_edit_commit(struct bc_edit *edit, const struct bc_edit_plan *plan);

/* Tells why it ends here, on stderr and as `outcome` and `text` of --json: returns `code`. */
int bc_edit_tell(struct bc_edit *edit, int code, const char *outcome, const char *format, ...) BC_PRINTF(4, 5);
void bc_edit_warn(struct bc_edit *edit, const char *format, ...) BC_PRINTF(2, 3);

/* A file, "-" (standard input) or a text that begins with '{'; told when it cannot be read. Into an empty buffer. */
BC_MUST_CHECK bool bc_edit_take_text(const char *source, struct bc_buf *to);
/* Told when it is no name of a route, check, module, value or node. */
BC_MUST_CHECK int bc_edit_check_name(struct bc_edit *edit, const char *what, const char *name);

/* ---- edit_judge.c ---- */
/* What the daemon would say of the changed keys that it does not say of those that were read: refusals and warnings are
 * told; BC_CLI_OK, or BC_CLI_BAD_NEWS. */
int bc_edit_judge(struct bc_edit *edit, const struct bc_edit_plan *plan);

/* What it says of the keys that were read: an object, whose members are the lines; the caller's. */
json_t *bc_edit_faults(struct bc_edit *edit, const char *node);

/* ---- edit_diff.c ---- */
/* Lines that go and come, those around them, one key after the other; to stdout. */
void bc_edit_print_diff(const struct bc_edit *edit);

/* ---- edit_wait.c ---- */
/* This node's daemon has taken the change, and done it. BC_CLI_OK, or BC_CLI_NOT_ON_WIRE (told). */
int bc_edit_wait(struct bc_edit *edit, const struct bc_edit_plan *plan);

#endif
