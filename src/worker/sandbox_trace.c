/* What a traced run calls: the functions of the API with arguments, results and times, for `bgpcommander run --trace`.
 *
 * A hook sees each call and return; what Lua itself has (string, table, pcall …) is passed over. Nothing here raises or
 * runs code of the script. */
#include "base/mem.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
  TRACE_CALLS = 256,
  TRACE_NAME_BYTES = 48,
  TRACE_TEXT_BYTES = 240,
  TRACE_STRING_BYTES = 60,
  TRACE_VALUES = 5,
  TRACE_MEMBERS = 8,
  TRACE_DEPTH = 3,
  TRACE_CATCHES = 64,
  TRACE_STACK = 12
};

struct trace_call {
  const lua_State *co; /* NULL: it has ended */
  const struct CallInfo *frame;
  struct bc_mono begun;
  int64_t took_us;
  int64_t waited_us;
  const char *end; /* how it ended */
  char name[TRACE_NAME_BYTES];
  char arguments[TRACE_TEXT_BYTES];
  char result[TRACE_TEXT_BYTES];
};

/* A pcall that is under way: what was begun in it and has not returned when it does was ended by an error. */
struct trace_catch {
  const lua_State *co;
  const struct CallInfo *frame;
  size_t first; /* of these calls */
};

struct sandbox_trace {
  struct bc_mono begun;
  uint64_t instructions;
  size_t count;
  size_t dropped;
  struct trace_call calls[TRACE_CALLS];
  size_t catch_count;
  struct trace_catch catches[TRACE_CATCHES];
};

/* In the registry: functions of modules and their names; false: of no interest; true: pcall. */
static const char trace_names_key;

/* ---- which ---- */

static bool trace_is_quiet(const char *module, const char *name) {
  static const char *const modules[] = {"json", "log", "math", "net", "string", "table", "utf8"};
  for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
    if (strcmp(modules[i], module) == 0) {
      return true;
    }
  }
  return strcmp(module, "time") == 0 && strcmp(name, "sleep") != 0;
}

/* The table of names is at `names`; a function is on top, and stays. */
static void trace_note_function(lua_State *L, int names, const char *module, const char *name) {
  lua_pushvalue(L, -1);
  if (module == NULL && strcmp(name, "pcall") == 0) {
    lua_pushboolean(L, 1);
  } else if (module == NULL ? strcmp(name, "parallel") != 0 && strcmp(name, "require") != 0
                            : trace_is_quiet(module, name)) {
    lua_pushboolean(L, 0);
  } else if (module == NULL) {
    lua_pushstring(L, name);
  } else {
    (void)lua_pushfstring(L, "%s.%s", module, name);
  }
  lua_rawset(L, names);
}

static void trace_note_module(lua_State *L, int names, const char *module) {
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    if (lua_iscfunction(L, -1)) {
      trace_note_function(L, names, module, lua_tostring(L, -2));
    }
  }
}

void sandbox_trace_open(lua_State *L) {
  int base = lua_gettop(L);
  lua_newtable(L);
  int names = lua_gettop(L);
  luaL_checkstack(L, TRACE_STACK, NULL);
  for (lua_pushnil(L); lua_next(L, base) != 0; lua_pop(L, 1)) {
    if (lua_iscfunction(L, -1)) {
      trace_note_function(L, names, NULL, lua_tostring(L, -2));
    } else if (bc_lua_push_thawed(L, -1)) {
      trace_note_module(L, names, lua_tostring(L, -3));
      lua_pop(L, 1);
    }
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &trace_names_key);
}

/* ---- values, short ---- */

static bool trace_is_secret(struct bc_str name) {
  static const char *const names[] = {"body",   "key",       "password",     "authorization", "proxy-authorization",
                                      "cookie", "x-api-key", "x-auth-token", "input"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (name.len == strlen(names[i]) && strncasecmp(name.at, names[i], name.len) == 0) {
      return true;
    }
  }
  return false;
}

