"""The proxy of examples/nginx before the daemon: real nginx with TLS, as the page has it."""
import hashlib
import json
import re
import shutil
import subprocess

import http_lab
import pytest
import samples
from ports import free_port
from samples import ROOT
from wait import wait_for

TOKEN = "bgpc_AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg"
NAME = "bgp.example.net"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
pytestmark = pytest.mark.skipif(not NGINX or not shutil.which("openssl") or not shutil.which("curl"),
                                reason="needs nginx, openssl and curl (tests/deps)")


def sign(folder, name):
    """A key and a certificate that it signs itself."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-addext", f"subjectAltName=DNS:{name}"],
                   check=True, capture_output=True, timeout=60)


class Scene(http_lab.Scene):
    """The daemon listens on a Unix socket, nginx on a port."""

    def __init__(self, folder):
        super().__init__(folder)
        self.nginx, self.tls_port, self.more = None, free_port(), []
        self.socket = folder / "http.sock"

    def configuration(self, changes):
        text = (ROOT / "examples" / "nginx" / "bgpcommander.conf").read_text()
        for old, new in {"unix:/run/bgpcommander/http.sock;": f"unix:{self.socket};",
                         "listen 443 ssl http2;": f"listen 127.0.0.1:{self.tls_port} ssl http2;",
                         f"/etc/nginx/{NAME}.pem": f"{self.folder}/{NAME}.pem",
                         f"/etc/nginx/{NAME}.key": f"{self.folder}/{NAME}.key",
                         "/var/log/nginx/bgpcommander.log": f"{self.folder}/access.log", **changes}.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return text

    def up(self, **changes):
        node_file = samples.block("nginx-node-file").splitlines()
        assert node_file[0] == "http unix:/run/bgpcommander/http.sock"
        self.node_file = [*node_file[1:], f"http_token desk {hashlib.sha256(TOKEN.encode()).hexdigest()} read,announce"]
        self.start(synced=False, listen=f"unix:{self.socket}")
        self.daemon.wait_synced()
        sign(self.folder, NAME)
        (self.folder / "bgpcommander.conf").write_text(self.configuration(changes.get("changes", {})))
        temporary = "".join(f"{name}_temp_path {self.folder}/{name};\n"
                            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "nginx.conf").write_text(
            f"daemon off;\nuser root;\nworker_processes 1;\npid {self.folder}/nginx.pid;\nerror_log {self.folder}/error.log;\n"
            f"events {{ }}\nhttp {{\n{temporary}include {self.folder}/bgpcommander.conf;\n}}\n")
        self.nginx = subprocess.Popen([NGINX, "-p", self.folder, "-e", f"{self.folder}/error.log", "-c", "nginx.conf"],
                                      stdin=subprocess.DEVNULL)
        wait_for(lambda: self.curl("/healthz", errors=True)[0] == 200, "nginx passes requests on")

    def command(self, path, *words):
        return ["curl", "-sS", "--max-time", "20", "--noproxy", "*", "--resolve", f"{NAME}:{self.tls_port}:127.0.0.1",
                "--cacert", str(self.folder / f"{NAME}.pem"), *words, f"https://{NAME}:{self.tls_port}{path}"]

    def curl(self, path, *words, token=None, errors=False):
        more = ["-H", f"Authorization: Bearer {token}"] if token else []
        done = subprocess.run(self.command(path, "-w", "\n%{http_code}", *more, *words), capture_output=True, text=True,
                              timeout=40)
        assert errors or done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def lines(self):
        return [json.loads(line) for line in (self.folder / "state" / "audit.log").read_text().splitlines()]


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    if made.nginx:
        made.nginx.terminate()
        made.nginx.wait(20)
    if made.daemon:
        made.daemon.close()
        assert "AddressSanitizer" not in made.daemon.log()


def test_the_line_of_the_page_announces_and_both_logs_know_the_request(scene):
    scene.up()
    command, said = samples.block("nginx-curl").splitlines()
    shutil.copy(scene.folder / f"{NAME}.pem", scene.folder / "ca.pem")
    words = command.removeprefix("$ curl ").replace(f"https://{NAME}/", f"https://{NAME}:{scene.tls_port}/")
    done = subprocess.run(["sh", "-c", f"curl -sS --noproxy '*' --resolve {NAME}:{scene.tls_port}:127.0.0.1 {words}"],
                          cwd=scene.folder, env={"TOKEN": TOKEN, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
                          timeout=40)
    assert done.stdout == said + "\n", done.stderr
    assert scene.exabgp.prefixes() == {"192.0.2.1/32"}
    line, = scene.lines()
    assert line["who"] == "token desk" and line["source"].startswith("unix uid ")
    told = wait_for(lambda: [entry for entry in (scene.folder / "access.log").read_text().splitlines()
                             if entry.endswith(f"request={line['request']}")], "the proxy's log has the same id")
    assert told[0].startswith("127.0.0.1 [") and '"POST / HTTP/2.0" 200' in told[0]


def test_the_daemons_rules_hold_behind_the_proxy(scene):
    scene.up()
    origin = f"https://{NAME}:{scene.tls_port}"
    assert scene.curl("/v1/status")[0] == 401
    for http in ("--http1.1", "--http2"):
        assert scene.curl("/v1/status", http, token=TOKEN)[0] == 200
        assert scene.curl("/v1/status", http, "-H", f"Origin: {origin}", "-H", "Sec-Fetch-Site: same-origin", token=TOKEN)[0] == 200
        for foreign in ("Origin: https://evil.example", f"Origin: https://{NAME}", "Sec-Fetch-Site: cross-site"):
            assert scene.curl("/v1/status", http, "-H", foreign, token=TOKEN)[0] == 403, foreign
        assert scene.curl("/v1/status", http, "-H", "Host: evil.example", token=TOKEN)[0] == 421
    assert scene.curl("/", "-d", "command=show", token=TOKEN)[0] == 400
    assert scene.exabgp.prefixes() == set() and scene.lines() == []


def test_bodies_and_rates_are_bounded_by_the_proxy(scene):
    scene.up()
    (scene.folder / "big").write_text("x" * 200000)
    assert scene.curl("/", "-H", "Expect:", "--data-binary", f"@{scene.folder}/big", token=TOKEN)[0] == 413
    many = subprocess.run(scene.command("/v1/none?[1-200]", "-o", "/dev/null", "-w", "%{http_code}\n", "-Z", "--parallel-max", "8"),
                          capture_output=True, text=True, timeout=60).stdout.split()
    assert len(many) == 200 and set(many) == {"404", "429"} and many.count("429") > 50, many


def test_events_come_as_they_happen(scene):
    scene.up()
    follower = subprocess.Popen(scene.command("/v1/events/stream", "-i", "-N", "--max-time", "60", "-H", f"Authorization: Bearer {TOKEN}"),
                                stdout=subprocess.PIPE, text=True)
    try:
        assert follower.stdout.readline().startswith("HTTP/2 200") and "\n" in follower.stdout, "its head, and so it follows"
        for number in range(1, 4):
            name = f"ev{number}"
            status, _ = scene.curl(f"/v1/routes/{name}", "-X", "PUT", "-H", "Content-Type: application/json", "-d",
                                   json.dumps({"route": f"route 192.0.2.{number}/32 next-hop self"}), token=TOKEN)
            assert status == 201
            for line in follower.stdout:  # the test's time limit ends a wait for what never comes
                if line.startswith("data: ") and json.loads(line[6:])["subject"] == f"api:{name}":
                    break
            else:
                pytest.fail("the stream has ended")
        assert follower.poll() is None
    finally:
        follower.kill()
        follower.wait(20)


def test_certificates_of_clients_can_be_asked_for(scene):
    sign(scene.folder, "clients")
    sign(scene.folder, "others")
    scene.tls_port = free_port()
    changes = {"#ssl_client_certificate /etc/nginx/clients.pem;": f"ssl_client_certificate {scene.folder}/clients.pem;",
               "#ssl_verify_client      on;": "ssl_verify_client on;"}
    real = scene.curl
    own = ["--cert", str(scene.folder / "clients.pem"), "--key", str(scene.folder / "clients.key")]
    scene.curl = lambda path, *words, **more: real(path, *own, *words, **more)
    scene.up(changes=changes)
    assert real("/v1/status", *own, token=TOKEN)[0] == 200
    assert real("/v1/status", token=TOKEN)[0] == 400
    status, _ = real("/v1/status", "--cert", str(scene.folder / "others.pem"), "--key", str(scene.folder / "others.key"),
                     token=TOKEN, errors=True)
    assert status in (0, 400)
    assert re.search(r'" 200 CN=clients request=', (scene.folder / "access.log").read_text())
