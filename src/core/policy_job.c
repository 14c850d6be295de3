/* Runs of policies: what the worker is asked, and what comes back. */
#include "base/mem.h"
#include "base/policy_status.h"
#include "core/private.h"
#include "model/policy_verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  JOB_AGAIN_MS = 20,
  JOB_A_TURN = 64,
  JOB_WINDOW_LEAST = 16,
  JOB_WINDOW_US = 20000, /* work that the worker has at most, as far as is known: who is urgent comes behind it */
  JOB_BESIDE_US = 40     /* of a run, beside the script */
};

/* One run that is under way. */
struct core_policy_job {
  uint32_t id;
  struct core_route_policy *part; /* NULL: nobody waits for it any more */
  struct core_admit *admit;       /* of `admission`; NULL: it is a route's */
  struct core_policy_version *version;
  bool is_trial;
  bool is_healthy; /* as it was told */
  char *context;
};

/* ---- jobs ---- */

static struct core_policy_job *job_find(const struct bc_core *core, uint32_t id) {
  struct core_policy_job *job = core->policies.jobs[id % CORE_POLICY_WINDOW];
  return job != NULL && job->id == id ? job : NULL;
}

static struct core_policy_job *job_new(struct bc_core *core, struct core_policy_version *version) {
  struct core_policies *policies = &core->policies;
  do {
    policies->job_serial = (policies->job_serial + 1) & INT32_MAX;
  } while (policies->jobs[policies->job_serial % CORE_POLICY_WINDOW] != NULL);
  struct core_policy_job *job = bc_mem_new(1, sizeof *job);
  job->id = policies->job_serial;
  job->version = core_policy_version_ref(version);
  policies->jobs[job->id % CORE_POLICY_WINDOW] = job;
  policies->job_count++;
  return job;
}

/* It is nobody's any more: its answer is passed over, but it still has its place in the worker. */
static void job_let_go(struct core_policy_job *job) {
  if (job->part != NULL && job->part->job == job) {
    job->part->job = NULL;
  }
  job->part = NULL;
}

static void job_free(struct bc_core *core, struct core_policy_job *job) {
  job_let_go(job);
  core->policies.jobs[job->id % CORE_POLICY_WINDOW] = NULL;
  core->policies.job_count--;
  core_policy_version_put(core, job->version);
  free(job->context);
  free(job);
}

static void job_forget(struct bc_core *core, const struct core_route_policy *part, bool trials_only) {
  for (unsigned i = 0; i < CORE_POLICY_WINDOW; i++) {
    struct core_policy_job *job = core->policies.jobs[i];
    if (job != NULL && job->part == part && (job->is_trial || !trials_only)) {
      job_let_go(job);
    }
  }
}

void core_policy_forget_jobs(struct bc_core *core, const struct core_route_policy *part) {
  job_forget(core, part, false);
}

void core_policy_forget_trials(struct bc_core *core, const struct core_route_policy *part) {
  job_forget(core, part, true);
}

/* ---- to the worker ---- */

static bool job_send_world(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  if (policies->is_world_told) {
    return true;
  }
  bc_buf_clear(&policies->world);
  core_policy_print_world(core, &policies->world);
  struct bc_msg message = {.type = BC_MSG_POLICY_WORLD, .policy_world = {.json = bc_buf_str(&policies->world)}};
  policies->is_world_told = core_pool_send(core, CORE_WORKER_POLICY, &message);
  return policies->is_world_told;
}

static void job_send_version(struct bc_core *core, struct core_policy_version *version) {
  struct bc_buf modules;
  bc_buf_init(&modules, (size_t)BC_LIMIT_LUA_MODULES * (BC_LIMIT_NAME_BYTES + 16));
  core_supply_modules(core, CORE_WORKER_POLICY, version->script, &modules);
  struct bc_msg message = {
      .type = BC_MSG_POLICY_SET,
      .policy_set = {.number = version->number,
                     .name = bc_str_of(version->key),
                     .script = {.at = version->script->text, .len = version->script->len},
                     .modules = bc_buf_str(&modules),
                     .options = bc_str_of(version->script->parameters == NULL ? "" : version->script->parameters)}};
  version->is_set = core_pool_send(core, CORE_WORKER_POLICY, &message);
  bc_buf_free(&modules);
}

/* NULL: it was not sent, and `why` says why that will not do better; NULL, too: the worker does not take it now. */
static struct core_policy_job *job_send(struct bc_core *core, struct core_policy_version *version,
                                        struct bc_str context) {
  if (!version->is_set) {
    job_send_version(core, version);
  }
  struct core_policy_job *job = job_new(core, version);
  struct bc_msg message = {.type = BC_MSG_POLICY_RUN,
                           .policy_run = {.id = job->id, .number = version->number, .context = context}};
  if (!version->is_set || !core_pool_send(core, CORE_WORKER_POLICY, &message)) {
    job_free(core, job);
    return NULL;
  }
  job->context = bc_mem_copy_text(context.at, context.len);
  return job;
}

