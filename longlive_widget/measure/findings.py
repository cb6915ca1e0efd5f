"""The findings of LongLive's log, each beside what records say of it.

What is said of a finding is computed from records; where those are not there it is not measured.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from longlive_widget.engine.capability import FP8_LINEARS_CAPABILITY
from longlive_widget.measure.contrast import Contrast, contrasts
from longlive_widget.measure.recommend import case_of, sample_of
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Summary
from longlive_widget.optimization_log import COMPILED_CHANGE, NEGLIGIBLE, NOTES
from longlive_widget.presets import COMPILED_WITHOUT_GRAPHS, PRESETS, Preset

NEAR = 0.05
"""Two changes that are no further apart than this share of a block count as the same."""
_HOPPER = 9
"""What the compute capability of those GPUs begins with."""
_FP8 = ".".join(map(str, FP8_LINEARS_CAPABILITY))
Verdict = Literal["confirmed", "wrong", "differs", "not measured"]


@dataclass(frozen=True)
class Seen:
    """What records say of a finding, and which ones do."""

    verdict: Verdict
    told: str
    records: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One finding of the log: its words, how records are looked at, and why ours may differ."""

    number: int
    look: Callable[[Sequence[Record]], Seen]
    why: str

    @property
    def words(self) -> str:
        """The log's own."""
        return NOTES[self.number]


def compiling_alone(records: Sequence[Record]) -> Seen:
    """Whether compiling takes off what the log says."""

    def verdict(found: Sequence[Contrast]) -> Verdict:
        change = found[0].change
        if not change.seen or change.median > 0:
            return "wrong"
        return "confirmed" if abs(change.median - COMPILED_CHANGE) <= NEAR else "differs"

    ours = [record for record in records if "compiled" in record.facts]
    seen = _of_one_setting([r for r in records if "compiled" not in r.facts], "compiled", verdict)
    if not ours:
        return seen
    newest = max(ours, key=lambda record: record.time)
    told = (
        f"{seen.told}; with the newest kernels `compiled={newest.preset.compiled}` compiles "
        f"{newest.facts['compiled']}"
    )
    return Seen(seen.verdict, told, (*seen.records, newest))


def graphs_run(records: Sequence[Record]) -> Seen:
    """Whether blocks are replayed as CUDA graphs, and what that changes."""
    return _ran(records, "cuda_graphs", lambda preset: preset.replays("cuda"))


def graphs_of_torch_run(records: Sequence[Record]) -> Seen:
    """Whether the modes of torch.compile run that record graphs themselves."""
    return _ran(records, "compiled", lambda preset: preset.compiled in COMPILED_WITHOUT_GRAPHS)


def int8_is_slower(records: Sequence[Record]) -> Seen:
    """Whether a window in int8 costs time."""

    def verdict(found: Sequence[Contrast]) -> Verdict:
        change = found[0].change
        return "confirmed" if change.seen and change.median > 0 else "wrong"

    return _of_one_setting(records, "window_dtype", verdict)


def window_costs_nothing(records: Sequence[Record]) -> Seen:
    """Whether a block takes as long over any window."""

    def verdict(found: Sequence[Contrast]) -> Verdict:
        most = max(abs(contrast.change.median) for contrast in found if contrast.change.bounded)
        return "confirmed" if most <= NEGLIGIBLE else "wrong"

    return _of_one_setting(records, "window_frames", verdict)


def fp8_needs_hopper(records: Sequence[Record]) -> Seen:
    """Whether FP8 gains on Hopper, and there alone; that nothing falls back by itself is known."""

    def verdict(found: Sequence[Contrast]) -> Verdict:
        on_hopper = [c for c in found if int(_capability(c.before[0])) == _HOPPER]
        if any(c.change.seen and c.change.median < 0 for c in found if c not in on_hopper):
            return "wrong"
        if not on_hopper:
            return "not measured"
        gains = any(c.change.seen and c.change.median < 0 for c in on_hopper)
        return "differs" if gains else "wrong"

    return _of_one_setting(records, "linear_dtype", verdict)


def steps_are_linear(records: Sequence[Record]) -> Seen:
    """Whether a block takes as much less as it has fewer steps."""

    def verdict(found: Sequence[Contrast]) -> Verdict:
        far = [abs(c.change.median - _expected(c)) > NEAR for c in found]
        return "differs" if any(far) else "confirmed"

    seen = _of_one_setting(records, "denoise_steps", verdict)
    share = _share_of_steps(records)
    if share is None:
        return seen
    of_steps, record = share
    steps = len(record.preset.denoise_steps)
    told = (
        f"{seen.told}; the {steps} steps of `{record.preset.name}` take {of_steps:.0%} of its "
        f"block, so one less can save {of_steps / steps:.0%}, where the log has {1 / steps:.0%}"
    )
    off = abs(of_steps / steps - 1 / steps) > NEAR
    verdict_now = "differs" if seen.verdict == "not measured" and off else seen.verdict
    return Seen(verdict_now, told, (*seen.records, record))


