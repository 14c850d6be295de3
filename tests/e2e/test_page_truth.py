"""The live page says what the daemon says: after a restart, of a route that went, with clocks that differ, in its numbers, and
where nothing is known it claims nothing."""
import page_world
import pytest
import wait
from page_fixtures import browser, page  # noqa: F401
from selenium.webdriver.common.keys import Keys

GONE = ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"]
RAIL = "return [...document.querySelectorAll('#rail-events .event-about')].map((each) => each.innerText)"


def replace(page, browser, world):
    """Another daemon in place of this one, at the same address."""
    page.excuse(*GONE)
    page.stand.stop()
    browser.see_text("#link", "Lost")
    page.world = page.stand.world = world
    page.stand.start()
    browser.hurry()
    browser.see_text("#link", "Live")


# ---- another daemon ----

def test_of_a_daemon_that_began_anew_with_lower_ids_the_events_stand_above_those_of_before(page, browser):
    page.show_all(20)
    page.stand.move("dns-fra-1", "withdrawn", health="down")
    browser.see_text("#rail-events", "dns-fra-1")
    world = page_world.World(20)
    world.event_id = 1000
    world.status_changes = {"pid": 7000}
    world.move("ntp-fra-1", "withdrawn", health="down")
    replace(page, browser, world)
    browser.see_row("dns-fra-1", state="announced")
    browser.see_row("ntp-fra-1", state="withdrawn")
    browser.see_text("#rail-events", "ntp-fra-1")
    page.stand.move("web-fra-1", "withdrawn", health="down")
    browser.see_text("#rail-events", "web-fra-1")
    subjects = [each for each in browser.run(RAIL) if each]
    assert subjects == ["web-fra-1"] * 3 + ["ntp-fra-1"] * 3 + ["dns-fra-1"] * 3


def test_another_node_at_the_same_address_takes_everything_of_the_one_before_away(page, browser):
    page.show_all(20)
    page.stand.move("dns-fra-1", "withdrawn", health="down")
    browser.see_text("#rail-events", "dns-fra-1")
    page.go("#/checks")
    browser.see_row("dns-fra-1", place="#checks-list")
    page.go("#/routes")
    world = page_world.World(5, node="zrh9")
    for name in list(world.routes):
        world.routes[f"z-{name}"] = {**world.routes.pop(name), "name": f"z-{name}"}
    replace(page, browser, world)
    browser.see_text("#node", "zrh9")
    assert len(browser.rows()) == 5 and "dns-fra-1" not in [row["name"] for row in browser.rows()]
    assert "dns-fra-1" not in browser.run(RAIL)
    page.go("#/checks")
    browser.see_row("z-dns-fra-1", place="#checks-list")
    assert "dns-fra-1" not in [row["name"] for row in browser.rows("#checks-list")]


def test_after_a_restart_the_checks_are_read_anew(page, browser):
    page.show_all(300)
    page.go("#/checks")
    before = str(1 + len(page.world.checks_answer()["checks"]))
    browser.see("document.querySelector('.checks').getAttribute('aria-rowcount') === arguments[0]", "all of them", before)
    page.go("#/routes")
    world = page_world.World(100)
    world.event_id, world.status_changes = page.world.event_id + 1000, {"pid": 7000}
    world.event("node", None, what="start")
    replace(page, browser, world)
    page.go("#/checks")
    wanted = str(1 + len(world.checks_answer()["checks"]))
    browser.see("document.querySelector('.checks').getAttribute('aria-rowcount') === arguments[0]", "only those that run now", wanted)


def test_a_daemon_of_another_version_asks_to_load_the_page_anew(page, browser):
    page.show_all(5)
    assert browser.text("[data-banner=other]") is None
    world = page_world.World(5)
    world.status_changes = {"pid": 7000, "version": "9.9.9"}
    replace(page, browser, world)
    browser.see_text("[data-banner=other]", "The daemon is version 9.9.9 now")
    browser.click("[data-banner=other] button")
    browser.see_gone("[data-banner=other]")
    browser.see_text("#link", "Live")


# ---- clocks ----

