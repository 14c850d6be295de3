"""What ExaBGP writes to core, by the line."""
from test_core_fake import etcd, scene  # noqa: F401: fixtures
from wait import wait_for

LIMIT = 1048576


def test_lines_that_are_too_long_are_told_once_and_counted(scene):  # noqa: F811
    scene.put_routes("r1")
    daemon = scene.daemon()
    daemon.wait_settled()
    assert daemon.status()["exabgp"]["linesSkipped"] == 0
    for _ in range(2):
        daemon.exabgp.say('{"type":"update","filler":"' + "x" * LIMIT + '"}')
    wait_for(lambda: daemon.status()["exabgp"]["linesSkipped"] == 2, "both are counted")
    assert daemon.log().count(f"longer than {LIMIT} bytes") == 1
    scene.put_routes("r2")
    daemon.wait_state("r2", "announced")
