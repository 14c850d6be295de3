/* Connecting, and TLS on what is connected. */
#include "base/mem.h"
#include "worker/lua_args.h"
#include "worker/lua_conn_private.h"
#include "worker/lua_fake.h"
#include "worker/lua_pack.h"
#include "worker/lua_tls.h"

#include <lauxlib.h>

enum { OPENING_PORT_MOST = 65535 };

struct lua_conn_opening {
  struct bc_lua_call base;
  struct lua_conn *conn; /* NULL: the script has it, or it is gone */
  struct bc_lua_host host;
  uint16_t port;
  struct bc_tls_session *session; /* for when it is connected; NULL: none wanted, or the stream has it */
  struct bc_stream_end end;       /* of the last address that was tried */
};

/* ---- the steps of a connect ---- */

static void opening_fail(struct lua_conn_opening *opening, const struct bc_stream_end *end) {
  bc_lua_call_fail(&opening->base, bc_lua_code_of_stream(end->error), "%s", end->fault.text);
}

static void opening_on_stream(void *arg);

static void opening_try_next(struct lua_conn_opening *opening) {
  struct bc_resolver_address address;
  struct lua_conn *conn = opening->conn;
  bc_stream_close(conn->stream);
  conn->stream = NULL;
  if (bc_lua_host_next(&opening->host, opening->port, &address)) {
    conn->stream = bc_stream_connect(conn->held.io->loop, &address, opening->port, opening_on_stream, conn);
    bc_lua_call_set_place(&opening->base, "%s", bc_stream_place(conn->stream));
  } else if (opening->end.error != BC_STREAM_FINE) {
    opening_fail(opening, &opening->end);
  } else {
    bc_lua_call_fail(&opening->base, opening->host.code, "%s", opening->host.fault.text);
  }
}

static void opening_on_host(void *arg) {
  opening_try_next(arg);
}

static void opening_start_tls(struct lua_conn_opening *opening) {
  struct bc_tls_session *session = opening->session;
  opening->session = NULL;
  bc_lua_call_set_place(&opening->base, "%s: TLS handshake", bc_stream_place(opening->conn->stream));
  bc_stream_start_tls(opening->conn->stream, session);
}

void lua_conn_opening_on_news(struct lua_conn_opening *opening) {
  const struct bc_stream *stream = opening->conn->stream;
  const struct bc_stream_end *end = bc_stream_input_end(stream);
  if (bc_stream_is_busy(stream)) {
    return;
  }
  if (bc_stream_tls(stream) != NULL) {
    if (end->error != BC_STREAM_FINE) {
      opening_fail(opening, end);
    } else {
      bc_lua_call_done(&opening->base);
    }
  } else if (end->error != BC_STREAM_FINE) {
    opening->end = *end;
    opening_try_next(opening);
  } else if (opening->session != NULL) {
    opening_start_tls(opening);
  } else {
    bc_lua_call_done(&opening->base);
  }
}

static void opening_on_stream(void *arg) {
  struct lua_conn *conn = arg;
  if (conn->opening != NULL) {
    lua_conn_opening_on_news(conn->opening);
    return;
  }
  if (conn->reading != NULL) {
    lua_conn_reading_on_news(conn->reading);
  }
  if (conn->sending != NULL) {
    lua_conn_sending_on_news(conn->sending);
  }
}

/* ---- the end ---- */

void lua_conn_opening_lose(struct lua_conn_opening *opening, const char *text) {
  opening->conn = NULL;
  if (text != NULL) {
    bc_lua_call_fail(&opening->base, BC_LUA_CLOSED, "%s", text);
  }
}

static void opening_leave(struct lua_conn_opening *opening) {
  if (opening->conn != NULL && opening->conn->opening == opening) {
    opening->conn->opening = NULL;
  }
}

static void opening_stop(struct bc_lua_call *call) {
  struct lua_conn_opening *opening = (struct lua_conn_opening *)call;
  bc_lua_host_end(&opening->host);
  opening_leave(opening);
}

