import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))  # wait.py

import lua_world  # noqa: E402


@pytest.fixture
def scene(request, tmp_path):
    """What the test's module has as Scene. At its end the daemon is ended, and no sanitizer may have found anything."""
    made = request.module.Scene(tmp_path)
    yield made
    if made.daemon is not None:
        made.daemon.close()
        log = made.daemon.log()
        assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A network with servers for scripts that talk to others."""
    why_not = lua_world.why_not()
    if why_not:
        pytest.skip(why_not)
    with lua_world.World(tmp_path_factory.mktemp("world")) as made:
        yield made
