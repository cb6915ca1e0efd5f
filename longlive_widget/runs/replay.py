"""A run made again from its manifest, and held against it picture by picture."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from reprlib import repr as short
from typing import Literal, cast

import torch

from longlive_widget.engine.engine import Dtype, Engine
from longlive_widget.engine.names import ADAPTER, LANGUAGE, NAMED
from longlive_widget.engine.session import Block, Session, TakenOver
from longlive_widget.engine.side_by_side import psnr_db, squared_error
from longlive_widget.engine.source import Source
from longlive_widget.errors import ManifestError, ModelNotFoundError, require_engine
from longlive_widget.geometry import pictures_before
from longlive_widget.measure.record import Versions
from longlive_widget.presets import UNSEEN, Attention, Preset
from longlive_widget.runs.logbook import maker_of
from longlive_widget.runs.manifest import Maker, Manifest, Scales, Turn, picture_hashes
from longlive_widget.runs.recording import RecordedRun
from longlive_widget.timeline import Taken

TOLD_BLOCKS = 4
MeasuredOn = Literal["the pictures as they were made", "a video with loss"]
_EXACT: MeasuredOn = "the pictures as they were made"
_WITH_LOSS: MeasuredOn = "a video with loss"

_OF_A_MACHINE = ("device_type", "device", "compute_capability", "driver", "processor", "threads")
_TOLD_ELSEWHERE = ("name", "summary", "attention")
_UNKNOWN = (
    "nothing that a manifest knows of is another: the file was changed, or this machine does not "
    "compute alike each time"
)


@dataclass(frozen=True)
class Replay:
    """What came of making a run again.

    `different` are the numbers of the pictures that are not the run's, counted from the video's
    beginning; `reasons` say what may have made them so: what is another here than it was there.
    `psnr_db` says of each block that has such pictures how near it is, where the run came with
    them: the peak signal-to-noise ratio. `measured_on` are what it was measured on.
    """

    manifest: Manifest
    different: tuple[int, ...]
    reasons: tuple[str, ...]
    psnr_db: Mapping[int, float] = field(default_factory=dict)
    measured_on: MeasuredOn | None = None

    @property
    def equal(self) -> bool:
        """Whether every picture is the run's, to the bit."""
        return not self.different

    @property
    def different_block(self) -> int | None:
        """The first block that has other pictures."""
        if self.equal:
            return None
        frames = self.manifest.geometry.block_frames
        blocks = range(self.manifest.first_block, self.manifest.end)
        begins = (pictures_before(block * frames) for block in blocks)
        return max(
            block for block, begin in zip(blocks, begins, strict=True) if begin <= self.different[0]
        )

    def __str__(self) -> str:
        run = self.manifest
        if self.equal:
            return f"equal: all {run.pictures} pictures of {len(run.blocks)} blocks, to the bit"
        return (
            f"different from picture {self.different[0]} on (block {self.different_block}): "
            f"{len(self.different)} of {run.pictures} pictures are others{self._nearness()}; "
            f"{'; '.join(self.reasons) or _UNKNOWN}"
        )

    def _nearness(self) -> str:
        if not self.psnr_db:
            return ""
        told = ", ".join(f"{block}: {ratio:.1f} dB" for block, ratio in self._told_blocks())
        return f" (PSNR by block, against {self.measured_on}: {told})"

    def _told_blocks(self) -> Iterator[tuple[int, float]]:
        """The first blocks, and the one that is the furthest away."""
        worst = min(self.psnr_db, key=lambda block: self.psnr_db[block])
        first = list(self.psnr_db)[:TOLD_BLOCKS]
        for block in first if worst in first else (*first, worst):
            yield block, self.psnr_db[block]


