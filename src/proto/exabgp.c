/* Dispatch, and the lines that are plain text (reactor/api/response/text.py, command/rib.py,
 * command/neighbor.py). */
#include "proto/exabgp.h"

#include "base/limits.h"
#include "base/mem.h"
#include "proto/exabgp_internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

BC_ENUM_TEXT_FUNCTION(bc_exabgp_state_text, enum bc_exabgp_state, BC_EXABGP_STATE_LIST, "unknown")

struct bc_exabgp *bc_exabgp_new(void) {
  struct bc_exabgp *codec = bc_mem_new(1, sizeof *codec);
  bc_buf_init(&codec->repaired, 2 * (size_t)BC_LIMIT_EXABGP_LINE_BYTES);
  return codec;
}

void bc_exabgp_free(struct bc_exabgp *codec) {
  if (codec != NULL) {
    json_decref(codec->root);
    bc_buf_free(&codec->repaired);
    free(codec);
  }
}

void bc_exabgp_copy(char *to, size_t size, struct bc_str from) {
  size_t len = from.len < size ? from.len : size - 1;
  if (len > 0) {
    memcpy(to, from.at, len);
  }
  to[len] = '\0';
}

bool bc_exabgp_is_address(struct bc_str text) {
  char copy[INET6_ADDRSTRLEN];
  unsigned char address[16];
  if (text.len == 0 || text.len >= sizeof copy) {
    return false;
  }
  bc_exabgp_copy(copy, sizeof copy, text);
  return inet_pton(AF_INET, copy, address) == 1 || inet_pton(AF_INET6, copy, address) == 1;
}

uint32_t bc_exabgp_number(struct bc_str text) {
  uint64_t number = 0;
  return bc_str_to_u64(text, UINT32_MAX, &number) == BC_ERR_OK ? (uint32_t)number : 0;
}

/* The name by which ExaBGP calls a neighbor: "neighbor 10.0.0.2 local-ip 10.0.0.1 local-as 1 …"; 4.2 shortens it
 * to its first two words, 5.0 to the address. Takes it from *rest; false when there is none. */
static bool exabgp_read_name(struct bc_str *rest, struct bc_exabgp_neighbor *out) {
  struct bc_str word = bc_str_next_word(rest);
  if (bc_str_is(word, "neighbor")) {
    word = bc_str_next_word(rest);
  }
  if (!bc_exabgp_is_address(word)) {
    return false;
  }
  out->peer = word;
  for (;;) {
    struct bc_str after = *rest;
    struct bc_str key = bc_str_next_word(&after);
    struct bc_str value = bc_str_next_word(&after);
    if (bc_str_is(key, "local-ip")) {
      out->local = value;
    } else if (bc_str_is(key, "local-as")) {
      out->local_as = bc_exabgp_number(value);
    } else if (bc_str_is(key, "peer-as")) {
      out->peer_as = bc_exabgp_number(value);
    } else if (bc_str_is(key, "router-id")) {
      out->router_id = value;
    } else if (!bc_str_is(key, "family-allowed")) {
      return true;
    }
    *rest = after;
  }
}

/* From the first byte of `first` to the last of `last`, two slices of one line. */
static struct bc_str exabgp_join(struct bc_str first, struct bc_str last) {
  return (struct bc_str){.at = first.at, .len = (size_t)(last.at + last.len - first.at)};
}

static void exabgp_read_standing(struct bc_str rest, struct bc_exabgp_event *event) {
  static const char *const afis[] = {"ipv4", "ipv6", "l2vpn", "bgp-ls"};
  struct bc_str afi = bc_str_next_word(&rest);
  struct bc_str safi = bc_str_next_word(&rest);
  bool is_known = false;
  for (size_t i = 0; i < sizeof afis / sizeof afis[0]; i++) {
    is_known = is_known || bc_str_is(afi, afis[i]);
  }
  rest = bc_str_trim(rest);
  if (is_known && rest.len > 0) {
    event->kind = BC_EXABGP_LINE_STANDING;
    event->family = exabgp_join(afi, safi);
    event->text = rest;
  }
}

/* "65001     0:00:03 established           3          2"; the time may be `1 day, 0:00:03` or `down`. */
static void exabgp_read_summary_row(struct bc_str rest, struct bc_exabgp_event *event) {
  struct bc_str word, last[3] = {0};
  struct bc_str peer_as = bc_str_next_word(&rest);
  unsigned count = 0;
  while ((word = bc_str_next_word(&rest)).len > 0) {
    last[0] = last[1];
    last[1] = last[2];
    last[2] = word;
    count++;
  }
  uint64_t number;
  bool is_row = count >= 4 && bc_str_to_u64(last[1], UINT64_MAX, &number) == BC_ERR_OK &&
                bc_str_to_u64(last[2], UINT64_MAX, &number) == BC_ERR_OK;
  if (is_row && (bc_exabgp_number(peer_as) > 0 || bc_str_is(peer_as, "n/a") || bc_str_is(peer_as, "auto"))) {
    event->kind = BC_EXABGP_LINE_SUMMARY_ROW;
    event->neighbor.peer_as = bc_exabgp_number(peer_as);
    event->text = last[0];
  }
}

