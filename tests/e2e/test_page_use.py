"""The live page for everybody who uses it: keyboard, screen readers, any color vision, a phone; people with a token, and
people who mean harm."""
import itertools
import json

import page_world
import pytest
import wait
from page_fixtures import browser, page  # noqa: F401
from selenium.webdriver.common.keys import Keys

HOSTILE = "<img src=x onerror=\"window.harmed=1\"><script>window.harmed=1</script>\"'><svg/onload=window.harmed=1>{{7*7}}${7*7}"
# Of each text on the screen: the contrast to what is behind it.
CONTRASTS = """
const parse = (text) => { const canvas = parse.canvas ||= Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
const light = (color) => color.slice(0, 3).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ground = (node) => { const chain = []; for (let at = node; at; at = at.parentElement) { const color = parse(getComputedStyle(at).backgroundColor); chain.push(color); if (color[3] === 1) break; }
  return chain.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]); };
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let text = walker.nextNode(); text; text = walker.nextNode()) {
  const node = text.parentElement, style = getComputedStyle(node);
  if (!text.data.trim() || !node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || node.closest('.sr, noscript, option')) continue;
  const behind = ground(node), front = over(parse(style.color), behind);
  const [high, low] = [light(front), light(behind)].sort((a, b) => b - a);
  const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  found.push([text.data.trim().slice(0, 40), node.className, ratio, isLarge ? 3 : 4.5]);
}
return found"""
# The same of the shapes and bars, which WCAG wants with 3.
TONES = """
const style = getComputedStyle(document.documentElement);
return Object.fromEntries(['good', 'bad', 'warn', 'odd', 'busy', 'idle', 'panel', 'accent'].map((name) => { const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
  canvas.fillStyle = style.getPropertyValue('--' + name); canvas.fillRect(0, 0, 1, 1); return [name, [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)]]; }))"""
UNNAMED = """
const named = (node) => (node.getAttribute('aria-label') || node.innerText || node.title || node.labels?.[0]?.innerText || '').trim();
return [...document.querySelectorAll('button, a, input, select, [role=grid], [role=img], summary, dialog')].filter((node) => node.checkVisibility() && !named(node)).map((node) => node.outerHTML.slice(0, 90))"""
WIDE = """const wide = document.documentElement.clientWidth;
return [...document.querySelectorAll('body *')].filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > wide + 1 && !node.parentElement.closest('.views, .groups, .flags, .matrix, .cell, pre, .sr, .skip'))
  .map((node) => node.className || node.tagName)"""


def focus(browser):
    return browser.run("const at = document.activeElement; return at.id || at.className || at.tagName")


# ---- keyboard ----

def test_the_keyboard_is_enough(page, browser):
    page.show_all(300)
    names = [row["name"] for row in browser.rows()]
    browser.press("j", "j", Keys.ARROW_DOWN, "k")
    browser.see("document.querySelector('[aria-selected=true] .x-name')?.innerText === arguments[0]", "the second row", names[1])
    browser.press(Keys.ENTER)
    browser.see_text("#detail-name", names[1])
    browser.press("j")
    browser.see_text("#detail-name", names[2])
    browser.press(Keys.ESCAPE)
    browser.see("document.querySelector('#detail').hidden", "closed")
    browser.press("/")
    assert focus(browser) == "search"
    browser.press(*"ntp-lon")
    browser.see("[...document.querySelectorAll('.x-name')].every((each) => each.innerText.startsWith('ntp-lon'))", "found")
    browser.press(Keys.ARROW_DOWN, Keys.ENTER)
    browser.see("document.querySelector('#detail-name')?.innerText.startsWith('ntp-lon')", "opened from the search")
    browser.press(Keys.ESCAPE)
    browser.see("document.querySelector('#detail').hidden", "closed")
    browser.press(Keys.ESCAPE)
    browser.see("document.querySelector('#search').value === ''", "the search is empty")
    for number, view in enumerate(["routes", "nodes", "neighbors", "checks", "workers", "events"], 1):
        browser.press(str(number))
        browser.see("!document.querySelector(arguments[0]).hidden", view, f"#view-{view}")
        assert browser.run("return document.querySelector('.views [aria-current]').id") == f"to-{view}"


