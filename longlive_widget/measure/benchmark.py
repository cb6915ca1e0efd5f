"""Latency of steady blocks and of prompt switches, start, rate and memory, preset by preset.

A block is steady when the window is full and nothing is left to compile or to record. All presets
of a run are loaded at once and take turns, so that a machine that slows down slows all of them.
In every second turn the last one begins: else each would be slowed more than the one before it.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import gcd
from typing import TypeVar

import torch
from torch import nn

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Block
from longlive_widget.engine.watch import SpanName, Watch
from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME
from longlive_widget.measure.clock import Clock, Span
from longlive_widget.measure.compile_time import compile_timed
from longlive_widget.measure.coverage import Stretch, unnamed_percent
from longlive_widget.measure.environment import measured
from longlive_widget.measure.memory import OwnMemory
from longlive_widget.measure.reading import text_peak_bytes
from longlive_widget.measure.record import Record
from longlive_widget.measure.statistics import Summary
from longlive_widget.measure.synchronised import Synchronised
from longlive_widget.presets import Preset

T = TypeVar("T")
PROMPTS = (
    "a big red ball bounces on a white background",
    "a yellow star spins slowly in the night sky",
    "a red square moves right over a green meadow",
    "a small white heart circles at sunset",
    "a green ring swings over the sea with waves",
    "a purple triangle grows on black",
    "an orange cross moves up in falling snow",
    "a white ball rests in the rain",
)
"""All models read them; which words they have does not change how long a block takes."""
RECORDED_STATES = 2
"""So often each state of the window is met before it is replayed."""
_PARTS: tuple[SpanName, ...] = ("steps", "decode", "context", "hand over")
_OF_A_SWITCH: tuple[SpanName, ...] = ("text", "re-cache")
_Times = Mapping[tuple[SpanName, int], float]
"""How many ms a part of a block took, by the block's number; one that ended twice, both."""


@dataclass(frozen=True)
class Plan:
    """How much is measured of each preset: steady blocks and switches, in so many turns.

    `sessions` are at work at once, each making so many. After that each preset makes blocks for
    `throughput_s` seconds without a stop.
    """

    blocks: int = 100
    switches: int = 10
    turns: int = 10
    seed: int = 0
    size_px: tuple[int, int] | None = None
    sessions: int = 1
    throughput_s: float = 0.0


