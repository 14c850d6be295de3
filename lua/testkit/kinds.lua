-- The kinds of fakes: which calls they answer, what they compare, what they say, and what the script gets of that.
--
-- read(step)                what the fake, or its function, sees of a call
-- place(call)               what stands in front of errors
-- build(call, said, answer) puts `results` (as the call returns them) or `fields` (of a connection) into the answer

local M = { all = {}, by_call = {}, latency = 0.001 }

local function kind(name, made)
  made.says = made.says or {}
  made.compares = made.compares or {}
  M.all[name] = made
  for _, call in ipairs(made.calls) do
    M.by_call[call] = made
  end
end

local function literal(host)
  return host:match("^%[(.*)%]$") or (host:match("^[%d.]+$") or host:find(":", 1, true)) and host or nil
end

local function set(...)
  local names = {}
  for _, name in ipairs({ ... }) do
    names[name] = true
  end
  return names
end

local function copy(from, to)
  for name, value in pairs(from) do
    to[name] = value
  end
  return to
end

-- ---- certificates ----

local day = 86400

local function certificate(name, given)
  local now = time.now()
  local cert = {
    subject = "CN=" .. name,
    issuer = "CN=fake",
    names = { name },
    not_before = now - 30 * day,
    not_after = now + (given and given.days_left or 60) * day,
    serial = "01",
    sha256 = ("0"):rep(64),
  }
  copy(given or {}, cert)
  cert.days_left = (cert.not_after - now) / day
  return cert
end

-- ---- http ----

local function read_url(url)
  local scheme, rest = url:match("^(%a+)://(.*)$")
  local authority, path = (rest or ""):match("^([^/?#]*)(.*)$")
  authority = authority:match("@(.*)$") or authority
  local host, port = authority:match("^(.*):(%d+)$")
  if not host or host:find(":", 1, true) and not host:find("]$") then
    host, port = authority, nil
  end
  scheme = (scheme or "http"):lower()
  return scheme, host, tonumber(port) or (scheme == "https" and 443 or 80), path == "" and "/" or path
end

local function http_headers(given)
  local headers = {}
  for name, value in pairs(given or {}) do
    headers[name:lower()] = tostring(value)
  end
  return headers
end

kind("http", {
  calls = { "http.request", "http.get", "http.head", "http.post" },
  compares = set("url", "method", "host", "path", "sent"),
  says = set("status", "headers", "body", "redirects", "final_url", "version", "cert"),
  read = function(step)
    local url, options = step.arguments[1], step.arguments[2] or {}
    local method = step.call:match("%.(%a+)$"):upper()
    if method == "REQUEST" then
      method = options.method or options.body and "POST" or "GET"
    end
    local scheme, host, port, path = read_url(url)
    local to = options.connect_to
    local at = to and (to:match("^(%[.-%])") or to:match("^([^:]+):%d+$") or to) or host
    return {
      url = url, method = method, scheme = scheme, host = host, port = to and tonumber(to:match("[^:]:(%d+)$")) or port,
      path = path, headers = options.headers or {}, sent = options.body, options = options, at = literal(at),
      timeout = step.timeout,
    }
  end,
  place = function(call)
    return call.at .. " port " .. call.port
  end,
  garbage = function()
    return "the answer is not HTTP"
  end,
  build = function(call, said, answer)
    local body = call.method == "HEAD" and "" or said.body or ""
    local most = call.options.max_body or 65536
    answer.results = { n = 1, {
      status = said.status or 200,
      headers = http_headers(said.headers),
      body = body:sub(1, most),
      body_truncated = #body > most,
      url = said.final_url or call.url,
      redirects = said.redirects or (said.final_url and 1 or 0),
      address = call.at,
      port = call.port,
      version = said.version or call.options.version or "1.1",
      timings = {
        resolve = 0, connect = answer.after / 4, tls = call.scheme == "https" and answer.after / 4 or 0,
        first_byte = answer.after, total = answer.after,
      },
      cert = call.scheme == "https" and certificate(call.host, said.cert) or nil,
    } }
  end,
  example = function(call)
    return string.format("fake.http{ url = %q, status = 200 }", call.url)
  end,
})

-- ---- dns ----

local numbers = { [1] = "A", [2] = "NS", [5] = "CNAME", [6] = "SOA", [12] = "PTR", [15] = "MX", [16] = "TXT",
  [28] = "AAAA", [33] = "SRV" }
local data_names = { A = "address", AAAA = "address", NS = "host", CNAME = "target", PTR = "target", DNAME = "target" }

