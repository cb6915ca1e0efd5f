"""A timeline says what is to steer when, and on which block that lands."""

import numpy as np
import pytest

from longlive_widget.errors import LongLiveError, SessionError, TimelineError
from longlive_widget.timeline import (
    MOST_SEED,
    Entry,
    Landing,
    Timeline,
    Transition,
    clean,
    require_prompt,
    require_seed,
    timeline_of,
)


def test_a_timeline_begins_with_its_first_prompt():
    assert Timeline.of("a red ball").entries == (Entry(0, "a red ball"),)


def test_an_entry_lands_on_the_first_block_that_starts_at_or_after_it():
    for asked_at in range(1, 40):
        landing = Timeline.of("a", (asked_at, "b")).landings(block_frames=3)[1]
        starts = [block * 3 for block in range(20)]
        assert landing.lands_at == min(start for start in starts if start >= asked_at)
        assert landing.block * 3 == landing.lands_at
        assert landing.asked_at == asked_at


def test_of_two_entries_on_one_block_the_later_one_wins_and_the_other_says_so():
    first, lost, winner = Timeline.of("a", (4, "b"), (6, "c")).landings(block_frames=3)
    assert (lost.block, winner.block) == (2, 2)
    assert (first.replaced_by, lost.replaced_by, winner.replaced_by) == (None, "c", None)


def test_a_landing_reads_as_a_sentence():
    landing = Landing("a blue star", asked_at=23, lands_at=24, block=8)
    assert str(landing) == ("'a blue star' lands at latent frame 24 (block 8, 5.81 s), asked at 23")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ((), "needs a prompt at latent frame 0"),
        ((Entry(3, "a"),), "starts at latent frame 3: start it at 0"),
        ((Entry(0, "a"), Entry(6, "b"), Entry(6, "c")), "'b' and 'c' both start at latent frame 6"),
        ((Entry(0, "a"), Entry(9, "b"), Entry(6, "c")), "6 comes after 9: sort the entries"),
    ],
)
def test_a_timeline_out_of_order_is_refused_with_the_way_out(entries, said):
    with pytest.raises(TimelineError, match=said):
        Timeline(entries)


@pytest.mark.parametrize(
    ("latent_frame", "said"),
    [
        (-1, "latent frame -1 is out of range: use 0 or more"),
        (1.5, "latent frame 1.5 is not a whole number"),
        (True, "latent frame True is not a whole number"),
        ("3", "latent frame '3' is not a whole number"),
    ],
)
def test_a_latent_frame_is_a_whole_number_from_0_up(latent_frame, said):
    with pytest.raises(TimelineError, match=said):
        Entry(latent_frame, "a")


def test_a_latent_frame_of_numpy_is_one_too():
    timeline = Timeline.of("a", (np.int64(6), "b"))
    assert timeline == Timeline.of("a", (6, "b"))
    assert Timeline.from_json(timeline.to_json()) == timeline


@pytest.mark.parametrize("switch", ["b", "bc", 6, None, (6,), (6, "b", "c"), {6, "b"}])
def test_a_switch_is_a_latent_frame_and_a_prompt(switch):
    with pytest.raises(TimelineError, match=r"is not \(latent frame, prompt\): for example"):
        Timeline.of("a", switch)


@pytest.mark.parametrize("plan", [None, ["a"], 3, (Entry(0, "a"),)])
def test_what_is_neither_prompt_nor_timeline_is_refused(plan):
    with pytest.raises(TimelineError, match="is neither a prompt nor a timeline: write"):
        timeline_of(plan)


def test_a_prompt_alone_is_a_timeline_too():
    assert timeline_of("a") == timeline_of(Timeline.of("a")) == Timeline.of("a")


def test_a_timeline_holds_nothing_but_entries():
    with pytest.raises(TimelineError, match="'a' is no entry of a timeline"):
        Timeline(("a",))


@pytest.mark.parametrize("seed", [0, 3, MOST_SEED - 1, np.int64(3), np.uint8(3)])
def test_a_seed_is_any_whole_number_of_32_bits(seed):
    assert require_seed(seed) == seed
    assert type(require_seed(seed)) is int


@pytest.mark.parametrize("seed", [1.5, 1.0, "3", None, True, [3], -1, MOST_SEED])
def test_another_seed_is_refused_with_the_limits(seed):
    with pytest.raises(SessionError, match=r"seed .*(whole number|range): use 0 to 4294967295"):
        require_seed(seed)


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("  a red\n\t ball ", "a red ball"),
        ("a &amp;amp; b", "a & b"),
        ("<b> &amp;amp; b", "<b> & b"),  # ftfy leaves entities alone beside a tag
        ("the cafÃ© at night", "the café at night"),
        ("", ""),
        ("&nbsp;", ""),
    ],
)
def test_prompts_are_cleaned(typed, cleaned):
    assert clean(typed) == cleaned


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t", "&nbsp;", "&amp;nbsp; ", None, 3])
def test_a_prompt_says_something(prompt):
    with pytest.raises(TimelineError, match="write what the video should show"):
        require_prompt(prompt)


