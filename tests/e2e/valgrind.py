"""A lab whose daemon runs under valgrind: each process writes a report when it ends, and all of them must be clean."""
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess

from lab import Lab, LabError

SOURCE = pathlib.Path(os.environ.get("BC_SOURCE", pathlib.Path(__file__).parents[2]))
# Everything that a program does lasts this many times longer.
SLOWNESS = 6
OPTIONS = [
    "--tool=memcheck", "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=definite,indirect,possible",
    "--error-exitcode=99", "--num-callers=30", "--track-fds=yes", "--child-silent-after-fork=yes",
    # The roles start each other by a path; checks are programs of others.
    "--trace-children=yes", "--trace-children-skip=/bin/*,/usr/bin/*,*/scripts/*",
    f"--suppressions={SOURCE}/tests/valgrind.supp",
]
WRAPPER = """#!/bin/sh
# In place of the program: itself under valgrind.
exec valgrind {options} --log-file={reports}/memcheck.%p {program} "$@"
"""
COMMAND = re.compile(r"^==\d+== Command: (.*)$", re.MULTILINE)
SUMMARY = re.compile(r"^==\d+== ERROR SUMMARY: (\d+) errors", re.MULTILINE)
LOST = re.compile(r"^==\d+==\s+(definitely|indirectly|possibly) lost: ([\d,]+) bytes", re.MULTILINE)
REACHABLE = re.compile(r"^==\d+==\s+still reachable: ([\d,]+) bytes", re.MULTILINE)
KILLED = "Process terminating with default action of signal 9"


def plain_build(build_type="Debug", flags="-O1 -g"):
    """The program without sanitizers, built beside the build that is tested; BC_PLAIN names one that is there."""
    if os.environ.get("BC_PLAIN"):
        return pathlib.Path(os.environ["BC_PLAIN"])
    build = pathlib.Path(os.environ.get("BC_BUILD", SOURCE / "build-tests" / "asan")).parent / "valgrind"
    build.mkdir(parents=True, exist_ok=True)
    with open(build / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (["cmake", "-S", SOURCE, "-B", build, "-G", "Ninja", f"-DCMAKE_BUILD_TYPE={build_type}",
                         f"-DCMAKE_C_FLAGS={flags}", "-DBC_TESTS=OFF"], ["ninja", "-C", build, "bgpcommander"]):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode != 0:
                raise LabError(done.stdout)
    return build / "bgpcommander"


class Report:
    """What valgrind says about one process."""

    def __init__(self, path):
        self.pid = int(path.suffix[1:])
        self.text = path.read_text(errors="replace")
        command = COMMAND.search(self.text)
        words = command.group(1).split() if command else []
        self.role = next((word[1:] for word in words if word in ("@core", "@exec")), "holder" if "-c" in words else "cli")
        summary = SUMMARY.search(self.text)
        self.errors = int(summary.group(1)) if summary else None
        self.lost = {kind: int(size.replace(",", "")) for kind, size in LOST.findall(self.text)}
        reachable = REACHABLE.search(self.text)
        self.reachable = int(reachable.group(1).replace(",", "")) if reachable else 0
        self.is_ended = self.errors is not None

    def problem(self):
        """A text when it is not clean."""
        bad = self.errors or any(self.lost.values())
        return f"{self.role} (pid {self.pid}):\n{self.text[-20000:]}" if bad else None

    def __repr__(self):
        end = f"{self.errors} errors, lost {sum(self.lost.values())}, reachable {self.reachable}"
        return f"{self.role} {self.pid}: {end if self.is_ended else 'was killed, no report'}"


class ValgrindLab(Lab):
    def _make_files(self, program):
        super()._make_files(program if program == "none" else program or plain_build())
        if program == "none":
            return
        self.real = self.dir / "real" / "bgpcommander"
        self.real.parent.mkdir()
        shutil.move(self.program, self.real)
        self.memcheck = self.dir / "memcheck"
        self.memcheck.mkdir()
        self.memcheck.chmod(0o777)
        self.program.write_text(WRAPPER.format(options=" ".join(OPTIONS), reports=self.memcheck, program=self.real))
        self.program.chmod(0o755)

    def wait_for(self, predicate, timeout, what, **more):
        return super().wait_for(predicate, timeout * SLOWNESS, what, **more)

    @staticmethod
    def _arguments(pid):
        """The command line without valgrind's part, under the name of the program."""
        words = Lab._arguments(pid)
        if not words or "valgrind" not in words[0]:
            return words
        rest = [word for word in words[1:]]
        while rest and rest[0].startswith("--"):
            rest.pop(0)
        if rest and rest[0] == "/proc/self/exe":
            rest[0] = "bgpcommander"
        return rest

    def report_of(self, pid):
        return Report(self.memcheck / f"memcheck.{pid}")

    def all_reports(self):
        return [Report(path) for path in sorted(self.memcheck.glob("memcheck.*")) if path.suffix[1:].isdigit()]

    def end_role(self, role, number=signal.SIGTERM):
        """Ends the role's process by itself, and returns its report."""
        pid = self.pid_of(role)
        os.kill(pid, number)
        self.wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 10, f"{role} ends")
        return self.report_of(pid)

    def sanitizer_reports(self):
        if not hasattr(self, "memcheck"):
            return []
        # Workers are killed when core ends, core when the holder does: each is told to end itself first.
        with contextlib.suppress(LabError, OSError, TypeError):
            for role in ("exec", "core"):
                if self.exabgp is not None and self.pid_of(role):
                    self.end_role(role)
            self.stop_exabgp()
        reports = self.all_reports()
        print("\n".join(repr(report) for report in reports))
        return [problem for report in reports if (problem := report.problem())]
