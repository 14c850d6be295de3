"""Process and api blocks that ask for less than they could, with the real ExaBGP: routes come and go all the same, and the
status and the log name what is missing."""
import exabgp_choice
import pytest

FULL = "neighbor-changes; send { parsed; update; }"
REFRESH = "capability { route-refresh enable; }"
PREFIX = "172.16.12.1/32"

BLOCKS = {
    "full": (dict(messages=FULL), []),
    "text": (dict(messages=FULL, encoder="text"), ["`encoder json`"]),
    "no changes": (dict(messages="send { parsed; update; }"), ["no `neighbor-changes` in its api block"]),
    "no send": (dict(messages="neighbor-changes;"), ["no `send { parsed; update; }` in its api block"]),
    "nothing": (dict(messages="", encoder="text"), ["no `neighbor-changes` and no `send { parsed; update; }`"]),
    "refresh": (dict(messages=FULL, capability=REFRESH), [] if exabgp_choice.chosen().is_5 else ["`route-refresh enable`"]),
    "no acks": (dict(messages=FULL, environment={"exabgp_api_ack": "false"}), ["exabgp.api.ack"]),
}


@pytest.mark.parametrize("block", BLOCKS)
def test_less_than_the_full_block_works_and_is_named(make_lab, block):
    options, texts = BLOCKS[block]
    options = dict(options)
    encoder = options.pop("encoder", "json")
    lab = make_lab(**options)
    conf = lab.exabgp_conf().replace("encoder json", f"encoder {encoder}")
    lab.exabgp_conf = lambda: conf
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "node/n1/subscribedRoutes": "*",
                 "routes/r/config": f"route {PREFIX} next-hop self as-path [ 65000 65010 ] med 1"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.med(PREFIX) == 1, 15, "announced")
    lab.put("routes/r/config", f"route {PREFIX} next-hop self as-path [ 65000 65010 ] med 2")
    lab.wait_for(lambda: lab.bird.med(PREFIX) == 2, 15, "changed")
    lab.wait_for(lambda: lab.route("r")["state"] == "announced", 15, "confirmed")
    lab.wait_for(lambda: len(lab.status()["warnings"]) == len(texts), 15, f"{texts} and nothing else")
    for warning, text in zip(lab.status()["warnings"], texts):
        assert text in warning
        assert lab.log().count(f"warning: {warning}\n") == 1
    lab.delete("routes/r/config")
    lab.wait_for(lambda: not lab.bird.has(PREFIX), 15, "withdrawn")
    lab.close()
