#!lua
-- expect: must-be-true
for _, url in ipairs({ "file:///etc/passwd", "gopher://127.0.0.1:2379/_x", "ftp://127.0.0.1/", "dict://127.0.0.1:2379/x",
  "unix:///run/x.sock", "HTTP+UNIX://x/", "//127.0.0.1/", "", "http://", "http:///x", "telnet://127.0.0.1:2379" }) do
  local ok, r = pcall(http.get, url, { timeout = 0.05 })
  if ok and r then
    return false, url
  end
end
return true
