#!lua
-- Up when a web server answers with an expected status.
--
-- @param url string required  what is asked for: http://... or https://...
-- @param method "GET"|"HEAD"|"POST" = "GET"  request method
-- @param status number[] = [200]  statuses that are up
-- @param body string  text that the answer must hold
-- @param headers map  header lines of the request
-- @param connect_to string  "ADDRESS:PORT" to connect to instead of the URL's host
-- @param redirects number = 0  redirects that are followed, at most 10
-- @param verify boolean = true  check the server's certificate
local p = options.check
local answer, err = http.request(p.url, {
  method = p.method,
  headers = p.headers,
  connect_to = p.connect_to,
  redirects = p.redirects,
  tls = { verify = p.verify },
})
if not answer then return false, err end
local is_expected = false
for _, status in ipairs(p.status) do
  is_expected = is_expected or status == answer.status
end
if not is_expected then return false, "status " .. answer.status end
if p.body and not answer.body:find(p.body, 1, true) then
  return false, "the answer does not hold the expected text"
end
return true, { status = answer.status, total = answer.timings.total }
