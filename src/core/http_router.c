/* Which path it is, who asks, whether that is allowed: in this order, for each request. */
#include "core/http_private.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct core_http_path core_http_paths[] = {
#define CORE_HTTP_PATH(method_, path_, handler_, scope_, summary_)                                                     \
  {.method = (method_), .path = (path_), .fn = (handler_), .scope = CORE_HTTP_##scope_, .summary = (summary_)},
#include "core/http_path.def"
#undef CORE_HTTP_PATH
};

const size_t core_http_path_count = sizeof core_http_paths / sizeof core_http_paths[0];

BC_ENUM_TEXT_FUNCTION(core_http_scope_text, enum core_http_scope, CORE_HTTP_SCOPE_LIST, "operate")

/* ---- paths ---- */

/* Whether `path` is one of `pattern`; what stands for {name} goes to `name`. */
static bool router_matches(const char *pattern, const char *path, char name[static CORE_HTTP_NAME_BYTES]) {
  const char *brace = strchr(pattern, '{');
  if (brace == NULL) {
    name[0] = '\0';
    return strcmp(pattern, path) == 0;
  }
  size_t before = (size_t)(brace - pattern);
  const char *after = strchr(brace, '}') + 1;
  if (strncmp(pattern, path, before) != 0) {
    return false;
  }
  size_t len = strcspn(path + before, "/");
  if (len == 0 || len >= CORE_HTTP_NAME_BYTES || strcmp(after, path + before + len) != 0) {
    return false;
  }
  memcpy(name, path + before, len);
  name[len] = '\0';
  return true;
}

static void router_add_method(struct bc_buf *allow, const char *method) {
  bc_buf_add_format(allow, "%s%s", allow->len > 0 ? ", " : "", method);
  if (strcmp(method, "GET") == 0) {
    bc_buf_add_text(allow, ", HEAD");
  }
}

/* The one that is asked for; a path in letters goes before one with {name}. Else core_http_path_count, with the methods
 * that there are for this path in `allow`. */
static size_t router_find(const char *method, const char *path, char name[static CORE_HTTP_NAME_BYTES],
                          struct bc_buf *allow) {
  size_t found = core_http_path_count;
  char read[CORE_HTTP_NAME_BYTES];
  for (size_t i = 0; i < core_http_path_count; i++) {
    if (!router_matches(core_http_paths[i].path, path, read)) {
      continue;
    }
    if (strcmp(core_http_paths[i].method, method) != 0) {
      router_add_method(allow, core_http_paths[i].method);
    } else if (found == core_http_path_count || read[0] == '\0') {
      found = i;
      memcpy(name, read, sizeof read);
    }
  }
  return found;
}

/* ---- who asks ---- */

static void router_name_source(struct core_http_call *call) {
  struct bc_httpd_peer peer;
  bc_httpd_peer(call->request, &peer);
  if (peer.is_unix) {
    (void)snprintf(call->source, sizeof call->source, "unix uid %u pid %d", (unsigned)peer.uid, (int)peer.pid);
    (void)snprintf(call->who, sizeof call->who, "unix uid %u", (unsigned)peer.uid);
  } else {
    (void)snprintf(call->source, sizeof call->source, "%s", peer.address);
    (void)snprintf(call->who, sizeof call->who, "%s", peer.address);
  }
}

/* ---- headers of every answer ---- */

/* The page's parts say themselves how long they are kept, and what a page may load. */
static bool router_is_page(const char *path) {
  return strcmp(path, "/") == 0 || strncmp(path, "/page/", 6) == 0;
}

static void router_add_headers(struct bc_httpd_request *request, uint64_t id) {
  char text[24];
  (void)snprintf(text, sizeof text, "%" PRIu64, id);
  bc_httpd_add_header(request, "X-Request-Id", text);
  bc_httpd_add_header(request, "X-Content-Type-Options", "nosniff");
  bc_httpd_add_header(request, "X-Frame-Options", "DENY");
  bc_httpd_add_header(request, "Referrer-Policy", "no-referrer");
  bc_httpd_add_header(request, "Cross-Origin-Resource-Policy", "same-origin");
  if (!router_is_page(bc_httpd_path(request)) || strcmp(bc_httpd_method(request), "GET") != 0) {
    bc_httpd_add_header(request, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    bc_httpd_add_header(request, "Cache-Control", "no-store");
  }
}

/* ---- a request and its end ---- */

static void router_refuse(struct bc_httpd_request *request, const struct bc_buf *allow) {
  if (allow->len > 0) {
    bc_httpd_add_header(request, "Allow", allow->data);
    core_http_fail(request, 405, "method", "this path takes %s", allow->data);
  } else {
    core_http_fail(request, 404, "no-such-path", "there is no such path");
  }
}

void core_http_on_request(void *arg, struct bc_httpd_request *request) {
  struct bc_core *core = arg;
  struct core_http_call call = {.core = core, .request = request, .id = ++core->http->last_id};
  struct http_context *context = bc_mem_new(1, sizeof *context);
  struct bc_buf allow;
  bc_buf_init(&allow, 256);
  context->core = core;
  context->begun = bc_mono_now();
  context->path = router_find(bc_httpd_method(request), bc_httpd_path(request), call.name, &allow);
  bc_httpd_set_user(request, context);
  router_add_headers(request, call.id);
  if (context->path == core_http_path_count) {
    router_refuse(request, &allow);
  } else {
    call.path = &core_http_paths[context->path];
    router_name_source(&call);
    if (core_http_gate_judge(&call)) {
      call.path->fn(&call);
    }
  }
  bc_buf_free(&allow);
}

void core_http_on_end(void *arg, struct bc_httpd_request *request, unsigned status) {
  struct bc_core *core = arg;
  struct http_context *context = bc_httpd_user(request);
  struct core_http_counts *counts = &core->http->counts[context->path];
  unsigned digit = status / 100;
  counts->by_class[digit < CORE_HTTP_CLASSES ? digit : 0]++;
  bc_histogram_add(&counts->times, (uint64_t)(bc_mono_now().us - context->begun.us));
  free(context);
}
