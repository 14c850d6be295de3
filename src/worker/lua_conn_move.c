/* What goes over a connection: send, receive, line, expect.
 *
 * A call that reads tries as soon as it begins, and again, inside Lua, when more has come. */
#include "base/limits.h"
#include "base/mem.h"
#include "worker/lua_args.h"
#include "worker/lua_conn_private.h"
#include "worker/lua_fake.h"
#include "worker/lua_pattern.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

enum {
  MOVE_LINE_BYTES = 8192,
  MOVE_SHOWN_BYTES = 200,
  MOVE_SHOWN_IN_PLACE_BYTES = 40,
  /* Of a pattern that is tried anew on each piece that comes: of all tries, in most that one may take. */
  MOVE_PATTERN_TRIES = 4
};

struct lua_conn_sending {
  struct bc_lua_call base;
  struct lua_conn *conn; /* NULL: gone */
};

struct lua_conn_reading {
  struct bc_lua_call base;
  struct lua_conn *conn; /* NULL: gone */
  size_t bytes;          /* exactly so many; 0: any */
  size_t max;
  size_t tried; /* bytes of the input that brought nothing */
  bool is_plain;
  uint64_t steps; /* that the pattern took at worst, so far */
};

/* ---- both directions ---- */

/* The connection of argument 1. */
static struct lua_conn *move_check(lua_State *L) {
  struct lua_conn *conn = lua_conn_check(L);
  if (conn->opening != NULL) {
    (void)luaL_error(L, "the TLS handshake is under way on this connection");
  }
  return conn;
}

/* A handshake without an end leaves nothing that could be used. */
static int move_push_given_up(lua_State *L, const struct lua_conn *conn) {
  struct bc_fault fault;
  bc_fault_set(&fault, 0, "%s: its TLS handshake was given up", bc_stream_place(conn->stream));
  return bc_lua_call_push_failure(L, BC_LUA_CLOSED, fault.text);
}

/* ---- send ---- */

void lua_conn_sending_on_news(struct lua_conn_sending *sending) {
  const struct bc_stream *stream = sending->conn->stream;
  if (bc_stream_queued(stream) == 0 || bc_stream_output_end(stream)->error != BC_STREAM_FINE) {
    bc_lua_call_done(&sending->base);
  }
}

void lua_conn_sending_lose(struct lua_conn_sending *sending, const char *text) {
  sending->conn = NULL;
  if (text != NULL) {
    bc_lua_call_fail(&sending->base, BC_LUA_CLOSED, "%s", text);
  }
}

static void sending_stop(struct bc_lua_call *call) {
  const struct lua_conn_sending *sending = (const struct lua_conn_sending *)call;
  if (sending->conn != NULL && sending->conn->sending == sending) {
    sending->conn->sending = NULL;
  }
}

static int sending_finish(lua_State *L, struct bc_lua_call *call) {
  const struct lua_conn_sending *sending = (const struct lua_conn_sending *)call;
  if (sending->conn == NULL) {
    return lua_conn_push_closed(L);
  }
  const struct bc_stream_end *end = bc_stream_output_end(sending->conn->stream);
  if (end->error != BC_STREAM_FINE) {
    return lua_conn_push_end(L, end);
  }
  lua_pushboolean(L, 1);
  return 1;
}

static const struct bc_lua_call_kind sending_kind = {
    .size = sizeof(struct lua_conn_sending), .stop = sending_stop, .finish = sending_finish};

int lua_conn_send(lua_State *L) {
  static const char *const names[] = {"timeout", NULL};
  struct lua_conn *conn = move_check(L);
  struct bc_str text;
  text.at = luaL_checklstring(L, 2, &text.len);
  bc_lua_args_check(L, 3, names);
  int64_t timeout_ms = bc_lua_args_ms(L, 3, "timeout", BC_LUA_NO_TIMEOUT);
  if (text.len > BC_LIMIT_STREAM_QUEUE_BYTES) {
    return luaL_error(L, "expected at most %d bytes to send at once, found %I", (int)BC_LIMIT_STREAM_QUEUE_BYTES,
                      (LUAI_UACINT)text.len);
  }
  if (conn->sending != NULL) {
    return luaL_error(L, "another call sends on this connection");
  }
  if (bc_stream_is_busy(conn->stream)) {
    return move_push_given_up(L, conn);
  }
  struct lua_conn_sending *sending = bc_lua_call_new(L, &sending_kind);
  if (sending == NULL) {
    return bc_lua_call_refuse(L);
  }
  sending->conn = conn;
  conn->sending = sending;
  bc_lua_call_set_place(&sending->base, "%s", bc_stream_place(conn->stream));
  if (conn->held.io->fake != NULL) {
    bc_lua_ask_new(L, &sending->base, ":send", 2, 2)->conn = conn->id;
    return bc_lua_call_wait(L, &sending->base, timeout_ms);
  }
  if (bc_stream_send(conn->stream, text) != BC_ERR_OK) {
    bc_lua_call_fail(&sending->base, BC_LUA_TIMEOUT, "%s: too much of what was sent before waits still",
                     bc_stream_place(conn->stream));
  }
  return bc_lua_call_wait(L, &sending->base, timeout_ms);
}

