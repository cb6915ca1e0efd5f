"""What each preset is for, by what it is the best in among those that were measured."""

from dataclasses import replace

from longlive_widget.measure.log import log_page
from longlive_widget.measure.uses import uses
from tests.unit.test_log import RECORDS, timed
from tests.unit.test_recommend import ALL, BALANCED, REFERENCE, SMALL, ULTRA, WASTEFUL, candidate
from tests.unit.written_record import record


def told(*candidates):
    """What each is for, by its name."""
    return {use.candidate.name: use.best_in or (use.why,) for use in uses(candidates)}


def test_each_is_for_what_it_is_the_best_in():
    quicker = candidate("quicker", 700, 31, REFERENCE.worst_db)
    assert told(*ALL, quicker) == {
        "reference": ("what the others are held against",),
        "balanced": ("the fastest without visible loss (40 dB)",),
        "wasteful": ("nothing that balanced does not do as well or better",),
        "ultra": ("the fastest", "the fastest with a worst block of 18.0 dB or better"),
        "small": ("the least of the device's memory",),
        "quicker": ("the fastest with pictures equal to the reference's",),
    }


def test_a_loss_that_is_seen_is_worth_it_only_for_the_fastest_with_one_no_greater():
    turbo, slower = candidate("turbo", 400, 30, 25), candidate("slower", 450, 26, 24)
    found = told(REFERENCE, BALANCED, turbo, ULTRA, SMALL, slower)
    assert found["turbo"] == ("the fastest with a worst block of 25.0 dB or better",)
    assert found["slower"] == (
        "the best in none alone, and no other is as fast, as small and as near at once",
    )


def test_of_pictures_that_were_not_compared_only_times_and_memory_are_told():
    quick, slow = candidate("quick", 200, 31, None), candidate("slow", 600, 40, None)
    found = told(REFERENCE, WASTEFUL, quick, slow)
    assert found["quick"] == ("the fastest",)
    assert found["slow"] == ("not to be told while its pictures are not compared",)


def test_one_preset_alone_is_the_best_in_nothing():
    assert told(REFERENCE) == {"reference": ("what the others are held against",)}
    (use,) = uses([replace(BALANCED, memory_bytes=None)])
    assert use.best_in == ()


def test_of_two_that_are_equally_small_neither_is_the_smallest():
    found = told(REFERENCE, BALANCED, replace(ULTRA, memory_bytes=BALANCED.memory_bytes))
    assert not any("memory" in words for best_in in found.values() for words in best_in)


def test_the_log_says_when_to_use_which_with_figures_and_records():
    page = log_page(
        [
            *RECORDS[:2],
            replace(timed("ultra", 300), samples={"block_ms": [300.0], **switch(200.0)}),
            replace(timed("turbo", 400), samples={"block_ms": [400.0], **switch(300.0)}),
            record(kind="scale", samples={"block_ms": [1.0]}),
        ]
    )
    section = page.split("## When to use which")[1].split("\n## ")[0].strip().splitlines()
    assert section[0].startswith("- `reference` [1]: what the others are held against. ")
    assert section[2] == (
        "- `ultra` [3]: the fastest; the soonest to show a switch (200.0 ms). "
        "300.0 ms a block, 40.0 pictures/s, 30.0 GB, pictures not compared."
    )
    assert len(section) == 4


def switch(ms: float) -> dict[str, list[float]]:
    return {"switch_to_picture_ms": [ms]}
