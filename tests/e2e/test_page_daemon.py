"""The live page of a real daemon, under a scripted ExaBGP: what is seen follows what the daemon does."""
import gzip
import hashlib
import json
import re

import browser as browser_module
import page_stand
import pytest
from fake_exabgp import Neighbor
from http_lab import Scene
from page_fixtures import SOURCE, Page, browser  # noqa: F401
from wait import wait_for

GONE = ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"]
CHECK = """#!/bin/sh
# Fails while the flag is there.
[ ! -e {flag} ] || {{ echo '{said}'; exit 9; }}
"""


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    if made.daemon is not None:
        made.daemon.close()
        log = made.daemon.log()
        assert "AddressSanitizer" not in log and "runtime error" not in log, log[-8000:]


class Live(Page):
    """The page of `scene`."""

    def __init__(self, browser, scene):
        super().__init__(browser)
        self.scene = scene

    @property
    def url(self):
        return f"http://127.0.0.1:{self.scene.port}/"

    def show(self):
        self.browser.size(1440, 900)
        self.browser.prefer("dark")
        self.browser.open(self.url)
        self.browser.see_text("#link", "Live")

    def end(self):
        errors, requests = self.browser.take_logs()
        self.browser.driver.get("about:blank")
        foreign = [url for url in requests if not url.startswith((self.url, "about:", "data:"))]
        assert not foreign, f"requests to others: {foreign}"
        left = [error for error in errors if not any(text in error for text in self.excused)]
        assert not left, "console: " + "\n".join(left)


@pytest.fixture
def live(browser, scene):
    made = Live(browser, scene)
    yield made
    made.end()


def put_checked(scene, name="web", said="no answer"):
    flag = scene.folder / f"{name}.fails"
    scene.tree.put(f"routes/{name}/config", "route 192.0.2.1/32 next-hop self med 100")
    scene.tree.put(f"routes/{name}/healthcheck", CHECK.format(flag=flag, said=said))
    scene.tree.put(f"routes/{name}/options", json.dumps({"interval": "300ms", "fall": 1}))
    return flag


def test_a_route_is_seen_to_go_with_its_check_and_to_come_back(scene, live, browser):
    flag = put_checked(scene)
    scene.start()
    scene.daemon.wait_state("web", "announced")
    live.show()
    row = browser.see_row("web", state="announced", health="up")
    assert row["prefix"] == "192.0.2.1/32" and row["wire"] == "1/1"
    browser.see("/^last \\d+ results: [1-9]\\d* passed, 0 did not/.test(document.querySelector('.routes .spark').ariaLabel)", "results")
    flag.touch()
    row = browser.see_row("web", state="withdrawn", health="down")
    assert "exit code 9" in row["why"]
    browser.see("/ [1-9]\\d* did not/.test(document.querySelector('.routes .spark').ariaLabel)", "results that failed")
    live.go("#/routes/web")
    browser.see_text("#detail .step[data-step=wire]", "10.99.0.2")
    texts = {step: browser.text(f"#detail .step[data-step={step}]") for step in ("key", "check", "decision", "command", "ack", "wire")}
    assert "down: failed" in texts["check"] and "withdraw: health: health check failed: exit code 9" in texts["decision"]
    assert "withdraw route 192.0.2.1/32 next-hop self med 100" in texts["command"] and re.search(r"\+\d+ ms", texts["ack"]) and re.search(r"\+\d+ ms", texts["wire"])
    assert all(re.search(r"\d\d:\d\d:\d\d\.\d{3}", text) for step, text in texts.items() if step != "key") and "since this daemon began" in texts["key"]
    browser.see_text("#detail .code", "no answer")
    browser.see("[...document.querySelectorAll('.decisions li')].some((each) => each.innerText.includes('announce')) && [...document.querySelectorAll('.decisions li')].some((each) => each.innerText.includes('withdraw'))", "both decisions")
    browser.run("[...document.querySelectorAll('#detail summary')].find((each) => /script/i.test(each.innerText)).click()")
    browser.see_text("#detail .numbered", "Fails while the flag is there.")
    flag.unlink()
    browser.see_row("web", state="announced", health="up")
    browser.see_text(".detail-pills", "announced")
    live.go("#/events")
    browser.see_text("#events-list", "announced, was")


