"""First stage of training: the video autoencoder, on scenes that are drawn as it learns.

Axes: B clips, F pictures or latent frames, C channels, H rows, W columns.
"""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import simplejpeg
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from longlive_widget.engine.compiling import compile_norms
from longlive_widget.engine.model import load_decoder, load_encoder
from longlive_widget.geometry import LATENT_CHANNELS, PICTURES_PER_LATENT_FRAME, PIXELS_PER_LATENT
from longlive_widget.model.checkpoint import load_strictly
from longlive_widget.model.packed import as_packed
from longlive_widget.model.tiny_decoder import TinyDecoder
from longlive_widget.model.video_decoder import (
    Posterior,
    VideoDecoder,
    VideoDecoderConfig,
    VideoEncoder,
)
from longlive_widget.tiny.learner import Learner
from longlive_widget.tiny.optimizers import optimizers_for
from longlive_widget.tiny.scenes import (
    Scene,
    Sketch,
    Vocabulary,
    draw,
    paint,
    random_change,
    random_scene,
    sketch,
)
from longlive_widget.tiny.team import Team
from longlive_widget.tiny.training import MadeAhead, Stage

TINY_AUTOENCODER = VideoDecoderConfig(
    dim=8,
    dim_mult=(1, 3, 6, 8),
    num_res_blocks=1,
    latent_mean=(0.0,) * 16,
    latent_std=(1.0,) * 16,
)
SHORT_PICTURES = 1 + 4 * PICTURES_PER_LATENT_FRAME
LONG_PICTURES = 1 + 16 * PICTURES_PER_LATENT_FRAME
"""Long clips see to it that an endless stream looks like its beginning."""
SCENES = Vocabulary(two_things=0.3)
"""More than the transformer learns at first, so that it can learn more from the same latents."""

LEARNING_RATE = 2e-3
KL_WEIGHT = 4e-4
"""Enough for a posterior that is not a point: latents that are a little off still decode well."""
EDGE_WEIGHT = 0.5
SQUARE_WEIGHT = 4.0
THING_WEIGHT = 3.0
"""How much more a pixel in or around a thing counts than one of the ground."""
_THING_MARGIN_PX = 3
_LEAST_ROWS = 8  # of a convolution's weights for Muon to turn them
_FIRST_LOG_VARIANCE = -5.0
_LATEST_PICTURE = 2000
_SWITCH_SHARE = 0.4
_REPORT_STEPS = 100
_LONG_EVERY = 4
_UNSEEN_CLIPS = 32
_UNSEEN_PICTURES = 1 + 24 * PICTURES_PER_LATENT_FRAME
_STATISTICS_CLIPS = 64
_CLIPS_AT_ONCE = 8
_STRIP_CLIPS = 8
_STRIP_STRIDE = 9


@dataclass(frozen=True)
class Quality:
    """What the trained autoencoder does with scenes that it never saw."""

    psnr_db: float
    """Of the mean squared error over all clips, 8-bit pictures."""
    worst_clip_psnr_db: float


def train_autoencoder(
    stage: Stage,
    *,
    seed: int,
    device: str,
    batch: int,
    compiled: bool = False,
    workers: int = 0,
    begin_with: Path | None = None,
) -> bool:
    """Train Wan's video autoencoder at a small size, or go on where an earlier run stopped.

    `begin_with` is the folder of a model whose autoencoder, of the same sizes, it sets out from.

    Returns:
        Whether all steps are done.

    Writes into the stage's folder: `video_decoder.safetensors` (decoder and encoder, running
    average, as packed weights are read, Wan's names), `video_decoder.json` (sizes with the measured
    latent mean and deviation, and the PSNR on unseen scenes), `autoencoder.jpg` (unseen scenes
    above their reconstructions), and the loss in `autoencoder.curve.jsonl`.
    """
    team = Team.joined()
    place = team.device(device)
    encoder, decoder = _untrained(seed)
    if begin_with is not None:
        load_strictly(encoder, load_encoder(begin_with, place).state_dict(), begin_with)
        load_strictly(decoder, load_decoder(begin_with, place).state_dict(), begin_with)
    modules = nn.ModuleDict({"decoder": decoder, "encoder": encoder}).to(place)
    optimizers = optimizers_for(modules, convolutions_of(modules), rate=LEARNING_RATE)
    learner = Learner(modules, optimizers, team)
    if compiled:
        compile_norms(modules)
    lessons = _Lessons(
        Reconstruction(encoder, decoder),
        MadeAhead(partial(training_clips, team.seed(seed), batch), workers),
        team.seed(seed),
        place,
    )

    def descend_at(step: int) -> Tensor:
        lesson = lessons.at(step)
        return learner.descend(lesson[0].shape, lessons.loss, lesson)

    with fast_convolutions():
        finished = stage.run(learner, descend_at, report_every=_REPORT_STEPS)
        if team.leads:
            learner.load_average()
            _write(stage.folder, encoder.eval(), decoder.eval(), seed, place)
    return finished


