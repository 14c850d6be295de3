"""The samples of docs/http-api.md, one after the other against one daemon."""
import re
import subprocess

import pytest
import samples
from http_lab import Neighbor, Scene

FAMILIES = ("ipv4 unicast", "ipv6 unicast", "ipv4 flow")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("http"))
    scene.start(neighbors=[Neighbor(families=FAMILIES)])
    yield scene
    scene.daemon.close()
    assert "AddressSanitizer" not in scene.daemon.log()


def run(scene, command):
    """As a shell does, but at our port."""
    done = subprocess.run(["sh", "-c", command.replace("curl ", "curl -sS --max-time 20 ", 1)
                           .replace("localhost:5000", f"localhost:{scene.port}")], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=30)
    return done.stdout


def compare(scene, name):
    """Runs the lines with a prompt; what the last one printed."""
    shown, printed = "", None
    for line in samples.block(name).splitlines():
        if line.startswith("$ curl "):
            printed = run(scene, line[2:])
            shown += line + "\n" + re.sub(r'"decision":\d+', '"decision":17', printed)
    samples.compare(name, shown)
    return printed


def test_the_articles_line_prints_the_command_back(shown):
    printed = compare(shown, "http-form")
    assert printed == "announce route 100.10.0.0/24 next-hop self\n"
    assert "100.10.0.0/24" in shown.exabgp.prefixes()


def test_the_readmes_lines(shown):
    compare(shown, "readme-http")
    assert "100.10.0.0/24" not in shown.exabgp.prefixes()


def test_what_is_wrong_is_told_with_its_column(shown):
    compare(shown, "http-wrong")


def test_json_tells_more(shown):
    compare(shown, "http-json")
    shown.daemon.wait_settled()
    assert shown.exabgp.rib["10.99.0.2"]["100.20.0.0/24"] == "next-hop self med 5"


def test_a_route_is_put_by_name(shown):
    compare(shown, "http-put")
    assert "198.51.100.1/32" in shown.exabgp.prefixes()


def test_a_blackhole_and_a_flow(shown):
    compare(shown, "http-blackhole")
    compare(shown, "http-flow")
    assert "203.0.113.7/32" in shown.exabgp.prefixes()
