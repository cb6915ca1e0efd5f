"""LoRAs in the weights: their sum, their scales, and videos that run while they change."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch import Tensor, nn

from longlive_widget import PRESETS, Engine, Preset
from longlive_widget.errors import CheckpointError, LongLiveError
from longlive_widget.model.adapters import PEFT_FILE, Adapters, peft_adapter
from longlive_widget.model.transformer import Transformer
from tests.unit.official_files import Files
from tests.unit.small_network import RANK, Network, adapter_for

PROMPT = "a red ball moves right on black"
SIZE_PX = (48, 32)


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network()


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def by_hand(network: nn.Module, *added: tuple[dict[str, Tensor], float]) -> dict[str, Tensor]:
    summed = {name: value.double() for name, value in network.state_dict().items()}
    for adapter, scale in added:
        for name in list(summed):
            layer = f"base_model.model.{name.removesuffix('.weight')}"
            if f"{layer}.lora_A.weight" in adapter:
                a, b = (adapter[f"{layer}.lora_{side}.weight"].double() for side in "AB")
                summed[name] += scale * b @ a
    return summed


def test_the_sum_of_two_adapters_is_the_one_computed_by_hand(network: Network):
    one, other = adapter_for(network), adapter_for(network, seed=2, rank=5)
    expected = by_hand(network, (one, 1.0), (other, -0.4))
    adapters = Adapters(network)
    adapters.add("one", one, "one.pt", whole=True)
    adapters.add("other", other, "other.pt", scale=-0.4)
    assert adapters.scales == {"one": 1.0, "other": -0.4}
    for name, value in network.state_dict().items():
        assert (value - expected[name]).norm() <= 1e-6 * expected[name].norm(), name


def test_a_network_with_an_adapter_computes_what_peft_makes_of_both(network: Network):
    """Alpha over rank is the scale; peft adds the adapter to what each layer gives."""
    torch.manual_seed(5)
    x = torch.randn(7, 4)
    linears = [n for n, m in network.named_modules() if isinstance(m, nn.Linear) and "blocks" in n]
    wrapped = get_peft_model(network, LoraConfig(r=RANK, lora_alpha=12, target_modules=linears))
    for name, parameter in wrapped.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.3)
    expected = wrapped(x).detach()
    adapter = {
        name.replace(".default", ""): tensor
        for name, tensor in wrapped.state_dict().items()
        if "lora_" in name
    }
    bare = wrapped.unload()
    assert (bare(x) - expected).norm() > 0.1 * expected.norm()
    Adapters(bare).add("peft's", adapter, "lora.pt", scale=12 / RANK, whole=True)
    assert (bare(x) - expected).norm() < 1e-6 * expected.norm()


def test_a_sum_is_made_in_float32_and_keeps_the_dtype(network: Network):
    network.bfloat16()
    adapter = {name: tensor.bfloat16() for name, tensor in adapter_for(network).items()}
    expected = by_hand(network, (adapter, 1.0))
    Adapters(network).add("one", adapter, "lora.pt")
    for name, value in network.state_dict().items():
        assert torch.equal(value, expected[name].float().bfloat16()), name


def test_what_is_taken_back_leaves_no_trace(network: Network):
    before, adapters = state(network), Adapters(network)
    adapters.add("one", adapter_for(network), "one.pt", scale=0.7)
    with_one = state(network)
    adapters.add("other", adapter_for(network, seed=2), "other.pt", scale=31.0)
    adapters.use({"one": 0.7})
    assert all(torch.equal(value, with_one[name]) for name, value in state(network).items())
    adapters.use({})
    assert adapters.scales == {"one": 0.0, "other": 0.0}
    assert all(torch.equal(value, before[name]) for name, value in state(network).items())


def test_the_weights_that_were_loaded_are_kept_when_the_network_is_cast(network: Network):
    """In bfloat16 the sum must still begin at float32's own numbers."""
    adapter = adapter_for(network)
    expected = by_hand(network, (adapter, 1.0))
    adapters = Adapters(network)
    network.bfloat16()
    adapters.add("one", adapter, "one.pt")
    for layer in network.blocks:
        assert torch.equal(layer.q.weight, by_name(expected, network, layer.q).bfloat16())


def by_name(tensors: dict[str, Tensor], network: nn.Module, module: nn.Module) -> Tensor:
    (name,) = (name for name, other in network.named_modules() if other is module)
    return tensors[f"{name}.weight"].float()


