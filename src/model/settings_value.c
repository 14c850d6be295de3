#include "base/duration.h"
#include "base/limits.h"
#include "model/admission.h"
#include "model/egress.h"
#include "model/exec_rule.h"
#include "model/guard.h"
#include "model/http_access.h"
#include "model/listen.h"
#include "model/settings_table.h"
#include "model/token.h"

#include <string.h>

enum { SETTINGS_NUMBER_MOST = 2000000, SETTINGS_SECOND_MS = 1000 };

static bool settings_is_word(struct bc_str text) {
  return text.len > 0 && bc_str_is_printable(text) && memchr(text.at, ' ', text.len) == NULL;
}

static bool settings_is_endpoint(struct bc_str text) {
  static const char *const schemes[] = {"http://", "https://", "file:///"};
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    if (bc_str_starts(text, schemes[i]) && text.len > strlen(schemes[i])) {
      return settings_is_word(text);
    }
  }
  return false;
}

static bool settings_is_endpoint_list(struct bc_str list) {
  struct bc_str field;
  size_t count = 0;
  while (bc_str_next_field(&list, ',', &field)) {
    if (!settings_is_endpoint(field)) {
      return false;
    }
    count++;
  }
  return count > 0 && count <= BC_LIMIT_ETCD_ENDPOINTS;
}

static bool settings_is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool settings_is_name(struct bc_str text) {
  if (text.len == 0 || text.len > BC_LIMIT_NAME_BYTES || !settings_is_alphanumeric(text.at[0])) {
    return false;
  }
  for (size_t i = 0; i < text.len; i++) {
    if (!settings_is_alphanumeric(text.at[i]) && (text.at[i] == '\0' || strchr("._-", text.at[i]) == NULL)) {
      return false;
    }
  }
  return true;
}

/* Keys are joined to it with '/', so it neither is "/" nor ends with one. */
static bool settings_is_prefix(struct bc_str text) {
  if (!settings_is_word(text) || text.len > BC_LIMIT_KEY_BYTES / 2 || text.at[0] != '/' ||
      text.at[text.len - 1] == '/') {
    return false;
  }
  for (size_t i = 1; i < text.len; i++) {
    if (text.at[i] == '/' && text.at[i - 1] == '/') {
      return false;
    }
  }
  return true;
}

static bool settings_read_count(struct bc_str value, unsigned *number) {
  uint64_t count = 0;
  if (bc_str_to_u64(value, BC_SETTINGS_WORKERS, &count) != BC_ERR_OK || count == 0) {
    return false;
  }
  *number = (unsigned)count;
  return true;
}

static bool settings_read_up_to(struct bc_str value, uint64_t most, unsigned *number) {
  uint64_t size = 0;
  bool is_off = bc_str_is(value, "off");
  if (!is_off && (bc_str_to_u64(value, most, &size) != BC_ERR_OK || size == 0)) {
    return false;
  }
  *number = (unsigned)size;
  return true;
}

/* Above what can be announced it would mean nothing. */
static bool settings_read_number(struct bc_str value, unsigned *number) {
  uint64_t read = 0;
  bool is_fine = bc_str_to_u64(value, SETTINGS_NUMBER_MOST, &read) == BC_ERR_OK && read > 0;
  *number = (unsigned)read;
  return is_fine;
}

static bool settings_is_guard_list(enum bc_guard_setting setting, struct bc_str value) {
  struct bc_guard *guard = bc_guard_new();
  bool is_fine = value.len > 0 && bc_guard_add_list(guard, setting, value, NULL) == BC_ERR_OK;
  bc_guard_free(guard);
  return is_fine;
}

static bool settings_read_size(struct bc_str value, unsigned *number) {
  uint64_t size = 0;
  bool is_fine = bc_str_to_u64(value, BC_SETTINGS_AUDIT, &size) == BC_ERR_OK && size > 0;
  *number = (unsigned)size;
  return is_fine;
}

static bool settings_read_duration(struct bc_str value, unsigned *number) {
  return bc_duration_parse(value, number) == BC_ERR_OK && *number >= SETTINGS_SECOND_MS;
}

static enum bc_err settings_read_token(struct bc_str value, struct bc_fault *fault) {
  struct bc_tokens *tokens = bc_tokens_new();
  enum bc_err err = bc_tokens_add(tokens, value, fault);
  bc_tokens_free(tokens);
  return err;
}

