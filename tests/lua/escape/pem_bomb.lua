#!lua
-- expect: must-be-true
local port = peer and peer.silent or 1
for _, pem in ipairs({ "x", "-----BEGIN CERTIFICATE-----\n", ("-----BEGIN CERTIFICATE-----\n"):rep(2000),
  "-----BEGIN CERTIFICATE-----\n" .. ("A"):rep(60000) .. "\n-----END CERTIFICATE-----\n", ("\0"):rep(1000) }) do
  local ok, conn = pcall(tls.connect, "127.0.0.1", port, { ca = pem, cert = pem, key = pem, timeout = 0.02 })
  if ok and conn then
    return false, pem:sub(1, 20)
  end
end
return not pcall(tls.connect, "127.0.0.1", port, { ca = ("A"):rep(300000), timeout = 0.02 })