def test_an_adapter_may_leave_layers_out_unless_it_must_be_whole(network: Network):
    some = {name: w for name, w in adapter_for(network).items() if ".q." in name}
    before, expected = state(network), by_hand(network, (some, 1.0))
    adapters = Adapters(network)
    with pytest.raises(CheckpointError, match="8 missing"):
        adapters.add("some", some, "some.pt", whole=True)
    adapters.add("some", some, "some.pt")
    for name, value in network.state_dict().items():
        assert (value - expected[name]).norm() <= 1e-6 * expected[name].norm(), name
        assert torch.equal(value, before[name]) != name.endswith("q.weight")


@pytest.mark.parametrize("fault", ["missing", "unexpected", "of another shape"])
def test_an_adapter_that_does_not_fit_is_refused_whole(network: Network, fault: str):
    adapters, adapter = Adapters(network), adapter_for(network)
    adapters.add("one", adapter, "one.pt")
    before, name = state(network), "base_model.model.blocks.1.q.lora_B.weight"
    match fault:
        case "missing":
            del adapter[name]
        case "unexpected":
            adapter["base_model.model.blocks.7.q.lora_B.weight"] = torch.zeros(6, RANK)
        case "of another shape":
            adapter[name] = torch.zeros(5, RANK)
    with pytest.raises(CheckpointError, match=rf"1 {fault} \(base_model.model.blocks"):
        adapters.add("one", adapter, "lora.pt")
    assert adapters.scales == {"one": 1.0}
    assert all(torch.equal(value, before[name]) for name, value in state(network).items())


@pytest.mark.parametrize(
    "scale", ["1", None, True, float("nan"), float("inf"), 101, -1e39, 10**400, 1j]
)
def test_a_scale_that_is_no_number_is_refused(network: Network, scale: object):
    adapters = Adapters(network)
    with pytest.raises(CheckpointError, match=r"of adapter 'one' is no number from -100 to 100"):
        adapters.add("one", adapter_for(network), "one.pt", scale=scale)
    assert adapters.scales == {}


def test_a_scale_of_numpy_is_a_number(network: Network):
    adapters = Adapters(network)
    adapters.add("one", adapter_for(network), "one.pt", scale=np.float32(0.5))
    assert adapters.scales == {"one": 0.5}


@pytest.mark.fault(
    "The model",
    "a change of adapters is interrupted",
    "all weights are as they were",
)
def test_a_change_that_is_interrupted_leaves_all_as_it_was(network: Network, monkeypatch):
    adapters, one = Adapters(network), adapter_for(network)
    adapters.add("one", one, "one.pt")
    before, write, written = state(network), Adapters._write_layer, []

    def interrupted(self: Adapters, linear: str, added: object) -> None:
        written.append(linear)
        if len(written) == 4:
            raise KeyboardInterrupt
        write(self, linear, added)

    monkeypatch.setattr(Adapters, "_write_layer", interrupted)
    with adapters.held() as changes, pytest.raises(KeyboardInterrupt):
        adapters.add("one", adapter_for(network, seed=2), "other.pt", scale=0.5)
    assert adapters.scales == {"one": 1.0}
    with adapters.held() as changes_now:
        assert changes_now == changes
    assert all(torch.equal(value, before[name]) for name, value in state(network).items())
    adapters.use({"one": 0.0})
    adapters.use({"one": 1.0})
    assert all(torch.equal(value, before[name]) for name, value in state(network).items())


def test_what_was_given_may_change_afterwards(network: Network):
    adapters, adapter = Adapters(network), adapter_for(network)
    adapters.add("one", adapter, "one.pt")
    before = state(network)
    for tensor in adapter.values():
        tensor.zero_()
    adapters.use({"one": 1.0})
    assert all(torch.equal(value, before[name]) for name, value in state(network).items())


def test_a_file_behind_the_weights_that_was_written_to_is_found_out(network, tmp_path: Path):
    path = tmp_path / "base.pt"
    path.write_bytes(b"weights")
    adapters = Adapters(network, path)
    adapters.add("one", adapter_for(network), "one.pt")
    before = state(network)
    path.write_bytes(b"others")
    with pytest.raises(CheckpointError, match=r"base\.pt has changed since it was loaded: load"):
        adapters.use({})
    assert adapters.scales == {"one": 1.0}
    assert all(torch.equal(value, before[name]) for name, value in state(network).items())


def test_nobody_changes_the_weights_while_they_are_held(network: Network):
    adapters = Adapters(network)
    adapters.add("one", adapter_for(network), "one.pt")
    other = threading.Thread(target=adapters.use, args=({},))
    with adapters.held():
        before = state(network)
        other.start()
        other.join(0.3)
        assert other.is_alive()
        assert all(torch.equal(value, before[name]) for name, value in state(network).items())
    other.join(10)
    assert adapters.scales == {"one": 0.0}