static bool exabgp_is_ipv4_multicast(struct bc_str prefix) {
  struct bc_str rest = prefix, first;
  uint32_t number = bc_str_next_field(&rest, '.', &first) && rest.at != NULL ? bc_exabgp_number(first) : 0;
  return number >= 224 && number <= 239;
}

/* "10.0.0.0/24 label 42 next-hop 10.99.0.1 rd 65000:1 origin igp as-path [ 65000 ] med 7": the text
 * encoder does not tell the family, the words do. */
static void exabgp_read_text_nlri(struct bc_str rest, bool is_withdraw, struct bc_exabgp_event *event,
                                  bc_exabgp_nlri_fn *fn, void *arg) {
  struct bc_str prefix = bc_str_next_word(&rest), length = prefix, address, word;
  const struct bc_str none = bc_str_of("");
  struct bc_exabgp_nlri nlri = {.prefix = prefix, .rule = none, .path_id = none, .rd = none};
  bool has_label = false;
  event->kind = BC_EXABGP_LINE_UPDATE;
  while ((word = bc_str_next_word(&rest)).len > 0) {
    struct bc_str after = rest;
    struct bc_str value = bc_str_next_word(&after);
    if (bc_str_is(word, "path-information")) {
      nlri.path_id = value;
    } else if (bc_str_is(word, "rd")) {
      nlri.rd = value;
    } else if (bc_str_is(word, "label")) {
      has_label = true;
    } else if (bc_str_is(word, "med")) {
      event->med = bc_exabgp_number(value);
      event->has_med = true;
    }
  }
  if (fn == NULL || !bc_str_next_field(&length, '/', &address) || !bc_exabgp_is_address(address)) {
    return;
  }
  bool is_ipv6 = memchr(address.at, ':', address.len) != NULL;
  const char *safi = nlri.rd.len > 0 ? "mpls-vpn" : has_label ? "nlri-mpls" : "unicast";
  if (!is_ipv6 && nlri.rd.len == 0 && !has_label && exabgp_is_ipv4_multicast(address)) {
    safi = "multicast";
  }
  char family[24] = "";
  bc_exabgp_copy(family, sizeof family, bc_str_of(is_ipv6 ? "ipv6 " : "ipv4 "));
  bc_exabgp_copy(family + 5, sizeof family - 5, bc_str_of(safi));
  nlri.family = bc_str_of(family);
  fn(arg, event, is_withdraw, &nlri);
}

/* "flow source-ipv4 10.9.0.0/24 protocol =tcp origin igp …", "vpls rd 65000:1 endpoint 5 base 10 …": the family of a
 * flow shows in the names of what it matches, and those that are in both are IPv4's, as ExaBGP takes them. */
static void exabgp_read_text_rule(struct bc_str text, bool is_withdraw, struct bc_exabgp_event *event,
                                  bc_exabgp_nlri_fn *fn, void *arg) {
  static const char *const ipv6_words[] = {"source-ipv6", "destination-ipv6", "next-header", "traffic-class",
                                           "flow-label"};
  const struct bc_str none = bc_str_of("");
  struct bc_exabgp_nlri nlri = {.prefix = none, .rule = text, .path_id = none, .rd = none};
  struct bc_str rest = text, word;
  bool is_ipv6 = false, has_rd = false;
  event->kind = BC_EXABGP_LINE_UPDATE;
  while ((word = bc_str_next_word(&rest)).len > 0) {
    for (size_t i = 0; i < sizeof ipv6_words / sizeof ipv6_words[0]; i++) {
      is_ipv6 = is_ipv6 || bc_str_is(word, ipv6_words[i]);
    }
    has_rd = has_rd || bc_str_is(word, "rd");
    if (bc_str_is(word, "origin")) { /* the first attribute of every UPDATE that announces */
      nlri.rule = bc_str_trim((struct bc_str){.at = text.at, .len = (size_t)(word.at - text.at)});
    }
    if (bc_str_is(word, "med")) {
      event->med = bc_exabgp_number(bc_str_next_word(&rest));
      event->has_med = true;
    }
  }
  const char *family = bc_str_starts(text, "vpls ") ? "l2vpn vpls"
                       : is_ipv6                    ? (has_rd ? "ipv6 flow-vpn" : "ipv6 flow")
                                                    : (has_rd ? "ipv4 flow-vpn" : "ipv4 flow");
  nlri.family = bc_str_of(family);
  if (fn != NULL) {
    fn(arg, event, is_withdraw, &nlri);
  }
}