static bool job_may_run(struct bc_core *core, const struct core_policy_version *version, char *why, size_t room) {
  bool may_run = !core_lua_is_quarantined(core, version->script->hash);
  if (!may_run) {
    (void)snprintf(why, room, "%s: killed three times within ten minutes: not run until it is changed", version->key);
  }
  return may_run;
}

/* False when the worker takes nothing now. */
static bool job_ask(struct bc_core *core, struct core_route_policy *part, bool is_trial) {
  struct core_policy_version *version = is_trial ? part->policy->candidate : part->force;
  char why[CORE_POLICY_REASON_BYTES];
  struct bc_buf *context = &core->policies.context;
  bc_buf_clear(context);
  core_policy_print_context(core, part->route, context);
  bool may_run = version != NULL && job_may_run(core, version, why, sizeof why);
  if (may_run && bc_buf_status(context) != BC_ERR_OK) {
    (void)snprintf(why, sizeof why, "%s: all that it would be told is longer than %d bytes", version->key,
                   BC_LIMIT_POLICY_CONTEXT_BYTES);
    may_run = false;
  }
  struct core_policy_job *job = may_run ? job_send(core, version, bc_buf_str(context)) : NULL;
  if (job != NULL) {
    job->part = part;
    job->is_trial = is_trial;
    job->is_healthy = core_policy_is_healthy(part->route);
    if (!is_trial) {
      part->job = job;
      part->is_old = part->is_very_old = false;
    }
  } else if (!may_run && version != NULL) {
    if (is_trial) {
      core_policy_trial_answer(core, part, version, NULL, why);
    } else {
      core_policy_fail(core, part, why);
    }
  }
  return job != NULL || !may_run;
}

/* All that comes before the first run is told. */
static bool job_is_ready(struct bc_core *core) {
  const struct core_pool *pool = &core->pools[CORE_WORKER_POLICY];
  if (!pool->is_running) {
    core_pool_need(core, CORE_WORKER_POLICY);
    return false;
  }
  if (!core_pool_has_room(core, CORE_WORKER_POLICY) || !core_supply_data(core, CORE_WORKER_POLICY) ||
      !job_send_world(core)) {
    bc_timer_start(core->policies.work_timer, JOB_AGAIN_MS);
    return false;
  }
  return true;
}

static bool job_has_place(const struct bc_core *core) {
  uint64_t most = JOB_WINDOW_US / (core->policies.run_us + JOB_BESIDE_US);
  most = most < JOB_WINDOW_LEAST ? JOB_WINDOW_LEAST : most < CORE_POLICY_WINDOW ? most : CORE_POLICY_WINDOW;
  return core->policies.job_count < most;
}

static void job_ask_again(struct bc_core *core, struct core_route_policy *part, bool is_trial) {
  if (is_trial) {
    core_policy_trial_lost(core, part);
  } else {
    core_policy_ask(core, part, part->is_awaited ? POLICY_QUEUE_FIRST : POLICY_QUEUE_LATER);
  }
}

bool core_policy_send_some(struct bc_core *core) {
  struct core_policies *policies = &core->policies;
  bool has_work = policies->queued > 0 || core_policy_trial_is_due(core) || core_admit_is_due(core);
  if (!has_work || !job_is_ready(core)) {
    return false;
  }
  core_admit_send_some(core);
  for (unsigned turn = 0; turn < JOB_A_TURN && job_has_place(core); turn++) {
    struct core_route_policy *part = core_policy_next_asked(core);
    bool is_trial = part == NULL;
    part = is_trial && !policies->is_attaching ? core_policy_trial_next(core) : part;
    if (part == NULL) {
      break;
    }
    if (!job_ask(core, part, is_trial)) {
      job_ask_again(core, part, is_trial);
      bc_timer_start(policies->work_timer, JOB_AGAIN_MS);
      return false;
    }
  }
  return job_has_place(core);
}

bool core_policy_send_admission(struct bc_core *core, struct core_policy_version *version, struct core_admit *admit,
                                struct bc_str context) {
  struct core_policy_job *job = job_has_place(core) && job_is_ready(core) ? job_send(core, version, context) : NULL;
  if (job != NULL) {
    job->admit = admit;
  }
  return job != NULL;
}

