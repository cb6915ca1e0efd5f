"""The front door: a model under a preset, ready to make videos."""

from importlib import resources
from pathlib import Path

import torch

from longlive_widget.engine.model import Model, Weights, load_model, random_model
from longlive_widget.engine.session import Positions, Session
from longlive_widget.errors import CapabilityError, GeometryError, ModelNotFoundError, PresetError
from longlive_widget.geometry import Geometry
from longlive_widget.presets import Preset, preset_named
from longlive_widget.timeline import Timeline

EMBEDDED = ("tiny",)


class Engine:
    """A loaded model and the preset that it runs under; sessions share both."""

    def __init__(self, model: Model, preset: Preset) -> None:
        needed = model.sizes.sink_frames + model.sizes.geometry.block_frames
        if preset.window_frames < needed:
            raise PresetError(
                f"preset {preset.name!r} keeps {preset.window_frames} latent frames, but "
                f"{model.sizes.name!r} needs {needed}: a sink of {model.sizes.sink_frames} and a "
                f"block of {model.sizes.geometry.block_frames}"
            )
        self.model = model
        self.preset = preset

    @classmethod
    def load(
        cls,
        model: str | Path = "tiny",
        preset: str | Preset = "reference",
        *,
        device: str | None = None,
        weights: Weights = "trained",
    ) -> "Engine":
        """A model, ready to make videos.

        Args:
            model: the name of an embedded model, or a folder in the form of `engine.model`.
            preset: a name, or a preset of your own.
            device: where to compute, as torch names it; None takes CUDA where there is one.
            weights: "random" takes only the sizes from the model's folder: for timing.

        An unknown model is a `ModelNotFoundError`, an unknown preset or one that this model cannot
        run a `PresetError`, a weight file that is missing, damaged, unsafe or of another model a
        `CheckpointError`, a device that is not there a `CapabilityError`.
        """
        chosen = preset_named(preset) if isinstance(preset, str) else preset
        folder = model_folder(model)
        place = checked_device(device)
        load = random_model if weights == "random" else load_model
        return cls(load(folder, place), chosen)

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.model.sizes.name

    @property
    def geometry(self) -> Geometry:
        """The sizes of the pictures that the model was made for."""
        return self.model.sizes.geometry

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.device

    @property
    def weights(self) -> Weights:
        """Whether the weights are trained, or random ones for timing."""
        return self.model.weights

    def session(
        self,
        timeline: Timeline | str,
        seed: int = 0,
        *,
        size_px: tuple[int, int] | None = None,
        positions: Positions = "relative",
    ) -> Session:
        """A new video.

        Args:
            timeline: the prompts, or the only one.
            seed: the noise; the same seed and timeline give the same pictures, bit by bit, on one
                machine.
            size_px: width and height of the pictures; None takes the model's own.
            positions: "relative" to the window, for videos without end; "absolute" is the paper's.

        An empty prompt is a `TimelineError`, a size that is no multiple of 16 a `GeometryError`,
        a seed out of range a `SessionError`.
        """
        plan = Timeline.of(timeline) if isinstance(timeline, str) else timeline
        own = self.geometry
        geometry = own if size_px is None else Geometry(*_sides(size_px), own.block_frames)
        return Session(self.model, self.preset, geometry, plan, seed, positions)

    def __repr__(self) -> str:
        random = ", random weights" if self.weights == "random" else ""
        size = f"{self.geometry.width_px} x {self.geometry.height_px}"
        return f"Engine({self.name!r}, preset {self.preset.name!r}, {size}{random})"


def model_folder(model: str | Path) -> Path:
    """The folder of an embedded model, or the folder itself.

    Raises:
        ModelNotFoundError: no embedded model is called that, and it is no folder of a model.
    """
    if isinstance(model, str) and model in EMBEDDED:
        return Path(str(resources.files("longlive_widget") / model / "weights"))
    folder = Path(model)
    if folder.is_dir():
        return folder
    raise ModelNotFoundError(
        f"no model is called {str(model)!r}: there is {', '.join(EMBEDDED)}, or give the path of "
        "a folder that holds a model.json"
    )


def checked_device(device: str | None) -> torch.device:
    """The device of that name; CUDA where there is one, if None.

    Raises:
        CapabilityError: torch does not know the name, or has no such device here.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise CapabilityError(f"device {device!r} is not here ({error}): use 'cpu'") from error


def _sides(size_px: tuple[int, int]) -> tuple[int, int]:
    if len(size_px) != 2:
        raise GeometryError(f"size {size_px!r} is not (width, height): for example (160, 96)")
    return size_px
