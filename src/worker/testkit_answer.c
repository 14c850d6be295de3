/* Answers of fakes, as lua/testkit gives them:
 *
 *   after     seconds until it comes; nil: it never does
 *   code      the error code of a failed call, with `text`
 *   place     what stands in the text of a timeout
 *   results   what the call returns: a table with `n`
 *   failed    a result that counts as a failed call
 *   address, port, rtt, fields   of a connect
 *   feeds     what comes on the connection afterwards: tables with `after`, `text`, `ends` ("closed", "reset") */
#include "worker/lua_host.h"
#include "worker/lua_module.h"
#include "worker/lua_pack.h"
#include "worker/testkit_private.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

enum { ANSWER_STACK = 8, ANSWER_MOST_S = 86400 };

static enum bc_lua_code answer_code(const char *text) {
  static const char *const texts[] = {BC_LUA_CODE_LIST(BC_ENUM_TEXT)};
  size_t at = 0;
  while (at < sizeof texts / sizeof texts[0] && strcmp(texts[at], text) != 0) {
    at++;
  }
  return at < sizeof texts / sizeof texts[0] ? (enum bc_lua_code)at : BC_LUA_IO;
}

/* The text of a member, "" when there is none; valid as long as the table. */
static const char *answer_text(lua_State *L, int index, const char *name) {
  const char *text = lua_getfield(L, index, name) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  lua_pop(L, 1);
  return text;
}

/* False: there is none. */
static bool answer_us(lua_State *L, int index, const char *name, int64_t *us) {
  bool has_it = lua_getfield(L, index, name) == LUA_TNUMBER;
  lua_Number seconds = has_it ? lua_tonumber(L, -1) : 0;
  lua_pop(L, 1);
  if (!(seconds >= 0 && seconds <= ANSWER_MOST_S)) {
    (void)luaL_error(L, "%s: expected seconds from 0 to %d", name, (int)ANSWER_MOST_S);
  }
  *us = (int64_t)llround(seconds * 1e6);
  return has_it;
}

static struct bc_mono answer_due(lua_State *L, const struct testkit *kit, int index) {
  int64_t us;
  return answer_us(L, index, "after", &us) ? (struct bc_mono){kit->now.us + us} : (struct bc_mono){0};
}

static void answer_read_feed(lua_State *L, struct testkit *kit, const struct bc_lua_ask *ask, int index) {
  struct bc_mono due = answer_due(L, kit, index);
  const char *ends = answer_text(L, index, "ends");
  struct bc_str text = {0};
  if (lua_getfield(L, index, "text") == LUA_TSTRING) {
    text.at = lua_tolstring(L, -1, &text.len);
  }
  bc_lua_fake_feed(kit->fake, ask->conn, due, text,
                   strcmp(ends, "reset") == 0    ? BC_STREAM_RESET
                   : strcmp(ends, "closed") == 0 ? BC_STREAM_CLOSED
                                                 : BC_STREAM_FINE);
  lua_pop(L, 1);
}

static void answer_read_feeds(lua_State *L, struct testkit *kit, const struct bc_lua_ask *ask, int index) {
  if (lua_getfield(L, index, "feeds") == LUA_TTABLE) {
    int feeds = lua_gettop(L);
    lua_Integer count = luaL_len(L, feeds);
    for (lua_Integer i = 1; i <= count; i++) {
      (void)lua_rawgeti(L, feeds, i);
      luaL_checktype(L, -1, LUA_TTABLE);
      answer_read_feed(L, kit, ask, lua_gettop(L));
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

static void answer_read_connect(lua_State *L, struct bc_lua_ask *ask, int index) {
  const char *address = answer_text(L, index, "address");
  if (!bc_lua_host_parse(bc_str_of(address), &ask->address)) {
    (void)luaL_error(L, "address: expected an IPv4 or IPv6 address, found %s", address);
  }
  (void)lua_getfield(L, index, "port");
  ask->port = (uint16_t)lua_tointeger(L, -1);
  lua_pop(L, 1);
  (void)answer_us(L, index, "rtt", &ask->connect_us);
}

void testkit_answer_read(lua_State *L, struct testkit *kit, struct bc_lua_ask *ask, int index) {
  luaL_checkstack(L, ANSWER_STACK, NULL);
  const char *code = answer_text(L, index, "code");
  const char *place = answer_text(L, index, "place");
  struct bc_mono due = answer_due(L, kit, index);
  if (place[0] != '\0') {
    bc_lua_call_set_place(ask->call, "%s", place);
  }
  if (code[0] != '\0') {
    ask->code = answer_code(code);
    (void)snprintf(ask->text, sizeof ask->text, "%s", answer_text(L, index, "text"));
  } else if (ask->take != NULL && ask->name[0] == 't' && bc_mono_is_set(due)) {
    answer_read_connect(L, ask, index);
  }
  bool is_connection = ask->take != NULL;
  if (lua_getfield(L, index, is_connection ? "fields" : "results") == LUA_TTABLE) {
    bc_lua_pack(L, -1, &ask->results);
  }
  (void)lua_getfield(L, index, "failed");
  ask->had_failure = lua_toboolean(L, -1) != 0;
  lua_pop(L, 2);
  answer_read_feeds(L, kit, ask, index);
  ask->due = due;
  bc_lua_ask_answer(ask);
}
