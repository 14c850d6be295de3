/* v2: own keys one by one. A time to live stands on the directories of our routes and neighbors and on the status; it
 * is refreshed without an event, so that nobody who watches is woken by it. */
#include "base/mem.h"
#include "io/etcd_writer.h"
#include "proto/etcd2_answer.h"
#include "proto/etcd2_request.h"

#include <stdlib.h>
#include <string.h>

enum { WRITE_PATH_BYTES = 65536, WRITE_FORM_BYTES = 4 * 1048576, WRITE_DIRS = 2, WRITE_HELD = WRITE_DIRS + 1 };

struct etcd2_writer {
  struct bc_etcd_publish *publish;
  /* What has a TTL: the directories of names->own_dirs, the status. Whether it is there, as far as we know. */
  bool held[WRITE_HELD];
  bool wrote;                /* anything at all */
  uint64_t left;             /* writes of this round */
  uint64_t revision;         /* of the deletion whose directory is looked at */
  struct bc_etcd_call *call; /* of the key in flight, of its directory, or of leaving */
  struct bc_etcd_call *refresh;
  size_t refreshed; /* what it, or the last deletion when leaving, is for */
  struct bc_timer *refresh_timer;
};

static void write_on_refresh_timer(void *arg);
static void write_key(struct etcd2_writer *writer);

static void *write_new(struct bc_etcd_publish *publish) {
  struct etcd2_writer *writer = bc_mem_new(1, sizeof *writer);
  writer->publish = publish;
  writer->refresh_timer = bc_timer_new(publish->loop, write_on_refresh_timer, writer);
  return writer;
}

static void write_cancel(void *arg) {
  struct etcd2_writer *writer = arg;
  bc_etcd_link_cancel(writer->call);
  writer->call = NULL;
  writer->left = 0;
}

static void write_free(void *arg) {
  struct etcd2_writer *writer = arg;
  write_cancel(writer);
  bc_etcd_link_cancel(writer->refresh);
  bc_timer_free(writer->refresh_timer);
  free(writer);
}

static const char *write_held_key(const struct etcd2_writer *writer, size_t which) {
  const struct bc_etcd_names *names = writer->publish->names;
  return which < WRITE_DIRS ? names->own_dirs[which] : names->own_status;
}

/* The directory, or the status, that ends the key with its TTL. */
static size_t write_holder_of(const struct etcd2_writer *writer, struct bc_str key) {
  for (size_t i = 0; i < WRITE_DIRS; i++) {
    if (bc_str_starts(key, write_held_key(writer, i))) {
      return i;
    }
  }
  return WRITE_DIRS;
}

/* `key` is relative; `query` may be "". */
static struct bc_etcd_call *write_request(const struct etcd2_writer *writer, const char *method, struct bc_str key,
                                          const char *query, const struct bc_etcd2_put *put, bc_etcd_reply_fn *fn,
                                          void *arg) {
  struct bc_buf whole;
  struct bc_buf path;
  struct bc_buf form;
  bc_buf_init(&whole, WRITE_PATH_BYTES);
  bc_buf_init(&path, WRITE_PATH_BYTES);
  bc_buf_init(&form, WRITE_FORM_BYTES);
  bc_buf_add_text(&whole, writer->publish->names->prefix);
  bc_buf_add_str(&whole, key);
  bc_etcd2_request_key(&path, bc_buf_str(&whole));
  bc_buf_add_text(&path, query);
  if (put != NULL) {
    bc_etcd2_request_put(&form, put);
  }
  struct bc_str body = put == NULL ? (struct bc_str){.at = NULL, .len = 0} : bc_buf_str(&form);
  struct bc_etcd_call *call = bc_etcd_link_keys(writer->publish->link, method, path.data, body, fn, arg);
  bc_buf_free(&whole);
  bc_buf_free(&path);
  bc_buf_free(&form);
  return call;
}

static uint64_t write_ttl_s(const struct etcd2_writer *writer) {
  return (uint64_t)writer->publish->tuning->lease_ttl_s;
}

static void write_await_refresh(struct etcd2_writer *writer, int64_t parts) {
  bc_timer_start(writer->refresh_timer, writer->publish->tuning->lease_ttl_s * 1000 / parts);
}

/* ---- one key ---- */

static struct bc_etcd_own *write_in_flight(const struct etcd2_writer *writer) {
  return TAILQ_FIRST(&writer->publish->in_flight);
}

static void write_finish(struct etcd2_writer *writer, uint64_t revision) {
  struct bc_etcd_publish *publish = writer->publish;
  publish->is_writing = false;
  publish->failures = 0;
  writer->left -= writer->left > 0 ? 1 : 0;
  bc_etcd_publish_confirm(publish, revision);
  if (writer->left > 0 && bc_etcd_publish_has_due(publish)) {
    bc_etcd_publish_pump(publish);
  } else {
    writer->left = 0;
    bc_etcd_publish_pause(publish, publish->tuning->txn_gap_ms);
  }
  bc_etcd_publish_tell(publish, NULL);
}

