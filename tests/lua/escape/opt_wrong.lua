#!lua
-- expect: must-be-true
for _, options in ipairs({ 5, "x", { tiemout = 1 }, { timeout = {} }, { timeout = -1 }, { timeout = 0 / 0 }, { timeout = 1e300 }, { 1 },
  { [{}] = 1 }, { timeout = "1 fortnight" } }) do
  if pcall(tcp.connect, "127.0.0.1", 1, options) or pcall(udp.exchange, "127.0.0.1", 1, "x", options) then
    return false, tostring(options)
  end
end
return true
