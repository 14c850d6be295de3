"""A network of its own for scripts that talk to others: the names and addresses of the pages (192.0.2.0/24, example.net),
with servers behind them. Everything in it ends with it."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

from wait import wait_for

PROGRAM = os.environ.get("BGPCOMMANDER", "build/bgpcommander")
ADDRESSES = ["192.0.2.10", "192.0.2.25", "192.0.2.33", "192.0.2.53", "192.0.2.123", "2001:db8::10"]
NAMES = {"www.example.net": "192.0.2.10,2001:db8::10", "mail.example.net": "192.0.2.25", "db.example.net": "192.0.2.33",
         "ntp.example.net": "192.0.2.123"}
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
NEEDS = ["dnsmasq", "openssl", "unshare", "nsenter", "ip"]

SETUP = """
ip link set lo up
ip link add beyond type veth peer name nowhere
ip link set nowhere up
ip link set beyond up
for address in {addresses}; do
  case $address in
  *:*) ip addr add "$address/128" dev lo nodad ;;
  *) ip addr add "$address/32" dev lo ;;
  esac
done
# All else of 192.0.2.0/24 is somewhere, and never answers.
ip addr add 192.0.2.254/24 dev beyond
ip neigh add 192.0.2.99 lladdr 02:00:00:00:00:99 dev beyond
# In a user namespace there is only group 0.
echo "$2" >/proc/sys/net/ipv4/ping_group_range
for file in etc/resolv.conf etc/hosts {bundle}; do
  mount --bind "$1/root/$file" "/$file"
done
"""


def why_not():
    """None, or why there can be no such world here."""
    missing = [name for name in NEEDS if shutil.which(name) is None]
    if missing:
        return f"not installed: {missing} (tests/deps installs them)"
    if not os.path.exists(BUNDLE):
        return f"no {BUNDLE}"
    done = subprocess.run([*_unshare(), "ip", "link", "add", "probe", "type", "veth"], capture_output=True, text=True)
    return done.stderr.strip() or None if done.returncode else None


def _unshare():
    return ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--"]


def _openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)


def make_certificates(folder):
    """An authority (ca.crt), and what it signed: www (90 days), soon (3 days). alone is signed by itself."""
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{folder}/key.pem")
    _openssl("req", "-x509", "-new", "-key", f"{folder}/key.pem", "-subj", "/CN=Example authority", "-days", "3650",
             "-out", f"{folder}/ca.crt")
    (folder / "names").write_text("subjectAltName=DNS:www.example.net,DNS:mail.example.net\n")
    for name, days in (("www", 90), ("soon", 3)):
        _openssl("req", "-new", "-key", f"{folder}/key.pem", "-subj", "/CN=www.example.net", "-out", f"{folder}/csr")
        _openssl("x509", "-req", "-in", f"{folder}/csr", "-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/key.pem",
                 "-CAcreateserial", "-days", str(days), "-extfile", f"{folder}/names", "-out", f"{folder}/{name}.crt")
    _openssl("req", "-x509", "-new", "-key", f"{folder}/key.pem", "-subj", "/CN=www.example.net", "-days", "90",
             "-addext", "subjectAltName=DNS:www.example.net", "-out", f"{folder}/alone.crt")


class World:
    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.running = []

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            self._make()
            stack.pop_all()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in reversed(self.running):
            process.kill()
            process.wait()
        self.running = []

    def _make(self):
        root = self.dir / "root"
        (root / os.path.dirname(BUNDLE).lstrip("/")).mkdir(parents=True)
        make_certificates(self.dir)
        (root / "etc/resolv.conf").write_text("nameserver 192.0.2.53\noptions timeout:1 attempts:2\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        (root / BUNDLE.lstrip("/")).write_text((self.dir / "ca.crt").read_text())
        holder = subprocess.Popen([*_unshare(), "sleep", "infinity"])
        self.running.append(holder)
        self.pid = holder.pid
        wait_for(lambda: pathlib.Path(f"/proc/{self.pid}/comm").read_text() == "sleep\n", "the namespaces are there")
        script = SETUP.format(addresses=" ".join(ADDRESSES), bundle=BUNDLE.lstrip("/"))
        done = self.run(["sh", "-euc", script, "sh", self.dir, "0 2147483647" if os.geteuid() == 0 else "0 0"])
        assert done.returncode == 0, done.stderr
        self.start(["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--pid-file=", "--no-hosts",
                    "--no-resolv", "--bind-interfaces", "--listen-address=192.0.2.53", "--local=/example.net/",
                    *(f"--host-record={name},{addresses}" for name, addresses in NAMES.items())],
                   stderr=subprocess.DEVNULL)
        servers = self.start([sys.executable, pathlib.Path(__file__).with_name("lua_world_servers.py"), self.dir],
                             stdout=subprocess.PIPE, text=True)
        assert servers.stdout.readline() == "ready\n"
        wait_for(lambda: ":53 " in self.run(["ss", "-Hlun"]).stdout, "the DNS server listens")

    def inside(self, argv):
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", *user, "--", *map(str, argv)]

    def start(self, argv, **more):
        process = subprocess.Popen(self.inside(argv), stdin=subprocess.DEVNULL, **more)
        self.running.append(process)
        return process

    def run(self, argv, **more):
        return subprocess.run(self.inside(argv), capture_output=True, text=True, timeout=60, **more)

    def check(self, script, *words):
        """What `bgpcommander run` tells of a script: its answer as JSON. The line #!lua comes before it."""
        if not script.startswith("#!lua"):
            script = "#!lua\n" + script
        done = self.run([os.path.abspath(PROGRAM), "run", "--json", *words, "-"], input=script)
        assert done.stdout.count("\n") == 1, done
        return json.loads(done.stdout)
