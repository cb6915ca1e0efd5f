"""Random weights under which an error in any part of a network reaches what comes out of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from longlive_widget import Engine
from longlive_widget.cache.storage import PlainStorage
from longlive_widget.cache.window import RingWindow
from longlive_widget.engine.model import TOKENIZER, Model, Placement, Sizes, random_parts
from longlive_widget.engine.source import model_folder
from longlive_widget.model.tiny_decoder import MemoryBlock, TinyDecoder
from longlive_widget.model.tokenizer import load_tokenizer
from longlive_widget.model.transformer import Layer, Transformer
from longlive_widget.model.video_decoder import ResidualBlock

CPU, TINY = torch.device("cpu"), model_folder("tiny")
FRAMES, ROWS, COLUMNS = 3, 16, 16
TOKENS = ROWS * COLUMNS // 4
RED, BLUE = "a red ball bounces on white", "a big blue star spins at night"


def random_of(**transformer: int) -> Model:
    """The embedded model with other sizes of its transformer, and random weights."""
    sizes = Sizes.read(TINY)
    text = replace(sizes.text_encoder, num_layers=transformer.pop("text_layers", 1))
    wanted = replace(
        sizes, transformer=replace(sizes.transformer, **transformer), text_encoder=text
    )
    return random_parts(wanted, load_tokenizer(TINY / TOKENIZER), Placement(CPU))


@pytest.fixture(scope="module")
def deep() -> Model:
    """As deep as LongLive-1.3B, and narrow."""
    return random_of(dim=96, heads=2, layers=30, ffn_dim=560, text_layers=24)


@pytest.fixture(scope="module")
def tiny() -> Model:
    return random_of()


@pytest.fixture(params=["tiny", "deep"])
def model(request: pytest.FixtureRequest) -> Model:
    found: Model = request.getfixturevalue(request.param)
    return found


@torch.inference_mode()
def flow_of(model: Model, prompt: str = RED) -> Tensor:
    """What the transformer predicts of a block of noise, with two blocks of noise in memory."""
    network, drawn = model.transformer, torch.Generator().manual_seed(4)
    shape = 3, 1, FRAMES, 16, ROWS, COLUMNS
    *past, latent = torch.randn(shape, generator=drawn).unbind()
    layers = network.config.layers
    window = RingWindow(layers, TOKENS, 9, FRAMES, relative=True, storage=PlainStorage())
    text = model.read(prompt)
    for block, clean in enumerate(past):
        window.open_block(block * FRAMES, FRAMES)
        network.remember(clean, torch.zeros(1, FRAMES), text, window)
    window.open_block(len(past) * FRAMES, FRAMES)
    return network(latent, torch.full((1, FRAMES), 900.0), text, window)


def change(made: Tensor, right: Tensor) -> float:
    """How large the difference is beside what is right."""
    return float((made - right).norm() / right.norm())


@contextmanager
def without(*linears: nn.Module) -> Iterator[None]:
    """Inside, these give 0."""
    hooks = [one.register_forward_hook(lambda _m, _x, y: torch.zeros_like(y)) for one in linears]
    yield
    for hook in hooks:
        hook.remove()


def parts(network: Transformer, *names: str) -> list[nn.Module]:
    return [layer.get_submodule(name) for layer in network.blocks for name in names]


@contextmanager
def attending(network: Transformer, changed: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Inside, what every query sees is changed."""
    own = network.attend
    network.attend_with(lambda q, k, v: changed(own(q, k, v)))
    yield
    network.attend_with(own)


def deviations(network: nn.Module, kinds: type, run: Callable[[], object]) -> list[float]:
    """Those of what parts of some kinds give, in their order."""
    found: list[float] = []
    hooks = [
        one.register_forward_hook(lambda _m, _x, y: found.append(float(y.std())))
        for one in network.modules()
        if isinstance(one, kinds)
    ]
    run()
    for hook in hooks:
        hook.remove()
    return found


def test_what_goes_through_the_layers_is_of_order_one(model: Model):
    network = model.transformer
    found = deviations(network, Layer, lambda: flow_of(model))
    assert len(found) == 3 * network.config.layers - 2, "a pass that remembers ends early"
    assert all(0.5 < each < 2.5 for each in found)
    assert 0.5 < flow_of(model).std() < 2


@pytest.mark.parametrize("kind", ["self_attn.o", "cross_attn.o", "ffn.2"])
def test_each_kind_of_part_adds_as_much_as_the_others(model: Model, kind: str):
    """And none of them nothing: alone it is a quarter of the prediction or more."""
    right = flow_of(model)
    with without(*parts(model.transformer, kind)):
        assert 0.25 < change(flow_of(model), right) < 1.5


