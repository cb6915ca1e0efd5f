"""The presets and settings that a person may choose from, with what each choice would do.

Everything comes from `Preset` itself: a setting that is added there is offered here.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from types import NoneType
from typing import TYPE_CHECKING, Literal, cast, get_args, get_origin, get_type_hints

from longlive_widget.engine.changeover import OF_A_MODEL, OF_A_VIDEO
from longlive_widget.errors import PresetError
from longlive_widget.presets import PICTURE, PRESETS, Preset, preset_named
from longlive_widget.widget.panel import (
    Kind,
    Measured,
    PresetOffer,
    SettingOffer,
    Value,
    ValueOffer,
    Way,
)

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.starting import Start

_TYPES = {name: hint for name, hint in get_type_hints(Preset).items() if name in PICTURE}


class Offers:
    """What may be chosen while `engine` makes the videos; `loaded` are engines that are there."""

    def __init__(self, engine: "Engine", loaded: "tuple[Engine, ...]" = ()) -> None:
        self._engine = engine
        self._loaded = loaded
        self._ways: dict[Preset, tuple[Way, str]] = {}
        self.settings = tuple(self._setting(name) for name in PICTURE)

    def way(self, preset: Preset) -> tuple[Way, str]:
        """What choosing a preset would do, and the reason, if there is one to tell."""
        if preset not in self._ways:
            self._ways[preset] = self._way(preset)
        return self._ways[preset]

    @cached_property
    def start(self) -> "Start":
        """The preset to start with, where nothing was measured."""
        return self._engine.preset_to_start()

    def presets(
        self, measured: Callable[[Preset], Measured | None], recommended: str | None
    ) -> Iterator[PresetOffer]:
        """All presets by name; the present one, and those of what is loaded, if they are others."""
        known = {one.name: one for one in (*PRESETS.values(), *self._others())}
        for preset in known.values():
            way, why = self.way(preset)
            yield PresetOffer(
                preset.name,
                preset.summary,
                cast("dict[str, Value]", preset.changes()),
                way,
                why,
                measured(preset),
                preset.name == recommended,
            )

    def named(self, name: object) -> Preset:
        """The preset of that name, one of those that are offered; else it is a `PresetError`."""
        others = {one.name: one for one in self._others()}
        return others[name] if isinstance(name, str) and name in others else preset_named(name)

    def _others(self) -> "list[Preset]":
        return [one.preset for one in (*self._loaded, self._engine)]

    def _way(self, preset: Preset) -> tuple[Way, str]:
        present = self._engine.preset
        if preset == present:
            return "now", ""
        if why := self._engine.why_not(preset):
            return "refused", why.removeprefix(f"preset {preset.name!r} ")
        over = self._engine.way_to(preset)
        there = any(one.way_to(preset).how != "reload" for one in self._loaded)
        if over.how == "reload" and there:
            return ("live" if over.goes_on else "next video"), "; ".join(over.reasons)
        return over.how, "; ".join(over.reasons)

    def _setting(self, name: str) -> SettingOffer:
        present = self._engine.preset
        kind, values = _kind_of(_TYPES[name])
        return SettingOffer(
            name,
            kind,
            getattr(present, name),
            getattr(PRESETS["reference"], name),
            PICTURE[name],
            tuple(self._value(name, value) for value in values),
            "reload" if name in OF_A_MODEL else "next video" if name in OF_A_VIDEO else "live",
        )

    def _value(self, name: str, value: Value) -> ValueOffer:
        try:
            way, why = self.way(self._engine.preset.with_(**{name: value}))
        except PresetError as error:
            way, why = "refused", str(error)
        return ValueOffer(value, way, why)


def _kind_of(hint: object) -> tuple[Kind, tuple[Value, ...]]:
    """How a person sets what has this type, and the values that it may have, if they are few."""
    if hint is bool:
        return "switch", (False, True)
    if get_origin(hint) is Literal:
        return "choice", get_args(hint)
    if get_origin(hint) is tuple:
        return "steps", ()
    others = [one for one in get_args(hint) if one is not NoneType]
    if len(others) == 1 and get_origin(others[0]) is Literal:
        return "choice", (None, *get_args(others[0]))
    return "number", ()


def from_base(base: Preset, present: Preset, setting: str, value: object) -> Preset:
    """The present preset with another setting, named after the preset that it was changed from.

    A setting that does not exist, or a value that is not one for it, is a `PresetError`.
    """
    changed = present.with_(**{setting: value})
    settings = {name: getattr(changed, name) for name in PICTURE}
    return base.with_(**{n: v for n, v in settings.items() if v != getattr(base, n)})
