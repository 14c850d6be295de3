"""Random valid routes, each with what a router must show of it.

A route is first drawn as values, then written in one of the spellings that docs/grammar.md allows; what BIRD must show is
made of the values, never of the text, so that nothing here knows how bgpcommander reads."""
import ipaddress
import struct

EBGP, IBGP = 0, 1
PEERS = (EBGP, IBGP)
ADDRESS = {EBGP: "10.99.0.2", IBGP: "10.99.1.2"}
SELF = {EBGP: "10.99.0.1", IBGP: "10.99.1.1"}
LOCAL_AS = {EBGP: 65000, IBGP: 65002}
PEER_AS = {EBGP: 65001, IBGP: 65002}
WELL_KNOWN = {"no-export": 0xffffff01, "no-advertise": 0xffffff02, "no-export-subconfed": 0xffffff03,
              "no-peer": 0xffffff04, "nopeer": 0xffffff04, "blackhole": 0xffff029a}
ORIGINS = ("IGP", "EGP", "Incomplete")
# Attributes of which generic spellings are taken too: code and flags.
GENERIC = {"origin": (0x01, 0x40), "med": (0x04, 0x80), "local-preference": (0x05, 0x40), "atomic-aggregate": (0x06, 0x40),
           "community": (0x08, 0xc0), "originator-id": (0x09, 0x80), "cluster-list": (0x0a, 0x80),
           "extended-community": (0x10, 0xc0), "aigp": (0x1a, 0x80), "large-community": (0x20, 0xc0)}
# Attributes that BIRD shows by their bytes: without 0x23, on which it acts (RFC 9234), and 0xfe, which it keeps for itself.
# ExaBGP knows 0x16 (PMSI_TUNNEL) and 0x19 (extended communities of IPv6), and closes the session when it cannot read back
# what was sent: these have contents that make sense. It has no word for 0x1d (BGP-LS), which is refused.
UNKNOWN_CODES = [0x0b, 0x16, 0x17, 0x18, 0x19, 0x1b, 0x40, 0x63, 0x80, 0x97, 0x98, 0x99, 0xaa, 0xc8, 0xf0, 0xff]


def as_hex(number, bytes_):
    return f"{number:0{2 * bytes_}x}"


def community_text(packed):
    """As BIRD writes an extended community."""
    kind, number = packed >> 56, packed >> 48
    name = {0x02: "rt", 0x03: "ro"}.get(number & 0xf0ff, f"unknown 0x{number:x}")
    if kind in (0x00, 0x40):
        return f"({name}, {packed >> 32 & 0xffff}, {packed & 0xffffffff})"
    if kind in (0x01, 0x41):
        return f"({name}, {ipaddress.IPv4Address(packed >> 16 & 0xffffffff)}, {packed & 0xffff})"
    if kind in (0x02, 0x42):
        return f"({name}, {packed >> 16 & 0xffffffff}, {packed & 0xffff})"
    return f"(generic, 0x{packed >> 32:x}, 0x{packed & 0xffffffff:x})"


def listed(items):
    return " ".join(sorted(items))


def unlike(text):
    """The text of BIRD with the parts sorted of which the order means nothing."""
    items = text.replace(") (", ")\n(").split("\n")
    return listed(items) if text.startswith("(") else text


