-- Fakes: what answers the calls of scripts in place of the network.
--
-- A fake belongs to one kind of call and says which calls it answers, by the members that its kind compares, and how.
-- The newest that matches answers. What it says becomes an answer for the host (src/worker/testkit_answer.c).
local kinds = require "kinds"
local show = require "show"

local M = { api = {} }
local file_fakes, test_fakes = {}, {} -- those of the whole file, and of the test that runs
local is_kept = false
local connections = {} -- by number: the fake's answer, and how much was sent

-- How a call fails: the word in a fake, the code, the text behind the place.
local failures = {
  refused = "connection refused",
  unreachable = "no route to this host",
  reset = "connection reset",
  closed = "closed",
  resolve = "there is no such name",
  egress = "egress denied",
  tls = "TLS handshake: the certificate is not valid",
  protocol = "not what the protocol allows",
  toolong = "too long",
  limit = "too many at once",
  denied = "the node file does not allow it",
  notfound = "there is no such program",
  permission = "this host does not permit it",
  unsupported = "not in this process",
  io = "failed",
  timeout = "timeout",
}
local failure_words = { refused = true, unreachable = true, reset = true, closed = true }
local common = { address = true, answer = true, error = true, fails = true, garbage = true, slow = true }
common.timeout = true
for word in pairs(failure_words) do
  common[word] = true
end

local function names_of(...)
  local names = {}
  for _, set in ipairs({ ... }) do
    for name in pairs(set) do
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return table.concat(names, ", ")
end

-- Raises when it has what no fake of this kind has.
local function check_members(kind, spec, level)
  for name, value in pairs(spec) do
    if type(name) == "number" then
      if type(value) ~= "table" and type(value) ~= "function" then
        error("answers in turn: expected tables, found " .. show(value, 40), level + 1)
      elseif type(value) == "table" then
        check_members(kind, value, level + 1)
      end
    elseif not (common[name] or kind.compares[name] or kind.says[name]) then
      local names = names_of(common, kind.compares, kind.says)
      error("unknown member '" .. tostring(name) .. "': expected " .. names, level + 1)
    end
  end
  if spec.fails ~= nil and not failures[spec.fails] then
    error("fails: expected one of " .. names_of(failures), level + 1)
  end
  if spec.slow ~= nil and not (type(spec.slow) == "number" and spec.slow >= 0) then
    error("slow: expected seconds", level + 1)
  end
  if spec.answer ~= nil and kind.says.answer == nil and type(spec.answer) ~= "function" then
    error("answer: expected a function", level + 1)
  end
end

