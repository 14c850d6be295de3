#include "policy_worker_harness.h"

/* The same inputs give the same bytes, in each run and in each process. */

#define BODY(text) ("return function(ctx) " text " end")

/* What Lua's own order, hashes, addresses, collector and sort would make different. */
static const char *const same[] = {
    BODY("local t = {} for k in pairs(ctx.checks) do t[#t + 1] = k end return keep(table.concat(t, ' '))"),
    BODY("local t = {} for k in next, ctx.checks do t[#t + 1] = k end return keep(table.concat(t, ' '))"),
    BODY("return keep((next(ctx.checks)))"),
    BODY("local t = {} for i = 1, 300 do t['k' .. i * 7919 % 1000] = i end local s = '' for k, v in pairs(t) do s = s "
         ".. k "
         "end return announce{ reason = s, x = t }"),
    BODY("local t = {} for i = -50, 50 do t[i / 2] = i t[i .. ''] = i end t[true] = 1 t[false] = 2 t[json.null] = 3 "
         "local s = '' for k, v in pairs(t) do s = s .. tostring(k) .. ' ' end return announce{ reason = s }"),
    BODY("local t = {} for i = 1, 400 do t[i] = { i % 10, i } end table.sort(t, function(a, b) return a[1] < b[1] end) "
         "local s = {} for i, v in ipairs(t) do s[i] = v[2] end return announce{ x = s }"),
    BODY("local t = {} for i = 1, 500 do t[i] = (i * 7919) % 500 end table.sort(t, function() return true end) return "
         "announce{ x = t }"),
    BODY("local n, t = 0, {} for i = 1, 500 do t[i] = i end table.sort(t, function(a, b) n = n + 1 return n % 3 == 0 "
         "end) "
         "return announce{ x = t, n = n }"),
    BODY("return keep(tostring({}) .. tostring(print) .. tostring(keep) .. tostring(announce{}) .. tostring(ctx))"),
    BODY("return keep(('%s %s'):format({}, ctx.checks))"),
    BODY("local ok, err = pcall(string.format, '%p', {}) return keep(tostring(ok) .. err)"),
    BODY("local ok, err = pcall(error, {}) return keep(type(err) .. tostring(err))"),
    BODY("return keep(json.encode(ctx))"),
    BODY("local t = {} for k, v in pairs(json.decode(json.encode(ctx.checks))) do t[#t + 1] = k end return "
         "keep(table.concat(t))"),
    BODY("return keep(tostring(os) .. tostring(io) .. tostring(collectgarbage) .. tostring(math.random) .. "
         "tostring(time.now))"),
    BODY("return keep(os.time())"),
    BODY("return keep(tostring(os and os.clock()))"),
    BODY("collectgarbage() return keep()"),
    BODY("local t = setmetatable({}, { __mode = 'k' }) return keep()"),
    BODY("setmetatable({}, { __gc = function() end }) return keep()"),
    BODY("local t = {} t[{}] = 1 t[{}] = 2 for k in pairs(t) do return keep() end"),
    BODY("local t = {} t[{}] = 1 t[{}] = 2 return keep(tostring(next(t)))"),
    BODY("local t = {} t[{}] = 1 t.a = 2 local s = '' for k, v in pairs(t) do s = s .. tostring(k) .. v end return "
         "keep(s)"),
    BODY("local s = '' for name in pairs(string) do s = s .. name end for name in pairs(math) do s = s .. name end "
         "return keep(s)"),
    BODY("local t = {} for i = 1, 200 do t[tostring(i)] = i end for k in pairs(t) do if k ~= '50' then t[k] = nil "
         "end end "
         "return announce{ x = t }"),
    BODY("local t = { a = 1, b = 2, c = 3 } local s = '' for k in pairs(t) do t[k] = nil t.c = nil s = s .. k end "
         "return keep(s)"),
    BODY("return keep(tostring(0/0) .. tostring(-0.0) .. 1e100 .. 2^53 .. (1/3) .. math.pi .. math.sin(1))"),
    BODY("local t = time.date(ctx.now, '+02:00') local s = '' for k, v in pairs(t) do s = s .. k .. v end return "
         "keep(s .. "
         "time.of(t, '+02:00'))"),
    BODY("local s = '' for w in ('b a c'):gmatch('%a') do s = w .. s end return keep(s .. #s .. s:rep(3, ',') .. "
         "s:byte())"),
    BODY("log.info(ctx, {}, keep) for k, v in pairs(ctx.node.labels) do log.warn(k, v) end return withdraw('x')"),
    BODY("local s = '' for k in pairs(data) do s = s .. k end for k in pairs(data.sites) do s = s .. k end return "
         "keep(s)"),
    BODY("undefined.x = 1"),
    BODY("local t = {} for i = 1, 1e9 do t[i] = i end return keep()"),
    BODY("return keep(select(2, pcall(function() local a a.b = 1 end)))"),
    "local order = {} for k in pairs(_ENV) do order[#order + 1] = k end return function() return "
    "keep(table.concat(order)) end",
};

