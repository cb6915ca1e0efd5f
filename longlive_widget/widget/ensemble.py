"""Videos that are made in step, as one video to whoever plays it: their pictures side by side.

A runner takes an ensemble in the place of an engine. So what is on the screen at one moment was
made of one block number on all sides, however late it comes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from longlive_widget.engine.decode import Pictures
from longlive_widget.engine.model import Weights
from longlive_widget.engine.session import Block, Early, Session
from longlive_widget.engine.starting import Start
from longlive_widget.engine.watch import Watch
from longlive_widget.errors import GeometryError, PresetError, SessionError, whole_number
from longlive_widget.geometry import Geometry
from longlive_widget.measure.in_step import Figures, InStep, Round, Side
from longlive_widget.presets import Preset
from longlive_widget.timeline import CUT, Landing, Timeline, Transition
from longlive_widget.widget.protocol import SideRecord, Tiles

MOST_GAIN = 64


@dataclass(frozen=True, eq=False)
class TiledBlock(Block):
    """A block of each side in one: `frames` show all of them, `sides` has what each took.

    `gain` is that of the difference, if one is shown. All else is the first side's.
    """

    sides: tuple[SideRecord, ...]
    gain: int | None


class Ensemble:
    """Several engines in the place of one.

    Args:
        sides: the videos, row by row.
        columns: how many stand in a row.
        size_px: width and height of each; None takes the first model's own.
        gain: with one, a last tile shows the difference of the two sides, so many times as large.
    """

    def __init__(
        self,
        sides: Sequence[Side],
        columns: int,
        *,
        size_px: tuple[int, int] | None = None,
        gain: int | None = None,
    ) -> None:
        self.sides = tuple(sides)
        first = sides[0].engine
        self.tile = first.geometry_at(size_px)
        self._tiles = Tiles(
            columns,
            -(-len(sides) // columns),
            tuple(side.label for side in sides),
            seeded=any(side.seed is not None for side in sides),
            compared=any(side.against is not None for side in sides),
        )
        if gain is not None:
            self._tiles = replace(self._tiles, columns=columns + 1, rows=1, gain=_gain(gain))
        names = dict.fromkeys(side.engine.preset.name for side in sides)
        self.preset: Preset = first.preset.with_(name=" | ".join(names))
        self.model = first.model
        self.name = first.name
        self.device: torch.device = first.device
        self.geometry = Geometry(
            self.tile.width_px * self._tiles.columns,
            self.tile.height_px * self._tiles.rows,
            self.tile.block_frames,
        )

    @property
    def tile_px(self) -> tuple[int, int]:
        """Width and height of each video."""
        return self.tile.width_px, self.tile.height_px

    @property
    def tiles(self) -> Tiles:
        """Where each video lies in the pictures."""
        return self._tiles

    def amplify(self, gain: int) -> None:
        """Show the difference so many times as large as it is, from the next block on."""
        if self._tiles.gain is None:
            raise SessionError("no difference is shown here, so there is none to amplify")
        self._tiles = replace(self._tiles, gain=_gain(gain))

    @property
    def weights(self) -> Weights:
        """Whether all weights are trained."""
        trained = all(side.engine.weights == "trained" for side in self.sides)
        return "trained" if trained else "random"

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """A sentence on each thing that stands in for another one, and on which side."""
        return tuple(
            f"{side.label}: {sentence}" for side in self.sides for sentence in side.engine.fallbacks
        )

    def geometry_at(self, size_px: tuple[int, int] | None) -> Geometry:
        """The size of all tiles together; each keeps the one that it was built with."""
        if size_px is not None:
            raise GeometryError(f"size {size_px} comes too late here: give size_px as it is built")
        return self.geometry

    def session(
        self,
        timeline: Timeline,
        seed: int,
        *,
        size_px: tuple[int, int] | None = None,
        watch: Watch | None = None,
    ) -> "TiledSession":
        """A new video of all sides."""
        self.geometry_at(size_px)
        made = InStep(self.sides, timeline, seed, size_px=self.tile_px, watch=watch)
        return TiledSession(self, made)

    def why_not(self, preset: Preset) -> str:
        """That no side takes another preset."""
        return f"preset {preset.name!r} comes too late here: each side keeps its own"

    def under(self, preset: Preset, **_: object) -> "Ensemble":
        """None: each side keeps its own preset, so this is a `PresetError`."""
        raise PresetError(self.why_not(preset))

    def preset_to_start(self) -> Start:
        """None: each side keeps its own preset."""
        return Start(None, "each side keeps its own preset")

    def why_not_take_over(self, session: "TiledSession") -> str:
        """'' for a session of this ensemble: its own is the only one that goes on."""
        return "" if session.ensemble is self else "it is one of other engines"

    def take_over(self, session: "TiledSession") -> int:
        """Its own session goes on as it is."""
        return session.next_block

    def unread(self, prompt: str) -> str:
        """The end of a prompt that the first model does not read."""
        return self.sides[0].engine.unread(prompt)

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        """The words of a prompt that the first model does not know."""
        return self.sides[0].engine.unknown_words(prompt)

    def unheeded(self, prompt: str) -> str:
        """A sentence on what the first model does not take in."""
        return self.sides[0].engine.unheeded(prompt)


class TiledSession:
    """One running video of all sides, with the verbs of a session."""

    def __init__(self, ensemble: Ensemble, in_step: InStep) -> None:
        self.ensemble = ensemble
        self._in_step = in_step

    @property
    def next_block(self) -> int:
        """The number of the block that begins next."""
        return self._in_step.next_block

    @property
    def timeline(self) -> Timeline:
        """The prompts that all follow."""
        return self._in_step.timeline

    @property
    def window_bytes(self) -> int:
        """The bytes of all windows."""
        return self._in_step.window_bytes

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The video of each side."""
        return self._in_step.sessions

    def switch(self, prompt: str, transition: Transition = CUT) -> Landing:
        """Steer all by `prompt` from the next block on."""
        return self._in_step.switch(prompt, transition)

    def replan(self, timeline: Timeline) -> int:
        """Follow this timeline from the next block on."""
        return self._in_step.replan(timeline)

    def blocks(
        self, count: int | None = None, *, early: Early | None = None
    ) -> Iterator[TiledBlock]:
        """Make the next blocks, all sides of each before the next one.

        Sides are made one after the other, so `early` gets no block before it is whole.
        """
        for made in self._in_step.rounds(count):
            block = _tiled(made, self.ensemble.tiles)
            if early is not None:
                early(block)
            yield block


