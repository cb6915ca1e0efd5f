"""One thing made ahead of being asked for, on a thread of its own."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

_Made = TypeVar("_Made")


class OneAhead(Generic[_Made]):
    """Makes things in order, each one call before it is wanted.

    What a call raises is raised where its result is asked for. The thread ends with this object,
    which holds on to nothing that makes.
    """

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="longlive-ahead")
        self._begun: Future[_Made] | None = None

    @property
    def under_way(self) -> bool:
        """Whether the next thing has been begun, or is made already."""
        return self._begun is not None

    def next(self, make: Callable[[], _Made], *, go_on: bool) -> _Made:
        """The next result of `make`, waited for if need be; with `go_on` one more is begun."""
        begun, self._begun = self._begun, None
        made = (begun or self._worker.submit(make)).result()
        if go_on:
            self._begun = self._worker.submit(make)
        return made

    def close(self, then: Callable[[], None]) -> None:
        """Forget what was begun, without waiting for it; `then` is done once it has ended."""
        begun, self._begun = self._begun, None
        self._worker.shutdown(wait=False, cancel_futures=True)
        if begun is None:
            then()
        else:
            begun.add_done_callback(lambda _: then())
