"""The store over real etcd members: what it tells while they are killed, stopped, wiped, restored and filled."""
import os
import re
import subprocess
import urllib.request

import pytest

from etcd_lab import Lab, b64
from ports import free_port
from wait import wait_for


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    passed = False
    try:
        yield made
        passed = True
    finally:
        made.close(check=passed)


def test_lists_then_tells_changes_in_order(lab):
    etcd = lab.member()
    gateway = etcd.gateway()
    gateway.put("/bgp/routes/web/config", "route 1.2.3.4/32 next-hop self")
    gateway.put("/bgp/node/n1/adminState", "up")
    gateway.put("/bgp/node/n2/adminState", "of another node")
    gateway.put("/bgp/routes2/x", "of another prefix")
    gateway.put("/bgp/policy2", "of another prefix")
    gateway.put("/bgp/policy/x", "of another prefix")
    shared = {"checks/dns/script": "1", "data/sites": "2", "lua/util": "3", "policy": "4", "admission": "5",
              "node/n1/policy": "6", "node/n1/labels": "7", "routes/web/policy": "8"}
    for key, value in shared.items():
        gateway.put("/bgp/" + key, value)
    gateway.put("/bgp/node/n1/status", "own")
    gateway.put("/bgp/node/n1/routes/web/state", "own")
    gateway.put("/bgp/node/n1/neighbors/10.0.0.1/state", "own")
    revision = gateway.put("/bgp/routes/empty/options", "")
    probe = lab.probe(etcd.url())
    entries, _, listed = probe.wait_list()
    assert entries == {"routes/web/config": "route 1.2.3.4/32 next-hop self", "node/n1/adminState": "up",
                       "routes/empty/options": "", **shared}
    assert listed == revision
    assert probe.wait_connected()[2] == etcd.url()
    first = gateway.put("/bgp/routes/web/config", "é")
    assert probe.wait_change("routes/web/config", "é") == first
    assert probe.wait("changes_end")[2] == first
    gateway.put("/bgp/node/n1/status", "own again")
    gateway.post("/kv/txn", {"success": [{"request_put": {"key": b64("/bgp/routes/a/config"), "value": b64("1")}},
                                         {"request_delete_range": {"key": b64("/bgp/routes/web/config")}}]})
    both = {tuple(probe.wait("change")[1:3]), tuple(probe.next()[1:3])}
    assert both == {("routes/a/config", "1"), ("routes/web/config", None)}
    assert probe.next()[0] == "changes_end"
    assert not [line for line in probe.seen if line[0] in ("entry", "change") and "own" in str(line[2])]
    gateway.put("/bgp/policy2", "of another prefix, again")
    for key in shared:
        gateway.put("/bgp/" + key, "other")
        probe.wait_change(key, "other")
        gateway.delete("/bgp/" + key)
        probe.wait_change(key, None)
    assert not [line for line in probe.seen if "of another" in str(line)]
    probe.say("age")
    age = probe.wait("age")
    assert age[1] < 10000 and age[2:] == ["etcd v3", etcd.url()]


def test_a_list_in_pages_is_complete_and_of_one_revision(lab):
    etcd = lab.member()
    gateway = etcd.gateway()
    wanted = {}
    for number in range(50):
        wanted[f"routes/r{number}/config"] = str(number)
        revision = gateway.put(f"/bgp/routes/r{number}/config", str(number))
    for number in range(8):
        wanted[f"node/n1/x{number}"] = str(number)
        revision = gateway.put(f"/bgp/node/n1/x{number}", str(number))
    probe = lab.probe(etcd.url(), tuning={"page_keys": 7})
    assert (probe.wait_list()[0], probe.seen[-1][2]) == (wanted, revision)
    probe.wait_connected()
    probe.say("relist")
    assert probe.wait_list()[0] == wanted
    gateway.put("/bgp/routes/r0/config", "after")
    probe.wait_change("routes/r0/config", "after")


def test_a_broken_watch_resumes_without_a_list_and_without_a_gap(lab):
    etcd = lab.member()
    etcd.gateway().put("/bgp/routes/a/config", "0")
    probe = lab.probe(etcd.url())
    probe.wait_connected()
    etcd.kill()
    probe.wait("state", "unreachable")
    elsewhere = free_port()
    etcd.start(port=elsewhere)
    gateway = etcd.gateway(elsewhere)
    for number in range(1, 6):
        gateway.put("/bgp/routes/a/config", str(number))
    gateway.delete("/bgp/routes/a/config")
    etcd.kill()
    etcd.start()
    got = [probe.wait("change")[2] for _ in range(6)]
    assert got == ["1", "2", "3", "4", "5", None]
    assert len(probe.told("list_begin")) == 1
    assert [line[1] for line in probe.told("state")] == ["connected", "unreachable", "connected"]


