"""The live page and its daemon: what is old is never shown as live, whatever is broken between the two."""
import re

import page_world
import pytest
import wait
from page_fixtures import browser, page  # noqa: F401

GONE = ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"]
STREAM = "/v1/events/stream"


def lose(page, browser):
    page.excuse(*GONE)
    page.stand.stop()
    browser.see_text("#link", "Lost")


def see_old(browser, words):
    """The banner that says how old it is, and that it looks old."""
    text = wait.wait_for(lambda: words in (browser.text("[data-banner=lost]") or "") and re.search(r"What is shown is [3-9]s|\d\ds|\dm", browser.text("[data-banner=lost]")), f"{words} and how old")
    assert browser.run("return document.documentElement.dataset.old") == "yes" and "Live" not in browser.text("#link")
    browser.see("document.title.startsWith('(not live) ')", "the title says so, too")
    return text


def test_after_a_break_it_is_live_only_when_all_was_read_again(page, browser):
    page.show_all(20)
    lose(page, browser)
    see_old(browser, "Connection to the daemon lost")
    page.world.move("dns-fra-1", "withdrawn", health="down")
    page.stand.hold = "/v1/routes"
    page.stand.start()
    browser.hurry()
    browser.see_text("#link", "Reading")
    see_old(browser, "Connected again, reading")
    assert browser.see_row("dns-fra-1")["state"] == "announced"
    page.stand.let_go()
    browser.see_text("#link", "Live")
    browser.see_row("dns-fra-1", state="withdrawn")
    browser.see_gone("[data-banner=lost]")
    browser.see("!document.title.includes('not live')", "the title is as before")
    assert browser.run("return document.documentElement.dataset.old") == "no"


def test_a_daemon_that_takes_the_connection_and_says_nothing_is_not_live(page, browser):
    page.show_all(20)
    lose(page, browser)
    page.stand.hold = "/v1/"
    page.stand.start()
    browser.hurry()
    see_old(browser, "Connecting again")
    page.stand.let_go()
    browser.see_text("#link", "Live")


def test_a_list_that_could_not_be_read_is_told_and_read_later(page, browser):
    page.excuse("503")
    page.show(world=page_world.World(20))
    page.stand.refuse["/v1/routes"] = (503, "out of breath")
    browser.driver.refresh()
    browser.see_text("[data-banner=unread]", "routes: out of breath")
    assert browser.text("#link") == "Reading"
    page.stand.refuse.clear()
    browser.see_row("dns-fra-1")
    browser.see_text("#link", "Live")
    browser.see_gone("[data-banner=unread]")
    # The same of routes that have moved.
    page.stand.refuse["/v1/routes"] = (503, "out of breath")
    page.stand.move("dns-fra-1", "withdrawn", health="down")
    browser.see_text("[data-banner=unread]", "routes: out of breath")
    page.stand.refuse.clear()
    browser.see_row("dns-fra-1", state="withdrawn")
    browser.see_gone("[data-banner=unread]")


def test_a_stream_that_lives_on_while_nothing_else_is_answered_is_not_live(page, browser):
    page.show_all(20)
    page.stand.hold = "/v1/status"
    see_old(browser, "The daemon does not answer")
    browser.see_text("#link", "No answer")
    browser.see_text("[data-banner=lost]", "status: no answer within 10 s")
    page.stand.let_go()
    browser.see_text("#link", "Live")
    browser.see_gone("[data-banner=lost]")


def test_a_machine_that_slept_does_not_show_what_it_had_as_new(page, browser):
    page.show_all(20)
    page.stand.hold = "/v1/"
    browser.run("const real = Date.now; Date.now = () => real() + 3600000")
    text = browser.see_text("[data-banner=lost]", "What is shown is 1h")
    assert "Alarm" in text and "Live" not in browser.text("#link")
    page.stand.let_go()
    browser.see_text("#link", "Live")


@pytest.mark.parametrize("how", ["refused", "held back"])
def test_without_a_stream_the_page_asks_again_and_again(page, browser, how):
    page.excuse("503")
    page.show(world=page_world.World(1000))
    if how == "refused":
        page.stand.refuse[STREAM] = (503, "64 clients follow the events already")
    else:
        page.stand.hold = STREAM
    browser.driver.refresh()
    browser.see_text("#link", "Polling")
    text = browser.see_text("[data-banner=polled]", "No live events")
    assert "may be some seconds old" in text and ("64 clients follow the events already" in text) == (how == "refused")
    name = next(name for name, route in reversed(page.world.routes.items()) if route["state"] == "announced")
    assert name not in [row["name"] for row in browser.rows()]
    page.world.routes[name].update(state="refused", error="ExaBGP refused: a test")
    browser.see_row(name, state="refused")
    page.stand.refuse.clear()
    page.stand.let_go()
    browser.hurry()
    browser.see_text("#link", "Live")
    browser.see_gone("[data-banner=polled]")
    assert browser.text("[data-banner=lost]") is None


def test_while_it_asks_again_and_again_a_daemon_that_goes_is_lost(page, browser):
    page.excuse("503")
    page.show(world=page_world.World(20))
    page.stand.refuse[STREAM] = (503, "64 clients follow the events already")
    browser.driver.refresh()
    browser.see_text("#link", "Polling")
    lose(page, browser)
    browser.see_text("[data-banner=lost]", "Connection to the daemon lost")
    assert browser.run("return document.documentElement.dataset.old") == "yes"
