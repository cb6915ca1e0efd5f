"""The command that looks for what is wrong on this machine."""

import argparse
import json
import sys
from typing import Any

from longlive_widget.checkup.doctor import FULL_SIZE, doctor

SICK = 1


def examine(chosen: argparse.Namespace) -> int:
    """Tell what is here and what is wrong; 1 where something needed is wrong."""
    found = doctor(chosen.model)
    print(json.dumps(found.as_json(), indent=2) if chosen.json else found)
    if chosen.page is not None:
        from longlive_widget.checkup.browser_page import write_browser_page

        print(write_browser_page(chosen.page, found), file=sys.stderr)
    return 0 if found.healthy else SICK


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Name the command of this module with its options."""
    parser = commands.add_parser("doctor", help="look for what is wrong on this machine")
    parser.set_defaults(run=examine)
    parser.add_argument(
        "--model",
        default=FULL_SIZE,
        help=f"whose files to look for, also a folder (default: {FULL_SIZE})",
    )
    parser.add_argument(
        "--page",
        metavar="FILE",
        help="also write this .html file: opened in a browser, it finds out what that can play",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
