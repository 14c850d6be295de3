#include "base/buf.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/screen.h"

#include <stdio.h>
#include <string.h>

enum { STATUS_LINE_BYTES = 1024 };

/* One line with its subject in front; anything in `text` is cleaned. */
static void status_line(const char *subject, enum bc_screen_mood mood, const char *text) {
  char clean[STATUS_LINE_BYTES];
  bc_screen_clean(text, clean, sizeof clean);
  (void)printf("%-10s", subject);
  bc_screen_print(mood, clean);
  (void)fputc('\n', stdout);
}

static void status_print_head(const json_t *answer) {
  char text[STATUS_LINE_BYTES];
  char age[24];
  bool is_safe = strcmp(bc_client_text(answer, "mode"), "safe") == 0;
  bc_screen_age(bc_client_text(answer, "started"), age);
  (void)snprintf(text, sizeof text, "%s, bgpcommander %s, %s, up %s (pid %lld, start %lld)",
                 bc_client_text(answer, "node"), bc_client_text(answer, "version"),
                 is_safe ? "SAFE MODE: last known good only, no store, no checks" : "normal mode", age,
                 bc_client_number(answer, "pid"), bc_client_number(answer, "starts"));
  status_line("node", is_safe ? BC_SCREEN_BAD : BC_SCREEN_PLAIN, text);
}

/* "etcd v3 at http://…, revision 12, heard 40 ms ago" (a directory has no revision), or that nothing was read yet. */
static void status_describe_store(const json_t *store, char *to, size_t size) {
  char heard[128] = "nothing read yet";
  char revision[48] = "";
  const char *endpoint = bc_client_text(store, "endpoint");
  long long age_ms = bc_client_number(store, "ageMs");
  if (bc_client_number(store, "revision") > 0) {
    (void)snprintf(revision, sizeof revision, "revision %lld, ", bc_client_number(store, "revision"));
  }
  bool is_directory = strcmp(bc_client_text(store, "kind"), "directory") == 0;
  if (revision[0] != '\0' || (is_directory && age_ms >= 0)) {
    (void)snprintf(heard, sizeof heard, "%sheard %lld %s ago", revision, age_ms < 10000 ? age_ms : age_ms / 1000,
                   age_ms < 10000 ? "ms" : "s");
  }
  (void)snprintf(to, size, "%s%s%s, %s", bc_client_text(store, "kind"), endpoint[0] == '\0' ? "" : " at ", endpoint,
                 heard);
}

/* What the store says of its state, without the endpoint that stands in the line already. */
static const char *status_skip_endpoint(const char *text, const char *endpoint) {
  size_t len = strlen(endpoint);
  if (len == 0 || strncmp(text, endpoint, len) != 0) {
    return text;
  }
  if (text[len] == '\0') {
    return text + len;
  }
  return strncmp(text + len, ": ", 2) == 0 ? text + len + 2 : text;
}

static void status_print_store(const json_t *store) {
  char text[STATUS_LINE_BYTES];
  char source[STATUS_LINE_BYTES / 2];
  const char *state = bc_client_text(store, "state");
  const char *more = status_skip_endpoint(bc_client_text(store, "text"), bc_client_text(store, "endpoint"));
  bool is_fine = strcmp(state, "connected") == 0;
  status_describe_store(store, source, sizeof source);
  (void)snprintf(text, sizeof text, "%s: %s%s%s", state, source, more[0] == '\0' ? "" : "; ", more);
  status_line("store", is_fine ? BC_SCREEN_GOOD : BC_SCREEN_BAD, text);
  const json_t *loss = json_object_get(store, "loss");
  if (json_is_object(loss)) {
    (void)snprintf(text, sizeof text, "%s: %s", bc_client_text(loss, "kind"), bc_client_text(loss, "text"));
    status_line("", BC_SCREEN_BAD, text);
  }
  if (!bc_client_is_true(store, "publishing") || bc_client_text(store, "publishProblem")[0] != '\0') {
    const char *problem = bc_client_text(store, "publishProblem");
    (void)snprintf(text, sizeof text, "this node's keys are not written%s%s", problem[0] == '\0' ? "" : ": ", problem);
    status_line("", BC_SCREEN_WARN, text);
  }
}

static void status_print_exabgp(const json_t *exabgp) {
  char text[STATUS_LINE_BYTES];
  const char *version = bc_client_text(exabgp, "version");
  bool is_fine = strcmp(bc_client_text(exabgp, "state"), "synced") == 0 && bc_client_is_true(exabgp, "acks");
  (void)snprintf(text, sizeof text, "%s: version %s, acks %s, wire confirmation %s, %lld queued, %lld outstanding%s",
                 bc_client_text(exabgp, "state"), version[0] == '\0' ? "not told yet" : version,
                 bc_client_is_true(exabgp, "acks") ? "on" : "off", bc_client_is_true(exabgp, "wire") ? "on" : "off",
                 bc_client_number(exabgp, "queued"), bc_client_number(exabgp, "outstanding"),
                 bc_client_is_true(exabgp, "settled") ? "" : ", not settled");
  status_line("exabgp", is_fine ? BC_SCREEN_GOOD : BC_SCREEN_WARN, text);
}

