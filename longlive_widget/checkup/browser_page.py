"""A page that finds out, opened in a browser, what that can play; it needs no network.

It shows text to paste into a report, under what was found on this machine. Loads no torch.
"""

import base64
import html
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from longlive_widget.checkup.finding import Checkup
from longlive_widget.files import whole_text_file
from longlive_widget.page_parts import data_element, page_path, standing_alone
from longlive_widget.widget.bundle import bundled
from longlive_widget.widget.frame_codec import encode_block, h264_name
from longlive_widget.widget.protocol import Codec

_SIZES_PX = ((160, 96), (832, 480))
_PICTURES = 3
_STYLE = "pre { white-space: pre-wrap; overflow-wrap: anywhere; max-height: none }\n"


def write_browser_page(path: str | Path, found: Checkup) -> Path:
    """Write the page, whole or not at all; returns where it is.

    Args:
        path: the file, ending in .html; one that cannot be written is an `OutputError`.
        found: what goes into its text above what the browser says.

    Where the page's part of the package was not built it is a `CapabilityError`.
    """
    path = page_path(path)
    body = (
        "<h1>Browser check</h1>\n",
        "<p>What this browser can do for longlive-widget. Paste it into a report: it names no "
        "user, host or folder.</p>\n",
        '<p><button id="copy" hidden>Copy</button> <span id="copied" role="status"></span></p>\n',
        f'<pre id="report">{html.escape(repr(found), quote=False)}\n'
        "<noscript>The rest needs JavaScript.</noscript></pre>\n",
        data_element("samples", [_sample(*size) for size in _SIZES_PX]),
    )
    text = standing_alone("Browser check", _STYLE, body, [bundled("browser.js")])
    with whole_text_file(path) as file:
        file.write(text)
    return path


def _sample(width_px: int, height_px: int) -> dict[str, object]:
    """Pictures of one size in each codec, base64, and what browsers call their H.264."""
    name = h264_name(width_px, height_px)
    pictures = _drawn(width_px, height_px)
    coded = [
        {"codec": codec, "pictures": [_text(one) for one in encode_block(pictures, codec)]}
        for codec in get_args(Codec)
        if codec != "h264" or name
    ]
    return {"width": width_px, "height": height_px, "h264": name, "coded": coded}


def _text(coded: bytes) -> str:
    return base64.b64encode(coded).decode()


def _drawn(width_px: int, height_px: int) -> NDArray[np.uint8]:
    """A few pictures of a slope that moves."""
    slope = np.add.outer(np.arange(height_px), np.arange(width_px))
    moved = np.stack([slope + 8 * number for number in range(_PICTURES)])
    return np.repeat(moved[..., None] % 256, 3, axis=-1).astype(np.uint8)
