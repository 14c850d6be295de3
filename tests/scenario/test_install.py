"""`cmake --install`: everything that a node needs lands where the documents say, and runs from there."""
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(os.environ["BC_SOURCE"])
BUILD = pathlib.Path(os.environ["BC_BUILD"])


def installed(tmp_path):
    done = subprocess.run(["cmake", "--install", BUILD], env={**os.environ, "DESTDIR": str(tmp_path)},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}


def find(files, ending):
    found = [path for name, path in files.items() if name.endswith(ending)]
    assert len(found) == 1, (ending, sorted(files))
    return found[0]


def test_the_program_runs_from_where_it_is_installed(tmp_path):
    program = find(installed(tmp_path), "/bin/bgpcommander")
    done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split()[-1][0].isdigit()


def test_directories_are_made_for_the_user_that_exabgp_runs_as(tmp_path):
    files = installed(tmp_path)
    tmpfiles = find(files, "tmpfiles.d/bgpcommander.conf").read_text()
    lines = {line.split()[1]: line.split() for line in tmpfiles.splitlines() if line and not line.startswith("#")}
    assert lines["/var/lib/bgpcommander"][2] == "0700" and lines["/var/lib/bgpcommander"][3] == "exabgp"
    assert lines["/run/bgpcommander"][3] == "exabgp"
    assert "bgpcommander" in find(files, "sysusers.d/bgpcommander.conf").read_text()


def test_manual_schema_and_every_page_are_installed(tmp_path):
    files = installed(tmp_path)
    for page in ("man8/bgpcommander.8", "man5/bgpcommander.conf.5", "man7/bgpcommander-lua.7"):
        find(files, f"man/{page}")
    find(files, "options.schema.json")
    for page in (SOURCE / "docs").glob("*.md"):
        find(files, f"doc/bgpcommander/{page.name}")


def test_what_begins_a_lua_check_is_installed(tmp_path):
    """The description for editors, the ready-made checks and policies, the examples with their links."""
    files = installed(tmp_path)
    for path in (SOURCE / "lua").rglob("*.lua"):
        if path.parent.name != "testkit":  # inside the program, of no use to anybody else
            find(files, f"/share/bgpcommander/{path.relative_to(SOURCE)}")
    for folder in ("checks", "policies"):
        for path in (SOURCE / "examples" / folder).rglob("*"):
            if path.is_file():
                assert find(files, f"doc/bgpcommander/{path.relative_to(SOURCE)}").read_text() == path.read_text()
