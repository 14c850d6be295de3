-- All that a Lua check finds beside the calls of api.lua, which tells how this is read.
---@meta bgpcommander.tables

--- # parallel

---@class parallel.Options
---@field limit? integer how many run at once (default: as many as a run may have)

--- Runs functions beside one another, and waits for all. Returns a table with the same keys; each value is what that
--- function returned, `{ n = …, … }`. When one raises, the others are given up, with what they wait for, and the error is
--- raised here. A run has at most 64 (`BC_LIMIT_LUA_TASKS`) threads, its own and those of all `parallel` under way; more
--- functions wait for their turn. Functions may call `parallel` themselves; where no thread is left for them, that is an
--- error: give the outer one a `limit`.
---
--- ```lua
--- local r = parallel({
---   web = function() return http.get("http://www.example.net/health") end,
---   dns = function() return dns.query("www.example.net") end,
--- })
--- local web, why = r.web[1], r.web[2]
--- return web and web.status == 200 and r.dns[1].rcode == "NOERROR", why
--- --> up
--- ```
---@async
---@generic K
---@param functions table<K, function>
---@param options? parallel.Options
---@return table<K, table> results
function parallel(functions, options) end

--- # metric

--- Numbers for graphs. They do not change what the check decides. A run may tell 32 (`BC_LIMIT_CHECK_SERIES`) series;
--- more are dropped, with a line in the log. A name is a letter or `_`, then letters, digits and `_`, 64 in all; labels
--- are at most 4, their texts at most 64 bytes. A wrong name or value raises.
---@class metric
metric = {}

--- A value that goes up and down.
---
--- ```lua
--- local r = assert(http.get("http://www.example.net/health"))
--- metric.gauge("answer_seconds", r.timings.total, { site = "fra1" })
--- return r.status == 200
--- --> up
--- ```
---@param name string
---@param value number
---@param labels? table<string, string>
function metric.gauge(name, value, labels) end

--- Adds to a count.
---
--- ```lua
--- local r = assert(http.get("http://www.example.net/absent"))
--- metric.counter("answers", 1, { status = tostring(r.status) })
--- return r.status == 404
--- --> up
--- ```
---@param name string
---@param add? number (default: 1)
---@param labels? table<string, string>
function metric.counter(name, add, labels) end

--- # state

--- What the check keeps from run to run: a table, empty at first. It is kept when the run ends with a result (up, down,
--- score), over restarts too, and must be JSON of at most 4 KiB (`BC_LIMIT_CHECK_STATE_BYTES`); else the old one stays,
--- with a line in the log. A changed script begins with what the old one kept.
---
--- ```lua
--- state.runs = (state.runs or 0) + 1
--- return true, { runs = state.runs }
--- --> up {"runs": 1}
--- ```
---@type table<string, any>
state = {}

--- # Read-only tables

--- The route that the check decides about; nil for a check that several routes use (`checks/NAME`).
---
--- ```lua
--- local address = route and net.parse(route.prefix).address or "192.0.2.10"
--- return tcp.connect(address, 80) ~= nil
--- --> up
--- ```
---@class route
---@field name string
---@field prefix string such as `192.0.2.10/32`
route = {}

--- The check itself.
---
--- ```lua
--- -- One script for several checks.
--- local port = check.name == "web" and 80 or 6379
--- return tcp.connect("192.0.2.10", port) ~= nil
--- --> up
--- ```
---@class check
---@field name string of the named check, or of the route
check = {}

--- The node that it runs on.
---
--- ```lua
--- local site = node.name:match("^(%a+)") or "unknown"
--- return true, { is_text = type(site) == "string" }
--- --> up {"is_text": true}
--- ```
---@class node
---@field name string
node = {}

--- The [options](options.md) that the check runs with. They are read-only: `#`, `ipairs` and `pairs` work on the lists in
--- them, functions of `table` refuse them.
---
--- ```lua
--- local port = tonumber(options.env.SERVICE_PORT or "80")
--- return tcp.connect("192.0.2.10", port) ~= nil
--- --> up
--- ```
---@class options
---@field env table<string, string> the texts of `env`
---@field check? table<string, any> what stands in `check` beside `use`
---@field interval number seconds
---@field timeout number seconds
---@field threshold number
options = {}

