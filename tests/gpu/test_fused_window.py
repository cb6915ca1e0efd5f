"""The way into a window in 8 bits and out of it, against its plain twins and float64.

Without a GPU they run in Triton's interpreter, where it is asked for: TRITON_INTERPRET=1.
"""

import math

import pytest
import torch
from torch import Tensor

from longlive_widget.cache.storage import Parts, PlainStorage, ScaledStorage
from longlive_widget.cache.window import RingWindow
from longlive_widget.model.rotary import Turn, turn_at, turned
from tests.gpu.test_fused import DEVICE, DTYPES, INTERPRETED, drawn, exactly, near, pytestmark
from tests.unit.small_network import small_transformer

__all__ = ["pytestmark"]
HEADS = ((12, 128), (3, 32), (5, 20))
"""How many, and their size: the full model's, fewer than fill a program, some with idle lanes."""
NUMBERS = (torch.int8, torch.float8_e4m3fn)
BATCH, FRAMES, ROWS, COLUMNS = 2, 4, 3, 5
TOKENS = FRAMES * ROWS * COLUMNS
FIRST, SOME = 15, 32
"""Tokens inside of longer buffers, whose number no program divides."""


@pytest.fixture(params=HEADS, ids=str)
def heads(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param


def turn_of(head_dim: int) -> Turn:
    return turn_at((0, 7, 3, 2), ROWS, COLUMNS, head_dim, DEVICE)


def some(parts: Parts) -> Parts:
    return tuple(part[:, FIRST : FIRST + SOME] for part in parts)


def block(heads: tuple[int, int], dtype: torch.dtype, seed: int = 3) -> Tensor:
    """Keys and values of different size, a head of zeros among them."""
    both = drawn(2, BATCH, TOKENS, *heads, seed=seed)
    both[1] *= 1e-3
    both[:, 0, FIRST + 1, 0] = 0
    return both.to(dtype)


def written(
    given: Parts, heads: tuple[int, int], dtype: torch.dtype, storage: ScaledStorage
) -> tuple[Parts, Parts]:
    """What our kernel packs of keys and values, and turns, in the midst of 0s and 7s."""
    from longlive_widget.model.fused_window import KeyTurning

    packed = tuple(x.new_zeros(BATCH, TOKENS, *x.shape[2:]) for x in storage.pack(*given))
    made = torch.full((2, BATCH, TOKENS, *heads), 7.0, dtype=dtype, device=DEVICE).unbind()
    KeyTurning(turn_of(heads[1])).pack(given, some(packed), FIRST, some(made))
    return packed, made


def untouched(parts: Parts, number: int) -> None:
    """What lies around the tokens is as it was."""
    for part in parts:
        for around in (part[:, :FIRST], part[:, FIRST + SOME :]):
            assert (around.float() == number).all()


@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@torch.inference_mode()
def test_what_is_read_back_and_turned_is_that_of_the_plain_twins_to_the_bit(
    heads: tuple[int, int], dtype: torch.dtype, numbers: torch.dtype
):
    from longlive_widget.model.fused_window import KeyTurning

    storage, turn = ScaledStorage(numbers), turn_of(heads[1])
    packed = storage.pack(*block(heads, dtype))
    made = torch.full((2, BATCH, TOKENS, *heads), 7.0, dtype=dtype, device=DEVICE).unbind()
    KeyTurning(turn).unpack(some(packed), FIRST, some(made))
    k, v = storage.unpack(some(packed), dtype)
    plain = turned(k, turn.of(FIRST, SOME)), v
    for ours, right in zip(some(made), plain, strict=True):
        assert torch.equal(ours, right)
    exact_k, exact_v = exactly(storage.unpack, some(packed), torch.float64)
    right = exactly(turned, exact_k, turn.of(FIRST, SOME)), exact_v
    for each in zip(some(made), plain, right, strict=True):
        near(*each)
    untouched(made, 7)


@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@torch.inference_mode()
def test_what_is_written_is_that_of_the_plain_twins_but_for_the_last_bit_of_a_scale(
    heads: tuple[int, int], dtype: torch.dtype, numbers: torch.dtype
):
    storage, turn = ScaledStorage(numbers), turn_of(heads[1])
    given = some(block(heads, dtype).unbind())
    right = storage.pack(*given)
    packed, made = written(given, heads, dtype, storage)
    for ours, plain in zip(some(packed), right, strict=True):
        if ours.shape[-1] == 1:
            torch.testing.assert_close(ours, plain, rtol=2**-23, atol=0)
        else:
            alike = ours.float() == plain.float()
            if INTERPRETED and numbers.is_floating_point:
                # it halves what it rounds up to a power of two, and takes halves away from zero
                alike |= plain.float().frexp().mantissa.abs() == 0.5
                assert alike.float().mean() > 0.997
            else:
                assert alike.all()
    k, v = given
    assert torch.equal(some(made)[0], turned(k, turn.of(FIRST, SOME)))
    assert torch.equal(some(made)[1], v)
    for parts, before in ((packed, 0), (made, 7)):
        untouched(parts, before)


@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@torch.inference_mode()
def test_what_is_written_is_as_near_to_float64_as_the_plain_twins(
    heads: tuple[int, int], dtype: torch.dtype, numbers: torch.dtype
):
    storage, turn = ScaledStorage(numbers), turn_of(heads[1])
    given = some(block(heads, dtype, seed=9).unbind())
    right = storage.pack(*given)
    packed, made = written(given, heads, dtype, storage)
    ours = some(packed)
    for at, exact in zip((0, 2), given, strict=True):  # numbers, then their scales
        told = right[at].float().frexp().mantissa.abs() != 0.5  # the interpreter's: see above
        told |= not (INTERPRETED and numbers.is_floating_point)
        both = (parts[at].double() * parts[at + 1].double() for parts in (ours, right))
        near(*(of[told] for of in (*both, exact.double())))
    turns, (keys, _) = turn.of(FIRST, SOME), given
    near(some(made)[0], turned(keys, turns), exactly(turned, keys.double(), turns))


@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
@torch.inference_mode()
def test_a_row_with_a_number_that_is_none_stays_without_a_number(
    heads: tuple[int, int], numbers: torch.dtype
):
    """So that the next block is seen to be broken; all other rows are what they were."""
    storage = ScaledStorage(numbers)
    given = some(block(heads, DTYPES[1]).unbind())
    given[0][0, 1, 0, 2] = math.nan
    packed, _ = written(given, heads, DTYPES[1], storage)
    k, v = storage.unpack(some(packed), DTYPES[1])
    lost = k.isnan().flatten(2).any(-1)
    assert lost[0, 1]
    assert lost.sum() == 1
    assert not v.isnan().any()


@torch.inference_mode()
def test_a_ring_in_int8_is_read_as_its_plain_twin_reads_it(heads: tuple[int, int]):
    """Until its blocks lie in another place, and in two pieces; off by a scale's last bit."""
    from longlive_widget.model.fused_window import KeyTurning

    dtype, tokens, sizes = DTYPES[1], ROWS * COLUMNS, (7, 2)
    ours, plain = (
        RingWindow(1, tokens, *sizes, relative=True, storage=ScaledStorage(torch.int8))
        for _ in range(2)
    )
    for number in range(5):
        for window in (ours, plain):
            window.open_block(3 * number, 3)
        turn = turn_at(ours.key_positions, ROWS, COLUMNS, heads[1], DEVICE)
        given = block(heads, dtype, seed=number)[:, :, : 3 * tokens].contiguous()
        seen = ours.append_turned(0, *given, KeyTurning(turn))
        k, v = plain.append(0, *given)
        for made, right in zip(seen, (turned(k, turn), v), strict=True):
            off = (made.double() - right.double()).abs().max() / right.double().abs().max()
            assert off <= torch.finfo(dtype).eps
            assert (made == right).float().mean() > 0.999


@pytest.mark.parametrize("numbers", [None, *NUMBERS], ids=str)
@torch.inference_mode()
def test_a_network_of_our_kernels_reads_a_ring_by_them_and_sees_what_its_plain_twin_sees(
    numbers: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
):
    plain = small_transformer().to(DEVICE)
    ours = small_transformer().to(DEVICE)
    ours.load_state_dict(plain.state_dict())
    ours.fuse_layers()
    config, (rows, columns) = plain.config, (4, 6)
    tokens = rows * columns // 4
    embeds = drawn(1, config.text_length, config.text_dim, seed=1).float()

    def window() -> RingWindow:
        storage = PlainStorage() if numbers is None else ScaledStorage(numbers)
        return RingWindow(config.layers, tokens, 7, 2, relative=True, storage=storage)

    both = [(net, net.read_text(embeds), window()) for net in (ours, plain)]
    for number in range(5):
        latent = drawn(1, 3, 16, rows, columns, seed=number).float()
        seen = []
        for network, text, memory in both:
            memory.open_block(3 * number, 3)
            for noise in (900.0, 300.0):
                told = torch.full((1, 3), noise, device=DEVICE)
                flow = network(latent, told, text, memory)
            network.remember(latent, 0 * told, text, memory)
            seen.append(flow)
        off = (seen[0] - seen[1]).abs().max() / seen[1].abs().max()
        assert off < (1e-4 if numbers is None else 1e-2 if not numbers.is_floating_point else 5e-2)
        if numbers is not None and number == 0:  # the first block makes the ring's places
            monkeypatch.setattr(both[0][2].storage, "unpack", _refused)


def _refused(*_: object) -> Parts:
    pytest.fail("it was unpacked by torch")
