"""A check may be stupid or evil: nothing of it reaches ExaBGP or our processes, and nothing of it stays running."""
import json
import os
import pathlib
import re
import subprocess
import tempfile

import pytest

from wait import HANG

QUICK = {"interval": "200ms"}
POISON = "announce route 0.0.0.0/0 next-hop self"


PASSWORD = "a-password-of-etcd"


@pytest.fixture(scope="module")
def credentials():
    """Readable only where ExaBGP's user could read it too: a check may open the file, never find it elsewhere. Not below
    pytest's folder, which each other run of pytest closes again for all but root."""
    with tempfile.TemporaryDirectory(prefix="bc-credentials-") as directory:
        os.chmod(directory, 0o755)
        file = pathlib.Path(directory) / "etcd"
        file.write_text(f"root:{PASSWORD}\n")
        file.chmod(0o644)
        yield file


@pytest.fixture(scope="module")
def lab(make_lab, credentials):
    lab = make_lab(environment={"SECRET_OF_EXABGP": "hidden"}, arguments=f"--etcd-user-file {credentials}")
    lab.put_all({"routes/keeper/config": "route 192.0.2.250/32 next-hop self", "node/n1/subscribedRoutes": "*"})
    lab.start_exabgp()
    lab.wait_for(lambda: lab.bird.has("192.0.2.250/32"), 10, "the first route")
    return lab


@pytest.fixture(autouse=True)
def nothing_reaches_exabgp(lab):
    exabgp, holder, core = lab.exabgp.pid, lab.pid_of("holder"), lab.pid_of("core")
    yield
    assert not lab.bird.has("0.0.0.0/0")
    assert lab.bird.has("192.0.2.250/32")
    assert lab.is_exabgp_alive() and lab.exabgp.pid == exabgp
    assert lab.pid_of("holder") == holder and lab.pid_of("core") == core
    assert "0.0.0.0/0" not in lab.log("exabgp.log")
    for name in lab.routes():
        if name != "keeper":
            lab.delete_all(lab.get_prefix(f"routes/{name}/"))
    lab.wait_for(lambda: list(lab.routes()) == ["keeper"], 10, "cleaned up")
    # Only the daemon's own three remain of all that ran under ExaBGP.
    ours = [pid for pids in lab.daemons().values() for pid in pids]
    lab.wait_for(lambda: not lab.others_running(*ours), 10, f"nothing left running: {lab.others_running(*ours)}")


def run_check(lab, name, octet, script, **options):
    lab.put_all({f"routes/{name}/config": f"route 192.0.2.{octet}/32 next-hop self",
                 f"routes/{name}/options": json.dumps({**QUICK, **options}), f"routes/{name}/healthcheck": script})


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_grandchildren_with_own_sessions_die_with_their_check(lab):
    pids = lab.flags / "grandchildren"
    run_check(lab, "forks", 1, f"""#!/bin/sh
mkfifo {pids}.$$
exec 3<>{pids}.$$
rm {pids}.$$
setsid sh -c 'echo $$ >>{pids}; echo >&3; exec {HANG}' &
setsid sh -c 'setsid sh -c "echo \\$\\$ >>{pids}; echo >&3; exec {HANG}" & exec true' &
sh -c 'trap "" TERM INT HUP; echo $$ >>{pids}; echo >&3; exec {HANG}' &
read _ <&3; read _ <&3; read _ <&3
exit 0
""")
    lab.wait_for(lambda: lab.bird.has("192.0.2.1/32"), 10, "the check passes in spite of them")
    lab.wait_for(lambda: len(pids.read_text().split()) >= 6, 20, "it runs again and again")
    # At most those of the run under way are alive.
    lab.wait_for(lambda: sum(map(is_alive, map(int, pids.read_text().split()))) <= 3, 10, "the others are dead")


def test_a_check_that_hangs_is_killed_with_all_its_children_at_the_deadline(lab):
    pids = lab.flags / "hung"
    run_check(lab, "hangs", 2, f"""#!/bin/sh
trap '' TERM
echo $$ >>{pids}
setsid sh -c 'trap "" TERM; echo $$ >>{pids}; {HANG}' &
{HANG}
""", timeout="300ms", fall=1)
    lab.wait_for(lambda: lab.route("hangs")["health"] == "down", 10, "a timeout counts as a failure")
    first = [int(word) for word in pids.read_text().split()[:2]]
    lab.wait_for(lambda: not any(map(is_alive, first)), 10, "the first run's processes are dead")
    assert re.search("time(d )?out", lab.route("hangs")["reason"])


def test_output_is_never_a_command(lab):
    ran = lab.flags / "printed"
    run_check(lab, "prints", 3, f"""#!/bin/sh
echo "{POISON}"
echo "{POISON}" >&2
printf '\\n{POISON}\\n'
touch {ran}
exit 1
""")
    lab.wait_for(lambda: lab.route("prints")["health"] == "down", 10, "it fails")
    assert POISON in lab.route("prints")["output"]


def test_endless_output_costs_a_bounded_memory(lab):
    core, worker = lab.pid_of("core"), lab.pid_of("exec")
    before = lab.rss_kib(core) + lab.rss_kib(worker)
    run_check(lab, "endless", 4, "#!/bin/sh\nexec yes 'a line of no meaning'\n", timeout="1s", fall=2)
    lab.wait_for(lambda: lab.route("endless")["health"] == "down", 20, "killed at its deadline, twice")
    assert lab.rss_kib(core) + lab.rss_kib(worker) - before < 64 * 1024
    assert len(lab.route("endless")["output"]) <= 512


