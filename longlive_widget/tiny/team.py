"""Processes that train one model together, each on its own GPU with its own clips.

`torchrun` starts them and says in the environment who is who; a process by itself is a team of one.
"""

import atexit
import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Team:
    """This process among those that train together; `rank` 0 leads: it alone reports and writes."""

    rank: int = 0
    size: int = 1

    @classmethod
    def joined(cls) -> "Team":
        """The team that `torchrun` has started, or this process alone."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        rank = int(os.environ["RANK"])
        if not dist.is_initialized():
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
            atexit.register(dist.destroy_process_group)  # else its threads may outlive the end
        return cls(rank, size)

    @property
    def leads(self) -> bool:
        """Whether this is the process that reports and writes."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """The device of that name; each process of a team has a CUDA device of its own."""
        device = torch.device(name)
        if self.size > 1 and device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        return device

    def seed(self, seed: int) -> int:
        """What this process draws its clips and noise by: other ones than the others'."""
        return seed * self.size + self.rank

    def average(self, tensor: Tensor) -> None:
        """Make a tensor the mean over the team, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
            tensor.div_(self.size)

    def agree(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the values of the one that leads, in place."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def any(self, flag: bool) -> bool:  # noqa: FBT001
        """Whether any process says so; all must ask at the same time."""
        if self.size == 1:
            return flag
        said = torch.tensor([float(flag)], device="cuda" if torch.cuda.is_available() else "cpu")
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return bool(said.item())