/* What stands before the '@' of a URL is nobody's business. */
static void trace_print_url(struct bc_str text, struct bc_buf *to) {
  const char *scheme = memmem(text.at, text.len, "://", 3);
  size_t at = scheme == NULL ? text.len : (size_t)(scheme - text.at) + 3;
  const char *end = at < text.len ? memchr(text.at + at, '/', text.len - at) : NULL;
  size_t host_len = end == NULL ? text.len - at : (size_t)(end - text.at) - at;
  const char *user = at < text.len ? memrchr(text.at + at, '@', host_len) : NULL;
  struct bc_buf hidden;
  bc_buf_init(&hidden, TRACE_TEXT_BYTES);
  if (user != NULL) {
    bc_buf_add(&hidden, text.at, at);
    bc_buf_add_text(&hidden, "...");
    text.len -= (size_t)(user - text.at);
    text.at = user;
  }
  bc_buf_add(&hidden, text.at, text.len < TRACE_STRING_BYTES ? text.len : TRACE_STRING_BYTES);
  bc_lua_value_print_text(bc_buf_str(&hidden), to);
  bc_buf_free(&hidden);
}

static void trace_print_string(struct bc_str text, bool is_secret, struct bc_buf *to) {
  if (is_secret || memmem(text.at, text.len, "-----BEGIN", 10) != NULL) {
    bc_buf_add_format(to, "(%zu bytes)", text.len);
    return;
  }
  trace_print_url(text, to);
  if (text.len > TRACE_STRING_BYTES) {
    bc_buf_add_format(to, "... (%zu bytes)", text.len);
  }
}

static void trace_print_value(lua_State *L, int index, int depth, bool is_secret, struct bc_buf *to);

static void trace_print_table(lua_State *L, int index, int depth, bool is_secret, struct bc_buf *to) {
  int count = 0;
  int top = lua_gettop(L);
  if (depth <= 0 || lua_checkstack(L, TRACE_STACK) == 0) {
    bc_buf_add_text(to, "{...}");
    return;
  }
  int table = bc_lua_push_thawed(L, index) ? top + 1 : lua_absindex(L, index);
  bc_buf_add_char(to, '{');
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    struct bc_str name = {0};
    bc_buf_add_text(to, count == 0 ? "" : ", ");
    if (++count > TRACE_MEMBERS) {
      bc_buf_add_text(to, "...");
      break;
    }
    if (lua_type(L, -2) == LUA_TSTRING) {
      name.at = lua_tolstring(L, -2, &name.len);
      bc_buf_add_format(to, BC_STR_FMT " = ", BC_STR_ARG(name));
    }
    trace_print_value(L, -1, depth - 1, is_secret || trace_is_secret(name), to);
  }
  bc_buf_add_char(to, '}');
  lua_settop(L, top);
}

static void trace_print_value(lua_State *L, int index, int depth, bool is_secret, struct bc_buf *to) {
  struct bc_str text;
  switch (lua_type(L, index)) {
  case LUA_TSTRING:
    text.at = lua_tolstring(L, index, &text.len);
    trace_print_string(text, is_secret, to);
    break;
  case LUA_TTABLE:
    trace_print_table(L, index, depth, is_secret, to);
    break;
  case LUA_TNIL:
  case LUA_TBOOLEAN:
    bc_buf_add_text(to, lua_isnil(L, index) ? "nil" : lua_toboolean(L, index) != 0 ? "true" : "false");
    break;
  case LUA_TNUMBER:
    bc_buf_add_format(to, "%.14g", lua_tonumber(L, index));
    break;
  default:
    bc_buf_add_text(to, luaL_typename(L, index));
    break;
  }
}

/* `count` values of the frame from `first` on. */
static void trace_print_values(lua_State *L, const lua_Debug *frame, int first, int count, char *to) {
  struct bc_buf text;
  bc_buf_init(&text, TRACE_TEXT_BYTES * 32);
  for (int i = 0; i < count; i++) {
    bc_buf_add_text(&text, i == 0 ? "" : ", ");
    if (i == TRACE_VALUES || lua_getlocal(L, frame, first + i) == NULL) {
      bc_buf_add_text(&text, "...");
      break;
    }
    trace_print_value(L, -1, TRACE_DEPTH, false, &text);
    lua_pop(L, 1);
  }
  bc_lua_value_clean(bc_buf_str(&text), to, TRACE_TEXT_BYTES);
  bc_buf_free(&text);
}

