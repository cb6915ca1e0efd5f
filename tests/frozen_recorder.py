"""A recorder for machines without a GPU, which replays as a CUDA graph does.

What Python knows of the window stands still as it was when the step was recorded; what lies in
tensors is what they hold at the replay.
"""

from collections.abc import Callable
from copy import copy

from torch import Tensor

from longlive_widget.cache.window import Window

Step = Callable[[], Tensor]


class FrozenRecorder:
    """Records steps over one window; `recorded` and `replayed` count."""

    def __init__(self, window: Window) -> None:
        self.recorded = self.replayed = 0
        self._window = window

    def __call__(self, step: Step) -> Step:
        self.recorded += 1
        then = {name: copy(value) for name, value in vars(self._window).items()}

        def again() -> Tensor:
            self.replayed += 1
            now = dict(vars(self._window))
            vars(self._window).update(then)
            try:
                return step()
            finally:
                vars(self._window).update(now)

        return again
