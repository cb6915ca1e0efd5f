"""Keys and values of the prompt, for cross attention.

Axes: B batch, T text tokens, H heads, D head size.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class TextMemory:
    """What cross attention reads of a prompt: per layer keys and values, `BTHD`.

    `mask` tells which rows a query sees; None shows all of them to all.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    mask: Tensor | None = None
