"""What a first try gets wrong is told in a sentence: the value, the limit and the way out."""

import pytest

from longlive_widget import Comparison, Engine, LongLiveWidget, Preset, replay
from longlive_widget.errors import LONGEST, LongLiveError, ManifestError, OutputError, SessionError
from longlive_widget.measure.inside import Inside

RED = "a red ball moves right on white"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny")


@pytest.mark.fault(
    "What is asked for",
    "a widget, a replay or a look inside gets what it cannot use",
    "one sentence, before anything is made",
)
@pytest.mark.parametrize(
    ("act", "error", "told"),
    [
        (lambda _: LongLiveWidget("tiny", RED), SessionError, "engine 'tiny' .* Engine.load\\('t"),
        (lambda _: Comparison("tiny", "turbo", RED), SessionError, "engine 'tiny' .* Engine.load"),
        (lambda _: Inside("tiny", RED), SessionError, "engine 'tiny' .* Engine.load"),
        (lambda _: replay(5), ManifestError, "run 5 is none: give a manifest, its file"),
        (lambda it: Inside(it, RED, seed=-1), SessionError, "seed -1 is out of range: use 0 to"),
        (lambda it: Inside(it, RED, seed="x"), SessionError, "seed 'x' is not a whole number"),
    ],
)
def test_bad_input_is_told_in_a_sentence(engine, act, error: type[LongLiveError], told):
    with pytest.raises(error, match=told) as raised:
        act(engine)
    assert "\n" not in str(raised.value)


@pytest.mark.fault(
    "What is asked for",
    "what an error quotes is a hundred thousand letters long, or has some that steer a terminal",
    "a message that can be read: both ends of it, and codes for such letters",
)
@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "x" * 100_000,
            "^cuda_graphs 'x+ … x+' does not exist: use .*",
        ),
        ("\x1b[31m\u202e", r"^cuda_graphs '\\x1b\[31m\\u202e' does not exist: use"),
        ("\ud800", r"^cuda_graphs '\\ud800' does not exist: use"),
    ],
    ids=["long", "steers", "no letter"],
)
def test_what_an_error_quotes_can_be_read(said, told):
    with pytest.raises(LongLiveError, match=told) as raised:
        Preset("x", "", (1000,), cuda_graphs=said)
    assert len(str(raised.value).encode()) <= LONGEST + 2


@pytest.mark.parametrize("kind", [LongLiveError, OutputError])
def test_letters_that_no_quote_has_made_harmless_are_shown_by_their_codes(kind):
    assert str(kind("a\x00b\x1bc\nd é 🔴")) == "a\\x00b\\x1bc\nd é 🔴"
    assert str(kind()) == ""
