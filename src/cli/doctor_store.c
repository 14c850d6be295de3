/* The store, asked by ourselves: whether it answers, takes our user, tells the same time, and what is wrong in it. */
#include "base/limits.h"
#include "base/mono.h"
#include "cli/client.h"
#include "cli/doctor.h"
#include "cli/edit.h"
#include "io/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DOCTOR_FAULTS_SHOWN = 10, DOCTOR_SKEW_S = 5, DOCTOR_ASK_MS = 4000 };

/* ---- each member: does it answer, and what time has it? ---- */

struct member {
  struct bc_doctor *doctor;
  struct bc_loop *loop;
  const char *url;
  bool may_be_down;
  bool has_date;
  int64_t date_s;
};

static void member_on_head(void *arg, int status, const struct bc_http_call *call) {
  struct member *member = arg;
  const char *date = bc_http_header(call, "Date");
  struct tm parts = {0};
  (void)status;
  /* RFC 9110 5.6.7 */
  if (date != NULL && strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &parts) != NULL) {
    member->has_date = true;
    member->date_s = (int64_t)timegm(&parts);
  }
}

static void member_on_body(void *arg, int status, struct bc_str bytes) {
  (void)arg;
  (void)status;
  (void)bytes;
}

static void member_judge_time(struct member *member) {
  int64_t ahead_s = bc_wall_now_ms() / 1000 - member->date_s;
  int64_t apart_s = ahead_s < 0 ? -ahead_s : ahead_s;
  if (member->has_date && apart_s > DOCTOR_SKEW_S) {
    bc_doctor_add(member->doctor, BC_DOCTOR_WARNING, "clock", "clock-skew",
                  "times in logs and records do not fit together, certificates and routes with a time may end early or "
                  "late",
                  "let a time service (chrony, systemd-timesyncd) set both clocks",
                  "this host's clock is %lld s %s that of %s", (long long)apart_s, ahead_s > 0 ? "before" : "behind",
                  member->url);
  }
}

static void member_on_done(void *arg, const struct bc_http_result *result) {
  struct member *member = arg;
  if (result->err == BC_ERR_OK) {
    member_judge_time(member);
  } else if (!member->may_be_down) {
    bc_doctor_add(member->doctor, BC_DOCTOR_WARNING, "etcd", result->err == BC_ERR_AUTH ? "member-tls" : "member-down",
                  "when the others fail too, nothing that is changed in etcd is seen; what is announced is kept",
                  result->err == BC_ERR_AUTH ? "see cacert, cert and key in the node file"
                                             : "see whether etcd runs there, and whether a firewall is in between",
                  "%s: %s", member->url, result->fault.text);
  }
  bc_loop_stop(member->loop);
}

static void store_ask_member(struct bc_doctor *doctor, const char *endpoint, bool may_be_down) {
  const struct bc_settings *settings = doctor->settings;
  struct bc_http_tls tls = {.cacert = settings->cacert, .cert = settings->cert, .key = settings->key};
  char url[512];
  (void)snprintf(url, sizeof url, "%s/version", endpoint);
  struct member member = {.doctor = doctor, .loop = bc_loop_new(), .url = endpoint, .may_be_down = may_be_down};
  struct bc_http *http = bc_http_new(member.loop, &tls);
  (void)bc_http_start(http, &(struct bc_http_request){.url = url,
                                                      .timeout_ms = DOCTOR_ASK_MS,
                                                      .on_head = member_on_head,
                                                      .on_body = member_on_body,
                                                      .on_done = member_on_done,
                                                      .arg = &member});
  bc_loop_run(member.loop);
  bc_http_free(http);
  bc_loop_free(member.loop);
}

static void store_ask_members(struct bc_doctor *doctor, bool may_be_down) {
  const char *list = doctor->settings->endpoints;
  while (*list != '\0') {
    size_t len = strcspn(list, ",");
    struct bc_buf endpoint;
    struct bc_fault fault;
    bc_buf_init(&endpoint, BC_LIMIT_KEY_BYTES);
    if (len > 0 && bc_http_check_endpoint((struct bc_str){list, len}, &endpoint, &fault) == BC_ERR_OK) {
      store_ask_member(doctor, endpoint.data, may_be_down);
    }
    bc_buf_free(&endpoint);
    list += len + (list[len] == ',' ? 1 : 0);
  }
}

/* ---- what is in it ---- */

/* Takes back what the daemon has warned of in the same words as the last finding, which has its mend, too. */
static void store_take_back_warning(struct bc_doctor *doctor) {
  size_t last = json_array_size(doctor->findings) - 1;
  const char *text = bc_client_text(json_array_get(doctor->findings, last), "finding");
  for (size_t i = 0; i < last; i++) {
    const json_t *finding = json_array_get(doctor->findings, i);
    if (strcmp(bc_client_text(finding, "code"), "warning") == 0 &&
        strcmp(bc_client_text(finding, "finding"), text) == 0) {
      (void)json_array_remove(doctor->findings, i);
      return;
    }
  }
}

