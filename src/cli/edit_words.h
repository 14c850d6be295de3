/* What the commands that edit the store have in common: their first word, their files, how keys are shown. */
#ifndef BC_CLI_EDIT_WORDS_H
#define BC_CLI_EDIT_WORDS_H

#include "cli/edit.h"

/* `bgpcommander COMMAND NAME …` */
struct bc_edit_action {
  const char *name, *words;
  int least, most; /* words behind it */
  int (*run)(struct bc_edit *edit);
};
/* The action of the first word, with a store and edit->arg: the exit code; else the usage is told. */
int bc_edit_run(const struct bc_settings *settings, const char *command, const struct bc_edit_action *actions,
                size_t count, const void *arg);

/* There is any key of FOLDER/NAME. */
bool bc_edit_is_there(const struct bc_edit *edit, const char *folder, const char *name);
/* One of the names or globs on the command line; without any: each. */
bool bc_edit_is_chosen(const struct bc_edit *edit, struct bc_str name);
/* A member of --json's answer; taken over. */
void bc_edit_answer(struct bc_edit *edit, const char *member, json_t *value);

/* A leaf and where its new text is (NULL: it stays). */
struct bc_edit_source {
  const char *leaf, *source;
};
/* BC_CLI_OK; USAGE: told. Only one of them may be standard input. */
int bc_edit_put_files(struct bc_edit *edit, const char *folder, const char *name, const struct bc_edit_source *sources,
                      size_t count);
/* Those of --remove. */
int bc_edit_remove_leaves(struct bc_edit *edit, const char *folder, const char *name, const char *const *leaves,
                          size_t count);

/* "routes/web/config", then its lines, indented. */
void bc_edit_print_keys(const struct bc_edit *edit, const char *folder, const char *name, const char *const *leaves,
                        size_t count);
/* {LEAF: value} of those that are there; the caller's. */
json_t *bc_edit_keys_json(const struct bc_edit *edit, const char *folder, const char *name, const char *const *leaves,
                          size_t count);
/* The bare value, as `set` takes it: BC_CLI_OK, USAGE (no such leaf) or BAD_NEWS (not there). */
int bc_edit_print_leaf(struct bc_edit *edit, const char *folder, const char *name, const char *leaf,
                       const char *const *leaves, size_t count);

#endif
