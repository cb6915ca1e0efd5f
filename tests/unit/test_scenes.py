import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from longlive_widget.tiny.grounds import GROUND_PERIOD_PICTURES, GROUNDS
from longlive_widget.tiny.motions import MOTIONS, PICTURE, SPEEDS, path_from
from longlive_widget.tiny.scenes import (
    COLORS,
    FULL,
    RADIUS_PX,
    SIMPLE,
    WORLD,
    Change,
    Scene,
    Thing,
    Vocabulary,
    draw,
    draw_with_cover,
    random_change,
    random_scene,
)
from longlive_widget.tiny.shapes import DISTANCES, REACH, SHAPES, SYMMETRY

CPU = torch.device("cpu")
MOVING = ("sea", "snow", "rain")


def scenes_of(seed, count, vocabulary=FULL):
    draws = random.Random(seed)
    return [random_scene(draws, vocabulary) for _ in range(count)]


def switched_scenes(seed, count, at_picture, vocabulary=FULL):
    draws = random.Random(seed)
    scenes = [random_scene(draws, vocabulary) for _ in range(count)]
    changes = [random_change(draws, scene, vocabulary) for scene in scenes]
    return [
        (change, scene.switched(change, at_picture))
        for scene, change in zip(scenes, changes, strict=True)
    ]


def ground_alone(ground, first=0, count=1):
    return draw([Scene((), ground)], first, count, CPU)[0]


def mean_steps(pictures):
    return pictures.diff(dim=0).abs().mean(dim=(1, 2, 3))


def poses_at(scene, first, count):
    pictures = np.arange(first, first + count, dtype=float)
    return [scene.at(int(p)).poses(np.array(p)) for p in pictures]


def test_one_seed_draws_the_same_pictures_to_the_bit():
    once, again = (draw(scenes_of(5, 4), 7, 6, CPU) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, draw(scenes_of(6, 4), 7, 6, CPU))


def test_pictures_are_rgb_between_minus_one_and_one_in_the_agreed_order():
    pictures, cover = draw_with_cover(scenes_of(1, 2), 0, 3, CPU)
    assert pictures.shape == (2, 3, 3, PICTURE.height_px, PICTURE.width_px)
    assert cover.shape == (2, 3, 1, PICTURE.height_px, PICTURE.width_px)
    assert pictures.abs().max() <= 1
    assert 0 <= cover.min() < 0.01 < 0.99 < cover.max() <= 1


def test_a_stretch_of_pictures_does_not_depend_on_where_it_was_cut():
    scenes = [scene for _, scene in switched_scenes(2, 6, at_picture=13)]
    whole = draw(scenes, 5, 20, CPU)
    parts = [draw(scenes, 5, 4, CPU), draw(scenes, 9, 9, CPU), draw(scenes, 18, 7, CPU)]
    assert torch.equal(whole, torch.cat(parts, dim=1))


