"""Noise levels: named steps, their timesteps, and the way between noise and clean latents."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longlive_widget.presets import TRAINING_STEPS

SHIFT = 5.0


@dataclass(frozen=True, order=True)
class Level:
    """One noise level: x_t = (1 - sigma) x0 + sigma e; `timestep` is what the network is told.

    The more noise, the larger it is.
    """

    timestep: float
    sigma: float

    def clean(self, x: Tensor, flow: Tensor) -> Tensor:
        """x0 from x_t and the predicted flow; computed in float64."""
        return (x.double() - self.sigma * flow.double()).type_as(x)

    def noisy(self, x0: Tensor, noise: Tensor) -> Tensor:
        """x_t from x0 and fresh noise; computed in float32."""
        return ((1 - self.sigma) * x0.float() + self.sigma * noise.float()).type_as(x0)


def sigmas() -> Tensor:
    """The 1000 noise levels from 1 down: shift s / (1 + (shift - 1) s) for s = 1 - i / 1000.

    Source: flow-matching schedule of Wan2.1 with a shift of 5.
    """
    s = 1 - torch.arange(TRAINING_STEPS, dtype=torch.float64) / TRAINING_STEPS
    return (SHIFT * s / (1 + (SHIFT - 1) * s)).float()


def timesteps() -> Tensor:
    """What the network is told at each noise level: 1000 sigma."""
    return sigmas() * TRAINING_STEPS


def levels(steps: Sequence[int]) -> tuple[Level, ...]:
    """The shifted noise levels of named steps: [1000, 750, 500, 250] is told as 1000 to 625."""
    sigma, timestep = sigmas(), timesteps()
    at = [TRAINING_STEPS - step for step in steps]
    return tuple(Level(float(timestep[i]), float(sigma[i])) for i in at)


def level_near(timestep: float) -> Level:
    """The level told as `timestep`, with the sigma of the nearest one in the schedule."""
    nearest = (timesteps() - timestep).abs().argmin()
    return Level(timestep, float(sigmas()[nearest]))
