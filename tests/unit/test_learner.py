"""One step after another: what is learned, by one process or by a team, and when it stops."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from longlive_widget.errors import CheckpointError
from longlive_widget.tiny.learner import Learner
from longlive_widget.tiny.optimizers import optimizers_for
from longlive_widget.tiny.team import Team
from longlive_widget.tiny.training import Stage

DATA = [torch.tensor([[1.0, 2.0]]), torch.tensor([[-3.0, 0.5]])]


def learner(seed: int, team: Team | None = None) -> Learner:
    torch.manual_seed(seed)
    modules = nn.ModuleDict({"layer": nn.Linear(2, 2)})
    return Learner(modules, optimizers_for(modules, (), rate=0.1), team)


def trained(taught: Learner, data: torch.Tensor) -> torch.Tensor:
    taught.agree()
    layer = taught.modules["layer"]
    for step in range(3):
        taught.descend("all", lambda x: layer(x).square().mean(), (data,))
        taught.update(1.0, step)
    return layer.weight.detach()


def test_a_team_learns_from_the_mean_of_what_each_sees(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-m", "tests.unit.test_learner", str(tmp_path)]
    both = [
        subprocess.Popen(command, env=os.environ | shared | {"RANK": str(rank)}) for rank in (0, 1)
    ]
    assert [process.wait(120) for process in both] == [0, 0]
    one, other = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert torch.equal(one, other)
    alone = trained(learner(seed=0), torch.cat(DATA))
    assert torch.allclose(one, alone, atol=1e-6)
    assert not torch.allclose(one, trained(learner(seed=0), DATA[0]), atol=1e-3)


@pytest.mark.fault(
    "The model",
    "training comes to a loss that is no number",
    "the stage stops, and keeps its last good state",
)
def test_a_loss_that_is_no_number_stops_the_stage_and_keeps_its_last_state(tmp_path: Path):
    taught = learner(seed=0)
    layer = taught.modules["layer"]

    def descend_at(step: int) -> torch.Tensor:
        factor = float("nan") if step == 3 else 1.0
        return taught.descend("all", lambda x: factor * layer(x).square().mean(), (DATA[0],))

    stage = Stage("odd", tmp_path, steps=3)
    assert stage.run(taught, descend_at, report_every=2)
    kept = stage.state_path.read_bytes()
    with pytest.raises(CheckpointError, match="the loss of stage 'odd' is nan near step 4"):
        Stage("odd", tmp_path, steps=9).run(taught, descend_at, report_every=2)
    assert stage.state_path.read_bytes() == kept
    assert layer.weight.isfinite().all()


if __name__ == "__main__":
    ours = Team.joined()
    found = trained(learner(seed=ours.rank, team=ours), DATA[ours.rank])
    torch.save(found, Path(sys.argv[1]) / f"{ours.rank}.pt")
