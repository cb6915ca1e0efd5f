"""When the next block may be begun, so that a live video is never far ahead of its viewer.

Knows no thread and no clock: whoever asks says what time it is, in seconds.
"""

from collections import deque

from longlive_widget.geometry import PICTURES_PER_SECOND

LOOKAHEAD_BLOCKS = 2


class Pace:
    """A viewer who sees each block as soon as it is made and the one before it has been seen.

    At most `lookahead_blocks` finished blocks wait for that viewer.
    """

    def __init__(self, lookahead_blocks: int = LOOKAHEAD_BLOCKS) -> None:
        self._begins_s: deque[float] = deque(maxlen=lookahead_blocks)
        self._ends_s = 0.0
        self._held_s: float | None = None

    def made(self, pictures: int, now_s: float) -> None:
        """A block of that many pictures has been made."""
        begins_s = max(now_s, self._ends_s)
        self._begins_s.append(begins_s)
        self._ends_s = begins_s + pictures / PICTURES_PER_SECOND

    def wait_s(self, now_s: float) -> float:
        """How long to wait before the next block is begun; 0 or less for not at all."""
        if len(self._begins_s) < (self._begins_s.maxlen or 0):
            return 0.0
        return self._begins_s[0] - now_s

    def hold(self, now_s: float) -> None:
        """The viewer pauses; nothing happens if they did already."""
        if self._held_s is None:
            self._held_s = now_s

    def go_on(self, now_s: float) -> None:
        """The viewer looks again, where they left off."""
        if self._held_s is None:
            return
        held_s = now_s - self._held_s
        self._held_s = None
        self._ends_s += held_s
        self._begins_s = deque(
            (begins_s + held_s for begins_s in self._begins_s), maxlen=self._begins_s.maxlen
        )
