/* Runs hostile scripts, each followed by a victim in the same process, for test_abuse.py: sandbox_probe FILE...
 * Prints one line each: FILE <TAB> end <TAB> returned <TAB> CPU ms <TAB> victim <TAB> bytes <TAB> error. A script that
 * waits is ended at its timeout, `timeout`. The victim runs twice: as another check of the hostile script's own state
 * ("own", which a script can only starve of memory while it runs), and in a state of its own.
 *
 * Scripts may call outside. A process beside this one gives them peers at loopback, their ports in the global `peer`:
 * `silent` (takes connections and says nothing), `half` (ends its side at once), `flood` (sends without an end). Port
 * 2379 at loopback counts as etcd. What they require is in the folder modules/ beside them. */
#include "base/file.h"
#include "base/mono.h"
#include "worker/lua_io.h"
#include "worker/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROBE_TIMEOUT_MS = 500, PROBE_PEERS = 3, PROBE_BACKLOG = 1024, PROBE_CONNECTIONS = 512 };

static struct bc_loop *probe_loop;
static struct bc_lua_io *probe_io;
static char probe_peers[96]; /* JSON */

/* ---- the peers ---- */

static int probe_listen(unsigned *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, PROBE_BACKLOG) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
    abort();
  }
  *port = ntohs(address.sin_port);
  return fd;
}

/* `silent` is nobody's: what connects there waits in the kernel. */
static void probe_serve(int half, int flood) {
  struct pollfd fds[2 + PROBE_CONNECTIONS] = {{.fd = half, .events = POLLIN}, {.fd = flood, .events = POLLIN}};
  nfds_t count = 2;
  char bytes[4096];
  memset(bytes, 'x', sizeof bytes);
  while (poll(fds, count, -1) >= 0) {
    for (nfds_t i = 2; i < count; i++) {
      if (fds[i].revents != 0 && send(fds[i].fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        (void)close(fds[i].fd);
        fds[i] = fds[--count];
      }
    }
    int fd = accept4(half, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
      (void)shutdown(fd, SHUT_WR);
    }
    fd = accept4(flood, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0 && count < 2 + PROBE_CONNECTIONS) {
      fds[count++] = (struct pollfd){.fd = fd, .events = POLLOUT};
    }
  }
}

static void probe_start_peers(void) {
  unsigned ports[PROBE_PEERS];
  int fds[PROBE_PEERS];
  for (int i = 0; i < PROBE_PEERS; i++) {
    fds[i] = probe_listen(&ports[i]);
  }
  (void)snprintf(probe_peers, sizeof probe_peers, "{\"silent\":%u,\"half\":%u,\"flood\":%u}", ports[0], ports[1],
                 ports[2]);
  if (fork() == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)close(fds[0]);
    probe_serve(fds[1], fds[2]);
    _exit(0);
  }
  (void)close(fds[1]);
  (void)close(fds[2]);
}

static void probe_start_io(void) {
  struct bc_fault fault;
  struct bc_egress *egress = bc_egress_new();
  probe_loop = bc_loop_new();
  probe_io = bc_lua_io_new(probe_loop, &fault);
  if (probe_io == NULL || bc_egress_add(egress, BC_EGRESS_ETCD, bc_str_of("127.0.0.1:2379"), &fault) != BC_ERR_OK) {
    abort();
  }
  bc_lua_io_set_egress(probe_io, egress);
}

/* ---- scripts ---- */

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

static void probe_on_time(void *arg) {
  (void)arg;
  bc_loop_stop(probe_loop);
}

static enum bc_sandbox_end probe_run(struct bc_sandbox_run *run, bool *is_late) {
  struct bc_mono deadline = bc_mono_add_ms(bc_mono_now(), PROBE_TIMEOUT_MS);
  struct bc_timer *timer = bc_timer_new(probe_loop, probe_on_time, NULL);
  bc_sandbox_run_on_ready(run, probe_on_time, NULL);
  while (bc_sandbox_run_resume(run) == BC_SANDBOX_YIELDED) {
    int64_t wait_ms = bc_sandbox_run_outcome(run)->wait_ms;
    int64_t left_ms = bc_mono_ms_between(bc_mono_now(), deadline);
    if (left_ms <= 0) {
      *is_late = true;
      break;
    }
    *is_late = wait_ms > left_ms;
    bc_timer_start(timer, wait_ms < 0 || wait_ms > left_ms ? left_ms : wait_ms);
    bc_loop_run(probe_loop);
    if (*is_late) {
      break;
    }
  }
  bc_timer_free(timer);
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

/* modules/NAME.lua beside the script. */
static void probe_add_modules(struct bc_sandbox *sandbox, const char *path) {
  char pattern[4096];
  struct bc_fault fault;
  glob_t found;
  char *copy = strdup(path);
  (void)snprintf(pattern, sizeof pattern, "%s/modules/*.lua", dirname(copy));
  free(copy);
  if (glob(pattern, 0, NULL, &found) != 0) {
    abort();
  }
  for (size_t i = 0; i < found.gl_pathc; i++) {
    struct bc_buf text;
    char *name = basename(found.gl_pathv[i]);
    bc_buf_init(&text, BC_LIMIT_SCRIPT_BYTES);
    if (!probe_read(found.gl_pathv[i], &text)) {
      abort();
    }
    name[strlen(name) - strlen(".lua")] = '\0';
    if (bc_sandbox_add_module(sandbox, name, bc_buf_str(&text), &fault) != BC_ERR_OK) {
      abort();
    }
    bc_buf_free(&text);
  }
  globfree(&found);
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
  const struct bc_sandbox_options options = {.io = probe_io};
  struct bc_sandbox *sandbox = bc_sandbox_new(&options, "abuse", bc_buf_str(&both), &fault);
  bc_buf_free(&both);
  if (sandbox == NULL) {
    (void)printf("%s\terror\tnone\t0\twell\t%s\t0\t%s\n", path, probe_judge_victim(other), fault.text);
    return;
  }
  probe_add_modules(sandbox, path);
  struct bc_sandbox_check *check = bc_sandbox_check_new(sandbox);
  struct bc_sandbox_check *victim = bc_sandbox_check_new(sandbox);
  if (bc_sandbox_check_set_global(victim, "data", bc_str_of("\"victim\""), &fault) != BC_ERR_OK ||
      bc_sandbox_check_set_global(check, "peer", bc_str_of(probe_peers), &fault) != BC_ERR_OK) {
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
  if (probe_io->calls != 0) {
    (void)printf("\tconnections are left");
  }
  (void)printf("\t%s", probe_judge_victim(victim));
  (void)printf("\t%s\t%zu\t%s\n", probe_judge_victim(other), bc_sandbox_peak_bytes(sandbox), error);
  free(error);
  bc_sandbox_check_free(victim);
  bc_sandbox_check_free(check);
  bc_sandbox_free(sandbox);
}

int main(int argc, char **argv) {
  struct bc_fault fault;
  (void)signal(SIGPIPE, SIG_IGN);
  probe_start_peers();
  probe_start_io();
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
  bc_lua_io_free(probe_io);
  bc_loop_free(probe_loop);
  return code;
}