@pytest.mark.parametrize("hours,words", [(3, "behind this machine"), (-3, "ahead of this machine")])
def test_with_a_clock_that_differs_ages_are_right_and_changes_are_told(page, browser, hours, words):
    page.show_all(5)
    browser.run("const real = Date.now; Date.now = () => real() + arguments[0]", hours * 3600000)
    browser.see("/(3h|2h 59m) /.test(document.querySelector('#clock').innerText) && document.querySelector('#clock').innerText.endsWith(arguments[0])", words, words)
    browser.see_text("#link", "Live")
    page.stand.move("dns-fra-1", "withdrawn", health="down")
    browser.see_text("#voice", "dns-fra-1 withdrawn")
    row = browser.see_row("dns-fra-1", state="withdrawn")
    assert row["since"].endswith("s") and len(row["since"]) <= 3
    # Of the daemon's clock, and of today by it: no date.
    assert all(len(each) == len("22:31:07") for each in browser.run("return [...document.querySelectorAll('.event time')].map((each) => each.innerText)"))


def test_what_happened_on_another_day_says_which(page, browser):
    world = page_world.World(5)
    world.event("warning", None, text="of yesterday", what="new")["time"] = page_world.ago(86400)
    page.show_all(world=world)
    yesterday = page_world.ago(86400)[5:10]
    browser.see("document.querySelector('.event time')?.innerText.startsWith(arguments[0])", "the day", yesterday)
    page.go("#/events")
    browser.see("document.querySelector('#events-list .x-at')?.innerText.startsWith(arguments[0])", "the day", yesterday)


# ---- a route that is open ----

def test_a_route_that_goes_while_it_is_open_is_told_to_be_gone(page, browser):
    page.excuse("404")
    page.show_all(20)
    page.go("#/routes/dns-fra-1")
    browser.see_text("#detail", "Command")
    with page.stand.changed:
        kept = page.world.routes.pop("dns-fra-1")
    page.stand.event("route", "dns-fra-1", state="gone", was="announced")
    text = browser.see_text("#detail", "dns-fra-1 is gone")
    assert "The daemon has no such route any more." in text and "When it was last read" in text
    assert browser.run("return document.querySelectorAll('#detail .pill, #detail .step').length") == 0
    with page.stand.changed:
        page.world.routes["dns-fra-1"] = {**kept, "state": "withdrawn", "health": "down"}
    page.stand.event("route", "dns-fra-1", state="withdrawn", was=None)
    browser.see_text(".detail-pills", "withdrawn")
    browser.see_text("#detail", "Command")
    browser.press(Keys.ESCAPE)
    browser.see("document.querySelector('#detail').hidden", "closed")


def test_a_route_that_was_opened_by_its_short_name_is_told_to_be_gone(page, browser):
    page.excuse("404")
    page.show_all(20)
    page.go("#/routes/mitigation-13")
    browser.see_text("#detail", "ddos-desk")
    with page.stand.changed:
        page.world.routes.pop("api:mitigation-13")
    page.stand.event("lease", "api:mitigation-13", what="removed")
    browser.see_text("#detail", "mitigation-13 is gone")
    assert browser.run("return document.querySelectorAll('#detail .pill, #detail .step').length") == 0


def test_the_open_route_tells_nothing_older_than_the_list(page, browser):
    page.show_all(20)
    page.go("#/routes/dns-fra-1")
    browser.see_text("#detail", "Command")
    page.stand.hold = "/v1/routes/dns-fra-1"
    page.stand.move("dns-fra-1", "withdrawn", health="down", reason="health check failed: exit code 7")
    browser.see_text(".detail-pills", "withdrawn")
    assert "on the wire" not in browser.text("#detail").lower(), "it is withdrawn, and still on the wire"
    page.stand.let_go()
    browser.see_text("#detail .step[data-step=decision]", "exit code 7")


def test_on_a_phone_the_open_route_says_itself_that_the_connection_is_lost(page, browser):
    page.excuse(*GONE)
    page.show_all(20)
    browser.size(390, 844, is_phone=True)
    page.go("#/routes/dns-fra-1")
    browser.see_text("#detail", "Command")
    assert not browser.text(".detail-old")
    page.stand.stop()
    browser.see_text(".detail-old", "Not live: this was so")
    page.stand.start()
    browser.see("document.querySelector('.detail-old').innerText === ''", "live again", seconds=40)