QUICK = Plan()
FULL = Plan(blocks=1000, switches=50, throughput_s=60.0)


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found of one preset.

    `samples` has one number a block or switch, by name and unit; `facts` one number each.
    """

    engine: Engine
    plan: Plan
    samples: dict[str, list[float]]
    facts: dict[str, float]

    def lines(self) -> Iterator[str]:
        """All of it, to read."""
        engine, plan = self.engine, self.plan
        random = ", random weights" if engine.weights == "random" else ""
        size = engine.geometry_at(plan.size_px)
        at_once = f", {plan.sessions} sessions at once" if plan.sessions > 1 else ""
        yield (
            f"{engine.preset.name} of {engine.name}{random} at {size.width_px} x {size.height_px}"
            f"{at_once}, on {engine.device}"
        )
        yield from (f"  {sentence}" for sentence in engine.fallbacks)
        for name, sample in self.samples.items():
            if sample:
                yield f"  {name:<24}{_spread(Summary.of(sample))}"
        for name, fact in self.facts.items():
            yield (
                f"  {name:<24}{fact:,.0f}" if name.endswith("_bytes") else f"  {name:<24}{fact:.2f}"
            )

    def record(self, kind: str) -> Record:
        """It as a record."""
        plan, engine = self.plan, self.engine
        return measured(
            kind,
            engine,
            geometry=engine.geometry_at(plan.size_px),
            counts={
                "blocks": plan.blocks,
                "switches": plan.switches,
                "turns": plan.turns,
                "seed": plan.seed,
                "sessions": plan.sessions,
            },
            samples={name: sample for name, sample in self.samples.items() if sample},
            facts=self.facts,
        )


def _spread(found: Summary) -> str:
    known = found.deviation is not None
    deviation = f"standard deviation {found.deviation:.1f}, " if known else ""
    return (
        f"p50 {found.p50:.1f}, p95 {found.p95:.1f}, p99 {found.p99:.1f}, mean {found.mean:.1f}, "
        f"{deviation}least {found.least:.1f}, most {found.most:.1f}, {found.count} samples"
    )


def benchmark(
    presets: Sequence[Preset],
    load: Callable[[Preset], Engine],
    plan: Plan = QUICK,
    *,
    waiting: Collection[Preset] = (),
    told: Callable[[str], None] = lambda _: None,
) -> tuple[Measured, ...]:
    """Measure presets side by side.

    Args:
        presets: any number of them; each has a model of its own, and all must fit.
        load: makes the engine of a preset; it may share parts of one made before.
        plan: how much is measured.
        waiting: those of the presets under which the host waits for the GPU after each part; a
            device that is none is a `CapabilityError` then.
        told: hears what is being done.
    """
    runs: list[_Run] = []
    for preset in presets:
        told(f"{preset.name}: loading, first blocks")
        watched = Synchronised if preset in waiting else _as_it_is
        runs.append(_Run(preset, load, plan, [run.engine for run in runs], watched))
    for turn in range(plan.turns):
        for run in in_turn(runs, turn):
            told(f"{run.engine.preset.name}: turn {turn + 1} of {plan.turns}")
            run.take_turn(turn)
    if plan.throughput_s:
        for run in runs:
            told(f"{run.engine.preset.name}: {plan.throughput_s:g} s without a stop")
            run.go_on_for(plan.throughput_s)
    return tuple(run.measured() for run in runs)


def as_the_log(
    presets: Sequence[Preset],
    load: Callable[[Preset], Engine],
    plan: Plan = QUICK,
    *,
    told: Callable[[str], None] = lambda _: None,
) -> tuple[Measured, ...]:
    """Measure as the optimisation log did: each sample is the first block of a new video.

    Its window is empty, so attention sees a quarter of what it sees in a steady block. Presets take
    turns, block by block, as in `benchmark`.
    """
    engines: list[Engine] = []
    for preset in presets:
        told(f"{preset.name}: loading")
        engines.append(load(preset))
    samples: list[list[float]] = [[] for _ in engines]
    for number in range(plan.blocks + 1):  # the first one of each warms up
        told(f"first blocks of new videos: {number} of {plan.blocks}")
        for engine, sample in in_turn(list(zip(engines, samples, strict=True)), number):
            session = engine.session(PROMPTS[0], plan.seed + number, size_px=plan.size_px)
            began = time.perf_counter()
            next(session.blocks(1))
            sample.append(1e3 * (time.perf_counter() - began))
    return tuple(
        Measured(engine, replace(plan, switches=0), {"first_block_ms": sample[1:]}, {})
        for engine, sample in zip(engines, samples, strict=True)
    )


@dataclass(eq=False)
class _Blocks:
    """Blocks that were measured alike: their numbers, and from when to when each one was made."""

    numbers: list[int] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)

    @property
    def ms(self) -> list[float]:
        """How long each one took."""
        return [end_ms - begin_ms for begin_ms, end_ms in self.stretches]

    def add(self, block: Block, stretch: Stretch) -> None:
        self.numbers.append(block.index)
        self.stretches.append(stretch)


class _Run:
    """One preset on its way through a benchmark."""

    def __init__(
        self,
        preset: Preset,
        load: Callable[[Preset], Engine],
        plan: Plan,
        others: Iterable[Engine],
        watched: Callable[[Watch, torch.device], Watch],
    ) -> None:
        self._memory = OwnMemory()
        self._plan = plan
        self._facts: dict[str, float] = {}
        with compile_timed() as compiled:
            self.engine = self._loaded(preset, load, others)
            self._clock = Clock(self.engine.device)
            self._spans: list[Span] = []
            self._session = self.engine.session(
                PROMPTS[0],
                plan.seed,
                size_px=plan.size_px,
                watch=watched(self._clock, self.engine.device),
            )
            self._seen_ms: dict[int, float] = {}
            self._made = self._session.blocks(early=self._seen)
            self._to_pictures_ms: list[float] = []
            self._steady, self._switched = _Blocks(), _Blocks()
            self._warm_up()
        self._facts |= compiled | text_peak_bytes(self.engine)
        self._memory.settle()

    def take_turn(self, turn: int) -> None:
        """Steady blocks in a row, then switches, each with steady blocks after it."""
        plan = self._plan
        switches = share_of(plan.switches, plan.turns, turn)
        blocks = share_of(plan.blocks, plan.turns, turn)
        with self._memory.turn():
            self._clock.align()
            self._next()  # others have had the machine
            for stretch in range(switches + 1):
                if stretch:
                    self._switch(new_prompt(len(self._switched.numbers) + 2))
                self._take(share_of(blocks, switches + 1, stretch))
            self._end()
            self._clock.align()
            self._spans += self._clock.take()  # a GPU's events take more than the times they tell

    def go_on_for(self, seconds: float) -> None:
        """Make blocks without a stop: how many pictures a second of the clock on the wall."""
        self._next()  # others have had the machine
        began, blocks = time.perf_counter(), 0
        while (took := time.perf_counter() - began) < seconds:
            self._next()
            blocks += 1
        self._end()
        self._spans += self._clock.take()
        frames = blocks * self.engine.geometry.block_frames
        self._facts["throughput_s"] = took
        self._facts["throughput_pictures_per_s"] = frames * PICTURES_PER_LATENT_FRAME / took

    def measured(self) -> Measured:
        """All that was found; waits for the device."""
        spans = (*self._spans, *self._clock.spans())
        named = [span for span in spans if span.name in (*_PARTS, *_OF_A_SWITCH)]
        steady, switched = self._steady, self._switched
        samples = {
            "block_ms": steady.ms,
            "switch_ms": switched.ms,
            "switch_to_picture_ms": self._to_pictures_ms,
        }
        took = _times(named)
        for part in _PARTS:
            samples[f"{_key(part)}_ms"] = _ms_of(took, part, steady.numbers)
        samples["unnamed_percent"] = unnamed_percent(steady.stretches, named)
        samples["noise_to_picture_ms"] = self._noise_to_pictures_ms(spans)
        for part in _OF_A_SWITCH:
            samples[f"{_key(part)}_ms"] = _ms_of(took, part, switched.numbers)
        for part in ("steps", "decode"):
            samples[f"switch_{part}_ms"] = _ms_of(took, part, switched.numbers)
        samples["switch_unnamed_percent"] = unnamed_percent(switched.stretches, named)
        geometry, block_ms = self.engine.geometry, sum(self._steady.ms) / len(self._steady.ms)
        facts = {
            **self._facts,
            **_evenness(self._steady.ms),
            **self._memory.facts(self.engine.device),
            "window_bytes": float(self._session.window_bytes),
            "pictures_per_s": 1e3 * geometry.block_pictures / block_ms,
            "latent_frames_per_s": 1e3 * geometry.block_frames / block_ms,
        }
        return Measured(self.engine, self._plan, samples, facts)

    def _loaded(
        self, preset: Preset, load: Callable[[Preset], Engine], others: Iterable[Engine]
    ) -> Engine:
        """The engine of a preset; what it shares with others was not loaded now."""
        began = time.perf_counter()
        engine = load(preset)
        if shared := _shared(engine, others):
            self._memory.add(weight_bytes(shared, "cuda"))
        else:
            self._facts["load_s"] = time.perf_counter() - began
        return engine

    def _warm_up(self) -> None:
        """Blocks until the window was full in each of its states often enough, and a switch."""
        began_ms = self._clock.now_ms()
        first, _ = self._next()
        self._facts["first_picture_s"] = (self._seen_ms[first.index] - began_ms) / 1e3
        for _ in range(blocks_until_steady(self.engine)):
            self._next()
        if self._plan.switches:
            self._session.switch(new_prompt(1))
            for _ in range(RECORDED_STATES + 1):
                self._next()
        self._end()
        self._facts["warm_up_s"] = (self._clock.now_ms() - began_ms) / 1e3

    def _end(self) -> None:
        """Leave nothing under way: what decodes behind has begun another block."""
        if self.engine.preset.decode_behind:
            next(self._session.blocks(1))

    def _take(self, blocks: int) -> None:
        for _ in range(blocks):
            self._steady.add(*self._next())

    def _switch(self, prompt: str) -> None:
        """From the call to the pictures of the block that it lands on, and one block to settle.

        First to the first of its pictures, then to all of them.
        """
        began_ms = self._clock.now_ms()
        self._session.switch(prompt)
        block, _ = self._next()
        while block.landed is None:
            block, _ = self._next()
        self._switched.add(block, (began_ms, self._clock.now_ms()))
        self._to_pictures_ms.append(self._seen_ms[block.index] - began_ms)
        self._next()

    def _seen(self, block: Block) -> None:
        """A block's first pictures are on the host."""
        self._seen_ms[block.index] = self._clock.now_ms()

    def _next(self) -> tuple[Block, Stretch]:
        began_ms = self._clock.now_ms()
        block = next(self._made)
        return block, (began_ms, self._clock.now_ms())

    def _noise_to_pictures_ms(self, spans: Iterable[Span]) -> list[float]:
        by_block = {(span.name, span.block): span for span in spans}
        return [
            by_block["first pictures", number].end_ms - by_block["steps", number].begin_ms
            for number in self._steady.numbers
        ]


