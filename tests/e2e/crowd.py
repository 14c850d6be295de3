"""Many good Lua checks beside bad ones: for the test that no route moves, and for the benchmark that says how late they
were."""
import json

# Keeps the longest time between the starts of two runs, also over the end of a worker; from the last change of the key
# data/phase on.
GOOD = """#!lua
local now = time.monotonic()
if state.phase ~= data.phase then state.phase, state.worst = data.phase, nil end
local worst = state.last and now - state.last > (state.worst or 0) and now - state.last or state.worst
state.last, state.worst, state.runs = now, worst, (state.runs or 0) + 1
{look}
return true, {{worst = state.worst, runs = state.runs, phase = state.phase}}
"""
LOOKS = {
    "pure": "",
    "sleep": "time.sleep(0.05)",
    "http": "local r = assert(http.get('http://127.0.0.1:8080/health', {timeout = 1})) if r.status ~= 200 then return false end",
    "dns": "assert(dns.query('www.example.net', 'A', {server = '127.0.0.1', timeout = 1}))",
}

# name: (script, what its status says)
BAD = {
    "loop": ("while true do end", "killed"),
    "pattern": ("return (('a'):rep(60)):find(('a*'):rep(40) .. 'b') == nil", "too costly"),
    "hoarder": ("local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end", "memory"),
    "raiser": ("local x = nil return x.y", "attempt to index"),
    "sleeper": ("time.sleep(3600) return true", "timed out"),
    "burner": ("local t = time.monotonic() for i = 1, 8000000 do end return nothing", "returned"),
    "bomb": ("local f f = function() parallel{f, f} end f()", ""),
    "logger": ("while true do log.error(('x'):rep(100000)) end", "killed"),
}


def prefix_of(number):
    return f"10.30.{number // 250}.{number % 250}/32"


def put_good(lab, count, look, interval="1s", env=None):
    """Routes g0 … in batches; scripts are all the same, so they share sandboxes."""
    script = GOOD.format(look=LOOKS[look])
    options = json.dumps({"interval": interval, "env": env or {}})
    keys = {}
    for number in range(count):
        keys[f"routes/g{number}/options"] = options
        keys[f"routes/g{number}/healthcheck"] = script
        keys[f"routes/g{number}/config"] = f"route {prefix_of(number)} next-hop self"
        if len(keys) >= 90:
            lab.put_all(keys)
            keys = {}
    lab.put_all(keys)


def put_bad(lab, copies=1, interval="500ms", kinds=None):
    """Each a script of its own, so that none profits from the quarantine of another."""
    keys = {}
    for at, (name, (body, _)) in enumerate(BAD.items()):
        if kinds and name not in kinds:
            continue
        for copy in range(copies):
            route = f"bad-{name}-{copy}"
            keys[f"routes/{route}/options"] = json.dumps({"interval": interval, "timeout": "300ms"})
            keys[f"routes/{route}/healthcheck"] = f"#!lua\n-- {copy}\n{body}\n"
            keys[f"routes/{route}/config"] = f"route 10.31.{at}.{copy}/32 next-hop self"
    lab.put_all(keys)
    return [key.split("/")[1] for key in keys if key.endswith("/config")]


def begin_phase(lab, phase):
    """Longest times count from here on."""
    lab.put("data/phase", phase)
    lab.wait_for(lambda: all(route["data"] and route["data"].get("phase") == phase
                             for route in lab.api("routes", names=["g*"], timeout=30)["routes"]), 60, f"all are in {phase}")


def good_data(lab):
    """[(runs, longest gap in seconds)] of the good checks."""
    routes = lab.api("routes", names=["g*"], timeout=30)["routes"]
    return [(route["data"]["runs"], route["data"].get("worst") or 0) for route in routes if route["data"]]
