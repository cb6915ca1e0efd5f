"""Figures in words, each in one way everywhere."""

from longlive_widget.measure.statistics import FEWEST, Difference

_TOO_FEW = f"too few samples to tell: take {FEWEST} or more"


def percent(change: Difference) -> str:
    """A change as a share, with its interval."""
    if not change.bounded:
        return _TOO_FEW
    if not change.seen:
        return "no difference seen"
    return f"{change.median:+.1%} ({change.low:+.1%} to {change.high:+.1%})"


def milliseconds(change: Difference) -> str:
    """A change in ms, with its interval."""
    if not change.bounded:
        return _TOO_FEW
    if not change.seen:
        return "no difference seen"
    return f"{change.median:+.1f} ms ({change.low:+.1f} to {change.high:+.1f})"


def decibels(found: float | None) -> str:
    """A PSNR; infinite are equal pictures, None was not compared."""
    if found is None:
        return "not compared"
    return "equal" if found == float("inf") else f"{found:.1f} dB"


def number(fact: object) -> str:
    """A fact of a record."""
    if isinstance(fact, float):
        return f"{fact:,.0f}" if fact >= 1000 else f"{fact:.2f}"
    return str(fact)
