"""The rolling window against a plain list of frames."""

import random

import pytest
import torch

from longlive_widget.cache.window import RollingWindow
from longlive_widget.errors import SessionError

TOKENS = 2


def _frames_seen(window: RollingWindow) -> list[int]:
    """Write each open frame's own number as its keys; read back what the block sees."""
    numbers = [n for n in window.frames[-3:] for _ in range(TOKENS)]
    keys = torch.tensor(numbers, dtype=torch.float32).view(1, -1, 1, 1)
    seen, values = window.append(0, keys, -keys)
    assert torch.equal(seen, -values)
    return seen.flatten()[::TOKENS].int().tolist()


def _expected(kept: list[int], block: list[int], window_frames: int, sink: int) -> list[int]:
    overflow = max(0, len(kept) + len(block) - window_frames)
    return kept[:sink] + kept[sink + overflow :] + block


@pytest.mark.parametrize("seed", range(20))
def test_any_window_keeps_the_sink_and_the_newest_frames(seed: int):
    rng = random.Random(seed)
    sink = rng.choice([0, 3])
    window_frames = rng.randint(sink + 3, 14)
    window, kept = RollingWindow(1, TOKENS, window_frames, sink), []
    for first in range(0, 30, 3):
        window.open_block(first, 3)
        kept = _expected(kept, [first, first + 1, first + 2], window_frames, sink)
        for _step in range(rng.randint(1, 3)):
            assert _frames_seen(window) == kept
        if rng.random() < 0.2:
            keep_sink = rng.random() < 0.5
            window.clear(keep_sink=keep_sink)
            kept = kept[:sink] if keep_sink else []


def test_relative_positions_are_counted_inside_the_window():
    window = RollingWindow(1, TOKENS, 6, 3, relative=True)
    for first in (0, 3, 6):
        window.open_block(first, 3)
        _frames_seen(window)
    assert window.frames == (0, 1, 2, 6, 7, 8)
    assert window.key_positions == (0, 1, 2, 3, 4, 5)
    assert window.query_positions == (3, 4, 5)


def test_a_block_that_does_not_fit_beside_the_sink_is_refused():
    window = RollingWindow(1, TOKENS, 5, 3)
    window.open_block(0, 3)
    _frames_seen(window)
    with pytest.raises(SessionError, match="use a window of 6"):
        window.open_block(3, 3)
