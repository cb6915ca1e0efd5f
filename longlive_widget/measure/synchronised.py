"""A host that waits for its GPU after each part of a block, as one does that reads numbers back."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from longlive_widget.engine.watch import SpanName, Watch
from longlive_widget.errors import CapabilityError

_OF_THE_HOST = ("wait", "hand over")


class Synchronised:
    """A watch that tells another one, and waits at the end of each part and of each step.

    It waits for the stream that the part is on. Steps that are replayed as one graph have one end.

    Raises:
        CapabilityError: the device is no GPU: there is nothing to wait for.
    """

    def __init__(self, watch: Watch, device: torch.device) -> None:
        if device.type != "cuda":
            raise CapabilityError(
                f"on device '{device}' the host computes all parts itself and waits for nothing: "
                "ask for synchronisation where there is a GPU"
            )
        self._watch, self._device = watch, device

    @contextmanager
    def span(self, name: SpanName, block: int, step: int | None = None) -> Iterator[None]:
        """What surrounds that part of that block."""
        with self._watch.span(name, block, step):
            yield
            if name not in _OF_THE_HOST:
                torch.cuda.current_stream(self._device).synchronize()
