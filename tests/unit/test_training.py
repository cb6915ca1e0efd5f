"""What the stages of training share."""

import pytest
import torch

from longlive_widget.tiny.optimizers import Muon, orthogonal
from longlive_widget.tiny.training import MadeAhead

RATE = 0.02


def _matrices() -> list[torch.nn.Parameter]:
    torch.manual_seed(0)
    shapes = [(12, 12), (24, 12), (12, 12), (12, 24)]
    return [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]


def test_muon_takes_the_steps_of_the_one_in_torch():
    ours, theirs = _matrices(), _matrices()
    fast = Muon(ours, RATE)
    slow = torch.optim.Muon(theirs, lr=RATE, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    for step in range(3):
        torch.manual_seed(step)
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        fast.step()
        slow.step()
    for one, other, start in zip(ours, theirs, _matrices(), strict=True):
        moved, expected = one - start, other - start
        assert (moved - expected).norm() < 0.03 * expected.norm()  # both round to bfloat16


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 8, 24), (2, 24, 8)])
def test_orthogonal_matrices_have_singular_values_near_one(shape: tuple[int, ...]):
    torch.manual_seed(1)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)).float())
    assert values.max() < 1.3
    assert values.median() > 0.6


@pytest.mark.parametrize("workers", [0, 2])
def test_things_made_ahead_come_in_order_from_the_first_that_is_asked_for(workers: int):
    made = MadeAhead(_doubled, workers)
    assert [made.at(number) for number in (7, 8, 9)] == [14, 16, 18]


def _doubled(number: int) -> int:
    return 2 * number
