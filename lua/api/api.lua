-- All that a Lua check finds, described once: here the calls to other hosts and programs, in tables.lua the rest. LuaLS
-- reads the files as they are (completion and types in the editor); tests/lint/gen_lua_api.py makes docs/lua-api.md of
-- them. Nothing in them runs.
--
-- How it is read: a line `--- # Title` begins a section of the page. `---@class NAME` before `NAME = {}` is a table
-- that scripts find; before `local NAME = {}` it is what a call returns; with fields only it is described where it
-- stands. A field or parameter whose text ends with `(default: X)` gets X in the column of defaults. Each function has
-- one example, which tests/scenario/test_lua_api_examples.py runs: its last lines begin with `-->` and say what came.
-- `---@async` stands before what waits, `---@nodiscard` before what is called for its result: `bgpcommander lint` knows
-- all of this from src/model/lint_api.def, which is made of it too.
---@meta bgpcommander

--- # Common
---
--- **Options** are one table, the last argument, and may be left out. An unknown option, a wrong type and a value out
--- of range raise an error that names what is known: `unknown option 'tiemout': expected method, headers, …`.
---
--- **Errors of the network are returned**: `nil`, a text of one line and a code. The text names the place:
--- `192.0.2.10 port 81: connection refused`. So `return nil, err` is a check that is down with its reason, and
--- `assert(http.get(url))` withdraws as well: a run that raises after a call has failed is down, not a script error.
---
--- **Time**: a call without `timeout` lasts until the check's own timeout ends the whole run (down, status `timeout`).
--- With `timeout` only the call ends: `nil, "192.0.2.99 port 80: timeout after 1000 ms", "timeout"`.
---
--- **Places**: a host is a name or an address; an IPv6 address may stand in brackets. Names are looked up by the
--- servers of /etc/resolv.conf and by /etc/hosts; of several addresses each is tried in turn. Each address is judged by
--- the [egress rules](egress.md) right before it is connected to, also behind names and redirects.
---
--- **Waiting**: a call that waits lets all other checks go on. It cannot be made inside a callback of `string.gsub` or
--- `table.sort`, nor inside `__tostring`.
---
--- A run may have 64 (`BC_LIMIT_LUA_CALLS`) calls under way at once, all runs of a worker together 4,096
--- (`BC_LIMIT_LUA_CALLS_ALL`); one more returns the code `limit`.

--- A time: a number of seconds, which may be a fraction, or a text with a unit (`"500ms"`, `"2s"`, `"1m"`). More than
--- 0, at most 1 h.
---@alias duration number|string

--- Why a call has failed: the third value, for programs. The texts may change, these do not.
---@alias ErrorCode
---| "timeout" # the call's own timeout is over
---| "refused" # the other side refused the connection
---| "unreachable" # no way there: no route, no neighbor, no such address family
---| "reset" # the other side broke the connection off
---| "closed" # the other side closed the connection before what was waited for had come
---| "resolve" # the name has no address, or no server told one
---| "egress" # the egress rules deny this address
---| "tls" # the TLS handshake failed: certificate, name, version
---| "protocol" # the answer is not what the protocol allows, or not what was expected
---| "toolong" # what came is longer than the call takes
---| "limit" # too many at once in this run or on this node, or too much work
---| "denied" # the node file does not allow it
---| "notfound" # there is no such program or file
---| "permission" # the kernel does not let us
---| "unsupported" # this build or this host cannot do it
---| "io" # anything else

--- # http

--- Requests by HTTP and HTTPS. No proxy, no cookies; names are looked up as everywhere here. An answer is a result
--- whatever its status: judge `status`. Where a redirect leads to another server, it gets none of the headers but such
--- as Accept, no client certificate and no `connect_to`; from https no redirect leads to http.
---@class http
http = {}

---@class http.Options
---@field method? string only for `http.request`: in capital letters (default: "GET", "POST" with a body)
---@field headers? table<string, string> more headers of the request; not those of the connection and the body's length
---@field body? string only for `http.post` and `http.request`: what is sent
---@field timeout? duration ends the whole call, redirects and body too (default: that of the check)
---@field connect_timeout? duration ends the connect, TLS too (default: as timeout)
---@field max_body? integer bytes of the body that are kept, at most 262144; what is more is not read (default: 65536)
---@field connect_to? string `"ADDRESS"`, `"ADDRESS:PORT"` or `"NAME:PORT"`: connect there; Host and TLS name stay
---@field redirects? integer how many redirects are followed, 0 to 10; without, a 301 is the result (default: 0)
---@field keep? boolean the connection may serve the next request to this place (default: false)
---@field version? "1.1"|"2" the version of HTTP to ask for; "2" goes without a body (default: "1.1")
---@field tls? http.Tls for https