def test_a_prompt_is_put_in_its_place_or_in_that_of_another_one():
    timeline = Timeline.of("a", (24, "b"))
    assert timeline.with_entry(Entry(9, "c")) == Timeline.of("a", (9, "c"), (24, "b"))
    assert timeline.with_entry(Entry(24, "c")) == Timeline.of("a", (24, "c"))


@pytest.mark.parametrize(
    "plan",
    [
        Timeline.of("a", (4, "b"), (9, "d")),
        Timeline.of("a", (4, "b")),
        Timeline.of("a", (4, "b"), (7, "e"), (30, "c")),
    ],
)
def test_what_lands_after_the_blocks_that_have_begun_may_be_another(plan):
    Timeline.of("a", (4, "b"), (7, "c")).require_past(plan, begun_blocks=3)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Timeline.of("z", (4, "b")), "'a' at latent frame 0 is too late to change"),
        (Timeline.of("a", (5, "b")), "'b' at latent frame 4 is too late"),
        (Timeline.of("a", (9, "c")), "'b' at latent frame 4 is too late"),
        (Timeline.of("a", (4, "b"), (6, "c")), "'c' at latent frame 6 is too late"),
    ],
)
def test_what_has_landed_on_a_block_that_has_begun_stays(plan, said):
    with pytest.raises(TimelineError, match=f"{said}.*block 2 has begun: .*frame 9 .2.06 s"):
        Timeline.of("a", (4, "b"), (7, "c")).require_past(plan, begun_blocks=3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"blocks": -1}, "blocks of a transition -1 is out of range: use 0 to 1000"),
        ({"blocks": 1.5}, "blocks of a transition 1.5 is not a whole number"),
        ({"blend": "cubic"}, "blend 'cubic' does not exist: use 'linear' or 'slerp'"),
        ({"recache": 1}, "recache 1 is neither true nor false"),
    ],
)
def test_a_transition_that_cannot_be_is_refused(options, said):
    with pytest.raises(TimelineError, match=said):
        Transition(**options)


def test_an_entry_has_a_transition_and_the_first_one_has_none():
    with pytest.raises(TimelineError, match="transition 4 is none: write Transition"):
        Entry(24, "b", 4)
    with pytest.raises(TimelineError, match="first prompt 'a' has none to take over from"):
        Timeline((Entry(0, "a", Transition(4)),))


def test_yaml_that_would_be_too_long_to_be_read_is_not_written():
    fits = Timeline(tuple(Entry(3 * turn, "a" * 500) for turn in range(900)))
    assert Timeline.from_yaml(fits.to_yaml()) == fits
    longer = Timeline(tuple(Entry(3 * turn, "a" * 500) for turn in range(1000)))
    with pytest.raises(TimelineError, match=r"are read again: write it as JSON$"):
        longer.to_yaml()
    assert Timeline.from_json(longer.to_json()) == longer


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_timeline_comes_back_from_text_as_it_was(form):
    timeline = Timeline.of("a 'quoted' ball: red", (3, "ein grüner Würfel"), (24, "- not: a list"))
    timeline = timeline.with_entry(Entry(9, "c", Transition(4, "slerp", recache=False)))
    text = getattr(timeline, f"to_{form}")()
    assert getattr(Timeline, f"from_{form}")(text) == timeline


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "3",
        '"a"',
        "{}",
        "[3]",
        "[]",
        '[{"latent_frame": 0}]',
        '[{"latent_frame": 0, "prompt": "a", "seed": 1}]',
        '[{"latent_frame": "0", "prompt": "a"}]',
        '[{"latent_frame": 0, "prompt": 7}]',
        '[{"latent_frame": 0, "prompt": ""}]',
        '[{"latent_frame": 0, "prompt": "a", "transition": 4}]',
        '[{"latent_frame": 0, "prompt": "a", "transition": {"steps": 4}}]',
    ],
)
def test_text_that_is_no_timeline_is_refused(text):
    with pytest.raises(TimelineError):
        Timeline.from_json(text)
    with pytest.raises(TimelineError):
        Timeline.from_yaml(text)


def test_whoever_catches_the_package_s_errors_or_value_errors_catches_these():
    assert issubclass(TimelineError, LongLiveError)
    assert issubclass(TimelineError, ValueError)