class Spelling:
    """Values written in one of the ways that mean the same."""

    def __init__(self, random):
        self.random = random

    def coin(self, share=0.5):
        return self.random.random() < share

    def case(self, word):
        return self.random.choice([word, word, word.upper(), word.capitalize()])

    def hex(self, digits):
        return "0x" + self.random.choice([digits, digits.upper()])

    def blank(self):
        return self.random.choice([" "] * 6 + ["  ", "\t", " \t "])

    def words(self, words):
        return "".join(part for word in words for part in (self.blank(), word))[1:].lstrip()

    def bracketed(self, words, always=False):
        """One word alone or in brackets, several in brackets, with or without blanks around these."""
        if len(words) == 1 and not always and self.coin():
            return words[0]
        inside = self.words(words)
        return f"[{inside}]" if self.coin(0.3) else f"[ {inside} ]"

    def address(self, address):
        if address.version == 4 or self.coin(0.6):
            return str(address)
        return self.random.choice([address.exploded, str(address).upper(), address.exploded.upper()])

    def prefix(self, prefix):
        text = self.address(prefix.network_address)
        if prefix.prefixlen == prefix.max_prefixlen and self.coin():
            return text
        return f"{text}/{prefix.prefixlen}"

    def path(self, sequence, group):
        if len(sequence) == 1 and not group and self.coin():
            return str(sequence[0])
        comma = " , " if self.coin(0.2) else ", " if self.coin(0.1) else " "
        parts = [comma.join(map(str, sequence))] if sequence else []
        if group:
            left, right = self.random.choice(["()", "[]"])
            parts.append(f"{left} {' '.join(map(str, group))} {right}" if self.coin() else
                         f"{left}{' '.join(map(str, group))}{right}")
        return f"[ {' '.join(parts)} ]" if self.coin(0.7) else f"[{' '.join(parts)}]"

    def community(self, number):
        names = [self.case(name) for name, value in WELL_KNOWN.items() if value == number]
        pair = f"{number >> 16}:{number & 0xffff}"
        return self.random.choice(names * 3 + [pair] * 4 + [str(number), self.hex(f"{number:x}"), self.hex(as_hex(number, 4))])

    def large(self, parts):
        whole = parts[0] << 64 | parts[1] << 32 | parts[2]
        return str(whole) if self.coin(0.15) else ":".join(map(str, parts))

    def aggregator(self, number, address):
        text = f"{number}:{address}"
        return self.random.choice([text, f"( {text} )", f"({text})"])

    def aigp(self, number):
        return self.random.choice([str(number), self.hex(f"{number:x}"), self.hex(as_hex(number, 8))])

    def path_id(self, number):
        return self.random.choice([str(number), str(ipaddress.IPv4Address(number))])

    def extended(self, packed):
        kind, sub = packed >> 56, packed >> 48 & 0xff
        two, four, low = packed >> 32 & 0xffff, packed & 0xffffffff, packed & 0xffff
        wide = packed >> 16 & 0xffffffff
        name = {2: "target", 3: "origin"}.get(sub)
        texts = [self.hex(as_hex(packed, 8))]
        if kind == 0 and name:
            texts += [f"{name}:{two}:{four}", f"{name}:{two}:{ipaddress.IPv4Address(four)}"]
            texts += [f"{two}:{four}"] if sub == 2 else []
        elif kind == 2 and name:
            texts += [f"{name}:{wide}L:{low}", f"{name}4:{wide}:{low}"]
            texts += [f"{name}:{wide}:{low}"] if wide > 0xffff else []
        elif kind == 1 and sub == 2:
            texts += [f"target:{ipaddress.IPv4Address(wide)}:{low}", f"{ipaddress.IPv4Address(wide)}:{low}"]
        elif packed >> 48 == 0x8008:
            texts += [f"redirect:{two}:{four}"]
        elif packed >> 48 == 0x800a:
            texts += [f"l2info:{two >> 8}:{two & 0xff}:{four >> 16}:{low}"]
        elif packed >> 48 == 0x4004:
            texts += [f"bandwidth:{two}:{int(struct.unpack('>f', struct.pack('>I', four))[0])}"]
        elif packed == 0x08 << 56:
            texts += ["redirect-to-nexthop"]
        return self.random.choice(texts[1:] * 3 + texts) if len(texts) > 1 else texts[0]


