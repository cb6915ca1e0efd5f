"""The one thread that writes traits, and that holds no lock then."""

import asyncio
from collections.abc import Callable


class Loop:
    """In a notebook the kernel's loop; in a plain program whichever thread asks."""

    def __init__(self) -> None:
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def do(self, act: Callable[[], None]) -> None:
        """Do it there; nothing is done once the loop has ended."""
        if self._loop is None:
            act()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act)
