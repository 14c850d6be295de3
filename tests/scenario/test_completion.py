"""What `bgpcommander completion` prints completes in bash and zsh, from the lists that --help is printed from."""
import os
import pty
import re
import select
import subprocess

import pytest
import samples
from test_cli import daemon, home  # noqa: F401 pylint: disable=unused-import

PROGRAM = os.environ["BGPCOMMANDER"]
# Bash's own way with a colon is shown by a shell for a person, below.
BASH = """
source script
COMP_WORDS=(bgpcommander "$@")
COMP_CWORD=$#
COMP_LINE="bgpcommander $*"
COMP_POINT=${#COMP_LINE}
_bgpcommander bgpcommander "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
# compadd and _files are the shell's own, and there only while it completes for a person.
ZSH = """
function compdef() { }
function compadd() { shift; print -rl -- ${(M)@:#${words[CURRENT]}*} }
function _files() { print -rl -- ${words[CURRENT]}*(N) }
source ./script
words=(bgpcommander "$@")
CURRENT=${#words}
_bgpcommander
"""


@pytest.fixture(name="complete", params=["bash", "zsh"])
def fixture_complete(request, tmp_path):
    shell = request.param
    script = subprocess.run([PROGRAM, "completion", shell], check=True, stdout=subprocess.PIPE, text=True).stdout
    (tmp_path / "script").write_text(script)
    (tmp_path / "a_file.lua").write_text("")
    (tmp_path / "bgpcommander").symlink_to(PROGRAM)

    def complete(*words, socket=None):
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        if socket:
            environment["BGPCOMMANDER_SOCKET"] = socket
        quiet = {"bash": ["--norc"], "zsh": ["-f"]}[shell]
        done = subprocess.run([shell, *quiet, "-c", {"bash": BASH, "zsh": ZSH}[shell], shell, *words], cwd=tmp_path,
                              env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.stderr == ""
        return [line for line in done.stdout.splitlines() if line]
    return complete


def help_text():
    return subprocess.run([PROGRAM, "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout


def test_every_command_is_offered(complete):
    commands = re.findall(r"^  ([a-z]+) ", help_text().partition("\nCommands (")[2], re.M)
    assert {"status", "lint", "completion", "help"} <= set(commands)
    assert sorted(complete("")) == sorted(set(commands))
    assert complete("neigh") == ["neighbors"]


def test_every_option_is_offered(complete):
    offered = complete("status", "--")
    assert set(re.findall(r"^  --([a-z0-9-]+)", help_text(), re.M)) <= {option[2:] for option in offered}
    assert complete("status", "--watc") == ["--watch"]


def test_values_of_an_option_are_offered(complete):
    assert complete("--log-level", "in") == ["info"]
    assert complete("status", "--log-format", "") == ["text", "json"]
    assert complete("completion", "z") == ["zsh"]
    assert complete("route", "d") == ["delete"] and complete("node", "sub") == ["subscribe"]
    assert complete("data", "g") == ["get"] and complete("policy", "s") == ["set"]


def test_files_are_offered_where_a_file_is_read(complete):
    assert complete("lint", "a_") == ["a_file.lua"]
    assert complete("run", "--data", "a_f") == ["a_file.lua"]
    assert complete("status", "a_") == []


def test_names_come_from_the_daemon(complete, daemon):  # noqa: F811
    assert complete("why", "we", socket=daemon.path) == ["web-frontend"]
    assert complete("checks", "d", socket=daemon.path) == ["dns"]
    assert complete("run", "--route", "d", socket=daemon.path) == ["dns"]


@pytest.mark.parametrize("typed,shown", [("routes api:w", "routes api:web"), ("routes ap", "routes api:we"),
                                         ("why api:", "why api:web"), ("why web-", "why web-frontend"),
                                         ("events --route api:w", "events --route api:web")])
def test_names_with_a_colon_are_completed_for_who_types(daemon, tmp_path, typed, shown):  # noqa: F811
    """In Bash as people have it, which takes a colon for the end of a word."""
    names = ["web-frontend", "api:web"] if typed != "routes ap" else ["web-frontend", "api:web", "api:we.b_2"]
    daemon.answers["routes"] = {"routes": [{"name": name} for name in names]}
    script = subprocess.run([PROGRAM, "completion", "bash"], check=True, stdout=subprocess.PIPE, text=True).stdout
    (tmp_path / "script").write_text("PS1='> '\n" + script)
    (tmp_path / "bgpcommander").symlink_to(PROGRAM)
    primary, secondary = pty.openpty()
    shell = subprocess.Popen(["bash", "--noprofile", "--rcfile", tmp_path / "script", "-i"], stdin=secondary, stdout=secondary,
                             stderr=secondary, start_new_session=True,
                             env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb",
                                  "INPUTRC": "/dev/null", "BGPCOMMANDER_SOCKET": daemon.path})
    os.close(secondary)
    seen = b""
    try:
        os.write(primary, f"bgpcommander {typed}\t".encode())
        while f"bgpcommander {shown}".encode() not in seen.replace(b"\a", b""):
            assert select.select([primary], [], [], 20)[0], seen
            seen += os.read(primary, 4096)
    finally:
        shell.kill()
        shell.wait()
        os.close(primary)


def test_without_a_daemon_nothing_is_said(complete, tmp_path):
    assert complete("why", "", socket=str(tmp_path / "none.sock")) == []


def test_another_shell_is_refused():
    done = subprocess.run([PROGRAM, "completion", "fish"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'completion: expected bash or zsh, found "fish"\n'


def test_the_page_says_where_the_scripts_go():
    words = [line.split() for line in samples.block("completion-install").splitlines()]
    assert [line[:3] for line in words] == [["bgpcommander", "completion", shell] for shell in ("bash", "zsh")]
    # Zsh looks for a file with the name of the function.
    assert words[1][-1].endswith("/site-functions/_bgpcommander")
