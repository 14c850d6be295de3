#include "model/token.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "model/prefix_rule.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

BC_ENUM_TEXT_FUNCTION(bc_scope_text, enum bc_scope, BC_SCOPE_LIST, "read")
BC_ENUM_TEXT_FUNCTION(bc_token_answer_text, enum bc_token_answer, BC_TOKEN_ANSWER_LIST, "there is no such token")

enum { TOKEN_HEX_DIGITS = 2 * BC_SHA256_BYTES, TOKEN_SHOWN_BYTES = 40, TOKEN_DAY_MS = 86400000 };

static const char token_start[] = "bgpc_";

struct bc_token {
  char *name;
  uint8_t hash[BC_SHA256_BYTES];
  unsigned scopes; /* 1 << enum bc_scope */
  struct bc_prefix_rule *rules;
  size_t rule_count;
  int64_t until_ms;
};

struct bc_tokens {
  struct bc_token *token;
  size_t count;
};

struct bc_tokens *bc_tokens_new(void) {
  return bc_mem_new(1, sizeof(struct bc_tokens));
}

static void token_release(struct bc_token *token) {
  free(token->name);
  free(token->rules);
}

void bc_tokens_free(struct bc_tokens *tokens) {
  for (size_t i = 0; tokens != NULL && i < tokens->count; i++) {
    token_release(&tokens->token[i]);
  }
  if (tokens != NULL) {
    free(tokens->token);
  }
  free(tokens);
}

/* ---- a line ---- */

/* The words of a line, and where they stand. */
struct token_line {
  const char *start;
  struct bc_str rest;
  struct bc_fault *fault;
};

/* Who pastes a token itself, with quotes perhaps, must not find it in the log. */
static bool token_is_secret(struct bc_str word) {
  return word.len > 0 && memmem(word.at, word.len, token_start, sizeof token_start - 1) != NULL;
}

static size_t token_column(const struct token_line *line, struct bc_str word) {
  return (size_t)(word.at - line->start) + 1;
}

static enum bc_err token_expected(const struct token_line *line, const char *expected, struct bc_str word) {
  size_t column = token_column(line, word);
  if (token_is_secret(word)) {
    bc_fault_set(line->fault, column, "expected %s, found a token itself: `bgpcommander token` prints the line for it",
                 expected);
  } else if (word.len == 0) {
    bc_fault_set(line->fault, column, "expected %s, found the end of the line", expected);
  } else {
    bc_fault_set(line->fault, column, "expected %s, found \"%.*s\"", expected,
                 (int)(word.len < TOKEN_SHOWN_BYTES ? word.len : TOKEN_SHOWN_BYTES), word.at);
  }
  return BC_ERR_SYNTAX;
}

static struct bc_str token_peek(const struct token_line *line) {
  struct bc_str rest = line->rest;
  struct bc_str word = bc_str_next_word(&rest);
  return word.len > 0 ? word : (struct bc_str){.at = line->rest.at + line->rest.len, .len = 0};
}

static struct bc_str token_take(struct token_line *line) {
  struct bc_str word = token_peek(line);
  (void)bc_str_next_word(&line->rest);
  return word;
}

static bool token_is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static enum bc_err token_read_name(struct token_line *line, struct bc_token *token) {
  struct bc_str word = token_take(line);
  bool is_fine =
      word.len > 0 && word.len <= BC_LIMIT_NAME_BYTES && token_is_alphanumeric(word.at[0]) && !token_is_secret(word);
  for (size_t i = 0; is_fine && i < word.len; i++) {
    is_fine = token_is_alphanumeric(word.at[i]) || (word.at[i] != '\0' && strchr("._-", word.at[i]) != NULL);
  }
  if (!is_fine) {
    return token_expected(line, "a name of letters, digits, '.', '_', '-', a letter or digit first, at most 128", word);
  }
  token->name = bc_mem_copy_text(word.at, word.len);
  return BC_ERR_OK;
}

