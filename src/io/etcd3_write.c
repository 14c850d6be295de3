/* v3: own keys under one lease, many in one transaction. */
#include "base/limits.h"
#include "base/mem.h"
#include "io/etcd_writer.h"
#include "proto/etcd_request.h"

#include <stdlib.h>

/* A transaction stays well below the server's 1.5 MB. */
enum { WRITE_TXN_BYTES = 524288, WRITE_BODY_BYTES = 4 * 1048576 };

struct etcd3_writer {
  struct bc_etcd_publish *publish;
  uint64_t lease; /* 0: none */
  int64_t lease_ttl_ms;
  struct bc_etcd_call *call; /* a transaction or a grant */
  struct bc_etcd_call *keepalive;
  struct bc_timer *keepalive_timer;
  struct bc_etcd_call *revoke; /* of the lease, when leaving */
  uint64_t txn_ops;
};

static void write_on_keepalive_timer(void *arg);

static void *write_new(struct bc_etcd_publish *publish) {
  struct etcd3_writer *writer = bc_mem_new(1, sizeof *writer);
  writer->publish = publish;
  writer->txn_ops = publish->tuning->txn_ops;
  writer->keepalive_timer = bc_timer_new(publish->loop, write_on_keepalive_timer, writer);
  return writer;
}

static void write_free(void *arg) {
  struct etcd3_writer *writer = arg;
  bc_etcd_link_cancel(writer->call);
  bc_etcd_link_cancel(writer->keepalive);
  bc_etcd_link_cancel(writer->revoke);
  bc_timer_free(writer->keepalive_timer);
  free(writer);
}

static void write_cancel(void *arg) {
  struct etcd3_writer *writer = arg;
  bc_etcd_link_cancel(writer->call);
  writer->call = NULL;
}

static void write_turn(void *arg, bool on) {
  struct etcd3_writer *writer = arg;
  if (!on) {
    bc_etcd_link_cancel(writer->keepalive);
    writer->keepalive = NULL;
    bc_timer_stop(writer->keepalive_timer);
  } else if (writer->lease != 0) {
    bc_timer_start(writer->keepalive_timer, 0);
  }
}

static void write_lose_lease(void *arg) {
  struct etcd3_writer *writer = arg;
  writer->lease = 0;
  write_turn(writer, false);
  bc_etcd_publish_write_all(writer->publish);
}

/* The request is over. */
static void write_begin_reply(struct etcd3_writer *writer) {
  writer->call = NULL;
  writer->publish->is_writing = false;
}

static void write_take_too_large(struct etcd3_writer *writer, const struct bc_etcd_reply *reply, bool is_alone) {
  struct bc_etcd_publish *publish = writer->publish;
  struct bc_fault text = {.column = 0};
  bc_etcd_publish_pause(publish, publish->tuning->txn_gap_ms);
  if (!is_alone) {
    writer->txn_ops = writer->txn_ops > 1 ? writer->txn_ops / 2 : 1;
    bc_etcd_publish_put_back(publish);
    return;
  }
  /* Alone too large: left out until it changes. */
  bc_etcd_publish_set_aside(publish, 0);
  bc_etcd_reply_explain(reply, &text);
  bc_etcd_publish_tell(publish, text.text);
}

static void write_take_error(struct etcd3_writer *writer, const struct bc_etcd_reply *reply) {
  struct bc_etcd_publish *publish = writer->publish;
  const struct bc_etcd_own *first = TAILQ_FIRST(&publish->in_flight);
  if (reply->error.trouble == BC_ETCD_TROUBLE_TOO_LARGE) {
    write_take_too_large(writer, reply, first != NULL && TAILQ_NEXT(first, queue) == NULL);
    return;
  }
  bc_etcd_publish_put_back(publish);
  if (reply->error.trouble == BC_ETCD_TROUBLE_LEASE_GONE) {
    write_lose_lease(writer);
  } else {
    bc_etcd_publish_take_error(publish, reply);
  }
}

static void write_on_txn(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd3_writer *writer = arg;
  struct bc_etcd_publish *publish = writer->publish;
  struct bc_etcd_header header = {.revision = 0};
  struct bc_etcd_reply bad = *reply;
  write_begin_reply(writer);
  if (bad.err == BC_ERR_OK) {
    bad.err = bc_etcd_answer_write(reply->body, &header, &bad.error.fault);
  }
  if (bad.err != BC_ERR_OK) {
    write_take_error(writer, &bad);
    return;
  }
  publish->failures = 0;
  writer->txn_ops += writer->txn_ops < publish->tuning->txn_ops ? 1 : 0;
  bc_etcd_publish_confirm(publish, header.revision);
  bc_etcd_publish_pause(publish, publish->tuning->txn_gap_ms);
  bc_etcd_publish_tell(publish, NULL);
}

