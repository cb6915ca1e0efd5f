"""What blocks take under each preset on this machine: in this studio, and on record.

Nothing is guessed: what was not measured here has no figure.
"""

import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from longlive_widget.geometry import Geometry
from longlive_widget.measure.recommend import (
    Candidate,
    Limits,
    Recommendation,
    candidates_in,
    case_of,
    recommend,
    tells_of_pictures,
)
from longlive_widget.presets import PRESETS, Preset
from longlive_widget.widget.panel import Measured
from longlive_widget.widget.protocol import BlockRecord

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine
    from longlive_widget.measure.record import Record

LEAST_BLOCKS = 3
_WARM_UP_BLOCKS = 2
_NEWEST_BLOCKS = 500
_BEHIND = ("decode",)
"""What of a block's work may go on beside the rest of it."""
_INSIDE = ("step ", "transfer")
"""How parts begin that lie inside of others: of the steps, and of decoding."""


class Figures:
    """The times of blocks, by preset and size.

    Those of one era are made under one preset: its first two blocks are left out, which may
    compile, and so are blocks that were profiled or on which a prompt lands. `records` are looked
    through for those of this model, device and size. Any thread may ask and tell.
    """

    def __init__(self, records: Sequence["Record"] = ()) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._took: dict[tuple[Preset, Geometry], deque[float]] = {}
        self._eras: deque[tuple[int, int, Preset, Geometry]] = deque(maxlen=64)
        self._heard = (0, -1)
        self._candidates: dict[Geometry, tuple[Candidate, ...]] = {}

    def begin(self, run: int, block: int, preset: Preset, geometry: Geometry) -> None:
        """From that block of that video on, blocks are made under this preset."""
        with self._lock:
            self._eras.append((run, block, preset, geometry))

    def heard(self, run: int, record: BlockRecord) -> int:
        """A block was made; returns how many count under its preset, 0 if this one does not."""
        with self._lock:
            return self._counted(run, record)

    def _counted(self, run: int, record: BlockRecord) -> int:
        if (run, record.block) <= self._heard:
            return 0
        self._heard = run, record.block
        eras = [era for era in self._eras if era[:2] <= self._heard]
        if not eras:
            return 0
        since_run, since_block, preset, geometry = eras[-1]
        since = since_block if since_run == run else 0
        if record.block < since + _WARM_UP_BLOCKS or record.landed is not None or record.profiled:
            return 0
        took = self._took.setdefault((_settings(preset), geometry), deque(maxlen=_NEWEST_BLOCKS))
        took.append(_work_ms(record))
        return len(took)

    def of(self, preset: Preset, engine: "Engine", geometry: Geometry) -> Measured | None:
        """What is known of a preset at that size: of this studio, or else from the records."""
        took = self._times().get((_settings(preset), geometry), ())
        if len(took) >= LEAST_BLOCKS:
            block_ms = median(took)
            return Measured(
                round(block_ms, 1), round(_rate(block_ms, geometry), 1), len(took), on_record=False
            )
        for one in self._on_record(engine, geometry):
            if one.preset == _settings(preset):
                blocks = len(one.samples("block_ms"))
                rate = round(one.pictures_per_s, 1)
                return Measured(round(one.block_ms, 1), rate, blocks, on_record=True)
        return None

    def recommendation(self, engine: "Engine", geometry: Geometry) -> Recommendation | None:
        """Which preset to take: from records if there are any of this case, or else from here.

        None where nothing was measured. Of pictures that were not compared it knows those alone
        that are the reference's to the bit.
        """
        candidates = self._on_record(engine, geometry) or self.here(geometry)
        return recommend(candidates, Limits()) if candidates else None

    def here(self, geometry: Geometry) -> tuple[Candidate, ...]:
        """What was made in this studio at that size, of three blocks or more a preset."""
        reference, found = PRESETS["reference"].as_seen(), []
        for (preset, size), took in self._times().items():
            if size == geometry and len(took) >= LEAST_BLOCKS:
                block_ms = median(took)
                alike = math.inf if preset.as_seen() == reference else None
                rate = _rate(block_ms, geometry)
                found.append(Candidate(preset, block_ms, rate, None, alike, alike))
        return tuple(found)

    def _times(self) -> dict[tuple[Preset, Geometry], tuple[float, ...]]:
        """What was taken so far; blocks go on coming meanwhile."""
        with self._lock:
            return {made: tuple(took) for made, took in self._took.items()}

    def _on_record(self, engine: "Engine", geometry: Geometry) -> tuple[Candidate, ...]:
        if geometry not in self._candidates:
            self._candidates[geometry] = _of_this_case(self._records, engine, geometry)
        return self._candidates[geometry]


def _of_this_case(
    records: Sequence["Record"], engine: "Engine", geometry: Geometry
) -> tuple[Candidate, ...]:
    if not records:
        return ()
    from longlive_widget.measure.environment import measured  # asks git and the system

    case = case_of(measured("benchmark", engine, geometry=geometry))
    timed = [one for one in records if one.kind == "benchmark" and case_of(one) == case]
    alike = [one for one in records if tells_of_pictures(one)]
    return candidates_in((*timed, *alike)) if timed else ()


def _settings(preset: Preset) -> Preset:
    """As `recommend` tells presets apart."""
    return replace(preset, summary="")


def _rate(block_ms: float, geometry: Geometry) -> float:
    return 1000 * geometry.block_pictures / max(block_ms, 1e-3)


def _work_ms(record: BlockRecord) -> float:
    """How often a block may come at most: one that was begun ahead is waited for less than that."""
    parts = {name: ms for name, ms in record.parts_ms.items() if not name.startswith(_INSIDE)}
    behind = sum(ms for name, ms in parts.items() if name in _BEHIND)
    return max(record.latency_ms, behind, sum(parts.values()) - behind)
