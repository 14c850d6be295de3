/* The sandbox: Lua health checks, and nothing that they could harm.
 *
 * A *sandbox* holds one script, compiled once, in a Lua state of its own: what trusts each other shares memory, nothing
 * else does. A *check* is one use of that script, by a route or by a name; a *run* is one execution of it, a coroutine.
 * A run gets an environment of its own: globals live as long as the run, no run sees those of another. Libraries are
 * read-only and shared. `parallel` gives it more coroutines, its threads, that wait each by itself; the run waits for
 * the soonest of them.
 *
 *   sandbox = bc_sandbox_new(…)          compiles
 *   check = bc_sandbox_check_new(…)
 *   run = bc_sandbox_run_new(check)
 *   while (bc_sandbox_run_resume(run) == BC_SANDBOX_YIELDED) { wait as the outcome says }
 *   … bc_sandbox_run_outcome(run) …
 *   bc_sandbox_run_free(run)             at any time; cancels a run that waits
 *
 * Runs of one sandbox, also of one check, may wait at the same time; only one is inside Lua. All sandboxes of a process
 * belong to one thread, which is the one that calls first. SIGVTALRM is taken.
 *
 * Limits. Memory: one allocator per sandbox refuses what would pass BC_LIMIT_LUA_STATE_BYTES plus
 * BC_LIMIT_LUA_CHECK_BYTES for each check; the script gets "not enough memory", which it may catch. CPU: each resume
 * may use BC_LIMIT_LUA_BURST_MS of this thread's CPU clock (not of wall time, which would punish the innocent on a busy
 * machine). A run over it is KILLED: no pcall helps. Its coroutine is left to the garbage collector, none of its code
 * runs again. How long a run may wait is its host's matter: bc_sandbox_run_free ends it.
 *
 * What remains, and needs an outside watchdog that kills the process: the kill is asynchronous and acts between two
 * instructions of Lua or at the next call, so one call into C cannot be interrupted. Each C function that scripts can
 * call is therefore bounded (lua_string.c, lua_table.c, lua_json.c, lua_pattern.h): by these bounds one call lasts at
 * most some tenths of a second. They rest on our reading of the system's Lua. A flaw in that Lua, or in its JSON
 * library, is contained by the process alone. JSON texts under work are held outside the allocator, at most
 * BC_LIMIT_LUA_JSON_BYTES each. */
#ifndef BC_WORKER_SANDBOX_H
#define BC_WORKER_SANDBOX_H

#include "base/buf.h"
#include "base/check_status.h"
#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bc_sandbox;
struct bc_sandbox_check;
struct bc_sandbox_run;
struct bc_lua_io;
struct bc_lua_data;
struct lua_State;
struct lua_Debug;

/* What the scripts are; they find what is for them (lua_modules.def). */
enum bc_sandbox_kind {
  BC_SANDBOX_FOR_CHECKS,
  BC_SANDBOX_FOR_POLICIES /* "Policies" below */
};

/* Zero in a number means: the limit's own value. */
struct bc_sandbox_options {
  enum bc_sandbox_kind kind;
  unsigned burst_ms;  /* CPU time of one resume; of policies: of one run */
  size_t state_bytes; /* memory without checks */
  size_t check_bytes; /* memory that each check adds */
  bool is_gc_hard;    /* for tests: a full garbage collection at every allocation that grows */
  void (*on_line)(struct lua_State *L, struct lua_Debug *frame); /* for tests: at each line; slower. NULL: none */
  bool is_traced; /* its runs note what they call: bc_sandbox_run_print_trace. They are slower. */
  /* With what its scripts call outside; NULL: such calls fail. Must outlive the sandbox. */
  struct bc_lua_io *io;
  const struct bc_lua_data *data; /* what its scripts find as `data`; NULL: nothing. Must outlive the sandbox. */
};

/* Compiles `script` (source text; a first line with `#` is passed over, lines are counted right). `name` stands in
 * error texts: "name:3: …"; Lua cuts it to 59 bytes there. `options` may be NULL. NULL when it does not compile, with
 * the reason in `fault`. Must be released with bc_sandbox_free. */
struct bc_sandbox *bc_sandbox_new(const struct bc_sandbox_options *options, const char *name, struct bc_str script,
                                  struct bc_fault *fault);
/* Its scripts may require "NAME" from now on; to be called before the first run. Compiled at once, run in each run that
 * requires it, with globals of its own. In error texts it is "lua/NAME:3: …". One that does not compile, or is too
 * long, is an error of the script when it is required. BC_ERR_LIMIT with `fault` when memory is short. */
