/* The talk with ExaBGP: first find out where our own answers begin, then what stands, then commands.
 *
 * A core that follows a dead one finds answers to the dead one's commands in the pipe. Answers to
 * `show` and `announce` keep their order, so core begins with four `show neighbor summary`, between
 * them as many `show neighbor 256 configuration` (whose whole answer is one `done`) as three digits
 * say that differ from start to start: the pattern of headers and acks is found only in our own
 * answers. docs/exabgp.md tells it at length. */
#include "core/private.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
  LINK_WATCHDOG_MS = 500,
  LINK_SILENT_WARN_MS = 5000,
  LINK_ACK_LIMIT_MS = 5000, /* behind the header that came with it */
  LINK_NO_ACK_MS = 1000,
  LINK_PATTERN_AGAIN_MS = 5000,
  LINK_ASK_MAX = 5,
  LINK_COMMANDS_MS = 1000,
  LINK_COMMANDS_MAX_MS = 10000,
  LINK_COMMANDS_SHARE = 3, /* of the time, where sessions come up all the time: the other part is for questions */
  LINK_CONFIG_PAUSE_MS = 1000,
  LINK_CONFIG_PAUSE_MAX_MS = 60000,
  LINK_UNKNOWN_BYTES = 1048576
};

static const char *const link_questions[] = {
    [LINK_CONFIG] = "show neighbor configuration",
    [LINK_DETAIL] = "show neighbor extensive",
    [LINK_STANDING] = "show adj-rib out extensive",
};

static const char link_barrier[] = "show neighbor summary";
static const char link_nothing[] = "show neighbor 256 configuration";

void core_link_pump(struct bc_core *core) {
  if (core->link.pump_timer != NULL && !bc_timer_is_armed(core->link.pump_timer)) {
    bc_timer_start(core->link.pump_timer, 0);
  }
}

static void link_arm_rib_timer(struct bc_core *core) {
  bc_timer_start_at(core->link.rib_timer, bc_rib_deadline(core->rib));
}

/* ---- questions: one answer of many lines is read at a time, with no command in flight ----
 *
 * ExaBGP answers nothing at all when something goes wrong inside it: behind each question goes a summary,
 * whose header tells that the question was answered or never will be. */

static void link_ask(struct bc_core *core, enum core_link_phase phase) {
  struct core_link *link = &core->link;
  struct bc_mono now = bc_mono_now();
  link->asking_since = link->phase == LINK_READY || link->phase == LINK_SYNC ? now : link->asking_since;
  link->asked = link->phase == phase ? link->asked + 1 : 1;
  link->phase = phase;
  link->is_query = true;
  link->is_answered = false;
  link->is_ending = false;
  link->ask_again = false;
  link->started = now;
  bc_exabgp_read_reset(link->codec);
  if (phase == LINK_CONFIG) {
    link->want_config = false;
    link->config_asked = link->started;
    core_neighbor_configure_begin(core);
  } else if (phase == LINK_DETAIL) {
    link->want_detail = false;
  } else if (phase == LINK_STANDING) {
    link->standing_lines = 0;
    bc_rib_standing_begin(core->rib);
  }
  bc_buf_clear(&link->line);
  bc_buf_add_text(&link->line, link_questions[phase]);
  bc_buf_add_char(&link->line, '\n');
  bc_buf_add_text(&link->line, link_barrier);
  link->line_pending = true;
  core_link_pump(core);
}

/* False when there is no start without the answer: asked again by the watchdog. */
static bool link_lacks_answer(struct bc_core *core) {
  struct core_link *link = &core->link;
  bool is_needed = !bc_rib_is_started(core->rib) && link->asked < LINK_ASK_MAX;
  bc_log(is_needed ? BC_LOG_WARNING : BC_LOG_ERROR, "ExaBGP did not answer `%s`%s", link_questions[link->phase],
         is_needed ? "; asking again" : ": going on without it");
  link->ask_again = is_needed;
  return is_needed;
}

static void link_on_line(void *arg, struct bc_str line);