# ---- numbers ----

def test_the_tiles_count_what_the_status_counts(page, browser):
    world = page_world.World(2000)
    page.show_all(world=world)
    summary = world.status()["summary"]
    shown = {key: int(number.replace(",", "")) for key, number in browser.run(
        "return [...document.querySelectorAll('.tile')].map((each) => [each.dataset.filter, each.querySelector('.tile-number').innerText])")}
    assert {key: shown[key] for key in ("announced", "standby", "unconfirmed", "refused")} == {key: summary[key] for key in ("announced", "standby", "unconfirmed", "refused")}
    assert shown["moving"] == summary["pending"] and shown["all"] == summary["routes"]


def test_a_change_that_no_event_told_is_found_by_the_numbers(page, browser):
    page.show_all(1000)
    with page.stand.changed:
        name = [name for name, route in page.world.routes.items() if route["state"] == "announced"][-1]
        assert name not in [row["name"] for row in browser.rows()]
        page.world.routes[name].update(state="refused", error="ExaBGP refused: a test")
        refused = sum(route["state"] == "refused" for route in page.world.routes.values())
    browser.see_text("[data-filter=refused] .tile-number", str(refused), seconds=30)
    browser.see_row(name, state="refused")


def test_when_the_node_is_ready_all_of_it_is_read_again(page, browser):
    page.show_all(1000)
    with page.stand.changed:
        name = [name for name, route in page.world.routes.items() if route["state"] == "announced" and route["health"] == "up"][-1]
        assert name not in [row["name"] for row in browser.rows()]
        page.world.routes[name]["health"] = "unchecked"
        unchecked = sum(route["health"] == "unchecked" for route in page.world.routes.values())
    page.stand.event("node", None, what="ready")
    browser.see_text("[data-filter=unchecked] .tile-number", str(unchecked))


def test_where_a_session_ended_its_routes_are_read_again(page, browser):
    page.show_all(1000)
    browser.click(".sort[data-sort=name]")
    with page.stand.changed:
        for route in page.world.routes.values():
            route["onWire"] = [address for address in route["onWire"] if address != "198.51.100.5"]
        page.world.neighbors[1].update(state="down", reason="hold timer")
    page.stand.event("neighbor", "198.51.100.5", state="down", was="up", reason="hold timer")
    browser.type("#search", "neighbor:198.51.100.5")
    browser.see("document.querySelector('#found').innerText === '0 of 1,000 routes'", "none is there any more")


def test_how_many_a_neighbor_was_sent_goes_on(page, browser):
    page.show_all(20)
    browser.see_text("#rail-neighbors", "20 NLRI sent")
    answer = page.world.neighbors_answer
    page.world.neighbors_answer = lambda: {"neighbors": [{**each, "routes": each["routes"] + 5} for each in answer()["neighbors"]]}
    browser.see_text("#rail-neighbors", "25 NLRI sent")


# ---- what nobody would tell ----

@pytest.mark.parametrize("layer,key,words", [("adminState", "layer:adminstate", "withdrawn by adminState"), ("guard", "layer:guard", "kept back by the guard")])
def test_routes_that_somebody_keeps_down_have_a_banner(page, browser, layer, key, words):
    world = page_world.World(3)
    for route in world.routes.values():
        route.update(state="withdrawn", layer=layer, reason="a test", health="up")
    page.show_all(world=world)
    browser.see_text(f"[data-banner='{key}']", f"3 routes {words}")
    browser.click(f"[data-banner='{key}'] button")
    browser.see_names(sorted(world.routes))
    assert browser.run("return document.querySelector('#search').value") == key


def test_nothing_is_claimed_before_it_was_read(page, browser):
    page.show(world=page_world.World(20))
    page.stand.hold = "/v1/"
    browser.driver.refresh()
    claims = {"routes": ["0\nroutes", "No routes", "0 of 0", "Nothing has happened"], "nodes": ["Nothing is wrong", "No routes"], "neighbors": ["No neighbors"],
              "checks": ["No checks"], "events": ["Nothing has happened"]}
    for view, words in claims.items():
        page.go(f"#/{view}")
        browser.see("document.documentElement.dataset.view === arguments[0]", view, view)
        text = browser.text("main")
        assert text.strip() and not [each for each in words if each in text], (view, text)
    page.stand.let_go()
    browser.see_text("#events-list", "Nothing has happened")


