/* Answers of many lines: `show neighbor configuration` and `show neighbor extensive`. */
#include "proto/exabgp_internal.h"

#include <string.h>

void bc_exabgp_read_reset(struct bc_exabgp *codec) {
  codec->depth = 0;
  codec->in_detail = false;
  codec->in_families = false;
}

static void exabgp_add_family(char families[32][24], unsigned *count, struct bc_str family) {
  if (*count < 32 && family.len < 24) {
    bc_exabgp_copy(families[*count], 24, family);
    (*count)++;
  }
}

static enum bc_exabgp_section exabgp_section_of(const struct bc_exabgp *codec, struct bc_str word) {
  static const struct {
    const char *word;
    enum bc_exabgp_section inside, section;
  } known[] = {{"capability", BC_EXABGP_SECTION_NEIGHBOR, BC_EXABGP_SECTION_CAPABILITY},
               {"family", BC_EXABGP_SECTION_NEIGHBOR, BC_EXABGP_SECTION_FAMILY},
               {"api", BC_EXABGP_SECTION_NEIGHBOR, BC_EXABGP_SECTION_API},
               {"send", BC_EXABGP_SECTION_API, BC_EXABGP_SECTION_SEND}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (known[i].inside == codec->sections[codec->depth - 1] && bc_str_is(word, known[i].word)) {
      return known[i].section;
    }
  }
  return BC_EXABGP_SECTION_OTHER;
}

static void exabgp_open_section(struct bc_exabgp *codec, enum bc_exabgp_section section) {
  codec->sections[codec->depth++] = section;
  if (section == BC_EXABGP_SECTION_API) {
    codec->api_blocks++;
    codec->sends_parsed = false;
    codec->sends_update = false;
  }
}

static void exabgp_close_section(struct bc_exabgp *codec) {
  codec->depth--;
  if (codec->sections[codec->depth] == BC_EXABGP_SECTION_API && codec->sends_parsed && codec->sends_update) {
    codec->api_updates++;
  }
}

/* "[ api other ]" */
static void exabgp_add_processes(struct bc_exabgp_neighbor_config *config, struct bc_str list) {
  struct bc_str word;
  while ((word = bc_str_next_word(&list)).len > 0) {
    size_t len = strlen(config->processes);
    if (!bc_str_is(word, "[") && !bc_str_is(word, "]") && len + 1 + word.len < sizeof config->processes) {
      if (len > 0) {
        config->processes[len++] = ' ';
      }
      bc_exabgp_copy(config->processes + len, sizeof config->processes - len, word);
    }
  }
}

static void exabgp_read_neighbor_setting(struct bc_exabgp_neighbor_config *config, struct bc_str key,
                                         struct bc_str value) {
  const struct {
    const char *key;
    char *to;
    size_t size;
  } texts[] = {{"local-address", config->local, sizeof config->local},
               {"router-id", config->router_id, sizeof config->router_id},
               {"local-as", config->local_as, sizeof config->local_as},
               {"peer-as", config->peer_as, sizeof config->peer_as}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (bc_str_is(key, texts[i].key)) {
      bc_exabgp_copy(texts[i].to, texts[i].size, value);
    }
  }
}

/* One statement, its ';' taken off. */
static void exabgp_read_setting(struct bc_exabgp *codec, struct bc_str line) {
  struct bc_str value = line;
  struct bc_str key = bc_str_next_word(&value);
  value = bc_str_trim(value);
  switch (codec->sections[codec->depth - 1]) {
  case BC_EXABGP_SECTION_NEIGHBOR:
    exabgp_read_neighbor_setting(&codec->config, key, value);
    break;
  case BC_EXABGP_SECTION_CAPABILITY:
    if (bc_str_is(key, "route-refresh")) {
      codec->config.route_refresh = bc_str_is(value, "enable");
    }
    break;
  case BC_EXABGP_SECTION_FAMILY:
    exabgp_add_family(codec->config.families, &codec->config.family_count, line);
    break;
  case BC_EXABGP_SECTION_API:
    if (bc_str_is(key, "processes")) {
      exabgp_add_processes(&codec->config, value);
    } else if (bc_str_is(key, "neighbor-changes")) {
      codec->api_changes++;
    }
    break;
  case BC_EXABGP_SECTION_SEND:
    codec->sends_parsed = codec->sends_parsed || bc_str_is(key, "parsed") || bc_str_is(key, "consolidate");
    codec->sends_update = codec->sends_update || bc_str_is(key, "update");
    break;
  case BC_EXABGP_SECTION_OTHER:
    break;
  }
}

