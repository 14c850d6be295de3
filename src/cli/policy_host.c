#include "cli/policy_host.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/channel.h"
#include "io/child.h"
#include "io/loop.h"
#include "proto/lua_page.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
  HOST_LOOK_MS = 20,
  HOST_CPU_MOST_MS = 2 * BC_LIMIT_LUA_BURST_MS,
  HOST_PATIENCE_MS = 60000, /* of wall time: the machine may be busy */
  HOST_FD_LEAST = 10,
  HOST_NUMBER = 1
};

struct bc_policy_host {
  const struct bc_policy_source *source;
  struct bc_loop *loop;
  struct bc_timer *look;
  struct bc_child *child; /* NULL: it has ended */
  struct bc_channel *channel;
  struct bc_policy_answer *answer; /* of the run under way … */
  uint32_t run;                    /* … and its number */
  bool is_answered;
  bool is_killed;
  struct bc_mono deadline;
  int64_t cpu_before_ms;
};

void bc_policy_answer_init(struct bc_policy_answer *answer) {
  *answer = (struct bc_policy_answer){.status = BC_POLICY_STATUS_UNKNOWN};
  bc_buf_init(&answer->verdict, BC_LIMIT_FRAME_BYTES);
  bc_buf_init(&answer->error, BC_LIMIT_FRAME_BYTES);
  bc_buf_init(&answer->log, BC_LIMIT_FRAME_BYTES);
  bc_buf_init(&answer->reads, BC_LIMIT_FRAME_BYTES);
}

void bc_policy_answer_fini(struct bc_policy_answer *answer) {
  bc_buf_free(&answer->verdict);
  bc_buf_free(&answer->error);
  bc_buf_free(&answer->log);
  bc_buf_free(&answer->reads);
}

/* ---- answers ---- */

static void host_fill(struct bc_buf *to, struct bc_str text) {
  bc_buf_clear(to);
  bc_buf_add_str(to, text);
}

static void host_on_result(struct bc_policy_host *host, const struct bc_msg_policy_result *from) {
  struct bc_policy_answer *answer = host->answer;
  if (from->id != host->run || host->is_answered || from->status >= BC_POLICY_STATUS_COUNT) {
    return;
  }
  answer->status = (enum bc_policy_status)from->status;
  answer->cpu_us = from->cpu_us;
  host_fill(&answer->verdict, from->verdict);
  host_fill(&answer->error, from->error);
  host_fill(&answer->log, from->log);
  host_fill(&answer->reads, from->reads);
  host->is_answered = true;
  bc_loop_stop(host->loop);
}

static void host_on_results(struct bc_policy_host *host, struct bc_str rest) {
  struct bc_msg one;
  while (rest.len >= 4) {
    const unsigned char *bytes = (const unsigned char *)rest.at;
    size_t len = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    if (len > rest.len - 4 ||
        bc_msg_decode(BC_MSG_POLICY_RESULT, (struct bc_str){rest.at + 4, len}, &one) != BC_ERR_OK) {
      return;
    }
    host_on_result(host, &one.policy_result);
    rest.at += 4 + len;
    rest.len -= 4 + len;
  }
}

static void host_on_message(void *arg, const struct bc_msg *message) {
  struct bc_policy_host *host = arg;
  if (message->type == BC_MSG_POLICY_RESULT) {
    host_on_result(host, &message->policy_result);
  } else if (message->type == BC_MSG_POLICY_RESULTS) {
    host_on_results(host, message->policy_results.results);
  }
}

static void host_stop(struct bc_policy_host *host) {
  bc_channel_free(host->channel);
  bc_child_free(host->child);
  host->channel = NULL;
  host->child = NULL;
}

/* Its end comes as the child's. */
static void host_on_closed(void *arg, const char *why) {
  struct bc_policy_host *host = arg;
  (void)why;
  bc_channel_free(host->channel);
  host->channel = NULL;
  bc_child_kill(host->child);
}

static void host_on_ended(void *arg, int wait_status, const char *why) {
  struct bc_policy_host *host = arg;
  (void)wait_status;
  if (!host->is_answered && !host->is_killed) {
    (void)fprintf(stderr, "the sandbox ended: %s\n", why);
  }
  host_stop(host);
  bc_loop_stop(host->loop);
}

static int64_t host_cpu_ms(const struct bc_policy_host *host) {
  clockid_t clock;
  struct timespec used;
  pid_t pid = host->child == NULL ? 0 : bc_child_pid(host->child);
  if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return 0;
  }
  return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* One call of C cannot be interrupted from within. */
static void host_on_look(void *arg) {
  struct bc_policy_host *host = arg;
  bool is_over = host_cpu_ms(host) - host->cpu_before_ms > HOST_CPU_MOST_MS;
  if (host->child != NULL && (is_over || bc_mono_reached(host->deadline, bc_mono_now()))) {
    host->is_killed = true;
    host->answer->status = BC_POLICY_STATUS_KILLED;
    host_fill(&host->answer->error, bc_str_of(is_over ? "one call used too much CPU time and could not be interrupted"
                                                      : "the sandbox did not answer"));
    bc_child_kill(host->child);
    return;
  }
  bc_timer_start(host->look, HOST_LOOK_MS);
}

/* ---- the worker ---- */

