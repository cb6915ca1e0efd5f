"""A short soak: disturbed at random, a studio's pictures are those of its timeline alone."""

import pytest

from tests.soak import Held, Verdict, smallest_engine, soak


def test_prompts_change_the_pictures_of_the_smallest_engine():
    one, other = (
        list(smallest_engine().session(prompt, 1).blocks(2))[1].frames
        for prompt in ("a red ball spins", "a blue star rests")
    )
    assert (one != other).any()


@pytest.mark.fault(
    "Threads, processes and clocks",
    "prompts, edits, pauses, views, branches and recordings come at random, for long",
    "every picture is that of the same timeline made alone; threads and files stay, and memory in "
    "`make soak`",
)
def test_a_studio_that_is_disturbed_at_random_makes_the_pictures_of_its_timeline(tmp_path):
    soaked = soak(1, tmp_path, blocks_a_video=30, videos=2)
    assert soaked.blocks >= 60
    assert soaked.disturbances > 20
    assert soaked.different == 0
    first, last = soaked.held[0], soaked.held[-1]
    assert (first.threads, first.files) == (last.threads, last.files)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("last", "flat"),
    [
        (Held(1, 6, 400.0), True),
        (Held(1, 6, 403.9), True),
        (Held(1, 6, 395.9), False),
        (Held(1, 6, 404.1), False),
        (Held(2, 6, 400.0), False),
        (Held(1, 7, 400.0), False),
    ],
)
def test_a_soak_is_flat_if_nothing_is_left_and_memory_is_within_a_percent(last, flat):
    """Its first third warms up; of memory a single value may be another one."""
    held = [Held(3, 9, 250.0)] * 3 + [Held(1, 6, mib) for mib in (400.0, 480.0, 400.0)] + [last] * 3
    found = Verdict.of(held)
    assert found.mib == (400.0, last.mib)
    assert found.mib_range == (min(400.0, last.mib), 480.0)
    assert found.flat is flat
