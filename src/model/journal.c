#include "model/journal.h"

#include "base/crc.h"
#include "base/limits.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define JOURNAL_HEADER "bgpcommander-journal 1\n"

/* The kind and the length are covered too: a damaged length must not make two records one. */
static uint32_t journal_crc(struct bc_str kind_and_length, struct bc_str text) {
  return bc_crc_end(bc_crc_add(bc_crc_add(BC_CRC_BEGIN, kind_and_length), text));
}

void bc_journal_add_header(struct bc_buf *to) {
  bc_buf_add_text(to, JOURNAL_HEADER);
}

void bc_journal_add_record(struct bc_buf *to, enum bc_journal_kind kind, struct bc_str text) {
  char head[32];
  int head_len = snprintf(head, sizeof head, "%c %zu", (int)kind, text.len);
  bool is_one_line = text.len == 0 || memchr(text.at, '\n', text.len) == NULL;
  if (!is_one_line || text.len > BC_LIMIT_COMMAND_BYTES) {
    to->failed = true;
    return;
  }
  uint32_t crc = journal_crc((struct bc_str){head, (size_t)head_len}, text);
  char middle[48];
  int middle_len = snprintf(middle, sizeof middle, "%s %08x ", head, crc);
  char *at = bc_buf_reserve(to, (size_t)middle_len + text.len + 1);
  if (at == NULL) {
    return;
  }
  memcpy(at, middle, (size_t)middle_len);
  if (text.len > 0) {
    memcpy(at + middle_len, text.at, text.len);
  }
  at[(size_t)middle_len + text.len] = '\n';
  bc_buf_commit(to, (size_t)middle_len + text.len + 1);
}

void bc_journal_read_start(struct bc_journal_reader *reader, struct bc_str content) {
  *reader = (struct bc_journal_reader){.rest = {content.at, 0}};
  if (bc_str_starts(content, JOURNAL_HEADER)) {
    reader->good_bytes = strlen(JOURNAL_HEADER);
    reader->rest = (struct bc_str){content.at + reader->good_bytes, content.len - reader->good_bytes};
  }
}

bool bc_journal_read_next(struct bc_journal_reader *reader, enum bc_journal_kind *kind, struct bc_str *text) {
  const char *end = reader->rest.len == 0 ? NULL : memchr(reader->rest.at, '\n', reader->rest.len);
  if (end == NULL) {
    return false;
  }
  struct bc_str line = {reader->rest.at, (size_t)(end - reader->rest.at)};
  struct bc_str after = line;
  struct bc_str word;
  struct bc_str length_word;
  struct bc_str crc_word;
  uint64_t length;
  uint32_t crc;
  if (!bc_str_next_field(&after, ' ', &word) || !(bc_str_is(word, "A") || bc_str_is(word, "W")) ||
      !bc_str_next_field(&after, ' ', &length_word) ||
      bc_str_to_u64(length_word, BC_LIMIT_COMMAND_BYTES, &length) != BC_ERR_OK ||
      !bc_str_next_field(&after, ' ', &crc_word) || !bc_crc_parse(crc_word, &crc) || after.at == NULL ||
      after.len != length) {
    return false;
  }
  struct bc_str head = {line.at, word.len + 1 + length_word.len};
  if (journal_crc(head, after) != crc) {
    return false;
  }
  *kind = word.at[0] == 'A' ? BC_JOURNAL_ANNOUNCED : BC_JOURNAL_WITHDRAWN;
  *text = after;
  reader->good_bytes += line.len + 1;
  reader->rest = (struct bc_str){end + 1, reader->rest.len - line.len - 1};
  return true;
}
