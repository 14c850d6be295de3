/* What the files of the testkit share: the role (testkit.c), talking with the parent (testkit_wire.c), what the file of
 * tests calls (testkit_host.c), the scripts under test (testkit_script.c) and their runs (testkit_run.c), answers of
 * fakes (testkit_answer.c), lines that were executed (testkit_cover.c). */
#ifndef BC_WORKER_TESTKIT_PRIVATE_H
#define BC_WORKER_TESTKIT_PRIVATE_H

#include "base/buf.h"
#include "base/mono.h"
#include "worker/lua_data.h"
#include "worker/lua_fake.h"
#include "worker/lua_io.h"
#include "worker/sandbox_private.h"

#include <lua.h>
#include <sys/queue.h>

enum {
  TESTKIT_PIECE_BYTES = 32 * 1024 * 1024,
  TESTKIT_STATE_BYTES = 64 * 1024 * 1024,
  TESTKIT_SCRIPTS = 64,
  TESTKIT_TEST_CPU_MS = 5000 /* of one test, with what it runs */
};

/* ---- testkit_wire.c ---- */

struct testkit_piece {
  char word[16];
  struct bc_buf bytes;
};

void testkit_tell(const char *word, struct bc_str bytes);
/* The next piece; false: there is none, or it is no good. */
bool testkit_hear(struct testkit_piece *piece);
/* Says that work begins, unless that was said a moment ago. */
void testkit_tell_work(void);

/* ---- scripts under test ---- */

struct testkit_script {
  struct bc_sandbox *sandbox;
  struct bc_lua_data *data;
  bool is_policy;
  char *options; /* JSON: the parameters of a ready-made policy; NULL: none */
};

/* What the run under way has come to, for the file of tests. */
enum testkit_step { TESTKIT_ENDED, TESTKIT_ASKS };

struct testkit_run {
  struct testkit_script *script; /* NULL: none is under way */
  struct bc_sandbox_check *check;
  struct bc_sandbox_run *run;
  double threshold;
  unsigned timeout_ms;
  struct bc_mono started;
  struct bc_mono deadline;
  struct bc_mono wake; /* what it waits for at the latest; not set: an event */
  enum testkit_step step;
  const struct bc_lua_ask *ask; /* ASKS */
  char *context;                /* JSON, of a policy */
};

struct testkit {
  struct bc_lua_io io;
  struct bc_lua_fake *fake;
  struct bc_mono now; /* of the made-up clocks */
  int64_t wall_us;
  char *name;
  struct bc_buf text;
  char *pattern; /* NULL: all */
  bool is_covered;
  unsigned first;
  /* the file, as it runs */
  struct bc_sandbox *tests;
  struct bc_sandbox_task *waiting; /* its thread, that waits for a step; NULL: none does */
  unsigned number;                 /* of the test that runs; 0: none */
  char *test_name;
  uint64_t test_cpu_us;   /* that its scripts have used */
  uint64_t cpu_before_us; /* that the file had used when it began */
  struct testkit_script scripts[TESTKIT_SCRIPTS];
  unsigned script_count;
  struct testkit_run under_way;
};

/* ---- testkit.c ---- */

/* The clocks go on. */
void testkit_pass(struct testkit *kit, int64_t us);
/* They begin anew: it is `wall_us`, or the beginning of all tests (0). */
void testkit_set_clock(struct testkit *kit, int64_t wall_us);

/* ---- testkit_host.c ---- */

/* Gives the file of tests its functions: the global `host` of lua/testkit. */
bool testkit_host_open(struct testkit *kit, struct bc_sandbox_check *check, struct bc_fault *fault);

/* ---- testkit_script.c ---- */

/* Its number; -1 with a fault. `word`: "script", "ready", "policy" or "ready_policy". */
int testkit_script_load(struct testkit *kit, const char *word, struct bc_str what, struct bc_fault *fault);
void testkit_script_free_all(struct testkit *kit);

/* ---- testkit_run.c ---- */

/* Begins a run of a script as the table at `index` wants it: `globals` and `data` (JSON texts by name), `state` (JSON),
 * `timeout_ms`, `threshold`; of a policy only `context` (JSON). Raises. */
void testkit_run_begin(lua_State *L, struct testkit *kit, int index, struct testkit_script *script);
/* Goes on until it ends or asks. */
void testkit_run_go_on(struct testkit *kit);
/* Pushes what it has come to. */
void testkit_run_push_step(lua_State *L, struct testkit *kit);
/* NULL is never under way. */
void testkit_run_stop(struct testkit *kit);

/* ---- testkit_answer.c ---- */

/* What the table at `index` answers to this ask. Raises. */
void testkit_answer_read(lua_State *L, struct testkit *kit, struct bc_lua_ask *ask, int index);

/* ---- testkit_cover.c ---- */

/* From now on the lines of this source are noted. Does nothing for one of the same name. */
void testkit_cover_add(const char *name, struct bc_str text);
void testkit_cover_on_line(lua_State *L, lua_Debug *frame);
/* Tells the parent. */
void testkit_cover_tell(void);
void testkit_cover_free_all(void);

#endif
