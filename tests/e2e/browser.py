"""A real browser: Debian's chromium without a window, new and empty for each one, that may talk to loopback alone."""
import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import wait

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb"]
ROWS = """return [...document.querySelectorAll(arguments[0] + ' .list-port .list-row')].map((row) => [Number(row.getAttribute('aria-rowindex')),
  Object.fromEntries([...row.querySelectorAll('.cell')].map((cell) => [cell.className.replace(/^.*c-([a-z]+).*$/, '$1'), cell.innerText.trim()]))])
  .sort((a, b) => a[0] - b[0]).map((each) => each[1])"""


def why_not():
    """Why there is no browser here; None: there is."""
    missing = [name for name in (CHROMIUM, DRIVER) if not os.access(name, os.X_OK)]
    try:
        import selenium  # noqa: F401
    except ImportError:
        missing.append("python3-selenium")
    return f"not installed: {', '.join(missing)} (tests/deps installs them)" if missing else None


def raise_loopback():
    """In a network namespace of its own (tests without root) it is down."""
    if os.environ.get("BC_E2E_USERNS"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class Browser:
    """see(), text() …: what somebody sees; press(): keys, as they come from a keyboard."""

    def __init__(self):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        raise_loopback()
        self.profile = tempfile.mkdtemp(prefix="bcpage-")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for option in [*OPTIONS, f"--user-data-dir={self.profile}"]:
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.size(1440, 900)

    def close(self):
        with contextlib.suppress(Exception):
            self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    # ---- the window ----

    def command(self, name, **values):
        return self.driver.execute_cdp_cmd(name, values)

    def size(self, width, height, is_phone=False):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone)

    def prefer(self, colors):
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": colors}])

    def picture(self):
        return base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"])

    def open(self, url):
        """Nothing is left of what was open before."""
        self.driver.get("about:blank")
        self.command("Storage.clearDataForOrigin", origin=url.rstrip("/"), storageTypes="all")
        self.driver.get(url)
        self.run("sessionStorage.clear()")
        self.take_logs()
        self.driver.get("about:blank")
        self.driver.get(url)

    # ---- what is there ----

    def run(self, script, *values):
        return self.driver.execute_script(script, *values)

    def see(self, script, what, *values, seconds=20):
        """Waits until it is true, and returns it."""
        return wait.wait_for(lambda: self.run(f"return ({script})", *values), what, seconds)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? null", selector)

    def see_text(self, selector, wanted, seconds=20):
        return wait.wait_for(lambda: wanted in (self.text(selector) or "") and self.text(selector), f"{wanted!r} in {selector}", seconds)

    def see_gone(self, selector):
        return self.see("document.querySelector(arguments[0]) === null", f"no {selector}", selector)

    def rows(self, place="#routes-list"):
        return self.run(ROWS, place)

    def see_row(self, name, place="#routes-list", **cells):
        """The row of this name, when its cells hold these texts."""
        def found():
            row = next((each for each in self.rows(place) if each.get("name") == name), None)
            return row if row is not None and all(text in row.get(cell, "") for cell, text in cells.items()) else None
        return wait.wait_for(found, f"{name} with {cells}")

    def see_names(self, wanted, place="#routes-list"):
        return wait.wait_for(lambda: (names := [row["name"] for row in self.rows(place)]) == wanted and names, f"rows {wanted}")

    # ---- what somebody does ----

    def click(self, selector):
        self.see("document.querySelector(arguments[0]) !== null", selector, selector)
        self.run("document.querySelector(arguments[0]).click()", selector)

    def hurry(self):
        """Does not wait for the page to try again; it may have done so by itself."""
        self.run("document.querySelector('[data-banner=lost] button, [data-banner=polled] button')?.click()")

    def click_at(self, selector):
        """As a mouse does: what lies above takes it."""
        self.driver.find_element("css selector", selector).click()

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def type(self, selector, text):
        field = self.driver.find_element("css selector", selector)
        field.clear()
        field.send_keys(text)

    # ---- what it logged ----

    def take_logs(self):
        """(errors of the console, addresses of all requests) since the last call."""
        errors = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        requests = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                params = message["params"]
                requests.append(params["request"]["url"] if "request" in params else params["url"])
        return errors, requests


def parts():
    """Where the build has put the parts of the page."""
    return pathlib.Path(os.environ["BC_BUILD"]) / "generated/page"