def blocks_until_steady(engine: Engine) -> int:
    """The blocks after the first until the window has been full in each state often enough."""
    preset, frames = engine.preset, engine.geometry.block_frames
    filling = -(-preset.window_frames // frames)
    replayed = preset.replays(engine.device.type)
    states = full_states(preset, frames, engine.model.sizes.sink_frames) if replayed else 1
    return filling + RECORDED_STATES * states


def full_states(preset: Preset, block_frames: int, sink_frames: int) -> int:
    """In how many ways the frames of a full window lie: in a ring the oldest one moves on."""
    ring = preset.window_frames - sink_frames
    return ring // gcd(ring, block_frames) if preset.window_cache == "ring" else 1


def _evenness(block_ms: Sequence[float]) -> dict[str, float]:
    """How far the slowest blocks are above the median, and the median at both ends of a long run.

    Ends are a tenth of all blocks each; fewer than ten blocks have none.
    """
    of = Summary.of(block_ms)
    found = {
        "p99_above_p50_percent": 100 * (of.p99 / of.p50 - 1),
        "most_above_p50_percent": 100 * (of.most / of.p50 - 1),
    }
    if tenth := len(block_ms) // 10:
        found["first_tenth_p50_ms"] = Summary.of(block_ms[:tenth]).p50
        found["last_tenth_p50_ms"] = Summary.of(block_ms[-tenth:]).p50
    return found


def _shared(engine: Engine, others: Iterable[Engine]) -> list[nn.Module]:
    """The parts of an engine's model that others have too."""
    taken = [part for other in others for part in other.model.parts()]
    return [part for part in engine.model.parts() if any(part is other for other in taken)]


def weight_bytes(parts: Iterable[nn.Module], device_type: str) -> int:
    """The bytes of all weights of these networks that are on such a device."""
    weights = (weight for part in parts for weight in part.parameters())
    return sum(weight.nbytes for weight in weights if weight.device.type == device_type)


def new_prompt(number: int) -> str:
    """The prompt of switch `number`: one that no preset remembers, however many it keeps."""
    return PROMPTS[number % len(PROMPTS)] + ", again" * (number // len(PROMPTS))


def in_turn(them: Sequence[T], turn: int) -> Sequence[T]:
    """Their order in a turn: there and back, so that what drifts steadily moves all alike."""
    return them[::-1] if turn % 2 else them


def share_of(total: int, parts: int, part: int) -> int:
    """How many of `total` fall on one of some equal parts."""
    return total * (part + 1) // parts - total * part // parts


def _times(spans: Iterable[Span]) -> _Times:
    times: dict[tuple[SpanName, int], float] = defaultdict(float)
    for span in spans:
        times[span.name, span.block] += span.ms
    return times


def _as_it_is(clock: Watch, _: torch.device) -> Watch:
    """Nothing beside the clock."""
    return clock


def _ms_of(took: _Times, part: SpanName, numbers: Iterable[int]) -> list[float]:
    return [took[part, number] for number in numbers if (part, number) in took]


def _key(part: str) -> str:
    return part.replace("-", "_").replace(" ", "_")
