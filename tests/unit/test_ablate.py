"""What an ablation changes, and what it says of it."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from statistics import median

import pytest
import torch

from longlive_widget import Engine
from longlive_widget.cli import main
from longlive_widget.engine.watch import Unwatched
from longlive_widget.errors import CapabilityError, PresetError
from longlive_widget.measure.ablate import (
    alone,
    each_alone,
    effects,
    step_by_step,
    steps_of,
    taken_back,
)
from longlive_widget.measure.benchmark import Measured, Plan
from longlive_widget.measure.records import read
from longlive_widget.measure.synchronised import Synchronised
from longlive_widget.presets import PRESETS

REFERENCE = PRESETS["reference"]


def test_each_value_is_changed_alone():
    base, *others = alone(REFERENCE, ["window_frames=6,8", "denoise_steps=[1000, 500],[1000]"])
    assert base == REFERENCE
    assert [other.changes() for other in others] == [
        {"window_frames": 6},
        {"window_frames": 8},
        {"denoise_steps": (1000, 500)},
        {"denoise_steps": (1000,)},
    ]
    assert others[0].name == "reference, window_frames=6"


@pytest.mark.parametrize("name", PRESETS)
def test_step_by_step_each_preset_has_one_more_setting_up_to_the_last(name: str):
    way = step_by_step(PRESETS[name])
    assert way[-1] == PRESETS[name]
    assert [len(one.changes()) for one in way] == list(range(len(way[-1].changes()) + 1))
    for before, after in pairwise(way):
        assert before.changes().items() <= after.changes().items()


def test_on_the_way_what_keeps_the_picture_comes_first_and_what_others_need_before_them():
    *_, three_steps, two_more = [list(one.changes()) for one in step_by_step(PRESETS["turbo"])][-2:]
    assert {"denoise_steps", "window_frames"} <= set(two_more)
    assert "window_frames" not in three_steps
    graphs = next(o for o in step_by_step(PRESETS["speed"]) if o.cuda_graphs)
    assert graphs.memory_pool
    assert graphs.window_cache == "ring"


def test_each_setting_is_taken_back_alone_unless_another_needs_it():
    speed = PRESETS["speed"]
    _, *others = taken_back(speed)
    for other in others:
        name = other.name.removeprefix("speed without ")
        assert getattr(other, name) == getattr(REFERENCE, name)
        assert {**other.changes(), name: None} == {**speed.changes(), name: None}
    names = {other.name for other in others}
    assert "speed without cuda_graphs" in names
    assert not names & {"speed without memory_pool", "speed without window_cache"}


@pytest.mark.parametrize("name", ["balanced", "turbo", "ultra"])
def test_where_graphs_need_not_be_pool_and_ring_are_taken_back_too(name: str):
    preset = PRESETS[name]
    assert len(taken_back(preset)) == 1 + len(preset.changes())


def test_a_preset_with_nothing_to_take_back_is_told():
    for ways in (taken_back, each_alone):
        with pytest.raises(PresetError, match="'reference' has no setting to try without: name an"):
            ways(REFERENCE)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.changes()])
def test_each_setting_is_alone_over_the_reference_with_no_more_than_it_needs(name: str):
    preset = PRESETS[name]
    first, *others = each_alone(preset)
    assert first == REFERENCE
    for setting, other in zip(preset.changes(), others, strict=True):
        changes = other.changes()
        assert changes.items() <= preset.changes().items()
        needed = {"window_cache", "memory_pool"} if setting == "cuda_graphs" else set()
        assert changes.keys() == {setting, *needed}
        assert other.name.startswith(f"reference, {setting}=")


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("window_frames", "'window_frames' is no setting: write setting=value,value"),
        ("window_frames=", "is no setting"),
        ("window_frame=6", "did you mean 'window_frames'"),
        ("window_frames=many", "'many' is not a whole number"),
        ("denoise_steps=[1000", "is no list of values"),
    ],
)
def test_a_setting_that_is_none_is_told(setting: str, told: str):
    with pytest.raises(PresetError, match=told):
        alone(REFERENCE, [setting])


def test_what_was_planted_is_seen_and_what_was_not_is_not():
    engine = Engine.load("tiny", device="cpu")
    ms = [100.0 + index % 7 for index in range(40)]

    def measured(more_ms: float) -> Measured:
        samples = {"block_ms": [m + more_ms * (1 + index % 2) for index, m in enumerate(ms)]}
        return Measured(engine, Plan(), samples, {})

    drifting = Measured(
        engine, Plan(), {"block_ms": [m + (-1) ** index for index, m in enumerate(ms)]}, {}
    )
    base, slower, same = effects([measured(0), measured(5), drifting])
    assert base.difference_ms is None
    assert slower.difference_ms is not None
    assert slower.difference_ms.seen
    assert 5 <= slower.difference_ms.median <= 10
    assert same.difference_ms is not None
    assert not same.difference_ms.seen
    assert "no difference seen" in str(same)


def test_on_the_way_each_is_held_against_the_one_before_it():
    engine = Engine.load("tiny")
    found = [
        Measured(engine, Plan(), {"block_ms": [base + ms for ms in range(7)]}, {})
        for base in (100.0, 90.0, 70.0)
    ]
    medians = [one.difference_ms and one.difference_ms.median for one in steps_of(found)]
    assert medians == [None, -10, -20]


def test_the_command_goes_step_by_step_to_a_preset(tmp_path, capsys: pytest.CaptureFixture[str]):
    out, preset = str(tmp_path / "records.jsonl"), tmp_path / "draft.yaml"
    preset.write_text("name: draft\ndenoise_steps: [1000]\nmemory_pool: true\n")
    given = ["--size", "64x48", "--blocks", "2", "--switches", "0", "--turns", "1"]
    given += ["--device", "cpu", "--out", out, "--preset", str(preset)]
    assert main(["ablate", "--step-by-step", *given]) == 0
    assert "draft: " in capsys.readouterr().out
    assert [list(one.preset.changes()) for one in read(out)] == [
        [],
        ["memory_pool"],
        ["denoise_steps", "memory_pool"],
    ]


def test_the_command_measures_prints_and_keeps(tmp_path, capsys: pytest.CaptureFixture[str]):
    out = str(tmp_path / "records.jsonl")
    given = ["--size", "64x48", "--blocks", "6", "--switches", "1", "--turns", "2", "--out", out]
    given += ["--device", "cpu"]
    assert main(["ablate", "--set", "denoise_steps=[1000]", *given]) == 0
    told = capsys.readouterr().out
    found = r"reference, denoise_steps=\[1000\]: [\d.]+ ms a block, (-|\+|no difference seen)"
    assert re.search(found, told), "on a busy machine six blocks may show any"
    assert main(["benchmark", "--as-the-log", *given]) == 0
    assert "first_block_ms" in capsys.readouterr().out
    first, second, third = read(out)
    assert [r.kind for r in (first, second, third)] == ["ablation"] * 2 + ["benchmark_as_the_log"]
    assert second.preset.name == "reference, denoise_steps=[1000]"
    assert second.preset.changes() == {"denoise_steps": (1000,)}
    assert (first.geometry.width_px, first.counts["blocks"]) == (64, 6)
    assert len(first.samples["block_ms"]) == 6


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done, in turn: this machine's processor counts as a GPU that is waited for."""
    done: list[str] = []

    class Stream:
        def synchronize(self) -> None:
            done.append("waited")
            time.sleep(0.05)

    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Stream())
    return done


