"""Writes the tables of docs/metrics.md from src/core/metrics.def; `--print` only prints the page."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARK = "<!-- made by tests/lint/gen_metrics.py -->\n"
TEXT = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
LINE = re.compile(r"^BC_METRIC_(?:"
                  r"(?P<section>SECTION)\(" + TEXT + r"\)|"
                  r"VALUE\((?P<value>\w+), (?P<value_type>\w+),\s*" + TEXT + r",|"
                  r"(?P<kind>LIST|SUM|ROUTE|CHECK)\((?P<name>\w+), (?P<type>\w+), \"(?P<labels>[^\"]*)\",\s*" + TEXT + r",)", re.M)


def joined(texts):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', texts)).replace('\\"', '"')


def metrics():
    """(section, name, type, [label], help) of each, in the order of the list."""
    section, found = None, []
    source = re.sub(r"/\*.*?\*/", "", (ROOT / "src/core/metrics.def").read_text(), flags=re.S)
    for line in LINE.finditer(source):
        texts = [group for group in line.groups() if group and group.startswith('"')]
        if line["section"]:
            section = joined(texts[0])
        elif line["value"]:
            found.append((section, line["value"], line["value_type"].lower(), [], joined(texts[0])))
        else:
            labels = line["labels"].split(",") if line["labels"] else []
            found.append((section, line["name"], line["type"].lower(), labels, joined(texts[0])))
    assert len(LINE.findall(source)) == len(re.findall(r"^BC_METRIC_", source, re.M))
    return found


def tables():
    made, before = [], None
    for section, name, kind, labels, text in metrics():
        if section != before:
            made.append(f"\n## {section}\n\n| name | type | labels | what |\n|---|---|---|---|\n")
        before = section
        made.append(f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {text} |\n")
    return "".join(made)


def page():
    text = (ROOT / "docs/metrics.md").read_text()
    return text[:text.index(MARK) + len(MARK)] + tables()


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.write(page())
    else:
        (ROOT / "docs/metrics.md").write_text(page())
