"""exec.run: Lua checks run the programs that the node file allows, and no others; nothing of them stays behind."""
import json
import os
import pathlib
import signal

import pytest

import dir_lab
import samples
from fake_exabgp import Daemon
from wait import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the node file must belong to root")

# Each test finds the processes of its own by a number of seconds that nobody else sleeps.
NUMBER = iter(range(500000 + os.getpid() * 16, 10 ** 9))
FAST = {"interval": "200ms", "fall": 1, "timeout": 5}


class Scene:
    def __init__(self, folder):
        self.folder = folder
        self.tree = dir_lab.Tree(folder / "store")
        self.tree.put("node/n1/subscribedRoutes", "*")
        self.daemon = None
        self.count = 0

    def start(self, *lines):
        (self.folder / "none.conf").write_text("".join(line + "\n" for line in lines))
        self.daemon = Daemon(self.folder, f"file://{self.folder}/store", "/bgp")
        return self.daemon

    def check(self, name, script, **options):
        self.count += 1
        self.tree.put(f"routes/{name}/options", json.dumps({**FAST, **options}))
        self.tree.put(f"routes/{name}/healthcheck", "#!lua\n" + script)
        self.tree.put(f"routes/{name}/config", f"route 10.8.0.{self.count}/32 next-hop self")

    def data(self, name="web"):
        route = self.daemon.route(name)
        return route and route["data"]

    def wait_data(self, name="web", what=lambda data: True):
        return wait_for(lambda: (d := self.data(name)) and what(d) and d, f"data of {name}")

    @property
    def hang(self):
        return self.folder / "hang"

    def allow_hang(self):
        """A program that does nothing for ever, whoever reads what it says."""
        self.hang.write_text("#!/usr/bin/python3\nimport signal\nsignal.pause()\n")
        self.hang.chmod(0o755)
        return f"exec_allow {self.hang} *"

    def exec_pid(self):
        return wait_for(lambda: (s := self.daemon.status()) and s["workers"]["exec"]["state"] == "running"
                        and s["workers"]["exec"]["pid"], "the exec worker runs")


def commands(number):
    """Processes with this word."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and str(number).encode() in folder.joinpath("cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            pass
    return found


def wait_gone(number):
    wait_for(lambda: not commands(number), "nothing of it is left")


EACH = """
local function tell(r, text, code)
  if r == nil then return {text = text, failed = code} end
  return r
