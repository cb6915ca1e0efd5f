"""The training of the causal transformer, by flow matching with teacher forcing.

Axes: B batch, F latent frames, C channels, H rows, W columns, P prompts, L rows of text.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from longlive_widget.cache.text import TextMemory
from longlive_widget.engine.noise_schedule import levels, sigmas
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.presets import PRESETS, TRAINING_STEPS
from longlive_widget.tiny.clips import OPENING, Clips, Form
from longlive_widget.tiny.teacher_forcing import (
    BLOCK_FRAMES,
    TaughtWindow,
    first_rows,
    repeated,
)

NAMED_LEVEL_SHARE = 0.5
"""The share of noise levels that are one of the reference's four; the others are anywhere."""
CLEAN_CONTEXT_SHARE = 0.4
MOST_CONTEXT_NOISE = 0.35
MOST_CONTEXT_SHIFT = 0.1
THING_WEIGHT = 8.0
"""How much more a latent that shows a thing counts: things cover a few hundredths of a picture."""
COPIES = 2
OPENING_COPIES = 8
"""So many noisy copies of an opening are learned from at once; it needs no clean one."""
OWN_CONTEXT_SHARE = 0.5
"""The share of clips whose past is what the network itself makes of it in one step."""
LEAST_OWN_SIGMA, MOST_OWN_SIGMA = 0.6, 0.95


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one step learns from: clips of one form, with their three prompts as embeddings."""

    form: Form
    latent_BFCHW: Tensor
    cover_BF1HW: Tensor
    text_BPLC: Tensor

    @classmethod
    def of(cls, clips: Clips, text_encoder: TextEncoder) -> "Lesson":
        """The lesson in some clips; gradients flow into the text encoder."""
        embeds = text_encoder(clips.ids_BPL.flatten(0, 1), clips.mask_BPL.flatten(0, 1))
        text_BPLC = embeds.float().unflatten(0, clips.ids_BPL.shape[:2])
        return cls(clips.form, clips.latent_BFCHW, clips.cover_BF1HW, text_BPLC)


@dataclass(frozen=True, eq=False)
class Prompts:
    """The three prompts of some clips, as the network reads them."""

    sink: TextMemory
    before: TextMemory
    last: TextMemory

    def of_block(self, form: Form, block: int) -> TextMemory:
        """The prompt under which a running video makes a block."""
        if block == 0:
            return self.sink
        return self.before if block < form.switch else self.last


class FlowMatching:
    """The loss of a transformer on lessons; what is random is torch's own generator's."""

    def __init__(self, transformer: Transformer) -> None:
        self._transformer = transformer
        device = transformer.patch_embedding.weight.device
        named = [level.sigma for level in levels(PRESETS["reference"].denoise_steps)]
        self._named = torch.tensor(named, device=device)
        self._anywhere = sigmas().to(device)

    def loss(self, lesson: Lesson) -> Tensor:
        """Mean squared error of the flow, a thing's latents weighted, over all taught blocks."""
        form, clips = lesson.form, len(lesson.latent_BFCHW)
        prompts = Prompts(*map(self._transformer.read_text, lesson.text_BPLC.unbind(1)))
        context_BFCHW = worn(lesson.latent_BFCHW)
        own = int(OWN_CONTEXT_SHARE * clips)
        if own and form.blocks > 1:
            made = self._own_context(lesson, context_BFCHW[:own], prompts)
            context_BFCHW = torch.cat([made, context_BFCHW[own:]])
        window = TaughtWindow(self._transformer.config.layers)
        for blocks in form.remembered:
            sink = not form.starts and blocks.start == 0
            latent = context_BFCHW[:, _frames(blocks.start, blocks.stop)]
            text = prompts.sink if sink else prompts.last
            self._pass(latent, latent.new_zeros(clips), text, window)
            window.remember(clips)
        text = repeated(prompts.last, _copies(form))
        taught = range(form.first_taught, form.blocks)
        losses = [self._block_loss(lesson, context_BFCHW, block, text, window) for block in taught]
        return torch.stack(losses).mean()

    def _own_context(self, lesson: Lesson, worn_BFCHW: Tensor, prompts: Prompts) -> Tensor:
        """The first clips with each block but the last as the network makes it out of noise.

        One step from somewhere between noise and picture, over the worn past: so a network that
        has left its shapes blurred learns to make them out in the blocks that follow.
        """
        form, clips = lesson.form, len(worn_BFCHW)
        window = TaughtWindow(self._transformer.config.layers)
        made = []
        for block in range(form.blocks - 1):
            frames = _frames(block, block + 1)
            draw_B = torch.rand(clips, device=worn_BFCHW.device)
            sigma_B = LEAST_OWN_SIGMA + (MOST_OWN_SIGMA - LEAST_OWN_SIGMA) * draw_B
            spread = sigma_B[:, None, None, None, None]
            x0_BFCHW = lesson.latent_BFCHW[:clips, frames]
            x_BFCHW = (1 - spread) * x0_BFCHW + spread * torch.randn_like(x0_BFCHW)
            both_BFCHW = torch.cat([x_BFCHW, worn_BFCHW[:, frames]])
            told_B = torch.cat([sigma_B * TRAINING_STEPS, sigma_B.new_zeros(clips)])
            text = repeated(first_rows(prompts.of_block(form, block), clips), COPIES)
            flow = self._pass(both_BFCHW, told_B, text, window)[:clips]
            window.remember(clips)
            made.append((x_BFCHW - spread * flow).detach())
        return torch.cat([*made, worn_BFCHW[:, _frames(form.blocks - 1, form.blocks)]], dim=1)

    def _block_loss(
        self,
        lesson: Lesson,
        context_BFCHW: Tensor,
        block: int,
        text: TextMemory,
        window: TaughtWindow,
    ) -> Tensor:
        """One pass over a block: noisy beside clean, or all noisy where no block follows."""
        frames = _frames(block, block + 1)
        last = block + 1 == lesson.form.blocks
        noisy = _copies(lesson.form) - (0 if last else 1)
        x0_BFCHW = lesson.latent_BFCHW[:, frames].repeat(noisy, 1, 1, 1, 1)
        sigma_B = self._random_sigmas(len(x0_BFCHW))
        spread = sigma_B[:, None, None, None, None]
        noise = torch.randn_like(x0_BFCHW)
        x_BFCHW, told_B = (1 - spread) * x0_BFCHW + spread * noise, sigma_B * TRAINING_STEPS
        clips = len(lesson.latent_BFCHW)
        if not last:
            x_BFCHW = torch.cat([x_BFCHW, context_BFCHW[:, frames]])
            told_B = torch.cat([told_B, told_B.new_zeros(clips)])
        flow = self._pass(x_BFCHW, told_B, text, window)[: len(x0_BFCHW)]
        window.remember(clips)
        cover_BF1HW = lesson.cover_BF1HW[:, frames].repeat(noisy, 1, 1, 1, 1)
        return weighted_error(flow, noise - x0_BFCHW, cover_BF1HW)

    def _pass(
        self, x_BFCHW: Tensor, told_B: Tensor, text: TextMemory, window: TaughtWindow
    ) -> Tensor:
        frames = x_BFCHW.shape[1]
        window.open_block(frames)
        flow: Tensor = self._transformer(x_BFCHW, told_B[:, None].expand(-1, frames), text, window)
        return flow

    def _random_sigmas(self, count: int) -> Tensor:
        """A noise level for each of `count` noisy blocks."""
        draw = torch.rand((3, count), device=self._named.device)
        one_of_named = self._named[(draw[0] * len(self._named)).long()]
        anywhere = self._anywhere[(draw[1] * TRAINING_STEPS).long()]
        return torch.where(draw[2] < NAMED_LEVEL_SHARE, one_of_named, anywhere)


