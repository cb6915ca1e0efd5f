"""A function of tensors as one CUDA graph.

The many small calls of a network's pass or of a training step would keep the GPU waiting for the
processor.
"""

import threading
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

_CAPTURING = threading.Lock()
"""In a process one graph is recorded at a time: the allocator allows no more."""

Step = Callable[[], Tensor]
Recorder = Callable[[Step], Step]
"""From work on tensors that stay where they are to the same work, replayed."""


class Captured:
    """Records a function at once, and replays it at each call.

    All calls give inputs of the same shapes; no gradient flows into them. What the function draws
    from torch's own generator is drawn anew each time, and the result is always the same tensor.
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        inputs: Sequence[Tensor],
        *,
        warm_ups: int,
        memory_of: "Captured | None" = None,
    ) -> None:
        """Record.

        Args:
            function: what to do; it may write into tensors of its own.
            inputs: the first ones; what they hold does not matter.
            warm_ups: runs before it is recorded, in which libraries choose and compile.
            memory_of: one that never runs at the same time; both use the same memory.
        """
        drawn_so_far = torch.cuda.get_rng_state()  # recording must not change what is drawn
        self._inputs = tuple(tensor.detach().clone() for tensor in inputs)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(warm_ups):
                function(*self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        pool = memory_of._graph.pool() if memory_of is not None else None
        # other threads may use the GPU meanwhile
        with (
            _CAPTURING,
            torch.cuda.graph(
                self._graph,
                pool=pool,
                stream=_recording_stream(torch.cuda.current_device()),
                capture_error_mode="thread_local",
            ),
        ):
            self._result = function(*self._inputs)
        torch.cuda.set_rng_state(drawn_so_far)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The function of these inputs."""
        if inputs:
            with torch.no_grad():
                torch._foreach_copy_(list(self._inputs), list(inputs))
        self._graph.replay()
        return self._result


class GraphRecorder:
    """Records work on tensors that stay where they are; what it records shares one pool of memory.

    So none of it may run at the same time as another. The work must have been done before, so that
    nothing is left to choose or to compile; it is recorded but not done, each call replays it.
    """

    def __init__(self) -> None:
        self._first: Captured | None = None

    def __call__(self, work: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """The work, replayed."""
        graph = Captured(work, (), warm_ups=0, memory_of=self._first)
        self._first = self._first or graph
        return graph


@cache
def _recording_stream(device: int) -> torch.cuda.Stream:
    """The stream on which a device's graphs are recorded; torch's own is the first device's."""
    return torch.cuda.Stream(device)
