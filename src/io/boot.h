/* Which boot of the machine this is. */
#ifndef BC_IO_BOOT_H
#define BC_IO_BOOT_H

#include <stddef.h>

enum { BC_BOOT_ID_BYTES = 40 };

/* The kernel's random id of this boot (random(4), /proc/sys/kernel/random/boot_id), terminated. When it cannot be
 * read, a text that only this process has: then no other boot, and no other process, is taken for this one. */
void bc_boot_id_read(char id[static BC_BOOT_ID_BYTES]);

#endif