def test_what_a_check_prints_is_text(scene, live, browser):
    said = "<img src=x onerror=window.harmed=1><script>window.harmed=1</script>"
    flag = put_checked(scene, said=said)
    flag.touch()
    scene.start()
    live.show()
    browser.see_row("web", health="down")
    live.go("#/routes/web")
    browser.see_text("#detail .code", said)
    assert browser.run("return window.harmed ?? null") is None and browser.run("return document.querySelectorAll('#detail img').length") == 0


def test_a_mistake_in_a_key_is_seen_and_that_it_is_mended(scene, live, browser):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.start()
    scene.daemon.wait_state("web", "announced")
    live.show()
    browser.see_row("web", state="announced")
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self med 4294967296")
    row = browser.see_row("web", why="out of range")
    assert row["state"] == "announced" and "fault" in row["why"]
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self med 7")
    browser.see("!document.querySelector('#routes-list').innerText.includes('out of range')", "mended")
    scene.tree.put("routes/new/config", "route 192.0.2.2/32 next-hop self")
    browser.see_row("new", state="announced")


def test_a_session_that_ends_is_seen(scene, live, browser):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    neighbors = [Neighbor(), Neighbor("10.99.1.2", "10.99.1.1", 65002)]
    scene.start(neighbors=neighbors)
    scene.daemon.wait_state("web", "announced")
    live.show()
    browser.see_row("web", wire="2/2")
    scene.exabgp.end_session(neighbors[1], "peer reset")
    browser.see_text("[data-banner=neighbors]", "1 neighbor down")
    browser.see_text("#rail-neighbors", "1 of 2 up")
    browser.see_row("web", wire="1/1")


def test_what_is_on_the_wire_by_time_alone_is_told_apart(scene, live, browser):
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.start(neighbors=[Neighbor(), Neighbor("10.99.1.2", "10.99.1.1", 65002, wire=False)])
    scene.daemon.wait_state("web", "announced")
    live.show()
    browser.see_row("web", state="announced", wire="~2/2")
    assert browser.run("return document.querySelector('.x-wire').title") == "By time alone, as they report no updates: 10.99.1.2"
    live.go("#/routes/web")
    assert "10.99.1.2" in browser.see_text(".wires", "sent, by time")


def test_a_core_that_is_killed_is_a_lost_connection_that_comes_back(scene, live, browser):
    live.excuse(*GONE)
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.start()
    scene.daemon.wait_state("web", "announced")
    live.show()
    browser.see_row("web", state="announced")
    browser.run("""window.claims = []; new MutationObserver(() => { const seen = document.querySelector('[data-filter=all] .tile-number').innerText;
      if (seen !== claims.at(-1)) claims.push(seen); }).observe(document.querySelector('#groups'), {subtree: true, childList: true, characterData: true})""")
    before = scene.daemon.core()
    after = scene.daemon.kill_core()
    live.go("#/workers")
    browser.see_text("#view-workers", str(after), seconds=40)
    assert str(before) not in browser.text("#view-workers")
    browser.see_text("#link", "Live")
    live.go("#/routes")
    browser.see_row("web", state="announced")
    assert "0" not in browser.run("return claims"), "it had a route all the time"


def token_line(name, token, scopes):
    return f"http_token {name} {hashlib.sha256(token.encode()).hexdigest()} {scopes}"


def make_token(letter):
    return "bgpc_" + letter * 43


def test_with_a_token_a_route_of_the_api_is_withdrawn_from_the_page(scene, live, browser):
    live.excuse("401", "403")
    desk, wall = make_token("A"), make_token("B")
    scene.node_file += [token_line("desk", desk, "read,announce,operate"), token_line("wall", wall, "read")]
    scene.token = desk
    scene.start()
    made = scene.send_json("PUT", "/v1/routes/web", {"route": "route 192.0.2.9/32 next-hop self", "ttl": "1h", "reason": "a test"})
    assert made.status == 201, made
    browser.size(1440, 900)
    browser.open(live.url)
    browser.see_text("[data-banner=locked]", "This daemon asks for a token")
    for token in ("bgpc_wrong", wall):
        browser.click("#token")
        browser.type("#token-field", token)
        browser.click("dialog .primary")
        if token == wall:
            browser.see_gone("dialog")
        else:
            browser.see("document.querySelector('dialog .problem').innerText !== ''", "not taken")
            browser.click("dialog .icon-button")
            browser.see_gone("dialog")
    browser.see_row("api:web", state="announced", why="API")
    live.go("#/routes/api%3Aweb")
    text = browser.see_text("#detail", "token desk")
    assert "a test" in text and "in 59m" in text
    browser.see_text("#detail", "this token may not withdraw")
    browser.click("#token")
    browser.see_text("dialog", "token wall may read.")
    browser.type("#token-field", desk)
    browser.click("dialog .primary")
    browser.see_gone("dialog")
    browser.click("#withdraw")
    browser.click("dialog .danger")
    browser.see_text("#toasts", "is withdrawn")
    wait_for(lambda: "192.0.2.9/32" not in scene.exabgp.prefixes(), "ExaBGP has it no more")
    browser.see("![...document.querySelectorAll('.x-name')].some((each) => each.innerText === 'api:web')", "gone from the list")


