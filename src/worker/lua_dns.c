/* The module `dns` of scripts: single queries and look-ups of names.
 *
 *   dns.query(NAME, TYPE = "A", {server, port = 53, tcp = false, retry_tcp = true, timeout, recursion = true,
 *                                edns = 1232, class = "IN"})
 *     {rcode = "NOERROR", answer = {RECORD …}, authority = {…}, additional = {…}, rtt = seconds, size = bytes,
 *      server = "10.0.0.1", tcp = false, id, authoritative, truncated, recursion_available, authentic,
 *      edns = the largest answer by UDP that the server takes, absent without EDNS}
 *     RECORD = {name, type = "A", class = "IN", ttl, data = as a master file has it, … fields of BC_DNS_TYPE_LIST}
 *   dns.resolve(NAME, {family = 4 or 6, timeout})
 *     {"192.0.2.1", …}, by /etc/hosts and DNS, in the order in which to try them
 *
 * `server` is an address or a name; of its addresses the next one is asked when nobody listens at one or there is no
 * way to it. TYPE may be left out. TYPE and class: names in any case, "TYPE65", "CLASS3", numbers. PTR of an address
 * asks for its reverse name. `rtt` runs from the first query to the end of the answer that is given. Names have no dot
 * at the end, but in `data`. */
#include "base/mem.h"
#include "io/endpoint.h"
#include "model/address.h"
#include "proto/dns.h"
#include "worker/lua_args.h"
#include "worker/lua_call.h"
#include "worker/lua_fake.h"
#include "worker/lua_host.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum {
  DNS_PORT = 53,
  DNS_EDNS_BYTES = 1232, /* passes every link unfragmented */
  DNS_EDNS_LEAST = 512,
  DNS_TYPE_A = 1,
  DNS_TYPE_PTR = 12,
  DNS_CLASS_IN = 1,
  DNS_NAME_MOST = 1024, /* as text, with escapes */
  DNS_SERVER_MOST = 255,
  DNS_RDATA_TEXT = 6 * BC_DNS_MESSAGE_BYTES,
  DNS_STACK = 10
};

struct dns_query {
  struct bc_lua_call base;
  struct bc_lua_host host;
  struct bc_resolver_call *asked; /* NULL: none under way */
  struct bc_resolver_query wanted;
  char name[DNS_NAME_MOST + 1];
  char server[BC_ENDPOINT_TEXT_BYTES];
  bool retries_tcp;
  bool is_no_name;
  int64_t rtt_us;
  char *bytes; /* of the answer; NULL: none yet */
  size_t len;
  /* What finishing needs: whatever raises there, the run's end releases it. */
  struct bc_dns_message message;
  struct bc_dns_record record;
  struct bc_buf text;
};

/* ---- the answer, as a table ---- */

