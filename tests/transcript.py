"""What real ExaBGPs answered: data/exabgp/VERSION-ENCODER.txt, recorded and checked by e2e/test_transcripts.py.

    > a command as an API process writes it      < a line as ExaBGP writes it

Only times, process ids, counters and names of the host are made equal (plain())."""
import pathlib
import re

DATA = pathlib.Path(__file__).parent / "data" / "exabgp"
_EQUAL = [(re.compile(pattern), text) for pattern, text in [
    (r'"time": [0-9.]+', '"time": 1795426991.3'), (r'"host" : "[^"]*"', '"host" : "r1"'), (r'"(p?pid)" : \d+', r'"\1" : 1'),
    (r'"counter": \d+', '"counter": 1'), (r"^(  (host|domain)-name) .*;", r"\1 r1;"),
    (r" +(down|\d+:\d\d:\d\d) established", "     0:00:01 established"),
    (r"^   (up|down) for +\S+ +$", f"   up for {'0:00:01':>29}{'':32}"),
    (r"^shutdown \d+ \d+$", "shutdown 1 1"), (r"^(   [a-z]+: +)(\d+)( +)(\d+)( *)$", r"\g<1>1\g<3>1\5"),
    (r"( established +)\d+( +)\d+$", r"\g<1>1\g<2>1"),
]]


def plain(line):
    for pattern, text in _EQUAL:
        line = pattern.sub(text, line)
    return line


def versions():
    return sorted({path.name.rsplit("-", 1)[0] for path in DATA.glob("*.txt")})


def load(version, encoder):
    """[(command, [lines of its answer])]; the first command is None: what comes before any."""
    steps = [(None, [])]
    for line in (DATA / f"{version}-{encoder}.txt").read_text().splitlines():
        if line.startswith("> "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line[2:])
    return steps


def save(version, encoder, steps):
    DATA.mkdir(parents=True, exist_ok=True)
    lines = []
    for command, answer in steps:
        lines += [f"> {command}"] if command is not None else []
        lines += [f"< {line}" for line in answer]
    (DATA / f"{version}-{encoder}.txt").write_text("\n".join(lines) + "\n")
