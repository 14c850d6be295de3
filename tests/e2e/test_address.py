"""Service addresses that the daemon manages, with real ExaBGP and BIRD. ExaBGP runs as an ordinary user with
CAP_NET_ADMIN, as a unit with User= and AmbientCapabilities= starts it."""
import json
import os
import signal

import lab as lab_module
import netns
import pytest
import wait

VIP, VIP6 = "172.16.7.5", "2001:db8:16::5"


class AmbientLab(lab_module.Lab):
    """ExaBGP is that user from the start: what root gives up it cannot pass on."""

    def spawn(self, argv, namespace, log, env=None, **more):
        if log == "exabgp.log" and self.user != "root":
            argv = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", "--inh-caps=+net_admin",
                    "--ambient-caps=+net_admin", "--", *argv]
        return super().spawn(argv, namespace, log, env=env, **more)

    def addresses(self):
        listed = json.loads(netns.run("ip", "-j", "-n", self.exa, "addr", "show", "dev", "lo"))
        return {one["local"]: one.get("label") for one in listed[0]["addr_info"]}


@pytest.fixture(scope="module")
def lab():
    lab = AmbientLab(peers=1, messages="neighbor-changes; send { parsed; update; }")
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "node/n1/subscribedRoutes": "keeper"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has("192.0.2.250/32"), 10, "the first route")
    yield lab
    lab.close()
    assert not lab.reports, "\n".join(lab.reports)


def has(lab, *addresses):
    return all(address in lab.addresses() for address in addresses)


def test_the_address_comes_before_the_route_and_goes_after_it(lab):
    lab.put_all({"routes/web/config": f"route {VIP}/32 next-hop self", "routes/web/options": '{"address": "manage"}',
                 "routes/six/config": f"route {VIP6}/128 next-hop 2001:db8:99:0::1",
                 "routes/six/options": '{"address": "manage"}', "node/n1/subscribedRoutes": "*"})
    lab.wait_for(lambda: lab.bird.has(f"{VIP}/32") and lab.bird.has(f"{VIP6}/128"), 15, "both are at the router")
    assert has(lab, VIP, VIP6) and lab.addresses()[VIP] == "lo:bgpc"
    # While ExaBGP cannot take the withdraw the routes stand, and with them the addresses.
    lab.exabgp.send_signal(signal.SIGSTOP)
    try:
        lab.subscribe("keeper")
        lab.wait_for(lambda: lab.route("web")["subscribed"] is False, 10, "the daemon knows")
        wait.nothing_happens_for(1, "ExaBGP is stopped", lambda: has(lab, VIP, VIP6) or pytest.fail("it was removed"))
    finally:
        lab.exabgp.send_signal(signal.SIGCONT)
    lab.wait_for(lambda: not lab.bird.has(f"{VIP}/32") and not lab.bird.has(f"{VIP6}/128"), 15, "the routes are gone")
    lab.wait_for(lambda: VIP not in lab.addresses() and VIP6 not in lab.addresses(), 15, "then the addresses are")


def test_a_kill_of_core_moves_neither_route_nor_address(lab):
    lab.subscribe("*")
    lab.wait_for(lambda: lab.bird.has(f"{VIP}/32") and lab.bird.has(f"{VIP6}/128"), 15, "both are at the router")
    lab.wait_for(lambda: lab.status()["exabgp"]["settled"], 10, "nothing is under way")
    before = lab.bird.counters()
    old = lab.status()["pid"]
    os.kill(old, signal.SIGKILL)
    lab.wait_for(lambda: lab.status()["pid"] != old and lab.is_synced(), 20, "another core")
    lab.wait_for(lambda: lab.route("web")["state"] == lab.route("six")["state"] == "announced", 15, "it knows them again")
    assert lab.bird.counters() == before and has(lab, VIP, VIP6)


def test_an_address_that_somebody_deletes_comes_back_without_a_withdraw(lab):
    before = lab.bird.counters()
    netns.run("ip", "-n", lab.exa, "addr", "del", f"{VIP}/32", "dev", "lo")
    lab.wait_for(lambda: has(lab, VIP), 5, "it is set again")
    assert lab.bird.counters() == before
