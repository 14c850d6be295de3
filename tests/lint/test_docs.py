"""What the documents say stands in the program: flags, commands, options, members of answers, samples of `parse`."""
import errno
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from source import ROOT

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import samples  # noqa: E402

PAGES = ["README.md"] + sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
# $ echo 'TEXT' | bgpcommander parse, and the one line that it gives.
PARSE_SAMPLE = re.compile(r"^\$ echo '([^']*)' \| bgpcommander parse\n(.*)$", re.M)


def read(name):
    return (ROOT / name).read_text()


def man_page(name="bgpcommander.8"):
    return re.sub(r"\\f.", "", read(f"docs/man/{name}")).replace("\\-", "-")


def settings():
    """(kind, name, letter, sources) of each line of settings.def."""
    text = re.sub(r"/\*.*?\*/", "", read("src/model/settings.def"), flags=re.S)
    found = re.findall(r'^BC_SETTING\((\w+), \w+, "([^"]*)", "([^"]*)", (\w+),', text, re.M)
    assert len(found) == len(re.findall(r"^BC_SETTING\(", text, re.M)) > 10
    return found


def commands():
    text = read("src/cli/commands.def")
    found = re.findall(r'^BC_CLI_COMMAND\((\w+),', text, re.M)
    assert len(found) == text.count("\nBC_CLI_COMMAND(") > 3
    return found


def json_members(name):
    """Every member that this C file sets, and every text in it (lists of members are texts too)."""
    return set(re.findall(r'"(\w+)"', read(name)))


def code_blocks(page, language):
    return re.findall(r"^```%s\n(.*?)^```" % language, read(page), re.M | re.S)


def members_of(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            # Names of routes and families are no members.
            if not re.fullmatch(r"[A-Z_0-9]+|.* .*", name):
                yield name
            yield from members_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from members_of(inner)


def members_of_samples(page):
    blocks = code_blocks(page, "json")
    assert blocks, page
    return {name for block in blocks for name in members_of(json.loads(block))}


def members_of_tables(page):
    """`a.b`, `a[].b` in the first column of tables whose header is `member`."""
    tables = re.findall(r"^\| member \|.*?\n\|[-|]+\n((?:\|.*\n)+)", read(page), re.M)
    assert tables, page
    first = "\n".join(row.split("|")[1] for table in tables for row in table.splitlines())
    return {part for name in re.findall(r"`([\w.\[\]]+)`", first) for part in re.findall(r"\w+", name)}


@pytest.mark.parametrize("setting", settings(), ids=lambda setting: setting[1])
def test_every_setting_stands_in_the_manual_and_in_the_reference(setting):
    _, name, letter, sources = setting
    page, manual = read("docs/settings.md"), man_page()
    if sources == "FILE":
        assert f"`{name} " in page and re.search(r"^%s " % name, man_page("bgpcommander.conf.5"), re.M)
        return
    assert re.search(r"^\|.*`--%s[ `]" % name, page, re.M), "docs/settings.md"
    assert re.search(r"--%s\b(?!-)" % name, manual), "docs/man/bgpcommander.8"
    if letter:
        assert re.search(r"^\|.*`-%s[ `]" % letter, page, re.M) and re.search(r"^(\.BR? )?-%s\b" % letter, manual, re.M)
    if sources in ("ANYWHERE", "OUTSIDE"):
        assert "`BGPCOMMANDER_%s`" % name.upper().replace("-", "_") in page


def test_the_reference_has_no_setting_that_is_gone():
    known = {name for _, name, _, _ in settings()}
    assert set(re.findall(r"`--([a-z-]+)", read("docs/settings.md"))) - known == set()
    assert set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", man_page())) - known == set()


@pytest.mark.parametrize("command", commands())
def test_every_command_stands_in_the_manual_and_is_explained(command):
    assert re.search(r"^%s\b" % command, man_page(), re.M), "docs/man/bgpcommander.8"
    assert re.search(r"bgpcommander %s\b" % command, read("README.md") + read("docs/operations.md"))


def test_no_page_shows_a_command_that_is_gone():
    known = set(commands()) | {"help"}
    for page in PAGES:
        shown = re.findall(r"(?:^\s*\$ |`|\| )bgpcommander ([a-z]+)\b(?!:)", read(page), re.M)
        assert set(shown) - known == set(), page


def test_every_option_of_the_schema_stands_in_its_page():
    page = read("docs/options.md")
    members = json.loads(read("docs/options.schema.json"))["properties"]
    assert [name for name in members if not re.search(r"^\| `%s` \|" % name, page, re.M)] == []
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.M))
    assert rows - set(members) == set()


def test_every_member_that_the_api_page_tells_is_one_that_core_writes():
    known = set().union(*(json_members(f"src/core/{name}.c") for name in ("report", "lease", "report_route", "check_report", "history", "policy_report",
                                                                         "policy_admit", "api", "list", "event_list")))
    known |= set(re.findall(r'\\"(\w+)\\":', read("src/core/list.c") + read("src/core/event_list.c")))
    told = members_of_samples("docs/api.md") | members_of_tables("docs/api.md")
    assert told - known == set()


def test_every_member_that_core_writes_is_told():
    written = set(re.findall(r'json_object_set(?:_new)?\(\s*\w+, "(\w+)"', read("src/core/report.c")))
    for name in ("report_route", "check_report"):
        written |= set(re.findall(r'json_object_set(?:_new)?\(\s*\w+, "(\w+)"', read(f"src/core/{name}.c")))
    for name in ("policy_report", "policy_admit"):
        written |= set(re.findall(r'json_object_set(?:_new)?\(\s*[\w>-]+, "(\w+)"', read(f"src/core/{name}.c")))
    written |= set(re.findall(r'json_object_set(?:_new)?\(\s*\w+, "(\w+)"', read("src/core/api.c"))) - {"error"}
    page = read("docs/api.md")
    assert len(written) > 50
    assert [name for name in sorted(written) if not re.search(r"[`.]%s`|\"%s\"" % (name, name), page)] == []


