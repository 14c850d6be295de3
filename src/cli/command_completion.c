/* Completion for shells, from the lists of commands and options that --help is printed from. */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "model/settings_table.h"

#include <stdio.h>
#include <string.h>

static const struct completion_command {
  const char *name, *words, *help;
} completion_commands[] = {
#define BC_CLI_COMMAND(name_, words_, least_, most_, help_) {.name = #name_, .words = (words_), .help = (help_)},
#include "cli/commands.def"
#undef BC_CLI_COMMAND
};

enum { COMPLETION_COMMANDS = sizeof completion_commands / sizeof completion_commands[0] };

/* What its words are: names that the daemon knows, "shells", or files. */
static const char *completion_kind(const struct completion_command *command) {
  static const struct {
    const char *in_words, *kind;
  } kinds[] = {{"bash|zsh", "shells"}, {"FILE", "files"}, {"PATH", "files"}, {"SCRIPT", "files"}, {"POLICY", "files"}};
  if (strcmp(command->name, "checks") == 0 || strcmp(command->name, "check") == 0) {
    return "checks";
  }
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strstr(command->words, kinds[i].in_words) != NULL) {
      return kinds[i].kind;
    }
  }
  return strstr(command->words, "ROUTE") != NULL || strstr(command->words, "NAME") != NULL ? "routes" : "none";
}

/* What stands for the value of an option: words with bars between them are the values. */
static const char *completion_values(const struct bc_settings_entry *entry) {
  switch (entry->kind) {
  case BC_SETTINGS_PATH:
    return "files";
  case BC_SETTINGS_LEVEL:
    return "error warning notice info debug";
  case BC_SETTINGS_FORMAT:
    return "text json";
  case BC_SETTINGS_API:
    return "v3 v2 auto";
  case BC_SETTINGS_SWITCH:
    return "on off";
  default:
    break;
  }
  bool is_file = strcmp(entry->value, "FILE") == 0 || strcmp(entry->value, "DIR") == 0;
  return is_file                             ? "files"
         : strcmp(entry->name, "route") == 0 ? "routes"
         : strcmp(entry->name, "check") == 0 ? "checks"
                                             : "none";
}

static void completion_print_tables(void) {
  (void)printf("  local commands='");
  for (size_t i = 0; i < COMPLETION_COMMANDS; i++) {
    (void)printf("%s%s", i == 0 ? "" : " ", completion_commands[i].name);
  }
  (void)printf(" help'\n  local options='");
  const char *blank = "";
  for (size_t i = 0; i < BC_SETTINGS_ENTRIES; i++) {
    if ((bc_settings_entries[i].sources & BC_SETTINGS_ARGUMENT) != 0) {
      (void)printf("%s--%s", blank, bc_settings_entries[i].name);
      blank = " ";
    }
  }
  (void)printf("'\n");
}

/* Words with bars between them that are followed by others ("set|get NAME") are the first word. */
static void completion_print_command(const struct completion_command *command) {
  const char *kind = completion_kind(command);
  size_t len = strcspn(command->words, " ");
  if (command->words[len] == '\0' || memchr(command->words, '|', len) == NULL || command->words[0] < 'a') {
    (void)printf("    %s) kind='%s' ;;\n", command->name, kind);
    return;
  }
  (void)printf("    %s)\n      kind='%s'\n      [ \"$previous\" != %s ] || kind='", command->name, kind, command->name);
  for (size_t i = 0; i < len; i++) {
    (void)putchar(command->words[i] == '|' ? ' ' : command->words[i]);
  }
  (void)printf("'\n      ;;\n");
}

static void completion_print_values(void) {
  (void)printf("  case $previous in\n");
  for (size_t i = 0; i < BC_SETTINGS_ENTRIES; i++) {
    const struct bc_settings_entry *entry = &bc_settings_entries[i];
    bool has_letter = entry->letter[0] != '\0';
    if ((entry->sources & BC_SETTINGS_ARGUMENT) != 0 && entry->kind != BC_SETTINGS_FLAG) {
      (void)printf("  --%s%s%s) kind='%s' ;;\n", entry->name, has_letter ? " | -" : "", entry->letter,
                   completion_values(entry));
    }
  }
  (void)printf("  *)\n    case $command in\n");
  for (size_t i = 0; i < COMPLETION_COMMANDS; i++) {
    completion_print_command(&completion_commands[i]);
  }
  (void)printf("    *) kind=commands ;;\n    esac\n    ;;\n  esac\n");
}

