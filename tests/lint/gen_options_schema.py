"""Writes the ready-made checks into docs/options.schema.json, from the descriptions at the head of lua/checks/*.lua."""
import json
import re

import source

PAGE = source.ROOT / "docs/options.schema.json"
# NAME TYPE [required] [= DEFAULT], two blanks, the meaning: as src/model/ready_made.h says.
PARAM = re.compile(r'^-- @param (?P<name>\S+) +(?P<type>(?:"[^"]*"|[^" ])+)(?: +(?:(?P<required>required)|= *(?P<default>.*?)))?  +(?P<text>\S.*)$')
TYPES = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "duration": {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 3600}, {"$ref": "#/$defs/duration"}]},
    "number[]": {"type": "array", "items": {"type": "number"}},
    "string[]": {"type": "array", "items": {"type": "string"}},
    "map": {"type": "object", "additionalProperties": {"type": "string"}},
}
REGION = re.compile(r'    "ready_made": \{\n.*?\n    \},\n', re.DOTALL)


def head(script):
    """The comments that a script begins with."""
    lines = []
    for line in script.splitlines():
        if not line.startswith(("--", "#!")):
            break
        lines.append(line)
    return lines


def params(script):
    """What its @param lines say; raises on one that says nothing."""
    found = []
    for line in head(script):
        if line.startswith("-- @param"):
            match = PARAM.match(line)
            assert match, f"expected NAME TYPE [required] [= DEFAULT], two blanks and the meaning: {line}"
            found.append(match.groupdict())
    return found


def rule(param):
    types = re.findall(r'"[^"]*"|[^|"]+', param["type"])
    rules = [{"const": word[1:-1]} if word.startswith('"') else TYPES[word] for word in types]
    made = {"description": param["text"]}
    made.update(rules[0] if len(rules) == 1 else {"anyOf": rules})
    if param["default"] is not None:
        made["default"] = json.loads(param["default"])
    return made


def ready_made(path):
    script = path.read_text()
    described = params(script)
    properties = {"use": {"const": path.stem}}
    properties.update({param["name"]: rule(param) for param in described})
    return {"description": head(script)[1].lstrip("- "), "type": "object", "additionalProperties": False,
            "required": ["use"] + [param["name"] for param in described if param["required"]], "properties": properties}


def text():
    rows = [json.dumps(ready_made(path), ensure_ascii=False) for path in sorted((source.ROOT / "lua/checks").glob("*.lua"))]
    region = '    "ready_made": {\n      "anyOf": [\n        %s\n      ]\n    },\n' % ",\n        ".join(rows)
    return REGION.sub(lambda _: region, PAGE.read_text(), count=1)


if __name__ == "__main__":
    PAGE.write_text(text())