def test_a_daemon_that_has_just_begun_has_no_numbers_yet(page, browser):
    world = page_world.World(20)
    kept, world.routes = world.routes, {}
    neighbors, world.neighbors = world.neighbors, []
    world.status_changes = {"exabgp.state": "starting", "store.state": "starting", "summary.announced": 9970}
    page.show(world=world)
    browser.see_text("#link", "Live")
    text = browser.see_text("#routes-list", "The routes are not known yet")
    assert "The store is starting. ExaBGP has not told yet what stands. 9,970 NLRI of before stand, and stay until their keys are known." in text
    assert set(browser.run("return [...document.querySelectorAll('.tile-number')].map((each) => each.innerText)")) == {"–"}
    assert "not known yet" in browser.text("#rail-neighbors")
    with page.stand.changed:
        world.routes, world.neighbors, world.status_changes = kept, neighbors, {}
    page.stand.event("node", None, what="ready")
    browser.see_row("dns-fra-1")
    browser.see_text("#rail-neighbors", "3 of 4 up")
    assert browser.text("[data-filter=all] .tile-number") == "20"


def test_a_node_that_says_nothing_is_not_counted_as_fine(page, browser):
    world = page_world.World(3)
    for route in world.routes.values():
        route.update(state="announced", health="up", error=None, missing=[])
    world.nodes = [node for node in world.nodes if node["name"] in ("waw1", "ams1")]
    world.nodes[0]["status"] = world.nodes[0]["status"] and {**world.nodes[0]["status"], "routes": {}}
    world.nodes[1]["status"] = None
    page.show_all(world=world)
    page.go("#/nodes")
    text = browser.see_text("#nodes-list", "Nothing is wrong on the nodes that report")
    assert "Nothing is known of waw1" in text


# ---- checks ----

def test_checks_that_turn_come_and_go_are_followed(page, browser):
    page.show_all(300)
    page.go("#/checks")
    browser.see("Number(document.querySelector('.checks').getAttribute('aria-rowcount')) > 200", "all checks")
    names = [row["name"] for row in browser.rows("#checks-list")]
    name = sorted((route["name"] for route in page.world.routes.values() if route["health"] == "up" and route["history"]), key=lambda each: each)[-1]
    assert name not in names
    with page.stand.changed:
        page.world.routes[name]["health"] = "down"
    page.stand.event("check", name, state="down", was="up", status="failed")
    browser.see_row(name, place="#checks-list", state="down")
    with page.stand.changed:
        page.world.routes.pop(name)
    browser.see("![...document.querySelectorAll('#checks-list .x-name')].some((each) => each.innerText === arguments[0])", "gone", name)
    with page.stand.changed:
        page.world.routes["aaa-new"] = {**page.world.routes["dns-fra-1"], "name": "aaa-new", "health": "down"}
    page.stand.event("check", "aaa-new", state="down", was="unknown", status="failed")
    browser.see_row("aaa-new", place="#checks-list", state="down")


# ---- a window that is not high ----

@pytest.mark.parametrize("width,height", [(720, 450), (844, 390), (640, 360)])
def test_in_a_low_window_rows_can_still_be_read_and_opened(page, browser, width, height):
    world = page_world.World(1000)
    world.warnings = ["one", "two"]
    page.show_all(world=world)
    browser.size(width, height)
    name = wait.wait_for(lambda: (rows := browser.rows()) and rows[0]["name"], "a row")
    browser.run("document.querySelector('#routes-list .list').scrollIntoView({block: 'end'})")
    seen = browser.run("""const port = document.querySelector('#routes-list .list-port').getBoundingClientRect();
      return [...document.querySelectorAll('#routes-list .list-port .list-row')].map((row) => row.getBoundingClientRect())
        .filter((row) => row.top >= Math.max(0, port.top) - 1 && row.bottom <= Math.min(innerHeight, port.bottom) + 1).length""")
    assert seen >= 2, f"{seen} rows"
    browser.click_at("#routes-list .list-port .list-row")
    browser.see("document.querySelector('#detail-name') !== null", "opened")
    assert name
