"""A compiled preset makes the pictures of the reference, in turn with others, and is profiled.

All that compiles tiny is here: what one test has compiled others find, and it takes half a minute.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from longlive_widget import PRESETS, Engine, Timeline
from longlive_widget.engine.compiling import compile_norms
from longlive_widget.measure.breakdown import Work
from longlive_widget.measure.parts import FUSED_LINEARS
from longlive_widget.measure.profile import profiled
from longlive_widget.model.video_decoder import VideoDecoder, VideoDecoderConfig

SWITCHED = Timeline.of("a red ball bounces", (6, "a blue ball rests on a meadow"))
PARTS: tuple[dict[str, object], ...] = (
    {},
    {"window_cache": "ring", "decode_behind": True},
    {"compiled": "max-autotune-no-cudagraphs"},
)
SOON_S = 0.6
COMPILED_PARTS = ("before", "between", "after")


@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_a_compiled_preset_makes_the_pictures_of_the_reference(parts: dict[str, object]):
    plain = Engine.load("tiny", device="cpu")
    compiled = Engine.load("tiny", PRESETS["balanced"].with_(**parts), device="cpu")
    (layer, *_) = compiled.model.transformer.blocks
    assert all(hasattr(getattr(layer, part), "get_compiler_config") for part in COMPILED_PARTS)
    pairs = zip(
        plain.session(SWITCHED, seed=3).blocks(3),
        compiled.session(SWITCHED, seed=3).blocks(3),
        strict=True,
    )
    for one, other in pairs:
        off = np.abs(one.frames.astype(int) - other.frames.astype(int))
        assert off.max() <= 1  # rounding may fall on either side
        assert off.mean() < 1e-3


def test_a_norm_that_kernels_of_our_own_compute_is_not_compiled():
    plain, ours = (VideoDecoder(VideoDecoderConfig(dim=4, num_res_blocks=1)) for _ in range(2))
    ours.decoder.head.folded = SimpleNamespace()
    for network in (plain, ours):
        compile_norms(network)
    assert plain.decoder.head[0]._compiled_call_impl is not None
    assert ours.decoder.head[0]._compiled_call_impl is None


@pytest.fixture
def traced_anew():
    """Without what torch has traced for other tests: it keeps eight versions of that, no more."""
    torch._dynamo.reset()


@pytest.mark.usefixtures("traced_anew")
def test_a_compiled_models_decoder_waits_while_its_transformer_compiles():
    engine = Engine.load("tiny", PRESETS["balanced"], device="cpu")
    model = engine.model
    at_work, decoded = threading.Event(), threading.Event()
    decoded_beside: list[bool] = []

    def hold(*_: object) -> None:
        if not at_work.is_set():
            at_work.set()
            decoded_beside.append(decoded.wait(SOON_S))

    model.transformer.head.register_forward_pre_hook(hold)
    model.decoder.decoder.register_forward_pre_hook(lambda *_: decoded.set())
    session = engine.session("a red ball bounces", seed=1)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(lambda: next(iter(session.blocks(1))))
        assert at_work.wait(60)
        latent_BFCHW = torch.zeros(1, *model.sizes.geometry.latent_block_shape)
        decoding = threads.submit(model.decoder, latent_BFCHW)
        first.result(120)
        decoding.result(120)
    assert decoded_beside == [False]


@pytest.mark.slow
@pytest.mark.usefixtures("traced_anew")
def test_what_is_compiled_runs_compiled_and_its_linears_are_told_apart():
    preset = PRESETS["balanced"].with_(denoise_steps=(1000,), window_frames=6, attention="torch")
    engine = Engine.load("tiny", preset, device="cpu")
    session = engine.session("a red ball", size_px=(64, 48))
    list(session.blocks(5))
    versions = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    steady = profiled(engine, 2, size_px=(64, 48), switches=0).steady
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == versions
    parts = {one.name: one for one in steady.parts}
    assert parts.keys() >= {*FUSED_LINEARS, "feed-forward up", "cross attention query projection"}
    assert not parts.keys() & {"norms and modulation", "feed-forward activation"}
    for name in FUSED_LINEARS:
        assert parts[name].work == Work(0, None)
    assert parts["feed-forward up"].flop_per_s is not None
    assert parts["decoder stage 1"].byte_per_s is None
    assert parts["rotary positions"].byte_per_s is None
    assert steady.unattributed_share <= 0.03
    assert steady.unnamed_share <= 0.03
