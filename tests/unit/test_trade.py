"""Time beside pictures in one table."""

import pytest

from longlive_widget import PRESETS
from longlive_widget.errors import RecordError
from longlive_widget.measure.recommend import candidates_in
from longlive_widget.measure.trade import trade_table
from tests.unit.written_record import record


def timed(name: str, *block_ms: float):
    return record(preset=PRESETS[name], samples={"block_ms": list(block_ms)}, facts={})


def alike(name: str, squared_error: float):
    samples = {"squared_error": [squared_error, 0.0]}
    facts = {"against": "reference"}
    return record(kind="likeness", preset=PRESETS[name], samples=samples, facts=facts)


def test_each_row_has_its_time_what_changed_pair_by_pair_and_its_worst_block():
    drifting = [100.0, 200, 300, 400, 500, 600, 700]
    halved = [one - 40 for one in drifting]
    records = [timed("reference", *drifting), timed("ultra", *halved), alike("ultra", 650.25)]
    *_, reference, ultra = trade_table(candidates_in(records)).splitlines()
    assert reference == "| reference | 400 |  | equal |"
    assert ultra == "| ultra | 360 | -10.0% (-10.0% to -10.0%) | 20.0 dB |"


def test_samples_that_were_not_taken_in_turns_are_no_pairs():
    candidates = candidates_in([timed("reference", 1, 2), timed("ultra", 1)])
    with pytest.raises(RecordError, match="are no pairs"):
        trade_table(candidates)
