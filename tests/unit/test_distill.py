"""What the student learns from: its own videos, and where the teacher's guided paths end."""

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
    Attempts,
    Distillation,
    Pupil,
    Videos,
    add_adapter,
    teacher_path,
)
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
def videos(pupil: Pupil) -> Videos:
    return Videos(pupil, GEOMETRY, SINK, VIDEOS, STEPS)


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
        assert attempts.kept_frames == 3 * block
        with pupil.as_teacher():
            for step in range(len(STEPS)):
                right = by_hand(pupil, attempts, past, attempts.embeds_BLC, step)
                found = attempts.target_BSFCHW[:, step]
                assert torch.allclose(found, right, atol=1e-4), (block, step)
        past = videos._latest
        assert not torch.allclose(attempts.target_BSFCHW[:, 0], past[-1], atol=1e-2)


def test_the_loss_is_none_where_the_student_is_the_teacher_of_one_step(
    pupil: Pupil, videos: Videos
):
    attempts = videos.go_on(seed=1)
    loss = Distillation(pupil.transformer, STEPS).loss
    with torch.no_grad():
        flows = []
        for step, level in enumerate(STEPS):
            window = distill.HeldWindow(attempts.memory_BNTHD, 0, GEOMETRY.block_frames)
            x = attempts.x_BSFCHW[:, step]
            told = x.new_full(x.shape[:2], level.timestep)
            text = pupil.transformer.read_text(attempts.embeds_BLC)
            flows.append(x - level.sigma * pupil.transformer(x, told, text, window))
        own = torch.stack(flows, dim=1)
        memory, seen, target, embeds = attempts.tensors
        assert loss(0, memory, seen, own, embeds) < 1e-8
        assert loss(0, memory, seen, target, embeds) > 1e-3