def test_a_compaction_while_away_leads_to_a_list(lab):
    etcd = lab.member()
    etcd.gateway().put("/bgp/routes/gone/config", "0")
    probe = lab.probe(etcd.url())
    probe.wait_connected()
    etcd.kill()
    elsewhere = free_port()
    etcd.start(port=elsewhere)
    gateway = etcd.gateway(elsewhere)
    gateway.delete("/bgp/routes/gone/config")
    gateway.put("/bgp/routes/a/config", "1")
    revision = gateway.put("/bgp/routes/a/config", "2")
    gateway.compact(revision)
    etcd.kill()
    etcd.start()
    assert probe.wait_list()[0] == {"routes/a/config": "2"}
    etcd.gateway().put("/bgp/routes/a/config", "3")
    probe.wait_change("routes/a/config", "3")


def test_a_hung_member_is_noticed_and_its_return_too(lab):
    etcd = lab.member()
    etcd.gateway().put("/bgp/routes/a/config", "0")
    probe = lab.probe(etcd.url(), tuning={"quiet_ms": 500, "unary_ms": 700, "created_ms": 700})
    probe.wait_connected()
    etcd.stop()
    probe.wait("state", "unreachable")
    etcd.go_on()
    probe.wait_connected()
    etcd.gateway().put("/bgp/routes/a/config", "1")
    probe.wait_change("routes/a/config", "1")
    assert len(probe.told("list_begin")) == 1


def ranges_served(etcd):
    with urllib.request.urlopen(etcd.url() + "/metrics", timeout=10) as answer:
        found = re.search(rb'^grpc_server_started_total\{grpc_method="Range",.*\} (\d+)$', answer.read(), re.MULTILINE)
    return int(found.group(1))


def test_a_quiet_store_stays_connected_by_its_checks(lab):
    etcd = lab.member()
    probe = lab.probe(etcd.url(), tuning={"quiet_ms": 100, "life_least_ms": 300, "life_most_ms": 500})
    probe.wait_connected()
    before = ranges_served(etcd)

    def has_checked_often():
        probe.say("age")
        assert probe.next()[0] == "age", probe.seen
        assert probe.seen[-1][1] < 2000
        return ranges_served(etcd) >= before + 20
    wait_for(has_checked_often, "20 checks", 30)
    etcd.gateway().put("/bgp/routes/a/config", "1")
    probe.wait_change("routes/a/config", "1")


def start_three(lab):
    ports = [(free_port(), free_port()) for _ in range(3)]
    cluster = ",".join(f"m{i}=http://127.0.0.1:{peer}" for i, (_, peer) in enumerate(ports))
    members = [lab.member(start=False, name=f"m{i}", port=port, peer=peer, cluster=cluster)
               for i, (port, peer) in enumerate(ports)]
    for member in members:
        member.start(wait=False)
    for member in members:
        member.wait()
    return members


def leader_of(members):
    status = [member.gateway().post("/maintenance/status", {}) for member in members]
    for member, one in zip(members, status):
        if one["header"]["member_id"] == one["leader"]:
            return member
    raise AssertionError(status)


def test_the_leader_of_three_is_killed_and_the_majority_lost(lab):
    members = start_three(lab)
    leader = leader_of(members)
    others = [member for member in members if member is not leader]
    probe = lab.probe([member.url() for member in [leader, *others]])
    probe.wait_connected()
    leader.kill()
    wait_for(lambda: others[0].gateway().put("/bgp/routes/a/config", "1"), "the others have a leader", 30,
             errors=(OSError, RuntimeError))
    probe.wait_change("routes/a/config", "1")
    assert len(probe.told("list_begin")) == 1
    # A minority must not look healthy: one of the two that are left is stopped.
    others[1].stop()
    probe.wait("state", "unreachable", timeout=60)
    others[1].go_on()
    probe.wait_connected(timeout=60)


@pytest.mark.parametrize("token", ["lab", "another"])
def test_a_wiped_or_another_store_on_the_same_port_is_told_truthfully(lab, token):
    etcd = lab.member()
    gateway = etcd.gateway()
    for number in range(10):
        gateway.put("/bgp/routes/a/config", str(number))
    probe = lab.probe(etcd.url())
    _, cluster, revision = probe.wait_list()
    probe.wait_connected()
    etcd.kill()
    etcd.wipe()
    etcd.token = token
    etcd.start()
    entries, new_cluster, new_revision = probe.wait_list()
    assert entries == {} and new_revision < revision
    assert (new_cluster == cluster) == (token == "lab")
    written = etcd.gateway().put("/bgp/routes/a/config", "new")
    assert new_revision < written == probe.wait_change("routes/a/config", "new")


