#include "confine_harness.h"
#include "free_port.h"
#include "io/loop.h"
#include "io/resolver.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* What the calls of scripts need goes on working in a process that is confined. */

static uint16_t server_port;
static pid_t server;
static char folder[] = "/tmp/bc-confine-XXXXXX";
static char pem[16384];
static size_t pem_len;

static size_t drop(const char *bytes, size_t size, size_t count, void *arg) {
  (void)bytes;
  (void)arg;
  return size * count;
}

static CURLcode get(bool with_certificate, long *status) {
  char url[64];
  (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", server_port);
  CURL *easy = curl_easy_init();
  struct curl_blob blob = {.data = pem, .len = pem_len, .flags = CURL_BLOB_COPY};
  (void)curl_easy_setopt(easy, CURLOPT_URL, url);
  (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)WAIT_MS);
  (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
  if (with_certificate) {
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
  }
  CURLcode code = curl_easy_perform(easy);
  (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
  curl_easy_cleanup(easy);
  return code;
}

static int speak_tls(void) {
  long status = 0;
  CURLcode code = get(true, &status);
  return code != CURLE_OK ? (int)code : status == 200 ? 0 : 248;
}

/* The system's certificates are read, and do not sign ours. */
static int speak_tls_by_the_systems_certificates(void) {
  long status = 0;
  return get(false, &status) == CURLE_PEER_FAILED_VERIFICATION ? 0 : 248;
}

static bool is_open(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  bool is = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
  (void)close(fd);
  return is;
}

static pid_t spawn(const char *const *argv) {
  pid_t pid = fork();
  if (pid == 0) {
    int sink = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (chdir(folder) == 0 && dup2(sink, 0) == 0 && dup2(sink, 1) == 1 && dup2(sink, 2) == 2) {
      (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    }
    _exit(1);
  }
  assert_true(pid > 0);
  return pid;
}

static int start_server(void **state) {
  char path[64];
  char port[24];
  int status;
  (void)state;
  assert_non_null(mkdtemp(folder));
  const char *const make[] = {
      "openssl", "req",  "-x509", "-newkey", "rsa:2048",      "-nodes",  "-keyout",
      "key",     "-out", "cert",  "-subj",   "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
      NULL};
  assert_int_equal(waitpid(spawn(make), &status, 0) > 0 ? status : -1, 0);
  (void)snprintf(path, sizeof path, "%s/cert", folder);
  FILE *file = fopen(path, "re");
  assert_non_null(file);
  pem_len = fread(pem, 1, sizeof pem, file);
  (void)fclose(file);
  server_port = free_port();
  (void)snprintf(port, sizeof port, "127.0.0.1:%u", server_port);
  const char *const serve[] = {"openssl", "s_server", "-www",  "-quiet", "-accept", port,
                               "-key",    "key",      "-cert", "cert",   NULL};
  server = spawn(serve);
  for (struct bc_mono until = bc_mono_add_ms(bc_mono_now(), WAIT_MS); !is_open(server_port);) {
    assert_false(bc_mono_reached(until, bc_mono_now()));
    (void)poll(NULL, 0, 10);
  }
  return 0;
}

static int stop_server(void **state) {
  static const char *const files[] = {"key", "cert"};
  char path[64];
  (void)state;
  (void)kill(server, SIGKILL);
  (void)waitpid(server, NULL, 0);
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    (void)unlink(path);
  }
  return rmdir(folder);
}

static void tls_works(void **state) {
  (void)state;
  assert_int_equal(confined(speak_tls, (struct way){0}), 0);
  if (geteuid() == 0) {
    assert_int_equal(confined(speak_tls, (struct way){.uid = NOBODY}), 0);
  }
  if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0) {
    assert_int_equal(confined(speak_tls_by_the_systems_certificates, (struct way){0}), 0);
  }
}

/* ---- names ---- */

struct names {
  struct bc_loop *loop;
  bool is_found;
  bool is_answered;
};

static void on_found(void *arg, const struct bc_resolver_found *found) {
  struct names *names = arg;
  names->is_found = found->err == BC_ERR_OK && found->count > 0;
  bc_loop_stop(names->loop);
}

static void on_answer(void *arg, const struct bc_resolver_answer *answer) {
  struct names *names = arg;
  names->is_answered = answer->err == BC_ERR_OK;
  bc_loop_stop(names->loop);
}

static int dns_fd;

/* The loop too is made by the confined process. */
static int resolve(void) {
  struct bc_fault fault;
  struct names names = {.loop = bc_loop_new()};
  struct bc_resolver *resolver = bc_resolver_new(names.loop, NULL, &fault);
  if (resolver == NULL) {
    return 247;
  }
  (void)bc_resolver_look_up(resolver, bc_str_of("localhost"), WAIT_MS, on_found, &names);
  bc_loop_run(names.loop);
  struct sockaddr_in at;
  socklen_t len = sizeof at;
  (void)getsockname(dns_fd, (struct sockaddr *)&at, &len);
  (void)bc_resolver_ask(resolver, &(struct bc_resolver_query){.name = bc_str_of("example.org"),
                                                              .type = 1,
                                                              .dns_class = 1,
                                                              .server = {.bytes = {127, 0, 0, 1}},
                                                              .port = ntohs(at.sin_port),
                                                              .timeout_ms = WAIT_MS,
                                                              .fn = on_answer,
                                                              .arg = &names});
  bc_loop_run(names.loop);
  bc_resolver_free(resolver);
  bc_loop_free(names.loop);
  return names.is_found && names.is_answered ? 0 : names.is_found ? 246 : 248;
}

static _Noreturn void answer_queries(void) {
  for (;;) {
    unsigned char bytes[512];
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    ssize_t got = recvfrom(dns_fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &len);
    if (got > 12) {
      bytes[2] |= 0x80U;
      (void)sendto(dns_fd, bytes, (size_t)got, 0, (struct sockaddr *)&from, len);
    }
  }
}

static void names_are_resolved(void **state) {
  (void)state;
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(dns_fd, (struct sockaddr *)&any, sizeof any), 0);
  pid_t pid = fork();
  if (pid == 0) {
    answer_queries();
  }
  int got = confined(resolve, (struct way){0});
  int got_as_nobody = geteuid() == 0 ? confined(resolve, (struct way){.uid = NOBODY}) : 0;
  (void)kill(pid, SIGKILL);
  (void)waitpid(pid, NULL, 0);
  (void)close(dns_fd);
  assert_int_equal(got, 0);
  assert_int_equal(got_as_nobody, 0);
}

