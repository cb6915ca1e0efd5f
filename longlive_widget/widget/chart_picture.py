"""Where the time of each block went, as a picture: for what shows neither scripts nor styles.

`figures.parts_figure` is the same chart where Plotly runs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from longlive_widget.errors import SessionError
from longlive_widget.widget.figures import RULE, SWITCH_COLOUR, part_colour, stack
from longlive_widget.widget.metrics import real_time_ms
from longlive_widget.widget.protocol import BlockRecord
from longlive_widget.widget.still import GROUND, INK

HEIGHT_PX = 260
TEXT_PX = 12
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 52, 72, 28, 36
FEWEST_BLOCKS = 8
MOST_TICKS = 12
GRID = "#e4e7eb"


@dataclass(frozen=True)
class _Plot:
    """Where blocks and milliseconds lie in the picture."""

    first: int
    blocks: int
    top_ms: float
    width_px: int

    @property
    def bottom_px(self) -> int:
        return HEIGHT_PX - BOTTOM_PX

    @property
    def right_px(self) -> int:
        return self.width_px - RIGHT_PX

    def x_px(self, block: float) -> float:
        return LEFT_PX + (block - self.first) * (self.right_px - LEFT_PX) / self.blocks

    def y_px(self, ms: float) -> float:
        return self.bottom_px - ms * (self.bottom_px - TOP_PX) / self.top_ms


def parts_picture(records: Sequence[BlockRecord], *, width_px: int = 1200) -> Image.Image:
    """A bar for each block, of the parts that its time went to, with switches and real time.

    Of no record it is a `SessionError`.
    """
    if not records:
        raise SessionError("there is nothing to draw yet: make blocks first, with run(blocks=8)")
    limit_ms = real_time_ms(records[-1])
    highest_ms = max(sum(stack(record).values()) for record in records)
    first, last = records[0].block, records[-1].block
    plot = _Plot(
        first=first,
        blocks=max(FEWEST_BLOCKS, last - first + 1),
        top_ms=1.08 * max(highest_ms, limit_ms),
        width_px=width_px,
    )
    picture = Image.new("RGB", (width_px, HEIGHT_PX), GROUND)
    draw = ImageDraw.Draw(picture)
    _draw_scale(draw, plot)
    for record in records:
        _draw_bar(draw, plot, record)
    _draw_dashes(draw, (LEFT_PX, plot.right_px), plot.y_px(limit_ms))
    _label(draw, (plot.right_px + 6, plot.y_px(limit_ms)), "real time", INK, "lm")
    _draw_legend(draw, records)
    return picture


def beneath(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """One picture above the other."""
    width_px = max(upper.width, lower.width)
    both = Image.new("RGB", (width_px, upper.height + lower.height), GROUND)
    both.paste(upper, (0, 0))
    both.paste(lower, (0, upper.height))
    return both


def _draw_scale(draw: ImageDraw.ImageDraw, plot: _Plot) -> None:
    for ms in _ticks(plot.top_ms, 5):
        y = plot.y_px(ms)
        draw.line((LEFT_PX, y, plot.right_px, y), GRID)
        _label(draw, (LEFT_PX - 6, y), f"{ms:g}", RULE, "rm")
    for block in _ticks(plot.blocks - 1, MOST_TICKS):
        if block == int(block):
            at = plot.first + int(block)
            _label(draw, (plot.x_px(at + 0.5), plot.bottom_px + 4), str(at), RULE, "mt")
    middle = (LEFT_PX + plot.right_px) / 2
    _label(draw, (middle, HEIGHT_PX - 3), "block", RULE, "mb")
    _label(draw, (4, 6), "where the time of each block goes, ms", INK, "lt")


def _draw_bar(draw: ImageDraw.ImageDraw, plot: _Plot, record: BlockRecord) -> None:
    left, right = plot.x_px(record.block + 0.1), plot.x_px(record.block + 0.9)
    below_ms = 0.0
    for name, ms in stack(record).items():
        top, bottom = round(plot.y_px(below_ms + ms)), round(plot.y_px(below_ms))
        below_ms += ms
        if top < bottom:
            draw.rectangle((left, top, max(left, right - 1), bottom - 1), part_colour(name))
    if record.landed is not None and record.block > plot.first:
        x = plot.x_px(record.block)
        draw.line((x, TOP_PX, x, plot.bottom_px), SWITCH_COLOUR, 2)


def _draw_dashes(draw: ImageDraw.ImageDraw, between: tuple[int, int], y: float) -> None:
    for x in range(between[0], between[1], 10):
        draw.line((x, y, min(x + 5, between[1]), y), INK)


def _draw_legend(draw: ImageDraw.ImageDraw, records: Sequence[BlockRecord]) -> None:
    names = dict.fromkeys(name for record in records for name in stack(record))
    entries = [*((name, part_colour(name)) for name in names), ("switch", SWITCH_COLOUR)]
    x = 250.0
    for name, colour in entries:
        draw.rectangle((x, 8, x + 9, 17), colour)
        _label(draw, (x + 14, 6), name, INK, "lt")
        x += 28 + _FONT.getlength(name)


def _ticks(most: float, count: int) -> Iterator[float]:
    """At most so many round numbers from 0 to `most`."""
    rough = max(most, 1e-9) / count
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    yield from (index * step for index in range(int(most / step) + 1))


_FONT = ImageFont.load_default(TEXT_PX)


def _label(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, colour: str, anchor: str
) -> None:
    draw.text(at, text, colour, _FONT, anchor=anchor)
