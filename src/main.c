/* Picks what this process is: the holder that ExaBGP started, its core, a worker, or a command. */
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "core/core.h"
#include "holder/holder.h"
#include "io/paths.h"
#include "model/settings.h"
#include "model/settings_table.h"
#include "worker/compile.h"
#include "worker/exec.h"
#include "worker/host.h"
#include "worker/policy.h"
#include "worker/run.h"
#include "worker/testkit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert((int)BC_HOLDER_CORE_UPGRADE == (int)BC_CORE_EXIT_UPGRADE, "holder and core must agree");

enum { MAIN_USAGE_BYTES = 65536, MAIN_ROLE_WORDS = 4 };

/* Nobody may trace our processes, and without that a sanitizer's leak check ends with an error; root may. */
static _Noreturn void main_end(int code) {
  if (geteuid() != 0) {
    (void)fflush(NULL);
    _exit(code);
  }
  exit(code);
}

/* A descriptor that is closed would be taken by the next file that is opened. */
static void main_open_standard_descriptors(void) {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) < 0) {
      (void)open("/dev/null", O_RDWR);
    }
  }
}

static bool main_is_below_exabgp(void) {
  struct stat input;
  struct stat output;
  return fstat(STDIN_FILENO, &input) == 0 && S_ISFIFO(input.st_mode) && fstat(STDOUT_FILENO, &output) == 0 &&
         S_ISFIFO(output.st_mode);
}

static const char *main_hostname(void) {
  static char name[BC_LIMIT_NAME_BYTES + 1];
  if (gethostname(name, sizeof name - 1) != 0) {
    name[0] = '\0';
  }
  return name;
}

static void main_print_usage(const char *program, FILE *to) {
  struct bc_buf text;
  bc_buf_init(&text, MAIN_USAGE_BYTES);
  bc_settings_print_usage(program, main_hostname(), &text);
  bc_cli_print_commands(&text);
  (void)fwrite(text.data, 1, text.len, to);
  bc_buf_free(&text);
}

/* ---- settings ---- */

/* Whoever may write the node file decides what may run here: that must not be the daemon's user. */
static const char *main_judge_node_file(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return "it is not a file";
  }
  if (info.st_uid != 0) {
    return "it does not belong to root";
  }
  return (info.st_mode & (S_IWGRP | S_IWOTH)) != 0 ? "its group or others may write it" : NULL;
}

/* Adds the content; false when there is none to be used: *problem then says why, NULL = there is no file. */
static bool main_read_node_file(const char *path, struct bc_buf *content, const char **problem) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    *problem = errno == ENOENT && strcmp(path, BC_SETTINGS_CONFIG) == 0 ? NULL : strerror(errno);
    return false;
  }
  *problem = main_judge_node_file(fd);
  ssize_t got = *problem == NULL ? 1 : 0;
  while (got > 0 && *problem == NULL) {
    char bytes[4096];
    got = read(fd, bytes, sizeof bytes);
    *problem = got < 0 ? strerror(errno) : NULL;
    bc_buf_add(content, bytes, got > 0 ? (size_t)got : 0);
    got = content->failed ? 0 : got;
  }
  (void)close(fd);
  return *problem == NULL;
}

enum main_load { LOAD_FINE, LOAD_BAD_OUTSIDE, LOAD_BAD_FILE };

/* Command line and environment first: they say where the node file is. */
static enum main_load main_load_settings(int argc, char *const *argv, bool tells, struct bc_settings *out,
                                         struct bc_fault *fault) {
  struct bc_str nothing = {0};
  if (bc_settings_parse(argc, argv, environ, nothing, main_hostname(), out, fault) != BC_ERR_OK) {
    struct bc_fault ignored;
    /* The node file may hold the name that the host does not give. */
    if (bc_settings_parse(argc, argv, environ, nothing, "node", out, &ignored) != BC_ERR_OK) {
      return LOAD_BAD_OUTSIDE;
    }
  }
  if (out->wants_help || out->wants_version) {
    return LOAD_FINE;
  }
  struct bc_buf content;
  const char *problem;
  bc_buf_init(&content, BC_LIMIT_NODE_FILE_BYTES + 4096);
  bool is_read = main_read_node_file(out->config, &content, &problem);
  if (!is_read && problem != NULL && tells) {
    bc_log(BC_LOG_WARNING, "node file %s is not used, defaults hold: %s", out->config, problem);
  }
  bc_settings_release(out);
  enum bc_err err =
      bc_settings_parse(argc, argv, environ, is_read ? bc_buf_str(&content) : nothing, main_hostname(), out, fault);
  bc_buf_free(&content);
  return err == BC_ERR_OK ? LOAD_FINE : LOAD_BAD_FILE;
}

