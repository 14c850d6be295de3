"""The live page in a real browser, over a made-up daemon: what is seen follows what the daemon says, at 10,000 routes too."""
import re

import page_world
import pytest
import wait
from page_fixtures import browser, page  # noqa: F401
from selenium.webdriver.common.keys import Keys

MANY = 10000


@pytest.fixture(scope="module")
def many():
    return page_world.World(MANY)


# ---- the list ----

def test_of_ten_thousand_routes_only_those_on_the_screen_are_elements(page, browser, many):
    page.show_all(world=many)
    browser.see("document.querySelector('#routes-list .list').getAttribute('aria-rowcount') === arguments[0]", "all rows counted", str(MANY + 1))
    assert browser.run("return document.querySelectorAll('#routes-list .list-port .list-row').length") < 80
    assert browser.text("[data-filter=all] .tile-number") == "10,000"
    browser.click(".sort[data-sort=name]")
    browser.run("document.querySelector('#routes-list .list-port').scrollTop = 1e9")
    last = sorted((name for name in many.routes if name.startswith("web-waw-")), key=lambda name: int(name.split("-")[-1]))[-1]
    browser.see_row(last)
    assert browser.run("return document.querySelectorAll('#routes-list .list-port .list-row').length") < 80
    assert browser.run("return Math.max(...[...document.querySelectorAll('.list-port .list-row')].map((row) => +row.ariaRowIndex))") == MANY + 1


def test_what_is_worst_comes_first(page, browser):
    world = page_world.World(8)
    wanted = ["refused", "faulty", "unconfirmed", "withdrawn", "standby", "pending", "announced", "unsubscribed"]
    for route, state in zip(world.routes.values(), sorted(wanted)):
        route.update(state=state, health="up")
    page.show_all(world=world)
    assert [row["state"] for row in browser.rows()] == wanted


def test_a_row_says_what_the_daemon_says(page, browser):
    world = page_world.World(40)
    route = world.routes["dns-fra-1"]
    route.update(state="withdrawn", health="down", reason="health check failed: exit code 9", onWire=["198.51.100.1"], missing=["198.51.100.5"],
                 since=page_world.ago(125), nlri={"count": 3, "announced": 0}, history={"marks": "pppf", "tookMs": [10, 20, 30, 900]})
    page.show_all(world=world)
    row = browser.see_row("dns-fra-1", state="withdrawn")
    assert row["health"] == "down" and row["wire"] == "1/2" and row["since"].startswith("2m") and row["results"] == "20 ms"
    assert "missing" in row["why"] and "health check failed: exit code 9" in row["why"] and "10.0.0.0/32" in row["prefix"] and "+2" in row["prefix"]


def test_the_row_of_results_shows_each_result_by_its_shape(page, browser):
    world = page_world.World(1)
    world.routes["dns-fra-1"].update(history={"marks": "pfp-", "tookMs": [10, 900, 40, 1]}, state="announced", health="up")
    page.show_all(world=world)
    path = "document.querySelector('.routes .spark-%s').getAttribute('d')"
    assert browser.run(f"return {path % 'rose'}").count("M") == 2 and browser.run(f"return {path % 'fell'}").count("M") == 1
    assert browser.run(f"return {path % 'none'}").count("M") == 1
    rose = [float(part.split("V")[1]) for part in browser.run(f"return {path % 'rose'}").split("M")[1:]]
    assert rose[1] < rose[0], "what took longer is not higher"
    assert browser.run("return document.querySelector('.routes .spark').getAttribute('aria-label')") == "last 4 results: 2 passed, 2 did not; 40 ms in the middle"


def test_search_finds_as_one_types(page, browser, many):
    page.show_all(world=many)
    browser.press("/")
    for typed in range(1, len("ntp-lon-7") + 1):
        browser.press("ntp-lon-7"[typed - 1])
    browser.see_names(["ntp-lon-7", *[f"ntp-lon-{number}" for number in range(70, 80)]])
    assert browser.text("#found") == "11 of 10,000 routes"
    browser.press("1")
    browser.see_names(["ntp-lon-71"])


