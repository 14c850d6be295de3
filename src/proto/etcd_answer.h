/* Answers and stream messages of etcd's v3 JSON gateway (3.2 to 3.6).
 *
 * The gateway leaves out every field that is zero, false or empty and sends 64-bit numbers as strings:
 * absent reads as 0. Each function reads one complete JSON object; BC_ERR_PROTOCOL with a fault when it
 * is none or a field has the wrong type. */
#ifndef BC_PROTO_ETCD_ANSWER_H
#define BC_PROTO_ETCD_ANSWER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct bc_etcd_header {
  uint64_t cluster_id;
  uint64_t revision; /* v2: the index. 0 in the header of a cancelled watch */
};

/* A key of a range or an event; the slices are valid during the call that gets it. */
struct bc_etcd_kv {
  struct bc_str key;
  struct bc_str value;
  uint64_t mod_revision;
  uint64_t lease;
  bool deleted;
  bool is_directory; /* v2: deleted with all that is below it */
};
typedef void bc_etcd_kv_fn(void *arg, const struct bc_etcd_kv *kv);

/* What an error means for the client. */
enum bc_etcd_trouble {
  BC_ETCD_TROUBLE_OTHER,
  BC_ETCD_TROUBLE_AUTH,        /* the token is missing or no longer valid */
  BC_ETCD_TROUBLE_LOGIN,       /* wrong user or password */
  BC_ETCD_TROUBLE_AUTH_OFF,    /* authentication is not enabled */
  BC_ETCD_TROUBLE_DENIED,      /* the user may not do this */
  BC_ETCD_TROUBLE_COMPACTED,   /* the revision is compacted */
  BC_ETCD_TROUBLE_NO_SPACE,    /* the database is full */
  BC_ETCD_TROUBLE_TOO_LARGE,   /* the request is too large */
  BC_ETCD_TROUBLE_LEASE_GONE,  /* the lease is gone */
  BC_ETCD_TROUBLE_COMMON_NAME, /* the client certificate has a common name */
  BC_ETCD_TROUBLE_HOST,        /* the host name is not in the server's whitelist */
  BC_ETCD_TROUBLE_NO_API,      /* no such API */
  BC_ETCD_TROUBLE_NOT_FOUND,   /* there is no such key */
  BC_ETCD_TROUBLE_SHAPE        /* a key stands where a directory should be, or the reverse */
};

struct bc_etcd_error {
  enum bc_etcd_trouble trouble;
  int code;              /* gRPC status code; -1: none was told */
  struct bc_fault fault; /* the server's words */
};

/* The body of an answer whose HTTP status is not 200; any bytes are allowed. */
void bc_etcd_answer_error(int http_status, struct bc_str body, struct bc_etcd_error *error);

struct bc_etcd_range_answer {
  struct bc_etcd_header header;
  uint64_t count; /* keys in the whole range, whatever the limit */
  bool more;
};
/* Calls fn (may be NULL) for each key. */
BC_MUST_CHECK enum bc_err bc_etcd_answer_range(struct bc_str body, struct bc_etcd_range_answer *answer,
                                               bc_etcd_kv_fn *fn, void *arg, struct bc_fault *fault);

/* The same, key by key, each when it is asked for. `body` is needed for the opening only. */
struct bc_etcd_range_reader;
BC_MUST_CHECK enum bc_err bc_etcd_range_open(struct bc_str body, struct bc_etcd_range_answer *answer,
                                             struct bc_etcd_range_reader **reader, struct bc_fault *fault);
/* The slices of `kv` are valid until the next call; an empty key is the end. */
BC_MUST_CHECK enum bc_err bc_etcd_range_next(struct bc_etcd_range_reader *reader, struct bc_etcd_kv *kv,
                                             struct bc_fault *fault);
/* NULL is allowed. */
void bc_etcd_range_close(struct bc_etcd_range_reader *reader);

/* Of a put, a deletion or a transaction: where it stands. */
BC_MUST_CHECK enum bc_err bc_etcd_answer_write(struct bc_str body, struct bc_etcd_header *header,
                                               struct bc_fault *fault);

/* Of a transaction on a condition: also whether that was met. */
BC_MUST_CHECK enum bc_err bc_etcd_answer_txn(struct bc_str body, struct bc_etcd_header *header, bool *has_succeeded,
                                             struct bc_fault *fault);

/* Of lease/grant, and of lease/keepalive (which comes wrapped in "result"). */
struct bc_etcd_lease_answer {
  struct bc_etcd_header header;
  uint64_t lease;
  uint64_t ttl_s; /* 0: the lease is gone */
};
BC_MUST_CHECK enum bc_err bc_etcd_answer_lease(struct bc_str body, struct bc_etcd_lease_answer *answer,
                                               struct bc_fault *fault);

/* The token of auth/authenticate; added to `token`. */
BC_MUST_CHECK enum bc_err bc_etcd_answer_token(struct bc_str body, struct bc_buf *token, struct bc_fault *fault);

/* What /version says, as people know it: "3.4.23"; "?" when it says nothing. */
enum { BC_ETCD_VERSION_BYTES = 32 };
void bc_etcd_answer_version_text(struct bc_str body, char text[static BC_ETCD_VERSION_BYTES]);
/* A server of this version does not serve the API that is asked for: says so, and what to do. */
void bc_etcd_answer_no_api(const char *version, bool wants_v2, struct bc_fault *fault);

/* GET /version: the path that the server's v3 API starts with: "/v3", "/v3beta" (3.3), "/v3alpha"
 * (3.0 to 3.2). BC_ERR_UNSUPPORTED for 2.x. */
BC_MUST_CHECK enum bc_err bc_etcd_answer_version(struct bc_str body, const char **prefix, struct bc_fault *fault);

/* One object of a watch stream. Nothing of created, canceled, is_error and no event: progress. */
struct bc_etcd_watch_answer {
  struct bc_etcd_header header;
  bool created;
  bool canceled; /* also set when 3.2 leaves it out beside compact_revision */
  bool fragment; /* the same message goes on in the next object */
  uint64_t compact_revision;
  size_t events;
  bool has_error; /* the stream ended in an error, or the watch was canceled with a reason */
  struct bc_etcd_error error;
};
/* Calls fn for each event, in order. */
BC_MUST_CHECK enum bc_err bc_etcd_answer_watch(struct bc_str object, struct bc_etcd_watch_answer *answer,
                                               bc_etcd_kv_fn *fn, void *arg, struct bc_fault *fault);

#endif
