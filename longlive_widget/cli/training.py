"""The command that trains the embedded model."""

import argparse
from pathlib import Path
from typing import Any

from longlive_widget.cli.arguments import GOES_ON, at_least_none, at_least_one, seed
from longlive_widget.tiny.recipe import STAGES


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
    more = "" if finished else f", and {GOES_ON}"
    print(f"{chosen.stage}: {'all steps done' if finished else 'stopped'}{more}")
    print(plan.model_folder)


def _add_train_tiny(commands: "argparse._SubParsersAction[Any]") -> None:
    parser = commands.add_parser("train-tiny", help="train the embedded model, stage by stage")
    parser.set_defaults(run=train_tiny, kept=GOES_ON)
    parser.add_argument(
        "--stage",
        required=True,
        choices=STAGES,
        help="each stage needs those before it; the probe, which judges pictures, needs none",
    )
    parser.add_argument("--folder", required=True, help="where the run keeps what it has learned")
    parser.add_argument("--seed", type=seed, default=0, help="all that is random (default: 0)")
    parser.add_argument("--device", help="as torch names it (default: cuda where there is one)")
    parser.add_argument("--steps", type=at_least_one, help="default: the recipe's")
    parser.add_argument("--batch", type=at_least_one, help="clips or videos a step")
    parser.add_argument("--max-seconds", type=at_least_one, help="stop then; call again to go on")
    parser.add_argument("--begin-with", help="name or folder of a model to set out from")
    parser.add_argument(
        "--workers", type=at_least_none, default=0, help="processes that prepare clips ahead"
    )
    parser.add_argument("--compile", action="store_true", help="compile the networks first")


def add_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Name the commands of this module with their options."""
    _add_train_tiny(commands)
