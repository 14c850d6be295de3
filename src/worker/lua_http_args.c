#include "base/limits.h"
#include "base/mem.h"
#include "worker/lua_args.h"
#include "worker/lua_http_private.h"
#include "worker/lua_tls.h"

#include <lauxlib.h>
#include <string.h>
#include <strings.h>

/* ---- headers ---- */

/* A token of RFC 9110, 5.6.2. */
static bool http_is_token(struct bc_str text) {
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.at[i];
    if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL) {
      return false;
    }
  }
  return text.len > 0;
}

/* No line breaks, which would begin another header, and no other control character but the tab. */
static bool http_is_value(struct bc_str text) {
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.at[i];
    if ((c < ' ' && c != '\t') || c == 0x7f) {
      return false;
    }
  }
  return true;
}

/* Those that say where the message ends and what becomes of the connection are not a script's to set. */
static bool http_is_framing(const char *name) {
  static const char *const framing[] = {"connection", "content-length",    "expect", "keep-alive", "te", "trailer",
                                        "upgrade",    "transfer-encoding", NULL};
  for (size_t i = 0; framing[i] != NULL; i++) {
    if (strcasecmp(name, framing[i]) == 0) {
      return true;
    }
  }
  return strncasecmp(name, "proxy-", 6) == 0;
}

/* The pair on top of the stack. */
static size_t http_check_header(lua_State *L) {
  if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) {
    (void)luaL_error(L, "option 'headers': expected {[\"Name\"] = \"value\"}, found a %s with a %s",
                     luaL_typename(L, -2), luaL_typename(L, -1));
  }
  struct bc_str name;
  struct bc_str value;
  name.at = lua_tolstring(L, -2, &name.len);
  value.at = lua_tolstring(L, -1, &value.len);
  if (!http_is_token(name)) {
    (void)luaL_error(L, "option 'headers': the name of a header is letters, digits and -");
  }
  if (!http_is_value(value)) {
    (void)luaL_error(L, "option 'headers': the value of '%s' holds a line break or another control character", name.at);
  }
  if (http_is_framing(name.at)) {
    (void)luaL_error(L, "option 'headers': '%s' is set by the request itself", name.at);
  }
  return name.len + value.len + 4;
}

/* Names that differ in case alone would be two headers of one name. */
static void http_check_once(lua_State *L, int table, const char *name) {
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    const char *other = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (other != name && strcasecmp(other, name) == 0) {
      (void)luaL_error(L, "option 'headers': '%s' is given twice", name);
    }
  }
}

/* Leaves the table on the stack. */
static void http_read_headers(lua_State *L, struct http_args *args) {
  size_t bytes = 0;
  bc_lua_args_push(L, 2, "headers");
  if (lua_isnil(L, -1)) {
    return;
  }
  if (!lua_istable(L, -1)) {
    (void)luaL_error(L, "option 'headers': expected a table, found a %s", luaL_typename(L, -1));
  }
  if (bc_lua_push_thawed(L, -1)) {
    lua_replace(L, -2);
  }
  args->headers_index = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, args->headers_index) != 0; lua_pop(L, 1)) {
    bytes += http_check_header(L);
    args->header_count++;
    if (args->header_count > BC_LIMIT_WEB_SENT_HEADERS || bytes > BC_LIMIT_WEB_SENT_HEAD_BYTES) {
      (void)luaL_error(L, "option 'headers': expected at most %d headers with %d bytes", (int)BC_LIMIT_WEB_SENT_HEADERS,
                       (int)BC_LIMIT_WEB_SENT_HEAD_BYTES);
    }
  }
  for (lua_pushnil(L); lua_next(L, args->headers_index) != 0; lua_pop(L, 1)) {
    http_check_once(L, args->headers_index, lua_tostring(L, -2));
  }
}

char **http_args_copy_headers(lua_State *L, const struct http_args *args) {
  char **headers = bc_mem_new(args->header_count + 1, sizeof *headers);
  size_t at = 0;
  if (args->headers_index == 0) {
    return headers;
  }
  for (lua_pushnil(L); lua_next(L, args->headers_index) != 0; lua_pop(L, 1)) {
    struct bc_buf line;
    bc_buf_init(&line, BC_LIMIT_WEB_SENT_HEAD_BYTES + 4);
    size_t len;
    const char *value = lua_tolstring(L, -1, &len);
    bc_buf_add_text(&line, lua_tostring(L, -2));
    /* libcurl takes "Name:" for a header that is not to be sent. */
    struct bc_str trimmed = bc_str_trim((struct bc_str){value, len});
    bc_buf_add_text(&line, trimmed.len == 0 ? ";" : ": ");
    bc_buf_add_str(&line, trimmed);
    headers[at++] = bc_buf_take(&line);
  }
  return headers;
}

/* ---- the other options ---- */

