"""A lab: namespaces, a real store, real ExaBGP which starts bgpcommander, real BIRD peers.

    exa (10.99.0.1, 10.99.1.1; etcd on its loopback) --- peer1 (10.99.0.2)
                                                     --- peer2 (10.99.1.2)

Everything that a lab starts runs in its namespaces, in sessions of their own, and is ended by Lab.close(), by the end
of the test process, or by the next lab's sweep when the test process was killed. EXABGP in the environment names another
ExaBGP than Debian's: exabgp_choice.py."""
import atexit
import contextlib
import fcntl
import http.client
import json
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import tempfile

import exabgp_choice
import netns
import stores
import wait
from bird import Bird

NODE = "n1"
ADDRESSES = [("10.99.0", "2001:db8:99:0"), ("10.99.1", "2001:db8:99:1")]
LAB_PREFIX = "bclab-"

NEIGHBOR = """
neighbor {peer} {{
  router-id {local}; local-address {local}; local-as 65000; peer-as {peer_as}; hold-time {hold_time};
  family {{ {families} }}
  {capability}
  api {{ processes [ {processes} ]; {messages} }}
  static {{ {static} }}
}}
"""

OTHER = """#!/bin/sh
# Another API process beside ours: says what is written into the fifo, and drains its stdin.
exec 3<&0
cat <&3 >/dev/null &
exec 4<>{fifo}
while read -r line <&4; do echo "$line"; done
"""


class LabError(AssertionError):
    pass


def binary():
    path = os.environ.get("BGPCOMMANDER")
    if not path or not os.access(path, os.X_OK):
        raise LabError("BGPCOMMANDER does not name the built program")
    return pathlib.Path(path)


