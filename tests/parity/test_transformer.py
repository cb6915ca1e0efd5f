"""The transformer, its memory and the rollouts against the golden cases."""

from dataclasses import replace
from itertools import cycle
from typing import Any, NoReturn, get_args

import pytest
import torch
from torch import Tensor

from longlive_widget.cache.storage import ScaledStorage, Storage
from longlive_widget.cache.text import PromptCache
from longlive_widget.cache.window import RingWindow, RollingWindow, StaticWindow, Window
from longlive_widget.engine.capability import has_compiler
from longlive_widget.engine.captured import GraphRecorder
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise_schedule import Level, level_near, levels, sigmas, timesteps
from longlive_widget.engine.rollout import Rollout
from longlive_widget.engine.static_denoiser import StaticDenoiser
from longlive_widget.model.adapters import Adapters
from longlive_widget.model.checkpoint import rank_of
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.transformer import Transformer
from longlive_widget.presets import COMPILED_WITHOUT_GRAPHS, CompileMode, Context, Recache
from longlive_widget.timeline import Timeline
from tests.covering import covering
from tests.frozen_recorder import FrozenRecorder
from tests.parity.cases import (
    BOUND,
    FOLDER,
    Case,
    read_case,
    read_weights,
    relative_error,
    require_part,
    rollout_names,
)

WINDOWS = (RollingWindow, StaticWindow, RingWindow)


def _network() -> Transformer:
    config, weights = read_weights("dit")
    network = Transformer(TransformerConfig.from_wan(config))
    network.load_state_dict(weights)
    return network


def _window(
    kind: type[Window],
    case: Case,
    latent: Tensor,
    layers: int,
    *,
    relative: bool = False,
    storage: Storage | None = None,
) -> Window:
    tokens_per_frame = latent.shape[-1] * latent.shape[-2] // 4
    return kind(
        layers,
        tokens_per_frame,
        case.metadata["local_attn_size"],
        case.metadata["sink_size"],
        relative=relative,
        storage=storage,
    )


def test_the_noise_schedule_is_the_recorded_one():
    require_part("scheduler.safetensors")
    case = read_case("scheduler")
    assert relative_error(sigmas(), case["sigmas"]) < 1e-6
    assert relative_error(timesteps(), case["timesteps"]) < 1e-6


@pytest.mark.parametrize("kind", WINDOWS)
def test_passes_over_one_memory_agree(kind: type[Window]):
    require_part("dit_passes.safetensors")
    case, network = read_case("dit_passes"), _network()
    window = _window(kind, case, case["pass0.x"], network.config.layers)
    text = network.read_text(case["context"][None])
    opened, passes = None, sum(name.endswith(".flow") for name in case.tensors)
    assert passes > 0
    for index in range(passes):
        x, t, start = (case[f"pass{index}.{part}"] for part in ("x", "t", "start_frame"))
        if opened != int(start):
            opened = int(start)
            window.open_block(opened, len(x))
        flow = network(x[None], t.expand(1, len(x)), text, window)
        x0 = level_near(float(t)).clean(x[None], flow)
        assert relative_error(flow[0], case[f"pass{index}.flow"]) < BOUND, f"flow of pass {index}"
        assert relative_error(x0[0], case[f"pass{index}.x0"]) < BOUND, f"x0 of pass {index}"


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("cached", [False, True], ids=["", "prompt cache"])
@pytest.mark.parametrize("pooled", [False, True], ids=["", "pool"])
@pytest.mark.parametrize("name", rollout_names())
def test_a_rollout_agrees_block_by_block(
    name: str, kind: type[Window], *, pooled: bool, cached: bool
):
    """With a pool and a window in buffers of its own, blocks are recorded and replayed too."""
    parts = {"name": name, "kind": kind, "pooled": pooled, "cached": cached}
    _require_agreement(read_case(name), parts)


@pytest.mark.parametrize("name", rollout_names())
def test_a_rollout_that_makes_every_pass_of_the_reference_agrees_block_by_block(name: str):
    """All context passes, all frames of a re-cache; elsewhere only those that are needed."""
    parts = {"name": name, "kind": RingWindow, "context": "always", "recache": "window"}
    _require_agreement(read_case(name), parts)


PARTS: dict[str, tuple[Any, ...]] = {
    "pooled": (False, True),
    "cached": (False, True),
    "context": get_args(Context),
    "recache": get_args(Recache),
}


def drawn_parts() -> list[dict[str, Any]]:
    """Every two values of two parts, windows and rollouts among them, at least once."""
    return covering({"name": rollout_names(), "kind": WINDOWS, **PARTS}, "parts at random")


@pytest.mark.parametrize(
    "parts", drawn_parts(), ids=lambda parts: "-".join(map(str, parts.values()))
)
def test_parts_drawn_at_random_agree_block_by_block(parts: dict[str, Any]):
    _require_agreement(read_case(parts["name"]), parts)


def compiled_parts() -> list[dict[str, Any]]:
    """Every rollout over every window in every mode that records no CUDA graphs.

    The other parts are drawn, so that every two values of them are at least once in each mode.
    """
    modes = [mode for mode in get_args(CompileMode) if mode not in COMPILED_WITHOUT_GRAPHS]
    drawn = {mode: cycle(covering(PARTS, f"compiled in {mode}")) for mode in modes}
    return [
        {"name": name, "kind": kind, "compiled": mode, **next(drawn[mode])}
        for mode in modes
        for name in rollout_names()
        for kind in WINDOWS
    ]