/* "10.0.0.1", "10.0.0.1:80", "[::1]:80", "::1", "name", "name:80". */
static bool http_split_place(struct bc_str text, struct bc_str *host, uint16_t *port) {
  struct bc_resolver_address address;
  uint64_t number = 0;
  *host = text;
  *port = 0;
  if (bc_lua_host_parse(text, &address)) {
    return true;
  }
  const char *colon = text.len == 0 ? NULL : memrchr(text.at, ':', text.len);
  if (colon != NULL) {
    size_t at = (size_t)(colon - text.at);
    struct bc_str digits = {.at = colon + 1, .len = text.len - at - 1};
    if (bc_str_to_u64(digits, UINT16_MAX, &number) != BC_ERR_OK || number == 0) {
      return false;
    }
    *port = (uint16_t)number;
    host->len = at;
  }
  bool is_bracketed = host->len > 0 && host->at[0] == '[';
  bool is_name = host->len > 0 && host->len <= HTTP_NAME_BYTES && memchr(host->at, ':', host->len) == NULL;
  return is_bracketed ? bc_lua_host_parse(*host, &address) : is_name;
}

static void http_read_place(lua_State *L, struct http_args *args) {
  struct bc_str text = bc_lua_args_text(L, 2, "connect_to", BC_LIMIT_WEB_URL_BYTES);
  if (text.at != NULL && !http_split_place(text, &args->connect_host, &args->connect_port)) {
    (void)luaL_error(L, "option 'connect_to': expected ADDRESS, ADDRESS:PORT or NAME:PORT such as [2001:db8::1]:443");
  }
}

/* Leaves the table on the stack. Which protocols are offered is said by the version. */
static void http_read_tls(lua_State *L, struct http_args *args) {
  static const char *const known[] = {"verify", "ca", "cert", "key", "name", "min", NULL};
  bc_lua_args_push(L, 2, "tls");
  int index = lua_gettop(L);
  if (lua_isnil(L, index)) {
    return;
  }
  if (!lua_istable(L, index)) {
    (void)luaL_error(L, "option 'tls': expected a table, found a %s", luaL_typename(L, index));
  }
  bc_lua_args_check(L, index, known);
  bc_lua_tls_read(L, index, &args->tls);
}

static void http_read_method(lua_State *L, const char *method, struct http_args *args) {
  args->method = method != NULL ? bc_str_of(method) : bc_lua_args_text(L, 2, "method", HTTP_METHOD_BYTES);
  if (args->method.at == NULL) {
    args->method = bc_str_of(args->body.at == NULL ? "GET" : "POST");
  }
  for (size_t i = 0; i < args->method.len; i++) {
    char c = args->method.at[i];
    if (!((c >= 'A' && c <= 'Z') || c == '-')) {
      (void)luaL_error(L, "option 'method': expected a method in capital letters such as GET");
    }
  }
  if (args->method.len == 0 || bc_str_is(args->method, "CONNECT")) {
    (void)luaL_error(L, "option 'method': expected a method such as GET, but not CONNECT");
  }
  if (args->body.at != NULL && (bc_str_is(args->method, "HEAD") || bc_str_is(args->method, "TRACE"))) {
    (void)luaL_error(L, "option 'body': %s has none", args->method.at);
  }
}

void http_args_read(lua_State *L, const char *method, struct http_args *args) {
  /* What all take first, then what only those take that may have a body, then what http.request takes. */
  static const char *const known[] = {"headers",   "timeout", "connect_timeout", "max_body", "connect_to",
                                      "redirects", "keep",    "version",         "tls",      NULL};
  static const char *const with_body[] = {"body",     "headers",    "timeout",   "connect_timeout",
                                          "max_body", "connect_to", "redirects", "keep",
                                          "version",  "tls",        NULL};
  static const char *const with_method[] = {"method",   "body",       "headers",   "timeout", "connect_timeout",
                                            "max_body", "connect_to", "redirects", "keep",    "version",
                                            "tls",      NULL};
  static const char *const versions[] = {"1.1", "2", NULL};
  *args = (struct http_args){.timeout_ms = BC_LUA_NO_TIMEOUT};
  args->url.at = luaL_checklstring(L, 1, &args->url.len);
  bool has_body = method != NULL && strcmp(method, "POST") == 0;
  bc_lua_args_check(L, 2, method == NULL ? with_method : has_body ? with_body : known);
  luaL_checkstack(L, 16, NULL);
  if (method == NULL || has_body) {
    args->body = bc_lua_args_text(L, 2, "body", BC_LIMIT_WEB_BODY_BYTES);
  }
  http_read_method(L, method, args);
  args->timeout_ms = bc_lua_args_ms(L, 2, "timeout", BC_LUA_NO_TIMEOUT);
  args->connect_ms = bc_lua_args_ms(L, 2, "connect_timeout", 0);
  args->max_body = (size_t)bc_lua_args_integer(L, 2, "max_body", 0, BC_LIMIT_WEB_BODY_BYTES, 65536);
  args->redirects = (unsigned)bc_lua_args_integer(L, 2, "redirects", 0, HTTP_REDIRECTS, 0);
  args->keep = bc_lua_args_bool(L, 2, "keep", false);
  args->is_http2 = bc_lua_args_choice(L, 2, "version", versions, 0) == 1;
  if (args->is_http2 && args->body.len > 0) {
    /* libcurl, as released until 8.0 at least, spins as long as a server does not take what it is sent. */
    (void)luaL_error(L, "option 'body': is sent by version \"1.1\" only");
  }
  http_read_place(L, args);
  http_read_headers(L, args);
  http_read_tls(L, args);
}
