"""The commands that make videos, and that list what they can be made with."""

import argparse
import math
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from longlive_widget.cli.arguments import (
    add_preset,
    add_running,
    path_to_write,
    preset_of,
    records_in,
    seed,
)
from longlive_widget.cli.stopping import stopped_in_order
from longlive_widget.errors import OutputError, TimelineError, reachable
from longlive_widget.geometry import PICTURES_PER_SECOND, Geometry, pictures_before
from longlive_widget.presets import PRESETS
from longlive_widget.presets_page import page
from longlive_widget.runs.manifest import picture_hashes
from longlive_widget.timeline import Timeline

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.session import Block
    from longlive_widget.runs.logbook import Page


PROGRESS = "|{bar}| {n_fmt} of {total_fmt} pictures, {rate_noinv_fmt}, {remaining} left"
_UNKNOWN_FRAME = "LATENT_FRAME"
KEPT = "the recording has the blocks that were made"


def generate(chosen: argparse.Namespace) -> None:
    """Make a video from a prompt and its switches, and write it to a file."""
    preset = preset_of(chosen.preset)
    timeline = Timeline.of(chosen.prompt, *map(_switch, chosen.switch))

    require_places(chosen)
    manifest = path_to_write(chosen.manifest)

    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.source import source_of
    from longlive_widget.measure.clock import Clock
    from longlive_widget.runs.logbook import Logbook

    source = source_of(chosen.model)
    geometry = source.geometry
    if chosen.size is not None:
        width_px, height_px = chosen.size
        geometry = Geometry(width_px, height_px, geometry.block_frames)
    require_landings(timeline, chosen.blocks, geometry.block_frames)
    pictures = pictures_before(chosen.blocks * geometry.block_frames)
    with stopped_in_order() as stopped, _written(chosen, geometry) as write:
        engine = Engine.load(
            source,
            preset,
            device=chosen.device,
            weights=chosen.weights,
            allow_fallback=chosen.allow_fallback,
        )
        for sentence in _remarks(engine, timeline, geometry):
            print(sentence)
        clock = Clock(engine.device)
        session = engine.session(timeline, seed=chosen.seed, size_px=chosen.size, watch=clock)
        logbook = Logbook(engine, session)
        started_s = begun_s = time.perf_counter()
        for block in _with_progress(session.blocks(chosen.blocks), pictures):
            latency_ms = 1e3 * (time.perf_counter() - begun_s)
            stopped.again()
            hashes = picture_hashes(block.frames)
            page = logbook.add(session, block.index, hashes, latency_ms, clock.take_parts_ms())
            write(block, page)
            begun_s = time.perf_counter()
    elapsed_s = time.perf_counter() - started_s

    for landing in session.landings:
        print(landing)
    print(
        f"{pictures} pictures, {pictures / PICTURES_PER_SECOND:.1f} s of video, in "
        f"{elapsed_s:.1f} s: {pictures / elapsed_s:.1f} pictures/s"
    )
    for place in filter(None, (chosen.out, chosen.recording)):
        print(reachable(place))
    if manifest is not None:
        print(logbook.write(manifest))


def require_places(chosen: argparse.Namespace) -> None:
    """Make sure that a video can be written where it is wanted.

    Raises:
        OutputError: nowhere is, or it cannot; the message says why.
    """
    if chosen.out is None and chosen.recording is None:
        raise OutputError("there is nowhere to write to: give --out x.mp4, or --recording run")

    from longlive_widget.engine.video_file import writable_video_path
    from longlive_widget.runs.recording import free_place

    if chosen.out is not None:
        writable_video_path(chosen.out)
    if chosen.recording is not None:
        free_place(chosen.recording)


@contextmanager
def _written(
    chosen: argparse.Namespace, geometry: Geometry
) -> "Iterator[Callable[[Block, Page], None]]":
    """Inside, the function that it gives writes a block to all that is wanted."""
    from longlive_widget.engine.video_file import VideoFile
    from longlive_widget.runs.recording import RecordingFolder

    with ExitStack() as files:
        writers: list[Callable[[Block, Page], None]] = []
        if chosen.out is not None:
            video = VideoFile(chosen.out, geometry.width_px, geometry.height_px)
            files.enter_context(video)
            writers.append(lambda block, _: video.append(block.frames))
        if chosen.recording is not None:
            folder = RecordingFolder(chosen.recording, geometry, lossless=chosen.lossless)
            files.enter_context(folder)
            writers.append(lambda block, page: folder.append(block.frames, page.manifest()))

        def write(block: "Block", page: "Page") -> None:
            for each in writers:
                each(block, page)
            if chosen.recording is not None:
                chosen.kept = KEPT

        yield write


