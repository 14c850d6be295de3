#!lua
-- Unbound runs, as it says itself. Node file: exec_allow /usr/sbin/unbound-control status
local program = options.env.UNBOUND_CONTROL or "/usr/sbin/unbound-control"

local r, err = exec.run({ program, "status" }, { timeout = 1 })
if not r then
  return false, err
elseif r.code ~= 0 then
  return false, string.format("unbound-control: exit code %s: %s", r.code, r.stderr:match("[^\n]*"))
end
local uptime = r.stdout:match("uptime: (%d+) seconds")
local is_running = r.stdout:find("unbound %(pid %d+%) is running") ~= nil
if not is_running then
  return false, "unbound is not running"
end
return true, { uptime = tonumber(uptime) }
