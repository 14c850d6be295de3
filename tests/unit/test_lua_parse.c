/* What the parser of Lua makes of a text. That it takes what the compiler takes: tests/fuzz/fuzz_lua_parse.c. */
#include "model/lua_parse.h"
#include "worker/sandbox.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void print(struct bc_lua_node *node, struct bc_buf *to);

static void print_list(const char *mark, struct bc_lua_node *node, struct bc_buf *to) {
  if (node != NULL) {
    bc_buf_add_text(to, mark);
  }
  for (; node != NULL; node = node->next) {
    print(node, to);
    bc_buf_add_text(to, node->next == NULL ? "" : ", ");
  }
}

/* "(local (declaration x) = (number 1))" */
static void print(struct bc_lua_node *node, struct bc_buf *to) {
  bc_buf_add_format(to, "(%s", bc_lua_kind_text(node->kind));
  if (node->kind == BC_LUA_NODE_BINARY || node->kind == BC_LUA_NODE_UNARY) {
    bc_buf_add_format(to, " %s", bc_lua_token_text(node->sign));
  }
  if (node->text.len > 0) {
    bc_buf_add_format(to, " " BC_STR_FMT, BC_STR_ARG(node->text));
  }
  print_list(" ", node->a, to);
  print_list(" = ", node->b, to);
  print_list(" do ", node->c, to);
  bc_buf_add_text(to, ")");
}

static struct bc_lua_tree *parse(const char *text) {
  struct bc_lua_place place;
  struct bc_fault fault = {0};
  struct bc_lua_tree *tree = bc_lua_parse(bc_str_of(text), NULL, NULL, &place, &fault);
  if (tree == NULL) {
    fail_msg("%s: %s", text, fault.text);
  }
  return tree;
}

static void expect(const char *text, const char *statements) {
  struct bc_lua_tree *tree = parse(text);
  struct bc_buf found;
  bc_buf_init(&found, 65536);
  print_list("", bc_lua_tree_root(tree)->block->a, &found);
  if (strcmp(found.data, statements) != 0) {
    fail_msg("%s: expected %s, found %s", text, statements, found.data);
  }
  bc_buf_free(&found);
  bc_lua_tree_free(tree);
}

static void operators_bind_as_in_lua(void **state) {
  (void)state;
  expect("return a or b and c", "(return (operation or (name a) = (operation and (name b) = (name c))))");
  expect("return -x ^ 2", "(return (unary - (operation ^ (name x) = (number 2))))");
  expect("return 2 ^ 3 ^ 4", "(return (operation ^ (number 2) = (operation ^ (number 3) = (number 4))))");
  expect("return 1 - 2 - 3", "(return (operation - (operation - (number 1) = (number 2)) = (number 3)))");
  expect("return a .. b == c", "(return (operation == (operation .. (name a) = (name b)) = (name c)))");
  expect("return a .. b .. c", "(return (operation .. (name a) = (operation .. (name b) = (name c))))");
  expect("return not a == b", "(return (operation == (unary not (name a)) = (name b)))");
}

static void statements_have_their_parts(void **state) {
  (void)state;
  expect("f(1, 2)", "(call (call (name f) = (number 1), (number 2)))");
  expect("a.b:c'x'", "(call (method call c (index (name a) = (string b)) = (string x)))");
  expect("a, b[1] = 1", "(assignment (name a), (index (name b) = (number 1)) = (number 1))");
  expect("x = {1, y = 2, [3] = 4}",
         "(assignment (name x) = (table (item = (number 1)), (item (string y) = (number 2)), "
         "(item (number 3) = (number 4))))");
  expect("for i = 1, 2 do end", "(for (declaration i) = (number 1), (number 2) do (block))");
  expect("for k, v in x do break end", "(for in (declaration k), (declaration v) = (name x) do (block (break)))");
  expect("if a then elseif b then else end",
         "(if (clause (name a) = (block)), (clause (name b) = (block)), (clause = (block)))");
  expect("repeat until x; ;", "(repeat (block) = (name x))");
  expect("function a.b:c(d) end", "(function (index (index (name a) = (string b)) = (string c)) = "
                                  "(function (declaration self), (declaration d) = (block)))");
}

