"""What differs between ExaBGP's versions and configurations changes nothing for routes; what is missing is named, once in
the log and as long as it holds in the status."""
import pytest
from fake_exabgp import Neighbor
from test_core_fake import etcd, in_each_dialect, scene, wait_rib  # noqa: F401
from wait import wait_for

ENCODER = "`encoder json`"
BARE = "no `neighbor-changes` and no `send { parsed; update; }`"
CHANGES = "no `neighbor-changes` in its api block"
SEND = "no `send { parsed; update; }` in its api block"
REFRESH = "`route-refresh enable`"
ACKS = "exabgp.api.ack"


def put_paths(scene):
    """Next hops and paths in all the forms that a version may list otherwise than it took them."""
    scene.put_routes("r1")
    scene.put("routes/r2/config", f"route {scene.net('r2')} next-hop self as-path [ 65000 65010 ] med 2")
    scene.put("routes/r3/config", f"route {scene.net('r3')} next-hop self as-path [ ] community [ 65000:1 ]")
    scene.put("routes/r4/config", f"route {scene.net('r4')} next-hop 10.99.0.7 as-path [ 65000 ]")
    scene.put("routes/r5/config", "route 2001:db8:5::/48 next-hop 2001:db8:99::1 med 5")
    return ["r1", "r2", "r3", "r4", "r5"]


@in_each_dialect
def test_what_a_dead_core_announced_is_known_again(scene):
    names = put_paths(scene)
    daemon = scene.daemon()
    for name in names:
        daemon.wait_state(name, "announced")
    before = list(daemon.exabgp.wire)
    daemon.kill_core()
    daemon.wait_synced()
    daemon.wait_settled()
    for name in names:
        daemon.wait_state(name, "announced")
    assert daemon.ask("routes")["foreign"] == [] and daemon.status()["exabgp"]["nudges"] == 0
    assert daemon.exabgp.wire == before
    scene.delete("routes/r2/config")
    wait_for(lambda: daemon.exabgp.withdrawn() == [scene.net("r2")], "it is still ours to withdraw")


@in_each_dialect
def test_what_was_deleted_while_no_core_lived_is_withdrawn(scene):
    names = put_paths(scene)
    daemon = scene.daemon()
    for name in names:
        daemon.wait_state(name, "announced")
    rib = {ip: dict(table) for ip, table in daemon.exabgp.rib.items()}
    daemon.close()
    scene.delete("routes/r2/config")
    scene.put("routes/r4/config", f"route {scene.net('r4')} next-hop 10.99.0.7 as-path [ 65000 65000 ]")
    daemon = scene.daemon()
    daemon.exabgp.rib.update(rib)
    wait_for(lambda: daemon.exabgp.withdrawn() == [scene.net("r2")], "the deleted one leaves")
    daemon.wait_state("r4", "announced")
    daemon.wait_settled()
    announced = [prefix for verb, _, prefix, _ in daemon.exabgp.wire if verb == "announce"]
    assert announced == [scene.net("r4")] and daemon.ask("routes")["foreign"] == []


@in_each_dialect
def test_a_command_on_which_exabgp_stumbles_is_refused_alone(scene):
    """4.2 gives no answer then, 5.0 says `error`."""
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.wait_state("r1", "announced")
    daemon.exabgp.breaks = lambda line: f" {scene.net('r2')} " in f"{line} "
    scene.put_routes("r2", "r3", "r4")
    daemon.wait_state("r2", "refused", 40)
    wait_rib(daemon, ["r1", "r3", "r4"])
    for name in ("r3", "r4"):
        daemon.wait_state(name, "announced")
    assert daemon.exabgp.withdrawn() == []


def warnings_of(daemon):
    return daemon.status()["warnings"]


def assert_named_once(daemon, *texts):
    """In the status, in this order, and each once in the log; nothing else."""
    wait_for(lambda: len(warnings_of(daemon)) == len(texts), f"{texts} and nothing else")
    for warning, text in zip(warnings_of(daemon), texts):
        assert text in warning
        wait_for(lambda: daemon.log().count(f"warning: {warning}\n") == 1, f"once in the log: {warning}")


@in_each_dialect
def test_the_barest_block_announces_and_withdraws_and_says_what_is_missing(scene):
    scene.put_routes("r1", "r2")
    daemon = scene.daemon(neighbors=[Neighbor(wire=False, changes=False)], encoder="text")
    for name in ("r1", "r2"):
        daemon.wait_state(name, "announced")
    wait_rib(daemon, ["r1", "r2"])
    scene.delete("routes/r1/config")
    wait_rib(daemon, ["r2"])
    neighbors = daemon.ask("neighbors")["neighbors"]
    assert [(one["ipAddress"], one["state"]) for one in neighbors] == [("10.99.0.2", "up")]
    assert_named_once(daemon, BARE)
    daemon.kill_core()
    daemon.wait_synced()
    daemon.wait_settled()
    assert daemon.exabgp.withdrawn() == [scene.net("r1")] and daemon.ask("routes")["foreign"] == []


@in_each_dialect
def test_the_text_encoder_is_named_when_it_speaks(scene):
    neighbor = Neighbor()
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=[neighbor], encoder="text")
    daemon.wait_state("r1", "announced")
    scene.put_routes("r2")
    daemon.wait_state("r2", "announced")
    assert_named_once(daemon, ENCODER)
    daemon.exabgp.encoder = "json"
    daemon.exabgp.say_state(neighbor, "up")
    assert_named_once(daemon)


@pytest.mark.parametrize("lacks, text", [({"changes": False}, CHANGES), ({"wire": False}, SEND)])
@in_each_dialect
def test_what_the_api_block_lacks_is_named_until_it_is_there(scene, lacks, text):
    neighbor = Neighbor(**lacks)
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=[neighbor])
    daemon.wait_state("r1", "announced")
    # A session that comes up has the configuration asked for and judged anew.
    asked = daemon.exabgp.count("show neighbor configuration")
    daemon.exabgp.say_state(neighbor, "up")
    wait_for(lambda: daemon.exabgp.count("show neighbor configuration") > asked, "asked again")
    daemon.wait_synced()
    assert_named_once(daemon, text)
    neighbor.changes = neighbor.wire = True
    daemon.exabgp.say_state(neighbor, "up")
    assert_named_once(daemon)
    for name in lacks:
        setattr(neighbor, name, False)
    daemon.exabgp.say_state(neighbor, "up")
    wait_for(lambda: daemon.log().count(text) == 2, "told again")


@in_each_dialect
def test_route_refresh_is_named_where_it_resets_the_session(scene):
    scene.put_routes("r1")
    daemon = scene.daemon(neighbors=[Neighbor(refresh=True)])
    daemon.wait_state("r1", "announced")
    assert_named_once(daemon, *([] if scene.dialect.startswith("5.") else [REFRESH]))


@in_each_dialect
def test_missing_acks_are_named(scene):
    scene.put_routes("r1")
    daemon = scene.daemon(acks=False)
    daemon.wait_state("r1", "announced")
    assert_named_once(daemon, ACKS)