---@class http.Tls
---@field verify? boolean the certificate must be valid and for this name (default: true)
---@field ca? string certificates in PEM that are trusted in place of the system's
---@field cert? string our certificate in PEM
---@field key? string its key in PEM
---@field name? string the name to ask for and to verify (default: that of the URL)
---@field min? "1.2"|"1.3" the oldest version of TLS (default: "1.2")

---@class http.Response
---@field status integer 200, 404 …
---@field headers table<string, string> by names in lower case; several of one name joined by `, `
---@field body string as much of it as max_body
---@field body_truncated boolean there was more
---@field url string the last one, behind redirects
---@field redirects integer how many were followed
---@field address string that was connected to
---@field port integer
---@field version string "1.0", "1.1", "2"
---@field timings http.Timings
---@field cert? Cert of the server, with https

---@class http.Timings
---@field resolve number seconds for the name
---@field connect number seconds for the connect by TCP
---@field tls number seconds for the TLS handshake, 0 without
---@field first_byte number seconds from the start to the first byte of the answer
---@field total number seconds in all

---@class Cert
---@field subject string
---@field issuer string
---@field names string[] for which it holds: DNS names and addresses
---@field not_before number Unix time
---@field not_after number Unix time
---@field days_left number until not_after; negative: expired
---@field serial string
---@field sha256 string fingerprint in hex

--- GET.
---
--- ```lua
--- local r, err = http.get("http://www.example.net/health", { timeout = 1 })
--- if not r then
---   return false, err
--- end
--- return r.status == 200, { status = r.status, body = r.body }
--- --> up {"status": 200, "body": "ok\n"}
--- ```
---@async
---@nodiscard
---@param url string http:// or https://
---@param options? http.Options
---@return http.Response? response
---@return string? err
---@return ErrorCode? code
function http.get(url, options) end

--- HEAD: the head of the answer without its body.
---
--- ```lua
--- local r = assert(http.head("https://www.example.net/"))
--- return r.status == 200, { type = r.headers["content-type"], days_left = r.cert.days_left // 10 * 10 }
--- --> up {"type": "text/plain", "days_left": 80.0}
--- ```
---@async
---@nodiscard
---@param url string
---@param options? http.Options
---@return http.Response? response
---@return string? err
---@return ErrorCode? code
function http.head(url, options) end

--- POST, with `body` from the options.
---
--- ```lua
--- local r = assert(http.post("http://www.example.net/echo", {
---   headers = { ["Content-Type"] = "application/json" },
---   body = json.encode({ name = "probe" }),
--- }))
--- return json.decode(r.body).name == "probe"
--- --> up
--- ```
---@async
---@nodiscard
---@param url string
---@param options? http.Options
---@return http.Response? response
---@return string? err
---@return ErrorCode? code
function http.post(url, options) end

--- Any method. Here the site is asked at an address of its own, as the service address is on each node the same.
---
--- ```lua
--- local r, err, code = http.request("http://www.example.net/", { method = "OPTIONS", connect_to = "192.0.2.10:81" })
--- if not r then
---   log.info(code)
---   return false, err
--- end
--- return r.status < 500
--- --> down: 192.0.2.10 port 81: connection refused
--- --> info: refused
--- ```
---@async
---@nodiscard
---@param url string
---@param options? http.Options
---@return http.Response? response
---@return string? err
---@return ErrorCode? code
function http.request(url, options) end

--- # dns

--- Questions to DNS servers.
---@class dns
dns = {}

---@class dns.Options
---@field server? string address or name of the server (default: the first of /etc/resolv.conf)
---@field port? integer its port (default: 53)
---@field tcp? boolean ask by TCP (default: false)
---@field timeout? duration ends the call (default: that of the check)
---@field recursion? boolean ask for recursion, flag RD (default: true)
---@field edns? integer|false bytes that we take by UDP (EDNS), from 512; false: without EDNS (default: 1232)
---@field class? string class of the question (default: "IN")
---@field retry_tcp? boolean ask again by TCP when the answer is truncated (default: true)

