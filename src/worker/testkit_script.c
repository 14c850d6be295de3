/* The scripts under test: each compiled once, in a sandbox as the daemon has it. */
#include "base/mem.h"
#include "worker/testkit_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "NAME", NUL, text */
static bool script_add_module(struct testkit *kit, struct testkit_script *script, struct bc_str piece,
                              struct bc_fault *fault) {
  struct bc_str text = piece;
  struct bc_str field;
  if (!bc_str_next_field(&text, '\0', &field)) {
    return false;
  }
  char *name = bc_mem_copy_text(field.at, field.len);
  bool is_fine = bc_sandbox_add_module(script->sandbox, name, text, fault) == BC_ERR_OK;
  if (kit->is_covered) {
    char source[BC_LIMIT_NAME_BYTES + 8];
    (void)snprintf(source, sizeof source, "lua/%s", name);
    testkit_cover_add(source, text);
  }
  free(name);
  return is_fine;
}

static bool script_compile(struct testkit *kit, struct testkit_script *script, const char *word, const char *name,
                           struct bc_str text, struct bc_fault *fault) {
  if (kit->is_covered && strncmp(word, "ready", 5) != 0) {
    testkit_cover_add(name, text);
  }
  script->data = bc_lua_data_new();
  script->is_policy = strstr(word, "policy") != NULL;
  const struct bc_sandbox_options options = {.io = &kit->io,
                                             .data = script->data,
                                             .on_line = kit->is_covered ? testkit_cover_on_line : NULL,
                                             .kind =
                                                 script->is_policy ? BC_SANDBOX_FOR_POLICIES : BC_SANDBOX_FOR_CHECKS};
  script->sandbox = bc_sandbox_new(&options, name, text, fault);
  return script->sandbox != NULL;
}

static void script_free(struct testkit_script *script) {
  bc_sandbox_free(script->sandbox);
  bc_lua_data_free(script->data);
  free(script->options);
  *script = (struct testkit_script){0};
}

/* What the parent answers, up to its end. */
static bool script_hear(struct testkit *kit, struct testkit_script *script, const char *word,
                        struct testkit_piece *piece, struct bc_fault *fault) {
  char *name = NULL;
  bool is_fine = true;
  bool is_heard;
  while ((is_heard = testkit_hear(piece)) && strcmp(piece->word, "done") != 0) {
    struct bc_str bytes = bc_buf_str(&piece->bytes);
    if (strcmp(piece->word, "fail") == 0) {
      bc_fault_set(fault, 0, BC_STR_FMT, BC_STR_ARG(bytes));
      is_fine = false;
      break;
    }
    if (strcmp(piece->word, "name") == 0) {
      free(name);
      name = bc_mem_copy_text(bytes.at, bytes.len);
    } else if (strcmp(piece->word, "options") == 0) {
      free(script->options);
      script->options = bc_mem_copy_text(bytes.at, bytes.len);
    } else if (is_fine && strcmp(piece->word, "text") == 0) {
      is_fine = script_compile(kit, script, word, name == NULL ? "?" : name, bytes, fault);
    } else if (is_fine && script->sandbox != NULL) {
      is_fine = script_add_module(kit, script, bytes, fault);
    }
  }
  free(name);
  return is_fine && is_heard && script->sandbox != NULL;
}

int testkit_script_load(struct testkit *kit, const char *word, struct bc_str what, struct bc_fault *fault) {
  struct testkit_piece piece;
  if (kit->script_count == TESTKIT_SCRIPTS) {
    bc_fault_set(fault, 0, "a file can test at most %d scripts", (int)TESTKIT_SCRIPTS);
    return -1;
  }
  struct testkit_script *script = &kit->scripts[kit->script_count];
  bc_fault_set(fault, 0, "the parent did not answer");
  bc_buf_init(&piece.bytes, TESTKIT_PIECE_BYTES);
  testkit_tell(word, what);
  bool is_fine = script_hear(kit, script, word, &piece, fault);
  bc_buf_free(&piece.bytes);
  if (!is_fine) {
    script_free(script);
    return -1;
  }
  return (int)kit->script_count++;
}

void testkit_script_free_all(struct testkit *kit) {
  while (kit->script_count > 0) {
    script_free(&kit->scripts[--kit->script_count]);
  }
}
