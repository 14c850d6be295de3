"""Labs need network namespaces: as root they are simply made; otherwise pytest starts itself again in a user namespace
(where ExaBGP and the daemon run as that namespace's root); else every test is skipped with the reason."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
sys.path.append(str(HERE.parent / "scenario"))  # the scripted ExaBGP
import fake_lab  # noqa: E402
import lab as lab_module  # noqa: E402
import netns  # noqa: E402
import valgrind  # noqa: E402

PROGRAMS = ["ip", "nsenter", "bird", "etcd", "etcdctl", "exabgp"]
UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
_reason = None


def pytest_configure(config):
    global _reason
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    # CTest ends a test with SIGTERM first; the lab's clean-up must run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        _reason = f"not installed: {', '.join(missing)} (tests/deps installs them)"
        return
    if os.geteuid() != 0 and "BC_E2E_USERNS" not in os.environ:
        if subprocess.run(UNSHARE + ["true"], stderr=subprocess.DEVNULL).returncode == 0:
            os.environ["BC_E2E_USERNS"] = "1"
            prepare = "mount -t tmpfs tmpfs /run && mkdir /run/netns && exec \"$@\""
            os.execvp("unshare", UNSHARE + ["sh", "-c", prepare, "sh", sys.executable, "-m", "pytest", *sys.argv[1:]])
    why_not = netns.why_not()
    if why_not:
        _reason = f"network namespaces cannot be made here: {why_not}"


def pytest_collection_modifyitems(items):
    if _reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=_reason))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the servers said."""
    outcome = yield
    report = outcome.get_result()
    lab = next((value for value in getattr(item, "funcargs", {}).values() if isinstance(value, lab_module.Lab)), None)
    if report.failed and lab is not None and "---- " not in str(report.longrepr):
        report.sections.append(("lab", lab.logs()))


@pytest.fixture(scope="module")
def make_lab():
    """Lab(…) whose end is the module's end, at which nothing may have been reported by the sanitizers. scripted: with
    the scripted ExaBGP."""
    labs = []

    def make(scripted=False, **options):
        kind = valgrind.ValgrindLab if os.environ.get("BC_VALGRIND") else lab_module.Lab
        labs.append((fake_lab.FakeLab if scripted else kind)(**options))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()
    reports = [text for lab in labs for text in lab.reports]
    assert not reports, "\n".join(reports)
