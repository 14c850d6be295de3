#!lua
-- expect: must-be-true
if not peer then
  return true
end
for i = 1, 300 do
  local conn = tcp.connect("127.0.0.1", peer.silent)
  if conn and i % 7 ~= 0 then
    conn:close()
  end
end
return true
