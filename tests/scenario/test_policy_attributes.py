"""What attributes in the verdicts of policies make of routes: ExaBGP 4.2's own parser takes each and packs it, and the
page says the same."""
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("exabgp")
sys.path.insert(0, str(Path(__file__).parent))

import exabgp_oracle as oracle  # noqa: E402

HERE = Path(__file__).parent
PROBE = os.path.join(os.environ.get("BC_BUILD", "build"), "tests", "policy_probe")
PAGE = Path(os.environ["BC_SOURCE"]) / "docs/policy-attributes.md"
CODE = {"origin": 1, "as_path": 2, "med": 4, "local_preference": 5, "community": 8, "large_community": 32}

WORDS = ["65000:100", "no-export", "65535:0", "1:2", "70000:1", "blackhole", "x", "", "1:1 ] med 5", 65536, -1, "0xffffff01"]
LARGE = ["65000:1:2", "1:2:3", "4294967295:0:1", "1:2", "a:b:c", 7]
EXTENDED = ["target:65000:1", "origin:1:2", "bandwidth:65000:125000000", "redirect:1:2", "l2info:1:2:3:4", "target:1",
            "redirect-to-nexthop", "0x0002FDE800000001", "target4:1:2", "mark 5"]
VALUES = {
    "next_hop": ["self", "192.0.2.9", "2001:db8::9", "nowhere", False, 5],
    "origin": ["igp", "EGP", "incomplete", "x", False],
    "med": [0, 5, 110.0, 4294967295, 4294967296, -1, 1.5, "7", False],
    "local_preference": [0, 100, 4294967295, "x", False],
    "as_path": [[], [65000], [65000, 65001], [1, [2, 3]], [0], [4294967295], [4294967296], [[1], 2], "1", False],
    "atomic_aggregate": [True, False, 1],
    "aggregator": ["65000:10.0.0.1", "70000:10.0.0.1", "x", False],
    "originator_id": ["10.0.0.1", "10.0.0.256", False],
    "cluster_list": [["10.0.0.1"], ["10.0.0.1", "10.0.0.2"], "10.0.0.1", [], False],
    "aigp": [0, 5, "0x7", "0x", False],
    "bgp_prefix_sid": [[5], [5, [1, 2]], [5, [1]], False],
    "attribute": [[["0x99", "0xC0", "0x01"]], [["0x04", "0x80", "0x01"]], [["0x1d", "0x80", "0x"]], [], False],
    "prepend": [0, 1, 3, 65, {"as": 65009, "times": 2}, {"as": 65001, "times": 1}, False],
    "rate_limit": [0, 9600, -1, False], "discard": [True, False], "accept": [True, False],
    "redirect": ["65000:1", "192.0.2.9", "70000:1", False], "redirect_to_nexthop": [True, False],
    "redirect_to_nexthop_ietf": ["192.0.2.9", "2001:db8::9", "x"], "copy": ["192.0.2.9", "2001:db8::9", False],
    "mark": [0, 63, 64, False], "action": ["sample", "terminal", "x", False],
    "interface_set": [["transitive:input:65000:1"], ["x"], False],
}
LISTS = {"community": WORDS, "large_community": LARGE, "extended_community": EXTENDED}
ROUTES = [
    "route 10.0.0.0/24 next-hop self",
    "route 10.0.0.0/24 next-hop 192.0.2.1 as-path [ 65000 1 ( 2 ) ] med 5 community [ 65000:1 no-export ]",
    "route 10.0.0.0/24 next-hop self split /26 large-community 1:2:3 extended-community target:1:1",
    "attributes next-hop self local-preference 5 nlri 10.0.0.0/24 10.0.1.0/24",
    "route 10.0.0.0/24 next-hop 192.0.2.1 label 5 rd 65000:1 path-information 7",
    "route 2001:db8::/32 next-hop 2001:db8::1 bgp-prefix-sid [ 5 ] attribute [ 0x99 0xC0 0xab ]",
    "vpls rd 65000:1 endpoint 5 base 10 offset 1 size 8 next-hop 192.0.2.1",
    "flow route { match { destination 10.0.0.0/24; } then { discard; } }",
    "flow route { next-hop 192.0.2.1; match { source 10.0.0.0/24; port =80; } then { redirect-to-nexthop; mark 5; } }",
    "flow route { match { destination 2001:db8::/32; } then { rate-limit 9600; community 1:1; } }",
]
FLOW_ONLY = {"rate_limit", "discard", "accept", "redirect", "redirect_to_nexthop", "redirect_to_nexthop_ietf", "copy",
             "mark", "action", "interface_set"}


