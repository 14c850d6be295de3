-- expect(value): says what is not as it should be, with what the script did.
local show = require "show"

local Expectation = {}

local function describe(result)
  local lines = {}
  if type(result) ~= "table" or result.status == nil then
    return ""
  end
  for _, name in ipairs({ "status", "reason", "error", "score", "data", "attributes", "again_in" }) do
    if result[name] ~= nil then
      local value = result[name]
      lines[#lines + 1] = "  " .. name .. ": " .. (type(value) == "string" and value or show(value, 200))
    end
  end
  for _, line in ipairs(result.log or {}) do
    lines[#lines + 1] = "  log: " .. line
  end
  for _, call in ipairs(result.calls or {}) do
    lines[#lines + 1] = "  called: " .. call.call .. "(" .. show(call.arguments[1], 100) .. ")"
  end
  return #lines > 0 and "\n" .. table.concat(lines, "\n") or ""
end

local function is_result(value)
  return type(value) == "table" and type(value.verdict) == "string" and value.kind == nil
end

local function same(expected, found)
  if type(expected) == "number" and type(found) == "number" then
    return math.abs(expected - found) <= 1e-6 * math.max(1, math.abs(expected))
  end
  return expected == found
end

-- Where `found` is not as `expected`, whose tables may leave members out; nil: nowhere.
local function differs(expected, found, path, is_exact)
  if type(expected) == "table" and type(found) == "table" then
    for key, value in pairs(expected) do
      local at = type(key) == "number" and "[" .. key .. "]" or (path ~= "" and "." or "") .. tostring(key)
      local told = differs(value, found[key], path .. at, is_exact)
      if told then
        return told
      end
    end
    for key, value in pairs(found) do
      if expected[key] == nil and (is_exact or (type(key) == "number" and #expected > 0)) then
        local at = path == "" and "value" or path
        return string.format("%s: did not expect [%s] = %s", at, tostring(key), show(value, 100))
      end
    end
    return nil
  end
  if same(expected, found) then
    return nil
  end
  return string.format("%s: expected %s, got %s", path == "" and "value" or path, show(expected, 200), show(found, 200))
end

local function check_verdict(self, wanted, text, level)
  local result = self.value
  if not is_result(result) then
    error("expected the result of a run, got " .. show(result, 60), level)
  end
  if result.verdict ~= wanted then
    error("expected " .. wanted .. ", got " .. result.verdict .. describe(result), level)
  end
  local said = result.reason or result.error or ""
  if text ~= nil and not said:find(text, 1, true) then
    error("expected " .. show(text) .. " in the reason, got " .. show(said) .. describe(result), level)
  end
end

function Expectation:is_up(text)
  check_verdict(self, "up", text, 3)
  return self
end

function Expectation:is_down(text)
  check_verdict(self, "down", text, 3)
  return self
end

function Expectation:is_neutral(text)
  check_verdict(self, "neutral", text, 3)
  return self
end

local function check_policy(self, wanted, text, level)
  local said = self.value
  if type(said) ~= "table" or said.kind ~= "policy" then
    error("expected what a policy said, got " .. show(said, 60), level)
  end
  if said.verdict ~= wanted then
    error("expected " .. wanted .. ", got " .. (said.verdict or "an error") .. describe(said), level)
  end
  if text ~= nil and not (said.reason or ""):find(text, 1, true) then
    error("expected " .. show(text) .. " in the reason, got " .. show(said.reason) .. describe(said), level)
  end
end

-- With these attributes, neither more nor less; without any: as the config has them.
local function check_attributes(self, wanted, attributes, level)
  check_policy(self, wanted, nil, level + 1)
  local told = differs(attributes or {}, self.value.attributes or {}, "attributes", true)
  if told then
    error(told .. describe(self.value), level)
  end
end

function Expectation:announces(attributes)
  check_attributes(self, "announce", attributes, 3)
  return self
end

function Expectation:admits(attributes)
  check_attributes(self, "admit", attributes, 3)
  return self
end

function Expectation:withdraws(text)
  check_policy(self, "withdraw", text, 3)
  return self
end

function Expectation:keeps(text)
  check_policy(self, "keep", text, 3)
  return self
end

function Expectation:refuses(text)
  check_policy(self, "refuse", text, 3)
  return self
end

-- A policy that raises, or whose verdict the daemon would not take.
function Expectation:fails(text)
  local said = self.value
  if type(said) ~= "table" or said.kind ~= "policy" or said.error == nil then
    error("expected an error, got " .. show(said and said.verdict) .. describe(said), 2)
  end
  if text and not said.error:find(text, 1, true) then
    error("expected " .. show(text) .. " in the error, got " .. show(said.error), 2)
  end
  return self
end

-- Members of a result: data and state may have more than what is expected, of log and reason a part is enough.
function Expectation:has(members)
  for name, wanted in pairs(members) do
    local found = self.value[name]
    local told
    if name == "log" and type(wanted) == "string" then
      if not table.concat(found or {}, "\n"):find(wanted, 1, true) then
        told = "log: expected " .. show(wanted)
      end
    elseif (name == "reason" or name == "error") and type(found) == "string" and type(wanted) == "string" then
      told = not found:find(wanted, 1, true) and name .. ": expected " .. show(wanted) .. " in " .. show(found) or nil
    else
      told = differs(wanted, found, name)
    end
    if told then
      error(told .. describe(self.value), 2)
    end
  end
  return self
end

local function count_calls(result, name)
  local count = 0
  for _, call in ipairs(result.calls) do
    if call.call == name then
      count = count + 1
    end
  end
  return count
end

-- That it called, so many times if a number is given.
function Expectation:called(name, times)
  local count = count_calls(self.value, name)
  if times and count ~= times or not times and count == 0 then
    error(string.format("expected %s calls of %s, got %d%s", times or "some", name, count, describe(self.value)), 2)
  end
  return self
end

function Expectation:equals(wanted)
  local told = differs(wanted, self.value, "", true)
  if told then
    error(told, 2)
  end
  return self
end

function Expectation:contains(text)
  if type(self.value) ~= "string" or not self.value:find(text, 1, true) then
    error("expected " .. show(text) .. " in " .. show(self.value, 200), 2)
  end
  return self
end

function Expectation:is_true()
  if self.value ~= true then
    error("expected true, got " .. show(self.value, 200), 2)
  end
  return self
end

-- Of a function: that it raises an error with this text.
function Expectation:raises(text)
  local ok, why = pcall(self.value)
  if ok then
    error("expected an error, got none", 2)
  end
  if text and not tostring(why):find(text, 1, true) then
    error("expected " .. show(text) .. " in the error, got " .. show(tostring(why)), 2)
  end
  return self
end

return function(value)
  return setmetatable({ value = value }, { __index = Expectation })
end
