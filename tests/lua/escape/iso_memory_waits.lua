#!lua
-- expect: must-not-affect-others
hold = {} pcall(function() for i = 1, 1e9 do hold[i] = ('x'):rep(1000) .. i end end) hold = nil time.sleep(0.01) return true
