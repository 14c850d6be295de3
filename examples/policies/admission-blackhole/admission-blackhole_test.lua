local decide = policy "store/admission"
local never = { "203.0.113.53/32", "2001:db8:113::53/128" }

local function ask(prefix, more)
  more = more or {}
  local next_hop = net.family(prefix) == 6 and "2001:db8::1" or "192.0.2.1"
  local route = string.format("route %s next-hop %s community [ %s ]", prefix, next_hop, more.community or "blackhole")
  return decide:run(ctx({
    kind = "admission",
    request = { command = (more.verb or "announce ") .. route, owner = "desk", ttl = more.ttl or 3600 },
    route = route,
    data = { ["never-blackhole"] = more.never or never },
  }))
end

test("a single address of our own is let in, and stays within our own AS", function()
  expect(ask("203.0.113.66/32")):admits({ add_community = { "no-export" } })
  expect(ask("2001:db8:113::66/128")):admits({ add_community = { "no-export" } })
  expect(ask("203.0.113.66/32", { community = "65535:666" })):admits({ add_community = { "no-export" } })
end)

cases("what is not let in", {
  { name = "a network", prefix = "203.0.113.0/25", why = "single address" },
  { name = "someone else's", prefix = "192.0.2.1/32", why = "is not ours" },
  { name = "a name server", prefix = "203.0.113.53/32", why = "never to be blackholed" },
  { name = "for ever", prefix = "203.0.113.66/32", more = { ttl = 1e6 }, why = "within a day" },
  { name = "no blackhole", prefix = "203.0.113.66/32", more = { community = "65000:1" }, why = "is missing" },
  { name = "without the list", prefix = "203.0.113.66/32", more = { never = "none" }, why = "there is no list" },
}, function(case)
  expect(ask(case.prefix, case.more)):refuses(case.why)
end)

test("a withdraw is always let in", function()
  expect(ask("192.0.2.1/32", { verb = "withdraw " })):admits()
end)
