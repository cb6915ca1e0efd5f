"""The embedded model's training, stage by stage, from nothing to its folder of weights.

A run folder holds each stage's state and curve, and under `model` the model as far as it is made.
The last stage is no part of the model: it trains the probe that judges it, on the CPU in minutes.
"""

import json
import random
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.model import (
    ADAPTER,
    AUTOENCODER,
    TEXT_ENCODER,
    TOKENIZER,
    TRANSFORMER,
    Model,
    Placement,
    Sizes,
    fresh_model,
    load_encoder,
    load_model,
    save_packed,
    save_weights,
)
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.errors import CapabilityError, CheckpointError
from longlive_widget.model.checkpoint import load_strictly, read_weights
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.umt5 import TextEncoderConfig
from longlive_widget.model.video_decoder import VideoDecoderConfig
from longlive_widget.presets import PRESETS
from longlive_widget.tiny.clips import (
    FORMS,
    OPENING_SHARDS,
    WINDOW_FRAMES,
    Clips,
    Form,
    Pool,
    drawn,
    outline,
)
from longlive_widget.tiny.distill import (
    AttemptForm,
    Attempts,
    Distillation,
    Pupil,
    Videos,
    adapter_weights,
    add_adapter,
)
from longlive_widget.tiny.language import tiny_language
from longlive_widget.tiny.learner import Learner
from longlive_widget.tiny.motions import PICTURE
from longlive_widget.tiny.optimizers import optimizers_for
from longlive_widget.tiny.phrases import PROMPT_TOKENS
from longlive_widget.tiny.probe import PROBE_PATH
from longlive_widget.tiny.recipe import BATCH, IMPOSSIBLE, STEPS, StageName
from longlive_widget.tiny.samples import write_samples
from longlive_widget.tiny.team import Team
from longlive_widget.tiny.tokenizer import save_tokenizer, tiny_tokenizer
from longlive_widget.tiny.train_autoencoder import train_autoencoder
from longlive_widget.tiny.train_probe import train_probe
from longlive_widget.tiny.train_reward import load_reward, reward_path, train_reward
from longlive_widget.tiny.train_small_decoder import SMALL_WIDTHS, train_small_decoder
from longlive_widget.tiny.train_text import known_words, train_text
from longlive_widget.tiny.train_transformer import FlowMatching, Lesson
from longlive_widget.tiny.train_wording import train_wording
from longlive_widget.tiny.training import MadeAhead, Stage

TRANSFORMER_SIZES = TransformerConfig(
    dim=192, heads=6, layers=10, ffn_dim=768, text_dim=128, text_length=PROMPT_TOKENS
)
TRANSFORMER_RATE = 3e-3
TRANSFORMER_MATRIX_RATE = 1e-2
GOING_ON_RATE_SHARE = 0.6
"""Of both rates, where the transformer sets out from another's weights: the full ones would first
undo what those have learned last. From there the rate only falls."""
ADAPTER_RANK = 16
ADAPTER_RATE = 1e-3
SHARD_CLIPS = 256
POOL_SHARDS = len(FORMS)
POOL_REFRESH_STEPS = 64
POOL_VIDEOS = 2
"""The student's running videos, in batches."""
POOL_BLOCKS = 24
"""So many of their last blocks are learned from."""
STEPS_A_BLOCK = 8


@dataclass(frozen=True)
class Plan:
    """One call of the training command.

    `steps` and `batch` of None are the recipe's; `max_seconds` ends the call early, and the next
    one goes on. `begin_with` is the folder of a model whose weights a stage sets out from.
    """

    folder: Path
    seed: int = 0
    device: str = "cuda"
    steps: int | None = None
    batch: int | None = None
    max_seconds: float | None = None
    compiled: bool = False
    workers: int = 0
    begin_with: Path | None = None

    @property
    def model_folder(self) -> Path:
        """The model as far as it is made."""
        return self.folder / "model"

    @property
    def taught_text(self) -> Path:
        """The text encoder as the stage `text` leaves it."""
        return self.folder / TEXT_ENCODER

    def stage(self, name: StageName) -> Stage:
        """Where and how far a stage goes."""
        return Stage(name, self.folder, self.steps or STEPS[name], self.max_seconds)

    def batch_of(self, name: StageName) -> int:
        """How many clips or prompts one step of a stage learns from in each process."""
        return self.batch or BATCH[name]

    @property
    def on_gpu(self) -> bool:
        """Whether it trains on a CUDA device."""
        return torch.device(self.device).type == "cuda"

    def half(self) -> AbstractContextManager[object]:
        """Products in 16 bits where the device is made for it."""
        place = torch.device(self.device).type
        return torch.autocast(place, dtype=torch.bfloat16, enabled=self.on_gpu)


