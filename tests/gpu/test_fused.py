"""Our kernels in Triton against their plain twins in float64, on fresh inputs of odd sizes.

Without a GPU they run in Triton's interpreter, where it is asked for: TRITON_INTERPRET=1.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.fp8 import Fp8Linear, Scaled, linears_for_fp8
from longlive_widget.model.rotary import turn_at, turned
from longlive_widget.model.transformer import Layer
from tests.gpu.seeds import generator

Made = TypeVar("Made")
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not (torch.cuda.is_available() or INTERPRETED),
        reason="no CUDA device, nor TRITON_INTERPRET",
    ),
]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
DTYPES = (torch.float32, torch.float16 if INTERPRETED else torch.bfloat16)  # it cuts bfloat16 off
CONFIGS = (
    TransformerConfig(dim=96, heads=3, layers=1, ffn_dim=160, text_dim=32, text_length=8),
    TransformerConfig(dim=1536, heads=12, layers=1, ffn_dim=256, text_dim=32, text_length=8),
)
BATCH, FRAMES, ROWS, COLUMNS = 2, 3, 3, 5
TOKENS = FRAMES * ROWS * COLUMNS


@pytest.fixture(params=CONFIGS, ids=lambda config: f"{config.dim} wide")
def config(request: pytest.FixtureRequest) -> TransformerConfig:
    return request.param


def layers(config: TransformerConfig, dtype: torch.dtype) -> tuple[Layer, Layer, Layer]:
    """The same layer with our kernels, as it is written, and that in float64."""
    from longlive_widget.model import fused

    drawing = generator(2)
    ours, plain, exact = (Layer(config) for _ in range(3))
    for parameter in plain.parameters():
        noise = torch.randn(parameter.shape, generator=drawing)
        parameter.data = (1.0 + 0.5 * noise if parameter.ndim == 1 else 0.1 * noise).to(dtype)
    for layer, own in ((ours, dtype), (exact, torch.float64)):
        layer.load_state_dict(plain.state_dict())
        layer.to(DEVICE, own)
    for part in fused.PARTS:
        setattr(ours, part.__name__, partial(part, ours))
    return ours, plain.to(DEVICE, dtype), exact


def exactly(part: Callable[..., Made], *given: object) -> Made:
    """What a layer's part gives if all that it does in float32 is done in float64."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Tensor, "float", Tensor.double)
        return part(*given)


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64).to(DEVICE)


def near(ours: Tensor, plain: Tensor, exact: Tensor) -> None:
    """No farther from float64 than the plain twin is, but for the order of sums.

    By the roots of mean squares; of single numbers the worst, of which one may have less luck.
    """
    assert ours.dtype == plain.dtype
    assert ours.shape == plain.shape
    errors = [(each.double() - exact).abs() / exact.abs().max() for each in (ours, plain)]
    usual, twins_usual = (error.square().mean().sqrt() for error in errors)
    assert usual <= 1.5 * twins_usual + 1e-9
    worst, twins_worst = (error.max() for error in errors)
    assert worst <= 3 * twins_worst + 1e-9


@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_the_parts_of_a_layer_are_as_near_to_float64_as_their_plain_twins(
    config: TransformerConfig, dtype: torch.dtype
):
    ours, plain, exact = layers(config, dtype)
    turn = turn_at((2, 3, 4), ROWS, COLUMNS, config.head_dim, DEVICE)
    x = drawn(BATCH, TOKENS, config.dim, seed=3).to(dtype)
    seen = drawn(BATCH, TOKENS, config.dim, seed=4).to(dtype)
    time = 0.3 * drawn(BATCH, FRAMES, 6, config.dim, seed=5).to(dtype)
    in_float64 = x.double(), seen.double(), time.double()
    for key_turn in (None, turn):
        turns = turn, key_turn
        right = exactly(exact.before, in_float64[0], in_float64[2], *turns)
        found = (layer.before(x, time, *turns) for layer in (ours, plain))
        for each in zip(*found, right, strict=True):
            near(*each)
    found = (layer.between(x, seen, time) for layer in (ours, plain))
    for each in zip(*found, exactly(exact.between, *in_float64), strict=True):
        near(*each)
    made = (layer.after(x, seen, time) for layer in (ours, plain))
    near(*made, exactly(exact.after, *in_float64))


