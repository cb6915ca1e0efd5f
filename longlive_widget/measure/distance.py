"""How far pictures are from the reference's, by records of `likeness`."""

from collections.abc import Iterable
from dataclasses import dataclass

from longlive_widget.engine.side_by_side import worst_and_mean_db
from longlive_widget.measure.figures import decibels
from longlive_widget.measure.recommend import sample_of, tells_of_pictures
from longlive_widget.measure.record import Record
from longlive_widget.presets import Preset


@dataclass(frozen=True)
class Distance:
    """The PSNR against another preset's pictures: infinite where all are equal.

    `worst_db` and `mean_db` are of blocks from one history, `free_db` of videos that run free.
    """

    record: Record
    worst_db: float
    mean_db: float
    free_db: float

    @classmethod
    def of(cls, record: Record) -> "Distance":
        """What a record of `likeness` says; one without its errors is a `RecordError`."""
        errors, free = (sample_of(record, f"{p}squared_error") for p in ("", "free_"))
        return cls(record, *worst_and_mean_db(errors), worst_and_mean_db(free)[1])

    def __str__(self) -> str:
        return (
            f"from one history the worst block {decibels(self.worst_db)}, all "
            f"{decibels(self.mean_db)}; running free {decibels(self.free_db)}"
        )

    @property
    def stood_in(self) -> str:
        """What stood in for something else as the pictures were made; "" if nothing did."""
        return str(self.record.facts.get("fallbacks", ""))


def distances_in(records: Iterable[Record]) -> dict[Preset, Distance]:
    """By the preset as it is seen, how far its pictures are; the last record counts."""
    return {
        record.preset.as_seen(): Distance.of(record)
        for record in records
        if tells_of_pictures(record)
    }
