"""When the next block may be begun, so that a live video is never far ahead of its viewer.

Knows no thread and no clock: whoever asks says what time it is, in seconds.
"""

from collections import deque
from dataclasses import dataclass

from longlive_widget.geometry import PICTURES_PER_SECOND

LOOKAHEAD_BLOCKS = 2
READY_S = 0.4
"""How long before its turn a block is meant to be there: some take longer than all before them."""
REMEMBERED_BLOCKS = 8


@dataclass(frozen=True)
class _Made:
    block: int
    plays_s: float
    took_s: float


class Pace:
    """A viewer who sees each block as soon as it is made and the one before it has been seen.

    Pages that are looked at say where their viewer really is (`seen`). At most `lookahead_blocks`
    finished blocks wait for that viewer, and a block is begun as late as the slowest of the last
    ones allows: a prompt that is typed lands on the next one to be begun.
    """

    def __init__(self, lookahead_blocks: int = LOOKAHEAD_BLOCKS) -> None:
        self._lookahead_blocks = lookahead_blocks
        self._made: deque[_Made] = deque(maxlen=REMEMBERED_BLOCKS)
        self._ways_s: deque[float] = deque([0.0], maxlen=REMEMBERED_BLOCKS)
        self._told_block = -1
        self._ends_s = 0.0
        self._held_s: float | None = None

    def made(self, block: int, pictures: int, begun_s: float, now_s: float) -> None:
        """That block, of so many pictures and begun then, has been made."""
        made = _Made(block, pictures / PICTURES_PER_SECOND, now_s - begun_s)
        self._made.append(made)
        self._ends_s = max(self._viewer_s(now_s), self._ends_s) + made.plays_s

    def seen(self, block: int, seen_s: float, way_s: float, now_s: float) -> None:
        """A page says when its viewer will have seen a block, whose way to it took so long.

        The newest block that is spoken of counts, and of several pages the one that is through with
        it first: no page is to run dry. A block that was not made lately says nothing. What would
        have a viewer further behind than a page ever is, as a clock that jumped, counts as that.
        """
        if block < self._told_block or all(made.block != block for made in self._made):
            return
        self._ways_s.append(way_s)
        ends_s = seen_s + sum(made.plays_s for made in self._made if made.block > block)
        if block == self._told_block:
            ends_s = min(ends_s, self._ends_s)
        furthest_s = self._plays_s(self._lookahead_blocks + 1) + max(self._ways_s)
        self._told_block = block
        self._ends_s = min(ends_s, self._viewer_s(now_s) + furthest_s)

    def wait_s(self, now_s: float) -> float:
        """How long to wait before the next block is begun; 0 or less for not at all."""
        if len(self._made) < self._lookahead_blocks:
            return 0.0
        slowest_s = max(made.took_s for made in self._made)
        ahead_s = min(self._plays_s(self._lookahead_blocks), slowest_s + READY_S)
        return self._ends_s - ahead_s - max(self._ways_s) - now_s

    def hold(self, now_s: float) -> None:
        """The viewer pauses; nothing happens if they did already."""
        if self._held_s is None:
            self._held_s = now_s

    def go_on(self, now_s: float) -> None:
        """The viewer looks again, where they left off."""
        if self._held_s is not None:
            self._ends_s += now_s - self._held_s
            self._held_s = None

    def _plays_s(self, blocks: int) -> float:
        """How long the last blocks play, so many of them."""
        return sum(made.plays_s for made in list(self._made)[-blocks:])

    def _viewer_s(self, now_s: float) -> float:
        """The time as the viewer has it: it stands while they pause."""
        return now_s if self._held_s is None else self._held_s
