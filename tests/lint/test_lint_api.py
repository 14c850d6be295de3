"""What `bgpcommander lint` knows of scripts is what lua/api describes."""
import gen_lint_api
import pytest
import source


@pytest.mark.parametrize("made", gen_lint_api.MADE)
def test_what_is_made_of_the_description_is_up_to_date(made):
    assert (source.ROOT / made).read_text() == gen_lint_api.MADE[made](), "run tests/lint/gen_lint_api.py"