static bool find_name(void *arg, struct bc_lua_node *node) {
  struct bc_lua_node **found = arg;
  if (node->kind == BC_LUA_NODE_NAME && bc_str_is(node->text, "x")) {
    *found = node;
  }
  return true;
}

/* The last `x` in the text: the line in which it is declared, 0 = a global. */
static unsigned line_of_x(const char *text) {
  struct bc_lua_tree *tree = parse(text);
  struct bc_lua_node *found = NULL;
  bc_lua_tree_walk(bc_lua_tree_root(tree)->block, false, find_name, &found);
  assert_non_null(found);
  unsigned line = found->local == NULL ? 0 : found->local->place.line;
  bc_lua_tree_free(tree);
  return line;
}

static void names_mean_the_innermost_local_that_can_be_seen(void **state) {
  (void)state;
  assert_int_equal(line_of_x("local x\nreturn x"), 1);
  assert_int_equal(line_of_x("local y = x"), 0);
  assert_int_equal(line_of_x("local x\nlocal x = x"), 1);
  assert_int_equal(line_of_x("local x\ndo local x\nend return x"), 1);
  assert_int_equal(line_of_x("local x\ndo local x\nreturn x end"), 2);
  assert_int_equal(line_of_x("local function x()\nreturn x end"), 1);
  assert_int_equal(line_of_x("local x = function()\nreturn x end"), 0);
  assert_int_equal(line_of_x("for x = 1, 2 do end return x"), 0);
  assert_int_equal(line_of_x("for x = 1,\n x do end"), 0);
  assert_int_equal(line_of_x("repeat local x\nuntil x"), 1);
  assert_int_equal(line_of_x("local x\nreturn function(y) return x end"), 1);
  assert_int_equal(line_of_x("local x\nreturn function(\nx) return x end"), 3);
}

static void refuse(const char *text, unsigned line, unsigned column, const char *why) {
  struct bc_lua_place place = {0};
  struct bc_fault fault = {0};
  assert_null(bc_lua_parse(bc_str_of(text), NULL, NULL, &place, &fault));
  if (place.line != line || place.column != column || strcmp(fault.text, why) != 0) {
    fail_msg("%s: found %u:%u: %s", text, place.line, place.column, fault.text);
  }
}

static void faults_say_where_and_what(void **state) {
  (void)state;
  refuse("return 1 +", 1, 11, "unexpected symbol near the end of the text");
  refuse("if x then\n  y()\n", 3, 1, "'end' expected (to close 'if' at line 1) near the end of the text");
  refuse("x = 3px", 1, 5, "malformed number near '3p'");
  refuse("local x <const> = 1\nx = 2", 2, 1, "attempt to assign to const variable 'x'");
  refuse("x = 'a", 1, 5, "unfinished string");
  refuse("x = '\\255\\256'", 1, 10, "decimal escape too large");
  refuse("x =\r\n\n\r'", 3, 1, "unfinished string");
  refuse("x =\n\n'", 3, 1, "unfinished string");
  refuse("x == 1", 1, 3, "syntax error near '=='");
  refuse("do\n  goto out\nend", 2, 3, "no visible label 'out' for goto");
  refuse("#!lua\n  break", 2, 3, "break outside a loop");
}