def test_far_rows_are_reached_by_keys(page, browser):
    page.show_all(1000)
    browser.click(".sort[data-sort=name]")
    browser.run("document.querySelector('#routes-list .list').focus()")
    browser.press(Keys.END)
    browser.see("document.querySelector('[aria-selected=true]')?.ariaRowIndex === '1001'", "the last row")
    active = browser.run("return document.querySelector('#routes-list .list').getAttribute('aria-activedescendant')")
    assert browser.run("return document.getElementById(arguments[0]).getAttribute('aria-selected')", active) == "true"
    browser.press(Keys.PAGE_UP, Keys.HOME)
    browser.see("document.querySelector('[aria-selected=true]')?.ariaRowIndex === '2'", "the first row")


def test_help_tells_the_keys_and_gives_the_focus_back(page, browser):
    page.show_all(5)
    browser.run("document.querySelector('#search').focus()")
    browser.press(Keys.ESCAPE, "?")
    browser.see_text("dialog", "next row")
    browser.press("1")  # belongs to the dialog
    browser.press(Keys.ESCAPE)
    browser.see_gone("dialog")
    assert "list" in focus(browser)


def test_every_place_that_takes_the_focus_shows_it(page, browser):
    page.show_all(20)
    page.go("#/routes/dns-fra-1")
    browser.see_text("#detail", "Command")
    browser.run("document.body.focus()")
    seen = set()
    for _ in range(60):
        browser.press(Keys.TAB)
        at = browser.run("""const at = document.activeElement; if (at === document.body) return null; const style = getComputedStyle(at);
          return [at.outerHTML.slice(0, 60), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, at.checkVisibility()]""")
        if at is not None:
            assert at[1] and at[2], f"no focus to be seen: {at[0]}"
            seen.add(at[0])
    assert len(seen) > 15 and any("token" in each for each in seen) and any("list" in each for each in seen)


# ---- screen readers ----

def test_everything_has_a_name_and_a_role(page, browser):
    page.show_all(60)
    for view in ("routes/dns-fra-1", "routes", "nodes", "neighbors", "checks", "workers", "events"):
        page.go(f"#/{view}")
        browser.see("!document.querySelector(arguments[0]).hidden", view, f"#view-{view.split('/')[0]}")
        assert browser.run(UNNAMED) == [], view
    page.go("#/routes")
    assert browser.run("return document.documentElement.lang") == "en"
    assert browser.run("return document.querySelectorAll('h1').length") == 1
    assert browser.run("return [...document.querySelectorAll('#routes-list [role=row]')].every((row) => row.querySelectorAll('[role=gridcell], [role=columnheader]').length === 8)")
    page.stand.move("dns-fra-1", "withdrawn", health="down")
    browser.see_text("#voice", "dns-fra-1 withdrawn")
    assert browser.run("return document.querySelector('#voice').getAttribute('aria-live')") == "polite"


def test_no_state_is_told_by_color_alone(page, browser):
    world = page_world.World(13)
    states = ["pending", "sent", "acked", "announced", "standby", "withdrawing", "unconfirmed", "refused", "foreign", "withdrawn", "waiting", "faulty", "unsubscribed"]
    for route, state in zip(world.routes.values(), states):
        route["state"] = state
    page.show_all(world=world)
    shown = browser.run("return [...document.querySelectorAll('.routes .list-port .pill')].map((pill) => [pill.innerText, pill.querySelector('path').getAttribute('d'), pill.className])")
    assert sorted(text for text, _, _ in shown) == sorted(states)
    by_tone = {}
    for text, shape, tone in shown:
        by_tone.setdefault(tone, []).append(shape)
    # What is on its way may look alike; of all else the shape alone tells the state.
    others = [shape for text, shape, _ in shown if text not in ("sent", "acked")]
    assert len(set(others)) == len(others)


# ---- colors ----

def luminance(color):
    return sum(part * ((c / 255) / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4) for part, c in zip((0.2126, 0.7152, 0.0722), color))