def test_what_the_daemon_says_of_a_token_is_shown(scene, live, browser):
    live.excuse("401", "403")
    wall, desk = make_token("A"), make_token("B")
    scene.node_file += [token_line("wall", wall, "read"), token_line("desk", desk, "announce")]
    scene.token = wall
    scene.tree.put("routes/web/config", "route 192.0.2.1/32 next-hop self")
    scene.start()
    scene.daemon.wait_state("web", "announced")
    browser.size(1440, 900)
    browser.open(live.url)
    browser.see_text("#locked", "None was entered in this tab")
    browser.click("#locked-enter")
    for token, said in ((make_token("C"), "Not taken: there is no such token."), (desk, "Not enough: the token desk lacks the scope read."), (wall, "")):
        browser.type("#token-field", token)
        browser.click("dialog .primary")
        if said:
            browser.see_text("dialog .problem", said)
    browser.see_row("web", state="announced")
    browser.see_text("#link", "Live")
    browser.see_text("#rail-neighbors", "1 of 1 up")
    browser.click("#token")
    browser.click("#token-forget")
    browser.see_text("#locked", "None was entered in this tab")
    assert browser.run("return document.querySelectorAll('.list-port .list-row, .mini, .event').length") == 0 and "n1" not in browser.text("h1")


TILES = """return Object.fromEntries([...document.querySelectorAll('#groups .tile')].map((each) =>
  [each.dataset.filter, Number(each.querySelector('.tile-number').innerText.replace(',', ''))]))"""


def test_the_tiles_are_the_numbers_of_the_status(scene, live, browser):
    put_checked(scene, "down").touch()
    scene.tree.put("routes/slow/config", "route 192.0.2.2/32 next-hop self")
    scene.tree.put("routes/slow/healthcheck", "#!/bin/sh\nsleep 60\n")
    scene.tree.put("routes/faulty/config", "route 192.0.2.3/32 next-hop self med x")
    scene.tree.put("routes/other/config", "route 192.0.2.5/32 next-hop self")
    scene.tree.put("routes/web/config", "route 192.0.2.6/32 next-hop self")
    scene.tree.put("routes/six/config", "route 2001:db8::1/128 next-hop 2001:db8::2")
    scene.start(subscribed="down slow faulty web six")
    assert scene.send_json("PUT", "/v1/routes/mine", {"route": "route 192.0.2.9/32 next-hop self"}).status == 201
    for name, state in (("down", "withdrawn"), ("slow", "waiting"), ("web", "announced"), ("api:mine", "announced")):
        scene.daemon.wait_state(name, state)
    live.show()
    browser.see_row("slow", state="waiting")

    def agreed():
        """The tiles, once they are what the status says at the same time."""
        tiles, summary = browser.run(TILES), scene.ask("GET", "/v1/status").json["summary"]
        shown = {key: tiles.get(key, 0) for key in ("announced", "standby", "unconfirmed", "refused")}
        shown.update(pending=tiles["moving"], withdrawn=sum(tiles.get(key, 0) for key in ("withdrawn", "waiting", "faulty")),
                     routes=tiles["all"] - summary["api"], subscribed=tiles["all"] - summary["api"] - tiles.get("unsubscribed", 0))
        return tiles if all(summary[key] == number for key, number in shown.items()) else None
    tiles = wait_for(agreed, "page and status agree")
    assert tiles["announced"] >= 2 and tiles["faulty"] == 1 and tiles["waiting"] == 1 and tiles["unsubscribed"] == 1
    scene.tree.put("node/n1/adminState", "drain")
    browser.see_text("[data-banner='layer:adminstate']", "withdrawn by adminState")
    wait_for(lambda: (tiles := agreed()) and tiles["announced"] == 0 and tiles, "page and status agree, all withdrawn")


