"""examples/policies: what their READMEs say is there, the tests of each pass, and a daemon announces what its README says."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import jsonschema
import pytest
import samples
from fake_exabgp import Daemon
from wait import wait_for

EXAMPLES = samples.ROOT / "examples/policies"
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
SCHEMA = json.loads((samples.ROOT / "docs/options.schema.json").read_text())
PROGRAM = os.path.abspath(os.environ.get("BGPCOMMANDER", "build/bgpcommander"))
# In place of all checks: data/drive says what each returns.
DRIVEN = "#!lua\nlocal said = (data.drive or {})[check.name]\nif said == nil then return true end\nreturn said\n"
FAST = {"interval": "50ms", "fall": 1}
# What lasts minutes.
SOONER = {"drain-site": ('"5m"', '"2s"'), "slow-start": ('"10m"', '"2s"')}


def readme(name):
    return (EXAMPLES / name / "README.md").read_text()


def stores(pattern):
    return sorted(path for name in NAMES for path in (EXAMPLES / name / "store").glob(pattern))


def promised(name):
    """(when, what is announced then) of the table in the README."""
    table = re.search(r"^\| when \| what `edge1` announces \|\n\|---\|---\|\n((?:\|.*\n)+)", readme(name), re.M)
    rows = [line.strip("|").split("|") for line in table.group(1).splitlines()] if table else []
    return [(when.strip(), set(re.findall(r"`([^`]*)`", said)) if said.strip() != "nothing" else set()) for when, said in rows]


# ---- what the READMEs say ----

@pytest.mark.parametrize("name", NAMES)
def test_the_readme_tells_every_file_and_no_other(name):
    folder = EXAMPLES / name
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"README.md"}
    table = re.search(r"^\| file \| what it says \|\n(?:\|.*\n)+", readme(name), re.M).group(0)
    told = {file for row in table.splitlines() for file in re.findall(r"`([^`]*)`", row.split("|")[1])}
    assert told == files and any(file.endswith(f"{name}_test.lua") for file in files)
    assert f"[{name}]({name})" in (EXAMPLES / "README.md").read_text()


def test_every_route_and_every_options_file_is_good():
    configs = stores("routes/*/config")
    done = subprocess.run([PROGRAM, "parse"], input="".join(path.read_text() for path in configs), text=True,
                          stdout=subprocess.PIPE, timeout=30)
    assert [line[:3] for line in done.stdout.splitlines()] == ["ok\t"] * len(configs) and len(configs) > 10
    given = [json.loads(path.read_text()) for path in [*stores("routes/*/options"), *stores("checks/*/options")]]
    for options in given:
        jsonschema.Draft202012Validator(SCHEMA).validate(options)
    probe = pathlib.Path(os.environ["BC_BUILD"]) / "tests/options_probe"
    done = subprocess.run([probe], input="".join(json.dumps(options) + "\n" for options in given), stdout=subprocess.PIPE,
                          text=True, timeout=30)
    assert done.stdout == "ok\n" * len(given)


def test_ready_made_policies_that_are_named_are_the_ones_that_are_used():
    for name in NAMES:
        row = re.search(rf"^\| \[{name}\]\(.*\| (.*) \|$", (EXAMPLES / "README.md").read_text(), re.M).group(1)
        used = {json.loads(path.read_text())["use"] for path in (EXAMPLES / name / "store").rglob("policy")
                if path.read_text().startswith("{")}
        assert set(re.findall(r"`(\w+)`", row)) == used
        assert used == set(re.findall(r"ready-made-policies\.md#(\w+)", readme(name))) - {"time_window"}


# ---- their tests ----

def test_they_have_no_lint_and_their_tests_pass(tmp_path):
    """As one is told to try a case, and all of them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "bgpcommander").symlink_to(PROGRAM)
    env = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-eux"], input=samples.block("try-a-case"), cwd=EXAMPLES, text=True, env=env, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    for command in ("lint", "test"):
        done = subprocess.run([PROGRAM, command, *NAMES], cwd=EXAMPLES, text=True, timeout=120, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout


def test_a_test_can_fail(tmp_path):
    """A policy that always announces passes the tests of no case."""
    for name in NAMES:
        shutil.copytree(EXAMPLES / name, tmp_path / name)
        for path in (tmp_path / name / "store").rglob("*"):
            if path.name in ("policy", "rtbh"):
                path.write_text("#!lua\nreturn function() return announce() end\n")
            elif path.name == "admission":
                path.write_text("#!lua\nreturn function() return admit() end\n")
        done = subprocess.run([PROGRAM, "test", tmp_path / name], text=True, timeout=60, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == 1, f"{name}: {done.stdout}"


# ---- in a daemon ----

class Scene:
    """One daemon with the stores of all cases in one: policies for all routes stand as those of the routes of their case, but
    that of anycast-dns."""

    def __init__(self, folder):
        self.store, self.driven, labels = folder / "store", {}, {}
        for name in NAMES:
            self.add(EXAMPLES / name / "store", name, labels)
        (self.store / "node/edge1").mkdir(parents=True)
        (self.store / "node/edge1/subscribedRoutes").write_text("*\n")
        self.put("node/edge1/labels", json.dumps(labels))
        self.put("data/maintenance", "[]")
        self.daemon = Daemon(folder, f"file://{self.store}", "/bgp", node="edge1")

    def add(self, store, name, labels):
        for part in ("routes", "checks", "lua", "data"):
            if (store / part).exists():
                shutil.copytree(store / part, self.store / part, dirs_exist_ok=True)
        if (store / "policy").exists():
            targets = [self.store] if name == "anycast-dns" else [self.store / "routes" / path.name for path in (store / "routes").iterdir()]
            for target in targets:
                shutil.copy(store / "policy", target / "policy")
        if (store / "node/edge1/labels").exists():
            labels.update(json.loads((store / "node/edge1/labels").read_text()))
        for path in [*self.store.glob("routes/*"), *self.store.glob("checks/*")]:
            if (store / "routes" / path.name).exists() or (store / "checks" / path.name).exists():
                self.drive(path)
                if name in SOONER and (path / "policy").exists():
                    old, new = SOONER[name]
                    assert old in (path / "policy").read_text()
                    (path / "policy").write_text((path / "policy").read_text().replace(old, new))

    def drive(self, path):
        options = json.loads((path / "options").read_text()) if (path / "options").exists() else {}
        script = path / ("script" if path.parent.name == "checks" else "healthcheck")
        if options.pop("check", None) or script.exists():
            script.write_text(DRIVEN)
            (path / "options").write_text(json.dumps({**options, **FAST, "rise": 1}))

    def put(self, key, value):
        path = self.store / key
        (path.parent / f".{path.name}.new").write_text(value)
        (path.parent / f".{path.name}.new").rename(path)

    def say(self, check, result):
        self.driven[check] = result
        self.put("data/drive", json.dumps(self.driven))

    def run(self, block):
        """`etcdctl put /bgp/KEY VALUE`."""
        key, value = re.fullmatch(r"etcdctl put /bgp/(\S+) '?(.*?)'?\n", samples.block(block)).groups()
        self.put(key, value)

    def announced(self, prefixes):
        return {f"{prefix} {attributes}" for prefix, attributes in self.daemon.exabgp.rib["10.99.0.2"].items() if prefix in prefixes}

    def flap(self, check, prefix):
        self.say(check, False)
        wait_for(lambda: not self.announced([prefix]), f"{prefix} is gone")
        self.say(check, True)

    def plan(self, begins, ends):
        """Work on this node, so many minutes from now."""
        def told(minutes):
            return time.strftime("%Y-%m-%d %H:%M", time.gmtime(time.time() + 3600 + 60 * minutes))
        self.put("data/maintenance", json.dumps([{"node": "edge1", "from": told(begins), "to": told(ends)}]))

    def flap_much(self):
        for _ in range(2):
            self.flap("API", "192.0.2.90/32")
            wait_for(lambda: self.announced(["192.0.2.90/32"]) or self.daemon.route("API")["reason"] == "the check healthcheck flaps",
                     "it is back, or damped")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    made = Scene(tmp_path_factory.mktemp("cases"))
    yield made
    made.daemon.close()
    log = made.daemon.log()
    assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


# How to bring it about; None: it is so from the start, or comes by itself.
STEPS = {
    "anycast-dns": {
        "all names are found": lambda scene: scene.say("resolver", 100),
        "only names of our own": lambda scene: scene.say("resolver", 60),
        "the resolver does not answer": lambda scene: scene.say("resolver", False),
    },
    "ecmp-vips": {
        "VIP-1 is at home here, VIP-2 in group b": None,
        "VIP-2 moves to group a": lambda scene: scene.put("data/vips", '{"VIP-1": "a", "VIP-2": "a"}'),
        "VIP-3 does not answer": lambda scene: scene.say("VIP-3", False),
    },
    "primary-backup": {
        "as it is": None,
        "it was made the primary": lambda scene: scene.run("swap-sites"),
        "its service is down": lambda scene: scene.say("SHOP", False),
    },
    "rtbh": {
        "VICTIM-1 has time left, VICTIM-2 has not": None,
        "the time of both is over": lambda scene: scene.put("data/blackholes", '{"VICTIM-1": {"until": 1735689600}}'),
    },
    "maintenance-window": {
        "no work": None,
        "less than ten minutes before": lambda scene: scene.plan(5, 60),
        "while work is under way": lambda scene: scene.plan(-5, 60),
    },
    "drain-site": {
        "as it is": None,
        "its site is listed": lambda scene: scene.run("drain-a-site"),
        "five minutes later": None,
        "it is listed no more": lambda scene: scene.put("data/drain", "{}"),
    },
    "hold-down": {
        "the service is well": None,
        "it fails and comes back": lambda scene: scene.flap("API", "192.0.2.90/32"),
        "three failures within a minute, then well": lambda scene: scene.flap_much(),
    },
    "slow-start": {
        "the cache has just come back": lambda scene: scene.flap("CACHE", "192.0.2.100/32"),
        "ten minutes later": None,
        "it fails": lambda scene: scene.say("CACHE", False),
    },
    "link-bandwidth": {
        "as it is": None,
        "its label says 20000": lambda scene: scene.put("node/edge1/labels", json.dumps(
            {**json.loads((scene.store / "node/edge1/labels").read_text()), "capacity": 20000})),
        "its service is down": lambda scene: scene.say("CDN", False),
    },
    "prepend-degraded": {
        "four servers of four": lambda scene: scene.say("POOL", 100),
        "two of four": lambda scene: scene.say("POOL", 50),
        "none": lambda scene: scene.say("POOL", 0),
    },
    "admission-blackhole": {},
}


# Scores last: other attributes wait until the route has had its last ones for five seconds.
@pytest.mark.parametrize("name", sorted(NAMES, key=lambda name: name in ("prepend-degraded", "anycast-dns")))
def test_the_daemon_announces_what_the_readme_says(scene, name):
    steps = STEPS[name]
    rows = promised(name)
    assert [when for when, _ in rows] == list(steps) and len(rows) != 1
    routes = [path.parent.name for path in (EXAMPLES / name / "store/routes").glob("*/config")]
    prefixes = {re.search(r"\S+/\d+", path.read_text()).group() for path in (EXAMPLES / name / "store/routes").glob("*/config")}
    for when, said in rows:
        if steps[when]:
            steps[when](scene)
        wait_for(lambda: scene.announced(prefixes) == said, f"{name}: {when}: {said}", 30)
        assert [scene.daemon.route(route)["error"] for route in routes] == [None] * len(routes)


def test_the_guide_tells_every_member_of_the_context_and_no_other(scene):
    """docs/writing-policies.md: those in the first column of the table, and of lists those beside it."""
    found = wait_for(lambda: (scene.daemon.ask("context", route="DNS4") or {}).get("context"), "the route is known")
    page = (samples.ROOT / "docs/writing-policies.md").read_text()
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", page.partition("| member of `ctx` | what |")[2].partition("\n\n")[0], re.M)
    told, in_lists = set(), {}
    for first, what in rows:
        names = re.findall(r"`([^`]*)`", first)
        parent = names[0].rpartition(".")[0]
        names = [parent + name if name.startswith(".") else name for name in names]
        told |= set(names)
        in_lists[names[0]] = set(re.findall(r"`(\w+)`", what))

    def members(value, path):
        for name, inner in value.items():
            at = path + ("NAME" if path == "checks." else name)
            if isinstance(inner, dict) and at in ("route", "checks", "checks.NAME", "node"):
                yield from members(inner, at + ".")
            else:
                yield at
            if isinstance(inner, list) and inner and isinstance(inner[0], dict) or at == "standing":
                assert set(inner if at == "standing" else inner[0]) <= in_lists[at], at
    assert set(members(found, "")) == told - {"checks.NAME"}
    assert {"checks.NAME.results", "checks.NAME.changes", "neighbors", "standing"} <= in_lists.keys()
