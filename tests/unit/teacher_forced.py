"""How far pictures of other windows and networks are from the plain ones, block by block."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from longlive_widget import Engine, Preset
from longlive_widget.engine.decode import to_bytes
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.memory import new_window
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.session import block_noise
from longlive_widget.model.transformer import Transformer


@torch.inference_mode()
def worst_block_psnr_db(
    engine: Engine,
    presets: Sequence[Preset],
    prompts: Sequence[str],
    blocks: int,
    networks: Mapping[str, Transformer] | None = None,
) -> dict[str, float]:
    """The PSNR of each preset's worst block against the engine's, in dB, by the preset's name.

    Before each block all of them remember the latents that the engine's own preset has made. Where
    `networks` has the name of a preset, that transformer runs in place of the engine's.
    """
    model, geometry, steps = engine.model, engine.geometry, levels(engine.preset.denoise_steps)
    most = dict.fromkeys((preset.name for preset in presets), 0.0)
    for seed, prompt in enumerate(prompts):
        text = model.read(prompt)
        stream = model.decoder.stream()
        own, *others = (
            Denoiser(
                (networks or {}).get(preset.name, model.transformer),
                new_window(preset, model, geometry, "relative"),
            )
            for preset in (engine.preset, *presets)
        )
        for block in range(blocks):
            made = []
            for denoiser in (own, *others):
                denoiser.window.open_block(block * geometry.block_frames, geometry.block_frames)
                draw = block_noise(seed, block, geometry)
                made.append(denoiser.denoise(draw(), draw, text, steps))
            for denoiser in (own, *others):
                denoiser.write_context(made[0], text)
            *theirs, right = (to_bytes(stream.branch().decode(x)) for x in (*made[1:], made[0]))
            stream.decode(made[0])
            for preset, pictures in zip(presets, theirs, strict=True):
                error = float((pictures.double() - right.double()).square().mean())
                most[preset.name] = max(most[preset.name], error)
    return {
        name: float(10 * np.log10(255**2 / error)) if error else float("inf")
        for name, error in most.items()
    }
