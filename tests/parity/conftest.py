"""No gradients while the model is held to the golden cases."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.inference_mode():
        yield