def test_the_host_waits_at_the_end_of_each_part_and_the_clock_sees_it(stream: list[str]):
    class Told:
        @contextmanager
        def span(self, name: str, block: int, step: int | None = None) -> Iterator[None]:
            yield
            stream.append(f"{name} {step or block} over")

    watch = Synchronised(Told(), torch.device("cuda"))
    with watch.span("steps", 7):
        for step in (1, 2):
            with watch.span("step", 7, step):
                stream.append("done")
    with watch.span("wait", 7), watch.span("hand over", 7):
        stream.append("copied")
    assert stream == [
        *("done", "waited", "step 1 over", "done", "waited", "step 2 over"),
        *("waited", "steps 7 over", "copied", "hand over 7 over", "wait 7 over"),
    ]


def test_without_a_gpu_there_is_nothing_to_wait_for():
    with pytest.raises(CapabilityError, match="'cpu' the host computes all parts itself"):
        Synchronised(Unwatched(), torch.device("cpu"))


@pytest.mark.usefixtures("stream")
def test_the_command_measures_what_waiting_costs(
    tmp_path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    made = Synchronised.__init__
    as_if = torch.device("cuda")
    monkeypatch.setattr(Synchronised, "__init__", lambda own, watch, _: made(own, watch, as_if))
    out = str(tmp_path / "records.jsonl")
    given = ["--size", "64x48", "--blocks", "6", "--switches", "0", "--turns", "2", "--out", out]
    given += ["--device", "cpu", "--synchronised"]
    assert main(["ablate", *given]) == 0
    assert "reference, synchronised: " in capsys.readouterr().out
    plain, waiting = read(out)
    assert (plain.kind, waiting.kind) == ("ablation", "ablation_synchronised")
    assert plain.preset.changes() == waiting.preset.changes()
    assert min(waiting.samples["steps_ms"]) > 5 * 50, "four steps, and all of them"
    assert min(waiting.samples["decode_ms"]) > 50
    assert median(plain.samples["block_ms"]) < median(waiting.samples["block_ms"]) - 200
    assert main(["ablate", *given, "--as-the-log"]) == 2
    assert "leave out --as-the-log or --synchronised" in capsys.readouterr().err


def test_the_logs_way_may_be_ablated_too(capsys: pytest.CaptureFixture[str]):
    given = ["--size", "64x48", "--blocks", "2", "--device", "cpu", "--as-the-log"]
    assert main(["ablate", "--set", "denoise_steps=[1000]", *given]) == 0
    assert "reference, denoise_steps=[1000]: " in capsys.readouterr().out
