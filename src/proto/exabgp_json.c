/* The JSON encoder of ExaBGP 4.2 and 5.0 (reactor/api/response/json.py). */
#include "proto/exabgp_internal.h"

#include <string.h>

static struct bc_str exabgp_json_text(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_string(value) ? (struct bc_str){.at = json_string_value(value), .len = json_string_length(value)}
                               : (struct bc_str){.at = "", .len = 0};
}

static bool exabgp_json_number(const json_t *object, const char *key, uint32_t *out) {
  const json_t *value = json_object_get(object, key);
  double number = json_number_value(value);
  if (!json_is_number(value) || !(number >= 0 && number <= UINT32_MAX) || number != (double)(uint32_t)number) {
    return false;
  }
  *out = (uint32_t)number;
  return true;
}

static size_t exabgp_json_utf8_len(const unsigned char *at, size_t left) {
  size_t len = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : at[0] >= 0xe0 && at[0] < 0xf0 ? 3 : 4;
  if (at[0] < 0x80) {
    return 1;
  }
  if (at[0] < 0xc2 || at[0] > 0xf4 || len > left) {
    return 0;
  }
  for (size_t i = 1; i < len; i++) {
    if ((at[i] & 0xc0) != 0x80) {
      return 0;
    }
  }
  bool is_wrong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
                  (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f);
  return is_wrong ? 0 : len;
}

/* ExaBGP pastes texts together: a peer's shutdown message comes with its own backslashes and bytes, an
 * AS that is `auto` comes as None. Such a line must not cost us a `down`. */
static void exabgp_json_repair(struct bc_buf *to, struct bc_str line) {
  bool in_string = false;
  bc_buf_clear(to);
  for (size_t i = 0; i < line.len;) {
    struct bc_str rest = {.at = line.at + i, .len = line.len - i};
    size_t len = exabgp_json_utf8_len((const unsigned char *)rest.at, rest.len);
    if (len != 1) {
      bc_buf_add(to, len == 0 ? "?" : rest.at, len == 0 ? 1 : len);
      i += len == 0 ? 1 : len;
    } else if (!in_string && bc_str_starts(rest, "None")) {
      bc_buf_add_text(to, "null");
      i += 4;
    } else if (in_string && rest.at[0] == '\\') {
      bool is_escape = rest.len > 1 && (rest.at[1] == '"' || rest.at[1] == '\\');
      bc_buf_add(to, is_escape ? rest.at : "\\\\", 2);
      i += is_escape ? 2 : 1;
    } else {
      in_string = rest.at[0] == '"' ? !in_string : in_string;
      bc_buf_add_char(to, (unsigned char)rest.at[0] < 0x20 ? '?' : rest.at[0]);
      i++;
    }
  }
}

static void exabgp_json_read_neighbor(const json_t *neighbor, struct bc_exabgp_neighbor *out) {
  const json_t *address = json_object_get(neighbor, "address");
  const json_t *asn = json_object_get(neighbor, "asn");
  out->peer = exabgp_json_text(address, "peer");
  out->local = exabgp_json_text(address, "local");
  out->router_id = exabgp_json_text(neighbor, "router-id");
  (void)exabgp_json_number(asn, "local", &out->local_as);
  (void)exabgp_json_number(asn, "peer", &out->peer_as);
}

static void exabgp_json_read_state(const json_t *neighbor, struct bc_exabgp_event *event) {
  struct bc_str word = exabgp_json_text(neighbor, "state");
  event->kind = BC_EXABGP_LINE_STATE;
  if (bc_str_is(word, "connected")) {
    event->state = BC_EXABGP_CONNECTED;
  } else if (bc_str_is(word, "up")) {
    event->state = BC_EXABGP_UP;
  } else if (bc_str_is(word, "down")) {
    event->state = BC_EXABGP_DOWN;
    event->reason = exabgp_json_text(neighbor, "reason");
  } else {
    event->kind = BC_EXABGP_LINE_OTHER;
  }
}

struct exabgp_json_report {
  struct bc_buf *text; /* for what has to be put together; nobody reads it after the call */
  const struct bc_exabgp_event *event;
  bc_exabgp_nlri_fn *fn;
  void *arg;
  bool is_withdraw;
};

/* A flow comes with its text, a VPLS as numbers. */
static struct bc_str exabgp_json_rule(const json_t *item, struct bc_buf *to) {
  static const char *const fields[] = {"endpoint", "base", "offset", "size"};
  if (json_object_get(item, fields[0]) == NULL) {
    return exabgp_json_text(item, "string");
  }
  bc_buf_clear(to);
  bc_buf_add_text(to, "rd ");
  bc_buf_add_str(to, exabgp_json_text(item, "rd"));
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    uint32_t number;
    if (!exabgp_json_number(item, fields[i], &number)) {
      return bc_str_of("");
    }
    bc_buf_add_format(to, " %s %u", fields[i], number);
  }
  return bc_buf_str(to);
}

