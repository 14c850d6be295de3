/* What the files of the sandbox share: states and checks (sandbox.c), memory (sandbox_memory.c), CPU time
 * (sandbox_burst.c), runs (sandbox_run.c), their threads (sandbox_task.c, sandbox_parallel.c), modules
 * (sandbox_require.c), what runs return (sandbox_result.c), what is different
 * with policies (sandbox_policy.c). */
#ifndef BC_WORKER_SANDBOX_PRIVATE_H
#define BC_WORKER_SANDBOX_PRIVATE_H

#include "base/mono.h"
#include "worker/lua_call.h"
#include "worker/sandbox.h"

#include <lua.h>

struct bc_lua_metrics;

enum { SANDBOX_POOL = 4 };

struct sandbox_memory {
  size_t used;
  size_t peak;
  size_t cap;
  size_t lift; /* beyond the cap, for a moment: bc_lua_lift */
  bool is_hard;
  bool refused; /* the last growth: the next attempt, after a collection, is let through (is_hard) */
};

struct bc_sandbox {
  lua_State *L;
  char *source; /* of its script, as Lua names it: "=NAME" */
  struct sandbox_memory memory;
  struct bc_sandbox_options options; /* with the defaults filled in */
  unsigned checks;
  size_t world_bytes;            /* of the JSON that contexts have in common */
  size_t given_bytes;            /* beyond the cap, for that and the context of the run */
  struct bc_web *web;            /* with the connections that its scripts keep; NULL: none yet */
  lua_State *idle[SANDBOX_POOL]; /* coroutines that ended well, each in the registry under its own address */
  unsigned idle_count;
};

struct bc_sandbox_check {
  struct bc_sandbox *sandbox;
  unsigned runs;
  bool has_globals; /* the registry holds a table of them under our address */
  char *state;      /* JSON; NULL: none */
};

enum sandbox_task_state {
  SANDBOX_TASK_READY,    /* its turn comes */
  SANDBOX_TASK_RUNNING,  /* is inside Lua, or was killed there */
  SANDBOX_TASK_WAITING,  /* for time, an event, or the threads that it has begun */
  SANDBOX_TASK_RETURNED, /* its values are on its stack */
  SANDBOX_TASK_FAILED    /* its error is on its stack */
};

/* What a call of `parallel` is at. */
struct sandbox_parallel {
  lua_Integer next; /* the function to begin next, from 1 */
  lua_Integer count;
  lua_Integer limit;
  lua_Integer running;
};

struct bc_sandbox_task {
  TAILQ_ENTRY(bc_sandbox_task) link;       /* of all of the run, in the order of their beginning */
  TAILQ_ENTRY(bc_sandbox_task) ready_link; /* READY */
  struct bc_sandbox_run *run;
  struct bc_sandbox_task *parent; /* NULL: the thread of the script itself */
  lua_State *co;
  enum sandbox_task_state state;
  int count; /* of values on its stack: arguments at its beginning, results at its end */
  /* While it waits: how to undo that. */
  void (*cancel)(void *arg);
  void *cancel_arg;
  int64_t wait_ms;    /* WAITING, since this turn of the run … */
  struct bc_mono due; /* … and since one before; not set: for an event */
  bool is_new_wait;
  struct bc_mono yielded; /* traced: since when it waits */
  lua_Integer index;      /* of its function in the parent's call of `parallel` */
  struct sandbox_parallel parallel;
};
TAILQ_HEAD(sandbox_tasks, bc_sandbox_task);

/* A module that is being run, and for whom. */
struct sandbox_requiring {
  const char *name;
  const struct sandbox_requiring *by; /* NULL: the script */
};

/* Of a run of a policy. */
struct sandbox_policy {
  struct bc_str context; /* JSON, the host's */
  bool is_admission;
  bool is_asked;     /* its script has returned the function … */
  size_t line;       /* … which begins here; 0: not in the script */
  bool has_own_data; /* `data` came with the context */
  bool has_read_all;
  struct bc_buf reads; /* names of data, each ended by a NUL; "*" at the end: all */
};

struct bc_sandbox_run {
  struct bc_sandbox_check *check;
  struct bc_sandbox_task *script; /* the first thread; NULL: not begun, or over */
  struct sandbox_tasks tasks;
  struct sandbox_tasks ready; /* in the order of their turns */
  unsigned task_count;
  bool is_inside;                      /* a resume */
  bool has_environment;                /* the registry holds that of the script, under the address of the run */
  bool has_state;                      /* the registry holds the table `state`, under the address of this */
  char *state_before;                  /* what it was then; NULL: nobody has asked for it */
  bool has_data;                       /* the registry holds the decoded values of `data`, under the address of this */
  struct bc_lua_metrics *metrics;      /* NULL: none */
  struct sandbox_trace *trace;         /* NULL: it is not traced */
  bool has_loaded;                     /* the registry holds what its modules returned, under the address of this */
  struct sandbox_requiring *requiring; /* the module that is being run, by `require` */
  struct bc_sandbox_outcome outcome;
  struct bc_buf log;
  struct bc_buf scratch; /* bc_sandbox_scratch */
  struct sandbox_policy policy;
  size_t log_dropped;
  void (*on_ready)(void *arg); /* NULL: nobody wants to know */
  void *on_ready_arg;
  LIST_HEAD(, bc_lua_held) held; /* released at its end */
  unsigned held_count;
};

/* ---- sandbox.c ---- */

/* Pushes the text as a function that takes its environment, or what is wrong with it; gives Lua's status. */
int sandbox_load(lua_State *L, const char *source, struct bc_str text);
/* Calls function(arg), outside of runs. False with the error in `fault`. */
bool sandbox_call(struct bc_sandbox *sandbox, lua_CFunction function, void *arg, struct bc_fault *fault);

