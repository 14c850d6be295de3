/* Lines of http_token, then, behind a byte of 1, the header Authorization: any bytes are read; a token that is found is
 * one that the lines hold the hash of, and its own scopes and prefixes are whole. */
#include "base/mem.h"
#include "model/token.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_found(const char *header, const struct bc_token *token, const char *lines) {
  char hash[65];
  const char *text = strstr(header, "bgpc_");
  struct bc_buf scopes;
  if (text == NULL) {
    text = strrchr(header, ' ') == NULL ? header : strrchr(header, ' ') + 1;
  }
  struct bc_str word = bc_str_trim(bc_str_of(text));
  bc_token_print_hash(word, hash);
  bc_buf_init(&scopes, 100);
  bc_token_print_scopes(token, &scopes);
  if (strcasestr(lines, hash) == NULL || scopes.len == 0 || strstr(lines, bc_token_name(token)) == NULL) {
    abort();
  }
  bc_buf_free(&scopes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *divider = size == 0 ? NULL : memchr(data, 1, size);
  size_t len = divider == NULL ? size : (size_t)(divider - data);
  char *lines = bc_mem_copy_text(size == 0 ? "" : (const char *)data, len);
  char *header = divider == NULL ? NULL : bc_mem_copy_text((const char *)divider + 1, size - len - 1);
  struct bc_tokens *tokens = bc_tokens_new();
  struct bc_fault fault = {0};
  const struct bc_token *token = NULL;
  if (bc_tokens_add_lines(tokens, (struct bc_str){lines, len}, &fault) != BC_ERR_OK && fault.text[0] == '\0') {
    abort();
  }
  if (strstr(fault.text, "bgpc_") != NULL) {
    abort();
  }
  enum bc_token_answer answer = bc_tokens_find(tokens, header, 1000, &token);
  if ((answer == BC_TOKEN_VALID || answer == BC_TOKEN_EXPIRED) != (token != NULL)) {
    abort();
  }
  if (token != NULL) {
    check_found(header, token, lines);
  }
  bc_tokens_free(tokens);
  free(lines);
  free(header);
  return 0;
}
