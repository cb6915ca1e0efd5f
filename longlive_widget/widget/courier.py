"""A thread of its own for what must neither hold a handler up nor happen under a lock.

Knows neither messages nor videos: an errand is something to call.
"""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

GOODBYE_S = 5.0
"""What is closed is waited for so long, all of its threads together; then it ends by itself."""

log = logging.getLogger(__name__)
# Without a handler of its own, logging would print into whatever notebook cell is current.
logging.getLogger("longlive_widget").addHandler(logging.NullHandler())


Errand = Callable[[], None]
Failed = Callable[[Exception], None]


class Courier:
    """Does one errand after the other, in the order in which they were put.

    `put` never waits, so it may be called under a lock and from any thread. An error goes to the
    log and, still on the courier's thread, to the `failed` of its errand; the next errand follows.
    """

    def __init__(self, name: str = "longlive-courier") -> None:
        self._errands: SimpleQueue[tuple[Errand, Failed] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, errand: Errand, failed: Failed) -> None:
        """Do it after all that was put before; nothing is done any more after `close`."""
        self._errands.put((errand, failed))

    def close(self, patience_s: float = GOODBYE_S) -> None:
        """End the thread once all that was put before is done, and wait so long for that."""
        self._errands.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(patience_s)

    def _work(self) -> None:
        while (put := self._errands.get()) is not None:
            errand, failed = put
            try:
                errand()
            except Exception as error:
                log.exception("an errand failed")
                failed(error)
            del put, errand, failed  # or what they know would live on until the next errand comes


def uninterrupted(act: Errand) -> None:
    """Do it to its end, on a thread of its own: Ctrl-C ends the wait for it, and no more."""
    doing = threading.Thread(target=act, name="longlive-to-the-end")
    doing.start()
    doing.join()
