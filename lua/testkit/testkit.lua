-- The test kit: what a file of tests finds, and how its tests are run. `host` is made in C (src/worker/testkit_host.c).
local expect = require "expect"
local fakes = require "fakes"
local show = require "show"
local subject = require "subject"

local NAME_BYTES, MESSAGE_BYTES = 200, 32768

local tests, befores = {}, {}
local is_loaded = false
local kit = { check = subject.check, policy = subject.policy, ctx = subject.ctx, fake = fakes.api, expect = expect }

local function cut(text, most)
  return #text > most and text:sub(1, most - 3) .. "..." or text
end

local function add(title, fn, is_skipped)
  if is_loaded then
    error("tests cannot be made inside a test", 3)
  end
  if type(title) ~= "string" or title == "" then
    error("expected the name of the test first", 3)
  end
  if type(fn) ~= "function" then
    error("expected a function with the test", 3)
  end
  tests[#tests + 1] = { name = cut(title, NAME_BYTES), fn = fn, is_skipped = is_skipped }
end

-- test(NAME, function)
function kit.test(title, fn)
  add(title, fn)
end

-- skip(NAME, function): a test that is not run now
function kit.skip(title, fn)
  add(title, fn, true)
end

-- cases(NAME, {CASE, …}, function(case)): a test for each of them
function kit.cases(title, list, fn)
  if type(list) ~= "table" or #list == 0 then
    error("expected the cases as a list of tables", 2)
  end
  if type(fn) ~= "function" then
    error("expected a function that takes one case", 2)
  end
  for number, case in ipairs(list) do
    local label = type(case) == "table" and case.name or show(case, 60)
    add(title .. ": " .. tostring(label), function()
      fn(case, number)
    end)
  end
end

-- before(function): runs before each test of the file
function kit.before(fn)
  if type(fn) ~= "function" then
    error("expected a function", 2)
  end
  befores[#befores + 1] = fn
end

-- at(SECONDS): the wall clock
function kit.at(seconds)
  host.set_time(seconds)
end

-- Modules for the file itself, from the folder of modules.
local loaded = {}
function kit.require(name)
  if type(name) ~= "string" then
    error("expected the name of a module", 2)
  end
  if loaded[name] == nil then
    local text, why = host.ask("module", name)
    local chunk = text and host.load(text, "lua/" .. name)
    if text and not chunk then
      chunk, why = host.load(text, "lua/" .. name)
    end
    if not chunk then
      error(why, 2)
    end
    local value = chunk(host.environment({ require = kit.require }))
    loaded[name] = value == nil and true or value
  end
  return loaded[name]
end

local function load_file()
  local name, text = host.file()
  local chunk, why = host.load(text, name)
  if not chunk then
    error(why, 0)
  end
  chunk(host.environment(kit))
  is_loaded = true
  fakes.keep()
end

-- What was raised may be anything, and its __tostring may raise too.
local function describe(why)
  local is_text, text = pcall(tostring, why)
  return cut(is_text and text or "an error that cannot be shown", MESSAGE_BYTES)
end

local function run_one(test)
  for _, before in ipairs(befores) do
    before()
  end
  test.fn()
end

load_file()
for number, test in ipairs(tests) do
  if host.wants(number, test.name) then
    local result = { number = number, name = test.name, skipped = test.is_skipped }
    host.begin(result)
    if test.is_skipped then
      result.ok = true
    else
      local ok, why = pcall(run_one, test)
      result.ok, result.message = ok, not ok and describe(why) or nil
    end
    fakes.reset()
    subject.reset()
    host.result(result)
  end
end
return true
