"""The Debian package: built as docs/packaging.md says, without fault in lintian's eyes, and it runs from where it unpacks."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import samples

SOURCE = pathlib.Path(os.environ["BC_SOURCE"])
# The release build that tests/run makes beside the one under test; elsewhere one is made here.
BESIDE = pathlib.Path(os.environ["BC_BUILD"]).parent / "release"


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def configured_for_here(build):
    cache = build / "CMakeCache.txt"
    return cache.exists() and f"CMAKE_HOME_DIRECTORY:INTERNAL={SOURCE}\n" in cache.read_text()


@pytest.fixture(name="package", scope="module")
def fixture_package(tmp_path_factory):
    configure, build, pack, _ = samples.block("build").splitlines()
    folder = tmp_path_factory.mktemp("package")
    if configured_for_here(BESIDE):
        built = BESIDE
    else:
        built = folder / "build"
        assert configure.startswith("cmake -S . -B build ")
        run(*configure.replace("-B build", f"-B {built} -G Ninja").split(), cwd=SOURCE)
        assert build == "cmake --build build"
        run("cmake", "--build", built)
    assert pack == "(cd build && cpack -G DEB)"
    run("cpack", "-G", "DEB", "--config", built / "CPackConfig.cmake", "-B", folder, cwd=built)
    found = list(folder.glob("bgpcommander_*.deb"))
    assert len(found) == 1
    return found[0]


@pytest.fixture(name="root", scope="module")
def fixture_root(package):
    root = package.parent / "root"
    run("dpkg-deb", "-x", package, root)
    return root


def test_lintian_has_nothing_to_say(package):
    said = run("lintian", "--allow-root", "--fail-on", "error,warning", "--display-info", package)
    left = [line for line in said.splitlines() if re.match("[EWI]: ", line)]
    assert not [line for line in left if "binary-has-unneeded-section" not in line], said


def test_the_program_in_it_runs(root):
    assert "bgpcommander" in run(root / "usr/bin/bgpcommander", "--version")


def test_every_file_that_the_page_names_is_in_it(root):
    page = (SOURCE / "docs/packaging.md").read_text()
    named = re.findall(r"^\| (`.*?) \|", page, re.M)
    assert len(named) >= 7
    for path in re.findall(r"`(/[^`]+)`", " ".join(named)):
        stem, ending = re.fullmatch(r"([^{]*)(\{.*\})?", path).groups()
        for one in [stem + end for end in (ending or "{}").strip("{}").split(",")]:
            assert (root / one.lstrip("/")).exists(), one


def test_systemd_understands_the_units(root, tmp_path):
    units = root / "usr/lib/systemd/system"
    copy = tmp_path / "units"
    shutil.copytree(units, copy)
    service = (copy / "bgpcommander-lint.service").read_text()
    assert "\nExecStart=bgpcommander lint --store\n" in service
    program = root / "usr/bin/bgpcommander"
    (copy / "bgpcommander-lint.service").write_text(service.replace("ExecStart=bgpcommander", f"ExecStart={program}"))
    run("systemd-analyze", "verify", "--man=no", copy / "bgpcommander-lint.service", copy / "bgpcommander-lint.timer")
    assert samples.block("timer").split()[-1] == "bgpcommander-lint.timer"


def test_the_drop_in_keeps_exabgp_alive_when_a_check_is_killed(root, tmp_path):
    drop_in = root / "usr/lib/systemd/system/exabgp.service.d/bgpcommander.conf"
    assert "\nOOMPolicy=continue\n" in drop_in.read_text()
    (tmp_path / "exabgp.service.d").mkdir()
    (tmp_path / "exabgp.service").write_text("[Service]\nExecStart=/bin/true\n")
    shutil.copy(drop_in, tmp_path / "exabgp.service.d")
    said = run("systemd-analyze", "verify", "--man=no", tmp_path / "exabgp.service")
    assert "Unknown" not in said and "Failed to parse" not in said, said


def test_its_scripts_make_the_user_and_the_directories(package, root, tmp_path):
    control = tmp_path / "control"
    run("dpkg-deb", "-e", package, control)
    for script in ("postinst", "postrm"):
        run("sh", "-n", control / script)
    assert (control / "conffiles").read_text() == "/etc/bgpcommander/bgpcommander.conf\n"
    said = re.findall("^  (systemd-(?:sysusers|tmpfiles).*)$", (control / "postinst").read_text(), re.M)
    assert len(said) == 2
    copy = tmp_path / "root"
    shutil.copytree(root, copy)
    for command in said:
        name, *words = command.split()
        run(name, f"--root={copy}", *words)
    assert "exabgp:" in (copy / "etc/passwd").read_text()
    state = (copy / "var/lib/bgpcommander").stat()
    assert state.st_mode & 0o7777 == 0o700


def test_only_purge_removes_what_is_kept(package, tmp_path):
    control = tmp_path / "control"
    run("dpkg-deb", "-e", package, control)
    text = (control / "postrm").read_text()
    kept = tmp_path / "state"
    script = tmp_path / "postrm"
    assert text.count("/var/lib/bgpcommander") == 1
    script.write_text(text.replace("/var/lib/bgpcommander", str(kept)).replace("/run/systemd/system", "/nowhere"))
    kept.mkdir()
    run("sh", script, "remove")
    assert kept.exists()
    run("sh", script, "purge")
    assert not kept.exists()
