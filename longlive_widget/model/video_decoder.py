"""Wan's video autoencoder, decoder and encoder, each a pure function of its input and its past.

The parameters carry the names that Wan's weight file gives them: `VideoDecoder` holds the names
under `decoder.` and `conv2.`, `VideoEncoder` those under `encoder.` and `conv1.`, and together
they are the whole file. Both train: whole clips go in at once, and autograd passes through.

Axes: B batch, F frames (T inside the network), C channels, H rows, W columns.

Source: Wan2.1 (Wan et al., 2025), section 4.1: a causal 3-D autoencoder with a cache per
convolution.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from longlive_widget.errors import CheckpointError, GeometryError, whole_number
from longlive_widget.model.stream import DecoderStream, Memory, same_shape

if TYPE_CHECKING:
    from longlive_widget.model.folded import Folded
    from longlive_widget.model.winograd import Winograd

PICTURE_CHANNELS = 3
_LEAST_SQUARE = 1e-24
HAS_ONEDNN = torch.backends.mkldnn.is_available()
WAN_LATENT_MEAN = (
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
    0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
)  # fmt: skip
WAN_LATENT_STD = (
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160,
)  # fmt: skip


@dataclass(frozen=True)
class VideoDecoderConfig:
    """The sizes of the autoencoder; each default is Wan2.1's.

    `temporal_downsample` says of each downsampling of the encoder whether it halves time too; the
    decoder goes the same way back. `latent_mean` and `latent_std`, one number a channel, are what
    latents are normalised with.

    Raises:
        GeometryError: a size is no whole number from 1 up, or the lists do not fit each other.
    """

    dim: int = 96
    z_dim: int = 16
    dim_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    temporal_downsample: tuple[bool, ...] = (False, True, True)
    latent_mean: tuple[float, ...] = WAN_LATENT_MEAN
    latent_std: tuple[float, ...] = WAN_LATENT_STD

    def __post_init__(self) -> None:
        for name in ("dim_mult", "temporal_downsample", "latent_mean", "latent_std"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # lists come from JSON
        sizes = ("dim", self.dim), ("z_dim", self.z_dim), ("num_res_blocks", self.num_res_blocks)
        for name, size in (*sizes, *(("dim_mult", factor) for factor in self.dim_mult)):
            whole_number(f"the autoencoder's {name}", size, GeometryError, least=1)
        if len(self.temporal_downsample) != len(self.dim_mult) - 1:
            raise GeometryError(
                f"{len(self.dim_mult)} stages have {len(self.dim_mult) - 1} resamplings between "
                f"them: temporal_downsample has {len(self.temporal_downsample)} entries"
            )
        if not self.z_dim == len(self.latent_mean) == len(self.latent_std):
            raise GeometryError(
                f"latent_mean and latent_std need {self.z_dim} numbers, one a latent channel: "
                f"they have {len(self.latent_mean)} and {len(self.latent_std)}"
            )

    @classmethod
    def from_wan(cls, weights: Mapping[str, Tensor], path: Path | str) -> "VideoDecoderConfig":
        """The sizes of the autoencoder whose tensors, under Wan's names, a file holds.

        Latents are normalised with Wan2.1's own numbers.

        Raises:
            CheckpointError: these are no tensors of such an autoencoder.
        """
        downsamples = "encoder.downsamples"
        stages: list[list[int]] = [[]]
        in_time: list[bool] = []
        try:
            dim, z_dim = len(weights["encoder.conv1.weight"]), len(weights["conv2.weight"])
            for place in range(len(weights)):
                residual = weights.get(f"{downsamples}.{place}.residual.2.weight")
                if residual is not None:
                    stages[-1].append(len(residual))
                elif f"{downsamples}.{place}.resample.1.weight" in weights:
                    stages.append([])
                    in_time.append(f"{downsamples}.{place}.time_conv.weight" in weights)
            return cls(
                dim=dim,
                z_dim=z_dim,
                dim_mult=tuple(widths[-1] // dim for widths in stages),
                num_res_blocks=len(stages[0]),
                temporal_downsample=tuple(in_time),
            )
        except (LookupError, TypeError, ArithmeticError, GeometryError) as error:
            raise CheckpointError(
                f"{path} is not the autoencoder of Wan2.1 ({error}): give Wan2.1_VAE.pth, or the "
                "same tensors as safetensors"
            ) from error

    @property
    def pictures_per_latent_frame(self) -> int:
        """Pictures that each latent frame but the first stands for; 4."""
        return 1 << sum(self.temporal_downsample)


class VideoDecoder(nn.Module):
    """Normalised latents to pictures."""

    PREFIXES = ("decoder.", "conv2.")
    latent_mean_C111: Tensor
    latent_std_C111: Tensor

    def __init__(self, config: VideoDecoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or VideoDecoderConfig()
        self.conv2 = Pointwise(self.config.z_dim, self.config.z_dim)
        self.decoder = _DecoderNetwork(self.config)
        _register_statistics(self, self.config)

    def forward(
        self, latent_BFCHW: Tensor, past: Sequence[Tensor] = ()
    ) -> tuple[Tensor, list[Tensor]]:
        """Decode latents that follow those of the call whose memory is `past`.

        Returns:
            Pictures of about [-1, 1], `BFCHW`, not clamped, and the memory for the next call. The
            first call (no past) gives 4F - 3 pictures, later ones 4F.
        """
        memory = Memory(past)
        latent_BCTHW = latent_BFCHW.transpose(1, 2)
        latent_BCTHW = latent_BCTHW * self.latent_std_C111 + self.latent_mean_C111
        pictures_BCTHW = self.decoder(self.conv2(channels_last(latent_BCTHW)), memory)
        return pictures_BCTHW.transpose(1, 2), memory.kept

    def fuse(self) -> None:
        """Have kernels of our own compute what lies between convolutions: on a GPU."""
        for module in self.modules():
            if isinstance(module, ResidualBlock | Upsample | Head):
                module.fuse()

    def stream(self) -> DecoderStream:
        """A new video to decode, from its first latent frame on."""
        return DecoderStream(self)


@dataclass(frozen=True)
class Posterior:
    """What the encoder says of a clip: a normal distribution over latents, not yet normalised."""

    mean_BFCHW: Tensor
    log_variance_BFCHW: Tensor


class VideoEncoder(nn.Module):
    """Pictures to latents."""

    PREFIXES = ("encoder.", "conv1.")
    latent_mean_C111: Tensor
    latent_std_C111: Tensor

    def __init__(self, config: VideoDecoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or VideoDecoderConfig()
        self.encoder = _EncoderNetwork(self.config)
        self.conv1 = Pointwise(2 * self.config.z_dim, 2 * self.config.z_dim)
        _register_statistics(self, self.config)

    def forward(
        self, pictures_BFCHW: Tensor, past: Sequence[Tensor] = ()
    ) -> tuple[Posterior, list[Tensor]]:
        """Encode pictures in [-1, 1] that follow those of the call whose memory is `past`.

        The first call takes 4k + 1 pictures for k + 1 latent frames, later ones 4k for k; any
        other number, and sides that are no multiple of 8, are a `GeometryError`.

        Returns:
            The posterior of the latents and the memory for the next call.
        """
        memory = Memory(past)
        self._check(pictures_BFCHW, is_first=memory.is_first)
        moments_BCTHW = self.conv1(
            self.encoder(channels_last(pictures_BFCHW.transpose(1, 2)), memory)
        )
        mean, log_variance = moments_BCTHW.transpose(1, 2).chunk(2, dim=2)
        return Posterior(mean, log_variance), memory.kept

    def normalise(self, latent_BFCHW: Tensor) -> Tensor:
        """Latents as the decoder and the transformer take them: mean 0, deviation 1."""
        latent_BCTHW = latent_BFCHW.transpose(1, 2)
        return ((latent_BCTHW - self.latent_mean_C111) / self.latent_std_C111).transpose(1, 2)

    def stream(self) -> "EncoderStream":
        """A new video to encode, from its first picture on."""
        return EncoderStream(self)

    def _check(self, pictures_BFCHW: Tensor, *, is_first: bool) -> None:
        group = self.config.pictures_per_latent_frame
        pictures, height_px, width_px = pictures_BFCHW.shape[1], *pictures_BFCHW.shape[-2:]
        if pictures % group != (1 % group if is_first else 0):
            wanted = f"1 + a multiple of {group}" if is_first else f"a multiple of {group}"
            raise GeometryError(f"{pictures} pictures cannot be encoded here: give {wanted}")
        stride = 2 ** len(self.config.temporal_downsample)
        if height_px % stride or width_px % stride:
            raise GeometryError(
                f"pictures of {width_px} x {height_px} have no whole latent: "
                f"both sides must be multiples of {stride}"
            )


@dataclass
class EncoderStream:
    """One video being encoded: 4k + 1 pictures first, then 4k at a time."""

    encoder: VideoEncoder
    state: list[Tensor] = field(default_factory=list)
    picture_shape: tuple[int, ...] | None = None

    def encode(self, pictures_BFCHW: Tensor) -> Tensor:
        """Turn pictures in [-1, 1] into normalised latents, `BFCHW`: the posterior's mean.

        A number of pictures that makes no whole latent frames, or another size than that of the
        first ones, is a `GeometryError`.
        """
        self.picture_shape = same_shape(self.picture_shape, pictures_BFCHW)
        posterior, self.state = self.encoder(pictures_BFCHW, self.state)
        return self.encoder.normalise(posterior.mean_BFCHW)

    def branch(self) -> "EncoderStream":
        """A second stream that goes on from here, independent of this one."""
        return replace(self)


class Causal:
    """Marks a layer that is also handed the memory of the call."""


class Chain(nn.Sequential):
    """Layers one after the other; those that are `Causal` get the memory too."""

    def forward(self, x_BCTHW: Tensor, memory: Memory) -> Tensor:  # type: ignore[override]
        """Pass `x` through all layers."""
        for layer in self:
            x_BCTHW = layer(x_BCTHW, memory) if isinstance(layer, Causal) else layer(x_BCTHW)
        return x_BCTHW


class CausalConvolution(nn.Conv3d, Causal):
    """A convolution over the frames so far: a kernel of 3 frames sees the 2 before each frame."""

    def __init__(self, in_channels: int, out_channels: int, kernel: tuple[int, int, int]) -> None:
        super().__init__(in_channels, out_channels, kernel)

    def forward(self, x_BCTHW: Tensor, memory: Memory) -> Tensor:  # type: ignore[override]
        """As many frames as `x` has."""
        joined_BCTHW = memory.precede(x_BCTHW, self.kernel_size[0] - 1, axis=2)
        return convolve(joined_BCTHW, self.weight, self.bias)


class Pointwise(nn.Conv3d):
    """A linear map of the channels of each pixel."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """The same pixels with `out_channels`."""
        return convolve(x_BCTHW, self.weight, self.bias)


class RmsNorm(nn.Module):
    """x / ||x|| * sqrt(C) * gamma over the channels, then SiLU where asked.

    `axes` is the number of axes after the channels.
    """

    def __init__(self, channels: int, axes: int, *, silu: bool = False) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *(1,) * axes))
        self.silu = silu

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, channels on axis 1."""
        square = x.float().square().sum(1, keepdim=True)  # on CPUs F.normalize is far slower
        scale = math.sqrt(x.shape[1]) * square.clamp(min=_LEAST_SQUARE).rsqrt()
        normed = x * scale * self.gamma
        return (F.silu(normed) if self.silu else normed).type_as(x)