enum { SAME = sizeof same / sizeof same[0] };

static void told_of_all(struct worker *worker) {
  static const char context[] =
      "{\"now\":1700000000.5,\"kind\":\"route\",\"checks\":{\"zeta\":1,\"load\":{\"score\":0.5},\"alpha\":[],\"m10\":1,"
      "\"m9\":1,\"disk\":{},\"cpu\":true,\"Zeta\":2,\"net\":null,\"x\":1,\"y\":2,\"a_long_name_that_is_no_short_text_"
      "of_lua_any_more\":1}}";
  tell(worker, &(struct bc_msg){.type = BC_MSG_LUA_DATA,
                                .lua_data = {.name = bc_str_of("sites"),
                                             .json = bc_str_of("{\"lon\":1,\"ams\":2,\"fra\":3,\"nyc\":4}")}});
  tell(worker, &(struct bc_msg){.type = BC_MSG_LUA_DATA, .lua_data = {.name = bc_str_of("b"), .json = bc_str_of("1")}});
  tell(worker, &(struct bc_msg){.type = BC_MSG_POLICY_WORLD,
                                .policy_world = {.json = bc_str_of("{\"node\":{\"labels\":{\"site\":\"fra\",\"role\":"
                                                                   "\"edge\",\"capacity\":7}},\"neighbors\":[]}")}});
  for (uint32_t i = 0; i < SAME; i++) {
    set(worker, policy(i, same[i]));
  }
  /* Twice, and not in the same order: what one leaves must not show in another. */
  for (uint32_t i = 0; i < SAME; i++) {
    ask(worker, i, i, context);
  }
  for (uint32_t i = SAME; i > 0; i--) {
    ask(worker, i - 1, i - 1, context);
  }
  wait_results(worker, (size_t)2 * SAME);
}

static void same_results(const struct result *a, const struct result *b) {
  assert_int_equal(a->id, b->id);
  if (a->status != b->status || strcmp(a->verdict, b->verdict) != 0 || strcmp(a->error, b->error) != 0 ||
      strcmp(a->log, b->log) != 0 || a->reads_len != b->reads_len || memcmp(a->reads, b->reads, a->reads_len) != 0) {
    fail_msg("%s\n  %s %s %s\n  %s %s %s", same[a->id], a->verdict, a->error, a->log, b->verdict, b->error, b->log);
  }
}

static void the_same_inputs_give_the_same_bytes_in_every_process(void **state) {
  (void)state;
  struct worker *other = worker_start();
  told_of_all(at);
  told_of_all(other);
  for (size_t i = 0; i < SAME; i++) {
    same_results(&at->results[i], &at->results[2 * SAME - 1 - i]);
    same_results(&at->results[i], &other->results[i]);
    same_results(&at->results[i], &other->results[2 * SAME - 1 - i]);
    assert_true(at->results[i].status != BC_POLICY_STATUS_KILLED);
  }
  worker_stop(other);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--policy-worker") == 0) {
    return bc_policy_worker_run();
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_same_inputs_give_the_same_bytes_in_every_process, start, stop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
