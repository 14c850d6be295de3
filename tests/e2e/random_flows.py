"""Random valid flow rules, each with what a router must show of it: see random_routes.py."""
import ipaddress
import struct

from random_routes import EBGP, IBGP, LOCAL_AS, PEERS, Spelling, Values, community_text, listed

PROTOCOLS = {"icmp": 1, "igmp": 2, "tcp": 6, "egp": 8, "udp": 17, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "ospf": 89,
             "ipip": 94, "pim": 103, "sctp": 132}
PORTS = {"ssh": 22, "domain": 53, "http": 80, "https": 443, "bgp": 179}
ICMP_TYPES = {"echo-request": 8, "echo-reply": 0, "unreachable": 3, "time-exceeded": 11}
TCP_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "push": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128, "ns": 256}
FRAGMENTS = {"dont-fragment": 1, "is-fragment": 2, "first-fragment": 4, "last-fragment": 8}
OPERATORS = ["=", "=", "=", "!=", "<", "<=", ">", ">="]
# Keyword, BIRD's name (IPv4, IPv6), the most, words.
NUMBERS = {"protocol": (("proto", "next header"), 255, PROTOCOLS), "port": (("port", "port"), 65535, PORTS),
           "destination-port": (("dport", "dport"), 65535, PORTS), "source-port": (("sport", "sport"), 65535, PORTS),
           "icmp-type": (("icmp type", "icmp type"), 255, ICMP_TYPES), "icmp-code": (("icmp code", "icmp code"), 255, {}),
           "packet-length": (("length", "length"), 65535, {}), "dscp": (("dscp", "dscp"), 63, {}),
           "flow-label": ((None, "label"), 0xfffff, {})}
BITS = {"tcp-flags": ("tcp flags", TCP_FLAGS), "fragment": ("fragment", FRAGMENTS)}
NAMES = sorted({name for names, _, _ in NUMBERS.values() for name in names if name} | {name for name, _ in BITS.values()} |
               {"dst", "src"}, key=len, reverse=True)
# BIRD cuts the text of a flow at 256 characters.
SHOWN_MOST = 180


def read_shown(text):
    """{BIRD's name of a match: its expressions without blanks, "=80||>1024&&<=2000"} of what BIRD shows of a flow."""
    matches = {}
    for statement in filter(None, (part.strip() for part in text.split(";"))):
        name = next(name for name in NAMES if statement.startswith(name + " "))
        value = statement[len(name):].replace(" ", "").replace(",", "||")
        if name in ("dst", "src"):
            matches[name] = str(ipaddress.ip_network(value))
            continue
        parts = []
        for group in value.split("||"):
            terms = []
            for term in group.split("&&"):
                terms += [f">={term.split('..')[0]}", f"<={term.split('..')[1]}"] if ".." in term else \
                    [term if name in ("tcp flags", "fragment") or not term[0].isdigit() else "=" + term]
            parts.append("&&".join(terms))
        matches[name] = "||".join(parts)
    return matches


class Flow:
    """text; matches: as read_shown; shown[peer]: {attribute: text as BIRD has it}."""

    def __init__(self, text, matches, shown):
        self.text, self.matches, self.shown = text, matches, shown
        self.key = (matches.get("dst"), matches.get("src"))