end
local long = string.rep("0123456789abcdef", 4096)
return true, {
  echo = tell(exec.run({"/bin/echo", "a b", "$HOME", "*"})),
  cat = tell(exec.run({"/bin/cat"}, {input = long, max_output = 65536})).stdout == long,
  cut = tell(exec.run({"/bin/cat"}, {input = "0123456789", max_output = 4})),
  three = tell(exec.run({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"})),
  signal = tell(exec.run({"/bin/sh", "-c", "kill -9 $$"})),
  unread = tell(exec.run({"/bin/true"}, {input = long})).code,
  environment = tell(exec.run({"/usr/bin/env"})).stdout,
  where = tell(exec.run({"/bin/pwd"})).stdout,
  denied = tell(exec.run({"/bin/echo", "more", "than", "that", "x"})),
  other = tell(exec.run({"/bin/ls"})),
  missing = tell(exec.run({"/bin/no-such-program"})),
  unfit = tell(exec.run({"/etc/hostname"})),
}
"""


@pytest.mark.parametrize("shell", ["on", "off"])
def test_what_is_allowed_runs_and_nothing_else(scene, shell):
    daemon = scene.start(f"shell {shell}", "exec_allow /bin/echo ? ? ?", "exec_allow /bin/echo a?b *HOME ...", "exec_allow /bin/cat",
                         "exec_allow /bin/sh -c *", "exec_allow /bin/true", "exec_allow /usr/bin/env", "exec_allow /bin/pwd",
                         "exec_allow /bin/no-such-program", "exec_allow /etc/hostname")
    scene.check("web", EACH)
    data = scene.wait_data()
    assert daemon.status()["workers"]["exec"]["state"] == "running"
    assert data["cat"] is True and data["echo"]["stdout"] == "a b $HOME *\n" and data["echo"]["code"] == 0 and data["echo"]["stderr"] == ""
    assert 0 < data["echo"]["took"] < 60 and data["echo"]["truncated"] is False and "signal" not in data["echo"]
    assert data["cut"]["stdout"] == "0123" and data["cut"]["truncated"] is True
    assert (data["three"]["code"], data["three"]["stdout"], data["three"]["stderr"]) == (3, "out\n", "err\n")
    assert data["signal"]["signal"] == 9 and "code" not in data["signal"] and data["unread"] == 0
    names = {line.split("=")[0] for line in data["environment"].splitlines()}
    assert names == {"PATH", "LANG", "BGPCOMMANDER_JOB"} and data["where"] == "/\n"
    assert data["denied"] == {"text": "/bin/echo: not allowed by exec_allow in the node file", "failed": "denied"}
    assert data["other"] == {"text": "/bin/ls: not allowed by exec_allow in the node file", "failed": "denied"}
    assert data["missing"] == {"text": "/bin/no-such-program: there is no such program", "failed": "notfound"}
    assert data["unfit"]["failed"] == "permission"


def test_without_a_rule_nothing_runs(scene):
    scene.start()
    scene.check("web", "local r, text, code = exec.run({'/bin/true'})\nreturn true, {r = r == nil, text = text, code = code}\n")
    assert scene.wait_data() == {"r": True, "text": "/bin/true: not allowed by exec_allow in the node file", "code": "denied"}


def test_its_own_timeout_kills_it(scene):
    number = next(NUMBER)
    scene.start(scene.allow_hang())
    scene.check("web", f"local r, text, code = exec.run({{'{scene.hang}', '{number}'}}, {{timeout = 0.2}})\n"
                       "return true, {r = r == nil, text = text, code = code}\n", interval="1h")
    assert scene.wait_data() == {"r": True, "text": f"{scene.hang}: timeout after 200 ms", "code": "timeout"}
    wait_gone(number)


def start_sleeping(scene, **options):
    number = next(NUMBER)
    daemon = scene.start(scene.allow_hang())
    scene.check("web", f"exec.run({{'{scene.hang}', '{number}'}})\nreturn true\n", **options)
    wait_for(lambda: commands(number), "it runs")
    return daemon, number


def test_the_end_of_its_run_kills_it(scene):
    _, number = start_sleeping(scene, timeout="300ms", interval="1h")
    wait_gone(number)


def test_the_removal_of_its_check_kills_it(scene):
    _, number = start_sleeping(scene, timeout="50m")
    scene.tree.remove("routes/web/config")
    scene.tree.remove("routes/web/healthcheck")
    wait_gone(number)


def test_the_end_of_its_lua_worker_kills_it(scene):
    daemon, number = start_sleeping(scene, timeout="50m")
    first = commands(number)
    worker = next(w for w in daemon.status()["workers"]["lua"] if w["pid"])
    os.kill(worker["pid"], signal.SIGKILL)
    wait_for(lambda: not set(first) & set(commands(number)), "it is gone")
    wait_for(lambda: len(commands(number)) == 1, "the next run runs another")


def test_the_end_of_the_exec_worker_is_told(scene):
    number = next(NUMBER)
    scene.start(scene.allow_hang(), "exec_allow /bin/true")
    scene.check("web", f"if not exec.run({{'/bin/true'}}) then return false end\n"
                       f"local r, text, code = exec.run({{'{scene.hang}', '{number}'}})\n"
                       "return true, {r = r == nil, text = text, code = code}\n", timeout="50m", interval="1h")
    wait_for(lambda: commands(number), "it runs")
    os.kill(scene.exec_pid(), signal.SIGKILL)
    assert scene.wait_data() == {"r": True, "text": f"{scene.hang}: the process that ran it has ended", "code": "io"}
    wait_gone(number)


def test_the_end_of_the_exec_worker_withdraws_nothing(scene):
    number = next(NUMBER)
    daemon = scene.start(scene.allow_hang(), "exec_allow /bin/true")
    scene.check("web", "local r = exec.run({'/bin/true'})\nreturn r ~= nil\n")
    daemon.wait_state("web", "announced")
    scene.tree.put("routes/web/healthcheck", "#!lua\nif options.env.LONG then\n"
                   f"  local r = exec.run({{'{scene.hang}', '{number}'}})\n  return r ~= nil\nend\nreturn true, {{new = 1}}\n")
    wait_for(lambda: scene.data(), "the new script has passed")
    scene.tree.put("routes/web/options", json.dumps({**FAST, "timeout": "50m", "env": {"LONG": "1"}}))
    wait_for(lambda: commands(number), "it runs")
    os.kill(scene.exec_pid(), signal.SIGKILL)
    told = f"{scene.hang}: the process that ran it has ended"
    route = wait_for(lambda: told in (daemon.route("web")["error"] or "") and daemon.route("web"), "it is told")
    assert "call refused by this node" in route["error"]
    assert daemon.settled_state("web") == "announced" and daemon.exabgp.withdrawn() == []


def test_after_the_end_of_the_exec_worker_commands_run_again(scene):
    scene.start("exec_allow /bin/true")
    scene.check("web", "local r = assert(exec.run({'/bin/true'}))\nreturn r.code == 0, {t = time.monotonic()}\n", interval="50ms", timeout=20)
    seen = scene.wait_data()["t"]
    for _ in range(5):
        os.kill(scene.exec_pid(), signal.SIGKILL)
        wait_for(lambda: (d := scene.data()) and d.get("t", 0) > seen, "it runs again")
        seen = scene.data()["t"]


def test_what_it_leaves_behind_is_killed(scene):
    number = next(NUMBER)
    scene.allow_hang()
    scene.start("exec_allow /bin/sh -c *")
    scene.check("web", f"local r = exec.run({{'/bin/sh', '-c', '(setsid {scene.hang} {number} >/dev/null 2>&1 &) ; {scene.hang} {number} & exit 0'}})\n"
                       "return r.code == 0, {code = r.code}\n", interval="1h")
    assert scene.wait_data() == {"code": 0}
    wait_gone(number)


def test_a_node_runs_some_at_once_only(scene):
    number = next(NUMBER)
    scene.start(scene.allow_hang())
    script = ("local calls = {}\nfor i = 1, 40 do calls[i] = function()\n"
              f"  local r, text, code = exec.run({{'{scene.hang}', '{number}'}}, {{timeout = 30}})\n"
              "  if code == 'limit' then log.info(text) error('limit') end\nend end\nparallel(calls)\nreturn true\n")
    for name in ("one", "two"):
        scene.check(name, script, timeout=40, interval="1h")
    wait_for(lambda: any((r := scene.daemon.route(n)) and "too many commands at once on this node" in (r["error"] or "")
                         for n in ("one", "two")), "one of them is refused")
    wait_for(lambda: len(commands(number)) == 40, "the other's run")


def test_the_check_of_the_page(scene):
    daemon = scene.start("exec_allow /bin/echo ...")
    scene.check("web", samples.block("exec-check").removeprefix("#!lua\n"))
    daemon.wait_state("web", "announced")
