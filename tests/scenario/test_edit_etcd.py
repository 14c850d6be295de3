"""Edits of etcd in trouble: members that are away or hang, answers that are lost, users, certificates, somebody in between."""
import json
import subprocess
import time

import etcd2_lab
import pytest
from edit_lab import DNS, V2, V3, WEB, Edit, Proxy, edit, etcd_edit, etcd_lab  # noqa: F401 (fixtures)
from etcd_lab import b64
from ports import free_port
from test_etcd2_store import enable_auth as enable_auth2
from test_etcd_store import certificates, enable_auth, user_file  # noqa: F401 (a fixture)

OTHER = "route 192.0.2.1/32 next-hop self med 7"


def behind(edit, before):
    """The same, behind a proxy."""
    proxy = Proxy(edit.store.member.port, before)
    made = Edit(edit.folder, edit.store, proxy.url)
    made.proxy = proxy
    return made


# ---- all or nothing ----

def test_all_keys_of_a_route_are_one_transaction_of_v3(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V3(etcd_lab, tmp_path))
    answer = edit.json("route", "set", "WEB", *WEB.split(), "--options", '{"interval": 2}', "--policy", '{"use": "builtin"}')
    assert edit.store.revisions() == [answer["revision"]] * 3


def test_a_conflict_in_the_middle_is_taken_back_by_v2(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V2(etcd_lab, tmp_path))
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("routes/WEB/options", '{"interval": 1}')

    def before(_method, path):
        if "/config" in path:
            edit.store.put("routes/WEB/config", OTHER)

    (tmp_path / "check").write_text("#!/bin/sh\nexit 0\n")
    proxied = behind(edit, before)
    errors = proxied.run("route", "set", "WEB", *WEB.replace("100", "5").split(), "--options", '{"interval": 2}', "--healthcheck",
                         tmp_path / "check", code=4)[1]
    assert "routes/WEB/config was changed by somebody else meanwhile" in errors and "was taken back" in errors
    assert edit.store.all() == {"routes/WEB/config": OTHER, "routes/WEB/options": '{"interval": 1}'}
    proxied.proxy.close()


def test_a_delete_that_meets_somebody_else_is_taken_back_by_v2(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V2(etcd_lab, tmp_path))
    edit.store.put("routes/WEB/config", WEB)
    edit.store.put("routes/WEB/options", '{"interval": 1}')

    def before(_method, path):
        if "/options" in path:
            edit.store.put("routes/WEB/options", '{"interval": 9}')

    proxied = behind(edit, before)
    assert "was taken back" in proxied.run("route", "delete", "WEB", "--yes", code=4)[1]
    assert edit.store.all() == {"routes/WEB/config": WEB, "routes/WEB/options": '{"interval": 9}'}
    proxied.proxy.close()


def test_a_deleted_route_leaves_no_directory_in_v2(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V2(etcd_lab, tmp_path))
    edit.run("route", "set", "WEB", WEB, "--options", "{}")
    edit.run("route", "delete", "WEB", "--yes")
    assert edit.store.keys.node("/bgp/routes/WEB") is None
    assert edit.store.keys.node("/bgp/routes") is not None


def test_v2_takes_only_texts(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V2(etcd_lab, tmp_path))
    (tmp_path / "bytes").write_bytes(b"#!/bin/sh\n: \xff\xfe\n")
    assert "holds only UTF-8" in edit.run("route", "set", "WEB", WEB, "--healthcheck", tmp_path / "bytes", code=3)[1]
    assert edit.store.all() == {}


# ---- lost answers ----

@pytest.mark.parametrize("word", ["drop", "cut"])
def test_after_a_lost_answer_it_is_looked_up_whether_it_was_written(etcd_edit, word):
    """Never twice, and never said to be a conflict with itself."""
    words = iter([word])
    proxied = behind(etcd_edit, lambda _method, _path: next(words, None))
    proxied.run("route", "set", "WEB", WEB, "--options", "{}")
    assert etcd_edit.store.all() == {"routes/WEB/config": WEB, "routes/WEB/options": "{}"}
    proxied.proxy.close()


def test_after_a_lost_answer_and_somebody_elses_change_it_is_a_conflict(etcd_edit):
    etcd_edit.store.put("routes/WEB/config", WEB)

    def before(_method, _path):
        etcd_edit.store.put("routes/WEB/config", OTHER)
        return "drop"

    proxied = behind(etcd_edit, before)
    errors = proxied.run("route", "set", "WEB", DNS, code=4)[1]
    assert "routes/WEB/config was changed by somebody else meanwhile" in errors
    assert etcd_edit.store.all() == {"routes/WEB/config": OTHER}
    proxied.proxy.close()


