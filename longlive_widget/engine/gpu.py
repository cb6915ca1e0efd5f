"""What a GPU can do, by its compute capability; none is known by its name."""

import importlib.util
from contextlib import AbstractContextManager, nullcontext, suppress
from threading import Thread

import torch

ComputeCapability = tuple[int, int]


def missing_gpu(
    device: torch.device, least: ComputeCapability, below: ComputeCapability | None = None
) -> str | None:
    """What a device has not, as the end of "it needs ...": a GPU from `least` on, under `below`.

    None if it has that.
    """
    has = torch.cuda.get_device_capability(device) if device.type == "cuda" else None
    if has is not None and has >= least and (below is None or has < below):
        return None
    told = "none" if has is None else _said(has)
    wanted = _said(least) if below is None else f"{_said(least)} to below {_said(below)}"
    return f"a GPU of compute capability {wanted}, and device '{device}' has {told}"


def current(device: torch.device) -> AbstractContextManager[object]:
    """Inside, streams and events are those of this device, if it is a GPU."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def begin(device: torch.device) -> None:
    """Have a GPU made ready on a thread of its own: its first use takes a second or more.

    Whoever uses it next waits for that, and hears of what goes wrong; so does a process that ends
    meanwhile.
    """

    def first_use() -> None:
        with suppress(RuntimeError):
            torch.zeros(1, device=device)

    if device.type == "cuda":
        Thread(target=first_use, name="longlive-gpu").start()


def has_triton(device: torch.device) -> bool:
    """Whether kernels in Triton run here."""
    return device.type == "cuda" and importlib.util.find_spec("triton") is not None


def _said(capability: ComputeCapability) -> str:
    major, minor = capability
    return f"{major}.{minor}"