void core_policy_forget_admission(struct bc_core *core, const struct core_admit *admit) {
  for (unsigned i = 0; i < CORE_POLICY_WINDOW; i++) {
    struct core_policy_job *job = core->policies.jobs[i];
    if (job != NULL && job->admit == admit) {
      job->admit = NULL;
    }
  }
}

/* ---- and back ---- */

static void job_take_reads(struct bc_core *core, struct core_policy_version *version, struct bc_str rest) {
  struct bc_str name;
  while (!version->reads_all && rest.len > 0 && bc_str_next_field(&rest, '\0', &name)) {
    bool is_known = name.len == 0;
    for (unsigned i = 0; i < version->read_count && !is_known; i++) {
      is_known = bc_str_is(name, version->reads[i]);
    }
    if (is_known) {
      continue;
    }
    version->reads_all = bc_str_is(name, "*") || version->read_count == CORE_POLICY_READS;
    if (!version->reads_all) {
      version->reads[version->read_count++] = bc_intern_get(core->intern, name);
    }
  }
}

static void job_log(const struct core_policy_version *version, const struct core_route_policy *part,
                    struct bc_str lines) {
  struct bc_str line;
  while (lines.len > 0 && bc_str_next_field(&lines, '\n', &line)) {
    if (line.len > 0) {
      bc_log(BC_LOG_INFO, "%s (%s): " BC_STR_FMT, version->key, part == NULL ? "admission" : part->route->name,
             BC_STR_ARG(line));
    }
  }
}

/* Of an admission. */
static enum bc_err job_read_admission(struct bc_core *core, struct bc_str text, struct core_policy_said *said,
                                      struct bc_fault *fault) {
  struct bc_policy_verdict verdict;
  enum bc_err err = bc_policy_verdict_parse(text, BC_POLICY_ADMISSION, &verdict, fault);
  if (err == BC_ERR_OK) {
    said->verdict = verdict.verdict;
    said->reason = verdict.reason == NULL ? NULL : bc_intern_get(core->intern, bc_str_of(verdict.reason));
    said->attributes = json_incref(verdict.attributes);
    said->text = bc_intern_get(core->intern, text);
    bc_policy_verdict_free(&verdict);
  }
  return err;
}

/* NULL: `said` is filled in, and is the caller's. Else why it is none. */
static const char *job_read_verdict(struct bc_core *core, const struct core_policy_job *job,
                                    const struct bc_msg_policy_result *from, struct core_policy_said *said, char *why,
                                    size_t room) {
  struct bc_fault fault;
  if (from->status != BC_POLICY_STATUS_DONE) {
    (void)snprintf(why, room, BC_STR_FMT, BC_STR_ARG(from->error));
    core_text_mend(why);
    return why;
  }
  enum bc_err err = job->admit != NULL ? job_read_admission(core, from->verdict, said, &fault)
                                       : core_policy_read(core, from->verdict, said, &fault);
  if (err != BC_ERR_OK) {
    (void)snprintf(why, room, "%s: %s", job->version->key, fault.text);
    return why;
  }
  said->script_hash = job->version->script->hash;
  said->cpu_us = from->cpu_us > UINT32_MAX ? UINT32_MAX : (uint32_t)from->cpu_us;
  said->is_healthy = job->is_healthy;
  return NULL;
}

static void job_give(struct bc_core *core, struct core_policy_job *job, struct core_policy_said *said,
                     const char *error) {
  struct core_route_policy *part = job->part;
  struct bc_fault fault;
  char why[CORE_POLICY_REASON_BYTES];
  if (job->admit != NULL) {
    core_admit_answer(job->admit, said, error);
  } else if (part == NULL) {
    /* Its route is gone, or under another policy. */
  } else if (job->is_trial) {
    if (error == NULL && !core_policy_can_apply(core, part->route, said->attributes, &fault)) {
      (void)snprintf(why, sizeof why, "%s: %s", job->version->key, fault.text);
      error = why;
    }
    core_policy_trial_answer(core, part, job->version, said, error);
  } else {
    part->job = NULL;
    if (error == NULL) {
      core_policy_take_answer(core, part, said);
      return;
    }
    core_policy_take_failure(core, part, error);
  }
  core_policy_said_clear(core, said);
}

/* Nobody is to blame for it: it is asked again. */
static void job_lose(struct bc_core *core, struct core_policy_job *job) {
  struct core_route_policy *part = job->part;
  struct core_admit *admit = job->admit;
  bool is_trial = job->is_trial;
  job_free(core, job);
  if (part != NULL) {
    job_ask_again(core, part, is_trial);
  } else if (admit != NULL) {
    core_admit_lost(core, admit);
  }
}

