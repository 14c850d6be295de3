/* What an expression gives, as far as lua/api tells: the results of its functions, their members, and the locals that
 * they are put into, if these are never changed. All else may be anything. */
#include "model/lint_private.h"

#include <stdio.h>
#include <string.h>

enum { TYPE_DEPTH = 60 /* locals given to locals, expressions in expressions */ };

static const struct bc_lint_type type_any = {.kinds = BC_LINT_IS_ANY};

static struct bc_lint_type type_is(unsigned kinds) {
  return (struct bc_lint_type){.kinds = kinds};
}

/* ---- from text ---- */

/* Up to a '|' outside of brackets. */
static struct bc_str type_next_choice(struct bc_str *rest) {
  struct bc_str choice = {rest->at, 0};
  int depth = 0;
  while (choice.len < rest->len && (depth > 0 || rest->at[choice.len] != '|')) {
    char c = rest->at[choice.len++];
    depth += c == '<' ? 1 : c == '>' ? -1 : 0;
  }
  size_t used = choice.len < rest->len ? choice.len + 1 : choice.len;
  rest->at += used;
  rest->len -= used;
  return choice;
}

static struct bc_lint_type type_parse_word(struct bc_str word) {
  static const struct {
    const char *name;
    unsigned kinds;
  } words[] = {{"string", BC_LINT_IS_STRING},   {"number", BC_LINT_IS_NUMBER},  {"integer", BC_LINT_IS_NUMBER},
               {"boolean", BC_LINT_IS_BOOLEAN}, {"true", BC_LINT_IS_BOOLEAN},   {"false", BC_LINT_IS_BOOLEAN},
               {"nil", BC_LINT_IS_NIL},         {"table", BC_LINT_IS_TABLE},    {"function", BC_LINT_IS_FUNCTION},
               {"any", BC_LINT_IS_ANY},         {"userdata", BC_LINT_IS_OTHER}, {"Verdict", BC_LINT_IS_TABLE}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (bc_str_is(word, words[i].name)) {
      return type_is(words[i].kinds);
    }
  }
  if (bc_str_starts(word, "'")) {
    return type_is(BC_LINT_IS_STRING);
  }
  if (word.len > 0 && word.at[0] >= '0' && word.at[0] <= '9') {
    return type_is(BC_LINT_IS_NUMBER);
  }
  if (bc_str_starts(word, "function ") || bc_str_starts(word, "library ")) {
    struct bc_str name = word;
    (void)bc_str_next_word(&name);
    return (struct bc_lint_type){bc_str_starts(word, "f") ? BC_LINT_IS_FUNCTION : BC_LINT_IS_TABLE, bc_str_trim(name)};
  }
  bool is_list = word.len > 2 && word.at[word.len - 1] == ']';
  if (is_list || bc_str_starts(word, "table<")) {
    return (struct bc_lint_type){BC_LINT_IS_TABLE, word};
  }
  /* A handle is no table. */
  return bc_lint_api_is_class(word) ? (struct bc_lint_type){BC_LINT_IS_TABLE | BC_LINT_IS_OTHER, word} : type_any;
}

static struct bc_lint_type type_join(struct bc_lint_type a, struct bc_lint_type b) {
  unsigned shaped = BC_LINT_IS_TABLE | BC_LINT_IS_FUNCTION | BC_LINT_IS_OTHER;
  struct bc_lint_type both = {.kinds = a.kinds | b.kinds};
  if ((a.kinds & shaped) == 0 || ((b.kinds & shaped) != 0 && bc_str_equal(a.shape, b.shape))) {
    both.shape = b.shape;
  } else if ((b.kinds & shaped) == 0) {
    both.shape = a.shape;
  }
  return both;
}

struct bc_lint_type bc_lint_type_parse(struct bc_str text) {
  struct bc_lint_type type = {0};
  while (text.len > 0) {
    struct bc_str word = type_next_choice(&text);
    if (word.len > 0 && word.at[word.len - 1] == '?') {
      type.kinds |= BC_LINT_IS_NIL;
      word.len--;
    }
    type = type_join(type, type_parse_word(word));
  }
  return type;
}

