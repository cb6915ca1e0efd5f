"""Linear layers in FP8: their arithmetic, which they are, and whose weights they have."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, starmap

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from longlive_widget import PRESETS, Engine, Timeline
from longlive_widget.cache.storage import scaled
from longlive_widget.cache.text import TextMemory
from longlive_widget.cache.window import RollingWindow
from longlive_widget.engine import capability
from longlive_widget.engine.layers import require_layers
from longlive_widget.engine.side_by_side import psnr_db, side_by_side, squared_error
from longlive_widget.errors import PresetError
from longlive_widget.model.adapters import Adapters
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.fp8 import DTYPE, KEPT, Fp8Linear, JoinedLinears, is_in_fp8
from longlive_widget.model.transformer import Transformer
from tests.unit.small_network import adapter_for

FP8 = PRESETS["reference"].with_(name="fp8", linear_dtype="fp8")
PROMPT = "a red ball moves right on black"
SIZE_PX = (48, 32)
SIZES = TransformerConfig(
    dim=32, heads=2, layers=2, ffn_dim=64, text_dim=16, text_length=4, frequency_dim=16
)


@pytest.fixture
def network() -> Transformer:
    torch.manual_seed(0)
    return Transformer(SIZES).eval().requires_grad_(requires_grad=False)


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch multiplies in FP8 on a CPU too, slowly; a preset may not ask for that."""
    monkeypatch.setattr(capability, "missing_gpu", lambda *_: None)


def rounded(x: Tensor) -> Tensor:
    """Each row in FP8 with a scale of its own, and back; in float64."""
    scale = x.double().abs().amax(-1, keepdim=True) / torch.finfo(DTYPE).max
    return (x.double() / scale).float().to(DTYPE).double() * scale


def quantized_layers(network: nn.Module) -> Iterator[tuple[str, Fp8Linear]]:
    return ((n, m) for n, m in network.named_modules() if isinstance(m, Fp8Linear))


def off(found: Tensor, right: Tensor, dim: int | None = None) -> Tensor:
    """The error, relative."""
    return (found.double() - right).norm(dim=dim) / right.norm(dim=dim)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_product_is_that_of_the_rounded_numbers(dtype: torch.dtype):
    torch.manual_seed(1)
    x, weight_NK, bias_N = torch.randn(2, 7, 48).to(dtype), torch.randn(32, 48), torch.randn(32)
    found = Fp8Linear(weight_NK, bias_N)(x)
    assert (found.dtype, found.shape) == (dtype, (2, 7, 32))
    right = rounded(x) @ rounded(weight_NK).T + bias_N.bfloat16().double()
    assert off(found, right) < 0.005  # what comes out is rounded to bfloat16
    assert 0.01 < off(found, x.double() @ weight_NK.T.double() + bias_N) < 0.05


def test_every_token_and_every_row_of_a_weight_has_a_scale_of_its_own():
    torch.manual_seed(1)
    sizes = torch.logspace(-6, 6, 32)[:, None]
    x, weight_NK = torch.randn(32, 64) * sizes, torch.randn(32, 64) * sizes
    found, right = Fp8Linear(weight_NK, None)(x), x.double() @ weight_NK.double().T
    normed = right / sizes.double() / sizes.double().T, found / sizes / sizes.T
    assert off(normed[1], normed[0], dim=0).max() < 0.1
    assert off(normed[1], normed[0], dim=1).max() < 0.1


def test_a_token_of_zeros_gives_the_bias():
    bias_N = torch.arange(16.0)
    assert torch.equal(Fp8Linear(torch.randn(16, 32), bias_N)(torch.zeros(1, 3, 32))[0, 1], bias_N)


