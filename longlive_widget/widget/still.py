"""What stays in a saved notebook, where no widget can draw: pictures and a table."""

import html
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from longlive_widget.errors import SessionError
from longlive_widget.geometry import PICTURES_PER_SECOND, pictures_before
from longlive_widget.widget.metrics import real_time_ms
from longlive_widget.widget.protocol import BlockRecord

if TYPE_CHECKING:
    from longlive_widget.engine.session import Block

GAP_PX = 6
LINE_PX = 16
TEXT_PX = 12
GROUND, INK, RULE = "#ffffff", "#33383f", "#8a929c"
CAPTION_LINES = 3


def picture_strip(
    blocks: "Sequence[Block]", pictures: int = 8, *, width_px: int = 1200
) -> Image.Image:
    """Pictures taken evenly from `blocks`, side by side, with the prompts that steered them below.

    Each picture is the middle one of its block; its time in the video stands on it. A prompt is
    written once under all the pictures that it steered.

    Raises:
        SessionError: there is no block, or no picture is asked for.
    """
    if not blocks or pictures < 1:
        raise SessionError(
            f"a strip of {pictures} pictures from {len(blocks)} blocks is empty: make blocks first"
        )
    count = min(pictures, len(blocks))
    chosen = [blocks[index] for index in np.linspace(0, len(blocks) - 1, count).round().astype(int)]
    cell_px = (width_px - GAP_PX * (count - 1)) // count
    height, width = chosen[0].frames.shape[1:3]
    cell_px = min(cell_px, 2 * width)
    picture_px = (cell_px, round(cell_px * height / width))
    groups = [list(group) for _, group in groupby(chosen, key=lambda block: block.prompt)]
    font = ImageFont.load_default(TEXT_PX)
    captions = [
        _wrapped(g[0].prompt, font, len(g) * (cell_px + GAP_PX) - 2 * GAP_PX) for g in groups
    ]
    lines = max(len(caption) for caption in captions)
    strip_px = (
        count * (cell_px + GAP_PX) + GAP_PX,
        picture_px[1] + LINE_PX * (lines + 1) + 4 * GAP_PX,
    )
    strip = Image.new("RGB", strip_px, GROUND)
    draw = ImageDraw.Draw(strip)
    left = GAP_PX
    for group, caption in zip(groups, captions, strict=True):
        begin = left
        for block in group:
            middle = len(block.frames) // 2
            picture = Image.fromarray(block.frames[middle]).resize(
                picture_px, Image.Resampling.LANCZOS
            )
            strip.paste(picture, (left, GAP_PX))
            time_s = _time_s(block)
            draw.text((left, picture_px[1] + GAP_PX + 2), f"{time_s:.1f} s", RULE, font)
            left += cell_px + GAP_PX
        top = picture_px[1] + LINE_PX + 2 * GAP_PX
        draw.line((begin, top, left - GAP_PX - 1, top), RULE)
        draw.text((begin, top + 3), "\n".join(caption), INK, font, spacing=3)
    return strip


def beneath(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """One picture above the other."""
    width_px = max(upper.width, lower.width)
    both = Image.new("RGB", (width_px, upper.height + lower.height), GROUND)
    both.paste(upper, (0, 0))
    both.paste(lower, (0, upper.height))
    return both


def record_table(records: Sequence[BlockRecord]) -> str:
    """Blocks, rate and switches as a Markdown table; of no record it is a `SessionError`."""
    lines = [f"| {_cell(name)} | {_cell(value)} |" for name, value in summary_rows(records)]
    return "\n".join(["| | |", "|---|---|", *lines])


def summary_rows(records: Sequence[BlockRecord]) -> list[tuple[str, str]]:
    """Blocks, rate and switches, each with its name, as plain text.

    Raises:
        SessionError: there is no record.
    """
    if not records:
        raise SessionError("there is nothing to report yet: make blocks first, with run(blocks=8)")
    latencies_ms = np.array([record.latency_ms for record in records])
    presets = list(dict.fromkeys(record.preset for record in records))
    pictures = sum(record.pictures for record in records)
    rows = [
        ("blocks", f"{len(records)} ({pictures} pictures, {pictures / PICTURES_PER_SECOND:.1f} s)"),
        (
            "pictures/s",
            f"{1e3 * pictures / latencies_ms.sum():.1f} made, {PICTURES_PER_SECOND} shown",
        ),
        *(_latency(preset, records) for preset in presets),
    ]
    rows += [
        (f"block {record.block}, {_seconds(record.first_picture):.2f} s", record.landed.prompt)
        for record in records
        if record.landed is not None
    ]
    return rows


def _latency(preset: str, records: Sequence[BlockRecord]) -> tuple[str, str]:
    """What the blocks took that were made under one preset."""
    made_ms = np.array([record.latency_ms for record in records if record.preset == preset])
    return (
        f"latency of a block, {preset}",
        f"median {np.median(made_ms):.0f} ms, longest {made_ms.max():.0f} ms; "
        f"real time is {real_time_ms(records[-1]):.0f} ms",
    )


def _seconds(picture: int) -> float:
    return picture / PICTURES_PER_SECOND


def _time_s(block: "Block") -> float:
    return _seconds(pictures_before(block.latent_frame) + len(block.frames) // 2)


def _cell(prompt: str) -> str:
    """A prompt as plain text in a Markdown table: nothing in it is markup."""
    escaped = html.escape(" ".join(prompt.split()), quote=False)
    return "".join(
        f"&#{ord(mark)};" if mark in "\\`*_{}[]()#+-!|~$:@" else mark for mark in escaped
    )


def _wrapped(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int
) -> list[str]:
    """The text in at most `CAPTION_LINES` lines of `width_px`; an ellipsis says that it goes on."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < CAPTION_LINES:
        count = 1
        while count < len(words) and font.getlength(" ".join(words[: count + 1])) <= width_px:
            count += 1
        lines.append(" ".join(words[:count]))
        words = words[count:]
    if words:
        lines[-1] += " …"
    return lines
