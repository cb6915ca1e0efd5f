"""What a first try gets wrong is told in a sentence: the value, the limit and the way out."""

import pytest

from longlive_widget import Comparison, Engine, LongLiveWidget, replay
from longlive_widget.errors import LongLiveError, ManifestError, SessionError
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