@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_keys_out_of_a_longer_buffer_are_turned_as_their_plain_twin_turns_them_to_the_bit(
    config: TransformerConfig, dtype: torch.dtype
):
    from longlive_widget.model import fused

    turn = turn_at((0, 7, 3), ROWS, COLUMNS, config.head_dim, DEVICE)
    buffer = drawn(BATCH, 2 * TOKENS, config.heads, config.head_dim, seed=6).to(dtype)
    beside = buffer.reshape(BATCH, TOKENS, 2 * config.heads, config.head_dim)[:, :, config.heads :]
    for keys in (buffer[:, :TOKENS], buffer[:, 7 : 7 + TOKENS], buffer[:, ::2], beside):
        assert torch.equal(fused.turned(keys, turn), turned(keys, turn))


@pytest.mark.parametrize("gelu", [False, True])
@torch.inference_mode()
def test_rows_in_fp8_are_those_of_their_plain_twin(config: TransformerConfig, gelu: bool):  # noqa: FBT001
    from longlive_widget.model import fused

    x = drawn(BATCH, TOKENS, config.dim, seed=7).float()
    x[0, 0] = 0
    ours = fused.scaled(x, gelu=gelu)
    right = Scaled.of(functional.gelu(x, approximate="tanh") if gelu else x)
    assert (ours.shape, ours.dtype) == (right.shape, right.dtype)
    torch.testing.assert_close(ours.scale_T1, right.scale_T1, rtol=1e-6, atol=0)
    made, wanted = ours.numbers_TK.float(), right.numbers_TK.float()
    alike = made == wanted
    if INTERPRETED:  # what it rounds up to a power of two, it halves
        alike |= wanted.frexp().mantissa.abs() == 0.5
    assert alike.float().mean() > 0.998  # halves may fall to either side


@pytest.mark.parametrize("width", [1, 5, 37, 131, 1537])
@pytest.mark.parametrize("gelu", [False, True])
@torch.inference_mode()
def test_rows_in_fp8_are_as_near_to_float64_as_their_plain_twin(width: int, gelu: bool):  # noqa: FBT001
    """Widths that no program divides, most of them odd in what is left over."""
    from longlive_widget.model import fused

    x = drawn(BATCH, 7, width, seed=8).to(DTYPES[1])
    exact = x.double()
    if gelu:
        exact = functional.gelu(exact, approximate="tanh")
    plain = Scaled.of(functional.gelu(x, approximate="tanh") if gelu else x)
    ours = fused.scaled(x, gelu=gelu)
    told = plain.numbers_TK.float().frexp().mantissa.abs() != 0.5  # see above
    told |= not INTERPRETED
    near(*(of[told] for of in (read_back(ours), read_back(plain), exact.flatten(0, 1))))


def read_back(packed: Scaled) -> Tensor:
    return packed.numbers_TK.double() * packed.scale_T1.double()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("joined", [False, True])
@torch.inference_mode()
def test_layers_in_fp8_are_as_far_from_their_own_numbers_as_their_plain_twins(joined: bool):  # noqa: FBT001
    dtype = torch.bfloat16
    config = CONFIGS[1]
    ours, plain, exact = layers(config, dtype)
    for layer in (ours, plain):
        for name in linears_for_fp8(layer):
            linear = layer.get_submodule(name)
            parent, _, last = name.rpartition(".")
            in_fp8 = Fp8Linear(linear.weight.data, linear.bias)
            setattr(layer.get_submodule(parent), last, in_fp8)
    if joined:
        ours.self_attn.join_projections()
    turn = turn_at((2, 3, 4), ROWS, COLUMNS, config.head_dim, DEVICE)
    x = drawn(BATCH, TOKENS, config.dim, seed=3).to(dtype)
    seen = drawn(BATCH, TOKENS, config.dim, seed=4).to(dtype)
    time = 0.3 * drawn(BATCH, FRAMES, 6, config.dim, seed=5).to(dtype)
    right = exactly(exact.before, x.double(), time.double(), turn, turn)
    found = (layer.before(x, time, turn, turn) for layer in (ours, plain))
    for each in zip(*found, right, strict=True):
        near(*each)
    found = (layer.between(x, seen, time) for layer in (ours, plain))
    for each in zip(
        *found, exactly(exact.between, x.double(), seen.double(), time.double()), strict=True
    ):
        near(*each)
    made = (layer.after(x, seen, time) for layer in (ours, plain))
    near(*made, exactly(exact.after, x.double(), seen.double(), time.double()))
