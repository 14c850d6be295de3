-- ctx{ … }: what a policy is asked with. What is not given is filled in as for a healthy route that stands.
local show = require "show"

local M = {}
local made = {} -- contexts of this test

local function set(...)
  local names = {}
  for _, name in ipairs({ ... }) do
    names[name] = true
  end
  return names
end

local members = {
  context = set("now", "kind", "route", "healthy", "health", "reason", "since", "checks", "node", "neighbors",
    "standing", "data", "request"),
  route = set("name", "prefix", "prefixes", "family", "text", "attributes"),
  check = set("state", "status", "score", "data", "reason", "since", "own", "results", "changes"),
  result = set("at", "status", "score", "took"),
  change = set("at", "state"),
  node = set("name", "labels", "admin_state"),
  neighbor = set("address", "local_address", "peer_as", "local_as", "state", "since", "families"),
  standing = set("announced", "attributes", "since", "verdict", "reason"),
  request = set("command", "owner", "ttl", "reason", "source"),
}

-- A copy of `given`, with what it lacks.
local function fill(given, what, place, defaults)
  if given == nil then
    given = {}
  elseif type(given) ~= "table" then
    error(place .. ": expected a table, found " .. show(given, 40), 0)
  end
  local filled = {}
  for name, value in pairs(given) do
    if not members[what][name] then
      local names = {}
      for one in pairs(members[what]) do
        names[#names + 1] = one
      end
      table.sort(names)
      error(place .. ": unknown member '" .. tostring(name) .. "': expected " .. table.concat(names, ", "), 0)
    end
    filled[name] = value
  end
  for name, value in pairs(defaults) do
    if filled[name] == nil then
      filled[name] = value
    end
  end
  return filled
end

local described = {}

local function describe(text)
  if not described[text] then
    local answer, why = host.ask("route", text)
    if not answer then
      error("route: " .. why, 0)
    end
    described[text] = answer
  end
  return json.decode(described[text])
end

-- A text is a prefix, or a whole configuration ("route 192.0.2.1/32 next-hop self med 100").
local function make_route(given)
  if type(given) == "string" then
    given = given:find(" ", 1, true) and { text = given } or { prefix = given }
  end
  given = given or {}
  local text = given.text or "route " .. (given.prefix or "192.0.2.1/32") .. " next-hop self"
  local told = describe(text)
  told.name = "web"
  return fill(given, "route", "route", told)
end

local function make_check(name, given, now)
  local place = "checks." .. name
  local check = fill(given, "check", place, { state = "up", reason = "", since = now, own = name == "healthcheck" })
  check.status = check.status or (check.state == "up" and "passed" or check.state == "down" and "failed" or nil)
  check.results, check.changes = check.results or {}, check.changes or {}
  for i, one in ipairs(check.results) do
    check.results[i] = fill(one, "result", place .. ".results", { at = now, status = "passed", took = 0.001 })
  end
  for i, one in ipairs(check.changes) do
    check.changes[i] = fill(one, "change", place .. ".changes", { at = now, state = check.state })
  end
  return check
end

local function make_neighbors(given, now)
  local neighbors = {}
  for i, one in ipairs(given or {}) do
    neighbors[i] = fill(one, "neighbor", "neighbors", {
      address = "192.0.2." .. (253 + i) % 256, local_address = "192.0.2.1", peer_as = 65001, local_as = 65000,
      state = "up", since = now, families = { "ipv4 unicast" },
    })
  end
  return neighbors
end

local healthy_states = { up = true, none = true, unchecked = true }

local function make(given)
  local now = type(given) == "table" and given.now or time.now()
  local context = fill(given, "context", "ctx", { now = now, kind = "route", data = {} })
  context.route = make_route(context.route)
  context.node = fill(context.node, "node", "node", { name = "node", labels = {}, admin_state = "up" })
  context.neighbors = make_neighbors(context.neighbors, now)
  if context.kind == "admission" then
    context.request = fill(context.request, "request", "request", { command = "announce " .. context.route.text })
    return context
  end
  if context.healthy == nil then
    context.healthy = healthy_states[context.health or "up"] == true
  end
  context.health = context.health or (context.healthy and "up" or "down")
  context.reason = context.reason or (context.healthy and "" or "health check failed")
  context.since = context.since or now
  local checks = {}
  for name, one in pairs(context.checks or {}) do
    checks[name] = make_check(name, one, now)
  end
  context.checks = checks
  local standing = fill(context.standing, "standing", "standing", { announced = false })
  if standing.announced then
    standing.attributes = standing.attributes or context.route.attributes
    standing.verdict, standing.since = standing.verdict or "announce", standing.since or now
  end
  context.standing = standing
  return context
end

function M.ctx(given)
  local ok, context = pcall(make, given)
  if not ok then
    error(context, 2)
  end
  made[context] = true
  return context
end

-- The same of what may be one already.
function M.complete(given, level)
  if type(given) == "table" and made[given] then
    return given
  end
  local ok, context = pcall(make, given)
  if not ok then
    error(context, level + 1)
  end
  return context
end

function M.reset()
  made = {}
end

return M
