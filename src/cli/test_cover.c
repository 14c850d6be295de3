/* The lines that tests have executed. */
#include "cli/test_suite.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COVER_TEXT_BYTES = 65536 };

bool bc_test_cover_is_wanted(const struct bc_test_suite *suite) {
  return suite->settings->wants_coverage || suite->settings->coverage_min != NULL || suite->settings->lcov != NULL;
}

bool bc_test_cover_begin(struct bc_test_suite *suite) {
  const char *given = suite->settings->coverage_min;
  char *end;
  if (given == NULL) {
    return true;
  }
  suite->least_percent = strtod(given, &end);
  bool is_fine = end != given && *end == '\0' && suite->least_percent >= 0 && suite->least_percent <= 100;
  if (!is_fine) {
    (void)fprintf(stderr, "--coverage-min: expected a number from 0 to 100, found \"%s\"\n", given);
  }
  return is_fine;
}

/* ---- what was told ---- */

/* The file of a script, or of a module ("lua/NAME"). */
static void cover_find_file(const struct bc_test_suite *suite, const struct bc_test_file *file, const char *name,
                            char path[static 2 * PATH_MAX]) {
  char folder[PATH_MAX];
  FILE *found;
  bool is_module = strncmp(name, "lua/", 4) == 0 && bc_test_modules_folder(suite, file, folder);
  if (is_module) {
    (void)snprintf(path, 2 * PATH_MAX, "%s/%s.lua", folder, name + 4);
    found = fopen(path, "re");
    if (found != NULL) {
      (void)fclose(found);
    } else {
      (void)snprintf(path, 2 * PATH_MAX, "%s/%s", folder, name + 4);
    }
    return;
  }
  bc_test_folder_of(file->path, folder, sizeof folder);
  (void)snprintf(path, 2 * PATH_MAX, "%s/%s", folder, name);
}

/* The same name for a file however tests call it: as from the directory that is tested, where it stands there. */
static void cover_name(const struct bc_test_file *file, char path[static 2 * PATH_MAX]) {
  char found[PATH_MAX];
  char root[PATH_MAX];
  size_t len = strlen(file->root);
  if (realpath(path, found) == NULL || realpath(file->root, root) == NULL || !bc_test_is_below(path, file->root)) {
    return;
  }
  while (len > 1 && file->root[len - 1] == '/') {
    len--;
  }
  const char *rest = found + strlen(root);
  (void)snprintf(path, 2 * PATH_MAX, "%.*s%s%s", (int)len, file->root, *rest == '/' ? "" : "/", rest);
}

void bc_test_cover_add(struct bc_test_suite *suite, const struct bc_test_file *file, const json_t *told) {
  char path[2 * PATH_MAX];
  char line[24];
  const char *name = json_string_value(json_object_get(told, "name"));
  const json_t *lines = json_object_get(told, "lines");
  if (name == NULL) {
    return;
  }
  cover_find_file(suite, file, name, path);
  cover_name(file, path);
  json_t *known = json_object_get(suite->covered, path);
  if (known == NULL) {
    known = json_object();
    (void)json_object_set_new(suite->covered, path, known);
  }
  for (size_t i = 0; i < json_array_size(lines); i++) {
    const json_t *one = json_array_get(lines, i);
    (void)snprintf(line, sizeof line, "%lld", (long long)json_integer_value(json_array_get(one, 0)));
    json_int_t seen = json_integer_value(json_array_get(one, 1)) + json_integer_value(json_object_get(known, line));
    (void)json_object_set_new(known, line, json_integer(seen));
  }
}

/* ---- sums ---- */

struct cover_sum {
  size_t lines;
  size_t executed;
};

static void cover_count(json_t *lines, struct cover_sum *sum) {
  const char *line;
  json_t *seen;
  json_object_foreach(lines, line, seen) {
    sum->lines++;
    sum->executed += json_integer_value(seen) > 0 ? 1 : 0;
  }
}

static double cover_percent(const struct cover_sum *sum) {
  return sum->lines == 0 ? 100 : 100.0 * (double)sum->executed / (double)sum->lines;
}

static struct cover_sum cover_total(const struct bc_test_suite *suite) {
  struct cover_sum sum = {0};
  const char *path;
  json_t *lines;
  json_object_foreach(suite->covered, path, lines) {
    cover_count(lines, &sum);
  }
  return sum;
}

