"""docs/channel.md from src/proto/msg.def. Run by hand, it writes the file."""
import os
import re
import sys

TYPES = {
    "u8": "1 byte",
    "u32": "4 bytes, big endian",
    "u64": "8 bytes, big endian",
    "text": "4 bytes length, then the bytes",
    "bytes": "4 bytes length, then the bytes; never shown in logs",
}
WAYS = {"TO_CORE": "worker to core", "TO_WORKER": "core to worker"}

HEAD = """# The channel between core and its workers

This page is made from `src/proto/msg.def` by `tests/lint/channel_doc.py`; do not edit it.

A worker's descriptor 3 is one end of a stream socketpair; core holds the other. Both sides send frames:

| bytes | what |
|---|---|
| 4 | length of the payload, big endian |
| 2 | type of the message, big endian |
| 1 | version of the framing: {frame_version} |
| 1 | zero |
| … | the payload: the fields of the message in this order, nothing between or behind them |

Header and payload together are at most {frame_bytes} bytes. A frame of another version, an unknown type, a message
that goes the other way, a payload of another size: the receiver closes the channel. Up to {queue_bytes} bytes wait
for a receiver that is slow; then the sender closes the channel. When the channel closes, the worker ends everything
that it started, and exits; core starts another.

The worker's first message is HELLO. Its `version` is {msg_version} now; core refuses a worker of another one. New
messages and new fields are added at the end; numbers and order never change.
"""


def constant(text, name):
    return re.search(r"\b%s\b(?: =|,) *(\d+)" % name, text).group(1)


def read(source, path):
    with open(os.path.join(source, path), encoding="utf-8") as file:
        return file.read()


def generate(source):
    limits = read(source, "src/base/limits.h")
    text = HEAD.format(
        frame_version=constant(read(source, "src/proto/frame.h"), "BC_FRAME_VERSION"),
        msg_version=constant(read(source, "src/proto/msg.h"), "BC_MSG_VERSION"),
        frame_bytes=constant(limits, "FRAME_BYTES"),
        queue_bytes=constant(limits, "CHANNEL_QUEUE_BYTES"),
    )
    definition = read(source, "src/proto/msg.def")
    pattern = r'^BC_MSG\((\w+), \w+, (\d+), (\w+), "(.*)"\)$|^\s*BC_FIELD\((\w+), (\w+), "(.*)"\)$'
    for name, number, way, meaning, kind, field, about in re.findall(pattern, definition, re.M):
        if name:
            text += "\n## %s (%s)\n\nType %s: %s.\n" % (
                name, WAYS[way], number, meaning)
            first = True
        else:
            text += "\n| field | form | what |\n|---|---|---|\n" if first else ""
            text += "| `%s` | %s | %s |\n" % (field, TYPES[kind], about)
            first = False
    return text


if __name__ == "__main__":
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
    with open(os.path.join(root, "docs", "channel.md"), "w", encoding="utf-8") as page:
        page.write(generate(root))
