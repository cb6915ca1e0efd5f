"""The training of the small decoder: TAEHV's form, taught to make the drawn pictures again.

Its latents are those of the autoencoder, which stays as it is.

Axes: B clips, F pictures or latent frames, C channels, H rows, W columns.
"""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from longlive_widget.engine.model import SMALL_DECODER, load_encoder, save_packed
from longlive_widget.model.packed import as_packed
from longlive_widget.model.tiny_decoder import TinyDecoder, Widths
from longlive_widget.model.video_decoder import VideoEncoder
from longlive_widget.tiny.learner import Learner
from longlive_widget.tiny.optimizers import optimizers_for
from longlive_widget.tiny.scenes import paint
from longlive_widget.tiny.team import Team
from longlive_widget.tiny.train_autoencoder import (
    convolutions_of,
    fast_convolutions,
    measure,
    picture_loss,
    training_clips,
)
from longlive_widget.tiny.training import MadeAhead, Stage

SMALL_WIDTHS: Widths = (48, 32, 16, 16)
LEARNING_RATE = 2e-3
MOST_NOISE = 0.15
"""Generated latents are a little off: most clips are decoded from latents with noise of up to so
much of their deviation."""


def train_small_decoder(
    stage: Stage, model_folder: Path, *, seed: int, device: str, batch: int, workers: int = 0
) -> bool:
    """Train a decoder for the latents of a folder's autoencoder, or go on after a stop.

    Returns:
        Whether all steps are done.

    Writes `small_decoder.safetensors` into the folder of the model (running average, packed,
    TAEHV's names), and beside the curve `small-decoder.json`, with the PSNR on unseen scenes.
    """
    team = Team.joined()
    place = team.device(device)
    torch.manual_seed(seed)
    encoder, decoder = load_encoder(model_folder, place), TinyDecoder(SMALL_WIDTHS)
    modules = nn.ModuleDict({"decoder": decoder}).to(place)
    optimizers = optimizers_for(modules, convolutions_of(modules), rate=LEARNING_RATE)
    learner = Learner(modules, optimizers, team)
    clips = MadeAhead(partial(training_clips, team.seed(seed), batch), workers)
    half = place.type == "cuda"

    def loss(latent: Tensor, pictures: Tensor, cover: Tensor) -> Tensor:
        with torch.autocast(place.type, dtype=torch.bfloat16, enabled=half):
            seen, _ = decoder(latent)
        return picture_loss(seen.float(), pictures, cover)

    def descend_at(step: int) -> Tensor:
        pictures, cover = paint(clips.at(step), place)
        latent = worn_latents(encoder, pictures, team.seed(seed) * 1_000_003 + step)
        return learner.descend(pictures.shape, loss, (latent, pictures, cover))

    with fast_convolutions():
        finished = stage.run(learner, descend_at, report_every=100)
        if team.leads:
            learner.load_average()
            decoder.load_state_dict(as_packed(decoder.state_dict()))
            save_packed(model_folder / SMALL_DECODER, decoder.state_dict())
            quality = measure(encoder, decoder.eval(), seed, place)
            report = {"widths": SMALL_WIDTHS, "quality": asdict(quality), "seed": seed}
            (stage.folder / "small-decoder.json").write_text(json.dumps(report, indent=2) + "\n")
    return finished


@torch.no_grad()
def worn_latents(encoder: VideoEncoder, pictures_BFCHW: Tensor, seed: int) -> Tensor:
    """The normalised latents of pictures, each clip with an amount of noise of its own."""
    posterior, _ = encoder(pictures_BFCHW)
    latent_BFCHW = encoder.normalise(posterior.mean_BFCHW)
    generator = torch.Generator(latent_BFCHW.device).manual_seed(seed)
    clips = len(latent_BFCHW), 1, 1, 1, 1
    amount = MOST_NOISE * torch.rand(clips, generator=generator, device=latent_BFCHW.device)
    noise = torch.randn(latent_BFCHW.shape, generator=generator, device=latent_BFCHW.device)
    return latent_BFCHW + amount * noise
