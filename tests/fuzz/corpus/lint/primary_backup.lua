#!lua
-- A primary and its backups, told apart by a label of the node: the primary announces as the config has it, a backup
-- with worse attributes, or only while a `data` key names it the primary.
--
-- {"use": "primary_backup", "label": "site", "primary": "ams", "data": "primary-site", "med": 300}
--
-- @param label string = "role"  the label of the node (`node/NODE/labels`) that says which it is
-- @param primary string = "primary"  the value of the label at the primary
-- @param data string  the `data` key that names another one, for all routes (a text) or for some ({"WEB": "fra"})
-- @param med number  the MED of a backup; without this and the next three 200
-- @param local_preference number  its local preference
-- @param times number  how often the local AS number stands in front of its AS path
-- @param community string[]  communities that it adds
-- @param standby "worse"|"silent" = "worse"  a backup announces with worse attributes, or not at all
-- @param linger duration = 30  with "silent": how long one that was the primary announces before it is withdrawn
local want = options
local LINGERING = "no more the primary"
local is_worse_given = want.med or want.local_preference or want.times or want.community

-- The value of the label at the primary of this route; nil: the key says nothing of it.
local function named(value, route)
  if type(value) == "table" then
    value = value[route]
  end
  return type(value) == "string" and value ~= "" and value or nil
end

local function worse(reason, again_in)
  return announce({
    med = want.med or not is_worse_given and 200 or nil,
    local_preference = want.local_preference,
    prepend = want.times,
    add_community = want.community,
    reason = reason,
    again_in = again_in,
  })
end

-- Once a backup: others need time to take over before it is silent.
local function leave(ctx, reason)
  if not ctx.standing.announced then
    return withdraw("backup: " .. reason)
  end
  local text, left = LINGERING .. ": " .. reason, want.linger
  if ctx.standing.reason == text then
    left = (ctx.standing.since or ctx.now) + want.linger - ctx.now
  end
  if left <= 0 then
    return withdraw("backup: " .. reason)
  end
  return worse(text, math.max(left, 0.1))
end

return function(ctx)
  if not ctx.healthy then
    return withdraw(ctx.reason)
  end
  local own = ctx.node.labels[want.label]
  local primary = want.data and named(ctx.data[want.data], ctx.route.name)
  if own == nil then
    local reason = "the node has no label " .. want.label
    return want.standby == "silent" and keep(reason) or worse("backup: " .. reason)
  end
  local is_told = primary ~= nil or not want.data
  primary = primary or want.primary
  local reason = string.format("%s is %s", want.label, primary)
  if tostring(own) == primary then
    return announce({ reason = "primary: " .. reason })
  end
  if want.standby == "worse" then
    return worse("backup: " .. reason)
  end
  -- A key that is gone takes nothing away.
  if not is_told and ctx.standing.announced then
    return keep("data/" .. want.data .. " does not say who is the primary")
  end
  return leave(ctx, reason)
end
