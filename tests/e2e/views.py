"""What all that tells of a node says at one moment: the local socket, the HTTP API, the metrics, the status key, the events, the
commands; and what the routers really have. disagreements() names each pair that does not agree."""
import collections
import json
import re

import lab as lab_module

# How the states count in `summary`; all others that are to be announced here count as withdrawn.
PENDING = ("pending", "sent", "acked", "withdrawing")
ALONE = ("announced", "standby", "unconfirmed", "refused")
NOT_ON_WIRE = ("pending", "sent", "acked", "standby", "unconfirmed", "refused", "foreign")


def curl(lab, path):
    return lab.inside(lab.exa, "curl", "-sS", "--max-time", "30", f"http://127.0.0.1:5000{path}")


def get(lab, path):
    return json.loads(curl(lab, path))


def words_of(lab, command, *words):
    """What a command prints, for people."""
    return lab.inside(lab.exa, lab.program, command, *words, *lab.daemon_arguments().split(), check=False)


def metrics(text):
    """{(name, {label: value}): number}"""
    found = {}
    for line in text.splitlines():
        match = re.match(r"^(\w+)(?:\{(.*)\})? (\S+)$", line)
        if match:
            labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
            found[(match.group(1).removeprefix("bgpcommander_"), labels)] = float(match.group(3))
    return found


def nlri_of(route):
    """The prefixes of a route's text; of a flow its one name."""
    text = route["text"]
    if text.startswith("flow"):
        return ["flow"]
    if " nlri " in text:
        return text.partition(" nlri ")[2].split()
    found = re.search(r"\broute (\S+)", text)
    return [found.group(1)] if found else []