def replay(
    run: str | Path | Manifest | RecordedRun,
    *,
    engine: Engine | None = None,
    model: str | Path | Source | None = None,
    device: str | None = None,
    allow_fallback: bool = False,
    on_block: Callable[[Block], None] | None = None,
) -> Replay:
    """Make a run again, and compare each picture with its hash.

    Args:
        run: the manifest, or its file; or a recording, or its folder, which has pictures too: then
            those that differ are also measured.
        engine: what makes it; None loads the model, preset and adapter that the manifest names.
        model: where that model is, if its name does not say so, as `Engine.load` takes it.
        device: where to compute; None takes the kind of device that the run was made on.
        allow_fallback: run the nearest thing where this machine lacks something; a reason says so.
        on_block: called with each block as it is made.

    What cannot be loaded raises as in `Engine.load`; a manifest that cannot be read, or that has
    adapters which the engine has not, is a `ManifestError`.
    """
    manifest, recording = kept(run)
    if engine is None:
        engine = load_for(manifest, model, device=device, allow_fallback=allow_fallback)
    require_engine(engine)
    geometry = manifest.geometry
    session = engine.session(
        manifest.timeline,
        manifest.seed,
        size_px=(geometry.width_px, geometry.height_px),
        positions=manifest.positions,
    )
    different: list[int] = []
    near_db: dict[int, float] = {}
    for block in _made(engine, session, manifest):
        if block.index >= manifest.first_block:
            then = manifest.blocks[block.index - manifest.first_block].pictures
            begin = pictures_before(block.latent_frame)
            pairs = zip(picture_hashes(block.frames), then, strict=True)
            found = [begin + n for n, (here, there) in enumerate(pairs) if here != there]
            different += found
            if found and recording is not None:
                near_db[block.index] = _psnr_db(block, recording)
        if on_block is not None:
            on_block(block)
    reasons: tuple[str, ...] = ()
    if different:
        reasons = differences(manifest.maker, maker_of(engine))
        reasons += tuple(_of_turns(manifest.presets, session.presets))
        reasons += tuple(_of_prompts(manifest, session.taken))
    measured_on: MeasuredOn | None = None
    if near_db and recording is not None:
        measured_on = _EXACT if recording.lossless else _WITH_LOSS
    return Replay(manifest, tuple(different), reasons, near_db, measured_on)


def kept(run: str | Path | Manifest | RecordedRun) -> tuple[Manifest, RecordedRun | None]:
    """The manifest of a run, and the recording if it came with one.

    What cannot be read is a `ManifestError`.
    """
    if isinstance(run, Manifest):
        return run, None
    if not isinstance(run, RecordedRun):
        if not isinstance(run, str | Path):
            raise ManifestError(
                f"run {run!r} is none: give a manifest, its file, a recording or its folder"
            )
        if not _is_folder(run):
            return Manifest.read(run), None
        run = RecordedRun.open(run)
    return run.manifest, run


def _is_folder(path: str | Path) -> bool:
    """False also of what no file can be called: who reads it says so."""
    try:
        return Path(path).expanduser().is_dir()
    except (OSError, RuntimeError):
        return False


def _psnr_db(block: Block, recording: RecordedRun) -> float:
    """How near a block is to the recorded one."""
    there = recording.block(block.index).frames
    return psnr_db(squared_error(torch.from_numpy(block.frames), torch.from_numpy(there)))


def load_for(
    manifest: Manifest,
    model: str | Path | Source | None = None,
    *,
    device: str | None = None,
    allow_fallback: bool = False,
) -> Engine:
    """The engine that a run asks for; what is loaded, and its errors, are as in `Engine.load`.

    A manifest's word is taken only for the models that have a name here: it opens no folder, and
    fetches nothing from a place that it chooses.

    Raises:
        ModelNotFoundError: its model is another one, and `model` does not say where that is.
    """
    maker = manifest.maker
    if model is None and maker.model not in NAMED:
        raise ModelNotFoundError(
            f"this run is of a model called {short(maker.model)}, which is none of "
            f"{', '.join(NAMED)}: say where it is, by model= or --model"
        )
    device_type = maker.machine.device_type
    attention = cast(Attention, maker.attention)  # not what is the fastest today
    preset = replace(maker.preset, attention=attention)
    return Engine.load(
        maker.model if model is None else model,
        preset,
        device=device or device_type,
        dtype=cast(Dtype, maker.dtype),
        weights=maker.weights,
        allow_fallback=allow_fallback,
        emulate=device_type == "cpu",
    )


