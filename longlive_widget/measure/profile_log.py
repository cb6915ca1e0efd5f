"""A stored profile as the log tells it: the parts of a block beside what the device can do."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import mean

from longlive_widget.measure.recommend import sample_of
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Summary, slowest
from longlive_widget.measure.told_apart import (
    FEW,
    has_all_kernels,
    is_of_the_decoder,
    plain,
    replayed_ms,
    stored,
)

_NO_PART = ("block_ms", "unprofiled_", "switched_")
"""How the samples of a profile begin that are no part of a steady block."""
_COLUMNS = ("of a block", "calls", "TFLOP/s", "of the most", "GB/s", "of the most")
_GROUP_COLUMNS = (
    "group",
    "ms",
    "of a block",
    "TFLOP",
    "of the most",
    "ms at the most",
    "ms above it",
)
_ATTENTION, _LINEARS, _DECODER, _REST, _GAPS = "attention", "linears", "decoder", "rest", "gaps"
GROUPS = (_ATTENTION, _LINEARS, _DECODER, _REST, _GAPS)
"""What parts of a block are summed up to, in the order of a table."""
LINEAR_PARTS = (
    "self attention qkv projections",
    "self attention output projection",
    "cross attention query projection",
    "cross attention output projection",
    "feed forward up",
    "feed forward down",
    "fused before self attention",
    "fused between attentions",
    "fused around feed forward",
)
"""Linear layers, the last three with what torch.compile fuses around them."""


def profile_lines(record: Record) -> Iterator[str]:
    """What parts and gaps take, then tables of groups and of parts: medians over blocks.

    Of the parts the longest is the first, and beside its median stands the p99 over blocks, or of
    fewer than 100 the longest.
    """
    parts, block_ms = part_times(record)
    if told := _sums(record):
        yield from (told, "")
    if told := _without_rates(parts, block_ms):
        yield from (told, "")
    yield from group_lines(record)
    slow = slowest(len(sample_of(record, "block_ms")))
    columns = "part", "p50 ms", f"{slow} ms", *_COLUMNS
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for name, ms in sorted(parts.items(), key=lambda part: -part[1]):
        if ms:
            key = stored(name)
            most_ms = Summary.of(record.samples[f"{key}_ms"]).p99
            rates = _of(record, key, told=has_all_kernels(name, parts, block_ms))
            cells = f"{ms:.1f}", f"{most_ms:.1f}", f"{ms / block_ms:.1%}", *rates
            yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    if told := _switched(record):
        yield from (told, "")


def _switched(record: Record) -> str:
    """What blocks take on which a prompt lands, and of it what no other block has."""
    took_ms = record.samples.get("switched_block_ms", ())
    if not took_ms:
        return ""
    parts = {
        "reading it": record.samples.get("switched_text_encoder_ms", ()),
        "re-cache": record.samples.get("switched_re_cache_ms", ()),
    }
    told = (f"{name} {_most_of(ms)}" for name, ms in parts.items() if any(ms))
    blocks = "1 block" if len(took_ms) == 1 else f"{len(took_ms)} blocks"
    return f"{blocks} on which a prompt lands: {', '.join((_most_of(took_ms), *told))}."


def _most_of(ms: Sequence[float]) -> str:
    """The median, and beside several the p99 or the longest."""
    of = Summary.of(ms)
    if of.count == 1:
        return f"{of.p50:.1f} ms"
    return f"{of.p50:.1f} ms ({slowest(of.count)} {of.p99:.1f})"


def part_times(record: Record) -> tuple[dict[str, float], float]:
    """What each part of a steady block takes, by its name, gaps too, and the block, in ms: medians.

    A record that is none of a profile is a `RecordError`.
    """
    parts = {
        name.removesuffix("_ms").replace("_", " "): Summary.of(sample).p50
        for name, sample in ((name, record.samples[name]) for name in _parts_of(record))
    }
    return parts, Summary.of(sample_of(record, "block_ms")).p50


def group_lines(record: Record) -> Iterator[str]:
    """A table of attention, linears, decoder, the rest and gaps, and what of the limit each is at.

    "The most" is the rate of a large product on that device, in the numbers that are multiplied;
    operations are those of the shapes. Where parts of two blocks lie over each other no rates are
    told, nor where kernels of these parts are elsewhere.
    """
    parts, block_ms = part_times(record)
    yield f"| {' | '.join(_GROUP_COLUMNS)} |"
    yield "|---" * len(_GROUP_COLUMNS) + "|"
    for group, members in (*grouped(parts).items(), ("all", list(parts))):
        if not members:
            continue
        ms = sum(parts[part] for part in members)
        whole = all(has_all_kernels(part, parts, block_ms) for part in members)
        limits = _limits(record, members, ms) if whole else ("",) * 4
        yield f"| {' | '.join((group, f'{ms:.1f}', f'{ms / block_ms:.1%}', *limits))} |"
    yield ""


def grouped(parts: Iterable[str]) -> dict[str, list[str]]:
    """Parts of a block by their group; a group may have none."""
    groups: dict[str, list[str]] = {name: [] for name in GROUPS}
    for part in parts:
        groups[_group_of(part)].append(part)
    return groups


def _group_of(part: str) -> str:
    if part in ("self attention", "cross attention"):
        return _ATTENTION
    if part in LINEAR_PARTS:
        return _LINEARS
    if is_of_the_decoder(part):
        return _DECODER
    return _GAPS if part == "gaps" else _REST


def _limits(record: Record, parts: Iterable[str], ms: float) -> tuple[str, ...]:
    """Operations, the share of the most, and the time at the most and above; empty if unknown."""
    flops = least_ms = 0.0
    for part in parts:
        key, most = stored(part), _most(record, part, "flop_per_s")
        if f"{key}_flop_per_s" not in record.facts:
            continue
        if most is None or record.preset.decode_behind:
            return ("",) * 4
        rate = _number(record, f"{key}_flop_per_s")  # over the mean of its time
        asked = rate * mean(record.samples[f"{key}_ms"]) / 1e3
        flops += asked
        least_ms += 1e3 * asked / most
    if not flops:
        return ("",) * 4
    share = least_ms / ms
    return f"{flops / 1e12:.1f}", f"{share:.0%}", f"{least_ms:.1f}", f"{ms - least_ms:.1f}"


def _without_rates(times_ms: Mapping[str, float], block_ms: float) -> str:
    """Of what no rates are told, and why; nothing where all are."""
    of = {True: "the decoder", False: "attention, linears and the rest"}
    replayed = {part: replayed_ms(times_ms, in_decoder=inside) for inside, part in of.items()}
    return " ".join(
        f"{ms:.1f} ms of what is replayed were not told apart: they are missing in {part}, whose "
        "rates are not told."
        for part, ms in replayed.items()
        if ms > FEW * block_ms
    )


def counted_as(part: str) -> str:
    """What the operations of a part are counted as, where it may be computed with fewer."""
    if is_of_the_decoder(part):
        return " of direct convolution"
    return " of every row" if plain(part) == "cross attention" else ""


def multiplies_in_fp8(part: str, linear_dtype: str) -> bool:
    """Whether a part multiplies in FP8, in a model whose linear layers are of that type."""
    return linear_dtype == "fp8" and plain(part) in LINEAR_PARTS


def _most(record: Record, part: str, kind: str) -> float | None:
    """The rate that a part could reach, in its own numbers; None if that was not measured."""
    in_fp8 = kind == "flop_per_s" and multiplies_in_fp8(part, record.preset.linear_dtype)
    name = f"ceiling_fp8_{kind}" if in_fp8 else f"ceiling_{kind}"
    return _number(record, name) if name in record.facts else None


def _parts_of(record: Record) -> list[str]:
    """The names of its samples of parts and gaps of a steady block."""
    names = (name for name in record.samples if not name.startswith(_NO_PART))
    return [name for name in names if name.endswith("_ms")]


def _sums(record: Record) -> str:
    """How much is in parts, and what profiling costs, as far as the record says."""
    names = ("unattributed_percent", "overhead_percent")
    if not all(name in record.facts for name in names):
        return ""
    unattributed, overhead = (_number(record, name) for name in names)
    block_ms = sample_of(record, "block_ms")
    gaps = sum(record.samples.get("gaps_ms", ()))
    parts = sum(sum(record.samples[name]) for name in _parts_of(record)) - gaps
    parts, gaps = (100 * ms / sum(block_ms) for ms in (parts, gaps))
    told = (
        f"{len(block_ms)} blocks. Parts take {max(parts - unattributed, 0):.2f} % of them, gaps "
        f"{gaps:.2f} %, {unattributed:.2f} % is in no part, and profiling changed the median block "
        f"by {overhead:+.1f} %."
    )
    if "unnamed_percent" not in record.facts:
        return told
    unnamed = _number(record, "unnamed_percent")
    return f"{told} In {unnamed:.2f} % nothing runs, and the host is in no part."


def _of(record: Record, part: str, *, told: bool) -> tuple[str, ...]:
    """Calls, and rates of a part if they may be told; nothing where they are not known."""
    calls = f"{_number(record, f'{part}_calls'):.0f}" if f"{part}_calls" in record.facts else ""
    cells = [calls]
    for kind, unit in (("flop_per_s", 1e12), ("byte_per_s", 1e9)):
        if not told or f"{part}_{kind}" not in record.facts:
            cells += ["", ""]
            continue
        rate, most = _number(record, f"{part}_{kind}"), _most(record, part, kind)
        shown = rate / unit
        mark = counted_as(part) if kind == "flop_per_s" else ""
        figure = f"{shown:,.0f}" if shown >= 100 else f"{shown:.3g}"
        cells += [f"{figure}{mark}", "" if most is None else f"{rate / most:.0%}"]
    return tuple(cells)


def _number(record: Record, name: str) -> float:
    return float(record.facts[name])
