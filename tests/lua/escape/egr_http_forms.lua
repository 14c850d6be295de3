#!lua
-- expect: must-be-true
for _, url in ipairs({ "http://127.0.0.1:2379/", "http://[::ffff:7f00:1]:2379/", "http://localhost:2379/",
  "http://example.org@127.0.0.1:2379/", "http://[::1]:2379/v3/kv/range", "http://2130706433:2379/",
  "http://0x7f000001:2379/", "http://127.1:2379/", "http://0177.0.0.1:2379/" }) do
  local ok, r, text, code = pcall(http.get, url, { timeout = 0.05 })
  if ok and (r or (code ~= "egress" and code ~= "resolve" and code ~= "timeout")) then
    return false, url .. ": " .. tostring(text)
  end
end
return true
