"""One timeline with several seeds: a grid of videos, block by block in step."""

from collections.abc import Sequence

from longlive_widget.engine.engine import Engine
from longlive_widget.errors import SessionError, require_engine, whole_number
from longlive_widget.measure.in_step import Side
from longlive_widget.timeline import Timeline, require_seed
from longlive_widget.widget.cell import Written, widget_code
from longlive_widget.widget.code import engine_code
from longlive_widget.widget.ensemble import Ensemble
from longlive_widget.widget.followed import Followed
from longlive_widget.widget.protocol import Unseen, WantedCodec
from longlive_widget.widget.tiled import TiledWidget

FEWEST, MOST = 2, 9
_COLUMNS = 3
_TWO_BY_TWO = 4


class Variations(TiledWidget):
    """One engine and one timeline with several seeds, as a grid that is made and plays in step.

    Each tile tells its seed. A prompt that is typed, or given by `switch`, goes to all of them, on
    the same block. On the page a click shows one tile alone, and its menu has the Python that makes
    that video: `code_of(2)` gives it here.

    Blocks are made in turns, so n videos take n times as long as one. Where that is less than the
    video's own rate, have them made with `run(blocks=16)` and play them by looking back.

    All else is as in `LongLiveWidget`, but for what is of one video: here are no branches, profile,
    manifest and page of a run, and a recording is an MP4 file, no folder. A studio on the engine is
    closed. Preset, seeds and size stay as they are, and there is no one `seed`, that is None.

    Args:
        engine: what makes all of them; each has a window of its own, so they take as many times the
            memory of one.
        timeline: the prompts, or the only one.
        seeds: 2 to 9 of them; a number stands for so many from 0 on.
        size_px: width and height of each; None takes the model's own.
        codec: as in `LongLiveWidget`.
        when_unseen: as in `LongLiveWidget`.

    What is no engine, fewer or more seeds, one that is out of range and one that is there twice are
    a `SessionError`.
    """

    seed: Followed[None, int | None] = Followed(  # type: ignore[assignment]
        lambda _: None, lambda variations, seed: variations._refuse_seed(seed)
    )

    def __init__(
        self,
        engine: Engine,
        timeline: Timeline | str,
        seeds: int | Sequence[int] = 4,
        *,
        size_px: tuple[int, int] | None = None,
        codec: WantedCodec = "auto",
        when_unseen: Unseen = "go on",
    ) -> None:
        require_engine(engine)
        wanted = _seeds(seeds)
        sides = [Side(f"seed {seed}", engine, seed=seed) for seed in wanted]
        columns = 2 if len(sides) in {2, _TWO_BY_TWO} else _COLUMNS
        ensemble = Ensemble(sides, columns, size_px=size_px)
        super().__init__(ensemble, timeline, wanted[0], codec=codec, when_unseen=when_unseen)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those of the tiles, row by row."""
        return tuple(side.seed for side in self._ensemble.sides if side.seed is not None)

    def code(self) -> str:
        """The Python that makes these variations: engine, timeline, seeds and size.

        What has no code is a `SessionError`, as in `LongLiveWidget`.
        """
        self._require_steady_adapters()
        engine, seeds = self._ensemble.sides[0].engine, self.seeds
        from_0 = seeds == tuple(range(len(seeds)))
        arguments = [
            Written("engine"),
            Written("timeline"),
            Written(f"seeds={len(seeds) if from_0 else seeds}"),
            *self._size_argument(),
        ]
        load = engine_code("engine", engine, engine.preset)
        return widget_code("Variations", "variations", self.timeline, [load], arguments)

    def _refuse_seed(self, seed: int | None) -> None:
        raise SessionError(
            f"seed {seed} is of one video, and each one here has its own: make another "
            "Variations(engine, timeline, seeds=...)"
        )

    def __repr__(self) -> str:
        return f"Variations({self._ensemble.name!r}, seeds={self.seeds})"


def _seeds(asked: object) -> tuple[int, ...]:
    """The seeds that are asked for, each fit to be one."""
    if isinstance(asked, str) or not isinstance(asked, Sequence):
        return tuple(range(whole_number("seeds", asked, SessionError, least=FEWEST, most=MOST)))
    seeds = tuple(require_seed(seed) for seed in asked)
    if not FEWEST <= len(seeds) <= MOST:
        raise SessionError(f"{len(seeds)} seeds do not fit a grid: use {FEWEST} to {MOST}")
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise SessionError(f"seed {twice[0]} is there twice, which is the same video: use another")
    return seeds
