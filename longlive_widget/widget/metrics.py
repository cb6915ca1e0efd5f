"""What was measured of blocks as a table: a row for each block, a unit in each name."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from longlive_widget.geometry import PICTURES_PER_SECOND
from longlive_widget.widget.protocol import BlockRecord

if TYPE_CHECKING:
    import pandas as pd

_Column = tuple[str, str, Callable[[BlockRecord], object]]
"""Name, type, and what a record has there."""


def metrics_of(records: Sequence[BlockRecord]) -> "pd.DataFrame":
    """A row for each block, by its number; what is not known is missing.

    `steps_ms` holds the single steps, `step_1_ms` and so on, where these can be told apart;
    `decode_ms` is without `transfer_ms`. `latency_ms` ends before encoding, the wire and the page's
    decoding.
    """
    import pandas as pd

    columns = _columns(max(map(count_steps, records), default=0))
    table = pd.DataFrame(
        {name: pd.Series(map(get, records), dtype=kind) for name, kind, get in columns}
    )
    return table.set_index("block")


def count_steps(record: BlockRecord) -> int:
    """How many steps of a block were told apart: none where a GPU replays them as one."""
    return sum(name.startswith("step ") for name in record.parts_ms)


def _columns(steps: int) -> list[_Column]:
    """`js/src/charts/csv.ts` has the same ones."""
    part = _part
    return [
        ("block", "int64", lambda record: record.block),
        ("latent_frame", "int64", lambda record: record.latent_frame),
        ("first_picture", "int64", lambda record: record.first_picture),
        ("pictures", "int64", lambda record: record.pictures),
        ("prompt", "str", lambda record: record.prompt),
        ("preset", "str", lambda record: record.preset),
        ("switched", "bool", lambda record: record.landed is not None and record.block > 0),
        ("displayed", "bool", lambda record: record.displayed),
        ("profiled", "bool", lambda record: record.profiled),
        ("credits", "int64", lambda record: record.credits),
        ("latency_ms", "float64", lambda record: record.latency_ms),
        part("text_ms", "text"),
        part("recache_ms", "re-cache"),
        part("steps_ms", "steps"),
        *(part(f"step_{number}_ms", f"step {number}") for number in range(1, steps + 1)),
        part("context_ms", "context"),
        ("decode_ms", "float64", decode_ms),
        part("transfer_ms", "transfer"),
        ("encode_ms", "float64", lambda record: record.encode_ms),
        ("wire_ms", "float64", lambda record: record.page.wire_ms),
        ("wire_within_ms", "float64", lambda record: record.page.wire_within_ms),
        ("page_decode_ms", "float64", lambda record: record.page.decode_ms),
        ("window_frames", "int64", lambda record: len(record.window.frames)),
        ("evicted_next_frames", "int64", lambda record: len(record.window.evicted_next)),
        ("window_bytes", "int64", lambda record: record.window_bytes),
        ("host_bytes", "int64", lambda record: record.host_bytes),
        ("device_bytes", "Int64", lambda record: record.device_bytes),
        ("device_reserved_bytes", "Int64", lambda record: record.device_reserved_bytes),
    ]


def real_time_ms(record: BlockRecord) -> float:
    """How long the pictures of a block play: it must be made in less."""
    return 1e3 * record.pictures / PICTURES_PER_SECOND


def decode_ms(record: BlockRecord) -> float:
    """The decoding alone, without the copy to the host."""
    decoded_ms = record.parts_ms.get("decode", 0.0)
    return round(max(0.0, decoded_ms - record.parts_ms.get("transfer", 0.0)), 3)


def _part(column: str, name: str) -> _Column:
    return column, "float64", lambda record: record.parts_ms.get(name, 0.0)
