#!lua
-- expect: must-be-true
for _, name in ipairs({ "", ".", "..", "a..b", ("a"):rep(64), ("a."):rep(200), ("x"):rep(100000), "a\0b", "\xff", " ", "-", "a b" }) do
  local ok, r = pcall(dns.query, name, "A", { server = "127.0.0.1", port = 1, timeout = 0.02 })
  if ok and r then
    return false, name:sub(1, 20)
  end
  pcall(dns.resolve, name, { timeout = 0.02 })
end
local r, text, code = dns.query("a.example", "A", { server = "not an address" })
return not pcall(dns.query, "a.example", "NO-SUCH") and r == nil and code == "resolve"
