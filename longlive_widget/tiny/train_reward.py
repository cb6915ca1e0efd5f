"""The training of the reward: what latents show, learned from drawn scenes and their latents.

Axes: B clips, F pictures or latent frames, C channels, H rows, W columns, T things.
"""

import json
import random
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longlive_widget.engine.model import load_encoder, save_weights
from longlive_widget.geometry import pictures_before
from longlive_widget.model.checkpoint import load_strictly, read_weights
from longlive_widget.model.video_decoder import VideoEncoder
from longlive_widget.tiny.clips import TAUGHT, Pool, encoded, of_latents
from longlive_widget.tiny.learner import Learner
from longlive_widget.tiny.optimizers import optimizers_for
from longlive_widget.tiny.reward import LatentReader, Reward
from longlive_widget.tiny.scenes import COLORS, Sketch, paint, random_scene, sketch
from longlive_widget.tiny.teacher_forcing import BLOCK_FRAMES
from longlive_widget.tiny.team import Team
from longlive_widget.tiny.train_transformer import worn
from longlive_widget.tiny.training import MadeAhead, Stage

RATE = 2e-3
SHARD_CLIPS = 128
POOL_SHARDS = 40
REFRESH_STEPS = 24
UNSEEN_CLIPS = 256
_UNSEEN = -1
"""The number of the clips that are only for measuring."""
_LATEST_PICTURE = 2400
_LATENT_FRAMES = 7
_LEAST_COVER = 0.15
"""Of a latent's pixels, over its pictures: what shows less of a thing is not learned from."""
_GROUND = len(COLORS)
_UNKNOWN = -100


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks of latents, and the numbers of the colour and the shape that each latent shows."""

    latent_BFCHW: Tensor
    color_BFHW: Tensor
    shape_BFHW: Tensor

    def __len__(self) -> int:
        return len(self.latent_BFCHW)

    def __getitem__(self, rows: Tensor) -> "Blocks":
        """Some of the blocks."""
        return Blocks(self.latent_BFCHW[rows], self.color_BFHW[rows], self.shape_BFHW[rows])

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, in their order."""
        return self.latent_BFCHW, self.color_BFHW, self.shape_BFHW


@dataclass(frozen=True)
class Reading:
    """The shares, 0 to 1, of unseen latents whose colour or ground, and whose shape, is read right.

    Shapes of those latents that show a thing.
    """

    color: float
    shape: float


def train_reward(
    stage: Stage, model_folder: Path, *, seed: int, device: str, batch: int, workers: int = 0
) -> bool:
    """Train the reader of latents of a folder's autoencoder, or go on after a stop.

    Returns:
        Whether all steps are done.

    Writes beside the curve `reward.safetensors`, the running average of the weights, and
    `reward.json` with how much it reads right on unseen scenes.
    """
    team = Team.joined()
    place = team.device(device)
    torch.manual_seed(seed)
    encoder = load_encoder(model_folder, place)
    reader = LatentReader(encoder.config.z_dim).to(place)
    modules = nn.ModuleDict({"reader": reader})
    learner = Learner(modules, optimizers_for(modules, (), rate=RATE), team)
    sketches = MadeAhead(partial(stretches, team.seed(seed), SHARD_CLIPS), workers)
    half = place.type == "cuda"

    def loss(*tensors: Tensor) -> Tensor:
        with torch.autocast(place.type, dtype=torch.bfloat16, enabled=half):
            return reading_loss(reader, Blocks(*tensors))

    def shard(number: int) -> Blocks:
        with torch.autocast(place.type, dtype=torch.bfloat16, enabled=half):
            return labelled(sketches.at(number), encoder, place)

    pool = Pool(shard, POOL_SHARDS, REFRESH_STEPS)

    def descend_at(step: int) -> Tensor:
        blocks = pool.batch(step, batch, random.Random(f"reward {seed} {step}"))
        torch.manual_seed(team.seed(seed) * 1_000_003 + step)
        return learner.descend("blocks", loss, blocks.tensors)

    finished = stage.run(learner, descend_at)
    if team.leads:
        learner.load_average()
        save_weights(reward_path(stage.folder), reader.state_dict())
        unseen = stretches(seed, UNSEEN_CLIPS, _UNSEEN)
        with torch.autocast(place.type, dtype=torch.bfloat16, enabled=half):
            reading = asdict(measured(reader.eval(), labelled(unseen, encoder, place)))
        report = {"reading": reading, "clips": UNSEEN_CLIPS, "seed": seed}
        (stage.folder / "reward.json").write_text(json.dumps(report, indent=2) + "\n")
    return finished


