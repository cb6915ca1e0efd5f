"""From gradients to steps: Muon for hidden matrices and convolutions, AdamW for the rest."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

WEIGHT_DECAY = 0.01
MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)
NEWTON_SCHULZ_STEPS = 5


def optimizers_for(
    modules: nn.ModuleDict,
    matrices: Iterable[Tensor],
    *,
    rate: float,
    matrix_rate: float | None = None,
) -> list[Optimizer]:
    """Muon for the hidden matrices, AdamW for all else that is learned.

    `matrix_rate` is Muon's where it is not the same as AdamW's.
    """
    hidden = [p for p in matrices if p.requires_grad]
    chosen = {id(p) for p in hidden}
    others = [p for p in modules.parameters() if p.requires_grad and id(p) not in chosen]
    optimizers: list[Optimizer] = []
    if others:
        optimizers.append(
            torch.optim.AdamW(
                others,
                lr=rate,
                betas=(0.9, 0.95),
                weight_decay=WEIGHT_DECAY,
                fused=True,
                capturable=others[0].is_cuda,
            )
        )
    if hidden:
        optimizers.append(Muon(hidden, matrix_rate or rate))
    return optimizers


class Muon(Optimizer):
    """Muon as torch has it, with matrices of one shape turned together: far fewer calls.

    A convolution's weights count as the matrix from all that it sees to its output channels. The
    rate of a group may be a number or a tensor.

    Source: K. Jordan et al., Muon (2024); the size after J. Liu et al., Muon is scalable (2025).
    """

    def __init__(self, matrices: Iterable[Tensor], rate: float) -> None:
        super().__init__(matrices, {"lr": rate})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """One step down the gradients: momentum with Nesterov's step, made orthogonal."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[Tensor]] = {}
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                by_shape.setdefault(tuple(matrix.shape), []).append(matrix)
            for shape, matrices in by_shape.items():
                larger = max(shape[0], math.prod(shape[1:]))
                self._step(matrices, group["lr"], 0.2 * math.sqrt(larger))

    def _step(self, matrices: list[Tensor], rate: float | Tensor, size: float) -> None:
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        momenta = [self._momentum(matrix) for matrix in matrices]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, MOMENTUM)
        turned = orthogonal(torch.stack(ahead).flatten(2)).to(ahead[0].dtype) * (-rate * size)
        torch._foreach_mul_(matrices, 1 - rate * WEIGHT_DECAY)
        torch._foreach_add_(matrices, [t.view_as(m) for t, m in zip(turned, matrices, strict=True)])

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
