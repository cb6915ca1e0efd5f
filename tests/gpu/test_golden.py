"""The golden rollouts on a GPU, in float32: with and without a pool, whose blocks are replayed."""

import pytest
import torch

from longlive_widget.cache.window import Window
from tests.parity.cases import BOUND, read_case, relative_error, rollout_names
from tests.parity.test_transformer import WINDOWS, roll_out

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.fixture(autouse=True)
def float32_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions are not rounded to TF32, as cuDNN's are by default."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("pooled", [False, True], ids=["", "pool"])
@pytest.mark.parametrize("name", rollout_names())
@torch.inference_mode()
def test_a_rollout_on_a_gpu_agrees_block_by_block(name: str, kind: type[Window], *, pooled: bool):
    case = read_case(name)
    latents = roll_out(case, name, kind, pooled=pooled, cached=True, device="cuda")
    assert len(latents) == len(case["latents"]) > 0
    for block, latent in enumerate(latents):
        error = relative_error(latent, case["latents"][block])
        assert error < BOUND, f"block {block} is off by {error:.2e}"
