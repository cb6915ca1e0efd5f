"""Draws the pictures of these documents with `tiny`: python docs/pictures/draw.py."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from longlive_widget import Engine, LongLiveWidget, Timeline, Variations
from longlive_widget.widget.still import picture_strip

HERE = Path(__file__).parent
SCALE, EVERY, PICTURE_MS = 3, 2, 125
TIMELINE = Timeline.of(
    "a big red ball bounces on a white background",
    (24, "a big yellow star circles under a night sky with stars"),
)


def main() -> None:
    """Two clips, two strips of pictures, and two charts."""
    samples = Image.open(HERE.parent / "tiny" / "samples" / "black.jpg")
    first_row = (0, 0, samples.width, samples.height // 3)
    samples.crop(first_row).save(HERE / "sample.jpg", quality=90)
    engine = Engine.load("tiny")
    studio = LongLiveWidget(engine, timeline=TIMELINE, seed=1)
    studio.run(blocks=16)
    picture_strip(studio.blocks[5:13]).save(HERE / "strip.png")
    for name in ("window", "parts"):
        (HERE / f"{name}.png").write_bytes(studio.figure(name).png())
    draw_clip("clip.webp", studio.frames, SCALE)
    variations = Variations(engine, TIMELINE, seeds=4)
    variations.run(blocks=12)
    draw_clip("grid.webp", variations.frames, 2)


def draw_clip(name: str, frames: NDArray[np.uint8], scale: int) -> None:
    """Write pictures as a clip that goes round and round."""
    height, width = frames.shape[1:3]
    size = (scale * width, scale * height)
    first, *others = (Image.fromarray(one).resize(size) for one in frames[::EVERY])
    first.save(
        HERE / name, save_all=True, append_images=others, duration=PICTURE_MS, loop=0, quality=70
    )


if __name__ == "__main__":
    main()
