"""What a benchmark samples, and where it says that time went."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from longlive_widget import Engine, Preset
from longlive_widget.engine import decode as decoding
from longlive_widget.engine.session import Session
from longlive_widget.engine.steering import Steering
from longlive_widget.engine.windows import new_window
from longlive_widget.measure.ablate import effects
from longlive_widget.measure.benchmark import (
    FULL,
    PROMPTS,
    QUICK,
    Measured,
    Plan,
    as_the_log,
    benchmark,
    full_states,
    new_prompt,
)
from longlive_widget.measure.memory import bytes_in_graphs, host_bytes, host_peak_bytes
from longlive_widget.presets import PRESETS, WindowCache
from tests.unit.planted_time import SLOW_S, PlantedTime, slowing

SMALL = Plan(blocks=7, switches=3, turns=2, size_px=(64, 48))
OF_A_BLOCK = (
    "block_ms",
    "steps_ms",
    "decode_ms",
    "context_ms",
    "noise_to_picture_ms",
    "unnamed_percent",
)
OF_A_SWITCH = (
    "switch_ms",
    "switch_to_picture_ms",
    "text_ms",
    "re_cache_ms",
    "switch_steps_ms",
    "switch_decode_ms",
    "switch_unnamed_percent",
)
PARTS = ("steps", "decode", "context")
DRAFT = Preset("draft", "", denoise_steps=(1000,), window_frames=6)


def load(preset: Preset) -> Engine:
    return Engine.load("tiny", preset, device="cpu")


@pytest.fixture(scope="module")
def found() -> tuple[Measured, ...]:
    behind = DRAFT.with_(name="behind", decode_behind=True)
    return benchmark([DRAFT, behind], load, SMALL)


def test_each_preset_has_all_its_steady_blocks_and_switches(found: tuple[Measured, ...]):
    for measured in found:
        counts = {name: len(values) for name, values in measured.samples.items()}
        assert counts.pop("hand_over_ms") == 0  # a processor has its pictures where they are
        assert counts == dict.fromkeys(OF_A_BLOCK, 7) | dict.fromkeys(OF_A_SWITCH, 3)


def test_each_switch_is_to_a_prompt_that_is_read_and_its_first_pictures_come_before_all():
    prompts = [new_prompt(number) for number in range(1, 51)]
    assert len({*prompts, PROMPTS[0]}) == 51
    plan = Plan(blocks=1, switches=10, turns=1, size_px=(64, 48))
    remembering = DRAFT.with_(prompt_cache=8, decode_first=True)
    (measured,) = benchmark([remembering], load, plan)
    assert measured.engine.prompts.hits == 0
    of_a_switch = zip(*(measured.samples[name] for name in OF_A_SWITCH), strict=True)
    for whole, first, text, again, steps, decode, _ in of_a_switch:
        assert text + again + steps < first < whole
        assert decode > 0


def test_throughput_is_by_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch):
    assert (QUICK.blocks, QUICK.switches) == (100, 10)
    assert (FULL.blocks, FULL.switches, FULL.throughput_s) == (1000, 50, 60)
    planted = PlantedTime()
    monkeypatch.setattr(time, "perf_counter", planted)
    decode_now = decoding.decode_now

    def half_a_second(*given: object) -> object:
        planted.wait(0.5)
        return decode_now(*given)

    monkeypatch.setattr(decoding, "decode_now", half_a_second)
    plan = Plan(blocks=1, switches=0, turns=1, size_px=(64, 48), throughput_s=2)
    (measured,) = benchmark([DRAFT], load, plan)
    assert measured.facts["throughput_pictures_per_s"] == pytest.approx(24, rel=0.05)


class Operators(TorchDispatchMode):
    """A clock by which each of torch's operators takes a millisecond, and nothing else any time."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> object:
        self.count += 1
        return func(*args, **(kwargs or {}))

    def seconds(self) -> float:
        return 1e-3 * self.count


def test_what_is_computed_for_a_block_is_in_its_parts_but_for_2_percent(
    monkeypatch: pytest.MonkeyPatch,
):
    """Counted, not timed: so no other process has a say in it."""
    clock = Operators()
    monkeypatch.setattr(time, "perf_counter", clock.seconds)
    with clock:
        (measured,) = benchmark(
            [DRAFT], load, Plan(blocks=7, switches=3, turns=2, size_px=(64, 48))
        )
    samples = measured.samples
    assert min(samples["block_ms"]) > 100
    assert 0 <= max(samples["unnamed_percent"]) < 2
    assert 0 <= max(samples["switch_unnamed_percent"]) < 2
    in_parts_ms = map(sum, zip(*(samples[f"{part}_ms"] for part in PARTS), strict=True))
    for parts_ms, block_ms in zip(in_parts_ms, samples["block_ms"], strict=True):
        assert parts_ms == pytest.approx(block_ms, rel=0.02)