def reward_path(folder: Path) -> Path:
    """Where the reader's weights are in the folder of a run."""
    return folder / "reward.safetensors"


def load_reward(folder: Path, channels: int, device: torch.device) -> Reward:
    """The reward that the stage has left in the folder of a run."""
    reader = LatentReader(channels)
    load_strictly(reader, read_weights(reward_path(folder)), reward_path(folder))
    return Reward(reader.to(device))


def stretches(seed: int, clips: int, number: int) -> Sketch:
    """The pictures to learn from, by number: stretches of scenes from anywhere in their time."""
    rng = random.Random(f"reward {seed} {number}")
    scenes = [random_scene(rng, TAUGHT) for _ in range(clips)]
    first = [rng.randrange(_LATEST_PICTURE) if rng.random() < 0.8 else 0 for _ in scenes]
    return sketch(scenes, first, pictures_before(_LATENT_FRAMES))


@torch.inference_mode()
def labelled(drawn: Sketch, encoder: VideoEncoder, device: torch.device) -> Blocks:
    """The first and the last block of each stretch, half of the clips each."""
    latent_BFCHW = encoded(drawn, encoder, device)[0].float()
    behind, front = (
        of_latents(paint(drawn.only(thing), device)[1], F.avg_pool3d)[:, :, 0] for thing in (0, 1)
    )
    cover_BTFHW = torch.stack([behind * (1 - front), front], dim=1)
    most = cover_BTFHW.max(1)
    numbers = (torch.from_numpy(n[:, 0]).to(device) for n in (drawn.colors_BFT, drawn.shapes_BFT))
    color_BFHW, shape_BFHW = (
        number_BT.gather(1, most.indices.flatten(1)).view_as(most.indices) for number_BT in numbers
    )
    shown, bare = most.values > _LEAST_COVER, cover_BTFHW.sum(1) < _LEAST_COVER / 5
    color_BFHW = torch.where(shown, color_BFHW, torch.where(bare, _GROUND, _UNKNOWN))
    shape_BFHW = torch.where(shown, shape_BFHW, _UNKNOWN)
    half = len(drawn) // 2
    whole = (latent_BFCHW, color_BFHW, shape_BFHW)
    return Blocks(*(torch.cat([t[:half, :BLOCK_FRAMES], t[half:, -BLOCK_FRAMES:]]) for t in whole))


def reading_loss(reader: LatentReader, blocks: Blocks) -> Tensor:
    """Cross entropy of colours over all latents and of shapes over those that show things."""
    color_BKFHW, shape_BKFHW = reader(worn(blocks.latent_BFCHW))
    color = F.cross_entropy(color_BKFHW, blocks.color_BFHW, ignore_index=_UNKNOWN)
    return color + F.cross_entropy(shape_BKFHW, blocks.shape_BFHW, ignore_index=_UNKNOWN)


@torch.inference_mode()
def measured(reader: LatentReader, blocks: Blocks) -> Reading:
    """How much of some blocks is read right."""
    shares = []
    for logits_BKFHW, right_BFHW in zip(
        reader(blocks.latent_BFCHW), (blocks.color_BFHW, blocks.shape_BFHW), strict=True
    ):
        known = right_BFHW != _UNKNOWN
        shares.append(float((logits_BKFHW.argmax(1) == right_BFHW)[known].float().mean()))
    return Reading(*shares)
