/* Lines of egress rules: any bytes give rules or one printable line; what was read prints to what reads as the same,
 * and judges as the same. */
#include "model/egress.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) {
    abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bc_egress *one = bc_egress_new();
  struct bc_egress *two = bc_egress_new();
  struct bc_fault fault = {0};
  struct bc_buf printed;
  struct bc_buf again;
  bc_buf_init(&printed, 65536);
  bc_buf_init(&again, 65536);
  enum bc_err err = bc_egress_read(one, (struct bc_str){.at = (const char *)data, .len = size}, &fault);
  check((err == BC_ERR_OK) == (fault.text[0] == '\0') && bc_str_is_printable(bc_str_of(fault.text)));
  bc_egress_print(one, &printed);
  check(bc_egress_read(two, bc_buf_str(&printed), &fault) == BC_ERR_OK);
  bc_egress_print(two, &again);
  check(bc_str_equal(bc_buf_str(&printed), bc_buf_str(&again)));
  uint8_t address[16] = {0};
  memcpy(address, data, size < sizeof address ? size : sizeof address);
  for (unsigned is_ipv6 = 0; is_ipv6 < 2; is_ipv6++) {
    uint16_t port = (uint16_t)(size * 257);
    enum bc_err verdict = bc_egress_judge(one, address, is_ipv6 == 1, port, &fault);
    check(verdict == bc_egress_judge(two, address, is_ipv6 == 1, port, NULL));
    check(verdict == BC_ERR_OK || (verdict == BC_ERR_REFUSED && memcmp(fault.text, "egress denied: ", 15) == 0));
  }
  bc_buf_free(&printed);
  bc_buf_free(&again);
  bc_egress_free(one);
  bc_egress_free(two);
  return 0;
}
