"""The main job over a directory of files, without any server: files and checks in, the right routes at the router."""
import json
import os
import pwd
import shutil

import lab as lab_module
import pytest

QUICK = json.dumps({"interval": "200ms"})
KEEPER = "192.0.2.250/32"


class DirLab(lab_module.Lab):
    """A lab whose store is a directory that the daemon's user owns."""

    def __init__(self, **options):
        super().__init__(members=0, **options)
        self.store = self.dir / "store"
        identity = pwd.getpwnam(self.user)
        self.owner = (identity.pw_uid, identity.pw_gid)
        self.make_directory(self.store)

    def make_directory(self, path):
        if not path.is_dir():
            self.make_directory(path.parent)
            path.mkdir()
            os.chown(path, *self.owner)

    def daemon_arguments(self):
        return super().daemon_arguments().replace("-c http://127.0.0.1:2379 ", f"-c file://{self.store} ")

    def put(self, key, value):
        path = self.store / key
        self.make_directory(path.parent)
        temporary = path.parent / ".new"
        temporary.write_text(value + "\n")
        temporary.rename(path)

    def put_all(self, values):
        for key, value in values.items():
            self.put(key, value)

    def delete(self, key):
        path = self.store / key
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def get(self, key):
        path = self.store / key
        return path.read_text().rstrip("\n") if path.exists() else None

    def has_warning(self, *words):
        return any(all(word in line for word in words) for line in self.status()["warnings"])


@pytest.fixture
def make_dir_lab():
    labs = []

    def make(**options):
        labs.append(DirLab(**options))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()
    reports = [text for lab in labs for text in lab.reports]
    assert not reports, "\n".join(reports)


@pytest.fixture
def lab(make_dir_lab):
    lab = make_dir_lab()
    lab.put_all({"routes/keeper/config": f"route {KEEPER} next-hop self", "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has(KEEPER), 10, "the first route")
    return lab


def check_of(path):
    return f"#!/bin/sh\n[ -e {path} ]"


def add(lab, name, config, flag):
    lab.put_all({f"routes/{name}/options": QUICK, f"routes/{name}/healthcheck": check_of(lab.flag(flag)),
                 f"routes/{name}/config": config})


def test_the_main_job(lab):
    status = lab.status()
    assert status["store"]["kind"] == "directory" and status["store"]["endpoint"] == f"file://{lab.store}"
    add(lab, "web", "route 172.16.1.5/32 next-hop self med 100", "web")
    lab.wait_for(lambda: lab.bird.med("172.16.1.5/32") == 100, 10, "a passing check announces")
    lab.wait_for(lambda: lab.get("node/n1/routes/web/state") == "announce", 10, "the state is written")
    lab.flag("web", False)
    lab.wait_for(lambda: not lab.bird.has("172.16.1.5/32"), 10, "a failing check withdraws")
    lab.wait_for(lambda: lab.get("node/n1/routes/web/state") == "withdraw", 10, "the state is written")
    lab.wait_for(lambda: "web" in json.loads(lab.get("node/n1/status"))["routes"], 10, "told in the status")
    lab.flag("web")
    lab.wait_for(lambda: lab.bird.med("172.16.1.5/32") == 100, 10, "a mended check announces again")
    withdraws = lab.bird.counters()["withdraws"]
    lab.put("routes/web/config", "route 172.16.1.5/32 next-hop self med 200")
    lab.wait_for(lambda: lab.bird.med("172.16.1.5/32") == 200, 10, "a changed MED replaces")
    # As an editor that writes in place, and a value that is none.
    (lab.store / "routes/web/config").write_text("route 172.16.1.5/32 next-hop self med x\n")
    lab.wait_for(lambda: lab.route("web")["error"], 10, "the fault is told")
    (lab.store / "routes/web/config").write_text("route 172.16.1.5/32 next-hop self med 300\n")
    lab.wait_for(lambda: lab.bird.med("172.16.1.5/32") == 300, 10, "mended")
    assert lab.bird.counters()["withdraws"] == withdraws
    assert lab.get("node/n1/neighbors/10.99.0.2/state") == "up"
    lab.put("node/n1/adminState", "down")
    lab.wait_for(lambda: not lab.bird.prefixes(), 10, "adminState down withdraws all")
    lab.delete("node/n1/adminState")
    lab.wait_for(lambda: lab.bird.count() == 2, 10, "all back")
    lab.put("node/n1/subscribedRoutes", "keeper")
    lab.wait_for(lambda: lab.bird.prefixes() == {KEEPER}, 10, "unsubscribed leaves alone")
    lab.put("node/n1/subscribedRoutes", "*")
    lab.wait_for(lambda: lab.bird.count() == 2, 10, "subscribed again")
    lab.delete("routes/web")
    lab.wait_for(lambda: lab.bird.prefixes() == {KEEPER}, 10, "deleted leaves alone")
    lab.wait_for(lambda: lab.get("node/n1/routes/web/state") is None, 10, "and its state")
    lab.stop_exabgp()
    lab.wait_for(lambda: lab.get("node/n1/status") is None, 10, "the daemon takes its keys along")


def test_a_check_that_cannot_be_read_at_the_start_announces_nothing(make_dir_lab):
    lab = make_dir_lab()
    lab.put_all({"routes/keeper/config": f"route {KEEPER} next-hop self", "node/n1/subscribedRoutes": "*",
                 "routes/web/config": "route 172.16.1.5/32 next-hop self"})
    # Nobody can read it as a script, root neither.
    lab.make_directory(lab.store / "routes/web/healthcheck")
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has(KEEPER), 10, "the other route")
    route = lab.wait_for(lambda: lab.route("web"), 10, "it is known")
    assert route["state"] == "faulty"
    assert route["error"] == (f"routes/web/healthcheck: a directory: expected a file "
                              f"({lab.store}/routes/web/healthcheck)")
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
        os.mkfifo(lab.store / f"routes/web/{key}")
        lab.wait_for(lambda: (lab.route("web")["error"] or "").startswith("routes/web/"), 10, "told")
    assert lab.bird.has("172.16.1.5/32") and lab.bird.counters()["withdraws"] == withdraws
    # The old check still decides.
    lab.flag("web", False)
    lab.wait_for(lambda: not lab.bird.has("172.16.1.5/32"), 10, "withdrawn by its check")


def test_an_emptied_directory_keeps_all_until_somebody_approves(lab):
    add(lab, "web", "route 172.16.1.5/32 next-hop self", "web")
    lab.wait_for(lambda: lab.bird.count() == 2, 10, "both routes")
    withdraws = lab.bird.counters()["withdraws"]
    shutil.rmtree(lab.store / "routes")
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
    lab.store.rename(lab.dir / "away")
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
    (lab.dir / "away").rename(lab.store)
    lab.wait_for(lambda: lab.bird.count() == 2, 20, "all right again")
    lab.wait_for(lambda: lab.status()["store"]["state"] == "connected", 10, "connected")
