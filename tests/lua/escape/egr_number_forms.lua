#!lua
-- expect: must-be-true
-- Whatever these are taken for, none of them leads to etcd.
for _, host in ipairs({ "2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "0177.0.0.1", "127.0.0.1." }) do
  local ok, conn, text, code = pcall(tcp.connect, host, 2379, { timeout = 0.05 })
  if ok and (conn or code == "refused") then
    return false, host .. ": " .. (code or conn.address)
  end
end
return true
