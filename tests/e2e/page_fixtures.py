"""What the suites of the live page share: one browser for a suite, a made-up daemon for each test, and what must be so
after each: no error in the console, no request to anybody else."""
import os
import urllib.parse

import browser as browser_module
import page_stand
import page_world
import pytest

SOURCE = os.environ.get("BC_SOURCE", ".")


@pytest.fixture(scope="module")
def browser():
    reason = browser_module.why_not()
    if reason:
        pytest.skip(reason)
    made = browser_module.Browser()
    yield made
    made.close()


class Page:
    """A page of a made-up daemon. excuse(): texts that the console may show in this test."""

    def __init__(self, browser):
        self.browser = browser
        self.stand = None
        self.excused = []

    def show(self, routes=40, world=None, hash_=""):
        self.world = world or page_world.World(routes)
        self.stand = page_stand.Stand(self.world, browser_module.parts(), SOURCE)
        self.browser.size(1440, 900)
        self.browser.prefer("dark")
        self.browser.open(self.stand.url + hash_)
        return self

    def show_all(self, routes=40, world=None):
        self.show(routes, world)
        self.browser.see("document.querySelector('#routes-list .list-port .list-row') !== null", "a row")
        self.browser.see_text("#link", "Live")
        return self

    def excuse(self, *texts):
        self.excused += texts

    def go(self, hash_):
        self.browser.run("location.hash = arguments[0]", hash_)

    def end(self):
        errors, requests = self.browser.take_logs()
        self.browser.driver.get("about:blank")
        if self.stand is not None:
            self.stand.stop()
            own = urllib.parse.urlsplit(self.stand.url)
            foreign = [url for url in requests if urllib.parse.urlsplit(url).scheme not in ("about", "data") and urllib.parse.urlsplit(url).netloc != own.netloc]
            assert requests and not foreign, f"requests to others: {foreign}"
        left = [error for error in errors if not any(text in error for text in self.excused)]
        assert not left, "console: " + "\n".join(left)


@pytest.fixture
def page(browser):
    made = Page(browser)
    yield made
    made.end()