/* Hours if one step of it looked at all again and again; a stack overflow if depth were not bounded. */
static void hostile_texts_are_parsed_in_bounded_time_and_depth(void **state) {
  (void)state;
  static const char *const pieces[] = {"a.", "a..", "1+", "f(", "{", "(", "-", "a[", "x=x ", "::a", "f()", "--[", "[="};
  enum { LENGTH = 1 << 18 };
  char *text = malloc(LENGTH + 1);
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    struct bc_lua_place place;
    struct bc_fault fault = {0};
    size_t len = strlen(pieces[i]);
    for (size_t at = 0; at < LENGTH; at++) {
      text[at] = pieces[i][at % len];
    }
    memcpy(text, "x = y ", 6);
    text[LENGTH] = '\0';
    struct bc_lua_tree *tree = bc_lua_parse(bc_str_of(text), NULL, NULL, &place, &fault);
    assert_true(tree != NULL || fault.text[0] != '\0');
    bc_lua_tree_free(tree);
  }
  (void)snprintf(text, LENGTH, "return 1");
  for (size_t at = 8; at < 8 + 2 * BC_LUA_DEPTH; at += 2) {
    memcpy(text + at, "+1", 3);
  }
  struct bc_lua_tree *tree = parse(text);
  assert_null(bc_lua_tree_root(tree));
  bc_lua_tree_free(tree);
  free(text);
}

/* ---- the compiler is the judge ---- */

/* Its limits of registers, constants, upvalues and memory are its own. */
static bool is_limit(const char *fault) {
  static const char *const words[] = {"limit is", "overflow", "memory", "registers", "too long", "too many levels"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strstr(fault, words[i]) != NULL) {
      return true;
    }
  }
  return false;
}

static void compare(const char *name, struct bc_str text) {
  struct bc_lua_place place;
  struct bc_fault fault = {0};
  struct bc_fault other = {0};
  struct bc_lua_tree *tree = bc_lua_parse(text, NULL, NULL, &place, &fault);
  struct bc_sandbox *sandbox = bc_sandbox_new(NULL, "script", text, &other);
  if ((tree == NULL) != (sandbox == NULL) && !is_limit(fault.text) && !is_limit(other.text)) {
    fail_msg("%s: the parser says \"%s\", the compiler \"%s\" of\n" BC_STR_FMT, name, fault.text, other.text,
             BC_STR_ARG(text));
  }
  bc_lua_tree_free(tree);
  bc_sandbox_free(sandbox);
}

/* As it is; cut off at some places; with some bytes left out, and some put where they do not belong. */
static void compare_mutations(const char *name, struct bc_str text) {
  static const char marks[] = "=()[]{}\"';:.,~<>-endif";
  char *changed = malloc(text.len + 1);
  compare(name, text);
  for (size_t at = 0; at < text.len; at += 1 + text.len / 23) {
    compare(name, (struct bc_str){text.at, at});
    memcpy(changed, text.at, at);
    memcpy(changed + at, text.at + at + 1, text.len - at - 1);
    compare(name, (struct bc_str){changed, text.len - 1});
    memcpy(changed, text.at, text.len);
    changed[at] = marks[at % (sizeof marks - 1)];
    compare(name, (struct bc_str){changed, text.len});
  }
  free(changed);
}

static size_t compare_folder(const char *folder) {
  static char text[262144];
  size_t count = 0;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    FILE *file = strstr(entry->d_name, ".lua") == NULL ? NULL : fopen(path, "rb");
    if (file != NULL) {
      compare_mutations(entry->d_name, (struct bc_str){text, fread(text, 1, sizeof text, file)});
      (void)fclose(file);
      count++;
    }
  }
  (void)closedir(dir);
  return count;
}

static void the_compiler_agrees_on_hostile_and_on_good_scripts(void **state) {
  (void)state;
  assert_true(compare_folder(BC_TEST_DATA "/../lua/escape") > 80);
  assert_true(compare_folder(BC_TEST_DATA "/../../lua/checks") > 4);
  assert_true(compare_folder(BC_TEST_DATA "/../../lua/policies") > 4);
  assert_true(compare_folder(BC_TEST_DATA "/../../lua/api") > 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operators_bind_as_in_lua),
      cmocka_unit_test(statements_have_their_parts),
      cmocka_unit_test(names_mean_the_innermost_local_that_can_be_seen),
      cmocka_unit_test(faults_say_where_and_what),
      cmocka_unit_test(hostile_texts_are_parsed_in_bounded_time_and_depth),
      cmocka_unit_test(the_compiler_agrees_on_hostile_and_on_good_scripts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
