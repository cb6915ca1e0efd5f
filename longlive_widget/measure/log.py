"""The optimisation log, written anew from records: its figures say which records they are from.

It says nothing that the records do not hold, and proposes its decisions by rules that it states.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain

from longlive_widget import optimization_log
from longlive_widget.engine.side_by_side import worst_and_mean_db
from longlive_widget.errors import RecordError
from longlive_widget.measure.changes_log import change_lines
from longlive_widget.measure.decision import RULE, Decision, baseline_of, change_of, proposed
from longlive_widget.measure.distance import Distance
from longlive_widget.measure.environment_log import environment_lines
from longlive_widget.measure.figures import choice, decibels, milliseconds, number, percent
from longlive_widget.measure.findings_log import finding_lines
from longlive_widget.measure.method_log import method_lines
from longlive_widget.measure.parts_log import parts_lines
from longlive_widget.measure.profile_log import profile_lines
from longlive_widget.measure.quality_log import (
    judged_lines,
    likeness_line,
    others_lines,
    quality_lines,
)
from longlive_widget.measure.random_kind import hides_errors
from longlive_widget.measure.recommend import (
    Candidate,
    candidates_in,
    case_of,
    is_reference,
    remembered,
    sample_of,
)
from longlive_widget.measure.record import Record
from longlive_widget.measure.runs_log import beyond_block_ms, run_lines, runs_in
from longlive_widget.measure.series import scaled, series_lines
from longlive_widget.measure.statistics import (
    Difference,
    Summary,
    difference,
    paired_difference,
)
from longlive_widget.measure.sweet_spot_log import sweet_spot_lines
from longlive_widget.measure.uses import uses
from longlive_widget.presets import PRESETS, Preset

KINDS = (
    "benchmark",
    "benchmark_as_the_log",
    "likeness",
    "rounding",
    "ablation",
    "ablation_synchronised",
    "quality",
    "profile",
    "scale",
    "startup",
)
"""The kinds of record that the log is made from; others are listed and not used."""
_LABELS = ("name", "summary")
"""The fields of a preset that set nothing."""
_ABLATIONS = ("ablation", "ablation_synchronised")
"""Those that stand in the tables of ablations."""
_ABLATION_COLUMNS = ("", "ms a block", "what that changes", "longest", "pictures/s", "peak GB")
_COLUMNS = ("p50", "p95", "p99", "mean", "standard deviation", "least", "most", "samples")
_BEYOND = "beyond_block_ms"
"""No sample of a record: made of three of them."""
_SAMPLES = {
    "block_ms": "steady block",
    "switch_ms": "block of a switch",
    _BEYOND: "beyond a block, prompt read",
    "switch_to_picture_ms": "from a switch to its first pictures on the host",
    "switch_steps_ms": "steps of its block",
    "switch_decode_ms": "decoding of its block",
    "switch_unnamed_percent": "of it in no part",
    "steps_ms": "its steps",
    "decode_ms": "its decoding",
    "noise_to_picture_ms": "from its noise to its first pictures on the host",
    "context_ms": "its context pass",
    "hand_over_ms": "copying its pictures on the host",
    "unnamed_percent": "of it in none of these",
    "re_cache_ms": "re-cache of a switch",
    "text_ms": "reading a prompt",
}
_STARTS = {
    "start_to_torch_s": "torch is there",
    "start_to_checked_s": "checked",
    "start_to_weights_s": "weights",
    "start_to_engine_s": "engine",
    "start_to_picture_s": "first pictures",
    "cold_start_s": "steady, nothing compiled before",
    "warm_start_s": "steady, compiled before",
}
_RAN = ("compiled", "kernels")
"""The facts that say what ran where a preset leaves it open; attention has its own line."""
_FACTS = {
    "first_picture_s": "first picture, s",
    "warm_up_s": "warm-up, s",
    "torch_compile_s": "torch.compile's part of loading and warm-up, s",
    "triton_compile_s": "Triton's part, s",
    "throughput_pictures_per_s": "pictures/s without a stop",
    "load_s": "loading, s",
    "window_bytes": "window, bytes",
    "device_bytes": "device memory, bytes",
    "text_device_peak_bytes": "reading a prompt, bytes of the device",
    "text_host_peak_bytes": "reading a prompt, bytes of the host",
    "host_process_bytes": "host memory of the whole run, bytes",
    "host_process_peak_bytes": "the most of it, bytes",
    "p99_above_p50_percent": "p99 of steady blocks above their p50, %",
    "most_above_p50_percent": "the longest above it, %",
    "first_tenth_p50_ms": "p50 of the first tenth of blocks, ms",
    "last_tenth_p50_ms": "of the last",
    "device_first_turn_bytes": "device memory after the first turn, bytes",
    "device_last_turn_bytes": "after the last",
    "host_first_turn_bytes": "host memory after the first turn, bytes",
    "host_last_turn_bytes": "after the last",
}


_OF_A_START = frozenset(
    ("first_picture_s", "warm_up_s", "torch_compile_s", "triton_compile_s", "load_s")
)
"""What of these depends on what the process has loaded and compiled before."""


def log_page(records: Sequence[Record], *, decisions: Mapping[str, Decision] | None = None) -> str:
    """The log in Markdown.

    Args:
        records: of benchmarks of one model on one device, the reference's among them, and of
            likeness and ablations as far as there are any.
        decisions: by the name of a preset what a person decided: it stands in place of what the
            rule proposes, which is told beside it.

    No benchmark of the reference, benchmarks of several cases, and a decision on a preset that is
    not here are a `RecordError`.
    """
    log = _Log(tuple(records), dict(decisions or {}))
    return "\n".join(log.lines()) + "\n"


class _Log:
    def __init__(self, records: tuple[Record, ...], decisions: dict[str, Decision]) -> None:
        self._records, self._decisions = records, decisions
        self._number = {id(record): number for number, record in enumerate(records, 1)}
        self._candidates = candidates_in(records)
        names = [candidate.name for candidate in self._candidates]
        self._baseline = baseline_of(self._candidates)
        for name in decisions:
            if name not in names:
                raise RecordError(f"a decision is about {name!r}, and there are {', '.join(names)}")

    def lines(self) -> Iterator[str]:
        """The whole page."""
        yield from ("# Optimisation log", "")
        yield from (
            "Made by `longlive-widget log` from the records at its end: numbers in brackets say "
            "which of them a row or a sentence is from. A steady block has a full window.",
            "",
        )
        yield from self._environment()
        yield from ("## Summary", "", *self._summary(), "")
        yield from self._whose()
        yield from self._runs()
        yield from self._findings()
        for candidate in self._candidates:
            yield from self._entry(candidate)
        yield from self._quality()
        yield from self._rounded()
        yield from self._profiles()
        yield from self._ablations()
        yield from self._scale()
        yield from self._starts()
        yield from self._sweet_spots()
        yield from self._uses()
        yield from self._method()
        yield from self._sources()

    def _environment(self) -> Iterator[str]:
        summed_up = self._baseline.timed[0]
        yield from ("## Environment", "")
        yield from (*environment_lines(self._records, summed_up, self._of), "")

    def _summary(self) -> Iterator[str]:
        columns = ("preset", "ms a block", "change", "pictures/s", "latent frames/s", "peak GB")
        yield f"| {' | '.join((*columns, 'worst block', 'decision'))} |"
        yield "|---" * (len(columns) + 2) + "|"
        for one in self._candidates:
            change = self._change(one)
            memory = "" if one.memory_bytes is None else f"{one.memory_bytes / 1e9:.1f}"
            told = "" if change is None else percent(change)
            yield (
                f"| `{one.name}` {self._of([*one.timed, *one.alike])} | {one.block_ms:.1f} | "
                f"{told} | {one.pictures_per_s:.1f} | {one.latent_frames_per_s:.1f} | {memory} | "
                f"{decibels(one.worst_db)} | {self._decided(one)} |"
            )

    def _whose(self) -> Iterator[str]:
        """Which of the figures are of which model and machine, and which presets have none."""
        timed = self._baseline.timed[0]
        yield f"Times, memory and parts of a block: {case_of(timed)}."
        compared = [record for one in self._candidates for record in one.alike]
        judged = [record for record in self._records if record.kind == "quality"]
        for case in dict.fromkeys(map(case_of, (*compared, *judged))):
            yield f"Pictures: {case}."
        missing = PRESETS.keys() - {one.name for one in self._candidates}
        if missing:
            yield f"Not measured: {', '.join(f'`{n}`' for n in PRESETS if n in missing)}."
        yield ""

    def _runs(self) -> Iterator[str]:
        yield from (
            "## Run by run",
            "",
            "A run is one call of `benchmark`, its presets in turns on one machine. The summary is "
            "over all runs; here each is by itself, beside the `reference` that took turns with it "
            "if one did. Of fewer than 100 blocks p99 is the longest. Beyond a block: what a "
            "switch adds to the median steady block, reading its prompt apart; of what decodes "
            "behind it is not told, for there a switch waits for parts of two blocks.",
            "",
            *run_lines(self._records, self._of),
        )

    def _findings(self) -> Iterator[str]:
        """The log's own findings beside what the records of this model say, whatever the GPU."""
        mine = _network_of(self._baseline.timed[0])
        here = [record for record in self._records if _network_of(record) == mine]
        yield from ("## What LongLive's log found", "", *finding_lines(here, self._of), "")

    def _entry(self, one: Candidate) -> Iterator[str]:
        last = one.timed[-1]
        summary = last.preset.summary
        yield from (f"## `{one.name}`", "", f"{summary[:1].upper()}{summary[1:]}.", "")
        yield from ("```yaml", *_configuration(one), "```", "")
        yield f"| {self._of(one.timed)} | {' | '.join(_COLUMNS)} |"
        yield "|---" * (1 + len(_COLUMNS)) + "|"
        added = [ms for record in one.timed for ms in beyond_block_ms(record)]
        for name, label in _SAMPLES.items():
            if values := added if name == _BEYOND else one.samples(name):
                of = Summary.of(values)
                figures = (of.p50, of.p95, of.p99, of.mean, of.deviation, of.least, of.most)
                shown = " | ".join("" if figure is None else f"{figure:.1f}" for figure in figures)
                unit = "%" if name.endswith("_percent") else "ms"
                yield f"| {label}, {unit} | {shown} | {of.count} |"
        if one is not self._baseline:
            yield from change_lines(one.timed, self._records, self._of)
        yield from self._ran(one)
        for record in one.timed:
            if out := len(remembered(record)):
                switches = f"{out} of {len(record.samples['text_ms'])} switches"
                told = f"Left out {self._of([record])}: {switches}, to prompts that were"
                yield from ("", f"{told} remembered.")
        yield from self._facts(last)
        yield from self._picture(one)
        yield from self._logged(one)
        yield from ("", f"**Decision**: {self._decision(one)}.", "")

    def _facts(self, last: Record) -> Iterator[str]:
        """What a record has beside samples: starts only if its process had no other preset."""
        together = next(len(run) for run in runs_in(self._records) if last in run)
        names = [name for name in _FACTS if together == 1 or name not in _OF_A_START]
        known = [(_FACTS[name], last.facts[name]) for name in names if name in last.facts]
        if known:
            told = "; ".join(f"{label} {number(fact)}" for label, fact in known)
            yield from ("", f"{self._of([last])}: {told}.")
        if "attention" in last.facts:
            yield from ("", f"{self._of([last])}: {_attention(last)}.")
        if together > 1 and last.facts.keys() & _OF_A_START:
            shared = f"{self._of([last])}: {together} presets in one process"
            yield from (
                "",
                f"{shared}: how each starts is not told, for it finds what others loaded.",
            )

    def _ran(self, one: Candidate) -> Iterator[str]:
        """What stood for what the preset leaves open, with the records that say so."""
        told: dict[str, list[Record]] = {}
        for record in one.timed:
            ran = [f"{name} {record.facts[name]}" for name in _RAN if name in record.facts]
            if ran:
                told.setdefault("; ".join(ran), []).append(record)
        for words, records in told.items():
            yield from ("", f"Ran {self._of(records)}: {words}.")

    def _picture(self, one: Candidate) -> Iterator[str]:
        for record in one.alike:
            yield from ("", likeness_line(record, self._of))
            if stood_in := Distance.of(record).stood_in:
                yield f"What stood in for something else there: {stood_in}."

    def _logged(self, one: Candidate) -> Iterator[str]:
        theirs = optimization_log.EXPERIMENTS.get(one.name)
        if theirs is None:
            return
        before = optimization_log.BASELINE_MS
        share = (theirs.block_ms - before) / before
        yield ""
        yield (
            f"LongLive's log, on an H100 and with an empty window: {theirs.block_ms:g} ms against "
            f'{before:g} ({share:+.0%}). "{theirs.picture}."'
        )

    def _decided(self, one: Candidate) -> str:
        """What to do with it, without the reasons."""
        rule, own = self._proposed(one), self._decisions.get(one.name)
        return rule.what if own is None else f"{own.what} (by the rule: {rule.what})"

    def _decision(self, one: Candidate) -> str:
        """What to do with it, and why."""
        rule, own = self._proposed(one), self._decisions.get(one.name)
        return str(rule) if own is None else f"{own}; decided by a person (by the rule: {rule})"

    def _proposed(self, one: Candidate) -> Decision:
        return proposed(one, self._baseline, self._change(one))

    def _change(self, one: Candidate) -> Difference | None:
        return change_of(one, self._baseline)

    def _quality(self) -> Iterator[str]:
        yield from quality_lines(self._candidates, self._of)
        shown = {id(record) for one in self._candidates for record in one.alike}
        alike = [record for record in self._records if record.kind == "likeness"]
        if others := [record for record in alike if id(record) not in shown]:
            yield from (
                "## What else was compared",
                "",
                "Single settings, and presets that were not timed: from one history but where it "
                "says that they run free. What a setting costs depends on what is in the picture, "
                "so hold rows of one comparison against each other.",
                "",
                *others_lines(others, self._of),
                "",
            )
        judged = [record for record in self._records if record.kind == "quality"]
        if judged:
            yield from ("## What pictures show of their prompts", "")
            yield from (*judged_lines(judged, self._of), "")

    def _rounded(self) -> Iterator[str]:
        rounded = [record for record in self._records if record.kind == "rounding"]
        if not rounded:
            return
        yield from ("## How far rounding goes", "")
        yield (
            "Every block from the same history, each preset against its own steps, window and "
            "decoder in float32 by torch's own kernels, not against `reference`; a switch in the "
            "middle."
        )
        columns = ("preset", "device", "pictures", "blocks", "worst block", "all", "latents off")
        yield from ("", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|")
        for record in rounded:
            errors, size = sample_of(record, "squared_error"), record.geometry
            worst, usual = map(decibels, worst_and_mean_db(errors))
            most = max(record.samples.get("latent_error", ()), default=None)
            latents = "not measured" if most is None else f"{100 * most:.2f} %"
            yield (
                f"| {record.preset.name} of {record.model} {self._of([record])} | "
                f"{record.machine.device} | {size.width_px} x {size.height_px} | {len(errors)} | "
                f"{worst} | {usual} | {latents} |"
            )
        blind = [one for one in rounded if hides_errors(one)]
        if blind:
            yield ""
            yield (
                f"{self._of(blind)}: under random weights of before, whose layers changed little "
                "of what went through them: an error in them hardly shows in these figures."
            )
        yield ""

    def _profiles(self) -> Iterator[str]:
        profiles = [record for record in self._records if record.kind == "profile"]
        yield from parts_lines(profiles, self._of)
        for record in profiles:
            name = f"`{record.preset.name}` {self._of([record])}"
            yield from (f"## Where the time of {name} goes", "", f"{case_of(record)}.", "")
            yield from profile_lines(record)

    def _ablations(self) -> Iterator[str]:
        for case, runs in ablation_runs(self._records).items():
            yield from (f"## Ablations of {case}", "")
            for run in runs:
                base = run[0].preset
                yield from (f"### `{_base(base.name)}`, commit {run[0].commit or 'unknown'}", "")
                if told := _unlike_today(base):
                    yield from (told, "")
                yield f"| {' | '.join(_ABLATION_COLUMNS)} |"
                yield "|---" * len(_ABLATION_COLUMNS) + "|"
                for record in run:
                    yield self._ablation(record, run[0])
                yield ""

    def _ablation(self, record: Record, before: Record) -> str:
        """One row, held against the base of its run."""
        taken, told = sample_of(record, "block_ms"), ""
        if record is not before:
            first = sample_of(before, "block_ms")
            pairs = len(first) == len(taken)
            told = milliseconds((paired_difference if pairs else difference)(first, taken))
        of, peak = Summary.of(taken), record.facts.get("device_peak_bytes")
        cells = (
            f"`{record.preset.name}` {self._of([record])}",
            f"{of.p50:.1f}",
            told,
            f"{of.most:.1f}",
            f"{1e3 * record.geometry.block_pictures / of.p50:.1f}",
            f"{float(peak) / 1e9:.1f}" if peak is not None else "",
        )
        return f"| {' | '.join(cells)} |"

    def _scale(self) -> Iterator[str]:
        for at, found in enumerate(scaled(self._records)):
            if not at:
                yield from ("## Scale", "")
            yield from (f"### By {found.axis}: {found.name}; {found.case}", "")
            yield from series_lines(found, self._of)

    def _starts(self) -> Iterator[str]:
        starts = [record for record in self._records if record.kind == "startup"]
        if not starts:
            return
        yield from ("## Start", "", "Seconds from the start of a process.", "")
        yield f"| preset | {' | '.join(_STARTS.values())} |"
        yield "|---" * (1 + len(_STARTS)) + "|"
        for record in starts:
            cells = [number(record.facts.get(name, "")) for name in _STARTS]
            yield f"| `{record.preset.name}` {self._of([record])} | {' | '.join(cells)} |"
        yield from ("", *(f"{case}." for case in dict.fromkeys(map(case_of, starts))), "")

    def _sweet_spots(self) -> Iterator[str]:
        yield from ("## Sweet spot", "")
        yield from (*sweet_spot_lines(self._candidates, self._records, self._of), "")

    def _uses(self) -> Iterator[str]:
        yield from ("## When to use which", "")
        for use in uses(self._candidates):
            one = use.candidate
            yield f"- `{one.name}` {self._of([*one.timed, *one.alike])}: {use}."
        yield ""

    def _method(self) -> Iterator[str]:
        yield from (
            "## Method",
            "",
            "Times are medians of steady blocks, presets in turns; a change is that of the medians "
            f"with its 95 % interval by bootstrap. {RULE}",
            "",
            *(optimization_log.RATES, ""),
            *(*method_lines(self._records, self._of), ""),
        )

    def _sources(self) -> Iterator[str]:
        yield from ("## Records", "", "| | kind | model | preset | device | when | commit |")
        yield "|---|---|---|---|---|---|---|"
        for record in self._records:
            yield (
                f"| {self._number[id(record)]} | {record.kind} | {record.model} | "
                f"{record.preset.name} | {record.machine.device} | "
                f"{record.time:%Y-%m-%d %H:%M} | {record.commit or ''} |"
            )

    def _of(self, records: Iterable[Record]) -> str:
        return f"[{', '.join(str(self._number[id(record)]) for record in records)}]"


def _configuration(one: Candidate) -> Iterator[str]:
    """In YAML all settings of the reference, of others what differs from it."""
    settings = one.preset.changes()
    if is_reference(one.preset):
        names = (field.name for field in fields(Preset) if field.name not in _LABELS)
        settings = {name: getattr(one.preset, name) for name in names}
    return (f"{name}: {json.dumps(value)}" for name, value in settings.items())


def _network_of(record: Record) -> tuple[object, ...]:
    """What computes: a model at a size, on a GPU or on a processor, whichever it is."""
    kind = record.machine.device_type
    return record.model, record.weights, record.dtype, record.geometry, kind


def _attention(record: Record) -> str:
    """The kernel that attention was given, and the times by which it was, as far as they are."""
    told = f"attention by {record.facts['attention']}, the fastest here"
    times_ms = sorted(
        (float(ms), name.removeprefix("attention_").removesuffix("_ms").replace("_", "-"))
        for name, ms in record.facts.items()
        if name.startswith("attention_") and name.endswith("_ms")
    )
    if not times_ms:
        return f"{told}; the times are not in the record"
    return f"{told}, ms a call: {', '.join(f'{name} {ms:.3f}' for ms, name in times_ms)}"


def _base(name: str) -> str:
    """What an ablation of that name is over: see `ablate`."""
    return name.split(", ")[0].split(" without ")[0]


def ablation_runs(records: Iterable[Record]) -> dict[str, list[list[Record]]]:
    """Those of ablations by case, and by run: each begins with its base, the first one if any."""
    cases: dict[str, dict[str, list[list[Record]]]] = {}
    for record in records:
        if record.kind not in _ABLATIONS:
            continue
        runs, base = cases.setdefault(case_of(record), {}), _base(record.preset.name)
        if record.preset.name == base or base not in runs:
            runs.setdefault(base, []).append([])
        runs[base][-1].append(record)
    return {case: list(chain.from_iterable(runs.values())) for case, runs in cases.items()}


def _unlike_today(base: Preset) -> str:
    """How a base differs from what the preset of its name is now."""
    today = PRESETS.get(base.name)
    if today is None:
        return ""
    names = base.changes().keys() | today.changes().keys()
    told = [
        f"`{name}={choice(getattr(base, name))}` ({choice(getattr(today, name))})"
        for name in sorted(names)
        if getattr(base, name) != getattr(today, name)
    ]
    return f"Unlike `{base.name}` today: {', '.join(told)}." if told else ""
