"""What reading a prompt takes of memory: the text encoder's own peak."""

import torch

from longlive_widget.engine.dry_run import LiveBytes
from longlive_widget.engine.engine import Engine
from longlive_widget.engine.gpu import current
from longlive_widget.engine.memory import text_bytes

PROMPT = "a red ball bounces on a white background"
"""Whichever it is: all are padded to one length."""


@torch.inference_mode()
def text_peak_bytes(engine: Engine) -> dict[str, float]:
    """The most that the text encoder takes as it reads a prompt, its weights with it.

    Of the host, and on a GPU of that too: an encoder that is offloaded has its weights on the host,
    and of the device what the layer takes that is due.
    """
    device, encoder = engine.device, engine.model.text_encoder
    dtype = next(encoder.parameters()).dtype
    at_home = engine.preset.with_(offload_text_encoder=False)
    weights = text_bytes(at_home, engine.model.sizes, dtype, device)
    on_device = device.type == "cuda" and not encoder.offloaded
    before = 0
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    with current(device), LiveBytes("cpu") as live:
        engine.model.read(PROMPT)
    found = {"text_host_peak_bytes": float(live.most + (0 if on_device else weights))}
    if device.type == "cuda":
        taken = torch.cuda.max_memory_allocated(device) - before
        found["text_device_peak_bytes"] = float(taken + (weights if on_device else 0))
    return found
