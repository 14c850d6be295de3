#include "worker/cover.h"

#include "base/mem.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum {
  COVER_DUMP_BYTES = 16 * 1024 * 1024,
  COVER_DEPTH = 200, /* functions within functions, as the compiler allows */
  COVER_INSTRUCTION_BYTES = 4,
  COVER_ABSOLUTE = -128,         /* in the line of an instruction: it stands in another list */
  COVER_PREFIX_INSTRUCTIONS = 2, /* what the sandbox puts in front: `local _ENV = ...` */
  /* the types of constants */
  COVER_NIL = 0x00,
  COVER_FALSE = 0x01,
  COVER_TRUE = 0x11,
  COVER_INTEGER = 0x03,
  COVER_NUMBER = 0x13,
  COVER_SHORT_TEXT = 0x04,
  COVER_LONG_TEXT = 0x14
};

static const char cover_head[] = "\x1bLua\x54\0\x19\x93\r\n\x1a\n\x04\x08\x08";

struct cover_reader {
  struct bc_str rest;
  bool is_bad;
  bool *lines;
  size_t count;
};

/* ---- pieces ---- */

static struct bc_str cover_take(struct cover_reader *reader, size_t len) {
  struct bc_str taken = {reader->rest.at, len};
  if (reader->is_bad || len > reader->rest.len) {
    reader->is_bad = true;
    return (struct bc_str){0};
  }
  reader->rest.at += len;
  reader->rest.len -= len;
  return taken;
}

static unsigned cover_take_byte(struct cover_reader *reader) {
  struct bc_str byte = cover_take(reader, 1);
  return byte.len == 0 ? 0 : (unsigned char)byte.at[0];
}

/* Seven bits a byte, the highest first; the last byte has its top bit set. */
static size_t cover_take_size(struct cover_reader *reader) {
  size_t value = 0;
  unsigned byte;
  do {
    byte = cover_take_byte(reader);
    reader->is_bad = reader->is_bad || value > SIZE_MAX >> 8;
    value = value << 7 | (byte & 0x7f);
  } while ((byte & 0x80) == 0 && !reader->is_bad);
  return value;
}

static void cover_skip(struct cover_reader *reader, size_t count, size_t each) {
  if (each > 0 && count > reader->rest.len / each) {
    reader->is_bad = true;
    return;
  }
  (void)cover_take(reader, count * each);
}

static void cover_skip_text(struct cover_reader *reader) {
  size_t size = cover_take_size(reader);
  if (size > 0) {
    (void)cover_take(reader, size - 1);
  }
}

static void cover_skip_constant(struct cover_reader *reader) {
  switch (cover_take_byte(reader)) {
  case COVER_NIL:
  case COVER_FALSE:
  case COVER_TRUE:
    break;
  case COVER_INTEGER:
  case COVER_NUMBER:
    (void)cover_take(reader, 8);
    break;
  case COVER_SHORT_TEXT:
  case COVER_LONG_TEXT:
    cover_skip_text(reader);
    break;
  default:
    reader->is_bad = true;
    break;
  }
}

/* ---- lines ---- */

static void cover_note(struct cover_reader *reader, int64_t line) {
  if (line <= 0 || line >= BC_COVER_LINES_MOST) {
    return;
  }
  if ((size_t)line >= reader->count) {
    size_t count = (size_t)line + 1;
    reader->lines = bc_mem_resize(reader->lines, count, sizeof reader->lines[0]);
    memset(reader->lines + reader->count, 0, (count - reader->count) * sizeof reader->lines[0]);
    reader->count = count;
  }
  reader->lines[line] = true;
}

