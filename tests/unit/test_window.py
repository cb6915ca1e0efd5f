"""Every kind of window against a plain list of frames."""

import random
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from longlive_widget.cache.window import (
    RingWindow,
    RollingWindow,
    StaticWindow,
    TurnInto,
    Window,
)
from longlive_widget.errors import SessionError

LAYERS, TOKENS = 2, 2
KINDS = (RollingWindow, StaticWindow, RingWindow)
PREALLOCATED = (StaticWindow, RingWindow)


@dataclass
class Remembered:
    """What a window must hold: one number a latent frame, oldest first."""

    window_frames: int
    sink_frames: int
    kept: dict[int, float] = field(default_factory=dict)
    opened: dict[int, float] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[int, float]:
        return self.kept | self.opened

    def open_block(self, first_frame: int, frames: int) -> None:
        self.kept |= self.opened
        self.opened = dict.fromkeys(range(first_frame, first_frame + frames), 0.0)
        while len(self.numbers) > self.window_frames:
            del self.kept[list(self.kept)[self.sink_frames]]

    def clear(self, *, keep_sink: bool) -> None:
        self.kept = dict(list(self.numbers.items())[: self.sink_frames if keep_sink else 0])
        self.opened = {}


def _keys(numbers: list[float], layer: int) -> Tensor:
    """Keys of frames: a frame's number, shifted by its token and its layer."""
    frames = torch.tensor(numbers, dtype=torch.float64)[:, None]
    tokens = frames + torch.arange(TOKENS) / 10 + layer / 100
    return tokens.view(1, -1, 1, 1)


def _write(window: Window, list_: Remembered, rng: random.Random) -> None:
    """Write new numbers into the open block, and compare all that is seen with the list."""
    list_.opened = {frame: rng.randrange(1000) for frame in list_.opened}
    written = list(list_.opened.values())
    for layer in range(LAYERS):
        k, v = window.append(layer, _keys(written, layer), -_keys(written, layer))
        seen = [list_.numbers[frame] for frame in window.frames]
        assert torch.equal(k, _keys(seen, layer))
        assert torch.equal(v, -k)
        for _ in range(rng.randrange(3)):  # some passes do not ask
            assert torch.equal(window.turned(layer, k, _turning(window)), _turned(window, k))


def _turned(window: Window, k: Tensor) -> Tensor:
    """Keys with a thousand times their positions added to them."""
    positions = torch.tensor(window.key_positions, dtype=k.dtype).repeat_interleave(TOKENS)
    return k + 1000 * positions[:, None, None]


def _turning(window: Window, asked: list[int] | None = None) -> TurnInto:
    """What turns keys like that; how many it was asked for is put into `asked`."""

    def turn_into(some: Tensor, first: int, place: Tensor) -> None:
        tokens = some.shape[1]
        whole = torch.zeros(1, len(window.key_positions) * TOKENS, 1, 1, dtype=some.dtype)
        place.copy_(some + _turned(window, whole)[:, first : first + tokens])
        if asked is not None:
            asked.append(tokens)

    return turn_into


def _check_frames(window: Window, list_: Remembered) -> None:
    in_time = list(list_.numbers)
    ranks = tuple(in_time.index(frame) for frame in window.frames)
    assert sorted(window.frames) == in_time
    assert window.key_positions == (ranks if window.relative else window.frames)
    opened = tuple(list_.opened)
    asked = tuple(map(in_time.index, opened)) if window.relative else opened
    assert window.query_positions == asked


def _check_occupancy(window: Window, list_: Remembered, evicted: tuple[int, ...]) -> None:
    """What was foretold of the block that is open now has come true."""
    assert not set(evicted) & list_.numbers.keys()
    told = window.occupancy(len(list_.opened))
    assert told.window_frames == list_.window_frames
    assert told.frames == window.frames
    assert told.sink == tuple(list_.numbers)[: list_.sink_frames]
    assert told.opened == tuple(list_.opened)
    assert set(told.evicted_next) <= set(told.frames) - set(told.sink)


def _check_kept(window: Window, list_: Remembered) -> None:
    expected = list(list_.kept.values())
    assert len(window.kept) == (LAYERS if expected else 0)
    for layer, (k, v) in enumerate(window.kept):
        assert torch.equal(k, _keys(expected, layer))
        assert torch.equal(v, -k)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("kind", KINDS)