static bool host_tell(struct bc_policy_host *host, const struct bc_msg *message) {
  enum bc_err err = host->channel == NULL ? BC_ERR_CLOSED : bc_channel_send(host->channel, message);
  if (err != BC_ERR_OK) {
    (void)fprintf(stderr, "%s: script, modules or context are too long for the sandbox (%s)\n", host->source->name,
                  bc_err_name(err));
  }
  return err == BC_ERR_OK;
}

static bool host_tell_modules(struct bc_policy_host *host, struct bc_buf *list) {
  const char *name;
  json_t *value;
  uint32_t number = 1;
  bool is_told = true;
  json_object_foreach(host->source->modules, name, value) {
    struct bc_str text = {json_string_value(value), json_string_length(value)};
    is_told =
        is_told &&
        host_tell(host, &(struct bc_msg){.type = BC_MSG_LUA_MODULE,
                                         .lua_module = {.number = number, .name = bc_str_of(name), .text = text}});
    bc_buf_add_format(list, "%s=%u", name, (unsigned)number++);
    bc_buf_add_char(list, '\0');
  }
  return is_told;
}

static bool host_tell_data(struct bc_policy_host *host) {
  const char *name;
  json_t *value;
  bool is_told = true;
  json_object_foreach(host->source->data, name, value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const struct bc_msg message = {.type = BC_MSG_LUA_DATA,
                                   .lua_data = {.name = bc_str_of(name), .json = bc_str_of(text)}};
    is_told = is_told && host_tell(host, &message);
    free(text);
  }
  return is_told;
}

static bool host_tell_policy(struct bc_policy_host *host) {
  const struct bc_policy_source *source = host->source;
  struct bc_buf modules;
  bc_buf_init(&modules, BC_LIMIT_FRAME_BYTES);
  bool is_told = host_tell_data(host) && host_tell_modules(host, &modules) &&
                 host_tell(host, &(struct bc_msg){.type = BC_MSG_POLICY_SET,
                                                  .policy_set = {.number = HOST_NUMBER,
                                                                 .name = bc_str_of(source->name),
                                                                 .script = bc_buf_str(&source->script),
                                                                 .modules = bc_buf_str(&modules),
                                                                 .options = bc_str_of(source->options)}});
  bc_buf_free(&modules);
  return is_told;
}

/* What the worker notes there core looks at: we look at its CPU time alone. */
static int host_make_page(void) {
  int made = memfd_create("bgpcommander-policy", MFD_CLOEXEC);
  int fd = made < 0 ? -1 : fcntl(made, F_DUPFD_CLOEXEC, HOST_FD_LEAST);
  if (made >= 0) {
    (void)close(made);
  }
  if (fd >= 0 && ftruncate(fd, BC_LUA_PAGE_BYTES) != 0) {
    (void)close(fd);
    fd = -1;
  }
  return fd;
}

static bool host_start(struct bc_policy_host *host) {
  char *argv[] = {(char[]){"bgpcommander"}, (char[]){"@policy"}, NULL};
  struct bc_fault fault;
  int fd;
  int page_fd = host_make_page();
  bc_fault_set(&fault, 0, "no memory can be shared with it");
  bool is_started = page_fd >= 0 && bc_child_start_bare(host->loop, argv, page_fd, host_on_ended, host, &host->child,
                                                        &fd, &fault) == BC_ERR_OK;
  if (page_fd >= 0) {
    (void)close(page_fd);
  }
  if (!is_started) {
    (void)fprintf(stderr, "cannot start the sandbox: %s\n", fault.text);
    return false;
  }
  const struct bc_channel_handler handler = {.arg = host, .message = host_on_message, .closed = host_on_closed};
  host->channel = bc_channel_new(host->loop, fd, BC_MSG_TO_CORE, &handler);
  return host_tell_policy(host);
}

struct bc_policy_host *bc_policy_host_new(const struct bc_policy_source *source) {
  struct bc_policy_host *host = bc_mem_new(1, sizeof *host);
  host->source = source;
  host->loop = bc_loop_new();
  host->look = bc_timer_new(host->loop, host_on_look, host);
  if (!host_start(host)) {
    bc_policy_host_free(host);
    return NULL;
  }
  return host;
}

void bc_policy_host_free(struct bc_policy_host *host) {
  if (host == NULL) {
    return;
  }
  host_stop(host);
  bc_timer_free(host->look);
  bc_loop_free(host->loop);
  free(host);
}

bool bc_policy_host_ask(struct bc_policy_host *host, const json_t *context, struct bc_policy_answer *answer) {
  if (host->child == NULL && !host_start(host)) {
    return false;
  }
  char *text = json_dumps(context, JSON_COMPACT);
  struct bc_msg message = {.type = BC_MSG_POLICY_RUN,
                           .policy_run = {.id = ++host->run, .number = HOST_NUMBER, .context = bc_str_of(text)}};
  host->answer = answer;
  host->is_answered = false;
  host->is_killed = false;
  host->deadline = bc_mono_add_ms(bc_mono_now(), HOST_PATIENCE_MS);
  host->cpu_before_ms = host_cpu_ms(host);
  bool is_told = host_tell(host, &message);
  free(text);
  if (is_told) {
    bc_timer_start(host->look, HOST_LOOK_MS);
    bc_loop_run(host->loop);
    bc_timer_stop(host->look);
  }
  return is_told && (host->is_answered || host->is_killed);
}