def convolutions_of(modules: nn.ModuleDict) -> list[Tensor]:
    """The weights of convolutions that Muon can turn."""
    return [p for p in modules.parameters() if p.dim() > 2 and len(p) >= _LEAST_ROWS]


def _untrained(seed: int) -> tuple[VideoEncoder, VideoDecoder]:
    """Both halves as training begins: with a narrow posterior, or its noise hides the pictures."""
    torch.manual_seed(seed)
    encoder, decoder = VideoEncoder(TINY_AUTOENCODER), VideoDecoder(TINY_AUTOENCODER)
    with torch.no_grad():
        encoder.get_parameter("conv1.bias")[LATENT_CHANNELS:] = _FIRST_LOG_VARIANCE
    return encoder, decoder


class Reconstruction(nn.Module):
    """Pictures through the encoder, a draw from the posterior, and the decoder."""

    def __init__(self, encoder: VideoEncoder, decoder: VideoDecoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, pictures_BFCHW: Tensor, noise_BFCHW: Tensor) -> tuple[Tensor, Posterior]:
        """Reconstructed pictures, and the posterior that they were drawn from."""
        posterior, _ = self.encoder(pictures_BFCHW)
        deviation = torch.exp(0.5 * posterior.log_variance_BFCHW.clamp(-20, 10))
        latent = self.encoder.normalise(posterior.mean_BFCHW + deviation * noise_BFCHW)
        pictures, _ = self.decoder(latent)
        return pictures, posterior


@dataclass(frozen=True, eq=False)
class _Lessons:
    """What the steps learn from: the seed and the step's number alone say which clips."""

    reconstruct: Reconstruction
    clips: MadeAhead[Sketch]
    seed: int
    device: torch.device

    def at(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """The pictures of a step, what things cover of them, and the noise of the posterior."""
        pictures, cover = paint(self.clips.at(step), self.device)
        draws = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + step)
        noise = torch.randn(_latent_shape(pictures), generator=draws, device=self.device)
        return pictures, cover, noise

    def loss(self, pictures: Tensor, cover: Tensor, noise: Tensor) -> Tensor:
        """How far the reconstruction is off, and how far the posterior from the prior."""
        half = self.device.type == "cuda"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half):
            seen, posterior = self.reconstruct(pictures, noise)
        with torch.autocast(self.device.type, enabled=False):
            likeness = picture_loss(seen.float(), pictures, cover)
        return likeness + KL_WEIGHT * divergence(posterior)


