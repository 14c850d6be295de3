"""The script that makes the pictures of the documents still makes them, and those that are there are small."""
import pathlib

import browser as browser_module
import page_screenshot
import png
import pytest
from page_fixtures import SOURCE

MOST_BYTES = 200_000


def test_the_pictures_of_the_documents_can_be_made_anew(tmp_path):
    if browser_module.why_not():
        pytest.skip(browser_module.why_not())
    page_screenshot.take(tmp_path)
    for name in page_screenshot.PICTURES:
        made = (tmp_path / name).read_bytes()
        assert png.size(made) == page_screenshot.SIZE
        assert len(made) < MOST_BYTES


@pytest.mark.parametrize("name", page_screenshot.PICTURES)
def test_the_pictures_of_the_documents_are_small(name):
    kept = (pathlib.Path(SOURCE) / "docs" / name).read_bytes()
    assert png.size(kept) == page_screenshot.SIZE
    assert len(kept) < MOST_BYTES
