/* `bgpcommander eval`: a policy once, with a context. docs/evaluating-policies.md */
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/decisions.h"
#include "cli/policy_judge.h"
#include "cli/policy_source.h"
#include "cli/screen.h"
#include "cli/script_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exit codes beside those of all commands. */
enum { EVAL_DIFFERS = 1, EVAL_FAILED = 4, EVAL_NO_SANDBOX = 5 };

enum { EVAL_FILE_BYTES = 16777216 };

struct eval {
  const struct bc_settings *settings;
  struct bc_policy_source source;
  json_t *context;
  json_t *recorded; /* the verdict on record; NULL = there is none */
};

/* ---- what it is asked with ---- */

static json_t *eval_read_object(const char *path) {
  struct bc_buf text;
  json_error_t error = {.line = 1};
  bc_buf_init(&text, EVAL_FILE_BYTES);
  bool is_read = bc_script_file_read(path, &text);
  json_t *made = is_read ? json_loadb(text.data, text.len, JSON_DECODE_ANY, &error) : NULL;
  bc_buf_free(&text);
  if (is_read && made == NULL) {
    (void)fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
  } else if (is_read && !json_is_object(made)) {
    (void)fprintf(stderr, "%s: expected a JSON object\n", path);
    json_decref(made);
    made = NULL;
  }
  return made;
}

/* Of a context, a decision record, or the answer that holds one. */
static json_t *eval_find_context(json_t *object) {
  json_t *first = json_array_get(json_object_get(object, "decisions"), 0);
  json_t *record = first == NULL ? object : first;
  json_t *context = json_object_get(record, "context");
  return json_is_object(context) ? context : first == NULL ? object : NULL;
}

static int eval_read_context(struct eval *eval) {
  json_t *object = eval_read_object(eval->settings->context);
  json_t *context = object == NULL ? NULL : eval_find_context(object);
  if (object != NULL && context == NULL) {
    (void)fprintf(stderr, "%s: the record has no context: the route was under no policy\n", eval->settings->context);
  }
  eval->context = json_incref(context);
  json_decref(object);
  return context == NULL ? BC_CLI_USAGE : BC_CLI_OK;
}

/* What the daemon would ask the route's policy with, and, when none is named, that policy. */
static int eval_ask_daemon(struct eval *eval, const char *route, bool with_context) {
  json_t *question = bc_client_request("context");
  json_t *answer;
  (void)json_object_set_new(question, "route", json_string(route));
  if (bc_client_ask_for_part(eval->settings, question, &answer) != BC_CLI_OK) {
    return BC_CLI_NO_DAEMON;
  }
  bool is_fine = eval->settings->word_count > 0 || bc_policy_source_take(&eval->source, answer);
  json_t *context = json_object_get(answer, "context");
  if (with_context && !json_is_object(context)) {
    (void)fprintf(stderr, "the daemon's answer has no context\n");
    is_fine = false;
  } else if (with_context) {
    eval->context = json_incref(context);
  }
  json_t *data = json_object_get(answer, "data");
  if (is_fine && json_is_object(data)) {
    eval->source.data = json_incref(data);
    if (with_context) {
      (void)json_object_del(eval->context, "data"); /* all of it is there */
    }
  }
  json_decref(answer);
  return is_fine ? BC_CLI_OK : BC_CLI_USAGE;
}

static int eval_take_record(struct eval *eval, const json_t *record) {
  json_t *context = json_object_get(record, "context");
  if (!json_is_object(context)) {
    (void)fprintf(stderr, "record %s has no context: %s\n", eval->settings->record,
                  record == NULL                                 ? "there is none with this number"
                  : json_is_true(json_object_get(record, "cut")) ? "it was too long, or one of too many"
                                                                 : "the route was under no policy");
    return BC_CLI_NO_DAEMON;
  }
  eval->context = json_incref(context);
  eval->recorded = json_incref(json_object_get(json_object_get(record, "policy"), "verdict"));
  const char *route = bc_client_text(record, "route");
  return eval->settings->word_count > 0 ? BC_CLI_OK : eval_ask_daemon(eval, route, false);
}

static int eval_ask_record(struct eval *eval) {
  char *end;
  long long id = strtoll(eval->settings->record, &end, 10);
  if (id <= 0 || *end != '\0') {
    (void)fprintf(stderr, "--record: expected the number of a decision, as `why` tells it\n");
    return BC_CLI_USAGE;
  }
  json_t *question = bc_client_request("decisions");
  json_t *answer;
  (void)json_object_set_new(question, "id", json_integer(id));
  (void)json_object_set_new(question, "inputs", json_true());
  if (bc_decisions_ask(eval->settings, question, &answer, NULL) != BC_CLI_OK) {
    return BC_CLI_NO_DAEMON;
  }
  int code = eval_take_record(eval, json_array_get(json_object_get(answer, "decisions"), 0));
  json_decref(answer);
  return code;
}

