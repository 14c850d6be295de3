/* Cuts a stream of JSON objects into objects.
 *
 * etcd 3.2 puts nothing between two objects, later ones a line feed, and HTTP chunks fall anywhere; so
 * the end of an object is found by its braces. Each byte is looked at once. What is inside an object is
 * not checked here: the parser that gets it does that. */
#ifndef BC_PROTO_JSON_FRAME_H
#define BC_PROTO_JSON_FRAME_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct bc_json_frame {
  struct bc_buf object;
  size_t depth;
  bool in_string;
  bool escaped;
  bool complete;
};

/* An object of more than `max_bytes` is refused. Release with bc_json_frame_free. */
void bc_json_frame_init(struct bc_json_frame *frame, size_t max_bytes);
void bc_json_frame_free(struct bc_json_frame *frame);
/* Forgets a part of an object, for the next stream. */
void bc_json_frame_clear(struct bc_json_frame *frame);

/* Takes bytes from the front of *input up to the end of one object, which is then in *object (valid
 * until the next call). BC_ERR_AGAIN: all of the input is taken, the object is not complete.
 * BC_ERR_SYNTAX: a byte between objects that starts none; BC_ERR_LIMIT: too long. After these two the
 * stream is lost: clear. */
BC_MUST_CHECK enum bc_err bc_json_frame_next(struct bc_json_frame *frame, struct bc_str *input, struct bc_str *object);

#endif
