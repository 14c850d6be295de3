/* `metric`: what a check measures, told with its result. */
#include "base/limits.h"
#include "base/mem.h"
#include "worker/lua_module.h"
#include "worker/lua_value.h"
#include "worker/sandbox_private.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { METRIC_NAME_BYTES = 64, METRIC_LABELS = 4, METRIC_LABEL_BYTES = 64, METRIC_LABELS_BYTES = 2048 };

struct metric_series {
  char name[METRIC_NAME_BYTES + 1];
  char *labels; /* as JSON; "" = none */
  bool is_counter;
  double value;
};

struct bc_lua_metrics {
  size_t count;
  size_t dropped;
  struct metric_series series[BC_LIMIT_CHECK_SERIES];
};

struct metric_label {
  struct bc_str name;
  struct bc_str value;
};

void bc_lua_metrics_free(struct bc_lua_metrics *metrics) {
  for (size_t i = 0; metrics != NULL && i < metrics->count; i++) {
    free(metrics->series[i].labels);
  }
  free(metrics);
}

void bc_lua_metrics_print(const struct bc_lua_metrics *metrics, struct bc_buf *to) {
  for (size_t i = 0; metrics != NULL && i < metrics->count; i++) {
    const struct metric_series *series = &metrics->series[i];
    bc_buf_add_format(to, "%s{\"name\":\"%s\",\"type\":\"%s\",\"value\":%.17g", i == 0 ? "[" : ",", series->name,
                      series->is_counter ? "counter" : "gauge", series->value);
    if (series->labels[0] != '\0') {
      bc_buf_add_format(to, ",\"labels\":%s", series->labels);
    }
    bc_buf_add_text(to, i + 1 == metrics->count ? "}]" : "}");
  }
}

/* ---- arguments: all of this may raise ---- */

static bool metric_is_name(struct bc_str text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.at[i];
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!is_letter && (i == 0 || c < '0' || c > '9')) {
      return false;
    }
  }
  return text.len > 0 && text.len <= METRIC_NAME_BYTES;
}

static struct bc_str metric_check_name(lua_State *L, int index, const char *what) {
  struct bc_str name = {0};
  if (lua_type(L, index) == LUA_TSTRING) {
    name.at = lua_tolstring(L, index, &name.len);
  }
  if (!metric_is_name(name)) {
    (void)luaL_error(L, "%s: expected a letter or _, then letters, digits and _, at most %d, found %s", what,
                     (int)METRIC_NAME_BYTES, name.at == NULL ? luaL_typename(L, index) : name.at);
  }
  return name;
}

/* In the order of their names. The texts are those of the table. */
static size_t metric_read_labels(lua_State *L, int index, struct metric_label labels[static METRIC_LABELS]) {
  size_t count = 0;
  if (lua_isnoneornil(L, index)) {
    return 0;
  }
  luaL_checktype(L, index, LUA_TTABLE);
  int table = bc_lua_push_thawed(L, index) ? lua_gettop(L) : index;
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    struct metric_label label = {.name = metric_check_name(L, -2, "name of a label")};
    if (lua_type(L, -1) == LUA_TSTRING) {
      label.value.at = lua_tolstring(L, -1, &label.value.len);
    }
    if (label.value.at == NULL || label.value.len > METRIC_LABEL_BYTES) {
      (void)luaL_error(L, "label '%s': expected a text of at most %d bytes", label.name.at, (int)METRIC_LABEL_BYTES);
    }
    if (count == METRIC_LABELS) {
      (void)luaL_error(L, "expected at most %d labels", (int)METRIC_LABELS);
    }
    size_t at = count++;
    for (; at > 0 && strcmp(labels[at - 1].name.at, label.name.at) > 0; at--) {
      labels[at] = labels[at - 1];
    }
    labels[at] = label;
  }
  return count;
}

static double metric_read_value(lua_State *L, int index) {
  lua_Number value = luaL_checknumber(L, index);
  luaL_argcheck(L, isfinite(value), index, "expected a finite number");
  return value;
}

/* ---- series: nothing here raises, but for metric_find ---- */

static char *metric_print_labels(const struct metric_label *labels, size_t count) {
  struct bc_buf text;
  char clean[METRIC_LABEL_BYTES + 1];
  bc_buf_init(&text, METRIC_LABELS_BYTES);
  for (size_t i = 0; i < count; i++) {
    bc_buf_add_format(&text, "%s\"%s\":", i == 0 ? "{" : ",", labels[i].name.at);
    bc_lua_value_clean(labels[i].value, clean, sizeof clean);
    bc_lua_value_print_text(bc_str_of(clean), &text);
    bc_buf_add_text(&text, i + 1 == count ? "}" : "");
  }
  char *taken = bc_mem_copy_string(text.data);
  bc_buf_free(&text);
  return taken;
}

/* NULL: there is no room for it. A new one has the value 0. */
static struct metric_series *metric_provide(struct bc_lua_metrics *metrics, const char *name, bool is_counter,
                                            const struct metric_label *labels, size_t label_count) {
  char *text = metric_print_labels(labels, label_count);
  for (size_t i = 0; i < metrics->count; i++) {
    struct metric_series *series = &metrics->series[i];
    if (strcmp(series->name, name) == 0 && strcmp(series->labels, text) == 0) {
      free(text);
      return series;
    }
  }
  if (metrics->count == BC_LIMIT_CHECK_SERIES) {
    free(text);
    return NULL;
  }
  struct metric_series *series = &metrics->series[metrics->count++];
  (void)snprintf(series->name, sizeof series->name, "%s", name);
  series->labels = text;
  series->is_counter = is_counter;
  return series;
}

static int metric_note(lua_State *L, bool is_counter) {
  struct metric_label labels[METRIC_LABELS];
  struct bc_sandbox_run *run = bc_sandbox_run_of(L);
  lua_settop(L, 3);
  const char *name = metric_check_name(L, 1, "name of a metric").at;
  double value = is_counter && lua_isnil(L, 2) ? 1 : metric_read_value(L, 2);
  luaL_argcheck(L, !is_counter || value >= 0, 2, "a counter only grows");
  size_t count = metric_read_labels(L, 3, labels);
  if (run == NULL) {
    return 0;
  }
  if (run->metrics == NULL) {
    run->metrics = bc_mem_new(1, sizeof *run->metrics);
  }
  for (size_t i = 0; i < run->metrics->count; i++) {
    const struct metric_series *series = &run->metrics->series[i];
    if (series->is_counter != is_counter && strcmp(series->name, name) == 0) {
      return luaL_error(L, "metric '%s' is a %s already", name, is_counter ? "gauge" : "counter");
    }
  }
  struct metric_series *series = metric_provide(run->metrics, name, is_counter, labels, count);
  if (series != NULL) {
    double sum = is_counter ? series->value + value : value;
    series->value = isfinite(sum) ? sum : series->value;
  } else if (run->metrics->dropped++ == 0) {
    bc_sandbox_log(L, "warn",
                   bc_str_of("metrics are dropped: a run may have "
                             "32 series of them"));
  }
  return 0;
}

static int metric_gauge(lua_State *L) {
  return metric_note(L, false);
}

static int metric_counter(lua_State *L) {
  return metric_note(L, true);
}

int bc_lua_metric_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"gauge", metric_gauge}, {"counter", metric_counter}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
