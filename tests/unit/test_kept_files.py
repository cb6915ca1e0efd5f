"""What was written once is still read, and what a later version has written is refused in words.

`tests/fixtures/kept/` holds files as earlier versions wrote them: no test writes them anew.
"""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from longlive_widget import Entry, Manifest, Preset, Timeline, Transition
from longlive_widget.engine.model import MODEL, MODEL_VERSION, Sizes
from longlive_widget.engine.source import model_folder
from longlive_widget.errors import CheckpointError, LongLiveError, PresetError, TimelineError
from longlive_widget.measure.record import SCHEMA
from longlive_widget.measure.records import read
from longlive_widget.presets import PRESETS
from longlive_widget.runs.journal import read_journal
from longlive_widget.runs.manifest import VERSION
from longlive_widget.timeline import Taken
from longlive_widget.timeline_forms import read_timeline, timeline_as, timeline_from, write_timeline
from longlive_widget.tiny.learner import Learner
from longlive_widget.tiny.optimizers import optimizers_for
from longlive_widget.tiny.training import STATE_VERSION, Stage

KEPT = Path(__file__).parents[1] / "fixtures" / "kept"
PLAN = Timeline.of(
    "a red ball", Entry(24, "a blue star", Transition(blocks=2, blend="slerp", recache=False))
)
FORMS = {
    "records-1.jsonl": (read, "schema", SCHEMA),
    "manifest-1.json": (Manifest.read, "version", VERSION),
    "manifest-2.json": (Manifest.read, "version", VERSION),
    "manifest-3.json": (Manifest.read, "version", VERSION),
    "manifest-4.json": (Manifest.read, "version", VERSION),
    "journal-2.jsonl": (read_journal, "version", VERSION),
}


def test_records_of_the_first_schema_are_read():
    (record,) = read(KEPT / "records-1.jsonl")
    assert record.kind == "benchmark"
    assert "H100" in record.machine.device
    assert record.samples["block_ms"]


@pytest.mark.parametrize("name", ["manifest-1.json", "manifest-2.json"])
def test_manifests_of_each_version_are_read(name):
    run = Manifest.read(KEPT / name)
    assert (run.seed, run.pictures, run.presets) == (3, 21, ())
    assert run.timeline == Timeline.of("a red ball", (3, "a blue star"))
    assert [landing.block for landing in run.landings] == [0, 1]


@pytest.mark.parametrize(("name", "told"), [("manifest-2-presets.json", 0), ("manifest-3.json", 1)])
def test_presets_that_took_over_are_read_and_before_version_3_none_tells_of_fallbacks(name, told):
    (turn,) = Manifest.read(KEPT / name).presets
    assert (turn.block, turn.preset.name, len(turn.fallbacks)) == (1, "small", told)


def test_what_prompts_were_taken_as_is_read_and_before_version_4_none_tells():
    told = Taken(1, "a blue ball rests on black", alone=False)
    assert Manifest.read(KEPT / "manifest-4.json").taken == (told,)
    assert Manifest.read(KEPT / "manifest-3.json").taken is None


def test_the_journal_of_a_run_that_was_cut_off_is_read():
    journal, manifest = (
        read_journal(KEPT / "journal-2.jsonl"),
        Manifest.read(KEPT / "manifest-2.json"),
    )
    assert journal.blocks == manifest.blocks
    assert journal.timeline == manifest.timeline


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("past", [1, 40])
def test_a_later_version_is_refused_with_what_to_do(tmp_path, name, past):
    opened, word, newest = FORMS[name]
    text = (KEPT / name).read_text()
    later, count = re.subn(rf'"{word}": \d+', f'"{word}": {newest + past}', text)
    assert count
    (tmp_path / name).write_text(later)
    told = rf"has {word} {newest + past}, and {word}s up to {newest} are known here: update longl"
    with pytest.raises(LongLiveError, match=told):
        opened(tmp_path / name)