BC_MUST_CHECK enum bc_err bc_sandbox_add_module(struct bc_sandbox *sandbox, const char *name, struct bc_str text,
                                                struct bc_fault *fault);
/* All its checks must have been freed. NULL is allowed. */
void bc_sandbox_free(struct bc_sandbox *sandbox);

/* Bytes of Lua memory in use, and the most that there ever were. */
size_t bc_sandbox_used_bytes(const struct bc_sandbox *sandbox);
size_t bc_sandbox_peak_bytes(const struct bc_sandbox *sandbox);
/* Collects garbage: for a host that has time. */
void bc_sandbox_collect(struct bc_sandbox *sandbox);

/* The Lua release that scripts run on: "Lua 5.4.4". */
const char *bc_sandbox_lua_release(void);

/* ---- checks ---- */

/* NULL when the sandbox has BC_LIMIT_LUA_CHECKS already. */
struct bc_sandbox_check *bc_sandbox_check_new(struct bc_sandbox *sandbox);
/* All its runs must have been freed. NULL is allowed. */
void bc_sandbox_check_free(struct bc_sandbox_check *check);
/* Its runs find the JSON document `json` as a read-only global `name` (at most BC_LIMIT_NAME_BYTES; replaces an earlier
 * one; counts as memory of the sandbox). BC_ERR_SYNTAX or BC_ERR_LIMIT with a fault. */
BC_MUST_CHECK enum bc_err bc_sandbox_check_set_global(struct bc_sandbox_check *check, const char *name,
                                                      struct bc_str json, struct bc_fault *fault);
/* What its runs find in the table `state`: a JSON object; empty: nothing. From then on a run that ends well replaces it
 * by what it left there. */
void bc_sandbox_check_set_state(struct bc_sandbox_check *check, struct bc_str json);

/* ---- runs ---- */

/* name, text */
#define BC_SANDBOX_END_LIST(X)                                                                                         \
  X(BC_SANDBOX_DONE, "done")       /* it returned, and a result could be read */                                       \
  X(BC_SANDBOX_YIELDED, "yielded") /* it waits */                                                                      \
  X(BC_SANDBOX_ERROR, "error")     /* it raised, or what it returned is no result */                                   \
  X(BC_SANDBOX_MEMORY, "memory")   /* it raised for want of memory */                                                  \
  X(BC_SANDBOX_KILLED, "killed")   /* over its CPU time */

enum bc_sandbox_end { BC_SANDBOX_END_LIST(BC_ENUM_MEMBER) };
const char *bc_sandbox_end_text(enum bc_sandbox_end value);

/* What the script says of the service. Only a score: the check's threshold decides. */
enum bc_sandbox_word { BC_SANDBOX_DOWN, BC_SANDBOX_UP, BC_SANDBOX_SCORE };

enum { BC_SANDBOX_WAIT_EVENT = -1 };

struct bc_sandbox_outcome {
  enum bc_sandbox_end end;

  /* YIELDED: resume after so many milliseconds, or when it is ready before; BC_SANDBOX_WAIT_EVENT: only then
   * (bc_sandbox_run_on_ready). */
  int64_t wait_ms;

  /* DONE. `reason`: "" = none. Texts are UTF-8 without control characters. */
  enum bc_sandbox_word word;
  bool has_score; /* 0 to 100; also where `word` is UP or DOWN, if it gave one */
  double score;
  char reason[BC_LIMIT_LUA_REASON_BYTES];
  char *data; /* JSON, NULL = none; at most BC_LIMIT_LUA_DATA_BYTES */
  /* DONE: the state of the check, at most BC_LIMIT_CHECK_STATE_BYTES of JSON, if this run changed it; else NULL. Valid
   * until the next run of the check. */
  const char *state;
  bool is_data_bad; /* there was data, but too much, too deep, or not such that JSON could hold it: `data` is NULL */

  /* DONE, and ERROR where it returned: the first value as JSON, the name of its type (as a text) for what JSON cannot
   * hold, NULL = nothing was returned. */
  char *returned;

  /* ERROR, MEMORY, KILLED: one line ("name:3: …", in a module "lua/NAME:3: …"); `line` of the script, 0 = not known;
   * of a policy whose function gave no verdict, where that begins. */
  char error[BC_LIMIT_LUA_REASON_BYTES];
  size_t line;

