"""A lab whose daemon runs under valgrind: each process writes a report when it ends, and all of them must be clean."""
import contextlib
import fcntl
import itertools
import os
import pathlib
import platform
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
# In place of the program: the program under valgrind. Valgrind also takes this file for its launcher, which it runs for
# each process to be traced; there it would take /proc/self/exe, by which workers are started, for itself.
export VALGRIND_LIB={lib} VALGRIND_LAUNCHER={wrapper}
case $1 in
--*)
  for word do
    shift
    if [ "$word" = /proc/self/exe ]; then
      word={program}
    fi
    set -- "$@" "$word"
  done
  exec {tool} "$@"
  ;;
esac
exec {tool} {options} --log-file={reports}/memcheck.%p {program} "$@"
"""
LIBRARIES = ["/usr/libexec/valgrind", "/usr/lib/valgrind", "/usr/local/libexec/valgrind"]
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
COMMAND = re.compile(r"^==\d+== Command: (.*)$", re.MULTILINE)
SUMMARY = re.compile(r"^==\d+== ERROR SUMMARY: (\d+) errors", re.MULTILINE)
LOST = re.compile(r"^==\d+==\s+(definitely|indirectly|possibly) lost: ([\d,]+) bytes", re.MULTILINE)
REACHABLE = re.compile(r"^==\d+==\s+still reachable: ([\d,]+) bytes", re.MULTILINE)
RECORD_END = re.compile(r"\n==\d+== ?\n")
FRAME = re.compile(r"^==\d+==\s+(?:at|by) 0x[0-9A-F]+: (\S+)", re.MULTILINE)
OPEN_FILE = re.compile(r"^==\d+== Open (file descriptor|AF_\w+ socket) (\d+):", re.MULTILINE)


def find_tool():
    machine = MACHINES.get(platform.machine(), platform.machine())
    for library in LIBRARIES:
        tool = pathlib.Path(library) / f"memcheck-{machine}-linux"
        if tool.exists():
            return tool
    raise LabError("valgrind is not installed (tests/deps installs it)")


def plain_build():
    """The program without sanitizers, built inside the build that is tested; or the one that BC_PLAIN names."""
    if os.environ.get("BC_PLAIN"):
        return pathlib.Path(os.environ["BC_PLAIN"])
    build = pathlib.Path(os.environ.get("BC_BUILD", SOURCE / "build-tests" / "asan")) / "plain"
    build.mkdir(parents=True, exist_ok=True)
    with open(build / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test programs want it at once
        for command in (["cmake", "-S", SOURCE, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                         "-DCMAKE_C_FLAGS=-O1 -g", "-DBC_TESTS=OFF"], ["ninja", "-C", build, "bgpcommander"]):
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
        self.is_ended = self.errors is not None  # else it was killed, or lives
        self.is_by_itself = self.is_ended and "Process terminating with default action" not in self.text

    def own_reachable(self):
        """Blocks from our allocator that stand at the end: nobody lost them, and nobody freed them either."""
        return [record for record in RECORD_END.split(self.text)
                if "still reachable in loss record" in record
                and any(frame.startswith("bc_mem_") for frame in FRAME.findall(record))]

    def open_files(self):
        """Descriptors left open; libuv keeps one pipe for signals, valgrind its report."""
        return [record for part in RECORD_END.split(self.text) for record in re.split(r"\n(?===\d+== Open )", part)
                if OPEN_FILE.search(record) and "/memcheck/" not in record and "uv_once" not in FRAME.findall(record)
                and int(OPEN_FILE.search(record).group(2)) > 2]

    def problems(self):
        """Texts; empty when all is clean."""
        found = []
        if self.errors or any(self.lost.values()):
            found += [record for record in RECORD_END.split(self.text)
                      if " lost in loss record " in record or "loss record" not in record]
        if self.is_by_itself and self.role != "cli":
            found += [f"not freed:\n{record}" for record in self.own_reachable()]
            found += [f"not closed:\n{record}" for record in self.open_files()]
        return [f"{self.role} (pid {self.pid}): {text}" for text in found]

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
        tool = find_tool()
        self.program.write_text(WRAPPER.format(lib=tool.parent, wrapper=self.program, tool=tool, program=self.real,
                                               options=" ".join(f"'{word}'" for word in OPTIONS), reports=self.memcheck))
        self.program.chmod(0o755)

    def wait_for(self, predicate, timeout, what, **more):
        return super().wait_for(predicate, timeout * SLOWNESS, what, **more)

    @staticmethod
    def _arguments(pid):
        """The command line without valgrind's part, under the name of the program."""
        words = Lab._arguments(pid)
        if not words or "memcheck" not in words[0] and words[1:2] != ["--tool=memcheck"]:
            return words
        return list(itertools.dropwhile(lambda word: word.startswith("--"), words[1:]))

    def report_of(self, pid):
        return Report(self.memcheck / f"memcheck.{pid}")

    def all_reports(self):
        return [Report(path) for path in sorted(self.memcheck.glob("memcheck.*")) if path.suffix[1:].isdigit()]

    def end_role(self, role):
        """Ends the role's process, and no other, by TERM; returns its report."""
        pid, core = self.pid_of(role), self.pid_of("core")
        if role == "exec":
            os.kill(core, signal.SIGSTOP)  # it would kill a worker that closes its channel
        os.kill(pid, signal.SIGTERM)
        try:
            self.wait_for(lambda: self.report_of(pid).is_ended, 10, f"{role} {pid} reports")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(core, signal.SIGCONT)
        return self.report_of(pid)

    def end_all(self):
        """Ends all roles so that each writes a report, and returns all reports. TERM to ExaBGP alone would not do:
        workers are killed when core ends, and core when it is not gone within two seconds."""
        for role in ("exec", "core"):
            self.end_role(role)
            self.wait_for(self._is_running, 15, f"all is well again after the end of {role}")
        self.stop_exabgp()
        self.wait_for(lambda: not any(self.daemons().values()), 10, "the daemon has ended")
        return self.all_reports()

    def _is_running(self):
        return self.is_synced() and self.status()["workers"]["exec"]["state"] == "running"

    def sanitizer_reports(self):
        if not hasattr(self, "memcheck"):
            return []
        problems = []
        try:
            # A test may have ended it already.
            if self.exabgp is not None and all(self.daemons().values()):
                self.end_all()
        except (LabError, OSError, TypeError, ValueError) as error:
            problems.append(f"the daemon could not be ended in an orderly way: {error}")
        reports = self.all_reports()
        self._keep(reports)
        return problems + [problem for report in reports for problem in report.problems()]

    def _keep(self, reports):
        """In the directory that BC_VALGRIND names."""
        if not os.environ.get("BC_VALGRIND"):
            return
        kept = pathlib.Path(os.environ["BC_VALGRIND"])
        kept.mkdir(parents=True, exist_ok=True)
        for report in reports:
            shutil.copy(self.memcheck / f"memcheck.{report.pid}", kept / f"{report.role}.{report.pid}")
        with open(kept / "summary", "a") as summary:
            summary.writelines(f"{report!r}\n" for report in reports)