@pytest.mark.parametrize("behind", [False, True])
def test_time_that_is_in_no_part_of_a_block_is_told(
    monkeypatch: pytest.MonkeyPatch, *, behind: bool
):
    planted = PlantedTime()
    monkeypatch.setattr(time, "perf_counter", planted)
    monkeypatch.setattr(Session, "_keep_decoder", planted.slowed(Session._keep_decoder))
    plan = Plan(blocks=3, switches=1, turns=1, size_px=(64, 48))
    (measured,) = benchmark([DRAFT.with_(decode_behind=behind)], load, plan)
    assert min(measured.samples["block_ms"]) > 1e3 * SLOW_S
    assert min(measured.samples["unnamed_percent"]) > 95
    assert min(measured.samples["switch_unnamed_percent"]) > 95
    for part in PARTS:
        assert max(measured.samples[f"{part}_ms"]) < 1e3 * SLOW_S / 10


def test_a_part_that_a_block_has_twice_is_told_whole(monkeypatch: pytest.MonkeyPatch):
    """Of a prompt one is that the block turns to it, another that it is read."""
    planted = PlantedTime()
    monkeypatch.setattr(time, "perf_counter", planted)
    for half in ("turn", "read"):
        monkeypatch.setattr(Steering, half, planted.slowed(getattr(Steering, half)))
    (measured,) = benchmark([DRAFT], load, Plan(blocks=1, switches=2, turns=1, size_px=(64, 48)))
    assert min(measured.samples["text_ms"]) > 2e3 * SLOW_S


def test_a_rate_is_what_blocks_of_that_time_give(found: tuple[Measured, ...]):
    for measured in found:
        mean_s = sum(measured.samples["block_ms"]) / 7e3
        assert measured.facts["pictures_per_s"] == pytest.approx(12 / mean_s)
        assert measured.facts["latent_frames_per_s"] == pytest.approx(3 / mean_s)


def test_the_process_has_more_on_the_host_than_the_weights(found: tuple[Measured, ...]):
    for measured in found:
        weights = sum(w.nbytes for part in measured.engine.model.parts() for w in part.parameters())
        assert measured.facts["host_process_bytes"] > weights
        assert not {"device_peak_bytes", "text_device_peak_bytes"} & measured.facts.keys()
        text = measured.engine.model.text_encoder
        assert measured.facts["text_host_peak_bytes"] > sum(w.nbytes for w in text.parameters())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no Linux")