/* ---- roles ---- */

static unsigned main_role_number(const char *word, const char *name) {
  uint64_t number = 0;
  struct bc_str text = bc_str_of(word);
  if (bc_str_starts(text, name)) {
    text.at += strlen(name);
    text.len -= strlen(name);
    (void)!bc_str_to_u64(text, UINT_MAX, &number);
  }
  return (unsigned)number;
}

/* argv: PROGRAM @core starts=N safe=0|1, then the command line that the holder got. */
static int main_run_core(int argc, char **argv) {
  if (argc < MAIN_ROLE_WORDS) {
    return BC_CLI_USAGE;
  }
  struct bc_settings settings;
  struct bc_fault fault;
  struct bc_core_options options = {.settings = &settings,
                                    .is_safe_mode = main_role_number(argv[3], "safe=") != 0,
                                    .start_number = main_role_number(argv[2], "starts=")};
  char **own = argv + MAIN_ROLE_WORDS - 1;
  own[0] = argv[0];
  bc_log_setup(BC_LOG_NOTICE, BC_LOG_TEXT, "core");
  if (main_load_settings(argc - (MAIN_ROLE_WORDS - 1), own, true, &settings, &fault) != LOAD_FINE) {
    bc_log(BC_LOG_ERROR, "settings: %s", fault.text);
    return BC_HOLDER_CORE_REFUSED;
  }
  bc_log_setup(settings.log_level, settings.log_format, "core");
  int code = bc_core_run(&options);
  bc_settings_release(&settings);
  return code;
}

/* Where an upgrade will put the next binary: the path that we were started by, if it is ours, as it may be
 * a link that an upgrade turns; else where we are. NULL = cannot be told. */
static char *main_find_program(const char *started_as) {
  struct stat ours;
  struct stat named;
  char *path = NULL;
  if (strchr(started_as, '/') != NULL && stat("/proc/self/exe", &ours) == 0 && stat(started_as, &named) == 0 &&
      ours.st_dev == named.st_dev && ours.st_ino == named.st_ino) {
    char directory[PATH_MAX] = "";
    if (started_as[0] == '/') {
      return bc_mem_copy_string(started_as);
    }
    if (getcwd(directory, sizeof directory) != NULL && asprintf(&path, "%s/%s", directory, started_as) > 0) {
      return path;
    }
  }
  return realpath("/proc/self/exe", NULL);
}

static int main_run_holder(char **argv, const struct bc_settings *settings, const char *idle_reason) {
  char *program = main_find_program(argv[0]);
  struct bc_paths paths = {0};
  if (settings != NULL) {
    struct bc_paths_wish wish = {.node = settings->node,
                                 .state_dir = settings->state_dir,
                                 .socket = settings->socket,
                                 .script_dir = settings->script_dir};
    /* Core tells what is wrong with them. */
    (void)!bc_paths_resolve(&wish, &paths, NULL);
  }
  struct bc_holder_options options = {.program = program == NULL ? argv[0] : program,
                                      .argv = argv,
                                      .state_dir = paths.state_dir,
                                      .is_idle = idle_reason != NULL,
                                      .reason = idle_reason};
  int code = bc_holder_run(&options);
  bc_paths_release(&paths);
  free(program);
  return code;
}

/* ---- commands and faults ---- */

/* What follows an option that we do not know may be its value. */
static bool main_takes_next_word(const char *option) {
  const char *name = option + (option[1] == '-' ? 2 : 1);
  if (strchr(name, '=') != NULL) {
    return false;
  }
  for (size_t i = 0; i < BC_SETTINGS_ENTRIES; i++) {
    const struct bc_settings_entry *entry = &bc_settings_entries[i];
    if (strcmp(name, entry->name) == 0 || (name[0] != '\0' && strcmp(name, entry->letter) == 0)) {
      return entry->kind != BC_SETTINGS_FLAG;
    }
  }
  return true;
}

static bool main_is_option(const char *word) {
  return word[0] == '-' && word[1] != '\0';
}

/* The first word that is neither an option nor the value of one, if it is a command, else NULL: also where
 * bc_settings_parse has refused the line, of which nothing can be had then. */
