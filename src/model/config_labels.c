/* node/ME/labels: what the policies may know of the node. */
#include "model/config_private.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdlib.h>

/* Less than what a script can have as JSON: the labels are a part of that. */
enum { LABELS_DEPTH = BC_LIMIT_LUA_JSON_DEPTH - 4 };

/* Takes `text` over; NULL: none. */
static void labels_hold(struct bc_config *config, char *text) {
  bool is_same = bc_str_equal(bc_str_of(config->labels), bc_str_of(text));
  config->labels_changed = config->labels_changed || !is_same;
  free(config->labels);
  config->labels = text;
}

/* NULL and a fault: it is none. */
static char *labels_read(struct bc_str value, struct bc_fault *fault) {
  if (value.len > BC_LIMIT_LABELS_BYTES) {
    bc_fault_set(fault, 0, "expected at most %d bytes, found %zu", BC_LIMIT_LABELS_BYTES, value.len);
    return NULL;
  }
  json_error_t error;
  json_t *root = json_loadb(value.at, value.len, JSON_REJECT_DUPLICATES, &error);
  char *text = NULL;
  if (root == NULL) {
    bc_fault_set(fault, 0, "not JSON: line %d: %s", error.line < 1 ? 1 : error.line, error.text);
  } else if (!json_is_object(root)) {
    bc_fault_set(fault, 0, "expected a JSON object like {\"site\": \"ams\"}, found an array");
  } else if (bc_config_json_depth(value) > LABELS_DEPTH) {
    bc_fault_set(fault, 0, "expected at most %d tables within tables", LABELS_DEPTH);
  } else {
    text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
  }
  json_decref(root);
  return text;
}

static void labels_set_fault(struct bc_config *config, const char *why) {
  bc_config_node_fault_set(config, &config->labels_fault,
                           why == NULL ? NULL : bc_config_text("node/%s/labels: %s", config->node, why));
}

void bc_config_labels_put(struct bc_config *config, struct bc_config_content content) {
  struct bc_fault fault = {0};
  config->labels_seen = true;
  if (content.unreadable != NULL) {
    bc_fault_set(&fault, 0, "%s", content.unreadable);
    labels_set_fault(config, fault.text);
    return;
  }
  char *text = labels_read(bc_str_trim(content.value), &fault);
  labels_set_fault(config, text == NULL ? fault.text : NULL);
  if (text != NULL) {
    labels_hold(config, text);
  }
}

void bc_config_labels_delete(struct bc_config *config) {
  labels_set_fault(config, NULL);
  labels_hold(config, NULL);
}

const char *bc_config_labels(const struct bc_config *config) {
  return config->labels == NULL ? "{}" : config->labels;
}

bool bc_config_take_labels_changed(struct bc_config *config) {
  bool is_changed = config->labels_changed;
  config->labels_changed = false;
  return is_changed;
}
