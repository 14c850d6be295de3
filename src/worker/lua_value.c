#include "worker/lua_value.h"

#include "base/mem.h"
#include "worker/lua_module.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_NUMBER_BYTES = 40, VALUE_STACK = 8, VALUE_MEMBER_BYTES = 5 /* "":1, */, VALUE_FEW = 16 };

static enum bc_err value_print(lua_State *L, int index, int depth, struct bc_buf *to, bool is_ordered);

/* ---- texts ---- */

/* Bytes of the UTF-8 sequence at the start of `text` (not empty): 0 = it is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
static size_t value_utf8_len(struct bc_str text) {
  const unsigned char *at = (const unsigned char *)text.at;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  size_t len;
  if (at[0] < 0x80) {
    return 1;
  }
  if (at[0] >= 0xc2 && at[0] <= 0xdf) {
    len = 2;
  } else if (at[0] >= 0xe0 && at[0] <= 0xef) {
    len = 3;
    low = at[0] == 0xe0 ? 0xa0 : low;
    high = at[0] == 0xed ? 0x9f : high;
  } else if (at[0] >= 0xf0 && at[0] <= 0xf4) {
    len = 4;
    low = at[0] == 0xf0 ? 0x90 : low;
    high = at[0] == 0xf4 ? 0x8f : high;
  } else {
    return 0;
  }
  if (text.len < len || at[1] < low || at[1] > high) {
    return 0;
  }
  for (size_t i = 2; i < len; i++) {
    if (at[i] < 0x80 || at[i] > 0xbf) {
      return 0;
    }
  }
  return len;
}

static bool value_is_control(struct bc_str piece) {
  const unsigned char *at = (const unsigned char *)piece.at;
  /* U+0000 to U+001F, U+007F, U+0080 to U+009F */
  return (piece.len == 1 && (at[0] < 0x20 || at[0] == 0x7f)) || (piece.len == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

void bc_lua_value_clean(struct bc_str text, char *to, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < text.len;) {
    struct bc_str rest = {.at = text.at + i, .len = text.len - i};
    size_t len = value_utf8_len(rest);
    struct bc_str piece = {.at = rest.at, .len = len};
    if (len == 0) {
      piece = bc_str_of("?");
    } else if (value_is_control(piece)) {
      piece = bc_str_of(" ");
    }
    if (used + piece.len + 1 > size) {
      break;
    }
    memcpy(to + used, piece.at, piece.len);
    used += piece.len;
    i += len == 0 ? 1 : len;
  }
  to[used] = '\0';
}

void bc_lua_value_print_text(struct bc_str text, struct bc_buf *to) {
  bc_buf_add_char(to, '"');
  for (size_t i = 0; i < text.len && !to->failed;) {
    struct bc_str piece = {.at = text.at + i, .len = text.len - i};
    size_t len = value_utf8_len(piece);
    piece.len = len;
    if (len == 0) {
      bc_buf_add_text(to, "\\ufffd");
      len = 1;
    } else if (len == 1 && (piece.at[0] == '"' || piece.at[0] == '\\')) {
      bc_buf_add_char(to, '\\');
      bc_buf_add_str(to, piece);
    } else if (value_is_control(piece) && len == 1) {
      bc_buf_add_format(to, "\\u%04x", (unsigned)(unsigned char)piece.at[0]);
    } else {
      bc_buf_add_str(to, piece);
    }
    i += len;
  }
  bc_buf_add_char(to, '"');
}

/* ---- values ---- */

static enum bc_err value_print_number(lua_State *L, int index, struct bc_buf *to) {
  char text[VALUE_NUMBER_BYTES];
  if (lua_isinteger(L, index)) {
    (void)snprintf(text, sizeof text, "%" PRId64, (int64_t)lua_tointeger(L, index));
  } else {
    lua_Number number = lua_tonumber(L, index);
    if (!isfinite(number)) {
      return BC_ERR_UNSUPPORTED;
    }
    (void)snprintf(text, sizeof text, "%.14g", number);
  }
  bc_buf_add_text(to, text);
  return BC_ERR_OK;
}

