"""Under which random weights a record was made: `RANDOM_WEIGHTS` of `engine/model.py`, as it says.

Loads no torch.
"""

from longlive_widget.measure.record import Record

FACT = "random_weights"
_BEFORE = "1"
"""Those of records that do not say: an error in one of their layers hardly showed."""


def random_kind(record: Record) -> str:
    """Of a record of rounding the number of its random weights; "" where that tells nothing.

    Of trained weights there is one kind, and times are the same under any random ones.
    """
    if record.kind != "rounding" or record.weights != "random":
        return ""
    return str(record.facts.get(FACT, _BEFORE))


def hides_errors(record: Record) -> bool:
    """Whether it was made under random weights of before, whose layers did little."""
    return random_kind(record) == _BEFORE