static void starttls_free(struct bc_lua_call *call) {
  bc_tls_session_free(((struct lua_conn_opening *)call)->session);
}

/* What the script did not get is of no use to anybody. */
static void connect_free(struct bc_lua_call *call) {
  struct lua_conn_opening *opening = (struct lua_conn_opening *)call;
  bc_tls_session_free(opening->session);
  if (opening->conn != NULL) {
    bc_lua_let_go(&opening->conn->held);
  }
}

/* ---- in tests: somebody answers in place of the network ---- */

static void opening_take_tls(struct lua_conn_opening *opening) {
  if (opening->conn != NULL && opening->session != NULL) {
    bc_stream_pretend_tls(opening->conn->stream, opening->session);
    opening->session = NULL;
  }
}

static void opening_take_starttls(struct bc_lua_ask *ask) {
  opening_take_tls((struct lua_conn_opening *)ask->call);
}

static void opening_take_connect(struct bc_lua_ask *ask) {
  struct lua_conn_opening *opening = (struct lua_conn_opening *)ask->call;
  if (opening->conn != NULL) {
    opening->conn->stream = bc_stream_pretend(&ask->address, ask->port, ask->connect_us);
  }
  opening_take_tls(opening);
}

/* What the answer says of the connection, in the fields of its userdata at `index`. */
static void opening_set_told_fields(lua_State *L, int index, const struct lua_conn_opening *opening) {
  const struct bc_lua_ask *ask = opening->base.ask;
  if (ask == NULL || ask->results.len == 0) {
    return;
  }
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  (void)lua_getiuservalue(L, index, 1);
  bc_lua_unpack(L, bc_buf_str(&ask->results));
  for (lua_pushnil(L); lua_next(L, -2) != 0;) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -5);
  }
  lua_pop(L, 2);
}

/* ---- the results ---- */

static int connect_finish(lua_State *L, struct bc_lua_call *call) {
  struct lua_conn_opening *opening = (struct lua_conn_opening *)call;
  struct lua_conn *conn = opening->conn;
  if (conn == NULL) {
    return lua_conn_push_closed(L);
  }
  lua_conn_push(L, conn);
  if (bc_stream_tls(conn->stream) != NULL) {
    lua_conn_set_tls_fields(L, lua_gettop(L), conn);
  }
  opening_set_told_fields(L, lua_gettop(L), opening);
  opening_leave(opening);
  opening->conn = NULL;
  return 1;
}

static int starttls_finish(lua_State *L, struct bc_lua_call *call) {
  struct lua_conn_opening *opening = (struct lua_conn_opening *)call;
  if (opening->conn == NULL) {
    return lua_conn_push_closed(L);
  }
  struct lua_conn *conn = opening->conn;
  opening_leave(opening);
  lua_conn_set_tls_fields(L, 1, conn);
  opening_set_told_fields(L, 1, opening);
  lua_pushboolean(L, 1);
  return 1;
}

static const struct bc_lua_call_kind opening_connect = {
    .size = sizeof(struct lua_conn_opening), .stop = opening_stop, .free = connect_free, .finish = connect_finish};
static const struct bc_lua_call_kind opening_starttls = {
    .size = sizeof(struct lua_conn_opening), .stop = opening_stop, .free = starttls_free, .finish = starttls_finish};

/* ---- what scripts call ---- */

/* Raises when the options are no good. */
static struct bc_tls_session *opening_make_session(lua_State *L, int index, struct bc_str name) {
  struct bc_tls_options options = {.name = name};
  struct bc_fault fault;
  bc_lua_tls_read(L, index, &options);
  struct bc_tls_session *session = bc_tls_session_new(bc_sandbox_io_of(L)->tls, &options, &fault);
  if (session == NULL) {
    (void)luaL_error(L, "%s", fault.text);
  }
  return session;
}

static struct bc_str opening_read_host(lua_State *L) {
  struct bc_str host;
  host.at = luaL_checklstring(L, 1, &host.len);
  luaL_argcheck(L, host.len > 0, 1, "expected a host name or an address");
  return host;
}