static void write_on_grant(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd3_writer *writer = arg;
  struct bc_etcd_lease_answer answer;
  struct bc_etcd_reply bad = *reply;
  write_begin_reply(writer);
  if (bad.err == BC_ERR_OK) {
    bad.err = bc_etcd_answer_lease(reply->body, &answer, &bad.error.fault);
  }
  if (bad.err != BC_ERR_OK) {
    write_take_error(writer, &bad);
    return;
  }
  writer->lease = answer.lease;
  writer->lease_ttl_ms = (int64_t)(answer.ttl_s == 0 || answer.ttl_s > 86400 ? 60 : answer.ttl_s) * 1000;
  bc_timer_start(writer->keepalive_timer, writer->lease_ttl_ms / 3);
  bc_etcd_publish_pump(writer->publish);
}

static void write_grant(struct etcd3_writer *writer) {
  struct bc_buf body;
  bc_buf_init(&body, 256);
  bc_etcd_request_lease_grant(&body, (unsigned)writer->publish->tuning->lease_ttl_s);
  writer->publish->is_writing = true;
  writer->call = bc_etcd_link_call(writer->publish->link, "/lease/grant", bc_buf_str(&body), write_on_grant, writer);
  bc_buf_free(&body);
}

static void write_add_op(const struct etcd3_writer *writer, const struct bc_etcd_own *own, struct bc_buf *body) {
  struct bc_buf key;
  bc_buf_init(&key, (size_t)4 * BC_LIMIT_KEY_BYTES);
  bc_buf_add_text(&key, writer->publish->names->prefix);
  bc_buf_add_str(&key, bc_etcd_own_key(own));
  if (own->want == NULL) {
    bc_etcd_request_txn_delete(body, bc_buf_str(&key));
  } else {
    bc_etcd_request_txn_put(body, bc_buf_str(&key), bc_str_of(own->want), writer->lease);
  }
  bc_buf_free(&key);
}

static void write_txn(struct etcd3_writer *writer) {
  struct bc_etcd_publish *publish = writer->publish;
  struct bc_buf body;
  bc_buf_init(&body, WRITE_BODY_BYTES);
  bc_etcd_request_txn_begin(&body);
  uint64_t ops = 0;
  const struct bc_etcd_own *own;
  while (ops < writer->txn_ops && body.len < WRITE_TXN_BYTES && (own = bc_etcd_publish_take_due(publish)) != NULL) {
    write_add_op(writer, own, &body);
    ops++;
  }
  bc_etcd_request_txn_end(&body);
  if (ops > 0) {
    publish->is_writing = true;
    writer->call = bc_etcd_link_call(publish->link, "/kv/txn", bc_buf_str(&body), write_on_txn, writer);
  }
  bc_buf_free(&body);
}

static void write_write(void *arg) {
  struct etcd3_writer *writer = arg;
  if (writer->lease == 0) {
    write_grant(writer);
  } else {
    write_txn(writer);
  }
}

static void write_on_keepalive(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd3_writer *writer = arg;
  struct bc_etcd_lease_answer answer;
  writer->keepalive = NULL;
  bool answered = reply->err == BC_ERR_OK && bc_etcd_answer_lease(reply->body, &answer, NULL) == BC_ERR_OK;
  if (answered && answer.ttl_s == 0) {
    write_lose_lease(writer);
  } else {
    bc_timer_start(writer->keepalive_timer, writer->lease_ttl_ms / (answered ? 3 : 12));
  }
}

static void write_on_keepalive_timer(void *arg) {
  struct etcd3_writer *writer = arg;
  if (writer->lease == 0 || !writer->publish->enabled || writer->keepalive != NULL) {
    return;
  }
  struct bc_buf body;
  bc_buf_init(&body, 256);
  bc_etcd_request_lease(&body, writer->lease);
  writer->keepalive =
      bc_etcd_link_call(writer->publish->link, "/lease/keepalive", bc_buf_str(&body), write_on_keepalive, writer);
  bc_buf_free(&body);
}

static bool write_is_right(const void *arg, const struct bc_etcd_own *own, const struct bc_etcd_kv *kv) {
  const struct etcd3_writer *writer = arg;
  return kv->lease == writer->lease && bc_str_equal(kv->value, bc_str_of(own->want));
}

static void write_on_revoke(void *arg, const struct bc_etcd_reply *reply) {
  struct etcd3_writer *writer = arg;
  (void)reply; /* revoked or not, we leave */
  writer->revoke = NULL;
  bc_etcd_publish_end_leave(writer->publish);
}

static bool write_leave(void *arg) {
  struct etcd3_writer *writer = arg;
  if (writer->lease == 0) {
    return false;
  }
  struct bc_buf body;
  bc_buf_init(&body, 256);
  bc_etcd_request_lease(&body, writer->lease);
  writer->revoke =
      bc_etcd_link_call(writer->publish->link, "/lease/revoke", bc_buf_str(&body), write_on_revoke, writer);
  bc_buf_free(&body);
  return true;
}

const struct bc_etcd_writer bc_etcd3_writer = {.new_writer = write_new,
                                               .free_writer = write_free,
                                               .write = write_write,
                                               .cancel = write_cancel,
                                               .turn = write_turn,
                                               .move = write_lose_lease,
                                               .is_right = write_is_right,
                                               .leave = write_leave};
