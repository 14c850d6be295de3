/* GET /metrics, and what is counted of the HTTP API itself. */
#include "core/http_private.h"
#include "core/metrics_private.h"

#include <stdio.h>

void core_http_get_metrics(struct core_http_call *call) {
  struct bc_sock_answer answer = {0};
  enum bc_prometheus_format format = bc_prometheus_choose(bc_httpd_header(call->request, "Accept"));
  if (!core_metrics_begin(call->core, format, &answer)) {
    bc_httpd_add_header(call->request, "Retry-After", "1");
    core_http_fail(call->request, 503, "busy", "too many ask for metrics at once");
    return;
  }
  const struct bc_httpd_pieces pieces = {
      .more = answer.more, .end = answer.end, .is_ready = answer.is_ready, .arg = answer.arg};
  bc_httpd_add_header(call->request, "Vary", "Accept");
  bc_httpd_answer_pieces(call->request, 200, bc_prometheus_content_type(format), &pieces, false);
}

/* What no path has is under the path "". */
static const struct core_http_path *http_path_at(size_t i) {
  static const struct core_http_path none = {.method = "", .path = ""};
  return i < core_http_path_count ? &core_http_paths[i] : &none;
}

void metrics_http_requests(struct metrics *m) {
  static const char *const classes[CORE_HTTP_CLASSES] = {"gone", "1xx", "2xx", "3xx", "4xx", "5xx"};
  for (size_t i = 0; i <= core_http_path_count; i++) {
    const struct core_http_counts *counts = core_http_counts(m->core, i);
    for (unsigned digit = 0; digit < CORE_HTTP_CLASSES; digit++) {
      struct bc_prometheus_label labels[] = {
          {"method", http_path_at(i)->method}, {"path", http_path_at(i)->path}, {"status", classes[digit]}};
      if (counts->by_class[digit] > 0) {
        metrics_add(m, labels, sizeof labels / sizeof labels[0], (double)counts->by_class[digit]);
      }
    }
  }
}

void metrics_http_times(struct metrics *m) {
  for (size_t i = 0; i <= core_http_path_count; i++) {
    const struct core_http_counts *counts = core_http_counts(m->core, i);
    struct bc_prometheus_label labels[] = {{"method", http_path_at(i)->method}, {"path", http_path_at(i)->path}};
    if (bc_histogram_count(&counts->times) > 0) {
      bc_prometheus_add_histogram(&m->out, labels, sizeof labels / sizeof labels[0], &counts->times);
    }
  }
}

void metrics_http_server(struct metrics *m) {
  struct bc_httpd_counts counts = core_http_listener_counts(m->core);
#define HTTP_ADD(name, label, text) metrics_add_one(m, "event", label, (double)counts.name);
  BC_HTTPD_COUNT_LIST(HTTP_ADD)
#undef HTTP_ADD
}