@pytest.mark.parametrize("text,rule", [
    ("state:withdrawn", lambda route: route["state"] == "withdrawn"),
    ("health:unch", lambda route: route["health"] == "unchecked"),
    ("-state:announced health:up", lambda route: route["state"] != "announced" and route["health"] == "up"),
    ("is:fault", lambda route: route["error"] and route["state"] not in ("refused", "faulty")),
    ("is:missing", lambda route: route["missing"]),
    ("origin:api fra", lambda route: route.get("origin") == "api" and "fra" in route["name"]),
    ("layer:adminstate", lambda route: route["layer"] == "adminState"),
    ("neighbor:198.51.100.13", lambda route: False),
    ("TIMED out", lambda route: "timed out" in route["reason"]),
    ("nonsense:x", lambda route: False),
])
def test_search_asks_one_member(page, browser, many, text, rule):
    page.show_all(world=many)
    wanted = sum(bool(rule(route)) for route in many.routes.values())
    browser.type("#search", text)
    browser.see_text("#found", f"{wanted} of 10,000 routes")


def test_a_tile_shows_only_its_routes(page, browser, many):
    page.show_all(world=many)
    withdrawn = sum(route["state"] == "withdrawn" for route in many.routes.values())
    assert browser.text("[data-filter=withdrawn] .tile-number") == str(withdrawn)
    browser.click("[data-filter=withdrawn]")
    browser.see_text("#found", f"{withdrawn} of 10,000 routes")
    assert {row["state"] for row in browser.rows()} == {"withdrawn"}
    assert browser.run("return document.querySelector('[data-filter=withdrawn]').getAttribute('aria-pressed')") == "true"
    browser.press(Keys.ESCAPE)
    browser.see("document.querySelector('#found').innerText === ''", "all routes again")


def test_a_head_of_the_list_sorts_by_it(page, browser):
    page.show_all(40)
    browser.click(".sort[data-sort=name]")
    names = browser.run("return [...document.querySelectorAll('.x-name')].length") and [row["name"] for row in browser.rows()]
    assert names == sorted(names)
    assert browser.run("return document.querySelector('.c-name[role=columnheader]').getAttribute('aria-sort')") == "ascending"
    browser.click(".sort[data-sort=name]")
    assert browser.rows()[0]["name"] == sorted(page.world.routes)[-1]
    browser.click(".sort[data-sort=prefix]")
    prefixes = [row["prefix"].split()[0] for row in browser.rows() if row["prefix"].startswith("10.")]
    assert len(prefixes) > 8 and prefixes == sorted(prefixes, key=lambda prefix: [int(part) for part in prefix.split("/")[0].split(".")])


# ---- live ----

def test_a_route_that_moves_is_seen_without_reading_the_whole_list(page, browser, many):
    page.show_all(world=many)
    browser.type("#search", "cdn-ams-5")
    browser.see_row("cdn-ams-5", state="announced")
    before = len(page.stand.asked("GET /v1/routes"))
    page.stand.move("cdn-ams-5", "withdrawn", health="down", reason="health check failed: exit code 1")
    row = browser.see_row("cdn-ams-5", state="withdrawn", health="down")
    assert "exit code 1" in row["why"]
    asked = page.stand.asked("GET /v1/routes")[before:]
    assert asked and all("name=" in request["query"] and "brief=1" in request["query"] for request in asked)
    browser.see_text("#rail-events", "cdn-ams-5")
    page.stand.move("cdn-ams-5", "announced", health="up", reason="health check passed")
    browser.see_row("cdn-ams-5", state="announced", health="up")


