/* `bgpcommander replay`: a changed policy over what happened. docs/evaluating-policies.md */
#include "base/mem.h"
#include "base/mono.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/decisions.h"
#include "cli/policy_judge.h"
#include "cli/policy_source.h"
#include "cli/replay.h"
#include "cli/screen.h"
#include "cli/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exit codes beside those of all commands. */
enum { REPLAY_DIFFERS = 1, REPLAY_FAILED = 4, REPLAY_NO_SANDBOX = 5 };

enum { REPLAY_PAGE = 1000, REPLAY_RECORDS = 1000000, REPLAY_TOLD = 1000 };

struct replay_run {
  const struct bc_settings *settings;
  struct bc_policy_source source;
  struct bc_policy_host *host;
  struct bc_policy_answer answer;
  struct bc_policy_judged judged;
  int64_t since_ms, until_ms;
  int64_t begins_ms; /* the oldest record of all */
  json_t *records;   /* NAME: array, the newest first */
  size_t count;
  json_t *routes;      /* of the report */
  json_t *differences; /* of the report, the first REPLAY_TOLD */
  struct bc_replay_sum sum;
};

/* ---- order ---- */

static int replay_compare_names(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int replay_compare_times(const void *a, const void *b) {
  long long at_a = bc_client_number(*(json_t *const *)a, "at");
  long long at_b = bc_client_number(*(json_t *const *)b, "at");
  return at_a < at_b ? -1 : at_a > at_b ? 1 : 0;
}

/* They come route by route; people read them as what happened. */
static void replay_sort_differences(struct replay_run *run) {
  size_t count = json_array_size(run->differences);
  json_t **list = bc_mem_new(count + 1, sizeof *list);
  json_t *sorted = json_array();
  for (size_t i = 0; i < count; i++) {
    list[i] = json_array_get(run->differences, i);
  }
  qsort(list, count, sizeof *list, replay_compare_times);
  for (size_t i = 0; i < count; i++) {
    (void)json_array_append(sorted, list[i]);
  }
  json_decref(run->differences);
  run->differences = sorted;
  free(list);
}

/* ---- records ---- */

/* Adds a page; how many it held, and the oldest id of them. */
static size_t replay_add_page(struct replay_run *run, const json_t *page, long long *before) {
  size_t index;
  json_t *record;
  json_array_foreach(page, index, record) {
    const char *route = bc_client_text(record, "route");
    json_t *list = json_object_get(run->records, route);
    if (list == NULL) {
      list = json_array();
      (void)json_object_set_new(run->records, route, list);
    }
    (void)json_array_append(list, record);
    *before = bc_client_number(record, "id");
  }
  run->count += json_array_size(page);
  return json_array_size(page);
}

static json_t *replay_question(const struct replay_run *run, long long before) {
  json_t *question = bc_client_request("decisions");
  (void)json_object_set_new(question, "since", json_integer(run->since_ms));
  (void)json_object_set_new(question, "until", json_integer(run->until_ms));
  (void)json_object_set_new(question, "inputs", json_true());
  (void)json_object_set_new(question, "limit", json_integer(REPLAY_PAGE));
  if (run->settings->route != NULL) {
    (void)json_object_set_new(question, "route", json_string(run->settings->route));
  }
  if (before > 0) {
    (void)json_object_set_new(question, "before", json_integer(before));
  }
  return question;
}

static int replay_read(struct replay_run *run) {
  long long before = 0;
  size_t got;
  bool has_more;
  do {
    json_t *answer;
    if (bc_decisions_ask(run->settings, replay_question(run, before), &answer, NULL) != BC_CLI_OK) {
      return BC_CLI_NO_DAEMON;
    }
    run->begins_ms = bc_client_number(answer, "begins");
    got = replay_add_page(run, json_object_get(answer, "decisions"), &before);
    has_more = bc_client_is_true(answer, "more");
    json_decref(answer);
  } while (got > 0 && has_more && run->count < REPLAY_RECORDS);
  if (run->count == 0) {
    (void)fprintf(stderr, "no decision is on record in that time\n");
    return BC_CLI_NO_DAEMON;
  }
  if (run->begins_ms > run->since_ms) {
    char begin[64];
    bc_when_print(run->begins_ms, 0, begin);
    (void)fprintf(stderr, "the records begin at %s\n", begin);
  }
  if (got > 0 && has_more) {
    (void)fprintf(stderr, "only the newest %zu records are replayed\n", run->count);
  }
  return BC_CLI_OK;
}

/* ---- the policy ---- */

static bool replay_ask(void *arg, const json_t *context, struct bc_replay_word *word) {
  static const char *const verdicts[] = {
#define REPLAY_VERDICT(name, text) [name] = text,
      BC_VERDICT_LIST(REPLAY_VERDICT)
#undef REPLAY_VERDICT
  };
  struct replay_run *run = arg;
  if (!bc_policy_host_ask(run->host, context, &run->answer)) {
    return false;
  }
  bc_policy_judge(context, &run->answer, &run->judged);
  const struct bc_policy_verdict *verdict = &run->judged.verdict;
  const char *reason = run->judged.is_good ? verdict->reason : run->judged.fault.text;
  *word = (struct bc_replay_word){.verdict = verdicts[verdict->verdict],
                                  .attributes = json_incref(verdict->attributes),
                                  .reason = reason == NULL ? NULL : bc_mem_copy_text(reason, strlen(reason)),
                                  .again_ms = verdict->again_ms,
                                  .has_failed = !run->judged.is_good};
  if (word->has_failed) {
    json_decref(word->attributes);
    word->attributes = NULL;
  }
  return true;
}

/* ---- the report ---- */

static json_t *replay_print_word(const struct bc_replay_word *word) {
  json_t *made = json_object();
  (void)json_object_set_new(made, "verdict", json_string(word->verdict));
  (void)json_object_set(made, "attributes", word->attributes == NULL ? json_null() : word->attributes);
  (void)json_object_set_new(made, "reason", word->reason == NULL ? json_null() : json_string(word->reason));
  (void)json_object_set_new(made, "failed", json_boolean(word->has_failed));
  return made;
}

static void replay_tell(void *arg, const struct bc_replay_difference *difference) {
  struct replay_run *run = arg;
  if (json_array_size(run->differences) >= REPLAY_TOLD) {
    return;
  }
  json_t *made = json_object();
  (void)json_object_set_new(made, "at", json_integer(difference->at_ms));
  (void)json_object_set_new(made, "route", json_string(difference->route));
  (void)json_object_set_new(made, "then", replay_print_word(difference->then));
  (void)json_object_set_new(made, "now", replay_print_word(difference->now));
  (void)json_array_append_new(run->differences, made);
}

static json_t *replay_print_sum(const struct bc_replay_sum *sum) {
  json_t *made = json_object();
  (void)json_object_set_new(made, "records", json_integer((json_int_t)sum->records));
  (void)json_object_set_new(made, "bare", json_integer((json_int_t)sum->bare));
  (void)json_object_set_new(made, "differ", json_integer((json_int_t)sum->differ));
  (void)json_object_set_new(made, "failed", json_integer((json_int_t)sum->failed));
  (void)json_object_set_new(made, "cut", json_integer((json_int_t)sum->cut));
  (void)json_object_set_new(made, "awayThenMs", json_integer(sum->away_then_ms));
  (void)json_object_set_new(made, "awayNowMs", json_integer(sum->away_now_ms));
  return made;
}

static void replay_add_sum(struct bc_replay_sum *to, const struct bc_replay_sum *sum) {
  to->records += sum->records;
  to->bare += sum->bare;
  to->differ += sum->differ;
  to->failed += sum->failed;
  to->cut += sum->cut;
  to->away_then_ms += sum->away_then_ms;
  to->away_now_ms += sum->away_now_ms;
}

static bool replay_route(struct replay_run *run, const char *name, const json_t *list) {
  const struct bc_replay replay = {.ask = replay_ask, .tell = replay_tell, .arg = run, .until_ms = run->until_ms};
  struct bc_replay_sum sum = {0};
  size_t count = json_array_size(list);
  json_t **records = bc_mem_new(count, sizeof *records);
  for (size_t i = 0; i < count; i++) {
    records[i] = json_array_get(list, count - 1 - i);
  }
  bool is_asked = bc_replay_route(&replay, name, records, count, &sum);
  free(records);
  json_t *made = replay_print_sum(&sum);
  (void)json_object_set_new(made, "route", json_string(name));
  (void)json_array_append_new(run->routes, made);
  replay_add_sum(&run->sum, &sum);
  return is_asked;
}

static void replay_print_seconds(long long ms, char *to, size_t room) {
  if (ms >= 7200000) {
    (void)snprintf(to, room, "%.1fh", (double)ms / 3600000);
  } else if (ms >= 120000) {
    (void)snprintf(to, room, "%.1fm", (double)ms / 60000);
  } else {
    (void)snprintf(to, room, "%.4gs", (double)ms / 1000);
  }
}

static void replay_print_table(const struct replay_run *run) {
  static const char *const headers[] = {"ROUTE", "RECORDS", "DIFFER", "FAILED", "AWAY THEN", "AWAY NOW"};
  static const char *const numbers[] = {"records", "differ", "failed"};
  static const char *const times[] = {"awayThenMs", "awayNowMs"};
  struct bc_screen_table *table = bc_screen_table_new(headers, sizeof headers / sizeof headers[0]);
  size_t index;
  const json_t *route;
  json_array_foreach(run->routes, index, route) {
    char text[64];
    bc_screen_table_add(table, BC_SCREEN_PLAIN, bc_client_text(route, "route"));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
      (void)snprintf(text, sizeof text, "%lld", bc_client_number(route, numbers[i]));
      bc_screen_table_add(table, BC_SCREEN_PLAIN, text);
    }
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
      replay_print_seconds(bc_client_number(route, times[i]), text, sizeof text);
      bc_screen_table_add(table, BC_SCREEN_PLAIN, text);
    }
  }
  bc_screen_table_print(table);
  bc_screen_table_free(table);
}

