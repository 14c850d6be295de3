#include "cli/cli.h"

#include "base/near.h"
#include "cli/commands.h"
#include "cli/run_report.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CLI_WORD_MAX = 64, CLI_NAME_SHOWN = 18, CLI_WATCH_MS = 2000 };

static const struct cli_command {
  const char *name, *words, *help;
  int least, most;
  int (*run)(const struct bc_settings *settings);
} cli_commands[] = {
#define BC_CLI_COMMAND(name_, words_, least_, most_, help_)                                                            \
  {.name = #name_, .words = (words_), .help = (help_), .least = (least_), .most = (most_), .run = bc_command_##name_},
#include "cli/commands.def"
#undef BC_CLI_COMMAND
};

enum { CLI_COMMANDS = sizeof cli_commands / sizeof cli_commands[0] };

static const struct cli_command *cli_find(const char *word) {
  for (size_t i = 0; i < CLI_COMMANDS; i++) {
    if (strcmp(cli_commands[i].name, word) == 0) {
      return &cli_commands[i];
    }
  }
  return NULL;
}

bool bc_cli_is_command(const char *word) {
  return cli_find(word) != NULL;
}

const char *bc_cli_nearest_command(const char *word) {
  const char *nearest = NULL;
  size_t least = BC_NEAR_MOST + 1;
  for (size_t i = 0; i < CLI_COMMANDS; i++) {
    size_t distance = bc_near_distance(bc_str_of(word), bc_str_of(cli_commands[i].name));
    if (distance < least) {
      least = distance;
      nearest = cli_commands[i].name;
    }
  }
  return nearest;
}

void bc_cli_print_commands(struct bc_buf *to) {
  bc_buf_add_text(to, "\nCommands (without one it is the daemon that ExaBGP starts):\n");
  for (size_t i = 0; i < CLI_COMMANDS; i++) {
    char name[CLI_WORD_MAX * 2];
    (void)snprintf(name, sizeof name, "%s %s", cli_commands[i].name, cli_commands[i].words);
    /* A long one has its help below it. */
    bc_buf_add_format(to, "  %-18s%s%s\n", name, strlen(name) > CLI_NAME_SHOWN ? "\n                     " : " ",
                      cli_commands[i].help);
  }
  bc_buf_add_format(to, "  %-18s %s\n", "help", "Print this");
  bc_buf_add_text(
      to,
      "\nExit codes: 0 fine, 1 bad news, 2 wrong usage, 3 no daemon answers.\n"
      "Of route, node, check, policy, module and data: 0 done, 1 refused, 2 wrong usage, 3 no store, 4 somebody else\n"
      "changed it, 5 written and not on the wire (--wait), 6 not known whether it was written.\n"
      "Of why: 4 nothing recorded of that, 5 the records begin later.\n"
      "Of run: 0 up, 1 down, 3 script error, 4 stopped by a limit or by rules of this node,\n"
      "5 no daemon or no such route, 64 wrong usage. Other commands have codes of their own beside\n"
      "the first ones: see the manual page.\n");
}

int bc_cli_usage_code(const char *command) {
  return command != NULL && strcmp(command, "run") == 0 ? (int)BC_CLI_RUN_USAGE : (int)BC_CLI_USAGE;
}

bool bc_cli_is_reader_gone(void) {
  struct pollfd reader = {.fd = STDOUT_FILENO, .events = 0};
  return poll(&reader, 1, 0) > 0 && (reader.revents & (POLLERR | POLLNVAL)) != 0;
}

/* Whoever reads by a pipe may go when it has read enough: that is no error. */
static bool cli_is_told(void) {
  struct pollfd reader = {.fd = STDOUT_FILENO, .events = POLLOUT};
  bool is_written = fflush(stdout) == 0 && ferror(stdout) == 0;
  return is_written || (poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR) != 0);
}

/* What shows a state that changes. */
static bool cli_can_be_watched(const struct cli_command *command) {
  static const char *const names[] = {"status", "routes", "checks", "neighbors", "nodes"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(command->name, names[i]) == 0) {
      return true;
    }
  }
  return false;
}

/* Until it is interrupted, or nobody reads any more. Each answer stands alone on a terminal. */
static int cli_watch(const struct cli_command *command, const struct bc_settings *settings) {
  bool is_screen = isatty(STDOUT_FILENO) == 1 && !settings->is_json;
  for (;;) {
    struct pollfd reader = {.fd = STDOUT_FILENO, .events = 0};
    (void)fputs(is_screen ? "\033[H\033[2J" : "", stdout);
    (void)command->run(settings);
    bool is_whole = fflush(stdout) == 0 && ferror(stdout) == 0;
    bool is_left = poll(&reader, 1, CLI_WATCH_MS) > 0 && (reader.revents & (POLLERR | POLLNVAL)) != 0;
    if (!is_whole || is_left) {
      return BC_CLI_OK;
    }
  }
}

int bc_cli_run(const struct bc_settings *settings) {
  const struct cli_command *command = cli_find(settings->command);
  if (command == NULL) {
    return BC_CLI_USAGE;
  }
  if (settings->word_count < command->least || settings->word_count > command->most) {
    (void)fprintf(stderr, "usage: bgpcommander %s%s%s\n", command->name, command->words[0] == '\0' ? "" : " ",
                  command->words);
    return bc_cli_usage_code(command->name);
  }
  if (settings->is_watched && !cli_can_be_watched(command)) {
    (void)fprintf(stderr, "--watch: %s shows nothing that changes\n", command->name);
    return bc_cli_usage_code(command->name);
  }
  if (settings->is_watched) {
    return cli_watch(command, settings);
  }
  int code = command->run(settings);
  if (code == BC_CLI_OK && !cli_is_told()) {
    (void)fprintf(stderr, "standard output takes no more: the answer is not whole\n");
    return bc_cli_usage_code(command->name);
  }
  return code;
}
