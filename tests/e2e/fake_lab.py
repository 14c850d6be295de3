"""A lab whose ExaBGP is the scripted one of tests/scenario, and whose BIRDs are what that one says to its peers: the same
tests with a version of ExaBGP that is not installed. Store, daemon, checks and socket are the real ones."""
import os
import re
import signal

import netns
from fake_dialect import DIALECTS, family_of
from fake_exabgp import FakeExaBGP, Neighbor
from lab import ADDRESSES, Lab

WORDS = re.compile(r"(\S+) (\[[^\]]*\]|\S+)")


class FakeBird:
    """What a peer knows of its session: the questions of bird.Bird, answered as that one words them."""

    def __init__(self, lab, name, neighbor):
        self.lab, self.name, self.neighbor = lab, name, neighbor

    def _received(self):
        return self.lab.exabgp.sent_to(self.neighbor)

    def routes(self):
        found = {}
        for verb, prefix, attributes in self._received():
            if verb == "announce":
                found[prefix] = self._worded(attributes)
            else:
                found.pop(prefix, None)
        return found

    def _worded(self, attributes):
        words = {name: value.strip("[ ]").split() for name, value in WORDS.findall(attributes)}
        found = {"as_path": " ".join(words.get("as-path", ["65000"]))}
        if "next-hop" in words:
            found["next_hop"] = words["next-hop"][0].replace("self", self.neighbor.local)
        if "med" in words:
            found["med"] = words["med"][0]
        if "community" in words:
            found["community"] = " ".join(f"({value.replace(':', ',')})" for value in words["community"])
        return found

    def prefixes(self):
        return set(self.routes())

    def med(self, prefix):
        text = self.routes().get(prefix, {}).get("med")
        return None if text is None else int(text)

    def has(self, prefix):
        return prefix in self.routes()

    def count(self):
        return len(self.routes())

    def counters(self):
        verbs = [verb for verb, *_ in self._received()]
        return {"updates": verbs.count("announce"), "withdraws": verbs.count("withdraw")}

    def is_up(self):
        return self.neighbor.up

    def session_down(self):
        self.lab.exabgp.end_session(self.neighbor, "peer reset, message (notification received (6,2)) error (shutdown)")

    def session_up(self):
        self.lab.exabgp.begin_session(self.neighbor)


class FakeLab(Lab):
    """Options as those of Lab, as far as they are about the daemon, the store, and the neighbors' blocks."""

    dialect = DIALECTS[-1]

    @property
    def exabgp_version(self):
        return self.dialect

    def _make_network(self, _peers):
        netns.add(self.exa)

    def _make_peers(self, peers, _bird_options):
        options = self.options
        for index in range(peers):
            v4, _ = ADDRESSES[index]
            families = options["second_families"] if index == 1 and options["second_families"] else options["families"]
            messages = "" if options["bare"] else options["messages"]
            neighbor = Neighbor(f"{v4}.2", f"{v4}.1", 65001 + index, processes="bgpcommander", wire="send" in messages,
                                changes="neighbor-changes" in messages, families=tuple(re.findall(r"\w+ \w+", families)))
            self.birds.append(FakeBird(self, f"peer{index + 1}", neighbor))

    def _run_exabgp(self):
        command = [*self._in_namespace(self.exa), *self._become(), str(self.program), *self.daemon_arguments().split()]
        with open(self.dir / "daemon.log", "ab") as log:
            return FakeExaBGP(command[1:], program=command[0], log=log, dialect=self.dialect,
                              neighbors=[bird.neighbor for bird in self.birds],
                              encoder="text" if self.options["bare"] else "json",
                              environment={**os.environ, **self.daemon_environment(), **self.environment})

    def stop_exabgp(self, number=signal.SIGTERM, timeout=20):
        exabgp, self.exabgp = self.exabgp, None
        if exabgp is not None:
            exabgp.say_shutdown()
            exabgp.close()

    def logs(self, lines=40):
        written = list(self.exabgp.lines)[-lines:] if self.exabgp else []
        return "\n".join([super().logs(lines), "---- written to ExaBGP", *written])

    def close(self):
        try:
            if not self._closed:
                self.stop_exabgp()
        finally:
            super().close()