/* A session that a new configuration of ExaBGP brought may be up, and its updates sent, before we know whose it is. */
static void link_keep_unknown(struct bc_core *core, struct bc_str line) {
  bc_buf_add_format(&core->link.unknown, BC_STR_FMT "\n", BC_STR_ARG(line));
  core->link.want_config = true;
}

/* Not a part of them: what is left out may take back what is there. */
static void link_hear_unknown(struct bc_core *core) {
  struct bc_buf heard = core->link.unknown;
  bc_buf_init(&core->link.unknown, 0); /* who is unknown still is not kept again */
  struct bc_str rest = bc_buf_str(&heard);
  struct bc_str line;
  while (bc_buf_status(&heard) == BC_ERR_OK && rest.len > 0 && bc_str_next_field(&rest, '\n', &line)) {
    link_on_line(core, line);
  }
  bc_buf_free(&heard);
  bc_buf_init(&core->link.unknown, LINK_UNKNOWN_BYTES);
}

static void link_config_ended(struct bc_core *core) {
  struct core_link *link = &core->link;
  bool is_new = link->is_answered && core_neighbor_configure_end(core);
  if (link->is_answered) {
    link->knows_sessions = true;
    link_hear_unknown(core);
  }
  link->config_pause_ms = is_new ? LINK_CONFIG_PAUSE_MS : link->config_pause_ms * 2;
  if (link->config_pause_ms > LINK_CONFIG_PAUSE_MAX_MS) {
    link->config_pause_ms = LINK_CONFIG_PAUSE_MAX_MS;
  }
  link_ask(core, LINK_DETAIL);
}

/* A session that flaps would have us ask all the time. */
static void link_let_commands(struct bc_core *core) {
  struct core_link *link = &core->link;
  struct bc_mono now = bc_mono_now();
  int64_t pause_ms = bc_mono_ms_between(link->asking_since, now) * LINK_COMMANDS_SHARE;
  pause_ms = pause_ms < LINK_COMMANDS_MS ? LINK_COMMANDS_MS : pause_ms;
  link->commands_until = bc_mono_add_ms(now, pause_ms > LINK_COMMANDS_MAX_MS ? LINK_COMMANDS_MAX_MS : pause_ms);
}

static void link_answer_ended(struct bc_core *core) {
  struct core_link *link = &core->link;
  link->is_query = false;
  if (!link->is_answered && link_lacks_answer(core)) {
    return;
  }
  bool starting = !bc_rib_is_started(core->rib);
  switch (link->phase) {
  case LINK_CONFIG:
    link_config_ended(core);
    return;
  case LINK_DETAIL:
    if (starting) {
      link_ask(core, LINK_STANDING);
      return;
    }
    break;
  case LINK_STANDING:
    bc_log(BC_LOG_NOTICE, "in step with ExaBGP %s: %zu routes stand, %u neighbors", link->version, link->standing_lines,
           core->neighbor_count);
    break;
  case LINK_SYNC:
  case LINK_READY:
    break;
  }
  link->phase = LINK_READY;
  core_advice_tell(core);
  link_let_commands(core);
  core_apply_changes(core);
  core_publish_dirty(core);
  core_link_pump(core);
}

/* ---- the beginning ---- */

/* Other ones than those of any core whose answers may still come, this holder's or a holder's before it.
 * No less than 2: core alone writes one command between two summaries. First and last differ, so that
 * the end of another pattern and the beginning of ours do not look like ours. */
static void link_choose_digits(struct bc_core *core) {
  struct core_link *link = &core->link;
  unsigned number = (unsigned)getppid() * 31U + core->options->start_number + link->patterns * 8U;
  for (unsigned i = 0; i < 3; i++) {
    link->digits[i] = 2 + number % 8;
    number /= 8;
  }
  if (link->digits[2] == link->digits[0]) {
    link->digits[2] = link->digits[0] == 9 ? 2 : link->digits[0] + 1;
  }
}

