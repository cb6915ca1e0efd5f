"""The loop that every stage of training shares: rates, averages, curves, and going on after a stop.

What a step learns from depends on the seed and the step's number alone, so a run that was stopped
and resumed learns the same.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

EMA_DECAY = 0.999
SAVE_SECONDS = 120
WARMUP_STEPS = 200
COOLDOWN_SHARE = 0.4


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

    def update(self, loss: Tensor, rate: float, step: int, clip_norm: float = 1.0) -> None:
        """One step down the gradient of `loss`, at `rate` of the full learning rate."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * rate
        loss.backward()
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
        loss_at: Callable[[int], Tensor],
        *,
        report_every: int = 50,
    ) -> bool:
        """Train up to `steps` or the time limit; return whether all steps are done.

        Args:
            learner: what is trained; resumed from `state_path` where that exists.
            loss_at: the loss of step n, computed from data that n and the seed decide.
            report_every: steps between two lines of the curve, each with the mean loss since.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        first = self._resume(learner)
        began = saved = time.monotonic()
        losses: list[Tensor] = []
        done = first
        for step in tqdm(range(first, self.steps), initial=first, total=self.steps, desc=self.name):
            loss = loss_at(step)
            learner.update(loss, learning_rate_share(step, self.steps), step)
            losses.append(loss.detach())
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
    """Muon for the hidden matrices, AdamW for all else.

    Source: K. Jordan et al., Muon (2024), as torch has it, with updates scaled like AdamW's.
    """
    hidden = [p for p in matrices if p.requires_grad]
    chosen = {id(p) for p in hidden}
    others = [p for p in modules.parameters() if p.requires_grad and id(p) not in chosen]
    optimizers: list[Optimizer] = [
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=0.01)
    ]
    if hidden:
        optimizers.append(
            torch.optim.Muon(hidden, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
        )
    return optimizers