def test_bytes_that_are_no_text_do_no_harm(lab):
    run_check(lab, "bytes", 5, "#!/bin/sh\nprintf '\\000\\377\\033[2J\\n\"\\\\ \\303\\050'; exit 1\n")
    lab.wait_for(lambda: lab.route("bytes")["health"] == "down", 10, "it fails")
    lab.wait_for(lambda: "bytes" in json.loads(lab.get("node/n1/status"))["routes"], 10, "the status is still JSON")
    assert "\x1b" not in lab.log() and "\0" not in lab.log()


def test_the_daemons_processes_cannot_be_touched(lab):
    if lab.user == "root":
        pytest.skip("in a user namespace all run as its root, which may touch anything")
    attack, found = lab.flags / "hostile", lab.flags / "attempts"
    source = pathlib.Path(__file__).parent / "hostile.c"
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-o", attack, source], check=True)
    attack.chmod(0o755)
    run_check(lab, "evil", 6, f"#!/bin/sh\n{attack} {lab.dir} >{found}.new && mv {found}.new {found}\n")
    lab.wait_for(found.exists, 20, "the attack ran")
    attempts = [line.split() for line in found.read_text().splitlines()]
    seen = {int(pid) for pid, what, _ in attempts if what == "found"}
    assert {lab.pid_of("holder"), lab.pid_of("core"), lab.pid_of("exec")} <= seen
    granted = [attempt for attempt in attempts if attempt[2] == "granted" and attempt[1] != "found"]
    assert granted == []


def test_the_control_socket_is_read_only_for_checks(lab):
    answers = lab.flags / "answers"
    ask = f"{lab.program} %s --json --socket {lab.socket}"
    run_check(lab, "asks", 7, f"""#!/bin/sh
[ -e {answers} ] && exit 0
{ask % 'status'} >{answers}.status 2>&1
echo $? >>{answers}.status
{ask % 'approve'} >{answers}.approve 2>&1
echo $? >>{answers}.approve
setsid sh -c '{ask % 'upgrade'} >{answers}.upgrade 2>&1; echo $? >>{answers}.upgrade; touch {answers}' &
wait
""")
    lab.wait_for(answers.exists, 20, "it asked")
    assert '"node"' in pathlib.Path(f"{answers}.status").read_text()
    for command in ("approve", "upgrade"):
        text = pathlib.Path(f"{answers}.{command}").read_text()
        assert "error" in text and "nothing waits" not in text, text
        assert text.split()[-1] != "0"


def test_checks_get_a_clean_environment_and_no_foreign_descriptor(lab):
    told = lab.flags / "told"
    run_check(lab, "env", 8, f"#!/bin/sh\nenv >{told}.new; echo --- >>{told}.new; ls -l /proc/self/fd >>{told}.new\n"
                             f"id >>{told}.new; grep -E '^Cap(Inh|Amb)' /proc/self/status >>{told}.new; mv {told}.new {told}\n",
              env={"SERVICE": "dns"})
    lab.wait_for(told.exists, 20, "it told")
    environment, _, rest = told.read_text().partition("---")
    names = {line.split("=")[0] for line in environment.splitlines()}
    assert "SERVICE" in names
    assert not [name for name in names if name.lower().startswith(("exabgp", "secret", "python", "ld_", "bgpcommander_etcd"))]
    targets = [line.partition(" -> ")[2] for line in rest.splitlines() if " -> " in line]
    sockets = [target for target in targets if target.startswith("socket:") or "/journal" in target]
    assert sockets == [], rest
    assert len(targets) <= 5, rest
    for line in rest.splitlines():
        if line.startswith("Cap"):
            assert int(line.split()[1], 16) == 0, line


def test_a_fork_storm_is_contained(lab):
    pids = lab.flags / "storm"
    run_check(lab, "storm", 9, f"""#!/bin/sh
i=0
while [ $i -lt 60 ]; do
  setsid sh -c 'echo $$ >>{pids}; exec {HANG}' &
  i=$((i + 1))
done
wait
""", timeout="500ms", fall=1)
    lab.wait_for(lambda: lab.route("storm")["health"] == "down", 20, "killed at its deadline")
    lab.delete_all(lab.get_prefix("routes/storm/"))
    lab.wait_for(lambda: not any(map(is_alive, map(int, pids.read_text().split()))), 20, "all of them are dead")
    assert os.path.exists(f"/proc/{lab.pid_of('exec')}")


def test_the_password_of_etcd_is_nowhere_but_in_its_file(lab):
    told = lab.flags / "searched"
    run_check(lab, "search", 10, f"""#!/bin/sh
{{ env; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'; cat /proc/self/fd/* </dev/null; }} >{told}.new 2>/dev/null
mv {told}.new {told}
""")
    lab.wait_for(told.exists, 20, "it searched")
    found = told.read_bytes().decode(errors="replace")
    assert "--etcd-user-file" in found, "it saw the command lines"
    assert PASSWORD not in found
    assert PASSWORD not in lab.log() and PASSWORD not in json.dumps(lab.status())
    assert not any(PASSWORD in value for value in lab.get_prefix("node/").values())
