"""When the next block may be begun, so that a live video is never far ahead of its viewer.

Knows no thread and no clock: whoever asks says what time it is, in seconds.
"""

from collections import deque

from longlive_widget.geometry import PICTURES_PER_SECOND

LOOKAHEAD_BLOCKS = 2
READY_S = 0.5
"""How long before its turn a block is meant to be there: its making varies, and it has a way."""
REMEMBERED_BLOCKS = 8


class Pace:
    """A viewer who sees each block as soon as it is made and the one before it has been seen.

    At most `lookahead_blocks` finished blocks wait for that viewer, and a block is begun as late as
    the slowest of the last ones allows: a prompt that is typed lands on the next one to be begun.
    """

    def __init__(self, lookahead_blocks: int = LOOKAHEAD_BLOCKS) -> None:
        self._plays_s: deque[float] = deque(maxlen=lookahead_blocks)
        self._took_s: deque[float] = deque(maxlen=REMEMBERED_BLOCKS)
        self._ends_s = 0.0
        self._held_s: float | None = None

    def made(self, pictures: int, begun_s: float, now_s: float) -> None:
        """A block of that many pictures, begun then, has been made."""
        self._plays_s.append(pictures / PICTURES_PER_SECOND)
        self._took_s.append(now_s - begun_s)
        viewer_s = now_s if self._held_s is None else self._held_s
        self._ends_s = max(viewer_s, self._ends_s) + self._plays_s[-1]

    def wait_s(self, now_s: float) -> float:
        """How long to wait before the next block is begun; 0 or less for not at all."""
        if len(self._plays_s) < (self._plays_s.maxlen or 0):
            return 0.0
        ahead_s = min(sum(self._plays_s), max(self._took_s) + READY_S)
        return self._ends_s - ahead_s - now_s

    def hold(self, now_s: float) -> None:
        """The viewer pauses; nothing happens if they did already."""
        if self._held_s is None:
            self._held_s = now_s

    def go_on(self, now_s: float) -> None:
        """The viewer looks again, where they left off."""
        if self._held_s is not None:
            self._ends_s += now_s - self._held_s
            self._held_s = None
