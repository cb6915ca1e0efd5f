"""What a page is told of a run that is over: its state, and the record of each block. No torch."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from longlive_widget.cache.occupancy import Occupancy
from longlive_widget.geometry import pictures_before
from longlive_widget.runs.manifest import Manifest
from longlive_widget.runs.recording import RecordedRun
from longlive_widget.widget.protocol import BlockRecord, State

RUN = 1
"""The number of the one video of a recording."""
_NO_WINDOW = Occupancy(0, (), (), (), ())


class Tape(Protocol):
    """What a player of recorded blocks asks for."""

    @property
    def records(self) -> Mapping[int, BlockRecord]:
        """What was measured of each block, by its number."""

    @property
    def exact(self) -> bool:
        """Whether `frames` are to the bit those that were made."""

    def frames(self, block: int) -> NDArray[np.uint8]:
        """The pictures of a block, uint8 RGB, `[F, H, W, 3]`; one that there is not is an error."""


class RecordedTape:
    """A recording as a tape."""

    def __init__(self, recording: RecordedRun) -> None:
        self._recording = recording
        self.records = {record.block: record for record in records_of(recording.manifest)}

    @property
    def exact(self) -> bool:
        """Whether each picture is kept to the bit."""
        return self._recording.lossless

    def frames(self, block: int) -> NDArray[np.uint8]:
        """The pictures of a block, as they are kept."""
        return self._recording.block(block).frames


def state_of(run: Manifest) -> State:
    """All that a view must know to draw a recording, pictures and measurements apart."""
    maker, geometry = run.maker, run.geometry
    later = "".join(f" → {turn.preset.name}" for turn in run.presets)
    video = State.blank(
        maker.model, maker.preset.name + later, maker.weights, run.fallbacks, geometry, run.seed
    )
    return replace(
        video,
        status="recorded",
        run=RUN,
        made=run.end,
        marks=run.landings,
        entries=run.timeline.before(run.end, geometry.block_frames),
    )


def records_of(run: Manifest) -> Iterator[BlockRecord]:
    """What was measured of each block; a manifest knows neither window nor memory."""
    landed = {each.block: each for each in run.landings if each.replaced_by is None}
    turns = {turn.block: turn.preset.name for turn in run.presets}
    taken = run.taken_at
    prompt, preset, said = "", run.maker.preset.name, None
    for block in range(run.end):
        landing = landed.get(block)
        if landing is not None:
            prompt, said = landing.prompt, taken.get(block)
        preset = turns.get(block, preset)
        if block < run.first_block:
            continue
        line = run.blocks[block - run.first_block]
        frame = block * run.geometry.block_frames
        yield BlockRecord(
            block=block,
            latent_frame=frame,
            first_picture=pictures_before(frame),
            pictures=len(line.pictures),
            prompt=prompt,
            preset=preset,
            landed=landing,
            latency_ms=line.latency_ms,
            parts_ms=line.parts_ms,
            encode_ms=0.0,
            credits=0,
            displayed=True,
            window=_NO_WINDOW,
            window_bytes=0,
            host_bytes=0,
            device_bytes=None,
            device_reserved_bytes=None,
            in_full="" if said is None or said.alone else said.in_full,
            alone=said is not None and said.alone,
        )