class FlowGenerator:
    def __init__(self, random):
        self.random, self.spell, self.values = random, Spelling(random), Values(random)
        self.taken = set()

    def chance(self, share):
        return self.random.random() < share

    # ---- matches ----

    def _prefix(self, version):
        if version == 4:
            return ipaddress.ip_network((self.random.getrandbits(32), self.random.choice([8, 16, 24, 25, 32])), strict=False)
        number = 0x20010db8 << 96 | self.random.getrandbits(96)
        return ipaddress.ip_network((number, self.random.choice([32, 48, 56, 61, 128])), strict=False)

    def _prefix_text(self, word, prefix):
        names = [word, word, f"{word}-ipv{prefix.version}"]
        offset = "/0" if prefix.version == 6 and self.chance(0.2) else ""
        return f"{self.random.choice(names)} {self.spell.address(prefix.network_address)}/{prefix.prefixlen}{offset}"

    def _chain(self, term):
        """(text, BIRD's text) of terms that are joined by "and"."""
        terms = [term() for _ in range(self.random.choice([1, 1, 1, 2, 2, 3]))]
        return "&".join(text for text, _ in terms), "&&".join(shown for _, shown in terms)

    def _list(self, term):
        chains = [self._chain(term) for _ in range(self.random.choice([1, 1, 2, 3]))]
        return self.spell.bracketed([text for text, _ in chains]), "||".join(shown for _, shown in chains)

    def _number(self, most, words):
        operator = self.random.choice(OPERATORS)
        number = self.random.choice([0, most, self.random.randint(0, most), *words.values()])
        names = [name for name, value in words.items() if value == number]
        text = self.random.choice([str(number), *map(self.spell.case, names)])
        return ("" if operator == "=" and self.chance(0.4) else operator) + text, f"{operator}{number}"

    def _bits(self, words, is_fragment):
        chosen = self.random.sample(sorted(words), self.random.choice([1, 1, 2]))
        mask = sum(words[name] for name in chosen)
        operator = self.random.choice(["", "", "=", "!", "!="])
        text = operator + self.random.choice(["+".join(chosen), "+".join(chosen), str(mask), self.spell.hex(f"{mask:x}")])
        if is_fragment and len(chosen) == 1:
            return text, {"": "!!", "=": ""}.get(operator, "!") + chosen[0].replace("-", "_")
        return text, {"": f"!0x0/0x{mask:x}", "=": f"0x{mask:x}/0x{mask:x}", "!": f"0x0/0x{mask:x}",
                      "!=": f"!0x{mask:x}/0x{mask:x}"}[operator]

    def _matches(self, version):
        """([text of a match], {BIRD's name: text})"""
        texts, shown = [], {}
        ends = self.random.choice([["destination"], ["source"], ["destination", "source"]])
        for word, name in (("destination", "dst"), ("source", "src")):
            if word in ends:
                prefix = self._prefix(version)
                texts.append(self._prefix_text(word, prefix))
                shown[name] = str(prefix)
        for keyword, (names, most, words) in NUMBERS.items():
            name = names[version == 6]
            if name is None or not self.chance(0.2):
                continue
            # The names of ICMP types are those of ICMPv4.
            text, value = self._list(lambda: self._number(most, words if keyword != "icmp-type" or version == 4 else {}))
            if version == 6:
                others = {"protocol": "next-header", "dscp": self.random.choice(["dscp", "traffic-class"])}
                keyword = others.get(keyword, keyword)
            texts.append(f"{keyword} {text}")
            shown[name] = value
        for keyword, (name, words) in BITS.items():
            if self.chance(0.2):
                known = {k: n for k, n in words.items() if version == 4 or k != "dont-fragment"}
                text, shown[name] = self._list(lambda: self._bits(known, keyword == "fragment"))
                texts.append(f"{keyword} {text}")
        return texts, shown

    # ---- actions ----

    def _redirect(self, version):
        """(head, action, extended community, 0x19) of one way to redirect."""
        address = self.values.host() if version == 4 else self.values.host6()
        number, target = self.values.number(16), self.values.number(32)
        pair = 0x8008 << 48 | number << 32 | target
        # The next hop of a flow is nothing that BIRD shows.
        kind = self.random.randrange(6)
        if kind == 0:
            return None, f"redirect {number}:{target}", pair, None
        if kind == 1:
            return f"next-hop {self.spell.address(address)}", "redirect-to-nexthop", 0x0800 << 48, None
        if kind == 2:
            return None, f"redirect {self.spell.address(address)}", 0x0800 << 48, None
        if kind == 3:
            return None, f"copy {self.spell.address(address)}", 0x0800 << 48 | 1, None
        if kind == 4 and version == 4:
            return None, f"redirect-to-nexthop-ietf {address}", 0x010c << 48 | int(address) << 16, None
        if kind == 4:
            return None, f"redirect-to-nexthop-ietf {self.spell.address(address)}", None, b"\0\x0c" + address.packed + b"\0\0"
        return None, None, None, None

    def _actions(self, version):
        """(head, [scope], [action], {attribute: BIRD's text})"""
        v, extended, shown, actions, scope = self.values, [], {}, [], []
        rate = self.random.choice(["discard", "rate-limit", "rate-limit", "accept", None])
        if rate == "rate-limit":
            number = self.random.choice([0, 1, 9600, 123456789, 1000000000000, self.random.randint(0, 10**12)])
            actions.append(f"rate-limit {number}")
            extended.append(0x8006 << 48 | struct.unpack(">I", struct.pack(">f", number))[0])
        elif rate is not None:
            actions.append(rate)
            extended += [0x8006 << 48] if rate == "discard" else []
        head, redirect, packed, generic = self._redirect(version)
        actions += [redirect] if redirect else []
        extended += [packed] if packed is not None else []
        if generic:
            shown["19"] = f"[t] {generic.hex(' ')}"
        if self.chance(0.3):
            number = self.random.randint(0, 63)
            actions.append(f"mark {number}")
            extended.append(0x8009 << 48 | number)
        if self.chance(0.3):
            number = self.random.randint(1, 3)
            actions.append(f"action {['terminal', 'sample', 'sample-terminal'][number - 1]}")
            extended.append(0x8007 << 48 | number)
        if self.chance(0.2):
            communities = v.several(v.community, 4)
            actions.append(f"community {self.spell.bracketed([self.spell.community(one) for one in communities])}")
            shown["community"] = listed(f"({one >> 16},{one & 0xffff})" for one in communities)
        if self.chance(0.2):
            large = v.several(lambda: (v.number(32), v.number(32), v.number(32)), 3)
            actions.append(f"large-community {self.spell.bracketed([self.spell.large(one) for one in large])}")
            shown["large_community"] = listed(f"({a}, {b}, {c})" for a, b, c in set(large))
        if self.chance(0.2):
            # Not those that are actions: a flow has one of a kind.
            more = [one for one in v.several(v.extended, 4) if one >> 48 not in (0x8008, 0x0800)]
            if more:
                actions.append(f"extended-community {self.spell.bracketed([self.spell.extended(one) for one in more])}")
            extended += more
        if self.chance(0.2):
            direction, number, group = self.random.randint(1, 3), v.number(32), v.number(14)
            scope = [f"interface-set transitive:{['input', 'output', 'input-output'][direction - 1]}:{number}:{group}"]
            extended.append(0x0702 << 48 | number << 16 | direction << 14 | group)
        if not actions:
            actions.append("accept")
        if extended:
            shown["ext_community"] = listed(map(community_text, extended))
        return head, scope, actions, shown

    # ---- whole flows ----

    def _section(self, word, statements):
        inside = " ".join(f"{one}{' ' if self.chance(0.2) else ''};" for one in statements)
        return f"{word} {{ {inside} }}" if self.chance(0.8) else f"{word} {{{inside}}}"

    def _text(self, version, matches, head, scope, actions):
        self.random.shuffle(matches)
        self.random.shuffle(actions)
        kind = f"ipv{version} flow" if self.chance(0.1) else "flow route"
        if self.chance(0.15):
            statements = matches + scope + actions + ([head] if head else [])
            self.random.shuffle(statements)
            return f"{kind} {self.spell.words(statements)}{self.random.choice(['', ' ;'])}"
        sections = [self._section("match", matches), self._section("then", actions)]
        sections += [self._section("scope", scope)] if scope else []
        sections += [f"{head};"] if head else []
        self.random.shuffle(sections)
        name = f"f{self.random.randrange(100)} " if self.chance(0.2) else ""
        return f"{kind} {name}{{ {self.spell.words(sections)} }}"

    def flow(self):
        while True:
            version = self.random.choice([4, 6])
            texts, matches = self._matches(version)
            key = (matches.get("dst"), matches.get("src"))
            if key not in self.taken and sum(len(name) + len(value) + 3 for name, value in matches.items()) < SHOWN_MOST:
                break
        self.taken.add(key)
        head, scope, actions, shown = self._actions(version)
        paths = {EBGP: str(LOCAL_AS[EBGP]), IBGP: ""}
        common = {"origin": "IGP", "local_pref": "100", **shown}
        return Flow(self._text(version, texts, head, scope, actions), matches,
                    {peer: {**common, "as_path": paths[peer]} for peer in PEERS})

    def flows(self, count):
        """{name: Flow}"""
        return {f"f{index:03}": self.flow() for index in range(count)}