void sandbox_count_memory(struct bc_sandbox *sandbox);

/* ---- sandbox_policy.c ---- */

/* Pushes the table that the policy's function gets. May raise. */
void sandbox_policy_push_context(lua_State *L, struct bc_sandbox_run *run);
/* The script, or its function, has returned: asks the function, or reads the verdict into the outcome. Never raises. */
void sandbox_policy_returned(struct bc_sandbox_task *task);
/* Of data; `run` may be NULL or that of a check, then nothing happens. */
void sandbox_policy_note_read(struct bc_sandbox_run *run, struct bc_str name);
void sandbox_policy_note_all_read(struct bc_sandbox_run *run);
void sandbox_policy_init(struct bc_sandbox_run *run);
/* The run is over. */
void sandbox_policy_end(struct bc_sandbox_run *run);
void sandbox_policy_fini(struct bc_sandbox_run *run);

/* ---- sandbox_run.c ---- */

/* One line into the log of the run; cleaned and cut. */
void sandbox_log(struct bc_sandbox_run *run, const char *level, struct bc_str text);

/* ---- sandbox_globals.c ---- */

/* Pushes a new environment with the globals of the check. */
void sandbox_push_environment(lua_State *L, struct bc_sandbox_check *check);
/* The table on top is what all environments share: it learns of what is made when it is asked for. */
void sandbox_globals_open(lua_State *L);
/* Of a run that ended well: its state becomes that of the check, and shows in the outcome if it is another one. Never
 * raises. */
void sandbox_globals_take_state(struct bc_sandbox_run *run, lua_State *co);
/* Forgets all of it. Never raises. */
void sandbox_globals_end(struct bc_sandbox_run *run);

/* ---- lua_metric.c ---- */

void bc_lua_metrics_free(struct bc_lua_metrics *metrics);
/* As a JSON array; nothing when there are none. */
void bc_lua_metrics_print(const struct bc_lua_metrics *metrics, struct bc_buf *to);

/* ---- sandbox_memory.c ---- */

void *sandbox_memory_alloc(void *memory, void *old, size_t old_size, size_t size);

/* ---- sandbox_burst.c ---- */

/* From here on, until sandbox_burst_leave, `burst_ms` of this thread's CPU time may be used. One at a time. `hook`, if
 * it is not NULL, is called at each line; that of a trace at each call and return. */
void sandbox_burst_enter(unsigned burst_ms, lua_Hook hook);
/* It is `co` that runs now; NULL: none. */
void sandbox_burst_switch(lua_State *co);
/* The one that runs was over its time, and must not be resumed. */
bool sandbox_burst_is_killed(void);
uint64_t sandbox_burst_used_us(void);
/* Where it was when it was killed: in a module "lua/NAME:7: ", else "". */
const char *sandbox_burst_place(void);
/* Adds to `cpu_us`; after a kill `*line` is where it was in the script (0 = not known). */
void sandbox_burst_leave(uint64_t *cpu_us, size_t *line);

/* ---- sandbox_task.c ---- */

/* A thread whose function and `count` arguments are to be pushed on `co`, then sandbox_task_ready. May raise on `L`
 * for want of memory, with nothing done. */
struct bc_sandbox_task *sandbox_task_new(lua_State *L, struct bc_sandbox_run *run, struct bc_sandbox_task *parent);
/* Its turn comes: behind all others, or at once. */
void sandbox_task_ready(struct bc_sandbox_task *task, bool is_first);
/* Cancels what it waits for and gives it up, with all that it has begun. Never raises. */
void sandbox_task_drop(struct bc_sandbox_task *task);
/* Those whose time has come are ready; if none was ready before, the soonest is. */
void sandbox_task_wake_due(struct bc_sandbox_run *run);
/* The waits that began in this turn count from now on; what the run waits for. */
int64_t sandbox_task_plan(struct bc_sandbox_run *run);

/* ---- sandbox_parallel.c ---- */

/* The function `parallel` of scripts. */
int sandbox_parallel(lua_State *L);

/* ---- sandbox_require.c ---- */

/* The function `require` of scripts. */
int sandbox_require(lua_State *L);
/* Forgets what its modules returned. Never raises. */
void sandbox_require_end(struct bc_sandbox_run *run);

/* ---- sandbox_trace.c ---- */

/* The hook of a traced run counts so many instructions at once: each time it is called it costs as much as some. */
enum { SANDBOX_TRACE_COUNT = 10 };

/* Notes the functions of the modules in the table on top, which all environments share. */
void sandbox_trace_open(lua_State *L);
struct sandbox_trace *sandbox_trace_new(void);
void sandbox_trace_on_hook(lua_State *L, lua_Debug *frame);
/* The task goes on. */
void sandbox_trace_waited(struct bc_sandbox_task *task);
/* The task returned, raised, or is given up. */
void sandbox_trace_ended(struct bc_sandbox_task *task);

/* ---- sandbox_result.c ---- */

/* Reads the `count` values on top of `co` into `outcome`: DONE, or ERROR with its text. Runs no code of the script,
 * never raises. */
void sandbox_result_read(lua_State *co, int count, struct bc_sandbox_outcome *outcome);
/* The error value on top of `co`, and the line: ERROR, or MEMORY. */
void sandbox_result_read_error(lua_State *co, struct bc_sandbox_outcome *outcome);

/* The key of the compiled script in the registry. */
extern const char sandbox_script_key;
/* There in the registry of a sandbox for policies. */
extern const char sandbox_pure_key;

#endif
