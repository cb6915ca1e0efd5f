"""The judge of the embedded model, on pictures of which the truth is known: drawn ones."""

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from longlive_widget import Engine
from longlive_widget.engine.model import load_encoder
from longlive_widget.engine.source import model_folder
from longlive_widget.model.stream import to_bytes
from longlive_widget.presets import PRESETS
from longlive_widget.tiny.evaluate import (
    MOST_SWITCHED_BLOCKS,
    START_BLOCKS,
    SWITCH_PICTURE,
    Case,
    Report,
    Shares,
    fewer_steps_psnr_db,
    judged,
    random_case,
    watch,
)
from longlive_widget.tiny.judge import (
    BLOCK_PICTURES,
    adherence,
    blocks_until_shown,
    outline_adherence,
    read_scene,
    said_probability,
    stays_in_place,
)
from longlive_widget.tiny.motions import PICTURE
from longlive_widget.tiny.probe import JUDGED_PICTURES
from longlive_widget.tiny.scenes import (
    COLORS,
    FULL,
    SIMPLE,
    WORLD,
    Change,
    Scene,
    draw,
    random_scene,
)
from longlive_widget.tiny.sightings import palette
from longlive_widget.tiny.train_autoencoder import reconstructed
from longlive_widget.tiny.train_probe import train_probe

CPU = torch.device("cpu")
STILL = replace(FULL, motions=("rests",), scattered=False)
CALM = replace(FULL, motions=("rests", "spins", "swings", "circles"), grounds=SIMPLE.grounds)


def drawn(scene, count=JUDGED_PICTURES, first=0):
    return to_bytes(draw([scene], first, count, CPU))[0].numpy()


def scene_of(seed, words):
    """A scene of one thing in the middle of a grey ground, but for what `words` say."""
    plain = {"grounds": ("grey",), "motions": ("rests",), "sizes": ("medium",), "scattered": False}
    chosen = {name: (word,) for name, word in words.items()}
    return random_scene(random.Random(seed), replace(FULL, **{**plain, **chosen}))


def peanut(x, y):
    return torch.minimum(torch.hypot(x - 8, y), torch.hypot(x + 8, y)) - 10


def corner(x, y):
    return torch.minimum(
        torch.maximum((x + 8).abs() - 5, y.abs() - 14),
        torch.maximum(x.abs() - 13, (y - 9).abs() - 5),
    )


def egg(x, y):
    return torch.hypot(x / 1.35, y * 1.2 + x / 8) - 13


def smear(x, y):
    return (torch.hypot(x, y) - 14) / 14


def pictures_of(blob, angle, color, ground):
    """A blob in the middle of a still ground, by the distance to its outline."""
    x = torch.arange(PICTURE.width_px) + 0.5 - PICTURE.width_px / 2
    y = torch.arange(PICTURE.height_px)[:, None] + 0.5 - PICTURE.height_px / 2
    cos, sin = np.cos(angle), np.sin(angle)
    cover = (0.5 - blob(cos * x + sin * y, cos * y - sin * x)).clamp(0, 1)
    bare = draw([Scene((), ground)], 0, 4, CPU)
    return to_bytes(torch.lerp(bare, palette()[COLORS.index(color)][:, None, None], cover))[0]


@pytest.mark.slow
def test_the_judge_reads_what_was_drawn_in_scenes_that_its_probe_never_saw():
    draws = random.Random("unseen by the probe")
    scenes = [random_scene(draws, FULL) for _ in range(20)]
    read = Shares.of([adherence(read_scene(drawn(s, first=200)), s) for s in scenes])
    assert min(read.color, read.shape) >= 0.97
    assert read.motion >= 0.95
    assert read.ground >= 0.99
    assert read.size >= 0.9


@pytest.mark.slow
def test_the_judge_reads_scenes_that_went_through_the_embedded_autoencoder():
    model = Engine.load("tiny", device="cpu").model
    encoder = load_encoder(model_folder("tiny"), CPU)
    draws = random.Random("through the autoencoder")
    scenes = [random_scene(draws, CALM) for _ in range(6)]
    read = []
    for scene in scenes:
        with torch.inference_mode():
            seen = reconstructed(encoder, model.decoder, draw([scene], 0, 5, CPU))
        read.append(adherence(read_scene(to_bytes(seen)[0, 1:].numpy()), scene))
    shares = Shares.of(read)
    assert shares.color >= 0.93
    assert shares.shape >= 0.8
    assert shares.ground >= 0.93


@pytest.mark.parametrize("blob", [peanut, corner, egg, smear])
def test_a_blob_of_the_right_colour_is_read_as_no_shape(blob):
    read = [
        read_scene(pictures_of(blob, angle, color, "navy").numpy()).things[0]
        for angle, color in zip(
            (0.1, 0.8, 1.7, 2.5, 3.3), ("red", "white", "cyan", "pink", "red"), strict=True
        )
    ]
    assert [thing.color for thing in read] == ["red", "white", "cyan", "pink", "red"]
    assert sum(thing.shape is None for thing in read) >= 4


