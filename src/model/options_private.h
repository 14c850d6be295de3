/* What the files of model/options share; nobody else includes it.
 *
 * options.c: the document and its plain members; options_check.c: what the checks are. */
#ifndef BC_MODEL_OPTIONS_PRIVATE_H
#define BC_MODEL_OPTIONS_PRIVATE_H

#include "model/options.h"

#include <jansson.h>

enum { OPTIONS_WORD_MAX = 64 };

/* "NAME: expected …, found …" */
void bc_option_refuse(const char *name, const json_t *value, const char *expected, struct bc_fault *fault);

/* One member each; a fault names it. */
BC_MUST_CHECK enum bc_err bc_option_parse_check(const json_t *value, struct bc_options *out, struct bc_fault *fault);
BC_MUST_CHECK enum bc_err bc_option_parse_checks(const json_t *value, struct bc_options *out, struct bc_fault *fault);
BC_MUST_CHECK enum bc_err bc_option_parse_combine(const json_t *value, struct bc_options *out, struct bc_fault *fault);

#endif
