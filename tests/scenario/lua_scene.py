"""A daemon with a directory store and the scripted ExaBGP, for tests of its Lua checks."""
import json

import dir_lab
from fake_exabgp import Daemon
from wait import wait_for

FAST = json.dumps({"interval": "100ms", "fall": 1})
LOOP = "#!lua\nwhile true do end\n"
UP = "#!lua\nreturn true\n"


class Scene:
    def __init__(self, folder):
        self.folder = folder
        self.tree = dir_lab.Tree(folder / "store")
        self.tree.put("node/n1/subscribedRoutes", "*")
        self.daemon = None

    def put_route(self, name, number, script, options=FAST):
        self.tree.put(f"routes/{name}/options", options)
        self.tree.put(f"routes/{name}/healthcheck", script)
        self.tree.put(f"routes/{name}/config", f"route {self.net(number)} next-hop self")

    @staticmethod
    def net(number):
        return f"10.8.{number // 250}.{number % 250}/32"

    def start(self, workers=1):
        self.daemon = Daemon(self.folder, f"file://{self.folder}/store", "/bgp", more=[f"--workers={workers}"])
        return self.daemon

    def workers(self):
        status = self.daemon.status()
        return status and status["workers"]["lua"]

    def worker(self):
        """The only one, or the first."""
        workers = self.workers()
        return workers and workers[0]

    def quarantined(self):
        return self.daemon.status()["workers"]["quarantined"]

    def wait_worker(self):
        return wait_for(lambda: (w := self.worker()) and w["state"] == "running" and w["pid"], "a Lua worker runs")

    def wait_error(self, name, text, seconds=15):
        return wait_for(lambda: (r := self.daemon.route(name)) and text in (r["error"] or "") and r, f"{name}: {text}", seconds)

    def withdrawn(self):
        return self.daemon.exabgp.withdrawn()
