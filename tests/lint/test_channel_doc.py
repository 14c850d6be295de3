"""docs/channel.md says what src/proto/msg.def says."""
import os
import re

import channel_doc

SOURCE = os.environ.get("BC_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))


def test_the_page_is_that_of_the_list():
    assert channel_doc.read(SOURCE, "docs/channel.md") == channel_doc.generate(SOURCE), \
        "run tests/lint/channel_doc.py"


def test_every_message_and_field_is_on_the_page():
    """Counts the macros in another way than the generator does: a line it does not understand must not vanish."""
    definition = channel_doc.read(SOURCE, "src/proto/msg.def")
    lines = [line.strip() for line in definition.splitlines()]
    page = channel_doc.generate(SOURCE)
    assert page.count("\n## ") == sum(line.startswith("BC_MSG(") for line in lines) > 0
    assert len(re.findall(r"^\| `", page, re.M)) == sum(line.startswith("BC_FIELD(") for line in lines) > 0
