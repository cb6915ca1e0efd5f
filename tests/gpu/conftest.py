"""A test that fails says with which seed its inputs were drawn."""

import pytest

from tests.gpu.seeds import SEED, VARIABLE


@pytest.fixture(autouse=True)
def _told_seed(request: pytest.FixtureRequest) -> None:
    again = f"{VARIABLE}={SEED} draws the inputs of kernels' tests again"
    request.node.add_report_section("setup", "seed", again)