---@class dns.Answer
---@field rcode string "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED" …
---@field answer dns.Record[] the records that answer
---@field authority dns.Record[]
---@field additional dns.Record[]
---@field rtt number seconds
---@field size integer bytes
---@field server string address that answered
---@field tcp boolean it came by TCP
---@field id integer
---@field authoritative boolean flag AA
---@field truncated boolean flag TC
---@field recursion_available boolean flag RA
---@field authentic boolean flag AD
---@field edns? integer bytes that the server takes by UDP; nil: it has no EDNS

--- One record. What else it has depends on its type: A and AAAA `address`; NS `host`; CNAME, PTR and DNAME `target`;
--- MX `preference`, `exchange`; SRV `priority`, `weight`, `port`, `target`; SOA `mname`, `rname`, `serial`, `refresh`,
--- `retry`, `expire`, `minimum`; TXT and SPF `text`, an array; CAA `flags`, `tag`, `value`. Others have only `data`.
---@class dns.Record
---@field name string
---@field type string "A", "TXT", "TYPE4711" …
---@field class string
---@field ttl integer seconds
---@field data string the data as in a master file
---@field [string] any what its type has besides

--- Asks a server. An answer with NXDOMAIN or SERVFAIL is a result: judge `rcode`. PTR of an address asks for its reverse
--- name. The type may be left out, also before options.
---
--- ```lua
--- local r, err = dns.query("www.example.net", "A", { server = "192.0.2.53", timeout = 1 })
--- if not r then
---   return false, err
--- end
--- return r.rcode == "NOERROR" and #r.answer > 0, { first = r.answer[1].address }
--- --> up {"first": "192.0.2.10"}
--- ```
---@async
---@nodiscard
---@param name string
---@param type? string|integer "A", "AAAA", "TXT", "TYPE65", 65 … (default: "A")
---@param options? dns.Options
---@return dns.Answer? answer
---@return string? err
---@return ErrorCode? code
function dns.query(name, type, options) end

---@class dns.ResolveOptions
---@field family? 4|6 only these addresses (default: both)
---@field timeout? duration ends the call (default: that of the check)

--- The addresses of a name, as all calls here find them. A name without any is an error, `resolve`.
---
--- ```lua
--- local addresses, err = dns.resolve("www.example.net", { family = 6 })
--- return addresses ~= nil, addresses or err
--- --> up ["2001:db8::10"]
--- ```
---@async
---@nodiscard
---@param name string
---@param options? dns.ResolveOptions
---@return string[]? addresses
---@return string? err
---@return ErrorCode? code
function dns.resolve(name, options) end

--- # tcp

--- Connections by TCP.
---@class tcp
tcp = {}

---@class tcp.Options
---@field timeout? duration ends the connect (default: that of the check)

--- Connects. A check of a port is no more than this.
---
--- ```lua
--- local conn, err = tcp.connect("192.0.2.10", 6379, { timeout = "500ms" })
--- if not conn then
---   return false, err
--- end
--- assert(conn:send("PING\r\n"))
--- local answer = assert(conn:line())
--- return answer == "+PONG", { answer = answer }
--- --> up {"answer": "+PONG"}
--- ```
---@async
---@nodiscard
---@param host string
---@param port integer
---@param options? tcp.Options
---@return Connection? connection
---@return string? err
---@return ErrorCode? code
function tcp.connect(host, port, options) end

--- # tls

--- Connections by TLS.
---@class tls
tls = {}

---@class tls.Options
---@field timeout? duration ends connect and handshake (default: that of the check)
---@field verify? boolean the certificate must be valid and for this name (default: true)
---@field ca? string certificates in PEM that are trusted in place of the system's
---@field cert? string our certificate in PEM
---@field key? string its key in PEM
---@field name? string the name to ask for (SNI) and to verify (default: the host that was connected to)
---@field min? "1.2"|"1.3" the oldest version of TLS (default: "1.2")
---@field alpn? string[] protocols to offer, such as `{ "h2", "http/1.1" }`

