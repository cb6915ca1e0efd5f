"""The command `longlive-widget`: what the package does, without a notebook.

Each sub-command is one function, and one `_add_...` that names its options. Bad input is told in
one sentence, before any work starts. Only the commands that need torch load it.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence

from longlive_widget.cli import checkup, measure_all, measuring, records, runs, training, videos
from longlive_widget.cli.arguments import BAD_INPUT, Parser
from longlive_widget.cli.stopping import Stopped
from longlive_widget.errors import LongLiveError

SIGNALLED = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process.

    Returns:
        The exit code: 0 when all went well, 1 when `compare` found a regression, `doctor` what is
        wrong, or a part of `measure` failed, 2 for input that cannot be used, 130 after Ctrl-C, as
        for other signals 128 and the signal's number.
    """
    chosen = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int | None] = chosen.run
    try:
        return run(chosen) or 0
    except LongLiveError as error:
        print(f"longlive-widget: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as stop:
        print(f"longlive-widget: stopped, {chosen.kept}", file=sys.stderr)
        return SIGNALLED + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="longlive-widget", description="Videos that are steered while they run.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    parser.set_defaults(run=lambda _chosen: parser.print_help(), kept="nothing was written")
    for module in (videos, runs, measuring, measure_all, records, training, checkup):
        module.add_commands(commands)
    return parser