/* ---- members ---- */

/* Of "X[]" or "table<K,V>": of its values (V) or its keys. */
static struct bc_lint_type type_element(struct bc_str shape, bool of_keys) {
  if (shape.len > 2 && shape.at[shape.len - 1] == ']') {
    return of_keys ? type_is(BC_LINT_IS_NUMBER) : bc_lint_type_parse((struct bc_str){shape.at, shape.len - 2});
  }
  const char *comma = bc_str_starts(shape, "table<") ? memchr(shape.at, ',', shape.len) : NULL;
  if (comma == NULL) {
    return type_any;
  }
  size_t before = (size_t)(comma - shape.at);
  struct bc_str key = {shape.at + 6, before - 6};
  struct bc_str value = {comma + 1, shape.len - before - 2};
  return bc_lint_type_parse(of_keys ? key : value);
}

static struct bc_lint_type type_member(const struct bc_lint_work *work, struct bc_lint_type of, struct bc_str name) {
  bool is_text = (of.kinds & ~(unsigned)BC_LINT_IS_NIL) == BC_LINT_IS_STRING;
  struct bc_str shape = is_text ? bc_str_of("string") : of.shape;
  if (shape.len == 0) {
    return type_any;
  }
  const char *type = bc_lint_api_member(work, shape, name);
  return type != NULL                     ? bc_lint_type_parse(bc_str_of(type))
         : bc_str_starts(shape, "table<") ? type_element(shape, false)
                                          : type_any;
}

/* ---- calls ---- */

/* Of Lua's own functions those whose results are often compared or returned. */
static const char *type_library_result(struct bc_str name) {
  static const struct {
    const char *name, *type;
  } known[] = {{"tostring", "string"},       {"type", "string"},         {"tonumber", "number?"},
               {"string.format", "string"},  {"string.lower", "string"}, {"string.upper", "string"},
               {"string.sub", "string"},     {"string.rep", "string"},   {"string.gsub", "string"},
               {"string.len", "number"},     {"string.find", "number?"}, {"string.byte", "number?"},
               {"string.reverse", "string"}, {"math.floor", "number"},   {"math.ceil", "number"},
               {"math.abs", "number"},       {"math.max", "number"},     {"math.min", "number"},
               {"table.concat", "string"},   {"rawequal", "boolean"},    {"math.sqrt", "number"}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (bc_str_is(name, known[i].name)) {
      return known[i].type;
    }
  }
  return NULL;
}

struct bc_str bc_lint_type_callee(struct bc_lint_work *work, struct bc_lua_node *call) {
  struct bc_lint_type type = type_any;
  if (call->kind == BC_LUA_NODE_CALL) {
    type = bc_lint_type_of(work, call->a);
  } else if (call->kind == BC_LUA_NODE_METHOD) {
    type = type_member(work, bc_lint_type_of(work, call->a), call->text);
  }
  return type.kinds == BC_LINT_IS_FUNCTION ? type.shape : (struct bc_str){0};
}

const struct bc_lint_function *bc_lint_type_called(struct bc_lint_work *work, struct bc_lua_node *call) {
  struct bc_str name = bc_lint_type_callee(work, call);
  return name.len == 0 ? NULL : bc_lint_api_function(name);
}