--- The keys `data/NAME`: `data.NAME` is the value, read as JSON, else as a text; nil when there is none. With
--- `bgpcommander run --data FILE` the members of the object in that file.
---
--- ```lua
--- local limits = data.limits or { load = 4 }
--- return limits.load > 1
--- --> up
--- ```
---@class data
---@field [string] any
data = {}

--- # require

--- The module of the key `lua/NAME`. It runs once in each run, with globals of its own; what it returns is returned, or
--- true if it returns nothing. The name must stand as a literal in the script: the modules are sent along with it. While a
--- module is loaded it cannot wait: calls into the network belong into its functions. An error in it names it, and who
--- required it.
---
--- ```lua
--- local ok, err = pcall(function() return require "absent" end)
--- return not ok and err:find("absent", 1, true) ~= nil
--- --> up
--- ```
---@param name string
---@return any
function require(name) end

--- # json

--- JSON texts of at most 256 KiB (`BC_LIMIT_LUA_JSON_BYTES`), 64 (`BC_LIMIT_LUA_JSON_DEPTH`) tables deep.
---@class json
---@field null userdata stands for null within tables; where nothing else is said, `json.null` is true in a condition
json = {}

--- The text of a value. Numbers get 14 digits; read-only tables are refused.
---
--- ```lua
--- return json.encode({ 1, 2.5, json.null, "a" }) == '[1,2.5,null,"a"]'
--- --> up
--- ```
---@nodiscard
---@param value any
---@return string text
function json.encode(value) end

--- The value of a text; raises when it is none. Whole numbers are integers.
---
--- ```lua
--- local ok, value = pcall(json.decode, '{"load": 0.5, "peers": [1, 2]}')
--- return ok and value.load == 0.5 and #value.peers == 2
--- --> up
--- ```
---@param text string
---@return any value
function json.decode(text) end

--- # net

--- Arithmetic with addresses and prefixes; an address is a prefix of its own. What is neither gives `nil` and a text.
---@class net
net = {}

---@class net.Prefix
---@field family 4|6
---@field address string with its host bits
---@field length integer
---@field prefix string without host bits, in canonical form

--- Takes a prefix or an address apart.
---
--- ```lua
--- return true, net.parse("192.0.2.10/24")
--- --> up {"family": 4, "address": "192.0.2.10", "length": 24, "prefix": "192.0.2.0/24"}
--- ```
---@nodiscard
---@param text string
---@return net.Prefix? prefix
---@return string? err
function net.parse(text) end

--- 4 or 6.
---
--- ```lua
--- return net.family("2001:db8::/32") == 6
--- --> up
--- ```
---@nodiscard
---@param text string
---@return integer? family
---@return string? err
function net.family(text) end

--- The length of a prefix.
---
--- ```lua
--- return net.length("192.0.2.10") == 32
--- --> up
--- ```
---@nodiscard
---@param text string
---@return integer? length
---@return string? err
function net.length(text) end

--- The first address of a prefix.
---
--- ```lua
--- return net.network("192.0.2.77/26") == "192.0.2.64"
--- --> up
--- ```
---@nodiscard
---@param text string
---@return string? address
---@return string? err
function net.network(text) end

--- The last address of an IPv4 prefix; IPv6 has none.
---
--- ```lua
--- return net.broadcast("192.0.2.77/26") == "192.0.2.127"
--- --> up
--- ```
---@nodiscard
---@param text string
---@return string? address
---@return string? err
function net.broadcast(text) end

--- Whether the first holds all of the second.
---
--- ```lua
--- return net.contains("192.0.2.0/24", "192.0.2.10") and not net.contains("192.0.2.0/24", "198.51.100.1")
--- --> up
--- ```
---@nodiscard
---@param outer string
---@param inner string
---@return boolean? contains
---@return string? err
function net.contains(outer, inner) end

--- -1, 0 or 1: their order, by family, then address, then length.
---
--- ```lua
--- local list = { "192.0.2.10", "192.0.2.9" }
--- table.sort(list, function(a, b) return net.compare(a, b) < 0 end)
--- return list[1] == "192.0.2.9"
--- --> up
--- ```
---@nodiscard
---@param one string
---@param two string
---@return integer? order
---@return string? err
function net.compare(one, two) end

