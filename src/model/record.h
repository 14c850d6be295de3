/* Decision records: what was decided of a route and why, and what became of it. Pure: lines in and out.
 *
 * A record is one line of JSON that begins with {"id":N,"type":T,"at":MS. Ids grow over all records, also over
 * restarts; times are milliseconds since 1970. A decision tells the route; what follows from it (the command that was
 * written, its answer, each neighbor's wire) comes as notes, which name in `of` the decisions that they belong to: a
 * command line and its answer are mostly those of many routes. docs/decision-records.md tells each member. Nothing here
 * is a text for programs of others to rely on but what that page tells. */
#ifndef BC_MODEL_RECORD_H
#define BC_MODEL_RECORD_H

#include "base/buf.h"
#include "base/enum_text.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, text */
#define BC_RECORD_TYPE_LIST(X)                                                                                         \
  X(BC_RECORD_DECISION, "decision")                                                                                    \
  X(BC_RECORD_INPUT, "input")             /* a policy's inputs changed, its verdict did not */                         \
  X(BC_RECORD_SENT, "sent")               /* the line was written to ExaBGP */                                         \
  X(BC_RECORD_ACK, "ack")                 /* ExaBGP acknowledged it */                                                 \
  X(BC_RECORD_WIRE, "wire")               /* this neighbor has it, or has it no more */                                \
  X(BC_RECORD_UNCONFIRMED, "unconfirmed") /* it should, and did not show it in time */                                 \
  X(BC_RECORD_REFUSED, "refused")         /* ExaBGP refused it, or never answered */                                   \
  X(BC_RECORD_ERROR, "error")             /* repaired without success */                                               \
  X(BC_RECORD_START, "start")             /* a core began */                                                           \
  X(BC_RECORD_LOST, "lost")               /* so many records before this one could not be kept */

enum bc_record_type { BC_RECORD_TYPE_LIST(BC_ENUM_MEMBER) };
const char *bc_record_type_text(enum bc_record_type value);

/* ---- printing: texts may be any bytes, what is not printable ASCII becomes '?' (a line break stays one); what is JSON
 * already must be valid, except `data`, which is left out when it is not ---- */

struct bc_record_check {
  const char *name;
  bool is_own;        /* the route's, not a named one */
  const char *state;  /* up, down … */
  const char *status; /* of its last run; NULL = none yet */
  int code;           /* exit code or signal; -1 = none */
  const char *reason; /* NULL = none; as are these */
  const char *output; /* its end, at most BC_LIMIT_CHECK_OUTPUT_SHOWN_BYTES are kept */
  const char *data;   /* JSON */
  double score;       /* -1 = none */
  unsigned streak;    /* results in a row against its state; 0 right after it turned */
  unsigned rise;      /* so many passes turn it up, … */
  unsigned fall;      /* … so many failures down */
  const char *key;    /* of its script */
  uint64_t hash;      /* of its script; 0 = it has none that is good */
};

/* What a policy had to do with it. */
struct bc_record_policy {
  const char *key;     /* "routes/web/policy" */
  uint64_t hash;       /* of all that the policy is made of */
  const char *verdict; /* JSON; NULL = it gave none */
  const char *context; /* JSON, all that it was asked with; NULL = not to be kept */
  bool is_cut;         /* … though there is one */
  const char *error;   /* NULL = none */
  uint64_t cpu_us;
};

struct bc_record_decision {
  uint64_t id;
  int64_t at_ms;
  bool is_input; /* BC_RECORD_INPUT */
  const char *route;
  const char *verdict;
  const char *layer;
  const char *reason;
  const char *was;    /* "announce" or "withdraw": how it stood before */
  const char *health; /* NULL = of no concern */
  const char *prefix; /* its first NLRI; NULL = not known */
  const char *text;   /* of the route as it is wanted; NULL = nothing is wanted */
  bool is_standing;   /* ExaBGP had it already when this core began */
  uint64_t revision;  /* of the store; 0 = it has none */
  const struct bc_record_check *checks;
  size_t check_count;
  const struct bc_record_policy *policy; /* NULL = none */
};
/* Adds one line with its end. A context with which it would be longer than BC_LIMIT_RECORD_BYTES is left out, and "cut"
 * tells it. */
void bc_record_print_decision(const struct bc_record_decision *decision, struct bc_buf *to);

struct bc_record_note {
  uint64_t id;
  enum bc_record_type type;
  int64_t at_ms;
  const uint64_t *of; /* ids of decisions, … */
  size_t of_count;
  const char *neighbor; /* NULL = none */
  const char *how;      /* NULL, or what is special: "repair", "time" */
  struct bc_str text;   /* empty = none; of LOST the number */
};
void bc_record_print_note(const struct bc_record_note *note, struct bc_buf *to);

/* ---- reading ---- */

/* The greatest id of the records in these bytes, which may begin and end within a line; 0 = there is none. */
uint64_t bc_record_last_id(struct bc_str bytes);

struct bc_record_query {
  const char *route; /* NULL = any */
  uint64_t id;       /* 0 = any */
  int64_t since_ms;  /* 0 = from the first on; both ends belong to it */
  int64_t until_ms;  /* 0 = to the last */
  uint64_t before;   /* only smaller ids; 0 = any */
  size_t limit;      /* the newest so many, 1 to BC_LIMIT_RECORDS_ASKED */
  bool wants_inputs; /* BC_RECORD_INPUT too */
};
/* NULL, or what is wrong with the members of a request: route, id, since, until, before, limit, inputs. The texts stay
 * the request's. */
const char *bc_record_query_read(const json_t *request, struct bc_record_query *query);

/* Gathers from lines, oldest first, what a query asks for. Holds at most BC_LIMIT_RECORDS_ANSWER_BYTES, or one
 * decision: the oldest go first. */
struct bc_record_search;
/* The query's texts are copied. */
struct bc_record_search *bc_record_search_new(const struct bc_record_query *query);
/* NULL is allowed. */
void bc_record_search_free(struct bc_record_search *search);
/* The next line, without its end; any bytes: what is no record is passed over. */
void bc_record_search_line(struct bc_record_search *search, struct bc_str line);
/* How many decisions it holds. */
size_t bc_record_search_count(const struct bc_record_search *search);
/* The decision `i`, 0 = the newest, with what followed from it as the member `notes`, in the order of time; owned by
 * the caller. NULL when the record is damaged. */
json_t *bc_record_search_get(const struct bc_record_search *search, size_t i);
/* Whether a decision with its `notes`, as above, moved its route: announced it, withdrew it, or gave it another text; a
 * later one may have left all as it was. */
bool bc_record_is_move(const json_t *decision);
/* Older ones that match were left out. */
bool bc_record_search_has_more(const struct bc_record_search *search);
/* When the oldest record of any kind was made, in milliseconds since 1970; 0 = there is none. */
int64_t bc_record_search_begins_ms(const struct bc_record_search *search);
/* So many records of any kind could not be kept, as those that were tell. */
uint64_t bc_record_search_lost(const struct bc_record_search *search);
/* {"decisions":[…],"more":bool,"begins":MS,"lost":N} (0: there is no record): the whole answer; owned by the caller. */
json_t *bc_record_search_answer(const struct bc_record_search *search);

#endif
