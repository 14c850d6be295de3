"""A thousand random valid routes and a hundred flows, over an eBGP and an iBGP session: each is printed in its canonical
text, put into the store, announced by ExaBGP, and shown by BIRD with exactly the attributes that the generator meant.

BC_RANDOM_SEED in the environment: another seed than the one below."""
import collections
import contextlib
import ipaddress
import os
import random
import subprocess

import exabgp_choice
import pytest
from lab import LabError
from random_flows import FlowGenerator, read_shown
from random_routes import ADDRESS, IBGP, PEERS, Generator, unlike

SEED = int(os.environ.get("BC_RANDOM_SEED", 20240607))
ROUTES, FLOWS = 1000, 100
SHOWN_FAULTS = 12
FAMILIES = "ipv4 unicast; ipv6 unicast; ipv4 flow; ipv6 flow;"


def has_paths():
    """ExaBGP 4.2.22 to 4.2.25 have no answer to `show neighbor configuration` for a neighbor with add-path."""
    version = exabgp_choice.chosen().version
    return not version.startswith("4.2.") or version == "4.2.21"


def make_ibgp(lab, peer):
    """Turns one of the lab's eBGP sessions into an iBGP session, with ADD-PATH if it can be."""
    v4 = ADDRESS[peer]
    before, after = lab.exabgp_conf().split(f"neighbor {v4} {{", 1)
    after = after.replace("local-as 65000;", "local-as 65002;", 1)
    if has_paths():
        after = after.replace("  api {", "  capability { add-path send; }\n  api {", 1)
    text = f"{before}neighbor {v4} {{{after}"
    assert text != lab.exabgp_conf()
    lab.exabgp_conf = lambda: text
    bird = lab.birds[peer]
    config = bird.config.read_text().replace("as 65000;", "as 65002;")
    config = config.replace("ipv4 { import all;", "ipv4 { import all; add paths rx;")
    config = config.replace("ipv6 { import all;", "ipv6 { import all; add paths rx;")
    bird.config.write_text(config)
    bird.ask("configure")


@pytest.fixture(scope="module")
def routes():
    # ExaBGP 5.0 takes no sets in as-paths (docs/exabgp.md).
    return Generator(random.Random(SEED), not exabgp_choice.chosen().is_5, has_paths()).routes(ROUTES)


@pytest.fixture(scope="module")
def flows():
    return FlowGenerator(random.Random(SEED)).flows(FLOWS)


@pytest.fixture(scope="module")
def lab(make_lab, routes, flows):
    """With all of them in the store, and all that ExaBGP has to do done."""
    lab = make_lab(peers=2, flow_peers=2, families=FAMILIES, bird_options="aigp on;")
    make_ibgp(lab, IBGP)
    lab.subscribe()
    lab.put_all({f"routes/{name}/{key}": value for name, route in routes.items() for key, value in route.keys.items()})
    lab.put_all({f"routes/{name}/config": flow.text for name, flow in flows.items()})
    lab.start_exabgp()

    def all_announced():
        states = collections.Counter(route["state"] for route in lab.routes().values())
        return states == {"announced": len(routes) + len(flows)} and lab.status()["exabgp"]["settled"]
    # Which of them are not in time, the tests tell.
    with contextlib.suppress(LabError):
        lab.wait_for(all_announced, 40, "all announced", 0.25)
    return lab


def fail_with(faults, what):
    more = [f"... and {len(faults) - SHOWN_FAULTS} more"] if len(faults) > SHOWN_FAULTS else []
    shown = "\n".join(faults[:SHOWN_FAULTS] + more)
    if faults:
        pytest.fail(f"{len(faults)} {what} (BC_RANDOM_SEED={SEED}):\n{shown}", pytrace=False)


def parsed(texts):
    done = subprocess.run([os.environ["BGPCOMMANDER"], "parse"], input="".join(text + "\n" for text in texts).encode(),
                          stdout=subprocess.PIPE, timeout=60, check=False)
    answers = done.stdout.decode().splitlines()
    assert len(answers) == len(texts)
    return answers


def compare(text, where, expected, found):
    """One line for each attribute that is not as the text says."""
    return [f"{text}\n    at {where}: {name}: expected {expected.get(name)!r}, found {found.get(name)!r}"
            for name in sorted({*expected, *found}) if not fits(expected.get(name), found.get(name))]


def fits(expected, found):
    """BIRD shows the beginning of what is long."""
    return expected == found or (None not in (expected, found) and found.endswith("...") and len(found) > 400 and
                                 expected.startswith(found[:-3].rstrip()))


