"""Routes of the API are kept over whatever ends the daemon, end when their time is over, and never touch a route of the
store."""
import datetime
import json
import os
import time
import zlib

import pytest

from lease_lab import A, B, C, D, PEER, store_route, two_hours_ago, world  # noqa: F401: a fixture
from wait import wait_for

# ---- put and removed ----

@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
def test_what_is_put_is_announced_and_what_is_removed_withdrawn(world, store):
    daemon = world.start(store=store)
    world.put("first", B)
    answer = world.put("web", A, ttl=3600, reason="a test", wait="wire")
    assert answer["name"] == "api:web" and answer["status"] == 201 and answer["outcome"] == "done"
    route = daemon.route("api:web")
    assert (route["origin"], route["owner"], route["note"]) == ("api", "token one", "a test")
    assert route["expires"] > route["since"] and route["onWire"] == [PEER] and route["prefix"] == A
    assert world.put("web", A, words="next-hop self med 9", wait="wire")["new"] is False
    assert "med 9" in world.held(A) and daemon.route("api:web")["expires"] is None
    assert world.withdrawn() == []
    assert world.api.remove("web", wait="wire")["outcome"] == "done"
    assert world.prefixes() == {B} and daemon.route("api:web") is None
    assert world.api.remove("web")["error"] == "no-such-route"
    assert daemon.status()["summary"]["routes"] == 0


def test_the_status_counts_them_with_the_others_and_what_is_withdrawn_is_not_hidden_by_them(world):
    daemon = world.start()
    store_route(world, "fails", C)
    world.tree.put("routes/fails/healthcheck", "#!/bin/sh\nexit 3\n")
    daemon.wait_state("fails", "withdrawn")
    for name, net in (("one", A), ("two", B)):
        world.put(name, net, wait="wire")
    counts = daemon.status()["summary"]
    assert {key: counts[key] for key in ("routes", "subscribed", "api", "announced", "withdrawn", "notOnWire")} == {
        "routes": 1, "subscribed": 1, "api": 2, "announced": 2, "withdrawn": 1, "notOnWire": 0}
    assert world.api.remove("one", wait="wire")["outcome"] == "done"
    counts = daemon.status()["summary"]
    assert (counts["api"], counts["announced"], counts["withdrawn"]) == (1, 1, 1)


def test_the_same_command_twice_is_the_same_route(world):
    world.start()
    first = world.put(None, A)
    again = world.put(None, A, words="next-hop self med 3", wait="wire")
    assert again["name"] == first["name"] and not again["new"] and "med 3" in world.held(A)
    assert len(first["name"]) == len("api:") + 12
    assert world.put(None, B)["name"] != first["name"]
    # A named one has the identity already.
    world.put("c", C)
    assert world.put(None, C, words="next-hop self med 4")["name"] == "api:c"


def test_a_route_that_moves_to_another_prefix_leaves_the_old_one(world):
    world.start()
    world.put("web", A)
    world.put("web", B, wait="wire")
    world.wait_prefixes(B)
    assert world.withdrawn() == [A]
    record = next(r for r in world.records() if r.get("text", "").startswith(f"route {A}"))
    world.wait_record(forget=record["put"])
    world.again()
    world.daemon.wait_state("api:web", "announced")
    assert world.prefixes() == {B} and world.withdrawn() == []


def test_its_end_is_told_alike_each_time(world):
    daemon = world.start()
    world.put("a", A, ttl=3600)
    daemon.wait_state("api:a", "announced")
    told = {daemon.route("api:a")["expires"] for _ in range(60)}
    assert len(told) == 1, told


# ---- kept ----

@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
@pytest.mark.parametrize("end", ["kill core", "kill all", "TERM", "upgrade", "reboot"])
def test_it_is_kept_over(world, end, store):
    if store:
        store_route(world, "s", D)
    daemon = world.start(store=store)
    world.put("a", A, ttl=3600)
    world.put("b", B, words="next-hop self med 5")
    expires = daemon.route("api:a")["expires"]
    wanted = {A, B, D} if store else {A, B}
    if store:
        daemon.wait_state("s", "announced")
    if end == "kill core":
        daemon.kill_core()
    elif end == "upgrade":
        old = daemon.core()
        daemon.ask("upgrade")
        wait_for(lambda: (new := daemon.core()) and new != old, "another core answers")
    elif end == "kill all":
        daemon.exabgp.restart()
    elif end == "TERM":
        daemon = world.again(store=store)
    else:
        daemon = world.reboot("11111111-2222-3333-4444-555555555555", store=store)
    for name in ("api:a", "api:b", *(["s"] if store else [])):
        daemon.wait_state(name, "announced", 30)
    assert world.prefixes() == wanted and world.withdrawn() == []
    assert "med 5" in world.held(B)
    moved = daemon.route("api:a")["expires"]
    assert abs(seconds(moved) - seconds(expires)) < 3
    if end in ("TERM", "reboot"):
        # What stood is taken over as it is; an empty ExaBGP gets each once.
        assert len([line for line in world.announced() if A in line]) == (1 if end == "reboot" else 0)
    assert daemon.status()["warnings"] == [] or not store


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_core_in_safe_mode_keeps_them(world):
    daemon = world.start()
    world.put("a", A, ttl=3600)
    daemon.wait_settled()
    for _ in range(10):
        if (daemon.status() or {}).get("mode") == "safe":
            break
        daemon.kill_core()
    wait_for(lambda: (s := daemon.status()) and s["mode"] == "safe", "safe mode")
    daemon.wait_state("api:a", "announced")
    assert world.withdrawn() == []
    world.put("b", B)
    world.api.remove("a")
    world.wait_prefixes(B)


