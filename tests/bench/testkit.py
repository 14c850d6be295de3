"""What `bgpcommander test` takes for many cases in one file."""
import os
import statistics
import subprocess
import tempfile
import time

ROUNDS = 9
CHECK = """#!lua
local r, err = http.get("http://192.0.2.10/health", { timeout = 1 })
if not r then
  return false, err
end
return r.status == 200
"""
CHECK_TEST = """local c, list = check "it.lua", {}
for i = 1, COUNT do list[i] = { name = tostring(i), status = i % 2 == 0 and 200 or 503 } end
cases("status", list, function(case)
  fake.http{ status = case.status }
  local came = c:run()
  if case.status == 200 then expect(came):is_up() else expect(came):is_down() end
end)
"""
POLICY = """return function(ctx)
  if not ctx.healthy then
    return withdraw(ctx.reason)
  end
  return announce({ med = 200 })
end
"""
POLICY_TEST = """local p, list = policy "it.lua", {}
for i = 1, COUNT do list[i] = { name = tostring(i), healthy = i % 2 == 0 } end
cases("health", list, function(case)
  local said = p:run(ctx{ healthy = case.healthy })
  if case.healthy then expect(said):announces{ med = 200 } else expect(said):withdraws() end
end)
"""


def took(program, *words):
    """Seconds of each round."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        subprocess.run([program, "test", *words], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.monotonic() - begun)
    return statistics.median(seconds)


def main(program, count):
    for name, script, test in (("a check", CHECK, CHECK_TEST), ("a policy", POLICY, POLICY_TEST)):
        with tempfile.TemporaryDirectory() as folder:
            for file, text in (("it.lua", script), ("it_test.lua", test.replace("COUNT", str(count)))):
                with open(os.path.join(folder, file), "w", encoding="ascii") as to:
                    to.write(text)
            print(f"{count} cases of {name}: {took(program, folder):.2f} s, "
                  f"with --coverage {took(program, '--coverage', folder):.2f} s (medians of {ROUNDS} runs)")
