"""The command `longlive-widget`: what the package does, without a notebook.

Each sub-command is one function, and one `_add_...` that names its options. Bad input is told in
one sentence, before any work starts. Only the commands that need torch load it.
"""

import argparse
import json
import math
import os
import shlex
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tqdm import tqdm

from longlive_widget.errors import LongLiveError, OutputError, SessionError, TimelineError
from longlive_widget.geometry import PICTURES_PER_SECOND, Geometry, pictures_before
from longlive_widget.presets import PRESETS, Preset, preset_named
from longlive_widget.presets_page import page
from longlive_widget.timeline import Timeline, require_seed
from longlive_widget.tiny.recipe import STAGES

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.session import Block
    from longlive_widget.measure.benchmark import Measured, Plan

REGRESSED = 1
BAD_INPUT = 2
SIGNALLED = 128
MOST_COMPARED = 5  # prompts a seed whose pictures are compared between schedules
COMPARED_SEEDS = 5
PROGRESS = "|{bar}| {n_fmt} of {total_fmt} pictures, {rate_noinv_fmt}, {remaining} left"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process.

    Returns:
        The exit code: 0 when all went well, 1 when `compare` found a regression, 2 for input that
        cannot be used, 130 after Ctrl-C, as for other signals 128 and the signal's number.
    """
    chosen = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int | None] = chosen.run
    try:
        return run(chosen) or 0
    except LongLiveError as error:
        print(f"longlive-widget: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as stop:
        kept = "goes on when called again" if run is train_tiny else "nothing was written"
        print(f"longlive-widget: stopped, {kept}", file=sys.stderr)
        return SIGNALLED + (stop.number if isinstance(stop, _Stopped) else signal.SIGINT)


def generate(chosen: argparse.Namespace) -> None:
    """Make a video from a prompt and its switches, and write it to a file."""
    preset = _preset(chosen.preset)
    timeline = Timeline.of(chosen.prompt, *map(_switch, chosen.switch))

    from longlive_widget.engine.recording import VideoFile, writable_video_path

    out = writable_video_path(chosen.out)

    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.source import source_of

    source = source_of(chosen.model)
    geometry = source.geometry
    if chosen.size is not None:
        width_px, height_px = chosen.size
        geometry = Geometry(width_px, height_px, geometry.block_frames)
    require_landings(timeline, chosen.blocks, geometry.block_frames)
    pictures = pictures_before(chosen.blocks * geometry.block_frames)
    with (
        _stopped_in_order() as stopped,
        VideoFile(out, geometry.width_px, geometry.height_px) as video,
    ):
        engine = Engine.load(
            source,
            preset,
            device=chosen.device,
            weights=chosen.weights,
            allow_fallback=chosen.allow_fallback,
        )
        for sentence in _remarks(engine, timeline, geometry):
            print(sentence)
        session = engine.session(timeline, seed=chosen.seed, size_px=chosen.size)
        started_s = time.perf_counter()
        for block in _with_progress(session.blocks(chosen.blocks), pictures):
            stopped.again()
            video.append(block.frames)
    elapsed_s = time.perf_counter() - started_s

    for landing in session.landings:
        print(landing)
    print(
        f"{pictures} pictures, {pictures / PICTURES_PER_SECOND:.1f} s of video, in "
        f"{elapsed_s:.1f} s: {pictures / elapsed_s:.1f} pictures/s"
    )
    print(out)


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


def presets(chosen: argparse.Namespace) -> None:
    """List the presets, one a line, or write the page on them."""
    if chosen.markdown:
        print(page(), end="")
        return
    print(f"{'preset':<12}{'denoise steps':<24}{'window':<10}")
    for preset in PRESETS.values():
        steps = ", ".join(map(str, preset.denoise_steps))
        print(f"{preset.name:<12}{steps:<24}{preset.window_frames:<10}{preset.summary}")


def quality(chosen: argparse.Namespace) -> None:
    """Judge how well a model of drawn scenes shows what unseen prompts say."""
    preset = _preset(chosen.preset)

    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.model import load_encoder
    from longlive_widget.engine.source import model_folder
    from longlive_widget.tiny.evaluate import evaluate, fewer_steps_psnr_db, pictures_per_second
    from longlive_widget.tiny.train_autoencoder import measure

    engine = Engine.load(chosen.model, preset)
    report = evaluate(
        engine,
        prompts=chosen.prompts,
        long_prompts=chosen.long_prompts,
        unusual_prompts=chosen.unusual_prompts,
        seed=chosen.seed,
        watched=lambda cases: tqdm(cases, unit=" prompts", disable=not cases),
    )
    encoder = load_encoder(model_folder(chosen.model), engine.device)
    autoencoder = measure(encoder, engine.model.decoder, chosen.seed, engine.device)
    compared = [
        fewer_steps_psnr_db(engine, prompts=min(chosen.prompts, MOST_COMPARED), seed=seed)
        for seed in range(chosen.seed, chosen.seed + COMPARED_SEEDS)
    ]
    found: dict[str, object] = {
        "model": engine.name,
        "preset": preset.name,
        "prompts": chosen.prompts,
        "long_prompts": chosen.long_prompts,
        "unusual_prompts": chosen.unusual_prompts,
        "seed": chosen.seed,
        "adherence": asdict(report.start),
        "adherence_after_switch": asdict(report.switched),
        "ground_kept": _known(report.ground_kept),
        "place_kept": _known(report.place_kept),
        "switches_shown": report.switches_shown,
        "blocks_until_shown": _known(report.blocks_until_shown),
        "adherence_at_block_10": asdict(report.early) if chosen.long_prompts else None,
        "adherence_at_block_200": asdict(report.late) if chosen.long_prompts else None,
        "adherence_in_unusual_words": asdict(report.unusual) if chosen.unusual_prompts else None,
        "said_probability": report.said_probability,
        "fewer_steps_psnr_db": {
            steps: [round(of_seed[steps], 2) for of_seed in compared] for steps in compared[0]
        },
        "autoencoder_psnr_db": asdict(autoencoder),
        "pictures_per_second": pictures_per_second(engine),
    }
    print(json.dumps(found, indent=2) if chosen.json else "\n".join(_told(found)))


def _known(share: float) -> float | None:
    """None where no video had anything to say of it."""
    return None if math.isnan(share) else share


def _told(found: Mapping[str, object]) -> Iterator[str]:
    """What was found, one a line; the parts of a mapping beside each other."""
    for name, value in found.items():
        parts = value.items() if isinstance(value, Mapping) else ((None, value),)
        said = ", ".join(
            f"{f'{part} ' if part else ''}{number:.3g}"
            if isinstance(number, float)
            else str(number)
            for part, number in parts
        )
        yield f"{name.replace('_', ' '):<26}{said}"


def benchmark(chosen: argparse.Namespace) -> None:
    """Measure presets side by side on this machine."""
    _measure(chosen, [_preset(name) for name in chosen.preset or ("reference",)])


def ablate(chosen: argparse.Namespace) -> None:
    """Measure what single settings change."""
    from longlive_widget.measure.ablate import alone, effects, taken_back

    base = _preset(chosen.preset)
    presets = alone(base, chosen.set) if chosen.set else taken_back(base)
    sample = "first_block_ms" if chosen.as_the_log else "block_ms"
    for effect in effects(_measure(chosen, presets, kind="ablation"), sample):
        print(effect)


def profile(chosen: argparse.Namespace) -> None:
    """Tell where the time of a block goes, part by part."""
    preset = _preset(chosen.preset)
    out, records = (
        None if path is None else writable_text_path(path) for path in (chosen.out, chosen.records)
    )

    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.source import source_of
    from longlive_widget.measure.profile import profiled
    from longlive_widget.measure.records import append

    options = {name: getattr(chosen, name) for name in ("device", "weights", "allow_fallback")}
    found = profiled(
        Engine.load(source_of(chosen.model), preset, **options),
        chosen.iterations,
        switches=chosen.switches,
        seed=chosen.seed,
        size_px=chosen.size,
        told=lambda said: print(said, file=sys.stderr),
    )
    page = json.dumps(found.as_json(), indent=2) if chosen.json else found.markdown()
    if out is None:
        print(page.rstrip())
    else:
        out.write_text(page, encoding="utf-8")
        print(out)
    if records is not None:
        append(records, found.record())
        print(records, file=sys.stderr)


def writable_text_path(path: str) -> Path:
    """The path, if a file can be written there.

    Raises:
        OutputError: its folder is missing or may not be written to, or a folder has that name.
    """
    out = Path(path)
    if out.is_dir():
        raise OutputError(f"{path!r} is a folder: give the file a name of its own in it")
    if not out.parent.is_dir():
        raise OutputError(f"the folder of {path!r} does not exist: make it first")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise OutputError(f"{path!r} may not be written to: choose another place")
    return out


def _measure(
    chosen: argparse.Namespace, presets: "Sequence[Preset]", kind: str = "benchmark"
) -> "Sequence[Measured]":
    """Measure these presets as the command asks for, print what was found, and keep it."""
    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.source import source_of
    from longlive_widget.measure.benchmark import as_the_log, benchmark
    from longlive_widget.measure.records import append

    source, plan = source_of(chosen.model), _plan(chosen)
    options = {name: getattr(chosen, name) for name in ("device", "weights", "allow_fallback")}
    run = as_the_log if chosen.as_the_log else benchmark
    found = run(
        presets,
        lambda preset: Engine.load(source, preset, **options),
        plan,
        told=lambda said: print(said, file=sys.stderr),
    )
    for measured in found:
        print("\n".join(measured.lines()))
    if chosen.out is not None:
        for measured in found:
            append(chosen.out, measured.record(f"{kind}_as_the_log" if chosen.as_the_log else kind))
        print(chosen.out)
    return found


def _plan(chosen: argparse.Namespace) -> "Plan":
    from longlive_widget.measure.benchmark import FULL, QUICK

    given = {name: getattr(chosen, name) for name in ("blocks", "switches", "turns")}
    said = {name: value for name, value in given.items() if value is not None}
    return replace(FULL if chosen.full else QUICK, seed=chosen.seed, size_px=chosen.size, **said)


def compare(chosen: argparse.Namespace) -> int:
    """Compare two files of records; 1 where something is worse by more than was allowed."""
    from longlive_widget.measure.compare import compare
    from longlive_widget.measure.records import read
    from longlive_widget.measure.verdict import as_json, as_lines

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        before, after = read(chosen.before), read(chosen.after)
    for warning in warned:
        print(f"longlive-widget: {warning.message}", file=sys.stderr)
    found = compare(before, after, regression=chosen.regression)
    print(json.dumps(as_json(found), indent=2) if chosen.json else "\n".join(as_lines(found)))
    return REGRESSED if found.regressions else 0


def train_tiny(chosen: argparse.Namespace) -> None:
    """Train the embedded model, or go on where an earlier call stopped."""
    from longlive_widget.engine.engine import checked_device
    from longlive_widget.engine.source import model_folder
    from longlive_widget.tiny.team import Team
    from longlive_widget.tiny.train import Plan, require_possible, train

    plan = Plan(
        folder=Path(chosen.folder),
        seed=chosen.seed,
        device=str(checked_device(chosen.device)),
        steps=chosen.steps,
        batch=chosen.batch,
        max_seconds=chosen.max_seconds,
        compiled=chosen.compile,
        workers=chosen.workers,
        begin_with=model_folder(chosen.begin_with) if chosen.begin_with else None,
    )
    require_possible(chosen.stage, plan)
    finished = train(chosen.stage, plan)
    if not Team.joined().leads:
        return
    more = "" if finished else ", and goes on when called again"
    print(f"{chosen.stage}: {'all steps done' if finished else 'stopped'}{more}")
    print(plan.model_folder)


def _preset(said: str) -> "Preset":
    """The preset of that name, or the one in that YAML file."""
    is_file = said.endswith((".yaml", ".yml"))
    return Preset.from_yaml(Path(said)) if is_file else preset_named(said)


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


class _Stopped(KeyboardInterrupt):
    """Another signal than Ctrl-C's that asks the command to stop."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@dataclass
