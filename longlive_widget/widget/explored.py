"""What a page that explores trade-offs shows of a case. Knows neither comms nor studios."""

import json
from dataclasses import dataclass
from typing import get_args

from longlive_widget.errors import RecordError, SessionError, choice_of
from longlive_widget.measure.figures import choice
from longlive_widget.measure.recommend import Candidate
from longlive_widget.measure.trade_chart import Quality, qualities_of, quality_told, unbeaten_by
from longlive_widget.presets import Preset, as_named
from longlive_widget.widget.cases import Case, Drawn
from longlive_widget.widget.cell import preset_code


@dataclass(frozen=True)
class View:
    """What is looked at: a case, a figure of pictures, a preset by its name."""

    case: Case
    quality: Quality = "psnr"
    preset: str = ""

    def of(self, case: Case) -> "View":
        """The same of another case, or of the same one as it is now, as far as that has it."""
        names = [one.name for one in case.candidates]
        preset = self.preset if self.preset in names else next(iter(names), "")
        quality = self.quality if self.quality in qualities_of(case.candidates) else "psnr"
        return View(case, quality, preset)

    def at(self, preset: str) -> "View":
        """The same with that preset; one that the case has not is a `SessionError`."""
        names = [one.name for one in self.case.candidates]
        if preset not in names:
            raise SessionError(f"no preset here is called {preset!r}: {choice_of(preset, names)}")
        return View(self.case, self.quality, preset)

    @property
    def chosen(self) -> Preset | None:
        """The preset; None where the case has none."""
        found = [one.preset for one in self.case.candidates if one.name == self.preset]
        return as_named(found[0]) if found else None

    def shown(self, *, live: bool) -> dict[str, object]:
        """The case with its charts and what a click does, as JSON has it."""
        candidates = self.case.candidates
        best = unbeaten_by(candidates, self.quality)
        return {
            "case": self.case.label,
            "qualities": list(qualities_of(candidates)),
            "quality": self.quality,
            "presets": [
                _row(one, self.quality, best=place in best) for place, one in enumerate(candidates)
            ],
            "preset": self.preset,
            "code": self._code(live=live),
            "charts": {name: self._drawn(name) for name in get_args(Drawn)},
        }

    def _drawn(self, name: Drawn) -> dict[str, object]:
        """A chart and what it leaves open, or why there is none."""
        try:
            figure = self.case.figure(name, self.quality, self.chosen)
            note = self.case.note(name, self.chosen)
        except RecordError as error:
            return {"figure": None, "note": str(error)}
        drawn = json.loads(figure.to_json())
        del drawn["layout"]["template"]  # the page has colours of its own
        return {"figure": drawn, "note": note}

    def _code(self, *, live: bool) -> str:
        """The Python of a click on a live studio, or else what loads the model under the preset."""
        if self.chosen is None:
            return ""
        written = preset_code(self.chosen)
        names = set(written.names)
        if live:
            line = f"studio.preset = {written.text}"
        else:
            record = self.case.candidates[0].timed[0]
            weights = ', weights="random"' if record.weights == "random" else ""
            line = f"engine = Engine.load({record.model!r}, preset={written.text}{weights})"
            names.add("Engine")
        imports = f"from longlive_widget import {', '.join(sorted(names))}\n\n" if names else ""
        return imports + line


def _row(one: Candidate, quality: Quality, *, best: bool) -> dict[str, object]:
    """A preset in words; `best` if no other beats it."""
    memory = "" if one.memory_bytes is None else f"{one.memory_bytes / 1e9:.1f} GB"
    changes = [f"{name}: {choice(value)}" for name, value in one.preset.changes().items()]
    return {
        "name": one.name,
        "figures": [f"{one.block_ms:.0f} ms a block", quality_told(one, quality), memory],
        "changes": changes or ["all settings are the reference's"],
        "best": best,
    }
