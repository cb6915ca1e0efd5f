"""What a click has set up, as the Python that sets it up: a cell to keep."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from longlive_widget.engine.official import OfficialFiles
from longlive_widget.errors import SessionError
from longlive_widget.presets import Preset
from longlive_widget.timeline import Timeline
from longlive_widget.widget.cell import Written, as_asked, preset_code, studio_cell

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine, Origin
    from longlive_widget.engine.session import Session


def engine_code(variable: str, engine: "Engine", preset: Preset) -> Written:
    """The lines that load an engine as it was loaded, under a preset, with the adapters it has.

    One that was made in memory is a `SessionError`.
    """
    if engine.origin is None:
        raise SessionError(
            f"engine {engine.name!r} was made in memory, and a cell cannot make it again: use "
            "Engine.load"
        )
    model, chosen = _model_code(engine.origin), preset_code(preset)
    arguments = ", ".join([model.text, chosen.text, *_other_arguments(engine.origin)])
    lines = [f"{variable} = Engine.load({arguments})", *_adapter_lines(variable, engine)]
    return Written("\n".join(lines), model.names | chosen.names | {"Engine"})


def presets_of(engine: "Engine", session: "Session | None") -> list[tuple[int, Preset]]:
    """The blocks of a video from which on a preset makes it, and which; the first is 0."""
    if session is None:
        return [(0, engine.preset)]
    found = {0: session.first_preset}
    found |= {turn.block: as_asked(turn.preset) for turn in session.presets}
    *_, last = found.values()
    if session.presets:  # a session tells of these what attention ran on, not what was asked
        last = replace(last, attention=session.preset.attention)
    if last != session.preset:
        found[session.next_block] = session.preset
    return list(found.items())


def require_steady_adapters(engine: "Engine", session: "Session | None") -> None:
    """Nothing, unless a video was made with other adapters than now, which no cell says.

    Raises:
        SessionError: some block of it was.
    """
    now = {name: scale for name, scale in engine.adapters.items() if scale}
    for block, scales in () if session is None else session.adapters:
        if scales != now:
            raise SessionError(
                f"this video had adapters {scales} from block {block} on and now they are {now}, "
                "which a cell cannot say: stop() it, and code() makes the next one"
            )


def studio_code(
    engine: "Engine",
    presets: Sequence[tuple[int, Preset]],
    timeline: Timeline,
    seed: int,
    size_px: tuple[int, int] | None,
) -> str:
    """A cell that makes a studio of one video and shows it.

    Args:
        engine: what makes it, loaded as it was.
        presets: the blocks from which on a preset makes the video, and which; the first is block 0.
            Where others have taken over, the cell makes the blocks before them.
        timeline: what it follows.
        seed: its noise.
        size_px: width and height; None for the model's own.

    An engine that was made in memory is a `SessionError`.
    """
    loads = engine_code("engine", engine, presets[0][1])
    return studio_cell(loads, presets, timeline, seed, size_px)


def _model_code(origin: "Origin") -> Written:
    match origin.given.model:
        case str() | Path() as name:
            return Written(repr(str(name)))
        case OfficialFiles() as files:
            paths = {part.name: getattr(files, part.name) for part in fields(files)}
            given = ", ".join(f"{part}={str(path)!r}" for part, path in paths.items() if path)
            return Written(f"OfficialFiles({given})", frozenset({"OfficialFiles"}))
        case source:
            raise SessionError(
                f"this model was loaded from {type(source).__name__}(...), which a cell cannot "
                "name: load it by its name, its folder or OfficialFiles"
            )


def _other_arguments(origin: "Origin") -> Iterator[str]:
    given = origin.given
    if given.device is not None:
        yield f"device={given.device!r}"
    if given.dtype is not None:
        yield f"dtype={given.dtype!r}"
    if origin.weights != "trained":
        yield f"weights={origin.weights!r}"
    if origin.allow_fallback:
        yield "allow_fallback=True"
    if origin.emulate:
        yield "emulate=True"


def _adapter_lines(variable: str, engine: "Engine") -> Iterator[str]:
    scales, files = engine.adapters, engine.model.adapters.files
    for name, file in files.items():
        if file is not None:
            yield f"{variable}.add_adapter({name!r}, {str(file)!r}, scale={scales[name]})"
    if any(file is None and scales[name] != 1 for name, file in files.items()):
        yield f"{variable}.use_adapters({scales})"
