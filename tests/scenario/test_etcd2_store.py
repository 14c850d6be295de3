"""The store over the v2 API of real etcd members: what it tells while they are killed, stopped, wiped and filled with
other people's events."""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request

import pytest

import etcd2_lab
from etcd2_lab import keys
from etcd_lab import Lab
from test_etcd_store import certificates, user_file  # noqa: F401 (a fixture)
from ports import free_port
from wait import nothing_happens_for, wait_for


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    passed = False
    try:
        yield made
        passed = True
    finally:
        made.close(check=passed)


def start(lab, values=None, *flags, **options):
    """A member with these keys, and a probe that is connected to it: (member, its keys, the probe, its first list)."""
    etcd = etcd2_lab.member(lab)
    client = keys(etcd)
    for key, value in (values or {}).items():
        client.put("/bgp/" + key, value)
    probe = etcd2_lab.probe(lab, etcd.url(), *flags, **options)
    entries = probe.wait_list()[0] if "quiet" not in flags else None
    probe.wait_connected()
    return etcd, client, probe, entries


def test_lists_then_tells_changes_in_order(lab):
    etcd = etcd2_lab.member(lab)
    client = keys(etcd)
    client.put("/bgp/routes/web/config", 'route 1.2.3.4/32 next-hop self & = % + "é"')
    client.put("/bgp/node/n1/adminState", "up")
    client.put("/bgp/node/n2/adminState", "of another node")
    client.put("/bgp/routes2/x", "of another prefix")
    client.put("/bgp/node/n1/status", "own")
    client.put("/bgp/node/n1/routes/web/state", "own")
    client.put("/bgp/node/n1/neighbors/10.0.0.1/state", "own")
    client.put("/bgp/routes/_hidden/config", "never told")
    client.make_dir("/bgp/routes/nothing")
    client.put("/bgp/policy2", "of another prefix")
    shared = {"checks/dns/script": "1", "data/sites": "2", "lua/util": "3", "policy": "4",
              "node/n1/policy": "6", "node/n1/labels": "7", "routes/web/policy": "8"}
    for key, value in shared.items():
        client.put("/bgp/" + key, value)
    index = client.put("/bgp/routes/empty/options", "")
    probe = etcd2_lab.probe(lab, etcd.url())
    entries, cluster, listed = probe.wait_list()
    assert entries == {"routes/web/config": 'route 1.2.3.4/32 next-hop self & = % + "é"', "node/n1/adminState": "up",
                       "routes/empty/options": "", **shared}
    assert listed == index and cluster != "0"
    assert probe.wait_connected()[2] == etcd.url()
    first = client.put("/bgp/routes/web/config", "é")
    assert probe.wait_change("routes/web/config", "é") == first
    assert probe.wait("changes_end")[2] == first
    client.put("/bgp/node/n1/status", "own again")
    client.put("/bgp/routes/_hidden/config", "never told")
    client.put("/bgp/routes/a/config", "1")
    client.delete("/bgp/routes/web/config")
    assert [probe.wait("change")[1:3] for _ in range(2)] == [["routes/a/config", "1"], ["routes/web/config", None]]
    client.put("/bgp/node/n1/adminState", "drain")
    probe.wait_change("node/n1/adminState", "drain")
    client.put("/bgp/admission", "not there at first")
    probe.wait_change("admission", "not there at first")
    for key in [*shared, "admission"]:
        client.put("/bgp/" + key, "other")
        probe.wait_change(key, "other")
        client.delete("/bgp/" + key)
        probe.wait_change(key, None)
    assert not [line for line in probe.seen if "of another" in str(line)]
    assert not [line for line in probe.seen if line[0] in ("entry", "change") and "own" in str(line[2])]
    assert not [line for line in probe.seen if "hidden" in str(line)]
    probe.say("age")
    age = probe.wait("age")
    assert age[1] < 10000 and age[2:] == ["etcd v2", etcd.url()]
    probe.say("transactions")
    answer = probe.wait("transactions")
    assert answer[1] is False and "needs etcd v3" in answer[2]


def test_an_empty_prefix_is_an_empty_store_and_no_error(lab):
    _, client, probe, entries = start(lab)
    assert entries == {}
    client.put("/bgp/routes/a/config", "1")
    probe.wait_change("routes/a/config", "1")
    client.put("/bgp/node/n1/adminState", "up")
    probe.wait_change("node/n1/adminState", "up")


