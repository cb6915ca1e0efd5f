"""A player of several videos that are made in step: what a studio has, as far as it fits them."""

from typing import TYPE_CHECKING, Literal, NoReturn, cast, get_args

from PIL import Image

from longlive_widget.engine.engine import Engine
from longlive_widget.errors import ManifestError, SessionError, one_of, whole_number
from longlive_widget.presets import Preset
from longlive_widget.timeline import CUT, Timeline, Transition
from longlive_widget.widget.cell import Written
from longlive_widget.widget.code import require_steady_adapters, studio_code
from longlive_widget.widget.ensemble import Ensemble, TiledSession, tile_of
from longlive_widget.widget.followed import Followed
from longlive_widget.widget.protocol import Unseen, WantedCodec
from longlive_widget.widget.side_figures import side_figure, side_metrics, side_rows
from longlive_widget.widget.still import picture_of, picture_strip, table_picture
from longlive_widget.widget.studio import LongLiveWidget

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from longlive_widget.measure.recommend import Recommendation
    from longlive_widget.runs.manifest import Manifest

SideChart = Literal["latency", "psnr", "ssim"]


class TiledWidget(LongLiveWidget):
    """A player of several videos that are made in step: what a studio has, as far as it fits.

    Each picture shows all of them. Presets and size are those that it was built with; a prompt,
    the timeline and the seed are of all. There is no one `preset`, that is None: see `presets`.
    """

    preset: Followed[None, Preset | str] = Followed(  # type: ignore[assignment]
        lambda _: None, lambda studio, preset: studio._take(preset)
    )

    def __init__(
        self,
        ensemble: Ensemble,
        timeline: Timeline | str,
        seed: int,
        *,
        codec: WantedCodec,
        when_unseen: Unseen,
    ) -> None:
        self._ensemble = ensemble
        # a runner asks no more of an engine than an ensemble has
        engine = cast("Engine", ensemble)
        super().__init__(engine, timeline, seed, codec=codec, when_unseen=when_unseen)

    def _engines(self) -> set[Engine]:
        return set() if self._engine is None else {side.engine for side in self._ensemble.sides}

    @property
    def metrics(self) -> "pd.DataFrame":
        """A row for each block of each side: its own time, and how like its pictures are."""
        return side_metrics(self.history, self._ensemble.tiles.labels)

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Those of the sides, in their order."""
        return tuple(side.engine.preset for side in self._ensemble.sides)

    def _reported(self) -> tuple[list[Image.Image], list[tuple[str, str]]]:
        """A strip of each side below its name, the latency of each, and figures of each."""
        blocks, tiles = self._made_blocks(), self._ensemble.tiles
        pictures = [
            picture
            for place, label in enumerate(tiles.labels)
            for picture in (
                table_picture([(label, "")]),
                picture_strip([tile_of(block, tiles, place) for block in blocks]),
            )
        ]
        chart = side_figure(self.history, tiles.labels, "latency")
        return [*pictures, picture_of(chart)], side_rows(self.history, tiles.labels)

    @property
    def recommendation(self) -> "Recommendation | None":
        """None: this measures pairs, no single preset."""
        return None

    def figure(self, name: str = "latency") -> "go.Figure":
        """A chart of all sides: "latency", or "psnr" or "ssim" of those that are held against one.

        Another name is a `SessionError`.
        """
        one_of("chart", name, get_args(SideChart), SessionError)
        return side_figure(self.history, self._ensemble.tiles.labels, cast("SideChart", name))

    def manifest(self) -> "Manifest":
        """None: these are several videos, so this is a `ManifestError`."""
        return self._refuse_manifest()

    def _refuse_manifest(self) -> NoReturn:
        raise ManifestError(
            "several videos are made here, and a manifest is of one: make the one that you want in "
            "a LongLiveWidget"
        )

    def branch(self, block: int, prompt: str | None = None, transition: Transition = CUT) -> int:
        """Nothing: a branch leaves a single video, so this is a `SessionError`."""
        del block, prompt, transition
        self._refuse_branches()

    def walk(self, branch: int) -> None:
        """Nothing: there are no branches, so this is a `SessionError`."""
        del branch
        self._refuse_branches()

    def release(self, branch: int) -> None:
        """Nothing: there are no branches, so this is a `SessionError`."""
        del branch
        self._refuse_branches()

    def _refuse_branches(self) -> NoReturn:
        raise SessionError(
            "several videos are made here in step, and a branch leaves a single one: make the one "
            "that you want in a LongLiveWidget"
        )

    def code_of(self, tile: int) -> str:
        """The Python that makes a studio of one of the videos, as it is now; counted from 0.

        It has the prompts that were typed here, so the studio makes the same video, from its
        beginning, and goes on with it alone. What has no code is a `SessionError` as in `code`, and
        so is a tile that there is not.
        """
        most = len(self._ensemble.sides) - 1
        side = self._ensemble.sides[whole_number("tile", tile, SessionError, least=0, most=most)]
        self._require_steady_adapters()
        return studio_code(
            side.engine,
            [(0, side.engine.preset)],
            side.plan(self.timeline),
            self._runner.seed if side.seed is None else side.seed,
            None if self._own_size else self._ensemble.tile_px,
        )

    def _code_for_page(self, tile: int | None) -> str:
        return self.code() if tile is None else self.code_of(tile)

    @property
    def _own_size(self) -> bool:
        """Whether pictures have the size of the first model's own."""
        return self._ensemble.tile == self._ensemble.sides[0].engine.geometry

    def _size_argument(self) -> list[Written]:
        """The size as an argument of the call that makes this, where it is not the model's own."""
        return [] if self._own_size else [Written(f"size_px={self._ensemble.tile_px}")]

    def _require_steady_adapters(self) -> None:
        made = cast("TiledSession | None", self._runner.session)
        for place, side in enumerate(self._ensemble.sides):
            require_steady_adapters(side.engine, None if made is None else made.sessions[place])

    def profile(self, *, every: int | None = None) -> None:
        """Nothing: a profile is of one engine, so this is a `SessionError`."""
        del every
        raise SessionError(
            "several engines work here, and a profile is of one: use a LongLiveWidget"
        )
