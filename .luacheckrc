-- Made from lua/api/*.lua by tests/lint/gen_lua_api.py: what a Lua check finds, for luacheck.
std = {
  globals = { state = { other_fields = true } },
  read_globals = {
    "_VERSION",
    "assert",
    check = { fields = {
      "name",
    } },
    data = { other_fields = true },
    dns = { fields = {
      "query",
      "resolve",
    } },
    "error",
    exec = { fields = {
      "run",
    } },
    "getmetatable",
    http = { fields = {
      "get",
      "head",
      "post",
      "request",
    } },
    icmp = { fields = {
      "ping",
    } },
    "ipairs",
    json = { fields = {
      "decode",
      "encode",
      "null",
    } },
    log = { fields = {
      "debug",
      "error",
      "info",
      "warn",
    } },
    math = { fields = {
      "abs",
      "acos",
      "asin",
      "atan",
      "ceil",
      "cos",
      "deg",
      "exp",
      "floor",
      "fmod",
      "huge",
      "log",
      "max",
      "maxinteger",
      "min",
      "mininteger",
      "modf",
      "pi",
      "rad",
      "random",
      "sin",
      "sqrt",
      "tan",
      "tointeger",
      "type",
      "ult",
    } },
    metric = { fields = {
      "counter",
      "gauge",
    } },
    net = { fields = {
      "broadcast",
      "compare",
      "contains",
      "enumerate",
      "family",
      "length",
      "network",
      "parse",
    } },
    "next",
    node = { fields = {
      "name",
    } },
    options = { other_fields = true },
    "pairs",
    "parallel",
    "pcall",
    "rawequal",
    "rawget",
    "rawlen",
    "require",
    route = { fields = {
      "name",
      "prefix",
    } },
    "select",
    "setmetatable",
    string = { fields = {
      "byte",
      "char",
      "find",
      "format",
      "gmatch",
      "gsub",
      "len",
      "lower",
      "match",
      "pack",
      "packsize",
      "rep",
      "reverse",
      "sub",
      "unpack",
      "upper",
    } },
    table = { fields = {
      "concat",
      "insert",
      "move",
      "pack",
      "remove",
      "sort",
      "unpack",
    } },
    tcp = { fields = {
      "connect",
    } },
    time = { fields = {
      "date",
      "monotonic",
      "now",
      "of",
      "sleep",
    } },
    tls = { fields = {
      "connect",
    } },
    "tonumber",
    "tostring",
    "type",
    udp = { fields = {
      "exchange",
    } },
    utf8 = { fields = {
      "char",
      "charpattern",
      "codepoint",
      "codes",
      "len",
      "offset",
    } },
  },
}
max_line_length = 120
-- A description: nothing in it is used.
files["lua/api"] = { ignore = { "." } }
-- What a policy finds, beside what a check finds.
files["**/policies"] = { read_globals = { "announce", "withdraw", "keep", "admit", "refuse" } }
-- What only the test kit finds, and what files of tests find.
files["lua/testkit"] = { read_globals = { "host" } }
files["**/*_test.lua"] = {
  read_globals = {
    "at", "before", "cases", "check", "ctx", "expect", "policy", "skip", "test",
    fake = { fields = { "dns", "exec", "http", "icmp", "resolve", "tcp", "tls", "udp" } },
  },
}
