-- What a file of tests (`*_test.lua`) finds, in the form of api.lua.
---@meta bgpcommander.test

-- test shares: assert error getmetatable ipairs next pairs pcall rawequal rawget rawlen select setmetatable tonumber
-- test shares: tostring type _VERSION json log math net parallel require string table time utf8

-- in: test

---@param name string
---@param run function
function test(name, run) end

---@param name string
---@param list table a test for each of its members
---@param run function
function cases(name, list, run) end

---@param name string
---@param run function
function skip(name, run) end

--- Runs before each test of the file.
---@param run function
function before(run) end

--- Sets the wall clock.
---@param seconds number since 1970
function at(seconds) end

---@nodiscard
---@param what string|table the path of a check, or { use = "NAME", … } of a ready-made one
---@return any subject
function check(what) end

---@nodiscard
---@param what string|table the path of a policy, or { use = "NAME", … } of a ready-made one
---@return any subject
function policy(what) end

---@nodiscard
---@param members? table
---@return any context
function ctx(members) end

---@nodiscard
---@param value any
---@return any expectation
function expect(value) end

--- From now on calls of this kind are answered so.
---@class test.Fake
fake = {}

---@param how table|function
function fake.dns(how) end

---@param how table|function
function fake.exec(how) end

---@param how table|function
function fake.http(how) end

---@param how table|function
function fake.icmp(how) end

---@param how table|function
function fake.resolve(how) end

---@param how table|function
function fake.tcp(how) end

---@param how table|function
function fake.tls(how) end

---@param how table|function
function fake.udp(how) end
