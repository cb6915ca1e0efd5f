"""Second stage of training: the causal transformer, by flow matching with teacher forcing.

Axes: B batch, F latent frames, K blocks, C channels, H rows, W columns, L rows of text.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from longlive_widget.cache.text import TextMemory
from longlive_widget.engine.noise_schedule import levels, sigmas
from longlive_widget.model.text_encoder import TextEncoder
from longlive_widget.model.transformer import Transformer
from longlive_widget.presets import PRESETS, TRAINING_STEPS
from longlive_widget.tiny.clips import CLIP_BLOCKS, Clips
from longlive_widget.tiny.teacher_forcing import (
    BLOCK_FRAMES,
    clip_memory,
    joined,
    text_mask,
)

NAMED_LEVEL_SHARE = 0.5
"""The share of noise levels that are one of the reference's four; the others are anywhere."""
CLEAN_CONTEXT_SHARE = 0.4
MOST_CONTEXT_NOISE = 0.35
MOST_CONTEXT_SHIFT = 0.1
THING_WEIGHT = 8.0
"""How much more a latent that shows a thing counts: things cover a few hundredths of a picture."""
CONTEXT_FRAMES = (CLIP_BLOCKS - 1) * BLOCK_FRAMES


@dataclass(frozen=True, eq=False)
class FlowMatching:
    """The loss of a transformer and a text encoder on clips."""

    transformer: Transformer
    text_encoder: TextEncoder
    run: Callable[..., Tensor]
    """The transformer's forward, compiled or not."""

    def loss(self, clips: Clips, generator: torch.Generator) -> Tensor:
        """Mean squared error of the flow, a thing's latents weighted, over all noisy blocks."""
        tokens = clips.latent_BFCHW.shape[-1] * clips.latent_BFCHW.shape[-2] // 4
        noisy_BK = noisy_blocks(clips.first_taught_B)
        x0_BFCHW = _blocks_of(clips.latent_BFCHW, noisy_BK)
        cover_BF1HW = _blocks_of(clips.cover_BF1HW, noisy_BK)
        sigma_BK = random_sigmas(len(x0_BFCHW), generator, x0_BFCHW.device)
        sigma_BF = sigma_BK.repeat_interleave(BLOCK_FRAMES, dim=1)
        spread = sigma_BF[:, :, None, None, None]
        noise = torch.randn(x0_BFCHW.shape, generator=generator, device=x0_BFCHW.device)
        context = worn(clips.latent_BFCHW[:, :CONTEXT_FRAMES], generator)
        both = torch.cat([context, (1 - spread) * x0_BFCHW + spread * noise], dim=1)
        clean_BF = sigma_BF.new_zeros((len(sigma_BF), CONTEXT_FRAMES))
        told_BF = torch.cat([clean_BF, sigma_BF * TRAINING_STEPS], dim=1)
        memory = clip_memory(noisy_BK, clips.switch_B, clips.kept_sink_B, tokens)
        flow = self.run(both, told_BF, self._text(clips, tokens), memory)[:, CONTEXT_FRAMES:]
        weight = 1 + THING_WEIGHT * cover_BF1HW
        return ((flow - (noise - x0_BFCHW)).square() * weight).mean() / weight.mean()

    def _text(self, clips: Clips, tokens: int) -> TextMemory:
        old = self.transformer.read_text(self.text_encoder(clips.old_ids_BL, clips.old_mask_BL))
        new = self.transformer.read_text(self.text_encoder(clips.new_ids_BL, clips.new_mask_BL))
        context_BK = clips.new_text_BK[:, :-1]
        noisy_BK = torch.ones_like(clips.new_text_BK)
        steered_BK = torch.cat([context_BK, noisy_BK], dim=1)
        return joined(old, new, text_mask(steered_BK, clips.old_ids_BL.shape[1], tokens))


def noisy_blocks(first_taught_B: Tensor) -> Tensor:
    """Which block each noisy one is, `BK`: all that teach in turn, some of them more than once."""
    slots = torch.arange(CLIP_BLOCKS, device=first_taught_B.device)
    first = first_taught_B[:, None]
    return first + slots % (CLIP_BLOCKS - first)


def _blocks_of(clip_BF: Tensor, blocks_BK: Tensor) -> Tensor:
    """These blocks of each clip, one after the other."""
    by_block = clip_BF.unflatten(1, (CLIP_BLOCKS, BLOCK_FRAMES))
    rows = torch.arange(len(clip_BF), device=clip_BF.device)[:, None]
    return by_block[rows, blocks_BK].flatten(1, 2)


def random_sigmas(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """A noise level for each block of each clip, `BK`."""
    shape = (count, CLIP_BLOCKS)
    named = torch.tensor([level.sigma for level in levels(PRESETS["reference"].denoise_steps)])
    draw = torch.rand((3, *shape), generator=generator, device=device)
    one_of_named = named.to(device)[(draw[0] * len(named)).long()]
    anywhere = sigmas().to(device)[(draw[1] * TRAINING_STEPS).long()]
    return torch.where(draw[2] < NAMED_LEVEL_SHARE, one_of_named, anywhere)


def worn(clean_BFCHW: Tensor, generator: torch.Generator) -> Tensor:
    """Context as a running video would have it: most clips with a little noise and colour shift.

    Without it a model that only ever saw perfect context drifts once it feeds on its own pictures.

    Source: D. Valevski et al., Diffusion models are real-time game engines (2024), section 3.2.1.
    """
    b, f, c = clean_BFCHW.shape[:3]
    device = clean_BFCHW.device
    draw = torch.rand((2, b, 1, 1, 1, 1), generator=generator, device=device)
    amount = draw[0] * (draw[1] > CLEAN_CONTEXT_SHARE)
    noise = torch.randn(clean_BFCHW.shape, generator=generator, device=device)
    shift = torch.randn((b, f, c, 1, 1), generator=generator, device=device)
    return clean_BFCHW + amount * (MOST_CONTEXT_NOISE * noise + MOST_CONTEXT_SHIFT * shift)
