"""What the transformer learns from: latents of scenes with their prompts, in the window's own form.

A clip is what a full window shows: the first block of a video (the sink) and three blocks in a row
from anywhere later in it. A prompt switch may lie between the sink and the rest, and another one
may land on one of the three.

Axes: B batch, F latent frames, K blocks, C channels, H rows, W columns, L rows of text.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from longlive_widget.geometry import (
    PICTURES_PER_LATENT_FRAME,
    PIXELS_PER_LATENT,
    pictures_before,
)
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.video_decoder import VideoEncoder
from longlive_widget.tiny.captions import caption, switch_caption
from longlive_widget.tiny.scenes import Scene, draw_with_cover, random_change, random_scene
from longlive_widget.tiny.teacher_forcing import BLOCK_FRAMES

CLIP_BLOCKS = 4
WINDOW_FRAMES = CLIP_BLOCKS * BLOCK_FRAMES
LATEST_FRAME = 600
SHARD_CLIPS = 1024
ENCODED_CLIPS = 128
_START_SHARE = 0.45
_EARLIER_SWITCH_SHARE = 0.5
_SWITCH_SHARE = 0.5


@dataclass(frozen=True)
class Story:
    """A scene with its switches, and where in it a clip lies.

    `frame` is the latent frame at which the clip's second block begins; `switch` the block with
    which the last prompt lands, 0 where it holds for the whole clip.
    """

    scene: Scene
    sink_prompt: str
    prompt: str
    frame: int
    switch: int

    @property
    def kept_sink(self) -> bool:
        """Whether the sink was written under another prompt and kept it."""
        return self.frame > BLOCK_FRAMES and self.sink_prompt != self.prompt


@dataclass(frozen=True, eq=False)
class Clips:
    """A batch of clips: latents, both prompts' tokens, and how they go together."""

    latent_BFCHW: Tensor
    cover_BF1HW: Tensor
    """How much of each latent's pixels a thing covers, 0 to 1."""
    old_ids_BL: Tensor
    old_mask_BL: Tensor
    new_ids_BL: Tensor
    new_mask_BL: Tensor
    switch_B: Tensor
    kept_sink_B: Tensor
    starts_B: Tensor
    """Whether the clip is the start of its video, so that its blocks follow on each other."""

    @property
    def new_text_BK(self) -> Tensor:
        """Which blocks are steered by the new prompt: all, but a sink that kept its own."""
        index = torch.arange(CLIP_BLOCKS, device=self.switch_B.device)
        return (index > 0) | ~self.kept_sink_B[:, None]

    @property
    def first_taught_B(self) -> Tensor:
        """The first block that teaches: from the switch on, with enough of the window before it."""
        return torch.where(self.starts_B, self.switch_B, self.switch_B.clamp(min=2))

    def __getitem__(self, rows: Tensor) -> "Clips":
        """Some of the clips."""
        return Clips(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def random_story(rng: random.Random) -> Story:
    """A scene, perhaps a switch long ago, perhaps one inside the clip."""
    scene = random_scene(rng)
    sink_prompt = prompt = caption(scene, rng)
    starts = rng.random() < _START_SHARE
    frame = BLOCK_FRAMES if starts else round(3 * LATEST_FRAME ** rng.random()) + 2
    if frame > 2 * WINDOW_FRAMES and rng.random() < _EARLIER_SWITCH_SHARE:
        at = rng.randrange(WINDOW_FRAMES + BLOCK_FRAMES, frame)
        scene, prompt = _switched(scene, at, rng)
    switch = rng.randrange(1, CLIP_BLOCKS) if rng.random() < _SWITCH_SHARE else 0
    if switch:
        scene, prompt = _switched(scene, frame + BLOCK_FRAMES * (switch - 1), rng)
    return Story(scene, sink_prompt, prompt, frame, switch)


def make_clips(
    count: int,
    rng: random.Random,
    encoder: VideoEncoder,
    text_encoder: TextEncoder,
    device: torch.device,
) -> Clips:
    """Draw, encode and tokenise that many stories."""
    stories = [random_story(rng) for _ in range(count)]
    parts = [
        _encoded(stories[at : at + ENCODED_CLIPS], encoder, device)
        for at in range(0, count, ENCODED_CLIPS)
    ]
    latents, covers = zip(*parts, strict=True)
    old_ids, old_mask = text_encoder.tokenize([story.sink_prompt for story in stories])
    new_ids, new_mask = text_encoder.tokenize([story.prompt for story in stories])
    clips = Clips(
        torch.cat(latents),
        torch.cat(covers),
        old_ids,
        old_mask,
        new_ids,
        new_mask,
        torch.tensor([story.switch for story in stories]),
        torch.tensor([story.kept_sink for story in stories]),
        torch.tensor([story.frame == BLOCK_FRAMES for story in stories]),
    )
    return Clips(**{field.name: getattr(clips, field.name).to(device) for field in fields(clips)})


class ClipPool:
    """Clips in device memory; every `refresh_steps` steps the oldest shard is drawn anew.

    Which clips a step may see depends on its number alone, so that a resumed run sees the same.
    """

    def __init__(self, make: Callable[[int], Clips], shards: int, refresh_steps: int) -> None:
        self._make = make
        self._refresh_steps = refresh_steps
        self._numbers = [-1] * shards
        self._clips: Clips | None = None

    def batch(self, step: int, size: int, generator: torch.Generator) -> Clips:
        """Clips drawn at random for training step number `step`."""
        shards = len(self._numbers)
        newest = shards + step // self._refresh_steps
        for number in range(newest - shards, newest):
            if self._numbers[number % shards] != number:
                self._put(number % shards, self._make(number))
                self._numbers[number % shards] = number
        if self._clips is None:
            raise ValueError("a pool needs at least one shard")
        count = len(self._clips.switch_B)
        device = self._clips.switch_B.device
        return self._clips[torch.randint(count, (size,), generator=generator, device=device)]

    def _put(self, slot: int, shard: Clips) -> None:
        size = len(shard.switch_B)
        if self._clips is None:
            rows = torch.zeros(size * len(self._numbers), dtype=torch.long)
            self._clips = shard[rows.to(shard.switch_B.device)]
        for field in fields(Clips):
            getattr(self._clips, field.name)[slot * size : (slot + 1) * size] = getattr(
                shard, field.name
            )


def _switched(scene: Scene, latent_frame: int, rng: random.Random) -> tuple[Scene, str]:
    change = random_change(rng, scene)
    switched = scene.switched(change, pictures_before(latent_frame))
    return switched, switch_caption(switched, change, rng)


@torch.inference_mode()
def _encoded(
    stories: list[Story], encoder: VideoEncoder, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The sink's three latent frames and the nine of the other blocks, and what covers them.

    The encoder is causal, so the later ones are encoded with the three latent frames before them,
    which are then dropped.
    """
    scenes = [story.scene for story in stories]
    lead = [PICTURES_PER_LATENT_FRAME * (story.frame - BLOCK_FRAMES) for story in stories]
    sink, sink_cover = draw_with_cover(scenes, 0, pictures_before(BLOCK_FRAMES), device)
    clip, clip_cover = draw_with_cover(scenes, lead, pictures_before(WINDOW_FRAMES), device)
    latents = encoder.stream().encode(sink), encoder.stream().encode(clip)[:, BLOCK_FRAMES:]
    covers = _cover(sink_cover), _cover(clip_cover)[:, BLOCK_FRAMES:]
    return torch.cat(latents, dim=1), torch.cat(covers, dim=1)


def _cover(cover_BF1HW: Tensor) -> Tensor:
    """The cover of pictures, at the size and rate of latents: the largest of each group."""
    lead = cover_BF1HW[:, :1].expand(-1, PICTURES_PER_LATENT_FRAME - 1, -1, -1, -1)
    whole_B1FHW = torch.cat([lead, cover_BF1HW], dim=1).transpose(1, 2)
    size = (PICTURES_PER_LATENT_FRAME, PIXELS_PER_LATENT, PIXELS_PER_LATENT)
    return F.max_pool3d(whole_B1FHW, size).transpose(1, 2)
