"""Writes src/model/lint_api.def from lua/api/*.lua: what `bgpcommander lint` knows of the functions of scripts."""
import re

import gen_lua_api
from gen_lua_api import ROOT

HEAD = """/* What scripts find, for model/lint: made from lua/api/ by tests/lint/gen_lint_api.py.
 *
 * BC_LINT_GLOBAL(name, where, type)
 * BC_LINT_MEMBER(class, name, where, type): the name "*" is any other
 * BC_LINT_FUNCTION(name, flags, parameters, results): "name type", with '?' behind the name of one that may be left out
 *
 * Types are as in lua/api; that of a function is "function NAME". */
"""
WHERE = {"check": "BC_LINT_IN_CHECK", "policy": "BC_LINT_IN_POLICY", "admission": "BC_LINT_IN_ADMISSION", "test": "BC_LINT_IN_TEST"}
POLICY = "policy admission"


def pieces(path, where):
    """The text of a description, cut at the lines that say where what follows is found."""
    found = [[where, []]]
    for line in path.read_text().splitlines():
        told = re.fullmatch(r"-- in: ([\w ]+)", line)
        if told:
            found.append([told.group(1), []])
        else:
            found[-1][1].append(line)
    return [(modes, "\n".join(lines)) for modes, lines in found]


class Api:
    def __init__(self):
        self.globals, self.members, self.functions, self.aliases = {}, {}, {}, {}

    def add(self, rows, key, where, value):
        row = rows.setdefault(key, [set(), value])
        assert row[1] == value, (key, row, value)
        row[0] |= set(where.split())

    def type(self, text):
        """Without names for types that are no classes, and without blanks."""
        text = re.sub(r"[\w.]+", lambda word: self.aliases.get(word.group(), word.group()), text)
        return text.replace(", ", ",").replace('"', "'")

    def function(self, item, name, where):
        parameters = []
        for text in item.of("param"):
            word, is_optional, kind, _, _ = gen_lua_api.named(text)
            parameters.append(f"{word}{'?' if is_optional else ''} {self.type(kind)}")
        results = [self.type(gen_lua_api._typed(text)[0]) for text in item.of("return")]
        flags = [flag for tag, flag in (("async", "BC_LINT_WAITS"), ("nodiscard", "BC_LINT_FOR_RESULT"))
                 if tag in dict(item.tags)]
        self.add(self.functions, name, where, (" | ".join(flags) or "0", ";".join(parameters), ";".join(results)))

    def fields(self, item, kind, where):
        for text in item.of("field"):
            word, is_optional, type_, _, _ = gen_lua_api.named(text)
            self.add(self.members, (kind, "*" if word == "NAME" else word), where,
                     self.type(type_) + ("|nil" if is_optional else ""))

    def take(self, items, where):
        self.aliases.update({item.name: item.of("alias")[0].partition(" ")[2] or "string"
                             for item in items if item.kind == "alias"})
        classes = {}
        for item in items:
            kind, _, parent = dict(item.tags).get("class", item.name).partition(" : ")
            for (of, member), (modes, type_) in list(self.members.items()):
                if parent and of == parent:
                    self.add(self.members, (kind, member), " ".join(modes), type_)
            if item.kind in ("table", "handle"):
                classes[item.name] = kind
            if item.kind == "table":
                self.add(self.globals, (item.name, kind), where, kind)
            elif item.kind == "value":
                kind = self.type(dict(item.tags)["type"])
                self.add(self.globals, (item.name, kind), where, kind)
            if item.kind in ("table", "handle", "class"):
                self.fields(item, kind, where)
            if item.kind == "function":
                table, mark, member = re.fullmatch(r"(?:(\w+)([.:]))?(\w+)", item.name).groups()
                name = f"{classes[table]}.{member}" if table else member
                self.function(item, name, where)
                if table:
                    self.add(self.members, (classes[table], member), where, f"function {name}")
                else:
                    self.add(self.globals, (member, "function"), where, f"function {member}")
        for name, words in gen_lua_api.libraries(items).items():
            for word in words:
                if name == "base":
                    self.add(self.globals, (word, "function"), where, "string" if word == "_VERSION" else f"function {word}")
                else:
                    self.add(self.globals, (name, name), where, f"library {name}")
                    self.add(self.members, (name, word), where, self.library(name, word))

    @staticmethod
    def library(name, word):
        constants = {"math.pi": "number", "math.huge": "number", "math.maxinteger": "integer", "math.mininteger": "integer",
                     "utf8.charpattern": "string"}
        return constants.get(f"{name}.{word}", f"function {name}.{word}")

    def find(self, rows, modes):
        """What is in `rows` is found in these modes too."""
        for row in rows:
            row[0] |= set(modes.split())

    def share(self, shared, modes):
        """What these modes have of what checks have: of a library its members, or None for all."""
        for name, members in shared.items():
            own = [row for (word, kind), row in self.globals.items() if word == name]
            assert own, name
            self.find(own, modes)
            self.find([self.functions[name]] if name in self.functions else [], modes)
            # The options of a policy are its parameters.
            self.find([row for (kind, member), row in self.members.items()
                       if kind == name != "options" and (members is None or member in members)], modes)


def shared_of(text):
    """Of a policy: its lists are as those of Lua's libraries, that of `base` names globals."""
    found = {}
    for name, words in gen_lua_api.libraries(gen_lua_api.items(texts=[text])).items():
        found.update({word: None for word in words} if name == "base" else {name: words})
    names = " ".join(re.findall(r"^-- test shares: (.*)$", text, re.M)).split()
    return {**found, **{name: None for name in names}}


def without_lists(text):
    return re.sub(r"^-- lua \w+: .*\n", "", text, flags=re.M)


def api():
    found = Api()
    found.take(gen_lua_api.items(), "check")
    for word, modes in (("policy", POLICY), ("test", "test")):
        path = ROOT / f"lua/api/{word}.lua"
        found.share(shared_of(path.read_text()), modes)
        for where_, text in pieces(path, modes):
            found.take(gen_lua_api.items(texts=[without_lists(text)]), where_)
    # What a call gives has its members wherever it is made.
    kinds = {kind.removeprefix("library ") for _, kind in found.globals.values()}
    for (kind, _), row in found.members.items():
        row[0] |= set(WHERE) if kind not in kinds else set()
    for name in ("data", "options"):
        found.add(found.members, (name, "*"), "check policy admission", "any")
    return found


def where(modes):
    return " | ".join(flag for mode, flag in WHERE.items() if mode in modes)


def table():
    found, lines = api(), [HEAD]
    for (name, _), (modes, kind) in sorted(found.globals.items()):
        lines.append(f'BC_LINT_GLOBAL("{name}", {where(modes)}, "{kind}")\n')
    for (kind, name), (modes, type_) in sorted(found.members.items()):
        lines.append(f'BC_LINT_MEMBER("{kind}", "{name}", {where(modes)}, "{type_}")\n')
    for name, (modes, (flags, parameters, results)) in sorted(found.functions.items()):
        lines.append(f'BC_LINT_FUNCTION("{name}", {flags}, "{parameters}", "{results}")\n')
    return "".join(lines)


MADE = {"src/model/lint_api.def": table}

if __name__ == "__main__":
    for made, write in MADE.items():
        (ROOT / made).write_text(write())