def test_a_store_loss_is_seen_and_approved(scene, live, browser):
    token = make_token("C")
    scene.node_file.append(token_line("desk", token, "read,announce,operate"))
    scene.token = token
    live.excuse("401")
    for number in range(3):
        scene.tree.put(f"routes/web{number}/config", f"route 192.0.2.{number}/32 next-hop self")
    scene.start()
    scene.daemon.wait_state("web2", "announced")
    browser.size(1440, 900)
    browser.open(live.url)
    browser.click("#token")
    browser.type("#token-field", token)
    browser.click("dialog .primary")
    browser.see_row("web2", state="announced")
    for number in range(3):
        scene.tree.remove(f"routes/web{number}")
    browser.see_text("[data-banner=loss]", "Store loss (emptied)")
    assert browser.see_row("web2", state="announced")
    browser.click("[data-banner=loss] .danger")
    browser.click("dialog .danger")
    browser.see_text("#toasts", "approved")
    browser.see_gone("[data-banner=loss]")
    browser.see_text("[data-filter=all] .tile-number", "0")


def test_the_parts_are_served_as_browsers_want_them(scene):
    scene.node_file.append(token_line("desk", make_token("D"), "read"))
    scene.start()
    files = {"/": "index.html", "/page/index.html": "index.html", "/page/app.js": "app.js", "/page/style.css": "style.css", "/page/icon.svg": "icon.svg"}
    for path, name in files.items():
        whole = scene.ask("GET", path)
        assert whole.status == 200 and whole.body == (browser_module.parts() / name).read_bytes()
        assert whole.headers["Content-Type"] == page_stand.TYPES[name.split(".")[1]]
        assert whole.headers.get_all("Content-Security-Policy") == [page_stand.policy_of(SOURCE)]
        assert whole.headers["X-Content-Type-Options"] == "nosniff" and whole.headers.get_all("Cache-Control") == ["no-cache"]
        packed = scene.ask("GET", path, headers={"Accept-Encoding": "gzip, br"})
        assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.body) == whole.body and len(packed.body) < len(whole.body)
        assert packed.headers["Vary"] == whole.headers["Vary"] == "Accept-Encoding"
        assert packed.headers["ETag"] != whole.headers["ETag"]
        for answer, more in ((whole, {}), (packed, {"Accept-Encoding": "gzip"})):
            again = scene.ask("GET", path, headers={"If-None-Match": answer.headers["ETag"], **more})
            assert again.status == 304 and again.body == b"" and again.headers["ETag"] == answer.headers["ETag"]
            assert again.headers.get_all("Content-Security-Policy") == [page_stand.policy_of(SOURCE)]
        assert scene.ask("GET", path, headers={"If-None-Match": '"other"'}).status == 200
        head = scene.ask("HEAD", path)
        assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) == len(whole.body)
    for path in ("/page/", "/page/none.js", "/page/app.js.gz", "/page/..%2fapp.js", "/index.html"):
        assert scene.ask("GET", path).status == 404, path
    assert scene.ask("GET", "/v1/status").status == 401


def test_ten_thousand_routes_of_a_real_daemon(scene, live, browser):
    for number in range(10000):
        scene.tree.put(f"routes/r{number}/config", f"route 10.{number // 65536}.{number // 256 % 256}.{number % 256}/32 next-hop self")
    scene.start()
    wait_for(lambda: (status := scene.daemon.status()) and status["summary"]["announced"] == 10000, "all announced", 120)
    live.show()
    browser.see_text("[data-filter=announced] .tile-number", "10,000", seconds=60)
    browser.type("#search", "r4711")
    browser.see_names(["r4711"])
    scene.tree.put("routes/r4711/config", "route 192.0.2.1/32 next-hop self med 1 med")
    browser.see_row("r4711", why="config")
    scene.tree.put("node/n1/adminState", "down")
    browser.see_text("[data-filter=withdrawn] .tile-number", "10,000", seconds=120)
