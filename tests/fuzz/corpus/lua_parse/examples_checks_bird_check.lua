#!lua
-- Sessions of BIRD that are established. Node file: exec_allow /usr/sbin/birdc -r show protocols
local least = tonumber(options.env.BIRD_LEAST or "1")
local prefix = options.env.BIRD_PREFIX or "" -- how the names of the sessions begin
local program = options.env.BIRDC or "/usr/sbin/birdc"

local r, err = exec.run({ program, "-r", "show", "protocols" }, { timeout = 1 })
if not r then
  return false, err
elseif r.code ~= 0 then
  return false, string.format("birdc: exit code %s: %s", r.code, (r.stderr .. r.stdout):match("[^\n]*"))
end

local established, all = 0, 0
for line in r.stdout:gmatch("[^\n]+") do
  local name, proto = line:match("^(%S+)%s+(%S+)")
  if proto == "BGP" and name:sub(1, #prefix) == prefix then
    all = all + 1
    if line:find("Established", 1, true) then
      established = established + 1
    end
  end
end
local seen = { established = established, of = all }
if established < least then
  return false, string.format("%d of %d sessions are established, expected at least %d", established, all, least), seen
end
return true, seen