static enum bc_err value_print_key(lua_State *L, int index, struct bc_buf *to) {
  if (lua_type(L, index) == LUA_TSTRING) {
    struct bc_str text;
    text.at = lua_tolstring(L, index, &text.len);
    bc_lua_value_print_text(text, to);
    return BC_ERR_OK;
  }
  if (!lua_isinteger(L, index)) {
    return BC_ERR_UNSUPPORTED;
  }
  bc_buf_add_format(to, "\"%" PRId64 "\"", (int64_t)lua_tointeger(L, index));
  return BC_ERR_OK;
}

/* Its keys are 1 … n. Counts at most one more than the buffer could ever take. */
static bool value_is_array(lua_State *L, int table, size_t most) {
  size_t length = (size_t)lua_rawlen(L, table);
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    if (++count > length || count > most) {
      lua_pop(L, 2);
      return false;
    }
  }
  return count > 0 && count == length;
}

static enum bc_err value_print_array(lua_State *L, int table, int depth, struct bc_buf *to, bool is_ordered) {
  lua_Integer length = (lua_Integer)lua_rawlen(L, table);
  enum bc_err err = BC_ERR_OK;
  bc_buf_add_char(to, '[');
  for (lua_Integer i = 1; i <= length && err == BC_ERR_OK; i++) {
    if (i > 1) {
      bc_buf_add_char(to, ',');
    }
    (void)lua_rawgeti(L, table, i);
    err = value_print(L, -1, depth, to, is_ordered);
    lua_pop(L, 1);
  }
  bc_buf_add_char(to, ']');
  return err;
}

/* Key and value on top. */
static enum bc_err value_print_member(lua_State *L, int depth, struct bc_buf *to, bool is_first) {
  if (!is_first) {
    bc_buf_add_char(to, ',');
  }
  enum bc_err err = value_print_key(L, -2, to);
  if (err == BC_ERR_OK) {
    bc_buf_add_char(to, ':');
    err = value_print(L, -1, depth, to, false);
  }
  return err;
}

static enum bc_err value_print_object(lua_State *L, int table, int depth, struct bc_buf *to) {
  enum bc_err err = BC_ERR_OK;
  bool is_first = true;
  bc_buf_add_char(to, '{');
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    err = value_print_member(L, depth, to, is_first);
    is_first = false;
    if (err != BC_ERR_OK) {
      lua_pop(L, 2);
      break;
    }
  }
  bc_buf_add_char(to, '}');
  return err;
}

/* The name that a key has in JSON; `digits` holds that of a number. Keys of other types have none: `at` is NULL. */
static struct bc_str value_name_key(lua_State *L, int index, char digits[static VALUE_NUMBER_BYTES]) {
  struct bc_str name = {0};
  if (lua_type(L, index) == LUA_TSTRING) {
    name.at = lua_tolstring(L, index, &name.len);
  } else if (lua_isinteger(L, index)) {
    (void)snprintf(digits, VALUE_NUMBER_BYTES, "%" PRId64, (int64_t)lua_tointeger(L, index));
    name = bc_str_of(digits);
  }
  return name;
}

static int value_compare(struct bc_str a, struct bc_str b) {
  int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct value_member {
  struct bc_str text; /* `at` is NULL: digits */
  char digits[VALUE_NUMBER_BYTES];
  int key; /* its place on the stack; the value is above it */
};

static struct bc_str value_member_name(const struct value_member *member) {
  return member->text.at == NULL ? bc_str_of(member->digits) : member->text;
}

/* Of two with one name (1 and "1") the number comes first. */
static int value_compare_members(const void *one, const void *other) {
  const struct value_member *a = one;
  const struct value_member *b = other;
  int order = value_compare(value_member_name(a), value_member_name(b));
  return order != 0 ? order : (a->text.at != NULL) - (b->text.at != NULL);
}

/* Keys and values onto the stack, which has room for them, and into `members`. False: a key has no name. */
static bool value_push_members(lua_State *L, int table, struct value_member *members) {
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, table) != 0;) {
    struct value_member *member = &members[count++];
    member->key = lua_gettop(L) - 1;
    member->text = value_name_key(L, -2, member->digits);
    if (member->text.at == NULL) {
      return false;
    }
    if (member->text.at == member->digits) {
      /* The member will be moved. */
      member->text.at = NULL;
    }
    lua_pushvalue(L, -2);
  }
  return true;
}

