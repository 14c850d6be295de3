"""Every block of a page is claimed by a test (tests/samples.py), and the samples that need no daemon are right."""
import ast
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import jsonschema
import pytest
from source import ROOT

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import samples  # noqa: E402

BLOCKS = samples.all_blocks()
PROGRAM = os.environ.get("BGPCOMMANDER")
needs_program = pytest.mark.skipif(not PROGRAM, reason="BGPCOMMANDER does not name the built program")


def texts_of(test):
    """Every text in its code."""
    tree = ast.parse((ROOT / "tests" / f"{test}.py").read_text())
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_names_a_test_that_names_it(block):
    assert block.test, f'{block}: put <!-- tested: DIRECTORY/test_FILE "name" --> before it, and a test that checks it'
    assert (ROOT / "tests" / f"{block.test}.py").exists(), f"{block}: there is no tests/{block.test}.py"
    assert block.name in texts_of(block.test), f'{block}: tests/{block.test}.py does not hold "{block.name}"'


def test_names_are_given_once_and_no_comment_stands_alone():
    names = [block.name for block in BLOCKS]
    assert len(names) == len(set(names)) > 30
    claims = sum(line.startswith("<!-- tested") for page in samples.PAGES for line in page.read_text().splitlines())
    assert claims == len(BLOCKS)


def test_every_fence_is_a_block():
    for page in samples.PAGES:
        fences = len(re.findall(r"^\s*(?:```|~~~)", page.read_text(), re.M))
        found = [block for block in BLOCKS if block.page == page]
        indented = [block for block in found if page.read_text().splitlines()[block.line - 1].startswith("    ")]
        assert fences == 2 * (len(found) - len(indented)), page


# ---- the daemon's parts ----

def test_the_drawing_names_the_processes_and_what_is_between_them():
    drawing = samples.block("drawing")
    roles = set(re.findall(r'"@(\w+)"', (ROOT / "src/main.c").read_text()))
    # @run, @test and @compile are sandboxes of commands, no part of the daemon.
    assert roles == {"core", "exec", "lua", "policy", "run", "test", "compile"}
    for role in roles - {"run", "test", "compile"} | {"holder"}:
        assert re.search(rf"\b{role}\b", drawing), role
    assert "socketpair" in drawing
    assert any("socketpair(" in path.read_text() for path in (ROOT / "src/io").glob("*.c"))


# ---- options ----

def options_answers(texts):
    probe = pathlib.Path(os.environ["BC_BUILD"]) / "tests/options_probe"
    done = subprocess.run([probe], input="".join(text + "\n" for text in texts), text=True, stdout=subprocess.PIPE, timeout=60)
    return done.stdout.splitlines()


def test_options_of_the_page_are_good_ones():
    page = (ROOT / "docs/options.md").read_text()
    examples = re.findall(r"^\| `\w+` \|(?:[^|\n]*\|){3} `([^`\n]*)` \|$", page, re.M)
    assert len(examples) == len(re.findall(r"^\| `\w+` \|(?:[^|\n]*\|){4}$", page, re.M)) > 8
    blocks = ["options", "options-ready-made", "options-checks"]
    texts = [*(samples.block(name).strip() for name in blocks), *("{%s}" % example for example in examples)]
    schema = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/options.schema.json").read_text()))
    for text in texts:
        schema.validate(json.loads(text))
    assert options_answers(texts) == ["ok"] * len(texts)


# ---- the grammar ----

@pytest.mark.parametrize("name", ["grammar-line", "grammar-flow"])
def test_the_words_of_the_grammar_are_those_of_the_parser(name):
    text = samples.block(name)
    parser = " ".join(path.read_text() for path in sorted((ROOT / "src/model").glob("*.[ch]")))
    known = set(re.findall(r'"([^"\\\s]+)"', parser)) | {mark for mark in re.findall(r"'(.)'", parser)}
    words = set(re.findall(r'"([^"]+)"', text))
    known.add("/0")  # an offset, read as a number
    # Families are two words there: "ipv4 mpls-vpn".
    known |= {word for pair in re.findall(r'"([a-z0-9]+ [a-z0-9-]+)"', parser) for word in pair.split()}
    assert len(words) > 8 and words - known == set()


