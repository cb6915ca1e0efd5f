"""The embedded model's training, stage by stage, from nothing to its folder of weights.

A run folder holds each stage's state and curve, and under `model` the model as far as it is made.
"""

import json
import random
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, assert_never, get_args

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from longlive_widget.engine.model import (
    ADAPTER,
    AUTOENCODER,
    TEXT_ENCODER,
    TOKENIZER,
    TRANSFORMER,
    Sizes,
    load_encoder,
    load_model,
    random_model,
    save_weights,
)
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.errors import CheckpointError
from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.text_encoder import TextEncoderConfig
from longlive_widget.model.video_decoder import VideoDecoderConfig
from longlive_widget.presets import PRESETS
from longlive_widget.tiny.clips import SHARD_CLIPS, WINDOW_FRAMES, ClipPool, Clips, make_clips
from longlive_widget.tiny.distill import Pupil, Videos, adapter_weights, add_adapter
from longlive_widget.tiny.motions import PICTURE
from longlive_widget.tiny.tokenizer import save_tokenizer, tiny_tokenizer
from longlive_widget.tiny.train_autoencoder import train_autoencoder
from longlive_widget.tiny.train_transformer import FlowMatching
from longlive_widget.tiny.training import Learner, Stage, optimizers_for

StageName = Literal["autoencoder", "transformer", "adapter"]
STAGES: tuple[StageName, ...] = get_args(StageName)
PROMPT_TOKENS = 32
TRANSFORMER_SIZES = TransformerConfig(
    dim=192, heads=6, layers=6, ffn_dim=768, text_dim=128, text_length=PROMPT_TOKENS
)
TRANSFORMER_RATE = 2e-3
ADAPTER_RANK = 8
ADAPTER_RATE = 5e-4
POOL_SHARDS = 10
POOL_REFRESH_STEPS = 80
STEPS: dict[StageName, int] = {"autoencoder": 7500, "transformer": 4000, "adapter": 600}
BATCH: dict[StageName, int] = {"autoencoder": 12, "transformer": 96, "adapter": 128}


@dataclass(frozen=True)
class Plan:
    """One call of the training command.

    `steps` and `batch` of None are the recipe's; `max_seconds` ends the call early, and the next
    one goes on.
    """

    folder: Path
    seed: int = 0
    device: str = "cuda"
    steps: int | None = None
    batch: int | None = None
    max_seconds: float | None = None
    compiled: bool = False

    @property
    def model_folder(self) -> Path:
        """The model as far as it is made."""
        return self.folder / "model"

    def stage(self, name: StageName) -> Stage:
        """Where and how far a stage goes."""
        return Stage(name, self.folder, self.steps or STEPS[name], self.max_seconds)

    def half(self) -> AbstractContextManager[object]:
        """Products in 16 bits where the device is made for it."""
        place = torch.device(self.device).type
        return torch.autocast(place, dtype=torch.bfloat16, enabled=place == "cuda")


def require_earlier_stages(name: StageName, plan: Plan) -> None:
    """Make sure that the stages before `name` have left their weights.

    Raises:
        CheckpointError: one has not; the message says which to run first.
    """
    for earlier, file in (("autoencoder", AUTOENCODER), ("transformer", TRANSFORMER)):
        if earlier == name:
            return
        if not (plan.model_folder / file).exists():
            raise CheckpointError(
                f"{plan.model_folder} has no {file}: run the stage {earlier!r} before {name!r}"
            )


def train(name: StageName, plan: Plan) -> bool:
    """Run one stage, or go on with it; return whether all its steps are done."""
    match name:
        case "autoencoder":
            finished = train_autoencoder(
                plan.folder,
                steps=plan.steps or STEPS[name],
                seed=plan.seed,
                device=plan.device,
                batch=plan.batch or BATCH[name],
                max_seconds=plan.max_seconds,
                compiled=plan.compiled,
            )
            _begin_model(plan)
            return finished
        case "transformer":
            return train_transformer(plan)
        case "adapter":
            return train_adapter(plan)
        case _:
            assert_never(name)


def train_transformer(plan: Plan) -> bool:
    """Flow matching on clips; leaves the transformer and the text encoder in the model's folder."""
    device = torch.device(plan.device)
    torch.manual_seed(plan.seed)
    model = random_model(plan.model_folder, device)
    encoder = load_encoder(plan.model_folder, device)
    modules = nn.ModuleDict({"transformer": model.transformer, "text_encoder": model.text_encoder})
    modules.requires_grad_()
    linears = [m for m in model.transformer.blocks.modules() if isinstance(m, nn.Linear)]
    matrices = [layer.weight for layer in linears]
    learner = Learner(modules, optimizers_for(modules, matrices, rate=TRANSFORMER_RATE))
    forward = torch.compile(model.transformer) if plan.compiled else model.transformer
    matching = FlowMatching(model.transformer, model.text_encoder, forward)

    def shard(number: int) -> Clips:
        rng = random.Random(f"clips {plan.seed} {number}")
        with plan.half():
            return make_clips(SHARD_CLIPS, rng, encoder, model.text_encoder, device)

    pool = ClipPool(shard, POOL_SHARDS, POOL_REFRESH_STEPS)

    def loss_at(step: int) -> Tensor:
        generator = torch.Generator(device).manual_seed(plan.seed * 1_000_003 + step)
        clips = pool.batch(step, plan.batch or BATCH["transformer"], generator)
        with plan.half():
            return matching.loss(clips, generator)

    finished = plan.stage("transformer").run(learner, loss_at)
    learner.load_average()
    save_weights(plan.model_folder / TRANSFORMER, model.transformer.state_dict())
    save_weights(plan.model_folder / TEXT_ENCODER, model.text_encoder.state_dict())
    return finished


def train_adapter(plan: Plan) -> bool:
    """Few-step distillation; leaves the adapter in the model's folder."""
    device = torch.device(plan.device)
    torch.manual_seed(plan.seed)
    model = load_model(plan.model_folder, device)
    add_adapter(model.transformer, ADAPTER_RANK)
    model.transformer.to(device)
    modules = nn.ModuleDict({"transformer": model.transformer})
    learner = Learner(modules, optimizers_for(modules, (), rate=ADAPTER_RATE))
    pupil = Pupil(model.transformer, model.text_encoder)
    videos = Videos(
        pupil, model.sizes.geometry, model.sizes.sink_frames, plan.batch or BATCH["adapter"]
    )
    steps = levels(PRESETS["reference"].denoise_steps)

    def loss_at(step: int) -> Tensor:
        with plan.half():
            return torch.stack(videos.losses(steps, plan.seed * 1_000_003 + step)).mean()

    finished = plan.stage("adapter").run(learner, loss_at, report_every=10)
    learner.load_average()
    save_weights(plan.model_folder / ADAPTER, adapter_weights(model.transformer))
    replace(model.sizes, adapter=True).write(plan.model_folder)
    return finished


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
    save_weights(
        plan.model_folder / AUTOENCODER, load_file(plan.folder / "video_decoder.safetensors")
    )
