"""On a GPU a training step is replayed from CUDA graphs: it must do what the eager step does."""

import pytest
import torch
from torch import Tensor, nn

from longlive_widget.engine.captured import Captured
from longlive_widget.tiny.learner import Learner
from longlive_widget.tiny.optimizers import optimizers_for

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
SHAPES = ((4, 8), (6, 8))


def modules() -> nn.ModuleDict:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 1))
    return nn.ModuleDict({"layers": layers}).cuda()


def lessons(count: int) -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(SHAPES[index % len(SHAPES)], device="cuda") for index in range(count)]


def trained(*, captured: bool) -> tuple[list[float], dict[str, Tensor]]:
    network = modules()
    matrices = [network["layers"][0].weight]
    learner = Learner(network, optimizers_for(network, matrices, rate=0.01))
    learner._on_gpu = captured
    losses = []
    for step, lesson in enumerate(lessons(12)):
        torch.manual_seed(step)

        def loss(x: Tensor) -> Tensor:
            noise = torch.randn(x.shape, device="cuda")
            return (network["layers"](x + 0.1 * noise) - x.sum(1, keepdim=True)).square().mean()

        losses.append(float(learner.descend(lesson.shape, loss, (lesson,))))
        learner.update(1.0 - step / 24, step)
    learner.load_average()
    return losses, {name: value.clone() for name, value in network.state_dict().items()}


def test_captured_steps_learn_what_eager_steps_learn():
    (eager_losses, eager), (losses, weights) = trained(captured=False), trained(captured=True)
    assert losses == pytest.approx(eager_losses, rel=1e-4)
    assert losses[-2] < 0.8 * losses[0]
    for name, value in eager.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-4)


def test_what_a_captured_function_draws_follows_the_seed():
    def drawn() -> Tensor:
        return torch.randn(5, device="cuda")

    replayed = Captured(drawn, (), warm_ups=1)
    found = []
    for seed in (3, 4, 3):
        torch.manual_seed(seed)
        found.append(replayed().clone())
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[1])
    torch.manual_seed(3)
    assert torch.equal(found[0], drawn())
