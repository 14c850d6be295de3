/* `bgpcommander lint`: what can be told of scripts and keys before they are used. */
#include "base/log.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/lint_file.h"
#include "cli/lint_store.h"

#include <stdio.h>
#include <string.h>

static int lint_list_rules(void) {
  for (int i = 0; i < BC_LINT_RULES; i++) {
    enum bc_lint_rule rule = (enum bc_lint_rule)i;
    (void)printf("%-18s %-7s  %s\n", bc_lint_rule_name(rule), bc_lint_level_text(bc_lint_rule_level(rule)),
                 bc_lint_rule_what(rule));
  }
  return BC_CLI_OK;
}

/* BC_LINT_MODES: none was given. */
static bool lint_read_mode(const char *word, enum bc_lint_mode *mode) {
  *mode = BC_LINT_MODES;
  for (int i = 0; word != NULL && i < BC_LINT_MODES; i++) {
    if (strcmp(word, bc_lint_mode_text((enum bc_lint_mode)i)) == 0) {
      *mode = (enum bc_lint_mode)i;
    }
  }
  bool is_fine = word == NULL || *mode != BC_LINT_MODES;
  if (!is_fine) {
    (void)fprintf(stderr, "--as: expected check, policy, admission, test or module, found %s\n", word);
  }
  return is_fine;
}

int bc_command_lint(const struct bc_settings *settings) {
  enum bc_lint_mode mode;
  if (settings->wants_rules) {
    return lint_list_rules();
  }
  if (!lint_read_mode(settings->lint_mode, &mode)) {
    return BC_CLI_USAGE;
  }
  if (settings->word_count == 0 && !settings->is_of_store) {
    (void)fprintf(stderr, "usage: bgpcommander lint [PATH...] (or --store: what the store holds)\n");
    return BC_CLI_USAGE;
  }
  bc_log_setup(BC_LOG_ERROR, BC_LOG_TEXT, "lint");
  struct bc_lint_report *report = bc_lint_report_new();
  for (int i = 0; i < settings->word_count; i++) {
    bc_lint_file_look(report, settings, settings->words[i], mode);
  }
  if (settings->is_of_store) {
    bc_lint_store_settings(report, settings);
  }
  int code = bc_lint_report_end(report, settings);
  bc_lint_report_free(report);
  return code;
}
