#include "worker/lua_fake.h"

#include "base/mem.h"
#include "worker/lua_conn.h"
#include "worker/lua_module.h"
#include "worker/lua_pack.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

enum { FAKE_STACK = 16 };

/* What comes on a connection. */
struct fake_feed {
  TAILQ_ENTRY(fake_feed) link; /* in the order of `due` */
  uint64_t conn;
  struct bc_mono due;
  enum bc_stream_error end;
  char *bytes;
  size_t len;
};

struct bc_lua_fake {
  TAILQ_HEAD(fake_asks, bc_lua_ask) asks;
  TAILQ_HEAD(fake_feeds, fake_feed) feeds;
  uint64_t last_number;
};

struct bc_lua_fake *bc_lua_fake_new(void) {
  struct bc_lua_fake *fake = bc_mem_new(1, sizeof *fake);
  TAILQ_INIT(&fake->asks);
  TAILQ_INIT(&fake->feeds);
  return fake;
}

void bc_lua_fake_free(struct bc_lua_fake *fake) {
  if (fake != NULL) {
    bc_lua_fake_forget(fake);
    free(fake);
  }
}

/* ---- asking ---- */

/* The line of the script that calls. */
static void ask_note_where(lua_State *L, struct bc_lua_ask *ask) {
  lua_Debug frame;
  if (lua_getstack(L, 1, &frame) != 0 && lua_getinfo(L, "Sl", &frame) != 0 && frame.currentline > 0) {
    (void)snprintf(ask->where, sizeof ask->where, "%s:%d", frame.short_src, frame.currentline);
  }
}

struct bc_lua_ask *bc_lua_ask_new(lua_State *L, struct bc_lua_call *call, const char *name, int first, int last) {
  struct bc_lua_ask *ask = bc_mem_new(1, sizeof *ask);
  ask->fake = call->held.io->fake;
  ask->call = call;
  ask->number = ++ask->fake->last_number;
  (void)snprintf(ask->name, sizeof ask->name, "%s", name);
  ask_note_where(L, ask);
  bc_buf_init(&ask->arguments, BC_LUA_ASK_BYTES);
  bc_buf_init(&ask->results, BC_LUA_ASK_BYTES);
  bc_lua_pack_list(L, first, last, &ask->arguments);
  TAILQ_INSERT_TAIL(&ask->fake->asks, ask, link);
  call->ask = ask;
  return ask;
}

void bc_lua_ask_free(struct bc_lua_ask *ask) {
  if (ask != NULL) {
    TAILQ_REMOVE(&ask->fake->asks, ask, link);
    bc_buf_free(&ask->arguments);
    bc_buf_free(&ask->results);
    free(ask);
  }
}

static int fake_finish(lua_State *L, struct bc_lua_call *call) {
  const struct bc_lua_ask *ask = call->ask;
  lua_Integer count = 0;
  luaL_checkstack(L, FAKE_STACK, NULL);
  bc_lua_unpack(L, bc_buf_str(&ask->results));
  int list = lua_gettop(L);
  if (lua_istable(L, list)) {
    (void)lua_getfield(L, list, "n");
    count = lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  for (lua_Integer i = 1; i <= count && i < FAKE_STACK / 2; i++) {
    (void)lua_rawgeti(L, list, i);
  }
  if (ask->had_failure) {
    bc_sandbox_note_io_failure(L);
  }
  return lua_gettop(L) - list;
}

static const struct bc_lua_call_kind fake_kind = {.size = sizeof(struct bc_lua_call), .finish = fake_finish};

int bc_lua_fake_call(lua_State *L, const char *name, int64_t timeout_ms) {
  struct bc_lua_call *call = bc_lua_call_new(L, &fake_kind);
  if (call == NULL) {
    return bc_lua_call_refuse(L);
  }
  (void)bc_lua_ask_new(L, call, name, 1, lua_gettop(L));
  return bc_lua_call_wait(L, call, timeout_ms);
}

/* ---- answering ---- */

struct bc_lua_ask *bc_lua_fake_take(struct bc_lua_fake *fake) {
  struct bc_lua_ask *ask;
  TAILQ_FOREACH(ask, &fake->asks, link) {
    if (!ask->is_taken) {
      ask->is_taken = true;
      return ask;
    }
  }
  return NULL;
}

struct bc_lua_ask *bc_lua_fake_find(struct bc_lua_fake *fake, uint64_t number) {
  struct bc_lua_ask *ask;
  TAILQ_FOREACH(ask, &fake->asks, link) {
    if (ask->number == number) {
      break;
    }
  }
  return ask;
}

void bc_lua_ask_answer(struct bc_lua_ask *ask) {
  ask->is_answered = true;
}

void bc_lua_fake_feed(struct bc_lua_fake *fake, uint64_t conn, struct bc_mono due, struct bc_str bytes,
                      enum bc_stream_error end) {
  struct fake_feed *feed = bc_mem_new(1, sizeof *feed);
  struct fake_feed *before = TAILQ_LAST(&fake->feeds, fake_feeds);
  *feed = (struct fake_feed){.conn = conn, .due = due, .end = end, .len = bytes.len};
  feed->bytes = bc_mem_copy_text(bytes.at, bytes.len);
  while (before != NULL && before->due.us > due.us) {
    before = TAILQ_PREV(before, fake_feeds, link);
  }
  if (before == NULL) {
    TAILQ_INSERT_HEAD(&fake->feeds, feed, link);
  } else {
    TAILQ_INSERT_AFTER(&fake->feeds, before, feed, link);
  }
}

static void fake_drop_feed(struct bc_lua_fake *fake, struct fake_feed *feed) {
  TAILQ_REMOVE(&fake->feeds, feed, link);
  free(feed->bytes);
  free(feed);
}

void bc_lua_fake_forget(struct bc_lua_fake *fake) {
  struct fake_feed *feed;
  while ((feed = TAILQ_FIRST(&fake->feeds)) != NULL) {
    fake_drop_feed(fake, feed);
  }
}

static bool ask_waits(const struct bc_lua_ask *ask) {
  return ask->is_answered && !ask->call->is_done && bc_mono_is_set(ask->due);
}

struct bc_mono bc_lua_fake_next(const struct bc_lua_fake *fake) {
  const struct fake_feed *feed = TAILQ_FIRST(&fake->feeds);
  struct bc_mono next = feed == NULL ? (struct bc_mono){0} : feed->due;
  const struct bc_lua_ask *ask;
  TAILQ_FOREACH(ask, &fake->asks, link) {
    next = ask_waits(ask) ? bc_mono_earlier(next, ask->due) : next;
  }
  return next;
}

static void ask_tell(struct bc_lua_ask *ask) {
  if (ask->code != BC_LUA_OK) {
    bc_lua_call_fail(ask->call, ask->code, "%s", ask->text);
    return;
  }
  if (ask->take != NULL) {
    ask->take(ask);
  }
  bc_lua_call_done(ask->call);
}

void bc_lua_fake_tell(struct bc_lua_fake *fake, struct bc_sandbox_run *run, struct bc_mono now) {
  struct bc_lua_ask *ask;
  struct fake_feed *feed;
  TAILQ_FOREACH(ask, &fake->asks, link) {
    if (ask_waits(ask) && bc_mono_reached(ask->due, now)) {
      ask_tell(ask);
    }
  }
  while ((feed = TAILQ_FIRST(&fake->feeds)) != NULL && bc_mono_reached(feed->due, now)) {
    bc_lua_conn_feed(run, feed->conn, (struct bc_str){feed->bytes, feed->len}, feed->end);
    fake_drop_feed(fake, feed);
  }
}
