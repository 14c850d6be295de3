"""Routes of the API under the fake ExaBGP: a daemon with or without a store, its file, and its clocks."""
import base64
import glob
import hashlib
import http.client
import json
import shutil
import zlib

import pytest

from dir_lab import Tree
from fake_exabgp import Daemon, default_program
from ports import free_port
from wait import wait_for

PEER = "10.99.0.2"
A, B, C, D = "10.70.0.1/32", "10.70.0.2/32", "10.70.0.3/32", "10.70.0.4/32"
FAKETIME = (glob.glob("/usr/lib/*/faketime/libfaketime.so.1") or [None])[0]


TOKENS = {"one": "read,announce", "two": "read,announce", "boss": "read,announce,operate"}


def token(owner):
    return "bgpc_" + base64.urlsafe_b64encode(hashlib.sha256(owner.encode()).digest()).decode().rstrip("=")


class Api:
    """What a program says by HTTP, and what it hears, as a dict: of what was taken the answer's members with `status` and
    `outcome`, else `error` and `text`."""

    def __init__(self, port):
        self.port = port

    def ask(self, method, path, body=None, owner="one", accept="application/json"):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=70)
        headers = {"Authorization": f"Bearer {token(owner)}", "Accept": accept, "Content-Type": "application/json"}
        try:
            link.request(method, path, None if body is None else json.dumps(body), headers)
            answer = link.getresponse()
            return answer.status, json.loads(answer.read() or "{}")
        finally:
            link.close()

    def change(self, method, path, body, wait, timeout, owner):
        query = f"?wait={wait or 'none'}" + (f"&timeout={int(timeout * 1000)}ms" if timeout else "")
        status, made = self.ask(method, path + query, body, owner)
        if status >= 300 and status not in (422, 504):
            return {"status": status, "error": made["code"], "text": made["detail"]}
        outcome = {422: "refused", 504: "late"}.get(status, "held" if made.get("held") else "done")
        return {"status": status, "outcome": outcome, **made}

    def put(self, name, text, ttl=0, wait=None, timeout=None, owner="one", reason=None):
        fields = {"ttl": f"{int(ttl * 1000)}ms"} if ttl else {}
        fields.update({"reason": reason} if reason else {})
        if name is None:
            return self.change("POST", "/", {"command": announce(text), **fields}, wait, timeout, owner)
        return self.change("PUT", f"/v1/routes/{name}", {"route": text, **fields}, wait, timeout, owner)

    def remove(self, name, wait=None, timeout=None, owner="one"):
        return self.change("DELETE", f"/v1/routes/{name}", None, wait, timeout, owner)


def announce(text):
    """`announce` stands behind the neighbors."""
    before, _, route = text.rpartition("route ")
    return f"{before}announce route {route}"


