"""A text from outside is plain values, or is refused in one line before it can do harm."""

import time

import pytest

from longlive_widget import Preset, Timeline, read_timeline
from longlive_widget.errors import PresetError, TimelineError
from longlive_widget.measure.decision import decisions_in
from longlive_widget.plain_data import MOST_LETTERS, NotPlainError, json_in, yaml_in

DEEP = 200_000
LAUGHS = "\n".join(
    ["a0: &a0 [ha, ha]", *(f"a{n}: &a{n} [{', '.join(9 * [f'*a{n - 1}'])}]" for n in range(1, 12))]
)
OBJECTS = [
    "!!python/object/apply:os.system ['touch {path}']",
    "!!python/object/new:os.system ['touch {path}']",
    "!!python/name:os.system",
    "!!python/module:os",
]


def test_plain_values_are_read():
    assert json_in('{"a": [1, 2.5, null, true, "x"]}') == {"a": [1, 2.5, None, True, "x"]}
    assert yaml_in("a: [1, 2.5, null, true, x]") == {"a": [1, 2.5, None, True, "x"]}


@pytest.mark.parametrize("text", OBJECTS)
def test_yaml_makes_no_object_and_runs_nothing(text, tmp_path):
    path = tmp_path / "ran"
    with pytest.raises(NotPlainError, match="could not determine a constructor"):
        yaml_in(text.format(path=path))
    assert not path.exists()


def test_a_short_text_that_says_a_lot_is_refused():
    with pytest.raises(NotPlainError, match="repeats a part by an alias: write it out"):
        yaml_in(LAUGHS)
    with pytest.raises(NotPlainError, match="alias"):
        yaml_in("a: &a {b: 1}\nc: {<<: *a}")


@pytest.mark.fault(
    "Files that are read",
    "YAML is very long, or has very many keys",
    "it is read within 5 s, or refused before it is read",
)
def test_yaml_of_many_keys_is_read_in_seconds_and_a_longer_one_is_refused(tmp_path):
    """Each key was held against all others: 190 s for 1 MiB."""
    many, began_s = "".join(f"{key:x}: 1\n" for key in range(40_000)), time.process_time()
    assert len(yaml_in(many)) == 40_000
    assert time.process_time() - began_s < 5
    with pytest.raises(NotPlainError, match="has over 524288 letters: give a shorter one"):
        yaml_in("x" * (MOST_LETTERS + 1))
    with (tmp_path / "x.yaml").open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(PresetError, match="it has over 2097152 bytes: give a short"):
        Preset.from_yaml(tmp_path / "x.yaml")


@pytest.mark.parametrize("read", [json_in, yaml_in])
def test_a_text_that_is_nested_too_deep_is_refused(read):
    deep = "[" * (DEEP if read is json_in else 3000)
    with pytest.raises(NotPlainError, match="recursion depth"):
        read(deep)


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (json_in, '{"a": NaN}', "NaN is no number"),
        (json_in, "[-Infinity]", "-Infinity is no number"),
        (json_in, "{", "Expecting property name"),
        (yaml_in, "a: 1\na: 2", "a is said twice"),
        (yaml_in, "a: [", "expected the node content"),
    ],
)
def test_what_is_no_plain_value_is_told_in_one_line(read, text, said):
    with pytest.raises(NotPlainError, match=said) as told:
        read(text)
    assert "\n" not in str(told.value)


def test_every_reader_of_such_files_refuses_them_in_its_own_words(tmp_path):
    (tmp_path / "x.json").write_text("[" * DEEP)
    (tmp_path / "x.yaml").write_text(LAUGHS)
    with pytest.raises(TimelineError, match=r"this is not JSON: .*recursion"):
        read_timeline(tmp_path / "x.json")
    for refused, read in (
        (TimelineError, read_timeline),
        (PresetError, Preset.from_yaml),
        (ValueError, decisions_in),
    ):
        with pytest.raises(refused, match="alias"):
            read(tmp_path / "x.yaml")
    with pytest.raises(TimelineError, match="could not determine a constructor"):
        Timeline.from_yaml(OBJECTS[0])
