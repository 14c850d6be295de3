"""clang-tidy over the source, by .clang-tidy. A file that passed is looked at again only when it, a header or the rules
have changed (BC_BUILD/tidy holds the hashes)."""
import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import tempfile

import source

FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-DBC_VERSION=\"0\"", "-DBC_LUA_RELEASE=\"5.4.0\"", "-Isrc",
         *subprocess.run(["pkg-config", "--cflags", "lua5.4"], capture_output=True, text=True).stdout.split()]


def common_hash():
    text = hashlib.sha256((source.ROOT / ".clang-tidy").read_bytes())
    for path in source.files(".h", ".def"):
        if path.is_relative_to(source.ROOT / "src"):
            text.update(path.read_bytes())
    return text.hexdigest()


def look_at(path, common, cache):
    passed = cache / hashlib.sha256((common + source.short(path)).encode() + path.read_bytes()).hexdigest()
    if passed.exists():
        return ""
    done = subprocess.run(["clang-tidy", "--quiet", source.short(path), "--", *FLAGS], cwd=source.ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if done.returncode == 0:
        passed.touch()
        return ""
    return done.stdout or f"{source.short(path)}: clang-tidy ended with {done.returncode}\n"


def test_clang_tidy_finds_nothing():
    build = os.environ.get("BC_BUILD")
    with tempfile.TemporaryDirectory() as elsewhere:
        cache = pathlib.Path(build or elsewhere) / "tidy"
        cache.mkdir(exist_ok=True)
        paths = [path for path in source.files(".c") if path.is_relative_to(source.ROOT / "src")]
        # The longest first, so that no core waits for the last one alone.
        paths.sort(key=lambda path: -path.stat().st_size)
        common = common_hash()
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            found = "".join(pool.map(lambda path: look_at(path, common, cache), paths))
    assert not found, found