@pytest.mark.parametrize(
    ("attribute", "words", "said"),
    [
        ("color", {"colors": "red"}, {"colors": "orange"}),
        ("shape", {"shapes": "star"}, {"shapes": "cross"}),
        ("size", {"sizes": "medium"}, {"sizes": "big"}),
        ("motion", {"motions": "moves right"}, {"motions": "moves left"}),
        ("motion", {"motions": "grows"}, {"motions": "shrinks"}),
        ("ground", {"grounds": "navy"}, {"grounds": "night"}),
        ("ground", {"grounds": "snow"}, {"grounds": "grey"}),
    ],
)
def test_one_wrong_attribute_is_called_wrong_and_the_others_right(attribute, words, said):
    common = {"colors": "yellow", "shapes": "heart"}
    shown, meant = scene_of(3, {**common, **words}), scene_of(3, {**common, **said})
    reading = read_scene(drawn(shown))
    read = adherence(reading, meant)
    names = ("color", "shape", "size", "motion", "ground")
    assert [name for name in names if not getattr(read, name)] == [attribute]
    assert adherence(reading, shown).whole
    if attribute != "size":
        assert said_probability(reading, meant) < 0.8 < said_probability(reading, shown)


def test_spinning_counts_as_resting_for_a_ball_but_not_for_a_square():
    for shape, alike in (("ball", True), ("square", False)):
        spinning, resting = (
            scene_of(4, {"shapes": shape, "colors": "red", "motions": m})
            for m in ("spins", "rests")
        )
        assert adherence(read_scene(drawn(spinning)), spinning).motion
        assert adherence(read_scene(drawn(spinning)), resting).motion == alike


def test_two_things_are_read_apart():
    draws = random.Random("two")
    scenes = [random_scene(draws, replace(WORLD, two_things=1.0)) for _ in range(4)]
    for scene in scenes:
        reading = read_scene(drawn(scene))
        assert {t.color for t in reading.things} == {t.color for t in scene.things}
        assert adherence(reading, scene).whole
        assert not adherence(reading, replace(scene, things=scene.things[:1] * 2)).color


@pytest.mark.slow
def test_motions_are_read_of_two_things_that_hide_each_other():
    draws = random.Random("hide each other")
    pairs = [random_scene(draws, replace(WORLD, two_things=1.0)) for _ in range(24)]
    read = Shares.of([adherence(read_scene(drawn(pair, first=21)), pair) for pair in pairs])
    assert read.motion >= 0.9


def test_pictures_without_a_thing_say_nothing_of_one():
    scene = scene_of(1, {})
    reading = read_scene(drawn(replace(scene, things=())))
    assert reading.things == ()
    read = adherence(reading, scene)
    assert read.ground
    assert not (read.color or read.shape or read.size or read.motion)
    assert said_probability(reading, scene) <= 0.25


@pytest.mark.parametrize(
    "change", [Change(color="pink"), Change(ground="white"), Change(motion="moves left")]
)
@pytest.mark.parametrize("late", [0, 1])
def test_a_switch_is_found_in_the_block_in_which_it_is_drawn(change, late):
    scene = scene_of(5, {"colors": "blue", "shapes": "square", "motions": "circles"})
    switched = scene.switched(change, SWITCH_PICTURE + late * BLOCK_PICTURES)
    after = drawn(switched, count=JUDGED_PICTURES + 2 * BLOCK_PICTURES, first=SWITCH_PICTURE)
    assert blocks_until_shown(after, switched, change) == late
    never = drawn(scene, count=JUDGED_PICTURES, first=SWITCH_PICTURE)
    assert blocks_until_shown(never, switched, change) is None


def test_a_thing_that_jumps_at_a_switch_is_seen_to_jump():
    scene = scene_of(6, {"colors": "blue", "shapes": "square", "motions": "circles"})
    change = Change(color="red")
    switched = scene.switched(change, SWITCH_PICTURE)
    before = drawn(scene, count=24, first=SWITCH_PICTURE - 24)
    assert stays_in_place(before, drawn(switched, count=12, first=SWITCH_PICTURE))
    assert not stays_in_place(before, drawn(switched, count=12, first=SWITCH_PICTURE + 20))
    bare = drawn(replace(scene, things=()), count=24)
    assert stays_in_place(before, bare[:12]) is False, "it is gone"
    assert stays_in_place(before, bare[:12], may_leave=True) is None
    assert stays_in_place(bare, before) is None, "it was not there"


@pytest.mark.parametrize(("left_px", "kept"), [(80.0, False), (-30.0, None)])
def test_a_thing_that_vanishes_at_a_switch_did_not_stay_unless_it_is_to_leave(left_px, kept):
    scene = scene_of(6, {"colors": "blue", "shapes": "square", "motions": "rests"})
    (thing,) = scene.things
    path = replace(thing.path, place_px=(left_px, PICTURE.height_px / 2))
    change = Change(color="red")
    twin = replace(scene, things=(replace(thing, path=path),)).switched(change, SWITCH_PICTURE)
    case = Case("", "", scene, twin, change, seed=0)
    bare = replace(scene, things=())
    seen = np.concatenate((drawn(scene, count=SWITCH_PICTURE), drawn(bare, count=72)))
    assert judged(case, seen).place_kept is kept


