"""What stays in a saved notebook, where no widget can draw: pictures and a table."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
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
    from longlive_widget.measure.chart import Chart
    from longlive_widget.runs.recording import RecordedBlock

GAP_PX = 6
LINE_PX = 16
TEXT_PX = 12
GROUND, INK, RULE = "#ffffff", "#33383f", "#8a929c"
CAPTION_LINES = 3
WIDTH_PX = 1200
PNG_BYTES = 300_000
JPEG_QUALITY = 80


def picture_strip(
    blocks: "Sequence[Block | RecordedBlock]", pictures: int = 8, *, width_px: int = WIDTH_PX
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


def beneath(*pictures: Image.Image) -> Image.Image:
    """Pictures one above the other."""
    size_px = max(one.width for one in pictures), sum(one.height for one in pictures)
    whole, top = Image.new("RGB", size_px, GROUND), 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    return whole


def picture_of(chart: "Chart") -> Image.Image:
    """A chart as it stays in a notebook."""
    return Image.open(BytesIO(chart.png()))


def table_picture(rows: Sequence[tuple[str, str]], width_px: int = WIDTH_PX) -> Image.Image:
    """Names and what is said of each, as a picture of two columns."""
    font = ImageFont.load_default(TEXT_PX)
    name_px = max((round(font.getlength(name)) + 4 * GAP_PX for name, _ in rows if name), default=0)
    name_px = min(name_px, width_px // 2)
    cells = [
        (
            _wrapped(name, font, name_px - 4 * GAP_PX),
            _wrapped(said, font, width_px - name_px - 2 * GAP_PX),
        )
        for name, said in rows
    ]
    heights = [LINE_PX * max(map(len, row)) + GAP_PX for row in cells]
    table = Image.new("RGB", (width_px, sum(heights) + GAP_PX), GROUND)
    draw = ImageDraw.Draw(table)
    top = GAP_PX
    for (name_lines, said_lines), height in zip(cells, heights, strict=True):
        draw.text((GAP_PX, top), "\n".join(name_lines), RULE, font, spacing=3)
        draw.text((GAP_PX + name_px, top), "\n".join(said_lines), INK, font, spacing=3)
        top += height
    return table


def report_output(
    pictures: Sequence[Image.Image], rows: Sequence[tuple[str, str]], width_px: int = WIDTH_PX
) -> dict[str, str]:
    """One output of a notebook: pictures with the rows below, and the rows in words.

    The rows are drawn too: of what a notebook may show of others, a picture alone shows everywhere.
    It is a PNG, or a JPEG in its full colours where that would take more than `PNG_BYTES`.
    """
    kind, coded = _coded(beneath(*pictures, table_picture(rows, width_px)))
    return {
        kind: b64encode(coded).decode("ascii"),
        "text/plain": "\n".join(f"{name}: {said}" for name, said in rows),
    }


def _coded(picture: Image.Image) -> tuple[str, bytes]:
    """What its bytes are, and they themselves."""
    png, jpeg = BytesIO(), BytesIO()
    picture.save(png, "PNG")
    if len(png.getvalue()) <= PNG_BYTES:
        return "image/png", png.getvalue()
    picture.save(jpeg, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return "image/jpeg", jpeg.getvalue()


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
    return rows + landing_rows(records)


def _latency(preset: str, records: Sequence[BlockRecord]) -> tuple[str, str]:
    """What the blocks took that were made under one preset."""
    made_ms = [record.latency_ms for record in records if record.preset == preset]
    return latency_row(preset, made_ms, real_time_ms(records[-1]))


def latency_row(name: str, made_ms: Sequence[float], shown_ms: float) -> tuple[str, str]:
    """What blocks took that are shown for `shown_ms` each."""
    return (
        f"latency of a block, {name}",
        f"median {np.median(made_ms):.0f} ms, longest {max(made_ms):.0f} ms; "
        f"real time is {shown_ms:.0f} ms",
    )


def landing_rows(records: Sequence[BlockRecord]) -> list[tuple[str, str]]:
    """The prompts that have landed and what they were taken as, each with its block and time."""
    return [
        (
            f"block {record.block}, {_seconds(record.first_picture):.2f} s",
            f"{record.landed.prompt}{_taken(record)}",
        )
        for record in records
        if record.landed is not None
    ]


def _taken(record: BlockRecord) -> str:
    """What a prompt was taken as, where it left something unsaid or was not understood, as words.

    The page says it likewise under a player (`receipt.ts`).
    """
    if record.alone:
        return "; taken as it stands, without what was said before"
    return f"; taken as “{record.in_full}”" if record.in_full else ""


def _seconds(picture: int) -> float:
    return picture / PICTURES_PER_SECOND


def _time_s(block: "Block | RecordedBlock") -> float:
    return _seconds(pictures_before(block.latent_frame) + len(block.frames) // 2)


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