/* ---- calls ---- */

static struct trace_call *trace_find(struct sandbox_trace *trace, const lua_State *co, const struct CallInfo *frame) {
  for (size_t i = trace->count; i > 0; i--) {
    if (trace->calls[i - 1].co == co && trace->calls[i - 1].frame == frame) {
      return &trace->calls[i - 1];
    }
  }
  return NULL;
}

static void trace_end(struct trace_call *call, const char *end) {
  call->co = NULL;
  call->end = end;
  call->took_us = bc_mono_now().us - call->begun.us;
}

static void trace_catch(struct sandbox_trace *trace, const lua_State *co, const struct CallInfo *frame) {
  if (trace->catch_count < TRACE_CATCHES) {
    trace->catches[trace->catch_count++] = (struct trace_catch){.co = co, .frame = frame, .first = trace->count};
  }
}

static void trace_caught(struct sandbox_trace *trace, const lua_State *co, const struct CallInfo *frame) {
  for (size_t i = trace->catch_count; i > 0; i--) {
    const struct trace_catch *found = &trace->catches[i - 1];
    if (found->co != co || found->frame != frame) {
      continue;
    }
    for (size_t call = found->first; call < trace->count; call++) {
      if (trace->calls[call].co == co) {
        trace_end(&trace->calls[call], "raised");
      }
    }
    trace->catches[i - 1] = trace->catches[--trace->catch_count];
    return;
  }
}

/* False: of no interest. Methods of what functions gave are named as they were called. */
static bool trace_name(struct sandbox_trace *trace, lua_State *L, lua_Debug *frame,
                       char name[static TRACE_NAME_BYTES]) {
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &trace_names_key);
  (void)lua_getinfo(L, "f", frame);
  int type = lua_rawget(L, -2);
  bool is_wanted = type == LUA_TSTRING;
  if (is_wanted) {
    (void)snprintf(name, TRACE_NAME_BYTES, "%s", lua_tostring(L, -1));
  } else if (lua_toboolean(L, -1) != 0) {
    trace_catch(trace, L, frame->i_ci);
  }
  lua_pop(L, 2);
  if (type == LUA_TNIL && lua_getlocal(L, frame, 1) != NULL) {
    is_wanted = lua_type(L, -1) == LUA_TUSERDATA && lua_getinfo(L, "n", frame) != 0 && frame->name != NULL;
    if (is_wanted) {
      (void)snprintf(name, TRACE_NAME_BYTES, ":%s", frame->name);
    }
    lua_pop(L, 1);
  }
  return is_wanted;
}

static void trace_on_call(struct sandbox_trace *trace, lua_State *L, lua_Debug *frame) {
  char name[TRACE_NAME_BYTES];
  if (lua_getinfo(L, "S", frame) == 0 || frame->what[0] != 'C' || !trace_name(trace, L, frame, name)) {
    return;
  }
  if (trace->count == TRACE_CALLS) {
    trace->dropped++;
    return;
  }
  struct trace_call *call = &trace->calls[trace->count++];
  *call = (struct trace_call){.co = L, .frame = frame->i_ci, .begun = bc_mono_now()};
  (void)snprintf(call->name, sizeof call->name, "%s", name);
  int count = 0;
  while (lua_getlocal(L, frame, count + 1) != NULL) {
    lua_pop(L, 1);
    count++;
  }
  bool is_method = name[0] == ':';
  trace_print_values(L, frame, is_method ? 2 : 1, is_method ? count - 1 : count, call->arguments);
}

static void trace_on_return(struct sandbox_trace *trace, lua_State *L, lua_Debug *frame) {
  struct trace_call *call = trace_find(trace, L, frame->i_ci);
  trace_caught(trace, L, frame->i_ci);
  if (call != NULL && call->co != NULL && lua_getinfo(L, "r", frame) != 0) {
    trace_print_values(L, frame, frame->ftransfer, frame->ntransfer, call->result);
    trace_end(call, "returned");
  }
}