def test_when_nobody_says_whether_it_was_written_that_is_what_is_said(etcd_edit):
    proxied = behind(etcd_edit, None)

    def before(_method, _path):
        proxied.proxy.is_shut = True
        return "cut"

    proxied.proxy.close()
    proxied = behind(etcd_edit, before)
    errors = proxied.run("route", "set", "WEB", WEB, code=6)[1]
    assert "it is not known whether" in errors
    proxied.proxy.close()


# ---- members ----

def test_a_member_that_is_away_is_followed_by_the_next(etcd_edit):
    etcd_edit.endpoints = f"http://127.0.0.1:{free_port()},{etcd_edit.store.endpoints},http://127.0.0.1:{free_port()}"
    for number in range(4):  # the first one is chosen at random
        etcd_edit.run("route", "set", f"R{number}", f"route 192.0.2.{number}/32 next-hop self")
    assert len(etcd_edit.store.all()) == 4


def test_a_member_that_hangs_is_followed_by_the_next(etcd_lab, etcd_edit):
    hung = etcd_lab.member(name="hung", flags=etcd2_lab.V2)
    hung.stop()
    etcd_edit.endpoints = f"{hung.url()},{etcd_edit.store.endpoints}"
    for number in range(3):
        etcd_edit.run("route", "set", f"R{number}", f"route 192.0.2.{number}/32 next-hop self", "--timeout", "6s")
    assert len(etcd_edit.store.all()) == 3


def test_a_store_that_does_not_answer_is_said_so_in_time(etcd_lab, etcd_edit):
    etcd_edit.store.member.stop()
    begin = time.monotonic()
    assert "the store cannot be read: " in etcd_edit.run("route", "set", "WEB", WEB, "--timeout", "2s", code=3)[1]
    assert time.monotonic() - begin < 30  # it would be for ever
    etcd_edit.store.member.go_on()
    etcd_edit.store.member.kill()
    answer = etcd_edit.json("route", "set", "WEB", WEB, "--timeout", "5s", code=3)
    assert answer["outcome"] == "unreachable" and "connect" in answer["text"].lower()
    other = f"http://127.0.0.1:{free_port()}"
    etcd_edit.endpoints = f"{etcd_edit.store.endpoints},{other}"
    text = etcd_edit.run("route", "set", "WEB", WEB, "--timeout", "5s", code=3)[1]
    assert text.count(f"{etcd_edit.store.endpoints}: ") == 1 and text.count(f"{other}: ") == 1, text


def test_more_keys_than_a_page_and_the_daemons_own_in_between(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V3(etcd_lab, tmp_path))
    keys = {f"routes/R{number:04}/config": f"route 10.0.{number // 250}.{number % 250}/32 next-hop self" for number in range(2300)}
    for node in range(12):
        keys |= {f"node/n{node}/neighbors/192.0.2.{peer}/state": "up" for peer in range(200)}
        keys |= {f"node/n{node}/routes/R{number:04}/state": "announce" for number in range(200)}
        keys |= {f"node/n{node}/adminState": "up", f"node/n{node}/labels": "{}", f"node/n{node}/status": "{}",
                 f"node/n{node}/subscribedRoutes": "R0*", f"node/n{node}/policy": '{"use": "builtin"}'}
    items = list(keys.items())
    for at in range(0, len(items), 100):
        edit.store.gateway.post("/kv/txn", {"success": [{"requestPut": {"key": b64("/bgp/" + key), "value": b64(value)}}
                                                        for key, value in items[at:at + 100]]})
    proxied = behind(edit, None)
    listed = proxied.json("route", "list")["routes"]
    assert proxied.proxy.reads < 70, "the daemon's own keys are gone through"
    proxied.proxy.close()
    assert len(listed) == 2300
    assert {len(route["nodes"]) for route in listed if route["name"] < "R1"} == {12}
    assert edit.json("node", "show", "n7")["node"]["labels"] == "{}"
    assert "R0003 is announced by 12 nodes (n0, n1, n10, n11, n2, n3, n4, n5, ...)" in edit.run("route", "delete", "R0003", code=1)[1]
    assert edit.run("route", "delete", "R0300")[0]


# ---- who may ----

