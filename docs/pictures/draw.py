"""Draws the pictures of these documents with `tiny`: python docs/pictures/draw.py."""

from pathlib import Path

from PIL import Image

from longlive_widget import Engine, LongLiveWidget, Timeline
from longlive_widget.widget.still import picture_strip

HERE = Path(__file__).parent
SCALE, EVERY, PICTURE_MS = 3, 2, 125
TIMELINE = Timeline.of(
    "a big red ball bounces on a white background",
    (24, "a big yellow star circles under a night sky with stars"),
)


def main() -> None:
    """A clip, a strip of pictures, and two charts."""
    studio = LongLiveWidget(Engine.load("tiny"), timeline=TIMELINE, seed=1)
    studio.run(blocks=16)
    picture_strip(studio.blocks[5:13]).save(HERE / "strip.png")
    for name in ("window", "parts"):
        (HERE / f"{name}.png").write_bytes(studio.figure(name).png())
    height, width = studio.frames.shape[1:3]
    size = (SCALE * width, SCALE * height)
    first, *others = (Image.fromarray(one).resize(size) for one in studio.frames[::EVERY])
    first.save(
        HERE / "clip.webp", save_all=True, append_images=others, duration=PICTURE_MS, loop=0,
        quality=70,
    )  # fmt: skip


if __name__ == "__main__":
    main()
