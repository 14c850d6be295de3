"""Network namespaces: made, entered by single sockets, and swept with everything that runs in them."""
import contextlib
import ctypes
import os
import signal
import subprocess

from wait import TooLate, wait_for

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*argv, check=True, timeout=30):
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.stdout.strip()}")
    return done.stdout


def path(name):
    return f"/run/netns/{name}"


def exists(name):
    return os.path.exists(path(name))


def names():
    try:
        return os.listdir("/run/netns")
    except FileNotFoundError:
        return []


def add(name):
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")


def link(a, a_device, a_addresses, b, b_device, b_addresses):
    """A cable between two namespaces, addresses with their lengths."""
    run("ip", "-n", a, "link", "add", a_device, "type", "veth", "peer", "name", b_device, "netns", b)
    for name, device, addresses in ((a, a_device, a_addresses), (b, b_device, b_addresses)):
        for address in addresses:
            # nodad: an IPv6 address under duplicate detection cannot be a next hop for a second.
            run("ip", "-n", name, "addr", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
        run("ip", "-n", name, "link", "set", device, "up")


@contextlib.contextmanager
def inside(name):
    """Sockets opened in the block belong to the namespace for their whole life; the thread comes back."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {name}")
        try:
            yield
        finally:
            if _libc.setns(home, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns home")
    finally:
        os.close(home)
        os.close(there)


def pids(name):
    if not exists(name):
        return []
    return [int(word) for word in run("ip", "netns", "pids", name, check=False).split()]


def remove(name):
    """Ends whatever runs in the namespace, then the namespace."""
    if not exists(name):
        return

    def is_empty():
        left = pids(name)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left
    with contextlib.suppress(TooLate):
        wait_for(is_empty, f"nothing runs in {name}", 10)
    run("ip", "netns", "del", name, check=False)


def why_not():
    """None, or why namespaces cannot be made here."""
    name = f"bclab-probe-{os.getpid()}"
    try:
        add(name)
    except (RuntimeError, OSError) as error:
        return str(error)
    finally:
        run("ip", "netns", "del", name, check=False)
    return None
