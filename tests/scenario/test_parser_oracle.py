"""The route parser against ExaBGP 4.2's own, line by line: the same verdict, and where both take a
line, the same bytes for the peer. Where they differ on purpose, parser_disagreements.py says why.

The lines: parser_cases.txt, parser_cases_kinds.txt, and what Debian's exabgp package ships as examples.
"""

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("exabgp")
sys.path.insert(0, str(Path(__file__).parent))

import exabgp_oracle as oracle  # noqa: E402
from parser_disagreements import OTHER_MEANING, OTHER_SPELLING, STRICTER  # noqa: E402

HERE = Path(__file__).parent
EXAMPLES = Path("/usr/share/doc/exabgp/examples")
PARSER = os.environ["BGPCOMMANDER"]
INTERNAL = re.compile(r" (split /\d+|watchdog \S+|withdraw|name \S+)(?= |$)")
# Read only where ExaBGP's listing is read (tests/unit/test_route.c), not in commands.
LISTED_ONLY = {"copy-to-nexthop": "0x0800000000000001"}
# What only ExaBGP 5.0 has words for, as 4.2 knows it.
FAMILY_WORDS = ((re.compile(r"\b(?:ipv4|ipv6) (?:unicast|multicast|nlri-mpls|mpls-vpn) "), "route "),
                (re.compile(r"\b(?:ipv4|ipv6) (?:flow|flow-vpn) "), "flow route "),
                (re.compile(r"\bl2vpn vpls "), "vpls "))
ATTRIBUTE_TEXT = re.compile(r"(?:.* )?(announce|withdraw) route (\S+)(.*)")


def parse(lines):
    """[(True, canonical) or (False, (column, message))] from the program under test."""
    lines = list(lines)
    text = "".join(line + "\n" for line in lines)
    run = subprocess.run([PARSER, "parse"], input=text.encode(), stdout=subprocess.PIPE, timeout=120, check=False)
    answers = [answer.split("\t", 2) for answer in run.stdout.decode("ascii").splitlines()]
    assert len(answers) == len(lines)
    assert run.returncode == (1 if any(answer[0] == "error" for answer in answers) else 0)
    return [(True, a[1]) if a[0] == "ok" else (False, (int(a[1]), a[2])) for a in answers]


def in_exabgp_4(line):
    for pattern, word in FAMILY_WORDS:
        line = pattern.sub(word, line, count=1)
    return line


def own_cases():
    lines = []
    for name in ("parser_cases.txt", "parser_cases_kinds.txt"):
        lines += (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("# ")]


