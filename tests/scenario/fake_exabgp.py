"""A scripted ExaBGP, 4.2 or 5.0: starts the daemon with pipes as ExaBGP does and speaks to it as docs/exabgp.md tells, with
the faults of real ones at will: no acks, missing acks, refusals, answers late or never, a dead core's answers first."""
import collections
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import threading

from fake_dialect import Dialect, family_of
from wait import wait_for


class Neighbor:
    """wire, changes: what its api block asks for. refused: families that the peer does not want."""

    def __init__(self, ip="10.99.0.2", local="10.99.0.1", peer_as=65001, processes="bgp", wire=True, changes=True, up=True,
                 families=("ipv4 unicast", "ipv6 unicast"), refused=(), refresh=False):
        self.ip, self.local, self.peer_as, self.processes = ip, local, peer_as, processes
        self.wire, self.changes, self.up, self.families = wire, changes, up, families
        self.refused, self.refresh = refused, refresh


def default_program():
    return os.environ["BGPCOMMANDER"]


class FakeExaBGP:
    """rib: {ip: {prefix: attributes}}, what ExaBGP would hold; wire: the commands' effects in order, as
    ("announce"|"withdraw", ip, prefix, attributes). Set the attributes below at any time. environment: of the program, in
    place of ours."""

    def __init__(self, arguments, neighbors=None, log=None, program=None, before=(), dialect="4.2.21",
                 encoder="json", acks=True, environment=None):
        self.neighbors = neighbors if neighbors is not None else [Neighbor()]
        self.rib = {neighbor.ip: {} for neighbor in self.neighbors}
        self.wire, self.lines = [], []
        self._sent = collections.defaultdict(list)
        self.dialect = Dialect(dialect)
        self.acks = acks                      # exabgp.api.ack; 5.0 has commands for it
        self.encoder = encoder
        self.refuse = lambda line: False      # answered `error`
        self.ignore = lambda line: False      # never answered, not done either
        self.breaks = lambda line: " 10.0.0.300/32 " in line  # an exception: 4.2 never answers, 5.0 `error`
        self.mute = lambda line: False        # done, but never acknowledged
        self.taken = lambda line: None        # told of each before its answer
        self.unseen = lambda prefix: False    # its UPDATE is not reported
        self.answering = threading.Event()    # cleared: commands are read and wait
        self.answering.set()
        self.reading = threading.Event()      # cleared: the pipe is not read
        self.reading.set()
        self.before = list(before)            # lines that wait in the pipe when the program starts
        self.program = program or default_program()
        self.arguments = list(arguments)
        self.log, self.environment = log, environment
        self.process = None
        self._queue = collections.deque()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._ended = False
        self._threads = []
        self._updates = []
        self.start()

    # ---- the process ----

    def start(self):
        """As ExaBGP does: umask, own group, pipes; what waits in the queue is answered to the new process."""
        self.process = subprocess.Popen([self.program, *self.arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, umask=0o137, process_group=0, env=self.environment)
        for line in self.before:
            self.say(line)
        threads = [threading.Thread(target=self._read, args=(self.process,), daemon=True)]
        if not self._threads:
            threads.append(threading.Thread(target=self._answer, daemon=True))
        for thread in threads:
            thread.start()
        self._threads += threads

    def restart(self):
        """The holder dies and ExaBGP starts it again: what it asked is answered to its successor."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.start()

    def close(self):
        self._ended = True
        self.answering.set()
        self.reading.set()
        with self._changed:
            self._changed.notify_all()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "the program's output has no end: a process of it lives"
        self.process.stdout.close()

    # ---- what comes and what goes ----

    def _read(self, process):
        rest = b""
        fd = process.stdout.fileno()
        while not self._ended:
            self.reading.wait()
            try:
                got = os.read(fd, 16384)
            except (OSError, ValueError):
                return
            if not got:
                return
            rest += got
            *lines, rest = rest.split(b"\n")
            with self._changed:
                for line in lines:
                    text = line.decode("ascii").strip()
                    self.lines.append(text)
                    self._queue.append(text)
                self._changed.notify_all()

    def say(self, line):
        """One line to the program, as ExaBGP writes: it waits until there is room."""
        try:
            os.write(self.process.stdin.fileno(), line.encode() + b"\n")
        except (OSError, ValueError):
            pass

    def _answer(self):
        while not self._ended:
            with self._changed:
                while not self._queue and not self._ended:
                    self._changed.wait()
            self.answering.wait()
            with self._lock:
                if self._ended or not self._queue:
                    continue
                line = self._queue.popleft()
            self.taken(line)
            self._command(line)

    def _ack(self, word="done"):
        if self.acks:
            self.say(word)

    def _command(self, line):
        if self.ignore(line) or self._ack_command(line) or (self.breaks(line) and not self.dialect.is_5):
            return
        if self.refuse(line) or self.breaks(line) or "~" in line:
            self._ack("error")
            return
        if line in ("version", "system version"):
            self.say(f"exabgp {self.dialect.version}")
        elif line == "show neighbor summary":
            self._say_all(self.dialect.summary(self.neighbors))
        elif line == "show neighbor configuration":
            for neighbor in self.neighbors:
                self._say_all(self.dialect.configuration(neighbor))
        elif line == "show neighbor 256 configuration":
            pass
        elif line == "show neighbor extensive":
            for neighbor in self.neighbors:
                self._say_all(self.dialect.extensive(neighbor))
        elif line == "show adj-rib out extensive":
            for neighbor in self.neighbors:
                self._say_all(self.dialect.standing(neighbor, dict(self.rib[neighbor.ip])))
        elif not self._route_command(line):
            self._ack("error")
            return
        if not self.mute(line):
            self._ack()
        # The wire comes after the ack.
        updates, self._updates = self._updates, []
        for update in updates:
            self.say_update(*update)

    def _ack_command(self, line):
        """Of 5.0, for this process until it ends."""
        if not self.dialect.is_5 or line not in ("enable-ack", "disable-ack", "silence-ack"):
            return False
        if line != "silence-ack":
            self.say("done")
        self.acks = line == "enable-ack"
        return True

    def _say_all(self, lines):
        for line in lines:
            self.say(line)

    def _route_command(self, line):
        words = line.split()
        chosen = [neighbor.ip for neighbor in self.neighbors]
        if words and words[0] == "neighbor":
            verb = next((at for at, word in enumerate(words) if word in ("announce", "withdraw")), None)
            if verb is None:
                return False
            named = [part.split()[1] for part in " ".join(words[:verb]).split(",")]
            chosen = [ip for ip in chosen if ip in named]
            words = words[verb:]
        if len(words) < 3 or words[0] not in ("announce", "withdraw") or not chosen:
            return False
        if self.dialect.is_5 and words[1:3] in (["ipv4", "unicast"], ["ipv6", "unicast"]):
            words = [words[0], "route", *words[3:]]
        if words[1] == "flow":
            prefixes, attributes = self._flow(" ".join(words))
        elif words[1] == "route":
            prefixes, attributes = [words[2]], " ".join(words[3:])
        elif words[1] == "attributes" and "nlri" in words:
            at = words.index("nlri")
            prefixes, attributes = words[at + 1:], " ".join(words[2:at])
        else:
            return False
        with self._lock:
            for neighbor in self.neighbors:
                if neighbor.ip in chosen:
                    self._apply(neighbor, words[0], prefixes, attributes)
        return True

    @staticmethod
    def _flow(line):
        """([key of the tables], attributes as listed) of the canonical text of a flow that discards or limits."""
        match = re.search(r"match \{ (.*?); \}", line)[1].replace(";", "")
        rate = re.search(r"rate-limit (\d+)", line)
        return ["flow " + match], f"extended-community rate-limit:{rate[1] if rate else 0}"

    def _carries(self, neighbor, family):
        return family in neighbor.families and family not in neighbor.refused

    def _apply(self, neighbor, verb, prefixes, attributes):
        table = self.rib[neighbor.ip]
        moved = []
        for prefix in prefixes:
            before = table.get(prefix)
            if verb == "announce":
                table[prefix] = attributes
            else:
                table.pop(prefix, None)
            self.wire.append((verb, neighbor.ip, prefix, attributes))
            if verb == "withdraw" or before != attributes:
                moved.append(prefix)
        if moved and neighbor.up and self._carries(neighbor, family_of(moved[0])):
            self._sent[neighbor.ip] += ((verb, prefix, attributes) for prefix in moved)
            seen = [prefix for prefix in moved if not self.unseen(prefix)]
            if seen and neighbor.wire:
                self._updates.append((neighbor, verb, seen, attributes))

    def say_update(self, neighbor, verb, prefixes, attributes):
        self._say_all(self.dialect.update(self.encoder, neighbor, verb, prefixes, attributes))

    def say_state(self, neighbor, state, reason=None):
        neighbor.up = state == "up" or (neighbor.up and state == "connected")
        self._say_all(self.dialect.state(self.encoder, neighbor, state, reason))

    def end_session(self, neighbor, reason):
        with self._lock:
            self._sent[neighbor.ip].clear()
            neighbor.up = False
            if neighbor.changes:
                self.say_state(neighbor, "down", reason)

    def begin_session(self, neighbor):
        """The peer gets all that stands, and the program is told what it asked for."""
        with self._lock:
            if neighbor.changes:
                self.say_state(neighbor, "connected")
                self.say_state(neighbor, "up")
            neighbor.up = True
            for prefix, attributes in self.rib[neighbor.ip].items():
                if self._carries(neighbor, family_of(prefix)):
                    self._sent[neighbor.ip].append(("announce", prefix, attributes))
                    if neighbor.wire:
                        self.say_update(neighbor, "announce", [prefix], attributes)

    def say_shutdown(self):
        self._say_all(self.dialect.shutdown(self.encoder))

    # ---- what tests ask ----

    def prefixes(self, ip=None):
        with self._lock:
            return set(self.rib[ip or self.neighbors[0].ip])

    def sent_to(self, neighbor):
        """[("announce"|"withdraw", prefix, attributes)] that went over its session since it came up."""
        with self._lock:
            return list(self._sent[neighbor.ip])

    def withdrawn(self):
        with self._lock:
            return [prefix for verb, _, prefix, _ in self.wire if verb == "withdraw"]

    def count(self, start):
        with self._lock:
            return sum(line.startswith(start) for line in self.lines)

    def unread_bytes(self):
        """What the program has written and nobody has read."""
        return int.from_bytes(fcntl.ioctl(self.process.stdout.fileno(), 0x541B, b"\0\0\0\0"), "little")  # FIONREAD


class Daemon:
    """The real daemon under a fake ExaBGP, its files in a folder of its own."""

    def __init__(self, folder, endpoint, prefix, node="n1", more=(), **fake_options):
        self.more = list(more)
        self.folder, self.endpoint, self.prefix, self.node = str(folder), endpoint, prefix, node
        self.socket = os.path.join(self.folder, "sock")
        for name in ("state", "scripts"):
            os.makedirs(os.path.join(self.folder, name), mode=0o700, exist_ok=True)
        self.log_path = os.path.join(self.folder, "log")
        self._log = open(self.log_path, "ab")
        self.exabgp = FakeExaBGP(self.arguments(), log=self._log, **fake_options)

    def arguments(self):
        return [f"-c={self.endpoint}", f"-n={self.node}", f"-p={self.folder}/scripts", f"--prefix={self.prefix}",
                f"--state-dir={self.folder}/state", f"--socket={self.socket}", f"--config={self.folder}/none.conf",
                "--log-level=info", *self.more]

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def ask(self, command, **more):
        """None when no core answers."""
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(5)
                link.connect(self.socket)
                link.sendall(json.dumps({"command": command, **more}).encode() + b"\n")
                text = b""
                while got := link.recv(65536):
                    text += got
                return json.loads(text) if text else None
        except OSError:
            return None

    def status(self):
        return self.ask("status")

    def route(self, name):
        answer = self.ask("routes")
        return next((route for route in answer["routes"] if route["name"] == name), None) if answer else None

    def core(self):
        status = self.status()
        return status and status["pid"]

    def wait_synced(self, seconds=15):
        return wait_for(lambda: (s := self.status()) and s["exabgp"]["state"] == "synced" and s, "core is in step", seconds)

    def wait_settled(self, seconds=15):
        return wait_for(lambda: (s := self.status()) and s["exabgp"]["settled"] and s, "nothing is under way", seconds)

    def wait_state(self, name, state, seconds=15):
        return wait_for(lambda: (r := self.route(name)) and r["state"] == state and r, f"{name} is {state}", seconds)

    def settled_state(self, name):
        """The state once no command for it is under way: what stands may be on its way again at any moment, as after a
        restart or a nudge; what was withdrawn is told as it is."""
        def seen():
            route = self.route(name)
            state = route and route["state"]
            return state not in ("pending", "sent", "acked", "withdrawing") and state
        return wait_for(seen, f"no command for {name} is under way")

    def kill_core(self):
        """SIGKILL, and waits until another core answers."""
        old = wait_for(self.core, "a core answers")
        os.kill(old, signal.SIGKILL)
        return wait_for(lambda: (new := self.core()) and new != old and new, "another core answers")

    def core_pid_of_holder(self):
        """Also of a core that answers nobody yet."""
        with open(f"/proc/{self.exabgp.process.pid}/task/{self.exabgp.process.pid}/children") as file:
            children = file.read().split()
        return int(children[0]) if children else None

    def close(self):
        self.exabgp.close()
        self._log.close()
