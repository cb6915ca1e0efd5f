"""Sample strips: what a model makes of unseen prompts, some for each ground, to look at.

Axes: F pictures, H rows, W columns, C colours.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import simplejpeg

from longlive_widget.engine.engine import Engine
from longlive_widget.timeline import Timeline
from longlive_widget.tiny.captions import caption, switch_caption
from longlive_widget.tiny.evaluate import Pictures, first_blocks, video_of
from longlive_widget.tiny.grounds import Ground
from longlive_widget.tiny.scenes import LEARNED, Scene, Vocabulary, random_change, random_scene

SAMPLES_A_GROUND = 3
BLOCKS = 8
SWITCH_BLOCK = 4
_PICTURES = 8
_JPEG_QUALITY = 92


def write_samples(
    engine: Engine, folder: Path, seed: int, vocabulary: Vocabulary = LEARNED
) -> None:
    """Write a JPEG for each ground, one video a row with a switch in the middle, and the prompts.

    The files are `<ground>.jpg` and `prompts.md`; the same model and seed give the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = {}
    for ground in vocabulary.grounds:
        rng = _draws(seed, ground)
        said[ground] = _switched_prompts(rng, ground, vocabulary)
        rows = [_row(engine, first, then, rng.randrange(2**32)) for first, then in said[ground]]
        picture = np.ascontiguousarray(np.concatenate(rows))
        jpeg = simplejpeg.encode_jpeg(picture, quality=_JPEG_QUALITY)
        (folder / f"{ground}.jpg").write_bytes(jpeg)
    (folder / "prompts.md").write_text(_page(said))


def prompts_page(seed: int, vocabulary: Vocabulary = LEARNED) -> str:
    """What `prompts.md` says beside the samples of a seed; nothing in it is written by hand."""
    grounds = vocabulary.grounds
    return _page({g: _switched_prompts(_draws(seed, g), g, vocabulary) for g in grounds})


def _page(said: Mapping[Ground, Sequence[tuple[str, str]]]) -> str:
    lines = []
    for ground, prompts in said.items():
        lines += [f"![{ground}]({ground}.jpg)", ""]
        lines += [f"{row}. {first}; then {then}" for row, (first, then) in enumerate(prompts, 1)]
        lines.append("")
    return "\n".join(lines)


def _draws(seed: int, ground: Ground) -> random.Random:
    return random.Random(f"samples {seed} {ground}")


def _switched_prompts(
    rng: random.Random, ground: Ground, vocabulary: Vocabulary
) -> list[tuple[str, str]]:
    only = replace(vocabulary, grounds=(ground,))
    return [_prompts(rng, random_scene(rng, only), vocabulary) for _ in range(SAMPLES_A_GROUND)]


def _prompts(rng: random.Random, scene: Scene, vocabulary: Vocabulary) -> tuple[str, str]:
    change = random_change(rng, scene, vocabulary)
    return caption(scene, rng), switch_caption(scene.switched(change, 1), change, rng)


def _row(engine: Engine, first: str, then: str, seed: int) -> Pictures:
    """Some pictures of a video, evenly spaced, side by side."""
    frame = SWITCH_BLOCK * engine.geometry.block_frames
    pictures = first_blocks(video_of(engine)(Timeline.of(first, (frame, then)), seed), BLOCKS)
    shown = np.linspace(0, len(pictures) - 1, _PICTURES).round().astype(int)
    return np.concatenate(list(pictures[shown]), axis=1)