def test_any_window_sees_the_frames_of_a_plain_list(kind: type[Window], seed: int):
    rng = random.Random(seed)
    sink, block = rng.randint(0, 4), rng.randint(1, 3)
    sizes = rng.randint(sink + block, sink + 4 * block), sink
    window = kind(LAYERS, TOKENS, *sizes, relative=rng.random() < 0.5)
    list_, frame = Remembered(*sizes), 0

    def open_block(first: int, frames: int) -> None:
        before, some_stay = set(list_.opened), window.keeps_open_block(frames)
        held, evicted = set(window.frames), window.occupancy(frames).evicted_next
        for memory in (window, list_):
            memory.open_block(first, frames)
        assert some_stay == bool(before & list_.numbers.keys()) or not before
        assert set(evicted) == held - list_.numbers.keys()
        _check_frames(window, list_)
        _check_occupancy(window, list_, evicted)
        for _step in range(rng.randint(1, 3)):
            _write(window, list_, rng)
        _check_kept(window, list_)

    for _ in range(25):
        open_block(frame, block)
        frame += block
        if rng.random() < 0.3:
            keep_sink = rng.random() < 0.5
            for memory in (window, list_):
                memory.clear(keep_sink=keep_sink)
            gone = frame - max(list_.kept, default=-1) - 1
            again = min(gone, window.window_frames - len(list_.kept))
            if again and rng.random() < 0.7:
                open_block(frame - again, again)


@pytest.mark.parametrize("kind", (RollingWindow, StaticWindow))
def test_keys_are_in_the_order_of_time(kind: type[Window]):
    window = kind(1, TOKENS, 8, 3)
    for first in (0, 3, 6, 9):
        window.open_block(first, 3)
        window.append(0, *torch.zeros(2, 1, 3 * TOKENS, 1, 1))
    assert window.frames == (0, 1, 2, 7, 8, 9, 10, 11)


def test_a_ring_overwrites_its_oldest_frames_where_they_lie():
    window = RingWindow(1, TOKENS, 8, 3, relative=True)
    for first in (0, 3, 6, 9):
        window.open_block(first, 3)
        window.append(0, *torch.zeros(2, 1, 3 * TOKENS, 1, 1))
    assert window.frames == (0, 1, 2, 8, 9, 10, 11, 7)
    assert window.key_positions == (0, 1, 2, 4, 5, 6, 7, 3)
    assert window.query_positions == (5, 6, 7)


@pytest.mark.parametrize("kind", PREALLOCATED)
def test_attention_reads_views_of_buffers_that_are_made_once(kind: type[Window]):
    window, places = kind(1, TOKENS, 8, 3), set()
    for first in range(0, 30, 3):
        window.open_block(first, 3)
        for _step in range(2):
            seen = window.append(0, *torch.zeros(2, 1, 3 * TOKENS, 1, 1))
            places.add(tuple(x.data_ptr() for x in seen))
    assert len(places) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_relative_positions_are_counted_inside_the_window(kind: type[Window]):
    window = kind(1, TOKENS, 6, 3, relative=True)
    for first in (0, 3, 6):
        window.open_block(first, 3)
        window.append(0, *torch.zeros(2, 1, 3 * TOKENS, 1, 1))
    assert window.frames == (0, 1, 2, 6, 7, 8)
    assert window.key_positions == (0, 1, 2, 3, 4, 5)
    assert window.query_positions == (3, 4, 5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_that_does_not_fit_beside_the_sink_is_refused(kind: type[Window]):
    window = kind(1, TOKENS, 5, 3)
    window.open_block(0, 3)
    window.append(0, *torch.zeros(2, 1, 3 * TOKENS, 1, 1))
    with pytest.raises(SessionError, match="use a window of 6"):
        window.open_block(3, 3)


@pytest.mark.parametrize("kind", PREALLOCATED)
def test_keys_of_frames_before_the_block_are_turned_at_its_first_pass_alone(kind: type[Window]):
    window, asked = kind(1, TOKENS, 4, 1, relative=True), []
    for first in range(0, 12, 2):
        window.open_block(first, 2)
        for number in (1.0, 2.0):
            written = _keys([number, number], 0)
            k, _ = window.append(0, written, written)
            assert torch.equal(window.turned(0, k, _turning(window, asked)), _turned(window, k))
    full, opened = 4 * TOKENS, 2 * TOKENS
    assert asked[-4:] == [full, opened, full, opened]