static void link_send_pattern(struct bc_core *core) {
  struct core_link *link = &core->link;
  link_choose_digits(core);
  link->patterns++;
  link->is_pattern_heard = false;
  bc_buf_clear(&link->line);
  bc_buf_add_text(&link->line, "version\n");
  for (unsigned part = 0; part < 4; part++) {
    bc_buf_add_text(&link->line, link_barrier);
    for (unsigned i = 0; part < 3 && i < link->digits[part]; i++) {
      bc_buf_add_char(&link->line, '\n');
      bc_buf_add_text(&link->line, link_nothing);
    }
    if (part < 3) {
      bc_buf_add_char(&link->line, '\n');
    }
  }
  link->line_pending = true;
  core_link_pump(core);
}

static void link_synced(struct bc_core *core) {
  struct core_link *link = &core->link;
  bc_rib_set_acks(core->rib, !link->acks_off);
  link_ask(core, LINK_CONFIG);
}

static void link_on_header(struct bc_core *core) {
  struct core_link *link = &core->link;
  if (link->phase == LINK_SYNC) {
    link->headers++;
    memmove(&link->dones[0], &link->dones[1], 3 * sizeof link->dones[0]);
    link->dones[3] = 0;
    return;
  }
  if (link->is_query) {
    link->is_ending = true;
    link->heard = bc_mono_now();
    if (link->acks_off) {
      link->is_answered = true; /* nobody can tell */
      link_answer_ended(core);
    }
    return;
  }
  bc_rib_on_barrier(core->rib, bc_mono_now());
}

/* After the last of our four headers comes its own ack; then all answers are ours. */
static bool link_pattern_is_complete(const struct core_link *link) {
  return link->headers >= 4 && link->dones[3] == 1 && link->dones[0] == link->digits[0] + 1 &&
         link->dones[1] == link->digits[1] + 1 && link->dones[2] == link->digits[2] + 1;
}

static void link_on_ack(struct bc_core *core, bool ok) {
  struct core_link *link = &core->link;
  link->any_ack = true;
  if (link->phase == LINK_SYNC) {
    link->dones[3] += ok ? 1 : 0;
    if (link_pattern_is_complete(link)) {
      link_synced(core);
    }
    return;
  }
  if (link->is_query) {
    if (link->is_ending) {
      link_answer_ended(core);
    } else {
      link->is_answered = ok;
    }
    return;
  }
  struct bc_mono now = bc_mono_now();
  if (ok) {
    bc_rib_on_done(core->rib, now);
  } else {
    bc_rib_on_error(core->rib, now);
  }
}

/* ---- lines ---- */

static void link_on_standing(struct bc_core *core, const struct bc_exabgp_event *event, struct bc_str raw) {
  struct core_link *link = &core->link;
  if (link->phase != LINK_STANDING) {
    return; /* of an answer that a dead core asked for */
  }
  link->standing_lines++;
  struct core_neighbor *neighbor = core_neighbor_find(core, event->neighbor.peer, event->neighbor.local);
  if (neighbor == NULL) {
    return;
  }
  struct bc_route route = {0};
  struct bc_fault fault;
  enum bc_family family;
  bool is_good = bc_family_parse(event->family, &family) == BC_ERR_OK &&
                 bc_route_parse_standing(core->intern, family, event->text, &route, &fault) == BC_ERR_OK;
  bc_rib_standing(core->rib, core_neighbor_number(core, neighbor), is_good ? &route : NULL, raw);
  bc_route_release(core->intern, &route);
}

static enum bc_err link_read_nlri(struct bc_core *core, enum bc_family family, const struct bc_exabgp_nlri *text,
                                  struct bc_nlri *nlri) {
  return bc_family_has_prefix(family) ? bc_nlri_from_text(family, text->prefix, text->path_id, text->rd, nlri)
                                      : bc_nlri_from_rule(core->intern, family, text->rule, nlri);
}