static struct bc_lint_type type_result(struct bc_lint_work *work, struct bc_lua_node *call, unsigned index) {
  struct bc_str name = bc_lint_type_callee(work, call);
  const struct bc_lint_function *function = name.len == 0 ? NULL : bc_lint_api_function(name);
  if (bc_str_is(name, "assert") && call->kind == BC_LUA_NODE_CALL && call->b != NULL && index == 0) {
    struct bc_lint_type type = bc_lint_type_of(work, call->b);
    type.kinds &= ~(unsigned)BC_LINT_IS_NIL;
    return type.kinds == 0 ? type_any : type;
  }
  if (function == NULL) {
    const char *type = index == 0 && name.len > 0 ? type_library_result(name) : NULL;
    return type == NULL ? type_any : bc_lint_type_parse(bc_str_of(type));
  }
  struct bc_str rest = bc_str_of(function->results);
  struct bc_str result = {0};
  for (unsigned i = 0; i <= index; i++) {
    if (rest.len == 0 || !bc_str_next_field(&rest, ';', &result)) {
      return type_is(BC_LINT_IS_NIL);
    }
  }
  return bc_lint_type_parse(result);
}

/* ---- names ---- */

/* The variable of `for k, v in pairs(x)`. */
static struct bc_lint_type type_loop(struct bc_lint_work *work, const struct bc_lua_local *local) {
  struct bc_lua_node *value = local->value;
  if (value == NULL || value->kind != BC_LUA_NODE_CALL || value->b == NULL || local->value_index > 1) {
    return type_any;
  }
  struct bc_str name = bc_lint_type_callee(work, value);
  if (!bc_str_is(name, "ipairs") && !bc_str_is(name, "pairs")) {
    return type_any;
  }
  struct bc_lint_type type = bc_lint_type_of(work, value->b);
  return type.shape.len == 0 ? type_any : type_element(type.shape, local->value_index == 0);
}

static struct bc_lint_type type_local(struct bc_lint_work *work, const struct bc_lua_local *local) {
  if (local->writes > 0) {
    return type_any;
  }
  if (local->is_loop) {
    return type_loop(work, local);
  }
  if (local->is_parameter) {
    bool is_context = work->main != NULL && work->main != work->root && local->function == work->main &&
                      work->main->node->a->local == local;
    return is_context ? bc_lint_type_parse(bc_str_of("Context")) : type_any;
  }
  if (local->value == NULL) {
    return type_is(BC_LINT_IS_NIL);
  }
  bool is_call = local->value->kind == BC_LUA_NODE_CALL || local->value->kind == BC_LUA_NODE_METHOD;
  if (local->value_index > 0) {
    return is_call ? type_result(work, local->value, local->value_index) : type_any;
  }
  return bc_lint_type_of(work, local->value);
}

static struct bc_lint_type type_name(struct bc_lint_work *work, const struct bc_lua_node *node) {
  if (node->local != NULL) {
    return type_local(work, node->local);
  }
  for (size_t i = 0; i < work->set_count; i++) {
    if (bc_str_equal(work->set[i], node->text)) {
      return type_any;
    }
  }
  const char *type = bc_lint_api_global(work, node->text);
  return type == NULL ? type_any : bc_lint_type_parse(bc_str_of(type));
}

/* ---- operators ---- */

static struct bc_lint_type type_binary(struct bc_lint_work *work, const struct bc_lua_node *node) {
  struct bc_lint_type a;
  struct bc_lint_type b;
  switch ((int)node->sign) {
  case BC_LUA_EQUAL:
  case BC_LUA_UNEQUAL:
  case BC_LUA_LESS:
  case BC_LUA_LESS_EQUAL:
  case BC_LUA_GREATER:
  case BC_LUA_GREATER_EQUAL:
    return type_is(BC_LINT_IS_BOOLEAN);
  case BC_LUA_AND:
  case BC_LUA_OR:
    a = bc_lint_type_of(work, node->a);
    b = bc_lint_type_of(work, node->b);
    if (node->sign == BC_LUA_AND) {
      /* What is left of it is false or nil. */
      a.kinds &= BC_LINT_IS_NIL | BC_LINT_IS_BOOLEAN;
      a.shape.len = 0;
    } else {
      a.kinds &= ~(unsigned)BC_LINT_IS_NIL;
    }
    return type_join(a, b);
  case BC_LUA_CONCAT:
    a = bc_lint_type_of(work, node->a);
    b = bc_lint_type_of(work, node->b);
    return ((a.kinds | b.kinds) & (BC_LINT_IS_TABLE | BC_LINT_IS_OTHER)) != 0 ? type_any : type_is(BC_LINT_IS_STRING);
  default:
    a = bc_lint_type_of(work, node->a);
    b = bc_lint_type_of(work, node->b);
    return ((a.kinds | b.kinds) & (BC_LINT_IS_TABLE | BC_LINT_IS_OTHER)) != 0 ? type_any : type_is(BC_LINT_IS_NUMBER);
  }
}

