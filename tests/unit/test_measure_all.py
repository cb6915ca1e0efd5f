"""All rows of the table in one go: which commands that is, and that it leaves their records."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from longlive_widget import PRESETS, Preset
from longlive_widget.cli import main, measure_all
from longlive_widget.measure.records import read

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "docs" / "measured" / "ultra_small.yaml"
DRAFT = Preset("draft", "", denoise_steps=(1000,), window_frames=6)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch):
    """The commands that would be run, each as words; those of a profile fail."""
    found: list[list[str]] = []

    def run(command: list[str], **_options: object) -> SimpleNamespace:
        found.append(command[3:])
        return SimpleNamespace(returncode=2 * (command[3] == "profile"))

    monkeypatch.setattr(measure_all, "subprocess", SimpleNamespace(run=run))
    return found


def test_all_rows_are_measured_by_one_command(ran: list[list[str]], tmp_path, capsys):
    out, model = tmp_path / "records.jsonl", ["--model=longlive-1.3b", "--weights=random"]
    given = [*model, "--preset=all", f"--preset={SMALL}", "--rounding-size=416x240"]
    assert main(["measure", *given, f"--out={out}"]) == 1
    rows, names = [f"--preset={name}" for name in (*PRESETS, SMALL)], [*PRESETS, str(SMALL)]
    seen = [*model, "--seed=0"]
    assert ran == [
        ["benchmark", *rows, "--blocks=18", "--switches=6", "--turns=3", *seen, f"--out={out}"],
        ["benchmark", "--preset=balanced", "--blocks=300", "--switches=10", "--turns=1", *seen,
         f"--out={out}"],
        ["startup", "--preset=balanced", *seen, f"--out={out}"],
        *(["profile", f"--preset={name}", "--iterations=8", *seen, f"--records={out}"]
          for name in names),
        ["rounding", *rows, *seen, "--size=416x240", f"--out={out}"],
    ]  # fmt: skip
    *_, last = capsys.readouterr().err.splitlines()
    assert last == f"longlive-widget: these failed: {', '.join(f'profile of {n}' for n in names)}"


def test_only_some_of_it_is_measured_where_that_is_asked_for(ran: list[list[str]], tmp_path):
    given = ["--only", "starts", "--only", "long", "--of", "turbo", "--size", "64x48"]
    assert main(["measure", *given, "--out", str(tmp_path / "records.jsonl")]) == 0
    assert [command[:2] for command in ran] == [
        ["benchmark", "--preset=turbo"],
        ["startup", "--preset=turbo"],
    ]
    assert all("--size=64x48" in command for command in ran)


def test_a_preset_that_there_is_not_is_told_before_anything_runs(ran, tmp_path, capsys):
    assert main(["measure", "--preset", "odd", "--out", str(tmp_path / "records.jsonl")]) == 2
    assert "no preset is called 'odd'" in capsys.readouterr().err
    assert not ran


def test_the_embedded_model_leaves_a_record_of_each(tmp_path):
    out, draft = tmp_path / "records.jsonl", tmp_path / "draft.yaml"
    draft.write_text(DRAFT.to_yaml())
    given = ["--preset", str(draft), "--of", str(draft), "--size", "32x32", "--device", "cpu"]
    given += ["--blocks", "2", "--switches", "1", "--turns", "1", "--long-blocks", "3"]
    assert main(["measure", *given, "--only", "presets", "--only", "long", "--out", str(out)]) == 0
    rows, long = read(out)
    assert {(one.kind, one.preset) for one in (rows, long)} == {("benchmark", DRAFT)}
    assert [len(one.samples["block_ms"]) for one in (rows, long)] == [2, 3]
    assert [len(one.samples["switch_ms"]) for one in (rows, long)] == [1, 10]


def test_the_row_with_the_small_decoder_is_ultra_with_it():
    assert Preset.from_yaml(SMALL) == PRESETS["ultra"].with_(decoder="small", name="ultra_small")
