"""Two pages show one studio, as two tabs on one kernel do: what befalls one is not the other's.

Both are on one comm: they hear all that the kernel sends, and keep what is for all or for them.
"""

import pytest

from longlive_widget.widget.hearing import HearingClock
from longlive_widget.widget.studio import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine
from tests.unit.waiting import wait_until

CODECS = ("h264", "jpeg")


class Tab:
    """A page as the kernel knows it; nothing passes its line while that is `cut`."""

    def __init__(self, studio, view) -> None:
        self.view = view
        self.cut = False
        self.blocks = []
        self.made = []
        self.time = None
        self._studio = studio

    def say(self, kind, fields):
        if not self.cut:
            self._studio._handle_custom_msg({"type": kind, **fields}, [])

    def attach(self, *codecs):
        self.say("attach", {"view": self.view, "codecs": list(codecs or CODECS)})

    def credit(self, block):
        self.say("credit", {"run": 1, "block": block})

    def leave(self):
        self.say("leave", {"view": self.view})

    def hear(self, content, pictures):
        if self.cut or content.get("view") not in {None, self.view}:
            return
        if content["type"] == "history":
            self.made = [record["block"] for record in content["records"]]
        elif content["type"] == "time":
            self.time = content
        elif content["type"] == "block" and pictures:
            self.blocks.append(content["record"]["block"])
            self.credit(self.blocks[-1])


@pytest.fixture
def shown():
    """A studio and its two pages, which have both appeared."""
    built = []

    def build(when_unseen="go on"):
        studio = LongLiveWidget(PaintedEngine(), "a red ball", seed=1, when_unseen=when_unseen)
        tabs = Tab(studio, "1-1"), Tab(studio, "2-2")
        studio.send = lambda content, buffers: [tab.hear(content, buffers) for tab in tabs]
        built.append(studio)
        for tab in tabs:
            tab.attach()
        return studio, *tabs

    yield build
    for studio in built:
        studio.close()


def asked(tab):
    """What the kernel answers once all that was said before has come to it."""
    tab.time = None
    tab.say("time", {"view": tab.view, "asked_ms": 0.0})
    wait_until(lambda: tab.time is not None)
    return tab.time


def play(studio, tab, blocks):
    """Make blocks, and let the tab take each in before the next."""
    for _ in range(blocks):
        studio.run(blocks=1)
        assert asked(tab)["owed"] == ()


@pytest.mark.fault(
    "The page and its messages",
    "of two pages on one kernel the line to one is cut",
    "the other is shown every block as it is made; the one that was cut then hears of all that it "
    "missed and is shown the newest block, and the other hears nothing of that",
)
def test_a_page_whose_line_is_cut_takes_nothing_from_another_and_catches_up(shown):
    studio, one, other = shown()
    play(studio, one, 2)
    other.cut = True
    play(studio, one, 20)
    assert one.blocks == list(range(22))
    assert all(record.displayed for record in studio.history)
    assert other.blocks == [0, 1]
    other.cut = False
    assert asked(other)["newest"] == 21  # by that it knows, and appears anew
    other.attach()
    asked(other)
    assert (other.made, other.blocks) == (list(range(22)), [0, 1, 21])
    play(studio, one, 2)
    assert one.blocks == list(range(24))
    assert other.blocks == [0, 1, 21, 22, 23]


def test_a_page_counts_as_long_as_it_asks_for_the_time(shown, monkeypatch):
    now_s = [0.0]
    monkeypatch.setattr(HearingClock, "__call__", lambda _: now_s[0])
    studio, one, other = shown()
    asked(one)
    assert studio.viewers == "2 of 2 views look"
    for _ in range(10):
        now_s[0] += 4.0
        asked(one)
    assert studio.viewers.startswith("1 of 2 views look; 1 said nothing")
    asked(other)
    assert studio.viewers == "2 of 2 views look"


@pytest.mark.fault(
    "The page and its messages",
    "of two pages on one kernel one comes back with credits for what the other has long taken in",
    "they make no more room than there is",
)
def test_credits_that_a_page_kept_while_its_line_was_cut_make_no_room(shown):
    studio, one, other = shown()
    play(studio, one, 6)
    one.cut = other.cut = True
    studio.run(blocks=2)  # both are owed for
    other.cut = False
    for block in range(6):
        other.credit(block)
    assert asked(other)["owed"] == (6, 7)
    studio.run(blocks=1)
    assert not studio.history[-1].displayed


@pytest.mark.fault(
    "The page and its messages",
    "of two pages on one kernel one is closed, with a last word or without",
    "the other plays on and is shown every block; what only the closed page asked for, as JPEGs, "
    "goes with its last word",
)
@pytest.mark.parametrize("says_so", [True, False])
def test_a_page_that_is_closed_leaves_another_playing(shown, says_so):
    studio, one, other = shown(when_unseen="pause")
    other.attach("jpeg")
    play(studio, one, 3)
    studio.start()
    if says_so:
        other.leave()
    other.cut = True
    assert asked(one)["newest"] >= 2
    wait_until(lambda: len(studio.history) >= 5)
    assert studio.status == "running"
    assert studio._runner.state().codec == ("h264" if says_so else "jpeg")
    wait_until(lambda: one.blocks[:5] == list(range(5)))
    assert all(record.displayed for record in studio.history[:5])
    one.leave()
    if says_so:
        wait_until(lambda: studio.status == "paused")  # nobody looks
