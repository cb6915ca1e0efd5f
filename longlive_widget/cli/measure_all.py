"""The command that measures all that the table of presets says, in one go.

Each part is another command in a process of its own, so that nothing of one is left for the next.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args

from longlive_widget.cli.arguments import (
    add_running,
    at_least_none,
    at_least_one,
    given_again,
    path_to_write,
    preset_words,
    presets_of,
    seed,
    size,
)

Part = Literal["presets", "long", "starts", "profiles", "rounding"]
FAILED = 1
_LONG_SWITCHES = 10
_PROFILED = 8


def measure(chosen: argparse.Namespace) -> int:
    """Run all parts that are asked for; 1 if one of them failed, the others run all the same."""
    path_to_write(chosen.out)
    presets_of([*preset_words(chosen.preset), chosen.of])
    failed = []
    for name, words in _commands(chosen):
        print(f"{name}: longlive-widget {' '.join(words)}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "longlive_widget", *words]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"longlive-widget: these failed: {', '.join(failed)}", file=sys.stderr)
    return FAILED if failed else 0


def _commands(chosen: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """What each command is called here, and its words."""
    rows = preset_words(chosen.preset)
    presets, of = [f"--preset={row}" for row in rows], f"--preset={chosen.of}"
    given, out = given_again(chosen, "model", "device", "weights", "seed"), f"--out={chosen.out}"
    counts = [f"--{name}={getattr(chosen, name)}" for name in ("blocks", "switches", "turns")]
    long = [f"--blocks={chosen.long_blocks}", f"--switches={_LONG_SWITCHES}", "--turns=1"]
    wanted = chosen.only or get_args(Part)
    if "presets" in wanted:
        yield "presets", ["benchmark", *presets, *counts, *given, out]
    if "long" in wanted:
        yield f"{chosen.long_blocks} blocks", ["benchmark", of, *long, *given, out]
    if "starts" in wanted:
        yield "starts", ["startup", of, *given, out]
    if "profiles" in wanted:
        for row, preset in zip(rows, presets, strict=True):
            words = [preset, f"--iterations={_PROFILED}", *given, f"--records={chosen.out}"]
            yield f"profile of {row}", ["profile", *words]
    if "rounding" in wanted:
        at_px = chosen.rounding_size
        smaller = [] if at_px is None else ["--size={}x{}".format(*at_px)]
        yield "rounding", ["rounding", *presets, *given, *smaller, out]


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Name the command with its options."""
    parser = commands.add_parser(
        "measure", help="measure all that the table of presets says, one command after the other"
    )
    parser.set_defaults(run=measure)
    parser.add_argument(
        "--preset",
        action="append",
        help="a row: name, YAML file, or all that have a name (`all`); may be repeated "
        "(default: all)",
    )
    add_running(parser)
    parser.add_argument(
        "--only",
        action="append",
        choices=get_args(Part),
        help="a part of it; may be repeated (default: every one)",
    )
    parser.add_argument(
        "--of",
        default="balanced",
        help="the preset of the long run and of the starts (default: balanced)",
    )
    parser.add_argument(
        "--blocks", type=at_least_one, default=18, help="steady ones a row (default: 18)"
    )
    parser.add_argument("--switches", type=at_least_none, default=6, help="of each (default: 6)")
    parser.add_argument("--turns", type=at_least_one, default=3, help="that rows take (default: 3)")
    parser.add_argument(
        "--long-blocks",
        type=at_least_one,
        default=300,
        help=f"of the long run, which has {_LONG_SWITCHES} switches (default: 300)",
    )
    parser.add_argument(
        "--rounding-size",
        type=size,
        help="pictures of rounding, which has the model a second time in float32 (default: --size)",
    )
    parser.add_argument("--seed", type=seed, default=0, help="the noise (default: 0)")
    parser.add_argument("--out", required=True, help="a file of records to add to")
