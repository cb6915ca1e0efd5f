"""The loop that every stage of training shares: rates, averages, curves, and going on after a stop.

What a step learns from depends on the seed and the step's number alone, so a run that was stopped
and resumed learns the same; in a team each process has its own.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from longlive_widget.errors import CheckpointError, known_version
from longlive_widget.tiny.learner import Learner

STATE_VERSION = 1
"""Of a saved state; one without a version is of the first."""
SAVE_SECONDS = 120
WARMUP_STEPS = 200
_STEPS_TO_A_LOOK = 10  # at the clock, which a team must take together
COOLDOWN_SHARE = 0.4
_Made = TypeVar("_Made")


@dataclass(eq=False)
class MadeAhead(Generic[_Made]):
    """Things to learn from, each said by its number alone, made ahead by worker processes.

    They are asked for in the order of their numbers; the first number asked for may be any. Without
    workers each is made when it is asked for.
    """

    make: Callable[[int], _Made]
    workers: int = 0
    _coming: Iterator[_Made] | None = None

    def at(self, number: int) -> _Made:
        """The thing of that number: the next one, or the first that is asked for."""
        if self._coming is None:
            self._coming = iter(
                DataLoader(
                    _Numbered(self.make),
                    batch_size=None,
                    sampler=range(number, _ENDLESS),
                    num_workers=self.workers,
                    collate_fn=_as_it_is,
                )
            )
        return next(self._coming)


class _Numbered(Dataset[_Made]):
    def __init__(self, make: Callable[[int], _Made]) -> None:
        self._make = make

    def __getitem__(self, number: int) -> _Made:
        return self._make(number)


def _as_it_is(made: _Made) -> _Made:
    return made


_ENDLESS = 2**62


@dataclass(frozen=True)
class Stage:
    """Where one stage keeps its state and curve, and how far it goes.

    `max_seconds` ends a run early; the next run goes on from there. `cooldown_share` is how much of
    the steps, at their end, the rate takes to come down to nothing.
    """

    name: str
    folder: Path
    steps: int
    max_seconds: float | None = None
    cooldown_share: float = COOLDOWN_SHARE

    @property
    def state_path(self) -> Path:
        """The file to resume from."""
        return self.folder / f"{self.name}.state.pt"

    @property
    def curve_path(self) -> Path:
        """One JSON line per report: step, seconds in this run, and what was measured."""
        return self.folder / f"{self.name}.curve.jsonl"

    def run(
        self,
        learner: Learner,
        descend_at: Callable[[int], Tensor],
        *,
        report_every: int = 50,
    ) -> bool:
        """Train up to `steps` or the time limit; return whether all steps are done.

        Args:
            learner: what is trained; resumed from `state_path` where that exists.
            descend_at: leaves the gradients of step n and returns its loss, from data that n and
                the seed decide.
            report_every: steps between two lines of the curve, each with the mean loss since.

        Raises:
            CheckpointError: the loss is no finite number any more; the last state is kept.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        first = self._resume(learner)
        learner.agree()
        began = saved = time.monotonic()
        losses: list[Tensor] = []
        done = first
        team = learner.team
        for step in tqdm(
            range(first, self.steps),
            initial=first,
            total=self.steps,
            desc=self.name,
            disable=not team.leads,
        ):
            losses.append(descend_at(step).clone())
            learner.update(learning_rate_share(step, self.steps, self.cooldown_share), step)
            done = step + 1
            now = time.monotonic()
            if done % report_every == 0:
                mean = float(torch.stack(losses).mean())
                if team.any(not math.isfinite(mean)):
                    raise CheckpointError(
                        f"the loss of stage {self.name!r} is {mean} near step {done}: what was "
                        f"learned before is kept in {self.state_path}; go on with another seed"
                    )
                if team.leads:
                    self._report(done, now - began, mean)
                losses = []
            if team.leads and now - saved > SAVE_SECONDS:
                self._save(learner, done)
                saved = now
            looks = team.size == 1 or done % _STEPS_TO_A_LOOK == 0
            if looks and team.any(self._is_over(now - began)):
                break
        if team.leads:
            self._save(learner, done)
        return done >= self.steps

    def _is_over(self, seconds: float) -> bool:
        return self.max_seconds is not None and seconds > self.max_seconds

    def _resume(self, learner: Learner) -> int:
        if not self.state_path.exists():
            return 0
        state = torch.load(self.state_path, map_location="cpu", weights_only=True)
        known_version(
            f"the state in {self.state_path}",
            state.get("version", 1),
            STATE_VERSION,
            CheckpointError,
        )
        learner.load_state(state["learner"])
        return int(state["step"])

    def _save(self, learner: Learner, step: int) -> None:
        unfinished = self.state_path.with_suffix(".tmp")
        state = {"version": STATE_VERSION, "step": step, "learner": learner.state()}
        torch.save(state, unfinished)
        unfinished.replace(self.state_path)

    def _report(self, step: int, seconds: float, loss: float) -> None:
        row = {"step": step, "seconds": round(seconds, 1), "loss": loss}
        with self.curve_path.open("a") as curve:
            curve.write(json.dumps(row) + "\n")


def learning_rate_share(step: int, steps: int, cooldown_share: float = COOLDOWN_SHARE) -> float:
    """Up from nothing, then full, then down to nothing over the last share of the steps."""
    up = min(1.0, (step + 1) / WARMUP_STEPS)
    down = (steps - step) / max(1.0, cooldown_share * steps)
    return min(up, down, 1.0)
