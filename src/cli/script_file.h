/* Scripts and their modules as files, for commands that run them without a daemon. */
#ifndef BC_CLI_SCRIPT_FILE_H
#define BC_CLI_SCRIPT_FILE_H

#include "base/buf.h"

#include <jansson.h>

/* Adds the text of a file, or of standard input ("-"). False with a message on stderr; also when it is longer than the
 * buffer may be. */
BC_MUST_CHECK bool bc_script_file_read(const char *path, struct bc_buf *to);
/* The names that a Lua text requires, as a JSON array: the caller's. */
json_t *bc_script_file_required(struct bc_str text);
/* Adds the modules that `script` requires, with those that these require, to the object `modules`, NAME: text; those
 * that are there already stay. They are the files NAME.lua, or NAME, of the folder. What is not there is left for the
 * script to find out. False with a message on stderr. */
BC_MUST_CHECK bool bc_script_file_read_modules(const char *folder, struct bc_str script, json_t *modules);

#endif