/* ---- reading ---- */

void lua_conn_reading_on_news(struct lua_conn_reading *reading) {
  const struct bc_stream *stream = reading->conn->stream;
  if (bc_stream_input(stream).len > reading->tried || bc_stream_input_end(stream)->error != BC_STREAM_FINE) {
    bc_lua_call_done(&reading->base);
  }
}

void lua_conn_reading_lose(struct lua_conn_reading *reading, const char *text) {
  reading->conn = NULL;
  if (text != NULL) {
    bc_lua_call_fail(&reading->base, BC_LUA_CLOSED, "%s", text);
  }
}

static void reading_leave(const struct lua_conn_reading *reading) {
  if (reading->conn != NULL && reading->conn->reading == reading) {
    reading->conn->reading = NULL;
    bc_stream_want(reading->conn->stream, 0);
  }
}

static void reading_stop(struct bc_lua_call *call) {
  reading_leave((const struct lua_conn_reading *)call);
}

/* The beginning of what came, on one line. */
static void reading_print_input(const struct lua_conn *conn, size_t most, struct bc_buf *to) {
  struct bc_str input = bc_stream_input(conn->stream);
  for (size_t i = 0; i < input.len && i < most; i++) {
    char c = input.at[i];
    bc_buf_add_text(to, c == '\r' ? "\\r" : c == '\n' ? "\\n" : c == '\t' ? "\\t" : "");
    if (c != '\r' && c != '\n' && c != '\t') {
      bc_buf_add_char(to, c == '\0' ? '?' : c);
    }
  }
}

/* "…: closed; came: "220 mx ready\r\n"" */
static int reading_push_failure(lua_State *L, const struct lua_conn *conn, enum bc_lua_code code, const char *text) {
  struct bc_buf shown;
  struct bc_fault fault;
  bc_buf_init(&shown, 2 * MOVE_SHOWN_BYTES);
  reading_print_input(conn, MOVE_SHOWN_BYTES, &shown);
  bc_fault_set(&fault, 0, "%s; %s%s%s", text, shown.len == 0 ? "nothing came" : "came: \"", shown.data,
               shown.len == 0 ? "" : "\"");
  bc_buf_free(&shown);
  return bc_lua_call_push_failure(L, code, fault.text);
}

/* A timeout tells what came until then. */
static void reading_note_place(struct lua_conn_reading *reading) {
  struct bc_buf shown;
  bc_buf_init(&shown, 2 * MOVE_SHOWN_IN_PLACE_BYTES);
  reading_print_input(reading->conn, MOVE_SHOWN_IN_PLACE_BYTES, &shown);
  bc_lua_call_set_place(&reading->base, "%s%s%s%s", bc_stream_place(reading->conn->stream),
                        shown.len == 0 ? "" : ": came \"", shown.data, shown.len == 0 ? "" : "\"");
  bc_buf_free(&shown);
}

static int reading_push_error(lua_State *L, const struct lua_conn *conn, enum bc_lua_code code, const char *what) {
  struct bc_fault fault;
  bc_fault_set(&fault, 0, "%s: %s", bc_stream_place(conn->stream), what);
  return reading_push_failure(L, conn, code, fault.text);
}

/* Nothing in what came will do: wait for more, or fail with how it ended; `closed` is the code for a peer that has
 * closed. */
static int reading_go_on(lua_State *L, struct lua_conn_reading *reading, size_t wanted, enum bc_lua_code closed) {
  struct lua_conn *conn = reading->conn;
  const struct bc_stream_end *end = bc_stream_input_end(conn->stream);
  if (end->error != BC_STREAM_FINE) {
    enum bc_lua_code code = end->error == BC_STREAM_CLOSED ? closed : bc_lua_code_of_stream(end->error);
    return reading_push_failure(L, conn, code, end->fault.text);
  }
  conn->reading = reading;
  reading_note_place(reading);
  bc_stream_want(conn->stream, wanted);
  return BC_LUA_CALL_AGAIN;
}

/* The connection of a call whose turn it is; it leaves the connection, as what follows may raise. NULL: gone. */
static struct lua_conn *reading_begin_turn(struct bc_lua_call *call) {
  const struct lua_conn_reading *reading = (const struct lua_conn_reading *)call;
  reading_leave(reading);
  return reading->conn;
}

