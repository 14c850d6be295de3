"""Writes docs/limits.md from src/base/limits.h; `--print` only prints it."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINE = re.compile(r'^\s+X\((\w+), (\d+), "([^"]*)"\)', re.MULTILINE)
HEAD = """# Limits

Everything that grows has a limit. A key above a limit is a fault of that key: its last good value stays in force, the
status says so, and the rest works on. This page is made from `src/base/limits.h` by `tests/lint/gen_limits.py`.

| what | limit | name |
|---|---:|---|
"""


def text():
    rows = LINE.findall((ROOT / "src/base/limits.h").read_text())
    return HEAD + "".join(f"| {what} | {int(value):,} | `BC_LIMIT_{name}` |\n" for name, value, what in rows)


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.write(text())
    else:
        (ROOT / "docs/limits.md").write_text(text())
