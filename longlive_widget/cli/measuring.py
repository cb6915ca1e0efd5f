"""The commands that measure: times, pictures, and what records of them say."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from tqdm import tqdm

from longlive_widget.cli.arguments import (
    GOES_ON,
    add_model,
    add_preset,
    add_running,
    at_least_none,
    at_least_one,
    given_again,
    path_to_write,
    preset_of,
    presets_of,
    seed,
    size,
)
from longlive_widget.files import write_whole
from longlive_widget.presets import Preset

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.source import Source
    from longlive_widget.engine.stages import Tell
    from longlive_widget.measure.benchmark import Measured, Plan
    from longlive_widget.measure.record import Record

_GIVEN = ("preset", "model", "device", "weights", "seed")
"""What `startup` tells the processes that it begins."""


def quality(chosen: argparse.Namespace) -> None:
    """Judge how well a model of drawn scenes shows what unseen prompts say."""
    preset, out = preset_of(chosen.preset), path_to_write(chosen.out)

    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.model import load_encoder
    from longlive_widget.engine.source import model_folder
    from longlive_widget.measure.judgement import Plan, judge
    from longlive_widget.measure.records import append
    from longlive_widget.tiny.written import read_written

    written = () if chosen.written_prompts is None else read_written(chosen.written_prompts)
    engine = Engine.load(chosen.model, preset)
    judgement = judge(
        engine,
        load_encoder(model_folder(chosen.model), engine.device),
        Plan(chosen.prompts, chosen.long_prompts, chosen.unusual_prompts, chosen.seed),
        written_prompts=written,
        watched=lambda cases: tqdm(cases, unit=" prompts", disable=not cases),
    )
    print(json.dumps(judgement.json, indent=2) if chosen.json else "\n".join(judgement.lines()))
    if out is not None:
        append(out, judgement.record())


def benchmark(chosen: argparse.Namespace) -> None:
    """Measure presets side by side on this machine."""
    _measure(chosen, presets_of(chosen.preset or ("reference",)))


def ablate(chosen: argparse.Namespace) -> None:
    """Measure what single settings change, or a host that waits after each part."""
    from longlive_widget.errors import CapabilityError
    from longlive_widget.measure import ablate as ways
    from longlive_widget.measure.ablate import effects, steps_of

    base = preset_of(chosen.preset)
    presets: Sequence[Preset]
    waiting: Sequence[Preset] = ()
    if chosen.synchronised:
        if chosen.as_the_log:
            raise CapabilityError(
                "what is measured as the log did is not looked into, so nothing waits after its "
                "parts: leave out --as-the-log or --synchronised"
            )
        presets = ways.synchronised(base)
        waiting = presets[1:]
    elif chosen.set:
        presets = ways.alone(base, chosen.set)
    elif chosen.each_alone:
        presets = ways.each_alone(base)
    else:
        presets = ways.step_by_step(base) if chosen.step_by_step else ways.taken_back(base)
    sample = "first_block_ms" if chosen.as_the_log else "block_ms"
    tell = steps_of if chosen.step_by_step else effects
    for effect in tell(_measure(chosen, presets, "ablation", waiting), sample):
        print(effect)


def _tell(said: str) -> None:
    print(said, file=sys.stderr)


def scale(chosen: argparse.Namespace) -> None:
    """Measure time and memory against the size of pictures and the number of sessions."""
    preset, out = preset_of(chosen.preset), path_to_write(chosen.out)

    from longlive_widget.measure.scale import KIND, Grid, scale

    found = scale(
        partial(_loader(chosen), preset),
        Grid(
            sizes_px=chosen.size or (None,),
            sessions=chosen.sessions,
            blocks=chosen.blocks,
            turns=chosen.turns,
            seed=chosen.seed,
        ),
        told=_tell,
    )
    for measured in found:
        print("\n".join(measured.lines()))
    _keep(out, [measured.record(KIND) for measured in found])


def startup(chosen: argparse.Namespace) -> None:
    """Measure how long a new process takes until its blocks are steady."""
    preset, out = preset_of(chosen.preset), path_to_write(chosen.out)

    from longlive_widget.measure.figures import number
    from longlive_widget.measure.startup import first_steady_block, startup

    if chosen.caches is not None:  # this is such a process
        load = partial(_loader(chosen), preset)
        options = {"size_px": chosen.size, "seed": chosen.seed}
        _keep(out, [first_steady_block(load, chosen.caches, chosen.began, **options)])
        return
    records = []
    for record in startup(given_again(chosen, *_GIVEN), told=_tell):
        records.append(record)
        print(f"{record.preset.name} of {record.model}")
        print("\n".join(f"  {name:<20}{number(fact)}" for name, fact in record.facts.items()))
    _keep(out, records)


def profile(chosen: argparse.Namespace) -> None:
    """Tell where the time of a block goes, part by part."""
    preset = preset_of(chosen.preset)
    out, records = path_to_write(chosen.out), path_to_write(chosen.records)

    from longlive_widget.measure.profile import profiled
    from longlive_widget.measure.records import append

    found = profiled(
        _loader(chosen)(preset),
        chosen.iterations,
        switches=chosen.switches,
        seed=chosen.seed,
        size_px=chosen.size,
        told=_tell,
    )
    page = json.dumps(found.as_json(), indent=2) if chosen.json else found.markdown()
    if out is None:
        print(page.rstrip())
    else:
        write_whole(out, page.encode())
        print(out)
    if records is not None:
        append(records, found.record())
        print(records, file=sys.stderr)


def likeness(chosen: argparse.Namespace) -> None:
    """Hold the pictures of presets against those of another one."""
    from longlive_widget.measure.ablate import alone
    from longlive_widget.measure.likeness import PARTS, Plan, likeness

    out, against = path_to_write(chosen.out), preset_of(chosen.against)
    named = presets_of(chosen.preset) if chosen.preset else []
    found = likeness(
        against,
        named or alone(against, PARTS)[1:],
        _loader(chosen, emulate=True),
        Plan(chosen.prompts, chosen.blocks, chosen.seed, chosen.size),
        only_possible=not named,
        told=_tell,
    )
    for alike in found:
        print("\n".join(alike.lines()))
        _keep(out, [alike.record()])


def rounding(chosen: argparse.Namespace) -> None:
    """Hold the pictures of presets against exact ones of the same steps, window and decoder."""
    from longlive_widget.measure.likeness import Plan
    from longlive_widget.measure.rounding import roundings

    out = path_to_write(chosen.out)
    found = roundings(
        presets_of(chosen.preset),
        _loader(chosen, emulate=True),
        Plan(chosen.prompts, chosen.blocks, chosen.seed, chosen.size),
        told=_tell,
    )
    for one in found:
        print(one.line())
        _keep(out, [one.record()])


def sweep(chosen: argparse.Namespace) -> None:
    """Make a grid of videos, a record of each, and go on where it stopped."""
    out = path_to_write(chosen.out)
    assert out is not None

    from longlive_widget.measure.benchmark import PROMPTS
    from longlive_widget.measure.cluster import over_cluster
    from longlive_widget.measure.sweep import Grid, one_by_one, sweep

    grid = Grid(
        model=chosen.model,
        presets=tuple(presets_of(chosen.preset)),
        prompts=tuple(chosen.prompt or PROMPTS),
        seeds=tuple(chosen.seed or (0,)),
        blocks=chosen.blocks,
        size_px=chosen.size,
    )
    added = sweep(
        grid,
        _loader(chosen),
        out,
        spread=one_by_one if chosen.ray is None else over_cluster(chosen.ray),
        watched=lambda made, total: tqdm(made, total=total, unit=" videos"),
    )
    print(f"{len(added)} videos made, {len(grid.items) - len(added)} were there already")
    print(out)


def _measure(
    chosen: argparse.Namespace,
    presets: "Sequence[Preset]",
    kind: str = "benchmark",
    waiting: "Sequence[Preset]" = (),
) -> "Sequence[Measured]":
    """Measure these presets as the command asks for, print what was found, and keep it.

    Under those that are `waiting` the host waits for the GPU after each part.
    """
    from longlive_widget.measure.benchmark import as_the_log, benchmark

    plan, out = _plan(chosen), path_to_write(chosen.out)
    if kind == "ablation":
        plan = replace(plan, throughput_s=0.0)  # what differs is in the blocks, which take turns
    run = as_the_log if chosen.as_the_log else partial(benchmark, waiting=waiting)
    found = run(
        presets,
        _loader(chosen),
        plan,
        told=_tell,
    )
    for measured in found:
        print("\n".join(measured.lines()))
    kind = f"{kind}_as_the_log" if chosen.as_the_log else kind
    kinds = [f"{kind}_synchronised" if preset in waiting else kind for preset in presets]
    _keep(out, [measured.record(of) for measured, of in zip(found, kinds, strict=True)])
    return found


def _loader(chosen: argparse.Namespace, *, emulate: bool = False) -> "_Loader":
    from longlive_widget.engine.source import source_of

    options = {name: getattr(chosen, name) for name in ("device", "weights", "allow_fallback")}
    return _Loader(source_of(chosen.model), options | {"emulate": emulate})


class _Loader:
    """Loads the model that a command asks for, under any preset; engines of a process share parts.

    It may be sent to another process, which begins with no engine.
    """

    def __init__(self, source: "Source", options: dict[str, Any]) -> None:
        self._source = source
        self._options = options
        self._loaded: WeakSet[Engine] = WeakSet()

    def __call__(self, preset: Preset, tell: "Tell | None" = None) -> "Engine":
        from longlive_widget.engine.engine import Engine

        beside = tuple(self._loaded)
        engine = Engine.load(self._source, preset, beside=beside, tell=tell, **self._options)
        self._loaded.add(engine)
        return engine

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return _Loader, (self._source, self._options)


def _keep(out: Path | None, records: "Sequence[Record]") -> None:
    """Add records to a file, if one is asked for, and say which."""
    from longlive_widget.measure.records import append

    if out is not None:
        for record in records:
            append(out, record)
        print(out)


def _plan(chosen: argparse.Namespace) -> "Plan":
    from longlive_widget.measure.benchmark import FULL, QUICK

    given = {name: getattr(chosen, name) for name in ("blocks", "switches", "turns")}
    said = {name: value for name, value in given.items() if value is not None}
    return replace(FULL if chosen.full else QUICK, seed=chosen.seed, size_px=chosen.size, **said)


def _add_quality(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("quality", help="judge how well tiny shows what prompts say")
    parser.set_defaults(run=quality)
    parser.add_argument("--model", default="tiny", help="name or folder (default: tiny)")
    add_preset(parser)
    parser.add_argument(
        "--prompts",
        type=at_least_one,
        default=200,
        help="of 12 blocks or more (default: 200)",
    )
    parser.add_argument(
        "--long-prompts", type=at_least_none, default=5, help="of 200 blocks (default: 5)"
    )
    parser.add_argument(
        "--unusual-prompts",
        type=at_least_none,
        default=20,
        help="of 6 blocks, in an order of words that was never trained (default: 20)",
    )
    parser.add_argument(
        "--written-prompts",
        metavar="FILE",
        help="judge these too, of 6 blocks: JSON lines of a prompt and the scene that it asks for",
    )
    parser.add_argument("--seed", type=seed, default=0, help="prompts and noise (default: 0)")
    parser.add_argument("--out", help="a file of records to add to, one JSON line")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")


def _add_benchmark(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("benchmark", help="measure presets side by side on this machine")
    parser.set_defaults(run=benchmark)
    parser.add_argument(
        "--preset",
        action="append",
        help="settings, given again for each that takes turns; `all` are those that have a name "
        "(default: reference)",
    )
    _add_measuring(parser)


def _add_ablate(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("ablate", help="measure what single settings change")
    parser.set_defaults(run=ablate)
    parser.add_argument(
        "--preset", default="reference", help="what all others differ from (default: reference)"
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--set",
        action="append",
        metavar="SETTING=VALUE,VALUE",
        help="values that a setting has in turn; without any, each setting of the preset is taken "
        "back to the reference's",
    )
    ways.add_argument(
        "--each-alone",
        action="store_true",
        help="each of the preset's settings by itself over the reference, with what it needs",
    )
    ways.add_argument(
        "--synchronised",
        action="store_true",
        help="the preset, and with a host that waits for the GPU after each part of a block",
    )
    ways.add_argument(
        "--step-by-step",
        action="store_true",
        help="from the reference to the preset, one more of its settings each, and each held "
        "against the one before: what a waterfall is drawn from",
    )
    _add_measuring(parser)


def _add_scale(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser(
        "scale", help="measure time and memory against sizes and against sessions at once"
    )
    parser.set_defaults(run=scale)
    add_preset(parser)
    add_model(parser)
    parser.add_argument(
        "--size",
        type=size,
        action="append",
        help="pictures as 160x96, given again for each that takes turns (default: what the model "
        "is made for)",
    )
    parser.add_argument(
        "--sessions",
        type=at_least_one,
        default=1,
        help="each size with 1 up to so many at once, on one engine (default: 1)",
    )
    parser.add_argument(
        "--blocks", type=at_least_one, default=20, help="steady ones a session (default: 20)"
    )
    parser.add_argument(
        "--turns", type=at_least_one, default=4, help="that points take (default: 4)"
    )
    parser.add_argument("--seed", type=seed, default=0, help="the noise (default: 0)")
    parser.add_argument("--out", help="a file of records to add to, one JSON line each")


def _add_startup(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser(
        "startup", help="measure how long a new process takes to its first steady block"
    )
    parser.set_defaults(run=startup)
    add_preset(parser)
    add_running(parser)
    parser.add_argument("--seed", type=seed, default=0, help="the noise (default: 0)")
    parser.add_argument("--out", help="a file of records to add to, one JSON line each")
    own = argparse.SUPPRESS  # what the command tells the processes that it begins
    parser.add_argument("--caches", choices=("cold", "warm"), help=own)
    parser.add_argument("--began", type=float, default=0.0, help=own)


def _add_profile(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("profile", help="tell where the time of a block goes")
    parser.set_defaults(run=profile)
    add_preset(parser)
    add_running(parser)
    parser.add_argument(
        "--iterations", type=at_least_one, default=20, help="steady blocks (default: 20)"
    )
    parser.add_argument(
        "--switches", type=at_least_none, default=3, help="on which a prompt lands (default: 3)"
    )
    parser.add_argument("--seed", type=seed, default=0, help="the noise (default: 0)")
    parser.add_argument("--out", help="the file to write, instead of printing it")
    parser.add_argument("--json", action="store_true", help="JSON instead of Markdown")
    parser.add_argument("--records", help="a file of records to add one to")


def _add_likeness(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser(
        "likeness", help="hold the pictures of presets against those of another one"
    )
    parser.set_defaults(run=likeness)
    parser.add_argument(
        "--against", default="reference", help="what all are held against (default: reference)"
    )
    each = "each part that changes the picture, alone, as far as it runs here"
    _add_videos(parser, each, prompts=4, blocks=12)


def _add_rounding(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser(
        "rounding",
        help="hold each preset's pictures against its own steps, window and decoder in float32",
    )
    parser.set_defaults(run=rounding)
    _add_videos(parser, "all that have a name", prompts=1, blocks=20)


def _add_videos(
    parser: argparse.ArgumentParser, presets: str, *, prompts: int, blocks: int
) -> None:
    """The options of whatever compares videos of presets, with what they are by default."""
    parser.add_argument(
        "--preset",
        action="append",
        help=f"name, YAML file, or `all` that have a name; may be repeated (default: {presets})",
    )
    add_running(parser)
    parser.add_argument(
        "--prompts",
        type=at_least_one,
        default=prompts,
        help=f"videos of each preset, each with a switch in its middle (default: {prompts})",
    )
    parser.add_argument(
        "--blocks", type=at_least_one, default=blocks, help=f"of each video (default: {blocks})"
    )
    parser.add_argument("--seed", type=seed, default=0, help="the noise (default: 0)")
    parser.add_argument("--out", help="a file of records to add to, one JSON line each")


def _add_sweep(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("sweep", help="make a grid of videos, with a record of each")
    parser.set_defaults(run=sweep, kept=GOES_ON)
    parser.add_argument(
        "--preset",
        action="append",
        required=True,
        help="name, YAML file, or `all` that have a name; may be repeated",
    )
    parser.add_argument(
        "--prompt", action="append", help="may be repeated (default: the eight of benchmark)"
    )
    parser.add_argument(
        "--seed", type=seed, action="append", help="the noise; may be repeated (default: 0)"
    )
    add_running(parser)
    parser.add_argument(
        "--blocks", type=at_least_one, default=12, help="of each video (default: 12)"
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="make them on the Ray cluster there (host:port, or auto), one worker a GPU",
    )
    parser.add_argument(
        "--out", required=True, help="the file of records; what it has already is not made again"
    )


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    """The options of whatever measures presets in turns."""
    add_running(parser)
    parser.add_argument(
        "--full", action="store_true", help="1000 blocks and 50 switches; benchmark: 60 s"
    )
    parser.add_argument("--blocks", type=at_least_one, help="steady ones a preset (default: 100)")
    parser.add_argument("--switches", type=at_least_none, help="of each preset (default: 10)")
    parser.add_argument("--turns", type=at_least_one, help="that presets take (default: 10)")
    parser.add_argument("--seed", type=seed, default=0, help="the noise (default: 0)")
    parser.add_argument(
        "--as-the-log",
        action="store_true",
        help="time first blocks of new videos, whose window is empty, as LongLive's log did",
    )
    parser.add_argument("--out", help="a file of records to add to, one JSON line each")


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Name the commands of this module with their options."""
    _add_quality(commands)
    _add_benchmark(commands)
    _add_ablate(commands)
    _add_scale(commands)
    _add_startup(commands)
    _add_profile(commands)
    _add_likeness(commands)
    _add_rounding(commands)
    _add_sweep(commands)