class World:
    """A directory store (or none that answers), one daemon after the other, and an ExaBGP that may keep its table."""

    def __init__(self, folder):
        self.folder = folder
        self.tree = Tree(folder / "store")
        self.tree.put("node/n1/subscribedRoutes", "*")
        self.daemon = None
        self.api = Api(free_port())
        self.boot = None  # the boot id that it finds; None: this machine's
        self.faketime = None  # the wall clock: a file with what libfaketime is told

    @property
    def file(self):
        return self.folder / "state" / "leases"

    def start(self, store=True, rib=None, lines=(), **options):
        log = self.folder / "log"
        self.logged = log.stat().st_size if log.exists() else 0
        if self.faketime is not None:
            (self.folder / "state").mkdir(exist_ok=True)
            (self.folder / "state").chmod(0o777)
        url = f"file://{self.tree.dir}" if store else f"http://127.0.0.1:{free_port()}"
        self.daemon = Daemon(self.folder, url, "/bgp", more=[self.node_file(lines)], program=self.program(), **options)
        if rib:
            self.daemon.exabgp.rib.update(rib)
        if self.faketime is not None:
            self.use_faketime()
        self.daemon.wait_synced(30)
        wait_for(self.hears, "it answers", 30)
        return self.daemon

    def hears(self):
        try:
            status, answer = self.api.ask("GET", "/v1/status")
            return status == 200 and answer["exabgp"]["state"] == "synced"  # before it would refuse what it is asked
        except (OSError, http.client.HTTPException):
            return False

    def node_file(self, lines):
        made = [f"http 127.0.0.1:{self.api.port}", "http_rate 1000000", *lines]
        made += [f"http_token {name} {hashlib.sha256(token(name).encode()).hexdigest()} {scope}"
                 for name, scope in TOKENS.items()]
        path = self.folder / "node.conf"
        path.write_text("".join(line + "\n" for line in made))
        return f"--config={path}"

    def program(self):
        """The daemon, in a machine with the boot id that the test says."""
        own = self.folder / "bgpcommander"
        own.unlink(missing_ok=True)
        shutil.copy(default_program(), own)
        if self.boot is None:
            return str(own)
        boot = self.folder / "boot_id"
        boot.write_text(self.boot + "\n")
        mount = f"mount --bind {boot} /proc/sys/kernel/random/boot_id"
        inner = self.script("inner", ["#!/bin/sh", f"{mount} || exit 99", f'exec {own} "$@"'])
        return self.script("outer", ["#!/bin/sh", f'exec unshare -m {inner} "$@"'])

    def use_faketime(self):
        """Core gets an environment that has nothing of ours, so its program is replaced, as an upgrade does, by a script
        that sets it. The first core must not see the time as it is: it refuses the state directory, and ends."""
        wait_for(lambda: "state directory:" in self.daemon.log()[self.logged:], "the first core ends")
        self.script("bgpcommander", [
            "#!/bin/sh",
            f"export LD_PRELOAD={FAKETIME} FAKETIME_TIMESTAMP_FILE={self.faketime} FAKETIME_NO_CACHE=1",
            "export FAKETIME_DONT_FAKE_MONOTONIC=1 ASAN_OPTIONS=verify_asan_link_order=0:$ASAN_OPTIONS",
            "echo its clock is set >&2",
            f'exec {default_program()} "$@"'])
        # Cores come one after the other: all that follow are the script's.
        wait_for(lambda: "its clock is set" in self.daemon.log()[self.logged:], "a core whose clock is set", 30)
        (self.folder / "state").chmod(0o700)

    def script(self, name, lines):
        path = self.folder / name
        made = self.folder / f"{name}.new"
        made.write_text("\n".join(lines) + "\n")
        made.chmod(0o755)
        made.rename(path)
        return str(path)

    def set_wall(self, text):
        """As libfaketime reads it: "+0", "+86400", "-86400"."""
        self.faketime = self.folder / "faketime"
        made = self.folder / "faketime.new"
        made.write_text(text + "\n")
        made.rename(self.faketime)

    def stop(self):
        """The daemon ends; ExaBGP's table as it was."""
        rib = {ip: dict(table) for ip, table in self.daemon.exabgp.rib.items()}
        self.daemon.close()
        return rib

    def again(self, keeps_rib=True, **options):
        """A new daemon. ExaBGP has kept its table, or has none (a reboot)."""
        rib = self.stop()
        return self.start(rib=rib if keeps_rib else None, **options)

    def reboot(self, boot, wall=None, **options):
        self.stop()
        self.boot = boot
        if wall is not None:
            self.set_wall(wall)
        return self.start(**options)

    def put(self, name, net, ttl=0, words="next-hop self", state="announced", **more):
        answer = self.api.put(name, f"route {net} {words}", ttl, **more)
        assert "error" not in answer, answer
        if state:
            self.daemon.wait_state(answer["name"], state)
        return answer

    def prefixes(self, ip=None):
        return self.daemon.exabgp.prefixes(ip)

    def held(self, net):
        return self.daemon.exabgp.rib[PEER].get(net)

    def withdrawn(self):
        return self.daemon.exabgp.withdrawn()

    def announced(self):
        return [line for line in self.daemon.exabgp.lines if "announce " in line]

    def wait_prefixes(self, *nets, seconds=15):
        wait_for(lambda: self.prefixes() == set(nets), f"ExaBGP holds {nets}: {self.prefixes()}", seconds)

    # ---- the file ----

    def records(self):
        lines = self.file.read_text().splitlines()[1:]
        return [json.loads(line[9:]) for line in lines]

    def kept(self):
        """Puts that were not forgotten."""
        records = self.records()
        gone = {r["forget"] for r in records if "forget" in r}
        return [r for r in records if "put" in r and r["put"] not in gone]

    def wait_record(self, **members):
        def find():
            return next((r for r in self.records() if all(r.get(key) == value for key, value in members.items())), None)
        return wait_for(find, f"a record with {members}")

    def rewrite(self, change):
        """The file with each record changed by `change(record)`; None leaves it out."""
        lines = self.file.read_text().splitlines()
        made = [lines[0]]
        for line in lines[1:]:
            record = change(json.loads(line[9:]))
            if record is not None:
                text = json.dumps(record, separators=(",", ":"))
                made.append(f"{zlib.crc32(text.encode()):08x} {text}")
        self.file.write_text("\n".join(made) + "\n")

    def close(self):
        if self.daemon is not None:
            self.daemon.close()
            log = self.daemon.log()
            assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def store_route(world, name, net, words="next-hop self med 7"):
    world.tree.put(f"routes/{name}/config", f"route {net} {words}")


def two_hours_ago(world, **more):
    """All that the file tells happened two hours before."""
    def change(record):
        record["wall"] -= 7200000
        record["uptime"] -= 7200000
        return {**record, **more}
    world.rewrite(change)