def test_odd_names_travel_both_ways(lab):
    etcd = etcd2_lab.member(lab)
    client = keys(etcd)
    client.put("/bgp é%2F/routes/a b/config", "1")
    probe = etcd2_lab.probe(lab, etcd.url(), prefix="/bgp é%2F")
    assert probe.wait_list()[0] == {"routes/a b/config": "1"}
    probe.wait_connected()
    probe.say("enable")
    probe.say("publish node/n1/neighbors/2001:db8::1%eth0/state a&b=c+d%65 é")
    client.wait_value("/bgp é%2F/node/n1/neighbors/2001:db8::1%eth0/state", "a&b=c+d%65 é")
    client.put("/bgp é%2F/routes/x?y#z/config", "2")
    probe.wait_change("routes/x?y#z/config", "2")


def test_events_that_come_faster_than_polls_are_all_told(lab):
    _, client, probe, _ = start(lab)
    wanted = [("routes/a/config", str(number)) for number in range(300)]
    for key, value in wanted:
        client.put("/bgp/" + key, value)
    got = [tuple(probe.wait("change")[1:3]) for _ in wanted]
    assert got == wanted
    assert len(probe.told("changes_end")) >= 299 and len(probe.told("list_begin")) == 1


def test_a_directory_that_is_deleted_takes_all_below_it(lab):
    values = {f"routes/{name}/{key}": "1" for name in ("a", "b", "a-b") for key in ("config", "options")}
    _, client, probe, entries = start(lab, values)
    assert entries == values
    client.put("/bgp/routes/a/healthcheck", "told later")
    probe.wait_change("routes/a/healthcheck", "told later")
    index = client.delete_dir("/bgp/routes/a")
    gone = [probe.wait("change")[1:4] for _ in range(3)]
    assert gone == [[f"routes/a/{key}", None, index] for key in ("config", "healthcheck", "options")]
    assert probe.next()[0] == "changes_end"
    client.delete_dir("/bgp")
    gone = {probe.wait("change")[1] for _ in range(4)}
    assert gone == {f"routes/{name}/{key}" for name in ("b", "a-b") for key in ("config", "options")}
    client.put("/bgp/routes/a/config", "back")
    assert probe.wait("change")[1:3] == ["routes/a/config", "back"]
    assert len(probe.told("list_begin")) == 1


def test_a_key_that_becomes_a_directory_is_gone(lab):
    _, client, probe, _ = start(lab, {"routes/a/config": "1"})
    client.make_dir("/bgp/routes/a/config")
    probe.wait_change("routes/a/config", None)


def test_somebody_elses_key_and_directory_expire(lab):
    _, client, probe, _ = start(lab)
    client.put("/bgp/routes/short/config", "1", ttl=1)
    client.make_dir("/bgp/routes/dir", ttl=2)
    client.put("/bgp/routes/dir/config", "2")
    client.put("/bgp/routes/dir/options", "{}")
    probe.wait_change("routes/short/config", None)
    probe.wait_change("routes/dir/config", None)
    probe.wait_change("routes/dir/options", None)


def test_a_broken_wait_resumes_without_a_list_and_without_a_gap(lab):
    etcd, _, probe, _ = start(lab, {"routes/a/config": "0"})
    etcd.kill()
    probe.wait("state", "unreachable")
    elsewhere = free_port()
    etcd.start(port=elsewhere)
    client = keys(etcd, elsewhere)
    for number in range(1, 6):
        client.put("/bgp/routes/a/config", str(number))
    client.delete("/bgp/routes/a/config")
    etcd.kill()
    etcd.start()
    got = [probe.wait("change")[2] for _ in range(6)]
    assert got == ["1", "2", "3", "4", "5", None]
    assert len(probe.told("list_begin")) == 1
    wait_for(lambda: [line[1] for line in probe.told("state")] == ["connected", "unreachable", "connected"], "it is back")


