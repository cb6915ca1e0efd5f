"""A session between two blocks, kept on the host, so that another one can go on from there.

It is taken in two halves: a preset that decodes behind begins a block before the last one is
decoded.
"""

from copy import copy
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from longlive_widget.engine.decode import DecoderState
from longlive_widget.engine.rollout import RolloutState
from longlive_widget.engine.steering import Steering
from longlive_widget.model.adapters import Sum
from longlive_widget.timeline import Landing


@dataclass(frozen=True, eq=False)
class MemoryState:
    """What denoising block number `block` begins with."""

    block: int
    rollout: RolloutState
    steering: Steering
    weights: Sum | None
    adapters: tuple[tuple[int, dict[str, float]], ...]
    landed: tuple[Landing, ...]


@dataclass(frozen=True, eq=False)
class SessionState:
    """All that a session knows as it begins a block."""

    memory: MemoryState
    decoder: DecoderState

    @property
    def nbytes(self) -> int:
        """The bytes of its tensors."""
        return self.memory.rollout.nbytes + self.decoder.nbytes


class Keeper(Protocol):
    """Who keeps the states of a session; is called on the threads that make its blocks."""

    def wants(self, block: int) -> bool:
        """Whether the state at the beginning of a block is to be kept."""

    def take_memory(self, memory: MemoryState) -> None:
        """One half of it."""

    def take_decoder(self, block: int, decoder: DecoderState) -> None:
        """The other half; they come in any order."""


def on_host(tensor: Tensor) -> Tensor:
    """A copy on the host."""
    return tensor.to("cpu", copy=True)


def memory_on_host(
    block: int,
    rollout: RolloutState,
    steering: Steering,
    weights: Sum | None,
    adapters: tuple[tuple[int, dict[str, float]], ...],
    landed: tuple[Landing, ...],
) -> MemoryState:
    """A copy of what a block begins with; waits for the device."""
    kept = rollout.copied(on_host)
    return MemoryState(block, kept, copy(steering), weights, adapters, landed)


def rollout_on(device: torch.device, memory: MemoryState) -> RolloutState:
    """A copy of the rollout's part on a device."""
    return memory.rollout.copied(lambda tensor: tensor.to(device, copy=True))


def decoder_on(device: torch.device, state: DecoderState) -> DecoderState:
    """A copy of the decoder's part on a device."""
    there = tuple(tensor.to(device, copy=True) for tensor in state.memory)
    return DecoderState(there, state.latent_shape)