def test_a_store_loss_does_not_touch_them(world, tmp_path):
    store_route(world, "s", D)
    world.start()
    world.put("a", A)
    world.daemon.wait_state("s", "announced")
    world.tree.remove("routes/s")
    wait_for(lambda: world.daemon.status()["store"]["loss"], "the store is lost")
    world.put("b", B)
    assert world.prefixes() == {A, B, D}
    world.api.remove("a")
    world.wait_prefixes(B, D)
    assert world.withdrawn() == [A]


# ---- the end ----

def test_one_that_ends_is_withdrawn_and_forgotten(world):
    world.start()
    put = world.put("a", A, ttl=2)
    world.put("b", B, ttl=3600)
    world.wait_prefixes(B)
    assert world.daemon.route("api:a") is None and "its time is over" in world.daemon.log()
    number = next(r["put"] for r in world.records() if r.get("name") == put["name"])
    world.wait_record(forget=number)
    world.again()
    world.daemon.wait_state("api:b", "announced")
    assert world.prefixes() == {B}


def test_a_put_in_its_last_moment_gives_it_a_new_time(world):
    world.start()
    world.put("a", A, ttl=2)
    world.put("a", A, ttl=3600)
    world.put("b", B, ttl=3)
    world.wait_prefixes(A)
    assert world.withdrawn() == [B]


@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
@pytest.mark.parametrize("reboot", [False, True], ids=["same boot", "reboot"])
def test_one_that_ended_while_nobody_ran_is_withdrawn_first_thing_and_never_announced(world, store, reboot):
    if store:
        store_route(world, "s", D)
    world.start(store=store)
    world.put("a", A, ttl=3600)
    world.put("b", B, ttl=9000)
    world.put("c", C)
    rib = world.stop()
    two_hours_ago(world)
    if reboot:
        world.boot = "11111111-2222-3333-4444-555555555555"
    world.start(store=store, rib=None if reboot else rib)
    for name in ("api:b", "api:c"):
        world.daemon.wait_state(name, "announced", 30)
    world.wait_prefixes(*({B, C, D} if store else {B, C}))
    assert not any(A in line for line in world.announced())
    assert world.withdrawn() == ([] if reboot else [A])
    assert world.daemon.route("api:a") is None
    assert "api:a: its time was over before this start" in world.daemon.log()