bool bc_exabgp_read_config(struct bc_exabgp *codec, struct bc_str line, struct bc_exabgp_neighbor_config *out) {
  line = bc_str_trim(line);
  if (line.len == 0) {
    return false;
  }
  char last = line.at[line.len - 1];
  struct bc_str rest = line;
  struct bc_str word = bc_str_next_word(&rest);
  if (last == '{' && codec->depth == 0) {
    struct bc_str peer = bc_str_next_word(&rest);
    if (bc_str_is(word, "neighbor") && bc_exabgp_is_address(peer)) {
      codec->config = (struct bc_exabgp_neighbor_config){.family_count = 0};
      codec->api_blocks = codec->api_changes = codec->api_updates = 0;
      bc_exabgp_copy(codec->config.peer, sizeof codec->config.peer, peer);
      exabgp_open_section(codec, BC_EXABGP_SECTION_NEIGHBOR);
    }
  } else if (codec->depth == 0) {
    return false;
  } else if (last == '{') {
    if (codec->depth == BC_EXABGP_DEPTH_MAX) {
      codec->depth = 0; /* nothing that ExaBGP prints: wait for the next block */
    } else {
      exabgp_open_section(codec, exabgp_section_of(codec, word));
    }
  } else if (last == ';') {
    exabgp_read_setting(codec, bc_str_trim((struct bc_str){.at = line.at, .len = line.len - 1}));
  } else if (bc_str_is(line, "}")) {
    exabgp_close_section(codec);
    if (codec->depth == 0) {
      codec->config.neighbor_changes = codec->api_blocks > 0 && codec->api_changes == codec->api_blocks;
      codec->config.reports_updates = codec->api_blocks > 0 && codec->api_updates == codec->api_blocks;
      *out = codec->config;
      return true;
    }
  }
  return false;
}

/* "ipv4 unicast:   enabled   enabled   disabled" */
static void exabgp_read_detail_family(struct bc_exabgp_neighbor_detail *detail, struct bc_str line) {
  struct bc_str family, rest = line;
  if (!bc_str_next_field(&rest, ':', &family) || rest.at == NULL) {
    return;
  }
  struct bc_str local = bc_str_next_word(&rest);
  struct bc_str remote = bc_str_next_word(&rest);
  if (bc_str_is(local, "enabled") && bc_str_is(remote, "enabled")) {
    exabgp_add_family(detail->families, &detail->family_count, family);
  }
}

bool bc_exabgp_read_detail(struct bc_exabgp *codec, struct bc_str line, struct bc_exabgp_neighbor_detail *out) {
  bool is_start = bc_str_starts(line, "Neighbor ");
  line = bc_str_trim(line);
  struct bc_str rest = line;
  struct bc_str key = bc_str_next_word(&rest);
  struct bc_str value = bc_str_next_word(&rest);
  struct bc_exabgp_neighbor_detail *detail = &codec->detail;
  if (is_start && bc_exabgp_is_address(value)) {
    *detail = (struct bc_exabgp_neighbor_detail){.family_count = 0};
    bc_exabgp_copy(detail->peer, sizeof detail->peer, value);
    codec->in_detail = true;
    codec->in_families = false;
  } else if (!codec->in_detail) {
    return false;
  } else if (codec->in_families && line.len == 0) {
    codec->in_detail = false;
    codec->in_families = false;
    *out = *detail;
    return true;
  } else if (codec->in_families) {
    exabgp_read_detail_family(detail, line);
  } else if (bc_str_is(key, "local")) {
    bc_exabgp_copy(detail->local, sizeof detail->local, value);
  } else if (bc_str_is(key, "state")) {
    detail->is_established = bc_str_is(value, "ESTABLISHED");
  } else if (bc_str_is(key, "AS")) {
    bc_exabgp_copy(detail->local_as, sizeof detail->local_as, value);
    bc_exabgp_copy(detail->peer_as, sizeof detail->peer_as, bc_str_next_word(&rest));
  } else if (bc_str_is(key, "Families")) {
    codec->in_families = true;
  }
  return false;
}
