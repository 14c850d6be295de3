"""Real servers in a lab's namespace, which health checks look at: started and stopped at will."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import netns

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
events {{ worker_connections 256; }}
http {{
  access_log {access_log}; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:8080; listen [::1]:8080; listen 127.0.0.1:8443 ssl;
    ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key;
    location = /health {{ return 200 "fine\\n"; }}
    location = /broken {{ return 503 "no\\n"; }}
    location = /moved {{ return 302 /health; }}
  }}
}}
"""


def program(name):
    """Where Debian has it, or tests/deps has unpacked it; None when it is not there."""
    unpacked = pathlib.Path(__file__).resolve().parents[2] / "build-tests" / "unpacked" / "usr" / "sbin"
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin:{unpacked}")
    return found or next((str(path) for path in sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)


class Service:
    """One server. `address` and `port` are where it answers; port 0: it does not listen for connections."""
    address, port = "127.0.0.1", 0

    @staticmethod
    def why_not():
        """Why it cannot run here; None when it can."""

    def __init__(self, lab, access_log=False):
        self.lab = lab
        self.access_log = access_log
        self.dir = lab.dir / type(self).__name__.lower()
        self.dir.mkdir()
        self.process = None
        self.prepare()

    def prepare(self):
        pass

    def argv(self):
        raise NotImplementedError

    def answers(self):
        with netns.inside(self.lab.exa), socket.create_connection((self.address, self.port), timeout=1):
            return True

    def start(self):
        self.process = self.lab.spawn(self.argv(), self.lab.exa, f"{self.dir.name}.log")
        self.lab.wait_for(self.answers, 30, f"{self.dir.name} answers")

    def stop(self):
        """As a crash does it."""
        process, self.process = self.process, None
        self.lab.end(process, signal.SIGKILL)


def make_certificate(directory, *more):
    """A self-signed one for www.example.net: server.pem, server.key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                    directory / "server.key", "-out", directory / "server.pem", "-days", "30", "-subj",
                    "/CN=www.example.net", "-addext", "subjectAltName=DNS:www.example.net", *more],
                   check=True, capture_output=True)
    return (directory / "server.pem").read_text()


class Nginx(Service):
    port = 8080

    def prepare(self):
        self.certificate = make_certificate(self.dir)
        (self.dir / "nginx.conf").write_text(NGINX.format(dir=self.dir, access_log=self.dir / "access" if self.access_log else "off"))

    def argv(self):
        return [program("nginx"), "-c", self.dir / "nginx.conf", "-p", self.dir, "-e", self.dir / "nginx.err"]


class Dnsmasq(Service):
    port = 53

    def argv(self):
        return [program("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                "--listen-address=127.0.0.1", "--user=root", "--address=/www.example.net/192.0.2.80",
                f"--pid-file={self.dir}/pid"]


class Redis(Service):
    port = 6379

    def argv(self):
        return [program("redis-server"), "--bind", "127.0.0.1", "--port", "6379", "--save", "", "--dir", self.dir]


class Postgres(Service):
    port = 5432

    @staticmethod
    def why_not():
        return "PostgreSQL does not run as the root of a user namespace" if os.environ.get("BC_E2E_USERNS") else None

    def prepare(self):
        shutil.chown(self.dir, "postgres")
        self.become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        self.lab.inside(self.lab.exa, *self.become, program("initdb"), "-D", self.dir / "data", "--no-sync", "-A", "trust")

    def argv(self):
        return [*self.become, program("postgres"), "-D", self.dir / "data", "-c", "listen_addresses=127.0.0.1", "-k", self.dir,
                "-c", "fsync=off"]

    def answers(self):
        return "accepting" in self.lab.inside(self.lab.exa, program("pg_isready"), "-h", "127.0.0.1", check=False)


class Chrony(Service):
    port = 123

    def prepare(self):
        (self.dir / "chrony.conf").write_text(
            f"local stratum 7\nallow all\ncmdport 0\nbindaddress 127.0.0.1\npidfile {self.dir}/pid\nuser root\n")

    def argv(self):
        return [program("chronyd"), "-d", "-x", "-f", self.dir / "chrony.conf"]

    def answers(self):
        with netns.inside(self.lab.exa), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(1)
            link.connect((self.address, self.port))
            link.send(b"\x23" + bytes(47))
            return link.recv(512)[1] == 7


class Address(Service):
    """An address that answers to ping while it is there."""
    address = "10.99.77.1"

    def prepare(self):
        self.lab.inside(self.lab.exa, "sysctl", "-q", "-w", "net.ipv4.ping_group_range=0 2147483647")

    def start(self):
        self.lab.inside(self.lab.exa, "ip", "addr", "add", f"{self.address}/32", "dev", "lo")

    def stop(self):
        self.lab.inside(self.lab.exa, "ip", "addr", "del", f"{self.address}/32", "dev", "lo")


class File(Service):
    """A file that a program looks for."""

    def path(self):
        return self.dir / "there"

    def prepare(self):
        self.dir.chmod(0o755)

    def start(self):
        self.path().write_text("")

    def stop(self):
        self.path().unlink()