static void dns_set_text(lua_State *L, const char *name, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static void dns_set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void dns_set_bool(lua_State *L, const char *name, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

static void dns_push_field(lua_State *L, const struct bc_dns_field *field) {
  if (field->is_number) {
    lua_pushinteger(L, field->number);
    return;
  }
  if (!field->is_strings) {
    lua_pushlstring(L, field->text.at, field->text.len);
    return;
  }
  struct bc_str rest = field->text;
  struct bc_str string;
  lua_newtable(L);
  for (lua_Integer i = 1; bc_dns_next_string(&rest, &string); i++) {
    lua_pushlstring(L, string.at, string.len);
    lua_rawseti(L, -2, i);
  }
}

static void dns_push_record(lua_State *L, struct dns_query *query) {
  const struct bc_dns_record *record = &query->record;
  char word[BC_DNS_WORD_BYTES];
  lua_createtable(L, 0, 5 + (int)record->field_count);
  dns_set_text(L, "name", record->name);
  bc_dns_type_print(record->type, word);
  dns_set_text(L, "type", word);
  bc_dns_class_print(record->dns_class, word);
  dns_set_text(L, "class", word);
  dns_set_integer(L, "ttl", record->ttl);
  bc_buf_clear(&query->text);
  bc_dns_print_rdata(record, &query->text);
  lua_pushlstring(L, query->text.data, query->text.len);
  lua_setfield(L, -2, "data");
  for (size_t i = 0; i < record->field_count; i++) {
    const struct bc_dns_field *field = &record->fields[i];
    lua_pushlstring(L, field->name.at, field->name.len);
    dns_push_field(L, field);
    lua_rawset(L, -3);
  }
}

static void dns_push_head(lua_State *L, const struct dns_query *query) {
  const struct bc_dns_message *message = &query->message;
  char rcode[BC_DNS_WORD_BYTES];
  bc_dns_rcode_print(message->rcode, rcode);
  dns_set_text(L, "rcode", rcode);
  dns_set_text(L, "server", query->server);
  dns_set_integer(L, "id", message->id);
  dns_set_integer(L, "size", (lua_Integer)query->len);
  lua_pushnumber(L, (lua_Number)query->rtt_us / 1e6);
  lua_setfield(L, -2, "rtt");
  dns_set_bool(L, "tcp", query->wanted.uses_tcp);
  dns_set_bool(L, "authoritative", message->is_authoritative);
  dns_set_bool(L, "truncated", message->is_truncated);
  dns_set_bool(L, "recursion_available", message->is_recursion_available);
  dns_set_bool(L, "authentic", message->is_authentic);
  if (message->has_edns) {
    dns_set_integer(L, "edns", message->edns_bytes);
  }
}

static int dns_refuse_answer(lua_State *L, const struct dns_query *query, const struct bc_fault *fault) {
  lua_pushfstring(L, "%s: the answer cannot be read: %s", query->base.place, fault->text);
  return bc_lua_call_push_failure(L, BC_LUA_PROTOCOL, lua_tostring(L, -1));
}

/* The result stands below the tables of its sections. */
static int dns_query_finish(lua_State *L, struct bc_lua_call *call) {
  struct dns_query *query = (struct dns_query *)call;
  struct bc_fault fault = {0};
  lua_Integer counts[BC_DNS_SECTION_COUNT] = {0};
  if (query->is_no_name) {
    return luaL_argerror(L, 1, "this name cannot be asked for");
  }
  luaL_checkstack(L, DNS_STACK, NULL);
  enum bc_err err = bc_dns_open(&query->message, (struct bc_str){.at = query->bytes, .len = query->len}, &fault);
  if (err != BC_ERR_OK) {
    return dns_refuse_answer(L, query, &fault);
  }
  lua_newtable(L);
  dns_push_head(L, query);
  int result = lua_gettop(L);
  for (int section = 0; section < BC_DNS_SECTION_COUNT; section++) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, result, bc_dns_section_text((enum bc_dns_section)section));
  }
  while ((err = bc_dns_next(&query->message, &query->record, &fault)) == BC_ERR_OK) {
    enum bc_dns_section section = query->record.section;
    dns_push_record(L, query);
    lua_rawseti(L, result + 1 + (int)section, ++counts[section]);
  }
  lua_settop(L, result);
  return err == BC_ERR_NOT_FOUND ? 1 : dns_refuse_answer(L, query, &fault);
}

/* ---- the query ---- */

static void dns_query_stop(struct bc_lua_call *call) {
  struct dns_query *query = (struct dns_query *)call;
  bc_lua_host_end(&query->host);
  bc_resolver_cancel(query->asked);
  query->asked = NULL;
}

static void dns_query_free(struct bc_lua_call *call) {
  struct dns_query *query = (struct dns_query *)call;
  free(query->bytes);
  bc_buf_free(&query->text);
}

static enum bc_lua_code dns_code_of(const struct bc_resolver_answer *answer) {
  switch (answer->err) {
  case BC_ERR_TIMEOUT:
    return BC_LUA_TIMEOUT;
  case BC_ERR_CLOSED:
    return BC_LUA_CLOSED;
  case BC_ERR_PROTOCOL:
    return BC_LUA_PROTOCOL;
  case BC_ERR_LIMIT:
    return BC_LUA_LIMIT;
  default:
    return bc_lua_code_of_errno(answer->error_number);
  }
}

static void dns_ask(struct dns_query *query);
static bool dns_go_on(struct dns_query *query);

static bool dns_is_truncated(struct dns_query *query) {
  struct bc_fault fault;
  struct bc_str bytes = {.at = query->bytes, .len = query->len};
  return bc_dns_open(&query->message, bytes, &fault) == BC_ERR_OK && query->message.is_truncated;
}

static void dns_on_answer(void *arg, const struct bc_resolver_answer *answer) {
  struct dns_query *query = arg;
  query->asked = NULL;
  if (answer->err == BC_ERR_SYNTAX) {
    query->is_no_name = true;
    bc_lua_call_done(&query->base);
    return;
  }
  if (answer->err == BC_ERR_IO && query->bytes == NULL && dns_go_on(query)) {
    return;
  }
  if (answer->err != BC_ERR_OK) {
    bc_lua_call_fail(&query->base, dns_code_of(answer), "%s", answer->fault.text);
    return;
  }
  free(query->bytes);
  query->bytes = bc_mem_copy_text(answer->bytes.at, answer->bytes.len);
  query->len = answer->bytes.len;
  query->rtt_us += answer->rtt_us;
  if (!query->wanted.uses_tcp && query->retries_tcp && dns_is_truncated(query)) {
    query->wanted.uses_tcp = true;
    dns_ask(query);
  } else {
    bc_lua_call_done(&query->base);
  }
}