def probe(cases, *neighbors):
    """[("ok", ROUTE, attributes), ("error", LINE), …] for (route, attributes)."""
    text = "".join(f"{route}\t{json.dumps(attributes)}\n" for route, attributes in cases)
    run = subprocess.run([PROBE, *neighbors], input=text, stdout=subprocess.PIPE, timeout=120, check=True, text=True)
    answers = [line.split("\t") for line in run.stdout.splitlines()]
    assert len(answers) == len(cases)
    return [(a[0], a[1], json.loads(a[2])) if a[0] == "ok" else tuple(a) for a in answers]


def random_attributes(chance, route):
    is_flow = route.startswith("flow")
    fitting = [name for name in VALUES if name == "next_hop" or (name in FLOW_ONLY) == is_flow]
    # Seldom what does not belong there.
    names = chance.sample(fitting if chance.random() < 0.95 else list(VALUES), chance.randint(0, 3))
    attributes = {name: chance.choice(VALUES[name]) for name in names}
    for name, words in LISTS.items():
        for member in (name, "add_" + name):
            if chance.random() < 0.25:
                attributes[member] = chance.sample(words, chance.randint(0, 3))
    return attributes


@pytest.fixture(scope="module")
def verdicts():
    chance = random.Random(4271)
    cases = [(route, random_attributes(chance, route)) for _ in range(250) for route in ROUTES]
    return list(zip(cases, probe(cases, "65000:65001")))


def test_exabgp_takes_whatever_comes_out(verdicts):
    taken, refused = 0, 0
    for (route, attributes), answer in verdicts:
        assert answer[0] in ("ok", "error"), answer
        if answer[0] == "error":
            refused += 1
            continue
        verdict, routes = oracle.verdict(answer[1])
        assert verdict == oracle.DONE, (route, attributes, answer, routes)
        expected, before = oracle.verdict("announce " + route)
        assert expected == oracle.DONE
        assert [made.nlri_index for made in routes] == [made.nlri_index for made in before], (route, answer)
        taken += 1
    assert taken > 600 and refused > 600


def test_values_reach_the_wire(verdicts):
    """By a second way: the bytes that ExaBGP packs hold what the verdict says."""
    seen = dict.fromkeys(CODE, 0)
    for (route, attributes), answer in verdicts:
        if answer[0] != "ok" or route.startswith(("flow", "vpls")) or "attribute" in attributes:
            continue
        _, routes = oracle.verdict(answer[1])
        sent = oracle.meaning(routes[0].messages[0])[1]
        for name in set(CODE) & set(attributes):
            if name == "as_path" and attributes.get("prepend"):
                continue
            seen[name] += 1
            _assert_sent(name, attributes[name], attributes.get("add_" + name, []), sent.get(CODE[name], (0, b""))[1])
    assert all(count > 15 for count in seen.values()), seen


def _assert_sent(name, value, added, data):
    number = int.from_bytes(data, "big")
    if value is False:
        # What ExaBGP sends without being told: origin igp, an empty path and 100 to an internal neighbor.
        assert data == {"origin": b"\0", "local_preference": b"\0\0\0\x64"}.get(name, b"")
    elif name in ("med", "local_preference"):
        assert number == int(value)
    elif name == "origin":
        assert number == ["igp", "egp", "incomplete"].index(value.lower())
    elif name == "as_path":
        numbers = [number for part in value for number in (part if isinstance(part, list) else [part])]
        assert re.findall(rb"....", _path_bytes(data), re.S) == [number.to_bytes(4, "big") for number in numbers]
    else:
        size = 4 if name == "community" else 12
        expected = {_community(word, size) for word in value + added}
        assert {data[at:at + size] for at in range(0, len(data), size)} == expected


