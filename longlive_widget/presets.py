"""Named settings that trade speed, memory and picture.

Loads no torch. Knows no model: what a field does is decided where it is read, in `engine/`.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from longlive_widget.errors import PresetError, whole_number

TRAINING_STEPS = 1000


@dataclass(frozen=True)
class Preset:
    """One choice for every setting; each default is the reference's value.

    `denoise_steps` are timesteps of the training schedule, high to low, before the shift is
    applied. `window_frames` is the memory in latent frames, the sink counted in. `compiled` has
    torch compile the networks at their first use.

    Raises:
        PresetError: the steps do not go down from at most 1000 to at least 1, the window is
            empty, or one of them is no whole number.
    """

    name: str
    summary: str
    denoise_steps: tuple[int, ...] = (1000, 750, 500, 250)
    window_frames: int = 12
    compiled: bool = False

    def __post_init__(self) -> None:
        window_frames = whole_number("window_frames", self.window_frames, PresetError, least=1)
        object.__setattr__(self, "window_frames", window_frames)
        steps = _whole_steps(self.denoise_steps)
        object.__setattr__(self, "denoise_steps", steps)
        falling = all(a > b for a, b in pairwise(steps))
        if not steps or not falling:
            raise PresetError(
                f"denoise_steps {list(steps)} must be some that go down: for example "
                "[1000, 750, 500, 250]"
            )


def _whole_steps(steps: object) -> tuple[int, ...]:
    if not isinstance(steps, Iterable) or isinstance(steps, str):
        raise PresetError(f"denoise_steps {steps!r} is no list: for example [1000, 750, 500, 250]")
    return tuple(
        whole_number("denoise step", step, PresetError, least=1, most=TRAINING_STEPS)
        for step in steps
    )


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("reference", "what all others are compared with: 4 steps, 12 latent frames"),
        Preset(
            "balanced",
            "the same pictures, compiled: faster, after a first block that takes longer",
            compiled=True,
        ),
        Preset(
            "turbo",
            "3 steps and a window of 8 latent frames: faster, with less detail",
            denoise_steps=(1000, 500, 250),
            window_frames=8,
        ),
    )
}


def preset_named(name: object) -> Preset:
    """The preset of that name.

    Raises:
        PresetError: there is none; the message lists those that exist.
    """
    if isinstance(name, str) and name in PRESETS:
        return PRESETS[name]
    close = difflib.get_close_matches(str(name), PRESETS, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise PresetError(f"no preset is called {name!r}: {hint}there are {', '.join(PRESETS)}")
