#include "core/http.h"
#include "core/page.h"
#include "io/httpd.h"

#include <stdio.h>

/* A hash, what tells the packed one from the other, quotation marks. */
enum { PAGE_TAG_BYTES = 32 };

static void page_answer(struct bc_httpd_request *request, const struct core_page_part *part) {
  bool is_packed = core_page_takes_gzip(bc_httpd_header(request, "Accept-Encoding"));
  char tag[PAGE_TAG_BYTES];
  (void)snprintf(tag, sizeof tag, "\"%s%s\"", part->hash, is_packed ? "-gzip" : "");
  bc_httpd_add_header(request, "Content-Security-Policy", CORE_PAGE_POLICY);
  bc_httpd_add_header(request, "ETag", tag);
  /* Kept, and asked for anew each time: after an upgrade all parts are of the new one. */
  bc_httpd_add_header(request, "Cache-Control", "no-cache");
  bc_httpd_add_header(request, "Vary", "Accept-Encoding");
  if (core_page_has_tag(bc_httpd_header(request, "If-None-Match"), tag)) {
    bc_httpd_answer(request, 304, NULL, (struct bc_str){"", 0});
    return;
  }
  if (is_packed) {
    bc_httpd_add_header(request, "Content-Encoding", "gzip");
  }
  bc_httpd_answer(request, 200, part->type,
                  is_packed ? (struct bc_str){part->packed, part->packed_length}
                            : (struct bc_str){part->text, part->length});
}

void core_http_page(struct core_http_call *call) {
  page_answer(call->request, core_page_find("index.html"));
}

void core_http_page_part(struct core_http_call *call) {
  const struct core_page_part *part = core_page_find(call->name);
  if (part == NULL) {
    core_http_fail(call->request, 404, "not-found", "the page has no such part");
    return;
  }
  page_answer(call->request, part);
}