def test_every_member_of_the_status_key_is_one_that_core_writes():
    known = json_members("src/core/report.c") | json_members("src/core/publish.c")
    assert members_of_samples("docs/keys.md") - known == set()
    for name in re.findall(r'"(\w+)"', re.search(r"members\[\] = \{(.*?)\}", read("src/core/publish.c")).group(1)):
        assert f"`{name}`" in read("docs/keys.md"), name


def test_every_neighbor_key_is_one_that_core_writes():
    rows = re.findall(r"^\| (`node/NODE/neighbors/IP/.*?) \|", read("docs/keys.md"), re.M)
    told = {word for row in rows for word in re.findall(r"`(?:node/NODE/neighbors/IP/)?(\w+)`", row)}
    table = re.search(r"neighbor_keys\[\] = \{(.*?)\};", read("src/core/publish.c"), re.S).group(1)
    assert told == set(re.findall(r'"(\w+)"', table)) != set()


def test_errors_of_the_socket_are_told_as_they_are():
    page = read("docs/api.md")
    found = re.findall(r'api_error\(\s*((?:"[^"]*"\s*)+)', read("src/core/api.c"))
    texts = ["".join(re.findall(r'"([^"]*)"', text)) for text in found]
    assert len(texts) >= 5
    assert [text for text in texts if not re.search("` ?%s ?`" % re.escape(text), page)] == []


def test_samples_of_parse_are_what_it_prints():
    program = os.environ.get("BGPCOMMANDER")
    found = [(page, *sample) for page in PAGES for sample in PARSE_SAMPLE.findall(read(page))]
    for name in ("parse-readme", "parse-grammar"):
        of_block = PARSE_SAMPLE.findall(samples.block(name))
        assert 2 * len(of_block) == len(samples.block(name).splitlines()) and {one[1:] for one in found} >= set(of_block)
    if not program:
        pytest.skip("BGPCOMMANDER does not name the built program")
    for page, text, answer in found:
        printed = subprocess.run([program, "parse"], input=text + "\n", text=True, capture_output=True, timeout=30)
        assert printed.stdout == answer + "\n", page
        assert printed.returncode == (0 if answer.startswith("ok\t") else 1), page


def messages():
    """All texts of the program, each literal whole, with what printf fills in as a NUL."""
    found = []
    for path in sorted((ROOT / "src").rglob("*.[chd]*")):
        for literal in re.findall(r'(?:"(?:\\.|[^"\\\n])*"(?:\s|PRI\w+)*)+', path.read_text()):
            text = "".join(re.findall(r'"((?:\\.|[^"\\])*)"', literal)).replace('\\"', '"')
            found.append(re.sub(r"%[-0-9.*]*(?:zu|lld|ld|lu|[a-z])", "\0", text))
    return "\n".join(found)


def test_what_the_tables_of_operations_say_one_sees_is_what_the_program_says():
    """Quoted texts of the first column, but for what is filled in."""
    rows = re.findall(r"^\| what you see \|.*\n\|[-|]+\n((?:\|.*\n)+)", read("docs/operations.md"), re.M)
    assert len(rows) >= 2
    quoted = [text for table in rows for row in table.splitlines()
              for text in re.findall(r'`([^`]+)`|"([^"]+)"', row.split(" | ")[0])]
    pieces = {piece.strip() for pair in quoted for piece in re.split(r"…|NAME|\(|\)|\d+|: ", pair[0] or pair[1])}
    known = messages() + "\n" + "\n".join(os.strerror(number).lower() for number in errno.errorcode)
    assert len(pieces) > 20
    assert [piece for piece in sorted(pieces) if piece and piece not in known] == []


def test_every_decision_stands_in_their_list():
    pages = {path.name for path in (ROOT / "docs/decisions").glob("0*.md")}
    listed = re.findall(r"^\| \[(\d+)\]\((\1[\w-]*\.md)\) \|", read("docs/decisions/README.md"), re.M)
    assert len(pages) > 10 and sorted(name for _, name in listed) == sorted(pages)


def test_links_to_sections_lead_to_one():
    for page in samples.PAGES:
        for path, anchor in re.findall(r"\]\(([^)#:\s]*)#([^)]+)\)", page.read_text()):
            text = (page.parent / path if path else page).read_text()
            heads = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.M)}
            assert anchor in heads, f"{page}: {path}#{anchor}"


def test_the_pages_count_the_commands_of_the_transcripts_right():
    told = int(re.search(r"what ExaBGP says to (\d+) commands", read("docs/exabgp.md")).group(1))
    shown = (ROOT / "tests/data/exabgp/4.2.21-json.txt").read_text()
    assert told == len(re.findall(r"^> ", shown, re.M))


def test_who_decides_stands_as_in_the_source():
    source = read("src/model/decide.c")
    texts = dict(re.findall(r'X\((BC_LAYER_\w+), "(\w+)"\)', read("src/model/decide.h")))
    functions = re.findall(r"\{(decide_\w+), (?:true|false)\}", source)
    layers = [texts[re.search(r"\b%s\(const.*?(BC_LAYER_\w+)" % name, source, re.S).group(1)] for name in functions]
    table = read("docs/keys.md").split("## Who decides")[1].split("\n## ")[0]
    told = re.findall(r"^\| `(\w+)` \|", table, re.M)
    assert [name for at, name in enumerate(told) if at == 0 or told[at - 1] != name] == layers
    assert set(layers) == set(texts.values()) and len(functions) > 10