class _Signals:
    """The signal that asked the command to stop, if one has."""

    number: int | None = None

    def again(self) -> None:
        """Stop now if it should have stopped: what the handler raised may have been swallowed.

        Python drops what is raised while it tidies up an object, as loading a model does a lot.
        """
        if self.number is not None:
            raise _Stopped(self.number)


@contextmanager
def _stopped_in_order() -> Iterator[_Signals]:
    """SIGTERM and SIGHUP end the `with` block as Ctrl-C does; one that is ignored stays so."""
    signals = _Signals()
    names = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # signals are the main thread's
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]

    def stop(number: int, _frame: object) -> None:
        for other in ours:
            signal.signal(other, signal.SIG_IGN)  # tidying up is not interrupted
        signals.number = number
        raise _Stopped(number)

    for number in ours:
        signal.signal(number, stop)
    try:
        yield signals
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


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
        better = f"--switch {_near(latent_frame)} {shlex.quote(prompt)}"
        raise TimelineError(
            f"latent frame {latent_frame!r} is not a whole number: write {better}"
        ) from error


def _near(number: str) -> int | str:
    """The latent frame that was meant; LATENT_FRAME if there is no telling."""
    try:
        meant = float(number)
    except ValueError:
        return "LATENT_FRAME"
    return max(0, math.ceil(meant)) if math.isfinite(meant) else "LATENT_FRAME"