local function add(kind, spec, level)
  if type(spec) == "function" then
    spec = { answer = spec }
  elseif type(spec) ~= "table" then
    error("expected a table or a function, found " .. show(spec, 40), level + 1)
  end
  check_members(kind, spec, level + 1)
  local list = is_kept and test_fakes or file_fakes
  list[#list + 1] = { kind = kind, spec = spec, turns = 0 }
end

for name, kind in pairs(kinds.all) do
  M.api[name] = function(spec)
    add(kind, spec, 2)
  end
end

-- Those made so far are the file's.
function M.keep()
  is_kept = true
end

function M.reset()
  test_fakes, connections = {}, {}
  for _, fake in ipairs(file_fakes) do
    fake.turns = 0
  end
end

-- ---- which ----

local function is_same(wanted, found)
  if type(wanted) == "table" then
    if type(found) ~= "table" then
      return false
    end
    for key, value in pairs(wanted) do
      if not is_same(value, found[key]) then
        return false
      end
    end
    return true
  end
  if type(wanted) == "string" and type(found) == "string" and wanted:find("*", 1, true) then
    local pattern = wanted:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*")
    return found:find("^" .. pattern .. "$") ~= nil
  end
  return wanted == found
end

local function matches(fake, call)
  for name in pairs(fake.kind.compares) do
    if fake.spec[name] ~= nil and not is_same(fake.spec[name], call[name]) then
      return false
    end
  end
  return true
end

-- What this fake says to the call; nil: nothing.
local function said_by(fake, call)
  local spec = fake.spec
  local said = spec
  if #spec > 0 then
    fake.turns = fake.turns + 1
    said = spec[math.min(fake.turns, #spec)]
  end
  local fn = type(said) == "function" and said or type(said.answer) == "function" and said.answer
  if not fn then
    return said
  end
  said = fn(call)
  if said ~= nil then
    if type(said) ~= "table" then
      error("a function of a fake must return a table or nil, it returned " .. show(said, 40), 0)
    end
    check_members(fake.kind, said, 0)
  end
  return said
end

local function find(kind, call)
  for _, list in ipairs({ test_fakes, file_fakes }) do
    for i = #list, 1, -1 do
      local fake = list[i]
      if fake.kind == kind and matches(fake, call) then
        local said = said_by(fake, call)
        if said then
          return said
        end
      end
    end
  end
  return nil
end

-- ---- what ----

local function failure_of(kind, call, said)
  local code = said.fails
  for word in pairs(failure_words) do
    code = said[word] and word or code
  end
  if not code and said.garbage and kind.garbage then
    return "protocol", kind.garbage(call)
  end
  return code, code and failures[code]
end

local function answer_call(kind, step)
  local call = kind.read(step)
  local said = find(kind, call)
  if not said then
    return nil
  end
  call.at = said.address or call.at or "192.0.2.1"
  local place = kind.place(call)
  local answer = { after = said.slow or kinds.latency, place = place }
  if said.timeout then
    answer.after = nil
    return answer
  end
  local code, text = failure_of(kind, call, said)
  if code then
    answer.code, answer.text = code, said.error or place .. ": " .. text
    return answer
  end
  kind.build(call, said, answer)
  if answer.fields then
    connections[step.conn] = { said = said, call = call, sent = 0 }
  end
  return answer
end

-- ---- connections ----

-- A text, or {text, slow =, closes =, resets =}, as something that comes on a connection.
local function add_feed(feeds, said, after)
  if said == nil or said == false then
    return after
  end
  local one = type(said) == "table" and said or { said }
  after = after + (one.slow or kinds.latency)
  feeds[#feeds + 1] = {
    after = after,
    text = one[1] or "",
    ends = one.resets and "reset" or one.closes and "closed" or nil,
  }
  return after
end

kinds.add_feed = add_feed

local function answer_send(step)
  local connection = connections[step.conn]
  local reply = connection.said.reply
  local text = step.arguments[1]
  connection.sent = connection.sent + 1
  local said = reply
  if type(reply) == "function" then
    said = reply(text, connection.sent)
  elseif type(reply) == "table" then
    said = reply[text] == nil and reply[connection.sent] or reply[text]
  end
  local feeds = {}
  local after = add_feed(feeds, said, 0)
  local is_last = type(reply) ~= "function" and (type(reply) ~= "table" or connection.sent >= #reply)
  if connection.said.closes and is_last then
    add_feed(feeds, { "", closes = true }, after)
  end
  return { after = 0, results = { n = 1, true }, feeds = feeds }
end

local function answer_starttls(step)
  local connection = connections[step.conn]
  local said = connection.said.starttls or {}
  if type(said) ~= "table" then
    said = {}
  end
  local call = connection.call
  local answer = { after = said.slow or kinds.latency, place = call.at .. " port " .. call.port .. ": TLS handshake" }
  if said.timeout then
    answer.after = nil
  elseif said.fails then
    answer.code, answer.text = said.fails, said.error or answer.place .. ": " .. failures[said.fails]
  else
    answer.fields = kinds.tls_fields(call, said, answer.after)
  end
  return answer
end

-- The answer to what a script calls; nil: there is no fake for it.
function M.answer(step)
  if step.call == ":send" then
    return answer_send(step)
  elseif step.call == ":starttls" then
    return answer_starttls(step)
  end
  return answer_call(kinds.by_call[step.call], step)
end

-- How to fake it.
function M.example(step)
  local kind = kinds.by_call[step.call]
  return kind and kind.example(kind.read(step)) or "?"
end

return M
