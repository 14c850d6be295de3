/* `routes/NAME/options` and `checks/NAME/options`: JSON, strictly what docs/options.schema.json allows. Pure. */
#ifndef BC_MODEL_OPTIONS_H
#define BC_MODEL_OPTIONS_H

#include "base/err.h"
#include "base/str.h"
#include "model/combine.h"

#include <stdbool.h>

enum bc_on_exit { BC_ON_EXIT_KEEP, BC_ON_EXIT_WITHDRAW };

/* The service address: of no concern; must be on the host; is set and removed by us. */
enum bc_address_mode { BC_ADDRESS_IGNORE, BC_ADDRESS_REQUIRE, BC_ADDRESS_MANAGE };

/* Whose they are. Those of a check have no members that speak of a route. */
enum bc_options_of { BC_OPTIONS_OF_ROUTE, BC_OPTIONS_OF_CHECK };

enum { BC_OPTIONS_SHELL_INTERVAL_MS = 200, BC_OPTIONS_LUA_TIMEOUT_MS = 2000 };

struct bc_ready_made;

struct bc_options {
  unsigned interval_ms;      /* 1000; at least 50, for shell checks BC_OPTIONS_SHELL_INTERVAL_MS */
  unsigned fast_interval_ms; /* = interval */
  unsigned timeout_ms;       /* 5000; for Lua checks BC_OPTIONS_LUA_TIMEOUT_MS … */
  bool has_timeout;          /* … if none was given */
  unsigned rise;             /* 1 */
  unsigned fall;             /* 2 */
  unsigned jitter_percent;   /* 10 */
  bool unchecked_is_fail;    /* on_unchecked: "hold" (default) | "fail" */
  enum bc_on_exit on_exit;   /* on_exit: "keep" (default) | "withdraw" */
  unsigned threshold;        /* 50; a score below it is a fail: 0 to 100 */
  bool check_is_none;        /* check: "none": no check of its own */
  /* check: {"use": NAME, …}: the ready-made check (model/ready_made.h); NULL = none. `parameters` is then a JSON object
   * of its parameters, in the order of its description, defaults filled in, durations as numbers of seconds: what the
   * script finds as options.check. Else NULL. */
  const struct bc_ready_made *use;
  char *parameters;
  /* checks: names of named checks in the order given, each once; NULL = none. One block of memory. */
  char **checks;
  unsigned check_count;
  enum bc_combine combine;      /* "all": how its own check and those that `checks` names make one result */
  unsigned at_least;            /* with BC_COMBINE_AT_LEAST: so many of them; at least 1 */
  enum bc_address_mode address; /* address: "ignore" (default) | "require" | "manage" */
  /* env: NAME=value, each ended by a NUL, in the order of the names; NULL = none. Never LD_*, ENV,
   * BASH_ENV, PATH, or the names that the daemon sets itself. */
  char *environment;
  size_t environment_len;
};

/* The defaults. */
struct bc_options bc_options_default(void);
void bc_options_release(struct bc_options *options);
bool bc_options_equal(const struct bc_options *a, const struct bc_options *b);

/* An empty text or `{}` gives the defaults. Unknown names, wrong types, values out of range, two equal
 * names, unknown or missing parameters of a ready-made check: refused with one line that names the member and what was
 * expected ("interval: expected a number of seconds or a text with a unit (\"500ms\"), at least 200ms"). Members that
 * need parts which are not built (down as attributes, min_announcing, on_store_loss): accepted only with their default,
 * else refused as not supported yet. at_least may be as much as there can be checks: whether a route has one of its own
 * is not known here (bc_options_count_checks). */
BC_MUST_CHECK enum bc_err bc_options_parse(struct bc_str text, enum bc_options_of of, struct bc_options *out,
                                           struct bc_fault *fault);

/* How many checks a route with these options has; `has_script`: it has a healthcheck. */
unsigned bc_options_count_checks(const struct bc_options *options, bool has_script);

#endif
