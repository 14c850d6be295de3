#!lua
-- PostgreSQL takes connections: it answers a startup message with a question for a password, or lets the user in.
local host = options.env.PGHOST or "127.0.0.1"
local port = tonumber(options.env.PGPORT or "5432")

local conn, err = tcp.connect(host, port, { timeout = 1 })
if not conn then
  return false, err
end

-- Version 3.0, then names and values, each ended by a zero byte.
local body = string.pack(">I4 z z z z B", 3 << 16, "user", "probe", "database", "postgres", 0)
assert(conn:send(string.pack(">I4", #body + 4) .. body))

local kind, length = string.unpack(">c1 I4", (assert(conn:receive(5))))
if kind == "R" then
  conn:send(string.pack(">c1 I4", "X", 4)) -- bye
  return true
elseif kind ~= "E" or length > 10000 then
  return false, string.format('answer of kind "%s": not PostgreSQL', kind)
end

-- Fields of an error: a letter, then a text that ends with a zero byte. C is the code, M the message.
local fields = {}
for letter, text in assert(conn:receive(length - 4)):gmatch("(%a)([^\0]*)\0") do
  fields[letter] = text
end
-- Class 28: it does not let this user in, but it works. Starting up is 57P03, too many connections 53300.
return fields.C:sub(1, 2) == "28", fields.C .. ": " .. fields.M
