"""Parameters in training: from a loss to gradients, and from gradients to a step.

On a GPU both ways are CUDA graphs, recorded when they are first gone.
"""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from longlive_widget.engine.captured import Captured
from longlive_widget.tiny.team import Team

EMA_DECAY = 0.999
CLIP_NORM = 1.0
_WARM_UPS = 3


class Learner:
    """Parameters in training, their optimizers, and their running average.

    The gradients of all parameters lie in one tensor, so that a team shares them in one call; no
    one else may set them.
    """

    def __init__(
        self, modules: nn.ModuleDict, optimizers: Sequence[Optimizer], team: Team | None = None
    ) -> None:
        self.modules = modules
        self.optimizers = tuple(optimizers)
        self.team = team or Team()
        learned = self._learned()
        self.average = {name: p.detach().clone() for name, p in learned}
        first = learned[0][1]
        self._gradient = first.new_zeros(sum(p.numel() for _, p in learned))
        sizes = [p.numel() for _, p in learned]
        for (_, parameter), part in zip(learned, self._gradient.split(sizes), strict=True):
            parameter.grad = part.view_as(parameter)
        self._new_share = first.new_zeros(())
        self._rates = [
            (group, float(group["lr"]), first.new_zeros(()))
            for optimizer in self.optimizers
            for group in optimizer.param_groups
        ]
        self._set_rates(0.0)
        self._on_gpu = first.is_cuda
        self._ways_down: dict[Hashable, Captured] = {}
        self._step: Captured | None = None
        self._steps_taken = 0

    def descend(
        self, form: Hashable, loss: Callable[..., Tensor], inputs: Sequence[Tensor]
    ) -> Tensor:
        """Leave the gradients of `loss(*inputs)` for the next `update`; returns the loss.

        Args:
            form: losses of one form do the same with inputs of the same shapes.
            loss: on a GPU it is called only while a form is new.
            inputs: tensors that no gradient flows into.
        """
        if not self._on_gpu:
            return self._descended(loss, *inputs)
        if form not in self._ways_down:
            self._ways_down[form] = Captured(
                lambda *fixed: self._descended(loss, *fixed),
                inputs,
                warm_ups=_WARM_UPS,
                memory_of=next(iter(self._ways_down.values()), None),
            )
        return self._ways_down[form](*inputs)

    def update(self, rate: float, step: int) -> None:
        """One step down the team's mean gradients, at `rate` of the full learning rate."""
        self.team.average(self._gradient)
        self._set_rates(rate)
        self._new_share.fill_(1 - min(EMA_DECAY, (1 + step) / (10 + step)))
        self._steps_taken += 1
        if not self._on_gpu or self._steps_taken <= _WARM_UPS:
            self._stepped()
            return
        if self._step is None:
            self._step = Captured(self._stepped, (), warm_ups=0)
        self._step()

    def agree(self) -> None:
        """Begin, or go on, with the same weights in the whole team."""
        self.team.agree(p.detach() for _, p in self._learned())
        self.team.agree(self.average.values())

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
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        self._rates = [
            (group, full, share)
            for group, (_, full, share) in zip(groups, self._rates, strict=True)
        ]
        for name, value in state["average"].items():  # type: ignore[attr-defined]
            self.average[name].copy_(value)

    def _descended(self, loss: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        self._gradient.zero_()
        value = loss(*inputs)
        value.backward()
        return value.detach()

    def _stepped(self) -> Tensor:
        self._gradient.nan_to_num_(nan=0, posinf=0, neginf=0)  # the loss tells, and stops the run
        norm = self._gradient.norm()
        self._gradient.mul_((CLIP_NORM / (norm + 1e-6)).clamp(max=1))
        for optimizer in self.optimizers:
            optimizer.step()
        averages = list(self.average.values())
        ahead = torch._foreach_sub([p.detach() for _, p in self._learned()], averages)
        torch._foreach_mul_(ahead, self._new_share)
        torch._foreach_add_(averages, ahead)
        return norm

    def _set_rates(self, share: float) -> None:
        """Rates are tensors, so that a recorded step reads them anew."""
        for group, full, rate in self._rates:
            rate.fill_(full * share)
            group["lr"] = rate

    def _learned(self) -> list[tuple[str, nn.Parameter]]:
        return [(n, p) for n, p in self.modules.named_parameters() if p.requires_grad]
