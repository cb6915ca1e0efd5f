"""A GPU that is made ready on a thread of its own."""

import threading

import pytest
import torch

from longlive_widget.engine import gpu


def test_a_gpu_is_made_ready_beside_the_rest_and_its_errors_are_left_to_whoever_uses_it(
    monkeypatch: pytest.MonkeyPatch,
):
    """A process that ends meanwhile waits: one that is cut off inside torch would abort."""
    asked, going = threading.Event(), threading.Event()
    told: list[object] = []

    def first_use(count: int, *, device: torch.device) -> None:
        told.append((count, device))
        asked.set()
        assert going.wait(10)
        raise RuntimeError("no such GPU")

    monkeypatch.setattr(torch, "zeros", first_use)
    monkeypatch.setattr(threading, "excepthook", told.append)
    gpu.begin(torch.device("cuda"))
    assert asked.wait(10)
    (thread,) = (one for one in threading.enumerate() if one.name == "longlive-gpu")
    assert not thread.daemon
    going.set()
    thread.join(10)
    assert told == [(1, torch.device("cuda"))]


def test_a_processor_needs_no_making_ready(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpu, "Thread", None)
    gpu.begin(torch.device("cpu"))
