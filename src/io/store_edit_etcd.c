/* The way to etcd for edits, by both of its APIs. */
#include "io/store_edit_private.h"

#include <string.h>

enum { ETCD_CALL_LEAST_MS = 1000 };

enum bc_err bc_store_edit_etcd_open(struct bc_store_edit *edit, enum bc_store_type type, struct bc_fault *fault) {
  bc_etcd_link_close(edit->link);
  edit->link = NULL;
  enum bc_err err =
      bc_etcd_link_open(edit->loop, type, &edit->options, &edit->tuning, &edit->random, &edit->link, fault);
  if (err == BC_ERR_OK) {
    /* So that the members behind one that hangs get their turn in time. */
    int64_t share = edit->timeout_ms / (int64_t)(bc_etcd_link_count(edit->link) + 1);
    share = share < ETCD_CALL_LEAST_MS ? ETCD_CALL_LEAST_MS : share;
    edit->tuning.unary_ms = share < edit->tuning.unary_ms ? share : edit->tuning.unary_ms;
    edit->tuning.created_ms = share < edit->tuning.created_ms ? share : edit->tuning.created_ms;
  }
  return err;
}

/* Of each member that failed in a row, so that nobody takes the last one for the only one. */
static void etcd_add_trouble(const struct bc_store_edit *edit, const char *words, struct bc_fault *text) {
  const char *endpoint = bc_etcd_link_endpoint(edit->link);
  if (edit->failures > 0 && edit->trouble.text[0] != '\0' && strstr(edit->trouble.text, endpoint) == NULL) {
    bc_fault_set(text, 0, "%s; %s: %s", edit->trouble.text, endpoint, words);
  } else if (edit->failures == 0 || edit->trouble.text[0] == '\0') {
    bc_fault_set(text, 0, "%s: %s", endpoint, words);
  } else {
    *text = edit->trouble;
  }
}

bool bc_store_edit_etcd_goes_on(struct bc_store_edit *edit, const struct bc_etcd_reply *reply, enum bc_err *err,
                                struct bc_fault *text) {
  struct bc_fault words = {.column = 0};
  bc_etcd_reply_explain(reply, &words);
  bool is_final = bc_etcd_reply_is_refusal(reply) || reply->err == BC_ERR_LIMIT ||
                  (reply->err == BC_ERR_REFUSED && (reply->error.trouble == BC_ETCD_TROUBLE_NO_SPACE ||
                                                    reply->error.trouble == BC_ETCD_TROUBLE_TOO_LARGE ||
                                                    reply->error.trouble == BC_ETCD_TROUBLE_AUTH_OFF));
  if (is_final) {
    bc_fault_set(text, 0, "%s: %s", bc_etcd_link_endpoint(edit->link), words.text);
  } else {
    etcd_add_trouble(edit, words.text, text);
  }
  edit->trouble = *text;
  edit->failures++;
  if (is_final) {
    *err =
        reply->err == BC_ERR_LIMIT || reply->error.trouble == BC_ETCD_TROUBLE_TOO_LARGE ? BC_ERR_LIMIT : BC_ERR_REFUSED;
    return false;
  }
  *err = reply->err == BC_ERR_TIMEOUT ? BC_ERR_TIMEOUT : BC_ERR_IO;
  bc_etcd_link_next(edit->link);
  return edit->failures < bc_etcd_link_count(edit->link) || reply->err == BC_ERR_TIMEOUT;
}