static void store_tell_fault(struct bc_doctor *doctor, const char *line) {
  if (strstr(line, "/subscribedRoutes: no route matches ") != NULL) {
    bc_doctor_add(
        doctor, BC_DOCTOR_WARNING, "keys", "no-route-matches",
        "nothing is announced for these words of the subscription: they are mistyped, or their routes are gone",
        "`bgpcommander node unsubscribe NODE WORD...`, or make the route with `bgpcommander route set`", "%s", line);
  } else {
    bc_doctor_add(doctor, BC_DOCTOR_WARNING, "keys", "key-fault",
                  "the last good value of that key stays in force; without one the route is not announced",
                  "mend the key, for example with `bgpcommander route set`", "%s", line);
  }
}

static void store_tell_faults(struct bc_doctor *doctor, struct bc_edit *edit) {
  json_t *faults = bc_edit_faults(edit, doctor->settings->node);
  size_t told = 0;
  const char *line;
  json_t *value;
  json_object_foreach(faults, line, value) {
    (void)value;
    if (told++ < DOCTOR_FAULTS_SHOWN) {
      store_tell_fault(doctor, line);
      store_take_back_warning(doctor);
    }
  }
  if (told > DOCTOR_FAULTS_SHOWN) {
    bc_doctor_add(doctor, BC_DOCTOR_WARNING, "keys", "key-faults-more", NULL,
                  "see all with `bgpcommander lint --store`", "and %zu more faults", told - DOCTOR_FAULTS_SHOWN);
  }
  json_decref(faults);
}

static void store_tell_subscription(struct bc_doctor *doctor, const struct bc_edit *edit) {
  char key[BC_LIMIT_KEY_BYTES];
  (void)snprintf(key, sizeof key, "node/%s/subscribedRoutes", doctor->settings->node);
  if (bc_store_edit_find(edit->store, key) == NULL) {
    bc_doctor_add(doctor, BC_DOCTOR_NOTE, "keys", "not-subscribed",
                  "a node announces only routes that it subscribes to", "`bgpcommander node subscribe NODE ROUTE...`",
                  "there is no key %s", key);
  }
}

/* A daemon that was given `-c` by ExaBGP's configuration has another store than who calls without it. */
static void store_tell_other(struct bc_doctor *doctor) {
  const char *endpoint = bc_client_text(json_object_get(doctor->status, "store"), "endpoint");
  const char *host = strstr(endpoint, "://");
  if (endpoint[0] == '\0' || strstr(doctor->settings->endpoints, host == NULL ? endpoint : host + 3) != NULL) {
    return;
  }
  bc_doctor_add(
      doctor, BC_DOCTOR_WARNING, "store", "other-store",
      "what follows of the store and its keys is not what the daemon has; commands that edit write there, too",
      "write `endpoints` into the node file, so that all have it, or call with the daemon's own -c",
      "the daemon's store is %s, and this looks at %s", endpoint, doctor->settings->endpoints);
}

static void store_tell_problem(struct bc_doctor *doctor, const struct bc_edit *edit) {
  bool is_refused = edit->err == BC_ERR_REFUSED;
  const char *text = bc_client_text(edit->answer, "text");
  bc_doctor_add(doctor, BC_DOCTOR_BAD, is_refused ? "auth" : "store",
                is_refused ? "store-refused" : "store-unreachable",
                "what is announced is kept and checked; nothing that is changed in the store is seen",
                is_refused ? "see etcd-user-file, cert and key in the node file, and the rights of that user in etcd"
                           : "see whether the store runs and is reached at `endpoints`",
                "%s", text);
}

void bc_doctor_store(struct bc_doctor *doctor) {
  struct bc_edit edit;
  struct bc_settings quiet = *doctor->settings;
  quiet.is_json = false;
  store_tell_other(doctor);
  int code = bc_edit_begin_quietly(&edit, &quiet);
  if (code == BC_CLI_OK) {
    code = bc_edit_read_all(&edit, NULL, false);
  }
  if (code == BC_CLI_OK) {
    bc_doctor_add(doctor, BC_DOCTOR_GOOD, "store", "store", NULL, NULL, "%s answers (%s)",
                  bc_store_type_text(bc_store_edit_type(edit.store)), doctor->settings->endpoints);
    store_tell_faults(doctor, &edit);
    store_tell_subscription(doctor, &edit);
  } else {
    store_tell_problem(doctor, &edit);
  }
  (void)bc_edit_end(&edit, code);
  bool may_be_down = code == BC_CLI_OK && strcmp(doctor->settings->endpoints, BC_SETTINGS_ENDPOINTS) == 0;
  if (strncmp(doctor->settings->endpoints, "file:", 5) != 0) {
    store_ask_members(doctor, may_be_down);
  }
}
