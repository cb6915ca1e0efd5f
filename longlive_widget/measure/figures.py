"""Figures in words, each in one way everywhere."""

from longlive_widget.measure.statistics import FEWEST, Difference

NONE_SEEN = "no difference seen"


def percent(change: Difference) -> str:
    """A change as a share, with its interval."""
    return _changed(change, "{:+.1%}", "")


def milliseconds(change: Difference) -> str:
    """A change in ms, with its interval."""
    return _changed(change, "{:+.1f}", " ms")


def _changed(change: Difference, form: str, unit: str) -> str:
    if not change.bounded:
        return f"too few samples to tell: take {FEWEST} or more"
    median, low, high = map(form.format, (change.median, change.low, change.high))
    if not change.seen:
        return f"{NONE_SEEN} ({low} to {high}{unit})"
    return f"{median}{unit} ({low} to {high})"


def changed(after: float, before: float) -> str:
    """What became of a single figure, as a share, with no interval; "" where it was nothing."""
    return f"{round(after / before - 1, 3) + 0.0:+.1%}" if before else ""  # never -0.0%


def decibels(found: float | None) -> str:
    """A PSNR; infinite are equal pictures, None was not compared."""
    if found is None:
        return "not compared"
    return "equal" if found == float("inf") else f"{found:.1f} dB"


def choice(value: object) -> str:
    """The value of a setting, as YAML has it."""
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, tuple) else str(value)


def number(fact: object) -> str:
    """A fact of a record."""
    if isinstance(fact, float):
        return f"{fact:,.0f}" if fact >= 1000 else f"{fact:.2f}"
    return str(fact)