class Values:
    """Draws the values of attributes: mostly usual ones, and the ends of each range."""

    def __init__(self, random):
        self.random = random

    def number(self, bits, low=0):
        top = (1 << bits) - 1
        return self.random.choice([low, low + 1, top, top - 1, self.random.randint(low, min(top, 1000)),
                                   self.random.randint(low, top), self.random.randint(low, top)])

    def as_number(self):
        while True:
            number = self.random.choice([self.random.randint(1, 65535), self.random.randint(64512, 65534),
                                         self.random.randint(65536, 0xffffffff), 1, 65535, 65536, 0xffffffff])
            # A router drops what passed through its own AS (RFC 4271 9.1.2); 23456 is AS_TRANS (RFC 6793).
            if number not in (*LOCAL_AS.values(), *PEER_AS.values(), 23456):
                return number

    def host(self):
        """An IPv4 address that may stand for a router, none of the lab's."""
        return ipaddress.IPv4Address(self.random.choice([self.random.randint(0x01000000, 0x09ffffff),
                                                         self.random.randint(0xac100000, 0xac1fffff),
                                                         self.random.randint(0xc0a80000, 0xdfffffff)]))

    def host6(self):
        return ipaddress.IPv6Address(self.random.choice(["2001:db8:99::1", "2001:db8:99:1::1", "2001:db8::", "2a00::1"])) \
            if self.random.random() < 0.4 else ipaddress.IPv6Address(0x20010db8 << 96 | self.random.getrandbits(64))

    def several(self, draw, most):
        return [draw() for _ in range(self.random.choice([1, 1, 2, 3, self.random.randint(1, most)]))]

    def community(self):
        return self.random.choice([self.number(32), *WELL_KNOWN.values(), 0, 0xffff0000])

    def extended(self):
        float_bits = struct.unpack(">I", struct.pack(">f", float(self.random.choice([0, 1, 1000, 125000000, 2**62]))))[0]
        return self.random.choice([
            self.random.choice([0x0002, 0x0003]) << 48 | self.number(16) << 32 | self.number(32),
            self.random.choice([0x0202, 0x0203]) << 48 | self.number(32) << 16 | self.number(16),
            0x0102 << 48 | int(self.host()) << 16 | self.number(16),
            0x4004 << 48 | self.number(16) << 32 | float_bits,
            0x8008 << 48 | self.number(16) << 32 | self.number(32),
            0x800a << 48 | self.random.getrandbits(48),
            0x0800 << 48,
            # Of kinds that ExaBGP has no word for.
            self.random.choice([0x0104, 0x0205, 0x0301, 0x030b, 0x4301, 0x0601, 0x0603]) << 48 | self.random.getrandbits(48),
        ])

    def contents(self, code):
        """Of an attribute that ExaBGP has no keyword for."""
        if code == 0x16:
            tunnel = self.random.choice([b"\0", b"\1" + self.random.randbytes(12), b"\6" + self.random.randbytes(4)])
            return b"\0" + tunnel[:1] + self.random.randbytes(3) + tunnel[1:]
        if code == 0x19:
            return b"\0\x0c" + self.random.randbytes(18)
        return self.random.randbytes(self.random.choice([0, 1, 2, 4, 8, 40]))

    def sid(self):
        """Spelling and bytes of a prefix SID."""
        draw = self.random.randint
        if draw(0, 3) == 0:
            word, head, tail = self.random.choice([("ipv6", "020013000000", ""), ("vpn", "040013000000", ""),
                                                   ("l3vpn", "05001500", "00ffff00")])
            # Only such addresses as l3vpn takes whatever they are (ExaBGP 5.0 chokes on some, which are refused).
            address = ipaddress.IPv6Address(0x20010db8 << 96 | self.random.getrandbits(64))
            return f"bgp-prefix-sid-srv6 ( {word} {address} )", bytes.fromhex(head) + address.packed + bytes.fromhex(tail)
        index, pairs = self.number(32), [(draw(0, 0xffffff), draw(0, 0xffffff)) for _ in range(draw(0, 2))]
        data = "010007" + "000000" + as_hex(index, 4)
        if pairs:
            data += "03" + as_hex(2 + 6 * len(pairs), 2) + "0000" + "".join(as_hex(n, 3) for pair in pairs for n in pair)
        text = ", ".join(f"( {base},{size} )" for base, size in pairs)
        return f"bgp-prefix-sid [ {index}{f', [ {text} ]' if pairs else ''} ]", bytes.fromhex(data)


class Route:
    """text, keys below routes/NAME, and shown[peer]: [(prefix, {attribute: text as BIRD has it})]."""

    def __init__(self, text, keys, shown):
        self.text, self.keys, self.shown = text, keys, shown


