"""What a device's memory does when a studio is closed."""

import gc
from dataclasses import dataclass

import torch

from longlive_widget.measure.memory import reserved_bytes


@dataclass(frozen=True)
class Freed:
    """Bytes of a device that were given back, and those that this process still holds there."""

    device: str
    freed_bytes: int
    held_bytes: int

    def __str__(self) -> str:
        if self.device == "cpu":
            return "closed; the model runs on the processor, so no device memory was held"
        return (
            f"closed; {self.freed_bytes / 2**20:,.0f} MiB of {self.device} freed, "
            f"{self.held_bytes / 2**20:,.0f} MiB still held by this process, the engine's included"
        )

    __repr__ = __str__


def freed_since(device: torch.device, before_bytes: int) -> Freed:
    """Give back what nobody uses any more, and tell how much less is held than before."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    held_bytes = reserved_bytes(device)
    return Freed(str(device), max(0, before_bytes - held_bytes), held_bytes)
