"""Whatever a page sends, in whatever order: the studio tells what is wrong, and plays on."""

import json
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longlive_widget import Engine, Preset
from longlive_widget.errors import LongLiveError
from longlive_widget.timeline import Timeline
from longlive_widget.widget.protocol import Command
from longlive_widget.widget.studio import LongLiveWidget
from tests.fuzz.conftest import ASKED, CI_EXAMPLES
from tests.fuzz.made_up import changed_twice, values
from tests.unit.painted_engine import PaintedEngine, paint

FIXTURES = Path(__file__).parents[1] / "fixtures" / "protocol.json"
SENT = [*json.loads(FIXTURES.read_text(encoding="utf-8"))["to_kernel"].values()]
PATIENCE_S = 30
AT_ONCE = 12
# What is about a file, the insides of a model or a branch has tests of its own.
SLOW = {"clip", "still", "record", "use", "change", "branch", "release", "walk", "code", "profile"}
QUICK = [content for content in SENT if content["type"] not in SLOW]
CREDITS = [
    content | {"run": run, "block": block}
    for content in SENT
    if content["type"] == "credit"
    for run in (0, 1, 2, 9)
    for block in (-1, 0, 1, 2, 9)
]
slow_messages = st.sampled_from([content for content in SENT if content["type"] in SLOW]).flatmap(
    lambda content: st.just(content) | changed_twice(content)
)
messages = (
    st.sampled_from(QUICK)
    | st.sampled_from(CREDITS)
    | st.sampled_from(QUICK).flatmap(changed_twice)
    | values
)


def hear_all(studio: LongLiveWidget) -> None:
    """Wait until all that came before was obeyed."""
    obeyed = threading.Event()
    studio._runner.outbox.then(obeyed.set)
    assert obeyed.wait(PATIENCE_S)


def settings_of(studio: LongLiveWidget) -> tuple:
    """All that a page may change, but for what a video does by itself."""
    plan = studio.timeline, studio._runner.plan.revision, studio.preset
    return *plan, studio.seed, studio.seed_locked, studio.size_px, studio.status


def hold_to_words(studio: LongLiveWidget, patch: pytest.MonkeyPatch) -> None:
    """Have it fail where a command that is refused has changed anything."""
    obey = studio._obey

    def obeyed(command: Command, view: str | None) -> None:
        before, errors = settings_of(studio), studio.errors
        try:
            obey(command, view)
        except LongLiveError:
            assert settings_of(studio) == before, command
            raise
        if studio.errors[-1:] != errors[-1:]:  # told, not raised
            assert settings_of(studio) == before, command

    patch.setattr(studio, "_obey", obeyed)


@pytest.mark.fault(
    "The page and its messages",
    "messages are malformed, out of order, lost or there twice",
    "nothing is raised; each is obeyed, or told in a sentence and changes nothing, and the video "
    "plays on as it would",
)
def test_whatever_a_page_sends_the_studio_tells_what_is_wrong_and_makes_its_blocks(
    record_property, monkeypatch
):
    """Errors are all of the package's own: none is a mistake of ours."""
    count = 0
    studio = LongLiveWidget(PaintedEngine(), Timeline.of("a red ball"), seed=1)
    hold_to_words(studio, monkeypatch)

    @settings(max_examples=1 + ASKED // AT_ONCE if ASKED else CI_EXAMPLES)
    @given(st.lists(messages, min_size=AT_ONCE if ASKED else 0, max_size=AT_ONCE))
    def sent(contents):
        nonlocal count
        count += len(contents)
        for content in contents:
            studio._handle_custom_msg(content, [])
        hear_all(studio)
        unforeseen = [error for error in studio.errors if not isinstance(error, LongLiveError)]
        assert unforeseen == []
        studio.stop()
        studio.timeline, studio.size_px = Timeline.of("a blue star"), None
        studio.run(blocks=3)
        assert [record.block for record in studio.history] == [0, 1, 2]
        painted = [paint("a blue star", n, PaintedEngine().geometry) for n in range(3)]
        assert np.array_equal(studio.frames, np.concatenate(painted))
        studio.stop()

    threads = threading.active_count()
    try:
        sent()
        assert threading.active_count() <= threads
    finally:
        studio.close()
    record_property("reader", "messages to a playing studio")
    record_property("examples", count)


def test_messages_on_files_branches_and_the_inside_are_obeyed_or_told_and_leave_no_half_file(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    engine = Engine.load("tiny", Preset("quick", "", (1000,)), device="cpu")
    studio = LongLiveWidget(engine, Timeline.of("a red ball"), seed=1)

    @settings(max_examples=15)
    @given(st.lists(slow_messages | st.sampled_from(QUICK), max_size=AT_ONCE))
    def sent(contents):
        for content in contents:
            studio._handle_custom_msg(content, [])
        hear_all(studio)

    try:
        studio.size_px = 48, 32
        studio.run(blocks=2)
        sent()
    finally:
        studio.close()
    assert [error for error in studio.errors if not isinstance(error, LongLiveError)] == []
    assert [path for path in tmp_path.iterdir() if "unfinished" in path.name] == []
    for path in tmp_path.iterdir():
        with av.open(path) as video:
            assert next(video.decode(video=0))
