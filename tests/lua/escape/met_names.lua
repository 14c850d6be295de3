#!lua
-- expect: must-be-true
for _, name in ipairs({ "", "a b", 'a"', "a\n", "a\0", "{", ("a"):rep(100000), "1", "\u{e4}" }) do
  if pcall(metric.gauge, name, 1) or pcall(metric.gauge, "ok", 1, { [name] = "x" }) then
    return false, name:sub(1, 10)
  end
end
return true
