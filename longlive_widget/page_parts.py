"""What pages that stand alone have in common: their style, their policy, and data in them.

Such a page needs no kernel and no network. All that is said in it is text, never markup.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from longlive_widget.errors import OutputError, reachable, require_place

SUFFIX = ".html"
STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 1.5rem auto; padding: 0 1rem;
  background: light-dark(#fff, #16181b); color: light-dark(#24282d, #e2e5e9) }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem }
table { border-collapse: collapse }
td { padding: .15rem 1rem .15rem 0; vertical-align: top; border-bottom: 1px solid #8884 }
td:first-child { white-space: nowrap }
td:last-child { overflow-wrap: anywhere }
pre { background: light-dark(#f1f2f4, #25292e); padding: .7rem; overflow: auto; max-height: 30rem }
button { font: inherit; padding: .3rem .8rem }
"""


def page_path(path: str | Path) -> Path:
    """The path of a page to write, with ~ written out.

    Raises:
        OutputError: it does not end in .html, or no file can be there.
    """
    path = reachable(path)
    if path.suffix.lower() != SUFFIX:
        raise OutputError(f"{str(path)!r} does not end in {SUFFIX}: call it '{path.stem}{SUFFIX}'")
    require_place(path, "page")
    return path


def standing_alone(title: str, style: str, body: Iterable[str], scripts: Sequence[str]) -> str:
    """A page that loads nothing and runs these scripts only, at its end.

    `title`, which the browser shows above the page, is text; `style` and `body` are markup.
    """
    said = html.escape(title)
    return "".join(
        (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">\n',
            '<meta name="viewport" content="width=device-width">\n',
            f"<title>{said}</title>\n<style>{STYLE}{style}</style>",
            "</head>\n<body>\n",
            *body,
            *(f"<script>{script}</script>\n" for script in scripts),
            "</body></html>\n",
        )
    )


def _policy(scripts: Iterable[str]) -> str:
    """Only these scripts run, and nothing is loaded. Plotly styles elements one by one."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; media-src blob:; base-uri 'none'; form-action 'none'"
    )


def data_element(name: str, said: object) -> str:
    """Values for a page's script, as JSON that ends no element."""
    text = json.dumps(said, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'