def ratio(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colors", ["dark", "light"])
def test_every_text_has_enough_contrast(page, browser, colors):
    world = page_world.World(700)
    world.warnings = ["a warning"]
    world.status_changes = {"mode": "safe", "policies.held": 1, "store.loss": {"id": "d9898b46", "kind": "emptied", "text": "kept"}}
    page.show_all(world=world)
    browser.prefer(colors)
    page.stand.event("warning", None, text="x", what="new")
    browser.see_text("[data-banner=loss]", "kept")
    withdrawn = next(name for name, route in world.routes.items() if route["state"] == "withdrawn")
    total = 0
    for view in ("routes", f"routes/{withdrawn}", "routes/api%3Amitigation-13", "nodes", "neighbors", "checks", "workers", "events"):
        page.go(f"#/{view}")
        browser.see("!document.querySelector(arguments[0]).hidden", view, f"#view-{view.split('/')[0]}")
        if view.startswith("routes/"):
            browser.see_text("#detail", "Command")
        found = browser.run(CONTRASTS)
        bad = [each for each in found if each[2] < each[3]]
        assert not bad, (view, bad[:8])
        total += len(found)
    assert total > 500
    browser.press("?")
    bad = [each for each in browser.run(CONTRASTS) if each[2] < each[3]]
    assert not bad, bad[:8]
    tones = browser.run(TONES)
    assert all(ratio(color, tones["panel"]) >= 3 for name, color in tones.items() if name != "panel"), tones


# Machado, Oliveira, Fernandes (2009), severity 1: what people see who lack one kind of cones; linear RGB.
VISIONS = {"protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
           "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
           "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900))}


def lab(color, matrix):
    """CIE L*a*b* of an sRGB color as such a person sees it."""
    linear = [(c / 255) / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    seen = [min(1, max(0, sum(a * b for a, b in zip(row, linear)))) for row in matrix]
    xyz = [sum(a * b for a, b in zip(row, seen)) for row in ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))]
    f = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (xyz[0] / 0.9505, xyz[1], xyz[2] / 1.089)]
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


@pytest.mark.parametrize("colors", ["dark", "light"])
def test_good_and_bad_differ_for_any_color_vision(page, browser, colors):
    page.show_all(5)
    browser.prefer(colors)
    tones = browser.run(TONES)
    for vision, matrix in VISIONS.items():
        for one, other in itertools.product(["good"], ["bad", "warn", "odd"]):
            apart = sum((a - b) ** 2 for a, b in zip(lab(tones[one], matrix), lab(tones[other], matrix))) ** 0.5
            assert apart > 12, (vision, one, other, apart)


def test_light_or_dark_is_what_the_system_wants_until_the_switch_says_otherwise(page, browser):
    ground = "return getComputedStyle(document.body).backgroundColor"
    page.show_all(5)
    dark = browser.run(ground)
    browser.prefer("light")
    light = browser.run(ground)
    assert luminance([int(c) for c in dark[4:-1].split(",")]) < 0.05 < 0.6 < luminance([int(c) for c in light[4:-1].split(",")])
    browser.click("#theme")
    assert browser.run(ground) == dark
    browser.driver.refresh()
    browser.see_text("#link", "Live")
    assert browser.run(ground) == dark, "the choice is not kept"
    browser.press("t")
    assert browser.run(ground) == light
    browser.prefer("dark")
    assert browser.run(ground) == light


# ---- a phone ----

def test_on_a_phone_all_of_it_is_there(page, browser):
    world = page_world.World(300)
    page.show_all(world=world)
    browser.size(390, 844, is_phone=True)
    row = wait.wait_for(lambda: (rows := browser.rows()) and rows[0], "a row")
    assert row["name"] and row["state"] and row["prefix"] and row["since"] and row["why"]
    boxes = browser.run("""const row = document.querySelector('.list-port .list-row'); const box = row.getBoundingClientRect();
      return ['name', 'state', 'prefix', 'results', 'since', 'why'].map((key) => row.querySelector('.c-' + key).getBoundingClientRect())
        .map((cell) => cell.width > 20 && cell.height > 10 && cell.left >= 0 && cell.right <= 390 && cell.top >= box.top && cell.bottom <= box.bottom + 1)""")
    assert boxes == [True] * 6
    box = browser.run("return document.querySelector('.list-port .list-row').getBoundingClientRect().height")
    assert 70 <= box <= 80
    for view in ("routes", "nodes", "neighbors", "checks", "workers", "events"):
        page.go(f"#/{view}")
        browser.see("!document.querySelector(arguments[0]).hidden", view, f"#view-{view}")
        assert browser.run(WIDE) == [], view
        assert browser.run("return document.documentElement.scrollWidth") <= 390
    page.go("#/routes")
    browser.click_at(".list-port .list-row:nth-child(2)")
    browser.see_text("#detail", "Decision")
    detail = browser.run("const box = document.querySelector('#detail').getBoundingClientRect(); return [box.left, box.width, box.height]")
    assert detail == [0, 390, 844], "the open route does not cover the list"
    assert browser.run(WIDE) == []
    browser.click_at(".detail-close")
    browser.see("document.querySelector('#detail').hidden", "closed")


