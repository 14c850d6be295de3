#include "policy_harness.h"

#include "base/mem.h"

/* What a policy gets, what it may say, and what becomes of one that says something else. */

#define CONTEXT                                                                                                        \
  "{\"now\":1700000000.125,\"kind\":\"route\",\"healthy\":true,\"reason\":\"\","                                       \
  "\"route\":{\"name\":\"web\",\"prefix\":\"192.0.2.1/32\"},\"since\":null,"                                           \
  "\"checks\":{\"load\":{\"state\":\"up\",\"score\":7,\"data\":null,\"results\":[]}}}"
#define POLICY(body) "return function(ctx) " body " end"

static void the_context_is_a_plain_table_without_what_is_null(void **state) {
  (void)state;
  policy_holds("assert(ctx.now == 1700000000.125 and ctx.route.name == 'web' and ctx.checks.load.score == 7)"
               "assert(math.type(ctx.checks.load.score) == 'integer')"
               "assert(ctx.since == nil and ctx.checks.load.data == nil)"
               "for name in pairs(ctx) do assert(name ~= 'since') end "
               "ctx.route.name = 'mine' ctx.more = 1 assert(ctx.route.name == 'mine')"
               "assert(getmetatable(ctx) == nil and #ctx.checks.load.results == 0)",
               CONTEXT);
}

