"""The reward: finds a thing by its colour, and says how far its shape is from what was asked."""

import math
import random

import pytest
import torch
from torch import Tensor, nn

from longlive_widget.engine.model import load_encoder
from longlive_widget.engine.source import model_folder
from longlive_widget.tiny.motions import PICTURE
from longlive_widget.tiny.reward import Reward, asked_for
from longlive_widget.tiny.scenes import COLORS, WORLD, random_scene
from longlive_widget.tiny.shapes import SHAPES
from longlive_widget.tiny.train_reward import labelled, stretches

CPU = torch.device("cpu")
RED, BLUE, BALL, STAR = (
    COLORS.index("red"),
    COLORS.index("blue"),
    SHAPES.index("ball"),
    SHAPES.index("star"),
)
SURE = 20.0


class Written(nn.Module):
    """A reader to which latents say it: the colour, the shape, and the logit of either."""

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        color, shape, color_logit, logit = latent.unbind(2)
        colors = torch.arange(len(COLORS) + 1.0).view(1, -1, 1, 1, 1)
        shapes = torch.arange(float(len(SHAPES))).view(1, -1, 1, 1, 1)
        is_color, is_shape = colors == color[:, None], shapes == shape[:, None]
        return color_logit[:, None] * is_color, logit[:, None] * is_shape


@pytest.fixture
def latent() -> Tensor:
    """A block that shows a ball in red at its left, which a reader may take for another shape."""
    latent_BFCHW = torch.zeros(1, 3, 4, 4, 6)
    latent_BFCHW[:, :, 0] = len(COLORS)
    latent_BFCHW[:, :, 0, :, :2] = RED
    latent_BFCHW[:, :, 1] = BALL
    latent_BFCHW[:, :, 2:] = SURE
    return latent_BFCHW


def asked(*things: tuple[int, int]) -> Tensor:
    rows = [*things, (-1, -1), (-1, -1)][:2]
    return torch.tensor([rows])


def test_what_is_asked_for_and_read_falls_short_by_nothing(latent: Tensor):
    reward = Reward(Written())
    assert reward.shortfall(latent, asked((RED, BALL))) < 1e-6
    assert reward.shortfall(latent, asked((RED, STAR))) == pytest.approx(SURE, rel=1e-3)


def test_a_thing_whose_colour_is_not_seen_falls_short_by_nothing(latent: Tensor):
    reward = Reward(Written())
    assert reward.shortfall(latent, asked((BLUE, STAR))) == 0
    both = reward.shortfall(latent, asked((RED, STAR), (BLUE, STAR)))
    assert both == pytest.approx(SURE / 2, rel=1e-3)


def test_less_of_a_thing_than_two_latents_is_not_read(latent: Tensor):
    latent[:, :, 0] = len(COLORS)
    latent[:, 0, 0, 0, 0] = RED
    assert Reward(Written()).shortfall(latent, asked((RED, STAR))) == 0
    assert Reward(Written()).shapes_seen(latent, torch.tensor([[RED, -1]])).tolist() == [[-1, -1]]


def test_a_shape_is_seen_only_where_it_is_clear(latent: Tensor):
    reward = Reward(Written())
    colors = torch.tensor([[RED, BLUE]])
    assert reward.shapes_seen(latent, colors).tolist() == [[BALL, -1]]
    latent[:, :, 3] = math.log(len(SHAPES))  # the ball is likelier than each other one, by so much
    assert reward.shapes_seen(latent, colors).tolist() == [[-1, -1]]


def test_the_gradient_reaches_the_shape_and_not_the_colour(latent: Tensor):
    latent[:, :, 2], latent[:, :, 3] = 5.0, 1.0
    latent.requires_grad_()
    Reward(Written()).shortfall(latent, asked((RED, BALL))).backward()
    assert (latent.grad[:, :, 3, :, :2] < 0).all()
    assert latent.grad[:, :, 3, :, 2:].abs().max() == 0
    assert latent.grad[:, :, :3].abs().max() == 0


def test_scenes_ask_for_their_things():
    scene = random_scene(random.Random(1), WORLD)
    (row,) = asked_for([scene.things]).tolist()
    said = [[COLORS.index(thing.color), SHAPES.index(thing.shape)] for thing in scene.things]
    assert row[: len(said)] == said
    assert all(rest == [-1, -1] for rest in row[len(said) :])


def test_latents_are_labelled_with_what_the_pictures_show():
    """In the middle of each thing lie its own colour and shape; most of the rest is ground."""
    drawn = stretches(seed=1, clips=12, number=0)
    blocks = labelled(drawn, load_encoder(model_folder("tiny"), CPU), CPU)
    assert blocks.latent_BFCHW.shape[:2] == (12, 3)
    ground = blocks.color_BFHW == len(COLORS)
    assert 0.5 < ground.float().mean() < 1
    assert (blocks.shape_BFHW[ground] == -100).all()
    found = 0
    for clip in range(6):  # of these it is the first block, whose first latents are one picture
        things = drawn.things_BFTK[clip, 0]
        for number, (x_px, y_px, radius_px) in enumerate(things[:, :3]):
            shape = drawn.shapes_BFT[clip, 0, number]
            inside = 0 < x_px < PICTURE.width_px and 0 < y_px < PICTURE.height_px
            if radius_px < 0 or not inside or shape == SHAPES.index("ring"):
                continue
            at = clip, 0, int(y_px / 8), int(x_px / 8)
            looks = blocks.color_BFHW[at], blocks.shape_BFHW[at]
            assert looks == (drawn.colors_BFT[clip, 0, number], shape)
            found += 1
    assert found >= 6
