#!lua
-- expect: must-be-true
if not peer then
  return true
end
local all, text, code = {}
for i = 1, 100 do
  all[i], text, code = tcp.connect("127.0.0.1", peer.silent)
  if not all[i] then
    return i > 32 and i <= 65 and code == "limit", i .. " " .. code
  end
end
return false, "no limit"