static void status_print_worker(const char *name, const json_t *worker) {
  char text[STATUS_LINE_BYTES];
  bool is_fine = strcmp(bc_client_text(worker, "state"), "running") == 0;
  if (!json_is_object(worker)) {
    return;
  }
  int used = snprintf(text, sizeof text, "%s: %s, pid %lld, %lld checks, %lld at work, %lld restarts, confinement %s",
                      name, bc_client_text(worker, "state"), bc_client_number(worker, "pid"),
                      bc_client_number(worker, "checks"), bc_client_number(worker, "running"),
                      bc_client_number(worker, "restarts"), bc_client_text(worker, "confinement"));
  if (strcmp(name, "exec") != 0 && used > 0 && (size_t)used < sizeof text) {
    (void)snprintf(text + used, sizeof text - (size_t)used, ", %.1f %% of a processor",
                   json_number_value(json_object_get(worker, "cpu")));
  }
  status_line("worker", is_fine ? BC_SCREEN_GOOD : BC_SCREEN_BAD, text);
  if (bc_client_text(worker, "addresses")[0] != '\0') {
    (void)snprintf(text, sizeof text, "service addresses: %s", bc_client_text(worker, "addresses"));
    status_line("", BC_SCREEN_PLAIN, text);
  }
}

static void status_print_workers(const json_t *workers) {
  char text[STATUS_LINE_BYTES];
  const json_t *worker;
  size_t i;
  status_print_worker("exec", json_object_get(workers, "exec"));
  worker = json_object_get(workers, "policy");
  if (strcmp(bc_client_text(worker, "state"), "off") != 0) {
    status_print_worker("policy", worker);
  }
  json_array_foreach(json_object_get(workers, "lua"), i, worker) {
    /* Each is started with the first Lua check that is at home in it. */
    if (strcmp(bc_client_text(worker, "state"), "off") != 0) {
      (void)snprintf(text, sizeof text, "lua %zu", i + 1);
      status_print_worker(text, worker);
    }
  }
  if (bc_client_number(workers, "quarantined") > 0) {
    (void)snprintf(text, sizeof text, "scripts in quarantine: %lld", bc_client_number(workers, "quarantined"));
    status_line("", BC_SCREEN_BAD, text);
  }
}

static void status_print_summary(const json_t *summary) {
  static const struct {
    const char *name, *words;
    bool is_bad;
    bool is_always;
  } counts[] = {{"announced", "announced", false, true},
                {"withdrawn", "withdrawn", false, true},
                {"pending", "pending", false, true},
                {"standby", "standby", false, false},
                {"unconfirmed", "unconfirmed", true, true},
                {"refused", "refused", true, false},
                {"faulty", "faulty", true, true},
                {"foreign", "foreign", false, true},
                {"notOnWire", "not on the wire", true, false}};
  struct bc_buf text;
  enum bc_screen_mood mood = BC_SCREEN_GOOD;
  bc_buf_init(&text, STATUS_LINE_BYTES);
  bc_buf_add_format(&text, "%lld, %lld subscribed", bc_client_number(summary, "routes"),
                    bc_client_number(summary, "subscribed"));
  if (bc_client_number(summary, "api") > 0) {
    bc_buf_add_format(&text, ", and %lld of the API", bc_client_number(summary, "api"));
  }
  bc_buf_add_text(&text, ": ");
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    long long count = bc_client_number(summary, counts[i].name);
    mood = counts[i].is_bad && count > 0 ? BC_SCREEN_BAD : mood;
    if (count > 0 || counts[i].is_always) {
      bc_buf_add_format(&text, "%s%lld %s", i == 0 ? "" : ", ", count, counts[i].words);
    }
  }
  status_line("routes", mood, text.data);
  bc_buf_free(&text);
}

static bool status_is_all_on_wire(const json_t *answer) {
  bool is_synced = strcmp(bc_client_text(json_object_get(answer, "exabgp"), "state"), "synced") == 0;
  return is_synced && bc_client_number(json_object_get(answer, "summary"), "notOnWire") == 0;
}

int bc_command_status(const struct bc_settings *settings) {
  json_t *answer;
  int code = bc_client_ask_to_judge(settings, bc_client_request("status"), &answer);
  if (answer == NULL) {
    return code;
  }
  code = status_is_all_on_wire(answer) ? BC_CLI_OK : BC_CLI_BAD_NEWS;
  if (settings->is_json) {
    json_decref(answer);
    return code;
  }
  status_print_head(answer);
  status_print_store(json_object_get(answer, "store"));
  status_print_exabgp(json_object_get(answer, "exabgp"));
  status_print_workers(json_object_get(answer, "workers"));
  status_print_summary(json_object_get(answer, "summary"));
  if (bc_client_text(answer, "stateDirectory")[0] != '\0') {
    status_line("state", BC_SCREEN_PLAIN, bc_client_text(answer, "stateDirectory"));
  }
  size_t i;
  const json_t *warning;
  json_array_foreach(json_object_get(answer, "warnings"), i, warning) {
    const char *text = json_string_value(warning);
    status_line("warning", BC_SCREEN_WARN, text == NULL ? "" : text);
  }
  json_decref(answer);
  return code;
}