FINDINGS = (
    Finding(
        1,
        compiling_alone,
        "the log's own preset had a static window, a pool and decoding behind beside compiling",
    ),
    Finding(
        2,
        graphs_run,
        "a window in buffers that turns has few states: each is recorded once, and its indices are "
        "those of the state",
    ),
    Finding(
        3,
        int8_is_slower,
        "attention reads the model's numbers, so what is held in 8 bits is turned back first",
    ),
    Finding(
        4,
        window_costs_nothing,
        "the log timed first blocks of new videos, which see themselves alone, whichever window",
    ),
    Finding(
        5,
        fp8_needs_hopper,
        f"here FP8 needs compute capability {_FP8} and is refused elsewhere, unless the model's "
        "numbers may stand in for it (`--allow-fallback`), which the record says then",
    ),
    Finding(
        6,
        graphs_of_torch_run,
        "keys and values of a prompt stay in tensors that no graph has made, and each pass begins "
        "by saying so to torch",
    ),
    Finding(
        7,
        steps_are_linear,
        "a block is also its context pass, as long as a step, and its decoding",
    ),
)


def empty_window(records: Sequence[Record]) -> tuple[tuple[Record, tuple[Record, ...]], ...]:
    """Each record of first blocks, as the log timed them, and those of its preset's steady ones."""
    steady = [record for record in records if record.kind == "benchmark"]
    return tuple(
        (
            first,
            tuple(
                record
                for record in steady
                if record.preset == first.preset and case_of(record) == case_of(first)
            ),
        )
        for first in records
        if first.kind == "benchmark_as_the_log"
    )


def _of_one_setting(
    records: Sequence[Record], setting: str, verdict: Callable[[Sequence[Contrast]], Verdict]
) -> Seen:
    """What records say that differ in it alone; else the nearest, which proves nothing.

    The newest engine of which there are such records decides; those of others are told.
    """
    found = contrasts(records, setting)
    alone = [c for c in found if c.settings == {setting} and c.change.bounded]
    if alone:
        newest = [contrast for contrast in alone if contrast.commit == alone[0].commit]
        told = _listed(alone, setting, records)
        return Seen(verdict(newest), told, _each_once(_of_all(alone)))
    told = f"no records differ in `{setting}` alone"
    if not found:
        return Seen("not measured", told)
    nearest = _listed(found[:1], setting, records)
    return Seen("not measured", f"{told}; {nearest}", found[0].records)


def _ran(records: Sequence[Record], setting: str, asks: Callable[[Preset], bool]) -> Seen:
    """The log says that it fails: a record of blocks on a GPU is one that it does not."""
    ran = [r for r in records if r.machine.device_type == "cuda" and asks(r.preset)]
    if not ran:
        return Seen("not measured", "no record is of a preset that asks for it")
    names = ", ".join(dict.fromkeys(f"`{record.preset.name}`" for record in ran))
    blocks = sum(len(record.samples.get("block_ms", ())) for record in ran)
    switches = sum(len(record.samples.get("switch_ms", ())) for record in ran)
    told = f"it runs: {names}, {blocks} steady blocks and {switches} switches"
    alone = [c for c in contrasts(records, setting) if c.settings == {setting}]
    alone = [c for c in alone if asks(c.presets[1])]
    if alone:
        told += f"; {_listed(alone, setting, records)}"
    return Seen("wrong", told, _each_once([*ran, *_of_all(alone)]))


def _expected(contrast: Contrast) -> float:
    """The log's rule: as much less as there are fewer steps."""
    before, after = (len(preset.denoise_steps) for preset in contrast.presets)
    return after / before - 1


def _share_of_steps(records: Sequence[Record]) -> tuple[float, Record] | None:
    """What all steps of the reference are of its block, and the newest record that says so."""
    for record in sorted(records, key=lambda record: record.time, reverse=True):
        own = record.preset == PRESETS["reference"] and record.kind == "benchmark"
        if own and "steps_ms" in record.samples:
            medians = (Summary.of(sample_of(record, f"{n}_ms")).p50 for n in ("steps", "block"))
            steps_ms, block_ms = medians
            return steps_ms / block_ms, record
    return None


def _capability(record: Record) -> float:
    return float(record.machine.compute_capability or 0)


def _listed(found: Iterable[Contrast], setting: str, records: Iterable[Record]) -> str:
    """The contrasts in words; those that are not of the newest commit of all these are marked."""
    commit = max(records, key=lambda record: record.time).commit
    told, before = [], ""
    for one in found:
        over = one.over if one.commit == commit else f"{one.over}, an earlier engine"
        told.append(one.told(setting, "over the same" if over == before else over))
        before = over
    return "; ".join(told)


def _of_all(found: Iterable[Contrast]) -> Iterable[Record]:
    return (record for contrast in found for record in contrast.records)


def _each_once(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple({id(record): record for record in records}.values())