static uint16_t opening_read_port(lua_State *L) {
  lua_Integer port = luaL_checkinteger(L, 2);
  luaL_argcheck(L, port >= 1 && port <= OPENING_PORT_MOST, 2, "expected a port from 1 to 65535");
  return (uint16_t)port;
}

static struct bc_str opening_without_brackets(struct bc_str host) {
  if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']') {
    return (struct bc_str){.at = host.at + 1, .len = host.len - 2};
  }
  return host;
}

int bc_lua_conn_connect(lua_State *L, bool is_tls) {
  static const char *const plain_names[] = {"timeout", NULL};
  static const char *const tls_names[] = {"timeout", BC_LUA_TLS_OPTION_NAMES, NULL};
  struct bc_str host = opening_read_host(L);
  uint16_t port = opening_read_port(L);
  bc_lua_args_check(L, 3, is_tls ? tls_names : plain_names);
  int64_t timeout_ms = bc_lua_args_ms(L, 3, "timeout", BC_LUA_NO_TIMEOUT);
  struct bc_tls_session *session = NULL;
  if (is_tls && bc_sandbox_io_of(L) != NULL) {
    session = opening_make_session(L, 3, opening_without_brackets(host));
  }
  struct lua_conn_opening *opening = bc_lua_call_new(L, &opening_connect);
  struct lua_conn *conn = opening == NULL ? NULL : lua_conn_new(L, opening_without_brackets(host));
  if (conn == NULL) {
    bc_tls_session_free(session);
    /* Told before the call is gone: its place may be the one that was missing. */
    int count = bc_lua_call_refuse(L);
    if (opening != NULL) {
      bc_lua_let_go(&opening->base.held);
    }
    return count;
  }
  opening->conn = conn;
  opening->port = port;
  opening->session = session;
  conn->opening = opening;
  bc_lua_call_set_place(&opening->base, "%.100s port %u", host.at, port);
  if (conn->held.io->fake != NULL) {
    struct bc_lua_ask *ask = bc_lua_ask_new(L, &opening->base, is_tls ? "tls.connect" : "tcp.connect", 1, 3);
    ask->conn = conn->id;
    ask->take = opening_take_connect;
    return bc_lua_call_wait(L, &opening->base, timeout_ms);
  }
  opening->base.host = &opening->host;
  bc_lua_host_begin(&opening->host, conn->held.io, host, 0, opening_on_host, opening);
  return bc_lua_call_wait(L, &opening->base, timeout_ms);
}

int lua_conn_starttls(lua_State *L) {
  static const char *const names[] = {"timeout", BC_LUA_TLS_OPTION_NAMES, NULL};
  struct lua_conn *conn = lua_conn_check(L);
  bc_lua_args_check(L, 2, names);
  int64_t timeout_ms = bc_lua_args_ms(L, 2, "timeout", BC_LUA_NO_TIMEOUT);
  if (bc_stream_tls(conn->stream) != NULL || conn->opening != NULL) {
    return luaL_error(L, "TLS was begun on this connection already");
  }
  if (conn->reading != NULL || conn->sending != NULL || bc_stream_queued(conn->stream) > 0) {
    return luaL_error(L, "another call is under way on this connection");
  }
  struct bc_tls_session *session = opening_make_session(L, 2, bc_str_of(conn->name));
  struct lua_conn_opening *opening = bc_lua_call_new(L, &opening_starttls);
  if (opening == NULL) {
    bc_tls_session_free(session);
    return bc_lua_call_refuse(L);
  }
  opening->conn = conn;
  opening->session = session;
  conn->opening = opening;
  if (conn->held.io->fake != NULL) {
    struct bc_lua_ask *ask = bc_lua_ask_new(L, &opening->base, ":starttls", 2, 2);
    ask->conn = conn->id;
    ask->take = opening_take_starttls;
    return bc_lua_call_wait(L, &opening->base, timeout_ms);
  }
  opening_start_tls(opening);
  return bc_lua_call_wait(L, &opening->base, timeout_ms);
}
