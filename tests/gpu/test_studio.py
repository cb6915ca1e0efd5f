"""A studio over replayed blocks: what it measures changes no picture."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from longlive_widget import PRESETS, Engine, Timeline
from longlive_widget.measure.parts import GRAPH_PARTS
from tests.unit.waiting import wait_until

pytest.importorskip("anywidget")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
POOLED = PRESETS["reference"].with_(window_cache="ring", memory_pool=True, prompt_cache=4)
TIMELINE = Timeline.of("a red ball bounces on white", (30, "it turns blue"))


def test_a_profile_in_a_studio_tells_the_kernels_of_graphs_apart_and_changes_no_picture(
    record_property: Callable[[str, object], None],
):
    from longlive_widget import LongLiveWidget

    engine = Engine.load("tiny", POOLED.with_(cuda_graphs=True), device="cuda")
    studio = LongLiveWidget(engine, TIMELINE, seed=1)
    studio.run(blocks=16)
    studio.profile()
    studio.run(blocks=4)
    wait_until(lambda: studio.profiled is not None)
    ms = {part.name: part.ms for part in studio.profiled.parts}
    whole = sum(ms[name] for name in ms if name in GRAPH_PARTS.values())
    record_property("in_graphs_percent", round(100 * whole / sum(ms.values()), 2))
    assert {"self attention", "feed-forward up", "decoder stage 1"} <= ms.keys()
    assert whole < 0.03 * sum(ms.values())
    plain = Engine(engine.model, POOLED.with_(memory_pool=False)).session(TIMELINE, seed=1)
    for made, block in zip(studio.blocks, plain.blocks(20), strict=True):
        assert np.array_equal(made.frames, block.frames)
    studio.close()