def _community(word, size):
    names = {"no-export": 0xffffff01, "blackhole": 0xffff029a, "0xffffff01": 0xffffff01}
    if ":" in str(word):
        parts = [int(part) for part in word.split(":")]
        return b"".join(part.to_bytes(size // len(parts), "big") for part in parts)
    return int(names.get(word, word)).to_bytes(size, "big")


def _path_bytes(data):
    numbers = b""
    while data:
        size = data[1] * 4
        numbers, data = numbers + data[2:2 + size], data[2 + size:]
    return numbers


@pytest.mark.parametrize("path", ["", " as-path [ 65000 64500 ]", " as-path [ ]"])
def test_prepend_makes_the_path_that_an_external_neighbor_gets_longer(path):
    route = "route 10.0.0.0/24 next-hop 192.0.2.1" + path
    before = _path_bytes(oracle.sent_to("announce " + route, 65001)[2][1])
    assert before == {"": b"\0\0\xfd\xe8", " as-path [ 65000 64500 ]": b"\0\0\xfd\xe8\0\0\xfb\xf4"}.get(path, b"")
    [made, bare] = probe([(route, {"prepend": 2}), (route, {})], "65000:65001")
    assert _path_bytes(oracle.sent_to(made[1], 65001)[2][1]) == b"\0\0\xfd\xe8" * 2 + before
    # To an internal one goes the same if it is given: with our AS in it, which that one drops. So it is refused.
    assert oracle.sent_to(made[1], 65000)[2] == oracle.sent_to(made[1], 65001)[2]
    assert path or oracle.sent_to(bare[1], 65000)[2][1] == b""
    [refused] = probe([(route, {"prepend": 2})], "65000:65001", "65000:65000")
    assert refused[0] == "error" and "would drop the route" in refused[1]


def test_what_came_out_prints_to_what_makes_it_again(verdicts):
    made = [answer for _, answer in verdicts if answer[0] == "ok"]
    texts = [answer[1].replace("announce ", "", 1) for answer in made]
    again = probe([(text, answer[2]) for text, answer in zip(texts, made)], "65000:65001")
    assert again == made


def test_every_route_that_is_taken_keeps_its_attributes():
    lines = [line for name in ("parser_cases.txt", "parser_cases_kinds.txt")
             for line in (HERE / name).read_text(encoding="utf-8").splitlines()]
    lines = [re.sub(r"^((?:neighbor [^{]*? )?)announce ", r"\1", line).replace("\t", " ") for line in lines
             if line.strip() and not line.startswith("# ")]
    before = [(line, answer) for line, answer in zip(lines, probe([(line, {}) for line in lines])) if answer[0] == "ok"]
    assert len(before) > 500
    after = probe([(line, answer[2]) for line, answer in before])
    for (line, answer), again in zip(before, after):
        assert again == answer, line


def rows():
    """(route, member, example, makes) of the tables of members."""
    found, route = [], None
    for line in PAGE.read_text().splitlines():
        if line.startswith("#"):
            title = re.match(r"### `(.*)`$", line)
            route = title.group(1) if title else None
        if route and line.startswith("| `"):
            cells = [cell.strip().strip("`") for cell in line.split("|")]
            found.append((route, cells[1], cells[3], cells[4]))
    return found


def from_lua(text):
    """A table's inside, of numbers, texts, booleans and arrays."""
    text = re.sub(r"(\w+) = ", r'"\1": ', text).replace("{", "[").replace("}", "]")
    text = re.sub(r"\d[\d +*]*[+*][\d +*]*\d", lambda sum_: str(eval(sum_.group(), {})), text)
    return json.loads("{%s}" % text)


def test_the_page_says_what_each_member_makes():
    table = rows()
    answers = probe([(route, from_lua(example)) for route, _, example, _ in table], "65000:65001")
    for (route, member, example, makes), answer in zip(table, answers):
        assert answer[0] == "ok", (example, answer)
        assert member in from_lua(example)
        text = re.sub(r"^announce route \S+ ", "", answer[1])
        text = re.sub(r"^announce flow route \{ (.*?)match \{.*?\} (.*) \}$", r"\1... \2", text)
        assert text.removeprefix("... ") == makes, example


def test_the_page_has_every_member():
    source = (Path(os.environ["BC_SOURCE"]) / "src/model/policy_items.c").read_text()
    entries = re.findall(r'\{"(\w+)", "([\w-]+)", BC_POLICY_\w+, (.*), BC_POLICY_\w+, \w+\}', source)
    assert len(entries) == 25
    members = {(name, where) for name, _, places in entries for where in ("route", "flow")
               if where in places.lower().replace("in_both", "in_route").replace("in_all", "in_route in_flow")}
    shown = {(member, route.split()[0]) for route, member, _, _ in rows()}
    # Told in the remarks of another row.
    shown |= {("large_community", "flow"), ("extended_community", "flow")}
    assert members - shown == set()
    assert {member for member, _ in shown} - {name for name, _, _ in entries} == \
        {"prepend", "add_community", "add_large_community", "add_extended_community"}
