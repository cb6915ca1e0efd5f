"""Who looks at a video, and what is sent so that all of them can see it.

Knows neither threads nor comms: whoever hears from a view says so here.
"""

from collections.abc import Callable, Collection

from longlive_widget.errors import CapabilityError, SessionError, one_of
from longlive_widget.widget.protocol import Codec, WantedCodec

SILENT_S = 20.0
"""A view that has said nothing for so long counts as gone: pages ask for the time every 4 s."""
WANTED: tuple[WantedCodec, ...] = ("auto", "h264", "jpeg")


class Audience:
    """The views of one studio. `h264` is what browsers call its H.264, None where none is made.

    With "auto" pictures travel as H.264 while every view can decode it, else as JPEG. A view that
    has been silent for `SILENT_S` of `hears_s` looks no more, and no longer says what is sent,
    until it is heard of again: the tab has died without a word, or its line is cut.

    Raises:
        SessionError: what is wanted is no codec.
        CapabilityError: H.264 is wanted, and none is made here.
    """

    def __init__(self, wanted: WantedCodec, h264: str | None, hears_s: Callable[[], float]) -> None:
        one_of("codec", wanted, WANTED, SessionError)
        if wanted == "h264" and h264 is None:
            raise CapabilityError(
                "codec 'h264' needs a PyAV that has libx264: install the one from PyPI, "
                "`pip install av`, or use codec='jpeg'"
            )
        self.h264 = h264
        self._wanted = wanted
        self._hears_s = hears_s
        self._heard_s: dict[str, float] = {}
        self._views: dict[str, frozenset[Codec]] = {}
        self._looking: set[str] = set()
        self._appeared = False

    @property
    def codec(self) -> Codec:
        """What is sent now."""
        if self._wanted != "auto":
            return self._wanted
        everyone = all(
            "h264" in codecs for view, codecs in self._views.items() if self._is_heard(view)
        )
        return "h264" if self.h264 is not None and everyone else "jpeg"

    @property
    def views(self) -> tuple[str, ...]:
        """All views that are there."""
        return tuple(self._views)

    @property
    def looking(self) -> bool:
        """Whether somebody looks."""
        return any(map(self._is_heard, self._looking))

    @property
    def told(self) -> str:
        """Who looks, in a sentence."""
        looking = sum(map(self._is_heard, self._looking))
        silent = [view for view in self._views if not self._is_heard(view)]
        if not self._views:
            return "no view is there"
        told = f"{looking} of {len(self._views)} views look"
        if silent:
            told += (
                f"; {len(silent)} said nothing for {SILENT_S:.0f} s or more, and count as gone "
                "until they do"
            )
        return told

    @property
    def expected(self) -> bool:
        """Whether somebody looks, or may: of the first view nobody hears while a cell runs."""
        return self.looking or not self._appeared

    def enter(self, view: str, codecs: Collection[Codec]) -> None:
        """A view has appeared, or has found that it can decode something else; it is looked at."""
        self._views[view] = frozenset(codecs)
        self.heard(view)
        self._looking.add(view)
        self._appeared = True

    def heard(self, view: str) -> None:
        """A view has said something, whatever it was."""
        if view in self._views:
            self._heard_s[view] = self._hears_s()

    def _is_heard(self, view: str) -> bool:
        return self._hears_s() - self._heard_s.get(view, 0.0) < SILENT_S

    def look(self, view: str, *, looking: bool) -> None:
        """A view has come into sight, or has gone out of it."""
        if looking:
            self._looking.add(view)
        else:
            self._looking.discard(view)

    def require_seen_by(self, view: str) -> None:
        """Make sure that a view can decode what is sent.

        Raises:
            CapabilityError: it cannot.
        """
        codecs = self._views.get(view, frozenset())
        if self.codec not in codecs:
            raise CapabilityError(
                f"this page cannot decode codec {self.codec!r} but {', '.join(sorted(codecs))}: "
                "build the studio with codec='auto', or open the page through https or localhost, "
                "where browsers decode H.264"
            )

    def leave(self, view: str) -> None:
        """A view has gone; nothing happens if it was not there."""
        self._views.pop(view, None)
        self._heard_s.pop(view, None)
        self._looking.discard(view)