static enum bc_err value_print_members(lua_State *L, const struct value_member *members, size_t count, int depth,
                                       struct bc_buf *to) {
  enum bc_err err = BC_ERR_OK;
  bc_buf_add_char(to, '{');
  for (size_t i = 0; i < count && err == BC_ERR_OK; i++) {
    struct bc_str name = value_member_name(&members[i]);
    if (i > 0 && value_compare(value_member_name(&members[i - 1]), name) == 0) {
      continue;
    }
    if (i > 0) {
      bc_buf_add_char(to, ',');
    }
    bc_lua_value_print_text(name, to);
    bc_buf_add_char(to, ':');
    err = value_print(L, members[i].key + 1, depth, to, true);
  }
  bc_buf_add_char(to, '}');
  return err;
}

static enum bc_err value_print_ordered(lua_State *L, int table, int depth, struct bc_buf *to) {
  int top = lua_gettop(L);
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    if (++count > to->max / VALUE_MEMBER_BYTES) {
      lua_settop(L, top);
      return BC_ERR_LIMIT;
    }
  }
  if (lua_checkstack(L, 2 * (int)count + VALUE_STACK) == 0) {
    return BC_ERR_LIMIT;
  }
  struct value_member few[VALUE_FEW];
  struct value_member *members = count <= VALUE_FEW ? few : bc_mem_new(count, sizeof *members);
  enum bc_err err = BC_ERR_UNSUPPORTED;
  if (value_push_members(L, table, members)) {
    qsort(members, count, sizeof *members, value_compare_members);
    err = value_print_members(L, members, count, depth, to);
  }
  if (members != few) {
    free(members);
  }
  lua_settop(L, top);
  return err;
}

static enum bc_err value_print_table(lua_State *L, int index, int depth, struct bc_buf *to, bool is_ordered) {
  if (depth <= 0 || lua_checkstack(L, VALUE_STACK) == 0) {
    return BC_ERR_LIMIT;
  }
  int top = lua_gettop(L);
  int table = bc_lua_push_thawed(L, index) ? top + 1 : lua_absindex(L, index);
  enum bc_err err;
  if (value_is_array(L, table, to->max)) {
    err = value_print_array(L, table, depth - 1, to, is_ordered);
  } else if (is_ordered) {
    err = value_print_ordered(L, table, depth - 1, to);
  } else {
    err = value_print_object(L, table, depth - 1, to);
  }
  lua_settop(L, top);
  return err;
}

static enum bc_err value_print(lua_State *L, int index, int depth, struct bc_buf *to, bool is_ordered) {
  struct bc_str text;
  enum bc_err err = BC_ERR_OK;
  switch (lua_type(L, index)) {
  case LUA_TNIL:
    bc_buf_add_text(to, "null");
    break;
  case LUA_TBOOLEAN:
    bc_buf_add_text(to, lua_toboolean(L, index) != 0 ? "true" : "false");
    break;
  case LUA_TNUMBER:
    err = value_print_number(L, index, to);
    break;
  case LUA_TSTRING:
    text.at = lua_tolstring(L, index, &text.len);
    bc_lua_value_print_text(text, to);
    break;
  case LUA_TTABLE:
    err = value_print_table(L, index, depth, to, is_ordered);
    break;
  case LUA_TLIGHTUSERDATA:
    /* json.null is the only one that scripts can have. */
    bc_buf_add_text(to, "null");
    break;
  default:
    err = BC_ERR_UNSUPPORTED;
    break;
  }
  return err != BC_ERR_OK ? err : bc_buf_status(to);
}

enum bc_err bc_lua_value_print(lua_State *L, int index, int depth, struct bc_buf *to) {
  return value_print(L, index, depth, to, false);
}

enum bc_err bc_lua_value_print_in_order(lua_State *L, int index, int depth, struct bc_buf *to) {
  return value_print(L, index, depth, to, true);
}
