#include "worker/lua_call.h"

#include "base/limits.h"
#include "base/mem.h"
#include "worker/lua_fake.h"
#include "worker/lua_host.h"
#include "worker/sandbox_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALL_GRACE_ROUNDS = 3 };

BC_ENUM_TEXT_FUNCTION(bc_lua_code_text, enum bc_lua_code, BC_LUA_CODE_LIST, "?")

enum bc_lua_code bc_lua_code_of_errno(int error) {
  switch (error) {
  case 0:
    return BC_LUA_OK;
  case ECONNREFUSED:
    return BC_LUA_REFUSED;
  case ENETUNREACH:
  case EHOSTUNREACH:
  case ENETDOWN:
  case EHOSTDOWN:
  case EADDRNOTAVAIL:
    return BC_LUA_UNREACHABLE;
  case ECONNRESET:
  case ECONNABORTED:
    return BC_LUA_RESET;
  case EPIPE:
  case ENOTCONN:
    return BC_LUA_CLOSED;
  case ETIMEDOUT:
    return BC_LUA_TIMEOUT;
  case EACCES:
  case EPERM:
    return BC_LUA_PERMISSION;
  case EMFILE:
  case ENFILE:
  case ENOBUFS:
  case ENOMEM:
  case EAGAIN:
    return BC_LUA_LIMIT;
  default:
    return BC_LUA_IO;
  }
}

enum bc_lua_code bc_lua_code_of_stream(enum bc_stream_error error) {
  static const enum bc_lua_code codes[] = {
      [BC_STREAM_FINE] = BC_LUA_OK,
      [BC_STREAM_REFUSED] = BC_LUA_REFUSED,
      [BC_STREAM_UNREACHABLE] = BC_LUA_UNREACHABLE,
      [BC_STREAM_TIMEOUT] = BC_LUA_TIMEOUT,
      [BC_STREAM_RESET] = BC_LUA_RESET,
      [BC_STREAM_CLOSED] = BC_LUA_CLOSED,
      [BC_STREAM_TLS] = BC_LUA_TLS,
      [BC_STREAM_PROTOCOL] = BC_LUA_PROTOCOL,
      [BC_STREAM_PERMISSION] = BC_LUA_PERMISSION,
      [BC_STREAM_LIMIT] = BC_LUA_LIMIT,
      [BC_STREAM_IO] = BC_LUA_IO,
  };
  return codes[error];
}

/* ---- what a run holds ---- */

static const char *call_refusal(lua_State *L, enum bc_lua_code *code) {
  const struct bc_lua_io *io = bc_sandbox_io_of(L);
  const struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  *code = BC_LUA_LIMIT;
  if (io == NULL || run == NULL) {
    *code = BC_LUA_UNSUPPORTED;
    return "calls to the outside cannot be made here";
  }
  if (run->held_count >= BC_LIMIT_LUA_CALLS) {
    return "too many connections and calls at once in this run";
  }
  if (io->calls >= BC_LIMIT_LUA_CALLS_ALL) {
    return "too many connections and calls at once in this worker";
  }
  *code = BC_LUA_OK;
  return NULL;
}

bool bc_lua_hold(lua_State *L, struct bc_lua_held *held, void (*release)(struct bc_lua_held *held)) {
  enum bc_lua_code code;
  if (call_refusal(L, &code) != NULL) {
    return false;
  }
  held->run = bc_sandbox_run_of(L);
  held->io = bc_sandbox_io_of(L);
  held->release = release;
  LIST_INSERT_HEAD(&held->run->held, held, link);
  held->run->held_count++;
  held->io->calls++;
  return true;
}

void bc_lua_let_go(struct bc_lua_held *held) {
  LIST_REMOVE(held, link);
  held->run->held_count--;
  held->io->calls--;
  held->release(held);
}

/* ---- calls ---- */

static void call_release(struct bc_lua_held *held) {
  struct bc_lua_call *call = (struct bc_lua_call *)held;
  bc_timer_free(call->timer);
  if (call->kind->stop != NULL) {
    call->kind->stop(call);
  }
  if (call->kind->free != NULL) {
    call->kind->free(call);
  }
  bc_lua_ask_free(call->ask);
  free(call);
}

static void call_cancel(void *arg) {
  struct bc_lua_call *call = arg;
  bc_lua_let_go(&call->held);
}

void *bc_lua_call_new(lua_State *L, const struct bc_lua_call_kind *kind) {
  struct bc_lua_call *call = bc_mem_new(1, kind->size);
  call->kind = kind;
  if (!bc_lua_hold(L, &call->held, call_release)) {
    free(call);
    return NULL;
  }
  return call;
}

int bc_lua_call_refuse(lua_State *L) {
  enum bc_lua_code code;
  const char *text = call_refusal(L, &code);
  return bc_lua_call_push_failure(L, code, text == NULL ? "too many calls at once" : text);
}

bool bc_lua_code_is_local(enum bc_lua_code value) {
  return value == BC_LUA_EGRESS || value == BC_LUA_DENIED || value == BC_LUA_LIMIT || value == BC_LUA_PERMISSION ||
         value == BC_LUA_UNSUPPORTED;
}

int bc_lua_call_push_failure(lua_State *L, enum bc_lua_code code, const char *text) {
  bc_sandbox_note_io_failure(L);
  if (bc_lua_code_is_local(code)) {
    bc_sandbox_note_refusal(L, text);
  }
  lua_pushnil(L);
  lua_pushstring(L, text);
  lua_pushstring(L, bc_lua_code_text(code));
  return 3;
}

