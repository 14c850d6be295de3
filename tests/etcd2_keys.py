"""A client of the keys of etcd's v2 API."""
import base64
import http.client
import json
import urllib.parse

from wait import wait_for


class Keys:
    """The v2 keys API of one endpoint."""

    def __init__(self, port, user=None):
        self.port = port
        self.user = user

    def ask(self, method, path, form=None, timeout=10):
        """(status, answer, index)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {}
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self.user:
            headers["Authorization"] = "Basic " + base64.b64encode(self.user.encode()).decode()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            index = int(answer.headers.get("X-Etcd-Index") or 0)
            return answer.status, json.loads(text) if text.startswith("{") else text, index
        finally:
            connection.close()

    def _done(self, method, key, form=None, query=""):
        status, answer, _ = self.ask(method, "/v2/keys" + urllib.parse.quote(key) + query, form)
        assert status in (200, 201), (method, key, status, answer)
        return answer["node"]["modifiedIndex"]

    def put(self, key, value, **more):
        return self._done("PUT", key, {"value": value, **more})

    def make_dir(self, key, **more):
        return self._done("PUT", key, {"dir": "true", **more})

    def delete(self, key):
        return self._done("DELETE", key)

    def delete_dir(self, key):
        return self._done("DELETE", key, query="?recursive=true")

    def node(self, key):
        """The node, or None."""
        status, answer, _ = self.ask("GET", "/v2/keys" + urllib.parse.quote(key) + "?quorum=true")
        return answer["node"] if status == 200 else None

    def get(self, key):
        node = self.node(key)
        return None if node is None else node.get("value")

    def below(self, directory):
        """{key: value} of all keys below a directory, hidden ones left out."""
        status, answer, _ = self.ask("GET", "/v2/keys" + urllib.parse.quote(directory) + "?recursive=true&quorum=true")
        found, left = {}, [answer["node"]] if status == 200 else []
        while left:
            node = left.pop()
            if "value" in node:
                found[node["key"]] = node["value"]
            left += node.get("nodes", [])
        return found

    def ttl(self, key):
        node = self.node(key)
        return None if node is None else node.get("ttl")

    def index(self):
        return self.ask("GET", "/v2/keys/?quorum=true")[2]

    def wait_value(self, key, wanted, seconds=30):
        wait_for(lambda: self.get(key) == wanted, f"{key} is {wanted}", seconds)

    def events_since(self, key, index):
        """The keys of all events below `key` from `index` on; one more event, of our own, marks their end."""
        end = self.put(key + "/end-of-events", "")
        found = []
        while True:
            _, event, _ = self.ask("GET", f"/v2/keys{key}?wait=true&recursive=true&waitIndex={index}")
            index = event["node"]["modifiedIndex"] + 1
            if index > end:
                return found
            found.append((event["action"], event["node"]["key"]))