def _seed(text: str) -> int:
    number: int | str = text
    with suppress(ValueError):
        number = int(text)
    try:
        return require_seed(number)
    except SessionError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    try:
        return int(width), int(height)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size of pictures: write width x height, as 160x96"
        ) from error


def _block_count(text: str) -> int:
    try:
        count = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number: 16 make 12 s") from error
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} blocks are no video: ask for 1 or more")
    return count


def _at_least_one(text: str) -> int:
    return _count(text, least=1)


def _at_least_none(text: str) -> int:
    return _count(text, least=0)


def _count(text: str, least: int) -> int:
    try:
        count = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from error
    if count < least:
        raise argparse.ArgumentTypeError(f"{count} is too few: use {least} or more")
    return count


def _percentage(text: str) -> float:
    number = math.nan
    with suppress(ValueError):
        number = float(text.removesuffix("%"))
    if not text.endswith("%") or not math.isfinite(number) or number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage from 0 on: write it as 5%")
    return number / 100


class _Parser(argparse.ArgumentParser):
    """A parser that tells a mistake in one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="longlive-widget", description="Videos that are steered while they run.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    parser.set_defaults(run=lambda _chosen: parser.print_help())
    _add_generate(commands)
    _add_presets(commands)
    _add_quality(commands)
    _add_benchmark(commands)
    _add_profile(commands)
    _add_ablate(commands)
    _add_compare(commands)
    _add_train_tiny(commands)
    return parser


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
    parser.add_argument("--out", required=True, help="the video to write, ending in .mp4")
    parser.add_argument(
        "--blocks", type=_block_count, default=16, help="blocks to make (default: 16, 12 s)"
    )
    parser.add_argument(
        "--seed", type=_seed, default=0, help="the noise to begin with (default: 0)"
    )
    parser.add_argument(
        "--model",
        default="tiny",
        help="tiny, longlive-1.3b, a folder, or owner/name on the model hub (default: tiny)",
    )
    parser.add_argument(
        "--preset",
        default="reference",
        help="settings: a name, see `presets`, or a .yaml file (default: reference)",
    )
    _add_running(parser)


def _add_presets(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("presets", help="list the named settings")
    parser.set_defaults(run=presets)
    parser.add_argument("--markdown", action="store_true", help="as docs/presets.md")


def _add_quality(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("quality", help="judge how well tiny shows what prompts say")
    parser.set_defaults(run=quality)
    parser.add_argument("--model", default="tiny", help="name or folder (default: tiny)")
    parser.add_argument(
        "--preset",
        default="reference",
        help="settings, by name or in a .yaml file (default: reference)",
    )
    parser.add_argument(
        "--prompts", type=_at_least_one, default=200, help="videos of 12 blocks (default: 200)"
    )
    parser.add_argument(
        "--long-prompts", type=_at_least_none, default=5, help="of 200 blocks (default: 5)"
    )
    parser.add_argument(
        "--unusual-prompts",
        type=_at_least_none,
        default=20,
        help="of 6 blocks, in an order of words that was never trained (default: 20)",
    )
    parser.add_argument("--seed", type=_seed, default=0, help="prompts and noise (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")


def _add_benchmark(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("benchmark", help="measure presets side by side on this machine")
    parser.set_defaults(run=benchmark)
    parser.add_argument(
        "--preset",
        action="append",
        help="settings, given again for each that takes turns (default: reference)",
    )
    _add_measuring(parser)


def _add_profile(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("profile", help="tell where the time of a block goes")
    parser.set_defaults(run=profile)
    parser.add_argument("--model", default="tiny", help="name or folder (default: tiny)")
    parser.add_argument(
        "--preset",
        default="reference",
        help="settings, by name or in a .yaml file (default: reference)",
    )
    _add_running(parser)
    parser.add_argument(
        "--iterations", type=_at_least_one, default=20, help="steady blocks (default: 20)"
    )
    parser.add_argument(
        "--switches", type=_at_least_none, default=3, help="on which a prompt lands (default: 3)"
    )
    parser.add_argument("--seed", type=_seed, default=0, help="the noise (default: 0)")
    parser.add_argument("--out", help="the file to write, instead of printing it")
    parser.add_argument("--json", action="store_true", help="JSON instead of Markdown")
    parser.add_argument("--records", help="a file of records to add one to")


def _add_ablate(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("ablate", help="measure what single settings change")
    parser.set_defaults(run=ablate)
    parser.add_argument(
        "--preset", default="reference", help="what all others differ from (default: reference)"
    )
    parser.add_argument(
        "--set",
        action="append",
        metavar="SETTING=VALUE,VALUE",
        help="values that a setting has in turn; without any, each setting of the preset is taken "
        "back to the reference's",
    )
    _add_measuring(parser)


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    """The options of whatever measures presets in turns."""
    parser.add_argument("--model", default="tiny", help="name or folder (default: tiny)")
    _add_running(parser)
    parser.add_argument("--full", action="store_true", help="1000 blocks and 50 switches in turns")
    parser.add_argument("--blocks", type=_at_least_one, help="steady ones a preset (default: 100)")
    parser.add_argument("--switches", type=_at_least_none, help="of each preset (default: 10)")
    parser.add_argument("--turns", type=_at_least_one, help="that presets take (default: 5)")
    parser.add_argument("--seed", type=_seed, default=0, help="the noise (default: 0)")
    parser.add_argument(
        "--as-the-log",
        action="store_true",
        help="time first blocks of new videos, whose window is empty, as LongLive's log did",
    )
    parser.add_argument("--out", help="a file of records to add to, one JSON line each")


def _add_running(parser: argparse.ArgumentParser) -> None:
    """The options of whatever makes videos: where, how large and with which weights."""
    parser.add_argument(
        "--size", type=_size, help="pictures as 160x96 (default: what the model is made for)"
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


def _add_compare(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("compare", help="tell whether one file of records is worse")
    parser.set_defaults(run=compare)
    parser.add_argument("before", metavar="A", help="the records to compare with")
    parser.add_argument("after", metavar="B", help="those that may be worse")
    parser.add_argument(
        "--regression",
        type=_percentage,
        default=0.05,
        metavar="PERCENT",
        help="exit with 1 where times or memory grew by more (default: 5%%)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")


def _add_train_tiny(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("train-tiny", help="train the embedded model, stage by stage")
    parser.set_defaults(run=train_tiny)
    parser.add_argument(
        "--stage",
        required=True,
        choices=STAGES,
        help="each stage needs those before it; the probe, which judges pictures, needs none",
    )
    parser.add_argument("--folder", required=True, help="where the run keeps what it has learned")
    parser.add_argument("--seed", type=_seed, default=0, help="all that is random (default: 0)")
    parser.add_argument("--device", help="as torch names it (default: cuda where there is one)")
    parser.add_argument("--steps", type=_at_least_one, help="default: the recipe's")
    parser.add_argument("--batch", type=_at_least_one, help="clips or videos a step")
    parser.add_argument("--max-seconds", type=_at_least_one, help="stop then; call again to go on")
    parser.add_argument("--begin-with", help="name or folder of a model to set out from")
    parser.add_argument(
        "--workers", type=_at_least_none, default=0, help="processes that prepare clips ahead"
    )
    parser.add_argument("--compile", action="store_true", help="compile the networks first")


if __name__ == "__main__":
    sys.exit(main())
