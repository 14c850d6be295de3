/* Records of the journal file: what we have announced, so that after a restart what is ours is known.
 *
 * A pure codec, append only, one record per line, each with its length and a checksum, so that a file
 * that was cut or damaged at any byte is read up to there and no further. The first line is the
 * format's version. What a record's text means (a route in canonical form) is model/rib's matter. */
#ifndef BC_MODEL_JOURNAL_H
#define BC_MODEL_JOURNAL_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum bc_journal_kind {
  BC_JOURNAL_ANNOUNCED = 'A', /* written before the command */
  BC_JOURNAL_WITHDRAWN = 'W'  /* written after the confirmed withdraw */
};

/* The first line of a journal; a file without it (or with another version) holds no good record. */
void bc_journal_add_header(struct bc_buf *to);

/* "A 44 1c291ca3 neighbor 10.0.0.2 route 10.0.0.0/24 next-hop self\n": kind, bytes of the text, CRC-32
 * of all before and behind itself. `text` must be one line of at most BC_LIMIT_COMMAND_BYTES; else `to` is marked
 * failed and nothing is added. */
void bc_journal_add_record(struct bc_buf *to, enum bc_journal_kind kind, struct bc_str text);

struct bc_journal_reader {
  struct bc_str rest;
  size_t good_bytes; /* header and records read so far: where the next record may be appended */
};

void bc_journal_read_start(struct bc_journal_reader *reader, struct bc_str content);

/* The next record; its text is a slice of the content. False at the end or at the first damage: the
 * content is whole when good_bytes is then its length. */
BC_MUST_CHECK bool bc_journal_read_next(struct bc_journal_reader *reader, enum bc_journal_kind *kind,
                                        struct bc_str *text);

#endif
