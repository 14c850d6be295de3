"""Samples of directory stores: a ConfigMap of Kubernetes, and the command line of examples/store."""
import os
import re
import shutil

import samples
from fake_exabgp import Daemon
from wait import wait_for

KEYS = {"web.config": "route 192.0.2.10/32 next-hop self", "web.healthcheck": "exit 0\n", "subscribed": "web"}


def flags(line):
    """(node, path) of `-n NODE -c file://PATH`."""
    return re.search(r"-n (\S+) -c file://(/\S+)", line).groups()


def publish(volume, number, keys, items):
    """As the kubelet does it: a directory with a time in its name, links through `..data`, which is turned."""
    data = volume / f"..{number}"
    for key, path in items:
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_text(keys[key])
    for top in {path.split("/")[0] for _, path in items}:
        if not (volume / top).is_symlink():
            (volume / top).symlink_to(f"..data/{top}")
    (volume / "..new").symlink_to(data.name)
    (volume / "..new").rename(volume / "..data")


def test_a_config_map_is_a_store(tmp_path):
    text = samples.block("config-map")
    node, mount = flags(text)
    assert re.search(r"mountPath: (\S+),", text).group(1) == mount
    items = re.findall(r"^    - \{ key: (\S+), path: (\S+) \}$", text, re.M)
    assert len(items) == text.count("key:") and {key for key, _ in items} == set(KEYS)
    volume = tmp_path / "volume"
    volume.mkdir()
    publish(volume, 1, KEYS, items)
    daemon = Daemon(tmp_path, f"file://{volume}", "/bgp", node=node)
    try:
        daemon.wait_state("web", "announced")
        assert daemon.route("web")["health"] == "up" and daemon.exabgp.prefixes() == {"192.0.2.10/32"}
        publish(volume, 2, {**KEYS, "web.config": KEYS["web.config"] + " med 7"}, items)
        wait_for(lambda: set(daemon.exabgp.rib["10.99.0.2"].values()) == {"next-hop self med 7"}, "the update is seen")
        assert daemon.exabgp.withdrawn() == []
    finally:
        daemon.exabgp.close()


def test_the_command_line_of_the_example_store(tmp_path):
    node, path = flags(samples.block("store-command"))
    assert samples.block("store-command").split()[0] == "bgpcommander"
    assert f"`{path}`" in (samples.ROOT / "examples/store/README.md").read_text()
    shutil.copytree(samples.ROOT / "examples/store", tmp_path / "copy")
    daemon = Daemon(tmp_path, f"file://{tmp_path}/copy", "/bgp", node=node)
    try:
        wait_for(lambda: "192.0.2.10/32" in daemon.exabgp.prefixes(), "the plain route is announced")
        assert os.path.isdir(tmp_path / "copy/node" / node)
    finally:
        daemon.exabgp.close()
