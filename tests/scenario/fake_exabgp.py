"""A scripted ExaBGP 4.2: starts the daemon with pipes as ExaBGP does and speaks to it as docs/exabgp.md tells, with
the faults of real ones at will: no acks, missing acks, refusals, answers late or never, a dead core's answers first."""
import collections
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time

POLL_S = 0.02
HEADER = "Peer            AS        up/down state       |     #sent     #recvd"


class Neighbor:
    def __init__(self, ip="10.99.0.2", local="10.99.0.1", peer_as=65001, processes="bgp", wire=True, changes=True, up=True,
                 families=("ipv4 unicast", "ipv6 unicast")):
        self.ip, self.local, self.peer_as, self.processes = ip, local, peer_as, processes
        self.wire, self.changes, self.up, self.families = wire, changes, up, families

    def head(self):
        return (f'"address": {{ "local": "{self.local}", "peer": "{self.ip}" }}, '
                f'"asn": {{ "local": 65000, "peer": {self.peer_as} }} ')

    def configuration(self):
        lines = [f"neighbor {self.ip} {{", "  router-id 10.99.0.1;", f"  local-address {self.local};", "  local-as 65000;",
                 f"  peer-as {self.peer_as};", "", "  capability {", "    route-refresh disable;", "  }", "  family {"]
        lines += [f"    {family};" for family in self.families] + ["  }", "  api {", f"    processes [ {self.processes} ];"]
        lines += ["    neighbor-changes;"] if self.changes else []
        lines += ["    send {", "      parsed;", "      update;", "    }"] if self.wire else []
        return lines + ["  }", "}"]

    def extensive(self):
        state = "ESTABLISHED" if self.up else "IDLE"
        remote = "enabled" if self.up else "n/a"
        return [f"Neighbor {self.ip}", "", "  Session                         Local", f"   local   {self.local}",
                f"   state   {state}", "", "  Setup                           Local          Remote",
                f"   AS      65000           {self.peer_as}", "",
                "  Families                        Local          Remote        Add-Path",
                *[f"   {family}:   enabled   {remote}   disabled" for family in self.families], "",
                "  Message Statistic                Sent        Received", ""]


def default_program():
    return os.environ["BGPCOMMANDER"]


