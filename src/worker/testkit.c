#include "worker/testkit.h"

#include "base/harden.h"
#include "base/mem.h"
#include "worker/confine.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"
#include "worker/testkit_private.h"
#include "worker/testkit_text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  TESTKIT_EXIT_FINE = 0,
  TESTKIT_EXIT_BAD_REQUEST = 2,
  TESTKIT_MONO_BEGIN_US = 1000000000, /* a thousand seconds after some start: never 0, which is not set */
  TESTKIT_BURST_MS = 1000,
  TESTKIT_MESSAGE_BYTES = 4096
};

/* 2026-01-01T00:00:00Z */
#define TESTKIT_WALL_BEGIN_US INT64_C(1767225600000000)

/* ---- clocks ---- */

static void testkit_pretend(const struct testkit *kit) {
  bc_mono_pretend(kit->now, kit->wall_us / 1000);
}

void testkit_pass(struct testkit *kit, int64_t us) {
  kit->now.us += us;
  kit->wall_us += us;
  testkit_pretend(kit);
}

void testkit_set_clock(struct testkit *kit, int64_t wall_us) {
  kit->wall_us = wall_us == 0 ? TESTKIT_WALL_BEGIN_US : wall_us;
  testkit_pretend(kit);
}

/* ---- the request ---- */

static void testkit_take(struct testkit *kit, const struct testkit_piece *piece) {
  struct bc_str bytes = bc_buf_str(&piece->bytes);
  uint64_t number = 1;
  if (strcmp(piece->word, "name") == 0) {
    free(kit->name);
    kit->name = bc_mem_copy_text(bytes.at, bytes.len);
  } else if (strcmp(piece->word, "text") == 0) {
    bc_buf_clear(&kit->text);
    bc_buf_add_str(&kit->text, bytes);
  } else if (strcmp(piece->word, "first") == 0) {
    (void)!bc_str_to_u64(bytes, UINT32_MAX, &number);
    kit->first = (unsigned)number;
  } else if (strcmp(piece->word, "run") == 0) {
    free(kit->pattern);
    kit->pattern = bc_mem_copy_text(bytes.at, bytes.len);
  } else if (strcmp(piece->word, "cover") == 0) {
    kit->is_covered = true;
  }
}

static bool testkit_understand(struct testkit *kit) {
  struct testkit_piece piece;
  bool is_heard;
  bc_buf_init(&piece.bytes, TESTKIT_PIECE_BYTES);
  while ((is_heard = testkit_hear(&piece)) && strcmp(piece.word, "go") != 0) {
    testkit_take(kit, &piece);
  }
  bc_buf_free(&piece.bytes);
  return is_heard && kit->name != NULL;
}

/* ---- the file, as it runs ---- */

static uint64_t testkit_used_us(const struct testkit *kit, const struct bc_sandbox_run *run) {
  uint64_t used_us = bc_sandbox_run_outcome(run)->cpu_us - kit->cpu_before_us + kit->test_cpu_us;
  return kit->under_way.run == NULL ? used_us : used_us + bc_sandbox_run_outcome(kit->under_way.run)->cpu_us;
}

/* What it waits for comes at once. NULL, or why it must not go on. */
static const char *testkit_serve(struct testkit *kit, struct bc_sandbox_run *run) {
  int64_t wait_ms = bc_sandbox_run_outcome(run)->wait_ms;
  if (kit->waiting != NULL) {
    struct bc_sandbox_task *task = kit->waiting;
    testkit_run_go_on(kit);
    kit->waiting = NULL;
    bc_sandbox_wake(task);
  } else if (wait_ms == BC_SANDBOX_WAIT_EVENT) {
    return "waits for what never comes";
  } else {
    testkit_pass(kit, wait_ms * 1000);
  }
  if (kit->number > 0 && testkit_used_us(kit, run) > (uint64_t)TESTKIT_TEST_CPU_MS * 1000) {
    return "used more than 5 s of CPU time";
  }
  return NULL;
}

/* Of a test that was ended from outside. */
static void testkit_tell_ended(const struct testkit *kit, const char *why) {
  struct bc_buf json;
  bc_buf_init(&json, TESTKIT_MESSAGE_BYTES);
  bc_buf_add_format(&json, "{\"number\":%u,\"ok\":false,\"name\":", kit->number);
  bc_lua_value_print_text(bc_str_of(kit->test_name), &json);
  bc_buf_add_text(&json, ",\"message\":");
  bc_lua_value_print_text(bc_str_of(why), &json);
  bc_buf_add_text(&json, "}");
  testkit_tell("result", bc_buf_str(&json));
  bc_buf_free(&json);
}

