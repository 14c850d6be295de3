-- What a policy finds beside what it shares with checks (tables.lua): the words that it answers with, and the context
-- that it gets. tests/lint/gen_lua_api.py makes docs/policy-api.md of it. Nothing in it runs.
--
-- `-- in:` says where what follows is of use: in policies, or in the policy `admission`. `---@nodiscard` is as in api.lua.
-- The lines at the end of an example begin with `-->` and say the verdict; tests/scenario/test_policy_api_examples.py
-- runs it.
---@meta bgpcommander

--- # Verdicts
---
--- A policy returns what one of these words gives. `announce`, `withdraw` and `keep` are those of a route, `admit` and
--- `refuse` those of the policy `admission`. What they give is opaque: it can be kept in a variable and returned, no
--- more.

--- When to ask again, at the latest: seconds, which may have a fraction, or a text with a unit (`"90s"`, `"5m"`). From
--- 0.1 s to 24 h.
---@alias again number|string

-- in: policy

--- Announce the route. The table holds attributes, which stand in place of those of the config or beside them; `false`
--- removes one. Two more members are no attributes: `reason`, a text, and `again_in`. Without a table, or with an empty
--- one, the attributes are those of the config.
---
--- ```lua
--- return function(ctx)
---   if not ctx.healthy then return withdraw(ctx.reason) end
---   return announce{ med = 100 + 10 * ctx.checks.load.score, community = { "65000:100" }, reason = "load", again_in = 30 }
--- end
--- --> {"again_in":30,"attributes":{"community":["65000:100"],"med":170},"reason":"load","verdict":"announce"}
--- ```
---@nodiscard
---@param attributes? table<string, any>
---@return Verdict
function announce(attributes) end

---@class withdraw.Options
---@field again_in? again

--- Withdraw the route.
---
--- ```lua
--- return function(ctx)
---   return withdraw("maintenance", { again_in = "5m" })
--- end
--- --> {"again_in":300,"reason":"maintenance","verdict":"withdraw"}
--- ```
---@nodiscard
---@param reason? string
---@param options? withdraw.Options
---@return Verdict
function withdraw(reason, options) end

--- Leave the route as it stands: announced with the attributes that it has, or not announced.
---
--- ```lua
--- return function(ctx)
---   if ctx.checks.load.score == nil then return keep("no score") end
---   return keep()
--- end
--- --> {"verdict":"keep"}
--- ```
---@nodiscard
---@param reason? string
---@param options? withdraw.Options
---@return Verdict
function keep(reason, options) end

-- in: admission

--- Admit the route of a request. The table is as for `announce`.
---
--- ```lua
--- return function(ctx)
---   if ctx.request.owner ~= "ddos-desk" then return refuse("unknown owner") end
---   return admit{ add_community = { "65000:666" } }
--- end
--- --> {"attributes":{"add_community":["65000:666"]},"verdict":"admit"}
--- ```
---@nodiscard
---@param attributes? table<string, any>
---@return Verdict
function admit(attributes) end

--- Refuse the route of a request.
---
--- ```lua
--- return function(ctx)
---   if not net.contains("192.0.2.0/24", ctx.route.prefix) then return refuse("not ours: " .. ctx.route.prefix) end
---   return admit()
--- end
--- --> {"reason":"not ours: 10.0.7.0/24","verdict":"refuse"}
--- ```
---@nodiscard
---@param reason? string
---@param options? withdraw.Options
---@return Verdict
function refuse(reason, options) end

-- in: policy admission

--- # The context
---
--- The function of a policy gets one table, new for each run. All times are Unix times in seconds. What is not known is
--- not there: `nil`. `node`, `neighbors` and `data` are read-only.

---@class Context
---@field now number the time at which the policy is asked
---@field kind "route"|"admission"
---@field route Context.Route
---@field healthy boolean the checks say up, or there are none; while they say nothing: as the route stands
---@field health "up"|"down"|"unknown"|"unchecked"|"none"
---@field reason string what the checks say
---@field since? number since when its health is so
---@field checks table<string, Context.Check> by name; the route's own is `healthcheck`
---@field node Context.Node
---@field neighbors Context.Neighbor[]
---@field standing Context.Standing
---@field data table<string, any> the keys below `data/`
---@field request? Context.Request of an admission; `healthy`, `health`, `reason`, `since`, `checks` and `standing` are not there then

---@class Context.Route
---@field name string
---@field prefix string the first one
---@field prefixes string[]
---@field family string "ipv4 unicast" …
---@field text string as ExaBGP gets it
---@field attributes table<string, any> of the config

---@class Context.Check
---@field state "up"|"down"|"unknown"|"unchecked"
---@field status? string how the last run ended: "passed", "failed", "timed out" …
---@field score? number that the last run gave
---@field data? any that the last run gave
---@field reason string
---@field since? number since when its state is so
---@field own boolean it is the route's own
---@field results Context.Result[] the newest first, at most 8
---@field changes Context.Change[] of its state, the newest first, at most 16

---@class Context.Result
---@field at number
---@field status string
---@field score? number
---@field took number seconds

---@class Context.Change
---@field at number
---@field state string that it went to

---@class Context.Node
---@field name string
---@field labels table<string, any> the key `node/NODE/labels`
---@field admin_state "up"|"down"|"drain"

---@class Context.Neighbor
---@field address string
---@field local_address? string
---@field peer_as? integer
---@field local_as? integer
---@field state string "up", "down" …
---@field since? number
---@field families string[]

---@class Context.Standing
---@field announced boolean
---@field attributes? table<string, any> with which it is announced
---@field since? number of the last change
---@field verdict? "announce"|"withdraw"|"keep" that the last run of a policy gave
---@field reason? string

---@class Context.Request
---@field command string
---@field owner? string
---@field ttl? number seconds
---@field reason? string
---@field source? string

--- # What it shares with checks
---
--- The functions of these tables are described [there](lua-api.md); what is not listed is not there: no calls outside, no
--- clock, no chance, no state. `options` holds the parameters of a [ready-made policy](ready-made-policies.md), else
--- nothing; `data` is that of the context. `require` runs a module anew in each run.
---
--- So that the same context gives the same verdict on each node and each time: `pairs` and `next` go in order (numbers,
--- texts byte by byte, false, true), `table.sort` is stable, `json.encode` sorts. A table with two keys that are tables or
--- functions has no order: to go through it is an error. `#` of a list with holes may be the end of any part of it.
---
--- A run may use 10 ms (`BC_LIMIT_POLICY_CPU_MS`) of CPU time and 1 MiB (`BC_LIMIT_LUA_STATE_BYTES`) of memory. Its
--- verdict may have 16 KiB (`BC_LIMIT_POLICY_VERDICT_BYTES`) as JSON, the context 256 KiB
--- (`BC_LIMIT_POLICY_CONTEXT_BYTES`).
-- lua base: assert error getmetatable ipairs next pairs pcall rawequal rawget rawlen select setmetatable tonumber
-- lua base: tostring type _VERSION require data options
-- lua json: decode encode null
-- lua log: debug info warn error
-- lua math: abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min mininteger modf pi rad
-- lua math: sin sqrt tan tointeger type ult
-- lua net: parse family length network broadcast contains compare enumerate
-- lua string: byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper
-- lua table: concat insert move pack remove sort unpack
-- lua time: date of
-- lua utf8: char charpattern codepoint codes len offset
