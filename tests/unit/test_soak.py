"""A short soak: disturbed at random, a studio's pictures are those of its timeline alone."""

import pytest

from tests.soak import smallest_engine, soak


def test_prompts_change_the_pictures_of_the_smallest_engine():
    one, other = (
        list(smallest_engine().session(prompt, 1).blocks(2))[1].frames
        for prompt in ("a red ball spins", "a blue star rests")
    )
    assert (one != other).any()


@pytest.mark.fault(
    "Threads, processes and clocks",
    "prompts, edits, pauses, views, branches and recordings come at random, for long",
    "every picture is that of the same timeline made alone; threads, files and memory stay",
)
def test_a_studio_that_is_disturbed_at_random_makes_the_pictures_of_its_timeline(tmp_path):
    soaked = soak(1, tmp_path, blocks_a_video=30, videos=2)
    assert soaked.blocks >= 60
    assert soaked.disturbances > 20
    assert soaked.different == 0
    first, last = soaked.held[0], soaked.held[-1]
    assert (first.threads, first.files) == (last.threads, last.files)
    assert list(tmp_path.iterdir()) == []