def test_a_wrong_user_and_one_without_rights_are_refused_v3(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V3(etcd_lab, tmp_path))
    gateway = edit.store.gateway
    gateway.post("/auth/user/add", {"name": "weak", "password": "pw"})
    gateway.post("/auth/role/add", {"name": "reader"})
    gateway.post("/auth/role/grant", {"name": "reader", "perm": {"permType": 0, "key": b64("/bgp/"), "range_end": b64("/bgp0")}})
    gateway.post("/auth/user/grant", {"user": "weak", "role": "reader"})
    password = enable_auth(gateway)
    assert "user" in edit.run("route", "set", "WEB", WEB, code=3)[1]
    edit.flags = ["--etcd-user-file", user_file(etcd_lab, "root:wrong")]
    assert "authentication failed" in edit.run("route", "set", "WEB", WEB, code=3)[1]
    edit.flags = ["--etcd-user-file", user_file(etcd_lab, "weak:pw")]
    assert "permission denied" in edit.run("route", "set", "WEB", WEB, code=3)[1]
    assert edit.store.all() == {}
    edit.flags = ["--etcd-user-file", user_file(etcd_lab, f"root:{password}")]
    edit.run("route", "set", "WEB", WEB)
    assert edit.store.all() == {"routes/WEB/config": WEB}


def test_a_wrong_user_is_refused_v2(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V2(etcd_lab, tmp_path))
    edit.store.keys.make_dir("/bgp")
    enable_auth2(edit.store.keys)
    edit.store.keys.user = "root:pw:\u00e9"
    edit.flags = ["--etcd-user-file", user_file(etcd_lab, "root:wrong")]
    assert edit.run("route", "set", "WEB", WEB, code=3)[1]
    edit.flags = ["--etcd-user-file", user_file(etcd_lab, "root:pw:\u00e9")]
    edit.run("route", "set", "WEB", WEB)
    assert edit.store.all() == {"routes/WEB/config": WEB}


def test_tls_with_a_client_certificate(etcd_lab, tmp_path, certificates):  # noqa: F811
    c = certificates
    member = etcd_lab.member(scheme="https", flags=["--cert-file", c + "server.pem", "--key-file", c + "server.key",
                                                    "--client-cert-auth", "--trusted-ca-file", c + "ca.pem"])

    class Store:
        api, endpoints = "v3", member.url()
    edit = Edit(tmp_path, Store)
    edit.flags = ["--cacert", c + "ca.pem"]
    assert "the store cannot be read" in edit.run("route", "set", "WEB", WEB, code=3)[1]
    edit.flags = ["--cert", c + "plain.pem", "--key", c + "plain.key"]
    assert "certificate" in edit.run("route", "set", "WEB", WEB, code=3)[1]
    edit.flags += ["--cacert", c + "ca.pem"]
    edit.run("route", "set", "WEB", WEB)
    got = subprocess.run(["etcdctl", "--endpoints", member.url(), "--cacert", c + "ca.pem", "--cert", c + "plain.pem", "--key",
                          c + "plain.key", "get", "/bgp/routes/WEB/config", "--print-value-only"], text=True,
                         stdout=subprocess.PIPE, env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"}, timeout=60)
    assert got.stdout.strip() == WEB
    edit.flags = ["--cacert", str(tmp_path / "absent")]
    assert "cannot read" in edit.run("route", "set", "WEB", WEB, code=3)[1]


# ---- which API ----

def test_auto_takes_the_api_that_has_the_routes_and_guesses_nothing(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V2(etcd_lab, tmp_path))
    edit.store.api = "auto"
    errors = edit.run("route", "set", "WEB", WEB, code=3)[1]
    assert "neither has /bgp/routes/ yet" in errors and "--etcd-api v3 or v2: nothing is written before it is known which" in errors
    assert edit.store.all() == {} and member_keys_v3(edit) == 0
    edit.store.put("routes/DNS/config", DNS)
    assert edit.json("route", "set", "WEB", WEB)["store"] == "etcd v2"
    assert edit.store.all()["routes/WEB/config"] == WEB and member_keys_v3(edit) == 0


def member_keys_v3(edit):
    return int(edit.store.member.gateway().post("/kv/range", {"key": b64("/"), "range_end": b64("0")}).get("count", 0))


def test_auto_says_when_both_apis_have_routes(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V2(etcd_lab, tmp_path))
    edit.store.api = "auto"
    edit.store.put("routes/OLD/config", DNS)
    edit.store.member.gateway().put("/bgp/routes/DNS/config", DNS)
    out, errors = edit.run("route", "list")
    assert "DNS" in out and "OLD" not in out and "both APIs have routes: those of v2 are not looked at" in errors


def test_auto_takes_v3_where_there_is_no_v2(etcd_lab, tmp_path):
    edit = Edit(tmp_path, V3(etcd_lab, tmp_path))
    edit.store.api = "auto"
    assert json.loads(edit.run("route", "set", "WEB", WEB, "--json")[0])["store"] == "etcd v3"
    assert edit.store.all() == {"routes/WEB/config": WEB}
