"""Rotary positions over time, row and column.

Axes: B batch, T tokens (latent frame, row, column), H heads, D head size, P pairs (D / 2).
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

BASE = 10_000.0


@dataclass(frozen=True, eq=False)
class Turn:
    """By how much each pair of features is turned: cosines and sines, float32 `T1P`."""

    cos_T1P: Tensor
    sin_T1P: Tensor

    def of(self, start: int, tokens: int) -> "Turn":
        """That of some of the tokens."""
        return Turn(*(x.narrow(0, start, tokens) for x in (self.cos_T1P, self.sin_T1P)))


def turned(x_BTHD: Tensor, turn: Turn) -> Tensor:
    """Queries or keys with their interleaved pairs turned, in float32; the same shape and type."""
    even, odd = x_BTHD.float().unflatten(-1, (-1, 2)).unbind(-1)
    pairs = (
        even * turn.cos_T1P - odd * turn.sin_T1P,
        even * turn.sin_T1P + odd * turn.cos_T1P,
    )
    return torch.stack(pairs, dim=-1).flatten(-2).type_as(x_BTHD)


@lru_cache(maxsize=16)  # enough for a video without end, a ring's turns too; 2 to 10 MB each
@torch.inference_mode(mode=False)  # so that training may use them too
def turn_at(
    frames: tuple[int, ...], rows: int, columns: int, head_dim: int, device: torch.device
) -> Turn:
    """The turn of every token of the latent frames at these time positions, remembered.

    Angles are computed in float64, so that no position is too far.

    Source: Wan2.1; pairs split as d/2 - 2 (d/2 // 3), d/2 // 3, d/2 // 3 into time, row, column.
    """
    spatial_pairs = head_dim // 2 // 3
    time_pairs = head_dim // 2 - 2 * spatial_pairs
    shape = (len(frames), rows, columns, -1)
    angles = (
        _angles(torch.tensor(frames, device=device), time_pairs)[:, None, None].expand(shape),
        _angles(torch.arange(rows, device=device), spatial_pairs)[None, :, None].expand(shape),
        _angles(torch.arange(columns, device=device), spatial_pairs)[None, None].expand(shape),
    )
    angle_T1P = torch.cat(angles, dim=-1).flatten(0, 2)[:, None]
    return Turn(angle_T1P.cos().float(), angle_T1P.sin().float())


def _angles(positions: Tensor, pairs: int) -> Tensor:
    frequency = BASE ** (-torch.arange(pairs, device=positions.device, dtype=torch.float64) / pairs)
    return positions.double()[:, None] * frequency
