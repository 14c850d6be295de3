#!lua
-- How much of a backend of HAProxy is up, as a score: 100 when all its servers are, 0 when none is.
local url = options.env.HAPROXY_STATS or "http://127.0.0.1:8404/stats;csv"
local backend = options.env.HAPROXY_BACKEND or "web"

local r, err = http.get(url, { timeout = 1, max_body = 262144 })
if not r then
  return false, err
elseif r.status ~= 200 then
  return false, string.format("status %d of the stats page, expected 200", r.status)
end

-- The first line names the columns: "# pxname,svname,…,status,…".
local function cells(line)
  local found = {}
  for cell in line:gmatch("([^,]*),?") do
    found[#found + 1] = cell
  end
  return found
end

local columns = {}
local up, all = 0, 0
for line in r.body:gmatch("[^\n]+") do
  local row = cells(line)
  if line:sub(1, 2) == "# " then
    for at, name in ipairs(cells(line:sub(3))) do
      columns[name] = at
    end
  elseif row[columns.pxname] == backend and row[columns.svname] ~= "BACKEND" and row[columns.svname] ~= "FRONTEND" then
    all = all + 1
    if row[columns.status]:find("^UP") or row[columns.status] == "no check" then
      up = up + 1
    end
  end
end
if all == 0 then
  return false, string.format('there is no backend "%s" with servers', backend)
end
return {
  score = 100 * up / all,
  reason = string.format("%d of %d servers are up", up, all),
  data = { up = up, of = all },
}