def test_an_old_backup_restored_is_told_and_followed(lab):
    etcd = lab.member()
    gateway = etcd.gateway()
    gateway.put("/bgp/routes/a/config", "old")
    backup = os.path.join(lab.folder, "backup")
    environment = {**os.environ, "ETCDCTL_API": "3"}
    subprocess.run(["etcdctl", "--endpoints", etcd.url(), "snapshot", "save", backup], check=True, env=environment,
                   capture_output=True)
    for number in range(6):
        gateway.put("/bgp/routes/a/config", str(number))
    gateway.put("/bgp/routes/b/config", "later")
    probe = lab.probe(etcd.url())
    entries, cluster, revision = probe.wait_list()
    assert entries == {"routes/a/config": "5", "routes/b/config": "later"}
    probe.wait_connected()
    etcd.kill()
    etcd.wipe()
    subprocess.run(["etcdctl", "snapshot", "restore", backup, "--name", etcd.name, "--data-dir", etcd.data,
                    "--initial-cluster", etcd.cluster, "--initial-cluster-token", etcd.token,
                    "--initial-advertise-peer-urls", f"http://127.0.0.1:{etcd.peer}"], check=True, env=environment,
                   capture_output=True)
    etcd.start()
    entries, new_cluster, new_revision = probe.wait_list()
    assert entries == {"routes/a/config": "old"}
    assert new_cluster == cluster and new_revision < revision
    etcd.gateway().put("/bgp/routes/a/config", "new")
    assert probe.wait_change("routes/a/config", "new") < revision


def test_own_keys_are_published_repaired_and_taken_back(lab):
    etcd = lab.member()
    gateway = etcd.gateway()
    gateway.put("/bgp/node/n1/routes/old/state", "announce")
    gateway.put("/bgp/node/n1/routes/kept/state", "announce")
    gateway.put("/bgp/node/n2/routes/foreign/state", "announce")
    probe = lab.probe(etcd.url(), tuning={"stale_ms": 300, "reput_ms": 200, "txn_gap_ms": 50, "txn_ops": 10})
    probe.wait_connected()
    for number in range(35):
        probe.say(f"publish node/n1/routes/r{number}/state announce")
    probe.say("publish node/n1/routes/kept/state announce")
    probe.say("publish node/n1/status one")
    assert gateway.get("/bgp/node/n1/status") is None, "nothing is written before it is enabled"
    probe.say("enable")
    _, lease = gateway.wait_value("/bgp/node/n1/status", "one")
    assert lease != 0
    for number in range(35):
        gateway.wait_value(f"/bgp/node/n1/routes/r{number}/state", "announce")
    gateway.wait_value("/bgp/node/n1/routes/old/state", None)
    assert gateway.get("/bgp/node/n1/routes/kept/state") == ("announce", lease)
    assert gateway.get("/bgp/node/n2/routes/foreign/state") == ("announce", 0)
    probe.say("publish node/n1/status two")
    assert gateway.wait_value("/bgp/node/n1/status", "two")[1] == lease
    gateway.put("/bgp/node/n1/status", "forged")
    gateway.wait_value("/bgp/node/n1/status", "two")
    gateway.delete("/bgp/node/n1/routes/r3/state")
    gateway.wait_value("/bgp/node/n1/routes/r3/state", "announce")
    probe.say("unpublish node/n1/routes/r4/state")
    gateway.wait_value("/bgp/node/n1/routes/r4/state", None)
    assert not probe.told("change")
    before = gateway.post("/kv/range", {"key": b64("x")})["header"]["revision"]
    probe.say("publish node/n1/status two")
    probe.say("age")
    probe.wait("age")
    assert gateway.post("/kv/range", {"key": b64("x")})["header"]["revision"] == before
    probe.say("leave")
    probe.wait("left")
    assert gateway.get("/bgp/node/n1/status") is None
    assert gateway.get("/bgp/node/n1/routes/kept/state") is None