def require_possible(name: StageName, plan: Plan) -> None:
    """Make sure that a stage can do what the plan asks, and that those before it are done.

    Raises:
        CheckpointError: an earlier stage has not left its weights; the message says which to run.
        CapabilityError: the stage cannot do something that the plan asks for.
    """
    asked = {
        "--batch": plan.batch,
        "--max-seconds": plan.max_seconds,
        "--begin-with": plan.begin_with,
        "--compile": plan.compiled or None,
    }
    for option in IMPOSSIBLE.get(name, ()):
        if asked[option] is not None:
            raise CapabilityError(f"the stage {name!r} cannot do {option}: leave {option} out")
    autoencoder = ("autoencoder", plan.model_folder / AUTOENCODER)
    text = ("text", plan.taught_text)
    transformer = ("transformer", plan.model_folder / TRANSFORMER)
    needs = {
        "text": (autoencoder,),
        # one that sets out from another model has its words from there
        "transformer": (text,) if plan.begin_with is None else (autoencoder,),
        "reward": (autoencoder,),
        "adapter": (transformer, ("reward", reward_path(plan.folder))),
        "wording": (transformer,),  # of the adapter `model.json` says whether it counts
        "small-decoder": (autoencoder,),
    }
    for earlier, path in needs.get(name, ()):
        if not path.exists():
            raise CheckpointError(
                f"{path.parent} has no {path.name}: run the stage {earlier!r} before {name!r}"
            )


def train(name: StageName, plan: Plan) -> bool:
    """Run one stage, or go on with it; return whether all its steps are done."""
    return _TRAINERS[name](plan)


def _autoencoder(plan: Plan) -> bool:
    finished = train_autoencoder(
        plan.stage("autoencoder"),
        seed=plan.seed,
        device=plan.device,
        batch=plan.batch_of("autoencoder"),
        compiled=plan.compiled,
        workers=plan.workers,
        begin_with=plan.begin_with,
    )
    if Team.joined().leads:
        _begin_model(plan)
    return finished


def _on_the_model(name: StageName, train_stage: Callable[..., bool], plan: Plan) -> bool:
    """A stage that reads the model's folder as far as it is made."""
    return train_stage(
        plan.stage(name),
        plan.model_folder,
        seed=plan.seed,
        device=plan.device,
        batch=plan.batch_of(name),
        workers=plan.workers,
    )


def _text(plan: Plan) -> bool:
    return _on_the_model("text", train_text, plan)


def _reward(plan: Plan) -> bool:
    return _on_the_model("reward", train_reward, plan)


def _wording(plan: Plan) -> bool:
    finished = train_wording(
        plan.stage("wording"),
        plan.model_folder,
        seed=plan.seed,
        device=plan.device,
        batch=plan.batch_of("wording"),
    )
    if finished and Team.joined().leads:
        _write_samples(plan)
    return finished


def _small_decoder(plan: Plan) -> bool:
    finished = _on_the_model("small-decoder", train_small_decoder, plan)
    if Team.joined().leads:
        sizes = Sizes.read(plan.model_folder)
        replace(sizes, small_decoder=SMALL_WIDTHS).write(plan.model_folder)
    return finished


def _probe(plan: Plan) -> bool:
    plan.model_folder.mkdir(parents=True, exist_ok=True)
    if Team.joined().leads:
        path = plan.model_folder / PROBE_PATH.name
        train_probe(path, seed=plan.seed, steps=plan.stage("probe").steps)
    return True


