/* `bgpcommander test`: the tests of scripts. */
#include "base/mono.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/test_suite.h"

#include <signal.h>
#include <stdio.h>

static int test_run_all(struct bc_test_suite *suite) {
  const struct bc_test_file *file;
  struct bc_mono began = bc_mono_now();
  bc_test_report_begin(suite);
  STAILQ_FOREACH(file, &suite->files, link) {
    if (!bc_test_suite_run(suite, file)) {
      return BC_CLI_USAGE;
    }
  }
  return bc_test_report_end(suite, bc_mono_ms_between(began, bc_mono_now()));
}

int bc_command_test(const struct bc_settings *settings) {
  struct bc_test_suite suite;
  int code = BC_CLI_USAGE;
  (void)signal(SIGPIPE, SIG_IGN);
  bc_test_suite_init(&suite, settings);
  bool is_fine = bc_test_cover_begin(&suite);
  for (int i = 0; i < settings->word_count && is_fine; i++) {
    is_fine = bc_test_suite_add(&suite, settings->words[i]);
  }
  if (is_fine && suite.file_count == 0) {
    (void)fprintf(stderr, "no files *_test.lua there\n");
  } else if (is_fine) {
    code = test_run_all(&suite);
  }
  bc_test_suite_fini(&suite);
  return code;
}