local function dns_record(call, given)
  if type(given) == "table" then
    local data = given.data or given.address
    return copy(given, { name = call.name, type = call.type, class = "IN", ttl = 60, data = data })
  end
  local record = { name = call.name, type = call.type, class = "IN", ttl = 60, data = tostring(given) }
  if data_names[call.type] then
    record[data_names[call.type]] = record.data
  elseif call.type == "TXT" or call.type == "SPF" then
    record.text, record.data = { given }, '"' .. given .. '"'
  elseif call.type == "MX" then
    local preference, exchange = given:match("^(%d+)%s+(%S+)$")
    record.preference, record.exchange = math.tointeger(preference), exchange
  elseif call.type == "SRV" then
    local priority, weight, port, target = given:match("^(%d+)%s+(%d+)%s+(%d+)%s+(%S+)$")
    record.priority, record.weight = math.tointeger(priority), math.tointeger(weight)
    record.port, record.target = math.tointeger(port), target
  elseif call.type == "SOA" then
    local mname, rname, a, b, c, d, e = given:match("^(%S+)%s+(%S+)%s+(%d+)%s+(%d+)%s+(%d+)%s+(%d+)%s+(%d+)$")
    record.mname, record.rname, record.serial, record.refresh = mname, rname, math.tointeger(a), math.tointeger(b)
    record.retry, record.expire, record.minimum = math.tointeger(c), math.tointeger(d), math.tointeger(e)
  end
  return record
end

local function dns_records(call, given)
  local records = {}
  for i, one in ipairs(given or {}) do
    records[i] = dns_record(call, one)
  end
  return records
end

kind("dns", {
  calls = { "dns.query" },
  compares = set("name", "type", "server", "port"),
  says = set("answer", "rcode", "authority", "additional", "authoritative", "truncated", "recursion_available",
    "authentic"),
  read = function(step)
    local options = step.arguments[3] or {}
    local wanted = step.arguments[2] or "A"
    wanted = type(wanted) == "number" and (numbers[wanted] or "TYPE" .. wanted) or wanted:upper()
    return {
      name = step.arguments[1], type = wanted, server = options.server, port = options.port or 53, options = options,
      at = options.server and literal(options.server), timeout = step.timeout,
    }
  end,
  place = function(call)
    return call.at .. " port " .. call.port
  end,
  garbage = function()
    return "the answer cannot be read: shorter than a header"
  end,
  build = function(call, said, answer)
    local records = dns_records(call, type(said.answer) == "table" and said.answer or {})
    local result = {
      rcode = said.rcode or "NOERROR",
      answer = records,
      authority = dns_records(call, said.authority),
      additional = dns_records(call, said.additional),
      rtt = answer.after,
      size = 40 + 16 * #records,
      server = call.at,
      tcp = call.options.tcp or false,
      id = 1,
      authoritative = said.authoritative or false,
      truncated = said.truncated or false,
      recursion_available = said.recursion_available ~= false,
      authentic = said.authentic or false,
      edns = call.options.edns ~= false and 1232 or nil,
    }
    answer.results = { n = 1, result }
  end,
  example = function(call)
    local data = call.type == "A" and '"192.0.2.1"' or call.type == "AAAA" and '"2001:db8::1"' or '"..."'
    return string.format("fake.dns{ name = %q, type = %q, answer = { %s } }", call.name, call.type, data)
  end,
})

