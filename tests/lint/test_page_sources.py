"""The sources of the live page: small modules that name what they take, no text that becomes markup, no address of others, all words of the daemon."""
import re

import source

FOLDER = source.ROOT / "src/page"
MOST_LINES = 600
# Ways for a text to become markup, script or style; and ways out.
BANNED = re.compile(r"\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|srcdoc|eval|Function|document\.write|setHTML\w*|"
                    r"importScripts|XMLHttpRequest|WebSocket|EventSource|sendBeacon|postMessage)\b|javascript:")
ADDRESS = re.compile(r"https?://[^\s'\"`)]+")
OWN = {"http://www.w3.org/2000/svg"}


def modules():
    found = {path.stem: path.read_text() for path in FOLDER.glob("*.js")}
    assert len(found) > 10
    return found


def order():
    """In which page.cmake puts them together."""
    return re.search(r"set\(scripts ([^)]*)\)", (FOLDER / "page.cmake").read_text()).group(1).split()


def test_files_are_short_and_each_is_put_in():
    bad = [f"{path.name}: {lines} lines" for path in FOLDER.iterdir() if (lines := len(path.read_text().splitlines())) > MOST_LINES]
    assert not bad
    assert sorted(order()) == sorted(modules())
    styles = re.search(r"set\(styles ([^)]*)\)", (FOLDER / "page.cmake").read_text()).group(1).split()
    assert sorted(styles) == sorted(path.stem for path in FOLDER.glob("*.css"))


def test_what_a_module_takes_another_before_it_gives():
    places = {name: number for number, name in enumerate(order())}
    for name, text in modules().items():
        imports = re.findall(r"^import (.*)$", text, re.M)
        for each in imports:
            found = re.fullmatch(r"\{ ([\w, ]+) \} from '\./(\w+)\.js';", each)
            assert found, f"{name}: {each}: page.cmake reads only one line like that"
            names, of = found.groups()
            assert places[of] < places[name], f"{name} comes before {of}"
            given = set(re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", modules()[of], re.M))
            assert set(names.split(", ")) <= given, f"{name}: {each}"
            unused = [word for word in names.split(", ") if len(re.findall(rf"\b{word}\b", text)) < 2]
            assert not unused, f"{name} does not use {unused}"


def test_what_is_exported_is_used():
    texts = modules()
    for name, text in texts.items():
        for given in re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", text, re.M):
            assert any(re.search(rf"^import \{{.*\b{given}\b.*\}} from './{name}\.js'", other, re.M) for other in texts.values()), f"{name}: {given}"


def test_no_text_becomes_markup_and_nothing_comes_from_elsewhere():
    for path in FOLDER.iterdir():
        text = path.read_text()
        if path.suffix in (".js", ".css", ".html", ".svg"):
            assert set(ADDRESS.findall(text)) <= OWN, path.name
        if path.suffix == ".js":
            found = BANNED.search(re.sub(r"//.*", "", text))
            assert not found, f"{path.name}: {found.group(0)}"
            assert "setAttribute('style'" not in text and "console." not in text
    page = (FOLDER / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page)
    assert "@import" not in "".join(path.read_text() for path in FOLDER.glob("*.css"))


def words(path, pattern):
    found = re.findall(pattern, (source.ROOT / path).read_text(), re.M)
    assert found, path
    return set(found)


def test_the_page_knows_each_state_that_the_daemon_tells():
    states = modules()["states"]
    known = set(re.findall(r"^  (\w+): \{ shape", states.split("const HEALTH")[0], re.M))
    row = next(line for line in (source.ROOT / "docs/api.md").read_text().splitlines() if line.startswith("| `state` | `pending`"))
    told = set(re.findall(r"`(\w+)`", row.split("of several NLRI")[0])) - {"state"}
    assert told == known
    health = set(re.findall(r"^  (\w+): \{ shape", states.split("const HEALTH")[1].split("const SESSIONS")[0], re.M))
    row = next(line for line in (source.ROOT / "docs/api.md").read_text().splitlines() if line.startswith("| `health` |"))
    assert set(re.findall(r"`(\w+)`", row)) - {"health"} == health


def test_the_page_knows_how_each_run_of_a_check_counts():
    lines = re.findall(r'X\(\w+, "([^"]+)", BC_CHECK_(PASS|FAIL|NEUTRAL)\)', (source.ROOT / "src/base/check_status.h").read_text())
    assert len(lines) > 10
    fell = re.search(r"FELL = new Set\(\[(.*?)\]\)", modules()["states"]).group(1)
    assert set(re.findall(r"'([^']+)'", fell)) == {text for text, counts in lines if counts == "FAIL"}
    rose = re.search(r"ROSE = new Set\(\[(.*?)\]\)", modules()["states"]).group(1)
    assert set(re.findall(r"'([^']+)'", rose)) == {text for text, counts in lines if counts == "PASS"}


def test_every_shape_that_is_named_is_drawn():
    texts = modules()
    drawn = set(re.findall(r"^  '?([\w-]+)'?: \{ (?:fill|line)", texts["icons"], re.M))
    named = set()
    for name, text in texts.items():
        named |= set(re.findall(r"shape: '([\w-]+)'", text)) | set(re.findall(r"\bicon\('([\w-]+)'", text)) | set(re.findall(r"\b(?:pill|mark)\('([\w-]+)'", text))
    assert named <= drawn, named - drawn


def test_the_keys_and_words_of_the_help_stand_in_the_document():
    page = (source.ROOT / "docs/page.md").read_text()
    asks = re.findall(r"^  (\w+): \(route, text\)", modules()["search"], re.M)
    assert len(asks) > 5 and [ask for ask in asks if f"`{ask}:" not in page] == []