void sandbox_trace_on_hook(lua_State *L, lua_Debug *frame) {
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  if (run != NULL && run->trace != NULL && frame->event == LUA_HOOKCOUNT) {
    run->trace->instructions += SANDBOX_TRACE_COUNT;
    return;
  }
  if (run == NULL || run->trace == NULL || lua_checkstack(L, TRACE_STACK) == 0) {
    return;
  }
  if (frame->event == LUA_HOOKRET) {
    trace_on_return(run->trace, L, frame);
  } else {
    trace_on_call(run->trace, L, frame);
  }
}

void sandbox_trace_waited(struct bc_sandbox_task *task) {
  struct sandbox_trace *trace = task->run->trace;
  if (trace == NULL || !bc_mono_is_set(task->yielded)) {
    return;
  }
  for (size_t i = 0; i < trace->count; i++) {
    if (trace->calls[i].co == task->co) {
      trace->calls[i].waited_us += bc_mono_now().us - task->yielded.us;
    }
  }
}

void sandbox_trace_ended(struct bc_sandbox_task *task) {
  struct sandbox_trace *trace = task->run->trace;
  bool is_raised = task->state == SANDBOX_TASK_FAILED;
  if (trace != NULL && !is_raised && task->state != SANDBOX_TASK_RETURNED) {
    sandbox_trace_waited(task);
  }
  for (size_t i = 0; trace != NULL && i < trace->count; i++) {
    if (trace->calls[i].co == task->co) {
      trace_end(&trace->calls[i], is_raised ? "raised" : "given up");
    }
  }
  for (size_t i = trace == NULL ? 0 : trace->catch_count; i > 0; i--) {
    if (trace->catches[i - 1].co == task->co) {
      trace->catches[i - 1] = trace->catches[--trace->catch_count];
    }
  }
}

struct sandbox_trace *sandbox_trace_new(void) {
  struct sandbox_trace *trace = bc_mem_new(1, sizeof *trace);
  trace->begun = bc_mono_now();
  return trace;
}

/* ---- telling ---- */

/* Of a call that has not ended, with the wait that it is in. */
static int64_t trace_waited_us(const struct bc_sandbox_run *run, const struct trace_call *call) {
  int64_t waited_us = call->waited_us;
  const struct bc_sandbox_task *task;
  TAILQ_FOREACH(task, &run->tasks, link) {
    if (task->co == call->co && bc_mono_is_set(task->yielded)) {
      waited_us += bc_mono_now().us - task->yielded.us;
    }
  }
  return waited_us;
}

static void trace_print_call(const struct bc_sandbox_run *run, const struct trace_call *call, struct bc_buf *to) {
  bool is_open = call->co != NULL;
  int64_t took_us = is_open ? bc_mono_now().us - call->begun.us : call->took_us;
  bc_buf_add_format(to, "{\"call\":\"%s\",\"arguments\":", call->name);
  bc_lua_value_print_text(bc_str_of(call->arguments), to);
  bc_buf_add_format(to, ",\"end\":\"%s\",\"result\":", is_open ? "given up" : call->end);
  bc_lua_value_print_text(bc_str_of(call->result), to);
  bc_buf_add_format(to, ",\"at_ms\":%.3f,\"took_ms\":%.3f,\"waited_ms\":%.3f}",
                    (double)(call->begun.us - run->trace->begun.us) / 1000, (double)took_us / 1000,
                    (double)(is_open ? trace_waited_us(run, call) : call->waited_us) / 1000);
}

void bc_sandbox_run_print_trace(const struct bc_sandbox_run *run, struct bc_buf *to) {
  bc_buf_add_char(to, '[');
  for (size_t i = 0; run->trace != NULL && i < run->trace->count; i++) {
    bc_buf_add_text(to, i == 0 ? "" : ",");
    trace_print_call(run, &run->trace->calls[i], to);
  }
  bc_buf_add_char(to, ']');
}

uint64_t bc_sandbox_run_instructions(const struct bc_sandbox_run *run) {
  return run->trace == NULL ? 0 : run->trace->instructions;
}

size_t bc_sandbox_run_trace_dropped(const struct bc_sandbox_run *run) {
  return run->trace == NULL ? 0 : run->trace->dropped;
}