class Views:
    def __init__(self, lab):
        self.lab = lab
        self.status, answer = lab.status(), lab.api("routes")
        self.routes = {route["name"]: route for route in answer["routes"]}
        self.foreign, self.foreign_total = answer["foreign"], answer["foreignTotal"]
        self.neighbors = {one["ipAddress"]: one for one in lab.api("neighbors")["neighbors"]}
        self.wrong = []

    def same(self, what, left, right):
        if left != right:
            self.wrong.append(f"{what}: {left!r} != {right!r}")

    def counted(self):
        """The summary as the list of the routes has it."""
        routes = [route for route in self.routes.values() if route["subscribed"]]
        states = collections.Counter(route["state"] for route in routes)
        counts = {state: states[state] for state in ALONE}
        counts["pending"] = sum(states[state] for state in PENDING)
        counts["withdrawn"] = len(routes) - sum(counts.values()) - states["foreign"]
        counts["notOnWire"] = sum(states[state] for state in NOT_ON_WIRE)
        counts["api"] = sum(route["origin"] == "api" for route in routes)
        counts["subscribed"] = len(routes) - counts["api"]
        counts["routes"] = sum(route["origin"] == "store" for route in self.routes.values())
        counts["foreign"] = self.foreign_total
        return counts

    def look_at_summary(self):
        summary = self.status["summary"]
        self.same("status and routes", {key: summary[key] for key in self.counted()}, self.counted())
        self.same("status by HTTP", get(self.lab, "/v1/status")["summary"], summary)
        own = next(node for node in get(self.lab, "/v1/nodes")["nodes"] if node["self"])
        self.same("/v1/nodes", own["status"]["summary"], summary)
        key = json.loads(self.lab.get(f"node/{lab_module.NODE}/status") or "{}")
        self.same("status key", key.get("summary"), summary)
        self.same("routes of the status key", {name: one["state"] for name, one in key.get("routes", {}).items()},
                  {name: self.routes[name]["state"] for name in key.get("routes", {}) if name in self.routes})

    def look_at_lists(self):
        for path in ("/v1/routes", "/v1/routes?brief=1"):
            told = get(self.lab, path)["routes"]
            self.same(path, sorted(one["name"] for one in told), sorted(self.routes))
            for one in told:
                ours = self.routes.get(one["name"], {})
                self.same(f"{path} {one['name']}", {key: one[key] for key in one if key in ours and key != "policy"},
                          {key: ours[key] for key in one if key in ours and key != "policy"})
        told = {one["ipAddress"]: one for one in get(self.lab, "/v1/neighbors")["neighbors"]}
        self.same("/v1/neighbors", told, self.neighbors)
        last = {}
        for event in get(self.lab, "/v1/events?after=0&limit=1024&type=route")["events"]:
            last[event["subject"]] = event["detail"]["state"]
        for name, route in self.routes.items():
            self.same(f"last event of {name}", last.get(name, route["state"]), route["state"])

    def look_at_metrics(self):
        told = metrics(curl(self.lab, "/metrics"))
        states = collections.Counter(route["state"] for route in self.routes.values())
        in_sum = {dict(labels)["state"]: int(n) for (name, labels), n in told.items() if name == "routes" and n}
        self.same("metrics by state", in_sum, dict(states))
        for name, route in self.routes.items():
            label = frozenset([("route", name)])
            state = [dict(labels)["state"] for (metric, labels), n in told.items()
                     if metric == "route_state" and n and dict(labels)["route"] == name]
            self.same(f"metrics: state of {name}", state, [route["state"]])
            for metric, ours in (("acked", route["acked"]), ("on_wire_neighbors", len(route["onWire"])),
                                 ("missing_neighbors", len(route["missing"])), ("unconfirmed", route["state"] == "unconfirmed"),
                                 ("unchecked", route["health"] == "unchecked")):
                self.same(f"metrics: {metric} of {name}", told.get((f"route_{metric}", label)), float(ours))
        self.same("metrics: foreign", told[("nlri_foreign", frozenset())], float(self.foreign_total))
        for peer, one in self.neighbors.items():
            labels = frozenset([("neighbor", peer), ("local", one["localAddress"])])
            self.same(f"metrics: {peer} is up", told[("neighbor_established", labels)], float(one["state"] == "up"))
            nlri = {dict(all_)["family"]: int(n) for (name, all_), n in told.items() if name == "neighbor_nlri" and n
                    and ("neighbor", peer) in all_}
            self.same(f"metrics: NLRI of {peer}", nlri, one["routesByFamily"])

    def look_at_commands(self):
        counted = self.counted()
        line = next(line for line in words_of(self.lab, "status").splitlines() if line.startswith("routes "))
        told = {word: int(n) for n, word in re.findall(r"(\d+) ([a-z]+)", line)}
        for word in ("announced", "withdrawn", "pending", "standby", "unconfirmed", "refused", "foreign", "subscribed"):
            self.same(f"`status`: {word}", told.get(word, 0), counted[word])
        rows = {}
        for row in words_of(self.lab, "routes").splitlines():
            cells = re.split(r"  +", row)
            if cells[0] in self.routes:
                rows[cells[0]] = (cells[2], cells[5])
        for name, route in self.routes.items():
            on, missing = len(route["onWire"]), len(route["missing"])
            self.same(f"`routes`: {name}", rows.get(name), (route["state"], f"{on}/{on + missing}" if on + missing else "-"))
        row = re.split(r"  +", words_of(self.lab, "nodes", lab_module.NODE).splitlines()[1])
        self.same("`nodes`", row[4:8], [str(counted["subscribed"] + counted["api"]), str(counted["announced"]),
                                        str(counted["withdrawn"]), str(counted["notOnWire"])])
        code = self.lab.ctl("status")[0]
        self.same("exit code of `status`", code, int(counted["notOnWire"] > 0))

    def look_at_routers(self):
        for bird in self.lab.birds:
            neighbor = self.neighbors[bird.address]
            self.same(f"{bird.name} is up", neighbor["state"] == "up", bird.is_up())
            ours = [nlri for route in self.routes.values() if bird.address in route["onWire"] for nlri in nlri_of(route)]
            foreign = [one["text"].split()[1] for one in self.foreign if one["neighbor"] == bird.address and bird.is_up()]
            has = sorted(bird.prefixes()) + ["flow"] * len(bird.flows())
            self.same(f"what {bird.name} has", sorted(has), sorted(ours + foreign))
            self.same(f"`neighbors`: {bird.name}", neighbor["routes"], len(ours))


def disagreements(lab):
    views = Views(lab)
    views.look_at_summary()
    views.look_at_lists()
    views.look_at_metrics()
    views.look_at_commands()
    views.look_at_routers()
    return views.wrong
