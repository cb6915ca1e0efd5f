"""How alike two videos are, and how well one fits its words: metrics of the field, by their names.

What a metric needs and is not here is told; nothing stands in for it.

Axes: F pictures, H rows, W columns, C colours.
"""

import importlib.util
import json
import math
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longlive_widget.errors import CapabilityError, RecordError
from longlive_widget.geometry import PICTURES_PER_SECOND

CLIP = "openai/clip-vit-base-patch16"
_SIGMA, _REACH = 1.5, 5
"""The Gaussian that SSIM looks through, and how far it reaches to each side, in pixels."""
_C1, _C2 = 0.01**2, 0.03**2


def ssim(one_FHWC: Tensor, other_FHWC: Tensor) -> float:
    """The structural similarity of 8-bit pictures, 1 for equal ones: the mean over all of them.

    In 64 bits, as 32 are too few. What torchmetrics finds, which slides a square of 11 x 11 over
    the pictures; here it is a row and a column, which takes a fiftieth of the time.

    Source: Z. Wang et al., Image quality assessment (2004).
    """
    one, other = (seen.movedim(-1, 1).double() / 255 for seen in (one_FHWC, other_FHWC))
    down, along = (_blur(side, one) for side in one.shape[-2:])

    def mean_around(x_FCHW: Tensor) -> Tensor:
        return down @ x_FCHW @ along.T

    mean_one, mean_other = mean_around(one), mean_around(other)
    square_one, square_other, both = mean_one.square(), mean_other.square(), mean_one * mean_other
    varies_one = (mean_around(one.square()) - square_one).clamp(min=0)
    varies_other = (mean_around(other.square()) - square_other).clamp(min=0)
    together = mean_around(one * other) - both
    bright = (2 * both + _C1) / (square_one + square_other + _C1)
    structure = (2 * together + _C2) / (varies_one + varies_other + _C2)
    return float((bright * structure).mean())


def _blur(side: int, like: Tensor) -> Tensor:
    """The Gaussian mean around each place of so many, `[S, S]`; at its ends a side is mirrored."""
    offset = torch.arange(-_REACH, _REACH + 1, device=like.device)
    weight = torch.exp(-0.5 * (offset.to(like.dtype) / _SIGMA).square())
    last = side - 1
    place = (torch.arange(side, device=like.device)[:, None] + offset).abs()
    mirrored = last - (last - place).abs()
    rows = (weight / weight.sum()).expand(side, -1)
    return like.new_zeros(side, side).scatter_add_(1, mirrored, rows)


def flicker(pictures_FHWC: Tensor) -> float:
    """How unsteady 8-bit pictures are: what each differs from the mean of its two neighbours.

    The mean absolute difference, 0 to 255: 0 where all changes evenly. Three pictures or more.
    """
    seen = pictures_FHWC.float()
    return float((seen[1:-1] - (seen[:-2] + seen[2:]) / 2).abs().mean())


def seams(blocks_FHWC: Sequence[NDArray[np.uint8]]) -> float:
    """How much more pictures change between blocks than inside them: about 1 in a smooth video.

    The mean absolute difference of 8-bit pictures across the seams of blocks, as a multiple of that
    of all other neighbours; infinite where only the seams change.

    Raises:
        RecordError: there is no seam, or no pictures beside each other inside a block.
    """
    if len(blocks_FHWC) < 2 or all(len(block) < 2 for block in blocks_FHWC):
        raise RecordError(
            f"{len(blocks_FHWC)} blocks have no seam between pictures: give two blocks or more"
        )
    across = [_change(one[-1], other[0]) for one, other in pairwise(blocks_FHWC)]
    inside = [_change(*pair) for block in blocks_FHWC for pair in pairwise(block)]
    return mean(across) / mean(inside) if any(inside) else math.inf


def _change(one_HWC: NDArray[np.uint8], other_HWC: NDArray[np.uint8]) -> float:
    return float(np.abs(one_HWC.astype(float) - other_HWC).mean())


