"""The live page where reading wants a token: it says so, and which one, and shows nothing that it may not know."""
import page_world
import pytest
import wait
from page_fixtures import browser, page  # noqa: F401

VIEWS = ["routes", "nodes", "neighbors", "checks", "workers", "events"]
# What would be taken for an answer, where there is none.
CLAIMS = ["0 routes", "0\nroutes", "Waiting for the daemon", "No routes", "No neighbors", "0 of 0", "No checks run here", "Nothing has happened", "Reading the nodes"]
READ, ANNOUNCE = "bgpc_read", "bgpc_announce"


@pytest.fixture
def world():
    made = page_world.World(20)
    made.tokens = {READ: ("wall", ["read"]), ANNOUNCE: ("desk", ["announce"])}
    return made


def enter(browser, token):
    browser.type("#token-field", token)
    browser.click("dialog .primary")


def claims(page, browser):
    """What each of the views says that nobody knows."""
    found = []
    for view in VIEWS:
        page.go(f"#/{view}")
        browser.see("document.documentElement.dataset.view === arguments[0]", view, view)
        text = browser.text("body")
        found += [(view, claim) for claim in CLAIMS if claim in text]
    page.go("#/routes")
    return found


def test_while_a_token_is_needed_every_view_says_so_and_claims_nothing(page, browser, world):
    page.excuse("401")
    page.show(world=world)
    text = browser.see_text("#locked", "This daemon asks for a token")
    assert "None was entered in this tab" in text and "scope read" in text and "bgpcommander token NAME --scope read" in text
    assert claims(page, browser) == []
    browser.see_text("#link", "Token needed")
    assert browser.text("#token") == "Enter a token"
    for button in ("#locked-enter", "#token", "[data-banner=locked] button"):
        browser.click(button)
        text = browser.see_text("dialog", "tells nothing without a token that has the scope read")
        assert browser.run("return document.activeElement.id") == "token-field"
        browser.click("dialog .icon-button")
        browser.see_gone("dialog")


def test_a_wrong_token_and_one_that_may_not_read_are_told_apart(page, browser, world):
    page.excuse("401", "403")
    page.show(world=world)
    browser.click("#locked-enter")
    enter(browser, "bgpc_wrong")
    browser.see_text("dialog .problem", "Not taken: there is no such token.")
    enter(browser, ANNOUNCE)
    browser.see_text("dialog .problem", "Not enough: the token desk lacks the scope read.")
    enter(browser, "bgpc_räad x")
    browser.see_text("dialog .problem", "That is no token")
    assert browser.run("return JSON.stringify(sessionStorage)") == "{}", "one that was not taken is kept"
    enter(browser, READ)
    browser.see_gone("dialog")
    browser.see_row("dns-fra-1")
    browser.see_text("#rail-neighbors", "3 of 4 up")
    browser.see_text("#link", "Live")
    browser.see("document.querySelector('#locked').hidden", "unlocked")
    # One that does not work is no reason to lose the one that does.
    browser.click("#token")
    enter(browser, "bgpc_wrong")
    browser.see_text("dialog .problem", "Not taken: there is no such token.")
    browser.click("dialog .icon-button")
    page.stand.move("dns-fra-1", "withdrawn", health="down")
    browser.see_row("dns-fra-1", state="withdrawn")
    browser.see_text("#link", "Live")


@pytest.mark.parametrize("token,said", [("bgpc_gone", "does not take the token of this tab: there is no such token"),
                                        (ANNOUNCE, "not enough: the token desk lacks the scope read")])
def test_a_token_that_counts_no_more_is_told_with_the_reason_and_what_was_read_is_gone(page, browser, world, token, said):
    page.excuse("401", "403")
    world.tokens[token] = ("desk", ["read", "announce"])
    page.show(world=world)
    browser.click("#token")
    enter(browser, token)
    browser.see_row("dns-fra-1")
    page.go("#/routes/dns-fra-1")
    browser.see_text("#detail", "Command")
    world.tokens = {READ: ("wall", ["read"]), ANNOUNCE: ("desk", ["announce"])}
    browser.see_text("#locked", said)
    browser.see_text("[data-banner=locked]", said)
    shown = browser.run("return document.body.innerText + document.title")
    assert "dns-fra-1" not in shown and "fra1" not in shown and claims(page, browser) == []
    assert browser.run("return document.querySelectorAll('.list-port .list-row, .card, .mini, .event, #detail .step').length") == 0
    asked = len(page.stand.requests)
    browser.see("document.querySelector('#locked-forget') !== null", "can be forgotten")
    browser.click("#locked-retry")
    wait.wait_for(lambda: len(page.stand.requests) > asked, "asked again")
    browser.see_text("#locked", said)
    browser.click("#locked-forget")
    browser.see_text("#locked", "None was entered in this tab")
    assert browser.run("return JSON.stringify(sessionStorage)") == "{}"
    browser.click("#locked-enter")
    enter(browser, READ)
    page.go("#/routes/dns-fra-1")
    browser.see_text("#detail", "Command")


def test_a_token_that_is_forgotten_takes_everything_with_it(page, browser, world):
    page.excuse("401")
    page.show(world=world)
    browser.click("#token")
    enter(browser, READ)
    browser.see_row("dns-fra-1")
    page.stand.move("ntp-fra-1", "withdrawn", health="down")
    browser.see_text("#rail-events", "ntp-fra-1")
    for view in VIEWS:
        page.go(f"#/{view}")
        browser.see("document.documentElement.dataset.view === arguments[0]", view, view)
    browser.click("#token")
    browser.click("#token-forget")
    browser.see_text("#locked", "None was entered in this tab")
    assert claims(page, browser) == []
    assert browser.run("return document.querySelectorAll('.list-port .list-row, .card, .mini, .event, #detail .step').length") == 0
    assert "fra1" not in browser.run("return document.body.innerText + document.title")
    browser.click("#locked-enter")
    enter(browser, READ)
    browser.see_row("ntp-fra-1", state="withdrawn")
    browser.see_text("#rail-events", "ntp-fra-1")


def test_what_was_asked_before_a_token_was_forgotten_is_not_shown_when_it_comes(page, browser, world):
    page.excuse("401")
    page.show(world=world)
    browser.click("#token")
    enter(browser, READ)
    browser.see_row("dns-fra-1")
    page.stand.hold = "/v1/status"
    wait.wait_for(lambda: page.stand.held, "a question that is not answered yet")
    browser.click("#token")
    browser.click("#token-forget")
    browser.see_text("#locked", "None was entered in this tab")
    held = page.stand.held
    page.stand.let_go()
    # Answered, and looked at: what comes after it has been answered, too.
    browser.driver.execute_async_script("const done = arguments[arguments.length - 1]; fetch('/').then((answer) => answer.text()).then(() => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert held and browser.text("#node") == "…" and "fra1" not in browser.run("return document.body.innerText")