def test_a_lost_lease_is_replaced_and_everything_written_again(lab):
    etcd = lab.member()
    gateway = etcd.gateway()
    probe = lab.probe(etcd.url(), tuning={"lease_ttl_s": 3, "lease_spread_ms": 300, "reput_ms": 50, "txn_gap_ms": 50})
    probe.wait_connected()
    probe.say("enable")
    probe.say("publish node/n1/status one")
    probe.say("publish node/n1/routes/a/state announce")
    _, lease = gateway.wait_value("/bgp/node/n1/status", "one")
    gateway.wait_value("/bgp/node/n1/routes/a/state", "announce")
    gateway.post("/lease/revoke", {"ID": str(lease)})
    _, new_lease = gateway.wait_value("/bgp/node/n1/status", "one")
    assert new_lease not in (0, lease)
    assert gateway.wait_value("/bgp/node/n1/routes/a/state", "announce")[1] == new_lease
    # It lives longer than its TTL because it is kept alive; one of twice the TTL that nobody keeps alive tells when.
    other = gateway.post("/lease/grant", {"TTL": "6"})["ID"]
    gateway.post("/kv/put", {"key": b64("/other"), "value": b64("x"), "lease": other})

    def other_is_over():
        assert gateway.get("/bgp/node/n1/status") == ("one", new_lease)
        return gateway.get("/other") is None
    wait_for(other_is_over, "a lease that nobody keeps alive is over", 30)


def test_a_full_database_pauses_writing_and_not_watching(lab):
    etcd = lab.member(flags=["--quota-backend-bytes=2097152"])
    gateway = etcd.gateway()
    gateway.put("/bgp/routes/a/config", "1")
    probe = lab.probe(etcd.url(), tuning={"pause_ms": 1000})
    probe.wait_connected()
    probe.say("enable")
    probe.say("publish node/n1/status one")
    gateway.wait_value("/bgp/node/n1/status", "one")
    with pytest.raises(RuntimeError, match="space exceeded"):
        for number in range(20):
            gateway.put(f"/fill/{number}", "x" * 400000)
    probe.say("publish node/n1/status two")
    assert "space exceeded" in probe.wait("publish_state")[1]
    gateway.delete("/bgp/routes/a/config")
    probe.wait_change("routes/a/config", None)
    assert gateway.get("/bgp/node/n1/status")[0] == "one"
    revision = gateway.post("/kv/deleterange", {"key": b64("/fill/"), "range_end": b64("/fill0")})["header"]["revision"]
    gateway.compact(revision)
    gateway.post("/maintenance/defragment", {}, timeout=30)
    alarm = gateway.post("/maintenance/alarm", {"action": "GET"})["alarms"][0]
    gateway.post("/maintenance/alarm", {"action": "DEACTIVATE", **alarm})
    assert probe.wait("publish_state")[1] is None
    gateway.wait_value("/bgp/node/n1/status", "two")
    assert len(probe.told("publish_state")) == 2, "told once, not at every try"


def test_the_next_endpoint_is_used_when_one_is_dead(lab):
    etcd = lab.member()
    etcd.gateway().put("/bgp/routes/a/config", "1")
    dead = f"http://127.0.0.1:{free_port()}"
    probe = lab.probe([dead, etcd.url(), dead])
    assert probe.wait_list()[0] == {"routes/a/config": "1"}
    assert probe.wait_connected()[2] == etcd.url()


def test_a_host_whitelist_is_explained(lab):
    etcd = lab.member(start=False, flags=["--host-whitelist=elsewhere.example"])
    etcd.start(wait=False)
    probe = lab.probe(etcd.url())
    while "--host-whitelist" not in probe.wait("state")[2]:
        pass
    assert probe.seen[-1][1] == "refused"


def test_a_store_may_be_closed_by_its_own_handler(lab):
    etcd = lab.member()
    probe = lab.probe(etcd.url(), "close_early")
    probe.wait_connected()
    etcd.gateway().put("/bgp/routes/a/config", "1")
    probe.wait("closed")
    probe.process.wait(20)
    assert len(probe.told("change")) == 1


def enable_auth(gateway, password="s3cret \"quoted\""):
    gateway.post("/auth/user/add", {"name": "root", "password": password})
    gateway.post("/auth/user/grant", {"user": "root", "role": "root"})
    gateway.post("/auth/enable", {})
    gateway.token = gateway.post("/auth/authenticate", {"name": "root", "password": password})["token"]
    return password


def user_file(lab, text):
    path = os.path.join(lab.folder, "user")
    with open(path, "w") as file:
        file.write(text + "\n")
    return path


