"""The videos of a sweep made by the workers of a Ray cluster, one for each of its GPUs.

A cluster without GPUs has one worker a machine. Only this process writes records, when a worker
hands one over: so a worker that is lost loses no more than the video that it was making, which
another makes again.
"""

import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from longlive_widget.errors import CapabilityError
from longlive_widget.measure.record import Record
from longlive_widget.measure.sweep import Item, Loader, Maker, Spread

ANSWER_SECONDS = 5.0
"""So long may a cluster take to answer."""
MOST_LOSSES = 3
"""A video over which so many workers were lost is not tried again."""


class _Worker(Maker):
    """A maker in a process of its own, somewhere in the cluster."""

    def ready(self) -> None:
        """Answered as soon as the process runs."""


def over_cluster(address: str) -> Spread:
    """The way to make videos on the cluster that is reached there.

    Args:
        address: as Ray has it: `host:port`, or `auto` for the cluster that runs on this machine.

    The package must be installed on each machine of the cluster, and the model be within its reach.

    Raises:
        CapabilityError: Ray is not installed.
    """
    try:
        import ray  # an extra, and slow to load
    except ImportError as error:
        raise CapabilityError(
            "a sweep over a cluster needs Ray: pip install 'longlive-widget[cluster]'"
        ) from error

    def spread(load: Loader, items: Sequence[Item]) -> Iterator[Record]:
        if not items:
            return
        _connect(ray, address)
        try:
            yield from _Crew(ray, load, items).records()
        finally:
            ray.shutdown()

    return spread


def _connect(ray: ModuleType, address: str) -> None:
    try:
        if address != "auto":  # asked first: Ray itself would wait for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (OSError, RuntimeError, ValueError) as error:
        raise CapabilityError(
            f"no Ray cluster answers at {address!r} ({str(error).splitlines()[0]}): start one with "
            "`ray start --head`, or leave --ray out to make the videos here"
        ) from error


class _Crew:
    """The workers of a cluster, what each is at, and what is still to do."""

    def __init__(self, ray: ModuleType, load: Loader, items: Sequence[Item]) -> None:
        self._ray = ray
        self._load = ray.put(load)
        self._left = list(items)
        self._at_work: dict[Any, tuple[Any, Item | None]] = {}
        self._losses: Counter[str] = Counter()
        gpus = int(ray.cluster_resources().get("GPU", 0))
        machines = sum(node["Alive"] for node in ray.nodes())
        self._size = min(gpus or machines, len(items))
        self._worker = ray.remote(_Worker).options(
            num_cpus=1, num_gpus=1 if gpus else 0, scheduling_strategy="SPREAD"
        )

    def records(self) -> Iterator[Record]:
        """The record of each item, as soon as it is made."""
        for _ in range(self._size):
            self._hire()
        while self._at_work:
            (answer,), _ = self._ray.wait(list(self._at_work))
            worker, item = self._at_work.pop(answer)
            try:
                record = self._ray.get(answer)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except self._ray.exceptions.RayActorError as error:
                self._mourn(item, error)
                continue
            if item is not None:
                yield record
            self._give_next(worker, item)

    def _hire(self) -> None:
        worker = self._worker.remote(self._load)
        self._at_work[worker.ready.remote()] = worker, None

    def _give_next(self, worker: Any, last: Item | None) -> None:  # noqa: ANN401  # Ray's own
        """Give a worker something of the preset that it has loaded, or else what is next."""
        if not self._left:
            self._ray.kill(worker)
            return
        same = [item for item in self._left if last is not None and item.preset == last.preset]
        item = (same or self._left)[0]
        self._left.remove(item)
        self._at_work[worker.make.remote(item)] = worker, item

    def _mourn(self, item: Item | None, error: Exception) -> None:
        """Put back what a lost worker was at, and hire another one."""
        what = "a worker that starts" if item is None else f"prompt {item.prompt!r}, {item.seed}"
        self._losses[what] += 1
        if self._losses[what] >= MOST_LOSSES:
            raise CapabilityError(
                f"{MOST_LOSSES} workers were lost over {what} ({str(error).splitlines()[0]}): look "
                "at the logs of the cluster; what is made already is kept"
            ) from error
        if item is not None:
            self._left.insert(0, item)
        self._hire()
