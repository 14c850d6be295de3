/* Ready-made scripts: the files lua/checks/NAME.lua and lua/policies/NAME.lua of the source, built into the program.
 * Options choose a check by `"check": {"use": "NAME", …}`, the keys of policies hold `{"use": "NAME", …}`. Pure.
 *
 * The comments at the head of a file describe its parameters, one a line:
 *
 *   -- @param NAME TYPE [required] [= DEFAULT]  meaning
 *
 * TYPE is one of the list below, or a text in quotation marks, or several of them with '|' between: "GET"|"HEAD".
 * DEFAULT is JSON, ended by two blanks. A parameter that is neither required nor has a default is nil when not given.
 */
#ifndef BC_MODEL_READY_MADE_H
#define BC_MODEL_READY_MADE_H

#include "base/enum_text.h"
#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

/* The word of a description, and what is told to people of it. A duration is a number of seconds or a text with a unit
 * ("500ms"), more than 0 and at most 1 h; the script gets it as a number of seconds. A map has texts as values. */
#define BC_READY_TYPE_LIST(X)                                                                                          \
  X(BC_READY_STRING, "string", "a text")                                                                               \
  X(BC_READY_NUMBER, "number", "a number")                                                                             \
  X(BC_READY_BOOLEAN, "boolean", "true or false")                                                                      \
  X(BC_READY_DURATION, "duration", "a duration (2, \"500ms\"), at most 1h")                                            \
  X(BC_READY_NUMBERS, "number[]", "an array of numbers")                                                               \
  X(BC_READY_STRINGS, "string[]", "an array of texts")                                                                 \
  X(BC_READY_MAP, "map", "an object of texts")

/* The folder they are in. */
#define BC_READY_KIND_LIST(X) X(BC_READY_CHECKS, "checks", "check") X(BC_READY_POLICIES, "policies", "policy")
enum bc_ready_kind { BC_READY_KIND_LIST(BC_ENUM_MEMBER) };

struct bc_ready_made {
  enum bc_ready_kind kind;
  const char *name;
  const char *text; /* terminated; its first line is #!lua */
  size_t len;
};

/* Those of a kind in the order of their names; NULL behind the last. */
const struct bc_ready_made *bc_ready_made_at(enum bc_ready_kind kind, size_t index);
/* NULL: there is none of this name. */
const struct bc_ready_made *bc_ready_made_find(enum bc_ready_kind kind, struct bc_str name);
/* The one that `given`, the object {"use": NAME, …}, names; else NULL and a fault that lists those there are, behind
 * "use: ". */
const struct bc_ready_made *bc_ready_made_use(enum bc_ready_kind kind, const json_t *given, struct bc_fault *fault);

struct bc_ready_param {
  struct bc_str name, type;
  bool is_required;
  struct bc_str fallback; /* JSON; `at` NULL = none */
  struct bc_str meaning;
};

/* Takes the next description from *rest, which is at first the whole script. False at the end of its head, and (`fault`
 * has a text then, else it is untouched) at a line that is none. */
bool bc_ready_param_next(struct bc_str *rest, struct bc_ready_param *param, struct bc_fault *fault);

/* Checks `value` of this parameter; *out is what the script gets, owned by the caller. The fault names the parameter.
 */
BC_MUST_CHECK enum bc_err bc_ready_param_check(const struct bc_ready_param *param, const json_t *value, json_t **out,
                                               struct bc_fault *fault);

/* Checks the members of `given` but "use". *out: the JSON object that the script finds as options.check (a
 * policy's as options), with the defaults, in the order of the descriptions; owned by the caller. */
BC_MUST_CHECK enum bc_err bc_ready_made_check(const struct bc_ready_made *ready, const json_t *given, char **out,
                                              struct bc_fault *fault);

#endif
