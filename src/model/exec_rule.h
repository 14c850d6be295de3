/* Which programs Lua checks may run: the rules of the node file (exec_allow), one command line each. Pure.
 *
 * A rule is words with blanks between. The first is the program, an absolute path, taken literally. Each other word
 * stands for one word of the command: literally, or with `*` for any text (also none) and `?` for any one character.
 * `...` as the last word stands for any number of further words, whatever they are. A rule without it allows exactly as
 * many words as it has. There is no quoting: a blank inside of a word is written `?`. */
#ifndef BC_MODEL_EXEC_RULE_H
#define BC_MODEL_EXEC_RULE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* BC_ERR_SYNTAX or BC_ERR_LIMIT (BC_LIMIT_EXEC_WORDS) with one line that says what was expected. `fault` may be NULL.
 */
BC_MUST_CHECK enum bc_err bc_exec_rule_check(struct bc_str rule, struct bc_fault *fault);

/* The words of a command, each ended by a NUL: at least one, at most BC_LIMIT_EXEC_WORDS and BC_LIMIT_EXEC_ARGV_BYTES;
 * the first is an absolute path. */
bool bc_exec_rule_is_command(struct bc_str argv);

/* Whether one of `rules`, a line each, allows this command. What is no command is not allowed. */
bool bc_exec_rule_allows(struct bc_str rules, struct bc_str argv);

#endif