def test_the_rules_of_the_grammar_are_all_there():
    text = samples.block("grammar-line") + samples.block("grammar-flow")
    rules = set(re.findall(r"^(\w+) +=", text, re.M))
    used = set(re.findall(r"\b([a-z]{3,})\b", re.sub(r'"[^"]*"', "", re.sub(r"^\w+ +=|   .*$", "", text, flags=re.M))))
    assert used - rules - {"scope", "value", "operator", "action", "match", "attribute"} == set(), used - rules


# ---- command lines ----

def test_the_programs_of_the_two_commands_are_there():
    lines = [line.partition("#")[0].split() for line in samples.block("two-commands").splitlines()]
    assert lines == [["sh", "examples/quickstart/run"], ["sh", "tests/run"]]
    for _, path in lines:
        assert os.access(ROOT / path, os.X_OK)


def test_the_commands_that_install(tmp_path):
    """Run as they stand, in a tree with stand-ins for those that need root or an hour."""
    tools, told = tmp_path / "tools", tmp_path / "told"
    tools.mkdir()
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    for name in ("cmake", "systemd-sysusers", "systemd-tmpfiles", "dpkg-query", "apt-get"):
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{told}\n[ {name} != dpkg-query ] || printf installed\n')
    (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    for path in tools.iterdir():
        path.chmod(0o755)
    subprocess.run(["sh", "-euc", samples.block("install")], check=True, cwd=tmp_path, timeout=60,
                   env={"PATH": f"{tools}:/usr/bin:/bin"})
    lines = told.read_text().splitlines()
    assert any("cmake" in line for line in lines if line.startswith("dpkg-query"))
    assert [line for line in lines if not line.startswith("dpkg-query")] == [
        "cmake -B build", "cmake --build build", "cmake --install build", "systemd-sysusers ", "systemd-tmpfiles --create"]


@pytest.mark.parametrize("option", re.findall(r"-D(BC_\w+)", "".join(page.read_text() for page in samples.PAGES)))
def test_options_of_the_build_are_known_to_it(option):
    build = (ROOT / "CMakeLists.txt").read_text() + (ROOT / "src/install.cmake").read_text()
    assert re.search(rf"^\s*(?:option|set)\({option}\b", build, re.M)


@pytest.mark.parametrize("name", ["quickstart-run", "quickstart-keep", "quickstart-dir"])
def test_the_quickstart_knows_its_flags(name, tmp_path):
    path, *words = samples.block(name).split()
    script = (ROOT / path).read_text()
    # Up to where the flags have been read.
    head = tmp_path / "head"
    head.write_text(script[:script.index("finish() {")].replace('. "$here/lab.sh"', ""))
    done = subprocess.run(["sh", head, *words], stderr=subprocess.PIPE, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert subprocess.run(["sh", head, *words, "--no-such"], stderr=subprocess.DEVNULL, timeout=30).returncode == 2


@needs_program
def test_the_flags_of_the_classic_page_are_ours():
    usage = subprocess.run([PROGRAM, "--help"], stdout=subprocess.PIPE, text=True, timeout=30).stdout
    lines = samples.block("seed-flags").splitlines()
    assert len(lines) == 3
    for line in lines:
        letter, text = re.fullmatch(r'-(\w)=\S+: (.+)', line).groups()
        assert re.search(rf"^  -{letter}=\S+: {re.escape(text)}", usage, re.M), line


def test_the_manual_shows_the_process_block_of_the_readme():
    manual = (ROOT / "docs/man/bgpcommander.8").read_text().replace("\\-", "-")
    shown = re.search(r"^\.nf\n(process .*?^\}\n)", manual, re.M | re.S).group(1)
    assert samples.block("readme-conf").startswith(shown) and samples.block("exabgp-conf").startswith(shown)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck")
@pytest.mark.parametrize("name", ["three-keys", "install", "two-commands", "three-commands", "turn-a-link", "sticky-directory"])
def test_shell_samples_are_shell(name, tmp_path):
    script = tmp_path / "sample.sh"
    script.write_text("#!/bin/sh\nrepository=$1 commit=$2\n: \"$repository\" \"$commit\"\n" + samples.block(name))
    done = subprocess.run(["shellcheck", "--severity=warning", script], stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


# ---- routes ----

def parsed(lines):
    done = subprocess.run([PROGRAM, "parse"], input="".join(line + "\n" for line in lines), text=True, stdout=subprocess.PIPE,
                          timeout=30)
    return dict(zip(lines, done.stdout.splitlines()))


def refused(lines):
    return {line: answer for line, answer in parsed(lines).items() if not answer.startswith("ok\t")}


@needs_program
def test_routes_in_the_text_of_the_pages_are_routes():
    """Those with an address; grammar.md also tells of such as are refused."""
    pages = [page for page in samples.PAGES if page.name != "grammar.md" and page.parent.name != "decisions"]
    texts = re.findall(r"`((?:route|attributes|vpls|flow route|neighbor) [^`\n]*\d[^`\n]*)`",
                       "".join(page.read_text() for page in pages))
    lines = sorted({text for text in texts if not re.search(r"…|[A-Z]{2}", text)})
    assert "route 172.16.1.5/32 next-hop self med 100" in lines
    assert refused(lines) == {}


def grammar_table(header):
    table = re.search(rf"^\| {header} \|.*\n\|[-|]+\n((?:\|.*\n)+)", (ROOT / "docs/grammar.md").read_text(), re.M).group(1)
    cells = [row.replace("\\|", "\0").split("|")[-2] for row in table.splitlines()]
    return [text.replace("\0", "|") for cell in cells for text in re.findall(r"`([^`]+)`", cell)
            if "..." not in text and text != "withdraw"]


@needs_program
def test_canonical_attributes_of_the_grammar_are_canonical():
    examples = [text for text in grammar_table("attribute") if text.split()[0] not in ("split", "watchdog")]
    assert len(examples) > 14
    rest = {"label": "", "rd": "label 5 ", "next-hop": None}
    for text in examples:
        before = rest.get(text.split()[0], "")
        next_hop = "" if before is None else "next-hop self "
        line = f"route 10.0.0.0/24 {before or ''}{next_hop}{text}"
        answer = parsed([line])[line]
        assert answer.startswith("ok\troute 10.0.0.0/24 ") and f" {text}" in answer, f"{line}: {answer}"
    line = "route 10.0.0.0/24 next-hop self split /25"
    assert parsed([line])[line] == f"ok\t{line}" and "split /25" in grammar_table("attribute")


@needs_program
def test_canonical_matches_of_the_grammar_are_canonical():
    examples = grammar_table("match")
    assert len(examples) > 10
    for text in examples:
        is_other = re.match(r"next-header|traffic-class|flow-label", text)
        if text.strip() in ("next-header", "traffic-class"):
            continue
        source = "source-ipv6 2001:db8::/32/0; " if is_other else ""
        line = f"flow route {{ match {{ {source}{text}; }} then {{ discard; }} }}"
        answer = parsed([line])[line]
        assert answer.startswith("ok\t") and f" {text};" in answer, f"{line}: {answer}"


@needs_program
def test_what_the_grammar_says_is_refused_is_refused():
    """The rows that show a whole route, or an attribute with its value."""
    for text in ("as-path [ -1 ]", "community 1:65536", "label 1048576", "label [ ]", "{ next-hop self; med 5 }"):
        assert f"`{text}`" in (ROOT / "docs/grammar.md").read_text()
        line = f"route 10.0.0.0/24 {text}" if "next-hop" in text else f"route 10.0.0.0/24 next-hop self {text}"
        assert parsed([line])[line].startswith("error\t"), line


@needs_program
@pytest.mark.parametrize("block, word, count, bad", [("exec-rules", "exec_allow", 3, "exec_allow birdc show"),
                                                     ("egress-rules", "egress_", 7, "egress_deny 10.0.0.1/8")])
def test_the_rules_are_taken_from_a_node_file(tmp_path, block, word, count, bad):
    file = tmp_path / "n.conf"
    rules = samples.block(block)

    def complaints(text):
        file.write_text(text)
        file.chmod(0o644)
        done = subprocess.run([PROGRAM, "status", "--config", file, "--socket", tmp_path / "none", "-n", "n"], text=True,
                              stderr=subprocess.PIPE, timeout=30)
        return [line for line in done.stderr.splitlines() if line.startswith(f"{file}:")]

    assert rules.count(word) == count and complaints(rules) == []
    assert complaints(f"{rules}{bad}\n") != []
