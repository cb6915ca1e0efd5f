"""What this process takes of memory right now. Waits for no device."""

import gc
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

_peaks_told = [0]
"""The highest mark of the host's memory so far."""


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


def host_peak_bytes() -> int | None:
    """The most that this process has had there since it began; None where no Linux says so.

    Linux marks it only now and then, and counts pages by batches: a mark may be some pages lower
    than what it told before, which counts then.
    """
    try:
        told = Path("/proc/self/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", told, re.MULTILINE)
    if peak is None:
        return None
    _peaks_told[:] = [max(1024 * int(peak[1]), *_peaks_told)]
    return _peaks_told[0]


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


class OwnMemory:
    """The bytes that one thing takes of a CUDA device, and all that the process takes of the host.

    Of those of the device that were taken when this was made, none are its own. Of the host nobody
    can say which thing takes what.
    """

    def __init__(self) -> None:
        self._before = _bytes_in_use()
        self._own = self._most = 0
        self._after_turns: list[tuple[int, int]] = []
        """Its own bytes of the device, and those of the process on the host."""

    def add(self, nbytes: int) -> None:
        """So many were taken before, and are its own all the same: alone it would have them too."""
        self._before -= nbytes

    @property
    def own(self) -> int:
        """Its bytes of the device, as they were when it settled."""
        return self._own

    def settle(self) -> None:
        """Loading and compiling are over: what is taken now is taken by every block."""
        self._own = _bytes_in_use() - self._before
        _give_back()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Inside, only this computes."""
        own, _ = self._after_turns[-1] if self._after_turns else (self._own, 0)
        others = _device_bytes() - own
        on_gpu = torch.cuda.is_available()
        idle = bytes_in_graphs(torch.cuda.memory_snapshot()) if on_gpu else 0
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        yield
        if on_gpu:
            self._most = max(self._most, torch.cuda.max_memory_allocated() + idle - others)
        self._after_turns.append((_device_bytes() - others, host_bytes()))
        _give_back()

    def facts(self, device: torch.device) -> dict[str, float]:
        """The figures; of several turns also what is taken after the first and after the last."""
        own, host = zip(*self._after_turns, strict=True)
        found = {"host_process_bytes": max(host)}
        if (peak := host_peak_bytes()) is not None:
            found["host_process_peak_bytes"] = peak
        ends = {"first": 0, "last": -1} if len(host) > 1 else {}
        found |= {f"host_{end}_turn_bytes": host[turn] for end, turn in ends.items()}
        if device.type == "cuda":
            found |= {"device_bytes": self._own, "device_peak_bytes": self._most}
            found |= {f"device_{end}_turn_bytes": own[turn] for end, turn in ends.items()}
        return {name: float(taken) for name, taken in found.items()}


def _bytes_in_use() -> int:
    """What is taken of the device and not only left over."""
    if torch.cuda.is_available():
        gc.collect()
    return _device_bytes()


def _device_bytes() -> int:
    if not torch.cuda.is_available():
        return 0
    return torch.cuda.memory_allocated() + bytes_in_graphs(torch.cuda.memory_snapshot())


def _give_back() -> None:
    """Leave to others what was only needed while blocks were made."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def bytes_in_graphs(segments: Iterable[Mapping[str, Any]]) -> int:
    """The bytes that recorded CUDA graphs keep to themselves, though no tensor is there.

    Args:
        segments: of `torch.cuda.memory_snapshot`; a graph's are in a pool of its own.
    """
    return sum(
        segment["total_size"] - segment["allocated_size"]
        for segment in segments
        if tuple(segment["segment_pool_id"]) != (0, 0)
    )
