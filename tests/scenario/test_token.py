"""`bgpcommander token`: what it prints is a token and a line that lets it in; and the node file of the page is one."""
import base64
import hashlib
import os
import re
import subprocess

import pytest

from samples import block

PROGRAM = os.environ.get("BGPCOMMANDER", "build/bgpcommander")


def token(*words, code=0):
    done = subprocess.run([PROGRAM, "token", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def taken_apart(printed):
    found = re.fullmatch(r"token: (bgpc_[A-Za-z0-9_-]{43})\nfor the node file: http_token (\S+) ([0-9a-f]{64}) (.*)\n", printed)
    assert found, printed
    return found.groups()


def read_by_the_daemon(folder, conf):
    """What a command says of a node file: nothing, or the line that is wrong."""
    (folder / "node.conf").write_text(conf)
    done = subprocess.run([PROGRAM, "status", "--config", folder / "node.conf", "--socket", folder / "none.sock"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "no daemon answers" in done.stderr, done.stderr
    return done.stderr if "not used" in done.stderr else ""


def test_the_line_holds_the_hash_of_the_token(tmp_path):
    text, name, digest, rest = taken_apart(token("desk", "--scope", "read,announce", "192.0.2.0/24", "ge", "32"))
    assert name == "desk" and rest == "read,announce 192.0.2.0/24 ge 32"
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    assert len(base64.urlsafe_b64decode(text[len("bgpc_"):] + "=")) == 32
    assert read_by_the_daemon(tmp_path, f"http_token {name} {digest} {rest}\n") == ""


def test_no_two_tokens_are_alike():
    assert len({taken_apart(token("desk", "--scope=read"))[0] for _ in range(20)}) == 20


@pytest.mark.parametrize("words, line", [
    (["desk"], "token: --scope: expected read, announce or operate, several with commas\n"),
    (["desk", "--scope", "write"],
     'token: expected read, announce or operate, several with commas, each once, found "write"\n'),
    (["de/sk", "--scope", "read"], "token: expected a name of letters, digits, '.', '_', '-', a letter or digit first, "
                                   'at most 128, found "de/sk"\n'),
    (["desk", "--scope", "read", "10.0.0.1/8"],
     'token: prefix: "10.0.0.1/8" has bits set behind its length, expected 10.0.0.0/8\n'),
    (["desk", "--scope", "read", "--until", "soon"], 'token: expected a date such as 2027-12-31, found "soon"\n'),
])
def test_what_the_node_file_would_refuse_is_refused(words, line):
    assert token(*words, code=2) == line


def test_a_token_in_place_of_its_hash_is_not_repeated(tmp_path):
    text = taken_apart(token("desk", "--scope", "read"))[0]
    told = read_by_the_daemon(tmp_path, f"endpoints http://127.0.0.1:1\nhttp_token desk {text} read\n")
    assert "node.conf:2: http_token: column 6: expected the token's SHA-256, 64 hex digits, found a token itself" in told
    assert "bgpc_" not in told


@pytest.mark.parametrize("conf, line", [
    ("http_token a " + "0" * 64 + " read\nhttp_token a " + "1" * 64 + " read\n", "there is another token a"),
    ("http_token a " + "0" * 64 + " read\nhttp_token b " + "0" * 64 + " read\n", "a and b have the same SHA-256"),
    ("admit_length ipv4 24\nadmit_length ipv4 25\n", "admit_length: ipv4 is given twice"),
    ("admit_max_ttl 1h\nadmit_default_ttl 2h\n", "admit_default_ttl: expected at most admit_max_ttl"),
    ("admit_max_ttl 500ms\n", "node.conf:1: admit_max_ttl: expected a time of at least a second"),
    ("http_host a:80\n", "node.conf:1: http_host: expected a host's name without a port"),
    ("admit_flow on\n", "node.conf:1: admit_flow: expected off, destination ipv4|ipv6 N"),
])
def test_a_node_file_that_contradicts_itself_is_refused(tmp_path, conf, line):
    assert line in read_by_the_daemon(tmp_path, conf)


def test_the_sample_of_the_page_is_what_is_printed():
    command, *printed = block("http-access-token").splitlines(keepends=True)
    words = command.split()
    assert words[:3] == ["$", "bgpcommander", "token"]
    text, name, digest, rest = taken_apart("".join(printed))
    assert hashlib.sha256(text.encode()).hexdigest() == digest
    assert taken_apart(token(*words[3:]))[3] == rest and name == words[3]


def test_the_node_file_of_the_page_is_taken(tmp_path):
    assert read_by_the_daemon(tmp_path, block("http-access-desk")) == ""