def test_the_product_gets_what_a_gpu_wants_also_of_tokens_that_do_not_lie_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
):
    """On a CPU torch takes more: rows and columns as they come, scales of any strides."""
    torch.manual_seed(1)
    layer, x = Fp8Linear(torch.randn(16, 32), torch.randn(16)), torch.randn(1, 32, 5).mT
    multiply, called = torch._scaled_mm, []

    def watched(tokens: Tensor, weight: Tensor, **given: object) -> Tensor:
        called.append(given)
        assert (tokens.dtype, weight.dtype) == (DTYPE, DTYPE)
        assert (tokens.shape, tokens.stride()) == ((5, 32), (32, 1))
        assert (weight.shape, weight.stride()) == ((32, 16), (1, 32))
        scales = given["scale_a"], given["scale_b"]
        assert [s.shape for s in scales] == [(5, 1), (1, 16)]
        assert all(s.is_contiguous() and s.dtype == torch.float32 for s in scales)
        assert given["bias"].dtype == given["out_dtype"] == torch.bfloat16
        return multiply(tokens, weight, **given)

    monkeypatch.setattr(torch, "_scaled_mm", watched)
    assert torch.equal(layer(x), layer(x.contiguous()))
    assert [given["use_fast_accum"] for given in called] == [True, True]


def test_all_linears_of_the_layers_are_in_fp8_but_the_ones_that_are_named(network: Transformer):
    Adapters(network).quantize(network)
    assert is_in_fp8(network)
    in_fp8 = {name.split(".", 2)[2] for name, _ in quantized_layers(network)}
    attention = {f"self_attn.{part}" for part in "qkvo"} | {"cross_attn.q", "cross_attn.o"}
    assert in_fp8 == attention | {"ffn.0", "ffn.2"}
    kept = [n for n, m in network.named_modules() if isinstance(m, nn.Linear | nn.Conv3d)]
    assert {next(k for k in KEPT if f".{k}." in f".{name}.") for name in kept} == set(KEPT)


def test_weights_are_quantized_from_the_sum_with_all_adapters_in_float32(network: Transformer):
    network.bfloat16()
    base = {name: linear.clone() for name, linear in network.state_dict().items()}
    one, other = adapter_for(network), adapter_for(network, seed=2, rank=5)
    adapters = Adapters(network)
    adapters.add("one", one, "one.pt", scale=0.7)
    adapters.quantize(network)
    adapters.add("other", other, "other.pt")
    for name, layer in quantized_layers(network):
        whole = base[f"{name}.weight"].float()
        for adapter, scale in ((one, 0.7), (other, 1.0)):
            a, b = (adapter[f"base_model.model.{name}.lora_{side}.weight"] for side in "AB")
            whole += scale * (b @ a)
        numbers_NK, scale_N1 = scaled(whole, DTYPE)
        assert torch.equal(layer.weight.float(), numbers_NK.float()), name
        assert torch.equal(layer.scale, scale_N1.T), name


def test_a_layer_holds_one_byte_a_number_and_four_a_row(network: Transformer):
    network.bfloat16()
    Adapters(network).quantize(network)
    for _, layer in quantized_layers(network):
        n, k = layer.out_features, layer.in_features
        assert sum(held.nbytes for held in layer.parameters()) == n * k + 4 * n + 2 * n
        assert not list(layer.buffers())


def test_layers_joined_are_one_product_of_the_weights_that_each_has_now():
    torch.manual_seed(4)
    layers = [Fp8Linear(torch.randn(n, 32), torch.randn(n)) for n in (48, 16, 32)]
    joined, x = JoinedLinears(layers), torch.randn(2, 5, 32)

    def alike() -> bool:
        apart = (layer(x) for layer in layers)
        return all(a.equal(b) for a, b in zip(joined(x), apart, strict=True))

    assert alike()
    before = layers[1](x)
    layers[1].write(torch.randn(16, 32))
    assert not layers[1](x).equal(before)
    assert alike()


def test_self_attention_reads_the_same_from_joined_layers(network: Transformer):
    Adapters(network).quantize(network)
    own = network.blocks[0].self_attn
    x = torch.randn(1, 24, SIZES.dim)
    apart = own.projected(x)
    own.join_projections()
    joined = own.projected(x)
    places = [part.storage_offset() for part in joined]
    assert places == [0, SIZES.dim, 2 * SIZES.dim]
    assert all(a.equal(b) for a, b in zip(joined, apart, strict=True))


