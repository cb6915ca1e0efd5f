"""What commands share: words made into values, mistakes told in a sentence, options in common."""

import argparse
import math
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from longlive_widget.errors import (
    OutputError,
    PresetError,
    SessionError,
    choice_of,
    reachable,
    require_place,
)
from longlive_widget.presets import PRESETS, Preset, is_yaml_file, preset_named
from longlive_widget.timeline import require_seed

if TYPE_CHECKING:
    from longlive_widget.measure.record import Record

BAD_INPUT = 2
ALL = "all"
"""Said in place of the name of a preset: all that have one."""
GOES_ON = "goes on when called again"
"""What a command says of its work when it is stopped, if it keeps what it has done."""


class Parser(argparse.ArgumentParser):
    """A parser that tells a mistake in one sentence, with what there is instead."""

    def error(self, message: str) -> NoReturn:
        """Tell it, and end."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; {self.prog} --help tells all there is\n")

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Refuse here what this parser does not know: its name is that of the command."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            self.error(f"there is no {unknown[0]!r}: {choice_of(unknown[0], options)}")
        return known, unknown


def seed(text: str) -> int:
    """A seed."""
    number: int | str = text
    with suppress(ValueError):
        number = int(text)
    try:
        return require_seed(number)
    except SessionError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def size(text: str) -> tuple[int, int]:
    """Width and height, written 160x96."""
    width, _, height = text.lower().partition("x")
    try:
        return int(width), int(height)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size of pictures: write width x height, as 160x96"
        ) from error


def at_least_one(text: str) -> int:
    """A whole number from 1 up."""
    return count_from(text, least=1)


def at_least_none(text: str) -> int:
    """A whole number from 0 up."""
    return count_from(text, least=0)


def count_from(text: str, least: int) -> int:
    """A whole number from `least` up."""
    try:
        count = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from error
    if count < least:
        raise argparse.ArgumentTypeError(f"{count} is too few: use {least} or more")
    return count


def positive(text: str) -> float:
    """A number above 0."""
    number = math.nan
    with suppress(ValueError):
        number = float(text)
    if not math.isfinite(number) or number <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def percentage(text: str) -> float:
    """A share, written 5%."""
    number = math.nan
    with suppress(ValueError):
        number = float(text.removesuffix("%"))
    if not text.endswith("%") or not math.isfinite(number) or number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage from 0 on: write it as 5%")
    return number / 100


def preset_of(said: str) -> "Preset":
    """The preset of that name, or the one in that YAML file."""
    return Preset.from_yaml(Path(said)) if is_yaml_file(said) else preset_named(said)


def presets_of(said: Sequence[str] | None) -> list[Preset]:
    """The presets of all these words, as `preset_words` and `preset_of` read them.

    Raises:
        PresetError: one of them does not exist, or two that differ have one name.
    """
    presets = [preset_of(word) for word in preset_words(said)]
    settings = {preset.name: preset.changes() for preset in presets}
    for preset in presets:
        if preset.changes() != settings[preset.name]:
            raise PresetError(
                f"different presets are called {preset.name!r}, and records tell them by that: "
                "give each a name of its own, as `name: mine` in its YAML"
            )
    return presets


def preset_words(said: Sequence[str] | None) -> list[str]:
    """Names and files of presets, `all` told as the names that there are; nothing said is `all`."""
    words = said or (ALL,)
    return [one for word in words for one in (PRESETS if word == ALL else (word,))]


def given_again(chosen: argparse.Namespace, *names: str) -> list[str]:
    """Options as they were given, for another process; the size and fallbacks among them."""
    given = [f"--{name}={value}" for name in names if (value := getattr(chosen, name)) is not None]
    if chosen.size is not None:
        given.append("--size={}x{}".format(*chosen.size))
    if chosen.allow_fallback:
        given.append("--allow-fallback")
    return given


def path_to_write(path: str | None) -> Path | None:
    """The path, if a file can be written there; None if none is asked for.

    Raises:
        OutputError: its folder is missing or may not be written to, or a folder has that name.
    """
    if path is None:
        return None
    out = reachable(path)
    require_place(out, "file")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise OutputError(f"{path!r} may not be written to: choose another place")
    return out


def records_in(paths: Sequence[str]) -> "list[Record]":
    """The records of all files; what is odd about one is told in a line."""
    from longlive_widget.measure.records import read

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        records = [record for path in paths for record in read(path)]
    for warning in warned:
        print(f"longlive-widget: {warning.message}", file=sys.stderr)
    return records


def add_preset(parser: argparse.ArgumentParser) -> None:
    """The option of what runs under one preset."""
    parser.add_argument(
        "--preset",
        default="reference",
        help="settings: a name, see `presets`, or a .yaml file (default: reference)",
    )


def add_running(parser: argparse.ArgumentParser) -> None:
    """The options of whatever makes videos: of what, where, how large and with which weights."""
    add_model(parser)
    parser.add_argument(
        "--size", type=size, help="pictures as 160x96 (default: what the model is made for)"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """The options of whatever loads a model: which, where and with which weights."""
    parser.add_argument(
        "--model",
        default="tiny",
        help="tiny, longlive-1.3b, a folder, or owner/name on the model hub (default: tiny)",
    )
    parser.add_argument("--device", help="where to compute (default: cuda if there is one)")
    parser.add_argument(
        "--weights",
        choices=("trained", "random"),
        default="trained",
        help="random ones need no files, for timing: the pictures mean nothing (default: trained)",
    )
    parser.add_argument(
        "--allow-fallback",
        action="store_true",
        help="run the nearest thing where this machine lacks something, and say so",
    )
