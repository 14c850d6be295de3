"""A made-up daemon for the live page: what its HTTP API would say of many routes, as plain dicts that tests change.
Everything is made from a seed: two runs see the same."""
import datetime
import random

START = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.timezone.utc)
KINDS = ["dns", "ntp", "web", "cdn", "mail", "ldap", "vpn", "sip", "edge", "auth"]
SITES = ["fra", "ams", "lon", "nyc", "sin", "syd", "waw", "mad"]
SCRIPT = """#!lua
-- The resolver answers, and within half a second.
local r, err = dns.query("www.example.net", "A", { server = route.address, timeout = 0.5 })
if not r then return false, err end
return r.rcode == "NOERROR" and #r.answer > 0, { rtt = r.rtt }
"""
OUTPUT = ";; communications error to 192.0.2.1#53: connection refused\n;; no servers could be reached\n"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def ago(seconds):
    return stamp(now() - datetime.timedelta(seconds=seconds))


class World:
    """routes, neighbors, checks …: as the API's answers hold them."""

    def __init__(self, routes=40, seed=1, node="fra1"):
        self.random = random.Random(seed)
        self.node = node
        self.tokens = None  # text → (name, scopes); None: none is needed
        self.event_id = 1795403442118000
        self.events = []
        self.deleted = []
        self.approved = []
        self.full = {}  # by route what /v1/routes/NAME has besides
        self.neighbors = [self._neighbor(number) for number in range(4)]
        self.routes = {}
        for number in range(routes):
            route = self._route(number)
            self.routes[route["name"]] = route
        self.warnings = []
        self.status_changes = {}
        self.nodes = [self._node(site, number) for number, site in enumerate(SITES[1:])]

    # ---- made ----

    def _neighbor(self, number):
        is_up = number != 3
        return {"ipAddress": f"198.51.100.{number * 4 + 1}", "localAddress": f"198.51.100.{number * 4 + 2}", "peerAs": 64500 + number,
                "localAs": 65000, "state": "up" if is_up else "down", "since": ago(86400 * 3 + 4000 if is_up else 372),
                "reason": "" if is_up else "peer reset, message (closing connection) error(Broken TCP connection)",
                "families": ["ipv4 unicast", "ipv6 unicast", "ipv4 flow"], "reportsUpdates": True, "routes": 0, "routesByFamily": {}}

    def history(self, is_up, length=32):
        base = self.random.choice([2, 4, 9, 14, 30, 80])
        marks, took = "", []
        for index in range(length):
            fails = self.random.random() < (0.01 if is_up else 0.05) or (not is_up and index > length - self.random.randint(2, 14))
            marks += "f" if fails else "p"
            took.append(2000 if fails else max(1, int(base * self.random.lognormvariate(0, 0.35))))
        return {"marks": marks, "tookMs": took}

    def _state(self, number):
        """Most are announced; of each other state there are some."""
        at = number % 997
        table = [(3, "withdrawn", "down"), (11, "withdrawn", "down"), (25, "unconfirmed", "up"), (41, "standby", "up"),
                 (57, "withdrawn", "adminState"), (88, "pending", "up"), (131, "faulty", "none"), (212, "announced", "unchecked"),
                 (303, "withdrawn", "down"), (404, "refused", "up"), (505, "unsubscribed", "none"), (606, "waiting", "unknown")]
        for place, state, health in table:
            if at == place:
                return state, health
        return "announced", "none" if number % 29 == 7 else "up"

    def _route(self, number):
        kind, site = KINDS[number % len(KINDS)], SITES[(number // len(KINDS)) % len(SITES)]
        name = f"{kind}-{site}-{number // (len(KINDS) * len(SITES)) + 1}"
        state, health = self._state(number)
        is_v6 = number % 5 == 4
        prefix = f"2001:db8:{number:x}::1/128" if is_v6 else f"10.{number // 65536}.{number // 256 % 256}.{number % 256}/32"
        layer, reason = "health", "health check passed"
        if health == "adminState":
            layer, reason, health = "adminState", "adminState of the node is down", "up"
        elif health == "down":
            reason = self.random.choice(["health check failed: exit code 9", "health check failed: timed out", "health check failed: connection refused"])
        elif health == "none":
            reason = "no health check: counts as healthy"
        elif health == "unchecked":
            reason = "the health check gives no result: kept as it is"
        error = None
        if state == "faulty":
            error = f"routes/{name}/config: column 39: med: 4294967296 is out of range (0 to 4294967295)"
        elif state == "refused":
            error = "ExaBGP refused: invalid next-hop"
        elif number % 613 == 100:
            error = f"the new version of routes/{name}/healthcheck has not passed yet"
        up = [neighbor["ipAddress"] for neighbor in self.neighbors if neighbor["state"] == "up"]
        is_on = state == "announced"
        route = {"name": name, "prefix": prefix, "family": "ipv6 unicast" if is_v6 else "ipv4 unicast", "state": state, "health": health,
                 "verdict": "announce" if state not in ("withdrawn", "unsubscribed", "faulty") else "withdraw", "layer": layer, "reason": reason,
                 "since": ago(self.random.choice([40, 400, 4000, 40000, 400000]) * (1 + self.random.random()) if is_on else 3 + number % 900),
                 "acked": is_on, "nlri": {"count": 3 if number % 47 == 5 else 1, "announced": 1 if is_on else 0},
                 "onWire": up if is_on else [], "missing": up[:1] if state == "unconfirmed" else [], "error": error,
                 "history": None if health == "none" else self.history(health == "up")}
        if number % 97 == 13:
            route = {**route, "name": f"api:mitigation-{number}", "origin": "api", "owner": "token ddos-desk", "note": "attack on " + prefix,
                     "expires": stamp(now() + datetime.timedelta(seconds=2700)), "health": "none", "history": None, "reason": "no health check: counts as healthy"}
        return route

    def _node(self, site, number):
        names = list(self.routes)
        told = {}
        for name in names[number * 7:number * 7 + 2 + number % 3]:
            told[name] = {"state": "withdrawn", "health": "down", "reason": "health check failed: timed out", "since": ago(500 + number)}
        if site == "waw":
            return {"name": f"{site}1", "self": False, "status": None}
        return {"name": f"{site}1", "self": False, "status": {
            "version": "0.1.0", "store": {"kind": "etcd v3", "state": "connected" if site != "syd" else "unreachable"},
            "summary": {"routes": len(names), "subscribed": len(names), "announced": len(names) - len(told), "withdrawn": len(told)},
            "routes": told, "omitted": 0, "warnings": []}}

    # ---- answers ----

    def status(self):
        states = [route["state"] for route in self.routes.values()]
        worker = {"pid": 4112, "state": "running", "restarts": 0, "running": 1, "checks": 2100, "cpu": 3.1,
                  "confinement": "no_new_privs, rlimits, mdwe, landlock 7, seccomp"}
        made = {"version": "0.1.0", "node": self.node, "mode": "normal", "pid": 4100, "starts": 1, "started": stamp(START), "stateDirectory": f"/var/lib/bgpcommander/{self.node}",
                "logLinesDropped": 0, "recordsLost": 0,
                "store": {"kind": "etcd v3", "endpoint": "http://127.0.0.1:2379", "state": "connected", "text": "http://127.0.0.1:2379", "revision": 88121,
                          "clusterId": "2037210783374497686", "ageMs": 412, "loss": None, "publishing": True, "publishProblem": None},
                "exabgp": {"version": "4.2.21", "state": "synced", "acks": True, "wire": True, "queued": 0, "outstanding": 0, "settled": True,
                           "linesWritten": 10412, "acksMissing": 0, "linesSkipped": 0, "nudges": 2},
                "workers": {"exec": {**worker, "pid": 4111, "checks": 310, "confinement": "none", "cpu": 1.4, "addresses": "managed"},
                            "policy": {**worker, "pid": 4114, "checks": 3, "cpu": 0.4}, "lua": [worker, {**worker, "pid": 4113, "checks": 2064, "cpu": 2.8}], "quarantined": 0},
                "policies": {"keys": 3, "routes": 120, "waiting": 0, "failing": 0, "tried": 0, "held": 0, "quarantined": 0, "answers": 5210, "failures": 0, "kills": 0, "late": 0},
                "summary": {"routes": len(states), "subscribed": len(states), "announced": states.count("announced"), "withdrawn": states.count("withdrawn"),
                            "pending": states.count("pending"), "standby": states.count("standby"), "unconfirmed": states.count("unconfirmed"),
                            "refused": states.count("refused"), "faulty": sum(route["error"] is not None for route in self.routes.values()), "foreign": 2},
                "warnings": self.warnings}
        for path, value in self.status_changes.items():
            at = made
            *way, last = path.split(".")
            for part in way:
                at = at[part]
            at[last] = value
        return made

    def routes_answer(self, names=None):
        if names is not None:
            return {"routes": [self.routes[name] for name in names if name in self.routes]}
        return {"routes": list(self.routes.values()), "foreign": [{"neighbor": "198.51.100.1", "text": "route 192.0.2.77/32 next-hop self"},
                                                                  {"neighbor": "198.51.100.5", "text": "route 192.0.2.77/32 next-hop self"}], "foreignTotal": 2}

    def neighbors_answer(self):
        for number, neighbor in enumerate(self.neighbors):
            neighbor["routes"] = len(self.routes) - number * 3 if neighbor["state"] == "up" else 0
            neighbor["routesByFamily"] = {"ipv4 unicast": neighbor["routes"] * 4 // 5, "ipv6 unicast": neighbor["routes"] // 5} if neighbor["routes"] else {}
        return {"neighbors": self.neighbors}

    def check(self, route):
        history = route["history"] or {"marks": "", "tookMs": []}
        words = {"p": "passed", "f": "timed out", "-": "lost"}
        last = history["marks"][-1:] or "-"
        return {"name": route["name"], "kind": "route", "state": route["health"], "status": words[last], "reason": None if last == "p" else "no answer within 0.5 s", "score": None,
                "data": None, "users": 1, "interval": 1, "took": (history["tookMs"] or [0])[-1] / 1000, "late": 0.0, "probation": False, "trouble": None,
                "history": [{"status": words[mark], "took": ms / 1000} for mark, ms in zip(history["marks"], history["tookMs"])]}

    def checks_answer(self, names=None):
        found = [self.check(route) for route in self.routes.values() if route["history"] is not None]
        return {"checks": [check for check in found if names is None or check["name"] in names]}

    def route_answer(self, name):
        route = self.routes[name]
        text = f"route {route['prefix']} next-hop self med 100 community [65000:1 65000:120]"
        base = datetime.datetime.fromisoformat(route["since"].replace("Z", "+00:00"))

        def at(ms):
            return stamp(base + datetime.timedelta(milliseconds=ms))
        word = "withdraw" if route["state"] == "withdrawn" else "announce"
        chain = [{"step": "key", "time": at(-86400000), "text": text}]
        if route["history"]:
            chain.append({"step": "check", "time": at(-3), "name": name, "text": "down: timed out" if route["health"] == "down" else "up: passed",
                          "tookMs": route["history"]["tookMs"][-1]})
        if route["state"] not in ("faulty", "unsubscribed"):
            chain += [{"step": "decision", "time": at(-1), "id": 4711, "text": f"{word}: {route['layer']}: {route['reason']}"},
                      {"step": "command", "time": at(0), "text": f"{word} {text}"}, {"step": "ack", "time": at(2), "text": ""}]
            chain += [{"step": "wire", "time": at(5 + 2 * number), "neighbor": neighbor["ipAddress"], "text": ""}
                      for number, neighbor in enumerate(self.neighbors) if neighbor["state"] == "up"]
        decisions = [{"id": 4711 - number, "type": "decision", "at": int(base.timestamp() * 1000) - number * 3600000, "route": name,
                      "verdict": word if number % 2 == 0 else ("announce" if word == "withdraw" else "withdraw"), "layer": "health",
                      "reason": route["reason"] if number % 2 == 0 else "health check passed", "notes": []} for number in range(6)]
        full = {**route, "subscribed": route["state"] != "unsubscribed", "text": text, "output": OUTPUT if route["health"] == "down" else None, "data": None,
                "checks": [self.check(route)] if route["history"] else [], "policy": None, "key": at(-86400000), "chain": chain, "decisions": decisions,
                "scripts": [{"key": f"routes/{name}/healthcheck", "language": "lua", "hash": "319f9e64c61118cc", "text": SCRIPT, "decides": True}] if route["history"] else []}
        full["history"] = self.check(route)["history"] if route["history"] else None
        return {**full, **self.full.get(name, {})}

    def nodes_answer(self):
        return {"nodes": [{"name": self.node, "self": True, "status": self.status()}, *self.nodes], "age": 0.4, "more": False, "problem": None}

    # ---- what happens ----

    def event(self, type_, subject, **detail):
        self.event_id += 1
        made = {"id": self.event_id, "time": stamp(now()), "type": type_, "subject": subject, "decision": None, "detail": detail}
        self.events.append(made)
        return made

    def move(self, name, state, health=None, reason=None):
        """The route is in another state from now on; the events of it."""
        route = self.routes[name]
        was, word = route["state"], "announce" if state == "announced" else "withdraw"
        up = [neighbor["ipAddress"] for neighbor in self.neighbors if neighbor["state"] == "up"]
        route.update(state=state, health=health or route["health"], reason=reason or route["reason"], since=stamp(now()),
                     verdict=word, onWire=up if state == "announced" else [], missing=[])
        if route["history"]:
            route["history"] = self.history(route["health"] == "up")
        decided = self.event("decision", name, verdict=word, layer=route["layer"], reason=route["reason"], was="announce" if was == "announced" else "withdraw")
        sent = self.event("command", name, what="sent", text=f"{word} route {route['prefix']} next-hop self")
        moved = self.event("route", name, state=state, was=was, health=route["health"], verdict=word, layer=route["layer"], reason=route["reason"], error=None)
        return [decided, sent, moved]
