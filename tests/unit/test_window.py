"""Every kind of window against a plain list of frames."""

import random
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from longlive_widget.cache.storage import Parts, ScaledStorage
from longlive_widget.cache.window import (
    RingWindow,
    RollingWindow,
    StaticWindow,
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
        block = _keys(written, layer), -_keys(written, layer)
        seen = _keys([list_.numbers[frame] for frame in window.frames], layer)
        for _ in range(rng.randrange(3)):  # some passes do not ask
            k, v = window.append_turned(layer, *block, Turns(window))
            assert torch.equal(k, _turned(window, seen))
            assert torch.equal(v, -seen)
        if rng.random() < 0.5:
            window.write(layer, *block)
        k, v = window.append(layer, *block)
        assert torch.equal(k, seen)
        assert torch.equal(v, -seen)


def _turned(window: Window, k: Tensor) -> Tensor:
    """Keys with a thousand times their positions added to them."""
    positions = torch.tensor(window.key_positions, dtype=k.dtype).repeat_interleave(TOKENS)
    return k + 1000 * positions[:, None, None]


class Turns:
    """Turns keys like that; how many it was asked for is put into `asked`."""

    def __init__(self, window: Window, asked: list[int] | None = None) -> None:
        self._window, self._asked = window, [] if asked is None else asked

    def turn(self, k: Tensor, first: int, made: Tensor) -> None:
        tokens = k.shape[1]
        whole = torch.zeros(1, len(self._window.key_positions) * TOKENS, 1, 1, dtype=k.dtype)
        made.copy_(k + _turned(self._window, whole)[:, first : first + tokens])
        self._asked.append(tokens)

    def unpack(self, packed: Parts, first: int, made: Parts) -> None:
        k, v = self._window.storage.unpack(packed, made[0].dtype)
        self.turn(k, first, made[0])
        made[1].copy_(v)

    def pack(self, block: Parts, packed: Parts, first: int, made: Parts) -> None:
        for place, part in zip(packed, self._window.storage.pack(*block), strict=True):
            place.copy_(part)
        self.turn(block[0], first, made[0])
        made[1].copy_(block[1])


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
            k, v = window.append_turned(0, written, written, Turns(window, asked))
            assert torch.equal(k, _turned(window, v))
    full, opened = 4 * TOKENS, 2 * TOKENS
    assert asked[-4:] == [full, opened, full, opened]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_turned_out_of_8_bits_is_what_is_read_and_then_turned(
    kind: type[Window], seed: int
):
    """In a window whose sizes make a block lie in one piece or in two."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    sink, block = rng.randint(0, 3), rng.randint(1, 3)
    sizes = rng.randint(sink + block, sink + 3 * block + 1), sink
    storage = ScaledStorage(torch.int8)
    at_once, apart = (kind(1, TOKENS, *sizes, relative=True, storage=storage) for _ in range(2))
    for first in range(0, 8 * block, block):
        for window in (at_once, apart):
            window.open_block(first, block)
        for _pass in range(2):
            k, v = torch.randn(2, 1, block * TOKENS, 3, 4, generator=generator, dtype=torch.float64)
            seen_k, seen_v = at_once.append_turned(0, k, v, Turns(at_once))
            plain_k, plain_v = apart.append(0, k, v)
            assert torch.equal(seen_k, _turned(apart, plain_k))
            assert torch.equal(seen_v, plain_v)
    for one, other in zip(at_once.held().memory[0], apart.held().memory[0], strict=True):
        assert torch.equal(one, other)
