"""Contexts for policies, and verdicts of the policy worker for them."""
import copy
import json
import os

import policy_frames

NOW = 1700000000.0  # Tuesday, 22:13:20 UTC


def context(**changes):
    """A healthy route that stands not yet, with these members otherwise; objects are merged."""
    made = {
        "now": NOW, "kind": "route", "healthy": True, "health": "up", "reason": "health check passed", "since": NOW - 3600,
        "route": {"name": "WEB", "prefix": "192.0.2.10/32", "prefixes": ["192.0.2.10/32"], "family": "ipv4 unicast",
                  "text": "route 192.0.2.10/32 next-hop self", "attributes": {"next_hop": "self"}},
        "checks": {"healthcheck": {"state": "up", "status": "passed", "score": None, "data": None, "reason": "",
                                   "since": NOW - 3600, "own": True, "results": [], "changes": []}},
        "node": {"name": "edge1", "labels": {}, "admin_state": "up"},
        "neighbors": [{"address": "10.99.0.2", "local_address": "10.99.0.1", "peer_as": 65001, "local_as": 65000, "state": "up",
                       "since": NOW - 86400, "families": ["ipv4 unicast"]}],
        "standing": {"announced": False, "attributes": None, "since": None, "verdict": None, "reason": None}, "data": {},
    }

    def merge(into, what):
        for name, value in what.items():
            if isinstance(value, dict) and isinstance(into.get(name), dict):
                merge(into[name], value)
            else:
                into[name] = copy.deepcopy(value)
    merge(made, changes)
    return made


def standing(reason=None, since=NOW - 100, **attributes):
    return {"announced": True, "attributes": {"next_hop": "self", **attributes}, "since": since, "verdict": "announce",
            "reason": reason}


class PolicyWorker:
    def __init__(self):
        self.worker, self.number = policy_frames.Worker(os.environ["BGPCOMMANDER"]), 0

    def close(self):
        self.worker.end()

    def ask(self, script, contexts, options=None):
        """For each context the verdict, or the text of the error."""
        self.number += 1
        self.worker.send(policy_frames.set_frame(self.number, script, options=json.dumps(options or {})), *(
            policy_frames.run_frame(at, self.number, json.dumps(made)) for at, made in enumerate(contexts)))
        answers = {result.id: result for result in self.worker.results(len(contexts))}
        return [json.loads(answers[at].verdict) if answers[at].verdict else answers[at].error for at in range(len(contexts))]
