#include "model/rib_private.h"

void bc_rib_each_standing(const struct bc_rib *rib, bc_rib_nlri_fn *fn, void *arg) {
  /* Finding changes nothing. */
  struct rib_entry *entry = bc_rib_entry_min((struct bc_rib *)(uintptr_t)rib);
  for (; entry != NULL; entry = bc_rib_entry_after(entry)) {
    if (entry->state != BC_RIB_NONE) {
      fn(arg, &entry->nlri);
    }
  }
  bc_rib_foreign_each(rib, fn, arg);
}