/* The test to go on with; 0: no more. */
static unsigned testkit_end(struct testkit *kit, const struct bc_sandbox_run *run, const char *stopped) {
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(run);
  const char *why = stopped == NULL ? outcome->error : stopped;
  if (outcome->end == BC_SANDBOX_DONE) {
    testkit_cover_tell();
    testkit_tell("end", (struct bc_str){0});
    return 0;
  }
  if (kit->number == 0) {
    testkit_tell("broken", bc_str_of(why));
    return 0;
  }
  testkit_tell_ended(kit, why);
  return kit->number + 1;
}

static unsigned testkit_run_file(struct testkit *kit, struct bc_sandbox_check *check) {
  struct bc_sandbox_run *run = bc_sandbox_run_new(check);
  const char *stopped = NULL;
  testkit_set_clock(kit, 0);
  testkit_tell_work();
  while (stopped == NULL && bc_sandbox_run_resume(run) == BC_SANDBOX_YIELDED) {
    stopped = testkit_serve(kit, run);
    testkit_tell_work();
  }
  testkit_run_stop(kit);
  unsigned next = testkit_end(kit, run, stopped);
  kit->number = 0;
  kit->waiting = NULL;
  bc_sandbox_run_free(run);
  return next;
}

static bool testkit_add_parts(struct testkit *kit, struct bc_fault *fault) {
  bool is_fine = true;
  for (const struct testkit_text *part = testkit_texts; is_fine && part->name != NULL; part++) {
    if (strcmp(part->name, "testkit") != 0) {
      is_fine =
          bc_sandbox_add_module(kit->tests, part->name, (struct bc_str){part->text, part->len}, fault) == BC_ERR_OK;
    }
  }
  return is_fine;
}

static struct bc_str testkit_main(void) {
  const struct testkit_text *part = testkit_texts;
  while (part->name != NULL && strcmp(part->name, "testkit") != 0) {
    part++;
  }
  return (struct bc_str){part->text, part->len};
}

/* From kit->first on, until a test must be ended from outside: the one behind it; 0: no more. */
static unsigned testkit_once(struct testkit *kit) {
  struct bc_fault fault = {0};
  const struct bc_sandbox_options options = {.state_bytes = TESTKIT_STATE_BYTES, .burst_ms = TESTKIT_BURST_MS};
  unsigned next = 0;
  kit->tests = bc_sandbox_new(&options, "testkit", testkit_main(), &fault);
  struct bc_sandbox_check *check = kit->tests == NULL ? NULL : bc_sandbox_check_new(kit->tests);
  if (check != NULL && testkit_add_parts(kit, &fault) && testkit_host_open(kit, check, &fault)) {
    next = testkit_run_file(kit, check);
  } else {
    testkit_tell("broken", bc_str_of(fault.text));
  }
  bc_sandbox_check_free(check);
  testkit_script_free_all(kit);
  bc_sandbox_free(kit->tests);
  return next;
}

static void testkit_open(struct testkit *kit) {
  *kit = (struct testkit){.first = 1, .now = {TESTKIT_MONO_BEGIN_US}, .fake = bc_lua_fake_new()};
  bc_buf_init(&kit->text, TESTKIT_PIECE_BYTES);
  /* Whom they trust does not matter: no handshake takes place. */
  kit->io.tls = bc_tls_new("/dev/null");
  kit->io.fake = kit->fake;
}

static void testkit_close(struct testkit *kit) {
  bc_tls_free(kit->io.tls);
  bc_lua_fake_free(kit->fake);
  bc_buf_free(&kit->text);
  free(kit->name);
  free(kit->pattern);
  free(kit->test_name);
}

int bc_testkit_worker_run(void) {
  char confinement[BC_CONFINE_TEXT_BYTES];
  struct bc_fault fault;
  struct testkit kit;
  if (bc_harden_tie_to_parent(getppid(), SIGKILL, &fault) != BC_ERR_OK) {
    return TESTKIT_EXIT_BAD_REQUEST;
  }
  testkit_open(&kit);
  bool is_understood =
      bc_confine_process(BC_CONFINE_ALONE, confinement, &fault) == BC_ERR_OK && testkit_understand(&kit);
  while (is_understood && kit.first > 0) {
    kit.first = testkit_once(&kit);
  }
  testkit_cover_free_all();
  testkit_close(&kit);
  return is_understood ? TESTKIT_EXIT_FINE : TESTKIT_EXIT_BAD_REQUEST;
}
