"""What a page that explores trade-offs may ask for. Loads no torch."""

from dataclasses import dataclass

from longlive_widget.errors import MessageError
from longlive_widget.widget.protocol import AssetRequest


@dataclass(frozen=True)
class Choose:
    """See another case, figure of pictures, or preset; what stays is said too."""

    case: str
    quality: str
    preset: str


@dataclass(frozen=True)
class Take:
    """See that preset, and have the studio make its video under it."""

    preset: str


Wish = Choose | Take | AssetRequest


def wish_of(content: object) -> Wish:
    """The wish that a page has sent.

    Raises:
        MessageError: it is none.
    """
    match content:
        case {"type": "choose", "case": str(case), "quality": str(quality), "preset": str(preset)}:
            return Choose(case, quality, preset)
        case {"type": "take", "preset": str(preset)}:
            return Take(preset)
        case {"type": "asset", "name": "plotly"}:
            return AssetRequest("plotly")
        case _:
            raise MessageError(f"this is no wish for charts: {content!r}")