static void dns_ask(struct dns_query *query) {
  struct bc_fault fault;
  if (bc_lua_io_judge(query->base.held.io, &query->wanted.server, query->wanted.port, &fault) != BC_ERR_OK) {
    bc_lua_call_fail(&query->base, BC_LUA_EGRESS, "%s", fault.text);
    return;
  }
  query->asked = bc_resolver_ask(query->base.held.io->resolver, &query->wanted);
}

static void dns_go_to(struct dns_query *query) {
  char place[BC_ENDPOINT_TEXT_BYTES];
  bc_endpoint_print(&query->wanted.server, 0, query->server);
  bc_endpoint_print(&query->wanted.server, query->wanted.port, place);
  bc_lua_call_set_place(&query->base, "%s", place);
  dns_ask(query);
}

/* The server's next address, if there is one that may be asked. */
static bool dns_go_on(struct dns_query *query) {
  if (!bc_lua_host_next(&query->host, query->wanted.port, &query->wanted.server)) {
    return false;
  }
  dns_go_to(query);
  return true;
}

static void dns_on_host(void *arg) {
  struct dns_query *query = arg;
  if (!dns_go_on(query)) {
    bc_lua_call_fail(&query->base, query->host.code, "%s", query->host.fault.text);
  }
}

/* ---- arguments ---- */

/* The value at the top: a name in any case, or a number; nil leaves `number` as it is. */
static bool dns_read_number(lua_State *L, enum bc_err (*parse)(struct bc_str text, uint16_t *number),
                            uint16_t *number) {
  int is_integer = 0;
  if (lua_type(L, -1) == LUA_TSTRING) {
    struct bc_str text;
    text.at = lua_tolstring(L, -1, &text.len);
    return parse(text, number) == BC_ERR_OK;
  }
  if (lua_type(L, -1) == LUA_TNUMBER) {
    lua_Integer value = lua_tointegerx(L, -1, &is_integer);
    *number = (uint16_t)value;
    return is_integer != 0 && value >= 0 && value <= UINT16_MAX;
  }
  return lua_isnil(L, -1);
}

static uint16_t dns_type(lua_State *L) {
  uint16_t type = DNS_TYPE_A;
  lua_pushvalue(L, 2);
  luaL_argcheck(L, dns_read_number(L, bc_dns_type_parse, &type), 2, "expected a type: A, AAAA, TYPE65 or a number");
  lua_pop(L, 1);
  return type;
}

static uint16_t dns_class(lua_State *L, int index) {
  uint16_t number = DNS_CLASS_IN;
  bc_lua_args_push(L, index, "class");
  if (!dns_read_number(L, bc_dns_class_parse, &number)) {
    (void)luaL_error(L, "option 'class': expected IN, CH, HS, ANY, CLASS7 or a number");
  }
  lua_pop(L, 1);
  return number;
}

static uint16_t dns_edns_bytes(lua_State *L, int index) {
  bc_lua_args_push(L, index, "edns");
  bool is_bool = lua_isboolean(L, -1);
  bool is_on = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  if (is_bool) {
    return is_on ? DNS_EDNS_BYTES : 0;
  }
  return (uint16_t)bc_lua_args_integer(L, index, "edns", DNS_EDNS_LEAST, UINT16_MAX, DNS_EDNS_BYTES);
}

static struct bc_str dns_name(lua_State *L) {
  struct bc_str name;
  luaL_checktype(L, 1, LUA_TSTRING);
  name.at = lua_tolstring(L, 1, &name.len);
  luaL_argcheck(L, name.len > 0 && name.len <= DNS_NAME_MOST && memchr(name.at, '\0', name.len) == NULL, 1,
                "this name cannot be asked for");
  return name;
}

static void dns_set_name(struct dns_query *query, struct bc_str name) {
  uint8_t address[16];
  bool is_ipv6;
  if (query->wanted.type == DNS_TYPE_PTR && bc_address_parse(name, address, &is_ipv6)) {
    bc_dns_print_reverse(address, is_ipv6, query->name);
  } else {
    memcpy(query->name, name.at, name.len);
  }
  query->wanted.name = bc_str_of(query->name);
}

static const struct bc_lua_call_kind dns_query_kind = {
    .size = sizeof(struct dns_query), .stop = dns_query_stop, .free = dns_query_free, .finish = dns_query_finish};

