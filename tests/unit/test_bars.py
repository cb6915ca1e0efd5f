"""What measuring the player says of its bars, and what it ends with."""

from tests.browser.bars import TYPED_TO_SEEN_S, held, tell


def test_a_figure_keeps_to_its_bar_or_is_told_with_it():
    assert held("a prompt, s", 2.0, most=2.0) == held("pictures/s", 16.0, least=15.95) == []
    assert held("a prompt, s", 2.1, most=2.0) == ["a prompt, s: 2.10, wanted 2.00 or less"]
    assert held("pictures/s", 15.9, least=15.95) == ["pictures/s: 15.90, wanted 15.95 or more"]


def test_what_missed_its_bar_is_told_last_and_the_program_ends_with_1(capsys):
    bars = {
        "slow": lambda _lab, _folder: held("a prompt, s", 3, most=TYPED_TO_SEEN_S),
        "none": lambda _lab, _folder: [],
    }
    assert tell(bars, ["slow", "none"], None, None) == 1
    assert capsys.readouterr().out == "missed: a prompt, s: 3.00, wanted 2.00 or less\n"
    assert tell(bars, ["none"], None, None) == 0
    assert capsys.readouterr().out == "no bar was missed\n"
