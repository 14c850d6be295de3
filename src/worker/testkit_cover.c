/* The lines of scripts and modules under test that were executed. */
#include "base/mem.h"
#include "worker/cover.h"
#include "worker/lua_value.h"
#include "worker/testkit_private.h"

#include <stdlib.h>
#include <string.h>

enum { COVER_JSON_BYTES = 16 * 1024 * 1024 };

struct testkit_cover {
  STAILQ_ENTRY(testkit_cover) link;
  char *source; /* as Lua names it: "=web.lua" */
  bool *lines;  /* those that can be executed */
  size_t count;
  uint64_t *seen;
};

/* Of this process: a hook of Lua has no argument. */
static STAILQ_HEAD(, testkit_cover) covers = STAILQ_HEAD_INITIALIZER(covers);

void testkit_cover_add(const char *name, struct bc_str text) {
  struct testkit_cover *cover;
  size_t count = 0;
  STAILQ_FOREACH(cover, &covers, link) {
    if (strcmp(cover->source + 1, name) == 0) {
      return;
    }
  }
  bool *lines = bc_cover_read(text, &count);
  if (lines == NULL) {
    return;
  }
  size_t len = strlen(name);
  cover = bc_mem_new(1, sizeof *cover);
  cover->source = bc_mem_new(1, len + 2);
  cover->source[0] = '=';
  memcpy(cover->source + 1, name, len);
  cover->lines = lines;
  cover->count = count;
  cover->seen = bc_mem_new(count, sizeof cover->seen[0]);
  STAILQ_INSERT_TAIL(&covers, cover, link);
}

void testkit_cover_on_line(lua_State *L, lua_Debug *frame) {
  struct testkit_cover *cover;
  if (lua_getinfo(L, "S", frame) == 0) {
    return;
  }
  STAILQ_FOREACH(cover, &covers, link) {
    if (strcmp(cover->source, frame->source) == 0) {
      if (frame->currentline > 0 && (size_t)frame->currentline < cover->count) {
        cover->seen[frame->currentline]++;
      }
      return;
    }
  }
}

static void cover_print(const struct testkit_cover *cover, struct bc_buf *to) {
  const char *between = "";
  bc_buf_add_text(to, "{\"name\":");
  bc_lua_value_print_text(bc_str_of(cover->source + 1), to);
  bc_buf_add_text(to, ",\"lines\":[");
  for (size_t i = 0; i < cover->count; i++) {
    if (cover->lines[i]) {
      bc_buf_add_format(to, "%s[%zu,%llu]", between, i, (unsigned long long)cover->seen[i]);
      between = ",";
    }
  }
  bc_buf_add_text(to, "]}");
}

void testkit_cover_tell(void) {
  const struct testkit_cover *cover;
  STAILQ_FOREACH(cover, &covers, link) {
    struct bc_buf json;
    bc_buf_init(&json, COVER_JSON_BYTES);
    cover_print(cover, &json);
    if (!json.failed) {
      testkit_tell("cover", bc_buf_str(&json));
    }
    bc_buf_free(&json);
  }
}

void testkit_cover_free_all(void) {
  struct testkit_cover *cover;
  while ((cover = STAILQ_FIRST(&covers)) != NULL) {
    STAILQ_REMOVE_HEAD(&covers, link);
    free(cover->source);
    free(cover->lines);
    free(cover->seen);
    free(cover);
  }
}
