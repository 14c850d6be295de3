/* The file of the leases may hold anything after a crash: reading it must end, never read beyond it, and what was read
 * must be written and read again as it is. Lines without a checksum get the right one, so that what is behind it is
 * tried too. */
#include "base/crc.h"
#include "base/mem.h"
#include "model/lease.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct bc_lease_time lease_now = {.wall_ms = 1700000000000, .boot_ms = 5000000, .boot_id = "now"};

static struct bc_leases *lease_read(struct bc_str text, struct bc_lease_load *load) {
  struct bc_leases *leases = bc_leases_new();
  char *copy = bc_mem_copy_text(text.at, text.len);
  bc_leases_load(leases, (struct bc_str){copy, text.len}, &lease_now, load);
  free(copy);
  if (load->good_bytes > text.len || bc_leases_counts(leases).live > 3 * BC_LIMIT_LEASES) {
    abort();
  }
  return leases;
}

static void lease_check_same(const struct bc_leases *before, const struct bc_leases *after) {
  struct bc_lease *b = bc_leases_after_id(after, 0);
  for (struct bc_lease *a = bc_leases_after_id(before, 0); a != NULL; a = bc_leases_after_id(before, a->id)) {
    bool is_same = b != NULL && a->id == b->id && strcmp(a->name, b->name) == 0 && strcmp(a->text, b->text) == 0 &&
                   a->is_leaving == b->is_leaving && bc_lease_left_ms(before, a) >= bc_lease_left_ms(after, b);
    if (!is_same) {
      abort();
    }
    b = bc_leases_after_id(after, b->id);
  }
  if (b != NULL) {
    abort();
  }
}

static void lease_check(struct bc_str text) {
  struct bc_lease_load load;
  struct bc_leases *leases = lease_read(text, &load);
  struct bc_buf printed;
  bc_buf_init(&printed, 1U << 26);
  bc_leases_print(leases, &printed);
  struct bc_lease_load again_load;
  struct bc_leases *again = lease_read(bc_buf_str(&printed), &again_load);
  if (again_load.damaged > 0 || again_load.good_bytes != printed.len) {
    abort();
  }
  lease_check_same(leases, again);
  bc_leases_free(leases);
  bc_leases_free(again);
  bc_buf_free(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_str text = {(const char *)data, size};
  lease_check(text);
  struct bc_buf made;
  struct bc_str rest = text;
  struct bc_str line;
  bc_buf_init(&made, 1U << 24);
  bc_buf_add_text(&made, "bgpcommander leases 1\n");
  while (bc_str_next_field(&rest, '\n', &line)) {
    bc_buf_add_format(&made, "%08x ", bc_crc_end(bc_crc_add(BC_CRC_BEGIN, line)));
    bc_buf_add_str(&made, line);
    bc_buf_add_char(&made, '\n');
  }
  lease_check(bc_buf_str(&made));
  bc_buf_free(&made);
  return 0;
}
