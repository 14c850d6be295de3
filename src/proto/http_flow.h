/* A flow as JSON, in ExaBGP's words:
 *   {"match": {"destination": "192.0.2.1/32", "protocol": ["udp"], "source-port": [53, ">1024"]},
 *    "then": {"rate-limit": 9600}}
 * Each member is a word of a flow; its value a text, a number, a list of these (any of them), or true (a word alone).
 */
#ifndef BC_PROTO_HTTP_FLOW_H
#define BC_PROTO_HTTP_FLOW_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

/* Adds "flow route { match { … } then { … } }", which is still to be parsed: only what could end a word, a part or the
 * line is kept out here. False: `problem` says what is wrong. */
bool bc_http_flow_print(const json_t *match, const json_t *then, struct bc_buf *to, char *problem, size_t room);

#endif
