"""What the presets panel shows: presets and settings, each with the way to it, and what loads.

Loads no torch. Knows neither engines nor the page: `offers` fills it, `protocol` sends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Way = Literal["now", "live", "next video", "reload", "refused"]
"""What a click does: nothing, it is so now; a change at the next block; a new video; another model
is loaded first; or nothing, this machine or model cannot do it."""
Kind = Literal["switch", "choice", "number", "steps"]
Value = str | int | bool | None | tuple[int, ...]


@dataclass(frozen=True)
class Measured:
    """What a preset's blocks took here: the median, over so many; `on_record` or in this studio."""

    block_ms: float
    pictures_per_s: float
    blocks: int
    on_record: bool


@dataclass(frozen=True)
class PresetOffer:
    """A preset to choose: what it changes against the reference, and what its choice would do.

    `why` is the reason for the way, '' if there is nothing to say. `measured` is None where nothing
    was measured on this machine.
    """

    name: str
    summary: str
    changes: Mapping[str, Value]
    way: Way
    why: str
    measured: Measured | None
    recommended: bool


@dataclass(frozen=True)
class ValueOffer:
    """A value of a setting, and what its choice would do."""

    value: Value
    way: Way
    why: str


@dataclass(frozen=True)
class SettingOffer:
    """One setting of the present preset.

    `reference` is its value there, and `picture` what another one does to the picture. All values
    that there are, are `offers`; a number has none, and `way` is then that of any other number.
    """

    name: str
    kind: Kind
    value: Value
    reference: Value
    picture: str
    offers: tuple[ValueOffer, ...]
    way: Way


@dataclass(frozen=True)
class Loading:
    """A preset on its way into memory: in which stage, since when, and how long it took last time.

    `usual_s` is what all of it has taken on this machine before, None where that is not known. One
    that is `cancelled` ends with its stage.
    """

    preset: str
    stage: str
    elapsed_s: float
    usual_s: float | None
    cancelled: bool


@dataclass(frozen=True)
class Panel:
    """All that the panel shows.

    The state beside it has the seed and the size as they are now; `own_size` is the model's, width
    and height. `advice` says which preset to take and why.
    """

    preset: str
    seed_locked: bool
    own_size: tuple[int, int]
    presets: tuple[PresetOffer, ...]
    settings: tuple[SettingOffer, ...]
    advice: str
    loading: Loading | None