/* What follows "neighbor 10.0.0.2 send update". */
static void exabgp_read_text_update(struct bc_str rest, struct bc_exabgp_event *event, bc_exabgp_nlri_fn *fn,
                                    void *arg) {
  struct bc_str from = bc_str_trim(rest);
  struct bc_str word = bc_str_next_word(&rest);
  bool is_withdrawn = bc_str_is(word, "withdrawn");
  struct bc_str text = bc_str_is(word, "flow") ? from : bc_str_trim(rest);
  if (bc_str_starts(text, "flow ") || bc_str_starts(text, "vpls ")) {
    exabgp_read_text_rule(text, is_withdrawn, event, fn, arg); /* a flow without next hop has no `announced` */
    return;
  }
  if (is_withdrawn || bc_str_is(word, "announced")) {
    exabgp_read_text_nlri(rest, is_withdrawn, event, fn, arg);
    return;
  }
  struct bc_str eor = bc_str_next_word(&rest), family = bc_str_trim(rest);
  const char *open = family.len == 0 ? NULL : memchr(family.at, '(', family.len);
  if (bc_str_is(word, "route") && bc_str_is(eor, "eor") && open != NULL && family.at[family.len - 1] == ')') {
    event->kind = BC_EXABGP_LINE_EOR; /* "route eor 1/1 (ipv4 unicast)" */
    event->family = (struct bc_str){.at = open + 1, .len = (size_t)(family.at + family.len - open) - 2};
  }
}

/* True when the line is one of `encoder text`. */
static bool exabgp_read_text_encoder(struct bc_str rest, struct bc_exabgp_event *event, bc_exabgp_nlri_fn *fn,
                                     void *arg) {
  struct bc_str word = bc_str_next_word(&rest);
  struct bc_str after = bc_str_trim(rest);
  bool is_down = bc_str_is(word, "down") && bc_str_starts(after, "-");
  if (is_down || (after.len == 0 && (bc_str_is(word, "up") || bc_str_is(word, "connected")))) {
    event->kind = BC_EXABGP_LINE_STATE;
    event->state = is_down ? BC_EXABGP_DOWN : bc_str_is(word, "up") ? BC_EXABGP_UP : BC_EXABGP_CONNECTED;
    event->reason = is_down ? bc_str_trim((struct bc_str){.at = after.at + 1, .len = after.len - 1}) : event->reason;
  } else if (bc_str_is(word, "send") || bc_str_is(word, "receive")) {
    struct bc_str what = bc_str_next_word(&rest);
    if (bc_str_is(word, "send") && bc_str_is(what, "update")) {
      exabgp_read_text_update(rest, event, fn, arg);
    }
  } else {
    return false;
  }
  event->is_text_encoder = true;
  return true;
}

void bc_exabgp_read(struct bc_exabgp *codec, struct bc_str line, struct bc_exabgp_event *event, bc_exabgp_nlri_fn *fn,
                    void *arg) {
  const struct bc_str none = bc_str_of("");
  *event = (struct bc_exabgp_event){
      .neighbor = {.peer = none, .local = none, .router_id = none}, .text = none, .family = none, .reason = none};
  json_decref(codec->root);
  codec->root = NULL;
  while (line.len > 0 && strchr(" \t\r\n", line.at[line.len - 1]) != NULL && line.at[line.len - 1] != '\0') {
    line.len--;
  }
  struct bc_str rest = line;
  if (bc_str_starts(line, "{")) {
    bc_exabgp_read_json(codec, line, event, fn, arg);
  } else if (bc_str_is(line, "done")) {
    event->kind = BC_EXABGP_LINE_DONE;
  } else if (bc_str_is(line, "error")) {
    event->kind = BC_EXABGP_LINE_ERROR;
  } else if (bc_str_starts(line, "exabgp ")) {
    (void)bc_str_next_word(&rest);
    event->text = bc_str_next_word(&rest);
    event->kind = event->text.len > 0 && rest.len == 0 ? BC_EXABGP_LINE_VERSION : BC_EXABGP_LINE_OTHER;
  } else if (bc_str_starts(line, "Peer ") && memmem(line.at, line.len, "up/down", 7) != NULL) {
    event->kind = BC_EXABGP_LINE_SUMMARY_HEADER;
  } else if (bc_str_starts(line, "shutdown ")) {
    (void)bc_str_next_word(&rest);
    event->is_text_encoder = bc_exabgp_number(bc_str_next_word(&rest)) > 0;
    event->kind = event->is_text_encoder ? BC_EXABGP_LINE_SHUTDOWN : BC_EXABGP_LINE_OTHER;
  } else if (!bc_str_starts(line, " ") && exabgp_read_name(&rest, &event->neighbor)) {
    if (!bc_str_starts(line, "neighbor ") || !exabgp_read_text_encoder(rest, event, fn, arg)) {
      exabgp_read_standing(rest, event);
    }
    if (event->kind == BC_EXABGP_LINE_OTHER && !bc_str_starts(line, "neighbor ")) {
      exabgp_read_summary_row(rest, event);
    }
  }
  if (event->kind == BC_EXABGP_LINE_VERSION) {
    codec->is_5 = !bc_str_starts(event->text, "4.");
  }
}

bool bc_exabgp_refresh_resets(const struct bc_exabgp *codec) {
  return !codec->is_5;
}