static int dns_query(lua_State *L) {
  static const char *const options[] = {"server",    "port", "tcp",   "retry_tcp", "timeout",
                                        "recursion", "edns", "class", NULL};
  struct bc_resolver_query wanted = {.timeout_ms = BC_RESOLVER_TIMEOUT_MS, .fn = dns_on_answer};
  if (lua_istable(L, 2) && lua_isnoneornil(L, 3)) {
    lua_settop(L, 2);
    lua_pushnil(L);
    lua_insert(L, 2);
  }
  bc_lua_args_check(L, 3, options);
  struct bc_str name = dns_name(L);
  wanted.type = dns_type(L);
  wanted.dns_class = dns_class(L, 3);
  struct bc_str server = bc_lua_args_text(L, 3, "server", DNS_SERVER_MOST);
  uint16_t port = (uint16_t)bc_lua_args_integer(L, 3, "port", 1, UINT16_MAX, 0);
  wanted.wants_recursion = bc_lua_args_bool(L, 3, "recursion", true);
  wanted.uses_tcp = bc_lua_args_bool(L, 3, "tcp", false);
  wanted.edns_bytes = dns_edns_bytes(L, 3);
  bool retries_tcp = bc_lua_args_bool(L, 3, "retry_tcp", true);
  int64_t timeout_ms = bc_lua_args_ms(L, 3, "timeout", BC_LUA_NO_TIMEOUT);
  const struct bc_lua_io *io = bc_sandbox_io_of(L);
  if (io != NULL && io->fake != NULL) {
    return bc_lua_fake_call(L, "dns.query", timeout_ms);
  }
  struct dns_query *query = bc_lua_call_new(L, &dns_query_kind);
  if (query == NULL) {
    return bc_lua_call_refuse(L);
  }
  bc_buf_init(&query->text, DNS_RDATA_TEXT);
  query->wanted = wanted;
  query->wanted.arg = query;
  query->retries_tcp = retries_tcp;
  dns_set_name(query, name);
  if (server.at == NULL) {
    bc_resolver_first_server(query->base.held.io->resolver, &query->wanted.server, &query->wanted.port);
    query->wanted.port = port != 0 ? port : query->wanted.port;
    dns_go_to(query);
  } else {
    query->wanted.port = port != 0 ? port : DNS_PORT;
    query->base.host = &query->host;
    bc_lua_host_begin(&query->host, query->base.held.io, server, 0, dns_on_host, query);
    if (query->base.place[0] == '\0') {
      bc_lua_call_set_place(&query->base, "%s", query->host.name);
    }
  }
  return bc_lua_call_wait(L, &query->base, timeout_ms);
}

/* ---- names ---- */

struct dns_resolve {
  struct bc_lua_call base;
  struct bc_lua_host host;
};

static void dns_resolve_stop(struct bc_lua_call *call) {
  bc_lua_host_end(&((struct dns_resolve *)call)->host);
}

static int dns_resolve_finish(lua_State *L, struct bc_lua_call *call) {
  const struct bc_lua_host *host = &((struct dns_resolve *)call)->host;
  char text[BC_LUA_HOST_TEXT_BYTES];
  luaL_checkstack(L, DNS_STACK, NULL);
  lua_createtable(L, (int)host->count, 0);
  for (size_t i = 0; i < host->count; i++) {
    bc_lua_host_print(&host->addresses[i], text);
    lua_pushstring(L, text);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static void dns_on_resolved(void *arg) {
  struct dns_resolve *resolve = arg;
  if (resolve->host.code == BC_LUA_OK) {
    bc_lua_call_done(&resolve->base);
  } else {
    bc_lua_call_fail(&resolve->base, resolve->host.code, "%s", resolve->host.fault.text);
  }
}

static const struct bc_lua_call_kind dns_resolve_kind = {
    .size = sizeof(struct dns_resolve), .stop = dns_resolve_stop, .finish = dns_resolve_finish};

static int dns_resolve(lua_State *L) {
  static const char *const options[] = {"family", "timeout", NULL};
  bc_lua_args_check(L, 2, options);
  struct bc_str name = dns_name(L);
  int family = (int)bc_lua_args_integer(L, 2, "family", 4, 6, 0);
  if (family == 5) {
    return luaL_error(L, "option 'family': expected 4 or 6, found 5");
  }
  int64_t timeout_ms = bc_lua_args_ms(L, 2, "timeout", BC_LUA_NO_TIMEOUT);
  const struct bc_lua_io *io = bc_sandbox_io_of(L);
  if (io != NULL && io->fake != NULL) {
    return bc_lua_fake_call(L, "dns.resolve", timeout_ms);
  }
  struct dns_resolve *resolve = bc_lua_call_new(L, &dns_resolve_kind);
  if (resolve == NULL) {
    return bc_lua_call_refuse(L);
  }
  bc_lua_host_begin(&resolve->host, resolve->base.held.io, name, family, dns_on_resolved, resolve);
  bc_lua_call_set_place(&resolve->base, "%s", resolve->host.name);
  return bc_lua_call_wait(L, &resolve->base, timeout_ms);
}

int bc_lua_dns_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"query", dns_query}, {"resolve", dns_resolve}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
