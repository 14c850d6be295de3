"""examples/checks: what their READMEs say is there, and each check tells a service that is well from one that is not."""
import contextlib
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import jsonschema
import pytest
import samples
from fake_exabgp import Daemon
from wait import wait_for

EXAMPLES = samples.ROOT / "examples/checks"
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
SCHEMA = json.loads((samples.ROOT / "docs/options.schema.json").read_text())
PROGRAM = os.environ.get("BGPCOMMANDER", "build/bgpcommander")
NODE_FILES = {"unbound": "unbound-node-file", "bird": "bird-node-file", "file-age": "file-age-node-file",
              "systemd-unit": "systemd-unit-node-file", "load": "load-node-file"}


def script_of(name):
    return (EXAMPLES / name / "check.lua").read_text()


# ---- what the READMEs say ----

@pytest.mark.parametrize("name", NAMES)
def test_the_readme_tells_every_file_and_no_other(name):
    folder = EXAMPLES / name
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"README.md"}
    told = set(re.findall(r"`(check\.lua|store/(?:routes|node)/[^`]*)`", (folder / "README.md").read_text()))
    assert told == files and len(files) == 5
    assert (folder / "check.lua").is_symlink() and (folder / "check.lua").resolve().name == "healthcheck"
    assert f"[{name}]({name})" in (EXAMPLES / "README.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_variables_of_a_check_are_those_of_its_readme_and_its_options_are_good(name):
    read = set(re.findall(r"options\.env\.(\w+)", script_of(name)))
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", (EXAMPLES / name / "README.md").read_text(), re.M))
    options, = (EXAMPLES / name / "store/routes").glob("*/options")
    given = json.loads(options.read_text())
    assert read == told >= set(given.get("env", {}))
    jsonschema.Draft202012Validator(SCHEMA).validate(given)
    probe = pathlib.Path(os.environ["BC_BUILD"]) / "tests/options_probe"
    assert subprocess.run([probe], input=options.read_text(), stdout=subprocess.PIPE, text=True, timeout=30).stdout == "ok\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_route_is_one_and_the_node_announces_it(name):
    config, = (EXAMPLES / name / "store/routes").glob("*/config")
    done = subprocess.run([PROGRAM, "parse"], input=config.read_text(), text=True, stdout=subprocess.PIPE, timeout=30)
    assert done.stdout.startswith("ok\t")
    assert (EXAMPLES / name / "store/node/edge1/subscribedRoutes").read_text().strip() == config.parent.name


def test_the_command_that_tries_one(world, tmp_path):
    """In the directory of a check that needs a service which is not there: down, and no mistake of the script."""
    words = samples.block("run-an-example").split()
    done = world.run(["env", "-C", EXAMPLES / "mysql", os.path.abspath(PROGRAM), *words[1:]])
    assert words[0] == "bgpcommander" and done.returncode == 1, done
    assert "127.0.0.1 port 3306: connection refused" in done.stdout


def test_the_daemon_takes_all_of_them(tmp_path):
    """Their stores in one; nothing that they ask for is there, no program is allowed, and no script is wrong."""
    store, expected = tmp_path / "store", {}
    for name in NAMES:
        for route in (EXAMPLES / name / "store/routes").iterdir():
            shutil.copytree(route, store / "routes" / route.name)
            expected[route.name] = ("unknown", "refused by this node") if name in NODE_FILES else ("down", None)
    (store / "node/edge1").mkdir(parents=True)
    (store / "node/edge1/subscribedRoutes").write_text("*\n")
    daemon = Daemon(tmp_path, f"file://{store}", "/bgp", node="edge1")
    try:
        def told():
            """What is not wrong of a script or its options."""
            routes = (daemon.ask("routes") or {"routes": []})["routes"]
            return {route["name"]: (route["health"], route["error"] and re.sub(r".*call (refused by this node): .*", r"\1",
                                                                               route["error"])) for route in routes}
        wait_for(lambda: told() == expected, "each check has said something", 30)
    finally:
        daemon.exabgp.close()


# ---- against servers ----

def run(world, name, words=(), **env):
    text = script_of(name)
    head = "local options = json.decode([==[%s]==]) " % json.dumps({"env": env})
    return world.check("#!lua\n" + head + text.partition("\n")[2], *words)


def expect(answer, verdict, reason=None):
    assert (answer["verdict"], answer["error"]) == (verdict, None), answer
    assert reason is None or re.fullmatch(reason, answer["reason"] or ""), answer


def listens(world, port):
    return f":{port} " in world.run(["ss", "-Hltn"]).stdout


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
def test_redis(world):
    for port, more in ((6379, []), (6380, ["--replicaof", "127.0.0.1", "6379"])):
        world.start(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", world.dir, "--daemonize", "no",
                     *more], stdout=subprocess.DEVNULL)
    wait_for(lambda: listens(world, 6379) and listens(world, 6380), "redis listens")
    expect(run(world, "redis", REDIS_ROLE="master"), "up")
    expect(run(world, "redis", REDIS_PORT="6380"), "up")
    expect(run(world, "redis", REDIS_PORT="6380", REDIS_ROLE="master"), "down", "role slave, expected master")
    expect(run(world, "redis", REDIS_PORT="6381"), "down", r"127\.0\.0\.1 port 6381: connection refused")
    world.run(["redis-cli", "CONFIG", "SET", "requirepass", "secret"])
    expect(run(world, "redis"), "down", r"PING: -NOAUTH .*")


