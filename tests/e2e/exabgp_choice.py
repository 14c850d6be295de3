"""Which ExaBGP the labs start: Debian's, or the one that EXABGP names:

    EXABGP=/path/to/program         run as `program CONF`
    EXABGP=/path/to/a/source/tree   run as `python3 -m exabgp CONF` from its lib (4.2) or src (5.0)

The user exabgp must be able to read it."""
import functools
import os
import pathlib
import subprocess

INSTALLED = "/usr/sbin/exabgp"


class Choice:
    """argv, to which the configuration is appended; environment, to be added; version: "4.2.21"."""

    def __init__(self, named):
        path = pathlib.Path(named)
        source = next((path / name for name in ("lib", "src") if (path / name / "exabgp").is_dir()), None)
        self.argv = ["/usr/bin/python3", "-m", "exabgp"] if source else [str(path)]
        self.environment = {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"} if source else {}
        self.version = self._ask("--version") or self._ask("version")
        if not self.version:
            raise AssertionError(f"EXABGP={named} is neither a program nor a source tree of ExaBGP that runs")
        self.is_5 = self.version.startswith("5.")

    def _ask(self, word):
        done = subprocess.run([*self.argv, word], env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60)
        first = done.stdout.split("\n", 1)[0]
        return first.rpartition(" ")[2] if first.startswith("ExaBGP") else None


@functools.lru_cache
def chosen():
    return Choice(os.environ.get("EXABGP") or INSTALLED)
