"""What blocks take under each preset, told and asked from several threads."""

import sys
import threading
from dataclasses import replace

import pytest

from longlive_widget import PRESETS
from longlive_widget.widget.timings import LEAST_BLOCKS, Figures
from tests.unit.painted_engine import PaintedEngine
from tests.unit.test_protocol import SHOWN

PRESETS_MADE = 500


@pytest.fixture
def hasty():
    """Threads change places as often as may be."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before_s)


def test_blocks_that_were_profiled_are_no_figure_of_their_preset():
    figures, engine, preset = Figures(), PaintedEngine(), PRESETS["reference"]
    figures.begin(1, 0, preset, engine.geometry)
    made = [replace(SHOWN, block=block, landed=None, parts_ms={}) for block in range(2, 8)]
    slow = {4, 5}
    counted = [
        figures.heard(1, replace(one, profiled=True, latency_ms=9000.0) if at in slow else one)
        for at, one in enumerate(made, 2)
    ]
    assert counted == [1, 2, 0, 0, 3, 4]
    known = figures.of(preset, engine, engine.geometry)
    assert known is not None
    assert (known.blocks, known.block_ms) == (4, SHOWN.latency_ms)


@pytest.mark.parametrize(
    ("latency_ms", "parts_ms", "block_ms"),
    [
        (150.0, {"context": 20, "steps": 80, "step 1": 40, "step 2": 40, "decode": 50}, 150.0),
        (60.0, {"context": 20, "steps": 80, "step 1": 40, "step 2": 40, "decode": 50}, 100.0),
        (60.0, {"steps": 40, "decode": 90, "transfer": 9}, 90.0),
    ],
    ids=["in turn", "behind, by its steps", "behind, by its decoding"],
)
def test_a_block_takes_what_its_parts_take_and_no_part_of_a_part_twice(
    latency_ms, parts_ms, block_ms
):
    figures, engine, preset = Figures(), PaintedEngine(), PRESETS["reference"]
    figures.begin(1, 0, preset, engine.geometry)
    for block in range(2, 2 + LEAST_BLOCKS):
        made = replace(SHOWN, block=block, landed=None, latency_ms=latency_ms, parts_ms=parts_ms)
        figures.heard(1, made)
    known = figures.of(preset, engine, engine.geometry)
    assert known is not None
    assert known.block_ms == block_ms


@pytest.mark.usefixtures("hasty")
def test_figures_may_be_asked_while_blocks_are_made_under_new_presets():
    figures, engine, over = Figures(), PaintedEngine(), threading.Event()
    errors = []

    def ask():
        while not over.is_set():
            try:
                figures.of(PRESETS["reference"], engine, engine.geometry)
            except RuntimeError as error:
                errors.append(error)
                return

    asking = threading.Thread(target=ask)
    asking.start()
    for run in range(1, PRESETS_MADE):
        preset = PRESETS["reference"].with_(prompt_cache=run)
        figures.begin(run, 0, preset, engine.geometry)
        for block in range(2, 2 + LEAST_BLOCKS):
            figures.heard(run, replace(SHOWN, block=block, landed=None))
    over.set()
    asking.join()
    assert errors == []
    known = figures.of(preset, engine, engine.geometry)
    assert known is not None
    assert known.blocks == LEAST_BLOCKS