static int receive_finish(lua_State *L, struct bc_lua_call *call) {
  struct lua_conn_reading *reading = (struct lua_conn_reading *)call;
  const struct lua_conn *conn = reading_begin_turn(call);
  if (conn == NULL) {
    return lua_conn_push_closed(L);
  }
  struct bc_str input = bc_stream_input(conn->stream);
  size_t least = reading->bytes > 0 ? reading->bytes : 1;
  size_t most = reading->bytes > 0 ? reading->bytes : reading->max;
  if (input.len < least) {
    const struct bc_stream_end *end = bc_stream_input_end(conn->stream);
    if (reading->bytes == 0 && end->error != BC_STREAM_FINE) {
      return lua_conn_push_end(L, end);
    }
    reading->tried = least - 1;
    return reading_go_on(L, reading, least, BC_LUA_CLOSED);
  }
  size_t len = input.len < most ? input.len : most;
  lua_pushlstring(L, input.at, len);
  bc_stream_consume(conn->stream, len);
  return 1;
}

static int line_finish(lua_State *L, struct bc_lua_call *call) {
  struct lua_conn_reading *reading = (struct lua_conn_reading *)call;
  const struct lua_conn *conn = reading_begin_turn(call);
  if (conn == NULL) {
    return lua_conn_push_closed(L);
  }
  struct bc_str input = bc_stream_input(conn->stream);
  const char *from = input.at + reading->tried;
  const char *end = input.len == reading->tried ? NULL : memchr(from, '\n', input.len - reading->tried);
  size_t len = end == NULL ? input.len : (size_t)(end - input.at);
  size_t cr = len > 0 && input.at[len - 1] == '\r' ? 1 : 0;
  if (len - cr > reading->max) {
    char text[64];
    (void)snprintf(text, sizeof text, "a line longer than %zu bytes", reading->max);
    return reading_push_error(L, conn, BC_LUA_TOO_LONG, text);
  }
  if (end == NULL) {
    reading->tried = input.len;
    return reading_go_on(L, reading, input.len + 1, BC_LUA_CLOSED);
  }
  lua_pushlstring(L, input.at, len - cr);
  bc_stream_consume(conn->stream, len + 1);
  return 1;
}

/* ---- expect ---- */

/* The number of results, 0: not found. */
static int expect_find_plain(lua_State *L, const struct lua_conn_reading *reading, struct bc_str input,
                             struct bc_str part) {
  /* It may have begun in what was tried. */
  size_t from = reading->tried < part.len ? 0 : reading->tried - part.len + 1;
  const char *found = part.len == 0 ? input.at : memmem(input.at + from, input.len - from, part.at, part.len);
  if (found == NULL) {
    return 0;
  }
  lua_pushvalue(L, 2);
  bc_stream_consume(reading->conn->stream, (size_t)(found - input.at) + part.len);
  return 1;
}

/* By the system's string.find, which the estimate has found to be quick enough. */
static int expect_find_pattern(lua_State *L, const struct lua_conn_reading *reading, struct bc_str input) {
  int top = lua_gettop(L);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushlstring(L, input.at, input.len);
  lua_pushvalue(L, 2);
  lua_call(L, 2, LUA_MULTRET);
  if (lua_isnil(L, top + 1)) {
    lua_settop(L, top);
    return 0;
  }
  size_t start = (size_t)lua_tointeger(L, top + 1);
  size_t end = (size_t)lua_tointeger(L, top + 2);
  if (lua_gettop(L) == top + 2) {
    lua_pushlstring(L, input.at + start - 1, end - (start - 1));
  }
  bc_stream_consume(reading->conn->stream, end);
  return lua_gettop(L) - top - 2;
}

static int expect_finish(lua_State *L, struct bc_lua_call *call) {
  struct lua_conn_reading *reading = (struct lua_conn_reading *)call;
  const struct lua_conn *conn = reading_begin_turn(call);
  struct bc_str pattern;
  int count = 0;
  if (conn == NULL) {
    return lua_conn_push_closed(L);
  }
  pattern.at = lua_tolstring(L, 2, &pattern.len);
  struct bc_str input = bc_stream_input(conn->stream);
  input.len = input.len < reading->max ? input.len : reading->max;
  if (input.len > reading->tried && (reading->is_plain || bc_lua_pattern_is_plain(pattern))) {
    count = expect_find_plain(L, reading, input, pattern);
  } else if (input.len > reading->tried) {
    uint64_t steps = bc_lua_pattern_steps(input, pattern, true);
    if (steps > BC_LIMIT_LUA_PATTERN_STEPS) {
      return reading_push_error(L, conn, BC_LUA_LIMIT, "the pattern is too costly for what came");
    }
    reading->steps += steps;
    if (reading->steps > (uint64_t)MOVE_PATTERN_TRIES * BC_LIMIT_LUA_PATTERN_STEPS) {
      return reading_push_error(L, conn, BC_LUA_LIMIT, "the pattern is too costly for the pieces in which it came");
    }
    count = expect_find_pattern(L, reading, input);
  }
  if (count > 0) {
    return count;
  }
  reading->tried = input.len;
  if (input.len == reading->max) {
    char text[64];
    (void)snprintf(text, sizeof text, "not in the first %zu bytes", reading->max);
    return reading_push_error(L, conn, BC_LUA_PROTOCOL, text);
  }
  return reading_go_on(L, reading, input.len + 1, BC_LUA_PROTOCOL);
}

