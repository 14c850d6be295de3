"""Counts the cases of a CTest run: those that cmocka and pytest name inside their programs, else the program as one.

    count.py LastTest.log [FAILED_BUILDS]

Last line: "N passed, N failed". Exit 1 when something failed or nothing ran."""
import re
import sys

BLOCK = re.compile(r"^\d+/\d+ Testing: (?P<name>.*?)$(?P<body>.*?)(?=^\d+/\d+ Testing: |\Z)", re.MULTILINE | re.DOTALL)


def cases(body):
    """(passed, failed, skipped) that the output tells."""
    def total(pattern):
        return sum(int(number) for number in re.findall(pattern, body, re.MULTILINE))
    passed = total(r"^\[  PASSED  \] (\d+) test\(s\)\.")
    failed = total(r"^\[  FAILED  \] (\d+) test\(s\)")
    skipped = total(r"^\[  SKIPPED \] (\d+) test\(s\)")
    summary = re.findall(r"^=*\s?((?:\d+ \w+, )*\d+ \w+) in [\d.]+s", body, re.MULTILINE)
    for number, word in re.findall(r"(\d+) (\w+)", summary[-1] if summary else ""):
        passed += int(number) if word == "passed" else 0
        failed += int(number) if word in ("failed", "error", "errors") else 0
        skipped += int(number) if word == "skipped" else 0
    return passed, failed, skipped


def main():
    with open(sys.argv[1], errors="replace") as file:
        text = file.read()
    passed, failed, skipped = 0, int(sys.argv[2]) if len(sys.argv) > 2 else 0, 0
    bad = []
    for block in BLOCK.finditer(text):
        # Any other end (failed, timeout, not run) has other words.
        is_good = re.search(r"^Test Passed\.$", block["body"], re.MULTILINE) is not None
        p, f, s = cases(block["body"])
        if not is_good:
            f = max(f, 1)
            bad.append(block["name"])
        elif p + f + s == 0:
            p = 1
        passed, failed, skipped = passed + p, failed + f, skipped + s
    for name in bad:
        print(f"failed: {name}")
    if skipped:
        print(f"skipped: {skipped} cases, each with its reason in its program's output")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