def read_example(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as file:
        return file.read()


def block_at(text, start):
    """From `start` to the brace that closes the first one behind it; None without."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if text[at] == "}" and depth == 0:
            return text[start:at + 1]
    return None


def config_cases(text):
    """Routes of a configuration file, each in one line as the API would have it."""
    found = re.findall(r"^\s*(route [0-9a-fA-F.:]+(?:/\d+)?\s[^\n]*[;}])\s*$", text, re.MULTILINE)
    for family, line in re.findall(r"^\s*((?:uni|multi)cast|nlri-mpls|mpls-vpn) ([0-9a-fA-F.:]+/\d+\s[^\n{]*;)\s*$", text,
                                   re.MULTILINE):
        found.append("%s %s %s" % ("ipv6" if ":" in line.split()[0] else "ipv4", family, line))
    plain = re.sub(r"#[^\n]*|\\\n", "", text)
    for section in re.finditer(r"\bflow \{", plain):
        flows = block_at(plain, section.start()) or ""
        for route in re.finditer(r"\broute\b[^{};]*\{", flows):
            found.append("flow " + " ".join((block_at(flows, route.start()) or "").split()))
        found += ["flow " + " ".join(line.split()) for line in re.findall(r"\broute [^{};]*;", flows)]
    for site in re.finditer(r"\bvpls\b[^{};]*\{", plain):
        found.append(" ".join((block_at(plain, site.start()) or "").split()))
    found += [" ".join(line.split()) for line in re.findall(r"^\s*(vpls [^{};]*;)", plain, re.MULTILINE)]
    return found


def example_cases():
    found = []
    for path in sorted(EXAMPLES.rglob("*")):
        if not path.is_file():
            continue
        text = read_example(path)
        if ".conf" in path.name:
            found += config_cases(text)
        else:
            text = re.sub(r"\\+n", " ", text)
            found += re.findall(r"(?:neighbor [^'\"\n]*)?(?:announce|withdraw) "
                                r"(?:route|attributes?|flow|vpls|watchdog) [^'\"\n\\]*", text)
    return sorted({line.strip() for line in found})


@pytest.fixture(scope="module")
def compared():
    """Every line with both answers: {line: (ours, verdict, details)}."""
    lines = list(dict.fromkeys(own_cases() + example_cases()))
    return {line: (ours, *oracle.verdict(in_exabgp_4(line))) for line, ours in zip(lines, parse(lines))}


@pytest.fixture(scope="module")
def taken(compared):
    """What both take: {line: (canonical, routes of the line, routes of the canonical text)}."""
    both = {}
    for line, (ours, verdict, routes) in compared.items():
        if ours[0] and verdict == oracle.DONE:
            again, canonical_routes = oracle.verdict(ours[1])
            assert again == oracle.DONE, (line, ours[1], canonical_routes)
            both[line] = (ours[1], routes, canonical_routes)
    return both


def test_the_cases_are_there():
    assert len(own_cases()) > 1100
    assert len(example_cases()) > 100
    for kind, least in ((" flow route ", 15), (" vpls ", 2), ("vpls ", 4), (" attributes ", 2), (" watchdog ", 2)):
        assert sum(kind in " " + line for line in example_cases()) >= least, kind


def test_nothing_passes_that_exabgp_refuses_or_chokes_on(compared):
    wrong = {line: details for line, (ours, verdict, details) in compared.items()
             if ours[0] and verdict not in (oracle.DONE, oracle.WATCHDOG)}
    listed = {line for lines in OTHER_SPELLING.values() for line in lines}
    assert {line: details for line, details in wrong.items() if line not in listed} == {}
    assert listed - set(wrong) == set(), "listed, but ExaBGP takes it"


def test_what_only_we_take_is_written_as_exabgp_takes_it(compared):
    for lines in OTHER_SPELLING.values():
        for line in lines:
            canonical = compared[line][0][1]
            verdict, routes = oracle.verdict(canonical)
            assert verdict == oracle.DONE, (line, canonical, routes)


def test_family_words_mean_the_same_as_route(compared):
    words = {line: ours for line, (ours, _, _) in compared.items() if in_exabgp_4(line) != line and ours[0]}
    assert len(words) > 15
    assert parse([in_exabgp_4(line) for line in words]) == list(words.values())


def test_what_exabgp_takes_is_refused_only_for_a_listed_reason(compared):
    refused = {line for line, (ours, verdict, _) in compared.items() if not ours[0] and verdict == oracle.DONE}
    listed = {line for lines in STRICTER.values() for line in lines}
    assert {line: compared[line][0][1] for line in refused - listed} == {}
    assert listed - refused == set(), "listed, but no disagreement any more"


def test_faults_point_into_the_line(compared):
    for line, (ours, _, _) in compared.items():
        if not ours[0]:
            column, message = ours[1]
            assert 1 <= column <= len(line.encode()) + 1, line
            assert message, line


def test_the_canonical_text_sends_the_same_bytes(taken):
    different = {}
    for line, (canonical, routes, canonical_routes) in taken.items():
        before = sorted(repr(oracle.meaning(message)) for route in routes for message in route.messages)
        after = sorted(repr(oracle.meaning(message)) for route in canonical_routes for message in route.messages)
        if before != after:
            different[line] = canonical
    listed = {line for lines in OTHER_MEANING.values() for line in lines}
    assert {line: text for line, text in different.items() if line not in listed} == {}
    assert listed - set(different) == set(), "listed, but no difference any more"


def test_the_canonical_text_is_a_fixed_point(taken):
    texts = [canonical for canonical, _, _ in taken.values()]
    assert [answer for _, answer in parse(texts)] == texts


def test_what_exabgp_lists_is_read_as_the_same_attributes(taken):
    expected, listings = [], []
    for canonical, _, routes in taken.values():
        if not re.search(r"(?:^|announce )route ", canonical) or len(routes) > 1:
            continue
        text = canonical if "announce route" in canonical else canonical.replace("route ", "announce route ", 1)
        expected.append("announce route %s%s" % ATTRIBUTE_TEXT.match(INTERNAL.sub("", text)).groups()[1:])
        listing = routes[0].extensive
        for text, same in LISTED_ONLY.items():
            listing = listing.replace(text, same)
        listings.append("announce route " + listing)
    assert len(expected) > 200
    assert [answer for _, answer in parse(listings)] == expected


def test_what_exabgp_reports_of_a_flow_is_read_as_the_same_match(taken):
    expected, reports = [], []
    for canonical, _, routes in taken.values():
        match = re.search(r"flow route \{ (rd \S+; )?(?:next-hop \S+; )?(match \{ .*?; \})", canonical)
        if match is None:
            continue
        for listing in {routes[0].extensive, *(text for _, text in routes[0].reported)}:
            rule = re.split(r" (?:next-hop|community|extended-community|large-community|attribute) ", listing)[0]
            if "unknown " not in rule:
                expected.append("withdraw flow route { %s%s }" % (match.group(1) or "", match.group(2)))
                reports.append("withdraw flow route " + rule[len("flow "):])
    assert len(expected) > 100
    assert [answer for _, answer in parse(reports)] == expected


def test_what_exabgp_lists_of_a_vpls_is_read_as_the_same(taken):
    texts = {canonical: routes[0].extensive for canonical, _, routes in taken.values() if "announce vpls" in canonical}
    expected = [INTERNAL.sub("", canonical).split("announce ")[1] for canonical in texts]
    assert len(expected) > 20
    assert [answer for _, answer in parse(texts.values())] == expected


def test_a_group_line_means_the_same_as_its_routes(taken):
    groups = 0
    for canonical, _, routes in taken.values():
        plain = INTERNAL.sub("", canonical)
        match = ATTRIBUTE_TEXT.match(plain)
        if match is None or len(routes) != 1 or routes[0].family not in ("ipv4 unicast", "ipv6 unicast"):
            continue
        verb, prefix, attributes = match.groups()
        if " path-information " in attributes or " watchdog " in canonical:
            continue
        other = "198.51.100.0/24" if "." in prefix.split("/")[0] and ":" not in prefix else "2001:db8:f::/48"
        line = "%s attributes%s nlri %s %s" % (verb, attributes, prefix, other)
        verdict, grouped = oracle.verdict(line)
        assert verdict == oracle.DONE, (line, grouped)
        assert [route.messages for route in grouped[:1]] == [routes[0].messages], line
        _, single = oracle.verdict("%s route %s%s" % (verb, other, attributes))
        assert grouped[1].messages == single[0].messages, line
        groups += 1
    assert groups > 100
