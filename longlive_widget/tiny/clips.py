"""What the transformer learns from: latents of scenes with their prompts, in the window's own form.

A clip is what a full window shows: the first block of a video (the sink) and three blocks in a row,
right after it or from anywhere later; or it is a first block alone. A prompt switch may lie between
the sink and the rest, and another one may land on one of the blocks. Clips that run alike have one
`Form`, and a shard holds clips of one form, so that a batch can go through the network as one video
does.

Axes: B batch, F latent frames, C channels, H rows, W columns, P prompts, L rows of text.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, Self, TypeVar

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
from longlive_widget.tiny.scenes import (
    LEARNED,
    Scene,
    Sketch,
    paint,
    random_change,
    random_scene,
    sketch,
)
from longlive_widget.tiny.teacher_forcing import BLOCK_FRAMES

TAUGHT = replace(LEARNED, two_things=0.35)
"""More pairs than prompts ask for: which word belongs to which thing is the hard part."""
CLIP_BLOCKS = 4
WINDOW_FRAMES = CLIP_BLOCKS * BLOCK_FRAMES
LATEST_FRAME = 600
ENCODED_CLIPS = 128
_EARLIER_SWITCH_SHARE = 0.5
_UNPROMPTED_SHARE = 0.1
"""Of clips without a word: they teach what guidance leads away from."""


@dataclass(frozen=True)
class Form:
    """How a clip runs.

    `starts`: it is the start of its video, not the sink and a later stretch. `switch`: the block
    with which its last prompt lands, 0 where that holds from the start of the stretch. `blocks`:
    how many it has.
    """

    starts: bool
    switch: int = 0
    blocks: int = CLIP_BLOCKS

    @property
    def first_taught(self) -> int:
        """The first block to learn from; of a later stretch not the one that sees only the sink."""
        return self.switch if self.starts else max(self.switch, 2)

    @property
    def remembered(self) -> tuple[range, ...]:
        """The blocks before it, by the passes that write them: a re-cache writes several in one.

        The sink of a later stretch keeps what it was written with.
        """
        if self.starts:
            return (range(self.switch),) if self.switch else ()
        return (range(1), range(1, self.first_taught))


OPENING = Form(starts=True, blocks=1)
"""A first block alone: there is nothing to go by but the prompt, so it takes the most practice."""
_SHARES = {
    OPENING: 7,
    Form(starts=True): 3,
    Form(starts=True, switch=1): 3,
    Form(starts=True, switch=2): 3,
    Form(starts=True, switch=3): 4,
    Form(starts=False): 2,
    Form(starts=False, switch=2): 3,
    Form(starts=False, switch=3): 5,
}
"""The block right after a switch has the largest error of all that have a past: it comes often."""
FORMS = tuple(form for form, share in _SHARES.items() for _ in range(share))
"""The form of each shard, in turn, once there are all forms."""
OPENING_SHARDS = 57
"""So many shards are of first blocks before others come, where nothing is known yet: a prompt is
all they go by."""


@dataclass(frozen=True)
class Story:
    """A scene with its switches, its prompts, and the latent frame at which the second block is.

    The prompts: that of the first block, that before the switch inside the clip, and the last one.
    """

    scene: Scene
    prompts: tuple[str, str, str]
    frame: int


@dataclass(frozen=True, eq=False)
class Outline:
    """A shard of clips as numbers and words, before anything is drawn."""

    form: Form
    stretches: tuple[Sketch, ...]
    """The pictures to encode as one video each: the start, or the sink and the later stretch."""
    prompts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips of one form: latents, what covers them, and the tokens of each clip's three prompts."""

    form: Form
    latent_BFCHW: Tensor
    cover_BF1HW: Tensor
    """How much of each latent's pixels a thing covers, 0 to 1."""
    ids_BPL: Tensor
    mask_BPL: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All but the form, in their order."""
        return (
            self.latent_BFCHW,
            self.cover_BF1HW,
            self.ids_BPL,
            self.mask_BPL,
        )

    def __len__(self) -> int:
        return len(self.latent_BFCHW)

    def __getitem__(self, rows: Tensor) -> "Clips":
        """Some of the clips."""
        return Clips(self.form, *(tensor[rows] for tensor in self.tensors))


def random_story(rng: random.Random, form: Form) -> Story:
    """A scene, perhaps with a switch long ago, and one inside the clip where the form has it."""
    scene = random_scene(rng, TAUGHT)
    sink_prompt = before = prompt = caption(scene, rng)
    frame = BLOCK_FRAMES
    if not form.starts:
        frame = round(BLOCK_FRAMES * LATEST_FRAME ** rng.random()) + 2
        if frame > 2 * WINDOW_FRAMES and rng.random() < _EARLIER_SWITCH_SHARE:
            at = rng.randrange(WINDOW_FRAMES + BLOCK_FRAMES, frame)
            scene, prompt = _switched(scene, at, rng)
            before = prompt
    if form.switch:
        scene, prompt = _switched(scene, frame + BLOCK_FRAMES * (form.switch - 1), rng)
    if rng.random() < _UNPROMPTED_SHARE:
        sink_prompt = before = prompt = ""
    return Story(scene, (sink_prompt, before, prompt), frame)


def outline(seed: int, clips: int, number: int, *, openings: int = 0) -> Outline:
    """A shard of that many clips; its arguments say all that is in it.

    The first `openings` shards are of first blocks alone.
    """
    rng = random.Random(f"clips {seed} {number}")
    form = OPENING if number < openings else FORMS[number % len(FORMS)]
    stories = [random_story(rng, form) for _ in range(clips)]
    scenes = [story.scene for story in stories]
    lead = [PICTURES_PER_LATENT_FRAME * (story.frame - BLOCK_FRAMES) for story in stories]
    stretch = sketch(scenes, lead, pictures_before(form.blocks * BLOCK_FRAMES))
    sink = sketch(scenes, 0, pictures_before(BLOCK_FRAMES))
    return Outline(
        form,
        (stretch,) if form.starts else (sink, stretch),
        tuple(story.prompts for story in stories),
    )


@torch.inference_mode()
def drawn(
    outlined: Outline, encoder: VideoEncoder, text_encoder: TextEncoder, device: torch.device
) -> Clips:
    """Draw, encode and tokenise a shard of clips."""
    parts = [encoded(stretch, encoder, device) for stretch in outlined.stretches]
    if not outlined.form.starts:  # the encoder is causal: the stretch needs a lead, which goes
        (sink, sink_cover), (stretch, stretch_cover) = parts
        parts = [(sink, sink_cover), (stretch[:, BLOCK_FRAMES:], stretch_cover[:, BLOCK_FRAMES:])]
    latents, covers = zip(*parts, strict=True)
    prompts = [text_encoder.tokenize(said) for said in zip(*outlined.prompts, strict=True)]
    ids, mask = (torch.stack(tensors, dim=1).to(device) for tensors in zip(*prompts, strict=True))
    return Clips(outlined.form, torch.cat(latents, dim=1), torch.cat(covers, dim=1), ids, mask)


class Shard(Protocol):
    """Things to learn from, side by side in device memory."""

    @property
    def latent_BFCHW(self) -> Tensor:
        """What is learned from."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Tensor) -> Self: ...


