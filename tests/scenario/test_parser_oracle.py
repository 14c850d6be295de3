"""The route parser against ExaBGP 4.2's own, line by line: the same verdict, and where both take a
line, the same bytes for the peer. Where they differ on purpose, parser_disagreements.py says why.

The lines: parser_cases.txt, and what Debian's exabgp package ships as examples.
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
from parser_disagreements import OTHER_MEANING, STRICTER  # noqa: E402

HERE = Path(__file__).parent
EXAMPLES = Path("/usr/share/doc/exabgp/examples")
PARSER = os.environ["BGPCOMMANDER"]
INTERNAL = re.compile(r" (split /\d+|watchdog \S+|withdraw|name \S+)(?= |$)")
# Read only where ExaBGP's listing is read (tests/unit/test_route.c), not in commands.
LISTED_ONLY = {"copy-to-nexthop": "0x0800000000000001"}
ATTRIBUTE_TEXT = re.compile(r"(?:.* )?(announce|withdraw) route (\S+)(.*)")


def parse(lines):
    """[(True, canonical) or (False, (column, message))] from the program under test."""
    text = "".join(line + "\n" for line in lines)
    run = subprocess.run([PARSER, "parse"], input=text.encode(), stdout=subprocess.PIPE, timeout=120, check=False)
    answers = [answer.split("\t", 2) for answer in run.stdout.decode("ascii").splitlines()]
    assert len(answers) == len(lines)
    assert run.returncode == (1 if any(answer[0] == "error" for answer in answers) else 0)
    return [(True, a[1]) if a[0] == "ok" else (False, (int(a[1]), a[2])) for a in answers]


def own_cases():
    lines = (HERE / "parser_cases.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("# ")]


def read_example(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as file:
        return file.read()


def example_cases():
    found = []
    for path in sorted(EXAMPLES.rglob("*")):
        if not path.is_file():
            continue
        text = read_example(path)
        if ".conf" in path.name:
            found += re.findall(r"^\s*(route [0-9a-fA-F.:]+(?:/\d+)?\s[^\n]*[;}])\s*$", text, re.MULTILINE)
        else:
            found += re.findall(r"(?:neighbor [^'\"\n]*)?(?:announce|withdraw) route [^'\"\n\\]*", text)
    return sorted({line.strip() for line in found})


@pytest.fixture(scope="module")
def compared():
    """Every line with both answers: {line: (ours, verdict, details)}."""
    lines = list(dict.fromkeys(own_cases() + example_cases()))
    return {line: (ours, *oracle.verdict(line)) for line, ours in zip(lines, parse(lines))}


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
    assert len(own_cases()) > 600
    assert len(example_cases()) > 60


def test_nothing_passes_that_exabgp_refuses_or_chokes_on(compared):
    wrong = {line: details for line, (ours, verdict, details) in compared.items()
             if ours[0] and verdict != oracle.DONE}
    assert not wrong


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
        before = [oracle.meaning(message) for route in routes for message in route.messages]
        after = [oracle.meaning(message) for route in canonical_routes for message in route.messages]
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
        if canonical.startswith("withdraw") or " withdraw route " in canonical or len(routes) > 1:
            continue
        text = canonical if "announce route" in canonical else canonical.replace("route ", "announce route ", 1)
        expected.append("announce route %s%s" % ATTRIBUTE_TEXT.match(INTERNAL.sub("", text)).groups()[1:])
        listing = routes[0].extensive
        for text, same in LISTED_ONLY.items():
            listing = listing.replace(text, same)
        listings.append("announce route " + listing)
    assert len(expected) > 200
    assert [answer for _, answer in parse(listings)] == expected


def test_a_group_line_means_the_same_as_its_routes(taken):
    groups = 0
    for canonical, _, routes in taken.values():
        plain = INTERNAL.sub("", canonical)
        match = ATTRIBUTE_TEXT.match(plain)
        if match is None or len(routes) > 1 or routes[0].family not in ("ipv4 unicast", "ipv6 unicast"):
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
