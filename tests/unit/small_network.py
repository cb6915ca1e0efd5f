"""A network with the outer form of the transformer, adapters for it, and a small transformer."""

import torch
from torch import Tensor, nn

from longlive_widget.model.config import TransformerConfig
from longlive_widget.model.transformer import Transformer

RANK = 3


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(6, 6)
        self.ffn = nn.Sequential(nn.Linear(6, 10), nn.GELU(), nn.Linear(10, 6, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.ffn(self.q(x))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(4, 6)
        self.blocks = nn.ModuleList(Layer() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.embedding(x)
        for block in self.blocks:
            x = block(x)
        return x


def small_transformer() -> Transformer:
    torch.manual_seed(0)
    sizes = TransformerConfig(
        dim=24, heads=2, layers=2, ffn_dim=32, text_dim=8, text_length=4, frequency_dim=16
    )
    network = Transformer(sizes).eval()
    nn.init.normal_(network.head.head.weight, std=0.1)  # zero in a new network
    return network


def adapter_for(network: nn.Module, seed: int = 1, rank: int = RANK) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, module in network.named_modules():
        if name.startswith("blocks") and isinstance(module, nn.Linear):
            shapes = {"A": (rank, module.in_features), "B": (module.out_features, rank)}
            for side, shape in shapes.items():
                key = f"base_model.model.{name}.lora_{side}.weight"
                weights[key] = 0.1 * torch.randn(shape, generator=generator)
    return weights