# ---- people with a token ----

def test_without_a_token_the_page_only_reads(page, browser):
    world = page_world.World(20)
    world.status_changes = {"store.loss": {"id": "d9898b46", "kind": "emptied", "text": "kept"}}
    page.show_all(world=world)
    browser.see_text("[data-banner=loss]", "bgpcommander approve d9898b46")
    assert browser.run("return document.querySelectorAll('[data-banner=loss] button').length") == 0
    page.go("#/routes/api%3Amitigation-13")
    browser.see_text("#detail", "Read only")
    assert browser.run("return document.querySelector('#withdraw')") is None
    assert {request["method"] for request in page.stand.requests} == {"GET"}


def enter(browser, token):
    browser.click("#token")
    browser.type("#token-field", token)
    browser.click("dialog .primary")


def test_where_reading_wants_a_token_it_is_asked_for_and_kept_in_this_tab_alone(page, browser):
    page.excuse("401")
    world = page_world.World(20)
    world.tokens = {"bgpc_right": ("desk", ["read"])}
    page.show(world=world)
    browser.see_text("[data-banner=locked]", "This daemon asks for a token")
    browser.click("[data-banner=locked] button")
    browser.type("#token-field", "bgpc_wrong")
    assert browser.run("return document.querySelector('#token-field').type") == "password"
    browser.click("dialog .primary")
    browser.see_text("dialog .problem", "Not taken: there is no such token")
    browser.type("#token-field", "bgpc_right")
    browser.click("dialog .primary")
    browser.see_row("dns-fra-1")
    browser.see_text("#link", "Live")
    browser.see_gone("[data-banner=locked]")
    assert browser.run("return [JSON.stringify(localStorage), document.cookie].join()").count("bgpc_") == 0
    assert browser.run("return JSON.stringify(sessionStorage)").count("bgpc_right") == 1
    assert browser.run("return [location.href, document.documentElement.outerHTML].join()").count("bgpc_right") == 0
    streams = [request for request in page.stand.asked("GET /v1/events/stream") if request["headers"].get("Authorization") == "Bearer bgpc_right"]
    assert streams, "the stream has no token"
    browser.driver.refresh()
    browser.see_text("#link", "Live")
    browser.click("#token")
    browser.run("[...document.querySelectorAll('dialog button')].find((each) => each.innerText === 'Forget it').click()")
    browser.see_text("[data-banner=locked]", "This daemon asks for a token")
    assert browser.run("return JSON.stringify(sessionStorage)") == "{}"


def test_with_a_token_a_route_of_the_api_can_be_withdrawn_after_a_yes(page, browser):
    page.excuse("403", "404")
    page.show_all(20)
    enter(browser, "bgpc_desk")
    browser.see_gone("dialog")
    page.go("#/routes/dns-fra-1")
    browser.see_text("#detail", "Decision")
    assert browser.run("return document.querySelector('#withdraw')") is None, "a route of the store"
    page.go("#/routes/api%3Amitigation-13")
    browser.click("#withdraw")
    browser.see_text("dialog", "Withdraw this route?")
    assert browser.run("return document.activeElement.innerText") == "Leave it"
    browser.press(Keys.ENTER)
    browser.see_gone("dialog")
    assert page.world.deleted == []
    browser.click("#withdraw")
    page.stand.refuse["/v1/routes/api%3Amitigation-13"] = (403, "this token may not announce")
    browser.click("dialog .danger")
    browser.see_text("dialog .problem", "Not done: this token may not announce")
    page.stand.refuse.clear()
    browser.click("dialog .danger")
    browser.see_text("#toasts", "api:mitigation-13 is withdrawn")
    assert page.world.deleted == ["api:mitigation-13"]
    assert page.stand.asked("DELETE .*")[-1]["headers"]["Authorization"] == "Bearer bgpc_desk"
    browser.see("![...document.querySelectorAll('.x-name')].some((each) => each.innerText === 'api:mitigation-13')", "gone from the list")


