"""What the tests of the directory store share: a tree of files, and the probe that prints what the store tells."""
import contextlib
import ctypes
import os
import pathlib
import shutil
import tempfile

import etcd_lab
import pytest

WEB = "route 192.0.2.1/32 next-hop self"
OTHER = "route 192.0.2.2/32 next-hop self"
FIRST = {"routes/web/config": WEB + "\n", "node/n1/subscribedRoutes": "web\n"}
NOBODY = 65534
# Short, but for what must not happen while a test looks.
FAST = {"quiet_ms": 30, "quiet_most_ms": 400, "removal_most_ms": 3000, "rescan_ms": 60000, "poll_ms": 100,
        "round_ms": 50, "pause_ms": 200, "stale_ms": 300}
LIBC = ctypes.CDLL(None, use_errno=True)
FAN_CLOEXEC, FAN_NONBLOCK, FAN_CLASS_CONTENT, FAN_MARK_ADD, FAN_OPEN_PERM, FAN_ON_CHILD = 1, 2, 4, 1, 0x10000, 0x8000000


class DirProbe(etcd_lab.Probe):
    def __init__(self, directory, *flags, user=None, endpoints=None, before=(), **tuning):
        settings = {f"dir:{name}": value for name, value in {**FAST, **tuning}.items()}
        self.become = list(before)
        if user is not None:
            self.become += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
        super().__init__(endpoints or f"file://{directory}", *flags, **settings)

    def command(self, arguments):
        return self.become + arguments

    def list(self, timeout=30):
        """The next list: {key: value}; what cannot be read is (why,)."""
        self.wait("list_begin", timeout=timeout)
        keys = {}
        while True:
            line = self.next(timeout)
            if line[0] == "list_end":
                assert line[1:] == ["0", 0]
                return keys
            assert line[0] in ("entry", "unreadable"), line
            assert line[1] not in keys, f"{line[1]} came twice"
            keys[line[1]] = line[2] if line[0] == "entry" else (line[2],)

    def lists(self):
        return len(self.told("list_begin"))


class Tree:
    """A directory store; keys as in the store."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(exist_ok=True)

    def path(self, key):
        return self.dir / key

    def put(self, key, value):
        """As an editor does that replaces the file."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name}.new"
        temporary.write_text(value)
        temporary.rename(path)

    def remove(self, key):
        path = self.path(key)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def get(self, key):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return self.path(key).read_text()
        return None


class Lab:
    """In a place that every user may enter, which pytest's is not."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bcdir-"))
        self.folder.chmod(0o755)
        self.probes = []
        self.tree = self.new_tree("store")

    def new_tree(self, name):
        return Tree(self.folder / name)

    def probe(self, *flags, tree=None, **options):
        probe = DirProbe((tree or self.tree).dir, *flags, **options)
        self.probes.append(probe)
        return probe

    def close(self):
        try:
            for probe in self.probes:
                probe.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Hang:
    """Whoever opens this file, or a file of this directory, waits until it is released."""

    def __init__(self, path, children=False):
        self.fd = LIBC.fanotify_init(FAN_CLASS_CONTENT | FAN_NONBLOCK | FAN_CLOEXEC, os.O_RDONLY)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "fanotify_init")
        if LIBC.fanotify_mark(self.fd, FAN_MARK_ADD, ctypes.c_uint64(FAN_OPEN_PERM | (FAN_ON_CHILD if children else 0)), -100,
                              os.fsencode(path)) != 0:
            code = ctypes.get_errno()
            os.close(self.fd)
            raise OSError(code, "fanotify_mark")

    def is_met(self):
        """Somebody waits; he goes on waiting."""
        try:
            os.read(self.fd, 4096)
        except BlockingIOError:
            return False
        return True

    def release(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


# ---- for tests ----

@pytest.fixture
def lab():
    lab = Lab()
    yield lab
    lab.close()


@pytest.fixture
def tree(lab):
    lab.tree.put("routes/web/config", WEB + "\n")
    lab.tree.put("node/n1/subscribedRoutes", "web\n")
    return lab.tree


def started(lab, expected=None, **options):
    probe = lab.probe(**options)
    probe.wait_connected()
    assert probe.list() == (FIRST if expected is None else expected)
    return probe


def barrier(probe, tree, expected):
    """A change whose list says that all before it was looked at; nothing else was told by it."""
    before = probe.lists()
    tree.put("node/n1/adminState", "up")
    assert probe.list() == {**expected, "node/n1/adminState": "up"}
    assert probe.lists() == before + 1