@pytest.mark.fault(
    "The model",
    "adapters make infinite weights",
    "they are refused, and nothing changes",
)
def test_adapters_that_make_infinite_weights_are_refused_and_change_nothing(network: Network):
    before, adapters = state(network), Adapters(network)
    huge = {name: torch.full_like(half, 1e30) for name, half in adapter_for(network).items()}
    with pytest.raises(CheckpointError, match=r"weights of .* that are no finite numbers"):
        adapters.add("huge", huge, "huge.safetensors")
    assert all(torch.equal(value, before[name]) for name, value in state(network).items())
    assert not adapters.scales


@pytest.mark.parametrize("scales", [None, ["own"], "own"])
def test_scales_that_are_no_mapping_are_told(network: Network, scales: object):
    with pytest.raises(CheckpointError, match=r"are no mapping: write \{'own': 1\.0\}"):
        Adapters(network).use(scales)


def test_an_adapter_that_is_not_known_is_refused_with_those_that_are(network: Network):
    adapters = Adapters(network)
    with pytest.raises(CheckpointError, match="no adapter is called 'two': there is none"):
        adapters.use({"two": 1})
    adapters.add("one", adapter_for(network), "one.pt")
    with pytest.raises(CheckpointError, match="no adapter is called 'two': there is 'one'"):
        adapters.use({"two": 1})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (None, r"adapters of ranks \[\]: one rank for all"),
        ({"base_model.model.blocks.0.q.lora_A.weight": torch.zeros(4, 6)}, r"ranks \[3, 4\]"),
        ({"base_model.model.blocks.0.q.lora_A.weight": torch.tensor(1.0)}, "without a rank"),
        ({"base_model.model.blocks.0.q.lora_B.weight": torch.tensor(1.0)}, "of another shape"),
    ],
    ids=["empty", "two ranks", "scalar A", "scalar B"],
)
def test_an_adapter_without_a_rank_is_refused(network: Network, changes, said: str):
    adapter = {} if changes is None else adapter_for(network) | changes
    with pytest.raises(CheckpointError, match=said):
        Adapters(network).add("one", adapter, "lora.pt")


def test_an_adapter_of_rank_0_is_refused(network: Network):
    """All shapes are right, and it adds nothing."""
    with pytest.raises(CheckpointError, match=r"lora\.pt is an adapter of rank 0, which adds noth"):
        Adapters(network).add("none", adapter_for(network, rank=0), "lora.pt")


def test_halves_of_two_ranks_are_told_with_both(network: Network):
    """Each would fit by itself: 8 tensors are there where 8 belong."""
    one, other = adapter_for(network, rank=2), adapter_for(network, rank=3)
    mixed = {name: (one if "lora_A" in name else other)[name] for name in one}
    with pytest.raises(CheckpointError, match=r"has A of rank 2 and B of rank 3: one rank for all"):
        Adapters(network).add("one", mixed, "lora.pt")


# In running videos


@pytest.fixture
def engine() -> Engine:
    return Engine.load("tiny")


def pictures(session, blocks: int) -> np.ndarray:
    return np.concatenate([block.frames for block in session.blocks(blocks)])


def test_the_embedded_model_comes_with_its_own_adapter_and_makes_other_pictures_without(engine):
    assert engine.adapters == {"own": 1.0}
    first = pictures(engine.session(PROMPT, seed=2, size_px=SIZE_PX), 2)
    engine.use_adapters({})
    assert not np.array_equal(pictures(engine.session(PROMPT, seed=2, size_px=SIZE_PX), 2), first)
    engine.use_adapters({"own": 1.0})
    assert np.array_equal(pictures(engine.session(PROMPT, seed=2, size_px=SIZE_PX), 2), first)


def test_a_running_video_takes_a_change_at_its_next_block_as_a_switch_to_the_same_prompt(engine):
    plain = pictures(engine.session(PROMPT, seed=2, size_px=SIZE_PX), 4)
    changed = engine.session(PROMPT, seed=2, size_px=SIZE_PX)
    assert np.array_equal(pictures(changed, 2), plain[:21])
    engine.use_adapters({"own": 0.2})
    after = pictures(changed, 2)
    assert not np.array_equal(after, plain[21:])

    engine.use_adapters({"own": 1.0})
    switched = engine.session(PROMPT, seed=2, size_px=SIZE_PX)
    pictures(switched, 2)
    switched.switch(PROMPT)
    engine.use_adapters({"own": 0.2})
    assert np.array_equal(pictures(switched, 2), after)