def test_many_that_end_at_once_are_withdrawn_in_slices(world):
    world.start()
    count = 700
    for i in range(count):
        world.put(f"r{i}", f"10.71.{i // 250}.{i % 250}/32", ttl=3600, state=None)
    world.put("b", B)
    wait_for(lambda: len(world.prefixes()) == count + 1, "all are announced", 60)
    rib = world.stop()
    now = {"uptime": time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000000, "wall": time.time_ns() // 1000000}
    world.rewrite(lambda record: {**record, **now, "left": 12000} if record.get("ttl") else record)
    world.start(rib=rib)
    world.wait_prefixes(B, seconds=60)
    assert len(world.withdrawn()) == count
    wait_for(lambda: {r["name"] for r in world.kept()} == {"api:b"}, "all are forgotten", 60, pause_s=0.5)


def test_what_becomes_of_it_is_told(world):
    world.start()
    world.put("a", A, ttl=3600, reason="why")
    world.put("a", A, ttl=2)
    world.put("b", B)
    world.wait_prefixes(B)
    world.api.remove("b", wait="wire")

    def told():
        events = world.daemon.ask("events", type="lease")["events"]
        return [(event["subject"], event["detail"]["what"]) for event in events]
    wanted = [("api:a", "put"), ("api:a", "changed"), ("api:b", "put"), ("api:a", "expired"), ("api:b", "removed")]
    assert told() == wanted
    lines = [json.loads(line) for line in (world.folder / "state" / "audit.log").read_text().splitlines()]
    assert [(line["name"], line["action"]) for line in lines] == [
        ("api:a", "announce"), ("api:a", "announce"), ("api:b", "announce"), ("api:a", "expire"), ("api:b", "withdraw")]
    reasons = [d["reason"] for d in world.daemon.ask("decisions", route="api:a")["decisions"]]
    assert reasons[0] == "its time is over"


# ---- clocks that are set ----

def left(world, name):
    """Seconds, as the daemon sees it by the wall clock of its own."""
    route = world.daemon.route(name)
    return route and seconds(route["expires"])


@pytest.mark.parametrize("jump", ["+864000", "-864000"], ids=["forwards", "backwards"])
def test_a_wall_clock_that_is_set_changes_nothing(world, jump):
    world.set_wall("+0")
    world.start()
    world.put("long", A, ttl=3600)
    world.put("short", B, ttl=4)
    before = left(world, "api:long")
    world.set_wall(jump)
    wait_for(lambda: abs(left(world, "api:long") - before - int(jump)) < 60, "it tells the time by the clock as set")
    world.wait_prefixes(A)
    # Over a restart in the same boot, and back.
    for wall in (jump, "+0"):
        world.set_wall(wall)
        world.again()
        world.daemon.wait_state("api:long", "announced")
        assert abs(left(world, "api:long") - before - int(wall)) < 60
    assert world.withdrawn() == [] and world.prefixes() == {A}


def test_over_a_reboot_the_wall_clock_counts_forwards_and_never_backwards(world):
    world.set_wall("+0")
    world.start()
    world.put("day", A, ttl=86400)
    world.put("hour", B, ttl=3600)
    world.put("ever", C)
    before = left(world, "api:day")
    # Set back by years: what was left is left, not more.
    world.reboot("22222222-0000-0000-0000-000000000000", "-99999999")
    for name in ("api:day", "api:hour", "api:ever"):
        world.daemon.wait_state(name, "announced")
    assert before - 120 < left(world, "api:day") + 99999999 <= before + 2
    # In this boot the clock is set right again: nothing changes.
    world.set_wall("+0")
    world.again()
    world.daemon.wait_state("api:hour", "announced")
    assert before - 120 < left(world, "api:day") <= before + 2
    # Two hours pass without power.
    world.reboot("33333333-0000-0000-0000-000000000000", "+7200")
    for name in ("api:day", "api:ever"):
        world.daemon.wait_state(name, "announced")
    world.wait_prefixes(A, C)
    assert not any(B in line for line in world.announced())
    assert before - 180 < left(world, "api:day") <= before + 2


def test_without_a_boot_id_the_wall_clock_counts_over_each_restart(world):
    """Each process is then a boot of its own."""
    world.boot = ""
    world.set_wall("+0")
    world.start()
    world.put("day", A, ttl=86400)
    world.put("hour", B, ttl=3600)
    before = left(world, "api:day")
    # While it runs its boot clock counts all the same.
    world.set_wall("+864000")
    wait_for(lambda: left(world, "api:day") - before > 860000, "it tells the time by the clock as set")
    assert world.daemon.route("api:hour")
    # Set back over the restart: what was left is left, not more.
    rib = world.stop()
    world.set_wall("-864000")
    world.start(rib=rib)
    world.daemon.wait_state("api:hour", "announced")
    assert before - 120 < left(world, "api:day") + 864000 <= before + 2
    rib = world.stop()
    world.set_wall("-856800")
    world.start(rib=rib)
    world.daemon.wait_state("api:day", "announced")
    world.wait_prefixes(A)
    assert "api:hour: its time was over before this start" in world.daemon.log()
    assert before - 180 < left(world, "api:day") + 864000 <= before + 2


# ---- a removal never comes undone ----

def test_a_removal_is_remembered_until_its_withdraw_is_confirmed(world):
    """Without a store nobody else would know that it is to go."""
    world.start(store=False)
    world.put("a", A)
    world.put("b", B)
    world.daemon.exabgp.answering.clear()
    world.api.remove("a")
    world.wait_record(leave=1)
    rib = world.stop()
    world.start(store=False, rib=rib)
    world.wait_prefixes(B, seconds=30)
    assert not any(A in line for line in world.announced())
    world.wait_record(forget=1)


def test_a_full_disk_refuses_what_is_put_and_withdraws_what_is_removed(world):
    world.start()
    world.put("a", A)
    world.put("b", B)
    block(world)
    answer = world.api.put("c", f"route {C} next-hop self")
    assert answer["error"] == "disk", answer
    world.api.remove("a")
    world.wait_prefixes(B)
    wait_for(lambda: any("routes of the API" in line for line in world.daemon.status()["warnings"]), "it is told")
    assert world.daemon.route("api:c") is None
    unblock(world)
    wait_for(lambda: not any("routes of the API" in line for line in world.daemon.status()["warnings"]), "it is mended")
    world.put("c", C)
    rib = world.stop()
    world.start(rib=rib)
    world.daemon.wait_state("api:c", "announced")
    world.wait_prefixes(B, C)


def test_a_removal_that_a_full_disk_did_not_take_is_written_later(world):
    world.start(store=False)
    world.put("a", A)
    world.put("b", B)
    block(world)
    world.daemon.exabgp.answering.clear()  # so that nothing tells later that it has left
    world.api.remove("a")
    wait_for(lambda: any("routes of the API" in line for line in world.daemon.status()["warnings"]), "it is told")
    unblock(world)
    wait_for(lambda: not any("routes of the API" in line for line in world.daemon.status()["warnings"]), "it is mended")
    assert [r["name"] for r in world.kept() if r.get("leaving")] == ["api:a"]
    rib = world.stop()
    world.start(store=False, rib=rib)
    world.wait_prefixes(B)
    assert not any(A in line for line in world.announced())


def block(world):
    """Nothing can be written to it, nor put in its place."""
    os.mkdir(world.folder / "state" / "leases.new")
    (world.folder / "state" / "leases").unlink()


def unblock(world):
    os.rmdir(world.folder / "state" / "leases.new")


# ---- other layers ----

def test_admin_state_withdraws_and_brings_back(world):
    world.tree.put("node/n1/adminState", "down")
    world.start()
    wait_for(lambda: world.daemon.status()["store"]["state"] == "connected", "the store is known")
    answer = world.put("a", A, state=None, wait="wire")
    assert answer["outcome"] == "held" and "adminState is down" in answer["held"]
    assert world.prefixes() == set()
    world.tree.put("node/n1/adminState", "up")
    world.wait_prefixes(A)
    world.tree.put("node/n1/adminState", "drain")
    world.wait_prefixes()


def test_the_guard_judges_it_as_any_other(world):
    world.start(lines=["announce_allow 10.70.0.1/32"])
    world.put("a", A)
    assert world.api.put("b", f"route {B} next-hop self")["error"] == "guard"
    assert world.prefixes() == {A}
    # What may not stand any more goes, and comes back when it may.
    world.again(lines=["announce_deny 10.70.0.1/32"])
    world.wait_prefixes()
    assert world.daemon.route("api:a")["layer"] == "guard"
    world.again()
    world.wait_prefixes(A)


def test_it_has_no_policy(world):
    world.tree.put("policy", "return function(ctx) return withdraw('no') end\n")
    world.start()
    world.put("a", A)
    assert world.daemon.route("api:a")["policy"] is None


# ---- waiting ----

def test_a_wait_ends_as_exabgp_says(world):
    daemon = world.start()
    daemon.exabgp.refuse = lambda line: B in line
    assert world.put("b", B, state=None, wait="ack")["outcome"] == "refused"
    daemon.exabgp.ignore = lambda line: C in line
    assert world.put("c", C, state=None, wait="ack", timeout=0.3)["outcome"] == "late"
    daemon.exabgp.ignore = lambda line: False
    daemon.exabgp.unseen = lambda prefix: prefix == D
    assert world.put("d", D, state=None, wait="ack", timeout=15)["outcome"] == "done"
    assert world.put("d", D, state=None, wait="wire", timeout=0.3)["outcome"] == "late"
    assert world.put("d", D, words="next-hop self med 2", state=None, wait="wire", timeout=0.3)["outcome"] == "late"
    daemon.exabgp.unseen = lambda prefix: False
    assert world.put("d", D, words="next-hop self med 2", wait="wire", timeout=30)["outcome"] == "done"


def test_ten_thousand_start_quickly(world):
    world.start()
    world.put("seed", A)
    rib = world.stop()
    seed = next(r for r in world.records() if r.get("put"))
    count = 9999
    with world.file.open("a") as file:
        for i in range(count):
            record = {**seed, "put": i + 10, "name": f"api:r{i}", "ttl": 3600000, "left": 3600000,
                      "text": f"route 10.{80 + i // 62500}.{i // 250 % 250}.{i % 250}/32 next-hop self"}
            text = json.dumps(record, separators=(",", ":"))
            file.write(f"{zlib.crc32(text.encode()):08x} {text}\n")
    world.start(rib=rib)
    wait_for(lambda: len(world.prefixes()) == count + 1, "all are announced", 90, pause_s=0.5)
    assert world.api.put("more", f"route {B} next-hop self")["error"] == "limit"
    assert "error" not in world.api.remove("r7")
    world.put("more", B, wait="ack", timeout=30)


def test_a_store_without_routes_is_not_taken_for_an_emptied_one(world):
    world.start()
    world.put("a", A)
    world.put("b", B)
    world.api.remove("b")
    world.again()
    world.daemon.wait_state("api:a", "announced")
    assert world.daemon.status()["store"]["loss"] is None
    world.wait_prefixes(A)
