"""The samples in the pages. Behind a comment each block of a page names the test that makes or checks it:

    <!-- tested: e2e/test_samples "routes" -->

lint/test_samples.py sees to it that every block has one, and that the test holds its name. A test takes the text with
block(NAME), or compares what was really said with compare(NAME, TEXT); times, process ids and the like are equal there.
With BC_RECORD=1 in the environment what was really said is written into the page instead."""
import json
import os
import pathlib
import re

ROOT = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).resolve().parents[1])
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
CLAIM = re.compile(r'^<!-- tested: ((?:lint|scenario|e2e)/test_\w+) "([\w-]+)" -->$')
_EQUAL = [(re.compile(pattern, re.M), text) for pattern, text in [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME"), (r"\d\d:\d\d:\d\d\.\d{3}", "TIME"), (r"\bpid \d+", "pid N"),
    (r"\bup \d+[smhd]\b", "up N"), (r"  \d+[smhd](?=  |$)", "  AGE"), (r"\brevision \d+", "revision N"),
    (r"\bheard \d+ m?s ago", "heard N ago"), (r"\b\d+ at work", "N at work"), (r"\bapprove [0-9a-f]{8}", "approve ID"),
    (r" \.* ok$", " ok"), (r"\(\d times\)", "(N times)"),
    (r"bgpcommander-quickstart\.\w{6}", "bgpcommander-quickstart.XXXXXX"), (r" {2,}", "  "), (r" +$", ""),
]]
# Members of JSON answers that are other ones each time.
_OTHER = {"pid", "cpu", "running", "started", "since", "revision", "clusterId", "ageMs", "age", "linesWritten", "ttl",
          "id"}


class Block:
    def __init__(self, page, line, claim, text):
        self.page, self.line, self.text = page, line, text
        self.test, self.name = claim.groups() if claim else (None, None)

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page):
    """Those between fences, and those that are indented by four blanks."""
    found, lines, at = [], page.read_text().splitlines(), 0
    while at < len(lines):
        first, claim = at, CLAIM.match(lines[at - 1]) if at > 0 else None
        if lines[at].startswith("```"):
            at = lines.index("```", at + 1)
            found.append(Block(page, first + 1, claim, "\n".join(lines[first + 1:at]) + "\n"))
        elif lines[at].startswith("    ") and (claim or lines[at - 1] == ""):
            while at < len(lines) and lines[at].startswith("    "):
                at += 1
            found.append(Block(page, first + 1, claim, "\n".join(line[4:] for line in lines[first:at]) + "\n"))
        at += 1
    return found


def all_blocks():
    return [block for page in PAGES for block in blocks(page)]


def block(name):
    """Its text, with the last line break."""
    found = [block.text for block in all_blocks() if block.name == name]
    assert len(found) == 1, f"{len(found)} blocks are named {name}"
    return found[0]


def plain(text):
    for pattern, equal in _EQUAL:
        text = pattern.sub(equal, text)
    return text


def _record(name, text):
    shown = next(block for block in all_blocks() if block.name == name)
    lines = shown.page.read_text().splitlines()
    lines[shown.line:shown.line + shown.text.count("\n")] = [line.rstrip() for line in text.splitlines()]
    shown.page.write_text("\n".join(lines) + "\n")


def compare(name, real):
    """The page shows what is real."""
    real = real.strip("\n")
    if os.environ.get("BC_RECORD") and plain(block(name).rstrip("\n")) != plain(real):
        _record(name, real)
    assert plain(block(name).rstrip("\n")) == plain(real), f"{name}: really it is\n{real}"


def compare_shortened(name, real):
    """Every line of the page is real, in this order."""
    rest = iter(plain(real).splitlines())
    for line in plain(block(name)).splitlines():
        assert line in rest, f"{name}: {line!r} is not in this order in\n{real}"


def plain_json(value):
    if isinstance(value, dict):
        return {name: type(inner).__name__ if name in _OTHER else plain_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain_json(inner) for inner in value]
    return plain(value) if isinstance(value, str) else value


def _broken(value, indent=0, before=0, width=120):
    """JSON in lines, each indented as deep as it is; `before`: bytes that stand before it in its line."""
    text = json.dumps(value, separators=(",", ":"))
    if indent + before + len(text) < width or not isinstance(value, (dict, list)):
        return text
    named = isinstance(value, dict)
    lines = [""]
    for item in value.items() if named else value:
        name = f'"{item[0]}":' if named else ""
        text = name + _broken(item[1] if named else item, indent + 1, len(name))
        if lines[-1] and len(lines[-1].rpartition("\n")[2]) + len(text.partition("\n")[0]) > width - indent - 3:
            lines.append("")
        lines[-1] += ("," if lines[-1] else "") + text
    inner = (",\n" + " " * (indent + 1)).join(lines)
    return f"{{{inner}}}" if named else f"[{inner}]"


def compare_json(name, real):
    """The same for JSON, however it is broken into lines."""
    shown = json.loads(block(name))
    if os.environ.get("BC_RECORD") and plain_json(shown) != plain_json(real):
        _record(name, _broken(real) + "\n")
        shown = json.loads(block(name))
    assert plain_json(shown) == plain_json(real), f"{name}: really it is\n{_broken(real)}"