class ResidualBlock(nn.Module, Causal):
    """Twice norm, SiLU, convolution, added to the input."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.residual = Chain(
            RmsNorm(in_channels, axes=3, silu=True),
            nn.Identity(),  # the place of Wan's SiLU
            CausalConvolution(in_channels, out_channels, (3, 3, 3)),
            RmsNorm(out_channels, axes=3, silu=True),
            nn.Identity(),
            nn.Identity(),  # the place of Wan's dropout, which is 0
            CausalConvolution(out_channels, out_channels, (3, 3, 3)),
        )
        self.kernels: list[Winograd | None] = []
        widens = in_channels != out_channels
        self.shortcut = Pointwise(in_channels, out_channels) if widens else nn.Identity()

    def forward(self, x_BCTHW: Tensor, memory: Memory) -> Tensor:
        """The same pixels with `out_channels`."""
        shortcut: Tensor = self.shortcut(x_BCTHW)
        if self.kernels:
            return self._forward_fused(x_BCTHW, shortcut, memory)
        residual: Tensor = self.residual(x_BCTHW, memory)
        return residual + shortcut

    def fuse(self) -> None:
        """Have kernels of our own compute it; they keep weights as they read them."""
        from longlive_widget.model import winograd  # loads Triton, which may not be here

        norms = (layer for layer in self.residual if isinstance(layer, RmsNorm))
        convolutions = (layer for layer in self.residual if isinstance(layer, CausalConvolution))
        self.kernels = [
            winograd.Winograd.of(convolution.weight.detach(), norm.gamma)
            for norm, convolution in zip(norms, convolutions, strict=True)
        ]

    def _forward_fused(self, x_BCTHW: Tensor, shortcut_BCTHW: Tensor, memory: Memory) -> Tensor:
        from longlive_widget.model import fused_video

        bias = None
        norms = (layer for layer in self.residual if isinstance(layer, RmsNorm))
        convolutions = (layer for layer in self.residual if isinstance(layer, CausalConvolution))
        for norm, convolution, kernel in zip(norms, convolutions, self.kernels, strict=True):
            if kernel is not None and kernel.suits(x_BCTHW):
                x_BCTHW = _convolved(norm, kernel, x_BCTHW, memory, bias)
            else:
                joined = _normed_behind(norm, convolution, x_BCTHW, memory, bias)
                x_BCTHW = F.conv3d(joined, convolution.weight)
            bias = convolution.bias
        assert bias is not None  # each convolution of a block has one
        return fused_video.summed(x_BCTHW, bias, shortcut_BCTHW)


def _convolved(
    norm: RmsNorm,
    kernel: "Winograd",
    x_BCTHW: Tensor,
    memory: Memory,
    bias: Tensor | None,
) -> Tensor:
    """`x` with the bias that is still to be added, normed and convolved, without a bias."""
    from longlive_widget.model import winograd

    past = None if memory.is_first else memory.take()
    mixed, kept = winograd.mixed_behind(
        past, x_BCTHW, norm.gamma, least_square=_LEAST_SQUARE, bias=bias
    )
    memory.kept.append(kept)
    return winograd.convolved(mixed, kernel, x_BCTHW.dtype)


def _normed_behind(
    norm: RmsNorm,
    convolution: CausalConvolution,
    x_BCTHW: Tensor,
    memory: Memory,
    bias: Tensor | None = None,
) -> Tensor:
    """`x` with the bias that is still to be added, normed: as `convolution` reads it, bordered."""
    from longlive_widget.model import fused_video

    frames = convolution.kernel_size[0] - 1
    past = None if memory.is_first else memory.take()
    joined = fused_video.normed_behind(
        past, frames, x_BCTHW, norm.gamma, least_square=_LEAST_SQUARE, bias=bias
    )
    memory.keep_last(fused_video.within(joined), frames, axis=2)
    return joined


class Head(Chain):
    """Norm, SiLU, convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            RmsNorm(in_channels, axes=3, silu=True),
            nn.Identity(),  # the place of Wan's SiLU
            CausalConvolution(in_channels, out_channels, (3, 3, 3)),
        )
        self.folded: Folded | None = None

    def fuse(self) -> None:
        """Have kernels of our own compute it; they keep weights as they read them."""
        from longlive_widget.model import folded  # loads Triton, which may not be here

        self.folded = folded.Folded.of_few_channels(self._convolution.weight.detach())

    def forward(self, x_BCTHW: Tensor, memory: Memory) -> Tensor:  # type: ignore[override]
        """The same pixels with `out_channels`."""
        if self.folded is None:
            return super().forward(x_BCTHW, memory)
        from longlive_widget.model import folded

        norm, convolution = self[0], self._convolution
        assert isinstance(norm, RmsNorm)
        assert convolution.bias is not None  # it has one
        joined = _normed_behind(norm, convolution, x_BCTHW, memory)
        made = folded.few_channels(joined, self.folded, convolution.bias)
        return F.conv3d(joined, convolution.weight, convolution.bias) if made is None else made

    @property
    def _convolution(self) -> CausalConvolution:
        convolution = self[-1]
        assert isinstance(convolution, CausalConvolution)
        return convolution


