"""The commands that read records: what changed, which preset to take, and the log."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longlive_widget.cli.arguments import path_to_write, percentage, positive, records_in
from longlive_widget.errors import CapabilityError, RecordError, reachable, require_place
from longlive_widget.files import write_whole

if TYPE_CHECKING:
    import torch

    from longlive_widget.presets import Preset

REGRESSED = 1


def recommend(chosen: argparse.Namespace) -> None:
    """Say which preset to take, by what records tell; without any, which to start with here."""
    if not chosen.records:
        _start(chosen)
        return
    from longlive_widget.measure.recommend import UNSEEN_DB, Limits, candidates_in, recommend

    memory = None if chosen.memory is None else chosen.memory * 1e9
    worst_db = UNSEEN_DB if chosen.no_visible_loss else chosen.worst_db
    limits = Limits(chosen.rate, memory, worst_db)
    found = recommend(candidates_in(records_in(chosen.records), model=chosen.model), limits)
    if chosen.json:
        print(json.dumps(found.as_json(), indent=2))
        return
    for candidate in found.candidates:
        mark = "*" if candidate in found.front else " "
        print(f"{mark} {candidate.name:<12}{candidate}")
    print("* is beaten by no other in time, memory and picture at once")
    print(found.sentence)


def _start(chosen: argparse.Namespace) -> None:
    """Say which preset to start with on this machine: none was measured."""
    from longlive_widget.engine.engine import checked_device
    from longlive_widget.engine.memory import room_bytes
    from longlive_widget.engine.official import longlive_sizes
    from longlive_widget.engine.source import HubSource, source_of
    from longlive_widget.engine.starting import Place, start_in

    if chosen.no_visible_loss or any((chosen.rate, chosen.memory, chosen.worst_db)):
        raise RecordError(
            "what keeps to a limit is measured, and there are no records: run `longlive-widget "
            "benchmark --preset all --out records.jsonl`, and give that file"
        )
    source, device = source_of(chosen.model or "tiny"), checked_device(None)
    sizes = longlive_sizes() if isinstance(source, HubSource) else source.sizes  # fetches nothing
    place = Place(sizes, source.dtype, device, room_bytes(device))
    start = start_in(place, lambda preset: _lack(preset, device))
    print(json.dumps(asdict(start), indent=2) if chosen.json else start.sentence)


def _lack(preset: "Preset", device: "torch.device") -> str:
    """Why a preset cannot run there, memory aside; "" if it can."""
    from longlive_widget.engine.capability import within_reach

    try:
        within_reach(preset, device, allow_fallback=False)
    except CapabilityError as error:
        return str(error)
    return ""


def log(chosen: argparse.Namespace) -> None:
    """Write the optimisation log from records."""
    from longlive_widget.measure.decision import decisions_in
    from longlive_widget.measure.log import log_page
    from longlive_widget.measure.series import scale_figures

    out = path_to_write(chosen.out)
    charts = None if chosen.charts is None else reachable(chosen.charts)
    if charts is not None:
        require_place(charts / "chart.svg", "file")
    decisions = decisions_in(Path(chosen.decisions)) if chosen.decisions else {}
    form = log_page
    if out is not None and out.suffix == ".html":
        from longlive_widget.measure.log_html import log_html as form
    records = records_in(chosen.records)
    written = form(records, decisions=decisions)
    if charts is not None:
        for name, figure, words in scale_figures(records):
            write_whole(charts / f"{name}.svg", figure.svg(words))
    if out is None:
        print(written, end="")
        return
    write_whole(out, written.encode())
    print(out)


def compare(chosen: argparse.Namespace) -> int:
    """Compare two files of records; 1 where something is worse by more than was allowed."""
    from longlive_widget.measure.compare import compare
    from longlive_widget.measure.verdict import as_json, as_lines

    before, after = records_in([chosen.before]), records_in([chosen.after])
    found = compare(before, after, regression=chosen.regression)
    print(json.dumps(as_json(found), indent=2) if chosen.json else "\n".join(as_lines(found)))
    return REGRESSED if found.regressions else 0


def _add_recommend(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("recommend", help="say which preset to take, by records")
    parser.set_defaults(run=recommend)
    parser.add_argument(
        "records",
        nargs="*",
        help="files that benchmark and likeness have written; without one: what to start with here",
    )
    parser.add_argument(
        "--model",
        help="whose benchmarks, where the files have several; without a file the model to start "
        "(default: tiny)",
    )
    parser.add_argument(
        "--rate", type=positive, help="pictures a second at least (default, if nothing: 16)"
    )
    parser.add_argument("--memory", type=positive, metavar="GB", help="of the device at most")
    parser.add_argument(
        "--worst-db",
        type=positive,
        metavar="DB",
        help="PSNR at least of the worst block, against the reference from one history",
    )
    parser.add_argument(
        "--no-visible-loss", action="store_true", help="the PSNR at which no difference is seen"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")


def _add_log(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("log", help="write the optimisation log from records")
    parser.set_defaults(run=log)
    parser.add_argument(
        "records", nargs="+", help="files that benchmark, ablate and likeness have written"
    )
    parser.add_argument(
        "--decisions",
        metavar="FILE",
        help="YAML, `preset: what a person decided` or `preset: {decision: what, reason: why}`, "
        "over the rules",
    )
    parser.add_argument(
        "--out",
        help="the file to write: Markdown, or with charts if it ends in .html",
    )
    parser.add_argument(
        "--charts",
        metavar="FOLDER",
        help="where to write the charts of scale too, an SVG file each",
    )


def _add_compare(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("compare", help="tell whether one file of records is worse")
    parser.set_defaults(run=compare)
    parser.add_argument("before", metavar="A", help="the records to compare with")
    parser.add_argument("after", metavar="B", help="those that may be worse")
    parser.add_argument(
        "--regression",
        type=percentage,
        default=0.05,
        metavar="PERCENT",
        help="exit with 1 where times, memory or errors of pictures grew by more, or their SSIM "
        "fell by more (default: 5%%)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Name the commands of this module with their options."""
    _add_recommend(commands)
    _add_log(commands)
    _add_compare(commands)