static void write_fail(struct etcd2_writer *writer, const struct bc_etcd_reply *reply) {
  struct bc_etcd_publish *publish = writer->publish;
  bool is_shape = reply->error.trouble == BC_ETCD_TROUBLE_SHAPE;
  publish->is_writing = false;
  writer->left = 0;
  if (!is_shape && reply->error.trouble != BC_ETCD_TROUBLE_TOO_LARGE) {
    bc_etcd_publish_put_back(publish);
    bc_etcd_publish_take_error(publish, reply);
    return;
  }
  /* A matter of this key alone; somebody may make room for it. */
  struct bc_fault text = {.column = 0};
  bc_fault_set(&text, 0, BC_STR_FMT ": %s", BC_STR_ARG(bc_etcd_own_key(write_in_flight(writer))),
               reply->error.fault.text);
  bc_etcd_publish_set_aside(publish, is_shape ? publish->tuning->pause_ms : 0);
  bc_etcd_publish_pause(publish, publish->tuning->txn_gap_ms);
  bc_etcd_publish_tell(publish, text.text);
}

static void write_on_put(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd2_writer *writer = arg;
  struct bc_etcd_reply bad = *reply;
  uint64_t revision = 0;
  writer->call = NULL;
  if (bad.err == BC_ERR_OK) {
    bad.err = bc_etcd2_answer_write(reply->body, &revision, &bad.error.fault);
  }
  if (bad.err != BC_ERR_OK) {
    write_fail(writer, &bad);
    return;
  }
  size_t holder = write_holder_of(writer, bc_etcd_own_key(write_in_flight(writer)));
  writer->held[holder] = true;
  writer->wrote = true;
  if (!bc_timer_is_armed(writer->refresh_timer) && writer->refresh == NULL) {
    write_await_refresh(writer, 3);
  }
  write_finish(writer, revision);
}

static void write_on_pruned(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd2_writer *writer = arg;
  (void)reply; /* it is not empty, or gone: both are fine */
  writer->call = NULL;
  write_finish(writer, writer->revision);
}

static void write_on_deleted(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd2_writer *writer = arg;
  struct bc_etcd_reply bad = *reply;
  writer->call = NULL;
  writer->revision = reply->header.revision;
  if (bad.err == BC_ERR_OK) {
    bad.err = bc_etcd2_answer_write(reply->body, &writer->revision, &bad.error.fault);
  } else if (bad.err == BC_ERR_REFUSED && bad.error.trouble == BC_ETCD_TROUBLE_NOT_FOUND) {
    bad.err = BC_ERR_OK;
  }
  if (bad.err != BC_ERR_OK) {
    write_fail(writer, &bad);
    return;
  }
  /* Directories stay when their last key goes: take "routes/NAME" along, but not "routes". */
  struct bc_str key = bc_etcd_own_key(write_in_flight(writer));
  size_t holder = write_holder_of(writer, key);
  const char *slash = memrchr(key.at, '/', key.len);
  struct bc_str parent = {.at = key.at, .len = slash == NULL ? 0 : (size_t)(slash - key.at)};
  if (holder == WRITE_DIRS || parent.len <= strlen(write_held_key(writer, holder))) {
    write_finish(writer, writer->revision);
    return;
  }
  writer->call = write_request(writer, "DELETE", parent, "?dir=true", NULL, write_on_pruned, writer);
}

static void write_on_directory(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd2_writer *writer = arg;
  writer->call = NULL;
  if (reply->err != BC_ERR_OK) {
    write_fail(writer, reply);
    return;
  }
  writer->held[write_holder_of(writer, bc_etcd_own_key(write_in_flight(writer)))] = true;
  write_key(writer);
}

/* Ours of before is taken over; else it is made. */
static void write_on_directory_refreshed(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd2_writer *writer = arg;
  if (reply->err != BC_ERR_REFUSED || reply->error.trouble != BC_ETCD_TROUBLE_NOT_FOUND) {
    write_on_directory(writer, reply);
    return;
  }
  const char *directory = write_held_key(writer, write_holder_of(writer, bc_etcd_own_key(write_in_flight(writer))));
  struct bc_etcd2_put put = {.is_directory = true, .ttl_s = write_ttl_s(writer)};
  writer->call = write_request(writer, "PUT", bc_str_of(directory), "", &put, write_on_directory, writer);
}

