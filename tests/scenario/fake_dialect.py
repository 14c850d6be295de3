"""How the versions of ExaBGP word what the fake says. Whole answers are those of the transcripts (tests/transcript.py) with
another neighbor put in; the rest is checked against them by test_fake_exabgp.py."""
import json
import re

import transcript

DIALECTS = ["4.2.21", "4.2.25", "5.0.13"]
HEADER = "Peer            AS        up/down state       |     #sent     #recvd"


def family_of(prefix):
    """Of a key of the tables: "10.0.0.0/24", or of a flow "flow source-ipv4 10.0.0.0/24 protocol =tcp"."""
    if prefix.startswith("flow "):
        return "ipv6 flow" if "-ipv6" in prefix else "ipv4 flow"
    return "ipv6 unicast" if ":" in prefix else "ipv4 unicast"


class Dialect:
    def __init__(self, version):
        self.version = version
        self.is_5 = version.startswith("5.")
        answers = dict(transcript.load(version, "json"))
        self._configuration = answers["show neighbor configuration"][:-1]
        self._extensive = answers["show neighbor extensive"][:-1]

    # ---- answers ----

    @staticmethod
    def _replaced(lines, neighbor):
        """The transcript's neighbor is 10.99.0.2, its local address and router-id 10.99.0.1."""
        values = {"10.99.0.2": neighbor.ip, "local-address 10.99.0.1": f"local-address {neighbor.local}",
                  "local                      10.99.0.1": f"local                      {neighbor.local}",
                  "65001": str(neighbor.peer_as), "processes [ bgpcommander ]": f"processes [ {neighbor.processes} ]",
                  "ESTABLISHED": "ESTABLISHED" if neighbor.up else "       IDLE"}
        if neighbor.refresh:
            values["route-refresh disable"] = "route-refresh enable"
        for line in lines:
            for old, new in values.items():
                line = line.replace(old, new)
            yield line

    def configuration(self, neighbor):
        inside = None
        for line in self._replaced(self._configuration, neighbor):
            if line == "  family {":
                yield from [line, *(f"    {family};" for family in neighbor.families)]
                inside = "family"
            elif line == "    send {" and not neighbor.wire:
                inside = "send"
            elif inside == "send" and line == "    }":
                inside = None
                continue
            elif line == "  }":
                inside = None
            if inside is None and (neighbor.changes or line != "    neighbor-changes;"):
                yield line

    def extensive(self, neighbor):
        inside = False
        for line in self._replaced(self._extensive, neighbor):
            if line.startswith("  ") and line.strip().startswith("Families "):
                yield line
                inside = True
                for family in neighbor.families:
                    remote = "n/a" if not neighbor.up else "disabled" if family in neighbor.refused else "enabled"
                    add_path = f" {'disabled':15}" if self.is_5 else f" {'disabled':>15}"
                    yield f"   {family + ':':20} {'enabled':>15} {remote:>15}{add_path}"
            elif line == "":
                inside = False
            if not inside:
                yield line

    def summary(self, neighbors):
        yield HEADER
        for neighbor in neighbors:
            if neighbor.up:
                yield f"{neighbor.ip:15} {neighbor.peer_as:<7}   0:00:01 established           1          1"
            elif self.is_5:
                yield f"{neighbor.ip:15} {neighbor.peer_as:<7}      down idle                  0          0"

    def standing(self, neighbor, table):
        """show adj-rib out extensive; table: {prefix: attributes}."""
        return [self._listed(neighbor, prefix, table[prefix]) for prefix in sorted(table, key=family_of)]

    def _listed(self, neighbor, prefix, attributes):
        if self.version != "4.2.21":
            attributes = attributes.replace("next-hop self", f"next-hop {neighbor.local}")
        if self.is_5:
            attributes = self._path(attributes)
        return (f"neighbor {neighbor.ip} local-ip {neighbor.local} local-as 65000 peer-as {neighbor.peer_as} router-id 10.99.0.1 "
                f"family-allowed in-open {family_of(prefix)} {prefix} {attributes}").rstrip()

    @staticmethod
    def _path(attributes):
        return re.sub(r"as-path \[( [^\]]*)\]", lambda found: f"as-path ({found[1] if found[1].strip() else '  '})", attributes)

    # ---- messages ----

    def _json(self, kind, body):
        version = "5.0.0" if self.is_5 else "4.0.1"
        return (f'{{ "exabgp": "{version}", "time": 1795426991.3, "host" : "r1", "pid" : 1, "ppid" : 1, '
                f'{"" if kind == "notification" else chr(34) + "counter" + chr(34) + ": 1, "}"type": "{kind}", {body} }}')

    def _of_neighbor(self, kind, neighbor, body):
        asn = f'"asn": {{ "local": 65000, "peer": {neighbor.peer_as} }}'
        more = ', "router-id": "10.99.0.1" ' if self.is_5 else " "
        return self._json(kind, f'"neighbor": {{ "address": {{ "local": "{neighbor.local}", "peer": "{neighbor.ip}" }}, '
                                f'{asn}{more}, {body} }}')

    def state(self, encoder, neighbor, state, reason):
        if encoder == "text":
            return [f"neighbor {neighbor.ip} {state}" + (f" - {reason}" if reason else ""), ""]
        more = f', "reason": "{reason}"' if reason else ""
        return [self._of_neighbor("state", neighbor, f'"state": "{state}"{more}')]

    def shutdown(self, encoder):
        return ["shutdown 1 1", ""] if encoder == "text" else [self._json("notification", '"notification": "shutdown"')]

    def update(self, encoder, neighbor, verb, prefixes, attributes):
        attributes = attributes.replace("next-hop self", f"next-hop {neighbor.local}")
        if encoder == "text":
            return self._text_update(neighbor, verb, prefixes, attributes)
        words = attributes.split()
        nlris = [{"string" if prefix.startswith("flow ") else "nlri": prefix} for prefix in prefixes]
        family = family_of(prefixes[0])
        if verb == "withdraw":
            update = {"withdraw": {family: nlris}}
        else:
            path = {"0": {"element": "as-sequence", "value": [65000]}} if self.is_5 else [65000]
            attribute = {"origin": "igp", "as-path": path}
            if "med" in words:
                attribute["med"] = int(words[words.index("med") + 1])
            hop = (words[words.index("next-hop") + 1] if "next-hop" in words else
                   "no-nexthop" if "flow" in family else neighbor.local)
            update = {"attribute": attribute, "announce": {family: {hop: nlris}}}
        return [self._of_neighbor("update", neighbor,
                                  f'"direction": "send", "message": {{ "update": {json.dumps(update)} }}')]

    def _text_update(self, neighbor, verb, prefixes, attributes):
        head = f"neighbor {neighbor.ip} send update"
        if verb == "withdraw":
            lines = [f"{head} withdrawn {prefix}" for prefix in prefixes]
        else:
            if "as-path" not in attributes:
                hop, _, more = attributes.partition(" med ")
                attributes = f"{hop} origin igp as-path [ 65000 ]" + (f" med {more}" if more else "")
            attributes = self._path(attributes) if self.is_5 else attributes
            lines = [f"{head} announced {prefix} {attributes}".rstrip() for prefix in prefixes]
            if prefixes[0].startswith("flow "):
                lines = [f"{head} {prefix}  origin igp as-path [ 65000 ] {attributes.split(' origin')[0]}" for prefix in prefixes]
        return [f"{head} start", *lines, f"{head} end", ""]
