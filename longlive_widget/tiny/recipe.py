"""The stages of the embedded model's training, and how long each of them is by default.

Loads no torch.
"""

from typing import Literal, get_args

StageName = Literal[
    "autoencoder",
    "text",
    "transformer",
    "reward",
    "adapter",
    "wording",
    "small-decoder",
    "probe",
]
STAGES: tuple[StageName, ...] = get_args(StageName)
STEPS: dict[StageName, int] = {
    "autoencoder": 7000,
    "text": 1500,
    "transformer": 24000,
    "reward": 1600,
    "adapter": 800,
    "wording": 3000,
    "small-decoder": 7000,
    "probe": 2400,
}
BATCH: dict[StageName, int] = {
    "autoencoder": 12,
    "text": 192,
    "transformer": 64,
    "reward": 96,
    "adapter": 84,
    "wording": 40,
    "small-decoder": 12,
}
"""Clips, prompts or videos a step, in each process."""
IMPOSSIBLE: dict[StageName, tuple[str, ...]] = {
    "text": ("--begin-with", "--compile"),
    "reward": ("--begin-with", "--compile"),
    "adapter": ("--begin-with",),  # it sets out from the transformer of its folder
    "wording": ("--begin-with", "--compile"),
    "small-decoder": ("--begin-with", "--compile"),
    "probe": ("--batch", "--max-seconds", "--begin-with", "--compile"),  # a few minutes at once
}
"""What a stage cannot be asked for."""