static enum bc_err settings_read_host(struct bc_str value, struct bc_fault *fault) {
  struct bc_http_access *access = bc_http_access_new();
  enum bc_err err = bc_http_access_add_list(access, value, fault);
  bc_http_access_free(access);
  return value.len > 0 ? err : BC_ERR_SYNTAX;
}

static bool settings_is_admission(enum bc_admission_setting setting, struct bc_str value) {
  struct bc_admission *rules = bc_admission_new();
  bool is_fine = value.len > 0 && bc_admission_add_list(rules, setting, value, NULL) == BC_ERR_OK;
  bc_admission_free(rules);
  return is_fine;
}

static bool settings_read_level(struct bc_str value, unsigned *number) {
  char text[16] = "";
  enum bc_log_level level;
  if (value.len >= sizeof text) {
    return false;
  }
  memcpy(text, value.at, value.len);
  if (bc_log_level_parse(text, &level) != BC_ERR_OK) {
    return false;
  }
  *number = (unsigned)level;
  return true;
}

static bool settings_read_choice(struct bc_str value, const char *zero, const char *one, unsigned *number) {
  *number = bc_str_is(value, one) ? 1 : 0;
  return *number == 1 || bc_str_is(value, zero);
}

static bool settings_read_api(struct bc_str value, unsigned *number) {
  for (enum bc_settings_api api = BC_SETTINGS_API_AUTO; api <= BC_SETTINGS_API_V2; api++) {
    if (bc_str_is(value, bc_settings_api_text(api))) {
      *number = (unsigned)api;
      return true;
    }
  }
  return false;
}

bool bc_settings_value_read(enum bc_settings_kind kind, struct bc_str value, unsigned *number) {
  switch (kind) {
  case BC_SETTINGS_LIST:
    return settings_is_endpoint_list(value);
  case BC_SETTINGS_NAME:
    return settings_is_name(value);
  case BC_SETTINGS_PATH:
    return value.len > 0 && value.at[0] == '/' && bc_str_is_printable(value);
  case BC_SETTINGS_WORD:
    return value.len > 0;
  case BC_SETTINGS_PREFIX:
    return settings_is_prefix(value);
  case BC_SETTINGS_RULES:
    return bc_egress_check_list(value, NULL) == BC_ERR_OK;
  case BC_SETTINGS_COMMANDS:
    return bc_exec_rule_check(value, NULL) == BC_ERR_OK;
  case BC_SETTINGS_PREFIXES:
    return settings_is_guard_list(BC_GUARD_DENY, value);
  case BC_SETTINGS_FAMILIES:
    return settings_is_guard_list(BC_GUARD_FAMILY, value);
  case BC_SETTINGS_COMMUNITIES:
    return settings_is_guard_list(BC_GUARD_COMMUNITY, value);
  case BC_SETTINGS_LISTEN:
    return bc_listen_check_list(value);
  case BC_SETTINGS_TOKENS:
    return settings_read_token(value, NULL) == BC_ERR_OK;
  case BC_SETTINGS_HOSTS:
    return settings_read_host(value, NULL) == BC_ERR_OK;
  case BC_SETTINGS_LENGTHS:
    return settings_is_admission(BC_ADMIT_LENGTH, value);
  case BC_SETTINGS_FLOWS:
    return settings_is_admission(BC_ADMIT_FLOW, value);
  case BC_SETTINGS_BLACKHOLES:
    return settings_is_admission(BC_BLACKHOLE_COMMUNITY, value);
  case BC_SETTINGS_NEXT_HOPS:
    return settings_is_admission(BC_BLACKHOLE_NEXT_HOP, value);
  case BC_SETTINGS_DURATION:
    return settings_read_duration(value, number);
  case BC_SETTINGS_AUDIT_SIZE:
    return settings_read_size(value, number);
  case BC_SETTINGS_COUNT:
    return settings_read_count(value, number);
  case BC_SETTINGS_MEBIBYTES:
    return settings_read_up_to(value, BC_SETTINGS_RECORDS, number);
  case BC_SETTINGS_SERIES:
    return settings_read_up_to(value, BC_SETTINGS_SERIES_MOST, number);
  case BC_SETTINGS_NUMBER:
    return settings_read_number(value, number);
  case BC_SETTINGS_LEVEL:
    return settings_read_level(value, number);
  case BC_SETTINGS_FORMAT:
    return settings_read_choice(value, "text", "json", number);
  case BC_SETTINGS_API:
    return settings_read_api(value, number);
  case BC_SETTINGS_SWITCH:
    return settings_read_choice(value, "off", "on", number);
  case BC_SETTINGS_FLAG:
    return settings_read_choice(value, "false", "true", number);
  }
  return false;
}

