"""The first pictures of a block are on their way to the page while the rest of it is made."""

import threading

import numpy as np
import pytest

from longlive_widget import Engine, LongLiveWidget
from longlive_widget.geometry import Geometry
from longlive_widget.timeline import Timeline
from longlive_widget.widget.frame_codec import encode_block
from longlive_widget.widget.protocol import BlockMessage, Opening, PageTimes
from longlive_widget.widget.runner import Runner
from tests.unit.painted_engine import PaintedEngine
from tests.unit.test_runner import BOTH, PATIENCE_S, Page, pictures_in
from tests.unit.waiting import wait_until

FIRST = 4


@pytest.fixture
def begin():
    """Build a runner whose blocks are opened, and a page that looks; it is closed at the end."""
    runners = []

    def build(*, generous=False, codec="auto", size=(160, 96), fails_at=None, goes_on=None):
        page = Page(generous=generous)
        painter = PaintedEngine(fails_at=fails_at, opens=FIRST, geometry=Geometry(*size))
        painter.goes_on = goes_on or painter.goes_on
        runner = Runner(painter, Timeline.of("a red ball"), 3, page, codec=codec)
        page.runner = runner
        runners.append(runner)
        runner.delivery.attach("1-1", BOTH)
        return runner, page

    yield build
    for runner in runners:
        runner.close()


def sent(page, kind):
    return [(message, buffers) for message, buffers in page.sent if isinstance(message, kind)]


@pytest.mark.parametrize(("codec", "size"), [("jpeg", (160, 96)), ("h264", (160, 96)),
                                             ("h264", (832, 480))])  # fmt: skip
def test_first_pictures_are_sent_before_the_rest_is_made_and_together_they_are_the_block(
    begin, codec, size
):
    rest = threading.Event()
    runner, page = begin(codec=codec, size=size, goes_on=rest)
    made = runner.make(1)
    page.wait_for(lambda: page.of(Opening))
    assert (page.of(BlockMessage), runner.delivery.history) == ([], ())
    rest.set()
    made.result(PATIENCE_S)
    ((opening, first),) = sent(page, Opening)
    ((message, others),) = sent(page, BlockMessage)
    assert opening == Opening(1, 0, 0, "a red ball", codec)
    assert (message.given, len(first), message.record.pictures) == (FIRST, FIRST, 9)
    (block,) = runner.delivery.reel.blocks
    assert [*first, *others] == encode_block(block.frames, codec)
    page.sent.clear()
    runner.delivery.repeat("1-1", 1, 0)
    page.wait_for_blocks(1)
    ((again, whole),) = sent(page, BlockMessage)
    assert (again.given, whole) == (0, [*first, *others])


def test_a_block_takes_one_credit_however_often_something_of_it_is_sent(begin):
    runner, page = begin()
    runner.make(3).result(PATIENCE_S)
    assert [record.credits for record in runner.delivery.history] == [2, 1, 0]
    assert [opening.block for opening in page.of(Opening)] == [0, 1]
    assert [(message.given, len(buffers)) for message, buffers in sent(page, BlockMessage)] == [
        (FIRST, 5), (FIRST, 8), (0, 0),
    ]  # fmt: skip
    assert runner.state().dropped == 1


def test_while_nobody_looks_no_block_is_opened(begin):
    runner, page = begin()
    runner.delivery.look("1-1", looking=False)
    runner.make(2).result(PATIENCE_S)
    assert page.of(Opening) == []


def test_the_rest_is_not_sent_if_nobody_looks_any_more_and_the_whole_is_to_who_comes_back(begin):
    rest = threading.Event()
    runner, page = begin(goes_on=rest)
    made = runner.make(1)
    page.wait_for(lambda: page.of(Opening))
    runner.delivery.look("1-1", looking=False)
    rest.set()
    made.result(PATIENCE_S)
    runner.delivery.look("1-1", looking=True)
    page.wait_for_blocks(2)
    first, again = sent(page, BlockMessage)
    assert (first[0].record.displayed, first[0].given, first[1]) == (False, 0, [])
    assert (again[0].view, again[0].given, len(again[1])) == (None, 0, 9)
    assert runner.state().dropped == 0


@pytest.mark.parametrize("ends", ["fails", "is called off"])
def test_a_block_that_was_opened_and_never_comes_keeps_no_credit(begin, ends):
    rest = threading.Event()
    runner, page = begin(fails_at=0, goes_on=rest)
    made = runner.make(1)
    page.wait_for(lambda: page.of(Opening))
    assert runner.delivery._coding
    if ends == "is called off":
        runner.stop()
    rest.set()
    made.exception(PATIENCE_S)
    wait_until(lambda: not runner.delivery._coding)


def test_a_block_of_a_video_that_is_over_is_not_opened(begin):
    runner, page = begin()
    runner.make(1).result(PATIENCE_S)
    (block,) = runner.delivery.reel.blocks
    runner.stop()
    runner.make(1).result(PATIENCE_S)
    begun = PaintedEngine().session("a red ball")._next(None)
    runner.delivery.open(1, begun)
    assert [opening.run for opening in page.of(Opening)] == [1, 2]
    assert len(block.frames) == 9


def test_no_block_is_sent_late_once_the_one_after_it_was_opened(begin, monkeypatch):
    """A page shows what was opened, and would have to go back."""
    rest = threading.Event()
    rest.set()
    runner, page = begin(goes_on=rest)
    runner.make(3).result(PATIENCE_S)
    assert not runner.delivery.history[2].displayed
    rest.clear()
    here, made = threading.current_thread(), []

    def meanwhile(frames, codec):
        if threading.current_thread() is here and not made:
            made.append(runner.make(1))
            page.wait_for(lambda: [opening.block for opening in page.of(Opening)] == [0, 1, 3])
            runner.delivery.credit(1, 1, PageTimes())
        return encode_block(frames, codec)

    monkeypatch.setattr("longlive_widget.widget.delivery.encode_block", meanwhile)
    runner.delivery.credit(1, 0, PageTimes())
    rest.set()
    made[0].result(PATIENCE_S)
    assert [record.displayed for record in runner.delivery.history] == [True, True, False, True]


@pytest.mark.parametrize("size", [(160, 96), (832, 480)])
def test_a_recording_has_blocks_that_were_opened_as_a_whole(begin, tmp_path, size):
    runner, page = begin(size=size, generous=True)
    runner.record(tmp_path / "x.mp4")
    for _ in range(3):
        runner.make(1).result(PATIENCE_S)  # and its credit has come
    path = runner.cut().result(PATIENCE_S)
    assert len(page.of(Opening)) == 3
    made = np.concatenate([block.frames for block in runner.delivery.reel.blocks])
    seen = pictures_in(path)
    assert seen.shape == made.shape
    assert np.abs(seen.astype(int) - made).mean(axis=(1, 2, 3)).max() < 4


def test_under_a_preset_that_decodes_the_first_latent_frame_alone_a_cpu_sends_its_pictures_early():
    engine = Engine.load("tiny")
    preset = engine.preset.with_(name="mine", decode_first=True)
    studio, told = LongLiveWidget(Engine(engine.model, preset), "a red ball", seed=1), []
    try:
        studio.send = lambda content, buffers: told.append((content, len(buffers)))
        studio.run(blocks=2)
        wait_until(lambda: [c["type"] for c, _ in told].count("block") == 2)
    finally:
        studio.close()
    assert [
        (content["type"], content.get("given"), count)
        for content, count in told
        if content["type"] in {"opening", "block"}
    ] == [("opening", None, 1), ("block", 1, 8), ("opening", None, 4), ("block", 4, 8)]