class FrameAttention(nn.Module):
    """Single-head attention among the pixels of each frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = RmsNorm(channels, axes=2)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """The same shape."""
        frames = frames_of(x_BCTHW)
        qkv = self.to_qkv(self.norm(frames)).flatten(2).transpose(1, 2)
        q, k, v = (part.unsqueeze(1).contiguous() for part in qkv.chunk(3, dim=-1))
        attended = F.scaled_dot_product_attention(q, k, v).squeeze(1)
        attended = attended.transpose(1, 2).reshape(frames.shape)
        return x_BCTHW + video_of(self.proj(attended), batch=x_BCTHW.shape[0])


class Upsample(nn.Module, Causal):
    """Twice as many rows and columns, half the channels; with `in_time`, twice the frames first.

    The very first frame of a video stays one frame, and the second sees zeros before it.
    """

    def __init__(self, channels: int, *, in_time: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest-exact"),
            nn.Conv2d(channels, channels // 2, 3, padding=1),
        )
        self.time_conv = CausalConvolution(channels, 2 * channels, (3, 1, 1)) if in_time else None
        self.folded: Folded | None = None
        self.folded_frames: Folded | None = None

    def fuse(self) -> None:
        """Have kernels of our own double and convolve at once, where they suit the sizes."""
        from longlive_widget.model.folded import Folded  # loads Triton, which may not be here

        self.folded = Folded.of_doubled_pixels(self._convolution.weight.detach())
        if self.time_conv is not None:
            self.folded_frames = Folded.of_frames(self.time_conv.weight.detach())

    def forward(self, x_BCTHW: Tensor, memory: Memory) -> Tensor:
        """Pixels, and where asked frames, doubled."""
        if self.time_conv is not None:
            alone = 1 if memory.is_first else 0
            first, rest = x_BCTHW[:, :, :alone], x_BCTHW[:, :, alone:]
            x_BCTHW = self._doubled_frames(self.time_conv, first, rest, memory)
        if self.folded is not None:
            from longlive_widget.model import folded

            bias = self._convolution.bias
            assert bias is not None  # it has one
            made = folded.doubled_pixels(x_BCTHW, self.folded, bias)
            if made is not None:
                return made
        return video_of(self.resample(frames_of(x_BCTHW)), batch=x_BCTHW.shape[0])

    def _doubled_frames(
        self, time_conv: CausalConvolution, first_BCTHW: Tensor, rest_BCTHW: Tensor, memory: Memory
    ) -> Tensor:
        """`first`, then two frames of each of the rest."""
        joined = memory.precede(rest_BCTHW, time_conv.kernel_size[0] - 1, axis=2)
        if self.folded_frames is not None:
            from longlive_widget.model import folded

            assert time_conv.bias is not None  # it has one
            made = folded.doubled_frames(first_BCTHW, joined, self.folded_frames, time_conv.bias)
            if made is not None:
                return made
        doubled = convolve(joined, time_conv.weight, time_conv.bias).unflatten(1, (2, -1))
        interleaved = doubled.permute(0, 2, 3, 1, 4, 5).flatten(2, 3)
        return channels_last(torch.cat((first_BCTHW, interleaved), dim=2))

    @property
    def _convolution(self) -> nn.Conv2d:
        convolution = self.resample[1]
        assert isinstance(convolution, nn.Conv2d)
        return convolution


class Downsample(nn.Module, Causal):
    """Half as many rows and columns; with `in_time`, then half the frames.

    The very first frame of a video stays one latent frame, each later pair becomes one.
    """

    def __init__(self, channels: int, *, in_time: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(
            nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(channels, channels, 3, stride=2)
        )
        self.time_conv = (
            nn.Conv3d(channels, channels, (3, 1, 1), stride=(2, 1, 1)) if in_time else None
        )

    def forward(self, x_BCTHW: Tensor, memory: Memory) -> Tensor:
        """Pixels, and where asked frames, halved."""
        x_BCTHW = video_of(self.resample(frames_of(x_BCTHW)), batch=x_BCTHW.shape[0])
        if self.time_conv is None:
            return x_BCTHW
        if memory.is_first:
            memory.keep_last(x_BCTHW, 1, axis=2)
            halved = convolve(x_BCTHW, self.time_conv.weight, self.time_conv.bias, frame_stride=2)
            return torch.cat((x_BCTHW[:, :, :1], halved), dim=2)
        joined = memory.precede(x_BCTHW, 1, axis=2)
        return convolve(joined, self.time_conv.weight, self.time_conv.bias, frame_stride=2)


class _DecoderNetwork(nn.Module):
    """From denormalised latents to pictures; under the names that Wan's file has."""

    def __init__(self, config: VideoDecoderConfig) -> None:
        super().__init__()
        widths = [config.dim * multiple for multiple in reversed(config.dim_mult)]
        upsamples: list[nn.Module] = []
        width = widths[0]
        for stage, out_channels in enumerate(widths):
            for _ in range(config.num_res_blocks + 1):
                upsamples.append(ResidualBlock(width, out_channels))
                width = out_channels
            if stage < len(widths) - 1:
                in_time = config.temporal_downsample[-1 - stage]
                upsamples.append(Upsample(width, in_time=in_time))
                width //= 2
        self.conv1 = CausalConvolution(config.z_dim, widths[0], (3, 3, 3))
        self.middle = _middle(widths[0])
        self.upsamples = Chain(*upsamples)
        self.head = Head(width, PICTURE_CHANNELS)

    def forward(self, latent_BCTHW: Tensor, memory: Memory) -> Tensor:
        x_BCTHW: Tensor = self.conv1(latent_BCTHW, memory)
        for part in (self.middle, self.upsamples, self.head):
            x_BCTHW = part(x_BCTHW, memory)
        return x_BCTHW