class FakeExaBGP:
    """rib: {ip: {prefix: attributes}}, what ExaBGP would hold; wire: the commands' effects in order, as
    ("announce"|"withdraw", ip, prefix, attributes). Set the attributes below at any time."""

    def __init__(self, arguments, neighbors=None, log=None, program=None, before=()):
        self.neighbors = neighbors if neighbors is not None else [Neighbor()]
        self.rib = {neighbor.ip: {} for neighbor in self.neighbors}
        self.wire, self.lines = [], []
        self.acks = True
        self.encoder = "json"
        self.refuse = lambda line: False      # answered `error`
        self.ignore = lambda line: False      # never answered, not done either (an exception of 4.2)
        self.mute = lambda line: False        # done, but never acknowledged
        self.pause = lambda line: 0           # seconds before the answer
        self.unseen = lambda prefix: False    # its UPDATE is not reported
        self.answering = threading.Event()    # cleared: commands are read and wait
        self.answering.set()
        self.reading = threading.Event()      # cleared: the pipe is not read
        self.reading.set()
        self.before = list(before)            # lines that wait in the pipe when the program starts
        self.program = program or default_program()
        self.arguments = list(arguments)
        self.log = log
        self.process = None
        self._queue = collections.deque()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._ended = False
        self._threads = []
        self.start()

    # ---- the process ----

    def start(self):
        """As ExaBGP does: umask, own group, pipes; what waits in the queue is answered to the new process."""
        self.process = subprocess.Popen([self.program, *self.arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, umask=0o137, process_group=0)
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
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except OSError:
                pass

    # ---- what comes and what goes ----

    def _read(self, process):
        rest = b""
        fd = process.stdout.fileno()
        while not self._ended:
            self.reading.wait()
            try:
                if not select.select([fd], [], [], 0.2)[0]:
                    continue
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
            time.sleep(self.pause(line))
            self._command(line)

    def _ack(self, word="done"):
        if self.acks:
            self.say(word)

    def _command(self, line):
        if self.ignore(line):
            return
        if self.refuse(line) or "~" in line:
            self._ack("error")
            return
        if line in ("version", "system version"):
            self.say("exabgp 4.2.21")
        elif line == "show neighbor summary":
            self.say(HEADER)
            for neighbor in self.neighbors:
                if neighbor.up:
                    self.say(f"{neighbor.ip}       {neighbor.peer_as}     0:01:01 established          28          4")
        elif line == "show neighbor configuration":
            self._say_all(neighbor.configuration() for neighbor in self.neighbors)
        elif line == "show neighbor 256 configuration":
            pass
        elif line == "show neighbor extensive":
            self._say_all(neighbor.extensive() for neighbor in self.neighbors)
        elif line == "show adj-rib out extensive":
            for neighbor in self.neighbors:
                name = (f"neighbor {neighbor.ip} local-ip {neighbor.local} local-as 65000 peer-as {neighbor.peer_as} "
                        "router-id 10.99.0.1 family-allowed in-open")
                for prefix, attributes in list(self.rib[neighbor.ip].items()):
                    self.say(f"{name} ipv4 unicast {prefix} {attributes}".rstrip())
        elif not self._route_command(line):
            self._ack("error")
            return
        if not self.mute(line):
            self._ack()

    def _say_all(self, blocks):
        for block in blocks:
            for line in block:
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
        if words[1] == "route":
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
            if (verb == "withdraw" or before != attributes) and not self.unseen(prefix):
                moved.append(prefix)
        if moved and neighbor.up and neighbor.wire:
            self.say_update(neighbor, verb, moved, attributes)

    def say_update(self, neighbor, verb, prefixes, attributes):
        if self.encoder == "text":
            for prefix in prefixes:
                kind = "announced" if verb == "announce" else "withdrawn"
                self.say(f"neighbor {neighbor.ip} send update {kind} {prefix} {attributes}".rstrip())
            return
        nlris = [{"nlri": prefix} for prefix in prefixes]
        words = attributes.split()
        update = {"attribute": {"origin": "igp", "as-path": [65000], "confederation-path": []}}
        if "med" in words:
            update["attribute"]["med"] = int(words[words.index("med") + 1])
        update[verb] = {"ipv4 unicast": {"10.99.0.1": nlris} if verb == "announce" else nlris}
        self.say(f'{{ "exabgp": "4.0.1", "time": 1.0, "host" : "vm", "pid" : 1, "ppid" : 1, "counter": 1, "type": "update", '
                 f'"neighbor": {{ {neighbor.head()}, "direction": "send", "message": {{ "update": {json.dumps(update)} }} }} }}')

    def say_state(self, neighbor, state, reason=None):
        neighbor.up = state == "up" or (neighbor.up and state == "connected")
        if self.encoder == "text":
            self.say(f"neighbor {neighbor.ip} {state}" + (f" - {reason}" if reason else ""))
            return
        more = f', "reason": "{reason}"' if reason else ""
        self.say(f'{{ "exabgp": "4.0.1", "time": 1.0, "host" : "vm", "pid" : 1, "ppid" : 1, "counter": 1, "type": "state", '
                 f'"neighbor": {{ {neighbor.head()}, "state": "{state}"{more} }} }}')

    def say_shutdown(self):
        self.say('{ "exabgp": "4.0.1", "time": 1.0, "host" : "vm", "pid" : 1, "ppid" : 1, "type": "notification", '
                 '"notification": "shutdown" }')

    # ---- what tests ask ----

    def prefixes(self, ip=None):
        with self._lock:
            return set(self.rib[ip or self.neighbors[0].ip])

    def withdrawn(self):
        with self._lock:
            return [prefix for verb, _, prefix, _ in self.wire if verb == "withdraw"]

    def count(self, start):
        with self._lock:
            return sum(line.startswith(start) for line in self.lines)

    def unread_bytes(self):
        """What the program has written and nobody has read."""
        return int.from_bytes(fcntl.ioctl(self.process.stdout.fileno(), 0x541B, b"\0\0\0\0"), "little")  # FIONREAD


def wait_for(condition, what, seconds=15):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(POLL_S)


class Daemon:
    """The real daemon under a fake ExaBGP, its files in a folder of its own."""

    def __init__(self, folder, endpoint, prefix, node="n1", **fake_options):
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
                "--log-level=info"]

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