def train_transformer(plan: Plan) -> bool:
    """Flow matching on clips; leaves the transformer and the text encoder in the model's folder."""
    team = Team.joined()
    device = team.device(plan.device)
    torch.manual_seed(plan.seed)
    model = fresh_model(plan.model_folder, Placement(device))
    if model.text_encoder.vocabulary != tiny_tokenizer().vocabulary:
        raise CheckpointError(
            f"{plan.model_folder / TOKENIZER} has other words than the scenes of today: run the "
            "stage 'autoencoder' again, which writes it"
        )
    if plan.begin_with is None:
        taught = read_weights(plan.taught_text)
        load_strictly(model.text_encoder, taught, plan.taught_text)
    else:
        take_over(model, plan.begin_with)
    encoder = load_encoder(plan.model_folder, device)
    modules = nn.ModuleDict({"transformer": model.transformer, "text_encoder": model.text_encoder})
    modules.requires_grad_()
    linears = [m for m in model.transformer.blocks.modules() if isinstance(m, nn.Linear)]
    matrices = [layer.weight for layer in linears]
    goes_on = plan.begin_with is not None
    share = GOING_ON_RATE_SHARE if goes_on else 1.0
    rates = {"rate": share * TRANSFORMER_RATE, "matrix_rate": share * TRANSFORMER_MATRIX_RATE}
    optimizers = optimizers_for(modules, matrices, **rates)
    learner = Learner(modules, optimizers, team)
    if plan.compiled:
        model.transformer.compile_layers()
    matching = FlowMatching(model.transformer)
    seed = team.seed(plan.seed)
    openings = 0 if goes_on else OPENING_SHARDS
    made = partial(outline, seed, SHARD_CLIPS, openings=openings)
    outlines = MadeAhead(made, plan.workers)

    def shard(number: int) -> Clips:
        with plan.half():
            return drawn(outlines.at(number), encoder, model.text_encoder, device)

    def loss(form: Form, *tensors: Tensor) -> Tensor:
        with plan.half():
            return matching.loss(Lesson.of(Clips(form, *tensors), model.text_encoder))

    pool = Pool(shard, POOL_SHARDS, POOL_REFRESH_STEPS)

    def descend_at(step: int) -> Tensor:
        rng = random.Random(f"batch {plan.seed} {step}")
        clips = pool.batch(step, plan.batch_of("transformer"), rng)
        torch.manual_seed(seed * 1_000_003 + step)
        return learner.descend(clips.form, partial(loss, clips.form), clips.tensors)

    stage = plan.stage("transformer")
    finished = (replace(stage, cooldown_share=1.0) if goes_on else stage).run(learner, descend_at)
    if team.leads:
        learner.load_average()
        _without_adapter(plan)
        save_packed(plan.model_folder / TRANSFORMER, model.transformer.state_dict())
        save_weights(plan.model_folder / TEXT_ENCODER, model.text_encoder.state_dict())
        _write_samples(plan)
    return finished


def take_over(model: Model, folder: Path) -> None:
    """Give a model's transformer and text encoder the weights of another model.

    A word keeps what it meant there, whatever its place in the vocabulary; new ones: `known_words`.
    The other transformer may have fewer layers; other sizes are a `CheckpointError`.
    """
    before = load_model(folder, Placement(torch.device("cpu")))
    deeper = grown(before.transformer.state_dict(), model.transformer.config.layers)
    load_strictly(model.transformer, deeper, folder)
    load_strictly(model.text_encoder, known_words(before.text_encoder, model.text_encoder), folder)


