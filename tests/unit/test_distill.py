"""What the student learns from: its own videos, and where the teacher's guided paths end."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise_schedule import Level, levels
from longlive_widget.geometry import Geometry
from longlive_widget.tiny import distill
from longlive_widget.tiny.clips import WINDOW_FRAMES
from longlive_widget.tiny.distill import (
    GUIDANCE,
    LONGEST_BLOCKS,
    AttemptForm,
    Attempts,
    Distillation,
    Pupil,
    Videos,
    add_adapter,
    teacher_path,
)
from longlive_widget.tiny.reward import LatentReader, Reward
from longlive_widget.tiny.scenes import LEARNED
from longlive_widget.tiny.shapes import SHAPES
from longlive_widget.tiny.words import SHAPE_WORDS
from tests.unit.small_network import small_transformer

STEPS = levels((1000, 750, 500, 250))
GEOMETRY = Geometry(32, 32)
SINK, VIDEOS = 3, 2


class Words:
    """Reads a prompt as numbers that the text alone decides."""

    def encode(self, prompts: list[str]) -> Tensor:
        rows = [
            torch.randn(4, 8, generator=torch.Generator().manual_seed(sum(map(ord, prompt))))
            for prompt in prompts
        ]
        return torch.stack(rows)


@pytest.fixture
def pupil(monkeypatch: pytest.MonkeyPatch) -> Pupil:
    monkeypatch.setattr(distill, "TEACHER_STEPS", 6)
    network = small_transformer()
    add_adapter(network, rank=2)
    for name, weight in network.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.2)
    return Pupil(network, Words())


@pytest.fixture
def reward() -> Reward:
    torch.manual_seed(3)
    return Reward(LatentReader(small_transformer().patch_embedding.in_channels))


@pytest.fixture
def videos(pupil: Pupil, reward: Reward) -> Videos:
    return Videos(pupil, GEOMETRY, SINK, VIDEOS, STEPS, reward)


def test_a_path_goes_through_the_students_own_levels_down_to_no_noise(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(distill, "TEACHER_STEPS", 3)
    path = teacher_path(STEPS)
    assert path[0] == STEPS[0]
    assert set(STEPS) < set(path)
    assert path[-1] == Level(0.0, 0.0)
    assert all(one > other for one, other in pairwise(path))


@torch.no_grad()
def by_hand(pupil: Pupil, attempts: Attempts, past: list[Tensor], prompts: Tensor, step: int):
    """One guided path from what a step has seen, over what the teacher remembers of the past."""
    network, frames = pupil.transformer, GEOMETRY.block_frames
    sides = []
    for embeds in (prompts, pupil.text_encoder.encode([""]).expand_as(prompts)):
        window = RollingWindow(
            network.config.layers, GEOMETRY.tokens_per_frame, WINDOW_FRAMES, SINK, relative=True
        )
        denoiser, text = Denoiser(network, window), network.read_text(embeds)
        for block, latent in enumerate(past):
            window.open_block(block * frames, frames)
            denoiser.write_context(latent, text)
        window.open_block(len(past) * frames, frames)
        sides.append((denoiser, text))
    x = attempts.x_BSFCHW[:, step]
    path = [level for level in teacher_path(STEPS) if level <= STEPS[step]]
    for here, there in pairwise(path):
        said, free = (denoiser.flow(x, here.timestep, text) for denoiser, text in sides)
        x = x + (there.sigma - here.sigma) * (free + GUIDANCE * (said - free))
    return x


def test_paths_side_by_side_end_where_each_by_itself_ends(pupil: Pupil, videos: Videos):
    """For a first block, and for one that has a past."""
    past: list[Tensor] = []
    for block in range(2):
        attempts = videos.go_on(seed=3 + block)
        assert attempts.form.kept_frames == 3 * block
        with pupil.as_teacher():
            for step in range(len(STEPS)):
                right = by_hand(pupil, attempts, past, attempts.embeds_BLC, step)
                found = attempts.target_BSFCHW[:, step]
                assert torch.allclose(found, right, atol=1e-4), (block, step)
        past = videos._latest
        assert not torch.allclose(attempts.target_BSFCHW[:, 0], past[-1], atol=1e-2)


def test_the_loss_is_none_where_the_student_is_the_teacher_of_one_step(
    pupil: Pupil, videos: Videos, reward: Reward, monkeypatch: pytest.MonkeyPatch
):
    attempts = videos.go_on(seed=1)
    monkeypatch.setattr(distill, "SHAPE_WEIGHT", 0.0)
    loss = Distillation(pupil.transformer, STEPS, SINK, reward).loss
    with torch.no_grad():
        flows = []
        for step, level in enumerate(STEPS):
            window = distill.HeldWindow(attempts.memory_BNTHD, 0, GEOMETRY.block_frames)
            x = attempts.x_BSFCHW[:, step]
            told = x.new_full(x.shape[:2], level.timestep)
            text = pupil.transformer.read_text(attempts.embeds_BLC)
            flows.append(x - level.sigma * pupil.transformer(x, told, text, window))
        own = torch.stack(flows, dim=1)
        learned = replace(attempts, target_BSFCHW=own)
        assert loss(attempts.form, *learned.tensors) < 1e-8
        assert loss(attempts.form, *attempts.tensors) > 1e-3


def test_a_path_that_ends_in_a_wrong_shape_weighs_less(
    pupil: Pupil, videos: Videos, reward: Reward, monkeypatch: pytest.MonkeyPatch
):
    """Of the first video one thing has another shape than was asked for; the second is right.

    The loss is the mean of what each path is off by, as much as it weighs.
    """
    read: list[tuple[Tensor, Tensor]] = []

    def seen(latent: Tensor, colors: Tensor) -> Tensor:
        read.append((latent, colors))
        shapes = videos._asked_BTK[..., 1].clone()
        shapes[0, 0] = (shapes[0, 0] + 1) % len(SHAPES)
        return shapes

    monkeypatch.setattr(reward, "shapes_seen", seen)
    attempts = videos.go_on(seed=1)
    weights = torch.tensor([[distill.WRONG_PATH_WEIGHT], [1.0]]).expand(-1, len(STEPS))
    assert torch.equal(attempts.weight_BS, weights)
    for (latent, colors), end in zip(read, attempts.target_BSFCHW.unbind(1), strict=True):
        assert torch.equal(latent, end)
        assert torch.equal(colors, attempts.asked_BTK[..., 0])
    monkeypatch.setattr(distill, "SHAPE_WEIGHT", 0.0)
    loss = Distillation(pupil.transformer, STEPS, SINK, reward).loss
    with torch.no_grad():
        each = [loss(attempts.form, *attempts[torch.tensor([row])].tensors) for row in range(2)]
        both = loss(attempts.form, *attempts.tensors)
        followed = replace(attempts, weight_BS=torch.ones(2, len(STEPS)))
        whole = loss(attempts.form, *followed[torch.tensor([0])].tensors)
    assert torch.allclose(both, torch.stack(each).mean())
    assert torch.allclose(each[0], distill.WRONG_PATH_WEIGHT * whole)


def test_a_shape_that_is_not_clear_is_no_wrong_one(
    videos: Videos, reward: Reward, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reward, "shapes_seen", lambda _, colors: torch.full_like(colors, -1))
    assert videos.go_on(seed=1).weight_BS.eq(1).all()


def test_the_students_videos_are_of_pairs_more_often_than_prompts_are(pupil: Pupil, reward: Reward):
    many = Videos(pupil, GEOMETRY, SINK, 200, STEPS, reward)
    many._steer(random.Random(1))
    pairs = many._asked_BTK[:, 1, 0].ge(0).float().mean()
    assert 0.5 < pairs < 0.7
    assert pairs > 2 * LEARNED.two_things


def switched(videos: Videos, monkeypatch: pytest.MonkeyPatch, blocks: int) -> Attempts:
    """The block after a switch, `blocks` blocks being made before."""
    monkeypatch.setattr(distill, "SHORTEST_BLOCKS", LONGEST_BLOCKS)
    monkeypatch.setattr(distill, "SWITCH_SHARE", 0.0)
    for block in range(blocks):
        assert videos.go_on(seed=block).form.recached_frames == 0
    monkeypatch.setattr(distill, "SWITCH_SHARE", 1.0)
    return videos.go_on(seed=blocks)


@pytest.mark.parametrize(
    ("blocks", "form"),
    [
        (1, AttemptForm(3, 3)),
        (3, AttemptForm(9, 9)),
        (4, AttemptForm(9, 12)),
        (6, AttemptForm(9, 9, sink_stays=True)),
    ],
)
def test_what_a_recache_writes_in_the_loss_is_what_the_student_remembers(
    pupil: Pupil,
    videos: Videos,
    reward: Reward,
    monkeypatch: pytest.MonkeyPatch,
    blocks: int,
    form: AttemptForm,
):
    """A window that fills, one that is just full, and one whose sink stays; it learns to write."""
    attempts = switched(videos, monkeypatch, blocks)
    assert attempts.form == form
    distillation = Distillation(pupil.transformer, STEPS, SINK, reward)
    text = pupil.transformer.read_text(attempts.embeds_BLC)
    memory, recached = attempts.memory_BNTHD, attempts.recached_BFCHW
    anew = distillation._written_anew(form, torch.zeros_like(memory), recached, text)
    same = slice(memory.shape[2] // form.kept_frames * SINK * form.sink_stays, None)
    assert torch.allclose(anew[:, :, same], memory[:, :, same], atol=1e-5) is not form.sink_stays
    anew = distillation._written_anew(form, memory, recached, text)
    assert torch.allclose(anew, memory, atol=1e-5)
    anew.square().sum().backward()
    writes = [p for n, p in pupil.transformer.named_parameters() if "self_attn.v.lora_B" in n]
    assert all(weight.grad.abs().max() > 0 for weight in writes)


def test_a_shape_that_a_new_prompt_does_not_name_is_to_stay_as_it_is_seen(
    videos: Videos, reward: Reward, monkeypatch: pytest.MonkeyPatch
):
    """It stays as it was asked for where it is not seen; a named one is what its name says."""
    videos.go_on(seed=1)
    before = videos._asked_BTK.clone()
    scenes = [scene.things[0] for scene in videos._scenes]
    seen = (before[..., 1] + 1) % len(SHAPES)
    seen[1] = -1
    monkeypatch.setattr(reward, "shapes_seen", lambda *_: seen)
    videos._ask(["it moves left", "it moves left"], before)
    assert videos._asked_BTK[0, 0, 1] == seen[0, 0]
    assert videos._asked_BTK[1, 0, 1] == before[1, 0, 1]
    circling = torch.tensor([[SHAPES.index("ball")] * 2] * 2)
    videos._ask(["it goes in a circle"] * 2, torch.stack([before[..., 0], circling], dim=-1))
    assert videos._asked_BTK[0, 0, 1] == seen[0, 0]
    videos._ask([f"a {SHAPE_WORDS[thing.shape][-1]} moves" for thing in scenes], before)
    assert videos._asked_BTK[:, 0].tolist() == before[:, 0].tolist()