  /* Of a policy, DONE: the verdict, at most BC_LIMIT_POLICY_VERDICT_BYTES of JSON (worker/lua_policy.h). */
  char *verdict;

  bool had_io_failure; /* an I/O call of this run failed: bc_sandbox_note_io_failure */
  /* The first call that this node itself refused: bc_sandbox_note_refusal. "" = none. */
  char refusal[BC_LIMIT_LUA_REASON_BYTES];
  uint64_t cpu_us; /* of all resumes so far */
};

/* What happened, of a run that has ended, or waits still at its deadline. What does not pass although this node itself
 * refused one of its calls is REFUSED: that says nothing of the service. */
enum bc_check_status bc_sandbox_outcome_judge(const struct bc_sandbox_outcome *outcome, double threshold);

/* Never fails: what goes wrong shows when it is resumed. Must be released with bc_sandbox_run_free. */
struct bc_sandbox_run *bc_sandbox_run_new(struct bc_sandbox_check *check);
/* Begins or goes on: with what is ready, or, when nothing is, with what was to wait for wait_ms; nothing happens when
 * it waits for events alone. To be called only before the first end that is not YIELDED. */
enum bc_sandbox_end bc_sandbox_run_resume(struct bc_sandbox_run *run);
/* From then on fn(arg) is called when a run that waits can go on before its time: it is to be resumed soon, but not
 * from inside this call. */
void bc_sandbox_run_on_ready(struct bc_sandbox_run *run, void (*fn)(void *arg), void *arg);
/* Of the last resume; valid until the next one. */
const struct bc_sandbox_outcome *bc_sandbox_run_outcome(const struct bc_sandbox_run *run);
/* What the script logged, one line for each call ("info: …"), each ended by a line break; what is over
 * BC_LIMIT_LUA_LOG_BYTES is dropped and counted. */
struct bc_str bc_sandbox_run_log(const struct bc_sandbox_run *run);
size_t bc_sandbox_run_log_dropped(const struct bc_sandbox_run *run);
/* What it measured so far, as a JSON array of objects with name, type ("gauge" or "counter"), value and, if there are
 * any, labels; nothing when it measured nothing. Some 30 KiB at most. */
void bc_sandbox_run_print_metrics(const struct bc_sandbox_run *run, struct bc_buf *to);
/* What a traced run called of the API, the first 256 calls, as a JSON array of objects: call ("dns.query", of handles
 * ":send"), arguments and result (short texts; what may be secret is left out), end ("returned", "raised", "given up":
 * the run or its thread ended before), at_ms (from the run's beginning), took_ms, waited_ms. */
void bc_sandbox_run_print_trace(const struct bc_sandbox_run *run, struct bc_buf *to);
/* The instructions of Lua that a traced run has executed, counted in steps of ten. */
uint64_t bc_sandbox_run_instructions(const struct bc_sandbox_run *run);
/* How many calls more there were. */
size_t bc_sandbox_run_trace_dropped(const struct bc_sandbox_run *run);
/* Cancels what it waits for and releases the run. NULL is allowed. */
void bc_sandbox_run_free(struct bc_sandbox_run *run);

/* ---- policies ----
 *
 * A policy's script returns a function, which gets the context and returns a verdict: the end is DONE with
 * `outcome.verdict`, or an error. Its uses are checks here, and its runs never wait. What it finds depends on nothing
 * but what it is given (worker/lua_order.h); its globals `options` and those of bc_sandbox_check_set_global are
 * read-only. One run of a sandbox at a time. The memory that context and world take is given on top of the script's
 * own. */

/* To be called before the first resume; `context` (a JSON object, at most BC_LIMIT_POLICY_CONTEXT_BYTES) stays valid
 * until then. Members that are null are not there. `kind` "admission": admit and refuse are its words. A member `data`
 * is what it finds as `data`; without, the data of the sandbox is. */
void bc_sandbox_run_set_context(struct bc_sandbox_run *run, struct bc_str context);
/* Each member of this JSON object is from now on added, read-only, to contexts that lack it. BC_ERR_SYNTAX or
 * BC_ERR_LIMIT with a fault: the one before stays. */
BC_MUST_CHECK enum bc_err bc_sandbox_set_world(struct bc_sandbox *sandbox, struct bc_str json, struct bc_fault *fault);
/* The names of data that it asked for so far, also of such that is not there, each ended by a NUL; "*": it went through
 * all of them, or asked for too many. Not of a context's own data. */
struct bc_str bc_sandbox_run_reads(const struct bc_sandbox_run *run);

#endif