def test_a_history_that_is_overrun_while_away_leads_to_a_list(lab):
    etcd, _, probe, _ = start(lab, {"routes/gone/config": "0"})
    etcd.kill()
    probe.wait("state", "unreachable")
    elsewhere = free_port()
    etcd.start(port=elsewhere)
    client = keys(etcd, elsewhere)
    client.delete("/bgp/routes/gone/config")
    client.put("/bgp/routes/a/config", "1")
    for number in range(1100):
        client.put("/other/key", str(number))
    etcd.kill()
    etcd.start()
    assert probe.wait_list()[0] == {"routes/a/config": "1"}
    keys(etcd).put("/bgp/routes/a/config", "2")
    probe.wait_change("routes/a/config", "2")


def waits_asked(etcd):
    """How many waits were asked of this member."""
    with urllib.request.urlopen(etcd.url() + "/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return int(re.search(r"^etcd_debugging_store_watch_requests_total (\d+)", text, re.M).group(1))


def test_a_quiet_prefix_does_not_fall_out_of_the_history(lab):
    """Others' events move on; what is quiet moves with them, so that its next event needs no list."""
    etcd, client, probe, _ = start(lab, {"routes/a/config": "0"}, tuning={"quiet_ms": 100, "history": 100})
    for _ in range(4):
        before = waits_asked(etcd)
        for number in range(400):
            client.put("/other/key", str(number))
        wait_for(lambda: waits_asked(etcd) >= before + 2, "both waits begin anew")
    etcd.kill()
    probe.wait("state", "unreachable")
    etcd.start()
    client.put("/bgp/routes/a/config", "1")
    probe.wait_change("routes/a/config", "1")
    assert len(probe.told("list_begin")) == 1


def test_a_wait_lives_for_a_bounded_time(lab):
    etcd, client, probe, _ = start(lab, {"routes/a/config": "0"}, tuning={"life_least_ms": 200, "life_most_ms": 400})
    before = waits_asked(etcd)
    wait_for(lambda: waits_asked(etcd) >= before + 10, "waits are asked anew without any event")
    client.put("/bgp/routes/a/config", "1")
    probe.wait_change("routes/a/config", "1")
    assert len(probe.told("list_begin")) == 1 and len(probe.told("state")) == 1


def test_a_full_list_comes_now_and_then(lab):
    _, client, probe, _ = start(lab, {"routes/a/config": "0"}, tuning={"relist_ms": 500})
    client.put("/bgp/routes/b/config", "1")
    for _ in range(3):
        assert probe.wait_list()[0]["routes/a/config"] == "0"
    assert probe.wait_list()[0] == {"routes/a/config": "0", "routes/b/config": "1"}


def test_a_stopped_member_is_noticed_and_nothing_lost(lab):
    etcd, client, probe, _ = start(lab, {"routes/a/config": "0"},
                                   tuning={"quiet_ms": 500, "created_ms": 1000, "unary_ms": 1000})
    etcd.stop()
    probe.wait("state", "unreachable")
    etcd.go_on()
    probe.wait_connected()
    client.put("/bgp/routes/a/config", "1")
    probe.wait_change("routes/a/config", "1")
    assert len(probe.told("list_begin")) == 1


def test_the_other_member_is_used_when_one_is_stopped(lab):
    ports = [(free_port(), free_port()) for _ in range(3)]
    cluster = ",".join(f"m{i}=http://127.0.0.1:{peer}" for i, (_, peer) in enumerate(ports))
    members = [etcd2_lab.member(lab, start=False, name=f"m{i}", port=port, peer=peer, cluster=cluster)
               for i, (port, peer) in enumerate(ports)]
    for member in members:
        member.start(wait=False)
    for member in members:
        member.wait()
    probe = etcd2_lab.probe(lab, [member.url() for member in members],
                            tuning={"quiet_ms": 500, "created_ms": 1000, "unary_ms": 8000})
    url = probe.wait_connected()[2]
    used = next(member for member in members if member.url() == url)
    left = [member for member in members if member is not used]
    used.stop()
    wait_for(lambda: left[0].process.poll() is None and try_put(left[0], "/bgp/routes/a/config", "1"), "a new leader", 60)
    probe.wait_change("routes/a/config", "1", timeout=60)
    assert len(probe.told("list_begin")) == 1


def try_put(etcd, key, value):
    try:
        return keys(etcd).put(key, value)
    except (OSError, AssertionError):
        return None


@pytest.mark.parametrize("token", ["lab", "another"])
def test_a_wiped_or_another_store_on_the_same_port_is_told_truthfully(lab, token):
    etcd = etcd2_lab.member(lab)
    client = keys(etcd)
    for number in range(10):
        client.put("/bgp/routes/a/config", str(number))
    probe = etcd2_lab.probe(lab, etcd.url(), tuning={"quiet_ms": 300000})
    _, cluster, index = probe.wait_list()
    probe.wait_connected()
    etcd.kill()
    etcd.wipe()
    etcd.token = token
    etcd.start()
    entries, new_cluster, new_index = probe.wait_list()
    assert entries == {} and new_index < index
    assert (new_cluster == cluster) == (token == "lab")
    written = client.put("/bgp/routes/a/config", "new")
    assert new_index < written == probe.wait_change("routes/a/config", "new")


def test_an_old_backup_restored_is_told_and_followed(lab):
    etcd = etcd2_lab.member(lab)
    client = keys(etcd)
    client.put("/bgp/routes/a/config", "old")
    etcd.kill()
    backup = os.path.join(lab.folder, "backup")
    shutil.copytree(etcd.data, backup)
    etcd.start()
    for number in range(6):
        client.put("/bgp/routes/a/config", str(number))
    client.put("/bgp/routes/b/config", "later")
    probe = etcd2_lab.probe(lab, etcd.url(), tuning={"quiet_ms": 300000})
    entries, cluster, index = probe.wait_list()
    assert entries == {"routes/a/config": "5", "routes/b/config": "later"}
    probe.wait_connected()
    etcd.kill()
    etcd.wipe()
    shutil.copytree(backup, etcd.data)
    etcd.start()
    entries, new_cluster, new_index = probe.wait_list()
    assert entries == {"routes/a/config": "old"}
    assert new_cluster == cluster and new_index < index
    client.put("/bgp/routes/a/config", "new")
    assert probe.wait_change("routes/a/config", "new") < index


OWN = {"stale_ms": 300, "reput_ms": 200, "txn_gap_ms": 50, "txn_ops": 10}


def test_own_keys_are_published_repaired_and_taken_back(lab):
    etcd, client, probe, _ = start(lab, {"node/n1/routes/old/state": "announce", "node/n1/routes/kept/state": "announce",
                                         "node/n2/routes/foreign/state": "announce"}, tuning=OWN)
    for number in range(35):
        probe.say(f"publish node/n1/routes/r{number}/state announce")
    probe.say("publish node/n1/routes/kept/state announce")
    probe.say("publish node/n1/neighbors/10.0.0.1/state up")
    probe.say("publish node/n1/status one")
    probe.say("age")
    probe.wait("age")
    assert client.get("/bgp/node/n1/status") is None, "nothing is written before it is enabled"
    probe.say("enable")
    client.wait_value("/bgp/node/n1/status", "one")
    for number in range(35):
        client.wait_value(f"/bgp/node/n1/routes/r{number}/state", "announce")
    client.wait_value("/bgp/node/n1/neighbors/10.0.0.1/state", "up")
    wait_for(lambda: client.node("/bgp/node/n1/routes/old") is None, "what nobody wants goes, with its directory")
    assert client.get("/bgp/node/n1/routes/kept/state") == "announce"
    assert client.get("/bgp/node/n2/routes/foreign/state") == "announce"
    for held in ("routes", "neighbors", "status"):
        assert 30 < client.ttl("/bgp/node/n1/" + held) <= 60
    probe.say("publish node/n1/status two")
    client.wait_value("/bgp/node/n1/status", "two")
    client.put("/bgp/node/n1/status", "forged")
    client.wait_value("/bgp/node/n1/status", "two")
    client.delete("/bgp/node/n1/routes/r3/state")
    client.wait_value("/bgp/node/n1/routes/r3/state", "announce")
    client.delete_dir("/bgp/node/n1/routes")
    for number in range(35):
        client.wait_value(f"/bgp/node/n1/routes/r{number}/state", "announce")
    assert 30 < client.ttl("/bgp/node/n1/routes") <= 60, "made anew with its TTL, not by its first key"
    probe.say("unpublish node/n1/routes/r4/state")
    wait_for(lambda: client.node("/bgp/node/n1/routes/r4") is None, "an unwanted key goes, with its directory")
    assert not probe.told("change")
    before = client.index()
    probe.say("publish node/n1/status two")
    probe.say("age")
    probe.wait("age")
    assert client.index() == before
    client.put("/bgp/node/n1/adminState", "up")
    probe.say("leave")
    probe.wait("left")
    for gone in ("status", "routes", "neighbors"):
        assert client.node("/bgp/node/n1/" + gone) is None
    assert client.get("/bgp/node/n1/adminState") == "up"


def test_writes_come_in_bounded_rounds_with_pauses(lab):
    _, client, probe, _ = start(lab, tuning={"txn_ops": 5, "txn_gap_ms": 400})
    for number in range(20):
        probe.say(f"publish node/n1/routes/r{number:02}/state announce")
    probe.say("enable")
    counts = set()

    def written():
        node = client.node("/bgp/node/n1/routes")
        counts.add(len(node.get("nodes", [])) if node else 0)
        return 20 in counts
    wait_for(written, "all are written", pause_s=0.05)
    assert counts >= {5, 10, 15, 20}, counts


def test_a_time_to_live_is_refreshed_without_events_and_ends_with_us(lab):
    _, client, probe, _ = start(lab, tuning={**OWN, "lease_ttl_s": 3})
    probe.say("publish node/n1/status one")
    probe.say("publish node/n1/routes/a/state announce")
    probe.say("publish node/n1/neighbors/10.0.0.1/state up")
    probe.say("enable")
    written = ("/bgp/node/n1/status", "/bgp/node/n1/routes/a/state", "/bgp/node/n1/neighbors/10.0.0.1/state")
    for key in written:
        wait_for(lambda: client.get(key) is not None, f"{key} is written")
    index = client.index() + 1

    def is_there():
        assert all(client.get(key) for key in written)
    nothing_happens_for(6, "twice the time to live", is_there)
    assert client.events_since("/bgp/node", index) == []
    probe.process.kill()
    lab.probes.remove(probe)
    for gone in ("status", "routes", "neighbors"):
        wait_for(lambda: client.node("/bgp/node/n1/" + gone) is None, f"{gone} ends with its time", 20)


def test_own_keys_that_expired_while_we_were_cut_off_are_written_again(lab):
    etcd, client, probe, _ = start(lab, tuning={**OWN, "lease_ttl_s": 2, "lease_spread_ms": 200})
    probe.say("publish node/n1/status one")
    probe.say("publish node/n1/routes/a/state announce")
    probe.say("enable")
    client.wait_value("/bgp/node/n1/status", "one")
    client.wait_value("/bgp/node/n1/routes/a/state", "announce")
    os.kill(probe.process.pid, signal.SIGSTOP)
    wait_for(lambda: client.node("/bgp/node/n1/routes") is None and client.node("/bgp/node/n1/status") is None,
             "the keys of a stopped daemon expire")
    os.kill(probe.process.pid, signal.SIGCONT)
    client.wait_value("/bgp/node/n1/status", "one")
    client.wait_value("/bgp/node/n1/routes/a/state", "announce")
    assert client.ttl("/bgp/node/n1/routes") is not None


def test_a_directory_in_the_way_of_an_own_key_harms_only_this_key(lab):
    _, client, probe, _ = start(lab, {"node/n1/status/x": "a key where ours should be"}, tuning={**OWN, "pause_ms": 500})
    probe.say("publish node/n1/status one")
    probe.say("publish node/n1/routes/a/state announce")
    probe.say("enable")
    assert probe.wait("publish_state")[1].startswith("node/n1/status: Not a file")
    client.wait_value("/bgp/node/n1/routes/a/state", "announce")
    client.delete_dir("/bgp/node/n1/status")
    client.wait_value("/bgp/node/n1/status", "one")


def test_leaving_without_having_written_deletes_nothing(lab):
    _, client, probe, _ = start(lab, {"node/n1/routes/a/state": "of the daemon before"})
    probe.say("leave")
    probe.wait("left")
    assert client.get("/bgp/node/n1/routes/a/state") == "of the daemon before"


def test_leaving_ends_in_time_when_the_member_is_stopped(lab):
    etcd, client, probe, _ = start(lab, tuning=OWN)
    probe.say("publish node/n1/status one")
    probe.say("enable")
    client.wait_value("/bgp/node/n1/status", "one")
    etcd.stop()
    probe.say("leave")
    probe.wait("left")
    etcd.go_on()


def test_the_next_endpoint_is_used_when_one_is_dead_or_serves_no_v2(lab):
    etcd = etcd2_lab.member(lab, name="with")
    keys(etcd).put("/bgp/routes/a/config", "1")
    other = lab.member(name="without")
    probe = etcd2_lab.probe(lab, [f"http://127.0.0.1:{free_port()}", other.url(), etcd.url()])
    assert probe.wait_list()[0] == {"routes/a/config": "1"}
    assert probe.wait_connected()[2] == etcd.url()


def test_a_server_without_the_api_says_what_to_do(lab):
    etcd = lab.member()
    text = etcd2_lab.probe(lab, etcd.url()).wait("state", "refused")[2]
    assert re.search(r"etcd 3\.[45]\.\d+ serves no v2 API: start it with --enable-v2=true, or use --etcd-api v3", text)
    without_gateway = etcd2_lab.member(lab, start=False, name="m2", flags=["--enable-grpc-gateway=false"])
    without_gateway.start(wait=False)
    probe = lab.probe(without_gateway.url())
    while "serves no v3 API" not in probe.wait("state")[2]:
        pass
    assert probe.seen[-1][1] == "refused" and probe.seen[-1][2].endswith("or use --etcd-api v2")


def enable_auth(client):
    """root:pw\u00e9; nobody else may do anything."""
    for path, body in (("/v2/auth/users/root", {"user": "root", "password": "pw:\u00e9"}),
                       ("/v2/auth/users/weak", {"user": "weak", "password": "pw"}), ("/v2/auth/enable", {})):
        ask_json(client, path, body)
    client.user = "root:pw:\u00e9"
    ask_json(client, "/v2/auth/roles/guest",
             {"role": "guest", "revoke": {"kv": {"read": ["/*"], "write": ["/*"]}}})


def ask_json(client, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=10)
    headers = {"Content-Type": "application/json"}
    if client.user:
        headers["Authorization"] = "Basic " + base64.b64encode(client.user.encode()).decode()
    connection.request("PUT", path, json.dumps(body), headers)
    answer = connection.getresponse()
    assert answer.status in (200, 201), (path, answer.status, answer.read())
    connection.close()


def test_users_and_passwords(lab):
    etcd = etcd2_lab.member(lab)
    client = keys(etcd)
    client.put("/bgp/routes/a/config", "0")
    enable_auth(client)
    probe = etcd2_lab.probe(lab, etcd.url(), user_file=user_file(lab, "root:pw:\u00e9"))
    assert probe.wait_list()[0] == {"routes/a/config": "0"}
    probe.wait_connected()
    client.put("/bgp/routes/a/config", "1")
    probe.wait_change("routes/a/config", "1")
    probe.say("publish node/n1/status one")
    probe.say("enable")
    client.wait_value("/bgp/node/n1/status", "one")
    for user in ("root:wrong", "weak:pw", None):
        more = {"user_file": user_file(lab, user)} if user else {}
        refused = etcd2_lab.probe(lab, etcd.url(), **more)
        assert "user" in refused.wait("state", "refused")[2]
        refused.close()


def test_tls_with_a_client_certificate(lab, certificates):  # noqa: F811
    c = certificates
    etcd = etcd2_lab.member(lab, scheme="https", flags=["--cert-file", c + "server.pem", "--key-file", c + "server.key",
                                                       "--client-cert-auth", "--trusted-ca-file", c + "ca.pem"])
    good = {"cacert": c + "ca.pem", "cert": c + "plain.pem", "key": c + "plain.key"}
    probe = etcd2_lab.probe(lab, etcd.url(), **good)
    probe.wait_connected()
    subprocess.run(["curl", "-sf", "--cacert", c + "ca.pem", "--cert", c + "plain.pem", "--key", c + "plain.key",
                    etcd.url() + "/v2/keys/bgp/routes/a/config", "-XPUT", "-d", "value=1"], check=True,
                   capture_output=True, timeout=30)
    probe.wait_change("routes/a/config", "1")
    foreign = etcd2_lab.probe(lab, etcd.url())
    assert "certificate" in foreign.wait("state", "refused")[2]


def test_a_store_may_be_closed_by_its_own_handler(lab):
    etcd, client, probe, _ = start(lab, {"routes/a/config": "1", "routes/a/options": "{}"}, "close_early")
    client.delete_dir("/bgp/routes/a")
    probe.wait("closed")
    probe.process.wait(20)
    assert len(probe.told("change")) == 1