/* ---- what scripts call ---- */

static const struct bc_lua_call_kind receive_kind = {
    .size = sizeof(struct lua_conn_reading), .stop = reading_stop, .finish = receive_finish};
static const struct bc_lua_call_kind line_kind = {
    .size = sizeof(struct lua_conn_reading), .stop = reading_stop, .finish = line_finish};
static const struct bc_lua_call_kind expect_kind = {
    .size = sizeof(struct lua_conn_reading), .stop = reading_stop, .finish = expect_finish};

static int reading_start(lua_State *L, struct lua_conn *conn, const struct bc_lua_call_kind *kind,
                         const struct lua_conn_reading *wanted, int64_t timeout_ms) {
  if (conn->reading != NULL) {
    return luaL_error(L, "another call reads from this connection");
  }
  if (bc_stream_is_busy(conn->stream)) {
    return move_push_given_up(L, conn);
  }
  struct lua_conn_reading *reading = bc_lua_call_new(L, kind);
  if (reading == NULL) {
    return bc_lua_call_refuse(L);
  }
  reading->conn = conn;
  reading->bytes = wanted->bytes;
  reading->max = wanted->max;
  reading->is_plain = wanted->is_plain;
  bc_lua_call_done(&reading->base);
  return bc_lua_call_wait(L, &reading->base, timeout_ms);
}

int lua_conn_receive(lua_State *L) {
  static const char *const names[] = {"max", "bytes", "timeout", NULL};
  static const char *const exact_names[] = {"timeout", NULL};
  struct lua_conn *conn = move_check(L);
  struct lua_conn_reading wanted = {.max = BC_LIMIT_STREAM_INPUT_BYTES};
  int index = 2;
  if (lua_type(L, 2) == LUA_TNUMBER) {
    lua_Integer bytes = luaL_checkinteger(L, 2);
    luaL_argcheck(L, bytes >= 1 && bytes <= BC_LIMIT_STREAM_INPUT_BYTES, 2, "expected 1 to 65536 bytes");
    wanted.bytes = (size_t)bytes;
    index = 3;
  }
  bc_lua_args_check(L, index, index == 3 ? exact_names : names);
  int64_t timeout_ms = bc_lua_args_ms(L, index, "timeout", BC_LUA_NO_TIMEOUT);
  if (index == 2) {
    wanted.bytes = (size_t)bc_lua_args_integer(L, 2, "bytes", 1, BC_LIMIT_STREAM_INPUT_BYTES, 0);
    wanted.max = (size_t)bc_lua_args_integer(L, 2, "max", 1, BC_LIMIT_STREAM_INPUT_BYTES, BC_LIMIT_STREAM_INPUT_BYTES);
  }
  return reading_start(L, conn, &receive_kind, &wanted, timeout_ms);
}

int lua_conn_line(lua_State *L) {
  static const char *const names[] = {"max", "timeout", NULL};
  struct lua_conn *conn = move_check(L);
  bc_lua_args_check(L, 2, names);
  /* Its line break must fit in, too. */
  struct lua_conn_reading wanted = {
      .max = (size_t)bc_lua_args_integer(L, 2, "max", 1, BC_LIMIT_STREAM_INPUT_BYTES - 2, MOVE_LINE_BYTES)};
  return reading_start(L, conn, &line_kind, &wanted, bc_lua_args_ms(L, 2, "timeout", BC_LUA_NO_TIMEOUT));
}

int lua_conn_expect(lua_State *L) {
  static const char *const names[] = {"plain", "max", "timeout", NULL};
  struct lua_conn *conn = move_check(L);
  (void)luaL_checkstring(L, 2);
  bc_lua_args_check(L, 3, names);
  struct lua_conn_reading wanted = {
      .max = (size_t)bc_lua_args_integer(L, 3, "max", 1, BC_LIMIT_STREAM_INPUT_BYTES, BC_LIMIT_STREAM_INPUT_BYTES),
      .is_plain = bc_lua_args_bool(L, 3, "plain", false)};
  return reading_start(L, conn, &expect_kind, &wanted, bc_lua_args_ms(L, 3, "timeout", BC_LUA_NO_TIMEOUT));
}
