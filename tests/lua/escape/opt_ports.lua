#!lua
-- expect: must-be-true
for _, port in ipairs({ -1, 0, 65536, 1e18, 0 / 0, 1.5, "x", {} }) do
  if pcall(tcp.connect, "127.0.0.1", port) then
    return false, tostring(port)
  end
end
return true