class Generator:
    """has_sets: as-paths with a set are taken; has_paths: several paths of a prefix can be told apart."""

    def __init__(self, random, has_sets=True, has_paths=True):
        self.has_sets, self.has_paths = has_sets, has_paths
        self.random, self.spell, self.values = random, Spelling(random), Values(random)
        self.taken = {4: set(), 6: set()}

    def chance(self, share):
        return self.random.random() < share

    # ---- prefixes ----

    def _prefix(self, version, least, most):
        while True:
            length = self.random.choice([least, most, self.random.randint(least, most), self.random.randint(least, most)])
            if version == 4:
                # Not of the lab's networks, nor 0/8, 127/8 and what lies above 224/4, which BIRD ignores as bogus.
                first = self.random.choice([1, 8, 10, 100, 126, 128, 172, 192, 223, self.random.randint(128, 223)])
                number = first << 24 | self.random.getrandbits(24)
            else:
                number = 0x20010db8 << 96 | self.random.getrandbits(96)
            prefix = ipaddress.ip_network((number, length), strict=False)
            lab = ipaddress.ip_network("10.99.0.0/16" if version == 4 else "2001:db8:99::/48")
            if not prefix.overlaps(lab) and not any(prefix.overlaps(one) for one in self.taken[version]):
                self.taken[version].add(prefix)
                return prefix

    # ---- attributes ----

    def _draw(self):
        """{keyword: value} of a random subset; the share of each is higher than in life, as there are many."""
        v, drawn = self.values, {}
        share = self.random.choice([0.05, 0.2, 0.4, 0.7])
        draws = {
            "origin": lambda: self.random.randrange(3),
            "as-path": lambda: (self._path(), self._set()),
            "med": lambda: v.number(32),
            "local-preference": lambda: v.number(32),
            "atomic-aggregate": lambda: True,
            "aggregator": lambda: (v.as_number(), v.host()),
            "community": lambda: v.several(v.community, 12),
            "originator-id": v.host,
            "cluster-list": lambda: v.several(v.host, 8),
            "extended-community": lambda: v.several(v.extended, 8),
            "aigp": lambda: v.number(64),
            "large-community": lambda: v.several(lambda: (v.number(32), v.number(32), v.number(32)), 6),
            "unknown": self._unknown,
            "sid": v.sid,
            "name": lambda: f"n{self.random.randrange(1000)}.site-{self.random.randrange(100)}",
        }
        for keyword, draw in draws.items():
            if self.chance(share / 5 if keyword in ("sid", "name") else share):
                drawn[keyword] = draw()
        return drawn

    def _path(self):
        return [self.values.as_number() for _ in range(self.random.choice([0, 1, 1, 2, 3, 5, 20]))]

    def _set(self):
        most = self.random.choice([0, 0, 0, 1, 2, 4]) if self.has_sets else 0
        return [self.values.as_number() for _ in range(most)]

    def _unknown(self):
        codes = self.random.sample(UNKNOWN_CODES, self.random.choice([1, 1, 2]))
        flags = [0xc0, 0xc0, 0xc0, 0x80, 0xe0, 0xd0]
        return [(code, self.random.choice(flags), self.values.contents(code)) for code in codes]

    def _long(self):
        """One attribute of more than 255 bytes, some longer than BIRD shows."""
        v = self.values
        return self.random.choice([
            lambda: {"as-path": ([v.as_number() for _ in range(self.random.choice([64, 255, 256, 300]))], self._set())},
            lambda: {"community": [v.community() for _ in range(250)]},
            lambda: {"extended-community": [v.extended() for _ in range(100)]},
            lambda: {"large-community": [(v.number(32), v.number(32), v.number(32)) for _ in range(60)]},
            lambda: {"cluster-list": [v.host() for _ in range(70)]},
            lambda: {"unknown": [(0x99, 0xc0, self.random.randbytes(300))]},
        ])()

    # ---- text ----

    def _generic(self, keyword, value):
        """The attribute in bytes, or None: no such spelling for this one."""
        code, flags = GENERIC[keyword]
        if keyword in ("community", "extended-community"):
            size = 4 if keyword == "community" else 8
            data = "".join(as_hex(one, size) for one in value)
        elif keyword == "large-community":
            # Repetitions are dropped in the spelling with the keyword only.
            data = "".join(as_hex(n, 4) for one in dict.fromkeys(value) for n in one)
        elif keyword == "cluster-list":
            data = "".join(as_hex(int(one), 4) for one in value)
        elif keyword == "aigp":
            data = "01000b" + as_hex(value, 8)
        elif keyword == "atomic-aggregate":
            data = ""
        else:
            data = as_hex(int(value), 1 if keyword == "origin" else 4)
        return self._attribute(code, flags | (0x10 if self.chance(0.1) else 0), data)

    def _attribute(self, code, flags, data):
        s = self.spell
        short = "x" if code > 15 else ""
        words = [s.hex(f"{code:x}" if self.chance(0.2) or short else f"{code:02x}"), s.hex(f"{flags:02x}"), s.hex(data)]
        return f"attribute {s.bracketed(words, always=True)}"

    def _written(self, keyword, value):
        s = self.spell
        if keyword in GENERIC and self.chance(0.08):
            return [self._generic(keyword, value)]
        if keyword == "unknown":
            return [self._attribute(code, flags, data.hex()) for code, flags, data in value]
        texts = {
            "origin": lambda: s.case(ORIGINS[value].lower()),
            "as-path": lambda: s.path(*value),
            "atomic-aggregate": lambda: "",
            "aggregator": lambda: s.aggregator(*value),
            "community": lambda: s.bracketed([s.community(one) for one in value]),
            "cluster-list": lambda: s.bracketed([str(one) for one in value]),
            "extended-community": lambda: s.bracketed([s.extended(one) for one in value]),
            "aigp": lambda: s.aigp(value),
            "large-community": lambda: s.bracketed([s.large(one) for one in value]),
        }
        if keyword == "sid":
            return [value[0]]
        return [f"{keyword}{s.blank()}{texts.get(keyword, lambda: str(value))()}".rstrip()]

    def _statements(self, drawn, more):
        # An empty list is no attribute.
        more = more + [f"{keyword} [ ]" for keyword in ("community", "extended-community", "large-community")
                       if keyword not in drawn and self.chance(0.03)]
        found = [text for keyword, value in drawn.items() for text in self._written(keyword, value)] + more
        self.random.shuffle(found)
        return found

    # ---- what BIRD shows ----

    @staticmethod
    def _shown(drawn, next_hop, peer):
        is_ibgp = peer == IBGP
        sequence, group = drawn.get("as-path", ([] if is_ibgp else [LOCAL_AS[peer]], []))
        shown = {"origin": ORIGINS[drawn.get("origin", 0)],
                 "as_path": " ".join([*map(str, sequence)] + ([f"{{{' '.join(map(str, group))}}}"] if group else [])),
                 "next_hop": SELF[peer] if next_hop == "self" else str(next_hop),
                 # BIRD gives its default to what comes without (RFC 4271 5.1.5: not sent over eBGP; ExaBGP's is 100 too).
                 "local_pref": str(drawn.get("local-preference", 100) if is_ibgp else 100)}
        if "med" in drawn:
            shown["med"] = str(drawn["med"])
        if "atomic-aggregate" in drawn:
            shown["atomic_aggr"] = ""
        if "aggregator" in drawn:
            shown["aggregator"] = f"{drawn['aggregator'][1]} AS{drawn['aggregator'][0]}"
        if "community" in drawn:
            shown["community"] = listed(f"({one >> 16},{one & 0xffff})" for one in drawn["community"])
        if "extended-community" in drawn:
            shown["ext_community"] = listed(map(community_text, drawn["extended-community"]))
        if "large-community" in drawn:
            shown["large_community"] = listed(f"({a}, {b}, {c})" for a, b, c in set(drawn["large-community"]))
        # RFC 4456 8, RFC 7311 3: not over eBGP.
        if "originator-id" in drawn and is_ibgp:
            shown["originator_id"] = str(drawn["originator-id"])
        if "cluster-list" in drawn and is_ibgp:
            shown["cluster_list"] = " ".join(map(str, drawn["cluster-list"]))
        if "aigp" in drawn and is_ibgp:
            shown["aigp"] = str(drawn["aigp"])
        if "sid" in drawn:
            shown["28"] = f"[t] {drawn['sid'][1].hex(' ')}"
        for code, flags, data in drawn.get("unknown", []):
            shown[f"{code:02x}"] = f"{'[t] ' if flags & 0x40 else ''}{data.hex(' ')}".strip()
        return shown

    # ---- whole routes ----

    def _selector(self, peers):
        if len(peers) == len(PEERS) and self.chance(0.9):
            return ""
        one = [f"neighbor {ADDRESS[peer]}" + (f" peer-as {PEER_AS[peer]}" if self.chance(0.2) else "") +
               (f" local-as {LOCAL_AS[peer]}" if self.chance(0.2) else "") for peer in peers]
        return self.random.choice([", ", " , "]).join(one) + " "

    def _peers(self):
        return [self.random.choice(PEERS)] if self.chance(0.1) else list(PEERS)

    def _next_hop(self, version):
        if version == 6:
            return self.values.host6()
        return "self" if self.chance(0.5) else self.values.host()

    def _next_hop_text(self, next_hop):
        return "next-hop " + (self.spell.case("self") if next_hop == "self" else self.spell.address(next_hop))

    def _body(self, statements):
        """Statements in one of the forms behind a prefix."""
        s = self.spell
        if self.chance(0.15):
            return "{ " + " ".join(f"{one}{' ' if self.chance(0.3) else ''};" for one in statements) + " }"
        return s.words(statements) + self.random.choice(["", "", "", ";", " ;"])

    def _make(self, version, prefix, drawn, parts, peers, more=()):
        next_hop = self._next_hop(version)
        statements = self._statements(drawn, [self._next_hop_text(next_hop), *more])
        body, selector, where = self._body(statements), self._selector(peers), self.spell.prefix(prefix)
        kind = f"ipv{version} unicast" if self.chance(0.1) else "route"
        text = f"{selector}{kind}{self.spell.blank()}{where} {body}"
        keys = {"config": text}
        if not selector and kind == "route" and self.chance(0.1):
            keys = {"prefix": where, "config": body}
        return Route(text, keys, {peer: [(str(one), self._shown(drawn, next_hop, peer)) for one in parts] for peer in peers})

    def plain(self):
        version = self.random.choice([4, 4, 6])
        prefix = self._prefix(version, 9 if version == 4 else 40, 32 if version == 4 else 128)
        return self._make(version, prefix, self._long() if self.chance(0.03) else self._draw(), [prefix], self._peers())

    def split(self):
        version = self.random.choice([4, 6])
        prefix = self._prefix(version, 12 if version == 4 else 40, 28 if version == 4 else 120)
        length = prefix.prefixlen + self.random.randint(0, 3)
        return self._make(version, prefix, self._draw(), list(prefix.subnets(new_prefix=length)), self._peers(),
                          [f"split /{length}"])

    def paths(self):
        """Several routes of one prefix, by their path identifiers (RFC 7911), where ADD-PATH was negotiated."""
        version = self.random.choice([4, 6])
        prefix = self._prefix(version, 16 if version == 4 else 48, 32 if version == 4 else 128)
        numbers = {self.values.number(32, 1) for _ in range(self.random.randint(1, 3))}
        return [self._make(version, prefix, self._draw(), [prefix], [IBGP],
                           [f"path-information {self.spell.path_id(number)}"]) for number in sorted(numbers)]

    def group(self):
        version, drawn, peers = self.random.choice([4, 6]), self._draw(), self._peers()
        prefixes = [self._prefix(version, 16 if version == 4 else 48, 32 if version == 4 else 128)
                    for _ in range(self.random.randint(1, 8))]
        next_hop = self._next_hop(version)
        statements = self._statements(drawn, [self._next_hop_text(next_hop)])
        text = (f"{self._selector(peers)}{self.random.choice(['attributes', 'attributes', 'attribute'])} "
                f"{self.spell.words(statements)} nlri {self.spell.words([self.spell.prefix(p) for p in prefixes])}"
                f"{self.random.choice(['', '', ' ;'])}")
        shown = {peer: [(str(one), self._shown(drawn, next_hop, peer)) for one in prefixes] for peer in peers}
        return Route(text, {"config": text}, shown)

    def routes(self, count):
        """{name: Route}"""
        found = []
        while len(found) < count:
            kind = self.random.random()
            if kind < 0.05:
                found.append(self.split())
            elif kind < 0.08:
                found += self.paths() if self.has_paths else []
            elif kind < 0.13:
                found.append(self.group())
            else:
                found.append(self.plain())
        return {f"r{index:04}": route for index, route in enumerate(found)}
