#!lua
-- Up when a TCP connection can be made, and what comes on it is what is expected.
--
-- @param host string required  name or address to connect to
-- @param port number required  port to connect to
-- @param tls boolean = false  TLS from the first byte, with the server's certificate checked
-- @param send string  what is sent once it is connected
-- @param expect string  text that must come
local p = options.check
local connect = p.tls and tls.connect or tcp.connect
local conn, err = connect(p.host, p.port)
if not conn then return false, err end
if p.send then
  local sent, send_err = conn:send(p.send)
  if not sent then return false, send_err end
end
if p.expect then
  local found, expect_err = conn:expect(p.expect, { plain = true })
  if not found then return false, expect_err end
end
return true, { rtt = conn.rtt }
