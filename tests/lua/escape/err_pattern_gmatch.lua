#!lua
-- expect: must-be-stopped
for w in ('a'):rep(100000):gmatch('^.-b') do end for w in ('^'):rep(100000):gmatch('^.-b') do end
