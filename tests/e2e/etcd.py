"""One etcd, or a cluster of three: real servers on the loopback of the lab's namespace, spoken to by the v3 JSON gateway."""
import base64
import http.client
import json
import shutil
import signal
import socket

import netns

TXN_OPERATIONS = 100  # etcd refuses more than 128 in one transaction


def _b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def _end_of_prefix(prefix):
    raw = bytearray(prefix.encode())
    raw[-1] += 1
    return bytes(raw)


class EtcdError(OSError):
    pass


class Etcd:
    def __init__(self, lab, name="etcd", port=2379, cluster=None, token="etcd-cluster", flags=()):
        self.lab, self.name, self.port = lab, name, port
        self.token = token  # the cluster id comes from the token and the members' addresses
        self.peer_port = port + 1
        self.cluster, self.flags = cluster, flags
        self.data = lab.dir / name
        self.url = f"http://127.0.0.1:{port}"
        self.process = None
        self._link = None

    # ---- the server ----

    def start(self):
        peer = f"http://127.0.0.1:{self.peer_port}"
        self.process = self.lab.spawn(
            ["etcd", "--name", self.name, "--data-dir", self.data, "--listen-client-urls", self.url,
             "--advertise-client-urls", self.url, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
             "--initial-cluster", self.cluster or f"{self.name}={peer}", "--initial-cluster-token", self.token,
             "--logger", "zap", "--log-level", "warn", *self.flags],
            self.lab.exa, f"{self.name}.log")

    def wait_ready(self):
        self.lab.wait_for(lambda: self.range("/ready", timeout=2) is not None, 30, f"{self.name} answers")

    def kill(self):
        self._drop()
        self.lab.end(self.process, signal.SIGKILL)
        self.process = None

    def pause(self):
        self._drop()
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def wipe(self):
        """All data gone; started again it is the same cluster by its id, unless `token` is changed."""
        self.kill()
        shutil.rmtree(self.data)

    def snapshot(self, file):
        self.lab.inside(self.lab.exa, "etcdctl", "--endpoints", self.url, "snapshot", "save", file,
                        env={"ETCDCTL_API": "3"})

    def restore(self, file):
        """The old backup under the same cluster id, as an operator would."""
        self.kill()
        shutil.rmtree(self.data)
        peer = f"http://127.0.0.1:{self.peer_port}"
        self.lab.inside(self.lab.exa, "etcdctl", "snapshot", "restore", file, "--name", self.name, "--data-dir",
                        self.data, "--initial-cluster", f"{self.name}={peer}", "--initial-advertise-peer-urls", peer,
                        "--initial-cluster-token", self.token, env={"ETCDCTL_API": "3"})

    # ---- keys ----

    def call(self, path, body, timeout=10):
        for attempt in (1, 2):
            try:
                if self._link is None:
                    with netns.inside(self.lab.exa):
                        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
                        link.connect()
                    link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._link = link
                self._link.sock.settimeout(timeout)
                self._link.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
                answer = self._link.getresponse()
                text = answer.read()
                break
            except (http.client.HTTPException, OSError):
                self._drop()
                if attempt == 2:
                    raise
        if answer.status != 200:
            raise EtcdError(f"{path}: {answer.status} {text.decode(errors='replace').strip()}")
        return json.loads(text)

    def _drop(self):
        if self._link is not None:
            self._link.close()
            self._link = None

    def put(self, key, value):
        return int(self.call("/v3/kv/put", {"key": _b64(key), "value": _b64(value)})["header"]["revision"])

    def put_all(self, values):
        items = list(values.items())
        for at in range(0, len(items), TXN_OPERATIONS):
            self.call("/v3/kv/txn", {"success": [{"requestPut": {"key": _b64(k), "value": _b64(v)}}
                                                 for k, v in items[at:at + TXN_OPERATIONS]]})

    def delete(self, key):
        self.call("/v3/kv/deleterange", {"key": _b64(key)})

    def delete_all(self, keys):
        keys = list(keys)
        for at in range(0, len(keys), TXN_OPERATIONS):
            self.call("/v3/kv/txn", {"success": [{"requestDeleteRange": {"key": _b64(k)}}
                                                 for k in keys[at:at + TXN_OPERATIONS]]})

    def delete_prefix(self, prefix):
        self.call("/v3/kv/deleterange", {"key": _b64(prefix), "range_end": _b64(_end_of_prefix(prefix))})

    def range(self, key, end=None, timeout=10):
        body = {"key": _b64(key)}
        if end is not None:
            body["range_end"] = _b64(end)
        answer = self.call("/v3/kv/range", body, timeout)
        return {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv.get("value", "")).decode(errors="replace")
                for kv in answer.get("kvs", [])}

    def get(self, key):
        return self.range(key).get(key)

    def get_prefix(self, prefix):
        return self.range(prefix, _end_of_prefix(prefix))

    def revision(self):
        return int(self.call("/v3/kv/range", {"key": _b64("/ready")})["header"]["revision"])

    def compact(self):
        self.call("/v3/kv/compaction", {"revision": str(self.revision()), "physical": True})

    def is_leader(self):
        answer = self.call("/v3/maintenance/status", {}, timeout=3)
        return answer.get("leader") == answer["header"]["member_id"]

    def leases(self):
        return self.call("/v3/lease/leases", {}).get("leases", [])