static struct bc_lint_type type_find(struct bc_lint_work *work, struct bc_lua_node *node) {
  struct bc_lint_type type;
  switch ((int)node->kind) {
  case BC_LUA_NODE_NIL:
    return type_is(BC_LINT_IS_NIL);
  case BC_LUA_NODE_TRUE:
  case BC_LUA_NODE_FALSE:
    return type_is(BC_LINT_IS_BOOLEAN);
  case BC_LUA_NODE_NUMBER:
    return type_is(BC_LINT_IS_NUMBER);
  case BC_LUA_NODE_STRING:
    return type_is(BC_LINT_IS_STRING);
  case BC_LUA_NODE_FUNCTION:
    return type_is(BC_LINT_IS_FUNCTION);
  case BC_LUA_NODE_TABLE:
    return type_is(BC_LINT_IS_TABLE);
  case BC_LUA_NODE_NAME:
    return type_name(work, node);
  case BC_LUA_NODE_PAREN:
    return bc_lint_type_of(work, node->a);
  case BC_LUA_NODE_INDEX:
    type = bc_lint_type_of(work, node->a);
    return node->b->kind == BC_LUA_NODE_STRING && !node->b->has_escape ? type_member(work, type, node->b->text)
           : type.shape.len > 0                                        ? type_element(type.shape, false)
                                                                       : type_any;
  case BC_LUA_NODE_CALL:
  case BC_LUA_NODE_METHOD:
    return type_result(work, node, 0);
  case BC_LUA_NODE_BINARY:
    return type_binary(work, node);
  case BC_LUA_NODE_UNARY:
    type = bc_lint_type_of(work, node->a);
    return node->sign == BC_LUA_NOT ? type_is(BC_LINT_IS_BOOLEAN)
           : node->sign == BC_LUA_LENGTH || (type.kinds & (BC_LINT_IS_TABLE | BC_LINT_IS_OTHER)) == 0
               ? type_is(BC_LINT_IS_NUMBER)
               : type_any;
  default:
    return type_any;
  }
}

struct bc_lint_type bc_lint_type_of(struct bc_lint_work *work, struct bc_lua_node *node) {
  if (!node->about.is_set) {
    if (work->depth >= TYPE_DEPTH) {
      return type_any;
    }
    /* What asks for itself on its way may be anything. */
    node->about = (struct bc_lua_about){.is_set = true, .kinds = BC_LINT_IS_ANY};
    work->depth++;
    struct bc_lint_type type = type_find(work, node);
    work->depth--;
    node->about.kinds = type.kinds;
    node->about.shape = type.shape;
  }
  return (struct bc_lint_type){node->about.kinds, node->about.shape};
}

const char *bc_lint_type_text(struct bc_lint_type type, char to[static 96]) {
  static const char *const words[] = {"nil", "a boolean", "a number", "a text", "a table", "a function", "a handle"};
  size_t used = 0;
  if ((type.kinds & BC_LINT_IS_TABLE) != 0) {
    type.kinds &= ~(unsigned)BC_LINT_IS_OTHER;
  }
  to[0] = '\0';
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if ((type.kinds & 1U << i) != 0 && used < 80) {
      used += (size_t)snprintf(to + used, 96 - used, "%s%s", used == 0 ? "" : " or ", words[i]);
    }
  }
  return to;
}