static void exabgp_json_report_list(const struct exabgp_json_report *report, const char *family, json_t *list) {
  size_t index;
  json_t *item;
  json_array_foreach(list, index, item) {
    struct bc_exabgp_nlri nlri = {.family = bc_str_of(family), .rule = bc_str_of("")};
    if (json_is_string(item)) { /* exabgp.api.compact */
      nlri.prefix = (struct bc_str){.at = json_string_value(item), .len = json_string_length(item)};
      nlri.path_id = nlri.rd = bc_str_of("");
    } else {
      nlri.prefix = exabgp_json_text(item, "nlri");
      nlri.path_id = exabgp_json_text(item, "path-information");
      nlri.rd = exabgp_json_text(item, "rd");
      nlri.rule = exabgp_json_rule(item, report->text);
    }
    if (nlri.prefix.len > 0 || nlri.rule.len > 0) {
      report->fn(report->arg, report->event, report->is_withdraw, &nlri);
    }
  }
}

static void exabgp_json_read_update(struct bc_exabgp *codec, json_t *update, struct bc_exabgp_event *event,
                                    bc_exabgp_nlri_fn *fn, void *arg) {
  event->kind = BC_EXABGP_LINE_UPDATE;
  event->has_med = exabgp_json_number(json_object_get(update, "attribute"), "med", &event->med);
  if (fn == NULL) {
    return;
  }
  struct exabgp_json_report report = {
      .text = &codec->repaired, .event = event, .fn = fn, .arg = arg, .is_withdraw = true};
  const char *family;
  json_t *of_family;
  json_object_foreach(json_object_get(update, "withdraw"), family, of_family) {
    exabgp_json_report_list(&report, family, of_family);
  }
  report.is_withdraw = false;
  json_object_foreach(json_object_get(update, "announce"), family, of_family) {
    const char *next_hop;
    json_t *list;
    json_object_foreach(of_family, next_hop, list) {
      exabgp_json_report_list(&report, family, list);
    }
  }
}

/* The family of an EOR, "ipv4" and "unicast" in two texts: joined where it lives as long as the event. */
static struct bc_str exabgp_json_join_family(struct bc_exabgp *codec, const json_t *eor) {
  bc_buf_clear(&codec->repaired);
  bc_buf_add_str(&codec->repaired, exabgp_json_text(eor, "afi"));
  bc_buf_add_char(&codec->repaired, ' ');
  bc_buf_add_str(&codec->repaired, exabgp_json_text(eor, "safi"));
  return bc_buf_str(&codec->repaired);
}

void bc_exabgp_read_json(struct bc_exabgp *codec, struct bc_str line, struct bc_exabgp_event *event,
                         bc_exabgp_nlri_fn *fn, void *arg) {
  /* The number of an extended community may pass 2^63, which an integer of jansson refuses. */
  codec->root = json_loadb(line.at, line.len, JSON_DECODE_INT_AS_REAL, NULL);
  if (codec->root == NULL) {
    exabgp_json_repair(&codec->repaired, line);
    codec->root = json_loadb(codec->repaired.data, codec->repaired.len, JSON_DECODE_INT_AS_REAL, NULL);
  }
  if (bc_str_is(exabgp_json_text(codec->root, "application"), "exabgp")) {
    event->kind = BC_EXABGP_LINE_VERSION;
    event->text = exabgp_json_text(codec->root, "version");
    return;
  }
  struct bc_str type = exabgp_json_text(codec->root, "type");
  const json_t *neighbor = json_object_get(codec->root, "neighbor");
  exabgp_json_read_neighbor(neighbor, &event->neighbor);
  if (bc_str_is(type, "state")) {
    exabgp_json_read_state(neighbor, event);
  } else if (bc_str_is(type, "update") && bc_str_is(exabgp_json_text(neighbor, "direction"), "send")) {
    const json_t *message = json_object_get(neighbor, "message");
    const json_t *eor = json_object_get(message, "eor");
    if (eor != NULL) {
      event->kind = BC_EXABGP_LINE_EOR;
      event->family = exabgp_json_join_family(codec, eor);
    } else if (json_object_get(message, "update") != NULL) {
      exabgp_json_read_update(codec, json_object_get(message, "update"), event, fn, arg);
    }
  } else if (bc_str_is(type, "notification") && bc_str_is(exabgp_json_text(codec->root, "notification"), "shutdown")) {
    event->kind = BC_EXABGP_LINE_SHUTDOWN;
  }
}
