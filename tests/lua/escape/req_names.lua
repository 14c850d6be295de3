#!lua
-- expect: must-be-true
for _, name in ipairs({ "../../etc/passwd", "/etc/passwd", "a/b", "a\0b", "", ".", "..", ("x"):rep(100000), "os", "io", "string" }) do
  if pcall(require, name) then
    return false, name:sub(1, 20)
  end
end
return not pcall(require, {}) and not pcall(require)
