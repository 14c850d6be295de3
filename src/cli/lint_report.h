/* What `bgpcommander lint` has found, over all files and keys, and how it tells it. */
#ifndef BC_CLI_LINT_REPORT_H
#define BC_CLI_LINT_REPORT_H

#include "base/buf.h"
#include "model/lint.h"
#include "model/settings.h"

struct bc_lint_report;

struct bc_lint_report *bc_lint_report_new(void);
void bc_lint_report_free(struct bc_lint_report *report);

/* Looks at a script. `file` is how it is called. Equal ones are looked at once. */
void bc_lint_report_script(struct bc_lint_report *report, const char *file, struct bc_str text,
                           const struct bc_lint_options *options);
/* A finding that is not of a script; equal ones are told once. */
void bc_lint_report_add(struct bc_lint_report *report, const char *file, struct bc_lua_place place,
                        enum bc_lint_rule rule, const char *text);
/* One more key or file was looked at. */
void bc_lint_report_count_key(struct bc_lint_report *report);
/* Something could not be read: one line, told on stderr. */
void bc_lint_report_fail(struct bc_lint_report *report, const char *format, ...) BC_PRINTF(2, 3);

/* Has the sandbox's compiler look at all scripts and sorts what was found. Once; then the findings may be asked for:
 * false after the last. `name` is the file. False at once: the compiler gave no answer, which was told. */
bool bc_lint_report_settle(struct bc_lint_report *report);
bool bc_lint_report_at(const struct bc_lint_report *report, size_t index, const char **name,
                       const struct bc_lint_finding **finding);
/* Has the sandbox's compiler look at all scripts, prints, and returns the exit code. */
int bc_lint_report_end(struct bc_lint_report *report, const struct bc_settings *settings);

#endif
