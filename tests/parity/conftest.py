"""No gradients while the model is held to the golden cases, and no run without any case."""

import pytest
import torch

from tests.parity.cases import require_cases


@pytest.fixture(scope="session", autouse=True)
def _some_cases():
    require_cases()


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.inference_mode():
        yield