static void link_on_nlri(void *arg, const struct bc_exabgp_event *event, bool is_withdraw,
                         const struct bc_exabgp_nlri *text) {
  struct bc_core *core = arg;
  struct core_neighbor *neighbor = core_neighbor_find(core, event->neighbor.peer, event->neighbor.local);
  enum bc_family family;
  struct bc_nlri nlri;
  if (neighbor == NULL || bc_family_parse(text->family, &family) != BC_ERR_OK ||
      link_read_nlri(core, family, text, &nlri) != BC_ERR_OK) {
    return;
  }
  core_neighbor_heard(core, neighbor); /* before what it has, which counts only for those whom our commands reach */
  unsigned number = core_neighbor_number(core, neighbor);
  bool has_paths = text->path_id.len > 0 || text->rule.len > 0;
  struct bc_nlri meant = has_paths ? nlri : *bc_rib_nlri_meant(core->rib, number, &nlri);
  bc_rib_on_wire(core->rib, number, is_withdraw ? BC_VERB_WITHDRAW : BC_VERB_ANNOUNCE, &meant, event->has_med,
                 event->med, bc_mono_now());
  bc_nlri_put(core->intern, &nlri);
}

static void link_on_message(struct bc_core *core, const struct bc_exabgp_event *event, struct bc_str line) {
  struct core_neighbor *neighbor = core_neighbor_find(core, event->neighbor.peer, event->neighbor.local);
  if (neighbor == NULL) {
    link_keep_unknown(core, line);
    return;
  }
  if (!neighbor->config.reports_updates) {
    core->link.want_config = true; /* ExaBGP has read another configuration since */
  }
  core_neighbor_heard(core, neighbor);
  enum bc_family family;
  if (event->kind == BC_EXABGP_LINE_EOR && bc_family_parse(event->family, &family) == BC_ERR_OK) {
    bc_rib_on_eor(core->rib, core_neighbor_number(core, neighbor), family, bc_mono_now());
  }
}

/* Both encoders tell states and updates. */
static void link_see_encoder(struct bc_core *core, const struct bc_exabgp_event *event) {
  struct core_link *link = &core->link;
  if (link->is_text_encoder != event->is_text_encoder) {
    link->is_text_encoder = event->is_text_encoder;
    core_advice_tell(core);
  }
}

static void link_on_state(struct bc_core *core, const struct bc_exabgp_event *event, struct bc_str line) {
  if (!core_neighbor_event(core, event)) {
    link_keep_unknown(core, line);
  } else if (event->state == BC_EXABGP_UP) {
    core->link.want_detail = true;
    /* A session also comes up after ExaBGP has read a changed configuration. */
    core->link.want_config = true;
  }
}

/* A line of an answer that the codec does not know alone: part of `show neighbor …`. */
static void link_on_other(struct bc_core *core, struct bc_str line) {
  struct core_link *link = &core->link;
  if (link->is_query && link->phase == LINK_CONFIG) {
    struct bc_exabgp_neighbor_config config;
    if (bc_exabgp_read_config(link->codec, line, &config)) {
      core_neighbor_configured(core, &config);
    }
  } else if (link->is_query && link->phase == LINK_DETAIL) {
    struct bc_exabgp_neighbor_detail detail;
    if (bc_exabgp_read_detail(link->codec, line, &detail)) {
      core_neighbor_detail(core, &detail);
    }
  } else {
    bc_log(BC_LOG_DEBUG, "line from ExaBGP not understood: " BC_STR_FMT, BC_STR_ARG(line));
  }
}

static void link_on_line(void *arg, struct bc_str line) {
  struct bc_core *core = arg;
  struct core_link *link = &core->link;
  struct bc_exabgp_event event;
  bc_exabgp_read(link->codec, line, &event, bc_rib_is_started(core->rib) ? link_on_nlri : NULL, core);
  if (link->phase == LINK_SYNC && event.kind != BC_EXABGP_LINE_STATE && event.kind != BC_EXABGP_LINE_UPDATE &&
      event.kind != BC_EXABGP_LINE_EOR) {
    link->heard = bc_mono_now();
    link->is_pattern_heard = true;
  }
  switch (event.kind) {
  case BC_EXABGP_LINE_DONE:
  case BC_EXABGP_LINE_ERROR:
    link_on_ack(core, event.kind == BC_EXABGP_LINE_DONE);
    break;
  case BC_EXABGP_LINE_SUMMARY_HEADER:
    link_on_header(core);
    break;
  case BC_EXABGP_LINE_VERSION:
    (void)snprintf(link->version, sizeof link->version, BC_STR_FMT, BC_STR_ARG(event.text));
    break;
  case BC_EXABGP_LINE_STANDING:
    link_on_standing(core, &event, line);
    break;
  case BC_EXABGP_LINE_STATE:
    link_see_encoder(core, &event);
    link_on_state(core, &event, line);
    break;
  case BC_EXABGP_LINE_UPDATE:
  case BC_EXABGP_LINE_EOR:
    link_see_encoder(core, &event);
    link_on_message(core, &event, line);
    break;
  case BC_EXABGP_LINE_SHUTDOWN:
    /* SIGTERM follows within 100 ms; ending before it would only make the holder start another core. */
    bc_log(BC_LOG_NOTICE, "ExaBGP shuts down");
    break;
  case BC_EXABGP_LINE_SUMMARY_ROW:
    break;
  case BC_EXABGP_LINE_OTHER:
    link_on_other(core, line);
    break;
  }
  core_link_pump(core);
}

