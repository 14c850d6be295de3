/* What an edit changes, line by line. */
#include "base/mem.h"
#include "cli/edit.h"
#include "cli/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIFF_AROUND = 2, DIFF_LINE_BYTES = 400 };

struct diff_lines {
  struct bc_str *at;
  size_t count;
};

static struct diff_lines diff_split(struct bc_str text) {
  struct diff_lines lines = {0};
  size_t room = 1;
  for (size_t i = 0; i < text.len; i++) {
    room += text.at[i] == '\n' ? 1 : 0;
  }
  lines.at = bc_mem_new(room, sizeof *lines.at);
  while (text.len > 0 && bc_str_next_field(&text, '\n', &lines.at[lines.count])) {
    lines.count++;
  }
  return lines;
}

static void diff_print_line(enum bc_screen_mood mood, char mark, struct bc_str line) {
  char text[DIFF_LINE_BYTES];
  char shown[DIFF_LINE_BYTES + 4];
  char *copy = bc_mem_copy_text(line.at, line.len);
  bc_screen_clean(copy, text, sizeof text);
  free(copy);
  (void)snprintf(shown, sizeof shown, "%c %s", mark, text);
  bc_screen_print(mood, shown);
  (void)putchar('\n');
}

/* Equal lines before and behind are left out, but a few. */
static void diff_print_key(const char *key, struct bc_str before, struct bc_str after) {
  struct diff_lines old = diff_split(before);
  struct diff_lines new = diff_split(after);
  size_t head = 0;
  size_t tail = 0;
  while (head < old.count && head < new.count &&bc_str_equal(old.at[head], new.at[head])) {
    head++;
  }
  while (tail < old.count - head &&
         tail < new.count - head &&bc_str_equal(old.at[old.count - 1 - tail], new.at[new.count - 1 - tail])) {
    tail++;
  }
  (void)printf("%s\n", key);
  for (size_t i = head > DIFF_AROUND ? head - DIFF_AROUND : 0; i < head; i++) {
    diff_print_line(BC_SCREEN_PLAIN, ' ', old.at[i]);
  }
  for (size_t i = head; i < old.count - tail; i++) {
    diff_print_line(BC_SCREEN_BAD, '-', old.at[i]);
  }
  for (size_t i = head; i < new.count - tail; i++) {
    diff_print_line(BC_SCREEN_GOOD, '+', new.at[i]);
  }
  for (size_t i = old.count - tail; i < old.count && i < old.count - tail + DIFF_AROUND; i++) {
    diff_print_line(BC_SCREEN_PLAIN, ' ', old.at[i]);
  }
  free(old.at);
  free(new.at);
}

void bc_edit_print_diff(const struct bc_edit *edit) {
  for (size_t i = 0; i < edit->count; i++) {
    const struct bc_edit_change *change = &edit->changes[i];
    diff_print_key(change->key, bc_edit_value(edit, change->key),
                   bc_str_trim((struct bc_str){change->value, change->len}));
  }
}
