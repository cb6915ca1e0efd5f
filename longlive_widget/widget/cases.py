"""What was measured, case by case: one model at one size on one machine, never two in a chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from longlive_widget.errors import RecordError, SessionError, one_of
from longlive_widget.measure.chart import Chart
from longlive_widget.measure.commands import profile_command
from longlive_widget.measure.profile_charts import stored_roofline_figure
from longlive_widget.measure.recommend import (
    Candidate,
    candidates_in,
    case_of,
    is_judged,
    tells_of_pictures,
)
from longlive_widget.measure.record import Record
from longlive_widget.measure.trade_chart import Quality, trade_figure
from longlive_widget.measure.waterfall import waterfall
from longlive_widget.measure.waterfall_chart import waterfall_figure
from longlive_widget.presets import Preset, as_named

Drawn = Literal["trade", "waterfall", "roofline"]


@dataclass(frozen=True)
class Case:
    """The presets that were measured in one case, and all records that tell of it."""

    label: str
    candidates: tuple[Candidate, ...]
    records: tuple[Record, ...]

    def figure(self, name: Drawn, quality: Quality, preset: Preset | None) -> Chart:
        """A chart of it: the trade by that figure of pictures; the other two of that preset.

        Where there is nothing to draw it from, it is a `RecordError` with the command that measures
        it; another name is a `SessionError`.
        """
        one_of("chart", name, get_args(Drawn), SessionError)
        match name:
            case "trade" if not self.candidates:
                raise RecordError(
                    "nothing was measured yet: let the studio make 5 blocks or more under a preset"
                )
            case "trade":
                return trade_figure(self.candidates, quality)
            case "waterfall":
                return waterfall_figure(waterfall(self.records, _chosen(preset)))
            case "roofline":
                return stored_roofline_figure(self._profile(_chosen(preset)))
            case _:
                assert_never(name)

    def note(self, name: Drawn, preset: Preset | None) -> str:
        """What a chart leaves open, and the command that measures it; "" if nothing."""
        if name != "waterfall" or preset is None:
            return ""
        found = waterfall(self.records, preset)
        if not found.together:
            return ""
        settings = [name for step in found.together for name in step.settings]
        return f"{', '.join(settings)}: not measured apart; `{found.command}` measures each step"

    def _profile(self, preset: Preset) -> Record:
        """The newest profile of a preset."""
        profiles = [record for record in self.records if record.kind == "profile"]
        found = [one for one in profiles if one.preset.changes() == preset.changes()]
        if not found:
            command = profile_command(self.records, preset)
            raise RecordError(f"no profile of {preset.name!r} is here: `{command}` makes one")
        return max(found, key=lambda record: record.time)


def cases_of(records: Sequence[Record]) -> tuple[Case, ...]:
    """The cases of which there are benchmarks, in their order.

    Benchmarks of different settings under one name are a `RecordError`.
    """
    labels = dict.fromkeys(case_of(record) for record in records if record.kind == "benchmark")
    seen = [record for record in records if tells_of_pictures(record) or is_judged(record)]
    found = []
    for label in labels:
        own = [record for record in records if case_of(record) == label]
        timed = [record for record in own if record.kind == "benchmark"]
        found.append(Case(label, candidates_in((*timed, *seen)), tuple(own)))
    return tuple(found)


def _chosen(preset: Preset | None) -> Preset:
    if preset is None:
        raise RecordError("no preset is chosen: choose one that was measured")
    return as_named(preset)
