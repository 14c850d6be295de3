/* The local socket's commands. One line of JSON in, one out. */
#include "core/private.h"
#include "io/process.h"

#include <stdio.h>
#include <string.h>

/* NULL: `answer` is filled in already. */
typedef json_t *api_fn(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer);

static json_t *api_error(const char *text) {
  json_t *made = json_object();
  json_object_set_new(made, "error", json_string(text));
  return made;
}

static json_t *api_status(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  (void)request;
  (void)answer;
  return core_report_status(core);
}

static json_t *api_routes(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  const char *problem = core_list_begin(core, CORE_LIST_ROUTES, request, answer);
  return problem == NULL ? NULL : api_error(problem);
}

static json_t *api_checks(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  const char *problem = core_list_begin(core, CORE_LIST_CHECKS, request, answer);
  return problem == NULL ? NULL : api_error(problem);
}

static json_t *api_script(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  const char *problem = core_trial_begin(core, request, answer);
  return problem == NULL ? NULL : api_error(problem);
}

static json_t *api_decisions(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  const char *problem = core_recall_begin(core, request, answer);
  return problem == NULL ? NULL : api_error(problem);
}

static json_t *api_events(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  struct bc_fault fault;
  const char *problem = core_event_begin(core, request, answer, &fault);
  return problem == NULL ? NULL : api_error(problem);
}

static json_t *api_neighbors(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  (void)request;
  (void)answer;
  return core_report_neighbors(core);
}

/* The text that Prometheus reads, not JSON. */
static json_t *api_metrics(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  (void)request;
  return core_metrics_begin(core, BC_PROMETHEUS_TEXT, answer) ? NULL : api_error("too many ask for metrics at once");
}

static json_t *api_ping(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  (void)request;
  (void)answer;
  json_t *made = json_object();
  json_object_set_new(made, "node", json_string(core->settings->node));
  return made;
}

static json_t *api_context(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  const char *problem = core_trial_begin_context(core, request, answer);
  return problem == NULL ? NULL : api_error(problem);
}

static json_t *api_admission(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  struct bc_fault fault;
  return core_policy_admit_begin(core, request, answer, &fault) ? NULL : api_error(fault.text);
}

/* What waits: a store loss first, which keeps all else from coming. */
static const char *api_find_waiting(struct bc_core *core) {
  const char *loss = core->apply.loss_id;
  return loss[0] != '\0' ? loss : core_policy_held_id(core);
}

static json_t *api_approve(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  (void)answer;
  char id[sizeof core->apply.loss_id];
  const json_t *named = json_object_get(request, "id");
  if (named != NULL && !json_is_string(named)) {
    return api_error("`id` must be a text");
  }
  const char *waiting = api_find_waiting(core);
  const char *wanted = named == NULL ? waiting : json_string_value(named);
  if (wanted == NULL) {
    return api_error("several changes wait for approval: name one, see `bgpcommander status`");
  }
  (void)snprintf(id, sizeof id, "%s", wanted);
  bool is_whole = strlen(wanted) < sizeof id;
  if (is_whole && (core_apply_approve(core, id) == BC_ERR_OK || core_policy_approve(core, id) == BC_ERR_OK)) {
    json_t *made = json_object();
    json_object_set_new(made, "approved", json_string(id));
    return made;
  }
  bool is_any = waiting == NULL || waiting[0] != '\0';
  return api_error(is_any ? "another change waits for approval: see `bgpcommander status`"
                          : "nothing waits for approval");
}

static json_t *api_upgrade(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer) {
  (void)request;
  (void)answer;
  core_exit_begin(core, BC_CORE_EXIT_UPGRADE, "upgrade asked for");
  json_t *made = json_object();
  json_object_set_new(made, "upgrading", json_true());
  return made;
}

static const struct {
  const char *name;
  api_fn *fn;
  bool changes; /* not for processes below the exec worker */
} api_commands[] = {
    {"ping", api_ping, false},           {"status", api_status, false},       {"routes", api_routes, false},
    {"checks", api_checks, false},       {"neighbors", api_neighbors, false}, {"approve", api_approve, true},
    {"upgrade", api_upgrade, true},      {"script", api_script, false},       {"context", api_context, false},
    {"admission", api_admission, false}, {"decisions", api_decisions, false}, {"events", api_events, false},
    {"metrics", api_metrics, false},
};

static json_t *api_answer(struct bc_core *core, const struct bc_sock_peer *peer, const json_t *request,
                          struct bc_sock_answer *answer) {
  const char *name = json_string_value(json_object_get(request, "command"));
  for (size_t i = 0; name != NULL && i < sizeof api_commands / sizeof api_commands[0]; i++) {
    if (strcmp(name, api_commands[i].name) != 0) {
      continue;
    }
    pid_t exec = core_pool_pid(core, CORE_WORKER_EXEC);
    if (api_commands[i].changes && exec > 0 && bc_process_is_below(peer->pid, exec)) {
      bc_log(BC_LOG_WARNING, "local socket: a health check (pid %d) asked for `%s`: refused", (int)peer->pid, name);
      return api_error("refused: a health check may only read");
    }
    if (api_commands[i].changes) {
      bc_log(BC_LOG_NOTICE, "local socket: `%s` from uid %u, pid %d", name, (unsigned)peer->uid, (int)peer->pid);
    }
    return api_commands[i].fn(core, request, answer);
  }
  return api_error("unknown command: expected ping, status, routes, checks, neighbors, script, context, "
                   "admission, decisions, events, metrics, approve or upgrade");
}

static void api_on_request(void *arg, const struct bc_sock_peer *peer, struct bc_str line,
                           struct bc_sock_answer *answer) {
  struct bc_core *core = arg;
  json_error_t error;
  json_t *request = json_loadb(line.at, line.len, JSON_REJECT_DUPLICATES, &error);
  json_t *made = json_is_object(request) ? api_answer(core, peer, request, answer)
                                         : api_error("expected one JSON object in one line");
  if (made != NULL) {
    core_report_print(made, &answer->text);
  }
  json_decref(made);
  json_decref(request);
}

bool core_api_open(struct bc_core *core, struct bc_fault *fault) {
  return bc_sock_open(core->loop, core->paths.socket, api_on_request, core, &core->sock, fault) == BC_ERR_OK;
}

void core_api_close(struct bc_core *core) {
  bc_sock_close(core->sock);
  core->sock = NULL;
}