--- All addresses of a prefix; an error if there are more than `most`, which may be up to 65,536
--- (`BC_LIMIT_NET_ADDRESSES`).
---
--- ```lua
--- return true, net.enumerate("192.0.2.8/30")
--- --> up ["192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11"]
--- ```
---@nodiscard
---@param prefix string
---@param most? integer (default: 256)
---@return string[]? addresses
---@return string? err
function net.enumerate(prefix, most) end

--- # log

--- Lines into the log of this run: 4 KiB (`BC_LIMIT_LUA_LOG_BYTES`) a run, what is more is dropped and counted. Of a
--- run that did not pass `bgpcommander routes NAME` shows them. The arguments are joined by blanks.
---@class log
log = {}

--- ```lua
--- log.debug("asked", 3, "servers")
--- return true
--- --> up
--- --> debug: asked 3 servers
--- ```
---@param ... any
function log.debug(...) end

--- ```lua
--- log.info("load is", 0.25)
--- return true
--- --> up
--- --> info: load is 0.25
--- ```
---@param ... any
function log.info(...) end

--- ```lua
--- log.warn("slow")
--- return true
--- --> up
--- --> warn: slow
--- ```
---@param ... any
function log.warn(...) end

--- ```lua
--- log.error("no answer from", "192.0.2.99")
--- return false, "no answer"
--- --> down: no answer
--- --> error: no answer from 192.0.2.99
--- ```
---@param ... any
function log.error(...) end

--- # time

--- Clocks, waiting, and the calendar: Gregorian, UTC, without leap seconds.
---@class time
time = {}

--- Unix time in seconds, with a fraction.
---
--- ```lua
--- return time.now() > 1700000000
--- --> up
--- ```
---@nodiscard
---@return number seconds
function time.now() end

--- Seconds of a clock that is never set, for differences.
---
--- ```lua
--- local start = time.monotonic()
--- time.sleep(0.05)
--- return time.monotonic() - start >= 0.05
--- --> up
--- ```
---@nodiscard
---@return number seconds
function time.monotonic() end

--- Waits; costs nothing meanwhile. At most 86400 seconds.
---
--- ```lua
--- time.sleep(0.01)
--- return true
--- --> up
--- ```
---@async
---@param seconds number
function time.sleep(seconds) end

---@class time.Date
---@field year integer
---@field month integer 1 to 12
---@field day integer 1 to 31
---@field hour integer 0 to 23
---@field min integer 0 to 59
---@field sec integer 0 to 59
---@field weekday integer 1 = Monday to 7 = Sunday
---@field yearday integer 1 to 366

--- The date and the time of day of a Unix time. `offset` says how far a clock is ahead of UTC; there are no time zones
--- and no summer time.
---
--- ```lua
--- local t = time.date(1700000000, "+01:00")
--- return t.hour == 23 and t.weekday == 2, t
--- --> up {"day":14,"hour":23,"min":13,"month":11,"sec":20,"weekday":2,"year":2023,"yearday":318}
--- ```
---@nodiscard
---@param seconds number
---@param offset? string `"+01:00"`, `"-05:30"` or `"Z"` (default: "Z")
---@return time.Date
function time.date(seconds, offset) end

--- The Unix time of a date. hour, min and sec may be left out. What is over the end of a month or a day counts on: day
--- 32 of March is 1 April.
---
--- ```lua
--- return time.of({ year = 2024, month = 2, day = 30 }) == time.of({ year = 2024, month = 3, day = 1 })
--- --> up
--- ```
---@nodiscard
---@param date time.Date
---@param offset? string as for `time.date` (default: "Z")
---@return number seconds
function time.of(date, offset) end

--- # From Lua's own libraries
---
--- Lua 5.4; what is not listed is not there. All of it is read-only.
---
--- The [sandbox](lua-sandbox.md#what-it-may-use) tells what is other than in Lua.
-- lua base: assert error getmetatable ipairs next pairs pcall rawequal rawget rawlen select setmetatable tonumber
-- lua base: tostring type _VERSION
-- lua math: abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min mininteger modf pi rad random
-- lua math: sin sqrt tan tointeger type ult
-- lua string: byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper
-- lua table: concat insert move pack remove sort unpack
-- lua utf8: char charpattern codepoint codes len offset
-- What the editor must not offer: set "Lua.runtime.builtin" to "disable" for coroutine, debug, io, os and package.