/* ---- writing ---- */

/* True when the pending text is out. It may hold several lines: each is written whole. */
static bool link_flush(struct bc_core *core) {
  struct core_link *link = &core->link;
  while (link->line_pending) {
    struct bc_str rest = bc_buf_str(&link->line);
    const char *end = rest.len == 0 ? NULL : memchr(rest.at, '\n', rest.len);
    struct bc_str first = {.at = rest.at, .len = end == NULL ? rest.len : (size_t)(end - rest.at)};
    enum bc_err err = bc_exabgp_pipe_write(link->pipe, first);
    if (err == BC_ERR_AGAIN || err == BC_ERR_CLOSED) {
      link->is_pipe_full = true;
      return false;
    }
    if (err != BC_ERR_OK) {
      bc_log(BC_LOG_ERROR, "not written to ExaBGP (%s): " BC_STR_FMT, bc_err_name(err), BC_STR_ARG(first));
    }
    link->line_pending = end != NULL;
    bc_buf_consume(&link->line, first.len + 1);
  }
  return true;
}

static void link_commands(struct bc_core *core) {
  struct core_link *link = &core->link;
  struct bc_mono now = bc_mono_now();
  while (!link->line_pending && bc_rib_next_command(core->rib, now, &link->line)) {
    link->line_pending = true;
    if (!link_flush(core)) {
      return;
    }
  }
}

static bool link_may_ask_config(const struct bc_core *core) {
  const struct core_link *link = &core->link;
  /* Those that found no place may write all day: that there is one now is looked for once in a while. */
  int64_t pause_ms = core->neighbors_cut ? LINK_CONFIG_PAUSE_MAX_MS : link->config_pause_ms;
  struct bc_mono next = bc_mono_add_ms(link->config_asked, pause_ms);
  return link->want_config && bc_mono_reached(next, bc_mono_now());
}

/* True when commands have to wait for a question, which goes out as soon as all before it is answered. */
static bool link_ask_again(struct bc_core *core) {
  struct core_link *link = &core->link;
  bool asks_config = link_may_ask_config(core);
  bool may_ask = !core->is_exiting && bc_mono_reached(link->commands_until, bc_mono_now());
  if (!may_ask || !(asks_config || link->want_detail)) {
    return false;
  }
  struct bc_rib_counts counts = bc_rib_counts(core->rib);
  if (counts.outstanding_lines == 0 && counts.outstanding_barriers == 0) {
    link_ask(core, asks_config ? LINK_CONFIG : LINK_DETAIL);
  } else if (bc_rib_next_barrier(core->rib, bc_mono_now(), &link->line)) {
    /* Where acks are missing, only its header tells that nothing is left to be answered. */
    link->line_pending = true;
  }
  (void)link_flush(core);
  return true;
}

static void link_on_pump(void *arg) {
  struct bc_core *core = arg;
  struct core_link *link = &core->link;
  core_dispatch_rib(core);
  core_journal_flush(core);
  if (!link->is_pipe_full && link_flush(core) && link->phase == LINK_READY && !link_ask_again(core)) {
    link_commands(core);
  }
  core_dispatch_rib(core);
  link_arm_rib_timer(core);
}

