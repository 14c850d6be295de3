/* The log: one line per event on fd 2, as text or JSON.
 *
 * fd 2 belongs to ExaBGP too, so its flags are never changed; a line is written only when the kernel
 * says that it fits, else dropped and counted: a full log never delays a withdraw. Lines longer than
 * BC_LIMIT_LOG_LINE_BYTES are cut. Whatever is not printable in a line is escaped. */
#ifndef BC_BASE_LOG_H
#define BC_BASE_LOG_H

#include "base/enum_text.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define BC_LOG_LEVEL_LIST(X)                                                                                           \
  X(BC_LOG_ERROR, "error")                                                                                             \
  X(BC_LOG_WARNING, "warning")                                                                                         \
  X(BC_LOG_NOTICE, "notice")                                                                                           \
  X(BC_LOG_INFO, "info")                                                                                               \
  X(BC_LOG_DEBUG, "debug")

enum bc_log_level { BC_LOG_LEVEL_LIST(BC_ENUM_MEMBER) };

enum bc_log_format { BC_LOG_TEXT, BC_LOG_JSON };

/* "error" … "debug" to a level; BC_ERR_NOT_FOUND for anything else. */
BC_MUST_CHECK enum bc_err bc_log_level_parse(const char *text, enum bc_log_level *level);

/* Which lines are written (those of `level` and worse), how, and as which process: `role` ("core",
 * "exec", …) must stay valid. Before the first call: notice, text, role "". */
void bc_log_setup(enum bc_log_level level, enum bc_log_format format, const char *role);

/* Whether lines of this level are written: what would be dear to say need not be made. */
bool bc_log_is_written(enum bc_log_level level);

void bc_log(enum bc_log_level level, const char *format, ...) BC_PRINTF(2, 3);

/* The same for one of many changes of one kind, which may come all at once: a line ends with " [decision N]", as JSON
 * it has the member `decision`; 0 = none. After BC_LIMIT_LOG_CHANGES such lines at once it is BC_LIMIT_LOG_CHANGES_S a
 * second; those that are left out are counted, and a line tells how many, at the latest with bc_log_tell_left_out. */
void bc_log_change(enum bc_log_level level, uint64_t decision, const char *format, ...) BC_PRINTF(3, 4);
/* To be called each second or so while bc_log_left_out is not 0. */
void bc_log_tell_left_out(void);
/* Left out and not told yet. */
uint64_t bc_log_left_out(void);

/* Lines of this level so far that were to be written. */
uint64_t bc_log_count(enum bc_log_level level);
/* Lines dropped so far because fd 2 was full. */
uint64_t bc_log_dropped(void);

#endif
