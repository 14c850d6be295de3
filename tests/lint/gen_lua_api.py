"""Writes docs/lua-api.md, docs/policy-api.md, .luacheckrc from lua/api/*.lua, docs/ready-made-checks.md and docs/ready-made-policies.md from
the heads of lua/checks/*.lua and lua/policies/*.lua."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "lua/api/api.lua", ROOT / "lua/api/tables.lua"]
POLICY_SOURCES = [ROOT / "lua/api/policy.lua"]
HEAD = """# What a Lua check finds

All functions and tables of the [sandbox](lua-sandbox.md), each with an example. [How to write a check](writing-checks.md)
tells what to do with them. This page is made from `lua/api/api.lua` and `lua/api/tables.lua` by
`tests/lint/gen_lua_api.py`; these files are also what an editor with LuaLS needs: name their directory (installed:
`/usr/local/share/bgpcommander/lua/api`) in `Lua.workspace.library`, and disable `coroutine`, `debug`, `io`, `os` and
`package` in `Lua.runtime.builtin`.

Under each example stands what `bgpcommander run` says of it: the verdict, the reason behind a colon, the data, then what
it logged.
"""
POLICY_HEAD = """# What a Lua policy finds

The words of a policy, the context that it gets, and which functions of [checks](lua-api.md) it has. This page is made from
`lua/api/policy.lua` by `tests/lint/gen_lua_api.py`, which an editor with LuaLS reads beside the others.