static void write_key(struct etcd2_writer *writer) {
  const struct bc_etcd_own *own = write_in_flight(writer);
  size_t holder = write_holder_of(writer, bc_etcd_own_key(own));
  if (own->want == NULL) {
    writer->call = write_request(writer, "DELETE", bc_etcd_own_key(own), "", NULL, write_on_deleted, writer);
  } else if (holder < WRITE_DIRS && !writer->held[holder]) {
    /* A key written first would make the directory, without a TTL. */
    struct bc_etcd2_put put = {.is_directory = true, .only_refresh = true, .ttl_s = write_ttl_s(writer)};
    writer->call = write_request(writer, "PUT", bc_str_of(write_held_key(writer, holder)), "", &put,
                                 write_on_directory_refreshed, writer);
  } else {
    struct bc_etcd2_put put = {.value = bc_str_of(own->want), .ttl_s = holder == WRITE_DIRS ? write_ttl_s(writer) : 0};
    writer->call = write_request(writer, "PUT", bc_etcd_own_key(own), "", &put, write_on_put, writer);
  }
}

static void write_write(void *arg) {
  struct etcd2_writer *writer = arg;
  if (bc_etcd_publish_take_due(writer->publish) == NULL) {
    return;
  }
  writer->left = writer->left == 0 ? writer->publish->tuning->txn_ops : writer->left;
  writer->publish->is_writing = true;
  write_key(writer);
}

/* ---- time to live ---- */

static void write_turn(void *arg, bool on) {
  struct etcd2_writer *writer = arg;
  bc_timer_stop(writer->refresh_timer);
  bc_etcd_link_cancel(writer->refresh);
  writer->refresh = NULL;
  if (on && writer->wrote) {
    bc_timer_start(writer->refresh_timer, 0);
  }
}

/* What is not there any more is made again before anything is put into it. */
static void write_lose(void *arg) {
  struct etcd2_writer *writer = arg;
  for (size_t i = 0; i < WRITE_HELD; i++) {
    writer->held[i] = false;
  }
}

static void write_move(void *arg) {
  struct etcd2_writer *writer = arg;
  write_lose(writer);
  bc_etcd_publish_write_all(writer->publish);
}

static void write_refresh(struct etcd2_writer *writer);

static void write_on_refresh(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd2_writer *writer = arg;
  writer->refresh = NULL;
  if (reply->err == BC_ERR_REFUSED && reply->error.trouble == BC_ETCD_TROUBLE_NOT_FOUND) {
    write_move(writer);
    write_await_refresh(writer, 3);
  } else if (reply->err != BC_ERR_OK) {
    write_await_refresh(writer, 12);
  } else {
    writer->refreshed++;
    write_refresh(writer);
  }
}

/* From `refreshed` on, one after the other. */
static void write_refresh(struct etcd2_writer *writer) {
  while (writer->refreshed < WRITE_HELD && !writer->held[writer->refreshed]) {
    writer->refreshed++;
  }
  if (writer->refreshed == WRITE_HELD) {
    write_await_refresh(writer, 3);
    return;
  }
  struct bc_etcd2_put put = {
      .is_directory = writer->refreshed < WRITE_DIRS, .only_refresh = true, .ttl_s = write_ttl_s(writer)};
  writer->refresh = write_request(writer, "PUT", bc_str_of(write_held_key(writer, writer->refreshed)), "", &put,
                                  write_on_refresh, writer);
}

static void write_on_refresh_timer(void *arg) {
  struct etcd2_writer *writer = arg;
  if (writer->publish->enabled && writer->refresh == NULL) {
    writer->refreshed = 0;
    write_refresh(writer);
  }
}

static bool write_is_right(const void *arg, const struct bc_etcd_own *own, const struct bc_etcd_kv *kv) {
  (void)arg;
  return bc_str_equal(kv->value, bc_str_of(own->want));
}

/* ---- leaving ---- */

static void write_take_back(struct etcd2_writer *writer);

static void write_on_taken_back(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd2_writer *writer = arg;
  (void)reply; /* gone or not, we leave */
  writer->call = NULL;
  writer->refreshed++;
  write_take_back(writer);
}

static void write_take_back(struct etcd2_writer *writer) {
  if (writer->refreshed == WRITE_HELD) {
    bc_etcd_publish_end_leave(writer->publish);
    return;
  }
  const char *query = writer->refreshed < WRITE_DIRS ? "?recursive=true" : "";
  writer->call = write_request(writer, "DELETE", bc_str_of(write_held_key(writer, writer->refreshed)), query, NULL,
                               write_on_taken_back, writer);
}

static bool write_leave(void *arg) {
  struct etcd2_writer *writer = arg;
  if (!writer->wrote || !writer->publish->enabled) {
    return false;
  }
  writer->refreshed = 0;
  write_take_back(writer);
  return true;
}

const struct bc_etcd_writer bc_etcd2_writer = {.new_writer = write_new,
                                               .free_writer = write_free,
                                               .write = write_write,
                                               .cancel = write_cancel,
                                               .turn = write_turn,
                                               .move = write_move,
                                               .lose = write_lose,
                                               .is_right = write_is_right,
                                               .leave = write_leave};