static void replay_word_text(const json_t *word, char *to, size_t room) {
  char *attributes = json_dumps(json_object_get(word, "attributes"), BC_CLI_JSON | JSON_ENCODE_ANY | JSON_SORT_KEYS);
  bool has_none = attributes == NULL || strcmp(attributes, "null") == 0;
  const char *reason = bc_client_text(word, "reason");
  char text[1024];
  (void)snprintf(text, sizeof text, "%s%s%s%s%s", bc_client_text(word, "verdict"), has_none ? "" : " ",
                 has_none ? "" : attributes, reason[0] == '\0' ? "" : ": ", reason);
  bc_screen_clean(text, to, room);
  free(attributes);
}

static void replay_print_differences(const struct replay_run *run) {
  size_t index;
  const json_t *one;
  json_array_foreach(run->differences, index, one) {
    char at[64];
    char then[512];
    char now[512];
    bc_when_print(bc_client_number(one, "at"), run->until_ms, at);
    replay_word_text(json_object_get(one, "then"), then, sizeof then);
    replay_word_text(json_object_get(one, "now"), now, sizeof now);
    char route[256];
    bc_screen_clean(bc_client_text(one, "route"), route, sizeof route);
    (void)printf("%s %s: %s -> %s\n", at, route, then, now);
  }
}

