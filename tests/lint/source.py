"""What the lints look at: the files of the project, and C text without comments and literals."""
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(os.environ.get("BC_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def files(*patterns):
    """Files that git knows or would add, else all of a source tree without git, by the ends of their names."""
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if listed.returncode == 0:
        names = [ROOT / name for name in listed.stdout.splitlines()]
    else:
        names = [path for path in ROOT.rglob("*")
                 if not any(part.startswith(("build", ".git")) or part == "__pycache__"
                            for part in path.relative_to(ROOT).parts[:-1])]
    return sorted(path for path in names if path.is_file() and (not patterns or path.name.endswith(patterns)))


def short(path):
    return str(path.relative_to(ROOT))


def code_only(text, keep_strings=False):
    """C without comments (and texts); lines stay where they were."""
    def blank(match):
        token = match.group(0)
        if token[0] in "\"'":
            return token if keep_strings else token[0] * 2
        return "\n" * token.count("\n") or " "
    return TOKEN.sub(blank, text)


def is_text(path):
    with open(path, "rb") as file:
        return b"\0" not in file.read(8192)


def shell_scripts():
    """Programs whose first line names sh, and *.sh."""
    found = []
    for path in files():
        with open(path, "rb") as file:
            first = file.readline(80)
        if path.name.endswith(".sh") or re.match(rb"#!\s*(/usr)?/bin/(env )?(ba|da)?sh\b", first):
            found.append(path)
    return found