def training_clips(seed: int, batch: int, step: int) -> Sketch:
    """The clips of a step; some have a switch in them.

    `batch` short clips, or every fourth step about as many pictures in long ones.
    """
    rng = random.Random(f"autoencoder {seed} {step}")
    if step % _LONG_EVERY:
        return sketch(*_random_clips(rng, batch, SHORT_PICTURES), SHORT_PICTURES)
    count = max(1, batch * SHORT_PICTURES // LONG_PICTURES)
    return sketch(*_random_clips(rng, count, LONG_PICTURES), LONG_PICTURES)


def picture_loss(seen: Tensor, pictures: Tensor, cover: Tensor) -> Tensor:
    """Absolute and squared error, things weighted, plus the absolute error of edges."""
    near = F.max_pool2d(cover.flatten(0, 1), 2 * _THING_MARGIN_PX + 1, 1, _THING_MARGIN_PX)
    weight = 1 + THING_WEIGHT * near.view_as(cover)
    weight = weight / weight.mean()
    error = seen - pictures
    absolute = (weight * (error.abs() + SQUARE_WEIGHT * error.square())).mean()
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return absolute + EDGE_WEIGHT * edges


def divergence(posterior: Posterior) -> Tensor:
    """Mean KL divergence of a latent number from the standard normal distribution, in nats.

    Source: D. P. Kingma, M. Welling, Auto-encoding variational Bayes (2013), appendix B.
    """
    mean, log_variance = posterior.mean_BFCHW.float(), posterior.log_variance_BFCHW.float()
    log_variance = log_variance.clamp(-20, 10)
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()


def psnr_db(squared_error: Tensor) -> float:
    """Peak signal-to-noise ratio of a mean squared error of pictures in [-1, 1]."""
    return float(10 * torch.log10(4 / squared_error))


@torch.inference_mode()
def latent_statistics(
    encoder: VideoEncoder, seed: int, device: torch.device
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each latent channel over clips of training scenes.

    The posterior's own variance counts too: a channel that says nothing then stays near zero
    instead of being blown up to deviation 1.
    """
    rng = random.Random(f"latent statistics {seed}")
    means, variances = [], []
    for _ in range(_STATISTICS_CLIPS // _CLIPS_AT_ONCE):
        pictures = draw(*_random_clips(rng, _CLIPS_AT_ONCE, LONG_PICTURES), LONG_PICTURES, device)
        posterior, _ = encoder(pictures)
        means.append(posterior.mean_BFCHW.double())
        variances.append(posterior.log_variance_BFCHW.double().exp())
    mean_BFCHW, variance_BFCHW = torch.cat(means), torch.cat(variances)
    axes = (0, 1, 3, 4)
    deviation = (mean_BFCHW.var(axes) + variance_BFCHW.mean(axes)).sqrt()
    return tuple(mean_BFCHW.mean(axes).tolist()), tuple(deviation.tolist())


@torch.inference_mode()
def measure(
    encoder: VideoEncoder, decoder: VideoDecoder | TinyDecoder, seed: int, device: torch.device
) -> Quality:
    """The quality of reconstruction over clips that no training step draws."""
    rng = random.Random(f"unseen {seed}")
    errors = []
    for _ in range(_UNSEEN_CLIPS // _CLIPS_AT_ONCE):
        clips = _random_clips(rng, _CLIPS_AT_ONCE, _UNSEEN_PICTURES)
        pictures = draw(*clips, _UNSEEN_PICTURES, device)
        errors.append((reconstructed(encoder, decoder, pictures) - pictures).square())
    error_B = torch.cat(errors).mean(dim=(1, 2, 3, 4))
    return Quality(round(psnr_db(error_B.mean()), 2), round(psnr_db(error_B.max()), 2))


def reconstructed(
    encoder: VideoEncoder, decoder: VideoDecoder | TinyDecoder, pictures_BFCHW: Tensor
) -> Tensor:
    """The pictures through both halves, rounded to 8 bits, in [-1, 1]."""
    posterior, _ = encoder(pictures_BFCHW)
    seen: Tensor = decoder(encoder.normalise(posterior.mean_BFCHW))[0]
    return ((seen.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def _write(
    folder: Path, encoder: VideoEncoder, decoder: VideoDecoder, seed: int, device: torch.device
) -> None:
    for half in (encoder, decoder):  # as the model's folder will hold it
        half.load_state_dict(as_packed(half.state_dict()))
    mean, deviation = latent_statistics(encoder, seed, device)
    config = replace(TINY_AUTOENCODER, latent_mean=mean, latent_std=deviation)
    weights = {**encoder.state_dict(), **decoder.state_dict()}
    final_encoder, final_decoder = VideoEncoder(config), VideoDecoder(config)
    final_encoder.load_state_dict(encoder.state_dict())
    final_decoder.load_state_dict(decoder.state_dict())
    quality = measure(final_encoder.to(device), final_decoder.to(device), seed, device)
    report = {"config": asdict(config), "quality": asdict(quality), "seed": seed}
    save_file(
        {name: value.float().cpu().contiguous() for name, value in weights.items()},
        folder / "video_decoder.safetensors",
    )
    (folder / "video_decoder.json").write_text(json.dumps(report, indent=2) + "\n")
    _write_strip(folder / "autoencoder.jpg", final_encoder, final_decoder, seed, device)


@torch.inference_mode()
def _write_strip(
    path: Path, encoder: VideoEncoder, decoder: VideoDecoder, seed: int, device: torch.device
) -> None:
    """Unseen clips, one under the other: some pictures, and below it what was made of it."""
    clips = _random_clips(random.Random(f"unseen {seed}"), _STRIP_CLIPS, LONG_PICTURES)
    pictures = draw(*clips, LONG_PICTURES, device)
    pair = torch.stack((pictures, reconstructed(encoder, decoder, pictures)), dim=1)
    shown = ((pair[:, :, ::_STRIP_STRIDE] + 1) * 127.5).round().byte()
    rows = shown.permute(0, 1, 4, 2, 5, 3).flatten(3, 4).flatten(0, 2)
    path.write_bytes(simplejpeg.encode_jpeg(rows.cpu().contiguous().numpy(), quality=95))


def _random_clips(rng: random.Random, count: int, pictures: int) -> tuple[list[Scene], list[int]]:
    """Scenes, some with a switch, and the picture at which each clip begins, early or late."""
    clips = [_random_clip(rng, pictures) for _ in range(count)]
    return [scene for scene, _ in clips], [first for _, first in clips]


def _random_clip(rng: random.Random, pictures: int) -> tuple[Scene, int]:
    scene = random_scene(rng, SCENES)
    first = rng.randrange(_LATEST_PICTURE)
    if rng.random() < _SWITCH_SHARE:
        change = random_change(rng, scene, SCENES)
        scene = scene.switched(change, first + rng.randrange(1, pictures))
    return scene, first


def _latent_shape(pictures_BFCHW: Tensor) -> tuple[int, ...]:
    clips, pictures, _, height_px, width_px = pictures_BFCHW.shape
    frames = 1 + pictures // PICTURES_PER_LATENT_FRAME
    rows, columns = height_px // PIXELS_PER_LATENT, width_px // PIXELS_PER_LATENT
    return clips, frames, LATENT_CHANNELS, rows, columns


@contextmanager
def fast_convolutions() -> Iterator[None]:
    """Inside, let cuDNN try its ways and pick the fastest, and round products as TF32 does."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=True):
        yield
