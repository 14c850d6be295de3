/* `routes/NAME/options`: JSON, strictly what docs/options.schema.json allows. Pure. */
#ifndef BC_MODEL_OPTIONS_H
#define BC_MODEL_OPTIONS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

enum bc_on_exit { BC_ON_EXIT_KEEP, BC_ON_EXIT_WITHDRAW };

/* The service address: of no concern; must be on the host; is set and removed by us. */
enum bc_address_mode { BC_ADDRESS_IGNORE, BC_ADDRESS_REQUIRE, BC_ADDRESS_MANAGE };

enum { BC_OPTIONS_SHELL_INTERVAL_MS = 200, BC_OPTIONS_LUA_TIMEOUT_MS = 2000 };

struct bc_options {
  unsigned interval_ms;         /* 1000; at least 50, for shell checks BC_OPTIONS_SHELL_INTERVAL_MS */
  unsigned fast_interval_ms;    /* = interval */
  unsigned timeout_ms;          /* 5000; for Lua checks BC_OPTIONS_LUA_TIMEOUT_MS … */
  bool has_timeout;             /* … if none was given */
  unsigned rise;                /* 1 */
  unsigned fall;                /* 2 */
  unsigned jitter_percent;      /* 10 */
  bool unchecked_is_fail;       /* on_unchecked: "hold" (default) | "fail" */
  enum bc_on_exit on_exit;      /* on_exit: "keep" (default) | "withdraw" */
  bool check_is_none;           /* check: "none" */
  enum bc_address_mode address; /* address: "ignore" (default) | "require" | "manage" */
  /* env: NAME=value, each ended by a NUL, in the order of the names; NULL = none. Never LD_*, ENV,
   * BASH_ENV, PATH, or the names that the daemon sets itself. */
  char *environment;
  size_t environment_len;
};

/* The defaults. */
struct bc_options bc_options_default(void);
void bc_options_release(struct bc_options *options);

/* An empty text or `{}` gives the defaults. Unknown names, wrong types, values out of range, two equal
 * names: refused with one line that names the member and what was expected ("interval: expected a
 * number of seconds or a text with a unit (\"500ms\"), at least 200ms"). Members of the design that
 * need Lua (threshold, checks, combine, down as attributes, min_announcing, on_store_loss):
 * accepted only with their default, else refused as not supported yet. */
BC_MUST_CHECK enum bc_err bc_options_parse(struct bc_str text, struct bc_options *out, struct bc_fault *fault);

#endif
