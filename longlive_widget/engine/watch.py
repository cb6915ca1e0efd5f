"""Who wants to know where a block's time goes. The engine itself knows no clock."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

SpanName = Literal["text", "re-cache", "steps", "decode", "context", "wait"]
"""The parts of a block: reading its prompt, computing memory again for it, all denoising steps, its
decoding and the copy to the host, the context pass, and what the host then still waits for."""


class Watch(Protocol):
    """Is told when a part of a block begins and ends.

    Parts of two blocks may be under way on two threads at once, and on two CUDA streams: each is
    entered and left with its own stream current.
    """

    def span(self, name: SpanName, block: int) -> AbstractContextManager[None]:
        """What surrounds that part of that block."""


class Unwatched:
    """Nobody wants to know."""

    def span(self, name: SpanName, block: int) -> AbstractContextManager[None]:  # noqa: ARG002
        """Nothing."""
        return nullcontext()
