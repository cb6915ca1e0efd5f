"""What this process takes of memory right now. Waits for no device."""

from dataclasses import dataclass

import psutil
import torch


@dataclass(frozen=True)
class MemoryUse:
    """Bytes of the host, and of a GPU those of tensors and those that torch holds for more.

    On a processor there are none of a device.
    """

    host_bytes: int
    device_bytes: int | None
    device_reserved_bytes: int | None


def memory_use(device: torch.device) -> MemoryUse:
    """What the process takes at this moment, whoever of it does."""
    if device.type != "cuda":
        return MemoryUse(host_bytes(), None, None)
    allocated = torch.cuda.memory_allocated(device)
    return MemoryUse(host_bytes(), allocated, reserved_bytes(device))


def host_bytes() -> int:
    """What this process has in the host's memory."""
    return int(psutil.Process().memory_info().rss)


def reserved_bytes(device: torch.device) -> int:
    """What this process holds of the device's memory; 0 on a processor."""
    return torch.cuda.memory_reserved(device) if device.type == "cuda" else 0


class ProcessPeak:
    """The most that this process takes of memory from now on, whoever of it does.

    Of the host at each `look`; of a GPU at any moment, in tensors. One at a time.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._host = 0
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def look(self) -> None:
        """Have the host's memory counted as it is now."""
        self._host = max(self._host, host_bytes())

    def facts(self) -> dict[str, float]:
        """The figures, as a record keeps them."""
        found = {"host_process_bytes": float(self._host)}
        if self._device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self._device)
            found["device_process_peak_bytes"] = float(peak)
        return found