static void replay_print(const struct replay_run *run) {
  replay_print_table(run);
  replay_print_differences(run);
  (void)printf("%zu records, %zu differ", run->sum.records, run->sum.differ);
  if (run->sum.failed > 0) {
    (void)printf(", %zu times the policy failed", run->sum.failed);
  }
  if (run->sum.bare > 0) {
    (void)printf("; of %zu more no policy was asked", run->sum.bare);
  }
  (void)printf("\n");
}

/* In the order of their names. */
static bool replay_routes(struct replay_run *run) {
  const char *name;
  json_t *list;
  bool is_asked = true;
  size_t count = 0;
  const char **names = bc_mem_new(json_object_size(run->records) + 1, sizeof *names);
  json_object_foreach(run->records, name, list) {
    names[count++] = name;
  }
  qsort(names, count, sizeof *names, replay_compare_names);
  for (size_t i = 0; i < count && is_asked; i++) {
    is_asked = replay_route(run, names[i], json_object_get(run->records, names[i]));
  }
  free(names);
  return is_asked;
}

static int replay_execute(struct replay_run *run) {
  if (!replay_routes(run)) {
    return REPLAY_NO_SANDBOX;
  }
  replay_sort_differences(run);
  if (run->settings->is_json) {
    json_t *made = replay_print_sum(&run->sum);
    (void)json_object_set(made, "routes", run->routes);
    (void)json_object_set(made, "differences", run->differences);
    char *text = json_dumps(made, BC_CLI_JSON);
    (void)puts(text == NULL ? "{}" : text);
    free(text);
    json_decref(made);
  } else {
    replay_print(run);
  }
  return run->sum.failed > 0 ? (int)REPLAY_FAILED : run->sum.differ > 0 ? (int)REPLAY_DIFFERS : (int)BC_CLI_OK;
}

static int replay_prepare(struct replay_run *run) {
  const struct bc_settings *settings = run->settings;
  run->until_ms = bc_wall_now_ms();
  bool is_fine = bc_when_parse("--since", settings->since, &run->since_ms) &&
                 (settings->until == NULL || bc_when_parse_end("--until", settings->until, &run->until_ms)) &&
                 bc_policy_source_read(&run->source, settings->words[0], settings->modules);
  if (is_fine && run->since_ms > run->until_ms) {
    (void)fprintf(stderr, "--since is later than --until\n");
    is_fine = false;
  }
  return is_fine ? replay_read(run) : (int)BC_CLI_USAGE;
}

int bc_command_replay(const struct bc_settings *settings) {
  struct replay_run run = {
      .settings = settings, .records = json_object(), .routes = json_array(), .differences = json_array()};
  bc_policy_source_init(&run.source);
  bc_policy_answer_init(&run.answer);
  bc_policy_judged_init(&run.judged);
  int code = replay_prepare(&run);
  if (code == BC_CLI_OK) {
    run.host = bc_policy_host_new(&run.source);
    code = run.host == NULL ? (int)REPLAY_NO_SANDBOX : replay_execute(&run);
  }
  bc_policy_host_free(run.host);
  bc_policy_judged_fini(&run.judged);
  bc_policy_answer_fini(&run.answer);
  bc_policy_source_fini(&run.source);
  json_decref(run.records);
  json_decref(run.routes);
  json_decref(run.differences);
  return code;
}
