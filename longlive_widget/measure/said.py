"""Whether pictures show what a prompt of the benchmark says, by the judge of drawn scenes.

It stands where the CLIP score stands for models of the world.

Axes: F pictures, H rows, W columns, C colours.
"""

from torch import Tensor

from longlive_widget.errors import CapabilityError
from longlive_widget.measure.benchmark import PROMPTS
from longlive_widget.tiny.grounds import Ground
from longlive_widget.tiny.judge import read_scene, said_probability
from longlive_widget.tiny.motions import PICTURE, Motion
from longlive_widget.tiny.scenes import Color, Scene, Size, thing_in_the_middle
from longlive_widget.tiny.shapes import Shape

_SAID: tuple[tuple[Size, Color, Shape, Motion, Ground], ...] = (
    ("big", "red", "ball", "bounces", "white"),
    ("medium", "yellow", "star", "spins", "night"),
    ("medium", "blue", "square", "moves right", "meadow"),
    ("small", "pink", "heart", "circles", "sunset"),
    ("medium", "green", "ring", "swings", "sea"),
    ("medium", "purple", "triangle", "grows", "black"),
    ("medium", "orange", "cross", "moves up", "snow"),
    ("medium", "white", "ball", "rests", "rain"),
)
"""What each prompt of the benchmark says."""


def scene_of(prompt: str) -> Scene:
    """The scene that a prompt of the benchmark asks for."""
    size, color, shape, motion, ground = _SAID[PROMPTS.index(prompt)]
    return Scene((thing_in_the_middle(shape, color, size, motion),), ground)


def prompt_said(pictures_FHWC: Tensor, prompt: str, *, drawn_scenes: bool) -> float:
    """The mean probability, 0 to 1, that the judge gives to what a prompt of the benchmark says.

    Raises:
        CapabilityError: the model is not one of drawn scenes, or its pictures have another size.
    """
    if not drawn_scenes:
        raise CapabilityError("not available: the judge reads drawn scenes alone, such as tiny's")
    if pictures_FHWC.shape[1:3] != (PICTURE.height_px, PICTURE.width_px):
        raise CapabilityError(
            f"not available: the judge reads {PICTURE.width_px} x {PICTURE.height_px}"
        )
    return said_probability(read_scene(pictures_FHWC.numpy()), scene_of(prompt))