def tile_of(block: Block, tiles: Tiles, place: int) -> Block:
    """A block with the pictures of one side alone."""
    _, height_px, width_px, _ = block.frames.shape
    tile_px = height_px // tiles.rows, width_px // tiles.columns
    row, column = divmod(place, tiles.columns if tiles.gain is None else tiles.columns - 1)
    down, right = row * tile_px[0], column * tile_px[1]
    return replace(
        block, frames=block.frames[:, down : down + tile_px[0], right : right + tile_px[1]]
    )


def tiles_of(engine: object) -> Tiles | None:
    """Where several videos lie in the pictures; None where they show a single one."""
    return engine.tiles if isinstance(engine, Ensemble) else None


def compiles(engine: object, preset: Preset) -> bool:
    """Whether that engine compiles at its first use; of several videos, whether any does."""
    sides = engine.sides if isinstance(engine, Ensemble) else ()
    presets = [side.engine.preset for side in sides] or [preset]
    return any(one.compiled is not None for one in presets)


def sides_of(block: Block) -> tuple[SideRecord, ...]:
    """What each side of a block took; none of a block of a single video."""
    return block.sides if isinstance(block, TiledBlock) else ()


def gain_of(block: Block) -> int | None:
    """How many times as large as it is a block shows a difference; None where it shows none."""
    return block.gain if isinstance(block, TiledBlock) else None


def _tiled(made: Round, tiles: Tiles) -> TiledBlock:
    first = made.blocks[0]
    pictures = [block.frames for block in made.blocks]
    if tiles.gain is not None:
        pictures.append(difference(pictures[0], pictures[1], tiles.gain))
    return TiledBlock(
        first.index,
        first.latent_frame,
        in_rows(pictures, tiles),
        first.prompt,
        first.landed,
        first.window,
        first.preset,
        first.in_full,
        first.alone,
        tuple(map(side_record, made.figures)),
        tiles.gain,
    )


def in_rows(pictures: Sequence[Pictures], tiles: Tiles) -> Pictures:
    """Pictures of one size as one, row by row; tiles for which there are none are black."""
    empty = np.zeros_like(pictures[0])
    missing = tiles.columns * tiles.rows - len(pictures)
    every = [*pictures, *[empty] * missing]
    rows = [
        np.concatenate(every[at : at + tiles.columns], axis=2)
        for at in range(0, len(every), tiles.columns)
    ]
    whole: Pictures = np.concatenate(rows, axis=1)
    return whole


def difference(one: Pictures, other: Pictures, gain: int) -> Pictures:
    """How far 8-bit pictures are from each other, colour by colour, `gain` times as large."""
    apart = np.abs(one.astype(np.int16) - other) * gain
    bounded: Pictures = np.minimum(apart, 255).astype(np.uint8)
    return bounded


def side_record(found: Figures) -> SideRecord:
    """What a block took, and how like it is, as the page is told of it."""
    equal = found.psnr_db == float("inf")
    psnr_db = None if equal or found.psnr_db is None else round(found.psnr_db, 3)
    alike = None if found.ssim is None else round(found.ssim, 5)
    return SideRecord(round(found.latency_ms, 3), equal, psnr_db, alike)


def _gain(gain: int) -> int:
    return whole_number("gain", gain, SessionError, least=1, most=MOST_GAIN)
