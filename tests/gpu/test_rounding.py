"""How far 16-bit numbers are from float32 at full size, block by block, from the same history."""

import math
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch

from longlive_widget import PRESETS, Engine
from longlive_widget.cache.text import TextMemory
from longlive_widget.engine.capability import has_compiler
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise import BlockNoise
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.windows import new_window
from longlive_widget.geometry import Geometry
from longlive_widget.model.stream import to_bytes
from longlive_widget.model.transformer import Transformer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
BLOCKS, SWITCH_BLOCK = 20, 10
GEOMETRY = Geometry(416, 240)
PROMPTS = ("a red ball bounces on white", "a big blue star spins at night")


@torch.inference_mode()
def psnr_by_block(engine: Engine, networks: dict[str, Transformer]) -> dict[str, list[float]]:
    """The PSNR in dB of each network's pictures against those of a float32 twin of the engine's.

    All remember the latents that the twin has made, and are decoded by the engine's decoder.
    """
    model, preset, frames = engine.model, engine.preset, GEOMETRY.block_frames
    exact = deepcopy(model.transformer).float()
    window = lambda: new_window(preset, model.sizes, GEOMETRY, "relative")  # noqa: E731
    own = Denoiser(exact, window())
    others = {name: Denoiser(network, window()) for name, network in networks.items()}
    stream, steps = model.decoder.stream(), levels(preset.denoise_steps)
    found: dict[str, list[float]] = {name: [] for name in networks}
    history: list[torch.Tensor] = []

    def read(network: Transformer, prompt: str) -> TextMemory:
        embeds = model.text_encoder.encode([prompt])
        weight = network.patch_embedding.weight
        return network.read_text(embeds.to(weight.device, weight.dtype))

    for block in range(BLOCKS):
        texts = {
            denoiser.network: read(denoiser.network, PROMPTS[block >= SWITCH_BLOCK])
            for denoiser in (own, *others.values())
        }
        made = []
        for denoiser in (own, *others.values()):
            text = texts[denoiser.network]
            dtype = denoiser.network.patch_embedding.weight.dtype
            if block == SWITCH_BLOCK:
                latest = torch.cat(history[-4:], dim=1).to(dtype)
                denoiser.recache(latest, block * frames, text)
            denoiser.window.open_block(block * frames, frames)
            draw = BlockNoise(3, block, GEOMETRY)
            made.append(denoiser.denoise(draw(), draw, text, steps))
        for denoiser in (own, *others.values()):
            dtype = denoiser.network.patch_embedding.weight.dtype
            denoiser.write_context(made[0].to(dtype), texts[denoiser.network])
        history.append(made[0])
        right, *theirs = (
            to_bytes(stream.branch().decode(latent.to(model.dtype))).double() for latent in made
        )
        stream.decode(made[0].to(model.dtype))
        for name, pictures in zip(networks, theirs, strict=True):
            error = float((pictures - right).square().mean())
            found[name].append(10 * math.log10(255**2 / error) if error else math.inf)
    return found


def test_compiled_blocks_and_those_of_our_own_kernels_are_as_near_to_float32_as_plain_ones(
    record_property: Callable[[str, object], None],
):
    if not has_compiler(torch.device("cuda")):
        pytest.skip("triton is not installed")
    engine = Engine.load("longlive-1.3b", PRESETS["reference"], device="cuda", weights="random")
    compiled = deepcopy(engine.model.transformer)
    compiled.compile_layers()
    ours = deepcopy(engine.model.transformer)
    ours.fuse_layers()
    networks = {"eager": engine.model.transformer, "compiled": compiled, "ours": ours}
    found = psnr_by_block(engine, networks)
    worst = {name: min(values) for name, values in found.items()}
    record_property("worst_db", worst)
    record_property("mean_db", {name: sum(v) / len(v) for name, v in found.items()})
    assert worst["compiled"] > worst["eager"] - 1
    assert worst["ours"] > worst["eager"] - 1
    assert worst["eager"] < math.inf
