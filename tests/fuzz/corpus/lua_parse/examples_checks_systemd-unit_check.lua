#!lua
-- A unit of systemd is active. Node file: exec_allow /usr/bin/systemctl is-active -- *
local unit = options.env.UNIT or "nginx.service"
local program = options.env.SYSTEMCTL or "/usr/bin/systemctl"

local r, err = exec.run({ program, "is-active", "--", unit }, { timeout = 1 })
if not r then
  return false, err
end
local said = r.stdout:match("%a[%a-]*") or r.stderr:match("[^\n]*")
-- Also "reloading" counts: it serves meanwhile.
if said ~= "active" and said ~= "reloading" then
  return false, string.format("%s: %s, expected active", unit, said)
end
return true
