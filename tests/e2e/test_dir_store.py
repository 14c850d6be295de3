"""What only a directory of files can do to the daemon; the main job over one is in test_main_job.py."""
import json
import os
import shutil

import pytest

QUICK = json.dumps({"interval": "200ms"})
KEEPER = "192.0.2.250/32"


@pytest.fixture
def bare_lab(make_lab):
    lab = make_lab(store="dir")
    lab.put_all({"routes/keeper/config": f"route {KEEPER} next-hop self", "node/n1/subscribedRoutes": "*"})
    yield lab
    lab.close()


@pytest.fixture
def lab(bare_lab):
    bare_lab.start_exabgp()
    bare_lab.wait_for(lambda: bare_lab.bird.has(KEEPER), 10, "the first route")
    return bare_lab


def check_of(path):
    return f"#!/bin/sh\n[ -e {path} ]"


def add(lab, name, config, flag):
    lab.put_all({f"routes/{name}/options": QUICK, f"routes/{name}/healthcheck": check_of(lab.flag(flag)),
                 f"routes/{name}/config": config})


def test_files_written_in_place_change_without_a_withdraw_and_the_daemons_own_leave_with_it(lab):
    assert lab.status()["store"]["endpoint"] == f"file://{lab.store.dir}"
    add(lab, "web", "route 172.16.1.5/32 next-hop self med 100", "web")
    lab.wait_for(lambda: lab.bird.med("172.16.1.5/32") == 100, 10, "announced")
    lab.wait_for(lambda: lab.get("node/n1/routes/web/state") == "announce", 10, "the state is written")
    withdraws = lab.bird.counters()["withdraws"]
    config = lab.store.dir / "routes/web/config"
    config.write_text("route 172.16.1.5/32 next-hop self med x\n")
    lab.wait_for(lambda: lab.route("web")["error"], 10, "the fault is told")
    config.write_text("route 172.16.1.5/32 next-hop self med 300\n")
    lab.wait_for(lambda: lab.bird.med("172.16.1.5/32") == 300, 10, "mended")
    assert lab.bird.counters()["withdraws"] == withdraws
    lab.delete("routes/web")
    lab.wait_for(lambda: lab.bird.prefixes() == {KEEPER}, 10, "a directory that is deleted is a route that left")
    lab.wait_for(lambda: lab.get("node/n1/routes/web/state") is None, 10, "and its state")
    lab.stop_exabgp()
    lab.wait_for(lambda: lab.get("node/n1/status") is None, 10, "the daemon takes its keys along")


def test_a_check_that_cannot_be_read_at_the_start_announces_nothing(bare_lab):
    lab = bare_lab
    lab.put("routes/web/config", "route 172.16.1.5/32 next-hop self")
    # Nobody can read it as a script, root neither.
    lab.store.make_directory(lab.store.dir / "routes/web/healthcheck")
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has(KEEPER), 10, "the other route")
    route = lab.wait_for(lambda: lab.route("web"), 10, "it is known")
    assert route["state"] == "faulty"
    assert route["error"] == (f"routes/web/healthcheck: a directory: expected a file "
                              f"({lab.store.dir}/routes/web/healthcheck)")
    # A change goes all the way round: what was to be announced has been.
    lab.put("routes/after/config", "route 172.16.1.6/32 next-hop self")
    lab.wait_for(lambda: lab.bird.has("172.16.1.6/32"), 10, "a route that came later")
    assert not lab.bird.has("172.16.1.5/32")
    lab.delete("routes/web/healthcheck")
    lab.put("routes/web/healthcheck", "true")
    lab.wait_for(lambda: lab.bird.has("172.16.1.5/32"), 10, "now it is announced")


def test_what_cannot_be_read_later_stays_as_it_is(lab):
    add(lab, "web", "route 172.16.1.5/32 next-hop self", "web")
    lab.wait_for(lambda: lab.bird.has("172.16.1.5/32"), 10, "announced")
    withdraws = lab.bird.counters()["withdraws"]
    for key in ("healthcheck", "config", "options"):
        lab.delete(f"routes/web/{key}")
        os.mkfifo(lab.store.dir / f"routes/web/{key}")
        lab.wait_for(lambda: (lab.route("web")["error"] or "").startswith("routes/web/"), 10, "told")
    assert lab.bird.has("172.16.1.5/32") and lab.bird.counters()["withdraws"] == withdraws
    # The old check still decides.
    lab.flag("web", False)
    lab.wait_for(lambda: not lab.bird.has("172.16.1.5/32"), 10, "withdrawn by its check")


def test_an_emptied_directory_keeps_all_until_somebody_approves(lab):
    add(lab, "web", "route 172.16.1.5/32 next-hop self", "web")
    lab.wait_for(lambda: lab.bird.count() == 2, 10, "both routes")
    withdraws = lab.bird.counters()["withdraws"]
    shutil.rmtree(lab.store.dir / "routes")
    loss = lab.wait_for(lambda: lab.status()["store"]["loss"], 20, "the loss is seen")
    assert loss["kind"] == "emptied"
    assert lab.bird.count() == 2 and lab.bird.counters()["withdraws"] == withdraws
    code, answer = lab.ctl("approve")
    assert code == 0 and answer == {"approved": loss["id"]}
    lab.wait_for(lambda: not lab.bird.prefixes(), 10, "approved: it is empty")


def test_a_directory_that_is_away_keeps_all_also_through_a_restart(lab):
    add(lab, "web", "route 172.16.1.5/32 next-hop self", "web")
    lab.wait_for(lambda: lab.bird.count() == 2, 10, "both routes")
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 10, "settled")
    withdraws = lab.bird.counters()["withdraws"]
    lab.store.dir.rename(lab.dir / "away")
    lab.wait_for(lambda: lab.status()["store"]["state"] == "unreachable", 10, "told")
    assert "no such file or directory" in lab.status()["store"]["text"]
    core = lab.pid_of("core")
    assert lab.ctl("upgrade")[0] == 0
    lab.wait_for(lambda: lab.pid_of("core") not in (None, core), 20, "another core")
    lab.wait_for(lambda: lab.status()["exabgp"]["state"] == "synced", 20, "it knows ExaBGP's routes")
    lab.flag("web", False)
    lab.wait_for(lambda: not lab.bird.has("172.16.1.5/32"), 20, "checks go on, from the last known good")
    assert lab.bird.counters()["withdraws"] == withdraws + 1
    lab.flag("web")
    (lab.dir / "away").rename(lab.store.dir)
    lab.wait_for(lambda: lab.bird.count() == 2, 20, "all right again")
    lab.wait_for(lambda: lab.status()["store"]["state"] == "connected", 10, "connected")