@pytest.mark.parametrize("name", ["timeline-list.json", "timeline-list.yaml"])
def test_timelines_from_before_they_had_a_version_are_read(name):
    assert read_timeline(KEPT / name) == PLAN


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_timelines_say_their_version_and_a_later_one_is_refused(tmp_path, form):
    write_timeline(PLAN, tmp_path / f"x.{form}")
    text = (tmp_path / f"x.{form}").read_text()
    assert re.search(r"longlive-widget timeline\W", text)
    later, count = re.subn(r'(version"?): 1\b', r"\1: 2", text)
    assert count == 1
    told = "this timeline has version 2, and versions up to 1 are known here: update longlive"
    with pytest.raises(TimelineError, match=told):
        timeline_from(later, form)
    with pytest.raises(TimelineError, match="version 0 of this timeline does not exist"):
        timeline_from(later.replace(": 2", ": 0", 1), form)


def test_a_manifest_holds_the_rows_of_its_timeline_as_it_always_did():
    said = json.loads(Manifest.read(KEPT / "manifest-1.json").text())
    assert said["timeline"] == Timeline.of("a red ball", (3, "a blue star")).rows()
    assert timeline_from(json.dumps(said["timeline"]), "json").rows() == said["timeline"]
    assert json.loads(timeline_as(PLAN, "json"))["entries"] == PLAN.rows()


def test_a_preset_without_the_settings_that_came_later_is_read_and_a_later_one_is_refused():
    text = (KEPT / "preset.yaml").read_text()
    assert "kernels" not in text, "which is a later setting"
    kept = Preset.from_yaml(text)
    assert (kept.name, kept.kernels) == ("turbo", PRESETS["reference"].kernels)
    with pytest.raises(PresetError, match=r"no setting is called 'dreams'.*or update longlive"):
        Preset.from_yaml(f"{text}dreams: vivid\n")


def test_a_model_from_before_it_had_a_version_is_read_and_a_later_one_is_refused(tmp_path):
    shutil.copy(KEPT / "model.json", tmp_path / MODEL)
    sizes = Sizes.read(tmp_path)
    now = Sizes.read(model_folder("tiny"))
    assert sizes == replace(now, text_encoder=replace(now.text_encoder, vocab=197))
    sizes.write(tmp_path)
    said = json.loads((tmp_path / MODEL).read_text())
    assert said["version"] == MODEL_VERSION
    assert Sizes.read(tmp_path) == sizes
    (tmp_path / MODEL).write_text(json.dumps(said | {"version": MODEL_VERSION + 1}))
    with pytest.raises(CheckpointError, match=r"this model has version 2, .*update longlive"):
        Sizes.read(tmp_path)


def test_training_goes_on_from_a_state_without_a_version_and_refuses_a_later_one(tmp_path):
    stage, learner = Stage("x", tmp_path, steps=2), _learner()
    assert stage.run(learner, lambda _: _descended(learner))
    state = torch.load(stage.state_path, weights_only=True)
    assert state.pop("version") == STATE_VERSION
    torch.save(state, stage.state_path)
    other = _learner()
    assert Stage("x", tmp_path, steps=2).run(other, _not_asked)
    assert torch.equal(other.modules["layer"].weight, learner.modules["layer"].weight)
    torch.save(state | {"version": STATE_VERSION + 1}, stage.state_path)
    with pytest.raises(CheckpointError, match=r"x\.state\.pt has version 2, .*update longlive"):
        stage.run(_learner(), _not_asked)


def _learner() -> Learner:
    modules = nn.ModuleDict({"layer": nn.Linear(2, 2)})
    return Learner(modules, optimizers_for(modules, (), rate=0.1))


def _descended(learner: Learner) -> torch.Tensor:
    layer = learner.modules["layer"]
    return learner.descend("all", lambda x: layer(x).square().mean(), [torch.ones(3, 2)])


def _not_asked(step: int) -> torch.Tensor:
    raise AssertionError(f"all steps are done, and step {step} was asked for")
