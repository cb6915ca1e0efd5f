"""What a first try gets wrong is told in a sentence: the value, the limit and the way out."""

from pathlib import Path

import pytest

from longlive_widget import (
    Comparison,
    Engine,
    LongLiveWidget,
    Manifest,
    Preset,
    Recording,
    Sweep,
    Timeline,
    replay,
)
from longlive_widget.errors import (
    LONGEST,
    CapabilityError,
    CheckpointError,
    LongLiveError,
    ManifestError,
    ModelNotFoundError,
    OutputError,
    RecordError,
    SessionError,
    TimelineError,
)
from longlive_widget.measure import records
from longlive_widget.measure.inside import Inside
from longlive_widget.model.adapters import peft_adapter
from longlive_widget.timeline_forms import read_timeline

RUN = Path(__file__).parents[1] / "fixtures" / "kept" / "manifest-3.json"
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
        (lambda it: Sweep(it, None, RED), SessionError, "presets None are none: give one, or"),
        (lambda it: Sweep(it, "turbo", 5), SessionError, "prompts 5 are none: give one, or sev"),
        (lambda _: replay(RUN, engine="tiny"), SessionError, "engine 'tiny' .* Engine.load"),
        (lambda it: Inside(it, RED, seed=-1), SessionError, "seed -1 is out of range: use 0 to"),
        (lambda it: Inside(it, RED, seed="x"), SessionError, "seed 'x' is not a whole number"),
    ],
)
def test_bad_input_is_told_in_a_sentence(engine, act, error: type[LongLiveError], told):
    with pytest.raises(error, match=told) as raised:
        act(engine)
    assert "\n" not in str(raised.value)


LONG = "x" * 300
"""No file can have that name."""


@pytest.mark.parametrize(
    ("act", "error", "told"),
    [
        (lambda: Engine.load(LONG), ModelNotFoundError, "no model is called 'x+'"),
        (lambda: Engine.load("tiny", device=("cpu",)), CapabilityError, "device .*use 'cpu'"),
        (lambda: Engine.load("tiny", device=b"\xff"), CapabilityError, "device .*use 'cpu'"),
        (lambda: replay(LONG), ManifestError, "'x+.* cannot be read .*: give"),
        (lambda: replay("~nobody-here/x"), ManifestError, "cannot be read .*: give the manifest"),
        (lambda: Manifest.read(None), ManifestError, "'None' cannot be read .*: give the manifest"),
        (lambda: Recording.open(None), OutputError, "'None' is no path .*: give another one"),
        (lambda: records.read([]), RecordError, "cannot be read .*: give a file of records"),
        (lambda: peft_adapter(LONG), CheckpointError, "'x+' cannot be a file "),
        (lambda: Timeline.from_json(None), TimelineError, "None is no text of a timeline: give a"),
        (lambda: Timeline.from_yaml(5), TimelineError, "5 is no text of a timeline: give a str"),
        (lambda: Timeline(None), TimelineError, "None is no entry of a timeline: write"),
        (lambda: Timeline.of(RED).with_entry(RED), TimelineError, f"'{RED}' is no entry of a"),
        (lambda: read_timeline(None), OutputError, "'None' is no path .*: give another one"),
    ],
)
def test_names_that_no_file_has_and_things_of_another_kind_are_told_in_a_sentence(act, error, told):
    with pytest.raises(error, match=told) as raised:
        act()
    assert "\n" not in str(raised.value)


@pytest.mark.fault(
    "What is asked for",
    "a file is asked for at no path, or of no length",
    "a sentence, and nothing is written",
)
@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda it: it.record(("a", "b")), "is no path .*: give another one"),
        (lambda it: it.save(None), "'None' is no path"),
        (lambda it: it.save("x.mp4", seconds="3"), "seconds '3' is no number above 0: use one"),
        (lambda it: it.save("x.mp4", seconds=0), "seconds 0 is no number above 0: use one"),
        (lambda it: it.save("x.mp4", seconds=float("nan")), "seconds nan is no number above 0"),
        (lambda it: it.snapshot(None), "'None' is no path"),
        (lambda it: it.export_html(LONG), "cannot be a file "),
    ],
)
def test_a_file_that_cannot_be_made_is_told_in_a_sentence_and_nothing_is_written(
    engine, tmp_path, monkeypatch, act, told
):
    monkeypatch.chdir(tmp_path)
    studio = LongLiveWidget(engine, RED, seed=1)
    try:
        studio.size_px = 48, 32
        studio.run(blocks=1)
        with pytest.raises(LongLiveError, match=told):
            act(studio)
        studio.run(blocks=1)
        assert len(studio.blocks) == 2
    finally:
        studio.close()
    assert list(tmp_path.iterdir()) == []


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
