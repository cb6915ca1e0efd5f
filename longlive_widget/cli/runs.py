"""The commands that take up a run that was kept."""

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from longlive_widget.cli.stopping import stopped_in_order
from longlive_widget.cli.videos import PROGRESS
from longlive_widget.geometry import pictures_before

if TYPE_CHECKING:
    from longlive_widget.engine.session import Block

DIFFERENT = 1


def replay(chosen: argparse.Namespace) -> int:
    """Make a video again from its manifest; 1 where a picture is another."""
    from longlive_widget.engine.video_file import VideoFile
    from longlive_widget.runs.replay import kept, load_for, replay

    run, recording = kept(chosen.kept_run)
    size = run.geometry
    with ExitStack() as open_files:
        stopped = open_files.enter_context(stopped_in_order())
        video = None
        if chosen.out is not None:
            video = open_files.enter_context(VideoFile(chosen.out, size.width_px, size.height_px))
        engine = load_for(
            run, chosen.model, device=chosen.device, allow_fallback=chosen.allow_fallback
        )
        for sentence in engine.fallbacks:
            print(sentence)
        total = pictures_before(run.end * size.block_frames)
        with tqdm(total=total, unit=" pictures", bar_format=PROGRESS) as progress:

            def take(block: "Block") -> None:
                stopped.again()
                if video is not None:
                    video.append(block.frames)
                progress.update(len(block.frames))

            found = replay(recording or run, engine=engine, on_block=take)
    print(found)
    if video is not None:
        print(video.path)
    return 0 if found.equal else DIFFERENT


def _add_replay(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("replay", help="make a video again, and compare each picture")
    parser.set_defaults(run=replay)
    parser.add_argument(
        "kept_run",
        metavar="RUN",
        help="a manifest, as `generate --manifest` or a studio writes it, or the folder of a "
        "recording: that tells too by how much pictures differ",
    )
    parser.add_argument("--out", help="the video to write, ending in .mp4")
    parser.add_argument("--model", help="where the model is (default: what the manifest names)")
    parser.add_argument("--device", help="where to compute (default: the kind that it was made on)")
    parser.add_argument(
        "--allow-fallback",
        action="store_true",
        help="run the nearest thing where this machine lacks something, and say so",
    )


def export(chosen: argparse.Namespace) -> None:
    """Write a recording as one HTML file."""
    from longlive_widget.widget.recorded import Recording

    path = Recording.open(chosen.recording).export_html(chosen.page)
    print(f"{path}, {path.stat().st_size / 1e6:.1f} MB")


def _add_export(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser(
        "export", help="write a recording as one HTML file, which plays with no network"
    )
    parser.set_defaults(run=export)
    parser.add_argument("recording", help="its folder")
    parser.add_argument("page", help="the file to write, ending in .html")


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Name the commands of this module with their options."""
    _add_replay(commands)
    _add_export(commands)