def test_a_route_that_goes_and_one_that_comes(page, browser):
    page.show_all(20)
    with page.stand.changed:
        page.world.routes.pop("dns-fra-1")
        page.world.routes["new-one"] = {**page.world.routes["ntp-fra-1"], "name": "new-one"}
    page.stand.event("route", "dns-fra-1", state="gone", was="announced")
    page.stand.event("route", "new-one", state="announced", was=None)
    browser.see_row("new-one")
    browser.see("![...document.querySelectorAll('.x-name')].some((each) => each.innerText === 'dns-fra-1')", "dns-fra-1 gone")
    assert browser.text("[data-filter=all] .tile-number") == "20"


def test_very_many_routes_that_move_at_once_are_read_as_one_list(page, browser, many):
    page.show_all(world=many)
    whole = len([request for request in page.stand.asked("GET /v1/routes") if "name=" not in request["query"]])
    names = [name for name, route in many.routes.items() if route["state"] == "announced"][:900]
    with page.stand.changed:
        for name in names:
            many.move(name, "withdrawn", health="down")
        page.stand.changed.notify_all()
    withdrawn = sum(route["state"] == "withdrawn" for route in many.routes.values())
    browser.see_text("[data-filter=withdrawn] .tile-number", f"{withdrawn:,}", seconds=30)
    asked = page.stand.asked("GET /v1/routes")
    assert len([request for request in asked if "name=" not in request["query"]]) == whole + 1
    with page.stand.changed:
        for name in names:
            many.move(name, "announced", health="up")


def change_out_of_sight(page, browser):
    """One route of very many, that is not on the screen: nothing but the whole list tells of it."""
    name = [name for name, route in page.world.routes.items() if route["state"] == "announced"][-1]
    assert name not in [row["name"] for row in browser.rows()]
    page.world.routes[name].update(state="withdrawn", health="down")
    return str(sum(route["state"] == "withdrawn" for route in page.world.routes.values()))


def test_after_a_gap_the_whole_list_is_read_again(page, browser):
    page.show_all(1000)
    with page.stand.changed:
        wanted = change_out_of_sight(page, browser)
    page.stand.event("gap", None, missed=12)
    browser.see_text("[data-filter=withdrawn] .tile-number", wanted)


def test_results_and_ages_on_the_screen_go_on(page, browser):
    world = page_world.World(3)
    page.show_all(world=world)
    for route in world.routes.values():
        route["history"] = {"marks": "f" * 32, "tookMs": [7] * 32}
    browser.see("[...document.querySelectorAll('.routes .spark')].every((each) => each.ariaLabel.includes('0 passed, 32 did not'))", "the new results")