def test_with_a_token_what_is_held_can_be_approved(page, browser):
    world = page_world.World(5)
    world.status_changes = {"policies.held": 2}
    world.warnings = ["policy: the new version is held: it would withdraw 12 of 20; bgpcommander approve 7ed23445",
                      "routes/web/policy: the new version is held: it fails; bgpcommander approve 01234567"]
    page.show_all(world=world)
    enter(browser, "bgpc_desk")
    browser.see("document.querySelectorAll('[data-banner=held] button').length === 2", "two to approve")
    browser.click("[data-banner=held] button")
    browser.see_text("dialog", "7ed23445")
    browser.click("dialog .danger")
    browser.see_text("#toasts", "approved 7ed23445")
    assert world.approved == ["7ed23445"]
    assert json.loads(page.stand.asked("POST .*")[-1]["body"]) == {"id": "7ed23445"}


def test_a_token_that_may_only_read_is_not_asked_to_do_more(page, browser):
    world = page_world.World(20)
    world.status_changes = {"access": {"who": "token wall", "scopes": ["read"]}, "store.loss": {"id": "d9898b46", "kind": "emptied", "text": "kept"}}
    page.show_all(world=world)
    enter(browser, "bgpc_wall")
    browser.see_gone("dialog")
    page.go("#/routes/api%3Amitigation-13")
    browser.see_text("#detail", "this token may not withdraw")
    assert browser.run("return document.querySelectorAll('[data-banner=loss] button').length") == 0
    world.status_changes["access"] = {"who": "token wall", "scopes": ["read", "announce", "operate"]}
    browser.see("document.querySelector('#withdraw') !== null", "it may now")
    browser.see("document.querySelectorAll('[data-banner=loss] button').length === 1", "and approve")


def test_where_the_daemon_wants_no_token_a_yes_is_enough(page, browser):
    world = page_world.World(20)
    world.status_changes = {"access": {"who": "127.0.0.1", "scopes": ["read", "announce", "operate"]}}
    page.show_all(world=world)
    page.go("#/routes/api%3Amitigation-13")
    browser.see_text("#detail", "Read only")
    browser.click("#token")
    browser.click("#allow")
    browser.see_gone("dialog")
    browser.click("#withdraw")
    page.excuse("404")
    browser.click("dialog .danger")
    browser.see_text("#toasts", "api:mitigation-13 is withdrawn")
    assert "Authorization" not in page.stand.asked("DELETE .*")[-1]["headers"]
    assert world.deleted == ["api:mitigation-13"]


# ---- people who mean harm ----