const char *bc_settings_value_expected(enum bc_settings_kind kind) {
  switch (kind) {
  case BC_SETTINGS_LIST:
    return "expected http://HOST:PORT, https://HOST:PORT or file:///DIR, several with commas, at most 16";
  case BC_SETTINGS_NAME:
    return "expected letters, digits, '.', '_', '-', a letter or digit first, at most 128";
  case BC_SETTINGS_PATH:
    return "expected an absolute path";
  case BC_SETTINGS_WORD:
    return "expected a file's name";
  case BC_SETTINGS_PREFIX:
    return "expected a path such as /bgp, without '/' at its end";
  case BC_SETTINGS_RULES:
    return "expected PREFIX, PREFIX:PORT or PREFIX:PORT-PORT such as 10.0.0.0/8:80-90 or [2001:db8::/32]:443, without "
           "host bits";
  case BC_SETTINGS_COMMANDS:
    return "expected a program's absolute path without * and ?, then patterns of its words, ... as the last at most";
  case BC_SETTINGS_PREFIXES:
    return "expected PREFIX, PREFIX le N, PREFIX ge N or PREFIX ge N le N such as 192.0.2.0/24 le 32, without host "
           "bits";
  case BC_SETTINGS_FAMILIES:
    return "expected a family as ExaBGP writes it, such as ipv4 unicast or ipv6 flow";
  case BC_SETTINGS_COMMUNITIES:
    return "expected a community such as 65000:100, 65000:*, 65000:*:*, target:65000:*, no-export or *";
  case BC_SETTINGS_LISTEN:
    return "expected ADDRESS:PORT, [IPV6]:PORT or unix:/PATH, several with commas, at most 16, none twice";
  case BC_SETTINGS_TOKENS:
    return "expected NAME SHA256 SCOPE[,SCOPE] [PREFIX...] [until YYYY-MM-DD], as `bgpcommander token` prints it";
  case BC_SETTINGS_HOSTS:
    return "expected a host's name without a port, such as bgp.example.net";
  case BC_SETTINGS_LENGTHS:
    return "expected ipv4 or ipv6 and lengths such as 24-32 or 32";
  case BC_SETTINGS_FLOWS:
    return "expected off, destination ipv4|ipv6 N, whole ipv4|ipv6 N, source ipv4|ipv6 N or action WORD";
  case BC_SETTINGS_BLACKHOLES:
    return "expected a community such as 65535:666, 65000:666, 65000:1:666 or no-export";
  case BC_SETTINGS_NEXT_HOPS:
    return "expected an address such as 192.0.2.1 or 100::1";
  case BC_SETTINGS_DURATION:
    return "expected a time of at least a second, such as 90s, 30m or 24h";
  case BC_SETTINGS_AUDIT_SIZE:
    return "expected a number of MiB from 1 to 1024";
  case BC_SETTINGS_COUNT:
    return "expected a number from 1 to 64";
  case BC_SETTINGS_SERIES:
    return "expected a number from 1 to 100000, or off";
  case BC_SETTINGS_MEBIBYTES:
    return "expected a number of MiB from 1 to 4096, or off";
  case BC_SETTINGS_NUMBER:
    return "expected a number from 1 to 2000000";
  case BC_SETTINGS_LEVEL:
    return "expected error, warning, notice, info or debug";
  case BC_SETTINGS_FORMAT:
    return "expected text or json";
  case BC_SETTINGS_API:
    return "expected auto, v3 or v2";
  case BC_SETTINGS_SWITCH:
    return "expected on or off";
  case BC_SETTINGS_FLAG:
    return "expected true or false";
  }
  return "";
}

bool bc_settings_value_explain(enum bc_settings_kind kind, struct bc_str value, struct bc_fault *fault) {
  return kind == BC_SETTINGS_TOKENS && settings_read_token(value, fault) != BC_ERR_OK;
}

BC_ENUM_TEXT_FUNCTION(bc_settings_api_text, enum bc_settings_api, BC_SETTINGS_API_LIST, "auto")
