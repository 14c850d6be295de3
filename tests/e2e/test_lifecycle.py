"""Starts, ends, restarts and upgrades: what they leave, and that they move no route."""
import os
import signal
import time

import pytest

GONE_S = 2


@pytest.fixture
def lab(make_lab):
    lab = make_lab()
    lab.put_all({"routes/stays/config": "route 192.0.2.1/32 next-hop self",
                 "routes/leaves/config": "route 192.0.2.2/32 next-hop self",
                 "routes/leaves/options": '{"on_exit": "withdraw"}', "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.count() == 2, 10, "two routes")
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 10, "settled")
    lab.wait_for(lambda: lab.get("node/n1/routes/stays/state") == "announce", 10, "published")
    yield lab
    lab.close()


def gone_in_time(lab, begin, limit=GONE_S):
    lab.wait_for(lambda: not any(lab.daemons().values()), 10, "the daemon is gone")
    took = time.monotonic() - begin
    assert took < limit, f"took {took:.1f} s"


def own_keys(lab):
    return [key for key in lab.get_prefix("node/n1/") if not key.endswith("subscribedRoutes")]


def another_core(lab, core):
    lab.wait_for(lambda: lab.status()["pid"] != core and lab.is_synced(), 30, "another core is synced")
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 30, "settled")


def test_the_end_of_exabgp_ends_us_and_revokes_the_lease(lab):
    lab.exabgp.send_signal(signal.SIGTERM)
    lab.wait_for(lambda: not lab.is_exabgp_alive(), 10, "ExaBGP has ended")
    gone_in_time(lab, time.monotonic())
    assert own_keys(lab) == []
    assert lab.etcd.leases() == []
    lab.wait_for(lambda: lab.others_running() == [], 5, "nothing of it is left")


def test_end_of_input_ends_us(lab):
    """ExaBGP killed: nobody sends TERM, the pipe just ends."""
    begin = time.monotonic()
    lab.exabgp.kill()
    lab.exabgp.wait(5)
    gone_in_time(lab, begin)
    assert own_keys(lab) == []
    lab.wait_for(lambda: lab.others_running() == [], 5, "nothing of it is left")


def test_term_keeps_routes_except_those_with_on_exit_withdraw(lab):
    before, holder = lab.bird.counters(), lab.pid_of("holder")
    os.kill(holder, signal.SIGTERM)
    lab.wait_for(lambda: lab.bird.counters()["withdraws"] == before["withdraws"] + 1, 5, "one withdraw")
    # ExaBGP starts the next one at once, which announces it again.
    lab.wait_for(lambda: lab.bird.count() == 2, 20, "back")
    assert lab.pid_of("holder") != holder
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 20, "settled")
    assert lab.bird.counters() == {"updates": before["updates"] + 1, "withdraws": before["withdraws"] + 1}


def commands_seen(lab):
    """What ExaBGP was told; its own reload sends all routes again, which is no doing of ours."""
    return [line for line in lab.log("exabgp.log").splitlines() if "route added to" in line or "route removed" in line]


def test_a_restart_by_exabgp_moves_no_route(lab):
    lab.put("routes/leaves/options", "{}")
    lab.wait_for(lambda: not lab.status()["summary"]["pending"], 10, "applied")
    before, commands, core = lab.bird.counters(), commands_seen(lab), lab.status()["pid"]
    lab.exabgp.send_signal(signal.SIGUSR2)
    another_core(lab, core)
    assert commands_seen(lab) == commands
    assert lab.bird.counters()["withdraws"] == before["withdraws"] and lab.bird.count() == 2


def test_upgrade_moves_no_route(lab):
    before, core, holder = lab.bird.counters(), lab.status()["pid"], lab.pid_of("holder")
    code, answer = lab.ctl("upgrade")
    assert code == 0 and answer == {"upgrading": True}
    another_core(lab, core)
    assert lab.pid_of("holder") == holder
    assert lab.bird.counters() == before
    lab.wait_for(lambda: lab.get("node/n1/routes/stays/state") == "announce", 20, "published again")
    assert lab.status()["mode"] == "normal"


def test_a_reload_of_exabgp_moves_no_route(lab):
    before, commands, core = lab.bird.counters(), commands_seen(lab), lab.status()["pid"]
    lab.exabgp.send_signal(signal.SIGUSR1)
    lab.wait_for(lambda: lab.log("exabgp.log").count("loaded new configuration") == 2, 10, "reloaded")
    lab.put("routes/later/config", "route 192.0.2.3/32 next-hop self")
    lab.wait_for(lambda: lab.bird.has("192.0.2.3/32"), 20, "works on")
    assert len(commands_seen(lab)) == len(commands) + 1
    assert lab.bird.counters()["withdraws"] == before["withdraws"] and lab.bird.count() == 3
    assert lab.status()["pid"] == core


def test_a_second_daemon_with_the_same_state_waits(lab):
    before, core = lab.bird.counters(), lab.status()["pid"]
    second = lab.start_alone("second.log")
    lab.wait_for(lambda: (lab.dir / "second.log").read_text().strip(), 10, "it says that it waits")
    # It drains what it is sent while it waits.
    second.stdin.write(b"done\n" * 100000)
    second.stdin.flush()
    lab.put("routes/later/config", "route 192.0.2.3/32 next-hop self")
    lab.wait_for(lambda: lab.bird.has("192.0.2.3/32"), 10, "the first works on")
    assert lab.status()["pid"] == core and second.poll() is None
    assert lab.bird.counters()["withdraws"] == before["withdraws"]
    lab.stop_exabgp()
    lab.wait_for(lambda: lab.status()["pid"] != core, 30, "the second takes over when the first is gone")
    begin = time.monotonic()
    second.stdin.close()
    gone_in_time(lab, begin)


def test_two_kills_in_a_row_of_all_our_processes_leave_none(lab):
    for _ in range(2):
        for role in ("exec", "core", "holder"):
            pid = lab.daemons()[role]
            for one in pid:
                os.kill(one, signal.SIGKILL)
        lab.wait_for(lambda: [len(lab.daemons()[role]) for role in ("holder", "core", "exec")] == [1, 1, 1], 20,
                     "one of each again")
    lab.wait_for(lab.is_synced, 30, "synced")
    assert lab.is_exabgp_alive() and lab.bird.count() == 2 and lab.bird.counters()["withdraws"] == 0