def _remarks(engine: "Engine", timeline: Timeline, geometry: Geometry) -> Iterator[str]:
    """What a user should know of a video before it is made."""
    yield from engine.fallbacks
    own = engine.geometry
    if (geometry.width_px, geometry.height_px) != (own.width_px, own.height_px):
        yield (
            f"{engine.name} was made for pictures of {own.width_px} x {own.height_px}: of another "
            "size they may show little of the prompt"
        )
    if engine.weights == "random":
        yield f"{engine.name} has random weights: its pictures mean nothing, its timing does"
    yield from filter(None, (engine.unheeded(entry.prompt) for entry in timeline.entries))
    for entry, taken in zip(timeline.entries, engine.in_full(timeline), strict=True):
        if taken not in ("", entry.prompt):
            yield f"{entry.prompt!r} is taken as {taken!r}"
    for prompt in engine.not_understood(timeline):
        yield (
            f"{prompt!r} is not understood as a change of what was there: it is taken as it "
            "stands, and those after it as if it had not been said"
        )


def presets(chosen: argparse.Namespace) -> None:
    """List the presets, one a line, or write the page on them."""
    if chosen.markdown:
        print(_page(chosen.records), end="")
        return
    print(f"{'preset':<12}{'denoise steps':<24}{'window':<10}")
    for preset in PRESETS.values():
        steps = ", ".join(map(str, preset.denoise_steps))
        print(f"{preset.name:<12}{steps:<24}{preset.window_frames:<10}{preset.summary}")


def _page(paths: Sequence[str]) -> str:
    """The page on presets, with what files of records say of them."""
    if not paths:
        return page({}, {})

    from longlive_widget.measure.decision import proposed_for
    from longlive_widget.measure.distance import distances_in

    records = records_in(paths)
    return page(distances_in(records), proposed_for(records))


def require_landings(timeline: Timeline, blocks: int, block_frames: int) -> None:
    """Make sure that each prompt lands before a video of `blocks` blocks ends.

    Raises:
        TimelineError: one lands after the last block; the message says how many it takes.
    """
    for landing in timeline.landings(block_frames):
        if landing.block >= blocks:
            raise TimelineError(
                f"{landing.prompt!r} lands at block {landing.block}, but the video ends after "
                f"{blocks} blocks: make {landing.block + 1} blocks or more, or switch earlier"
            )


def _with_progress(blocks: "Iterable[Block]", pictures: int) -> "Iterable[Block]":
    with tqdm(total=pictures, unit=" pictures", bar_format=PROGRESS, smoothing=0.1) as progress:
        for block in blocks:
            yield block
            progress.update(len(block.frames))


def _switch(words: Sequence[str]) -> tuple[int, str]:
    latent_frame, prompt = words
    try:
        return int(latent_frame), prompt
    except ValueError as error:
        wrong, meant = (
            f"latent frame {latent_frame!r} is not a whole number",
            (latent_frame, prompt),
        )
        if _near(latent_frame) == _UNKNOWN_FRAME != _near(prompt):
            wrong, meant = "the latent frame comes before the prompt", (prompt, latent_frame)
        better = f"--switch {_near(meant[0])} {shlex.quote(meant[1])}"
        raise TimelineError(f"{wrong}: write {better}") from error


def _near(number: str) -> int | str:
    """The latent frame that was meant, if there is any telling."""
    try:
        meant = float(number)
    except ValueError:
        return _UNKNOWN_FRAME
    return max(0, math.ceil(meant)) if math.isfinite(meant) else _UNKNOWN_FRAME


def _block_count(text: str) -> int:
    try:
        count = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number: 16 make 12 s") from error
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} blocks are no video: ask for 1 or more")
    return count


def _add_generate(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("generate", help="make a video file from prompts")
    parser.set_defaults(run=generate)
    parser.add_argument("--prompt", required=True, help="what the video shows")
    parser.add_argument(
        "--switch",
        nargs=2,
        action="append",
        default=[],
        metavar=("LATENT_FRAME", "PROMPT"),
        help="go over to another prompt at this latent frame; may be given again, in order",
    )
    parser.add_argument("--out", help="the video to write, ending in .mp4")
    parser.add_argument(
        "--recording",
        metavar="FOLDER",
        help="write video and manifest into this new folder, block by block: `Recording.open` "
        "plays it, and `replay` makes it again",
    )
    parser.add_argument(
        "--lossless",
        action="store_true",
        help="keep each picture of the recording to the bit; few players show such a video",
    )
    parser.add_argument(
        "--blocks", type=_block_count, default=16, help="blocks to make (default: 16, 12 s)"
    )
    parser.add_argument("--seed", type=seed, default=0, help="the noise to begin with (default: 0)")
    parser.add_argument(
        "--manifest",
        metavar="FILE",
        help="write what made the video there, as JSON, with a hash of each picture: for `replay`",
    )
    add_preset(parser)
    add_running(parser)


def _add_presets(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("presets", help="list the named settings")
    parser.set_defaults(run=presets)
    parser.add_argument("--markdown", action="store_true", help="as docs/presets.md")
    parser.add_argument(
        "--records", nargs="+", default=(), help="files of records: what they say goes on that page"
    )


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Name the commands of this module with their options."""
    _add_generate(commands)
    _add_presets(commands)
