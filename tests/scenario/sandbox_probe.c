/* Runs hostile scripts, each followed by a victim in the same process, for test_abuse.py: sandbox_probe FILE...
 * Prints one line each: FILE <TAB> end <TAB> returned <TAB> CPU ms <TAB> victim <TAB> bytes <TAB> error. A script that
 * waits is ended at its timeout, `timeout`. The victim runs twice: as another check of the hostile script's own state
 * ("own", which a script can only starve of memory while it runs), and in a state of its own. */
#include "base/file.h"
#include "base/mono.h"
#include "worker/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROBE_TIMEOUT_MS = 500 };

/* Chosen by a global, so that hostile script and victim are one script with one state. */
static const char probe_victim[] =
    "local t, sum = {}, 0 for i = 1, 1000 do t[i] = (i * 7919) % 1000 end table.sort(t) "
    "for i, v in ipairs(t) do sum = sum + i * v end "
    "local word = ('key = value'):match('^(%w+)%s*=') "
    "local text = string.format('%05d|%s|%s', 42, ('up'):upper(), tostring(1.5)) "
    "return leaked == nil and evil == nil and hold == nil and getmetatable('') == false and math.floor(2.5) == 2 and "
    "sum == 333333000 and word == 'key' and text == '00042|UP|1.5', text ";

static bool probe_read(const char *path, struct bc_buf *to) {
  char bytes[4096];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : 1;
  while (got > 0) {
    got = read(fd, bytes, sizeof bytes);
    bc_buf_add(to, bytes, got > 0 ? (size_t)got : 0);
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  return got == 0;
}

static enum bc_sandbox_end probe_run(struct bc_sandbox_run *run, bool *is_late) {
  struct bc_mono deadline = bc_mono_add_ms(bc_mono_now(), PROBE_TIMEOUT_MS);
  while (bc_sandbox_run_resume(run) == BC_SANDBOX_YIELDED) {
    const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(run);
    (void)poll(NULL, 0, outcome->wait_ms < 0 ? 1 : (int)outcome->wait_ms);
    if (bc_mono_reached(deadline, bc_mono_now())) {
      *is_late = true;
      break;
    }
  }
  return bc_sandbox_run_outcome(run)->end;
}

static const char *probe_judge_victim(struct bc_sandbox_check *check) {
  static char text[600];
  bool is_late = false;
  struct bc_sandbox_run *run = bc_sandbox_run_new(check);
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(run);
  enum bc_sandbox_end end = probe_run(run, &is_late);
  bool is_well = end == BC_SANDBOX_DONE && outcome->word == BC_SANDBOX_UP;
  (void)snprintf(text, sizeof text, "%s", is_well ? "well" : outcome->error[0] != '\0' ? outcome->error : "wrong");
  bc_sandbox_run_free(run);
  return text;
}

static void probe_attack(const char *path, struct bc_str script, struct bc_sandbox_check *other) {
  struct bc_fault fault;
  struct bc_buf both;
  bc_buf_init(&both, BC_LIMIT_SCRIPT_BYTES);
  /* The victim's line goes in front, behind the #! line. */
  const char *line = memchr(script.at, '\n', script.len);
  size_t first = line == NULL ? script.len : (size_t)(line - script.at);
  bc_buf_add_format(&both, "if data == 'victim' then %s end", probe_victim);
  bc_buf_add(&both, script.at + first, script.len - first);
  struct bc_sandbox *sandbox = bc_sandbox_new(NULL, "abuse", bc_buf_str(&both), &fault);
  bc_buf_free(&both);
  if (sandbox == NULL) {
    (void)printf("%s\terror\tnone\t0\twell\t%s\t0\t%s\n", path, probe_judge_victim(other), fault.text);
    return;
  }
  struct bc_sandbox_check *check = bc_sandbox_check_new(sandbox);
  struct bc_sandbox_check *victim = bc_sandbox_check_new(sandbox);
  if (bc_sandbox_check_set_global(victim, "data", bc_str_of("\"victim\""), &fault) != BC_ERR_OK) {
    abort();
  }
  bool is_late = false;
  struct bc_sandbox_run *run = bc_sandbox_run_new(check);
  enum bc_sandbox_end end = probe_run(run, &is_late);
  const struct bc_sandbox_outcome *outcome = bc_sandbox_run_outcome(run);
  (void)printf("%s\t%s\t%s\t%llu", path, is_late ? "timeout" : bc_sandbox_end_text(end),
               outcome->returned == NULL ? "none" : outcome->returned, (unsigned long long)outcome->cpu_us / 1000);
  char *error = strdup(outcome->error);
  bc_sandbox_run_free(run);
  (void)printf("\t%s", probe_judge_victim(victim));
  (void)printf("\t%s\t%zu\t%s\n", probe_judge_victim(other), bc_sandbox_peak_bytes(sandbox), error);
  free(error);
  bc_sandbox_check_free(victim);
  bc_sandbox_check_free(check);
  bc_sandbox_free(sandbox);
}

int main(int argc, char **argv) {
  struct bc_fault fault;
  struct bc_sandbox *sandbox = bc_sandbox_new(NULL, "victim", bc_str_of(probe_victim), &fault);
  if (sandbox == NULL) {
    (void)fprintf(stderr, "%s\n", fault.text);
    return 1;
  }
  struct bc_sandbox_check *other = bc_sandbox_check_new(sandbox);
  int code = 0;
  for (int i = 1; i < argc && code == 0; i++) {
    struct bc_buf script;
    bc_buf_init(&script, BC_LIMIT_SCRIPT_BYTES);
    code = probe_read(argv[i], &script) ? 0 : 1;
    if (code == 0) {
      probe_attack(argv[i], bc_buf_str(&script), other);
      (void)fflush(stdout);
    }
    bc_buf_free(&script);
  }
  bc_sandbox_check_free(other);
  bc_sandbox_free(sandbox);
  return code;
}
