#include "worker/lua_net.h"

#include "base/limits.h"
#include "model/address.h"
#include "model/prefix.h"

#include <lauxlib.h>
#include <string.h>

enum { NET_MOST = 256, NET_SHOWN_BYTES = 60 };

/* The argument as a text; raises when it is none. A number is none: 10.1 is not what somebody meant. */
static struct bc_str net_text(lua_State *L, int index) {
  struct bc_str text;
  luaL_checktype(L, index, LUA_TSTRING);
  text.at = lua_tolstring(L, index, &text.len);
  return text;
}

/* The shown part of what was found, each byte that is not printable as '?'. */
static void net_show(struct bc_str text, char shown[static NET_SHOWN_BYTES + 1]) {
  size_t len = text.len < NET_SHOWN_BYTES ? text.len : NET_SHOWN_BYTES;
  for (size_t i = 0; i < len; i++) {
    shown[i] = (char)(text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?');
  }
  shown[len] = '\0';
}

/* False: nil and a text are pushed. */
static bool net_read(lua_State *L, int index, struct bc_prefix *prefix) {
  const char *expected = "";
  struct bc_str text = net_text(L, index);
  enum bc_err err = bc_prefix_parse(text, prefix, &expected);
  if (err == BC_ERR_OK || err == BC_ERR_CONFLICT) {
    return true;
  }
  char shown[NET_SHOWN_BYTES + 1];
  net_show(text, shown);
  lua_pushnil(L);
  lua_pushfstring(L, "expected %s, found \"%s\"", expected, shown);
  return false;
}

static void net_push_address(lua_State *L, const uint8_t *address, bool is_ipv6) {
  char text[BC_PREFIX_TEXT_BYTES];
  bc_prefix_print_address(address, is_ipv6, text);
  lua_pushstring(L, text);
}

static int net_parse(lua_State *L) {
  struct bc_prefix prefix;
  char text[BC_PREFIX_TEXT_BYTES];
  uint8_t address[16];
  bool is_ipv6;
  if (!net_read(L, 1, &prefix)) {
    return 2;
  }
  /* With its host bits. */
  struct bc_str whole = net_text(L, 1);
  struct bc_str first;
  (void)bc_str_next_field(&whole, '/', &first);
  (void)bc_address_parse(first, address, &is_ipv6);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, is_ipv6 ? 6 : 4);
  lua_setfield(L, -2, "family");
  net_push_address(L, address, is_ipv6);
  lua_setfield(L, -2, "address");
  lua_pushinteger(L, prefix.length);
  lua_setfield(L, -2, "length");
  bc_prefix_print(&prefix, text);
  lua_pushstring(L, text);
  lua_setfield(L, -2, "prefix");
  return 1;
}

static int net_family(lua_State *L) {
  struct bc_prefix prefix;
  if (!net_read(L, 1, &prefix)) {
    return 2;
  }
  lua_pushinteger(L, prefix.is_ipv6 ? 6 : 4);
  return 1;
}

static int net_length(lua_State *L) {
  struct bc_prefix prefix;
  if (!net_read(L, 1, &prefix)) {
    return 2;
  }
  lua_pushinteger(L, prefix.length);
  return 1;
}

static int net_network(lua_State *L) {
  struct bc_prefix prefix;
  if (!net_read(L, 1, &prefix)) {
    return 2;
  }
  net_push_address(L, prefix.address, prefix.is_ipv6);
  return 1;
}

static int net_broadcast(lua_State *L) {
  struct bc_prefix prefix;
  uint8_t last[16];
  if (!net_read(L, 1, &prefix)) {
    return 2;
  }
  if (prefix.is_ipv6) {
    lua_pushnil(L);
    lua_pushliteral(L, "IPv6 has no broadcast address");
    return 2;
  }
  bc_prefix_last(&prefix, last);
  net_push_address(L, last, false);
  return 1;
}

/* Both arguments must be texts before either is judged. */
static bool net_read_two(lua_State *L, struct bc_prefix *one, struct bc_prefix *two) {
  luaL_checktype(L, 1, LUA_TSTRING);
  luaL_checktype(L, 2, LUA_TSTRING);
  return net_read(L, 1, one) && net_read(L, 2, two);
}

static int net_contains(lua_State *L) {
  struct bc_prefix outer;
  struct bc_prefix inner;
  if (!net_read_two(L, &outer, &inner)) {
    return 2;
  }
  lua_pushboolean(L, bc_prefix_contains(&outer, &inner));
  return 1;
}

static int net_compare(lua_State *L) {
  struct bc_prefix one;
  struct bc_prefix two;
  if (!net_read_two(L, &one, &two)) {
    return 2;
  }
  lua_pushinteger(L, bc_prefix_compare(&one, &two));
  return 1;
}

static int net_enumerate(lua_State *L) {
  struct bc_prefix prefix;
  lua_Integer most = luaL_optinteger(L, 2, NET_MOST);
  if (most < 1 || most > BC_LIMIT_NET_ADDRESSES) {
    return luaL_argerror(L, 2, lua_pushfstring(L, "expected 1 to %d", BC_LIMIT_NET_ADDRESSES));
  }
  if (!net_read(L, 1, &prefix)) {
    return 2;
  }
  uint64_t count = bc_prefix_count(&prefix, (uint64_t)most + 1);
  if (count > (uint64_t)most) {
    char text[BC_PREFIX_TEXT_BYTES];
    bc_prefix_print(&prefix, text);
    lua_pushnil(L);
    lua_pushfstring(L, "%s holds more than %I addresses", text, (LUAI_UACINT)most);
    return 2;
  }
  uint8_t address[16];
  memcpy(address, prefix.address, sizeof address);
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 1; i <= (lua_Integer)count; i++) {
    net_push_address(L, address, prefix.is_ipv6);
    lua_rawseti(L, -2, i);
    bc_prefix_next_address(address, prefix.is_ipv6);
  }
  return 1;
}

int bc_lua_net_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"parse", net_parse},     {"family", net_family},       {"length", net_length},
      {"network", net_network}, {"broadcast", net_broadcast}, {"contains", net_contains},
      {"compare", net_compare}, {"enumerate", net_enumerate}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