/* ---- ping ---- */

static int enter_world_with_ping(void) {
  static const char path[] = "/proc/sys/net/ipv4/ping_group_range";
  static const char all[] = "0 2147483647";
  if (unshare(CLONE_NEWNET) != 0) {
    return 1;
  }
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  bool is_fine = fd >= 0 && write(fd, all, sizeof all - 1) == (ssize_t)sizeof all - 1;
  return is_fine && ioctl(any, SIOCSIFFLAGS, &lo) == 0 ? 0 : 1;
}

static int ping(void) {
  unsigned char echo[8] = {8, 0, 0, 0, 0, 0, 0, 1};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0 || send(fd, echo, sizeof echo, 0) < 0) {
    return errno;
  }
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  if (poll(&entry, 1, WAIT_MS) != 1 || recv(fd, echo, sizeof echo, 0) != (ssize_t)sizeof echo) {
    return 248;
  }
  return echo[0] == 0 ? 0 : 247;
}

static void ping_works(void **state) {
  (void)state;
  struct way way = {.uid = NOBODY, .before = enter_world_with_ping};
  int got = geteuid() == 0 ? confined(ping, way) : NOT_CONFINED;
  if (got == NOT_CONFINED) {
    print_message("no network namespace can be made: not tried\n");
    skip();
  }
  assert_int_equal(got, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(tls_works, start_server, stop_server),
      cmocka_unit_test(names_are_resolved),
      cmocka_unit_test(ping_works),
  };
  (void)signal(SIGPIPE, SIG_IGN);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
