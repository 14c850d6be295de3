/* What `bgpcommander run` gives to the sandbox: the script, and what it finds. */
#ifndef BC_CLI_RUN_REQUEST_H
#define BC_CLI_RUN_REQUEST_H

#include "base/buf.h"
#include "model/settings.h"

#include <jansson.h>

enum { BC_RUN_NAME_BYTES = 50 /* Lua cuts names in its messages a little later */ };

struct bc_run_request {
  char name[BC_RUN_NAME_BYTES + 1]; /* of the script, as messages call it */
  struct bc_buf script;
  unsigned timeout_ms;
  unsigned threshold;
  bool is_traced;
  json_t *globals; /* an object, as are these */
  json_t *modules; /* NAME: text */
  json_t *data;    /* NAME: value */
  char *state;     /* JSON; NULL: none */
  struct bc_buf egress;
};

void bc_run_request_init(struct bc_run_request *request);
void bc_run_request_fini(struct bc_run_request *request);

/* What counts without a daemon: defaults, and the egress rules of the node file with the etcd endpoints of the
 * settings. False with a message on stderr. */
BC_MUST_CHECK bool bc_run_request_begin(struct bc_run_request *request, const struct bc_settings *settings);
/* The text of a file, or of standard input ("-"). False with a message on stderr. */
BC_MUST_CHECK bool bc_run_request_read_script(struct bc_run_request *request, const char *path);
/* A JSON object. */
BC_MUST_CHECK bool bc_run_request_read_data(struct bc_run_request *request, const char *path);
/* The modules that the script requires, with those that these require: the files NAME.lua, or NAME, of the folder. What
 * is not there is left for the script to find out. */
BC_MUST_CHECK bool bc_run_request_read_modules(struct bc_run_request *request, const char *folder);
/* What the daemon answered about a route or a check; its script only if `with_script`. */
BC_MUST_CHECK bool bc_run_request_take_answer(struct bc_run_request *request, const json_t *answer, bool with_script);
/* The names that the script requires, as a JSON array: the caller's. */
json_t *bc_run_request_required(const struct bc_run_request *request);

/* As frames for the role @run. False when it is too long, told on stderr. */
BC_MUST_CHECK bool bc_run_request_print(const struct bc_run_request *request, struct bc_buf *to);

#endif
