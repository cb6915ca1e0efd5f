"""Timelines in the forms of others: what is read, what is written, and what is refused."""

import json

import pytest

from longlive_widget import Entry, Timeline, Transition, read_timeline, write_timeline
from longlive_widget.errors import OutputError, TimelineError
from longlive_widget.geometry import latent_frame_at, seconds_at
from longlive_widget.timeline_forms import SUFFIXES, form_of, timeline_as, timeline_from

CUTS = Timeline.of(
    "a 'red' ball: \"big\"",
    (24, "ein grüner Würfel # 1"),
    (37, "[a] <b>ring</b>"),
    (40, "a box [big]"),
)
BLENDS = CUTS.with_entry(Entry(30, "a sea", Transition(4, "slerp")))
ALL = BLENDS.with_entry(Entry(33, "snow", Transition(2, recache=False)))


@pytest.mark.parametrize(
    ("form", "timeline"),
    [("json", ALL), ("yaml", ALL), ("text", ALL), ("scope", BLENDS), ("longlive", CUTS)],
)
def test_a_timeline_comes_back_from_every_form_as_it_was(form, timeline):
    assert timeline_from(timeline_as(timeline, form), form) == timeline


@pytest.mark.parametrize("suffix", [each for each in SUFFIXES if each != ".py"])
def test_a_file_s_name_says_its_form(tmp_path, suffix):
    path = tmp_path / f"mine{suffix}"
    write_timeline(CUTS, path)
    assert read_timeline(path) == CUTS
    assert path.read_text(encoding="utf-8") == timeline_as(CUTS, form_of(path.name))


def test_python_makes_the_timeline_again():
    for timeline in (CUTS, ALL):
        names = {}
        exec(timeline_as(timeline, "python"), names)
        assert names["timeline"] == timeline


def test_a_time_finds_the_latent_frame_that_begins_nearest():
    assert all(latent_frame_at(seconds_at(frame)) == frame for frame in range(200))
    assert [latent_frame_at(s) for s in (0, 0.02, 0.05, 0.3, 1.0)] == [0, 0, 1, 2, 5]


def test_longlive_s_prompts_switch_every_40_latent_frames_as_its_configuration_says():
    line = '{"prompts": ["a cat", "a dog", "a bird"]}'
    wanted = Timeline.of("a cat", (40, "a dog"), (80, "a bird"))
    assert timeline_from(line, "longlive") == wanted
    assert timeline_from(f'{{"prompts": ["x"]}}\n\n{line}\n', "longlive", line=2) == wanted


def test_what_longlive_reads_of_our_line_are_the_prompts():
    row = json.loads(timeline_as(CUTS, "longlive"))
    assert row["prompts"] == [entry.prompt for entry in CUTS.entries]
    assert row["switch_frame_indices"] == [24, 37, 40]


SCOPE_ROWS = [
    {"start": 6.0, "end": 9.0, "prompts": [{"text": "a star", "weight": 1.0}], "steps": 4},
    {"start": 0, "end": 6.0, "prompts": [{"text": "a ball", "weight": 1.0}], "steps": 3},
]


def scope_row(row, start, end, steps, method):
    return {start: row["start"], end: row["end"], "prompts": row["prompts"], steps: row["steps"],
            method: "slerp"}  # fmt: skip


@pytest.mark.parametrize("form", ["scope", "json"])
def test_both_files_of_scope_are_read(form):
    """A timeline of camels, and a workflow of snakes; what is first has none to take over from."""
    camels = ("startTime", "endTime", "transitionSteps", "temporalInterpolationMethod")
    snakes = ("start_time", "end_time", "transition_steps", "temporal_interpolation_method")
    camel, snake = ([scope_row(row, *names) for row in SCOPE_ROWS] for names in (camels, snakes))
    wanted = Timeline.of("a ball", Entry(25, "a star", Transition(4, "slerp")))
    file = {"prompts": camel, "settings": {"pipelineId": "longlive"}, "version": "2.1"}
    assert timeline_from(json.dumps(file), form) == wanted
    workflow = {"format": "scope-workflow", "prompts": [], "timeline": {"entries": snake}}
    assert timeline_from(json.dumps(workflow), form) == wanted


