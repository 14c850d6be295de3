"""Makes the pictures of the live page, docs/page.png and docs/page-route.png, with a made-up daemon of 10,000 routes:

    cmake --build build && BC_BUILD=build PYTHONPATH=tests:tests/e2e /usr/bin/python3 tests/e2e/page_screenshot.py docs
"""
import os
import pathlib
import sys

import browser as browser_module
import page_stand
import page_world
import png

SIZE = (1440, 860)
ROUTES = 10000
PICTURES = ["page.png", "page-route.png"]
OPEN = "dns-fra-3"


def scene():
    """A service of one site that has just died, an attack that is fought, and little else."""
    world = page_world.World(ROUTES, seed=7)
    calm = [route for route in world.routes.values() if route["state"] != "announced" or route["error"] or route["health"] == "unchecked"]
    up = [neighbor["ipAddress"] for neighbor in world.neighbors if neighbor["state"] == "up"]
    for number, route in enumerate(calm):
        if number not in (40, 41, 42, 60, 61, 75):
            route.update(state="announced", health="up", error=None, missing=[], onWire=up, layer="health", reason="health check passed",
                         verdict="announce", since=page_world.ago(40000 + 977 * number), history=world.history(True))
    for number in range(1, 10):
        world.routes[f"dns-fra-{number}"].update(state="withdrawn", health="down", onWire=[], verdict="withdraw", reason="health check failed: timed out",
                                                 since=page_world.ago(9 + 2 * number), history=world.history(False))
    return world, [f"dns-fra-{number}" for number in range(10, 13)]


def take(folder):
    world, falling = scene()
    stand = page_stand.Stand(world, browser_module.parts(), os.environ.get("BC_SOURCE", pathlib.Path(__file__).parents[2]))
    browser = browser_module.Browser()
    try:
        browser.size(*SIZE)
        browser.prefer("dark")
        browser.open(stand.url)
        browser.see_text("[data-filter=all] .tile-number", f"{ROUTES:,}")
        browser.see_text("#link", "Live")
        for name in falling:
            stand.move(name, "withdrawn", health="down", reason="health check failed: timed out")
        browser.see_text("[data-filter=withdrawn] .tile-number", str(sum(route["state"] == "withdrawn" for route in world.routes.values())))
        browser.see_row("dns-fra-9")
        (folder / PICTURES[0]).write_bytes(png.smaller(browser.picture()))
        browser.run("location.hash = arguments[0]", f"#/routes/{OPEN}")
        browser.see_text("#detail", "connection refused")
        (folder / PICTURES[1]).write_bytes(png.smaller(browser.picture()))
    finally:
        browser.close()
        stand.stop()


if __name__ == "__main__":
    take(pathlib.Path(sys.argv[1]))