kind("resolve", {
  calls = { "dns.resolve" },
  compares = set("name"),
  says = set("addresses"),
  read = function(step)
    return { name = step.arguments[1], family = (step.arguments[2] or {}).family, timeout = step.timeout }
  end,
  place = function(call)
    return call.name
  end,
  build = function(call, said, answer)
    local found = {}
    for _, address in ipairs(said.addresses or {}) do
      local family = address:find(":", 1, true) and 6 or 4
      if call.family == nil or call.family == family then
        found[#found + 1] = address
      end
    end
    if #found == 0 then
      answer.code = "resolve"
      local why = call.family and "it has no IPv" .. call.family .. " address" or "there is no such name"
      answer.text = call.name .. ": " .. why
    else
      answer.results = { n = 1, found }
    end
  end,
  example = function(call)
    return string.format('fake.resolve{ name = %q, addresses = { "192.0.2.1" } }', call.name)
  end,
})

-- ---- connections ----

function M.tls_fields(call, said, seconds)
  return {
    cert = certificate(call.host, said.cert),
    protocol = said.protocol or "TLSv1.3",
    alpn = said.alpn or (call.options.alpn or {})[1],
    handshake = seconds,
  }
end

local function read_connect(step)
  local host = step.arguments[1]
  return {
    host = host, port = step.arguments[2], options = step.arguments[3] or {}, at = literal(host),
    timeout = step.timeout,
  }
end

local function place_of_connect(call)
  return call.at .. " port " .. call.port
end

local function build_connect(call, said, answer, fields)
  answer.address, answer.port, answer.rtt, answer.fields = call.at, call.port, answer.after, fields
  answer.feeds = {}
  local after = answer.after
  for _, one in ipairs(type(said.greeting) == "table" and said.greeting or { said.greeting }) do
    after = M.add_feed(answer.feeds, one, after)
  end
  if said.closes and said.reply == nil then
    M.add_feed(answer.feeds, { "", closes = true }, after)
  end
end

kind("tcp", {
  calls = { "tcp.connect" },
  compares = set("host", "port"),
  says = set("greeting", "reply", "closes", "starttls"),
  read = read_connect,
  place = place_of_connect,
  build = function(call, said, answer)
    build_connect(call, said, answer, {})
  end,
  example = function(call)
    return string.format("fake.tcp{ host = %q, port = %d, reply = ... }", call.host, call.port)
  end,
})

kind("tls", {
  calls = { "tls.connect" },
  compares = set("host", "port"),
  says = set("greeting", "reply", "closes", "cert", "protocol", "alpn"),
  read = read_connect,
  place = place_of_connect,
  build = function(call, said, answer)
    build_connect(call, said, answer, M.tls_fields(call, said, answer.after / 2))
  end,
  example = function(call)
    return string.format("fake.tls{ host = %q, port = %d, cert = { days_left = 60 } }", call.host, call.port)
  end,
})

-- ---- udp, icmp, exec ----

kind("udp", {
  calls = { "udp.exchange" },
  compares = set("host", "port", "sent"),
  says = set("reply"),
  read = function(step)
    local host = step.arguments[1]
    return {
      host = host, port = step.arguments[2], sent = step.arguments[3], options = step.arguments[4] or {},
      at = literal(host), timeout = step.timeout,
    }
  end,
  place = place_of_connect,
  build = function(call, said, answer)
    local reply = said.reply
    if type(reply) == "function" then
      reply = reply(call.sent)
    end
    if reply == nil then
      answer.after = nil
    elseif #reply > (call.options.max or 65535) then
      answer.code, answer.text = "toolong", place_of_connect(call) .. ": a reply of " .. #reply .. " bytes"
    else
      answer.results = { n = 2, reply, answer.after }
    end
  end,
  example = function(call)
    return string.format('fake.udp{ host = %q, port = %d, reply = "..." }', call.host, call.port)
  end,
})

kind("icmp", {
  calls = { "icmp.ping" },
  compares = set("host"),
  says = set("lost", "rtt"),
  read = function(step)
    return { host = step.arguments[1], options = step.arguments[2] or {}, at = literal(step.arguments[1]) }
  end,
  place = function(call)
    return call.at
  end,
  build = function(call, said, answer)
    local count = call.options.count or 3
    local lost = said.lost == true and count or said.lost or 0
    local rtt = said.rtt or M.latency
    local interval = type(call.options.interval) == "number" and call.options.interval or 0.2
    local wait = type(call.options.timeout) == "number" and call.options.timeout or 1
    local result = { address = call.at, sent = count, received = count - lost, loss = 100 * lost / count }
    if lost < count then
      result.min, result.avg, result.max = rtt, rtt, rtt
    end
    answer.failed = lost == count
    answer.after = said.slow or (count - 1) * interval + (lost > 0 and wait or rtt)
    answer.results = { n = 1, result }
  end,
  example = function(call)
    return string.format("fake.icmp{ host = %q, lost = 0 }", call.host)
  end,
})

kind("exec", {
  calls = { "exec.run" },
  compares = set("command", "input"),
  says = set("code", "signal", "stdout", "stderr"),
  read = function(step)
    local options = step.arguments[2] or {}
    return { command = table.concat(step.arguments[1], " "), words = step.arguments[1], input = options.input,
      options = options, timeout = step.timeout, at = step.arguments[1][1] }
  end,
  place = function(call)
    return call.words[1]
  end,
  build = function(call, said, answer)
    local most = call.options.max_output or 16384
    local out, err = said.stdout or "", said.stderr or ""
    answer.results = { n = 1, {
      code = not said.signal and (said.code or 0) or nil,
      signal = said.signal,
      stdout = out:sub(1, most),
      stderr = err:sub(1, most),
      truncated = #out > most or #err > most,
      took = answer.after,
    } }
  end,
  example = function(call)
    return string.format('fake.exec{ command = %q, stdout = "..." }', call.command)
  end,
})


return M