Under each example stands the verdict that it gives, as JSON.
"""
RC_HEAD = """-- Made from lua/api/*.lua by tests/lint/gen_lua_api.py: what a Lua check finds, for luacheck.
"""


class Item:
    """One thing described: kind is section, alias, class (fields only), table (of scripts), handle, value or function."""

    def __init__(self, kind, name, doc, tags, signature=""):
        self.kind, self.name, self.doc, self.tags, self.signature = kind, name, doc, tags, signature

    def of(self, tag):
        return [text for name, text in self.tags if name == tag]

    def text(self):
        return re.sub(r"```lua\n.*?```\n?", "", "\n".join(self.doc), flags=re.S).strip()

    def example(self):
        found = re.findall(r"```lua\n(.*?)```", "\n".join(self.doc), re.S)
        assert len(found) <= 1, self.name
        return found[0] if found else None


def _typed(text):
    """A type at the beginning of a text, and the rest: commas and blanks belong to it within brackets."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in "<({[") - (char in ">)}]")
        if char == " " and depth == 0:
            return text[:at], text[at + 1:].strip()
    return text, ""


def named(text):
    """Of a field or parameter: name, whether it may be left out, type, default, what."""
    name, rest = text.split(" ", 1)
    is_optional, name = name.endswith("?"), name.rstrip("?")
    if name == "[string]":
        name = "NAME"
    kind, what = _typed(rest)
    default = re.search(r"\s*\(default: (.*)\)$", what)
    return name, is_optional, kind, default.group(1) if default else "", what[:default.start()] if default else what


def _close(items, doc, tags, line):
    names = dict(tags)
    function = re.fullmatch(r"function ([\w.:]+)\((.*)\) end", line)
    table = re.fullmatch(r"(local )?(\w+) = \{\}", line)
    if function:
        items.append(Item("function", function.group(1), doc, tags, function.group(2)))
    elif table:
        kind = "handle" if table.group(1) else "table" if "class" in names else "value"
        items.append(Item(kind, table.group(2), doc, tags))
    elif "class" in names:
        items.append(Item("class", names["class"], doc, tags))
    elif "alias" in names:
        items.append(Item("alias", names["alias"].split()[0], doc, tags))
    else:
        assert not tags and not doc, (line, doc, tags)


def items(sources=None, texts=None):
    """Of these files, or of these texts; else of what checks find."""
    found = []
    for description in texts or [path.read_text() for path in sources or SOURCES]:
        doc, tags, title = [], [], None
        for line in description.splitlines() + [""]:
            heading = re.fullmatch(r"--- # (.*)", line)
            library = re.fullmatch(r"-- lua (\w+): (.*)", line)
            if heading:
                title = heading.group(1)
            elif line.startswith("---@meta"):
                continue
            elif line.startswith("---@") or line.startswith("---|"):
                tag, _, text = line[4 if line[3] == "@" else 3:].partition(" ")
                tags.append((tag, text))
            elif line == "---" or line.startswith("--- "):
                doc.append(line[4:])
            elif line.startswith("--"):
                if library:
                    found.append(Item("library", library.group(1), [], [], library.group(2)))
                # The text of a section may stand right above the lists.
                elif title is None and not doc:
                    continue
            if title is not None and not line.startswith("---"):
                found.append(Item("section", title, doc, []))
                doc, tags, title = [], [], None
            elif not line.startswith("--"):
                _close(found, doc, tags, line)
                doc, tags = [], []
    # A section's title may stand before its lists, in the same piece.
    order, lists = [], [item for item in found if item.kind == "library"]
    for item in found:
        if item.kind != "library":
            order.append(item)
    return order + lists


# ---- the page ----

def _anchor(title):
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _title(item):
    if item.kind == "function":
        optional = [name for name, is_optional, *_ in map(named, item.of("param")) if is_optional]
        words = [word.strip() for word in item.signature.split(",") if word.strip()]
        return "%s(%s)" % (item.name, ", ".join("[%s]" % word if word in optional else word for word in words))
    return item.name


def _linked(kind, known):
    """A type, with links to those that are described here."""
    parts = re.split(r"([\w.]+)", kind)
    text = "".join(f"[{part}](#{_anchor(known[part])})" if part in known else part for part in parts)
    return text.replace("|", " or ").replace("<", "&lt;").replace(">", "&gt;")


def _table(rows, head, known):
    has_default = any(row[3] for row in rows)
    lines = [f"| {head} | type |" + (" default |" if has_default else "") + " what |",
             "|---|---|" + ("---|" if has_default else "") + "---|"]
    for name, is_optional, kind, default, what in rows:
        where = f"`{name}`" + ("?" if is_optional and not default else "")
        lines.append(f"| {where} | {_linked(kind, known)} |" + (f" {default} |" if has_default else "") + f" {what} |")
    return "\n".join(lines) + "\n"


def example_name(item, prefix="api-"):
    return prefix + item.name.replace(".", "-").replace(":", "-")


def _example(item, claim):
    if item.example() is None:
        return ""
    test, prefix = claim
    return f'<!-- tested: scenario/{test} "{example_name(item, prefix)}" -->\n```lua\n{item.example()}```\n'


def _alias(item):
    rows = [re.fullmatch(r'"(\w+)" # (.*)', text).groups() for text in item.of("|")]
    if not rows:
        return "A %s.\n" % _linked(item.of("alias")[0].split(" ", 1)[1], {})
    return "| code | meaning |\n|---|---|\n" + "".join(f"| `{code}` | {what} |\n" for code, what in rows)


def _returns(item, known):
    """`nil`, err, code at the end of most are told once, under Common."""
    told = []
    for text in item.of("return"):
        kind, name = _typed(text)
        if name == "err":
            return "Returns %s; or `nil`, a text%s.\n" % (
                ", ".join(told), ", a code" if "ErrorCode? code" in item.of("return") else "")
        kind = kind.rstrip("?")
        told.append(f"`{name}` ({_linked(kind, known)})" if name else _linked(kind, known))
    return "Returns %s.\n" % ", ".join(told) if told else ""


def _parts(item, known, claim):
    yield item.text() + "\n" if item.text() else ""
    if item.kind == "alias":
        yield _alias(item)
    fields = [named(text) for text in item.of("field")]
    yield _table(fields, "member", known) if fields else ""
    if item.kind == "function":
        rows = [named(text) for text in item.of("param")]
        rows = [row for row in rows if row[0] != "..."]
        yield _table(rows, "argument", known) if rows else ""
        yield _returns(item, known)
    yield _example(item, claim)


def page(head=HEAD, sources=None, claim=("test_lua_api_examples", "api-")):
    all_items = items(sources)
    known = {item.name: _title(item) for item in all_items if item.kind in ("class", "handle", "alias")}
    text, section = head, None
    for item in all_items:
        if item.kind == "library":
            continue
        if item.kind == "section":
            section = item.name
            text += f"\n## {item.name}\n"
        elif item.name != section or item.kind == "function" and "." in item.name:
            text += f"\n### {_title(item)}\n"
        text += "".join("\n" + part for part in _parts(item, known, claim) if part)
    rows = libraries(all_items)
    text += "\n| library | members |\n|---|---|\n"
    return text + "".join(f"| {name} | {' '.join(f'`{word}`' for word in words)} |\n" for name, words in rows.items())


def policy_page():
    return page(POLICY_HEAD, POLICY_SOURCES, ("test_policy_api_examples", "policy-api-"))


# ---- what is there, for the lint and for luacheck ----

def libraries(all_items):
    found = {}
    for item in all_items:
        if item.kind == "library":
            found.setdefault(item.name, []).extend(item.signature.split())
    return found


def names(sources=None):
    """Of each global: its members, or None where they are not fixed or there are none."""
    all_items = items(sources)
    found = {}
    for item in all_items:
        if item.kind == "table":
            found[item.name] = {named(text)[0] for text in item.of("field")}
        elif item.kind == "value":
            found[item.name] = None
        elif item.kind == "function" and ":" not in item.name:
            table, _, member = item.name.rpartition(".")
            if table:
                found[table].add(member)
            else:
                found[member] = None
    for name, words in libraries(all_items).items():
        found.update({word: None for word in words} if name == "base" else {name: set(words)})
    return found


def luacheckrc():
    lines = [RC_HEAD + "std = {\n  globals = { state = { other_fields = true } },\n  read_globals = {"]
    for name, members in sorted(names().items()):
        if name == "state":
            continue
        if members is None:
            lines.append(f'    "{name}",')
        elif name in ("data", "options"):
            lines.append(f"    {name} = {{ other_fields = true }},")
        else:
            lines.append(f"    {name} = {{ fields = {{")
            lines += [f'      "{member}",' for member in sorted(members)] + ["    } },"]
    return "\n".join(lines) + """
  },
}
max_line_length = 120
-- A description: nothing in it is used.
files["lua/api"] = { ignore = { "." } }
-- What a policy finds, beside what a check finds.
files["**/policies"] = { read_globals = { %s } }
-- What only the test kit finds, and what files of tests find.
files["lua/testkit"] = { read_globals = { "host" } }
files["**/*_test.lua"] = {
  read_globals = {
    "at", "before", "cases", "check", "ctx", "expect", "policy", "skip", "test",
    fake = { fields = { "dns", "exec", "http", "icmp", "resolve", "tcp", "tls", "udp" } },
  },
}
""" % ", ".join(f'"{item.name}"' for item in items(POLICY_SOURCES) if item.kind == "function")


# ---- the ready-made checks and policies ----

CHECKS_HEAD = """# Ready-made checks

