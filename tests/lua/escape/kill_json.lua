#!lua
-- expect: must-be-killed
while true do pcall(json.decode, ('[1,'):rep(60)) pcall(json.encode, {{{}}}) end
