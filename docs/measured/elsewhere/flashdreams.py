"""A block of NVIDIA's flashdreams 0.1.0 with the full-size network and random weights, in ms.

12 pictures of 832 x 480: 4 steps, a window of 12 latent frames of which 3 are the sink, Wan's full
decoder, 8 bits, and the copy to pinned host memory. On an NVIDIA GPU, where flashdreams is
installed:

    python docs/measured/elsewhere/flashdreams.py OUT.json [BLOCKS]
"""

import json
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from flashdreams.infra.diffusion.model import DiffusionModelConfig
from flashdreams.infra.diffusion.scheduler.fm import FlowMatchSchedulerConfig
from flashdreams.infra.pipeline import StreamInferencePipeline, StreamInferencePipelineConfig
from flashdreams.recipes.wan.autoencoder import vae
from flashdreams.recipes.wan.transformer.wan21 import Wan21TransformerConfig

LATENT_HEIGHT, LATENT_WIDTH, PIXELS = 60, 104, 8
DRIVER = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
STEADY_SHARE = 0.5
"""Of the blocks, the last ones: flashdreams compiles and records graphs in the first."""


def with_random_weights(decoder: torch.nn.Module, *_: object, **__: object) -> None:
    """In place of a checkpoint's: the decoder was built on the meta device."""
    decoder.to_empty(device="cpu")
    for weight in decoder.parameters():
        torch.nn.init.normal_(weight, std=0.02)


def pipeline() -> StreamInferencePipeline:
    """Its pipeline, as it is compiled and graphed by default, with what must be said of the form.

    Four steps and a whole context pass are its defaults, as LongLive's.
    """
    vae.load_checkpoint = lambda *_: {}
    vae.WanVAE.load_state_dict = with_random_weights
    transformer = Wan21TransformerConfig(len_t=3, window_size_t=9, sink_size_t=3)
    config = StreamInferencePipelineConfig(
        name="block",
        diffusion_model=DiffusionModelConfig(
            transformer=transformer, scheduler=FlowMatchSchedulerConfig(shift=5.0), seed=0
        ),
        decoder=vae.WanVAEDecoderConfig(checkpoint_path="vae", use_cuda_graph=True),
        enable_sync_and_profile=True,
    )
    return config.setup().to("cuda")


def main(out: str, blocks: int) -> None:
    """Time so many blocks, and write what the steady ones took."""
    torch.backends.cudnn.benchmark = True
    began = time.perf_counter()
    stream = pipeline()
    text = torch.randn(1, 512, 4096, dtype=torch.bfloat16, device="cuda") * 0.1
    context = {"height": LATENT_HEIGHT, "width": LATENT_WIDTH, "text_embeddings": text}
    cache = stream.initialize_cache(transformer_context=context)
    size = (12, LATENT_HEIGHT * PIXELS, LATENT_WIDTH * PIXELS, 3)
    host = torch.empty(size, dtype=torch.uint8, pin_memory=True)
    taken_ms, first_s, parts = [], None, {}
    for index in range(blocks):
        torch.cuda.synchronize()
        at = time.perf_counter()
        pictures = stream.generate(index, cache)
        seen = ((pictures[0].float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
        host[: len(seen)].copy_(seen.permute(0, 2, 3, 1), non_blocking=True)
        parts = stream.finalize(index, cache)
        torch.cuda.synchronize()
        taken_ms.append(1e3 * (time.perf_counter() - at))
        first_s = first_s or time.perf_counter() - began
    steady = taken_ms[-round(STEADY_SHARE * blocks) :]
    found = {
        "flashdreams": version("flashdreams"),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "p50_ms": statistics.median(steady),
        "least_ms": min(steady),
        "most_ms": max(steady),
        "blocks": len(steady),
        "first_block_s": first_s,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(),
        "driver": subprocess.check_output(DRIVER, text=True).strip(),
        "last": parts,
    }
    Path(out).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40)
