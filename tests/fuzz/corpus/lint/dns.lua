#!lua
-- A question to a DNS server: up while it answers as it should.
--
-- {"use": "dns", "name": "www.example.net", "type": "AAAA", "timeout": "500ms"}
--
-- @param name string required  the name to ask for
-- @param type string = "A"  the type of record
-- @param server string  address of the server; without it the route's own address
-- @param port number = 53  its port
-- @param tcp boolean = false  whether to ask by TCP
-- @param recursion boolean = true  whether to ask for recursion
-- @param rcode string = "NOERROR"  the code that must come
-- @param answers number = 1  how many records there must be at least, when the code is NOERROR
-- @param data string[]  what must be among the records, as in a master file: an address, "10 mx.example.net."
-- @param timeout duration  of the question; without it the check's own ends it
local want = options.check
local own = route and (route.prefix:match("^([%d.]+)/32$") or route.prefix:match("^(.+)/128$"))
local server = assert(want.server or own, "the check has no route with one address: say server")

local response, err = dns.query(want.name, want.type, {
  server = server,
  port = want.port,
  tcp = want.tcp,
  recursion = want.recursion,
  timeout = want.timeout,
})
if not response then
  return false, err
end
local question = want.name .. " " .. want.type
local seen = { rcode = response.rcode, answers = #response.answer, seconds = response.rtt }
if response.rcode ~= want.rcode then
  return false, string.format("%s: %s, expected %s", question, response.rcode, want.rcode), seen
end
if want.rcode == "NOERROR" and #response.answer < want.answers then
  return false, string.format("%s: %d records, expected at least %d", question, #response.answer, want.answers), seen
end
local found = {}
for _, record in ipairs(response.answer) do
  found[record.data] = true
end
for _, text in ipairs(want.data or {}) do
  if not found[text] then
    return false, string.format("%s: %s is not among the %d records", question, text, #response.answer), seen
  end
end
return true, seen
