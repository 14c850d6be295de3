"""ExaBGP reorders commands that meet in one flush and the peer stays wrong: our changes must never meet so.
That a command waits for the wire and not for the ack alone is proven in unit/test_rib and unit/test_rib_model, whose
ExaBGP reorders at will; here real ones must end right."""
import pytest

ROUNDS = 20
BACKLOG = 400


def prefix(case, letter, of=4):
    return f"10.2.{case}.{ord(letter)}/32" if of == 4 else f"2001:db8:2:{case}::{ord(letter)}/128"


def text(case, letter, med=None, of=4):
    hop = "self" if of == 4 else "2001:db8:99:0::1"
    return f"route {prefix(case, letter, of)} next-hop {hop}" + (f" med {med}" if med is not None else "")


class Case:
    """before: what stands. steps: (letter, med) to announce, (letter, None) to withdraw, one put after the other."""

    def __init__(self, number, before, steps, of=4):
        self.number, self.before, self.steps, self.of = number, before, steps, of

    def key(self, letter):
        return f"routes/o{self.number}{letter.lower()}/config"

    def expected(self):
        state = dict(self.before)
        state.update(dict(self.steps))
        return {prefix(self.number, letter, self.of): med for letter, med in state.items() if med is not None}


CASES = [
    Case(1, [], [("Y", 2), ("X", 1), ("X", 2)]),
    Case(2, [("X", 1)], [("Z", 1), ("X", None), ("X", 1)]),
    Case(3, [], [("X", 1), ("X", None)]),
    Case(4, [("X", 1)], [("X", None), ("X", 1), ("X", None)]),
    Case(5, [("X", 1)], [("X", None), ("X", 1)]),
    Case(6, [("X", 1)], [("Z", 1), ("X", 2), ("X", 1)]),
    Case(7, [("X", 1)], [("X", 2), ("X", None), ("X", 2)]),
    Case(8, [("X", 1), ("Q", 1)], [("Q", None), ("X", 9), ("X", None)]),
    Case(9, [("X", 1)], [("Z", 1), ("X", None), ("X", 1)], of=6),
]


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab()
    keys = {f"routes/b{n}/config": f"route 10.3.{n // 200}.{n % 200}/32 next-hop self med {n}" for n in range(BACKLOG)}
    lab.put_all({**keys, "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.count() == BACKLOG, 30, "the backlog's routes")
    return lab


def put(lab, case, letter, med):
    if med is None:
        lab.delete(case.key(letter))
    else:
        lab.put(case.key(letter), text(case.number, letter, med, case.of))


def cases_routes(lab):
    return {prefix: int(route["med"]) for prefix, route in lab.bird.routes().items()
            if prefix.startswith(("10.2.", "2001:db8:2:"))}


def play(lab, rounds, backlog):
    """All the cases in each round; at its end BIRD has what etcd says."""
    wrong = []
    for turn in range(rounds):
        for case in CASES:
            for letter in "XYZQ":
                lab.delete(case.key(letter))
            for letter, med in case.before:
                put(lab, case, letter, med)
        start = {prefix(case.number, letter, case.of): med for case in CASES for letter, med in case.before}
        lab.wait_for(lambda: cases_routes(lab) == start, 20, f"the start of round {turn}")
        if backlog:
            lab.put_all({f"routes/b{n}/config": f"route 10.3.{n // 200}.{n % 200}/32 next-hop self med {n + 1000 * turn + 1}"
                         for n in range(BACKLOG)})
        for case in CASES:
            for letter, med in case.steps:
                put(lab, case, letter, med)
        expected = {key: value for case in CASES for key, value in case.expected().items()}
        try:
            lab.wait_for(lambda: cases_routes(lab) == expected, 20, f"the end of round {turn}")
        except AssertionError:
            now = cases_routes(lab)
            wrong.append((turn, {key: (expected.get(key), now.get(key)) for key in {*expected, *now}
                                 if expected.get(key) != now.get(key)}))
    return wrong


def test_batches_that_exabgp_reorders_end_as_etcd_says(lab):
    assert play(lab, 3, backlog=False) == []


def test_so_they_do_behind_a_backlog(lab):
    assert play(lab, ROUNDS, backlog=True) == []
    last = ROUNDS - 1
    lab.wait_for(lambda: lab.bird.med("10.3.1.199/32") == 399 + 1000 * last + 1, 20, "the backlog has its last MED")


def test_attributes_that_flip_quickly_end_right(lab):
    lab.put("routes/flip/config", "route 10.4.0.1/32 next-hop self med 0")
    lab.wait_for(lambda: lab.bird.med("10.4.0.1/32") == 0, 10, "announced")
    withdraws = lab.bird.counters()["withdraws"]
    for med in range(1, 201):
        lab.put("routes/flip/config", f"route 10.4.0.1/32 next-hop self med {med}")
    lab.wait_for(lambda: lab.bird.med("10.4.0.1/32") == 200, 20, "the last MED")
    lab.wait_for(lambda: lab.route("flip")["state"] == "announced", 20, "confirmed")
    assert lab.bird.med("10.4.0.1/32") == 200
    assert lab.bird.counters()["withdraws"] == withdraws
