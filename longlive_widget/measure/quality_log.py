"""What the pictures of presets are like, as the log tells it: held against `reference`, and judged.

What no record has is told to be so, with the reason where a record gives one.
"""

from collections.abc import Iterable, Iterator, Sequence
from statistics import mean

from longlive_widget.engine.side_by_side import worst_and_mean_db
from longlive_widget.measure.distance import Distance
from longlive_widget.measure.figures import changed, decibels, number
from longlive_widget.measure.recommend import JUDGED, Candidate, is_reference, sample_of
from longlive_widget.measure.record import Numbers, Record

_METRICS = {
    "vmaf": "VMAF",
    "lpips": "LPIPS",
    "clip_score": "CLIP score",
    "said_probability": "said probability",
}
"""What `likeness` finds of videos that run free, or why it is not available."""
_JUDGED = {JUDGED: "judge", "adherence_after_switch_whole": "judge, after a switch"}
"""The shares of clips that show all of their prompt."""
_ATTRIBUTES = ("color", "shape", "motion", "ground")
_NOT_COMPARED, _NOT_JUDGED = "not compared", "not judged"


def quality_lines(candidates: Sequence[Candidate], of: Numbers) -> Iterator[str]:
    """A table of all presets, one figure of pictures a column, and what is not available.

    Nothing where no pictures are on record.

    Args:
        candidates: the presets, the reference among them.
        of: the numbers of records in the page, as it writes them.
    """
    shown = [record for one in candidates for record in (*one.alike, *one.judged)]
    if not shown:
        return
    yield from ("## Quality", "")
    models = ", ".join(dict.fromkeys(record.model for record in shown))
    yield (
        f"Pictures of {models}. PSNR and SSIM of blocks are from one history, the others of videos "
        "that run free; each against `reference`. Flicker is what each picture differs from the "
        "mean of its neighbours, beside that of `reference` in the same record. The judge says "
        "which share of clips shows all of its prompt, and its change is from that of "
        "`reference`, without an interval."
    )
    metrics = [name for name in _METRICS if any(_facts(one.alike, name) for one in candidates)]
    columns = (
        "preset",
        "PSNR, worst block",
        "PSNR, all",
        "PSNR, running free",
        "SSIM, worst block",
        "SSIM, all",
        *(_METRICS[name] for name in metrics),
        "flicker",
        "of `reference`",
        "change",
        *(column for name in _JUDGED.values() for column in (name, "change")),
    )
    yield from ("", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|")
    judged = [record for one in candidates if is_reference(one.preset) for record in one.judged]
    for one in candidates:
        name = f"`{one.name}` {of([*one.alike, *one.judged])}".removesuffix(" []")
        cells = (*_errors(one), *_found(one, metrics), *_flicker(one), *_judged(one, judged))
        yield f"| {' | '.join((name, *cells))} |"
    yield ""
    yield from _reasons([record for one in candidates for record in one.alike], metrics, of)
    if left := [f"`{one.name}`" for one in candidates if one.worst_db is None]:
        yield from (f"Not compared: {', '.join(left)} (`longlive-widget likeness` does).", "")


def others_lines(records: Iterable[Record], of: Numbers) -> Iterator[str]:
    """A table of pictures of what is no preset of the log, a record a row: single settings."""
    columns = ("preset", "against", "blocks", "worst block", "all", "running free")
    yield f"| {' | '.join((*columns, 'SSIM, worst block', 'VMAF', 'what stood in'))} |"
    yield "|---" * (len(columns) + 3) + "|"
    for record in records:
        found, ssim = Distance.of(record), record.samples.get("ssim", ())
        cells = (
            f"{record.preset.name} of {record.model} {of([record])}",
            str(record.facts["against"]),
            str(len(sample_of(record, "squared_error"))),
            *map(decibels, (found.worst_db, found.mean_db, found.free_db)),
            f"{min(ssim):.4f}" if ssim else "not measured",
            "".join(map(number, _figures([record], "vmaf"))) or "not available",
            found.stood_in,
        )
        yield f"| {' | '.join(cells)} |"


def judged_lines(judged: Sequence[Record], of: Numbers) -> Iterator[str]:
    """A table of what the judge has seen of each attribute, a record a row."""
    names = " | ".join(_ATTRIBUTES)
    yield f"| preset | prompts | {names} | after a switch: {names} |"
    yield "|---" * (2 + 2 * len(_ATTRIBUTES)) + "|"
    for record in judged:
        shares = [
            number(record.facts.get(f"{stage}_{attribute}", ""))
            for stage in ("adherence", "adherence_after_switch")
            for attribute in _ATTRIBUTES
        ]
        name = f"{record.preset.name} of {record.model} {of([record])}"
        yield f"| {name} | {record.counts['prompts']} | {' | '.join(shares)} |"


def likeness_line(record: Record, of: Numbers) -> str:
    """What one record of `likeness` has found, in a sentence."""
    against = f"Against `{record.facts['against']}` on {record.model} {of([record])}"
    return "; ".join([f"{against}: {Distance.of(record)}", *_told(record)]) + "."


def _told(record: Record) -> Iterator[str]:
    for name, history in (("ssim", "from one history"), ("free_ssim", "running free")):
        if found := record.samples.get(name):
            yield f"SSIM {history} the worst block {min(found):.4f}, all {mean(found):.4f}"
    for name in _METRICS:
        if name in record.facts:
            yield f"{name} {number(record.facts[name])}"
    if {"flicker", "flicker_against"} <= record.facts.keys():
        seen, other = (number(record.facts[name]) for name in ("flicker", "flicker_against"))
        yield f"flicker {seen}, of `{record.facts['against']}` {other}"


def _errors(one: Candidate) -> Iterator[str]:
    free = [error for record in one.alike for error in sample_of(record, "free_squared_error")]
    ssim = [likeness for record in one.alike for likeness in record.samples.get("ssim", ())]
    yield from (decibels(one.worst_db), decibels(one.mean_db))
    yield decibels(worst_and_mean_db(free)[1]) if free else _nothing(one)
    for figure in (min, mean):
        yield f"{figure(ssim):.4f}" if ssim else _nothing(one)


def _found(one: Candidate, metrics: Iterable[str]) -> Iterator[str]:
    for name in metrics:
        figures = _figures(one.alike, name)
        said = "not available" if _facts(one.alike, name) else _nothing(one)
        yield number(mean(figures)) if figures else said


def _flicker(one: Candidate) -> tuple[str, str, str]:
    seen, other = (_figures(one.alike, name) for name in ("flicker", "flicker_against"))
    if not (seen and other):
        return _nothing(one), "", ""
    return number(mean(seen)), number(mean(other)), changed(mean(seen), mean(other))


def _nothing(one: Candidate) -> str:
    """What stands for a figure that is not there: nobody holds the reference against itself."""
    return "" if is_reference(one.preset) else _NOT_COMPARED


def _judged(one: Candidate, reference: Sequence[Record]) -> Iterator[str]:
    for name in _JUDGED:
        own, other = _figures(one.judged, name), _figures(reference, name)
        yield f"{mean(own):.1%}" if own else _NOT_JUDGED
        told = own and other and not is_reference(one.preset)
        yield changed(mean(own), mean(other)) if told else ""


def _reasons(records: Iterable[Record], metrics: Iterable[str], of: Numbers) -> Iterator[str]:
    """Why figures are not available, each reason once, with the records that say so."""
    told: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        for name in metrics:
            reason = record.facts.get(name)
            if isinstance(reason, str):
                told.setdefault((_METRICS[name], reason), []).append(record)
    for (name, reason), some in told.items():
        yield from (f"{name} {of(some)}: {reason}.", "")


def _facts(records: Iterable[Record], name: str) -> list[object]:
    return [record.facts[name] for record in records if name in record.facts]


def _figures(records: Iterable[Record], name: str) -> list[float]:
    return [fact for fact in _facts(records, name) if isinstance(fact, int | float)]
