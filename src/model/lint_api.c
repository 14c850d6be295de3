#include "base/near.h"
#include "model/lint_private.h"

struct api_global {
  const char *name;
  unsigned where;
  const char *type;
};

struct api_member {
  const char *of, *name;
  unsigned where;
  const char *type;
};

static const struct api_global api_globals[] = {
#define BC_LINT_GLOBAL(name, where, type) {name, where, type},
#define BC_LINT_MEMBER(of, name, where, type)
#define BC_LINT_FUNCTION(name, flags, parameters, results)
#include "model/lint_api.def"
#undef BC_LINT_GLOBAL
#undef BC_LINT_MEMBER
#undef BC_LINT_FUNCTION
};

static const struct api_member api_members[] = {
#define BC_LINT_GLOBAL(name, where, type)
#define BC_LINT_MEMBER(of, name, where, type) {of, name, where, type},
#define BC_LINT_FUNCTION(name, flags, parameters, results)
#include "model/lint_api.def"
#undef BC_LINT_GLOBAL
#undef BC_LINT_MEMBER
#undef BC_LINT_FUNCTION
};

static const struct bc_lint_function api_functions[] = {
#define BC_LINT_GLOBAL(name, where, type)
#define BC_LINT_MEMBER(of, name, where, type)
#define BC_LINT_FUNCTION(name, flags, parameters, results) {name, flags, parameters, results},
#include "model/lint_api.def"
#undef BC_LINT_GLOBAL
#undef BC_LINT_MEMBER
#undef BC_LINT_FUNCTION
};

enum {
  API_GLOBALS = sizeof api_globals / sizeof api_globals[0],
  API_MEMBERS = sizeof api_members / sizeof api_members[0],
  API_FUNCTIONS = sizeof api_functions / sizeof api_functions[0]
};

static bool api_is_found(const struct bc_lint_work *work, unsigned where) {
  return work->is_anywhere ? (work->where & where) != 0 : (work->where & ~where) == 0;
}

/* Rows of one name follow one another. */
unsigned bc_lint_api_where(struct bc_str global) {
  unsigned where = 0;
  for (size_t i = 0; i < API_GLOBALS; i++) {
    where |= bc_str_is(global, api_globals[i].name) ? api_globals[i].where : 0;
  }
  return where;
}

const char *bc_lint_api_global(const struct bc_lint_work *work, struct bc_str name) {
  const char *type = NULL;
  unsigned where = 0;
  for (size_t i = 0; i < API_GLOBALS; i++) {
    if (bc_str_is(name, api_globals[i].name) && (work->where & api_globals[i].where) != 0) {
      type = type == NULL ? api_globals[i].type : "any";
      where |= api_globals[i].where;
    }
  }
  return type != NULL && api_is_found(work, where) ? type : NULL;
}

const char *bc_lint_api_member(const struct bc_lint_work *work, struct bc_str of, struct bc_str name) {
  const char *other = NULL;
  for (size_t i = 0; i < API_MEMBERS; i++) {
    if (bc_str_is(of, api_members[i].of) && api_is_found(work, api_members[i].where)) {
      if (bc_str_is(name, api_members[i].name)) {
        return api_members[i].type;
      }
      other = bc_str_is(bc_str_of(api_members[i].name), "*") ? api_members[i].type : other;
    }
  }
  return other;
}

bool bc_lint_api_is_class(struct bc_str name) {
  for (size_t i = 0; i < API_MEMBERS; i++) {
    if (bc_str_is(name, api_members[i].of)) {
      return true;
    }
  }
  return false;
}

const struct bc_lint_function *bc_lint_api_function(struct bc_str name) {
  for (size_t i = 0; i < API_FUNCTIONS; i++) {
    if (bc_str_is(name, api_functions[i].name)) {
      return &api_functions[i];
    }
  }
  return NULL;
}

bool bc_lint_api_next_parameter(struct bc_str *rest, struct bc_str *name, struct bc_str *type, bool *is_optional) {
  struct bc_str field;
  if (rest->len == 0 || !bc_str_next_field(rest, ';', &field)) {
    return false;
  }
  *name = bc_str_next_word(&field);
  *type = bc_str_trim(field);
  *is_optional = name->len > 0 && name->at[name->len - 1] == '?';
  name->len -= *is_optional ? 1 : 0;
  return true;
}

/* ---- slips ---- */

/* A short word is another one when much of it is changed. */
static bool api_is_slip(struct bc_str name, struct bc_str meant, size_t *least) {
  size_t distance = bc_near_distance(name, meant);
  bool is_near = distance <= (name.len < 3   ? 0
                              : name.len < 6 ? 1U
                                             : 2U) ||
                 (distance <= 2 && name.len > 3 && name.len == meant.len && name.at[0] == meant.at[0]);
  bool is_nearer = is_near && distance < *least;
  *least = is_nearer ? distance : *least;
  return is_nearer;
}

struct bc_str bc_lint_api_nearest_member(const struct bc_lint_work *work, struct bc_str of, struct bc_str name) {
  struct bc_str nearest = {0};
  size_t least = SIZE_MAX;
  for (size_t i = 0; i < API_MEMBERS; i++) {
    if (bc_str_is(of, api_members[i].of) && api_is_found(work, api_members[i].where)) {
      struct bc_str meant = bc_str_of(api_members[i].name);
      nearest = api_is_slip(name, meant, &least) ? meant : nearest;
    }
  }
  return nearest;
}

struct bc_str bc_lint_api_nearest_global(const struct bc_lint_work *work, struct bc_str name) {
  struct bc_str nearest = {0};
  size_t least = SIZE_MAX;
  for (size_t i = 0; i < API_GLOBALS; i++) {
    if (api_is_found(work, api_globals[i].where)) {
      struct bc_str meant = bc_str_of(api_globals[i].name);
      nearest = api_is_slip(name, meant, &least) ? meant : nearest;
    }
  }
  return nearest;
}

const char *bc_lint_api_instead(struct bc_str name) {
  static const struct {
    const char *name, *instead;
  } known[] = {
      {"print", "log.info"},
      {"warn", "log.warn"},
      {"unpack", "table.unpack"},
      {"xpcall", "pcall"},
      {"coroutine", "parallel, and calls that wait by themselves"},
      {"os", "time, and exec for programs"},
      {"io", "data for what is stored, tcp and http for what is asked"},
      {"load", "require"},
      {"loadstring", "require"},
      {"dofile", "require"},
      {"loadfile", "require"},
      {"package", "require"},
      {"cjson", "json"},
      {"socket", "tcp and udp"},
      {"bit32", "the operators & | ~ << >>"},
      {"rawset", "a plain assignment"},
      {"math.pow", "the operator ^"},
      {"math.random", "nothing: what a policy says must follow from what it is given"},
      {"table.getn", "the operator #"},
      {"table.maxn", "the operator #"},
      {"table.foreach", "pairs"},
      {"string.gfind", "string.gmatch"},
      {"time.time", "time.now"},
      {"time.now", "ctx.now: a policy has no clock"},
      {"ctx", "the parameter of the function that the policy returns"},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (bc_str_is(name, known[i].name)) {
      return known[i].instead;
    }
  }
  return NULL;
}
