"""What a cell of Python says, of a studio or a kept run, to set up the same again. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longlive_widget.engine.names import ADAPTER, NAMED, OWN_ADAPTER
from longlive_widget.errors import SessionError
from longlive_widget.presets import PRESETS, Preset
from longlive_widget.timeline import Timeline
from longlive_widget.timeline_forms import timeline_as

if TYPE_CHECKING:
    from longlive_widget.runs.manifest import Manifest


@dataclass(frozen=True)
class Written:
    """Python, and the names of the package that it needs."""

    text: str
    names: frozenset[str] = frozenset()


def run_code(run: "Manifest", model: str | None = None) -> str:
    """A cell that makes a studio of the video that a run is of, from its beginning, and shows it.

    Args:
        run: what was kept of it.
        model: where its model is, if its name does not say so.

    A model that is neither named nor said, and what no cell can say, are a `SessionError`.
    """
    maker, (first, *others) = run.maker, run.adapters
    if model is None and maker.model not in NAMED:
        raise SessionError(
            f"this run is of a model called {maker.model!r}, which is none of {', '.join(NAMED)}: "
            "say where it is, by model="
        )
    if others or set(first.scales) - {OWN_ADAPTER} or run.positions != "relative":
        raise SessionError(
            "this run had adapters of its own, or absolute positions, which a cell cannot say: "
            "replay() makes it again"
        )
    presets = [(0, maker.preset), *((turn.block, as_asked(turn.preset)) for turn in run.presets)]
    written = preset_code(presets[0][1])
    words = [repr(model or maker.model), written.text, f"dtype={maker.dtype!r}"]
    words += [] if maker.weights == "trained" else [f"weights={maker.weights!r}"]
    loads = [f"engine = Engine.load({', '.join(words)})"]
    if ADAPTER + OWN_ADAPTER in maker.fingerprints and first.scales.get(OWN_ADAPTER) != 1:
        loads.append(f"engine.use_adapters({dict(first.scales)})")
    engine = Written("\n".join(loads), written.names | {"Engine"})
    size_px = run.geometry.width_px, run.geometry.height_px
    return studio_cell(engine, presets, run.timeline, run.seed, size_px)


def preset_code(preset: Preset) -> Written:
    """A preset as an argument: by its name, if that is all that there is to know of it."""
    if PRESETS.get(preset.name) == preset:
        return Written(repr(preset.name))
    words = (preset.name, preset.summary)
    changes = [f"{name}={value!r}" for name, value in preset.changes().items()]
    return Written(f"Preset({', '.join([*map(repr, words), *changes])})", frozenset({"Preset"}))


def studio_cell(
    engine: Written,
    presets: Sequence[tuple[int, Preset]],
    timeline: Timeline,
    seed: int,
    size_px: tuple[int, int] | None,
) -> str:
    """A cell of a studio: `engine` are the lines that load it under the first preset.

    Where others have taken over, the cell makes the blocks before them.
    """
    after = [] if size_px is None else [Written(f"studio.size_px = {size_px}")]
    made = 0
    for block, preset in presets[1:]:
        written = preset_code(preset)
        run = f"studio.run(blocks={block - made})\nstudio.preset = {written.text}"
        after.append(replace(written, text=run))
        made = block
    return widget_code(
        "LongLiveWidget",
        "studio",
        timeline,
        [engine],
        [Written("engine"), Written("timeline"), Written(f"seed={seed}")],
        after,
    )


def widget_code(
    widget: str,
    variable: str,
    timeline: Timeline | None,
    before: Sequence[Written],
    arguments: Sequence[Written],
    after: Sequence[Written] = (),
) -> str:
    """A cell that makes a widget and shows it.

    Args:
        widget: the class.
        variable: what it is called in the cell.
        timeline: what it follows, `timeline` in the cell; None where it names its prompts.
        before: lines that make what the arguments name.
        arguments: those of the call.
        after: lines between the call and the last one.
    """
    imported, _, planned = (
        ("", "", "") if timeline is None else timeline_as(timeline, "python").partition("\n\n")
    )
    names = {*imported.removeprefix("from longlive_widget import ").split(", "), widget} - {""}
    names = names.union(*(written.names for written in (*before, *arguments, *after)))
    call = f"{variable} = {widget}({', '.join(argument.text for argument in arguments)})"
    lines = [*(line.text for line in before), call, *(line.text for line in after), variable]
    wanted = ", ".join(sorted(names))
    return f"from longlive_widget import {wanted}\n\n{planned}" + "\n".join(lines) + "\n"


def as_asked(preset: Preset) -> Preset:
    """The preset that a session says it ran under, where only its attention is told in full."""
    known = PRESETS.get(preset.name, preset)
    return known if replace(known, attention=preset.attention) == preset else preset