def test_a_remembered_prompt_is_read_anew_after_a_change():
    engine = Engine.load("tiny", Preset("forgetful", "", (1000, 500, 250), window_frames=8))
    remembering = Engine(engine.model, engine.preset.with_(prompt_cache=4))
    for each in (remembering, engine):
        each.use_adapters({"own": 1.0})
        pictures(each.session(PROMPT, seed=2, size_px=SIZE_PX), 1)
        each.use_adapters({"own": 0.2})
    assert np.array_equal(
        pictures(remembering.session(PROMPT, seed=2, size_px=SIZE_PX), 2),
        pictures(engine.session(PROMPT, seed=2, size_px=SIZE_PX), 2),
    )


def test_bad_input_leaves_a_running_session_as_it_was(tmp_path: Path):
    engine = Engine.load("tiny", device="cpu")
    adapter = adapter_for(engine.model.transformer, rank=2)
    other = adapter_for(engine.model.transformer, seed=2, rank=3)
    half = dict(list(adapter.items())[::2])
    mixed = {name: (other if index else adapter)[name] for index, name in enumerate(adapter)}
    for name, tensors in ("half", half), ("mixed", mixed):
        save_file(tensors, tmp_path / f"{name}.safetensors")
    reference, model = engine.preset, engine.model
    ours = Files().generator
    wider = Transformer(replace(model.sizes.transformer, dim=2 * model.sizes.transformer.dim))
    of_another = Files(generator=wider.state_dict()).write(tmp_path / "of another dim")
    first_half = Files(generator=dict(list(ours.items())[: len(ours) // 2]))
    half_model = first_half.write(tmp_path / "half a model")
    faults: list[Callable[[], object]] = [
        lambda: reference.with_(cuda_graphs=True),
        lambda: Preset.from_yaml("use_static_vk: true"),
        lambda: Engine(model, reference.with_(window_frames=5)),
        lambda: Engine(model, reference.with_(window_dtype="fp8")),
        lambda: Engine.load(tmp_path, beside=[engine]),
        lambda: Engine.load(of_another, beside=[engine], device="cpu"),
        lambda: Engine.load(half_model, beside=[engine], device="cpu"),
        lambda: engine.add_adapter("half", tmp_path / "half.safetensors"),
        lambda: engine.add_adapter("mixed", tmp_path / "mixed.safetensors"),
        lambda: engine.use_adapters({"other": 1.0}),
        lambda: engine.use_adapters({"own": float("nan")}),
        lambda: session.switch(" "),
    ]
    session = engine.session(PROMPT, seed=2, size_px=SIZE_PX)
    made = [pictures(session, 1)]
    sentences = []
    for fault in faults:
        with pytest.raises(LongLiveError) as told:
            fault()
        sentences.append(str(told.value))
        assert "\n" not in sentences[-1]
        assert ". " not in sentences[-1].replace(" ... ", ""), "one sentence"
    assert f"of another shape (patch_embedding.weight is [{wider.config.dim}, " in sentences[5]
    assert f"it has {len(ours) // 2} tensors where {len(ours)} belong" in sentences[6]
    made.append(pictures(session, 2))
    plain = pictures(engine.session(PROMPT, seed=2, size_px=SIZE_PX), 3)
    assert np.array_equal(np.concatenate(made), plain)


def test_going_back_to_earlier_adapters_reads_no_prompt_again():
    engine = Engine.load("tiny", PRESETS["reference"].with_(prompt_cache=4), device="cpu")
    session = engine.session(PROMPT, seed=2, size_px=SIZE_PX)
    for scale, found in (1.0, (0, 1)), (0.2, (0, 2)), (1.0, (1, 2)), (0.2, (2, 2)):
        engine.use_adapters({"own": scale})
        pictures(session, 1)
        assert (engine.prompts.hits, engine.prompts.misses) == found
    engine.use_adapters({})
    engine.use_adapters({"own": 0.2})
    pictures(session, 1)
    assert (engine.prompts.hits, engine.prompts.misses) == (2, 2), "taken back between two blocks"


def test_equal_sums_are_told_apart_from_all_others(network: Network):
    """By who is in use and how much, not by the name."""
    adapters, seen = Adapters(network), []

    def now() -> object:
        with adapters.held() as weights:
            return weights

    for change in (
        lambda: adapters.add("one", adapter_for(network), "one.pt", scale=0.5),
        lambda: adapters.add("two", adapter_for(network, seed=2), "two.pt", scale=0.5),
        lambda: adapters.use({"two": 0.5}),
        lambda: adapters.use({}),
        lambda: adapters.add("one", adapter_for(network, seed=3), "one.pt", scale=0.5),
    ):
        change()
        seen.append((now(), state(network)))
    for index, (weights, held) in enumerate(seen):
        for other, others in seen[index + 1 :]:
            assert weights != other
            assert any(not torch.equal(held[name], others[name]) for name in held)
    adapters.use({"one": 0.0, "two": np.float32(0.5)})
    weights, held = seen[2]
    assert now() == weights
    assert all(torch.equal(held[name], value) for name, value in state(network).items())


@pytest.mark.parametrize("name", ["", " ", None, 3])
def test_a_name_that_is_no_text_is_told(network: Network, name: object):
    with pytest.raises(CheckpointError, match="is no name of an adapter: use some text"):
        Adapters(network).add(name, adapter_for(network), "one.pt")


@pytest.mark.parametrize("path", [None, 3])
def test_a_path_that_is_none_is_told(path: object):
    with pytest.raises(CheckpointError, match=f"{path} is no path: give the file or folder of an"):
        peft_adapter(path)


def test_an_adapter_from_a_file_joins_in_and_a_bad_one_changes_nothing(engine, tmp_path: Path):
    adapter = adapter_for(engine.model.transformer, rank=2)
    save_file(adapter, tmp_path / "style.safetensors")
    torch.save({"generator_lora": adapter}, tmp_path / "style.pt")
    plain = pictures(engine.session(PROMPT, seed=2, size_px=SIZE_PX), 1)
    made = []
    for name in ("style.safetensors", "style.pt"):
        engine.add_adapter("style", tmp_path / name, scale=0.5)
        assert engine.adapters == {"own": 1.0, "style": 0.5}
        made.append(pictures(engine.session(PROMPT, seed=2, size_px=SIZE_PX), 1))
    assert np.array_equal(*made)
    assert not np.array_equal(made[0], plain)
    with pytest.raises(CheckpointError, match=r"gone\.pt does not exist"):
        engine.add_adapter("style", tmp_path / "gone.pt")
    with pytest.raises(CheckpointError, match=r"no adapter is called 'other': there is 'own', 's"):
        engine.use_adapters({"other": 1})
    assert np.array_equal(pictures(engine.session(PROMPT, seed=2, size_px=SIZE_PX), 1), made[0])


@pytest.mark.parametrize(
    ("config", "strength"),
    [
        ({"peft_type": "LORA", "r": 2, "lora_alpha": 6}, 3.0),
        ({"peft_type": "LORA", "r": 4, "lora_alpha": 6, "use_rslora": True}, 3.0),
        ({"peft_type": "LORA", "r": 2, "lora_alpha": 2, "rank_pattern": {}}, 1.0),
    ],
)
@pytest.mark.parametrize("by_folder", [True, False])
def test_the_strength_that_peft_says_is_heeded(
    engine, tmp_path: Path, config: dict[str, object], strength: float, *, by_folder: bool
):
    adapter = adapter_for(engine.model.transformer, rank=config["r"])
    path = tmp_path / "adapter_model.safetensors"
    save_file(adapter, path)
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    engine.add_adapter("style", tmp_path if by_folder else path, scale=0.5)
    found = state(engine.model.transformer)
    engine.use_adapters({"own": 1.0})
    engine.model.adapters.add("style", adapter, path, scale=0.5 * strength)
    for name, tensor in state(engine.model.transformer).items():
        assert torch.allclose(found[name], tensor, atol=1e-5), name


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "LOHA", "r": 2, "lora_alpha": 2}, "asks for LOHA, which is not added here"),
        ({"r": 2, "lora_alpha": 2, "use_dora": True}, "asks for use_dora, which is not added"),
        ({"r": 2, "lora_alpha": 2, "alpha_pattern": {"q": 4}}, "asks for alpha_pattern"),
        ({"r": 0, "lora_alpha": 2}, "has lora_alpha 2 and r 0: two numbers are needed"),
        ({"r": 2}, "has lora_alpha None and r 2: two numbers are needed"),
        (
            {"r": 16, "lora_alpha": 16},
            r"adapter_config.json has r 16, and .*safetensors is of rank 2: give the two files "
            r".* saved together, or take adapter_config.json away",
        ),
    ],
)
def test_what_peft_asks_for_and_is_no_plain_lora_is_told(
    engine, tmp_path: Path, config: dict[str, object], said: str
):
    save_file(adapter_for(engine.model.transformer, rank=2), tmp_path / PEFT_FILE)
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=said):
        engine.add_adapter("style", tmp_path)
    assert engine.adapters == {"own": 1.0}
