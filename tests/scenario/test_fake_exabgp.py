"""The fake says what the transcripts of real ones say."""
import json
import re

import pytest
import transcript
from fake_dialect import DIALECTS
from fake_exabgp import FakeExaBGP, Neighbor


class Mute(FakeExaBGP):
    """Without a process: what it says is kept."""

    def start(self):
        self.said = []

    def say(self, line):
        self.said.append(line)


def essence(lines):
    """Attributes of an UPDATE are its MED and next hop; flows and End-of-RIBs are left out."""
    kept = []
    for line in lines:
        if " ipv4 flow " in line or '"eor"' in line or " route eor " in line:
            continue
        if '"type": "update"' in line:
            head, body = line.split('"message": ')
            update = json.loads(body[:body.rindex("} }")])["update"]
            med = update.pop("attribute", {}).get("med")
            line = f"{head}{json.dumps(update)} med {med}"
        elif " send update announced " in line:
            line = re.sub(r"(announced \S+ next-hop \S+).*?( med \d+|$).*", r"\1\2", line)
        kept.append(line)
    return kept


@pytest.mark.parametrize("encoder", ["json", "text"])
@pytest.mark.parametrize("version", DIALECTS)
def test_each_dialect_of_the_fake_is_that_of_the_transcript(version, encoder):
    neighbor = Neighbor(processes="bgpcommander", families=("ipv4 unicast", "ipv4 flow", "ipv6 unicast"),
                        refused=("ipv4 flow",))
    fake = Mute([], neighbors=[neighbor], dialect=version, encoder=encoder)
    compared = 0
    for command, answer in transcript.load(version, encoder):
        if command is None:
            fake.say_state(neighbor, "connected")
            fake.say_state(neighbor, "up")
            answer = answer[:len(fake.said)]
        elif command.startswith("announce flow"):
            continue
        else:
            fake._command(command.strip())
        said, fake.said = fake.said, []
        assert essence(map(transcript.plain, said)) == essence(answer), command
        compared += len(answer)
    assert compared > 100
