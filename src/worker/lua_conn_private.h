/* What the files of connections share: their life (lua_conn.c), connecting (lua_conn_open.c), what they move
 * (lua_conn_move.c). */
#ifndef BC_WORKER_LUA_CONN_PRIVATE_H
#define BC_WORKER_LUA_CONN_PRIVATE_H

#include "io/stream.h"
#include "worker/lua_call.h"
#include "worker/lua_conn.h"
#include "worker/lua_host.h"

struct lua_conn_opening;
struct lua_conn_reading;
struct lua_conn_sending;

struct lua_conn {
  struct bc_lua_held held;
  uint64_t id;              /* that its userdata holds */
  char *name;               /* that the script connects to; without brackets */
  struct bc_stream *stream; /* NULL: no address was tried yet */
  /* The calls that wait on it: NULL or one each. Each knows the connection, until either ends. */
  struct lua_conn_opening *opening;
  struct lua_conn_reading *reading;
  struct lua_conn_sending *sending;
};

/* ---- lua_conn.c ---- */

/* Held by the run, without a stream. NULL: as bc_lua_hold. */
struct lua_conn *lua_conn_new(lua_State *L, struct bc_str name);
/* That of argument 1. Raises when it is closed. */
struct lua_conn *lua_conn_check(lua_State *L);
/* Pushes its userdata, with the fields that the stream has to tell. */
void lua_conn_push(lua_State *L, const struct lua_conn *conn);
/* Adds the fields of TLS to the userdata at `index`. */
void lua_conn_set_tls_fields(lua_State *L, int index, const struct lua_conn *conn);
/* nil, text, code: how a direction of the stream ended. */
int lua_conn_push_end(lua_State *L, const struct bc_stream_end *end);
/* "closed by this script": what a call gets whose connection another thread closed. */
int lua_conn_push_closed(lua_State *L);

/* ---- lua_conn_open.c ---- */

int lua_conn_starttls(lua_State *L);
void lua_conn_opening_on_news(struct lua_conn_opening *opening);
/* The connection is gone; with a text the call fails. */
void lua_conn_opening_lose(struct lua_conn_opening *opening, const char *text);

/* ---- lua_conn_move.c ---- */

int lua_conn_send(lua_State *L);
int lua_conn_receive(lua_State *L);
int lua_conn_line(lua_State *L);
/* Its first upvalue is the system's string.find. */
int lua_conn_expect(lua_State *L);
void lua_conn_reading_on_news(struct lua_conn_reading *reading);
void lua_conn_reading_lose(struct lua_conn_reading *reading, const char *text);
void lua_conn_sending_on_news(struct lua_conn_sending *sending);
void lua_conn_sending_lose(struct lua_conn_sending *sending, const char *text);

#endif
