"""One timeline with several seeds in step, as a widget in plain Python."""

import numpy as np
import pytest

from longlive_widget import PRESETS, Engine, LongLiveWidget, Timeline, Variations
from longlive_widget.errors import ManifestError, PresetError, SessionError
from longlive_widget.measure.colours import COLOURS
from longlive_widget.widget.ensemble import tile_of
from longlive_widget.widget.variations import MOST

TIMELINE = Timeline.of("a red ball moves right on white", (6, "it turns blue"))
SMALL_PX = (48, 32)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", device="cpu")


@pytest.fixture
def variations(engine: Engine):
    built = Variations(engine, TIMELINE, seeds=(3, 8, 5), size_px=SMALL_PX)
    yield built
    built.close()


def tile(variations: Variations, place: int):
    """The pictures of one of the videos."""
    tiles = variations._ensemble.tiles
    return np.concatenate([tile_of(block, tiles, place).frames for block in variations.blocks])


def alone(engine: Engine, timeline: Timeline, seed: int, blocks: int):
    """The pictures of a video that is made by itself."""
    session = engine.session(timeline, seed, size_px=SMALL_PX)
    return np.concatenate([block.frames for block in session.blocks(blocks)])


def made_by(code: str) -> LongLiveWidget:
    """The widget at the end of a cell."""
    made: dict[str, object] = {}
    exec(code, made)
    widget = made[code.split()[-1]]
    assert isinstance(widget, LongLiveWidget)
    return widget


def test_each_tile_is_the_video_of_its_seed_and_tells_it(engine: Engine, variations):
    variations.run(blocks=2)
    for place, seed in enumerate((3, 8, 5)):
        assert np.array_equal(tile(variations, place), alone(engine, TIMELINE, seed, 2)), seed
    assert variations._ensemble.tiles.labels == ("seed 3", "seed 8", "seed 5")
    assert variations._runner.state().tiles.seeded
    assert list(variations.metrics.loc[1].index) == ["seed 3", "seed 8", "seed 5"]


@pytest.mark.parametrize(
    ("seeds", "shape"), [(2, (1, 2)), (4, (2, 2)), (5, (2, 3)), (9, (3, 3)), ((7, 1, 4), (1, 3))]
)
def test_tiles_lie_in_rows(engine: Engine, seeds, shape):
    built = Variations(engine, TIMELINE, seeds=seeds, size_px=SMALL_PX)
    assert (built._ensemble.tiles.rows, built._ensemble.tiles.columns) == shape
    assert built.seeds == (tuple(range(seeds)) if isinstance(seeds, int) else seeds)
    built.close()


def test_a_prompt_goes_to_all_on_the_same_block(engine: Engine, variations):
    variations.run(blocks=1)
    landing = variations.switch("a big yellow star spins")
    variations.run(blocks=1)
    assert landing.block == 1
    for place, seed in enumerate((3, 8, 5)):
        assert np.array_equal(tile(variations, place), alone(engine, variations.timeline, seed, 2))


def test_the_code_of_a_tile_makes_that_video_alone_with_the_typed_prompts(variations):
    variations.run(blocks=1)
    variations.switch("a big yellow star spins")
    variations.run(blocks=1)
    pictures = tile(variations, 1)
    studio = made_by(variations.code_of(1))
    studio.run(blocks=2)
    assert (studio.seed, studio.size_px) == (8, SMALL_PX)
    assert np.array_equal(studio.frames, pictures)
    studio.close()


def test_the_code_of_all_makes_the_same_grid_again(engine: Engine, variations):
    again = made_by(variations.code())
    assert isinstance(again, Variations)
    assert (again.seeds, again.timeline) == ((3, 8, 5), TIMELINE)
    assert again._ensemble.tile_px == SMALL_PX
    again.close()
    from_0 = Variations(engine, TIMELINE, seeds=2)
    assert "variations = Variations(engine, timeline, seeds=2)\n" in from_0.code()
    from_0.close()


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        (1, "seeds 1 is out of range: use 2 to 9"),
        (10, "seeds 10 is out of range: use 2 to 9"),
        ("many", "seeds 'many' is not a whole number: use 2 to 9"),
        ([5], "1 seeds do not fit a grid: use 2 to 9"),
        ([1, -2], "seed -2 is out of range"),
        ([4, 1, 4], "seed 4 is there twice, which is the same video: use another"),
    ],
)
def test_seeds_that_are_no_grid_are_refused_in_a_sentence(engine: Engine, seeds, told):
    with pytest.raises(SessionError, match=told):
        Variations(engine, TIMELINE, seeds=seeds)


@pytest.mark.parametrize(
    ("act", "error", "told"),
    [
        (lambda it: setattr(it, "seed", 4), SessionError, "each one here has its own"),
        (lambda it: setattr(it, "preset", "turbo"), PresetError, "comes too late"),
        (lambda it: it.code_of(3), SessionError, "tile 3 is out of range: use 0 to 2"),
        (lambda it: it.manifest(), ManifestError, "a manifest is of one"),
        (lambda it: it.branch(0), SessionError, "a branch leaves a single one"),
    ],
)
def test_what_they_cannot_do_they_say_in_a_sentence(variations, act, error, told):
    with pytest.raises(error, match=told):
        act(variations)


def test_they_have_no_seed_of_their_own_but_those_of_their_tiles(variations):
    assert variations.seed is None
    assert repr(variations) == "Variations('tiny', seeds=(3, 8, 5))"


def test_nine_tiles_and_eight_presets_have_a_colour_each():
    assert len(set(COLOURS)) >= max(len(PRESETS), MOST)


def test_what_is_no_engine_is_refused_in_a_sentence():
    with pytest.raises(SessionError, match=r"Engine\.load"):
        Variations("tiny", TIMELINE)