@pytest.mark.slow
def test_compiled_layers_in_fp8_give_what_the_others_do(network: Transformer):
    torch.manual_seed(3)
    Adapters(network).quantize(network)
    text = network.read_text(torch.randn(1, 4, 16))

    def flow(frames: int) -> Tensor:
        torch.manual_seed(frames)
        window = RollingWindow(2, 6, 12, 3, relative=True)
        window.open_block(0, frames)
        x, timestep = torch.randn(1, frames, 16, 4, 6), torch.full((1, frames), 500.0)
        return network(x, timestep, TextMemory(text.layers, text.told), window).double()

    plain = [flow(frames) for frames in (3, 5)]
    network.compile_layers()
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    for frames, right in zip((3, 5), plain, strict=True):
        assert off(flow(frames), right) < 0.02  # a number may be rounded to its other neighbour
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] - before <= 6


# In running videos


def quantized(engine: Engine) -> Engine:
    engine.model.adapters.quantize(engine.model.transformer)
    return engine


def test_the_worst_block_in_fp8_is_30_db_or_better_on_tiny():
    """From one history; a first block is the worst."""
    plain, fp8 = Engine.load("tiny", device="cpu"), quantized(Engine.load("tiny", device="cpu"))
    prompt = "a yellow square rotates slowly in the night sky"
    both = side_by_side([plain, fp8], Timeline.of(prompt), 3)
    assert 30 <= psnr_db(max(starmap(squared_error, both))) < 60


def pictures(session, blocks: int) -> np.ndarray:
    return np.concatenate([block.frames for block in session.blocks(blocks)])


@pytest.mark.usefixtures("as_on_a_gpu")
def test_after_a_change_of_adapters_the_weights_are_the_newly_merged_ones_in_fp8():
    swapped, fresh = Engine.load("tiny", FP8, device="cpu"), Engine.load("tiny", device="cpu")
    assert is_in_fp8(swapped.model.transformer)
    before = dict(swapped.model.transformer.state_dict())
    first = pictures(swapped.session(PROMPT, seed=2, size_px=SIZE_PX), 1)
    running = swapped.session(PROMPT, seed=2, size_px=SIZE_PX)
    made = [pictures(running, 1)]
    for scale in (0.2, 1.0):
        swapped.use_adapters({"own": scale})
        made.append(pictures(running, 1))
        if scale == 0.2:
            fresh.use_adapters({"own": scale})
            right = quantized(fresh).model.transformer.state_dict()
            for name, held in swapped.model.transformer.state_dict().items():
                assert torch.equal(held.float(), right[name].float()), name
    for name, held in swapped.model.transformer.state_dict().items():
        assert held.data_ptr() == before[name].data_ptr(), name  # what was recorded stays right
    assert np.array_equal(pictures(swapped.session(PROMPT, seed=2, size_px=SIZE_PX), 1), first)
    assert all(not np.array_equal(one, other) for one, other in pairwise(made))


@pytest.mark.usefixtures("as_on_a_gpu")
def test_an_engine_runs_no_model_that_was_loaded_with_other_linears():
    plain = Engine.load("tiny", device="cpu")
    with pytest.raises(PresetError, match="'fp8' has linear_dtype 'fp8', and this model was load"):
        Engine(plain.model, FP8)
    with pytest.raises(PresetError, match=r"has linear_dtype 'model', and this .* 'fp8': loa"):
        Engine(quantized(plain).model, PRESETS["reference"])


def test_a_model_whose_sizes_fp8_does_not_multiply_is_refused():
    sizes = Engine.load("tiny", device="cpu").model.sizes
    odd = replace(sizes, transformer=replace(sizes.transformer, ffn_dim=776))
    require_layers(FP8, sizes, torch.float32)
    require_layers(PRESETS["reference"], odd, torch.float32)
    with pytest.raises(PresetError, match=r"multiples of 16, and 'tiny' has a ffn_dim of 776: use"):
        require_layers(FP8, odd, torch.float32)