def test_an_expired_token_is_replaced_unseen(lab):
    etcd = lab.member(flags=["--auth-token-ttl", "1", "--logger", "zap"])
    gateway = etcd.gateway()
    gateway.put("/bgp/routes/a/config", "0")
    password = enable_auth(gateway)
    probe = lab.probe(etcd.url(), user_file=user_file(lab, "root:" + password),
                      tuning={"life_least_ms": 2500, "life_most_ms": 3500, "reauth_spread_ms": 100})
    assert probe.wait_list()[0] == {"routes/a/config": "0"}
    probe.wait_connected()
    probe.say("enable")

    ours = [gateway.token]

    def lost_tokens():
        return sum("deleted a simple token" in line and not any(token in line for token in ours)
                   for line in etcd.log().splitlines())

    for number in range(1, 5):
        before = lost_tokens()
        wait_for(lambda: lost_tokens() > before, "the probe's token is over", 30)
        gateway.token = None
        gateway.token = gateway.post("/auth/authenticate", {"name": "root", "password": password})["token"]
        ours.append(gateway.token)
        gateway.put("/bgp/routes/a/config", str(number))
        probe.wait_change("routes/a/config", str(number))
        probe.say(f"publish node/n1/status {number}")
        gateway.wait_value("/bgp/node/n1/status", str(number))
    assert [line[1] for line in probe.told("state")] == ["connected"]
    assert not probe.told("publish_state")


def test_a_wrong_password_and_a_missing_user_are_refused(lab):
    etcd = lab.member()
    password = enable_auth(etcd.gateway())
    probe = lab.probe(etcd.url(), user_file=user_file(lab, "root:wrong"))
    assert "authentication failed" in probe.wait("state", "refused")[2]
    without = lab.probe(etcd.url())
    assert "user" in without.wait("state", "refused")[2]
    right = lab.probe(etcd.url(), user_file=user_file(lab, "root:" + password))
    right.wait_connected()


def test_a_user_file_is_no_harm_without_authentication(lab):
    etcd = lab.member()
    lab.probe(etcd.url(), user_file=user_file(lab, "root:x")).wait_connected()


@pytest.fixture
def certificates(tmp_path):
    """ca.pem, and pairs: server, plain (no CN), named (CN=root)."""
    def run(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=tmp_path, capture_output=True)
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/O=lab",
        "-days", "2")
    (tmp_path / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    for name, subject in (("server", "/O=server"), ("plain", "/O=plain"), ("named", "/CN=root")):
        run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj", subject)
        run("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-out", name + ".pem", "-extfile", "san")
    return str(tmp_path) + "/"


def test_tls_with_client_certificates(lab, certificates):
    c = certificates
    etcd = lab.member(scheme="https", flags=["--cert-file", c + "server.pem", "--key-file", c + "server.key",
                                             "--client-cert-auth", "--trusted-ca-file", c + "ca.pem"])
    good = {"cacert": c + "ca.pem", "cert": c + "plain.pem", "key": c + "plain.key"}
    control = ["etcdctl", "--endpoints", etcd.url(), "--cacert", c + "ca.pem", "--cert", c + "named.pem", "--key",
               c + "named.key"]
    environment = {**os.environ, "ETCDCTL_API": "3"}

    def run(*arguments, **options):
        subprocess.run([*control, *arguments], check=True, env=environment, capture_output=True, **options)

    probe = lab.probe(etcd.url(), **good)
    probe.wait_connected()
    run("put", "/bgp/routes/a/config", "1")
    probe.wait_change("routes/a/config", "1")
    bare = lab.probe(etcd.url(), cacert=c + "ca.pem")
    bare.wait("state")
    foreign = lab.probe(etcd.url())
    assert "certificate" in foreign.wait("state", "refused")[2]
    run("user", "add", "root:pw")
    run("user", "grant-role", "root", "root")
    run("auth", "enable")
    named = lab.probe(etcd.url(), cacert=c + "ca.pem", cert=c + "named.pem", key=c + "named.key",
                      user_file=user_file(lab, "root:pw"))
    assert "without CN" in named.wait("state", "refused")[2]
    plain = lab.probe(etcd.url(), **good, user_file=user_file(lab, "root:pw"))
    assert plain.wait_list()[0] == {"routes/a/config": "1"}
    plain.wait_connected()


@pytest.mark.parametrize("flags", [
    {"endpoints": "ftp://x"}, {"endpoints": "http://u:p@x:1"}, {"endpoints": "http://x/path"}, {"endpoints": ""},
    {"endpoints": ",".join(["http://x"] * 17)}, {"endpoints": "http://x", "cacert": "/nowhere"},
    {"endpoints": "http://x", "user_file": "/nowhere"}, {"endpoints": "http://x", "user_file": "/etc/hostname"}])
def test_unusable_options_are_faults(lab, flags):
    probe = lab.probe(flags.pop("endpoints"), **flags)
    fault = probe.wait("fault")
    assert fault[1]
    assert probe.process.wait(20) == 1
    lab.probes.remove(probe)
