"""What a decision by a policy costs: the policy worker alone, asked as core asks it."""
import json
import time

import policy_frames as frames

ROUTES = 1000

PLAIN = """return function(ctx)
  if not ctx.healthy then return withdraw(ctx.reason) end
  return announce{ med = 100 + 10 * ctx.checks.load.score, community = {"65000:100"}, reason = "load", again_in = 30 }
end
"""
# What a policy of some size does: it goes through neighbors, checks and their changes.
LARGER = """local function unstable(check, now)
  local count = 0
  for _, change in ipairs(check.changes) do
    if now - change.at < 600 then count = count + 1 end
  end
  return count > 3
end
return function(ctx)
  if not ctx.healthy then return withdraw(ctx.reason) end
  local med, names = 100, {}
  for name, check in pairs(ctx.checks) do
    names[#names + 1] = name
    if unstable(check, ctx.now) then med = med + 50 end
    med = med + math.floor((100 - (check.score or 100)) / 10) * 10
  end
  local established = 0
  for _, neighbor in ipairs(ctx.neighbors) do
    if neighbor.state == "up" then established = established + 1 end
  end
  if established == 0 then return keep("no neighbor") end
  if net.contains("192.0.2.0/24", ctx.route.prefix) then med = med + 1 end
  table.sort(names)
  return announce{ med = med, community = { "65000:" .. established }, reason = table.concat(names, ",") }
end
"""
WORLD_JSON = {
    "node": {"name": "fra-edge-1", "labels": {"site": "fra", "role": "edge", "capacity": 40}, "admin_state": "up"},
    "neighbors": [{"address": f"192.0.2.{i}", "local_address": "192.0.2.254", "peer_as": 65000 + i, "local_as": 65000,
                   "state": "up", "since": 1700000000.5, "families": ["ipv4 unicast", "ipv6 unicast"]} for i in range(4)],
}


def context(number):
    """Some 1.4 KB."""
    now = 1700000000.123 + number

    def check(name, score):
        return {"state": "up", "status": "passed", "score": score, "data": None, "reason": "", "since": now - 3600.5,
                "own": name == "healthcheck",
                "results": [{"at": now - i, "status": "passed", "score": score, "took": 0.0123} for i in range(4)],
                "changes": [{"at": now - 3600.5 * (i + 1), "state": "up" if i % 2 == 0 else "down"} for i in range(2)]}

    prefix = f"10.{number >> 8 & 255}.{number & 255}.0/24"
    attributes = {"next_hop": "self", "med": 100, "community": ["65000:100", "65000:200"]}
    return json.dumps({
        "now": now, "kind": "route", "healthy": True, "health": "up", "reason": "", "since": now - 3600.5,
        "route": {"name": f"service-{number}", "prefix": prefix, "prefixes": [prefix], "family": "ipv4 unicast",
                  "text": f"route {prefix} next-hop self med 100 community [65000:100 65000:200]", "attributes": attributes},
        "checks": {"healthcheck": check("healthcheck", None), "load": check("load", number % 101)},
        "standing": {"announced": True, "attributes": attributes, "since": now - 60, "verdict": "announce", "reason": "load"},
    }, separators=(",", ":")).encode()


def cost(program, script, rounds):
    """Of `rounds` times all routes: CPU seconds of the process, those in the script, wall seconds of each round."""
    worker = frames.Worker(program)
    worker.send(frames.set_frame(1, script), frames.world_frame(json.dumps(WORLD_JSON)))
    runs = [frames.run_frame(number, 1, context(number)) for number in range(ROUTES)]
    inside, walls = 0, []
    for _ in range(rounds):
        begun = time.monotonic()
        worker.send(*runs)
        results = worker.results(ROUTES)
        walls.append(time.monotonic() - begun)
        assert all(result.status == frames.DONE for result in results), results[0]
        inside += sum(result.cpu_us for result in results)
    return worker.end(), inside / 1e6, walls


def main(program, rounds):
    print(f"{ROUTES} routes decided anew, a context of {len(context(1))} bytes; CPU of the policy worker, mean of {rounds} rounds")
    for name, script in (("the plain policy", PLAIN), ("a larger one", LARGER)):
        base, *_ = cost(program, script, 0)
        cpu, inside, walls = cost(program, script, rounds)
        print(f"{name}: {(cpu - base) * 1000 / rounds:.1f} ms, {inside * 1000 / rounds:.1f} ms of it in the script; "
              f"until the last verdict {sorted(walls)[rounds // 2] * 1000:.1f} ms (median)")
