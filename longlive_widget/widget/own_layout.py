"""A widget whose layout goes with it."""

import anywidget
from ipywidgets import Layout


class OwnLayout(anywidget.AnyWidget):
    """An anywidget that closes the layout which it came with, as ipywidgets' own do not.

    Otherwise one is left for each, in the kernel and on the page, to the end of both. A layout that
    was assigned later is whoever's assigned it.
    """

    _came_with: Layout | None = None

    def __init__(self, **traits: object) -> None:
        super().__init__(**traits)
        self._came_with = self.layout

    def close(self) -> object:
        """End it on every page, and its layout."""
        super().close()
        if self._came_with is not None:
            self._came_with.close()
        return None