/* Sets `found` to the words that may stand there, or `kind` to `files`. */
static void completion_print_function(void) {
  (void)printf("# Made by `bgpcommander completion`.\n"
               "_bgpcommander_words() { # WORD PREVIOUS COMMAND\n"
               "  local word=$1 previous=$2 command=$3\n");
  completion_print_tables();
  (void)printf("  found=''\n  kind=none\n");
  completion_print_values();
  (void)printf("  case $kind in\n"
               "  commands) found=$commands ;;\n"
               "  routes | checks) found=$(bgpcommander completion \"$kind\" 2>/dev/null) ;;\n"
               "  shells) found='bash zsh' ;;\n"
               "  files | none) ;;\n"
               "  *) found=$kind ;;\n"
               "  esac\n"
               "  case $word in\n"
               "  -*) found=$options kind=options ;;\n"
               "  esac\n"
               "}\n");
}

static void completion_print_bash(void) {
  completion_print_function();
  /* To Bash a colon, as in api:web, is a word of its own: the words are taken from the line. */
  (void)printf("_bgpcommander() {\n"
               "  local found kind command='' i word previous begin=0 line=${COMP_LINE:0:COMP_POINT}\n"
               "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
               "    case ${COMP_WORDS[i]} in\n"
               "    -*) ;;\n"
               "    *) command=${command:-${COMP_WORDS[i]}} ;;\n"
               "    esac\n"
               "  done\n"
               "  word=${line##*[[:space:]]}\n"
               "  line=${line%%\"$word\"}\n"
               "  line=${line%%\"${line##*[![:space:]]}\"}\n"
               "  previous=${line##*[[:space:]]}\n"
               "  _bgpcommander_words \"$word\" \"$previous\" \"$command\"\n"
               "  if [ \"$kind\" = files ]; then\n"
               "    compopt -o filenames 2>/dev/null\n"
               "    COMPREPLY=($(compgen -f -- \"$2\"))\n"
               "    return\n"
               "  fi\n"
               "  COMPREPLY=($(compgen -W \"$found\" -- \"$word\"))\n"
               "  if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then\n"
               "    word=${word%%:*}:\n"
               "    begin=${#word}\n"
               "  fi\n"
               "  for i in \"${!COMPREPLY[@]}\"; do\n"
               "    COMPREPLY[i]=${COMPREPLY[i]:begin}\n"
               "  done\n"
               "}\n"
               "complete -F _bgpcommander bgpcommander\n");
}

static void completion_print_zsh(void) {
  (void)printf("#compdef bgpcommander\n");
  completion_print_function();
  (void)printf("_bgpcommander() {\n"
               "  local found kind command='' word\n"
               "  for word in \"${words[@]:1:$((CURRENT - 2))}\"; do\n"
               "    case $word in\n"
               "    -*) ;;\n"
               "    *) command=${command:-$word} ;;\n"
               "    esac\n"
               "  done\n"
               "  _bgpcommander_words \"${words[CURRENT]}\" \"${words[CURRENT - 1]}\" \"$command\"\n"
               "  if [ \"$kind\" = files ]; then\n"
               "    _files\n"
               "  else\n"
               "    compadd -- ${=found}\n"
               "  fi\n"
               "}\n"
               "compdef _bgpcommander bgpcommander\n");
}

static int completion_print_names(const struct bc_settings *settings, const char *what) {
  json_t *answer;
  int code = bc_client_try_for_part(settings, bc_client_request(what), &answer);
  size_t i;
  const json_t *one;
  json_array_foreach(json_object_get(answer, what), i, one) {
    (void)printf("%s\n", bc_client_text(one, "name"));
  }
  json_decref(answer);
  return code;
}

int bc_command_completion(const struct bc_settings *settings) {
  const char *what = settings->words[0];
  if (strcmp(what, "bash") == 0) {
    completion_print_bash();
  } else if (strcmp(what, "zsh") == 0) {
    completion_print_zsh();
  } else if (strcmp(what, "routes") == 0 || strcmp(what, "checks") == 0) {
    return completion_print_names(settings, what);
  } else {
    (void)fprintf(stderr, "completion: expected bash or zsh, found \"%s\"\n", what);
    return BC_CLI_USAGE;
  }
  return BC_CLI_OK;
}
