/* `bgpcommander doctor`: what is wrong, or could be, with this node; each finding with its reason and its mend. */
#ifndef BC_CLI_DOCTOR_H
#define BC_CLI_DOCTOR_H

#include "base/buf.h"
#include "cli/cli.h"

#include <jansson.h>

#define BC_DOCTOR_LEVEL_LIST(X)                                                                                        \
  X(BC_DOCTOR_GOOD, "good") /* nothing to do */                                                                        \
  X(BC_DOCTOR_NOTE, "note") /* fine for many, not for all */                                                           \
  X(BC_DOCTOR_WARNING, "warning")                                                                                      \
  X(BC_DOCTOR_BAD, "bad")
#define BC_DOCTOR_MEMBER(name, text) name,
enum bc_doctor_level { BC_DOCTOR_LEVEL_LIST(BC_DOCTOR_MEMBER) };
#undef BC_DOCTOR_MEMBER

struct bc_doctor {
  const struct bc_settings *settings;
  json_t *status;   /* of the daemon; NULL: none answers */
  json_t *routes;   /* the same */
  json_t *findings; /* an array */
};

/* One finding; `subject` and `code` are words that stay ("etcd", "clock-skew"). `why` and `mend` may be NULL for what
 * is good. Texts are copied and cleaned when they are shown. */
void bc_doctor_add(struct bc_doctor *doctor, enum bc_doctor_level level, const char *subject, const char *code,
                   const char *why, const char *mend, const char *format, ...) BC_PRINTF(7, 8);

/* Each looks at its own: */
void bc_doctor_daemon(struct bc_doctor *doctor);
void bc_doctor_exabgp(struct bc_doctor *doctor);
void bc_doctor_store(struct bc_doctor *doctor);
void bc_doctor_host(struct bc_doctor *doctor);
void bc_doctor_second(struct bc_doctor *doctor);

#endif