_Shard = TypeVar("_Shard", bound=Shard)


class Pool(Generic[_Shard]):
    """Shards in device memory; every `refresh_steps` steps the oldest makes room for a new one.

    Which clips a step may see depends on its number alone, so that a resumed run sees the same.
    `shard_at` gives shards by number, in order.
    """

    def __init__(self, shard_at: Callable[[int], _Shard], shards: int, refresh_steps: int) -> None:
        self._shard_at = shard_at
        self._refresh_steps = refresh_steps
        self._count = shards
        self._shards: list[_Shard] = []
        self._next = -1

    def batch(self, step: int, size: int, rng: random.Random) -> _Shard:
        """Some of one shard, drawn at random for training step number `step`."""
        oldest = step // self._refresh_steps
        self._next = max(self._next, oldest)
        while self._next < oldest + self._count:
            self._shards.append(self._shard_at(self._next))
            self._next += 1
        del self._shards[: -self._count]
        shard = self._shards[rng.randrange(self._count)]
        rows = torch.tensor(rng.choices(range(len(shard)), k=size))
        return shard[rows.to(shard.latent_BFCHW.device, non_blocking=True)]


def _switched(scene: Scene, latent_frame: int, rng: random.Random) -> tuple[Scene, str]:
    change = random_change(rng, scene, TAUGHT)
    switched = scene.switched(change, pictures_before(latent_frame))
    return switched, switch_caption(switched, change, rng)


def encoded(stretch: Sketch, encoder: VideoEncoder, device: torch.device) -> tuple[Tensor, Tensor]:
    """The latents of one video of each clip and what covers them; some clips at a time."""
    latents, covers = [], []
    for at in range(0, len(stretch), ENCODED_CLIPS):
        pictures, cover = paint(stretch[at : at + ENCODED_CLIPS], device)
        latents.append(encoder.stream().encode(pictures))
        covers.append(of_latents(cover, F.max_pool3d))
    return torch.cat(latents), torch.cat(covers)


def of_latents(cover_BF1HW: Tensor, pooled: Callable[..., Tensor]) -> Tensor:
    """The cover of pictures, at the size and rate of latents: each group of pixels pooled."""
    lead = cover_BF1HW[:, :1].expand(-1, PICTURES_PER_LATENT_FRAME - 1, -1, -1, -1)
    whole_B1FHW = torch.cat([lead, cover_BF1HW], dim=1).transpose(1, 2)
    size = (PICTURES_PER_LATENT_FRAME, PIXELS_PER_LATENT, PIXELS_PER_LATENT)
    return pooled(whole_B1FHW, size).transpose(1, 2)
