"""The sizes of a transformer, read from and checked against the files that users have."""

from collections.abc import Mapping
from dataclasses import dataclass

from longlive_widget.errors import CheckpointError, whole_number
from longlive_widget.geometry import LATENT_CHANNELS, LATENTS_PER_TOKEN

_SIZES = ("dim", "heads", "layers", "ffn_dim", "text_dim", "text_length", "frequency_dim")


@dataclass(frozen=True)
class TransformerConfig:
    """The sizes of one causal video transformer; the defaults are LongLive-1.3B's.

    Raises:
        CheckpointError: a size is no whole number from 1 up, the heads do not divide the width, a
            head size is odd, or `eps` is not between 0 and 1.
    """

    dim: int = 1536
    heads: int = 12
    layers: int = 30
    ffn_dim: int = 8960
    text_dim: int = 4096
    text_length: int = 512
    frequency_dim: int = 256
    eps: float = 1e-6

    def __post_init__(self) -> None:
        for name in _SIZES:
            whole_number(f"the transformer's {name}", getattr(self, name), CheckpointError, least=1)
        if not 0 < self.eps < 1:
            raise CheckpointError(f"eps {self.eps!r} is not between 0 and 1: Wan has 1e-6")
        if self.dim % self.heads or self.head_dim % 2:
            raise CheckpointError(
                f"a width of {self.dim} does not split into {self.heads} heads of an even size"
            )

    @property
    def head_dim(self) -> int:
        """Features of one attention head."""
        return self.dim // self.heads

    @property
    def patch_features(self) -> int:
        """Numbers in one patch: 2 x 2 positions of 16 channels."""
        return LATENTS_PER_TOKEN**2 * LATENT_CHANNELS

    @classmethod
    def from_wan(cls, config: Mapping[str, object]) -> "TransformerConfig":
        """The sizes in a `config.json` of Wan's form.

        Raises:
            CheckpointError: a size is missing, is no number, or is one that this network has fixed.
        """
        patch = [1, LATENTS_PER_TOKEN, LATENTS_PER_TOKEN]
        fixed: dict[str, object] = {
            "in_dim": LATENT_CHANNELS,
            "out_dim": LATENT_CHANNELS,
            "model_type": "t2v",
            "patch_size": patch,
            "qk_norm": True,
            "cross_attn_norm": True,
        }
        for key, value in fixed.items():
            if config.get(key, value) != value:
                raise CheckpointError(f"{key} is {config[key]!r}, this network has {value!r}")
        return cls(
            dim=_size(config, "dim"),
            heads=_size(config, "num_heads"),
            layers=_size(config, "num_layers"),
            ffn_dim=_size(config, "ffn_dim"),
            text_dim=_size(config, "text_dim", 4096),
            text_length=_size(config, "text_len", 512),
            frequency_dim=_size(config, "freq_dim"),
            eps=_number(config, "eps", 1e-6),
        )


def _size(config: Mapping[str, object], key: str, default: int | None = None) -> int:
    name = f"{key} in the transformer's config"
    return whole_number(name, config.get(key, default), CheckpointError, least=1)


def _number(config: Mapping[str, object], key: str, default: float) -> float:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CheckpointError(f"{key} in the transformer's config {value!r} is not a number")
    return float(value)