void bc_lua_call_set_place(struct bc_lua_call *call, const char *format, ...) {
  va_list args;
  va_start(args, format);
  (void)vsnprintf(call->place, sizeof call->place, format, args);
  va_end(args);
}

static void call_end(struct bc_lua_call *call) {
  call->is_done = true;
  bc_timer_free(call->timer);
  call->timer = NULL;
  if (call->task != NULL) {
    bc_sandbox_wake(call->task);
  }
}

void bc_lua_call_done(struct bc_lua_call *call) {
  if (!call->is_done) {
    call_end(call);
  }
}

void bc_lua_call_fail(struct bc_lua_call *call, enum bc_lua_code code, const char *format, ...) {
  va_list args;
  char text[BC_FAULT_TEXT_BYTES];
  if (call->is_done) {
    return;
  }
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  bc_fault_set(&call->fault, 0, "%s", text);
  call->code = code;
  call->is_ours = call->is_ours || (call->host != NULL && call->host->is_untold && code == BC_LUA_RESOLVE);
  call_end(call);
}

static bool call_waits_for_name(const struct bc_lua_call *call) {
  return call->host != NULL && call->host->look_up != NULL;
}

void bc_lua_call_note_waits(struct bc_sandbox_run *run) {
  struct bc_lua_held *held;
  LIST_FOREACH(held, &run->held, link) {
    const struct bc_lua_call *call = (const struct bc_lua_call *)held;
    if (held->release == call_release && !call->is_done && call_waits_for_name(call) &&
        run->outcome.refusal[0] == '\0') {
      (void)snprintf(run->outcome.refusal, sizeof run->outcome.refusal, "%s: no DNS server has answered yet",
                     call->host->name);
    }
  }
}

static void call_time_out(struct bc_lua_call *call) {
  call->is_ours = call_waits_for_name(call);
  if (call->kind->stop != NULL) {
    call->kind->stop(call);
  }
  bc_lua_call_fail(call, BC_LUA_TIMEOUT, "%s%stimeout after %" PRId64 " ms", call->place,
                   call->place[0] == '\0' ? "" : ": ", call->timeout_ms);
}

/* A loop that is late finds the timeout before what waits in the sockets: that is read first, and told in the round
 * after. */
static void call_on_timeout(void *arg) {
  struct bc_lua_call *call = arg;
  if (call->grace > 0) {
    call->grace--;
    bc_timer_start(call->timer, 0);
    return;
  }
  call_time_out(call);
}

/* That call, if it waits with a timeout of its own. */
static struct bc_lua_call *call_timed(struct bc_lua_held *held) {
  struct bc_lua_call *call = (struct bc_lua_call *)held;
  bool is_timed =
      held->release == call_release && !call->is_done && call->task != NULL && bc_mono_is_set(call->deadline);
  return is_timed ? call : NULL;
}

struct bc_mono bc_lua_call_next_deadline(const struct bc_sandbox_run *run) {
  struct bc_mono next = {0};
  struct bc_lua_held *held;
  LIST_FOREACH(held, &run->held, link) {
    const struct bc_lua_call *call = call_timed(held);
    next = call == NULL ? next : bc_mono_earlier(next, call->deadline);
  }
  return next;
}

void bc_lua_call_expire(struct bc_sandbox_run *run, struct bc_mono now) {
  struct bc_lua_held *held;
  LIST_FOREACH(held, &run->held, link) {
    struct bc_lua_call *call = call_timed(held);
    if (call != NULL && bc_mono_reached(call->deadline, now)) {
      call_time_out(call);
    }
  }
}

static int call_yield(lua_State *L, struct bc_lua_call *call);

/* The call is not let go when `finish` raises: the run's end does that. */
static int call_resume(lua_State *L, int status, lua_KContext context) {
  struct bc_lua_call *call = (struct bc_lua_call *)context;
  (void)status;
  call->task = NULL;
  if (call->is_ours) {
    bc_sandbox_note_refusal(L, call->fault.text);
  }
  int count =
      call->code == BC_LUA_OK ? call->kind->finish(L, call) : bc_lua_call_push_failure(L, call->code, call->fault.text);
  if (count == BC_LUA_CALL_AGAIN) {
    call->is_done = false;
    return call_yield(L, call);
  }
  bc_lua_let_go(&call->held);
  return count;
}

static int call_yield(lua_State *L, struct bc_lua_call *call) {
  call->task = bc_sandbox_task_of(L);
  if (bc_mono_is_set(call->deadline) && call->held.io->fake == NULL) {
    call->timer = bc_timer_new(call->held.io->loop, call_on_timeout, call);
    bc_timer_start_at(call->timer, call->deadline);
  }
  return bc_sandbox_wait(L, BC_SANDBOX_WAIT_EVENT, call_cancel, call, call_resume);
}

int bc_lua_call_wait(lua_State *L, struct bc_lua_call *call, int64_t timeout_ms) {
  call->timeout_ms = timeout_ms;
  call->grace = CALL_GRACE_ROUNDS; /* once: who keeps on sending must not prolong it */
  if (timeout_ms != BC_LUA_NO_TIMEOUT) {
    call->deadline = bc_mono_add_ms(bc_mono_now(), timeout_ms);
  }
  return call->is_done ? call_resume(L, LUA_OK, (lua_KContext)call) : call_yield(L, call);
}