@pytest.mark.parametrize(
    "parts", compiled_parts(), ids=lambda parts: "-".join(map(str, parts.values()))
)
def test_a_compiled_rollout_agrees_block_by_block(parts: dict[str, Any]):
    """Sums are made in another order, within the same bound."""
    require_compiler()
    _require_agreement(read_case(parts["name"]), parts)


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("name", rollout_names())
def test_a_compiled_rollout_over_a_window_in_int8_is_the_one_that_is_not_compiled(
    name: str, kind: type[Window]
):
    """No golden case has 8 bits, which are 3e-4 off; what is on the edge may be rounded apart."""
    require_compiler()
    storage = ScaledStorage(torch.int8)
    compiled, plain = (
        roll_out(read_case(name), name, kind, pooled=True, storage=storage, compiled=mode)
        for mode in ("default", None)
    )
    assert len(compiled) == len(plain) == len(read_case(name)["latents"]) > 0
    for block, latent in enumerate(compiled):
        error = relative_error(latent, plain[block])
        assert error < BOUND, f"block {block} is off by {error:.2e}"


def _require_agreement(case: Case, parts: dict[str, Any]) -> None:
    latents = roll_out(case, **parts)
    assert len(latents) == len(case["latents"]) > 0
    for block, latent in enumerate(latents):
        error = relative_error(latent, case["latents"][block])
        assert error < BOUND, f"block {block} is off by {error:.2e}"


def require_compiler() -> None:
    if not has_compiler(torch.device("cpu")):
        pytest.skip("there is no C++ compiler")


def roll_out(
    case: Case,
    name: str,
    kind: type[Window],
    *,
    pooled: bool = False,
    cached: bool = False,
    compiled: CompileMode | None = None,
    context: Context = "needed",
    recache: Recache = "needed",
    storage: Storage | None = None,
    device: str = "cpu",
) -> list[Tensor]:
    """Our latents of a recorded rollout, block by block, `FCHW`, on the way of a session.

    On a GPU what is recorded is replayed as CUDA graphs.
    """
    network = _network().to(device)
    case = replace(case, tensors={name: one.to(device) for name, one in case.tensors.items()})
    if compiled is not None:
        network.compile_layers(compiled)
    if name.startswith("rollout_lora"):
        adapter = read_case("lora")
        path, alpha = FOLDER / "lora.safetensors", adapter.metadata["alpha"]
        scale = alpha / rank_of(adapter.tensors, path)
        Adapters(network).add("lora", adapter.tensors, path, scale=scale, whole=True)
    noise, frames = case["noise"], case["noise"].shape[1]
    relative = name.startswith("rollout_relative")
    layers = network.config.layers
    window = _window(kind, case, noise, layers, relative=relative, storage=storage)
    steps = levels(case["denoising_steps"].tolist())
    _check_timesteps(steps, case)
    replays = pooled and window.relative and kind is not RollingWindow
    record = None
    if replays:
        record = FrozenRecorder(window) if device == "cpu" else GraphRecorder()
    static = StaticDenoiser(network, window, record)
    denoiser = static if pooled else Denoiser(network, window)
    rollout = _rollout(denoiser, steps, case, context, recache)
    prompts, remembered = _prompts_by_block(case, frames), PromptCache(8 if cached else 0)
    done: list[Tensor] = []
    for block, block_noise in enumerate(noise):
        if block in prompts:
            embeds = case["prompt_embeds"][prompts[block]][None]
            said = str(embeds.sum().item())
            memory = remembered.get(said, lambda _, e=embeds: network.read_text(e))
            rollout.steer(remembered.get(said, _not_again) if cached else memory)
        renoise = case["renoise"][block]
        latent = rollout.next_block(block_noise[None], lambda i, r=renoise: r[i][None])[0]
        done.append(latent.clone().cpu())  # a pool uses its places again
    return done


def _not_again(_prompt: str) -> NoReturn:
    pytest.fail("a remembered prompt was read again")


def _rollout(
    denoiser: Denoiser, steps: tuple[Level, ...], case: Case, context: Context, recache: Recache
) -> Rollout:
    """As a session makes it, unless the case says otherwise: so the default is held too."""
    if case.metadata["global_sink"]:
        return Rollout(denoiser, steps, context=context, recache=recache)
    return Rollout(denoiser, steps, global_sink=False, context=context, recache=recache)


def _prompts_by_block(case: Case, frames: int) -> dict[int, int]:
    asked = case["switch_frames"].tolist()
    switches = [(frame, f"prompt {row}") for row, frame in enumerate(asked, start=1)]
    landings = Timeline.of("prompt 0", *switches).landings(frames)
    return {landing.block: row for row, landing in enumerate(landings)}


def _check_timesteps(steps: tuple[Level, ...], case: Case) -> None:
    told = torch.tensor([level.timestep for level in steps])
    assert relative_error(told, case["warped_timesteps"].cpu()) < 1e-6
