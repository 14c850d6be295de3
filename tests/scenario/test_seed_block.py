"""The bare process block of the classic page, as an ExaBGP would run it that does not ask for an encoder: no messages of
sessions and updates come, and the text encoder's words for the rest."""
import pytest

import etcd2_lab
from etcd_lab import Member
from fake_exabgp import Daemon, Neighbor
from wait import wait_for


@pytest.fixture
def etcd(tmp_path):
    member = Member(tmp_path, flags=etcd2_lab.V2).start()
    yield member
    member.kill()


def test_the_bare_block_announces_and_withdraws_and_one_line_tells_what_more_there_is(etcd, tmp_path):
    client = etcd2_lab.keys(etcd)
    client.put("/bgp/routes/a/config", "route 172.16.1.5/32 next-hop self med 100")
    client.put("/bgp/node/n1/subscribedRoutes", "a")
    daemon = Daemon(tmp_path, etcd.url(), "/bgp", neighbors=[Neighbor(wire=False, changes=False)])
    try:
        fake = daemon.exabgp
        fake.encoder = "text"
        wait_for(lambda: fake.prefixes() == {"172.16.1.5/32"}, "announced")
        daemon.wait_state("a", "announced")
        assert daemon.status()["store"]["kind"] == "etcd v2"
        lines = daemon.status()["warnings"]
        assert len(lines) == 1 and "`neighbor-changes`" in lines[0] and "`send { parsed; update; }`" in lines[0], lines
        client.put("/bgp/node/n1/subscribedRoutes", "-")
        wait_for(lambda: fake.prefixes() == set(), "withdrawn")
    finally:
        daemon.close()
    assert "AddressSanitizer" not in daemon.log() and "runtime error" not in daemon.log()
