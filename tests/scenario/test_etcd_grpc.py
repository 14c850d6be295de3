"""The list by gRPC: whether it is really spoken, and what is done where it is not. What a connection speaks shows in its
first bytes, which a relay before a real etcd notes."""
import contextlib
import socket
import ssl
import subprocess
import threading

import pytest

from etcd_lab import Lab
from ports import free_port

PREFACE = b"PRI * HTTP/2.0"


class Relay:
    """Passes connections on to a port. refuses: one that begins with gRPC's preface is closed, as by a proxy that knows
    HTTP/1.1 only; silent: it is never answered. tls: (certificate, key, protocols that it offers by ALPN)."""

    def __init__(self, port, refuses=False, silent=False, tls=None):
        self.port, self.refuses, self.silent = port, refuses, silent
        self.firsts = []
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls[:2])
            self.context.set_alpn_protocols(tls[2])
        self.listener = socket.create_server(("127.0.0.1", free_port()))
        self.held = []
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self):
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.listener.getsockname()[1]}"

    def grpc_tries(self):
        return sum(first.startswith(PREFACE) for first in self.firsts)

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError):
            client = self.context.wrap_socket(client, server_side=True) if self.context else client
            first = client.recv(65536)
            self.firsts.append(first)
            if first.startswith(PREFACE) and self.silent:
                self.held.append(client)
                return
            if first.startswith(PREFACE) and self.refuses:
                client.close()
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            server.sendall(first)
            threading.Thread(target=self._pass, args=(server, client), daemon=True).start()
            self._pass(client, server)

    @staticmethod
    def _pass(source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)
        for end in (source, to):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def relays():
    made = []
    yield made
    for relay in made:
        relay.close()


def filled(lab, keys=2500):
    """A member with more keys than the first page has."""
    member = lab.member()
    gateway = member.gateway()
    for at in range(0, keys, 100):
        gateway.post("/kv/txn", {"success": [
            {"requestPut": {"key": _b64(f"/bgp/routes/r{n:05d}/config"), "value": _b64(f"route 10.0.{n >> 8}.{n & 255}/32")}}
            for n in range(at, at + 100)]})
    return member


def _b64(text):
    from etcd_lab import b64
    return b64(text)


def wanted(keys=2500):
    return {f"routes/r{n:05d}/config": f"route 10.0.{n >> 8}.{n & 255}/32" for n in range(keys)}


def test_a_list_is_read_by_grpc(lab, relays):
    relays.append(Relay(filled(lab).port))
    probe = lab.probe(relays[0].url())
    entries, _, revision = probe.wait_list()
    assert entries == wanted() and revision > 1
    probe.wait_connected()
    assert relays[0].grpc_tries() >= 3  # two pages of routes, one of the node's keys
    assert not any(b"/kv/range" in first for first in relays[0].firsts)


def test_where_grpc_is_refused_the_list_is_read_by_json_and_grpc_is_not_tried_again(lab, relays):
    member = filled(lab)
    relays.append(Relay(member.port, refuses=True))
    probe = lab.probe(relays[0].url(), tuning={"relist_ms": 1000})
    entries = probe.wait_list()[0]
    assert entries == wanted()
    probe.wait_connected()
    assert relays[0].grpc_tries() == 1
    member.gateway().put("/bgp/routes/r00000/config", "route 10.9.9.9/32")
    probe.wait_change("routes/r00000/config", "route 10.9.9.9/32")
    assert probe.wait_list()[0]["routes/r00000/config"] == "route 10.9.9.9/32"
    assert relays[0].grpc_tries() == 1


def test_where_grpc_is_never_answered_the_next_try_is_by_json(lab, relays):
    relays.append(Relay(filled(lab).port, silent=True))
    probe = lab.probe(relays[0].url(), tuning={"unary_ms": 1500})
    assert probe.wait_list()[0] == wanted()
    assert relays[0].grpc_tries() == 1


def test_the_token_goes_with_it(lab, relays, tmp_path):
    member = filled(lab, 200)
    gateway = member.gateway()
    gateway.post("/auth/user/add", {"name": "root", "password": "secret"})
    gateway.post("/auth/user/grant", {"user": "root", "role": "root"})
    gateway.post("/auth/enable", {})
    user_file = tmp_path / "user"
    user_file.write_text("root:secret\n")
    user_file.chmod(0o600)
    relays.append(Relay(member.port))
    probe = lab.probe(relays[0].url(), user_file=str(user_file))
    assert probe.wait_list()[0] == wanted(200)
    assert relays[0].grpc_tries() >= 2
    assert not any(b"/kv/range" in first for first in relays[0].firsts)


@pytest.mark.parametrize("protocols, is_spoken", [(["h2", "http/1.1"], True), (["http/1.1"], False)])
def test_over_tls_the_server_says_whether_it_is_spoken(lab, relays, tmp_path, protocols, is_spoken):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/O=lab", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, stderr=subprocess.DEVNULL)
    relays.append(Relay(filled(lab, 200).port, tls=(certificate, key, protocols)))
    probe = lab.probe(relays[0].url(), cacert=str(certificate))
    assert probe.wait_list()[0] == wanted(200)
    assert (relays[0].grpc_tries() > 0) == is_spoken