def test_the_text_form_is_read_as_it_is_written_by_hand():
    text = """
    # what comes first begins at 0
    a red ball
    5.8 s: a blue star
    30: it turns [slowly] [cut]
    36 : a sea [over 2 blocks, slerp, no re-cache]
    """
    assert timeline_from(text, "text") == Timeline.of(
        "a red ball",
        (24, "a blue star"),
        (30, "it turns [slowly]"),
        Entry(36, "a sea", Transition(2, "slerp", recache=False)),
    )


BAD = [
    ("json", "{", "this is not JSON: "),
    ("json", "3", "a timeline is a list of"),
    ("json", "{}", "no timeline of Scope: it has neither"),
    ("scope", "[]", "no timeline of Scope"),
    ("scope", '{"prompts": [3]}', "no timeline of Scope"),
    ("scope", '{"prompts": [{"text": "a"}]}', "prompt 1 begins at None: give it seconds"),
    ("scope", '{"prompts": [{"text": "a", "startTime": -1}]}', "prompt 1 begins at -1"),
    ("scope", '{"prompts": [{"text": "a", "startTime": 2}]}', "starts at latent frame 9: start it"),
    ("scope", '{"prompts": [{"startTime": 0}]}', "prompt None is not text"),
    (
        "scope",
        '{"prompts": [{"startTime": 0, "prompts": [{"text": "a"}, {"text": "b"}]}]}',
        "prompt 1 mixes 2 prompts at once",
    ),
    ("scope", '{"prompts": [{"startTime": 0, "prompts": ["a"]}]}', "has no list of prompts"),
    (
        "scope",
        '{"prompts": [{"startTime": 0, "text": "a", "transitionSteps": 0.5}]}',
        "blocks of a transition 0.5 is not a whole number",
    ),
    ("longlive", "\n", "this file has no line"),
    ("longlive", '{"prompts": ["a"]}\n{"prompts": ["b"]}', "has 2 lines, each a video of its own"),
    ("longlive", '["a"]', 'line 1 is not {"prompts"'),
    ("longlive", '{"prompts": []}', 'line 1 is not {"prompts"'),
    ("longlive", '{"prompts": ["a", 3]}', "prompt 3 is not text"),
    (
        "longlive",
        '{"prompts": ["a", "b"], "switch_frame_indices": []}',
        "has 2 prompts: give it 1 switch_frame_indices",
    ),
    ("yaml", "a: [", "this is no plain YAML"),
    ("text", "# nothing", "this says no prompt"),
    ("text", "a ball\na star", "line 2, 'a star', has no time"),
    ("text", "a ball\n3: a star [backwards]", "line 2: 'backwards' says no way to take over"),
    ("text", "a ball [over 2 blocks]", "has none to take over from"),
    ("text", "a ball\n9: b\n6: c", "latent frame 6 comes after 9"),
    ("python", "timeline = 3", "Python is written only"),
    ("xml", "", "form 'xml' does not exist"),
]


@pytest.mark.fault("Files that are read", "a file of a timeline is none", "a sentence")
@pytest.mark.parametrize(("form", "text", "said"), BAD)
def test_a_bad_file_gets_a_clear_sentence(form, text, said):
    with pytest.raises(TimelineError) as told:
        timeline_from(text, form)
    assert said in str(told.value)


def test_a_form_that_cannot_say_all_refuses():
    with pytest.raises(TimelineError, match="know cuts only, and 'a sea' is none"):
        timeline_as(BLENDS, "longlive")
    with pytest.raises(TimelineError, match="has more than one line"):
        timeline_as(Timeline.of("a ball\n24: a star"), "text")
    with pytest.raises(TimelineError, match="'snow' takes over without re-cache"):
        timeline_as(ALL, "scope")


def test_a_file_that_cannot_be_is_told_by_its_name(tmp_path):
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.txt").write_text("a" * (2**20 + 1))
    for name, said in [
        ("none.json", "none.json' cannot be read: No such file"),
        ("mine.xml", "says no form of a timeline: end it in .scope.json, .json"),
        ("binary.json", "is no text in UTF-8"),
        ("large.txt", "has over 1048576 bytes"),
    ]:
        with pytest.raises(TimelineError, match=said):
            read_timeline(tmp_path / name)
    with pytest.raises(OutputError, match="does not exist: make it first"):
        write_timeline(CUTS, tmp_path / "nowhere" / "mine.json")
    with pytest.raises(TimelineError, match="line 3 is not there: this file has 1"):
        timeline_from('{"prompts": ["a"]}', "longlive", line=3)
