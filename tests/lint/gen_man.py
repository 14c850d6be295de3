"""Writes the manual pages from one source each list: commands and options with their words from commands.def and settings.def (as
--help has them), the Lua API from lua/api; what is told beyond that stands in docs/man/*.in, where @command NAME@, @option NAME...@
and @setting NAME@ stand for a heading. What has no place there gets one at the end of its section, with the text of --help."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import gen_lua_api  # noqa: E402 pylint: disable=wrong-import-position

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'  # C joins strings that follow one another
LUA_HEAD = """.TH BGPCOMMANDER\\-LUA 7 "" "bgpcommander" "Miscellaneous"
.SH NAME
bgpcommander\\-lua \\- what health checks and policies of bgpcommander find in Lua
.SH DESCRIPTION
A health check is a Lua script in the key
.I routes/NAME/healthcheck
whose first line is
.BR #!lua ;
it returns whether the service is up, or a score from 0 to 100.
A policy
.RI ( routes/NAME/policy ", " node/NODE/policy ", " policy )
returns a function of a context, which returns what is to be announced.
Both run in a sandbox: they find what is listed here, and of Lua 5.4 what does no harm.
.PP
.nf
#!lua
local r, err = dns.query("example.com", "A", { server = "192.0.2.53", timeout = 1 })
if not r then return false, err end
return r.rcode == "NOERROR" and #r.answer > 0
.fi
"""
LUA_END = """.SH SEE ALSO
.BR bgpcommander (8),
.BR bgpcommander.conf (5)
"""


def roff(text):
    """Of Markdown: code in bold, links as their text."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"`+([^`]*)`+", r"\\fB\1\\fR", text)
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.splitlines())


def plain(text):
    text = re.sub(r'"\s*"', "", text.strip())[1:-1]
    return text.replace('\\"', '"').replace("\\\\", "\\")


def commands():
    source = (ROOT / "src/cli/commands.def").read_text()
    found = re.findall(r"^BC_CLI_COMMAND\((\w+), %s, \d+, \d+,\s*%s\)" % (TEXT, TEXT), source, re.M)
    assert len(found) == len(re.findall(r"^BC_CLI_COMMAND\(", source, re.M))
    return {name: (plain(words), plain(text)) for name, words, text in found}


class Setting:
    def __init__(self, kind, name, letter, sources, value, default, text):
        self.kind, self.name, self.letter, self.sources = kind, plain(name), plain(letter), sources
        self.value, self.default, self.text = plain(value), plain(default), plain(text)

    def help(self):
        end = "" if self.text.endswith(".") else "."
        return self.text + end + (f" Default: {self.default}." if self.default else "")


def settings():
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "src/model/settings.def").read_text(), flags=re.S)
    pattern = r"^BC_SETTING\((\w+), \w+, %s, %s, (\w+), %s,\s*%s,\s*%s\)" % ((TEXT,) * 5)
    texts = re.findall(r'^#define (BC_SETTINGS_\w+) ("[^"]*")', (ROOT / "src/model/settings.h").read_text(), re.M)
    for name, value in texts:
        text = re.sub(rf"\b{name}\b", value, text)
    found = [Setting(*one) for one in re.findall(pattern, text, re.M)]
    assert len(found) == len(re.findall(r"^BC_SETTING\(", text, re.M))
    return {one.name: one for one in found}


def option_heading(names, known):
    parts = []
    for name in names:
        setting = known[name]
        letter = f"\\fB\\-{setting.letter}\\fR, " if setting.letter else ""
        value = "" if setting.kind == "FLAG" else f" \\fI{roff(setting.value)}\\fR"
        parts.append(f"{letter}\\fB\\-\\-{roff(name)}\\fR{value}")
    return ".TP\n" + ", ".join(parts)


def command_heading(name, known):
    words = known[name][0]
    return f".TP\n\\fB{name}\\fR" + (f" \\fI{roff(words)}\\fR" if words else "")


def setting_heading(name, known):
    return f".TP\n\\fB{roff(name)}\\fR \\fI{roff(known[name].value)}\\fR"


def filled(source, kinds):
    """kinds: {word: (heading of names, help of a name)}: a heading without a text of its own gets the help. Also the names met."""
    met, lines, out = [], source.splitlines(), []
    for at, line in enumerate(lines):
        mark = re.fullmatch(r"@(command|option|setting) ([^@]+)@", line)
        if not mark:
            out.append(line)
            continue
        names = mark.group(2).split()
        met += names
        out.append(kinds[mark.group(1)][0](names))
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if following.startswith((".TP", ".SH", "@")):
            out += [roff(kinds[mark.group(1)][1](name)) for name in names]
    return "\n".join(out) + "\n", met


def rest(names, heading, text):
    return "".join(f"{heading([name])}\n{roff(text(name))}\n" for name in names)


def main_page():
    known, options = commands(), settings()
    kinds = {"command": (lambda names: command_heading(names[0], known), lambda name: known[name][1] + "."),
             "option": (lambda names: option_heading(names, options), lambda name: options[name].help())}
    page, met = filled((ROOT / "docs/man" / "bgpcommander.8.in").read_text(), kinds)
    left = [name for name in known if name not in met]
    page = page.replace(".SH OPTIONS\n", rest(left, *kinds["command"]) + ".SH OPTIONS\n", 1)
    left = [name for name, one in options.items() if one.sources != "FILE" and name not in met]
    return page.replace(".SH FILES\n", rest(left, *kinds["option"]) + ".SH FILES\n", 1)


def conf_page():
    options = settings()
    kind = (lambda names: setting_heading(names[0], options), lambda name: options[name].help())
    page, met = filled((ROOT / "docs/man" / "bgpcommander.conf.5.in").read_text(), {"setting": kind})
    both = [name for name, one in options.items() if one.sources == "ANYWHERE"]
    left = [name for name, one in options.items() if one.sources == "FILE" and name not in met]
    return page.replace("@options@\n", rest(both, *kind)).replace("@settings@\n", rest(left, *kind))


def lua_page():
    out = LUA_HEAD
    for title, sources in (("CHECKS", gen_lua_api.SOURCES), ("POLICIES", gen_lua_api.POLICY_SOURCES)):
        out += f".SH {title}\n"
        for item in gen_lua_api.items(sources):
            if item.kind == "section":
                out += f".SS {roff(item.name)}\n"
            elif item.kind in ("function", "value", "table", "class") and item.text():
                words = f"({item.signature})" if item.kind == "function" else ""
                out += f".TP\n\\fB{roff(item.name)}\\fR{roff(words)}\n{roff(item.text().split(chr(10) + chr(10))[0])}\n"
    return out + LUA_END


PAGES = {"bgpcommander.8": main_page, "bgpcommander.conf.5": conf_page, "bgpcommander-lua.7": lua_page}

if __name__ == "__main__":
    for file_name, make in PAGES.items():
        (ROOT / "docs/man" / file_name).write_text(make())
