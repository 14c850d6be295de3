"""Programs that use the HTTP API of a lab's daemon at the same time: one that asks, one that follows the events, one that scrapes."""
import contextlib
import http.client
import json
import socket
import threading

import netns

PORT = 5000
ARGUMENTS = f"--http 127.0.0.1:{PORT}"
HOST = f"127.0.0.1:{PORT}"


def connect(lab, timeout=30):
    with netns.inside(lab.exa):
        link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)
        link.connect()
    return link


def ask(lab, method, path, body=None, timeout=30, **headers):
    """(status, text); a body that is no text is JSON."""
    if body is not None and not isinstance(body, (str, bytes)):
        body, headers = json.dumps(body), {"Content-Type": "application/json", **headers}
    with contextlib.closing(connect(lab, timeout)) as link:
        link.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = link.getresponse()
        return answer.status, answer.read().decode()


def leave(lab, data):
    """Says this and is gone without waiting."""
    with contextlib.closing(connect(lab)) as link, contextlib.suppress(OSError):
        link.sock.sendall(data)


class _Program:
    def __init__(self, lab):
        self.lab, self.problem, self._over = lab, None, threading.Event()
        self._thread = threading.Thread(target=self._try, daemon=True)
        self._thread.start()

    def _try(self):
        try:
            self._run()
        except (OSError, ValueError, http.client.HTTPException, AssertionError) as error:
            self.problem = None if self._over.is_set() else repr(error)

    def close(self):
        self._over.set()
        self._end()
        self._thread.join(40)

    def _end(self):
        pass


class Follower(_Program):
    """events: how many it was told of; it stays on one connection."""

    def __init__(self, lab):
        self.events, self._link = 0, connect(lab, 60)
        super().__init__(lab)

    def _run(self):
        self._link.request("GET", "/v1/events/stream")
        answer = self._link.getresponse()
        assert answer.status == 200, answer.status
        for line in iter(answer.readline, b""):
            self.events += line.startswith(b"data: ")
        raise ValueError("the stream has ended")

    def _end(self):
        with contextlib.suppress(OSError, AttributeError):
            self._link.sock.shutdown(socket.SHUT_RDWR)


class Scraper(_Program):
    """scrapes: how many it made, one each second, as Prometheus on a connection that is kept."""

    def __init__(self, lab):
        self.scrapes, self._link = 0, connect(lab)
        super().__init__(lab)

    def _run(self):
        while not self._over.wait(1):
            self._link.request("GET", "/metrics")
            answer = self._link.getresponse()
            text = answer.read()
            assert answer.status == 200 and b"bgpcommander_" in text, answer.status
            self.scrapes += 1

    def _end(self):
        self._link.close()
