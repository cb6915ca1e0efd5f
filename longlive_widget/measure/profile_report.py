"""A profile as a table in Markdown, as what JSON knows, and as a record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

from longlive_widget.engine.engine import Engine
from longlive_widget.geometry import Geometry
from longlive_widget.measure.breakdown import Breakdown, Part
from longlive_widget.measure.ceilings import Ceilings
from longlive_widget.measure.environment import commit, machine, measured, versions
from longlive_widget.measure.profile_log import counted_as, multiplies_in_fp8
from longlive_widget.measure.record import Fact, Record
from longlive_widget.measure.statistics import FEWEST_FOR_P99, Summary, slowest
from longlive_widget.measure.told_apart import stored

_STEADY, _SWITCHED = "Steady blocks", "Blocks on which a prompt lands"
_COLUMNS = (
    "share", "calls", "gap ms", "GFLOP", "MB", "GFLOP/s", "of ceiling", "GB/s",
    "of ceiling",
)  # fmt: skip
_UNKNOWN = "-"


@dataclass(frozen=True, eq=False)
class Profile:
    """What was found of one engine: its steady blocks, and those on which a prompt lands."""

    engine: Engine
    steady: Breakdown
    switched: Breakdown | None
    ceilings: Ceilings
    seed: int
    size_px: tuple[int, int] | None

    @property
    def geometry(self) -> Geometry:
        """The sizes of the pictures."""
        return self.engine.geometry_at(self.size_px)

    def breakdowns(self) -> Iterator[tuple[str, Breakdown]]:
        """What was broken down, each with what it is called."""
        yield _STEADY, self.steady
        if self.switched is not None:
            yield _SWITCHED, self.switched

    def markdown(self) -> str:
        """A page with a table for each kind of block."""
        return "\n".join(_page(self)) + "\n"

    def as_json(self) -> dict[str, object]:
        """The same for a program; times are means over blocks."""
        return {
            "model": self.engine.name,
            "weights": self.engine.weights,
            "preset": self.engine.preset.name,
            "device": machine(self.engine.device).device,
            "fallbacks": list(self.engine.fallbacks),
            "ceilings": {
                "flop_per_s": self.ceilings.flop_per_s,
                "fp8_flop_per_s": self.ceilings.fp8_flop_per_s,
                "byte_per_s": self.ceilings.byte_per_s,
            },
            "steady": _breakdown_json(self.steady),
            "switched": None if self.switched is None else _breakdown_json(self.switched),
        }

    def record(self) -> Record:
        """It as a record of kind "profile": a sample of each part for each steady block."""
        steady, ceilings = self.steady, self.ceilings
        facts: dict[str, Fact] = {
            "parts_percent": 100 * steady.parts_share,
            "gaps_percent": 100 * steady.gaps_share,
            "unattributed_percent": 100 * steady.unattributed_share,
            "unnamed_percent": 100 * steady.unnamed_share,
            "overhead_percent": 100 * steady.overhead_share,
            "ceiling_flop_per_s": ceilings.flop_per_s,
            "ceiling_byte_per_s": ceilings.byte_per_s,
        }
        if ceilings.fp8_flop_per_s is not None:
            facts["ceiling_fp8_flop_per_s"] = ceilings.fp8_flop_per_s
        for part in steady.parts:
            facts[f"{stored(part.name)}_calls"] = part.calls
            if part.flop_per_s is not None:
                facts[f"{stored(part.name)}_flop_per_s"] = part.flop_per_s
            if part.byte_per_s is not None:
                facts[f"{stored(part.name)}_byte_per_s"] = part.byte_per_s
        switches = 0 if self.switched is None else len(self.switched.block_ms)
        return measured(
            "profile",
            self.engine,
            geometry=self.geometry,
            counts={"blocks": len(steady.block_ms), "switches": switches, "seed": self.seed},
            samples=_samples(self),
            facts=facts,
        )


def _samples(profile: Profile) -> dict[str, tuple[float, ...]]:
    samples: dict[str, tuple[float, ...]] = {}
    for kind, found in zip(("", "switched_"), dict(profile.breakdowns()).values(), strict=False):
        samples[f"{kind}block_ms"] = found.block_ms
        samples[f"{kind}unprofiled_block_ms"] = found.unprofiled_ms
        samples[f"{kind}gaps_ms"] = found.gaps_ms
        for part in found.parts:
            samples[f"{kind}{stored(part.name)}_ms"] = part.ms
    return samples


def _page(profile: Profile) -> Iterator[str]:
    engine, ceilings, size = profile.engine, profile.ceilings, profile.geometry
    here, code = machine(engine.device), commit()
    yield "# Kernel profile"
    yield ""
    weights = f"{engine.weights} weights"
    yield f"- {engine.name}, {weights}, {ceilings.dtype}, {size.width_px} x {size.height_px}"
    yield f"- preset {engine.preset.name}: {engine.preset.summary}"
    yield from (f"- {sentence}" for sentence in engine.fallbacks)
    yield f"- {here.device}, torch {versions().torch}, commit {code or 'unknown'}"
    yield (
        f"- ceilings measured here: {_giga(ceilings.flop_per_s)} GFLOP/s (a product of two "
        f"{ceilings.side} x {ceilings.side} matrices), {_giga(ceilings.byte_per_s)} GB/s (a copy "
        f"of {ceilings.copied_bytes >> 20} MiB, read and written)"
    )
    if ceilings.fp8_flop_per_s is not None:
        yield f"- the same product in FP8: {_giga(ceilings.fp8_flop_per_s)} GFLOP/s"
    for title, found in profile.breakdowns():
        yield from ("", f"## {title}", "", _sums(found), "")
        yield from _table(found, profile)


def _sums(found: Breakdown) -> str:
    return (
        f"{len(found.block_ms)} of {mean(found.block_ms):.1f} ms on average "
        f"(by the medians, {100 * found.overhead_share:+.1f} % to as many without a profiler, of "
        f"{mean(found.unprofiled_ms):.1f} ms on average). "
        f"The parts take {100 * found.parts_share:.2f} % of that, gaps "
        f"{100 * found.gaps_share:.2f} %, {100 * found.unattributed_share:.2f} % is unattributed, "
        f"and in {100 * found.unnamed_share:.2f} % nothing runs and the host is in no part."
    )


def _table(found: Breakdown, profile: Profile) -> Iterator[str]:
    columns = "part", "ms", "p50 ms", f"{slowest(len(found.block_ms))} ms", *_COLUMNS
    yield _row(columns)
    yield _row(("---", *("---:" for _ in columns[1:])))
    for part in found.parts:
        yield _row(_cells(part, found, profile))
    share = found.share(found.gaps_ms)
    yield _row(("gaps", *_times(found.gaps_ms), f"{100 * share:.1f} %", *[""] * 8))


def _times(ms: Sequence[float]) -> tuple[str, str, str]:
    """The mean over blocks, the median, and the p99 or the longest."""
    of = Summary.of(ms)
    return f"{of.mean:.2f}", f"{of.p50:.2f}", f"{of.p99:.2f}"


def _cells(part: Part, found: Breakdown, profile: Profile) -> tuple[str, ...]:
    work, flop_per_s, byte_per_s = part.work, part.flop_per_s, part.byte_per_s
    ceilings = profile.ceilings
    in_fp8 = multiplies_in_fp8(part.name, profile.engine.preset.linear_dtype)
    most = ceilings.fp8_flop_per_s if in_fp8 else ceilings.flop_per_s
    return (
        part.name,
        *_times(part.ms),
        f"{100 * found.share(part.ms):.1f} %",
        f"{part.calls:.0f}",
        f"{mean(part.gap_ms):.2f}",
        f"{work.flops / 1e9:.3g}{counted_as(part.name)}" if work and work.flops else _UNKNOWN,
        f"{work.nbytes / 1e6:.3g}" if work and work.nbytes else _UNKNOWN,
        _UNKNOWN if flop_per_s is None else _giga(flop_per_s),
        _share(flop_per_s, most),
        _UNKNOWN if byte_per_s is None else _giga(byte_per_s),
        _share(byte_per_s, ceilings.byte_per_s),
    )


def _share(rate: float | None, most: float | None) -> str:
    return _UNKNOWN if rate is None or most is None else f"{100 * rate / most:.1f} %"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _giga(number: float) -> str:
    return f"{number / 1e9:.3g}" if number < 1e12 else f"{number / 1e9:.0f}"


def _breakdown_json(found: Breakdown) -> dict[str, object]:
    return {
        "block_ms": mean(found.block_ms),
        "unprofiled_block_ms": mean(found.unprofiled_ms),
        "gaps_ms": mean(found.gaps_ms),
        "parts_share": found.parts_share,
        "gaps_share": found.gaps_share,
        "unattributed_share": found.unattributed_share,
        "unnamed_share": found.unnamed_share,
        "parts": {
            part.name: {
                "ms": part.mean_ms,
                **_quantiles_json(part.ms),
                "share": found.share(part.ms),
                "calls": part.calls,
                "gap_ms": mean(part.gap_ms),
                "flops": None if part.work is None else part.work.flops,
                "bytes": None if part.work is None else part.work.nbytes,
                "flop_per_s": part.flop_per_s,
                "byte_per_s": part.byte_per_s,
            }
            for part in found.parts
        },
    }


def _quantiles_json(ms: Sequence[float]) -> dict[str, float | None]:
    """Median and longest over blocks; a p99 only of as many as have one."""
    of = Summary.of(ms)
    p99 = of.p99 if of.count >= FEWEST_FOR_P99 else None
    return {"p50_ms": of.p50, "p99_ms": p99, "longest_ms": of.most}
