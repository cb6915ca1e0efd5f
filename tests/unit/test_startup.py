"""How long new processes take to a steady block, and what they find of compiled code."""

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from longlive_widget import Engine, Preset
from longlive_widget.cli import main, measuring
from longlive_widget.errors import CapabilityError
from longlive_widget.measure import startup as module
from longlive_widget.measure.records import read
from longlive_widget.measure.startup import startup
from tests.soak import smallest_engine

DRAFT = Preset("draft", "", denoise_steps=(1000,), window_frames=6)
LOAD = ["start_to_checked_s", "start_to_weights_s"]
STAGES = ["start_to_torch_s", *LOAD, "start_to_engine_s", "start_to_picture_s"]
PLACES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH", "PYTHONPYCACHEPREFIX")


class Processes:
    """Stands in for new processes: runs their command here, and leaves a mark in each cache."""

    def __init__(self) -> None:
        self.found: list[list[list[str]]] = []

    def run(self, command: list[str], *, env: dict[str, str], **_: object):
        python, how, module, *said = command
        assert (python, how) == (sys.executable, "-m")
        assert find_spec(f"{module}.__main__"), f"python -m {module} runs nothing"
        assert "PYTHONDONTWRITEBYTECODE" not in env, "Python leaves nothing for the second process"
        caches = [Path(env[place]) for place in PLACES]
        self.found.append([[mark.name for mark in cache.iterdir()] for cache in caches])
        for cache in caches:
            (cache / "mark").touch()
        return CompletedProcess(command, main(said))


def test_the_first_process_finds_caches_empty_and_the_second_one_what_that_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    asked: list[object] = []
    processes = Processes()

    def loader(chosen):
        asked.append((chosen.model, chosen.weights, chosen.device, chosen.allow_fallback))

        def load(preset, tell):
            tell("loading weights")
            tell("preparing layers")
            return Engine(smallest_engine().model, preset)

        return load

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(measuring, "_loader", loader)
    monkeypatch.setattr(module, "subprocess", processes)
    out, preset = tmp_path / "records.jsonl", tmp_path / "draft.yaml"
    preset.write_text(DRAFT.to_yaml())
    given = ["--preset", str(preset), "--size", "32x32", "--seed", "3", "--out", str(out)]
    given += ["--model", "a model", "--weights", "random", "--device", "cpu", "--allow-fallback"]
    began_s = time.monotonic()
    assert main(["startup", *given]) == 0
    taken_s = time.monotonic() - began_s
    assert processes.found == [[[]] * 4, [["mark"]] * 4]
    assert asked == [("a model", "random", "cpu", True)] * 2
    printed = capsys.readouterr()
    assert printed.err == "a new process, cold\na new process, warm\n"
    records = read(out)
    assert f"  warm_start_s        {records[1].facts['warm_start_s']:.2f}\n" in printed.out
    for record, last in zip(records, ("cold_start_s", "warm_start_s"), strict=True):
        assert list(record.facts) == [*STAGES, last]
        times = list(record.facts.values())
        assert [0, *times, taken_s] == sorted([0, *times, taken_s])
        size = record.geometry
        assert (record.kind, size.width_px, record.counts["seed"]) == ("startup", 32, 3)
        assert record.counts["blocks"] == 1 + 4 + 1  # the first, until all are alike, a steady one


def test_what_a_new_process_refuses_is_told_in_one_sentence(
    capfd: pytest.CaptureFixture[str],
):
    with pytest.raises(
        CapabilityError, match=r"^the cold process ended with 2 .* block: no model is"
    ):
        next(startup(["--model="]))
    assert capfd.readouterr() == ("", "")
