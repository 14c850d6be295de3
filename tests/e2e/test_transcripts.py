"""The transcripts in tests/data/exabgp are what the real ExaBGP says: the unit tests of the codec and the fake of the
scenario tests rest on them. BC_RECORD=1 EXABGP=… writes those of another version."""
import os

import exabgp_choice
import pytest
import transcript
from wait import nothing_happens_for

SCRIPT = """#!/bin/sh
d=$(dirname "$0")
exec 3<&0
cat <&3 >>"$d/flags/got" &
exec 4<>"$d/flags/say"
while IFS= read -r line <&4; do printf '%s\\n' "$line"; done
"""
FULL = "next-hop 10.99.0.7 origin egp as-path [ 65000 65010 ] local-preference 7 atomic-aggregate aggregator ( 65000:10.0.0.1 )"
COMMANDS = [
    "version", "show neighbor summary", "show neighbor 256 configuration", "show neighbor configuration",
    "show neighbor extensive", " ~ ; ~ ; ~ ;", "garbage",
    "announce route 10.0.0.1/32 next-hop self med 5 community [ 65000:1 65000:2 ]",
    f"announce route 10.0.0.2/32 {FULL} originator-id 1.2.3.4 cluster-list [ 1.1.1.1 2.2.2.2 ] "
    "extended-community target:65000:1 large-community 1:2:3",
    "announce route 10.0.0.3/32 next-hop self as-path [ ]",
    "announce route 2001:db8:1::/48 next-hop 2001:db8:99::1 med 3",
    "announce attributes next-hop self med 9 nlri 10.1.0.1/32 10.1.0.2/32",
    "announce flow route { match { source 10.9.0.0/24; protocol tcp; destination-port =80; } then { rate-limit 9600; } }",
    "announce ipv4 unicast 10.5.0.0/24 next-hop self",
    "announce route 10.0.0.300/32 next-hop self",
    "announce route 10.0.0.1/32 next-hop self med 5 community [ 65000:1 65000:2 ]",
    "neighbor 10.99.0.9 announce route 10.6.0.0/24 next-hop self",
    "neighbor 10.99.0.2 announce route 10.6.0.0/24 next-hop self",
    "show adj-rib out extensive",
    "withdraw route 10.0.0.1/32 next-hop self med 5 community [ 65000:1 65000:2 ]",
    "withdraw attributes next-hop self med 9 nlri 10.1.0.1/32 10.1.0.2/32",
    "silence-ack", "announce route 10.0.0.9/32 next-hop self", "enable-ack", "disable-ack",
    "announce route 10.0.0.10/32 next-hop self", "enable-ack",
]


class Talk:
    def __init__(self, lab):
        self.lab = lab
        self.path, fifo = lab.flags / "got", lab.flags / "say"
        os.mkfifo(fifo)
        self.path.write_text("")
        for path in (self.path, fifo):
            path.chmod(0o666)
        self.fifo = os.fdopen(os.open(fifo, os.O_RDWR), "w")

    def say(self, line):
        self.fifo.write(line + "\n")
        self.fifo.flush()

    def lines(self):
        *whole, _ = self.path.read_text().split("\n")
        return [transcript.plain(line) for line in whole]


@pytest.mark.parametrize("encoder", ["json", "text"])
def test_exabgp_says_what_the_transcript_says(make_lab, encoder, tmp_path):
    version = exabgp_choice.chosen().version
    records = bool(os.environ.get("BC_RECORD"))
    if not records and version not in transcript.versions():
        pytest.skip(f"no transcript of ExaBGP {version}")
    script = tmp_path / "process"
    script.write_text(SCRIPT)
    lab = make_lab(members=0, program=script, families="ipv4 unicast; ipv6 unicast; ipv4 flow;")
    conf = lab.exabgp_conf().replace("encoder json", f"encoder {encoder}")
    lab.exabgp_conf = lambda: conf
    talk = Talk(lab)
    lab.start_exabgp(wait=False)
    lab.wait_for(lab.bird.is_up, 30, "a session")
    steps = [(command, []) for command in (None, *COMMANDS)] if records else transcript.load(version, encoder)
    seen = 0
    for command, answer in steps:
        if command is not None:
            talk.say(command)
        if records:
            nothing_happens_for(1, "an answer whose length is not known", talk.lines)
            answer += talk.lines()[seen:]
        else:
            lab.wait_for(lambda: talk.lines()[seen:seen + len(answer)] == answer, 10, f"{command}: {answer}")
        seen += len(answer)
    if records:
        transcript.save(version, encoder, steps)
    assert len(talk.lines()) == seen