def test_each_clip_can_begin_at_its_own_picture():
    scenes = scenes_of(3, 2)
    both = draw(scenes, [0, 1000], 3, CPU)
    assert torch.equal(both[1], draw(scenes[1:], 1000, 3, CPU)[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_distances_are_in_pixels_near_the_outline(shape):
    turns = torch.linspace(0, 6.28, 500, dtype=torch.float64)
    radius = torch.tensor(40.0, dtype=torch.float64)
    far = torch.linspace(0, 80, 4001, dtype=torch.float64)[:, None]
    distance = DISTANCES[shape](far * turns.cos(), far * turns.sin(), radius)
    inside = (distance < 0).any(dim=1)
    assert inside.any()
    assert far[inside].max() <= REACH * radius
    x = (far * turns.cos()).requires_grad_()
    y = (far * turns.sin()).requires_grad_()
    distance = DISTANCES[shape](x, y, radius)
    slope = torch.hypot(*torch.autograd.grad(distance.sum(), (x, y)))
    near = (distance.abs() < 0.5) & (far > 1)
    assert torch.allclose(slope[near], torch.ones(1, dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if SYMMETRY[shape]])
def test_a_shape_looks_the_same_after_its_own_part_of_a_turn(shape):
    x, y = torch.randn(2, 1000, dtype=torch.float64) * 20
    angle = torch.tensor(2 * torch.pi / SYMMETRY[shape], dtype=torch.float64)
    radius = torch.tensor(20.0, dtype=torch.float64)
    turned_x, turned_y = angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x
    same = DISTANCES[shape](x, y, radius) < 0
    assert torch.equal(DISTANCES[shape](turned_x, turned_y, radius) < 0, same)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_one_radius_look_about_equally_big(shape):
    grid = torch.arange(-80, 80) + 0.5
    radius = torch.tensor(40.0)
    area = (DISTANCES[shape](grid, grid[:, None], radius) < 0).sum() / (torch.pi * radius**2)
    assert 0.6 < area < 1.1


def test_outlines_are_soft_and_insides_are_not():
    scene = next(s for s in scenes_of(4, 50) if s.things[0].shape == "ball")
    _, cover = draw_with_cover([scene], 0, 1, CPU)
    soft = (cover > 0.02) & (cover < 0.98)
    assert 20 < soft.sum() < 200


@pytest.mark.parametrize(("motion", "speed"), list(itertools.product(MOTIONS, SPEEDS)))
def test_a_thing_that_leaves_is_back_before_long(motion, speed):
    for seed in range(3):
        scene = random_scene(random.Random(seed), Vocabulary(motions=(motion,), speeds=(speed,)))
        _, cover = draw_with_cover([scene], 5000, 128, CPU)
        seen = cover[0].amax(dim=(1, 2, 3))
        gone = [len(list(run)) for hidden, run in itertools.groupby(seen < 0.5) if hidden]
        assert max(gone, default=0) < 20


@pytest.mark.parametrize("motion", ["rests", "bounces", "circles", "spins", "swings", "grows"])
def test_what_does_not_cross_the_edge_stays_in_the_picture(motion):
    for seed in range(6):
        scene = random_scene(random.Random(seed), Vocabulary(motions=(motion,)))
        _, cover = draw_with_cover([scene], 0, 48, CPU)
        edges = (cover[..., 0, :], cover[..., -1, :], cover[..., 0], cover[..., -1])
        assert max(edge.max() for edge in edges) == 0


def test_motions_are_told_apart_by_their_places():
    directions = {"moves right": (1, 0), "moves left": (-1, 0), "moves up": (0, -1)}
    directions["moves down"] = (0, 1)
    start = random_scene(random.Random(0)).poses(np.array(0.0))[0]
    for motion, (right, down) in directions.items():
        pose = path_from(motion, "fast", RADIUS_PX["small"], start).pose(np.array([0.0, 1.0]))
        assert np.sign(np.diff(pose.x_px)) == right
        assert np.sign(np.diff(pose.y_px)) == down


def test_a_circle_that_sets_out_from_near_the_middle_always_begins_the_same_way():
    scenes = scenes_of(22, 300, replace(WORLD, motions=("circles",), two_things=0.0))
    moves = [np.array([(p.x_px, p.y_px) for (p,) in poses_at(scene, 0, 2)]) for scene in scenes]
    ways = np.diff(moves, axis=1)[:, 0]
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    assert ways[:, 1].min() > 0.85, "downwards"


def test_a_switch_goes_on_from_where_the_thing_is():
    for _, scene in switched_scenes(9, 300, at_picture=33):
        (before,) = scene.before.poses(np.array(33.0))
        (after,) = scene.poses(np.array(33.0))
        assert after.x_px == pytest.approx(before.x_px, abs=1e-9)
        assert after.y_px == pytest.approx(before.y_px, abs=1e-9)
        assert after.radius_px == pytest.approx(before.radius_px, abs=1e-9)


def test_nothing_jumps_after_a_switch_unless_it_comes_in_from_the_other_side():
    for _, scene in switched_scenes(10, 300, at_picture=20):
        places = [(p.x_px, p.y_px) for (p,) in poses_at(scene, 16, 20)]
        steps = np.abs(np.diff(np.array(places, dtype=float), axis=0)).max(axis=1)
        assert all(step < 25 or step > PICTURE.height_px for step in steps)


def test_a_switch_keeps_what_it_does_not_name():
    scene = scenes_of(11, 1)[0]
    thing = scene.things[0]
    switched = scene.switched(Change(color="pink"), 12)
    assert switched.things[0].color == "pink"
    assert (switched.ground, switched.things[0].shape) == (scene.ground, thing.shape)
    late = np.arange(12.0, 400.0)
    (kept,), (untouched,) = switched.poses(late), scene.poses(late)
    assert np.allclose(kept.x_px, untouched.x_px)
    assert np.allclose(kept.y_px, untouched.y_px)


def test_before_the_switch_the_pictures_are_those_of_the_first_scene():
    for _, scene in switched_scenes(12, 5, at_picture=9):
        both, first = draw([scene], 0, 12, CPU), draw([scene.before], 0, 12, CPU)
        assert torch.equal(both[:, :9], first[:, :9])
        assert not torch.equal(both[:, 9:], first[:, 9:])


def test_every_drawn_change_changes_something_and_each_attribute_gets_its_turn():
    changes = [change for change, _ in switched_scenes(13, 300, at_picture=5)]
    assert all(change != Change() for change in changes)
    for name in ("shape", "color", "size", "motion", "ground"):
        assert any(getattr(change, name) is not None for change in changes)


def test_no_thing_has_the_color_of_its_ground_before_or_after_a_switch():
    vocabulary = Vocabulary(two_things=0.5)
    scenes = [scene for _, scene in switched_scenes(14, 100, 5, vocabulary)]
    for scene in (*scenes, *(scene.before for scene in scenes)):
        assert len({thing.color for thing in scene.things}) == len(scene.things)
        pictures, cover = draw_with_cover([scene], scene.since, 1, CPU)
        bare = ground_alone(scene.ground, scene.since - scene.ground_since)
        covered = cover[0, :, 0] > 0.99
        contrast = (pictures[0] - bare).norm(dim=1)[covered]
        assert len(contrast) == 0 or contrast.median() > 0.4
    assert {scene.ground for scene in scenes} == set(GROUNDS)


def test_every_color_stands_out_from_more_than_nine_tenths_of_each_ground_that_it_is_seen_on():
    scenes = scenes_of(21, 3000, WORLD)
    pairs = {(scene.ground, thing.color) for scene in scenes for thing in scene.things}
    path = path_from("rests", "medium", RADIUS_PX["big"], scenes[0].poses(np.array(0.0))[0])
    one_each = [Scene((Thing("ball", color, "big", path),), "grey") for color in COLORS]
    pictures, cover = draw_with_cover(one_each, 0, 1, CPU)
    middle = cover[0, 0, 0].flatten().argmax()
    rgb = dict(zip(COLORS, pictures[:, 0].flatten(2)[:, :, middle], strict=True))
    for ground, color in sorted(pairs):
        contrast = (ground_alone(ground)[0] - rgb[color][:, None, None]).norm(dim=0)
        assert contrast.quantile(0.1) > 0.4, (ground, color)


def test_the_later_thing_hides_the_earlier_one():
    path = path_from(
        "rests", "medium", RADIUS_PX["big"], scenes_of(0, 1)[0].poses(np.array(0.0))[0]
    )
    things = (Thing("ball", "red", "big", path), Thing("ball", "blue", "big", path))
    pair, last = draw([Scene(things, "grey"), Scene(things[1:], "grey")], 0, 1, CPU)
    assert (pair - last).abs().mean() < 0.01


@pytest.mark.parametrize("ground", MOVING)
def test_a_moving_ground_moves_with_every_picture_and_repeats_to_the_bit(ground):
    pictures = ground_alone(ground, 0, 2 * GROUND_PERIOD_PICTURES + 5)
    assert GROUND_PERIOD_PICTURES == 48
    assert torch.equal(pictures[:-48], pictures[48:])
    one_round = pictures[:48].flatten(1)
    assert torch.pdist(one_round, p=1).min() > 0.002 * one_round.shape[1]


@pytest.mark.parametrize("ground", MOVING)
def test_a_moving_ground_does_not_jump_where_it_begins_again(ground):
    steps = mean_steps(ground_alone(ground, 0, 2 * GROUND_PERIOD_PICTURES))
    assert steps.max() < 1.6 * steps.min()


@pytest.mark.parametrize("ground", [ground for ground in GROUNDS if ground not in MOVING])
def test_a_still_ground_does_not_move(ground):
    pictures = ground_alone(ground, 0, GROUND_PERIOD_PICTURES + 1)
    assert torch.equal(pictures, pictures[:1].expand_as(pictures))


@pytest.mark.parametrize("ground", MOVING)
def test_a_ground_that_a_switch_keeps_goes_on_without_a_jump(ground):
    for change in (Change(color="pink"), Change(motion="spins"), Change(ground=ground)):
        (scene,) = scenes_of(15, 1, Vocabulary(grounds=(ground,), motions=("rests",)))
        twice = scene.switched(change, 31).switched(Change(size="small"), 40)
        pictures, cover = draw_with_cover([twice], 20, 30, CPU)
        bare = (cover[0] == 0).expand_as(pictures[0])
        assert torch.equal(pictures[0][bare], ground_alone(ground, 20, 30)[bare])


@pytest.mark.parametrize("ground", MOVING)
def test_a_ground_that_a_switch_brings_begins_at_its_beginning(ground):
    (scene,) = scenes_of(16, 1, Vocabulary(grounds=(ground,), motions=("rests",)))
    back = scene.switched(Change(ground="grey"), 10).switched(Change(ground=ground), 31)
    pictures, cover = draw_with_cover([back], 31, 20, CPU)
    bare = (cover[0] == 0).expand_as(pictures[0])
    assert torch.equal(pictures[0][bare], ground_alone(ground, 0, 20)[bare])


def test_pictures_over_moving_grounds_do_not_depend_on_where_they_were_cut():
    grounds = Vocabulary(grounds=MOVING, two_things=0.5)
    scenes = [scene for _, scene in switched_scenes(17, 6, 13, grounds)]
    whole = draw(scenes, 5, 60, CPU)
    parts = [draw(scenes, 5, 4, CPU), draw(scenes, 9, 9, CPU), draw(scenes, 18, 47, CPU)]
    assert torch.equal(whole, torch.cat(parts, dim=1))


def test_two_unscattered_things_set_out_left_and_right_and_one_in_the_middle():
    counts = set()
    for scene in scenes_of(18, 400, replace(WORLD, two_things=0.5)):
        poses = scene.poses(np.array(0.0))
        counts.add(len(poses))
        places = [float(pose.x_px) / PICTURE.width_px for pose in poses]
        thirds = [(0, 1 / 3), (2 / 3, 1)] if len(poses) == 2 else [(1 / 3, 2 / 3)]
        assert all(low < x < high for x, (low, high) in zip(places, thirds, strict=True))
    assert counts == {1, 2}


def test_some_pairs_of_the_world_move_alike():
    pairs = scenes_of(19, 300, replace(WORLD, two_things=1.0))
    alike = sum(one.motion == two.motion for one, two in (pair.things for pair in pairs))
    assert 0.15 < alike / len(pairs) < 0.45


def test_the_world_holds_all_that_there_is():
    scenes = scenes_of(20, 2000, WORLD)
    things = [thing for scene in scenes for thing in scene.things]
    assert {scene.ground for scene in scenes} == set(GROUNDS)
    assert {thing.motion for thing in things} == set(MOTIONS)
    assert {thing.shape for thing in things} == set(SHAPES)
    assert {thing.color for thing in things} == set(COLORS)
    assert not set(MOVING) & set(SIMPLE.grounds)