def test_the_most_that_the_process_has_had_of_the_host_is_told(found: tuple[Measured, ...]):
    for measured in found:
        peak = measured.facts["host_process_peak_bytes"]
        assert measured.facts["host_process_bytes"] <= peak <= host_peak_bytes()
    before = host_peak_bytes()
    taken = np.ones((before - host_bytes() + 100_000_000) // 8)
    del taken
    assert host_peak_bytes() > before + 50_000_000
    assert host_bytes() < host_peak_bytes() - 50_000_000


def test_it_tells_how_far_the_slowest_blocks_are_above_the_median(monkeypatch: pytest.MonkeyPatch):
    """And whether a long run has become slower, or taken more, from one end to the other."""
    planted = PlantedTime()
    monkeypatch.setattr(time, "perf_counter", planted)
    decode_now, decoded = decoding.decode_now, []

    def slower_and_slower(*given: object) -> object:
        decoded.append(given)
        planted.wait(len(decoded) / 1000)
        return decode_now(*given)

    monkeypatch.setattr(decoding, "decode_now", slower_and_slower)
    plan = Plan(blocks=30, switches=0, turns=2, size_px=(64, 48))
    (measured,) = benchmark([DRAFT], load, plan)
    block_ms, facts = measured.samples["block_ms"], measured.facts
    assert block_ms == sorted(block_ms)
    p50 = (block_ms[14] + block_ms[15]) / 2
    assert facts["first_tenth_p50_ms"] == block_ms[1] < facts["last_tenth_p50_ms"] == block_ms[-2]
    most = facts["most_above_p50_percent"]
    assert most == facts["p99_above_p50_percent"] == pytest.approx(100 * (block_ms[-1] / p50 - 1))
    assert f"  most_above_p50_percent  {most:.2f}" in list(measured.lines())
    ends = [facts[f"host_{end}_turn_bytes"] for end in ("first", "last")]
    assert max(ends) == facts["host_process_bytes"]


def test_its_lines_have_the_standard_deviation_where_there_is_one(found: tuple[Measured, ...]):
    one = Measured(found[0].engine, SMALL, {"few_ms": [1.0, 3.0, 8.0], "once_ms": [4.0]}, {})
    few, once = (" ".join(line.split()) for line in list(one.lines())[-2:])
    assert few == (
        "few_ms p50 3.0, p95 8.0, p99 8.0, mean 4.0, standard deviation 3.6, least 1.0, most 8.0, "
        "3 samples"
    )
    assert once == "once_ms p50 4.0, p95 4.0, p99 4.0, mean 4.0, least 4.0, most 4.0, 1 samples"


def test_of_fewer_than_ten_blocks_or_two_turns_no_end_is_told():
    (measured,) = benchmark([DRAFT], load, Plan(blocks=9, switches=0, turns=1, size_px=(64, 48)))
    assert not [name for name in measured.facts if "tenth" in name or "turn" in name]


@pytest.mark.parametrize("kind", ["static", "ring"])
@pytest.mark.parametrize("frames", [6, 7, 8, 9, 12, 16])
def test_a_full_window_lies_in_as_many_ways_as_are_warmed_up(kind: WindowCache, frames: int):
    preset = DRAFT.with_(window_cache=kind, window_frames=frames)
    sizes = load(DRAFT).model.sizes
    window = new_window(preset, sizes, sizes.geometry, "relative")
    seen = []
    for block in range(60):
        window.open_block(3 * block, 3)
        if len(window.frames) == frames:
            seen.append((window.key_positions, window.query_positions))
    states = full_states(preset, 3, sizes.sink_frames)
    assert len(set(seen)) == states
    assert seen == (seen[:states] * 60)[: len(seen)]


def test_presets_take_turns_the_last_one_first_in_every_second_one():
    told: list[str] = []
    benchmark(
        [DRAFT, DRAFT.with_(name="other")],
        load,
        Plan(blocks=4, switches=0, turns=4, size_px=(64, 48)),
        told=told.append,
    )
    assert told[2:] == [
        "draft: turn 1 of 4",
        "other: turn 1 of 4",
        "other: turn 2 of 4",
        "draft: turn 2 of 4",
        "draft: turn 3 of 4",
        "other: turn 3 of 4",
        "other: turn 4 of 4",
        "draft: turn 4 of 4",
    ]


def test_each_way_through_the_presets_has_as_many_turns():
    assert [plan.turns % 2 for plan in (QUICK, FULL)] == [0, 0]


@pytest.mark.parametrize("measure", [benchmark, as_the_log])
def test_a_machine_that_slows_down_makes_no_difference_between_presets(
    monkeypatch: pytest.MonkeyPatch, measure: Callable[..., tuple[Measured, ...]]
):
    slowing(monkeypatch)
    plan = Plan(blocks=8, switches=0, turns=4, size_px=(64, 48))
    found = measure([DRAFT, DRAFT.with_(name="the same")], load, plan)
    (sample,) = found[0].samples.keys() & {"block_ms", "first_block_ms"}
    (_, same) = effects(found, sample)
    assert "no difference seen" in str(same)


def test_only_what_was_loaded_whole_tells_how_long_that_took():
    first = load(DRAFT)

    def beside(preset: Preset) -> Engine:
        return Engine.load("tiny", preset, device="cpu", beside=[first])

    others = [DRAFT.with_(name="b"), DRAFT.with_(name="c")]
    plan = Plan(blocks=1, switches=0, turns=1, size_px=(64, 48))
    found = benchmark([DRAFT, *others], lambda p: first if p is DRAFT else beside(p), plan)
    assert ["load_s" in measured.facts for measured in found] == [True, False, False]


def test_what_decodes_behind_leaves_nothing_under_way_for_the_turns_of_others():
    """Another preset would share the machine with the block that it has begun."""
    begun: list[tuple[int, int]] = []
    told: list[str] = []
    sessions: list[Session] = []

    def watched(preset: Preset) -> Engine:
        engine = load(preset)
        make = engine.session

        def session(*given: object, **options: object):
            sessions.append(made := make(*given, **options))
            return made

        engine.session = session  # type: ignore[method-assign]
        return engine

    def hear(said: str) -> None:
        told.append(said)
        if "turn" in said:
            begun.extend((one.next_block, one._given) for one in sessions)

    plan = Plan(blocks=2, switches=1, turns=2, size_px=(64, 48))
    behind = DRAFT.with_(name="behind", decode_behind=True)
    benchmark([behind, DRAFT], watched, plan, told=hear)
    assert len(begun) == 8
    assert all(begun == given for begun, given in begun)


def test_what_recorded_graphs_keep_to_themselves_counts_as_taken():
    ordinary = {"segment_pool_id": (0, 0), "total_size": 100, "allocated_size": 60}
    graph = {"segment_pool_id": (0, 3), "total_size": 50, "allocated_size": 20}
    assert bytes_in_graphs([ordinary, graph, graph]) == 60
    assert bytes_in_graphs([ordinary]) == 0


def test_a_slow_part_shows_under_its_name(monkeypatch: pytest.MonkeyPatch):
    planted = PlantedTime()
    monkeypatch.setattr(time, "perf_counter", planted)
    monkeypatch.setattr(decoding, "decode_now", planted.slowed(decoding.decode_now))
    (measured,) = benchmark([DRAFT], load, Plan(blocks=2, switches=0, turns=1, size_px=(64, 48)))
    assert min(measured.samples["decode_ms"]) >= 1e3 * SLOW_S
    for other in ("steps_ms", "context_ms"):
        assert max(measured.samples[other]) < 1e3 * SLOW_S / 10


@pytest.mark.parametrize(("first", "decoded"), [(False, 1), (True, 2)])
def test_the_way_to_the_first_pictures_ends_with_the_part_that_they_are_in(
    monkeypatch: pytest.MonkeyPatch,
    *,
    first: bool,
    decoded: int,
):
    planted = PlantedTime()
    monkeypatch.setattr(time, "perf_counter", planted)
    monkeypatch.setattr(decoding, "decode_now", planted.slowed(decoding.decode_now))
    preset, plan = DRAFT.with_(decode_first=first), Plan(2, 0, 1, size_px=(64, 48))
    (measured,) = benchmark([preset], load, plan)
    for steps, decode, to_picture in zip(
        *(measured.samples[name] for name in ("steps_ms", "decode_ms", "noise_to_picture_ms")),
        strict=True,
    ):
        assert decode > 1e3 * SLOW_S * decoded
        assert steps + 1e3 * SLOW_S <= to_picture < steps + 1.5e3 * SLOW_S


def test_a_steady_block_has_a_full_window():
    seen: list[int] = []

    def watched(preset: Preset) -> Engine:
        engine = load(preset)
        make = engine.session

        def session(*given: object, **options: object):
            made = make(*given, **options)
            step = made._rollout.next_block

            def next_block(*noise: object) -> object:
                latent = step(*noise)
                seen.append(len(made.window.frames))
                return latent

            made._rollout.next_block = next_block
            return made

        engine.session = session  # type: ignore[method-assign]
        return engine

    plan = Plan(blocks=3, switches=0, turns=1, size_px=(64, 48))
    benchmark([PRESETS["reference"].with_(denoise_steps=(1000,))], watched, plan)
    assert seen[-4:] == [12] * 4


def test_the_logs_way_measures_first_blocks():
    (measured,) = as_the_log([DRAFT], load, Plan(blocks=3, size_px=(64, 48)))
    assert list(measured.samples) == ["first_block_ms"]
    assert len(measured.samples["first_block_ms"]) == 3
    counts = measured.record("benchmark_as_the_log").counts
    assert (counts["blocks"], counts["switches"]) == (3, 0), "nobody switches"


def test_in_the_logs_way_too_presets_take_turns(monkeypatch):
    made: list[int] = []
    session = Engine.session

    def noted(engine: Engine, prompt, seed, size_px):
        made.append(engine.preset.window_frames)
        return session(engine, prompt, seed, size_px=size_px)

    monkeypatch.setattr(Engine, "session", noted)
    as_the_log([DRAFT, DRAFT.with_(window_frames=9)], load, Plan(blocks=2, size_px=(64, 48)))
    assert made == [6, 9, 9, 6, 6, 9]


def test_the_built_in_prompts_are_read_whole_by_the_embedded_model():
    engine = load(DRAFT)
    assert [engine.unheeded(prompt) for prompt in PROMPTS] == [""] * 8
