"""The rules for the text of the project that a program can check."""
import re
import subprocess

import gen_limits
import source

MOST_FILE_LINES = 600
MOST_FUNCTION_LINES = 80
BANNED = re.compile(r"\b(strcpy|strcat|stpcpy|sprintf|vsprintf|atoi|atol|atoll|atof|strtok|gets|alloca|system|popen|mktemp|"
                    r"tmpnam|tempnam|longjmp|siglongjmp)\s*\(")
# In pieces, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")
MACHINE_PATHS = re.compile(r"(?<![\w.}$)/-])/(" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me/[a-z]+", "tmp/bu" + "ild"]) + r")/")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MENTION = re.compile(r"(?<![\w/.])((?:docs|examples|tests|src|lua)/[\w./-]*\.(?:md|json|py|h|c|def|lua|conf))\b")


def c_files():
    return source.files(".c", ".h")


def test_c_is_formatted():
    names = [str(path) for path in source.files(".c", ".h")]
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=source.ROOT, stderr=subprocess.PIPE, text=True)
    bad = sorted(set(re.findall(r"^(\S+):\d+:\d+: error", done.stderr, re.MULTILINE)))
    assert done.returncode == 0, "run clang-format -i on:\n" + "\n".join(bad)


def test_no_unsafe_calls():
    bad = [f"{source.short(path)}:{number}: {call.group(1)}()" for path in c_files()
           for number, line in enumerate(source.code_only(path.read_text()).splitlines(), 1)
           if (call := BANNED.search(line))]
    assert not bad, "\n".join(bad)


def test_every_if_has_braces():
    bad = []
    for path in c_files():
        lines = source.code_only(path.read_text()).splitlines()
        for number, line in enumerate(lines, 1):
            if re.match(r"\s*(?:\} )?(?:else )?(?:if|for|while) \(", line) and line.rstrip().endswith(";") \
                    and line.count("(") == line.count(")"):
                if not re.match(r"\s*\} while \(", line):
                    bad.append(f"{source.short(path)}:{number}")
            if re.match(r"\s*(?:\} )?(?:else )?if \(.*\)$", line) and line.count("(") == line.count(")"):
                bad.append(f"{source.short(path)}:{number}")
    assert not bad, "\n".join(bad)


def test_structs_are_not_hidden_behind_typedefs():
    bad = [f"{source.short(path)}:{number}" for path in c_files()
           for number, line in enumerate(source.code_only(path.read_text()).splitlines(), 1)
           if re.search(r"\btypedef\s+(struct|union|enum)\b", line)]
    assert not bad, "\n".join(bad)


def test_files_are_short():
    bad = [f"{source.short(path)}: {lines} lines" for path in source.files(".c", ".h", ".def", ".py", ".lua")
           if (lines := len(path.read_text().splitlines())) > MOST_FILE_LINES]
    assert not bad, "\n".join(bad)


def test_functions_are_short():
    bad = []
    for path in c_files():
        start = None
        for number, line in enumerate(source.code_only(path.read_text()).splitlines(), 1):
            if re.match(r"[A-Za-z_]", line) and "(" in line and not line.rstrip().endswith(";") \
                    and line.count("(") == line.count(")"):
                start = number
            elif line.startswith("}") and start is not None:
                if number - start + 1 > MOST_FUNCTION_LINES:
                    bad.append(f"{source.short(path)}:{start}: {number - start + 1} lines")
                start = None
            elif line.rstrip().endswith(";") and line[:1] not in (" ", "\t", "#", ""):
                start = None
    assert not bad, "\n".join(bad)


def test_nothing_unfinished_and_no_machine_paths():
    bad = []
    for path in source.files():
        if not source.is_text(path) or "/corpus/" in str(path):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if UNFINISHED.search(line) or MACHINE_PATHS.search(line):
                bad.append(f"{source.short(path)}:{number}: {line.strip()[:100]}")
    assert not bad, "\n".join(bad)


def test_limits_page_agrees_with_the_header():
    rows = gen_limits.LINE.findall((source.ROOT / "src/base/limits.h").read_text())
    listed = re.findall(r"^\s+X\(", (source.ROOT / "src/base/limits.h").read_text(), re.MULTILINE)
    assert len(rows) == len(listed), "a line of limits.h has another form than X(NAME, 123, \"text\")"
    assert (source.ROOT / "docs/limits.md").read_text() == gen_limits.text(), "run tests/lint/gen_limits.py"


def test_links_and_mentioned_files_exist():
    bad = []
    for path in source.files(".md"):
        text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
        for target in LINK.findall(text):
            if not re.match(r"[a-z]+:|#", target) and not (path.parent / target.split("#")[0]).exists():
                bad.append(f"{source.short(path)}: link to {target}")
    for path in source.files(".md", ".c", ".h", ".def", ".py", ".txt", ".sh", ".lua"):
        for target in MENTION.findall(path.read_text()):
            # Capitals stand for a name (test_SUBJECT.c).
            if not re.search(r"[A-Z]{3}", target.replace("README", "")) and not (source.ROOT / target).exists():
                bad.append(f"{source.short(path)}: mentions {target}")
    assert not bad, "\n".join(bad)


def test_shell_scripts_are_clean():
    names = [source.short(path) for path in source.shell_scripts()]
    assert names
    done = subprocess.run(["shellcheck", *names], cwd=source.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    assert done.returncode == 0, done.stdout
