"""Routes of the API under the fake ExaBGP: a daemon with or without a store, its file, and its clocks."""
import glob
import json
import zlib

from dir_lab import Tree
from etcd_lab import free_port
from fake_exabgp import Daemon, default_program
from wait import wait_for

PEER = "10.99.0.2"
FAKETIME = (glob.glob("/usr/lib/*/faketime/libfaketime.so.1") or [None])[0]


class Api:
    """What a program says by HTTP."""

    def __init__(self, daemon):
        self.daemon = daemon

    def put(self, name, text, ttl=0, **more):
        return self.daemon.ask("lease", op="put", name=name, text=text, ttl=int(ttl * 1000), **more)

    def remove(self, name, **more):
        return self.daemon.ask("lease", op="remove", name=name, **more)


class World:
    """A directory store (or none that answers), one daemon after the other, and an ExaBGP that may keep its table."""

    def __init__(self, folder):
        self.folder = folder
        self.tree = Tree(folder / "store")
        self.tree.put("node/n1/subscribedRoutes", "*")
        self.daemon = None
        self.boot = None  # the boot id that it finds; None: this machine's
        self.faketime = None  # the wall clock: a file with what libfaketime is told

    @property
    def file(self):
        return self.folder / "state" / "leases"

    def start(self, store=True, rib=None, more=(), **options):
        url = f"file://{self.tree.dir}" if store else f"http://127.0.0.1:{free_port()}"
        self.daemon = Daemon(self.folder, url, "/bgp", more=more, program=self.program(), **options)
        if rib:
            self.daemon.exabgp.rib.update(rib)
        self.api = Api(self.daemon)
        wait_for(self.daemon.core, "a core answers", 30)
        return self.daemon

    def program(self):
        """The daemon, in a machine that is what the test says."""
        lines = ["#!/bin/sh"]
        if self.boot is not None:
            boot = self.folder / "boot_id"
            boot.write_text(self.boot + "\n")
            lines.append(f"mount --bind {boot} /proc/sys/kernel/random/boot_id || exit 99")
        if self.faketime is not None:
            lines += [f"export LD_PRELOAD={FAKETIME} FAKETIME_TIMESTAMP_FILE={self.faketime} FAKETIME_NO_CACHE=1",
                      "export FAKETIME_DONT_FAKE_MONOTONIC=1 ASAN_OPTIONS=verify_asan_link_order=0:$ASAN_OPTIONS"]
        lines.append(f'exec {default_program()} "$@"')
        path = self.folder / "program"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o755)
        if self.boot is None:
            return str(path)
        outer = self.folder / "unshared"
        outer.write_text(f'#!/bin/sh\nexec unshare -m {path} "$@"\n')
        outer.chmod(0o755)
        return str(outer)

    def set_wall(self, text):
        """As libfaketime reads it: "+0", "+86400", "-86400"."""
        self.faketime = self.folder / "faketime"
        made = self.folder / "faketime.new"
        made.write_text(text + "\n")
        made.rename(self.faketime)

    def up(self, **options):
        daemon = self.start(**options)
        daemon.wait_synced()
        return daemon

    def stop(self):
        """The daemon ends; ExaBGP's table as it was."""
        rib = {ip: dict(table) for ip, table in self.daemon.exabgp.rib.items()}
        self.daemon.close()
        return rib

    def again(self, keeps_rib=True, **options):
        """A new daemon. ExaBGP has kept its table, or has none (a reboot)."""
        rib = self.stop()
        return self.start(rib=rib if keeps_rib else None, **options)

    def put(self, name, net, ttl=0, words="next-hop self", state="announced", **more):
        answer = self.api.put(name, f"route {net} {words}", ttl, **more)
        assert "error" not in answer, answer
        if state:
            self.daemon.wait_state(answer["name"], state)
        return answer

    def prefixes(self):
        return self.daemon.exabgp.prefixes()

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
