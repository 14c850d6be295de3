"""The HTTP API under wrk, beside the Flask script of the article that it takes the place of, under gunicorn. Each is a process
of the same ExaBGP with the same peer."""
import contextlib
import json
import os
import statistics

from lab import Lab

PORT = 5000
CONNECTIONS, THREADS = 16, 2
PREFIXES = 1000
# As in the article, with the line that its guest asks for changed to print what wrk sends; gunicorn as it recommends.
FLASK = '''from flask import Flask, request
from sys import stdout

app = Flask(__name__)

# Setup a command route to listen for prefix advertisements
@app.route('/', methods=['POST'])
def command():

    command = request.form['command']
    stdout.write('%s\\n' % command)
    stdout.flush()

    return '%s\\n' % command
'''
GUNICORN = """#!/bin/sh
# Threads, so that a connection lasts for more than one request.
cd {dir}/flask && exec /usr/bin/gunicorn --workers 2 --threads 4 --bind 127.0.0.1:{port} --log-level error app:app
"""
# Each command changes a route: one that changes nothing would not reach ExaBGP.
WRK = """
local number, threads = 0, 0
function setup(thread) thread:set("id", threads) threads = threads + 1 end
function request()
  if "{method}" == "GET" then return wrk.format("GET", "{path}") end
  number = number + 1
  local at = number % {prefixes}
  local body = string.format("command=announce+route+10.%d.%d.%d/32+next-hop+self+med+%d", 50 + id, math.floor(at / 250),
                             at % 250, math.floor(number / {prefixes}) + 1)
  return wrk.format("POST", "{path}", {{["Content-Type"] = "application/x-www-form-urlencoded"}}, body)
end
function done(summary, latency, requests)
  io.write(string.format('\\nFIGURES {{"requests": %d, "us": %d, "bad": %d, "p50": %f, "p99": %f, "max": %f}}\\n',
    summary.requests, summary.duration, ("{method}" == "POST" and summary.errors.status or 0) + summary.errors.connect + summary.errors.read
    + summary.errors.write + summary.errors.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    latency.max / 1000))
end
"""


def wrk(lab, method, path, seconds):
    script = lab.dir / "wrk.lua"
    script.write_text(WRK.format(method=method, path=path, prefixes=PREFIXES))
    out = lab.inside(lab.exa, "wrk", "-t", THREADS, "-c", CONNECTIONS, "-d", f"{seconds}s", "-s", script,
                     f"http://127.0.0.1:{PORT}", timeout=seconds + 120)
    figures = json.loads(out.split("FIGURES ")[1].splitlines()[0])
    figures["rate"] = figures["requests"] / figures["us"] * 1e6
    return figures


def text_of(figures):
    return (f"{figures['rate']:.0f} a second, median {figures['p50']:.2f} ms, p99 {figures['p99']:.2f} ms, "
            f"longest {figures['max']:.0f} ms, {figures['bad']} failed")


def is_answered(lab):
    return "000" != lab.inside(lab.exa, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{PORT}/",
                               check=False).strip()


def fate(lab, expected):
    """What became of the routes whose commands were answered: (how many BIRD got, whether it had the session all the time)"""
    held = []

    def is_over():
        held.append(lab.bird.is_up())
        return lab.bird.count() >= expected or not held[-1]
    with contextlib.suppress(AssertionError):
        lab.wait_for(is_over, 150, "BIRD has the routes, or no session", interval=0.5)
    return lab.bird.count(), all(held)


def measure(lab, seconds, read_path):
    lab.wait_for(lambda: is_answered(lab), 30, "it answers")
    reading = wrk(lab, "GET", read_path, seconds)
    commands = wrk(lab, "POST", "/", seconds)
    arrived, is_held = fate(lab, min(THREADS * PREFIXES, commands["requests"]))
    return {"GET": reading, "POST": commands, "arrived": arrived, "held": is_held}


def ours(seconds):
    lab = Lab(arguments=f"--http 127.0.0.1:{PORT}")
    try:
        lab.node_file.write_text("http_rate 1000000\n")
        lab.start_exabgp()
        return measure(lab, seconds, "/v1/status")
    finally:
        lab.close()


def flask(seconds):
    # As in the article, and no answers: nobody reads what ExaBGP says, which waits for ever once that pipe is full.
    lab = Lab(program="none", bare=True, environment={"exabgp_api_ack": "false"})
    try:
        (lab.dir / "flask").mkdir()
        (lab.dir / "flask" / "app.py").write_text(FLASK)
        lab.program.write_text(GUNICORN.format(dir=lab.dir, port=PORT))
        lab.program.chmod(0o755)
        lab.start_exabgp(wait=False)
        lab.wait_for(lab.bird.is_up, 30, "a session")
        return measure(lab, seconds, "/")  # it has nothing to read: 405, the least that it answers
    finally:
        lab.close()


def main(seconds, repeat):
    """The two in turn, so that what else the machine does falls on both."""
    runs = {"bgpcommander": [], "Flask": []}
    for _ in range(repeat):
        for name, run in (("bgpcommander", ours), ("Flask", flask)):
            done = run(seconds)
            runs[name].append(done)
            print(f"{name}: GET {text_of(done['GET'])}\n{name}: POST {text_of(done['POST'])}\n{name}: BIRD got {done['arrived']} of "
                  f"{THREADS * PREFIXES} routes, its session {'held' if done['held'] else 'was lost'}", flush=True)
    for what in ("GET", "POST"):
        for figure in ("rate", "p50", "p99"):
            mine, theirs = (statistics.median(run[what][figure] for run in runs[name]) for name in ("bgpcommander", "Flask"))
            print(f"{what} {figure}, medians of {repeat}: bgpcommander {mine:.2f}, Flask {theirs:.2f}, ratio {mine / theirs:.2f}")
    print(f"{os.cpu_count()} processors, {CONNECTIONS} connections, {seconds} s each")
