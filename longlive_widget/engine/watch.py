"""Who wants to know where a block's time goes. The engine itself knows no clock."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

SpanName = Literal[
    "text",
    "re-cache",
    "steps",
    "step",
    "decode",
    "first pictures",
    "transfer",
    "context",
    "wait",
    "hand over",
]
"""The parts of a block: reading its prompt, computing memory again for it, all denoising steps, its
decoding and the copy to the host, the context pass, and what the host then still waits for. Inside
of "steps" each "step" that is not replayed as a part of one graph; inside of "decode" all until the
block's first pictures are on the host, and on a GPU each "transfer" there. Inside of "wait", on a
GPU, each "hand over": the host copies pictures that are there out of the memory that the next ones
will take."""
Timed = Callable[[int], AbstractContextManager[None]]
"""What surrounds each step; they count from 1."""


class Abandoned(Exception):  # noqa: N818 - nothing went wrong
    """Nobody wants the block that is being made: a watch says so as its next step begins.

    The session that made it cannot go on.
    """


class Watch(Protocol):
    """Is told when a part of a block begins and ends.

    Parts of two blocks may be under way on two threads at once, and on two CUDA streams: each is
    entered and left with its own stream current. Each "step" says which one it is, from 1 on.
    """

    def span(
        self, name: SpanName, block: int, step: int | None = None
    ) -> AbstractContextManager[None]:
        """What surrounds that part of that block."""


class Unwatched:
    """Nobody wants to know."""

    def span(
        self, name: SpanName, block: int, step: int | None = None
    ) -> AbstractContextManager[None]:
        """Nothing."""
        del name, block, step
        return nullcontext()


def untimed(_step: int) -> AbstractContextManager[None]:
    """Nothing surrounds a step."""
    return nullcontext()
