#!lua
-- A mail server greets, and with SMTP_TLS its certificate is good for some days more.
local host = options.env.SMTP_HOST or "127.0.0.1"
local port = tonumber(options.env.SMTP_PORT or "25")

local conn, err = tcp.connect(host, port, { timeout = 1 })
if not conn then
  return false, err
end

-- Sends a command and returns the whole answer: lines "250-…" go on, "250 …" is the last one. Another code is an error.
local function ask(command, code)
  if command then
    assert(conn:send(command .. "\r\n"))
  end
  local lines = {}
  repeat
    local line, problem = conn:line({ timeout = 1 })
    if not line then
      return nil, problem
    end
    lines[#lines + 1] = line
  until line:sub(4, 4) ~= "-"
  if lines[1]:sub(1, 3) ~= code then
    return nil, string.format("%s: %s, expected %s", command or "greeting", lines[1], code)
  end
  return table.concat(lines, "\n")
end

local greeting, problem = ask(nil, "220")
if not greeting then
  return false, problem
end
local seen = { greeting = greeting }
local offers, refused = ask("EHLO probe.invalid", "250")
if not offers then
  return false, refused, seen
end
if options.env.SMTP_TLS then
  if not offers:find("STARTTLS", 1, true) then
    return false, "no STARTTLS is offered", seen
  end
  local ready, why = ask("STARTTLS", "220")
  if not ready then
    return false, why, seen
  end
  local is_safe, failure = conn:starttls({ name = options.env.SMTP_TLS, timeout = 1 })
  if not is_safe then
    return false, failure, seen
  end
  if conn.cert.days_left < 14 then
    return false, string.format("certificate expires in %.1f days, expected at least 14", conn.cert.days_left), seen
  end
end
ask("QUIT", "221")
return true, seen
