/* The CPU time of a run, and its end.
 *
 * While a run is inside Lua a timer on this thread's CPU clock is armed; its signal handler does the one thing that Lua
 * allows there, it sets a hook. (A hook that counts all the time would double what a script costs.) The hook yields and
 * the run is never resumed; where it cannot yield, inside a callback of C, it raises, again and again until it can.
 * What escapes that: coroutines and finalizers, which scripts do not have. */
#include "worker/lua_module.h"
#include "worker/sandbox_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { BURST_SIGNAL = SIGVTALRM, BURST_AGAIN_MS = 10, BURST_HOOKS = LUA_MASKCALL | LUA_MASKCOUNT };

static timer_t burst_timer;
static bool burst_has_timer;
static lua_State *volatile burst_running;
static volatile int64_t burst_deadline_us;
static volatile sig_atomic_t burst_is_killed;
static int64_t burst_entered_us;
static lua_Hook burst_hook; /* while the kill does not need it */
static size_t burst_line;   /* of the script, when the kill began; 0 = not known */
static char burst_place[LUA_IDSIZE + 16];

static int64_t burst_cpu_now_us(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A yield of a hook steps back by one instruction, so it must be asked for now. */
static void burst_note_line(lua_State *L) {
  const struct bc_sandbox_task *task = bc_sandbox_task_of(L);
  lua_Debug frame;
  for (int level = 0; task != NULL && burst_line == 0 && lua_getstack(L, level, &frame) != 0; level++) {
    if (lua_getinfo(L, "Sl", &frame) == 0 || frame.currentline <= 0) {
      continue;
    }
    if (strcmp(frame.source, task->run->check->sandbox->source) == 0) {
      burst_line = (size_t)frame.currentline;
    } else if (burst_place[0] == '\0') {
      (void)snprintf(burst_place, sizeof burst_place, "%s:%d: ", frame.short_src, frame.currentline);
    }
  }
}

static void burst_on_hook(lua_State *L, lua_Debug *event) {
  if (burst_is_killed == 0) {
    burst_is_killed = 1;
    burst_note_line(L);
  }
  if (!lua_isyieldable(L)) {
    /* No text: that would need memory. */
    lua_pushnil(L);
    (void)lua_error(L);
  }
  /* At a call the next instruction will do: Lua takes a yield of a hook only there. */
  if (event->event == LUA_HOOKCOUNT) {
    (void)lua_yield(L, 0);
  }
}

static void burst_on_signal(int number) {
  (void)number;
  int saved = errno;
  lua_State *L = burst_running;
  /* A signal of the run before may come late. */
  if (L != NULL && burst_cpu_now_us() >= burst_deadline_us) {
    lua_sethook(L, burst_on_hook, BURST_HOOKS, 1);
  }
  errno = saved;
}

static void burst_start_timer(void) {
  struct sigaction action = {.sa_handler = burst_on_signal, .sa_flags = SA_RESTART};
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = BURST_SIGNAL};
  event.sigev_notify_thread_id = gettid();
  (void)sigemptyset(&action.sa_mask);
  sigset_t wanted;
  (void)sigemptyset(&wanted);
  (void)sigaddset(&wanted, BURST_SIGNAL);
  if (sigaction(BURST_SIGNAL, &action, NULL) != 0 || pthread_sigmask(SIG_UNBLOCK, &wanted, NULL) != 0 ||
      timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &burst_timer) != 0) {
    /* Without it a script could run for ever. */
    perror("sandbox: timer");
    abort();
  }
  burst_has_timer = true;
}

static void burst_set_timer(int64_t first_ms, int64_t again_ms) {
  struct itimerspec when = {
      .it_value = {.tv_sec = first_ms / 1000, .tv_nsec = first_ms % 1000 * 1000000},
      .it_interval = {.tv_sec = 0, .tv_nsec = again_ms * 1000000},
  };
  if (timer_settime(burst_timer, 0, &when, NULL) != 0) {
    perror("sandbox: timer");
    abort();
  }
}

void sandbox_burst_enter(unsigned burst_ms, lua_Hook hook) {
  burst_hook = hook;
  if (!burst_has_timer) {
    burst_start_timer();
  }
  burst_is_killed = 0;
  burst_line = 0;
  burst_place[0] = '\0';
  burst_entered_us = burst_cpu_now_us();
  burst_deadline_us = burst_entered_us + (int64_t)burst_ms * 1000;
  burst_set_timer(burst_ms, BURST_AGAIN_MS);
}

void sandbox_burst_switch(lua_State *co) {
  lua_State *before = burst_running;
  burst_running = NULL;
  if (before != NULL) {
    /* It may have been set just after the last instruction. */
    lua_sethook(before, NULL, 0, 0);
  }
  if (co != NULL) {
    /* A new thread has the hook of the one that made it. */
    int mask = burst_hook == sandbox_trace_on_hook ? LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT : LUA_MASKLINE;
    lua_sethook(co, burst_hook, burst_hook == NULL ? 0 : mask, SANDBOX_TRACE_COUNT);
    burst_running = co;
  }
}

bool sandbox_burst_is_killed(void) {
  return burst_is_killed != 0;
}

const char *sandbox_burst_place(void) {
  return burst_place;
}

uint64_t sandbox_burst_used_us(void) {
  return (uint64_t)(burst_cpu_now_us() - burst_entered_us);
}

void sandbox_burst_leave(uint64_t *cpu_us, size_t *line) {
  sandbox_burst_switch(NULL);
  burst_set_timer(0, 0);
  *cpu_us += sandbox_burst_used_us();
  *line = burst_line;
}
