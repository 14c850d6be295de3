#include "cli/client.h"

#include "base/limits.h"
#include "base/mono.h"
#include "cli/cli.h"
#include "cli/screen.h"
#include "io/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENT_TIMEOUT_MS = 5000, CLIENT_CHUNK_BYTES = 65536 };

/* Connects, or -1 with errno. */
static int client_connect(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(address.sun_path, path, strlen(path));
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
    int problem = errno;
    (void)close(fd);
    errno = problem;
    return -1;
  }
  return fd;
}

static void client_tell_no_daemon(const struct bc_settings *settings, const char *path, const char *problem) {
  if (path == NULL) {
    (void)fprintf(stderr,
                  "no daemon answers at /run/bgpcommander/%s.sock or in its state directory: is it running on "
                  "this machine as node %s (-n), and may you read the socket?\n",
                  settings->node, settings->node);
    return;
  }
  (void)fprintf(stderr, "no daemon answers at %s (%s): is it running, and may you read the socket?\n", path, problem);
}

static size_t client_find_sockets(const struct bc_settings *settings, char *sockets[static BC_PATHS_SOCKETS]) {
  struct bc_paths_wish wish = {.node = settings->node,
                               .state_dir = settings->state_dir,
                               .socket = settings->socket,
                               .script_dir = settings->script_dir};
  return bc_paths_find_sockets(&wish, sockets);
}

/* To the first socket that takes us; *path is the caller's. */
static int client_connect_any(const struct bc_settings *settings, bool is_quiet, char **path) {
  char *sockets[BC_PATHS_SOCKETS];
  size_t count = client_find_sockets(settings, sockets);
  const char *problem = NULL;
  int fd = -1;
  *path = NULL;
  for (size_t i = 0; i < count && fd < 0; i++) {
    fd = client_connect(sockets[i]);
    if (fd >= 0) {
      *path = sockets[i];
      sockets[i] = NULL;
    } else if (problem == NULL) {
      problem = strerror(errno);
    }
  }
  if (fd < 0 && !is_quiet) {
    client_tell_no_daemon(settings, count == 0 ? NULL : sockets[0], problem);
  }
  for (size_t i = 0; i < count; i++) {
    free(sockets[i]);
  }
  return fd;
}

/* The process that listens; 0 = not known. */
static long long client_peer(int fd) {
  struct ucred peer = {0};
  socklen_t len = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? (long long)peer.pid : 0;
}

enum bc_client_absence bc_client_absence(const struct bc_settings *settings, long long *pid) {
  enum bc_client_absence absence = BC_CLIENT_NONE;
  char *sockets[BC_PATHS_SOCKETS];
  size_t count = client_find_sockets(settings, sockets);
  *pid = 0;
  for (size_t i = 0; i < count; i++) {
    int fd = absence == BC_CLIENT_SILENT ? -1 : client_connect(sockets[i]);
    if (fd >= 0) {
      absence = BC_CLIENT_SILENT;
      *pid = client_peer(fd);
      (void)close(fd);
    } else if (absence == BC_CLIENT_NONE && errno == EACCES) {
      absence = BC_CLIENT_DENIED;
    }
    free(sockets[i]);
  }
  return absence;
}

static bool client_wait(int fd, short events) {
  struct pollfd entry = {.fd = fd, .events = events};
  int ready;
  do {
    ready = poll(&entry, 1, CLIENT_TIMEOUT_MS);
  } while (ready < 0 && errno == EINTR);
  return ready == 1;
}

static bool client_send(int fd, const char *line, size_t len) {
  while (len > 0) {
    ssize_t sent = client_wait(fd, POLLOUT) ? send(fd, line, len, MSG_NOSIGNAL) : -1;
    if (sent < 0) {
      return false;
    }
    line += sent;
    len -= (size_t)sent;
  }
  return true;
}

/* Up to the end of the stream; false when nothing comes for too long, or too much. */
static bool client_receive(int fd, struct bc_buf *answer) {
  for (;;) {
    char *room = bc_buf_reserve(answer, CLIENT_CHUNK_BYTES);
    if (room == NULL || !client_wait(fd, POLLIN)) {
      return false;
    }
    ssize_t got = recv(fd, room, CLIENT_CHUNK_BYTES, 0);
    if (got == 0) {
      return answer->len > 0;
    }
    if (got < 0 && errno != EINTR && errno != EAGAIN) {
      return false;
    }
    bc_buf_commit(answer, got < 0 ? 0 : (size_t)got);
  }
}