def normal(attributes):
    """BIRD's attributes with addresses in their shortest form, and what has no order sorted."""
    made = {name: unlike(text) for name, text in attributes.items()}
    if "next_hop" in made:
        made["next_hop"] = str(ipaddress.ip_address(made["next_hop"]))
    return made


def test_the_generator_makes_what_it_should(routes, flows):
    """Every attribute, often enough, over both sessions."""
    counts = collections.Counter(name for route in routes.values() for _, shown in route.shown.get(IBGP, []) for name in shown)
    for name in ("med", "atomic_aggr", "aggregator", "community", "originator_id", "cluster_list", "ext_community", "aigp",
                 "large_community", "99", "28"):
        assert counts[name] >= 5, (name, counts)
    words = collections.Counter(word for flow in flows.values() for word in flow.matches)
    for word in ("dst", "src", "proto", "next header", "port", "tcp flags", "fragment", "label"):
        assert words[word] >= 3, (word, words)
    for text in ("split", "nlri", "{", "neighbor", "no-export", "NO-EXPORT", "0x", "\t", *["path-information"] * has_paths()):
        assert sum(text in route.text for route in routes.values()) >= 5, text


def test_each_is_taken_and_its_print_prints_the_same(routes, flows):
    texts = [one.text for one in [*routes.values(), *flows.values()]]
    answers = parsed(texts)
    fail_with([f"{text}\n    {answer}" for text, answer in zip(texts, answers) if not answer.startswith("ok\t")],
              "valid texts are refused")
    prints = [answer.split("\t", 1)[1] for answer in answers]
    fail_with([f"{text}\n    {first}\n    {again}" for text, first, again in zip(texts, prints, parsed(prints))
               if again != "ok\t" + first], "canonical texts are not the canonical text of themselves")


def test_each_is_confirmed(lab, routes, flows):
    found = lab.routes()
    faults = []
    for name, one in {**routes, **flows}.items():
        wires = sorted(ADDRESS[peer] for peer in one.shown)
        if found[name]["state"] != "announced" or found[name]["onWire"] != wires:
            faults.append(f"{one.text}\n    {found[name]['state']} to {found[name]['onWire']}, expected announced to {wires}: "
                          f"{found[name]['error']}")
    fail_with(faults, "routes are not announced where they should be")


@pytest.mark.parametrize("peer", PEERS, ids=["ebgp", "ibgp"])
def test_bird_shows_each_route_with_its_attributes_and_no_other(lab, routes, peer):
    expected = collections.defaultdict(list)
    for route in routes.values():
        for prefix, shown in route.shown.get(peer, []):
            expected[prefix].append((route.text, shown))
    found = collections.defaultdict(list)
    for prefix, attributes in lab.birds[peer].every_route():
        found[str(ipaddress.ip_network(prefix))].append(normal(attributes))
    faults = [f"BIRD has {prefix}, which no route announces" for prefix in sorted({*found} - {*expected})]
    for prefix, wanted in expected.items():
        left = list(found[prefix])
        # Of one prefix with several paths nothing but the attributes says which is which: first those that fit.
        unmatched = [(text, shown) for text, shown in wanted if not (shown in left and left.remove(shown) is None)]
        for text, shown in unmatched:
            faults += compare(text, prefix, shown, left.pop(0)) if left else [f"{text}\n    {prefix} is not at BIRD"]
        faults += [f"BIRD has {prefix} once more than it should: {attributes}" for attributes in left]
    fail_with(faults, "attributes are not as written")
    assert sum(map(len, expected.values())) >= ROUTES * 0.9


@pytest.mark.parametrize("peer", PEERS, ids=["ebgp", "ibgp"])
def test_bird_shows_each_flow_with_its_matches_and_actions_and_no_other(lab, flows, peer):
    found = {}
    for text, attributes in lab.birds[peer].flows().items():
        matches = read_shown(text)
        found[matches.get("dst"), matches.get("src")] = (matches, normal(attributes))
    faults = []
    for flow in flows.values():
        matches, attributes = found.pop(flow.key, (None, None))
        if matches is None:
            faults.append(f"{flow.text}\n    is not at BIRD")
            continue
        faults += compare(flow.text, "match", flow.matches, matches) + compare(flow.text, "then", flow.shown[peer], attributes)
    faults += [f"BIRD has a flow that none announces: {matches}" for matches, _ in found.values()]
    fail_with(faults, "matches or actions are not as written")