@contextlib.contextmanager
def postgres(world, port):
    binary = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[-1]).parent
    folder = tempfile.mkdtemp(prefix="bgpcommander-postgres.")
    shutil.chown(folder, "postgres")
    user = ["runuser", "-u", "postgres", "--"]
    subprocess.run([*user, binary / "initdb", "--no-sync", "--auth=trust", "-D", folder], check=True, cwd="/", timeout=120,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = world.start([*user, binary / "postgres", "-D", folder, "-k", folder, "-p", port, "-c", "fsync=off",
                          "-c", "max_connections=4", "-c", "superuser_reserved_connections=0", "-c", "max_wal_senders=0"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    try:
        wait_for(lambda: world.run([*user, binary / "psql", "-h", "127.0.0.1", "-p", port, "-c", "create role probe login"],
                                   cwd="/").returncode == 0, "postgres is there", 60)
        yield [*user, binary / "psql", "-h", "127.0.0.1", "-p", port]
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(not glob.glob("/usr/lib/postgresql/*/bin/initdb") or os.geteuid() != 0, reason="no postgresql, or not root")
def test_postgres(world):
    with postgres(world, 5432) as psql:
        expect(run(world, "postgres"), "up")
        world.run([*psql, "-c", "drop role probe"], cwd="/")
        expect(run(world, "postgres"), "up")
        holding = [world.start([*psql, "-U", "postgres", "-c", "select pg_sleep(600)"], stdout=subprocess.DEVNULL, cwd="/",
                               stderr=subprocess.DEVNULL) for _ in range(4)]
        try:
            wait_for(lambda: run(world, "postgres")["verdict"] == "down", "all connections are taken")
            expect(run(world, "postgres"), "down", "53300: .*too many clients already")
        finally:
            for process in holding:
                process.kill()
    expect(run(world, "postgres"), "down", r"127\.0\.0\.1 port 5432: connection refused")


def test_postgres_that_starts_up_or_is_something_else(world):
    expect(run(world, "postgres", PGHOST="192.0.2.33", PGPORT="5433"), "down", "57P03: the database system is starting up")
    expect(run(world, "postgres", PGHOST="mail.example.net", PGPORT="25"), "down", 'answer of kind "2": not PostgreSQL')


def test_mysql(world):
    answer = run(world, "mysql", MYSQL_HOST="db.example.net")
    expect(answer, "up")
    assert answer["data"]["version"] == "8.0.36"
    expect(run(world, "mysql", MYSQL_HOST="192.0.2.33", MYSQL_PORT="3307"), "down", "error 1040: Too many connections")
    expect(run(world, "mysql", MYSQL_HOST="192.0.2.10", MYSQL_PORT="80"), "down", r"192\.0\.2\.10 port 80: timeout after 1000 ms")


def test_smtp(world):
    expect(run(world, "smtp", SMTP_HOST="mail.example.net"), "up")
    expect(run(world, "smtp", SMTP_HOST="192.0.2.25", SMTP_TLS="mail.example.net"), "up")
    expect(run(world, "smtp", SMTP_HOST="192.0.2.25", SMTP_TLS="other.example.net"), "down", ".*port 25: .*")
    expect(run(world, "smtp", SMTP_HOST="192.0.2.25", SMTP_PORT="26"), "down", "greeting: 421 too busy, expected 220")
    expect(run(world, "smtp", SMTP_HOST="192.0.2.25", SMTP_PORT="27", SMTP_TLS="mail.example.net"), "down", "no STARTTLS is offered")


HAPROXY = """
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend stats
  bind 127.0.0.1:8404
  stats enable
  stats uri /stats
backend web
  server one 192.0.2.10:80 check inter 100ms
  server two 192.0.2.10:81 check inter 100ms fall 1
backend half
  server one 192.0.2.10:80 check inter 100ms
  server two 192.0.2.10:81 check inter 100ms fall 1
  server three 192.0.2.10:82 check inter 100ms fall 1
backend plain
  server one 192.0.2.10:80
"""


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="no haproxy")
def test_haproxy(world):
    (world.dir / "haproxy.cfg").write_text(HAPROXY)
    world.start(["haproxy", "-db", "-f", world.dir / "haproxy.cfg"], stderr=subprocess.DEVNULL)
    wait_for(lambda: listens(world, 8404), "haproxy listens")
    wait_for(lambda: run(world, "haproxy", HAPROXY_BACKEND="half")["data"] == {"up": 1, "of": 3}, "two are found down")
    answer = run(world, "haproxy")
    expect(answer, "up")
    assert (answer["score"], answer["data"]) == (50, {"up": 1, "of": 2})
    expect(run(world, "haproxy", HAPROXY_BACKEND="half"), "down", "1 of 3 servers are up")
    assert run(world, "haproxy", HAPROXY_BACKEND="plain")["score"] == 100
    expect(run(world, "haproxy", HAPROXY_BACKEND="none"), "down", 'there is no backend "none" with servers')
    expect(run(world, "haproxy", HAPROXY_STATS="http://127.0.0.1:8405/"), "down", r"127\.0\.0\.1 port 8405: connection refused")
    expect(run(world, "haproxy", HAPROXY_STATS="http://192.0.2.10/down"), "down", "status 503 of the stats page, expected 200")


# ---- with programs of the host ----

STAND_INS = {
    "birdc": """BIRD 2.0.12 ready.
Name       Proto      Table      State  Since         Info
device1    Device     ---        up     10:00:00.000
upstream1  BGP        ---        up     10:00:00.000  Established
upstream2  BGP        ---        start  10:00:00.000  Active        Socket: Connection refused
peer1      BGP        ---        up     10:00:00.000  Established
""",
    "unbound-control": "version: 1.17.1\nverbosity: 1\nuptime: 4711 seconds\nunbound (pid 815) is running...\n",
    "systemctl": "active\n"}


def test_checks_that_run_programs(tmp_path):
    """Stand-ins that say what lies in a file, and end with 1 when that ends with a line about an error."""
    programs = {}
    for name, text in STAND_INS.items():
        programs[name] = tmp_path / name
        (tmp_path / f"{name}.txt").write_text(text)
        programs[name].write_text(f'#!/bin/sh\ncat {tmp_path}/{name}.txt\n! grep -q ^error {tmp_path}/{name}.txt\n')
        programs[name].chmod(0o755)
    stamp = tmp_path / "stamp"
    stamp.touch()
    env = {"bird": {"BIRDC": programs["birdc"], "BIRD_PREFIX": "upstream"}, "file-age": {"FILE": stamp},
           "unbound": {"UNBOUND_CONTROL": programs["unbound-control"]}, "systemd-unit": {"SYSTEMCTL": programs["systemctl"]},
           "load": {}}
    rules = "".join(samples.block(block) for block in NODE_FILES.values())
    for path in programs.values():
        rules = re.sub(rf"/usr/s?bin/{path.name}", str(path), rules)
    (tmp_path / "none.conf").write_text(rules)
    (tmp_path / "none.conf").chmod(0o644)
    store, routes = tmp_path / "store", {}
    for name, variables in env.items():
        source, = (EXAMPLES / name / "store/routes").iterdir()
        routes[name] = source.name
        shutil.copytree(source, store / "routes" / source.name)
        options = {"interval": 0.2, "threshold": 0, "env": {key: str(value) for key, value in variables.items()}}
        (store / "routes" / source.name / "options").write_text(json.dumps(options))
    (store / "node/edge1").mkdir(parents=True)
    (store / "node/edge1/subscribedRoutes").write_text("*\n")
    daemon = Daemon(tmp_path, f"file://{store}", "/bgp", node="edge1")

    def health(name):
        return (daemon.route(routes[name]) or {"health": None})["health"]
    try:
        for name in env:
            wait_for(lambda: health(name) == "up", f"{name} is up", 30)
        (tmp_path / "birdc.txt").write_text(STAND_INS["birdc"].replace("Established", "OpenSent"))
        (tmp_path / "unbound-control.txt").write_text("error: connect: Connection refused\n")
        (tmp_path / "systemctl.txt").write_text("failed\n")
        os.utime(stamp, (1000000000, 1000000000))
        expected = {"bird": "0 of 2 sessions are established, expected at least 1", "unbound": "unbound-control: exit code 1",
                    "systemd-unit": "nginx.service: failed, expected active", "file-age": " s old, expected at most 900"}
        for name, reason in expected.items():
            wait_for(lambda: health(name) == "down", f"{name} is down", 30)
            assert reason in daemon.route(routes[name])["reason"]
        assert health("load") == "up"
    finally:
        daemon.exabgp.close()
