"""A recording answers its page: what there is, each block, and exact pictures where it has them."""

import io
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from longlive_widget import Engine, Recording, Timeline
from longlive_widget.presets import Preset
from longlive_widget.runs.logbook import Logbook
from longlive_widget.runs.manifest import picture_hashes
from longlive_widget.runs.recording import RecordingFolder
from longlive_widget.widget.recorded import RecordingPlayer
from longlive_widget.widget.tape_player import _projectionist

RED, BLUE = "a red ball moves right on black", "it turns blue"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The last two of three blocks, without loss and with; the second prompt lands on block 1."""
    work = tmp_path_factory.mktemp("runs")
    engine = Engine.load("tiny", Preset("quick", "", (1000,)))
    session = engine.session(Timeline.of(RED, (3, BLUE)), 3, size_px=(96, 64))
    logbook = Logbook(engine, session)
    with (
        RecordingFolder(work / "exact", session.geometry, lossless=True) as exact,
        RecordingFolder(work / "lossy", session.geometry) as lossy,
    ):
        for block in session.blocks(3):
            page = logbook.add(session, block.index, picture_hashes(block.frames), 7.0, {"text": 1})
            if block.index > 0:
                exact.append(block.frames, page.manifest())
                lossy.append(block.frames, page.manifest())
    return work


class Page:
    """What a player sends, and a way to have it obey."""

    def __init__(self, player: RecordingPlayer) -> None:
        self.player = player
        self.told: list[tuple[dict, list[bytes]]] = []
        player.send = lambda content, buffers: self.told.append((content, buffers))

    def ask(self, **command: object):
        """The answers to a command."""
        self.told.clear()
        done = threading.Event()
        self.player._handle_custom_msg(command, [])
        _projectionist().put(done.set, lambda _: None)
        assert done.wait(20)
        return list(self.told)


def test_a_player_tells_what_there_is_and_gives_each_block_as_its_page_can_decode_it(folders):
    player = RecordingPlayer(Recording.open(folders / "exact"))
    page = Page(player)
    state = player.page_state
    assert (state["status"], state["made"], state["seed"]) == ("recorded", 3, 3)
    assert [entry["prompt"] for entry in state["entries"]] == [RED, BLUE]
    ((history, _),) = page.ask(type="attach", view="a", codecs=["h264", "jpeg"])
    told = [(r["block"], r["first_picture"], r["prompt"]) for r in history["records"]]
    assert told == [(1, 9, BLUE), (2, 21, BLUE)]
    assert history["records"][0]["landed"]["block"] == 1
    assert history["records"][0]["latency_ms"] == 7.0

    page.ask(type="attach", view="b", codecs=["jpeg"])
    ((block, units),) = page.ask(type="block", view="a", run=1, block=2)
    assert (block["view"], block["codec"], block["record"]["block"], len(units)) == (
        "a",
        "h264",
        2,
        12,
    )
    ((block, jpegs),) = page.ask(type="block", view="b", run=1, block=2)
    assert (block["codec"], {jpeg[:2] for jpeg in jpegs}) == ("jpeg", {b"\xff\xd8"})
    seen = np.asarray(Image.open(io.BytesIO(jpegs[5])))
    made = player.recording.block(2).frames[5]
    assert np.abs(seen.astype(int) - made).mean() < 3


def test_a_picture_that_stands_is_exact_where_the_recording_is(folders):
    exact = Page(RecordingPlayer(Recording.open(folders / "exact")))
    ((still, (png,)),) = exact.ask(type="still", view="a", run=1, picture=22)
    made = exact.player.recording.block(2).frames[1]
    assert (still["kept"], still["picture"]) == (True, 22)
    assert (np.asarray(Image.open(io.BytesIO(png))) == made).all()
    lossy = Page(RecordingPlayer(Recording.open(folders / "lossy")))
    assert [(s["kept"], b) for s, b in lossy.ask(type="still", view="a", run=1, picture=22)] == [
        (False, [])
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ({"type": "start"}, "start is nothing that a recording can do: it plays"),
        ({"type": "block", "view": "a", "run": 1, "block": 0}, "block 0 is"),
        ({"type": "dance"}, "no command is called 'dance'"),
    ],
)
def test_what_it_cannot_do_is_told(folders, command, said):
    page = Page(RecordingPlayer(Recording.open(folders / "exact")))
    ((failure, _),) = page.ask(**command)
    assert failure["type"] == "failure"
    assert said in failure["message"]
    assert failure["view"] == command.get("view")


def test_a_page_gets_the_cell_of_its_recording_or_why_there_is_none(folders):
    recording = Recording.open(folders / "exact")
    page = Page(RecordingPlayer(recording))
    ((told, _),) = page.ask(type="code", view="a", tile=None)
    assert (told["type"], told["view"], told["form"]) == ("exported", "a", "python")
    assert told["text"] == recording.code()

    run = recording.manifest
    unnamed = replace(run, maker=replace(run.maker, model="mine"))
    page = Page(RecordingPlayer(replace(recording, manifest=unnamed)))
    ((told, _),) = page.ask(type="code", view="a", tile=None)
    assert (told["type"], told["view"], told["topic"]) == ("failure", "a", "code")
    assert "called 'mine', which is none of" in told["message"]


def test_a_recording_is_shown_as_its_player(folders, monkeypatch):
    shown = []
    monkeypatch.setattr("longlive_widget.widget.recorded.display", shown.append)
    Recording.open(folders / "exact")._ipython_display_()
    assert repr(shown[0]) == "RecordingPlayer('tiny', 2 blocks, seed=3)"
