/* `bgpcommander why`: a decision and what became of it, told by the daemon or read from the files that it left. */
#include "base/mono.h"
#include "base/str.h"
#include "cli/chosen.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/decisions.h"
#include "cli/screen.h"
#include "cli/when.h"
#include "cli/why_report.h"
#include "model/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct why_question {
  const char *route; /* NULL: by id */
  int64_t id;
  int64_t at_ms; /* 0 = now */
};

/* ---- the question ---- */

static bool why_read(const struct bc_settings *settings, struct why_question *question) {
  uint64_t id = 0;
  *question = (struct why_question){.route = NULL};
  question->route = settings->word_count > 0 ? settings->words[0] : NULL;
  if ((question->route == NULL) == (settings->id == NULL) || (settings->id != NULL && settings->at != NULL)) {
    (void)fprintf(stderr, "usage: bgpcommander why ROUTE [--at TIME], or bgpcommander why --id N\n");
    return false;
  }
  if (settings->id != NULL && (bc_str_to_u64(bc_str_of(settings->id), INT64_MAX, &id) != BC_ERR_OK || id == 0)) {
    (void)fprintf(stderr, "--id: expected the number of a decision\n");
    return false;
  }
  if (settings->at != NULL && !bc_when_parse_end("--at", settings->at, &question->at_ms)) {
    return false;
  }
  question->id = (int64_t)id;
  return true;
}

/* How far back the decision is looked for that moved the route: later ones may have left it as it was. */
enum { WHY_LOOKS = 50 };

static json_t *why_request(const struct why_question *question) {
  json_t *request = bc_client_request("decisions");
  (void)json_object_set_new(request, "limit", json_integer(WHY_LOOKS));
  if (question->route != NULL) {
    (void)json_object_set_new(request, "route", json_string(question->route));
  } else {
    (void)json_object_set_new(request, "id", json_integer(question->id));
  }
  if (question->at_ms != 0) {
    (void)json_object_set_new(request, "until", json_integer(question->at_ms));
  }
  return request;
}

/* ---- nothing was found ---- */

/* How it stands now; NULL = no daemon tells. An empty one: there is no such route (a pattern names none). */
static json_t *why_ask_present(const struct bc_settings *settings) {
  json_t *answer;
  if (bc_client_try_for_part(settings, bc_chosen_request(settings, "routes"), &answer) != BC_CLI_OK) {
    return NULL;
  }
  size_t i;
  json_t *route;
  json_t *found = NULL;
  json_array_foreach(json_object_get(answer, "routes"), i, route) {
    if (strcmp(bc_client_text(route, "name"), settings->words[0]) == 0) {
      found = json_incref(route);
    }
  }
  json_decref(answer);
  return found == NULL ? json_object() : found;
}

static int why_tell_no_record(const struct bc_settings *settings, const char *begin, bool is_past) {
  json_t *now = why_ask_present(settings);
  char state[64], layer[64], reason[512];
  bool is_unknown = now != NULL && json_object_size(now) == 0;
  bc_screen_clean(bc_client_text(now, "state"), state, sizeof state);
  bc_screen_clean(bc_client_text(now, "layer"), layer, sizeof layer);
  bc_screen_clean(bc_client_text(now, "reason"), reason, sizeof reason);
  if (is_unknown) {
    (void)fprintf(stderr, "there is no such route\n");
  } else if (now == NULL || is_past) {
    (void)fprintf(stderr, "no decision about this route is recorded%s; the records begin at %s\n",
                  is_past ? " before that" : "", begin);
  } else {
    (void)fprintf(stderr, "no decision about this route is recorded: it is %s (%s: %s); the records begin at %s\n",
                  state, layer, reason, begin);
  }
  json_decref(now);
  return is_unknown ? BC_CLI_BAD_NEWS : BC_CLI_NO_RECORD;
}

static int why_tell_nothing(const struct bc_settings *settings, const struct why_question *question,
                            const json_t *answer) {
  int64_t begins_ms = bc_client_number(answer, "begins");
  char begin[64] = "";
  bc_when_print(begins_ms, 0, begin);
  if (begins_ms == 0) {
    (void)fprintf(stderr, "no decision is recorded yet (see `records` in the settings)\n");
    return BC_CLI_NO_RECORD;
  }
  if (question->at_ms != 0 && question->at_ms < begins_ms) {
    (void)fprintf(stderr, "the records begin at %s\n", begin);
    return BC_CLI_TOO_OLD;
  }
  if (question->route == NULL) {
    (void)fprintf(stderr, "there is no decision %lld in the records, which begin at %s\n", (long long)question->id,
                  begin);
    return BC_CLI_NO_RECORD;
  }
  return why_tell_no_record(settings, begin, question->at_ms != 0);
}

/* ---- what was found ---- */

/* The newest that moved the route, and the newest of all, if it is another. */
static void why_print(const json_t *decisions) {
  const json_t *newest = json_array_get(decisions, 0);
  size_t i;
  const json_t *decision;
  json_array_foreach(decisions, i, decision) {
    if (bc_record_is_move(decision)) {
      bc_why_report_print(decision, i == 0 ? NULL : newest);
      return;
    }
  }
  bc_why_report_print(newest, NULL);
}

int bc_command_why(const struct bc_settings *settings) {
  struct why_question question;
  json_t *answer = NULL;
  bool is_live = false;
  if (!why_read(settings, &question)) {
    return BC_CLI_USAGE;
  }
  int code = bc_decisions_ask(settings, why_request(&question), &answer, &is_live);
  if (answer == NULL) {
    return code;
  }
  const json_t *decisions = json_object_get(answer, "decisions");
  if (settings->is_json) {
    (void)json_dumpf(answer, stdout, BC_CLI_JSON);
    (void)fputc('\n', stdout);
  }
  if (json_array_size(decisions) == 0) {
    code = why_tell_nothing(settings, &question, answer);
  } else if (!settings->is_json) {
    why_print(decisions);
    if (is_live && question.route != NULL && question.at_ms == 0) {
      json_t *now = why_ask_present(settings);
      bc_why_report_print_present(now);
      json_decref(now);
    }
  }
  json_decref(answer);
  return code;
}