class _EncoderNetwork(nn.Module):
    """From pictures to the two moments of the latents, before the last pointwise map."""

    def __init__(self, config: VideoDecoderConfig) -> None:
        super().__init__()
        widths = [config.dim * multiple for multiple in config.dim_mult]
        downsamples: list[nn.Module] = []
        width = config.dim
        for stage, out_channels in enumerate(widths):
            for _ in range(config.num_res_blocks):
                downsamples.append(ResidualBlock(width, out_channels))
                width = out_channels
            if stage < len(widths) - 1:
                in_time = config.temporal_downsample[stage]
                downsamples.append(Downsample(width, in_time=in_time))
        self.conv1 = CausalConvolution(PICTURE_CHANNELS, config.dim, (3, 3, 3))
        self.downsamples = Chain(*downsamples)
        self.middle = _middle(width)
        self.head = Head(width, 2 * config.z_dim)

    def forward(self, pictures_BCTHW: Tensor, memory: Memory) -> Tensor:
        x_BCTHW: Tensor = self.conv1(pictures_BCTHW, memory)
        for part in (self.downsamples, self.middle, self.head):
            x_BCTHW = part(x_BCTHW, memory)
        return x_BCTHW


def convolve(
    x_BCTHW: Tensor, weight: Tensor, bias: Tensor | None, *, frame_stride: int = 1
) -> Tensor:
    """Convolve: rows and columns keep their number, frames only give whole windows (maybe none).

    On CPUs torch runs small 3-D convolutions on a path several times slower than oneDNN's, so
    oneDNN is asked for by name where it is.
    """
    frames, rows, columns = weight.shape[2:]
    padding = (0, rows // 2, columns // 2)
    stride = (frame_stride, 1, 1)
    if x_BCTHW.shape[2] < frames:
        return x_BCTHW.new_empty(x_BCTHW.shape[0], weight.shape[0], 0, *x_BCTHW.shape[3:])
    if _suits_onednn(x_BCTHW):
        dilation, groups = (1, 1, 1), 1
        return torch.mkldnn_convolution(x_BCTHW, weight, bias, padding, stride, dilation, groups)
    return F.conv3d(x_BCTHW, weight, bias, stride=stride, padding=padding)


def channels_last(x_BCTHW: Tensor) -> Tensor:
    """The same video with the channels of a pixel side by side in storage, as convolutions like."""
    return x_BCTHW.contiguous(memory_format=torch.channels_last_3d)


def frames_of(x_BCTHW: Tensor) -> Tensor:
    """All frames of all videos as one batch of pictures."""
    return x_BCTHW.transpose(1, 2).flatten(0, 1)


def video_of(frames: Tensor, *, batch: int) -> Tensor:
    """The reverse of `frames_of`: `BCTHW`."""
    return frames.view(batch, -1, *frames.shape[1:]).transpose(1, 2)


def _suits_onednn(x_BCTHW: Tensor) -> bool:
    on_cpu = x_BCTHW.device.type == "cpu" and x_BCTHW.dtype == torch.float32
    return HAS_ONEDNN and on_cpu and not torch.compiler.is_compiling()  # it cannot be traced


def _middle(channels: int) -> Chain:
    return Chain(
        ResidualBlock(channels, channels),
        FrameAttention(channels),
        ResidualBlock(channels, channels),
    )


def _register_statistics(module: nn.Module, config: VideoDecoderConfig) -> None:
    """Real buffers even when the parameters are made on the meta device; in no weight file."""
    for name, values in (("mean", config.latent_mean), ("std", config.latent_std)):
        column_C111 = torch.tensor(values, device="cpu").view(-1, 1, 1, 1)
        module.register_buffer(f"latent_{name}_C111", column_C111, persistent=False)