static void link_on_writable(void *arg) {
  struct bc_core *core = arg;
  core->link.is_pipe_full = false;
  core_link_pump(core);
}

static void link_on_closed(void *arg) {
  struct bc_core *core = arg;
  core->pipe_closed = true;
  core_exit_begin(core, BC_CORE_EXIT_OK, "ExaBGP closed the pipe");
}

static void link_on_rib_timer(void *arg) {
  struct bc_core *core = arg;
  bc_rib_tick(core->rib, bc_mono_now());
  core_link_pump(core);
  link_arm_rib_timer(core);
}

/* Where our answers begin is not found yet. */
static void link_watch_sync(struct bc_core *core) {
  struct core_link *link = &core->link;
  int64_t quiet = bc_mono_ms_between(link->heard, bc_mono_now());
  /* Silence: headers may be a dead core's, and ours are still to come. */
  if (link->headers >= 4 && !link->any_ack && quiet > LINK_NO_ACK_MS) {
    link->acks_off = true;
    link_synced(core);
  } else if (link->is_pattern_heard && quiet > LINK_PATTERN_AGAIN_MS && !link->line_pending) {
    bc_log(BC_LOG_WARNING, "ExaBGP answered, but not as asked: asking again");
    link_send_pattern(core);
  }
}

/* Answers that do not come: no acks at all, or an ExaBGP that does not read. */
static void link_on_watchdog(void *arg) {
  struct bc_core *core = arg;
  struct core_link *link = &core->link;
  struct bc_mono now = bc_mono_now();
  int64_t waited = bc_mono_ms_between(link->started, now);
  bc_timer_start(link->watchdog, LINK_WATCHDOG_MS);
  if (link->phase == LINK_READY) {
    if (link->want_config || link->want_detail) {
      core_link_pump(core);
    }
    return;
  }
  if (link->phase == LINK_SYNC) {
    link_watch_sync(core);
  } else if (link->ask_again) {
    link_ask(core, link->phase);
  } else if (link->is_ending && bc_mono_ms_between(link->heard, now) > LINK_ACK_LIMIT_MS) {
    link_answer_ended(core);
  }
  if (waited > LINK_SILENT_WARN_MS && waited <= LINK_SILENT_WARN_MS + LINK_WATCHDOG_MS) {
    bc_log(BC_LOG_WARNING, "ExaBGP has not answered for 5 s; waiting (is it stopped or busy?)");
  }
}

void core_link_open(struct bc_core *core) {
  struct core_link *link = &core->link;
  struct bc_exabgp_pipe_handler handler = {
      .arg = core, .line = link_on_line, .closed = link_on_closed, .writable = link_on_writable};
  bc_buf_init(&link->line, BC_LIMIT_COMMAND_BYTES);
  bc_buf_init(&link->unknown, LINK_UNKNOWN_BYTES);
  link->codec = bc_exabgp_new();
  link->pump_timer = bc_timer_new(core->loop, link_on_pump, core);
  link->rib_timer = bc_timer_new(core->loop, link_on_rib_timer, core);
  link->watchdog = bc_timer_new(core->loop, link_on_watchdog, core);
  link->started = bc_mono_now();
  link->config_pause_ms = LINK_CONFIG_PAUSE_MS;
  if (bc_exabgp_pipe_open(core->loop, &handler, &link->pipe) != BC_ERR_OK) {
    core_exit_begin(core, BC_CORE_EXIT_OK, "the pipe from ExaBGP cannot be used");
    return;
  }
  link_send_pattern(core);
  bc_timer_start(link->watchdog, LINK_WATCHDOG_MS);
}

void core_link_close(struct bc_core *core) {
  struct core_link *link = &core->link;
  bc_timer_free(link->pump_timer);
  bc_timer_free(link->rib_timer);
  bc_timer_free(link->watchdog);
  link->pump_timer = NULL;
  bc_exabgp_pipe_free(link->pipe);
  bc_exabgp_free(link->codec);
  bc_buf_free(&link->line);
  bc_buf_free(&link->unknown);
}