/* `skip` instructions at its beginning do not count, nor the last one, which returns. */
static void cover_read_lines(struct cover_reader *reader, int64_t line, unsigned skip) {
  size_t count = cover_take_size(reader);
  struct bc_str steps = cover_take(reader, count);
  size_t absolute = cover_take_size(reader);
  size_t next_pc = SIZE_MAX;
  int64_t next_line = 0;
  for (size_t pc = 0; pc < steps.len && !reader->is_bad; pc++) {
    unsigned byte = (unsigned char)steps.at[pc];
    int step = byte < 128 ? (int)byte : (int)byte - 256;
    if (step == COVER_ABSOLUTE) {
      if (absolute-- == 0) {
        reader->is_bad = true;
        break;
      }
      next_pc = cover_take_size(reader);
      next_line = (int64_t)cover_take_size(reader);
      line = next_line;
      reader->is_bad = reader->is_bad || next_pc != pc;
    } else {
      line += step;
    }
    if (pc >= skip && pc + 1 < count) {
      cover_note(reader, line);
    }
  }
  for (; absolute > 0 && !reader->is_bad; absolute--) {
    (void)cover_take_size(reader);
    (void)cover_take_size(reader);
  }
}

static void cover_read_function(struct cover_reader *reader, int depth, unsigned skip) {
  cover_skip_text(reader);
  int64_t line = (int64_t)cover_take_size(reader);
  (void)cover_take_size(reader);
  (void)cover_take_byte(reader);
  unsigned is_vararg = cover_take_byte(reader);
  (void)cover_take_byte(reader);
  cover_skip(reader, cover_take_size(reader), COVER_INSTRUCTION_BYTES);
  for (size_t count = cover_take_size(reader); count > 0 && !reader->is_bad; count--) {
    cover_skip_constant(reader);
  }
  cover_skip(reader, cover_take_size(reader), 3);
  reader->is_bad = reader->is_bad || depth <= 0;
  for (size_t count = cover_take_size(reader); count > 0 && !reader->is_bad; count--) {
    cover_read_function(reader, depth - 1, 0);
  }
  cover_read_lines(reader, line, skip > 0 ? skip : is_vararg);
  for (size_t count = cover_take_size(reader); count > 0 && !reader->is_bad; count--) {
    cover_skip_text(reader);
    (void)cover_take_size(reader);
    (void)cover_take_size(reader);
  }
  for (size_t count = cover_take_size(reader); count > 0 && !reader->is_bad; count--) {
    cover_skip_text(reader);
  }
}

bool *bc_cover_read_dump(struct bc_str dump, unsigned skip, size_t *count) {
  struct cover_reader reader = {.rest = dump};
  struct bc_str head = cover_take(&reader, sizeof cover_head - 1);
  if (head.len == 0 || memcmp(head.at, cover_head, head.len) != 0) {
    return NULL;
  }
  (void)cover_take(&reader, 8 + 8 + 1); /* a whole number, a fraction, the number of upvalues */
  reader.lines = bc_mem_new(1, sizeof reader.lines[0]);
  reader.count = 1;
  cover_read_function(&reader, COVER_DEPTH, skip);
  if (reader.is_bad) {
    free(reader.lines);
    return NULL;
  }
  *count = reader.count;
  return reader.lines;
}

/* ---- compiling ---- */

static int cover_on_bytes(lua_State *L, const void *bytes, size_t len, void *arg) {
  struct bc_buf *to = arg;
  (void)L;
  bc_buf_add(to, bytes, len);
  return to->failed ? 1 : 0;
}

bool *bc_cover_read(struct bc_str text, size_t *count) {
  struct bc_buf dump;
  lua_State *L = luaL_newstate();
  bool *lines = NULL;
  if (L == NULL) {
    return NULL;
  }
  bc_buf_init(&dump, COVER_DUMP_BYTES);
  if (sandbox_load(L, "=cover", text) == LUA_OK && lua_dump(L, cover_on_bytes, &dump, 0) == 0) {
    lines = bc_cover_read_dump(bc_buf_str(&dump), COVER_PREFIX_INSTRUCTIONS, count);
  }
  bc_buf_free(&dump);
  lua_close(L);
  return lines;
}