static void words_make_canonical_verdicts(void **state) {
  (void)state;
  static const struct {
    const char *script;
    const char *verdict;
  } cases[] = {
      {POLICY("return announce{}"), "{\"verdict\":\"announce\"}"},
      {POLICY("return announce()"), "{\"verdict\":\"announce\"}"},
      {POLICY("return announce{ reason = 'load' }"), "{\"reason\":\"load\",\"verdict\":\"announce\"}"},
      {POLICY("return announce{ med = 100 + 10 * ctx.checks.load.score, community = {'65000:100'}, reason = 'load', "
              "again_in = 30 }"),
       "{\"again_in\":30,\"attributes\":{\"community\":[\"65000:100\"],\"med\":170},\"reason\":\"load\",\"verdict\":"
       "\"announce\"}"},
      {POLICY("return announce{ prepend = { times = 2, as = 65000 }, med = false, aigp = 1.5, origin = 'igp' }"),
       "{\"attributes\":{\"aigp\":1.5,\"med\":false,\"origin\":\"igp\",\"prepend\":{\"as\":65000,\"times\":2}},"
       "\"verdict\":\"announce\"}"},
      {POLICY("return withdraw()"), "{\"verdict\":\"withdraw\"}"},
      {POLICY("return withdraw(ctx.reason)"), "{\"verdict\":\"withdraw\"}"},
      {POLICY("return withdraw(nil, { again_in = '5m' })"), "{\"again_in\":300,\"verdict\":\"withdraw\"}"},
      {POLICY("return withdraw('a\\nb', { again_in = 0.1 })"),
       "{\"again_in\":0.1,\"reason\":\"a b\",\"verdict\":\"withdraw\"}"},
      {POLICY("return keep('so')"), "{\"reason\":\"so\",\"verdict\":\"keep\"}"},
      {POLICY("return keep('so', { again_in = '24h' }), 'more'"),
       "{\"again_in\":86400,\"reason\":\"so\",\"verdict\":\"keep\"}"},
      {"local said = announce{ med = 1 } return function() return said end",
       "{\"attributes\":{\"med\":1},\"verdict\":\"announce\"}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    policy_says(cases[i].script, CONTEXT, cases[i].verdict);
  }
}

static void admission_has_words_of_its_own(void **state) {
  (void)state;
  static const char admission[] = "{\"kind\":\"admission\",\"request\":{\"owner\":\"desk\"}}";
  policy_says(POLICY("return admit{ community = {'65000:666'} }"), admission,
              "{\"attributes\":{\"community\":[\"65000:666\"]},\"verdict\":\"admit\"}");
  policy_says(POLICY("return refuse('not ' .. ctx.request.owner)"), admission,
              "{\"reason\":\"not desk\",\"verdict\":\"refuse\"}");
  policy_fails(POLICY("return announce{}"), admission, BC_SANDBOX_ERROR,
               "policy:1: announce: an admission policy says admit{} or refuse()");
  policy_fails(POLICY("return admit{}"), CONTEXT, BC_SANDBOX_ERROR,
               "policy:1: admit: the policy of a route says announce{}, withdraw() or keep()");
  policy_fails(POLICY("return true"), admission, BC_SANDBOX_ERROR,
               "an admission policy must return admit{} or refuse(): it returned boolean");
}

static void what_is_no_verdict_is_an_error_that_says_so(void **state) {
  (void)state;
  static const struct {
    const char *script;
    const char *error;
  } cases[] = {
      {"", "a policy must return a function, return function(ctx) ... end: it returned nothing"},
      {"return 1", "it returned number"},
      {"return announce{}", "a policy must return a function, return function(ctx) ... end: it returned userdata"},
      {POLICY(""), "a policy must return announce{}, withdraw() or keep(): it returned nothing"},
      {POLICY("return nil"), "a policy must return announce{}, withdraw() or keep(): it returned nil"},
      {POLICY("return { verdict = 'announce' }"), "it returned table"},
      {POLICY("return announce"), "it returned function"},
      {POLICY("\n\n return announce{ med = 1 }.x"), "policy:3: "},
      {POLICY("\n return ctx.nothing.at_all"), "policy:2: attempt to index a nil value (field 'nothing')"},
      {POLICY("error({})"), "raised a value that is a table, not a text"},
      {POLICY("error(setmetatable({}, { __tostring = function() while true do end end }))"), "raised a value"},
      {POLICY("\n return announce{ med = function() end }"),
       "policy:2: announce: med: expected numbers, texts, true, false, or lists of them"},
      {POLICY("return announce{ aigp = 0/0 }"), "announce: aigp: expected"},
      {POLICY("return announce{ med = 1, community = { { next } } }"), "announce: community: expected"},
      {POLICY("return announce{ '65000:1' }"),
       "announce: attributes have names: announce{ med = 100 }; found a number"},
      {POLICY("return announce('x')"), "announce: expected a table of attributes, found a string"},
      {POLICY("return announce({}, 'x')"), "announce: expected one table"},
      {POLICY("return announce{ reason = {} }"), "announce: reason: expected a text, found a table"},
      {POLICY("return withdraw({ reason = 'x' })"), "withdraw: reason: expected a text, found a table"},
      {POLICY("return withdraw('x', 5)"), "withdraw: expected options behind the reason, found a number"},
      {POLICY("return keep('x', { again = 5 })"), "keep: unknown option 'again': expected again_in"},
      {POLICY("return keep('x', { again_in = 0 })"),
       "keep: again_in: expected seconds or a text with a unit (\"5m\"), from 0.1 s to 24 h, found 0"},
      {POLICY("return announce{ again_in = '25h' }"), "announce: again_in: expected"},
      {POLICY("return announce{ again_in = 0/0 }"), "announce: again_in: expected"},
      {POLICY("return announce{ again_in = {} }"), "from 0.1 s to 24 h, found table"},
      {POLICY("local t = {} t.t = t return announce{ med = t }"), "nested too deep, or hold themselves"},
      {POLICY("return announce{ med = ('x'):rep(20000) }"), "the verdict is too long, expected at most 16384 bytes"},
      {POLICY("return announce{ med = ('x'):rep(300000) }"), "announce: the attributes are too long"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    policy_fails(cases[i].script, CONTEXT, BC_SANDBOX_ERROR, cases[i].error);
  }
}

static void what_others_made_is_not_taken_for_a_verdict(void **state) {
  (void)state;
  policy_fails(POLICY("return json.null"), CONTEXT, BC_SANDBOX_ERROR, "it returned userdata");
  policy_holds("local v = announce{} assert(type(v) == 'userdata' and tostring(v) == 'userdata')"
               "assert(getmetatable(v) == false and not pcall(function() return v.x end))"
               "assert(not pcall(function() v.x = 1 end) and not pcall(setmetatable, v, {}))",
               CONTEXT);
}

static void a_context_that_cannot_be_read_is_an_error(void **state) {
  (void)state;
  policy_fails(POLICY("return keep()"), "{", BC_SANDBOX_ERROR, "json.decode: ");
  policy_fails(POLICY("return keep()"), "7", BC_SANDBOX_ERROR, "the context is no JSON object");
  char *large = bc_mem_new(1, BC_LIMIT_POLICY_CONTEXT_BYTES + 3);
  memset(large, ' ', BC_LIMIT_POLICY_CONTEXT_BYTES + 2);
  memcpy(large, "{}", 2);
  policy_fails(POLICY("return keep()"), large, BC_SANDBOX_ERROR, "the context is too long");
  free(large);
}

/* The largest context takes several times the memory that a script has. */
static void a_large_context_leaves_the_script_its_memory(void **state) {
  (void)state;
  struct bc_buf large;
  bc_buf_init(&large, BC_LIMIT_POLICY_CONTEXT_BYTES);
  bc_buf_add_text(&large, "{\"a\":[[]");
  while (large.len < BC_LIMIT_POLICY_CONTEXT_BYTES - 5) {
    bc_buf_add_text(&large, ",[]");
  }
  bc_buf_add_text(&large, "]}");
  policy_says(POLICY("local t = {} for i = 1, 10000 do t[i] = i end return keep()"), large.data,
              "{\"verdict\":\"keep\"}");
  policy_fails(POLICY("local t = {} for i = 1, 1e6 do t[i] = tostring(i) end return keep()"), "{}", BC_SANDBOX_MEMORY,
               "not enough memory");
  bc_buf_free(&large);
}

/* ---- each run is the first ---- */

static void a_run_sees_nothing_of_another(void **state) {
  (void)state;
  struct policy_world world = policy_open("count = (count or 0) + 1 local calls = 0 local m = require('m')"
                                          "return function(ctx) calls = calls + 1 m.n = m.n + 1 more = (more or 0) + 1"
                                          " ctx.route.name = ctx.route.name .. 'x' "
                                          " return keep(count .. calls .. m.n .. more .. ctx.route.name) end");
  struct bc_fault fault;
  assert_int_equal(
      bc_sandbox_add_module(world.sandbox, "m", bc_str_of("loaded = (loaded or 0) + 1 return { n = loaded }"), &fault),
      BC_ERR_OK);
  for (int i = 0; i < 5; i++) {
    const struct bc_sandbox_outcome *outcome = policy_run(&world, CONTEXT);
    assert_int_equal(outcome->end, BC_SANDBOX_DONE);
    assert_string_equal(outcome->verdict, "{\"reason\":\"1121webx\",\"verdict\":\"keep\"}");
  }
  policy_close(&world);
}

static void runs_take_no_more_memory_in_the_end(void **state) {
  (void)state;
  struct policy_world world =
      policy_open(POLICY("local t = {} for k, v in pairs(ctx) do t[#t + 1] = k end "
                         "table.sort(t) log.info(json.encode(ctx)) return announce{ med = #t }"));
  size_t used = 0;
  for (int i = 0; i < 20; i++) {
    assert_int_equal(policy_run(&world, CONTEXT)->end, BC_SANDBOX_DONE);
    bc_sandbox_collect(world.sandbox);
    assert_true(i < 3 || bc_sandbox_used_bytes(world.sandbox) <= used);
    used = bc_sandbox_used_bytes(world.sandbox);
  }
  policy_close(&world);
}

static void it_works_when_memory_is_collected_all_the_time(void **state) {
  (void)state;
  const struct bc_sandbox_options hard = {.is_gc_hard = true, .burst_ms = 20000};
  struct policy_world world = policy_open_with(
      &hard, POLICY("local t = {} for k, v in pairs(ctx.checks.load) do t[#t + 1] = k .. tostring(v) end table.sort(t) "
                    "return announce{ med = #t, reason = json.encode(t), again_in = '5s', community = {'1:2'} }"));
  struct bc_fault fault;
  assert_int_equal(bc_sandbox_set_world(world.sandbox, bc_str_of("{\"node\":{\"labels\":{\"site\":\"fra\"}}}"), &fault),
                   BC_ERR_OK);
  assert_int_equal(policy_run(&world, CONTEXT)->end, BC_SANDBOX_DONE);
  assert_string_equal(bc_sandbox_run_outcome(world.run)->verdict,
                      "{\"again_in\":5,\"attributes\":{\"community\":[\"1:2\"],\"med\":3},\"reason\":"
                      "\"[\\\"resultstable\\\",\\\"score7\\\",\\\"stateup\\\"]\",\"verdict\":\"announce\"}");
  policy_close(&world);
}

/* ---- world, data, options ---- */

static void the_world_is_in_each_context_that_lacks_it(void **state) {
  (void)state;
  struct bc_fault fault;
  struct policy_world world =
      policy_open(POLICY("return keep(ctx.node.labels.site .. #ctx.neighbors .. tostring(ctx.node.none))"));
  assert_int_equal(bc_sandbox_set_world(world.sandbox,
                                        bc_str_of("{\"node\":{\"labels\":{\"site\":\"fra\"},\"none\":null},"
                                                  "\"neighbors\":[{\"state\":\"up\"},{\"state\":\"down\"}]}"),
                                        &fault),
                   BC_ERR_OK);
  assert_string_equal(policy_run(&world, "{}")->verdict, "{\"reason\":\"fra2nil\",\"verdict\":\"keep\"}");
  assert_string_equal(policy_run(&world, "{\"node\":{\"labels\":{\"site\":\"ams\"}}}")->verdict,
                      "{\"reason\":\"ams2nil\",\"verdict\":\"keep\"}");
  assert_int_equal(bc_sandbox_set_world(world.sandbox, bc_str_of("{\"node\":"), &fault), BC_ERR_SYNTAX);
  assert_int_equal(bc_sandbox_set_world(world.sandbox, bc_str_of("7"), &fault), BC_ERR_SYNTAX);
  assert_string_equal(policy_run(&world, "{}")->verdict, "{\"reason\":\"fra2nil\",\"verdict\":\"keep\"}");
  assert_int_equal(bc_sandbox_set_world(
                       world.sandbox, bc_str_of("{\"neighbors\":[],\"node\":{\"labels\":{\"site\":\"lon\"}}}"), &fault),
                   BC_ERR_OK);
  assert_string_equal(policy_run(&world, "{}")->verdict, "{\"reason\":\"lon0nil\",\"verdict\":\"keep\"}");
  policy_close(&world);
}

static void what_runs_share_cannot_be_changed_but_used_as_any_table(void **state) {
  (void)state;
  struct bc_fault fault;
  struct policy_world world = policy_open(POLICY(
      "local n = ctx.neighbors[1] assert(not pcall(function() n.state = 'x' end))"
      "assert(not pcall(function() ctx.node.labels.site = 'x' end))"
      "assert(not pcall(table.insert, ctx.neighbors, 1) and not pcall(table.sort, ctx.node.list))"
      "assert(table.concat(ctx.node.list, '-') == 'b-a' and select('#', table.unpack(ctx.node.list)) == 2)"
      "assert(table.concat(table.move(ctx.node.list, 1, 2, 1, {})) == 'ba')"
      "assert(not pcall(table.move, ctx.node.list, 1, 2, 2))"
      "assert(next(ctx.node.labels) == 'pop' and next(ctx.node.labels, 'pop') == 'site')"
      "local seen = '' for k, v in pairs(ctx.node.labels) do seen = seen .. k .. v end assert(seen == 'pop7sitefra')"
      "assert(json.encode(ctx.node) == '{\"labels\":{\"pop\":7,\"site\":\"fra\"},\"list\":[\"b\",\"a\"]}')"
      "return announce{ community = ctx.node.list, x = ctx.node.labels }"));
  assert_int_equal(bc_sandbox_set_world(world.sandbox,
                                        bc_str_of("{\"node\":{\"labels\":{\"site\":\"fra\",\"pop\":7},\"list\":[\"b\","
                                                  "\"a\"]},\"neighbors\":[{\"state\":\"up\"}]}"),
                                        &fault),
                   BC_ERR_OK);
  const struct bc_sandbox_outcome *outcome = policy_run(&world, "{}");
  assert_string_equal(outcome->error, "");
  assert_string_equal(outcome->verdict,
                      "{\"attributes\":{\"community\":[\"b\",\"a\"],\"x\":{\"pop\":7,\"site\":\"fra\"}},"
                      "\"verdict\":\"announce\"}");
  policy_close(&world);
}

static void reads_are(struct policy_world *world, const char *names, size_t len) {
  struct bc_str reads = bc_sandbox_run_reads(world->run);
  assert_int_equal(reads.len, len);
  assert_memory_equal(reads.at, names, len);
}

static void data_that_is_asked_for_is_noted(void **state) {
  (void)state;
  struct bc_lua_data *data = bc_lua_data_new();
  bc_lua_data_set(data, bc_str_of("sites"), bc_str_of("{\"fra\":1}"));
  bc_lua_data_set(data, bc_str_of("more"), bc_str_of("[1,2]"));
  const struct bc_sandbox_options options = {.data = data, .burst_ms = 20000};
  struct policy_world world = policy_open_with(
      &options,
      POLICY("if ctx.ask then local x = data.sites.fra + #ctx.data.more + (data.none or 0) + ctx.data.sites.fra "
             "elseif ctx.all then for k in pairs(data) do end local x = data.sites "
             "elseif ctx.many then for i = 1, 2000 do local x = data['name' .. i] end end "
             "assert(data == ctx.data) return keep()"));
  (void)policy_run(&world, "{}");
  reads_are(&world, "", 0);
  (void)policy_run(&world, "{\"ask\":1}");
  reads_are(&world, "sites\0more\0none\0", 16);
  (void)policy_run(&world, "{\"all\":1}");
  reads_are(&world, "*\0", 2);
  assert_int_equal(policy_run(&world, "{\"many\":1}")->end, BC_SANDBOX_DONE);
  struct bc_str many = bc_sandbox_run_reads(world.run);
  assert_true(many.len > 1000 && many.len <= 4096);
  assert_memory_equal(many.at + many.len - 2, "*\0", 2);
  policy_close(&world);
  bc_lua_data_free(data);
}

static void data_of_the_context_is_used_in_place_of_that_of_all(void **state) {
  (void)state;
  struct bc_lua_data *data = bc_lua_data_new();
  bc_lua_data_set(data, bc_str_of("site"), bc_str_of("\"now\""));
  const struct bc_sandbox_options options = {.data = data, .burst_ms = 20000};
  struct policy_world world =
      policy_open_with(&options, POLICY("return keep(data.site .. ctx.data.site .. require('m'))"));
  struct bc_fault fault;
  assert_int_equal(bc_sandbox_add_module(world.sandbox, "m", bc_str_of("return data.site"), &fault), BC_ERR_OK);
  assert_string_equal(policy_run(&world, "{\"data\":{\"site\":\"then\"}}")->verdict,
                      "{\"reason\":\"thenthenthen\",\"verdict\":\"keep\"}");
  reads_are(&world, "", 0);
  assert_string_equal(policy_run(&world, "{}")->verdict, "{\"reason\":\"nownownow\",\"verdict\":\"keep\"}");
  reads_are(&world, "site\0", 5);
  policy_close(&world);
  bc_lua_data_free(data);
}

/* ---- limits ---- */

static void what_never_ends_is_killed_with_its_line(void **state) {
  (void)state;
  static const struct {
    const char *script;
    const char *error;
    size_t line;
  } cases[] = {
      {"while true do end", "used more than 10 ms of CPU time", 1},
      {POLICY("\n while true do end"), "used more than 10 ms of CPU time", 2},
      {POLICY("\n while true do pcall(function() while true do end end) end"), "used more than", 2},
      {POLICY("\n local t = {} for i = 1, 5000 do t[i] = i end while true do table.sort(t) end"), "used more than", 2},
      {POLICY("\n table.sort({3, 2, 1}, function() while true do end end) return keep()"), "used more than", 2},
      {POLICY("\n ('x'):gsub('.', function() while true do end end) return keep()"), "used more than", 2},
      {POLICY("\n while true do for k in pairs({ a = 1, b = 2 }) do end end"), "used more than", 2},
      {POLICY("\n local t = setmetatable({}, { __pairs = function() while true do end end }) for k in pairs(t) do end"),
       "used more than", 2},
      {POLICY("\n while true do pcall(announce, { med = 1 }) end"), "used more than", 2},
  };
  const struct bc_sandbox_options defaults = {0};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct policy_world world = policy_open_with(&defaults, cases[i].script);
    const struct bc_sandbox_outcome *outcome = policy_run(&world, CONTEXT);
    if (outcome->end != BC_SANDBOX_KILLED || strstr(outcome->error, cases[i].error) == NULL ||
        outcome->line != cases[i].line) {
      fail_msg("%s\n  found %s at %zu \"%s\"", cases[i].script, bc_sandbox_end_text(outcome->end), outcome->line,
               outcome->error);
    }
    policy_close(&world);
  }
}

/* The longer the first half, the sooner the run is over: it never waits in between, nor begins anew. */
static void both_halves_of_a_run_share_its_time(void **state) {
  (void)state;
  enum { LONGEST = 30 };
  static const char work[] = "local function work(n) local x = 0 for i = 1, n do x = x + i % 7 end end work(1000 << ";
  const struct bc_sandbox_options options = {.burst_ms = 40};
  enum bc_sandbox_end end = BC_SANDBOX_DONE;
  for (int i = 0; i < LONGEST && end == BC_SANDBOX_DONE; i++) {
    char script[256];
    (void)snprintf(script, sizeof script, "%s%d) return function(ctx) work(1000 << %d) return keep() end", work, i, i);
    struct policy_world world = policy_open_with(&options, script);
    end = policy_run(&world, "{}")->end;
    assert_true(end == BC_SANDBOX_DONE || end == BC_SANDBOX_KILLED);
    policy_close(&world);
  }
  assert_int_equal(end, BC_SANDBOX_KILLED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_context_is_a_plain_table_without_what_is_null),
      cmocka_unit_test(words_make_canonical_verdicts),
      cmocka_unit_test(admission_has_words_of_its_own),
      cmocka_unit_test(what_is_no_verdict_is_an_error_that_says_so),
      cmocka_unit_test(what_others_made_is_not_taken_for_a_verdict),
      cmocka_unit_test(a_context_that_cannot_be_read_is_an_error),
      cmocka_unit_test(a_large_context_leaves_the_script_its_memory),
      cmocka_unit_test(a_run_sees_nothing_of_another),
      cmocka_unit_test(runs_take_no_more_memory_in_the_end),
      cmocka_unit_test(it_works_when_memory_is_collected_all_the_time),
      cmocka_unit_test(the_world_is_in_each_context_that_lacks_it),
      cmocka_unit_test(what_runs_share_cannot_be_changed_but_used_as_any_table),
      cmocka_unit_test(data_that_is_asked_for_is_noted),
      cmocka_unit_test(data_of_the_context_is_used_in_place_of_that_of_all),
      cmocka_unit_test(what_never_ends_is_killed_with_its_line),
      cmocka_unit_test(both_halves_of_a_run_share_its_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
