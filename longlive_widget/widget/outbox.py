"""All that the page is told: messages, the state and errors, each after what was told before.

Nothing is sent under a lock: a courier carries it. Knows neither comms nor the page, but a `send`.
"""

import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from longlive_widget.errors import LongLiveError, TimelineError
from longlive_widget.widget.courier import Courier, Errand
from longlive_widget.widget.protocol import Failure, PageMessage, State, StateMessage, Topic

ERRORS = 100


class Send(Protocol):
    """Bring a message to the page, with buffers beside it."""

    def __call__(self, message: PageMessage, buffers: Sequence[bytes] = ()) -> None:
        """Bring it; called for one message after the other, on the courier's thread."""


class Outbox:
    """What is to be sent, and done on the page's behalf, in order.

    Args:
        send: brings a message to the page.
        changed: the lock of the video, under which a state is taken.
        state: that state, as it is now.
    """

    def __init__(
        self, send: Send, changed: threading.Condition, state: Callable[[], State]
    ) -> None:
        self._send = send
        self._changed = changed
        self._state = state
        self.told = 0
        """So many states were told."""
        self._errors: deque[Exception] = deque(maxlen=ERRORS)
        self._courier = Courier()

    @property
    def errors(self) -> tuple[Exception, ...]:
        """What went wrong, oldest first: the newest 100."""
        with self._changed:
            return tuple(self._errors)

    def say(self, message: PageMessage, buffers: Sequence[bytes] = ()) -> None:
        """Have a message sent, with buffers beside it."""
        self._courier.put(lambda: self._send(message, buffers), self.keep)

    def tell_state(self) -> None:
        """Have all views told how things are now."""
        with self._changed:
            self.told += 1
            self.say(StateMessage(self._state()))

    def tell(self, error: Exception, view: str | None = None) -> None:
        """Show an error to the user: in `errors`, and on all views or the one that it concerns."""
        self.keep(error)
        expected = isinstance(error, LongLiveError)
        details = "" if expected else "".join(traceback.format_exception(error))
        topic: Topic = "prompt" if isinstance(error, TimelineError) else "other"
        self.say(Failure(sentence(error), details, topic, view))

    def remark(self, error: Exception) -> None:
        """As `tell`, of a prompt that was taken all the same."""
        self.keep(error)
        self.say(Failure(sentence(error), "", "remark"))

    def keep(self, error: Exception) -> None:
        """Have an error in `errors`, and tell no view."""
        with self._changed:
            self._errors.append(error)

    def post(self, command: Errand, view: str | None = None) -> None:
        """Do it after all that was posted before; an error is told to all views, or to one.

        Never waits, for a handler of messages runs on whatever thread its host likes.
        """
        self._courier.put(command, partial(self.tell, view=view))

    def then(self, errand: Errand) -> None:
        """Do it after all that was posted before; of an error no view is told."""
        self._courier.put(errand, self.keep)

    def close(self, patience_s: float) -> None:
        """End the thread once all is sent, and wait so long for that."""
        self._courier.close(patience_s)


def let_go(error: BaseException | None) -> None:
    """Empty the frames of an error that is kept: they hold sessions, models, windows, latents.

    Those of calls that go on are left as they are.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def sentence(error: Exception) -> str:
    """What a user is told of an error: its own words, after its kind if it was not expected.

    What was noted on it follows.
    """
    told = str(error)
    if not isinstance(error, LongLiveError):
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return "\n".join((told, *getattr(error, "__notes__", ())))