static void job_on_result(struct core_pool *pool, const struct bc_msg_policy_result *from) {
  struct bc_core *core = pool->core;
  struct core_policies *policies = &core->policies;
  struct core_policy_job *job = job_find(core, from->id);
  if (job == NULL || from->status >= BC_POLICY_STATUS_COUNT) {
    return;
  }
  struct core_route_policy *part = job->part;
  if (from->status == BC_POLICY_STATUS_UNKNOWN) {
    job->version->is_set = false;
    job_lose(core, job);
    return;
  }
  policies->run_us = (policies->run_us * 15 + from->cpu_us) / 16;
  bc_histogram_add(&core->counts.policy_runs, from->cpu_us);
  job_log(job->version, part, from->log);
  job_take_reads(core, job->version, from->reads);
  struct core_policy_said said = {.verdict = BC_VERDICT_KEEP};
  char why[CORE_POLICY_REASON_BYTES];
  const char *error = job_read_verdict(core, job, from, &said, why, sizeof why);
  job->version->has_answered = job->version->has_answered || error == NULL;
  policies->answered += error == NULL;
  uint64_t hash = job->version->script->hash;
  const char *key = bc_intern_ref(job->version->key);
  /* Its place is free for what comes of the answer. */
  policies->answering = job;
  job_give(core, job, &said, error);
  policies->answering = NULL;
  job_free(core, job);
  if (from->status == BC_POLICY_STATUS_KILLED) {
    policies->killed++;
    core_lua_strike(core, hash, key);
  }
  bc_intern_put(core->intern, key);
}

static void job_on_batch(struct core_pool *pool, struct bc_str rest) {
  struct bc_msg one;
  while (rest.len >= 4) {
    const unsigned char *at = (const unsigned char *)rest.at;
    size_t len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    struct bc_str payload = {rest.at + 4, len};
    if (len > rest.len - 4 || bc_msg_decode(BC_MSG_POLICY_RESULT, payload, &one) != BC_ERR_OK) {
      break;
    }
    job_on_result(pool, &one.policy_result);
    rest.at += 4 + len;
    rest.len -= 4 + len;
  }
  if (rest.len > 0) {
    bc_log(BC_LOG_ERROR, "%s sends what is no result: killed", pool->name);
    core_pool_kill(pool->core, pool->number);
  }
}

void core_policy_on_message(struct core_pool *pool, const struct bc_msg *message) {
  if (message->type == BC_MSG_POLICY_RESULTS) {
    job_on_batch(pool, message->policy_results.results);
  } else {
    job_on_result(pool, &message->policy_result);
  }
  core_policy_work_soon(pool->core);
  core_link_pump(pool->core);
}

const char *core_policy_answering(const struct bc_core *core, const struct core_route_policy *part) {
  const struct core_policy_job *job = core->policies.answering;
  return job != NULL && job->part == part && !job->is_trial ? job->context : NULL;
}

bool core_policy_is_answering(const struct bc_core *core, const struct core_route *route) {
  return route->policy != NULL && core_policy_answering(core, route->policy) != NULL;
}

const char *core_policy_job_key(const struct core_pool *pool, uint32_t id) {
  const struct core_policy_job *job = job_find(pool->core, id);
  return job == NULL ? "?" : job->version->key;
}

/* ---- the worker's life ---- */

void core_policy_on_running(struct bc_core *core) {
  struct core_policy_version *version;
  TAILQ_FOREACH(version, &core->policies.versions, link) {
    version->is_set = false;
  }
  core->policies.is_world_told = false;
  core_supply_restart(core, CORE_WORKER_POLICY);
  core_policy_work_soon(core);
}

void core_policy_on_killed(struct core_pool *pool, uint32_t id, const char *why) {
  struct core_policy_job *job = job_find(pool->core, id);
  if (job != NULL) {
    char text[CORE_POLICY_REASON_BYTES];
    (void)snprintf(text, sizeof text, "%s: %s", job->version->key, why);
    job_on_result(
        pool, &(struct bc_msg_policy_result){.id = id, .status = BC_POLICY_STATUS_KILLED, .error = bc_str_of(text)});
  }
}

void core_policy_on_gone(struct core_pool *pool) {
  for (unsigned i = 0; i < CORE_POLICY_WINDOW; i++) {
    if (pool->core->policies.jobs[i] != NULL) {
      job_lose(pool->core, pool->core->policies.jobs[i]);
    }
  }
}

void core_policy_job_close(struct bc_core *core) {
  for (unsigned i = 0; i < CORE_POLICY_WINDOW; i++) {
    if (core->policies.jobs[i] != NULL) {
      job_free(core, core->policies.jobs[i]);
    }
  }
}
