#include "base/log.h"

#include "base/limits.h"
#include "base/mono.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
  enum bc_log_level level;
  enum bc_log_format format;
  const char *role;
  uint64_t counts[BC_LOG_DEBUG + 1];
  uint64_t dropped;
  uint64_t dropped_told;
  uint64_t left_out;      /* changes, not told yet */
  int64_t changes_us;     /* room for changes: time that is not used up yet, of … */
  struct bc_mono changes; /* … as of then */
} log_state = {.level = BC_LOG_NOTICE, .format = BC_LOG_TEXT, .role = ""};

static const char *const log_level_names[] = {BC_LOG_LEVEL_LIST(BC_ENUM_TEXT)};

enum bc_err bc_log_level_parse(const char *text, enum bc_log_level *level) {
  for (size_t i = 0; i < sizeof log_level_names / sizeof log_level_names[0]; i++) {
    if (strcmp(text, log_level_names[i]) == 0) {
      *level = (enum bc_log_level)i;
      return BC_ERR_OK;
    }
  }
  return BC_ERR_NOT_FOUND;
}

void bc_log_setup(enum bc_log_level level, enum bc_log_format format, const char *role) {
  log_state.level = level;
  log_state.format = format;
  log_state.role = role;
}

uint64_t bc_log_count(enum bc_log_level level) {
  return level <= BC_LOG_DEBUG ? log_state.counts[level] : 0;
}

uint64_t bc_log_dropped(void) {
  return log_state.dropped;
}

static bool log_fd_has_room(void) {
  struct pollfd entry = {.fd = STDERR_FILENO, .events = POLLOUT};
  int ready = poll(&entry, 1, 0);
  return ready == 1 && (entry.revents & POLLOUT) != 0;
}

/* Poll promises PIPE_BUF (4096) bytes on a pipe; a line never exceeds that, so the write is whole. */
static void log_write(const char *line, size_t len) {
  if (!log_fd_has_room()) {
    log_state.dropped++;
    return;
  }
  ssize_t written = write(STDERR_FILENO, line, len);
  if (written < 0 && errno != EINTR) {
    log_state.dropped++;
  }
}

static size_t log_escape(char *to, size_t room, const char *from) {
  static const char hex[] = "0123456789abcdef";
  size_t used = 0;
  bool json = log_state.format == BC_LOG_JSON;
  for (; *from != '\0' && used + 7 < room; from++) {
    unsigned char c = (unsigned char)*from;
    if (json && (c == '"' || c == '\\')) {
      to[used++] = '\\';
      to[used++] = (char)c;
    } else if (c >= ' ' && c <= '~') {
      to[used++] = (char)c;
    } else {
      to[used++] = '\\';
      to[used++] = json ? 'u' : 'x';
      if (json) {
        to[used++] = '0';
        to[used++] = '0';
      }
      to[used++] = hex[c >> 4];
      to[used++] = hex[c & 15];
    }
  }
  to[used] = '\0';
  return used;
}

static void log_line(enum bc_log_level level, uint64_t decision, const char *message) {
  char escaped[BC_LIMIT_LOG_LINE_BYTES - 256];
  char line[BC_LIMIT_LOG_LINE_BYTES];
  char shown[64] = "";
  (void)log_escape(escaped, sizeof escaped, message);
  int len;
  if (decision != 0) {
    (void)snprintf(shown, sizeof shown,
                   log_state.format == BC_LOG_JSON ? ",\"decision\":%" PRIu64 : " [decision %" PRIu64 "]", decision);
  }
  if (log_state.format == BC_LOG_JSON) {
    char when[25];
    bc_wall_print(bc_wall_now_ms(), when);
    len = snprintf(line, sizeof line,
                   "{\"time\":\"%s\",\"level\":\"%s\",\"role\":\"%s\",\"pid\":%d,\"message\":\"%s\"%s}\n", when,
                   log_level_names[level], log_state.role, (int)getpid(), escaped, shown);
  } else {
    len = snprintf(line, sizeof line, "bgpcommander%s%s: %s: %s%s\n", log_state.role[0] == '\0' ? "" : " ",
                   log_state.role, log_level_names[level], escaped, shown);
  }
  if (len > 0) {
    log_write(line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
  }
}

bool bc_log_is_written(enum bc_log_level level) {
  return level <= log_state.level;
}

static void log_tell_dropped(void) {
  if (log_state.dropped > log_state.dropped_told && log_fd_has_room()) {
    char told[64];
    (void)snprintf(told, sizeof told, "%" PRIu64 " log lines were dropped", log_state.dropped - log_state.dropped_told);
    log_state.dropped_told = log_state.dropped;
    log_line(BC_LOG_WARNING, 0, told);
  }
}

static void log_print(enum bc_log_level level, uint64_t decision, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void log_print(enum bc_log_level level, uint64_t decision, const char *format, va_list args) {
  log_state.counts[level]++;
  char message[BC_LIMIT_LOG_LINE_BYTES - 512];
  (void)vsnprintf(message, sizeof message, format, args);
  log_tell_dropped();
  log_line(level, decision, message);
}

void bc_log(enum bc_log_level level, const char *format, ...) {
  if (level > log_state.level) {
    return;
  }
  va_list args;
  va_start(args, format);
  log_print(level, 0, format, args);
  va_end(args);
}

/* ---- changes ---- */

enum { LOG_CHANGE_US = 1000000 / BC_LIMIT_LOG_CHANGES_S };

static bool log_has_room_for_change(void) {
  struct bc_mono now = bc_mono_now();
  int64_t most = (int64_t)LOG_CHANGE_US * BC_LIMIT_LOG_CHANGES;
  log_state.changes_us =
      bc_mono_is_set(log_state.changes) ? log_state.changes_us + now.us - log_state.changes.us : most;
  log_state.changes_us = log_state.changes_us < most ? log_state.changes_us : most;
  log_state.changes = now;
  return log_state.changes_us >= LOG_CHANGE_US;
}

void bc_log_tell_left_out(void) {
  if (log_state.left_out > 0 && log_has_room_for_change()) {
    uint64_t count = log_state.left_out;
    log_state.left_out = 0;
    bc_log(BC_LOG_NOTICE, "%" PRIu64 " more changes are not told here: too many at once", count);
  }
}

void bc_log_change(enum bc_log_level level, uint64_t decision, const char *format, ...) {
  if (level > log_state.level) {
    return;
  }
  if (!log_has_room_for_change()) {
    log_state.left_out++;
    return;
  }
  bc_log_tell_left_out();
  log_state.changes_us -= LOG_CHANGE_US;
  va_list args;
  va_start(args, format);
  log_print(level, decision, format, args);
  va_end(args);
}

uint64_t bc_log_left_out(void) {
  return log_state.left_out;
}