static const char *main_find_command(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--") == 0) {
      return i + 1 < argc && bc_cli_is_command(argv[i + 1]) ? argv[i + 1] : NULL;
    }
    if (!main_is_option(argv[i])) {
      return bc_cli_is_command(argv[i]) ? argv[i] : NULL;
    }
    i += main_takes_next_word(argv[i]) ? 1 : 0;
    /* ExaBGP takes a comma in its `run` line for a word of its own: `-c a,b` arrives as `-c` `a` `,` `b`. */
    while (i + 1 < argc && strcmp(argv[i + 1], ",") == 0) {
      i += i + 2 < argc && !main_is_option(argv[i + 2]) ? 2 : 1;
    }
  }
  return NULL;
}

static bool main_names_command(int argc, char **argv) {
  return main_find_command(argc, argv) != NULL;
}

/* ExaBGP ends with all its sessions when a process of it ends a few times: there, a fault is held, not
 * returned. */
static int main_refuse(int argc, char **argv, const char *reason) {
  if (main_is_below_exabgp() && !main_names_command(argc, argv)) {
    return main_run_holder(argv, NULL, reason);
  }
  (void)fprintf(stderr, "%s\n", reason);
  main_print_usage(argv[0], stderr);
  return bc_cli_usage_code(main_find_command(argc, argv));
}

static int main_run_command(int argc, char **argv, const struct bc_settings *settings) {
  if (strcmp(settings->command, "help") == 0) {
    main_print_usage(argv[0], stdout);
    return BC_CLI_OK;
  }
  if (bc_cli_is_command(settings->command)) {
    return bc_cli_run(settings);
  }
  char reason[BC_FAULT_TEXT_BYTES];
  const char *nearest = bc_cli_nearest_command(settings->command);
  (void)snprintf(reason, sizeof reason, "%.60s: there is no such command%s%s%s", settings->command,
                 nearest == NULL ? "" : ", did you mean ", nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
  return main_refuse(argc, argv, reason);
}

static int main_run(int argc, char **argv) {
  struct bc_settings settings;
  struct bc_fault fault;
  /* Core tells of the daemon's node file, a command of its own. */
  enum main_load load = main_load_settings(argc, argv, main_names_command(argc, argv), &settings, &fault);
  if (load == LOAD_BAD_FILE && main_is_below_exabgp() && !main_names_command(argc, argv)) {
    return main_run_holder(argv, NULL, NULL); /* core looks again until the file is right */
  }
  if (load == LOAD_BAD_FILE && main_names_command(argc, argv)) {
    (void)fprintf(stderr, "%s (the node file is not used)\n", fault.text);
    struct bc_str nothing = {0};
    load = bc_settings_parse(argc, argv, environ, nothing, main_hostname(), &settings, &fault) == BC_ERR_OK
               ? LOAD_FINE
               : LOAD_BAD_OUTSIDE;
  }
  if (load != LOAD_FINE) {
    return main_refuse(argc, argv, fault.text);
  }
  int code = BC_CLI_OK;
  if (settings.wants_help) {
    main_print_usage(argv[0], stdout);
  } else if (settings.wants_version) {
    (void)puts("bgpcommander " BC_VERSION);
  } else if (settings.command != NULL) {
    code = main_run_command(argc, argv, &settings);
  } else {
    code = main_run_holder(argv, &settings, NULL);
  }
  bc_settings_release(&settings);
  return code;
}

int main(int argc, char **argv) {
  /* ExaBGP's is 0137: a directory that we make would come out without its x bit. */
  (void)umask(022);
  main_open_standard_descriptors();
  if (argc < 1) {
    return BC_CLI_USAGE;
  }
  if (argc > 2 && strcmp(argv[1], "@exec") == 0) {
    main_end(bc_exec_worker_run(argv[2]));
  }
  if (argc > 1 && strcmp(argv[1], "@lua") == 0) {
    main_end(bc_host_worker_run());
  }
  if (argc > 1 && strcmp(argv[1], "@policy") == 0) {
    main_end(bc_policy_worker_run());
  }
  if (argc > 1 && strcmp(argv[1], "@run") == 0) {
    main_end(bc_run_worker_run());
  }
  if (argc > 1 && strcmp(argv[1], "@test") == 0) {
    main_end(bc_testkit_worker_run());
  }
  if (argc > 1 && strcmp(argv[1], "@compile") == 0) {
    main_end(bc_compile_worker_run());
  }
  if (argc > 1 && strcmp(argv[1], "@core") == 0) {
    main_end(main_run_core(argc, argv));
  }
  main_end(main_run(argc, argv));
}
