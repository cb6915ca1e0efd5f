"""The video that a studio makes now, as its parts know it: by what it is made, and how far it is.

Knows neither how it is made nor who looks. Whoever reads or changes it holds `changed`.
"""

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from longlive_widget.errors import SessionError
from longlive_widget.geometry import Geometry
from longlive_widget.timeline import drawn_seed
from longlive_widget.widget.ensemble import compiles, tiles_of
from longlive_widget.widget.library import prompts_for
from longlive_widget.widget.protocol import State, Status

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.session import Session

CLOSED = "this studio is closed: make a new LongLiveWidget"


class Video:
    """One video after another: `run` counts them, and `made` the blocks that have come of this one.

    `session` makes it, None where none goes on. `about` is the part of the state that says with
    what it is made. `changed` is the lock of all of it, and is notified where the status changes.
    """

    def __init__(self, engine: "Engine", seed: int) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.status: Status = "idle"
        self.session: Session | None = None
        self.run = 0
        self.made = 0
        self.make_with(engine, seed, None)

    @property
    def begun(self) -> int:
        """The number of the block that would be begun next."""
        return 0 if self.session is None else self.session.next_block

    @property
    def engine(self) -> "Engine":
        """What videos are made with; where the studio is closed, it is a `SessionError`."""
        if self._engine is None:
            raise SessionError(CLOSED)
        return self._engine

    def require_open(self) -> None:
        """Nothing, unless the studio is closed: that is a `SessionError`."""
        if self._engine is None:
            raise SessionError(CLOSED)

    def make_with(self, engine: "Engine", seed: int, size_px: tuple[int, int] | None) -> None:
        """From now on videos are made with these, the present one too."""
        self._engine: Engine | None = engine
        self.size_px = size_px
        self.about = _about(engine, engine.geometry_at(size_px), seed)

    def begin(self, session: "Session") -> None:
        """A new video begins."""
        self.session = session
        self.run += 1
        self.made = 0

    def draw_seed(self) -> None:
        """The next video has a seed that is drawn."""
        self.about = replace(self.about, seed=drawn_seed())

    def let_go(self) -> None:
        """The studio is closed, and holds no engine."""
        self._engine = None


def _about(engine: "Engine", geometry: Geometry, seed: int) -> State:
    video = State.blank(
        engine.name, engine.preset.name, engine.weights, engine.fallbacks, geometry, seed
    )
    return replace(
        video,
        library=prompts_for(engine.name),
        tiles=tiles_of(engine),
        compiles=compiles(engine, engine.preset),
    )