/* That of the context, else of the file, else of the daemon: told to the sandbox as the daemon does, so that what is
 * asked for is known. */
static int eval_take_data(struct eval *eval) {
  json_t *data = json_incref(json_object_get(eval->context, "data"));
  (void)json_object_del(eval->context, "data");
  if (data == NULL && eval->settings->data != NULL) {
    data = eval_read_object(eval->settings->data);
    if (data == NULL) {
      return BC_CLI_USAGE;
    }
  }
  if (data != NULL) {
    json_decref(eval->source.data);
    eval->source.data = data;
  }
  return BC_CLI_OK;
}

/* What the daemon would not ask with either. */
static int eval_check_context(const struct eval *eval) {
  size_t len = json_dumpb(eval->context, NULL, 0, JSON_COMPACT);
  if (len > BC_LIMIT_POLICY_CONTEXT_BYTES) {
    (void)fprintf(stderr, "the context is %zu bytes long; a policy gets no more than %d\n", len,
                  BC_LIMIT_POLICY_CONTEXT_BYTES);
    return BC_CLI_USAGE;
  }
  return BC_CLI_OK;
}

static int eval_prepare(struct eval *eval) {
  const struct bc_settings *settings = eval->settings;
  int given = (settings->context != NULL) + (settings->route != NULL) + (settings->record != NULL);
  if (given != 1 || (settings->word_count == 0 && settings->context != NULL)) {
    (void)fprintf(stderr, "usage: bgpcommander eval POLICY|- --ctx FILE, or eval [POLICY|-] with --route NAME or "
                          "--record ID\n");
    return BC_CLI_USAGE;
  }
  if (settings->word_count > 0 && !bc_policy_source_read(&eval->source, settings->words[0], settings->modules)) {
    return BC_CLI_USAGE;
  }
  int code = settings->context != NULL ? eval_read_context(eval)
             : settings->route != NULL ? eval_ask_daemon(eval, settings->route, true)
                                       : eval_ask_record(eval);
  code = code == BC_CLI_OK ? eval_take_data(eval) : code;
  return code == BC_CLI_OK ? eval_check_context(eval) : code;
}

/* ---- what it said ---- */

/* Nothing but the context may have a say. */
static void eval_compare_runs(const struct bc_policy_answer *first, struct bc_policy_answer *second) {
  bool is_same =
      first->status == second->status && bc_str_equal(bc_buf_str(&first->verdict), bc_buf_str(&second->verdict));
  if (first->status == BC_POLICY_STATUS_DONE && !is_same) {
    second->status = BC_POLICY_STATUS_ERROR;
    bc_buf_clear(&second->error);
    bc_buf_add_text(&second->error, "two runs with the same context gave different verdicts");
  }
}

static json_t *eval_list_reads(const struct bc_policy_answer *answer) {
  json_t *list = json_array();
  struct bc_str rest = bc_buf_str(&answer->reads);
  struct bc_str name;
  while (rest.len > 0 && bc_str_next_field(&rest, '\0', &name)) {
    (void)json_array_append_new(list, json_stringn(name.at, name.len));
  }
  return list;
}

static json_t *eval_text(const struct bc_buf *text) {
  return text->len == 0 ? json_null() : json_stringn(text->data, text->len);
}

static bool eval_differs(const struct eval *eval, const struct bc_policy_answer *answer) {
  json_t *verdict = json_loadb(answer->verdict.data, answer->verdict.len, 0, NULL);
  bool differs = eval->recorded != NULL && !json_equal(verdict, eval->recorded);
  json_decref(verdict);
  return differs;
}

static json_t *eval_report(const struct eval *eval, const struct bc_policy_answer *answer,
                           const struct bc_policy_judged *judged) {
  static const char *const statuses[] = {
#define EVAL_STATUS(name, text) [name] = text,
      BC_POLICY_STATUS_LIST(EVAL_STATUS)
#undef EVAL_STATUS
  };
  const struct bc_policy_verdict *verdict = &judged->verdict;
  json_t *word = json_loadb(answer->verdict.data, answer->verdict.len, 0, NULL);
  json_t *made = json_object();
  (void)json_object_set_new(made, "status", json_string(statuses[answer->status]));
  (void)json_object_set(made, "verdict", word == NULL ? json_null() : json_object_get(word, "verdict"));
  (void)json_object_set_new(made, "reason", verdict->reason == NULL ? json_null() : json_string(verdict->reason));
  (void)json_object_set_new(made, "againIn", verdict->again_ms == 0 ? json_null() : json_real(verdict->again_ms / 1e3));
  (void)json_object_set(made, "attributes", verdict->attributes == NULL ? json_null() : verdict->attributes);
  (void)json_object_set_new(made, "command", eval_text(&judged->command));
  (void)json_object_set_new(made, "error", judged->is_good ? json_null() : json_string(judged->fault.text));
  (void)json_object_set_new(made, "reads", eval_list_reads(answer));
  (void)json_object_set_new(made, "log", eval_text(&answer->log));
  (void)json_object_set_new(made, "cpuMs", json_real((double)answer->cpu_us / 1e3));
  if (eval->settings->record != NULL) {
    (void)json_object_set(made, "recorded", eval->recorded == NULL ? json_null() : eval->recorded);
    (void)json_object_set_new(made, "differs", json_boolean(eval_differs(eval, answer)));
  }
  json_decref(word);
  return made;
}