def vmaf(seen_FHWC: Tensor, right_FHWC: Tensor) -> float:
    """VMAF of a video against the right one, 8-bit RGB: 0 to 100, the mean over its pictures.

    Netflix's model vmaf_v0.6.1, made for larger pictures seen on a television, by the ffmpeg of
    imageio-ffmpeg.

    Source: Z. Li et al., Toward a practical perceptual video quality metric (2016).
    """
    _require("imageio_ffmpeg")
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        inputs: list[str] = []
        for name, video in (("seen", seen_FHWC), ("right", right_FHWC)):
            path = Path(folder, name)
            path.write_bytes(video.contiguous().numpy().tobytes())
            _, height_px, width_px, _ = video.shape
            size = f"{width_px}x{height_px}"
            form = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size]
            inputs += [*form, "-r", str(PICTURES_PER_SECOND), "-i", str(path)]
        filters = "[0:v]format=yuv444p[a];[1:v]format=yuv444p[b];[a][b]libvmaf=log_fmt=json"
        filters += ":log_path=vmaf.json"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *inputs, "-lavfi", filters]
        try:
            subprocess.run(
                [*command, "-f", "null", "-"], cwd=folder, check=True, capture_output=True
            )
        except subprocess.CalledProcessError as error:
            told = " ".join(error.stderr.decode(errors="replace").split())
            raise CapabilityError(f"not available: ffmpeg could not compute it ({told})") from error
        found = json.loads(Path(folder, "vmaf.json").read_text())
    return float(found["pooled_metrics"]["vmaf"]["mean"])


@torch.inference_mode()
def lpips(one_FHWC: Tensor, other_FHWC: Tensor) -> float:
    """The learned perceptual distance of 8-bit pictures, 0 for equal ones, by AlexNet's features.

    Source: R. Zhang et al., The unreasonable effectiveness of deep features (2018).
    """
    _require("torchmetrics")
    _require("torchvision", "pip install torchvision")
    from torchvision.models import AlexNet_Weights

    weights = Path(torch.hub.get_dir(), "checkpoints", AlexNet_Weights.DEFAULT.url.split("/")[-1])
    if not weights.exists():  # torchmetrics would fetch them unasked
        raise CapabilityError(
            f"not available: {weights.name} is not among torch's files on this machine: call "
            "torchvision.models.alexnet(weights='DEFAULT') once"
        )
    from torchmetrics.functional.image import learned_perceptual_image_patch_similarity

    found = learned_perceptual_image_patch_similarity(
        _unit(one_FHWC), _unit(other_FHWC), "alex", normalize=True
    )
    return float(found)


@torch.inference_mode()
def clip_score(pictures_FHWC: Tensor, prompt: str, model: str | Path = CLIP) -> float:
    """100 times the cosine between CLIP's views of 8-bit pictures and of a prompt; their mean.

    Args:
        pictures_FHWC: the pictures.
        prompt: the words.
        model: CLIP's files: a folder, or a name whose files are in the hub's cache already.

    Source: J. Hessel et al., CLIPScore (2021), without its cut at 0.
    """
    _require("transformers")
    from transformers import CLIPModel, CLIPProcessor

    try:
        network = CLIPModel.from_pretrained(model, local_files_only=True).eval()
        read = CLIPProcessor.from_pretrained(model, local_files_only=True)
    except (OSError, ImportError) as error:
        raise CapabilityError(
            f"not available: {model} is not among the hub's files on this machine: fetch it with "
            f"`hf download {model}`"
        ) from error
    pictures = list(pictures_FHWC.movedim(-1, 1))
    found = network(**read(text=[prompt], images=pictures, return_tensors="pt", truncation=True))
    views, said = (
        view / view.norm(dim=-1, keepdim=True) for view in (found.image_embeds, found.text_embeds)
    )
    return float(100 * (views @ said.T).mean())


def given(metric: Callable[[], float]) -> float | str:
    """What a metric gives; or why it is not available here."""
    try:
        return metric()
    except CapabilityError as missing:
        return str(missing)


def _require(module: str, way_out: str = "pip install 'longlive-widget[metrics]'") -> None:
    if importlib.util.find_spec(module) is None:
        package = module.replace("_", "-")
        raise CapabilityError(f"not available: {package} is not installed: {way_out}")


def _unit(pictures_FHWC: Tensor) -> Tensor:
    """Pictures from 0 to 1, colours first."""
    return pictures_FHWC.movedim(-1, 1).float() / 255