--- Connects by TCP and does the handshake.
---
--- ```lua
--- local conn, err = tls.connect("www.example.net", 443, { timeout = 1 })
--- if not conn then
---   return false, err
--- end
--- if conn.cert.days_left < 14 then
---   return false, string.format("the certificate expires in %.1f days", conn.cert.days_left)
--- end
--- return true, { protocol = conn.protocol }
--- --> up {"protocol": "TLSv1.3"}
--- ```
---@async
---@nodiscard
---@param host string
---@param port integer
---@param options? tls.Options
---@return Connection? connection
---@return string? err
---@return ErrorCode? code
function tls.connect(host, port, options) end

--- # Connection

--- What `tcp.connect` and `tls.connect` return. It is closed when the run ends, however it ends.
---@class Connection
---@field address string that was connected to
---@field port integer
---@field rtt number seconds that the connect by TCP took
---@field cert? Cert of the server, with TLS
---@field protocol? string "TLSv1.3"
---@field alpn? string the protocol that was agreed on
---@field handshake? number seconds that the TLS handshake took
local Connection = {}

---@class SendOptions
---@field timeout? duration ends the call (default: that of the check)

--- Sends all of the text.
---
--- ```lua
--- local conn = assert(tcp.connect("192.0.2.10", 6379))
--- assert(conn:send("PING\r\n", { timeout = 1 }))
--- return conn:line() == "+PONG"
--- --> up
--- ```
---@async
---@param text string
---@param options? SendOptions
---@return true? sent
---@return string? err
---@return ErrorCode? code
function Connection:send(text, options) end

---@class ReceiveOptions
---@field bytes? integer exactly so many: `receive({ bytes = 4 })` is `receive(4)`
---@field max? integer at most so many (default: 65536)
---@field timeout? duration ends the call (default: that of the check)

--- Some bytes, at least one, as soon as there are any; or exactly so many as asked for. At the end of the connection:
--- `nil`, a text, `closed`. The number may be left out, also before options.
---
--- ```lua
--- local conn = assert(tcp.connect("192.0.2.10", 6379))
--- assert(conn:send("PING\r\n"))
--- return conn:receive(1) == "+" and conn:receive(4, { timeout = 1 }) == "PONG", { rest = #conn:receive() }
--- --> up {"rest": 2}
--- ```
---@async
---@nodiscard
---@param bytes? integer exactly so many
---@param options? ReceiveOptions
---@return string? bytes
---@return string? err
---@return ErrorCode? code
function Connection:receive(bytes, options) end

---@class LineOptions
---@field max? integer bytes that a line may have (default: 8192)
---@field timeout? duration ends the call (default: that of the check)

--- The next line, without its line break (`\n` or `\r\n`).
---
--- ```lua
--- local conn = assert(tcp.connect("mail.example.net", 25))
--- local banner = assert(conn:line({ timeout = 2 }))
--- return banner:find("^220 ") ~= nil, { banner = banner }
--- --> up {"banner": "220 mail.example.net ESMTP"}
--- ```
---@async
---@nodiscard
---@param options? LineOptions
---@return string? line
---@return string? err
---@return ErrorCode? code
function Connection:line(options) end

---@class ExpectOptions
---@field plain? boolean a text is looked for, no pattern (default: false)
---@field max? integer of the first so many bytes (default: 65536)
---@field timeout? duration ends the call (default: that of the check)

--- Reads until the pattern is found in what came, and takes it up to the end of the match. Returns the captures, or all
--- of the match if it has none. When the connection ends before: `nil`, a text that shows how it began, `protocol`.
---
--- ```lua
--- local conn = assert(tcp.connect("mail.example.net", 25))
--- local name = assert(conn:expect("220 (%S+) [^\r\n]*\r\n"))
--- assert(conn:send("EHLO probe\r\n"))
--- assert(conn:expect("250 [^\n]*\n", { timeout = 2 }))
--- return true, { name = name }
--- --> up {"name": "mail.example.net"}
--- ```
---@async
---@nodiscard
---@param pattern string
---@param options? ExpectOptions
---@return string? match
---@return string? ...
function Connection:expect(pattern, options) end

--- Begins TLS on a connection that has talked in the clear so far. Then `cert` and the like are there. The
--- certificate must be for the host that was connected to, unless you say a `name`. Nothing may have come that was not
--- read yet.
---
--- ```lua
--- local conn = assert(tcp.connect("mail.example.net", 25))
--- assert(conn:expect("220 [^\n]*\n"))
--- assert(conn:send("EHLO probe\r\n"))
--- assert(conn:expect("250 STARTTLS\r\n", { plain = true }))
--- assert(conn:send("STARTTLS\r\n"))
--- assert(conn:expect("220 [^\n]*\n"))
--- assert(conn:starttls({ timeout = 1 }))
--- return conn.cert.days_left > 14, { names = conn.cert.names }
--- --> up {"names": ["www.example.net", "mail.example.net"]}
--- ```
---@async
---@nodiscard
---@param options? tls.Options
---@return true? started
---@return string? err
---@return ErrorCode? code
function Connection:starttls(options) end