def sweep():
    """Ends what dead test processes left: a live lab holds a lock in its directory."""
    for directory in pathlib.Path(tempfile.gettempdir()).glob(LAB_PREFIX + "*"):
        try:
            with open(directory / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for name in netns.names():
                    if name.startswith(directory.name + "-"):
                        netns.remove(name)
                shutil.rmtree(directory, ignore_errors=True)
        except (BlockingIOError, FileNotFoundError, PermissionError, NotADirectoryError):
            continue


class Lab:
    """peers: 1 or 2. store: of stores.KINDS. members: etcd servers, 0, 1 or 3. bare: the classic process block and no messages.
    flow_peers: how many of the peers take flows. internal: the last peer is of ExaBGP's own AS."""

    def __init__(self, peers=1, members=1, bare=False, static="", other=False, arguments="", program=None,
                 families="ipv4 unicast; ipv6 unicast;", capability="", bird_options="", hold_time=90, environment=None,
                 messages="neighbor-changes; send { parsed; update; }", second_families=None, flow_peers=0,
                 internal=False, store="v3"):
        sweep()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=LAB_PREFIX))
        self.dir.chmod(0o755)
        self._lock = open(self.dir / "lock", "w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._processes = []
        self._closed = False
        self.reports = []
        atexit.register(self.close)
        self.exa = self.namespace("exa")
        self.exabgp = None
        self.birds = []
        self.store = stores.KINDS[store](self)
        self.environment = dict(environment or {})
        self.user = "root" if os.environ.get("BC_E2E_USERNS") else "exabgp"
        self.options = dict(peers=peers, bare=bare, static=static, other=other, arguments=arguments, families=families,
                            capability=capability, hold_time=hold_time, messages=messages,
                            second_families=second_families, flow_peers=flow_peers, internal=internal)
        try:
            self._make_files(program)
            self._make_network(peers)
            self._make_peers(peers, bird_options)
            self.store.start(members)
        except BaseException:
            self.close()
            raise

    def namespace(self, name):
        return f"{self.dir.name}-{name}"

    @property
    def bird(self):
        return self.birds[0]

    @property
    def members(self):
        return self.store.members

    @property
    def etcd(self):
        return self.members[0]

    # ---- making it ----

    def _make_files(self, program):
        identity = pwd.getpwnam(self.user)
        # The build may lie where the user of ExaBGP cannot read.
        self.program = self.dir / "bgpcommander"
        if program != "none":
            shutil.copy(program or binary(), self.program)
            self.program.chmod(0o755)
        self.state, self.scripts, self.flags = self.dir / "state", self.dir / "scripts", self.dir / "flags"
        self.run_dir = self.dir / "run"
        self.socket = self.run_dir / f"{NODE}.sock"
        self.node_file = self.dir / "bgpcommander.conf"
        self.node_file.write_text("")
        for directory in (self.state, self.scripts, self.flags, self.run_dir):
            directory.mkdir()
            os.chown(directory, identity.pw_uid, identity.pw_gid)
        self.state.chmod(0o700)
        if self.options["other"]:
            fifo = self.dir / "other.fifo"
            os.mkfifo(fifo)
            fifo.chmod(0o666)
            script = self.dir / "other"
            script.write_text(OTHER.format(fifo=fifo))
            script.chmod(0o755)

    def _make_network(self, peers):
        netns.add(self.exa)
        for index in range(peers):
            v4, v6 = ADDRESSES[index]
            name = self.namespace(f"peer{index + 1}")
            netns.add(name)
            netns.link(self.exa, f"p{index + 1}", [f"{v4}.1/24", f"{v6}::1/64"], name, "exa",
                       [f"{v4}.2/24", f"{v6}::2/64"])

    def _as_of(self, index):
        is_internal = self.options["internal"] and index == self.options["peers"] - 1
        return 65000 if is_internal else 65001 + index

    def _make_peers(self, peers, bird_options):
        for index in range(peers):
            v4, _ = ADDRESSES[index]
            self.birds.append(Bird(self, f"peer{index + 1}", f"{v4}.2", f"{v4}.1", self._as_of(index), 65000, bird_options,
                                   flow=index < self.options["flow_peers"]))
        for bird in self.birds:
            bird.start()

    def daemon_arguments(self):
        return (f"{self.store.arguments()} -n {NODE} -p {self.scripts} --state-dir {self.state} --socket {self.socket} "
                f"--config {self.node_file} {self.options['arguments']}").strip()

    def exabgp_conf(self):
        options = self.options
        run = f"{self.program} {self.daemon_arguments()}"
        text = f"process bgpcommander {{\n  run {run};\n  encoder {'text' if options['bare'] else 'json'};\n}}\n"
        processes = ["bgpcommander"]
        if options["other"]:
            text += f"process other {{\n  run {self.dir}/other;\n  encoder json;\n}}\n"
            processes.append("other")
        for index in range(options["peers"]):
            v4, _ = ADDRESSES[index]
            families = options["second_families"] if index == 1 and options["second_families"] else options["families"]
            text += NEIGHBOR.format(peer=f"{v4}.2", local=f"{v4}.1", peer_as=self._as_of(index),
                                    hold_time=options["hold_time"], families=families,
                                    capability=options["capability"], processes=", ".join(processes),
                                    messages="" if options["bare"] else options["messages"], static=options["static"])
        return text

    # ---- processes ----

    def _in_namespace(self, namespace):
        return ["nsenter", f"--net={netns.path(namespace)}", "--"]

    def spawn(self, argv, namespace, log, env=None, **more):
        """Starts a program in a namespace; its output goes to a file of the lab."""
        def limits():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # who runs the tests in the background has a shell that ignores it
        out = open(self.dir / log, "ab")
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", out)
        more.setdefault("stderr", out)
        process = subprocess.Popen(self._in_namespace(namespace) + [str(a) for a in argv], start_new_session=True,
                                   preexec_fn=limits, env={**os.environ, **(env or {})}, **more)
        out.close()
        self._processes.append(process)
        return process

    def inside(self, namespace, *argv, env=None, check=True, timeout=60):
        done = subprocess.run(self._in_namespace(namespace) + [str(a) for a in argv], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout, env={**os.environ, **(env or {})})
        if check and done.returncode != 0:
            raise LabError(f"{argv}: exit {done.returncode}: {done.stdout}")
        return done.stdout

    @staticmethod
    def end(process, number=signal.SIGKILL, timeout=10):
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
        process.wait(timeout)

    def daemon_environment(self):
        # A process that is not dumpable cannot be looked at by the leak checker; memory errors still end it.
        return {"ASAN_OPTIONS": f"detect_leaks=0:log_path={self.dir}/flags/asan", "UBSAN_OPTIONS": "print_stacktrace=1"}

    def _exabgp_log(self):
        """5.0 writes to stderr what goes to stdout, which is the daemon's too."""
        path = self.dir / "exabgp.log"
        path.touch()
        identity = pwd.getpwnam(self.user)
        os.chown(path, identity.pw_uid, identity.pw_gid)
        return str(path) if exabgp_choice.chosen().is_5 else "stdout"

    @property
    def exabgp_version(self):
        return exabgp_choice.chosen().version

    def _run_exabgp(self):
        conf = self.dir / "exabgp.conf"
        conf.write_text(self.exabgp_conf())
        return self.spawn(
            [*exabgp_choice.chosen().argv, conf], self.exa, "exabgp.log",
            env={"exabgp_daemon_user": self.user, "exabgp_tcp_bind": "", "exabgp_log_destination": self._exabgp_log(),
                 "exabgp_api_cli": "false", **exabgp_choice.chosen().environment, **self.daemon_environment(),
                 **self.environment},
            stderr=open(self.dir / "daemon.log", "ab"), cwd="/")

    def start_exabgp(self, wait=True):
        self.exabgp = self._run_exabgp()
        if wait:
            for bird in self.birds:
                self.wait_for(bird.is_up, 30, f"BIRD {bird.name} has a session")
            self.wait_for(self.is_synced, 30, "bgpcommander is connected to the store and has ExaBGP's routes")

    def _become(self):
        """Words before a command that is to run as the user of ExaBGP."""
        return [] if self.user == "root" else ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups",
                                               "--"]

    def start_alone(self, log="alone.log", stdout=subprocess.PIPE):
        """The daemon on two pipes of ours in place of ExaBGP's: .stdin and .stdout of the process."""
        environment = {**self.daemon_environment(), **self.environment}
        return self.spawn(self._become() + [self.program, *self.daemon_arguments().split()], self.exa, log, env=environment,
                          stdin=subprocess.PIPE, stdout=stdout, cwd="/")

    def stop_exabgp(self, number=signal.SIGTERM, timeout=20):
        process, self.exabgp = self.exabgp, None
        self.end(process, number, timeout)

    def is_synced(self):
        status = self.status()
        return status["store"]["state"] == "connected" and status["exabgp"]["state"] == "synced"

    def is_exabgp_alive(self):
        return self.exabgp is not None and self.exabgp.poll() is None

    def say_as_other(self, line):
        with open(self.dir / "other.fifo", "w") as fifo:
            fifo.write(line + "\n")

    @staticmethod
    def _arguments(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except OSError:
            return []

    def daemons(self):
        """{"holder": [pid], "core": [pid], "exec": [pid]} of this lab's program, zombies left out."""
        found = {"holder": [], "core": [], "exec": []}
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
            words = self._arguments(pid)
            # The command line or the name that a role gives itself, and a path of this lab.
            if not words or pathlib.Path(words[0].split(":")[0]).name != "bgpcommander" or not self._is_mine(words):
                continue
            role = words[1].lstrip("@") if len(words) > 1 and words[1].startswith("@") else "holder"
            if role in found:
                found[role].append(pid)
        # A child that is about to become another program still looks like its parent.
        return {role: [pid for pid in pids if self._parent(pid) not in pids] for role, pids in found.items()}

    @staticmethod
    def _parent(pid):
        try:
            return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            return None

    def _is_mine(self, words):
        return any(str(self.dir) in word for word in words)

    def pid_of(self, role):
        """The one process of the role, or None; two of them are a defect."""
        pids = self.daemons()[role]
        assert len(pids) <= 1, f"{len(pids)} processes of role {role}"
        return pids[0] if pids else None

    def others_running(self, *expected):
        """[(pid, argv)] in the exa namespace except the lab's own servers and `expected` pids."""
        known = {process.pid for process in self._processes} | set(expected)
        return [(pid, self._arguments(pid)) for pid in netns.pids(self.exa) if pid not in known]

    # ---- the daemon's socket ----

    def api(self, command, timeout=10, **more):
        """One request on the local socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(timeout)
            link.connect(str(self.socket))
            link.sendall(json.dumps({"command": command, **more}).encode() + b"\n")
            answer = b"".join(iter(lambda: link.recv(65536), b""))
        return json.loads(answer)

    def ctl(self, command, *words):
        """(exit code, JSON) of the command-line program."""
        done = subprocess.run([self.program, command, *words, "--json", "--socket", self.socket, "-n", NODE],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None

    def status(self):
        return self.api("status")

    def routes(self):
        return {route["name"]: route for route in self.api("routes")["routes"]}

    def route(self, name):
        return self.routes()[name]

    def rss_kib(self, pid):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    # ---- keys ----

    def put(self, key, value):
        self.store.put(key, value)

    def put_all(self, values):
        self.store.put_all(values)

    def delete(self, key):
        self.store.delete(key)

    def delete_all(self, keys):
        self.store.delete_all(keys)

    def get(self, key):
        return self.store.get(key)

    def get_prefix(self, key):
        return self.store.get_prefix(key)

    def subscribe(self, text="*"):
        self.put(f"node/{NODE}/subscribedRoutes", text)

    def flag(self, name, present=True):
        """A file that checks test for: [ -e FLAG ]."""
        path = self.flags / name
        if present:
            path.write_text("")
            path.chmod(0o666)
        else:
            path.unlink(missing_ok=True)
        return path

    # ---- waiting ----

    def wait_for(self, predicate, timeout, what, interval=wait.POLL_S):
        """wait.wait_for; fails with the logs."""
        errors = (OSError, KeyError, IndexError, TypeError, ValueError, http.client.HTTPException)
        try:
            return wait.wait_for(predicate, what, timeout, interval, errors)
        except wait.TooLate as late:
            raise LabError(f"{late}\n{self.logs()}") from None

    def logs(self, lines=40):
        text = []
        for path in sorted(list(self.dir.glob("*.log")) + list(self.dir.glob("*.out")) + list(self.flags.glob("asan*"))):
            with contextlib.suppress(OSError):
                with open(path, "rb") as file:
                    file.seek(max(0, path.stat().st_size - 64 * 1024))
                    last = file.read().decode(errors="replace").splitlines()[-lines:]
                text.append(f"---- {path.name}\n" + "\n".join(last))
        with contextlib.suppress(OSError, ValueError):
            text.append("---- status\n" + json.dumps(self.status(), indent=1)[:4000])
        return "\n".join(text)

    def log(self, name="daemon.log"):
        return (self.dir / name).read_text(errors="replace")

    def sanitizer_reports(self):
        """Texts of what ASan and UBSan found in the daemon."""
        found = [path.read_text(errors="replace") for path in self.flags.glob("asan*")]
        with contextlib.suppress(OSError):
            log = self.log()
            if "runtime error:" in log or "ERROR: AddressSanitizer" in log:
                found.append(log[-8000:])
        return found

    # ---- the end ----

    def close(self):
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self.reports = self.sanitizer_reports() if hasattr(self, "flags") else []
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError, OSError):
                process.kill()
        for name in netns.names():
            if name.startswith(self.dir.name + "-"):
                netns.remove(name)
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        shutil.rmtree(self.dir, ignore_errors=True)
        self._lock.close()
