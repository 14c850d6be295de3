-- What is tested: checks and policies, run as the daemon runs them.
local context = require "context"
local fakes = require "fakes"
local show = require "show"

local M = {}
local Check, Policy = {}, {}
local checks = {} -- all of the file: their state is forgotten at the end of a test
local options_cache = {}

local function refuse_unknown(given, known, level)
  for name in pairs(given) do
    if not known[name] then
      local names = {}
      for one in pairs(known) do
        names[#names + 1] = one
      end
      table.sort(names)
      error("unknown member '" .. tostring(name) .. "': expected " .. table.concat(names, ", "), level + 1)
    end
  end
end

-- What a script finds as `options`, by the daemon's own rules.
local function read_options(given, level)
  local text = next(given) == nil and "{}" or json.encode(given)
  local found = options_cache[text]
  if not found then
    local answer, why = host.ask("options", text)
    if not answer then
      error("options: " .. why, level + 1)
    end
    local read = json.decode(answer)
    found = { json = answer, timeout_ms = math.floor(read.timeout * 1000 + 0.5), threshold = read.threshold }
    options_cache[text] = found
  end
  return found
end

-- check "FILE", or check{ use = "NAME", … }
function M.check(what)
  local self = { name = what }
  local number, why
  if type(what) == "string" then
    number, why = host.script("script", what)
  elseif type(what) == "table" and type(what.use) == "string" then
    self.name, self.parameters = what.use, what
    read_options({ check = what }, 2)
    number, why = host.script("ready", what.use)
  else
    error('expected the path of a script, or { use = "NAME", ... }', 2)
  end
  if not number then
    error(why, 2)
  end
  self.number = number
  checks[#checks + 1] = self
  return setmetatable(self, { __index = Check })
end

local known = { options = true, data = true, state = true, route = true, node = true, name = true }

local function as_globals(self, given, options)
  local globals = { options = options.json, check = json.encode({ name = given.name or self.name }) }
  globals.node = json.encode({ name = given.node or "node" })
  if given.route then
    local route = type(given.route) == "string" and { prefix = given.route } or given.route
    globals.route = json.encode({ name = route.name or "route", prefix = route.prefix or "192.0.2.1/32" })
  end
  return globals
end

local function as_data(given)
  local data = {}
  for name, value in pairs(given or {}) do
    data[name] = type(value) == "table" and next(value) == nil and "{}" or json.encode(value)
  end
  return data
end

local function unfaked(step)
  local arguments = {}
  for i = 1, step.arguments.n do
    arguments[i] = show(step.arguments[i], 60)
  end
  while arguments[#arguments] == "nil" do
    arguments[#arguments] = nil
  end
  return string.format("%s calls %s(%s), and no fake answers it; for example: %s", step.where, step.call,
    table.concat(arguments, ", "), fakes.example(step))
end

-- check:run{ options =, data =, state =, route =, node =, name = }
function Check.run(self, given)
  given = given or {}
  if getmetatable(self) == nil or type(given) ~= "table" then
    error("expected check:run{ ... }", 2)
  end
  refuse_unknown(given, known, 2)
  local wanted = given.options or {}
  if self.parameters then
    local with = { check = self.parameters }
    for name, value in pairs(wanted) do
      with[name] = value
    end
    wanted = with
  end
  local options = read_options(wanted, 2)
  local state = given.state or self.state
  local calls = {}
  local step = host.start(self.number, {
    globals = as_globals(self, given, options),
    data = as_data(given.data),
    state = state and next(state) ~= nil and json.encode(state) or nil,
    timeout_ms = options.timeout_ms,
    threshold = options.threshold,
  })
  while step.call do
    calls[#calls + 1] = { call = step.call, arguments = step.arguments, where = step.where }
    local answer = fakes.answer(step)
    if not answer then
      host.stop()
      error(unfaked(step), 2)
    end
    step = host.answer(step.number, answer)
  end
  step.calls = calls
  step.state = step.state or state or {}
  self.state = step.state
  return step
end

-- ---- policies ----

-- policy "FILE" (Lua, or {"use": NAME, …}), or policy{ use = "NAME", … }
function M.policy(what)
  local number, why
  if type(what) == "string" then
    number, why = host.script("policy", what)
  elseif type(what) == "table" and type(what.use) == "string" then
    number, why = host.script("ready_policy", json.encode(what))
  else
    error('expected the path of a policy, or { use = "NAME", ... }', 2)
  end
  if not number then
    error(why, 2)
  end
  return setmetatable({ number = number }, { __index = Policy })
end

local verbs = { announce = true, withdraw = true, admit = true, refuse = true }

-- What the daemon would make of it: the line for ExaBGP, or why it is no good.
local function judge(said, asked)
  if not verbs[said.verdict] then
    return
  end
  local about = { kind = asked.kind, route = { text = asked.route.text } }
  if #asked.neighbors > 0 then
    about.neighbors = asked.neighbors
  end
  local answer, why = host.ask("judge", json.encode({ context = about, verdict = said.text }))
  if answer then
    local judged = json.decode(answer)
    said.command, said.applied = judged.command ~= "" and judged.command or nil, judged.attributes
  else
    said.refused, said.verdict = said.verdict, nil
    said.status, said.error = "error", why
  end
end

-- policy:run(ctx{ … }): its verdict. It is asked twice, and must say the same.
function Policy.run(self, given)
  if getmetatable(self) == nil then
    error("expected policy:run(ctx{ ... })", 2)
  end
  local asked = context.complete(given, 2)
  local text = json.encode(asked)
  local said = host.start(self.number, { context = text })
  local again = host.start(self.number, { context = text })
  if said.text ~= again.text or said.status ~= again.status then
    error("asked twice, it says two things: " .. (said.text or said.error) .. " and " .. (again.text or again.error), 2)
  end
  said.kind = "policy"
  judge(said, asked)
  return said
end

Policy.decide = Policy.run
M.ctx = context.ctx

function M.reset()
  context.reset()
  for _, check in ipairs(checks) do
    check.state = nil
  end
end

return M