static int client_talk(const struct bc_settings *settings, const json_t *request, bool is_quiet,
                       struct bc_buf *answer) {
  char *path;
  int fd = client_connect_any(settings, is_quiet, &path);
  if (fd < 0) {
    return BC_CLI_NO_DAEMON;
  }
  char *text = json_dumps(request, JSON_COMPACT);
  struct bc_buf line;
  bc_buf_init(&line, BC_LIMIT_SOCKET_REQUEST_BYTES);
  bc_buf_add_text(&line, text == NULL ? "" : text);
  bc_buf_add_char(&line, '\n');
  bool has_answer = client_send(fd, line.data, line.len) && client_receive(fd, answer);
  if (!has_answer && !is_quiet) {
    (void)fprintf(stderr, "the daemon at %s (process %lld) did not answer within %d s: see `bgpcommander doctor`\n",
                  path, client_peer(fd), CLIENT_TIMEOUT_MS / 1000);
  }
  (void)close(fd);
  bc_buf_free(&line);
  free(text);
  free(path);
  return has_answer ? BC_CLI_OK : BC_CLI_NO_DAEMON;
}

/* What becomes of a good answer with --json; without, it is always given. */
enum client_json { CLIENT_JSON_GIVEN = 1, CLIENT_JSON_PRINTED = 2 };

static int client_judge(const struct bc_settings *settings, const struct bc_buf *bytes, unsigned with_json,
                        bool is_quiet, json_t **answer) {
  json_t *made = json_loadb(bytes->data, bytes->len, JSON_REJECT_DUPLICATES, NULL);
  if (made == NULL && is_quiet) {
    return BC_CLI_NO_DAEMON; /* it ended while it answered */
  }
  const char *error = json_string_value(json_object_get(made, "error"));
  int code = json_is_object(made) && error == NULL ? BC_CLI_OK : BC_CLI_BAD_NEWS;
  if (settings->is_json && ((with_json & CLIENT_JSON_PRINTED) != 0 || code != BC_CLI_OK)) {
    (void)fwrite(bytes->data, 1, bytes->len, stdout);
  } else if (code != BC_CLI_OK) {
    char shown[BC_FAULT_TEXT_BYTES];
    bc_screen_clean(error == NULL ? "the daemon's answer is not a JSON object" : error, shown, sizeof shown);
    (void)fprintf(stderr, "%s\n", shown);
  }
  if (code == BC_CLI_OK && (!settings->is_json || (with_json & CLIENT_JSON_GIVEN) != 0)) {
    *answer = made;
    return code;
  }
  json_decref(made);
  return code;
}

static int client_ask(const struct bc_settings *settings, json_t *request, unsigned with_json, bool is_quiet,
                      json_t **answer) {
  struct bc_buf bytes;
  bc_buf_init(&bytes, BC_LIMIT_SOCKET_ANSWER_BYTES);
  *answer = NULL;
  int code = client_talk(settings, request, is_quiet, &bytes);
  if (code == BC_CLI_OK) {
    code = client_judge(settings, &bytes, with_json, is_quiet, answer);
  }
  bc_buf_free(&bytes);
  json_decref(request);
  return code;
}

int bc_client_ask(const struct bc_settings *settings, json_t *request, json_t **answer) {
  return client_ask(settings, request, CLIENT_JSON_PRINTED, false, answer);
}

int bc_client_ask_to_judge(const struct bc_settings *settings, json_t *request, json_t **answer) {
  return client_ask(settings, request, CLIENT_JSON_GIVEN | CLIENT_JSON_PRINTED, false, answer);
}

int bc_client_ask_for_part(const struct bc_settings *settings, json_t *request, json_t **answer) {
  return client_ask(settings, request, CLIENT_JSON_GIVEN, false, answer);
}

int bc_client_try_for_part(const struct bc_settings *settings, json_t *request, json_t **answer) {
  return client_ask(settings, request, CLIENT_JSON_GIVEN, true, answer);
}

json_t *bc_client_request(const char *command) {
  return json_pack("{s:s}", "command", command);
}

const char *bc_client_text(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text == NULL ? "" : text;
}

long long bc_client_number(const json_t *object, const char *name) {
  return json_integer_value(json_object_get(object, name));
}

bool bc_client_is_true(const json_t *object, const char *name) {
  return json_is_true(json_object_get(object, name));
}

int bc_client_print_text(const struct bc_settings *settings, json_t *request, const char *last) {
  struct bc_buf answer;
  bc_buf_init(&answer, BC_LIMIT_SOCKET_ANSWER_BYTES);
  int code = client_talk(settings, request, false, &answer);
  json_decref(request);
  struct bc_str text = bc_str_trim(bc_buf_str(&answer));
  size_t len = strlen(last);
  bool is_whole = text.len >= len && memcmp(text.at + text.len - len, last, len) == 0;
  if (code == BC_CLI_OK && bc_str_starts(text, "{")) {
    json_t *none = NULL;
    (void)client_judge(settings, &answer, CLIENT_JSON_PRINTED, false, &none);
    json_decref(none);
    code = BC_CLI_BAD_NEWS;
  } else if (code == BC_CLI_OK && !is_whole) {
    (void)fputs("the daemon's answer broke off\n", stderr);
    code = BC_CLI_BAD_NEWS;
  } else if (code == BC_CLI_OK) {
    (void)fwrite(text.at, 1, text.len, stdout);
    (void)fputc('\n', stdout);
  }
  bc_buf_free(&answer);
  return code;
}
