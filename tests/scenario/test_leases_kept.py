"""The file of the routes of the API may be damaged, or not be readable, and a route of the store may want the same prefix:
nothing is announced that was removed, and nothing of the store is touched."""
from lease_lab import A, B, C, D, PEER, store_route, two_hours_ago, world  # noqa: F401: a fixture
from wait import wait_for


def test_what_has_left_is_forgotten_while_others_come_and_go(world):
    """Each change sets the timer by which it is found; hundreds of them in a second may not push it back for ever."""
    world.start()

    def is_forgotten():
        world.put("a", A)
        world.api.remove("a")
        return b'"forget"' in world.file.read_bytes()
    wait_for(is_forgotten, "a record that says so", 20, pause_s=0)


# ---- a damaged file ----

def test_a_torn_tail_is_cut(world):
    store_route(world, "s", D)
    world.start()
    world.put("a", A)
    rib = world.stop()
    with world.file.open("ab") as file:
        file.write(b'12345678 {"leave":1,"wall":17')
    world.start(rib=rib)
    world.daemon.wait_state("api:a", "announced")
    world.put("b", B)
    world.again()
    world.daemon.wait_state("api:b", "announced")
    assert world.prefixes() == {A, B, D} and world.withdrawn() == []
    assert world.daemon.status()["warnings"] == []


def damage(world, text):
    lines = world.file.read_bytes().split(b"\n")
    at = next(i for i, line in enumerate(lines) if text in line)
    lines[at] = lines[at].replace(b'"wall"', b'"wa11"')
    world.file.write_bytes(b"\n".join(lines))


def test_a_damaged_line_is_told_and_takes_only_its_own_route_away(world):
    store_route(world, "s", D)
    world.start()
    world.daemon.wait_state("s", "announced")
    for name, net in (("a", A), ("b", B), ("c", C)):
        world.put(name, net)
    world.daemon.wait_settled()
    rib = world.stop()
    damage(world, b'"api:b"')
    world.start(rib=rib)
    world.wait_prefixes(A, C, D)
    assert world.withdrawn() == [B]
    assert any("damaged" in line for line in world.daemon.status()["warnings"])
    world.again()
    world.daemon.wait_state("api:c", "announced")
    assert world.prefixes() == {A, C, D} and world.daemon.status()["warnings"] == []


def test_a_damaged_removal_does_not_bring_the_route_back(world):
    world.start()
    world.put("a", A)
    world.put("b", B)
    world.daemon.wait_settled()
    world.api.remove("a", wait="wire")
    world.wait_record(forget=1)
    wait_for(lambda: "\nW " in (world.folder / "state" / "journal").read_text(), "the journal has it")
    rib = world.stop()
    damage(world, b'"leave"')
    damage(world, b'"forget"')
    world.start(rib=rib)
    world.daemon.wait_state("api:b", "announced")
    assert world.prefixes() == {B} and not any(A in line for line in world.announced())
    assert world.daemon.route("api:a") is None


def test_a_damaged_line_and_a_lost_journal_cost_no_other_route_and_bring_none_back(world):
    """The records behind the line tell what was in it."""
    world.start()
    for name, net in (("a", A), ("b", B), ("c", C)):
        world.put(name, net)
    world.api.remove("a", wait="wire")
    world.wait_record(forget=1)
    world.put("d", D)
    rib = world.stop()
    (world.folder / "state" / "journal").unlink()
    damage(world, b'"leave"')
    damage(world, b'"forget"')
    damage(world, b'"api:c"')
    world.start(rib=rib)
    for name in ("api:b", "api:d"):
        world.daemon.wait_state(name, "announced")
    assert world.daemon.route("api:a") is None and B not in world.withdrawn() and D not in world.withdrawn()
    assert not any(A in line for line in world.announced())
    warnings = world.daemon.status()["warnings"]
    assert any("3 damaged lines" in line for line in warnings) and not any("kept though" in line for line in warnings)


def test_where_nothing_tells_what_a_damaged_line_was_all_that_can_be_read_stays(world):
    """It may have been a removal; a route that nobody removed must not go for that."""
    world.start()
    world.put("a", A)
    world.put("b", B)
    world.daemon.exabgp.answering.clear()  # so that its withdraw is not confirmed
    world.api.remove("a")
    world.wait_record(leave=1)
    rib = world.stop()
    (world.folder / "state" / "journal").unlink()
    damage(world, b'"leave"')
    world.start(rib={PEER: {B: rib[PEER][B]}})
    for name in ("api:a", "api:b"):
        world.daemon.wait_state(name, "announced")
    assert any("2 are kept though" in line for line in world.daemon.status()["warnings"])
    assert "route api:b: its file is damaged behind it, and the journal is lost" in world.daemon.log()
    world.api.remove("a", wait="wire")
    world.again()
    world.daemon.wait_state("api:b", "announced")
    assert world.prefixes() == {B} and not any("routes of the API" in line for line in world.daemon.status()["warnings"])