def test_a_thing_that_nobody_asked_for_is_wrong():
    draws = random.Random("one too many")
    for scene in [random_scene(draws, replace(WORLD, two_things=1.0)) for _ in range(8)]:
        reading, asked = read_scene(drawn(scene)), replace(scene, things=scene.things[:1])
        read = adherence(reading, asked)
        assert read.ground
        assert not (read.color or read.shape or read.size or read.motion)
        assert outline_adherence([reading], asked)[:2] == (False, False)
        assert said_probability(reading, asked) < 0.7


@pytest.mark.parametrize("shape", ["ball", "star", "heart", "ring"])
@pytest.mark.parametrize("ground", ["navy", "meadow"])
def test_the_same_thing_twice_is_wrong(shape, ground):
    words = {"colors": "orange", "shapes": shape, "grounds": ground}
    scene = scene_of(9, words)
    (thing,) = scene.things
    places = [(40.0, 40.0), (115.0, 55.0)]
    twice = tuple(replace(thing, path=replace(thing.path, place_px=place)) for place in places)
    read = adherence(read_scene(drawn(replace(scene, things=twice))), scene)
    assert read.ground
    assert not (read.color or read.shape or read.size or read.motion)
    once = replace(scene, things=twice[:1])
    assert adherence(read_scene(drawn(once)), once).whole


def test_a_drawn_video_does_what_its_prompts_say_and_not_what_others_say():
    draws = random.Random("drawn videos")
    cases = [random_case(draws, SIMPLE) for _ in range(2)]
    length = SWITCH_PICTURE + 2 * BLOCK_PICTURES + JUDGED_PICTURES
    verdicts = tuple(judged(case, drawn(case.switched, count=length)) for case in cases)
    none = Shares.of([])
    report = Report(verdicts, early=none, late=none, unusual=none, written=none)
    assert (report.start.whole, report.switched.whole, report.switches_shown) == (1, 1, 1)
    assert report.said_probability > 0.9
    other = judged(cases[0], drawn(cases[1].switched, count=length))
    assert not (other.start.whole or other.switched.whole)
    assert other.said_probability < 0.7


def in_blocks(scene: Scene, made: list[int]) -> Iterator[NDArray[np.uint8]]:
    """The pictures of a drawn video, block by block; `made` counts them."""
    for block in range(START_BLOCKS + MOST_SWITCHED_BLOCKS):
        first = max(0, BLOCK_PICTURES * block - 3)
        made.append(block)
        yield drawn(scene, count=BLOCK_PICTURES if block else BLOCK_PICTURES - 3, first=first)


@pytest.mark.parametrize(
    ("motion", "left_px", "blocks"),
    [("rests", None, 12), ("moves left", None, 16), ("rests", 0.0, 24)],
    ids=["whole at once", "cut off for six blocks", "never whole"],
)
def test_a_video_is_watched_until_its_outlines_can_be_read(motion, left_px, blocks):
    words = {"colors": "blue", "shapes": "triangle", "motions": motion, "sizes": "big"}
    scene = scene_of(7, {**words, "speeds": "slowly"})
    (thing,) = scene.things
    if left_px is not None:
        path = replace(thing.path, place_px=(left_px, PICTURE.height_px / 2))
        scene = replace(scene, things=(replace(thing, path=path),))
    case = Case("", "", scene, scene, Change(), seed=0)
    made: list[int] = []
    verdict = watch(case, in_blocks(scene, made))
    assert len(made) == blocks
    assert verdict.outlines_seen == (left_px is None)
    turned = scene.switched(Change(color="red"), SWITCH_PICTURE + 8 * BLOCK_PICTURES)
    late = replace(case, change=Change(color="red"), switched=turned)
    assert watch(late, in_blocks(turned, [])).blocks_until_shown is None, "within six blocks"
    if verdict.outlines_seen:
        assert verdict.switched.shape
        assert verdict.switched.size
        other = replace(scene, things=(replace(thing, shape="star"),))
        assert not watch(replace(case, switched=other), in_blocks(scene, [])).switched.shape


def test_from_the_same_history_the_reference_is_like_itself_and_fewer_steps_are_not():
    reference = PRESETS["reference"].denoise_steps
    found = fewer_steps_psnr_db(
        Engine.load("tiny", device="cpu"),
        prompts=1,
        blocks=1,
        schedules={"reference": reference, "2 steps": (1000, 500)},
    )
    assert found["reference"] == float("inf")
    assert 10 < found["2 steps"] < 60


def test_one_seed_trains_the_same_probe_of_less_than_400_kb(tmp_path):
    files = tmp_path / "once.safetensors", tmp_path / "again.safetensors"
    for file in files:
        train_probe(file, seed=1, videos=1, scenes=2, steps=2)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].stat().st_size < 400_000
