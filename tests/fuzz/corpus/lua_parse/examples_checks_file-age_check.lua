#!lua
-- A file that something writes again and again is not too old. Node file: exec_allow /usr/bin/stat --format=%Y -- *
local path = options.env.FILE or "/var/lib/zones/stamp"
local most = tonumber(options.env.MOST_SECONDS or "900")

local r, err = exec.run({ "/usr/bin/stat", "--format=%Y", "--", path }, { timeout = 1 })
if not r then
  return false, err
elseif r.code ~= 0 then
  return false, r.stderr:match("[^\n]*")
end
local age = time.now() - tonumber(r.stdout)
if age > most then
  return false, string.format("%s is %.0f s old, expected at most %.0f", path, age, most), { age = age }
end
return true, { age = age }