def test_a_lost_connection_is_told_with_the_age_of_what_is_shown_and_taken_up_again(page, browser):
    page.excuse("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
    page.show_all(20)
    page.stand.event("route", "dns-fra-1", state="announced", was="announced")
    browser.see_text("#rail-events", "dns-fra-1")
    last = page.world.event_id
    page.stand.stop()
    browser.see_text("[data-banner=lost]", "Connection to the daemon lost")
    browser.see_text("#link", "Lost")
    assert browser.run("return document.querySelector('[data-banner=lost]').getAttribute('role')") == "alert"
    # A busy machine may miss a second.
    wait.wait_for(lambda: re.search(r"What is shown is ([2-9]|\d\d)s old", browser.text("[data-banner=lost]") or ""), "the age grows")
    assert len(browser.rows()) == 20, "what was known is not shown any more"
    page.world.move("dns-fra-1", "withdrawn", health="down")
    page.stand.start()
    browser.hurry()
    browser.see_row("dns-fra-1", state="withdrawn")
    browser.see_gone("[data-banner=lost]")
    browser.see_text("#link", "Live")
    again = [request["headers"].get("Last-Event-ID") for request in page.stand.asked("GET /v1/events/stream")]
    assert str(last) in again, "the stream was not taken up where it was"
    browser.see_text("#rail-events", "withdrawn")


def test_it_comes_back_by_itself(page, browser):
    page.excuse("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
    page.show_all(5)
    page.stand.stop()
    browser.see_text("#link", "Lost")
    page.stand.start()
    browser.see_text("#link", "Live", seconds=40)


def test_a_daemon_that_began_anew_is_read_anew(page, browser):
    page.show_all(1000)
    with page.stand.changed:
        wanted = change_out_of_sight(page, browser)
        page.world.status_changes["pid"] = 9999
    browser.see_text("[data-filter=withdrawn] .tile-number", wanted)


def test_a_tab_that_nobody_looks_at_gives_its_connection_back(page, browser):
    page.show_all(5)
    hide = "Object.defineProperty(document, 'hidden', { value: arguments[0], configurable: true }); document.dispatchEvent(new Event('visibilitychange'))"
    followed = len(page.stand.asked("GET /v1/events/stream"))
    browser.run(hide, True)  # a browser without a window has no tab that is hidden
    wait.wait_for(lambda: page.stand.followers == 0, "the stream has ended", 60)
    page.world.move("dns-fra-1", "withdrawn", health="down")
    browser.run(hide, False)
    browser.see_row("dns-fra-1", state="withdrawn")
    assert len(page.stand.asked("GET /v1/events/stream")) == followed + 1
    browser.see_text("#link", "Live")


# ---- banners ----

BANNERS = [
    ("safe", {"mode": "safe"}, "Safe mode"),
    ("loss", {"store.loss": {"id": "d9898b46", "kind": "emptied", "text": "5 routes are kept"}}, "Store loss (emptied)"),
    ("store", {"store.state": "unreachable", "store.text": "no member answers"}, "Store unreachable"),
    ("exabgp", {"exabgp.state": "starting"}, "ExaBGP: starting"),
    ("acks", {"exabgp.acks": False}, "does not acknowledge"),
    ("wire", {"exabgp.wire": False}, "No neighbor reports"),
    ("publish", {"store.publishing": False, "store.publishProblem": "no rights"}, "own keys are not written"),
    ("held", {"policies.held": 1}, "1 policy held"),
    ("failing", {"policies.failing": 3}, "Policies fail for 3 routes"),
    ("quarantine", {"workers.quarantined": 2}, "2 scripts quarantined"),
    ("worker exec", {"workers.exec.state": "restarting"}, "Worker exec is restarting"),
]


@pytest.mark.parametrize("key,changes,text", BANNERS, ids=[each[0] for each in BANNERS])
def test_what_is_wrong_in_all_of_it_stands_above_everything(page, browser, key, changes, text):
    page.show_all(3)
    selector = f"[data-banner='{key}']"
    assert browser.text(selector) is None
    page.world.status_changes = changes
    browser.see_text(selector, text)
    page.world.status_changes = {}
    browser.see_gone(selector)


@pytest.mark.parametrize("key,changes", [("unconfirmed", {"state": "unconfirmed"}), ("unchecked", {"health": "unchecked"}), ("refused", {"state": "refused"})])
def test_routes_that_want_a_look_have_a_banner_that_shows_them(page, browser, key, changes):
    world = page_world.World(20)
    world.routes["ntp-fra-1"].update(changes)
    page.show_all(world=world)
    browser.see_text(f"[data-banner={key}]", f"1 route {key}")
    browser.click(f"[data-banner={key}] button")
    browser.see_names(["ntp-fra-1"])


def test_warnings_are_there_to_open(page, browser):
    world = page_world.World(3)
    world.warnings = ['node/fra1/subscribedRoutes: no route matches "TYPO"']
    page.show_all(world=world)
    browser.see_text(".warnings summary", "1 warning")
    browser.click(".warnings summary")
    browser.see_text(".warnings", 'no route matches "TYPO"')


# ---- one route ----

def test_the_open_route_tells_how_it_came_to_be_so(page, browser):
    world = page_world.World(20)
    world.routes["dns-fra-1"].update(state="withdrawn", health="down", onWire=[])
    page.show_all(world=world)
    browser.see_row("dns-fra-1")
    page.go("#/routes/dns-fra-1")
    browser.see_text("#detail", "Recent decisions".upper())
    steps = browser.run("return [...document.querySelectorAll('#detail .step')].map((each) => each.dataset.step)")
    assert steps == ["key", "check", "decision", "command", "ack", "wire"]
    texts = {step: browser.text(f"#detail .step[data-step={step}]") for step in steps}
    assert "dns-fra-1 down: timed out" in texts["check"] and "+2 ms" in texts["decision"] and "decision 4711" in texts["decision"]
    assert "withdraw route 10.0.0.0/32 next-hop self" in texts["command"] and "+2 ms" in texts["ack"]
    assert [address in texts["wire"] for address in ("198.51.100.1", "198.51.100.5", "198.51.100.9", "198.51.100.13")] == [True, True, True, False]
    assert "connection refused" in browser.text("#detail") and "route 10.0.0.0/32 next-hop self med 100" in browser.text(".detail-text")
    assert len(browser.driver.find_elements("css selector", ".decisions li")) == 6
    browser.run("[...document.querySelectorAll('#detail summary')].find((each) => /script/i.test(each.innerText)).click()")
    browser.see_text("#detail .numbered", 'dns.query("www.example.net"')


def test_of_a_route_that_was_never_sent_nothing_is_said_to_be_on_its_way(page, browser):
    world = page_world.World(20)
    world.full["dns-fra-1"] = {"chain": [{"step": "key", "time": page_world.ago(60), "text": "route 10.0.0.0/32 next-hop self"}]}
    page.show_all(world=world)
    page.go("#/routes/dns-fra-1")
    for step in ("command", "ack", "wire"):
        assert "none on record" in browser.see_text(f"#detail .step[data-step={step}]", "none on record")
    assert "nothing yet" not in browser.text("#detail")
    world.full["dns-fra-1"]["chain"].append({"step": "command", "time": page_world.ago(1), "text": "announce route 10.0.0.0/32 next-hop self"})
    browser.see_text("#detail .step[data-step=ack]", "nothing yet")


def test_the_open_route_follows(page, browser):
    page.show_all(20)
    page.go("#/routes/dns-fra-1")
    browser.see_text(".detail-pills", "announced")
    page.stand.move("dns-fra-1", "withdrawn", health="down", reason="health check failed: exit code 7")
    browser.see_text(".detail-pills", "withdrawn")
    browser.see_text("#detail .step[data-step=decision]", "exit code 7")


def test_a_route_of_the_api_tells_whose_it_is_and_when_it_ends(page, browser):
    page.show_all(20)
    page.go("#/routes/api%3Amitigation-13")
    text = browser.see_text("#detail", "ddos-desk")
    assert "HTTP API" in text and "attack on" in text and "in 4" in text


def test_an_address_of_a_route_that_is_not_there(page, browser):
    page.excuse("404")
    page.show(5, hash_="#/routes/nothing%2")
    browser.see_text("#link", "Live")
    page.go("#/routes/nothing")
    browser.see_text("#detail", "there is no such route")


# ---- other views ----

def test_nodes_and_routes(page, browser):
    world = page_world.World(60)
    page.show_all(world=world)
    page.go("#/nodes")
    browser.see_text("#nodes-note", "8 nodes")
    told = next(node for node in world.nodes if node["name"] == "ams1")["status"]["routes"]
    name = next(iter(told))
    browser.see("[...document.querySelectorAll('.matrix .x-name')].some((each) => each.innerText === arguments[0])", name, name)
    cell = "[...document.querySelectorAll('.matrix-cell')].find((each) => each.title.startsWith(arguments[0]))"
    assert browser.run(f"return {cell}.innerText", f"{name} on ams1:") == "withdrawn"
    assert browser.run(f"return {cell}.innerText", f"{name} on waw1:") == "·"
    assert "says nothing" in browser.text("#nodes-cards") and "unreachable" in browser.text("#nodes-cards")
    browser.click("#nodes-parted")
    browser.see("document.querySelector('.matrix').getAttribute('aria-rowcount') === '61'", "all routes")
    browser.type("#nodes-search", "api:mitigation-13")
    browser.see("document.querySelector('.matrix').getAttribute('aria-rowcount') === '2'", "that route")
    assert browser.run(f"return {cell}.innerText", "api:mitigation-13 on fra1:") == "announced"
    assert browser.run(f"return {cell}.innerText", "api:mitigation-13 on ams1:") == "·", "what came by a node's API is of that node"


def test_neighbors_and_what_is_not_ours(page, browser):
    page.show_all(20)
    page.go("#/neighbors")
    text = browser.see_text("#view-neighbors", "198.51.100.13")
    assert "Broken TCP connection" in text and "3d 1h" in text and "route 192.0.2.77/32 next-hop self" in text and "ipv6 unicast 4" in text
    page.world.neighbors[3].update(state="up", reason="", since=page_world.ago(1))
    page.stand.event("neighbor", "198.51.100.13", state="up", was="down", reason="")
    browser.see_gone("[data-banner=neighbors]")
    browser.see("![...document.querySelectorAll('#view-neighbors .pill')].some((each) => each.innerText === 'down')", "all up")


def test_checks(page, browser, many):
    page.show_all(world=many)
    page.go("#/checks")
    browser.see("Number(document.querySelector('.checks').getAttribute('aria-rowcount')) > 9000", "all checks")
    assert browser.rows("#checks-list")[0]["state"] == "unchecked"
    browser.type("#checks-search", "ldap-sin-1")
    row = browser.see_row("ldap-sin-1", place="#checks-list")
    assert row["took"].endswith("ms") and row["interval"] == "1.00 s" and row["kind"] == "own"


def test_workers(page, browser):
    page.show_all(3)
    page.go("#/workers")
    text = browser.see_text("#view-workers", "lua 2")
    assert "landlock 7" in text and "not confined" in text and "etcd v3" in text and "4.2.21" in text
    page.world.status_changes = {"workers.exec.state": "restarting"}
    browser.see_text("#view-workers", "restarting")


def test_what_happened_before_the_page_was_opened_is_there_too(page, browser):
    world = page_world.World(20)
    world.move("dns-fra-1", "withdrawn", health="down")
    page.show_all(world=world)
    browser.see_text("#rail-events", "dns-fra-1")
    page.stand.move("ntp-fra-1", "withdrawn", health="down")
    browser.see_text("#rail-events", "ntp-fra-1")
    assert browser.run("return [...document.querySelectorAll('#rail-events .event-about')].map((each) => each.innerText)") == ["ntp-fra-1"] * 3 + ["dns-fra-1"] * 3


def test_events_can_be_searched_and_stopped(page, browser):
    page.show_all(20)
    page.go("#/events")
    page.stand.move("dns-fra-1", "withdrawn", health="down")
    page.stand.move("ntp-fra-1", "withdrawn", health="down")
    browser.see("document.querySelector('.events-list').getAttribute('aria-rowcount') === '7'", "six events")
    browser.type("#events-search", "ntp-fra")
    browser.see("document.querySelector('.events-list').getAttribute('aria-rowcount') === '4'", "those of one route")
    browser.run("const field = document.querySelector('#events-search'); field.value = ''; field.dispatchEvent(new Event('input'))")
    browser.click("#events-pause")
    page.stand.move("web-fra-1", "withdrawn", health="down")
    browser.see_text("#events-pause", "Go on")
    browser.see("document.querySelector('[data-filter=withdrawn] .tile-number').textContent === arguments[0]", "the page goes on",
                str(sum(route["state"] == "withdrawn" for route in page.world.routes.values())))
    assert "web-fra-1" not in browser.text("#events-list")
    browser.click("#events-pause")
    browser.see_text("#events-list", "web-fra-1")
