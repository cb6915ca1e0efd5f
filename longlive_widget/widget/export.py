"""A run as one HTML file: video, timeline, charts and manifest, with no kernel and no network.

All that is said in it is text, never markup, and it may load nothing. No torch.
"""

import base64
import html
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray

from longlive_widget.engine.growing_video import GrowingVideoFile
from longlive_widget.errors import SessionError
from longlive_widget.files import whole_text_file
from longlive_widget.page_parts import data_element, page_path, standing_alone
from longlive_widget.presets import Preset
from longlive_widget.runs.manifest import Manifest
from longlive_widget.widget.bundle import bundled
from longlive_widget.widget.cell import run_code
from longlive_widget.widget.frame_codec import is_small
from longlive_widget.widget.still import summary_rows
from longlive_widget.widget.tape import records_of, state_of

_START = b"\0\0\0\1"

_STYLE = """.plain { width: 100%; image-rendering: pixelated }
"""


def write_page(path: str | Path, run: Manifest, blocks: Iterable[NDArray[np.uint8]]) -> Path:
    """Write a run to an HTML file that needs nothing else, whole or not at all; returns where.

    Args:
        path: the file, ending in .html; a place where no page can be, or a full disk, is an
            `OutputError`.
        run: the manifest of these blocks.
        blocks: the pictures of each, uint8 RGB, `[F, H, W, 3]`.
    """
    path = page_path(path)
    text = _page(run, blocks)
    with whole_text_file(path) as file:
        file.write(text)
    return path


def _page(run: Manifest, blocks: Iterable[NDArray[np.uint8]]) -> str:
    with TemporaryDirectory() as folder:
        video = Path(folder) / "video.mp4"
        _write_video(video, run, blocks)
        said, mp4 = _told(run, video), video.read_bytes()
    plotly = (
        f"const module = {{ exports: {{}} }};\n{bundled('plotly.js')}\n"
        "window.longlivePlotly = Promise.resolve(module.exports);"
    )
    scripts = [plotly, bundled("page.js")]
    manifest = html.escape(run.text(), quote=False)
    title = f"{run.maker.model}, {run.maker.preset.name}, seed {run.seed}"
    body = (
        f"<h1>{html.escape(title)}</h1>\n",
        '<div id="player"><noscript>The player needs JavaScript.</noscript></div>\n',
        f"<h2>What was made</h2>\n{_table(_facts(run))}\n",
        f'<p><button id="save-video" hidden>Save the video ({_size(mp4)})</button></p>\n',
        f"<h2>How to make it again</h2>\n{_replaying(run)}\n",
        "<h2>The manifest</h2>\n",
        '<p><button id="save-manifest" hidden>Save it as run.json</button></p>\n',
        "<details><summary>What made the video, what steered it, and a hash of each picture"
        f'</summary>\n<pre id="manifest">{manifest}</pre></details>\n',
        data_element("run", said),
        f'<script type="text/plain" id="video">{base64.b64encode(mp4).decode()}</script>\n',
    )
    return standing_alone(title, _STYLE + bundled("widget.css"), body, scripts)


def _write_video(path: Path, run: Manifest, blocks: Iterable[NDArray[np.uint8]]) -> None:
    """The video as any browser shows it; small pictures twice as large, to keep their colours."""
    size = run.geometry
    times = 2 if is_small(size.width_px, size.height_px) else 1
    video = GrowingVideoFile(path, times * size.width_px, times * size.height_px)
    try:
        for frames in blocks:
            video.append(frames.repeat(times, axis=1).repeat(times, axis=2))
        video.close()
    except BaseException:
        video.abandon()
        raise


def _told(run: Manifest, video: Path) -> dict[str, object]:
    """What the page's script is told: the state, the records, and where in the video they lie."""
    with av.open(str(video)) as file:
        stream = file.streams.video[0]
        description = stream.codec_context.extradata or b""
        packets = [(p.pos, p.size) for p in file.demux(stream) if p.size]
    places, at = [], 0
    for line in run.blocks:
        its = packets[at : at + len(line.pictures)]
        at += len(its)
        offsets, lengths = ([packet[part] for packet in its] for part in (0, 1))
        places.append({"block": line.block, "offsets": offsets, "lengths": lengths})
    state = replace(state_of(run), h264=f"avc1.{description[1:4].hex()}", codec="h264")
    return {
        "state": asdict(state),
        "records": [asdict(record) for record in records_of(run)],
        "places": places,
        "parameters": base64.b64encode(b"".join(_parameter_sets(description))).decode(),
    }


def _parameter_sets(description: bytes) -> Iterator[bytes]:
    """What a decoder needs before a video, out of its description in an MP4 file.

    Source: ISO/IEC 14496-15, AVCDecoderConfigurationRecord.
    """
    at = 5
    for mask in (0x1F, 0xFF):  # how many there are of the first kind, and of the second
        count, at = description[at] & mask, at + 1
        for _ in range(count):
            length = int.from_bytes(description[at : at + 2])
            yield _START + description[at + 2 : at + 2 + length]
            at += 2 + length


def _facts(run: Manifest) -> Iterator[tuple[str, str]]:
    maker, size = run.maker, run.geometry
    yield "made", f"{run.time:%Y-%m-%d %H:%M} UTC on {maker.machine.device}"
    yield "model", maker.model + (", with random weights" if maker.weights == "random" else "")
    yield "preset", _preset(maker.preset)
    for turn in run.presets:
        yield f"preset from block {turn.block}", _preset(turn.preset)
    yield "pictures", f"{size.width_px} x {size.height_px}, seed {run.seed}"
    yield from (("instead", told) for told in run.fallbacks)
    yield from summary_rows(tuple(records_of(run)))


def _preset(preset: Preset) -> str:
    return ": ".join(filter(None, (preset.name, preset.summary)))


def _replaying(run: Manifest) -> str:
    maker = run.maker
    versions = maker.versions
    commit = f", commit {maker.commit.name[:12]}" if maker.commit else ""
    told = (
        f"longlive-widget {versions.package}{commit} with Python {versions.python}, torch "
        f"{versions.torch}, on {maker.machine.device} ({maker.machine.device_type})"
    )
    return (
        f"<p>It was made by {html.escape(told)}. Save the manifest, and have it made again; each "
        "picture is compared with its hash:</p>\n"
        "<pre>longlive-widget replay run.json --out again.mp4</pre>"
        f"{_cell(run)}"
    )


def _cell(run: Manifest) -> str:
    """The cell that goes on with it, if one can say it."""
    try:
        code = run_code(run)
    except SessionError:
        return ""
    return (
        "<p>To steer it another way, paste this into a cell of a notebook:</p>"
        f'<pre id="cell">{html.escape(code, quote=False)}</pre>'
    )


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>\n"
        for name, value in rows
    )
    return f"<table>\n{cells}</table>"


def _size(content: bytes) -> str:
    return f"MP4, {len(content) / 1e6:.1f} MB"
