"""Keys and values of the prompt, for cross attention.

Axes: B batch, T text tokens, H heads, D head size.
"""

from dataclasses import dataclass

from torch import Tensor

LayerText = tuple[Tensor, Tensor]
"""The keys and values of one layer, `BTHD`."""


@dataclass(frozen=True, eq=False)
class TextMemory:
    """What cross attention reads of a prompt, layer by layer."""

    layers: tuple[LayerText, ...]
