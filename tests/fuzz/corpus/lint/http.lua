#!lua
-- A request by HTTP or HTTPS: up while the answer has a good status, and the text in its body that it should have.
--
-- {"use": "http", "url": "/health", "contains": "ok"}
--
-- @param url string = "/"  what to ask for; a path alone is asked for by http at the route's own address
-- @param connect_to string  "ADDRESS", "ADDRESS:PORT" or "route", the route's own address: connect there instead
-- @param method "GET"|"HEAD"|"POST"  the method; without it GET, or POST with a body
-- @param headers map  more headers
-- @param body string  what is sent
-- @param status number[]  the good statuses; without it 200 to 299
-- @param contains string  a text that the body must have
-- @param redirects number = 0  how many redirects are followed
-- @param verify boolean = true  whether the certificate must be valid
-- @param days_left number  days that the certificate must still be valid
-- @param timeout duration  of the request; without it the check's own ends it
local want = options.check
local own = route and (route.prefix:match("^([%d.]+)/32$") or route.prefix:match("^(.+)/128$"))
local needs_own = want.url:sub(1, 1) == "/" or want.connect_to == "route"
assert(own or not needs_own, "the check has no route with one address: say a whole url")

local at = own and own:find(":", 1, true) and "[" .. own .. "]" or own
local response, err = http.request(want.url:sub(1, 1) == "/" and "http://" .. at .. want.url or want.url, {
  method = want.method,
  headers = want.headers,
  body = want.body,
  connect_to = want.connect_to == "route" and at or want.connect_to,
  redirects = want.redirects,
  timeout = want.timeout,
  tls = { verify = want.verify },
})
if not response then
  return false, err
end

-- Whether the status is a good one, and which are.
local function judge(status)
  if not want.status then
    return status >= 200 and status <= 299, "200 to 299"
  end
  local is_good, expected = false, ""
  for i, good in ipairs(want.status) do
    is_good = is_good or status == good
    expected = expected .. (i > 1 and " or " or "") .. good
  end
  return is_good, expected
end

local seen = { status = response.status, seconds = response.timings.total }
local is_good, expected = judge(response.status)
if not is_good then
  return false, string.format("status %d, expected %s", response.status, expected), seen
end
if want.contains and not response.body:find(want.contains, 1, true) then
  return false, string.format('the body of %d bytes does not contain "%s"', #response.body, want.contains), seen
end
if want.days_left and response.cert then
  seen.days_left = response.cert.days_left
  if seen.days_left < want.days_left then
    return false, string.format("certificate expires in %.1f days, expected at least %g",
      seen.days_left, want.days_left), seen
  end
end
return true, seen