static void eval_print_value(const char *label, const json_t *value) {
  char *text = json_is_string(value) ? NULL : json_dumps(value, BC_CLI_JSON | JSON_ENCODE_ANY | JSON_SORT_KEYS);
  struct bc_str rest = bc_str_of(text == NULL ? json_string_value(value) : text);
  struct bc_str line;
  while (rest.len > 0 && bc_str_next_field(&rest, '\n', &line)) {
    char shown[4096];
    char copy[4096];
    (void)snprintf(copy, sizeof copy, BC_STR_FMT, BC_STR_ARG(line));
    bc_screen_clean(copy, shown, sizeof shown);
    (void)printf("%-11s %s\n", label, shown);
  }
  free(text);
}

static void eval_print(const json_t *report) {
  const json_t *names = json_object_get(report, "reads");
  if (!json_is_null(json_object_get(report, "error"))) {
    eval_print_value("error", json_object_get(report, "error"));
  } else {
    const json_t *reason = json_object_get(report, "reason");
    json_t *none = json_string("(it gave no reason)");
    eval_print_value(bc_client_text(report, "verdict"), json_is_null(reason) ? none : reason);
    json_decref(none);
  }
  if (!json_is_null(json_object_get(report, "againIn"))) {
    (void)printf("%-11s in %g s\n", "again", json_number_value(json_object_get(report, "againIn")));
  }
  static const char *const members[] = {"attributes", "command"};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    if (!json_is_null(json_object_get(report, members[i]))) {
      eval_print_value(members[i], json_object_get(report, members[i]));
    }
  }
  for (size_t i = 0; i < json_array_size(names); i++) {
    eval_print_value("data", json_array_get(names, i));
  }
  if (!json_is_null(json_object_get(report, "log"))) {
    eval_print_value("log", json_object_get(report, "log"));
  }
  const json_t *recorded = json_object_get(report, "recorded");
  if (json_is_true(json_object_get(report, "differs"))) {
    eval_print_value("recorded", recorded);
  }
}

static int eval_tell(const struct eval *eval, const struct bc_policy_answer *answer) {
  struct bc_policy_judged judged;
  bc_policy_judged_init(&judged);
  bc_policy_judge(eval->context, answer, &judged);
  json_t *report = eval_report(eval, answer, &judged);
  if (eval->settings->is_json) {
    char *text = json_dumps(report, BC_CLI_JSON);
    (void)puts(text == NULL ? "{}" : text);
    free(text);
  } else {
    eval_print(report);
  }
  int code = !judged.is_good ? (int)EVAL_FAILED : eval_differs(eval, answer) ? (int)EVAL_DIFFERS : (int)BC_CLI_OK;
  json_decref(report);
  bc_policy_judged_fini(&judged);
  return code;
}

static int eval_ask(struct eval *eval) {
  struct bc_policy_answer answers[2];
  struct bc_policy_host *host = bc_policy_host_new(&eval->source);
  if (host == NULL) {
    return EVAL_NO_SANDBOX;
  }
  bc_policy_answer_init(&answers[0]);
  bc_policy_answer_init(&answers[1]);
  int code = EVAL_NO_SANDBOX;
  if (bc_policy_host_ask(host, eval->context, &answers[0]) && bc_policy_host_ask(host, eval->context, &answers[1])) {
    eval_compare_runs(&answers[0], &answers[1]);
    code = eval_tell(eval, &answers[1]);
  }
  bc_policy_answer_fini(&answers[0]);
  bc_policy_answer_fini(&answers[1]);
  bc_policy_host_free(host);
  return code;
}

int bc_command_eval(const struct bc_settings *settings) {
  struct eval eval = {.settings = settings};
  bc_policy_source_init(&eval.source);
  int code = eval_prepare(&eval);
  if (code == BC_CLI_OK) {
    code = eval_ask(&eval);
  }
  json_decref(eval.context);
  json_decref(eval.recorded);
  bc_policy_source_fini(&eval.source);
  return code;
}
