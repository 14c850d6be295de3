/* `bgpcommander token NAME --scope SCOPES [PREFIX...]`: makes a token of the HTTP API, and the line of the node file
 * that lets it in. Nothing is kept. */
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "model/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static bool token_make(char text[static BC_TOKEN_TEXT_BYTES]) {
  uint8_t random[BC_TOKEN_RANDOM_BYTES];
  ssize_t got;
  do {
    got = getrandom(random, sizeof random, 0);
  } while (got < 0 && errno == EINTR);
  if (got != (ssize_t)sizeof random) {
    return false;
  }
  bc_token_print(random, text);
  explicit_bzero(random, sizeof random);
  return true;
}

/* NAME SHA256 SCOPES [PREFIX [ge N] [le N]]... [until DATE] */
static void token_print_line(const struct bc_settings *settings, const char *text, struct bc_buf *line) {
  char hash[65];
  bc_token_print_hash(bc_str_of(text), hash);
  bc_buf_add_format(line, "%s %s %s", settings->words[0], hash, settings->scope);
  for (int i = 1; i < settings->word_count; i++) {
    bc_buf_add_format(line, " %s", settings->words[i]);
  }
  if (settings->until != NULL) {
    bc_buf_add_format(line, " until %s", settings->until);
  }
}

int bc_command_token(const struct bc_settings *settings) {
  char text[BC_TOKEN_TEXT_BYTES];
  struct bc_buf line;
  struct bc_fault fault = {0};
  if (settings->scope == NULL) {
    (void)fprintf(stderr, "token: --scope: expected read, announce or operate, several with commas\n");
    return BC_CLI_USAGE;
  }
  if (!token_make(text)) {
    (void)fprintf(stderr, "token: no random bytes: %s\n", strerror(errno));
    return BC_CLI_BAD_NEWS;
  }
  bc_buf_init(&line, BC_TOKEN_LINE_BYTES);
  token_print_line(settings, text, &line);
  struct bc_tokens *tokens = bc_tokens_new();
  int code = BC_CLI_OK;
  if (bc_buf_status(&line) != BC_ERR_OK || bc_tokens_add(tokens, bc_buf_str(&line), &fault) != BC_ERR_OK) {
    (void)fprintf(stderr, "token: %s\n", fault.text[0] == '\0' ? "the line would be too long" : fault.text);
    code = BC_CLI_USAGE;
  } else {
    (void)printf("token: %s\nfor the node file: http_token %s\n", text, line.data);
  }
  bc_tokens_free(tokens);
  bc_buf_free(&line);
  return code;
}