static int token_hex(char c) {
  return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static enum bc_err token_read_hash(struct token_line *line, struct bc_token *token) {
  struct bc_str word = token_take(line);
  bool is_fine = word.len == TOKEN_HEX_DIGITS;
  for (size_t i = 0; is_fine && i < word.len; i++) {
    int digit = token_hex(word.at[i]);
    is_fine = digit >= 0;
    token->hash[i / 2] = (uint8_t)(token->hash[i / 2] << 4 | (digit & 15));
  }
  return is_fine ? BC_ERR_OK : token_expected(line, "the token's SHA-256, 64 hex digits", word);
}

static enum bc_err token_read_scopes(struct token_line *line, struct bc_token *token) {
  struct bc_str word = token_take(line);
  struct bc_str rest = word;
  struct bc_str field = {0};
  while (word.len > 0 && bc_str_next_field(&rest, ',', &field)) {
    unsigned scope = 0;
    while (scope < BC_SCOPES && !bc_str_is(field, bc_scope_text((enum bc_scope)scope))) {
      scope++;
    }
    if (scope == BC_SCOPES || (token->scopes >> scope & 1U) != 0) {
      return token_expected(line, "read, announce or operate, several with commas, each once",
                            field.len == 0 ? word : field);
    }
    token->scopes |= 1U << scope;
  }
  return token->scopes != 0 ? BC_ERR_OK
                            : token_expected(line, "read, announce or operate, several with commas, each once", word);
}

/* Days since 1970-01-01 of a day of the Gregorian calendar. */
static int64_t token_days(unsigned year, unsigned month, unsigned day) {
  static const unsigned before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  unsigned leaps = (year - (month <= 2 ? 1U : 0U));
  return (int64_t)365 * (year - 1970) + leaps / 4 - leaps / 100 + leaps / 400 - 477 + before[month - 1] + day - 1;
}

static bool token_read_date(struct bc_str word, int64_t *days) {
  static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  uint64_t year;
  uint64_t month;
  uint64_t day;
  if (word.len != 10 || word.at[4] != '-' || word.at[7] != '-' ||
      bc_str_to_u64((struct bc_str){word.at, 4}, 9999, &year) != BC_ERR_OK || year < 1970 ||
      bc_str_to_u64((struct bc_str){word.at + 5, 2}, 12, &month) != BC_ERR_OK || month == 0 ||
      bc_str_to_u64((struct bc_str){word.at + 8, 2}, 31, &day) != BC_ERR_OK || day == 0) {
    return false;
  }
  bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  *days = token_days((unsigned)year, (unsigned)month, (unsigned)day);
  return day <= lengths[month - 1] + (month == 2 && is_leap ? 1U : 0U);
}

static enum bc_err token_read_until(struct token_line *line, struct bc_token *token) {
  int64_t days;
  (void)token_take(line);
  struct bc_str word = token_take(line);
  if (!token_read_date(word, &days)) {
    return token_expected(line, "a date such as 2027-12-31", word);
  }
  token->until_ms = (days + 1) * TOKEN_DAY_MS;
  struct bc_str behind = token_take(line);
  return behind.len == 0 ? BC_ERR_OK : token_expected(line, "nothing behind the date", behind);
}

/* A prefix with its `ge` and `le`. */
static enum bc_err token_read_prefix(struct token_line *line, struct bc_token *token) {
  struct bc_str text = token_take(line);
  struct bc_fault fault = {0};
  struct bc_prefix_rule rule;
  for (struct bc_str next = token_peek(line); bc_str_is(next, "ge") || bc_str_is(next, "le"); next = token_peek(line)) {
    (void)token_take(line);
    struct bc_str last = token_take(line);
    text.len = (size_t)(last.at + last.len - text.at);
  }
  if (token_is_secret(text)) {
    return token_expected(line, "a prefix, or until YYYY-MM-DD", text);
  }
  enum bc_err err = bc_prefix_rule_parse("prefix", BC_PREFIX_WITHIN, text, &rule, &fault);
  if (err != BC_ERR_OK) {
    bc_fault_set(line->fault, token_column(line, text), "%s", fault.text);
    return err;
  }
  if (token->rule_count == BC_LIMIT_TOKEN_PREFIXES) {
    bc_fault_set(line->fault, token_column(line, text), "more than %d prefixes", BC_LIMIT_TOKEN_PREFIXES);
    return BC_ERR_LIMIT;
  }
  token->rules = bc_mem_resize(token->rules, token->rule_count + 1, sizeof *token->rules);
  token->rules[token->rule_count++] = rule;
  return BC_ERR_OK;
}

static enum bc_err token_read(struct token_line *line, struct bc_token *token) {
  enum bc_err err = token_read_name(line, token);
  if (err == BC_ERR_OK) {
    err = token_read_hash(line, token);
  }
  if (err == BC_ERR_OK) {
    err = token_read_scopes(line, token);
  }
  while (err == BC_ERR_OK && token_peek(line).len > 0) {
    err = bc_str_is(token_peek(line), "until") ? token_read_until(line, token) : token_read_prefix(line, token);
  }
  return err;
}

static enum bc_err token_check_new(const struct bc_tokens *tokens, const struct bc_token *token,
                                   struct bc_fault *fault) {
  if (tokens->count == BC_LIMIT_TOKENS) {
    bc_fault_set(fault, 0, "more than %d tokens", BC_LIMIT_TOKENS);
    return BC_ERR_LIMIT;
  }
  for (size_t i = 0; i < tokens->count; i++) {
    const struct bc_token *other = &tokens->token[i];
    if (strcmp(other->name, token->name) == 0) {
      bc_fault_set(fault, 0, "there is another token %s, expected each name once", token->name);
      return BC_ERR_EXISTS;
    }
    if (memcmp(other->hash, token->hash, sizeof token->hash) == 0) {
      bc_fault_set(fault, 0, "%s and %s have the same SHA-256: expected a token for each", other->name, token->name);
      return BC_ERR_EXISTS;
    }
  }
  return BC_ERR_OK;
}

enum bc_err bc_tokens_add(struct bc_tokens *tokens, struct bc_str text, struct bc_fault *fault) {
  struct token_line line = {.start = text.at, .rest = text, .fault = fault};
  struct bc_token token = {.until_ms = INT64_MAX};
  if (text.len > BC_TOKEN_LINE_BYTES || !bc_str_is_printable(text)) {
    bc_fault_set(fault, 0, "expected at most %d bytes of printable ASCII", (int)BC_TOKEN_LINE_BYTES);
    return text.len > BC_TOKEN_LINE_BYTES ? BC_ERR_LIMIT : BC_ERR_SYNTAX;
  }
  enum bc_err err = token_read(&line, &token);
  if (err == BC_ERR_OK) {
    err = token_check_new(tokens, &token, fault);
  }
  if (err != BC_ERR_OK) {
    token_release(&token);
    return err;
  }
  tokens->token = bc_mem_resize(tokens->token, tokens->count + 1, sizeof *tokens->token);
  tokens->token[tokens->count++] = token;
  return BC_ERR_OK;
}

enum bc_err bc_tokens_add_lines(struct bc_tokens *tokens, struct bc_str lines, struct bc_fault *fault) {
  struct bc_str line;
  enum bc_err err = BC_ERR_OK;
  while (err == BC_ERR_OK && lines.len > 0 && bc_str_next_field(&lines, '\n', &line)) {
    err = bc_tokens_add(tokens, line, fault);
  }
  return err;
}

size_t bc_tokens_count(const struct bc_tokens *tokens) {
  return tokens->count;
}

const struct bc_token *bc_tokens_get(const struct bc_tokens *tokens, size_t i) {
  return &tokens->token[i];
}

/* ---- a request ---- */

/* RFC 6750 2.1 */
static struct bc_str token_of_header(const char *authorization) {
  struct bc_str rest = bc_str_trim(bc_str_of(authorization));
  struct bc_str scheme = bc_str_next_word(&rest);
  rest = bc_str_trim(rest);
  bool is_bearer = scheme.len == 6 && strncasecmp(scheme.at, "bearer", scheme.len) == 0;
  return is_bearer ? rest : (struct bc_str){0};
}

/* All bytes are looked at, whichever differ. */
static unsigned token_differs(const uint8_t *a, const uint8_t *b) {
  volatile uint8_t bits = 0;
  for (size_t i = 0; i < BC_SHA256_BYTES; i++) {
    bits = (uint8_t)(bits | (a[i] ^ b[i]));
  }
  return bits;
}

enum bc_token_answer bc_tokens_find(const struct bc_tokens *tokens, const char *authorization, int64_t wall_ms,
                                    const struct bc_token **token) {
  uint8_t hash[BC_SHA256_BYTES];
  struct bc_str text = token_of_header(authorization);
  *token = NULL;
  if (text.len == 0) {
    return BC_TOKEN_MISSING;
  }
  if (text.len != BC_TOKEN_TEXT_BYTES - 1) {
    return BC_TOKEN_UNKNOWN;
  }
  bc_sha256(text, hash);
  for (size_t i = 0; i < tokens->count; i++) {
    const struct bc_token *candidate = &tokens->token[i];
    *token = token_differs(hash, candidate->hash) == 0 ? candidate : *token;
  }
  if (*token == NULL) {
    return BC_TOKEN_UNKNOWN;
  }
  return wall_ms < (*token)->until_ms ? BC_TOKEN_VALID : BC_TOKEN_EXPIRED;
}

const char *bc_token_name(const struct bc_token *token) {
  return token->name;
}

bool bc_token_has(const struct bc_token *token, enum bc_scope scope) {
  return (token->scopes >> scope & 1U) != 0;
}

int64_t bc_token_until_ms(const struct bc_token *token) {
  return token->until_ms;
}

void bc_token_print_scopes(const struct bc_token *token, struct bc_buf *to) {
  const char *comma = "";
  for (unsigned i = 0; i < BC_SCOPES; i++) {
    if (bc_token_has(token, (enum bc_scope)i)) {
      bc_buf_add_format(to, "%s%s", comma, bc_scope_text((enum bc_scope)i));
      comma = ",";
    }
  }
}

bool bc_token_covers(const struct bc_token *token, const struct bc_route *route, struct bc_fault *fault) {
  for (size_t i = 0; token->rule_count > 0 && i < bc_route_nlri_count(route); i++) {
    const struct bc_nlri *nlri = bc_route_nlri(route, i);
    bool is_flow = bc_family_kind((enum bc_family)nlri->family) == BC_NLRI_FLOW;
    struct bc_prefix prefix;
    char text[BC_PREFIX_TEXT_BYTES];
    if (!bc_prefix_of_nlri(nlri, &prefix)) {
      bc_fault_set(fault, 0, "the token %.100s may announce within its prefixes only, and this has no %s", token->name,
                   is_flow ? "destination" : "prefix");
      return false;
    }
    size_t at = 0;
    while (at < token->rule_count && !bc_prefix_rule_holds(&token->rules[at], &prefix, is_flow)) {
      at++;
    }
    if (at == token->rule_count) {
      bc_prefix_print(&prefix, text);
      bc_fault_set(fault, 0, "%s is not among the prefixes of the token %.100s", text, token->name);
      return false;
    }
  }
  return true;
}

/* ---- making one ---- */

void bc_token_print(const uint8_t random[static BC_TOKEN_RANDOM_BYTES], char text[static BC_TOKEN_TEXT_BYTES]) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  size_t at = sizeof token_start - 1;
  memcpy(text, token_start, at);
  uint32_t bits = 0;
  unsigned held = 0;
  for (size_t i = 0; i < BC_TOKEN_RANDOM_BYTES; i++) {
    bits = bits << 8 | random[i];
    for (held += 8; held >= 6; held -= 6) {
      text[at++] = digits[bits >> (held - 6) & 63];
    }
  }
  text[at++] = digits[bits << (6 - held) & 63];
  text[at] = '\0';
}

void bc_token_print_hash(struct bc_str text, char hash[static 65]) {
  uint8_t digest[BC_SHA256_BYTES];
  bc_sha256(text, digest);
  bc_sha256_print(digest, hash);
}
