#!lua
-- Drains a node, a site or a route without loss (RFC 8326): while a label of the node or a `data` key says so, it is
-- announced with the community GRACEFUL_SHUTDOWN (65535:0) for a time, so that traffic moves away, and then withdrawn.
--
-- {"use": "graceful_shutdown", "data": "drain", "hold": "5m"}
--
-- @param label string = "drain"  the label of the node (`node/NODE/labels`) that drains it while it is true
-- @param data string = "drain"  the `data` key: {"nodes": ["edge1"], "sites": ["ams"], "routes": ["WEB", "edge1/DNS"]}
-- @param site_label string = "site"  the label of the node that is meant by `sites`
-- @param hold duration = 300  how long it is announced with the community
-- @param local_preference number  the local preference for that time, where the neighbors are of the same AS
-- @param withdraw boolean = true  whether it is withdrawn then
local want = options
local DRAINING, DRAINED = "draining: ", "drained: "

local function has(list, name)
  for _, entry in ipairs(type(list) == "table" and list or {}) do
    if entry == name then
      return true
    end
  end
  return false
end

local function is_list(value)
  return value == nil or type(value) == "table"
end

-- Why it is to be drained; nil: it is not. Second: the key is not as it should be.
local function cause(ctx)
  local node, route, list = ctx.node, ctx.route.name, ctx.data[want.data]
  local flag, site = node.labels[want.label], node.labels[want.site_label]
  if flag == true or flag == "true" then
    return "label " .. want.label
  end
  if list == nil then
    return nil
  end
  if type(list) ~= "table" or not (is_list(list.nodes) and is_list(list.sites) and is_list(list.routes)) then
    return nil, "data/" .. want.data .. ": expected an object of lists: nodes, sites, routes"
  end
  if has(list.nodes, node.name) then
    return "node " .. node.name
  elseif site and has(list.sites, site) then
    return "site " .. site
  elseif has(list.routes, route) or has(list.routes, node.name .. "/" .. route) then
    return "route " .. route
  end
end

local function says(standing, prefix)
  return standing.reason ~= nil and standing.reason:sub(1, #prefix) == prefix
end

local function shut(reason, again_in)
  return announce({
    add_community = { "65535:0" },
    local_preference = want.local_preference,
    reason = DRAINING .. reason,
    again_in = again_in,
  })
end

return function(ctx)
  local standing = ctx.standing
  local why, fault = cause(ctx)
  if fault and says(standing, DRAINED) then
    return withdraw(DRAINED .. fault)
  elseif not ctx.healthy then
    return withdraw(why and DRAINED .. why or ctx.reason)
  elseif fault and says(standing, DRAINING) then
    return keep(DRAINING .. fault)
  elseif not why then
    return announce({ reason = fault })
  elseif not standing.announced then
    return withdraw(DRAINED .. why)
  elseif not want.withdraw then
    return shut(why)
  elseif not has((standing.attributes or {}).community, "65535:0") then
    return shut(why, want.hold)
  end
  local left = (standing.since or ctx.now) + want.hold - ctx.now
  if left <= 0 then
    return withdraw(DRAINED .. why)
  end
  return shut(why, math.max(left, 0.1))
end