def _made(engine: Engine, session: Session, manifest: Manifest) -> Iterator[Block]:
    """All blocks of the video, each with the adapters and under the preset that it had."""
    before = engine.adapters
    for swap in manifest.adapters:
        _require_adapters(engine, swap.scales)
    swaps = {swap.block: swap.scales for swap in manifest.adapters}
    turns = {turn.block: turn.preset for turn in manifest.presets}
    present = engine
    try:
        for begin, after in pairwise(sorted({*swaps, *turns, manifest.end})):
            if begin in turns:
                preset = _as_loaded(turns[begin], engine, manifest)
                present = present.under(preset, beside=(engine,))
                present.take_over(session)
            if begin in swaps:
                present.use_adapters(swaps[begin])
            yield from session.blocks(after - begin)
    finally:
        engine.use_adapters(before)


def _as_loaded(preset: Preset, engine: Engine, manifest: Manifest) -> Preset:
    """The preset, with the engine's own choice of a kernel where it ran on the same one."""
    same = preset.attention == manifest.maker.attention
    return replace(preset, attention=engine.preset.attention) if same else preset


def _require_adapters(engine: Engine, scales: Scales) -> None:
    for name in scales:
        if name not in engine.adapters:
            raise ManifestError(
                f"this run has an adapter {name!r}, which no manifest holds: add it to an engine, "
                "and give that as replay(..., engine=engine)"
            )


def differences(then: Maker, now: Maker) -> tuple[str, ...]:
    """What is another now than it was then and may change pictures, each in a clause."""
    return (*_of_model(then, now), *_of_preset(then, now), *_of_machine(then, now))


def _of_model(then: Maker, now: Maker) -> Iterator[str]:
    for name in ("model", "weights", "dtype"):
        yield from _other(name, getattr(then, name), getattr(now, name))
    if then.dtype != now.dtype:
        return  # then each hash is another too
    for part in sorted({*then.fingerprints, *now.fingerprints}):
        if then.fingerprints.get(part) != now.fingerprints.get(part):
            what = f"the {part}" if part.startswith(ADAPTER) else f"the model's {part}"
            other = "takes prompts otherwise" if part == LANGUAGE else "has other weights (SHA-256)"
            yield f"{what} {other} than then"


def _of_preset(then: Maker, now: Maker) -> Iterator[str]:
    yield from _other("attention", then.attention, now.attention)
    for one in fields(Preset):
        if one.name not in (*_TOLD_ELSEWHERE, *UNSEEN):
            was, is_now = getattr(then.preset, one.name), getattr(now.preset, one.name)
            yield from _other(f"{one.name} of the preset", was, is_now)
    yield from _stood_in(then.fallbacks, now.fallbacks)


def _of_prompts(then: Manifest, now: Iterable[Taken]) -> Iterator[str]:
    if then.taken is None:
        return
    there, here = ({each.block: each.in_full for each in taken} for taken in (then.taken, now))
    for landing in then.landings:
        if landing.replaced_by is None:
            was, is_now = (taken.get(landing.block, landing.prompt) for taken in (there, here))
            if was != is_now:
                yield f"{landing.prompt!r} was taken as {was!r}, here it is as {is_now!r}"


def _of_turns(then: Iterable[Turn], now: Iterable[TakenOver]) -> Iterator[str]:
    here = {turn.block: turn.fallbacks for turn in now}
    for turn in then:
        since = f", from block {turn.block} on"
        yield from _stood_in(turn.fallbacks, here.get(turn.block, ()), since)


def _stood_in(then: tuple[str, ...], now: tuple[str, ...], since: str = "") -> Iterator[str]:
    if then != now:
        yield from (f"{sentence} (here{since})" for sentence in now)
        yield from (f"{sentence} (then{since})" for sentence in then)


def _of_machine(then: Maker, now: Maker) -> Iterator[str]:
    for name in _OF_A_MACHINE:
        yield from _other(name, getattr(then.machine, name), getattr(now.machine, name))
    for one in fields(Versions):
        was, is_now = getattr(then.versions, one.name), getattr(now.versions, one.name)
        yield from _other(one.name, was, is_now)
    for name in ("cpu_capability", "float32_matmul", "commit"):
        yield from _other(name, getattr(then, name), getattr(now, name))
    for name in sorted({*then.libraries, *now.libraries}):
        yield from _other(name, then.libraries.get(name), now.libraries.get(name))


def _other(what: str, then: object, now: object) -> Iterator[str]:
    if then != now:
        yield f"{what.replace('_', ' ')} was {then}, here it is {now}"
