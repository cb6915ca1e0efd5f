"""The text encoder's own peak: its weights, and what reading a prompt takes beside them."""

import pytest
import torch

from longlive_widget import PRESETS, Engine
from longlive_widget.measure.reading import PROMPT, text_peak_bytes
from tests.unit.allocated import most_bytes


@pytest.mark.parametrize("offloaded", [False, True])
def test_reading_takes_the_weights_and_what_the_allocator_gives_out(*, offloaded: bool):
    preset = PRESETS["reference"].with_(offload_text_encoder=offloaded)
    engine = Engine.load("tiny", preset, device="cpu")
    home = Engine.load("tiny", device="cpu").model.text_encoder
    weights = sum(weight.nbytes for weight in home.parameters())
    with torch.inference_mode():
        engine.model.read(PROMPT)
        taken = most_bytes(lambda: engine.model.read(PROMPT))
    found = text_peak_bytes(engine)
    assert found.keys() == {"text_host_peak_bytes"}
    assert found["text_host_peak_bytes"] - weights == pytest.approx(taken, rel=0.1)
    assert taken > 1e5
