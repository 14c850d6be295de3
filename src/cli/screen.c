#include "cli/screen.h"

#include "base/mem.h"
#include "base/mono.h"
#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SCREEN_CELL_BYTES = 4096, SCREEN_LEAST_LAST = 12, SCREEN_WANTED_LAST = 24, SCREEN_NOTE_INDENT = 4 };

struct screen_cell {
  char *text;
  enum bc_screen_mood mood;
  bool is_note;
};

struct bc_screen_table {
  const char *const *headers;
  size_t columns;
  struct screen_cell *cells;
  size_t count;
  size_t room;
};

void bc_screen_clean(const char *text, char *to, size_t size) {
  size_t len = 0;
  for (; text[len] != '\0' && len + 1 < size; len++) {
    to[len] = text[len] >= ' ' && text[len] <= '~' ? text[len] : '?';
  }
  to[len] = '\0';
}

static bool screen_has_colour(void) {
  const char *refused = getenv("NO_COLOR");
  const char *terminal = getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (refused == NULL || refused[0] == '\0') &&
         (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

void bc_screen_print(enum bc_screen_mood mood, const char *text) {
  static const char *const colours[] = {"", "\033[32m", "\033[33m", "\033[1;31m"};
  if (mood == BC_SCREEN_PLAIN || !screen_has_colour()) {
    (void)fputs(text, stdout);
    return;
  }
  (void)printf("%s%s\033[0m", colours[mood], text);
}

void bc_screen_age(const char *since, char to[static 24]) {
  static const struct {
    long long seconds;
    char unit;
  } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
  struct tm parts = {0};
  if (strptime(since, "%Y-%m-%dT%H:%M:%S", &parts) == NULL) {
    (void)snprintf(to, 24, "-");
    return;
  }
  long long age = bc_wall_now_ms() / 1000 - (long long)timegm(&parts);
  size_t i = 0;
  while (i < 3 && age < units[i].seconds) {
    i++;
  }
  (void)snprintf(to, 24, "%lld%c", age < 0 ? 0 : age / units[i].seconds, units[i].unit);
}

struct bc_screen_table *bc_screen_table_new(const char *const *headers, size_t columns) {
  struct bc_screen_table *table = bc_mem_new(1, sizeof *table);
  table->headers = headers;
  table->columns = columns;
  return table;
}

static void screen_add(struct bc_screen_table *table, enum bc_screen_mood mood, const char *text, bool is_note) {
  if (table->count == table->room) {
    table->room = table->room == 0 ? 64 : table->room * 2;
    table->cells = bc_mem_resize(table->cells, table->room, sizeof *table->cells);
  }
  char clean[SCREEN_CELL_BYTES];
  bc_screen_clean(text, clean, sizeof clean);
  table->cells[table->count++] =
      (struct screen_cell){.text = bc_mem_copy_string(clean), .mood = mood, .is_note = is_note};
}

void bc_screen_table_add(struct bc_screen_table *table, enum bc_screen_mood mood, const char *text) {
  screen_add(table, mood, text, false);
}

void bc_screen_table_note(struct bc_screen_table *table, const char *text) {
  screen_add(table, BC_SCREEN_PLAIN, text, true);
}

static void screen_measure(const struct bc_screen_table *table, size_t *widths) {
  size_t column = 0;
  for (size_t i = 0; i < table->columns; i++) {
    widths[i] = strlen(table->headers[i]);
  }
  for (size_t i = 0; i < table->count; i++) {
    if (table->cells[i].is_note) {
      continue;
    }
    size_t width = strlen(table->cells[i].text);
    widths[column] = width > widths[column] ? width : widths[column];
    column = (column + 1) % table->columns;
  }
}

/* Columns of the terminal; SIZE_MAX when there is none: what goes into a file is never cut. */
static size_t screen_width(void) {
  struct winsize size;
  if (isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return SIZE_MAX;
}

/* How the columns lie: where each begins, and which begin a line of their own within a row. */
struct screen_layout {
  size_t *widths;
  size_t *begins;
  bool *is_broken; /* this column begins another line */
  size_t room;
  size_t columns;
};

static void screen_print_rest(const struct screen_cell *cell, size_t room) {
  size_t len = strlen(cell->text);
  char *cut = bc_mem_copy_text(cell->text, len < room ? len : room);
  bc_screen_print(cell->mood, cut);
  (void)fputc('\n', stdout);
  free(cut);
}

static void screen_print_cell(const struct screen_layout *layout, size_t column, const struct screen_cell *cell) {
  if (layout->is_broken[column]) {
    (void)printf("%*s", SCREEN_NOTE_INDENT, "");
  }
  if (column + 1 == layout->columns) {
    size_t begin = layout->begins[column];
    screen_print_rest(cell, layout->room > begin + SCREEN_LEAST_LAST ? layout->room - begin : SCREEN_LEAST_LAST);
    return;
  }
  bc_screen_print(cell->mood, cell->text);
  if (layout->is_broken[column + 1]) {
    (void)fputc('\n', stdout);
  } else {
    (void)printf("%*s", (int)(layout->widths[column] - strlen(cell->text) + 2), "");
  }
}

/* On one line if the last column keeps enough of its room, else on as few as hold all before it whole. */
static void screen_lay(struct screen_layout *layout) {
  size_t least = layout->widths[layout->columns - 1];
  size_t begin = 0;
  for (size_t i = 0; i + 1 < layout->columns; i++) {
    layout->begins[i] = begin;
    begin += layout->widths[i] + 2;
  }
  layout->begins[layout->columns - 1] = begin;
  least = least < SCREEN_WANTED_LAST ? least : SCREEN_WANTED_LAST;
  if (layout->room >= begin + least) {
    return;
  }
  begin = 0;
  for (size_t i = 0; i < layout->columns; i++) {
    size_t width = i + 1 == layout->columns ? least : layout->widths[i];
    layout->is_broken[i] = i > 0 && begin + width > layout->room;
    begin = layout->is_broken[i] ? SCREEN_NOTE_INDENT : begin;
    layout->begins[i] = begin;
    begin += layout->widths[i] + 2;
  }
}

void bc_screen_table_note_end(struct bc_screen_table *table, const char *output) {
  enum { SCREEN_NOTE_LINES = 3, SCREEN_NOTE_BYTES = 900 };
  struct bc_str rest = bc_str_trim(bc_str_of(output));
  size_t lines = 1;
  for (size_t i = 0; i < rest.len; i++) {
    lines += rest.at[i] == '\n' ? 1 : 0;
  }
  struct bc_str line;
  for (size_t i = 0; rest.len > 0 && bc_str_next_field(&rest, '\n', &line); i++) {
    if (i + SCREEN_NOTE_LINES >= lines) {
      char text[SCREEN_NOTE_BYTES + 4];
      (void)snprintf(text, sizeof text, "| %.*s", (int)(line.len < SCREEN_NOTE_BYTES ? line.len : SCREEN_NOTE_BYTES),
                     line.at);
      bc_screen_table_note(table, text);
    }
  }
}

void bc_screen_table_print(const struct bc_screen_table *table) {
  struct screen_layout layout = {.widths = bc_mem_new(table->columns, sizeof *layout.widths),
                                 .begins = bc_mem_new(table->columns, sizeof *layout.begins),
                                 .is_broken = bc_mem_new(table->columns, sizeof *layout.is_broken),
                                 .room = screen_width(),
                                 .columns = table->columns};
  size_t room = layout.room;
  screen_measure(table, layout.widths);
  screen_lay(&layout);
  for (size_t i = 0; i < table->columns; i++) {
    struct screen_cell header = {.text = (char *)(uintptr_t)table->headers[i]};
    screen_print_cell(&layout, i, &header);
  }
  size_t column = 0;
  for (size_t i = 0; i < table->count; i++) {
    const struct screen_cell *cell = &table->cells[i];
    if (cell->is_note) {
      (void)printf("%*s", SCREEN_NOTE_INDENT, "");
      screen_print_rest(cell, room > SCREEN_NOTE_INDENT ? room - SCREEN_NOTE_INDENT : room);
      continue;
    }
    screen_print_cell(&layout, column, cell);
    column = (column + 1) % table->columns;
  }
  free(layout.widths);
  free(layout.begins);
  free(layout.is_broken);
}

void bc_screen_table_free(struct bc_screen_table *table) {
  for (size_t i = 0; i < table->count; i++) {
    free(table->cells[i].text);
  }
  free(table->cells);
  free(table);
}
