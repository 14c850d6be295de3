"""docs/metrics.md tells the list of metrics, and the list keeps to the conventions of Prometheus."""
import re

import gen_metrics


def test_the_page_agrees_with_the_list():
    assert (gen_metrics.ROOT / "docs/metrics.md").read_text() == gen_metrics.page(), "run tests/lint/gen_metrics.py"


def test_names_are_told_once_and_say_their_type_and_unit():
    names = [name for _, name, _, _, _ in gen_metrics.metrics()]
    assert len(names) == len(set(names)) > 80
    for _, name, kind, labels, text in gen_metrics.metrics():
        assert re.fullmatch(r"(bgpcommander|process)_[a-z0-9_]+", name), name
        assert name.endswith("_total") == (kind == "counter"), name
        assert name.endswith("_info") == (kind == "info"), name
        assert kind != "histogram" or name.endswith("_seconds"), name
        assert not re.search(r"_(ms|us|milliseconds|kb|mib|ratio)(_|$)", name), name
        assert text.endswith(".") and '"' not in text and "\\" not in text, name
        assert all(re.fullmatch(r"[a-z_]+", label) and label not in ("le", "job", "instance") for label in labels), name
