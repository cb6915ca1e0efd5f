"""Prompts that a person wrote: the file of them that the repository holds, and bad ones."""

import json
import random
from pathlib import Path

import pytest

from longlive_widget.errors import RecordError
from longlive_widget.tiny.captions import caption
from longlive_widget.tiny.grounds import GROUNDS
from longlive_widget.tiny.motions import MOTIONS
from longlive_widget.tiny.scenes import COLORS
from longlive_widget.tiny.shapes import SHAPES
from longlive_widget.tiny.written import read_written

WRITTEN = Path(__file__).parents[2] / "docs" / "tiny" / "written.jsonl"
GOOD = {
    "prompt": "a red ball, asleep on snow",
    "things": [{"shape": "ball", "color": "red", "motion": "rests"}],
    "ground": "snow",
}


def written_as(path, *lines):
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_written(path)


def test_what_is_not_said_of_a_written_prompt_is_medium(tmp_path):
    (one,) = written_as(tmp_path / "one.jsonl", json.dumps(GOOD), "")
    (thing,) = one.scene.things
    assert one.prompt == "a red ball, asleep on snow"
    assert (thing.shape, thing.color, thing.size) == ("ball", "red", "medium")
    assert (thing.motion, thing.speed, one.scene.ground) == ("rests", "medium", "snow")


def test_the_kept_prompts_ask_for_all_that_there_is_in_words_of_their_own():
    draws, kept = random.Random(0), read_written(WRITTEN)
    things = [thing for one in kept for thing in one.scene.things]
    assert len({one.prompt for one in kept}) == len(kept) == 40
    assert {thing.shape for thing in things} == set(SHAPES)
    assert {thing.color for thing in things} == set(COLORS)
    assert {thing.motion for thing in things} == set(MOTIONS)
    assert {one.scene.ground for one in kept} == set(GROUNDS)
    for one in kept:
        drawn = {caption(one.scene, draws).lower().strip(".") for _ in range(200)}
        assert one.prompt.lower().strip(".") not in drawn


@pytest.mark.parametrize(
    ("line", "told"),
    {
        "nothing": ("", "holds no prompt"),
        "no JSON": ("a red ball", "line 1 is not JSON"),
        "a list": ("[]", "is no object of prompt, things, ground"),
        "a part more": (json.dumps({**GOOD, "seed": 1}), "is no object of"),
        "no words": (json.dumps({**GOOD, "prompt": " "}), "has the prompt ' '"),
        "no things": (json.dumps({**GOOD, "things": []}), "list one or two"),
        "three things": (json.dumps({**GOOD, "things": GOOD["things"] * 3}), "list one or two"),
        "another ground": (json.dumps({**GOOD, "ground": "sand"}), "ground 'sand' does not exist"),
        "a ground that is a list": (json.dumps({**GOOD, "ground": []}), r"ground \[\] does not"),
        "a thing of text": (json.dumps({**GOOD, "things": ["ball"]}), "has the thing 'ball'"),
        "another color": (
            json.dumps({**GOOD, "things": [{**GOOD["things"][0], "color": "teal"}]}),
            "line 1: color 'teal' does not exist: use 'red' or",
        ),
        "no motion": (
            json.dumps({**GOOD, "things": [{"shape": "ball", "color": "red"}]}),
            "motion None does not exist",
        ),
    }.values(),
)
def test_a_line_that_asks_for_no_scene_is_told_with_the_way_out(tmp_path, line, told):
    with pytest.raises(RecordError, match=told):
        written_as(tmp_path / "bad.jsonl", line)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(RecordError, match="cannot be read"):
        read_written(tmp_path / "none.jsonl")