def grown(weights: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """The weights of a transformer that has more layers and does the same.

    A new layer is a copy of the one before it whose last products are zero: so it adds nothing
    until it learns to.

    Source: the depth of T. Chen et al., Net2Net (2015).
    """
    parts = {name: name.split(".", 2) for name in weights if name.startswith("blocks.")}
    old = 1 + max(int(index) for _, index, _ in parts.values())
    copied = [layer * old // layers for layer in range(layers)]
    deeper = {name: weight for name, weight in weights.items() if name not in parts}
    for layer, origin in enumerate(copied):
        new = layer > 0 and copied[layer - 1] == origin
        for name, (_, index, part) in parts.items():
            if int(index) == origin:
                adds = part.startswith(("self_attn.o.", "cross_attn.o.", "ffn.2."))
                weight = weights[name].clone()
                deeper[f"blocks.{layer}.{part}"] = weight.zero_() if new and adds else weight
    return deeper


def train_adapter(plan: Plan) -> bool:
    """Few-step distillation; leaves the adapter in the model's folder.

    A run that goes on after a stop goes on with new videos.
    """
    team = Team.joined()
    device = team.device(plan.device)
    torch.manual_seed(plan.seed)
    _without_adapter(plan)
    model = load_model(plan.model_folder, Placement(device))
    add_adapter(model.transformer, ADAPTER_RANK)
    model.transformer.to(device)
    modules = nn.ModuleDict({"transformer": model.transformer})
    if plan.compiled:
        model.transformer.compile_layers()
    learner = Learner(modules, optimizers_for(modules, (), rate=ADAPTER_RATE), team)
    batch = plan.batch_of("adapter")
    steps = levels(PRESETS["reference"].denoise_steps)
    reward = load_reward(plan.folder, model.sizes.autoencoder.z_dim, device)
    videos = Videos(
        Pupil(model.transformer, model.text_encoder),
        model.sizes.geometry,
        model.sizes.sink_frames,
        POOL_VIDEOS * batch,
        steps,
        reward,
    )
    distillation = Distillation(model.transformer, steps, model.sizes.sink_frames, reward)
    pool: deque[Attempts] = deque(maxlen=POOL_BLOCKS)

    def loss(form: AttemptForm, *tensors: Tensor) -> Tensor:
        with plan.half():
            return distillation.loss(form, *tensors)

    def descend_at(step: int) -> Tensor:
        seed = team.seed(plan.seed) * 1_000_003 + step
        if step % STEPS_A_BLOCK == 0 or not pool:
            with plan.half():
                pool.append(videos.go_on(seed))
        rng = random.Random(seed)
        attempts = pool[rng.randrange(len(pool))]
        rows = torch.tensor(rng.sample(range(len(attempts)), batch), device=device)
        some = attempts[rows]
        return learner.descend(some.form, partial(loss, some.form), some.tensors)

    finished = plan.stage("adapter").run(learner, descend_at, report_every=10)
    if team.leads:
        learner.load_average()
        save_weights(plan.model_folder / ADAPTER, adapter_weights(model.transformer))
        replace(model.sizes, adapter=True).write(plan.model_folder)
        _write_samples(plan)
    return finished


def _without_adapter(plan: Plan) -> None:
    """An adapter belongs to the transformer that it was trained on: it counts no more."""
    sizes = Sizes.read(plan.model_folder)
    if sizes.adapter:
        replace(sizes, adapter=False).write(plan.model_folder)


def _write_samples(plan: Plan) -> None:
    """Show what the model makes of prompts, as far as it is trained."""
    engine = Engine.load(plan.model_folder, device=plan.device)
    write_samples(engine, plan.folder / "samples", plan.seed)


def _begin_model(plan: Plan) -> None:
    """Write the sizes, the tokenizer and the autoencoder into the model's folder."""
    report = json.loads((plan.folder / "video_decoder.json").read_text())
    Sizes(
        name="tiny",
        geometry=PICTURE,
        window_frames=WINDOW_FRAMES,
        sink_frames=PICTURE.block_frames,
        transformer=TRANSFORMER_SIZES,
        autoencoder=VideoDecoderConfig(**report["config"]),
        text_encoder=TextEncoderConfig(
            vocab=len(tiny_tokenizer()),
            dim=TRANSFORMER_SIZES.text_dim,
            dim_attn=TRANSFORMER_SIZES.text_dim,
            dim_ffn=2 * TRANSFORMER_SIZES.text_dim,
            num_heads=4,
            num_layers=2,
            tokens=PROMPT_TOKENS,
        ),
    ).write(plan.model_folder)
    save_tokenizer(plan.model_folder / TOKENIZER)
    tiny_language().write(plan.model_folder)
    save_packed(
        plan.model_folder / AUTOENCODER, load_file(plan.folder / "video_decoder.safetensors")
    )


_TRAINERS: dict[StageName, Callable[[Plan], bool]] = {
    "autoencoder": _autoencoder,
    "text": _text,
    "transformer": train_transformer,
    "reward": _reward,
    "adapter": train_adapter,
    "wording": _wording,
    "small-decoder": _small_decoder,
    "probe": _probe,
}