def test_no_text_from_outside_becomes_markup(page, browser):
    world = page_world.World(12)
    name = "dns-fra-1"
    for route in world.routes.values():
        route.update(reason=HOSTILE, error=HOSTILE, owner=HOSTILE, note=HOSTILE, origin="api", prefix=HOSTILE, family=HOSTILE, layer="health")
    world.routes[HOSTILE] = {**world.routes[name], "name": HOSTILE}
    for state, route in zip([HOSTILE, "constructor", "__proto__", "toString"], world.routes.values()):
        route.update(state=state, health=state)
    for neighbor in world.neighbors:
        neighbor.update(reason=HOSTILE, ipAddress=HOSTILE, state=HOSTILE, families=[HOSTILE], routesByFamily={HOSTILE: 1})
    world.full[name] = {"output": HOSTILE, "text": HOSTILE, "data": {HOSTILE: [HOSTILE]}, "policy": {"key": HOSTILE, "state": HOSTILE, "reason": HOSTILE, "error": HOSTILE},
                        "scripts": [{"key": HOSTILE, "language": HOSTILE, "hash": HOSTILE, "text": HOSTILE}],
                        "decisions": [{"id": 1, "at": 1, "verdict": HOSTILE, "layer": HOSTILE, "reason": HOSTILE}],
                        "checks": [{"name": HOSTILE, "kind": "route", "state": HOSTILE, "status": HOSTILE, "reason": HOSTILE, "history": [{"status": HOSTILE, "took": HOSTILE}]}],
                        "chain": [{"step": step, "time": HOSTILE, "text": HOSTILE, "neighbor": HOSTILE, "name": HOSTILE, "how": "constructor"}
                                  for step in ("key", "check", "decision", "command", "wire", "constructor", HOSTILE)]}
    world.warnings = [HOSTILE]
    world.status_changes = {"node": HOSTILE, "version": HOSTILE, "store.loss": {"id": HOSTILE, "kind": HOSTILE, "text": HOSTILE}, "workers.exec.confinement": HOSTILE, "workers.exec.state": HOSTILE,
                            "exabgp.version": HOSTILE, "exabgp.state": HOSTILE, "mode": HOSTILE, "store.text": HOSTILE, "store.state": HOSTILE}
    world.nodes[0] = {"name": HOSTILE, "self": False, "status": {"version": HOSTILE, "routes": {HOSTILE: {"state": HOSTILE, "reason": HOSTILE}}, "summary": {"announced": HOSTILE}, "warnings": [HOSTILE]}}
    page.excuse("404")
    page.show(world=world)
    browser.see_text("#link", "Live")
    browser.see_text("#routes-list", "<img src=x onerror=")
    for type_ in ("route", "check", "constructor", "__proto__", "gap"):
        page.stand.event(type_, HOSTILE, state=HOSTILE, reason=HOSTILE, text=HOSTILE, what=HOSTILE)
    browser.see_text("#rail-events", "<script>window.harmed=1</script>")
    for view in (f"routes/{name}", "routes/" + "%3Cimg%20src%3Dx%3E", "nodes", "neighbors", "checks", "workers", "events"):
        page.go(f"#/{view}")
        browser.see("!document.querySelector(arguments[0]).hidden", view, f"#view-{view.split('/')[0]}")
        if view == f"routes/{name}":
            browser.see_text("#detail .code", "<img src=x onerror=")
        if view == "events":
            browser.see_text("#events-list", "<svg/onload")
        shown = browser.run("return document.body.outerHTML")
        assert not [word for word in ("undefined", "NaN", "[object") if word in shown], view
    assert browser.run("return window.harmed ?? null") is None
    assert browser.run("return [document.querySelectorAll('img:not(.brand img), script:not([src=\"/page/app.js\"]), iframe, object, embed, form, base').length, document.scripts.length]") == [0, 1]
    assert "7*7" in browser.run("return document.title + document.body.innerText") and HOSTILE in browser.run("return document.title")
    asked = [request for request in page.stand.requests if request["path"] == "/x" or "x" == request["path"].strip("/")]
    assert not asked


def test_the_browser_runs_nothing_but_the_page(page, browser):
    """The policy that the daemon sends is one that a browser keeps."""
    page.show_all(3)
    page.excuse("Content Security Policy", "TrustedHTML", "Trusted", "violates")
    run = """const done = arguments[arguments.length - 1]; const seen = []; document.addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
      try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); seen.push('html'); } catch { seen.push('no html'); }
      const script = document.createElement('script'); script.append('window.harmed = 1'); document.body.append(script);
      const image = new Image(); image.src = 'http://127.0.0.1:1/x.png'; document.body.append(image);
      const style = document.createElement('style'); style.append('body { display: none }'); document.head.append(style);
      fetch('http://127.0.0.1:1/').catch(() => 0).finally(() => setTimeout(() => done([seen, window.harmed ?? null, getComputedStyle(document.body).display]), 0));"""
    seen, harmed, display = browser.driver.execute_async_script(run)
    assert "no html" in seen and harmed is None and display == "flex"
    assert {"img-src", "style-src-elem", "connect-src"} <= set(seen)
    browser.take_logs()
    browser.driver.refresh()