--- Closes it. To use it afterwards raises; a call that waits on it in another thread returns `nil`, a text, `closed`.
---
--- ```lua
--- local conn = assert(tcp.connect("192.0.2.10", 80))
--- conn:close()
--- return not pcall(conn.send, conn, "too late"), { address = conn.address }
--- --> up {"address": "192.0.2.10"}
--- ```
function Connection:close() end

--- # udp

--- One datagram there, one back.
---@class udp
udp = {}

---@class udp.Options
---@field timeout? duration ends the call (default: that of the check)
---@field max? integer bytes that the reply may have; a longer one is an error (default: 65535)
---@field tries? integer how often it is sent in all, up to 10: each `timeout` / `tries`, else each second (default: 1)

--- Sends a datagram and waits for one from the same place. Returns it, and the seconds since it was last sent.
---
--- ```lua
--- local request = string.pack("B", 0x23) .. ("\0"):rep(47) -- NTP, version 4, client
--- local reply, err = udp.exchange("192.0.2.123", 123, request, { timeout = 1, tries = 2 })
--- if not reply then
---   return false, err
--- end
--- return #reply == 48, { stratum = reply:byte(2) }
--- --> up {"stratum": 2}
--- ```
---@async
---@nodiscard
---@param host string
---@param port integer
---@param payload string
---@param options? udp.Options
---@return string? reply
---@return number|string? rtt
---@return ErrorCode? code
function udp.exchange(host, port, payload, options) end

--- # icmp

--- Ping.
---@class icmp
icmp = {}

---@class icmp.Options
---@field count? integer how many echo requests, 1 to 100 (default: 3)
---@field interval? duration between them, at least 10 ms (default: 0.2)
---@field timeout? duration for each reply (default: 1)
---@field size? integer bytes of data in each, 8 to 9000 (default: 56)

---@class icmp.Result
---@field address string that was asked
---@field sent integer
---@field received integer
---@field loss number percent, 0 to 100
---@field min? number seconds; nil when nothing came
---@field avg? number seconds
---@field max? number seconds

--- Pings a host. That nothing came back is a result: `loss` is 100. The kernel must let the daemon's group send them
--- (net.ipv4.ping_group_range); else `nil`, a text that says what to set, `permission`.
---
--- ```lua
--- local r, err = icmp.ping("192.0.2.10", { count = 2, interval = "50ms" })
--- if not r then
---   return false, err
--- end
--- return r.loss < 50, { loss = r.loss }
--- --> up {"loss": 0}
--- ```
---@async
---@nodiscard
---@param host string
---@param options? icmp.Options
---@return icmp.Result? result
---@return string? err
---@return ErrorCode? code
function icmp.ping(host, options) end

--- # exec

--- Programs of the host, as far as the node file allows them by [exec_allow](settings.md). Only in the daemon:
--- `bgpcommander run` starts none.
---@class exec
exec = {}

---@class exec.Options
---@field timeout? duration ends it with all that it started (default: that of the check)
---@field input? string what it reads (default: "")
---@field max_output? integer bytes that are kept of each, its output and its errors (default: 16384)

---@class exec.Result
---@field code? integer exit code; nil: a signal ended it
---@field signal? integer
---@field stdout string
---@field stderr string
---@field truncated boolean there was more
---@field took number seconds

--- Runs a program, without a shell. Any exit code is a result: judge `code`.
---
--- ```lua
--- local r, err = exec.run({ "/usr/sbin/birdc", "show", "protocols", "upstream1" }, { timeout = 1 })
--- if not r then
---   return false, err
--- end
--- return r.code == 0 and r.stdout:find("Established", 1, true) ~= nil
--- --> neutral: programs can be run by the daemon only
--- ```
---@async
---@nodiscard
---@param argv string[] the program with its whole path, then its arguments
---@param options? exec.Options
---@return exec.Result? result
---@return string? err
---@return ErrorCode? code
function exec.run(argv, options) end
