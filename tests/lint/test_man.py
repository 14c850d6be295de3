"""The manual pages are what tests/lint/gen_man.py makes, and man(1) has nothing to say of them."""
import os
import shutil
import subprocess

import gen_man
import pytest


@pytest.mark.parametrize("name", sorted(gen_man.PAGES))
def test_a_page_is_what_its_sources_make(name):
    text = (gen_man.ROOT / "docs/man" / name).read_text()
    assert text == gen_man.PAGES[name](), "run tests/lint/gen_man.py"


@pytest.mark.skipif(not shutil.which("man"), reason="needs man")
@pytest.mark.parametrize("name", sorted(gen_man.PAGES))
def test_man_has_nothing_to_say(name):
    done = subprocess.run(["man", "--warnings", "-l", gen_man.ROOT / "docs/man" / name], capture_output=True, text=True, check=False,
                          env={"PATH": os.environ["PATH"], "MANWIDTH": "100", "LANG": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "@" not in [word[:1] for word in done.stdout.split() if word.startswith(("@command", "@option", "@setting"))]


def test_a_heading_without_a_text_gets_that_of_help():
    page, met = gen_man.filled("@option json watch@\n.TP\n", {"option": (lambda names: ".TP\n" + " ".join(names), str.upper)})
    assert (page, met) == (".TP\njson watch\nJSON\nWATCH\n.TP\n", ["json", "watch"])


def test_every_function_of_the_lua_api_stands_in_its_page():
    page = (gen_man.ROOT / "docs/man/bgpcommander-lua.7").read_text()
    names = [item.name for item in gen_man.gen_lua_api.items() if item.kind == "function" and item.text()]
    assert len(names) > 30 and all(f"\\fB{gen_man.roff(name)}\\fR" in page for name in names)