def test_a_file_of_a_later_version_is_set_aside(world):
    store_route(world, "s", D)
    world.start()
    world.daemon.wait_state("s", "announced")
    world.put("a", A)
    rib = world.stop()
    world.file.write_text("bgpcommander leases 2\n")
    world.start(rib=rib)
    world.wait_prefixes(D)
    assert (world.folder / "state" / "leases.bad").exists()
    world.put("b", B)


def test_until_the_file_can_be_read_what_nobody_names_stays(world):
    world.start()
    world.put("a", A)
    rib = world.stop()
    world.file.rename(world.folder / "kept")
    world.file.mkdir()
    world.start(rib=rib)
    wait_for(lambda: (s := world.daemon.status()) and any("until it can be read" in line for line in s["warnings"]), "it is told")
    assert world.api.put("b", f"route {B} next-hop self")["error"] == "disk"
    assert world.withdrawn() == [] and world.prefixes() == {A}
    world.file.rmdir()
    (world.folder / "kept").rename(world.file)
    world.daemon.wait_state("api:a", "announced")
    assert world.withdrawn() == [] and world.announced() == []


# ---- identities ----

def test_what_a_route_of_the_store_has_is_refused(world):
    store_route(world, "s", A)
    store_route(world, "unsubscribed", B)
    world.tree.put("node/n1/subscribedRoutes", "s")
    world.start()
    world.daemon.wait_state("s", "announced")
    answer = world.api.put("web", f"route {A} next-hop self med 1")
    assert answer["error"] == "identity" and "routes/s" in answer["text"]
    answer = world.api.put("web", f"neighbor {PEER} route {A} next-hop self")
    assert answer["error"] == "identity"
    world.put("other", B)
    assert "med 7" in world.held(A) and world.withdrawn() == []


def test_a_later_route_of_the_store_gives_way_until_the_lease_ends(world):
    world.start()
    world.put("web", A, words="next-hop self med 1")
    store_route(world, "s", A)
    route = wait_for(lambda: (r := world.daemon.route("s")) and r["error"] and r, "it has a fault")
    assert "api:web" in route["error"] and route["verdict"] == "withdraw"
    assert "med 1" in world.held(A) and world.withdrawn() == []
    for _ in range(2):
        world.again()
        world.daemon.wait_state("api:web", "announced")
        assert "med 1" in world.held(A) and world.withdrawn() == []
    world.again(keeps_rib=False)
    world.daemon.wait_state("api:web", "announced")
    assert "med 1" in world.held(A)
    world.api.remove("web")
    world.daemon.wait_state("s", "announced")
    wait_for(lambda: "med 7" in (world.held(A) or ""), "the store's text")
    assert world.daemon.route("s")["error"] is None


def test_an_end_while_nobody_ran_gives_the_prefix_to_the_store(world):
    world.start()
    world.put("web", A, words="next-hop self med 1", ttl=3600)
    store_route(world, "s", A)
    wait_for(lambda: (r := world.daemon.route("s")) and r["error"], "it has a fault")
    rib = world.stop()
    two_hours_ago(world)
    world.start(rib=rib)
    world.daemon.wait_state("s", "announced")
    wait_for(lambda: "med 7" in (world.held(A) or ""), "the store's text")
    assert world.withdrawn() == [], "nobody lost it in between"


def test_of_two_leases_the_first_keeps_the_prefix(world):
    world.start()
    world.put("a", A, owner="one")
    answer = world.api.put("b", f"route {A} next-hop self med 3", owner="one")
    assert answer["error"] == "identity" and "api:a" in answer["text"]
    answer = world.api.put(None, f"route {A} next-hop self med 3", owner="two")
    assert answer["error"] == "other-owner" and "one" in answer["text"]
    assert "error" not in world.api.put(None, f"route {A} next-hop self med 3", owner="boss")
    assert world.daemon.route("api:a")["owner"] == "token boss"
    assert world.api.remove("a", owner="one")["error"] == "other-owner"


def test_what_stands_of_the_store_is_not_taken_before_the_store_has_told(world):
    store_route(world, "s", A)
    world.start()
    world.daemon.wait_state("s", "announced")
    rib = world.stop()
    (world.folder / "state" / "lastgood").unlink()
    world.start(store=False, rib=rib)
    world.put("other", B, state="announced")
    answer = world.api.put("web", f"route {A} next-hop self med 1")
    assert answer["error"] == "store-unknown"
    assert "med 7" in world.held(A) and world.withdrawn() == []


def test_without_a_journal_and_a_store_what_stands_is_nobodys(world):
    """With the leases alone the RIB would begin, and the store's routes would be foreign for ever."""
    store_route(world, "s", A)
    world.start()
    world.daemon.wait_state("s", "announced")
    world.put("web", B)
    rib = world.stop()
    for name in ("lastgood", "journal"):
        (world.folder / "state" / name).unlink()
    world.start(store=False, rib=rib)
    wait_for(lambda: "nothing but routes of the API" in world.daemon.log(), "the wait for the store is over")
    assert world.api.put("other", f"route {C} next-hop self")["error"] == "store-unknown"
    assert world.withdrawn() == [] and world.announced() == []
    world.again()
    for name in ("s", "api:web"):
        world.daemon.wait_state(name, "announced")
    assert world.withdrawn() == [] and world.announced() == []