/* The next executable line behind `after`; 0: there is none. The object has them in their order. */
static json_t *cover_missing(json_t *lines) {
  const char *line;
  json_t *seen;
  json_t *missing = json_array();
  json_object_foreach(lines, line, seen) {
    if (json_integer_value(seen) == 0) {
      (void)json_array_append_new(missing, json_integer(strtoll(line, NULL, 10)));
    }
  }
  return missing;
}

/* ---- telling ---- */

/* "3, 7-9": lines that follow one another among those that can be executed are one piece if nothing executed stands
 * between. */
static void cover_print_missing(json_t *lines, struct bc_buf *to) {
  const char *line;
  json_t *seen;
  const char *first = NULL;
  const char *last = NULL;
  const char *between = "";
  json_object_foreach(lines, line, seen) {
    if (json_integer_value(seen) == 0) {
      first = first == NULL ? line : first;
      last = line;
    } else if (first != NULL) {
      bc_buf_add_format(to, first == last ? "%s%s" : "%s%s-%s", between, first, last);
      between = ", ";
      first = NULL;
    }
  }
  if (first != NULL) {
    bc_buf_add_format(to, first == last ? "%s%s" : "%s%s-%s", between, first, last);
  }
}

void bc_test_cover_print(const struct bc_test_suite *suite) {
  const char *path;
  json_t *lines;
  struct cover_sum total = cover_total(suite);
  if (!bc_test_cover_is_wanted(suite)) {
    return;
  }
  json_object_foreach(suite->covered, path, lines) {
    struct cover_sum sum = {0};
    struct bc_buf missing;
    cover_count(lines, &sum);
    bc_buf_init(&missing, COVER_TEXT_BYTES);
    cover_print_missing(lines, &missing);
    (void)printf("%5.1f %% %s%s%s\n", floor(cover_percent(&sum) * 10) / 10, path,
                 missing.len == 0 ? "" : ", not executed: ", missing.data);
    bc_buf_free(&missing);
  }
  (void)printf("%5.1f %% of %zu lines\n", floor(cover_percent(&total) * 10) / 10, total.lines);
}

json_t *bc_test_cover_json(const struct bc_test_suite *suite) {
  json_t *all = json_array();
  const char *path;
  json_t *lines;
  json_object_foreach(suite->covered, path, lines) {
    struct cover_sum sum = {0};
    cover_count(lines, &sum);
    (void)json_array_append_new(all, json_pack("{s:s, s:i, s:i, s:f, s:o}", "file", path, "lines", (int)sum.lines,
                                               "executed", (int)sum.executed, "percent", cover_percent(&sum),
                                               "not_executed", cover_missing(lines)));
  }
  return all;
}

static bool cover_write_lcov(const struct bc_test_suite *suite, const char *name) {
  FILE *file = fopen(name, "we");
  const char *path;
  json_t *lines;
  if (file == NULL) {
    (void)fprintf(stderr, "%s: %s\n", name, strerror(errno));
    return false;
  }
  json_object_foreach(suite->covered, path, lines) {
    struct cover_sum sum = {0};
    const char *line;
    json_t *seen;
    (void)fprintf(file, "SF:%s\n", path);
    json_object_foreach(lines, line, seen) {
      (void)fprintf(file, "DA:%s,%lld\n", line, (long long)json_integer_value(seen));
    }
    cover_count(lines, &sum);
    (void)fprintf(file, "LF:%zu\nLH:%zu\nend_of_record\n", sum.lines, sum.executed);
  }
  bool is_fine = ferror(file) == 0;
  is_fine = fclose(file) == 0 && is_fine;
  if (!is_fine) {
    (void)fprintf(stderr, "%s: cannot be written\n", name);
  }
  return is_fine;
}

bool bc_test_cover_end(const struct bc_test_suite *suite) {
  struct cover_sum total = cover_total(suite);
  bool is_fine = suite->settings->lcov == NULL || cover_write_lcov(suite, suite->settings->lcov);
  if (cover_percent(&total) < suite->least_percent) {
    (void)fprintf(stderr, "%.1f %% of the lines were executed, expected %g %%\n",
                  floor(cover_percent(&total) * 10) / 10, suite->least_percent);
    is_fine = false;
  }
  return is_fine;
}