A health check without a script: `check` in [`routes/NAME/options`](options.md) or `checks/NAME/options` names one of
these, with its parameters, as in the example of each. Unknown parameters, and values of a wrong type, are a fault of the
key.

Where an address is needed and none is given, the route's own is asked: that of a host route (`/32`, `/128`). A check that
serves several routes has none, and needs one given. A duration is a number of seconds or a text with a unit (`"500ms"`).
`number[]` is an array of numbers, `map` an object of texts.

They are scripts as yours are ([how to write one](writing-checks.md)): `lua/checks/NAME.lua` in the sources. This page is
made from their heads by `tests/lint/gen_lua_api.py`.
"""
POLICIES_HEAD = """# Ready-made policies

A policy without a script: the key `routes/NAME/policy`, `node/NODE/policy` or `policy` names one of these, with its
parameters, as in the example of each ([what a policy is](writing-policies.md)). Unknown parameters, and values of a wrong
type, are a fault of the key. A duration is a number of seconds or a text with a unit (`"90s"`, `"5m"`), at most an hour;
`string[]` is an array of texts.

They have in common:

- A route that is not healthy is withdrawn, as without a policy.
- What they set stands beside the attributes of the config, or in their place where it is the same attribute.
- What is missing takes nothing away: without a score, a label or a `data` key a route stays as it stands; one that does
  not stand yet is announced as the config has it, unless it says otherwise below.
- Scores and changes of checks are those of the checks that the route has: its own, which is called `healthcheck`, and those
  in its option `checks`.
- One with [prepending](policy-attributes.md#prepend) needs neighbors of another AS: an internal one would take its own AS
  number for a loop.

They are scripts as yours are: `lua/policies/NAME.lua` in the sources, good to begin from; in a copy only `options` is to be
replaced. This page is made from their heads by `tests/lint/gen_lua_api.py`.
"""
PARAM = re.compile(r"-- @param (\w+) (\S+)( required)?(?: = (.*?))?  (\S.*)")


def heads(folder):
    """Of each ready-made script: what it does, its example, its parameters (name, type, required, default, what)."""
    found = {}
    for path in sorted((ROOT / "lua" / folder).glob("*.lua")):
        head = re.match(r"#!lua\n((?:--.*\n)+)", path.read_text()).group(1).splitlines()
        text = " ".join(line[3:] for line in head[:head.index("--")])
        example = next(line[3:] for line in head if line.startswith("-- {"))
        params = [PARAM.fullmatch(line).groups() for line in head if line.startswith("-- @param")]
        found[path.stem] = (text, example, params)
    return found


def check_heads():
    return heads("checks")


def policy_heads():
    return heads("policies")


def _ready_made(head, found, frame):
    text = head
    for name, (what, example, params) in found.items():
        text += f"\n## {name}\n\n{what}\n\nExample: `{frame % example}`\n\n| parameter | type | default | what |\n|---|---|---|---|\n"
        for param, kind, required, default, meaning in params:
            fallback = "required" if required else f"`{default}`" if default else ""
            text += f"| `{param}` | {kind.replace('|', ' or ')} | {fallback} | {meaning} |\n"
    return text


def checks_page():
    return _ready_made(CHECKS_HEAD, check_heads(), '{"check": %s}')


def policies_page():
    return _ready_made(POLICIES_HEAD, policy_heads(), "%s")


MADE = {"docs/lua-api.md": page, "docs/policy-api.md": policy_page, ".luacheckrc": luacheckrc, "docs/ready-made-checks.md": checks_page,
        "docs/ready-made-policies.md": policies_page}

if __name__ == "__main__":
    for made, write in MADE.items():
        (ROOT / made).write_text(write())
