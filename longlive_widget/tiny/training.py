"""The loop that every stage of training shares: rates, averages, curves, and going on after a stop.

What a step learns from depends on the seed and the step's number alone, so a run that was stopped
and resumed learns the same.
"""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

EMA_DECAY = 0.999
SAVE_SECONDS = 120
WARMUP_STEPS = 200
COOLDOWN_SHARE = 0.4
WEIGHT_DECAY = 0.01
MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)
NEWTON_SCHULZ_STEPS = 5
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


@dataclass(eq=False)
class Learner:
    """Parameters in training, their optimizers, and their running average."""

    modules: nn.ModuleDict
    optimizers: Sequence[Optimizer]
    average: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.average = {name: p.detach().clone() for name, p in self._learned()}
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])

    def descend(self, loss: Tensor) -> Tensor:
        """The gradients of `loss`, for the next `update`; returns the loss."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return loss.detach()

    def update(self, rate: float, step: int, clip_norm: float = 1.0) -> None:
        """One step down the gradients, at `rate` of the full learning rate."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * rate
        nn.utils.clip_grad_norm_([p for _, p in self._learned()], clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        learned = [p.detach() for _, p in self._learned()]
        torch._foreach_lerp_(list(self.average.values()), learned, 1 - decay)

    def load_average(self) -> None:
        """Put the running average in the parameters' place; the end of training."""
        with torch.no_grad():
            for name, parameter in self._learned():
                parameter.copy_(self.average[name])

    def state(self) -> dict[str, object]:
        """All that `load_state` needs to go on."""
        return {
            "modules": self.modules.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "average": self.average,
        }

    def load_state(self, state: dict[str, object]) -> None:
        """Go on from what `state` gave."""
        self.modules.load_state_dict(state["modules"])  # type: ignore[arg-type]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):  # type: ignore[call-overload]
            optimizer.load_state_dict(saved)
        for name, value in state["average"].items():  # type: ignore[attr-defined]
            self.average[name].copy_(value)

    def _learned(self) -> list[tuple[str, nn.Parameter]]:
        return [(n, p) for n, p in self.modules.named_parameters() if p.requires_grad]


@dataclass(frozen=True)
class Stage:
    """Where one stage keeps its state and curve, and how far it goes.

    `max_seconds` ends a run early; the next run goes on from there.
    """

    name: str
    folder: Path
    steps: int
    max_seconds: float | None = None

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
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        first = self._resume(learner)
        began = saved = time.monotonic()
        losses: list[Tensor] = []
        done = first
        for step in tqdm(range(first, self.steps), initial=first, total=self.steps, desc=self.name):
            losses.append(descend_at(step).clone())
            learner.update(learning_rate_share(step, self.steps), step)
            done = step + 1
            now = time.monotonic()
            if done % report_every == 0:
                self._report(done, now - began, losses)
                losses = []
            if now - saved > SAVE_SECONDS:
                self._save(learner, done)
                saved = now
            if self.max_seconds is not None and now - began > self.max_seconds:
                break
        self._save(learner, done)
        return done >= self.steps

    def _resume(self, learner: Learner) -> int:
        if not self.state_path.exists():
            return 0
        state = torch.load(self.state_path, map_location="cpu", weights_only=True)
        learner.load_state(state["learner"])
        return int(state["step"])

    def _save(self, learner: Learner, step: int) -> None:
        unfinished = self.state_path.with_suffix(".tmp")
        torch.save({"step": step, "learner": learner.state()}, unfinished)
        unfinished.replace(self.state_path)

    def _report(self, step: int, seconds: float, losses: Iterable[Tensor]) -> None:
        loss = float(torch.stack(list(losses)).mean())
        row = {"step": step, "seconds": round(seconds, 1), "loss": loss}
        with self.curve_path.open("a") as curve:
            curve.write(json.dumps(row) + "\n")


def learning_rate_share(step: int, steps: int) -> float:
    """Up from nothing, then full, then down to nothing over the last 40 %."""
    up = min(1.0, (step + 1) / WARMUP_STEPS)
    down = (steps - step) / max(1.0, COOLDOWN_SHARE * steps)
    return min(up, down, 1.0)


def optimizers_for(
    modules: nn.ModuleDict, matrices: Iterable[Tensor], *, rate: float
) -> list[Optimizer]:
    """Muon for the hidden matrices, AdamW for all else."""
    hidden = [p for p in matrices if p.requires_grad]
    chosen = {id(p) for p in hidden}
    others = [p for p in modules.parameters() if p.requires_grad and id(p) not in chosen]
    optimizers: list[Optimizer] = [
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY, fused=True)
    ]
    if hidden:
        optimizers.append(Muon(hidden, rate))
    return optimizers


class Muon(Optimizer):
    """Muon as torch has it, with matrices of one shape turned together: far fewer calls.

    Momentum with Nesterov's step, made orthogonal, at a size like AdamW's.

    Source: K. Jordan et al., Muon (2024); the size after J. Liu et al., Muon is scalable (2025).
    """

    def __init__(self, matrices: Iterable[Tensor], rate: float) -> None:
        super().__init__(matrices, {"lr": rate})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """One step down the gradients."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[Tensor]] = {}
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                by_shape.setdefault(tuple(matrix.shape), []).append(matrix)
            for shape, matrices in by_shape.items():
                self._step(matrices, group["lr"], 0.2 * math.sqrt(max(shape)))

    def _step(self, matrices: list[Tensor], rate: float, size: float) -> None:
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        momenta = [self._momentum(matrix) for matrix in matrices]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, MOMENTUM)
        turned = orthogonal(torch.stack(ahead))
        torch._foreach_mul_(matrices, 1 - rate * WEIGHT_DECAY)
        torch._foreach_add_(matrices, list(turned.to(ahead[0].dtype)), alpha=-rate * size)

    def _momentum(self, matrix: Tensor) -> Tensor:
        state = self.state[matrix]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(matrix)
        momentum: Tensor = state["momentum"]
        return momentum


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices, `[n, rows, columns]`, with all singular values brought near 1, in bfloat16."""
    a, b, c = NEWTON_SCHULZ
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
