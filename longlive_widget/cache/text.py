"""Keys and values of the prompt, for cross attention, and a cache of the prompts read last.

Axes: B batch, L rows of text, H heads, D head size.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from torch import Tensor

LayerText = tuple[Tensor, Tensor]
"""The keys and values of one layer, `BLHD`."""


@dataclass(frozen=True, eq=False)
class TextMemory:
    """What cross attention reads of a prompt, layer by layer.

    `told` is how many rows the longest of the prompts has, one int32 beside the keys: the rows
    after it are all alike.
    """

    layers: tuple[LayerText, ...]
    told: Tensor


class PromptCache:
    """The prompts that were asked for last, at most `prompts` of them; with 0 it remembers none.

    `hits` and `misses` count what was asked for. Threads may share it; a prompt that two of them
    ask for at once may be read twice.
    """

    def __init__(self, prompts: int) -> None:
        self.hits = 0
        self.misses = 0
        self._most = prompts
        self._read: OrderedDict[tuple[str, Hashable], TextMemory] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, prompt: str, read: Callable[[str], TextMemory], *, weights: Hashable = ()
    ) -> TextMemory:
        """What is remembered of a prompt, else what `read` makes of it.

        `weights` tells those that it is read with from others, which read it otherwise.
        """
        asked = prompt, weights
        with self._lock:
            if asked in self._read:
                self.hits += 1
                self._read.move_to_end(asked)
                return self._read[asked]
            self.misses += 1
        made = read(prompt)
        with self._lock:
            self._read[asked] = made
            self._read.move_to_end(asked)
            while len(self._read) > self._most:
                self._read.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._read)
