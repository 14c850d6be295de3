/* Which modules a Lua text requires. */
#include "model/lua_require.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "a b ". */
static const char *names_of(struct bc_str text) {
  static char names[1024];
  names[0] = '\0';
  struct bc_str rest = bc_lua_require_begin(text);
  struct bc_str name;
  while (bc_lua_require_next(&rest, &name)) {
    size_t used = strlen(names);
    (void)snprintf(names + used, sizeof names - used, BC_STR_FMT " ", BC_STR_ARG(name));
  }
  return names;
}

static void expect(const char *text, const char *names) {
  const char *found = names_of(bc_str_of(text));
  if (strcmp(found, names) != 0) {
    fail_msg("%s: expected \"%s\", found \"%s\"", text, names, found);
  }
}

static void names_in_texts_are_found(void **state) {
  (void)state;
  expect("local x = require \"a\"", "a ");
  expect("require 'a.b-c_1'", "a.b-c_1 ");
  expect("require(\"a\")", "a ");
  expect("require ( 'a' ) . field", "a ");
  expect("require[[a]]", "a ");
  expect("require [==[a]==]", "a ");
  expect("local ok, x = pcall(require, 'a')", "a ");
  expect("return require 'a' + require 'b', require 'a'", "a b a ");
  expect("require\n--[[why]]\n(--x\n'a')", "a ");
  expect("#!lua require 'x'\nrequire 'a'", "a ");
  expect("x = y..require 'a'", "a ");
  expect("::top:: require 'a'", "a ");
  expect("f{require'a'}", "a ");
  expect("require'a'require'b'", "a b ");
  expect("x = {[1]=require 'a', [require 'b']=2}", "a b ");
}

static void what_only_looks_so_is_not(void **state) {
  (void)state;
  expect("", "");
  expect("require", "");
  expect("-- require 'a'", "");
  expect("--[[ require 'a'\n]] --[==[ require 'b' ]] require 'c' ]==]", "");
  expect("x = \"require 'a'\" y = 'require \"b\"' z = [[require 'c']]", "");
  expect("x = \"\\\" require 'a'\"", "");
  expect("x = 'a\\z \n  require \"b\"'", "");
  expect("x = 'a\\\nrequire \"b\"'", "");
  expect("x.require 'a' x:require 'b' x . require 'c'", "");
  expect("xrequire 'a' require_ 'b' 0xrequire 'c'", "");
  expect("require(name) require('a' .. b) require(\"a\", 1) require{'a'}", "");
  expect("require 'two words' require '' require 'a/b' require '-a' require 'a\\x62'", "");
  expect("require 'a", "a ");
  expect("require = 'a'", "");
  expect("#!lua require 'a'", "");
}

static void broken_lua_ends_somewhere(void **state) {
  (void)state;
  expect("x = 'open\nrequire 'a'", "a ");
  expect("[[ open require 'a'", "");
  expect("--[[ open require 'a'", "");
  expect("[= require 'a' [==x require 'b'", "a b ");
  expect("[==[ ]=] ]= ]===] ]==] require 'a'", "a ");
  expect("]]]==] require 'a'", "a ");
  expect("[==[ ]ab] require 'a'", "");
  expect("\\ require 'a' \x01 @ require 'b'", "a b ");
  assert_string_equal(names_of((struct bc_str){"\0require 'a'\0require 'b'", 25}), "a b ");
  assert_string_equal(names_of((struct bc_str){NULL, 0}), "");
}

/* It was to be linear: each of these would take hours if it looked at what is behind again and again. */
static void long_texts_cost_no_more_than_their_length(void **state) {
  (void)state;
  static const char *const pieces[] = {"[=",        "[==",        "]=",           "--[=",       "require ",
                                       "require(",  "require,",   "require --[[", "'\\z",       "[[]",
                                       "require[[", "require(\"", "..",           "require('a'"};
  enum { LENGTH = 4 << 20 };
  char *text = malloc(LENGTH + 1);
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    size_t len = strlen(pieces[i]);
    for (size_t at = 0; at < LENGTH; at++) {
      text[at] = pieces[i][at % len];
    }
    struct bc_str rest = bc_lua_require_begin((struct bc_str){text, LENGTH});
    struct bc_str name;
    while (bc_lua_require_next(&rest, &name)) {
    }
    assert_int_equal(rest.len, 0);
    memset(text, '[', 1);
    memset(text + 1, '=', LENGTH / 2);
    text[LENGTH / 2] = '[';
    rest = bc_lua_require_begin((struct bc_str){text, LENGTH});
    assert_false(bc_lua_require_next(&rest, &name));
  }
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_in_texts_are_found),
      cmocka_unit_test(what_only_looks_so_is_not),
      cmocka_unit_test(broken_lua_ends_somewhere),
      cmocka_unit_test(long_texts_cost_no_more_than_their_length),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
