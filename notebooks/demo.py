"""Run the quickstart from end to end: leaves demo/quickstart.html and demo/quickstart.mp4.

The report is one file that needs no network: the lesson, its pictures, the video, the chart.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from plotly import io as plotly_io
from tqdm import tqdm

NOTEBOOK = Path(__file__).with_name("01_quickstart.ipynb")
FOLDER = Path(__file__).parents[1] / "demo"
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
CELL_TIMEOUT_S = 600
PROGRESS = "{desc} {bar:24} {n_fmt} of {total_fmt} cells, {elapsed}{postfix}"

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>longlive-widget: quickstart</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
pre { background: light-dark(#f4f4f6, #24242a); padding: .6rem .9rem; white-space: pre-wrap; }
img, video { max-width: 100%; }
video { width: 40rem; image-rendering: pixelated; }
table { border-collapse: collapse; }
td, th { padding: .2rem .8rem; border-bottom: 1px solid #8885; text-align: left; }
.prompt, .anchor-link { display: none; }
</style>
<!-- the notebook -->
</html>
"""


def main() -> int:
    """Run the notebook, write the report, tell the rate.

    Returns:
        The exit code: 1 when a cell failed; then no report is written.
    """
    started_s = time.perf_counter()
    FOLDER.mkdir(exist_ok=True)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    try:
        execute(notebook)
    except CellExecutionError as error:
        print(f"a cell of {NOTEBOOK.name} failed:\n{error}", file=sys.stderr)
        return 1
    (FOLDER / "quickstart.html").write_text(report(notebook), encoding="utf-8")
    print(*(line for line in printed_lines(notebook) if "pictures/s" in line), sep="\n")
    print("demo/quickstart.html   the report: pictures, video, latency of each block")
    print("demo/quickstart.mp4    the video")
    print(f"in {time.perf_counter() - started_s:.0f} s")
    return 0


def execute(notebook: NotebookNode) -> None:
    """Run all cells in `demo/`; a bar tells the cells and the blocks that are done."""
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    with tqdm(total=cells, desc="quickstart", bar_format=PROGRESS) as bar:
        _WatchedClient(
            notebook,
            bar,
            timeout=CELL_TIMEOUT_S,
            resources={"metadata": {"path": str(FOLDER)}},
            extra_arguments=["--log-level=ERROR"],
        ).execute()


class _WatchedClient(NotebookClient):
    """Runs a notebook, and moves a bar on as its cells end and its widgets send blocks."""

    def __init__(self, notebook: NotebookNode, bar: "tqdm[Any]", **settings: object) -> None:
        super().__init__(notebook, on_cell_executed=self._cell_executed, **settings)
        self.bar = bar
        self.blocks = 0

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> object:
        if msg["msg_type"] == "comm_msg":
            self._told(msg["content"]["data"].get("content"))
        return super().process_message(msg, cell, cell_index)

    def _told(self, message: object) -> None:
        if isinstance(message, dict) and message.get("type") == "block":
            self.blocks += 1
            self.bar.set_postfix_str(f"{self.blocks} blocks")

    def _cell_executed(self, **_told: object) -> None:
        self.bar.update()


def report(notebook: NotebookNode) -> str:
    """The executed notebook as one page that loads nothing from elsewhere."""
    notebook.metadata.pop("widgets", None)
    with_script = True
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [output for output in cell.outputs if _stays(output)]
        for output in cell.outputs:
            data = output.get("data", {})
            if PLOTLY in data:
                data["text/html"] = _chart(data.pop(PLOTLY), with_script=with_script)
                with_script = False
    body, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    return PAGE.replace("<!-- the notebook -->", body)


def _stays(output: NotebookNode) -> bool:
    """Whether the output says something without a kernel: neither progress nor a widget does."""
    if output.output_type == "stream":
        return output.name != "stderr"
    data = output.get("data", {})
    return bool(data) and WIDGET not in data


def _chart(figure: NotebookNode, *, with_script: bool) -> str:
    chart = plotly_io.from_json(json.dumps(figure), skip_invalid=True)
    return plotly_io.to_html(chart, full_html=False, include_plotlyjs=with_script)


def printed_lines(notebook: NotebookNode) -> list[str]:
    """Every line that the cells have printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(out["text"] for out in outputs if out.get("name") == "stdout").splitlines()


if __name__ == "__main__":
    sys.exit(main())
