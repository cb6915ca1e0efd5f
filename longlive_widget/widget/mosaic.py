"""Recordings that play in step as one tape: their pictures side by side, with what each took."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch

from longlive_widget.engine.decode import Pictures
from longlive_widget.measure.in_step import held_against
from longlive_widget.measure.record import Record
from longlive_widget.runs.recording import RecordedRun
from longlive_widget.timeline import Landing
from longlive_widget.widget.ensemble import in_rows, side_record
from longlive_widget.widget.protocol import BlockRecord, SideRecord, TileFigures, Tiles
from longlive_widget.widget.tape import records_of


@dataclass(frozen=True, eq=False)
class Tile:
    """A recorded video of a sweep: its blocks, each with what it took and how like it is."""

    run: RecordedRun
    sides: tuple[SideRecord, ...]
    process_bytes: int

    @classmethod
    def of(
        cls, run: RecordedRun, record: Record, against: RecordedRun | None, device: torch.device
    ) -> "Tile":
        """A video, with the record of its sweep, held against another one block by block.

        Compared are the pictures as they were made, on `device`.
        """
        rights = None if against is None else against.blocks()
        sides = []
        for block in run.blocks():
            right = None if rights is None else torch.from_numpy(next(rights).frames)
            seen = torch.from_numpy(block.frames)
            sides.append(side_record(held_against(block.latency_ms, seen, right, device)))
        host, on_device = (
            record.facts.get(f) for f in ("host_process_bytes", "device_process_peak_bytes")
        )
        taken = host if on_device is None else on_device
        return cls(run, tuple(sides), int(taken or 0))

    @property
    def figures(self) -> TileFigures:
        """The medians of its blocks."""
        lines = self.run.records
        ratios = [side.psnr_db for side in self.sides if side.psnr_db is not None]
        alike = [side.ssim for side in self.sides if side.ssim is not None]
        return TileFigures(
            round(median(line.latency_ms for line in lines), 3),
            round(median(line.latency_ms / len(line.pictures) for line in lines), 3),
            self.process_bytes,
            all(side.equal for side in self.sides),
            round(median(ratios), 3) if ratios else None,
            round(median(alike), 5) if alike else None,
        )


class Mosaic:
    """Tiles of one size and length as a tape; those that are still to come are black.

    Args:
        made: the first ones, at least one for a tape that has blocks.
        tiles: where each lies.
        prompt: what all of it is said to show.
        preset: what all of it is said to be made under.
    """

    exact = True

    def __init__(self, made: Sequence[Tile], tiles: Tiles, prompt: str, preset: str) -> None:
        self._made = tuple(made)
        self._tiles = tiles
        first = records_of(made[0].run.manifest) if made else ()
        self.records = {record.block: self._record(record, prompt, preset) for record in first}

    def frames(self, block: int) -> Pictures:
        """The pictures of all of them, as they were made."""
        return in_rows([tile.run.block(block).frames for tile in self._made], self._tiles)

    def _record(self, record: BlockRecord, prompt: str, preset: str) -> BlockRecord:
        sides = tuple(tile.sides[record.block] for tile in self._made)
        landed = Landing(prompt, 0, 0, 0) if record.block == 0 else None
        taken_ms = sum(side.latency_ms for side in sides)
        return replace(
            record,
            prompt=prompt,
            preset=preset,
            landed=landed,
            latency_ms=round(taken_ms, 3),
            parts_ms={},
            sides=sides,
        )
