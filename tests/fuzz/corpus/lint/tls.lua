#!lua
-- A TLS handshake: up while the certificate is valid, and for some days more.
--
-- {"use": "tls", "name": "www.example.net"}
--
-- @param host string  where to; without it the route's own address
-- @param port number = 443  which port
-- @param name string  the name to ask for and to verify; without it the host
-- @param verify boolean = true  whether the certificate must be valid and for this name
-- @param ca string  certificates in PEM that are trusted in place of the system's
-- @param days_left number = 14  days that the certificate must still be valid
-- @param timeout duration  of connect and handshake; without it the check's own ends it
local want = options.check
local own = route and (route.prefix:match("^([%d.]+)/32$") or route.prefix:match("^(.+)/128$"))
local host = assert(want.host or own, "the check has no route with one address: say host")

local conn, err = tls.connect(host, want.port, {
  name = want.name,
  verify = want.verify,
  ca = want.ca,
  timeout = want.timeout,
})
if not conn then
  return false, err
end
local seen = { days_left = conn.cert.days_left, protocol = conn.protocol, seconds = conn.handshake }
if seen.days_left < want.days_left then
  return false, string.format("certificate expires in %.1f days, expected at least %g",
    seen.days_left, want.days_left), seen
end
return true, seen