def weighted_error(flow: Tensor, target: Tensor, cover: Tensor) -> Tensor:
    """Mean squared error, in which latents that show things count for more."""
    weight = 1 + THING_WEIGHT * cover
    return ((flow - target).square() * weight).mean() / weight.mean()


def worn(clean_BFCHW: Tensor) -> Tensor:
    """Context as a running video would have it: most clips with a little noise and colour shift.

    Without it a model that only ever saw perfect context drifts once it feeds on its own pictures.

    Source: D. Valevski et al., Diffusion models are real-time game engines (2024), section 3.2.1.
    """
    b, f, c = clean_BFCHW.shape[:3]
    device = clean_BFCHW.device
    draw = torch.rand((2, b, 1, 1, 1, 1), device=device)
    amount = draw[0] * (draw[1] > CLEAN_CONTEXT_SHARE)
    noise = torch.randn_like(clean_BFCHW)
    shift = torch.randn((b, f, c, 1, 1), device=device)
    return clean_BFCHW + amount * (MOST_CONTEXT_NOISE * noise + MOST_CONTEXT_SHIFT * shift)


def _copies(form: Form) -> int:
    """So many times each clip goes through the network side by side."""
    return OPENING_COPIES if form == OPENING else COPIES


def _frames(first_block: int, end_block: int) -> slice:
    return slice(first_block * BLOCK_FRAMES, end_block * BLOCK_FRAMES)
