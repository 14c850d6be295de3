/* Output for people: aligned tables, colour on terminals, nothing that could command a terminal. */
#ifndef BC_CLI_SCREEN_H
#define BC_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

enum bc_screen_mood { BC_SCREEN_PLAIN, BC_SCREEN_GOOD, BC_SCREEN_WARN, BC_SCREEN_BAD };

/* `text` with '?' for all that is not printable ASCII, cut to fit `size` bytes. */
void bc_screen_clean(const char *text, char *to, size_t size);

/* Prints to stdout, coloured when that is a terminal and NO_COLOR is not set. */
void bc_screen_print(enum bc_screen_mood mood, const char *text);

/* "12s", "5m", "3h", "2d" since an ISO time; "-" when it cannot be told. */
void bc_screen_age(const char *since, char to[static 24]);

/* A table of texts. Columns are as wide as their widest cell; on a terminal the last one is cut to fit, and where that
 * would leave little of it, each row takes as many lines as it needs. */
struct bc_screen_table;
/* `headers`: `columns` texts, which must stay valid. */
struct bc_screen_table *bc_screen_table_new(const char *const *headers, size_t columns);
/* The next cell, row by row; copied and cleaned. */
void bc_screen_table_add(struct bc_screen_table *table, enum bc_screen_mood mood, const char *text);
/* A line under the row that was completed last, indented. */
void bc_screen_table_note(struct bc_screen_table *table, const char *text);
/* The last lines of such an output, as notes. */
void bc_screen_table_note_end(struct bc_screen_table *table, const char *output);
void bc_screen_table_print(const struct bc_screen_table *table);
void bc_screen_table_free(struct bc_screen_table *table);

#endif