def test_prediction_hangs_on_all_parts_of_the_layers(model: Model):
    network, right = model.transformer, flow_of(model)
    with attending(network, torch.zeros_like):
        assert change(flow_of(model), right) > 0.5
    with without(*parts(network, "ffn.2")):
        assert change(flow_of(model), right) > 0.5
    assert change(flow_of(model, BLUE), right) > 0.05


def test_one_layer_of_thirty_is_seen(deep: Model):
    right, middle = flow_of(deep), deep.transformer.blocks[15]
    assert isinstance(middle, Layer)
    with without(middle.self_attn.o, middle.cross_attn.o, middle.ffn[2]):
        assert change(flow_of(deep), right) > 0.1


def test_an_error_in_attention_is_seen_over_the_rounding_of_16_bits(deep: Model):
    network, drawn = deep.transformer, torch.Generator().manual_seed(5)
    right = flow_of(deep)

    def wrong(seen: Tensor) -> Tensor:
        return seen + 0.05 * seen.std() * torch.randn(seen.shape, generator=drawn)

    with attending(network, wrong):
        assert change(flow_of(deep), right) > 0.02


def test_prompts_are_read_as_embeddings_of_order_one(model: Model):
    length = len(RED.split())
    one, other = (model.embed(prompt)[0, :length] for prompt in (RED, BLUE))
    assert 0.7 < one.std() < 1.4
    assert change(other, one) > 0.5
    found = deviations(
        model.text_encoder, type(model.text_encoder.blocks[0]), lambda: model.embed(RED)
    )
    assert all(0.5 < each < 6 for each in found), "its first numbers are those of T5"


@pytest.mark.parametrize("small", [False, True])
def test_pictures_are_neither_flat_nor_saturated(tiny: Model, *, small: bool):
    decoder = tiny.small_decoder if small else tiny.decoder
    assert decoder is not None
    made: list[Tensor] = []

    @torch.inference_mode()
    def decode() -> None:
        stream, drawn = decoder.stream(), torch.Generator().manual_seed(6)
        latents = torch.randn(2, 1, FRAMES, 16, 12, 20, generator=drawn)
        made.extend(stream.decode(latent) for latent in latents)

    found = deviations(decoder, MemoryBlock if small else ResidualBlock, decode)
    assert all(0.3 < each < 2.5 for each in found)
    for pictures in made:
        assert 0.25 < pictures.std() < 0.7
        assert pictures.std((-2, -1)).mean() > 0.2, "within a colour of a picture"
        assert (pictures.abs() > 1).float().mean() < 0.1


@pytest.mark.parametrize("small", [False, True])
@torch.inference_mode()
def test_latents_that_are_off_by_a_hundredth_leave_40_db_of_the_pictures(
    tiny: Model, *, small: bool
):
    """As of trained decoders: else rounding of latents would be told as that of a decoder."""
    decoder = tiny.small_decoder if small else tiny.decoder
    assert decoder is not None
    right, drawn = torch.randn(2, 1, FRAMES, 16, 12, 20, generator=torch.Generator().manual_seed(8))
    one, other = (
        decoder.stream().decode(latent).clamp(-1, 1) for latent in (right, right + 0.01 * drawn)
    )
    squared_error = ((one - other) / 2).square().mean()
    assert 40 < -10 * squared_error.log10() < 60


def test_pictures_of_full_size_decoders_are_neither_flat_nor_saturated():
    """The small decoder is as wide as TAEHV's."""
    sizes = replace(Sizes.read(TINY), small_decoder=(256, 128, 64, 64))
    model = random_parts(sizes, load_tokenizer(TINY / TOKENIZER), Placement(CPU))
    assert isinstance(model.small_decoder, TinyDecoder)
    with torch.inference_mode():
        latent = torch.randn(1, FRAMES, 16, 6, 10, generator=torch.Generator().manual_seed(7))
        pictures = model.small_decoder.stream().decode(latent)
    assert 0.25 < pictures.std() < 0.7
    assert pictures.std((-2, -1)).mean() > 0.2


def test_they_are_the_same_each_time():
    one, other = (Engine.load("tiny", weights="random").model for _ in range(2))
    for first, second in zip(one.parts(), other.parts(), strict=True):
        weights = first.state_dict()
        assert all(torch.equal(weights[name], each) for name, each in second.state_dict().items())
