"""Two presets side by side: one timeline, one seed, block by block in step."""

from longlive_widget.engine.engine import Engine
from longlive_widget.errors import require_engine
from longlive_widget.measure.in_step import Side
from longlive_widget.presets import Preset
from longlive_widget.timeline import Timeline
from longlive_widget.widget.cell import Written, preset_code, widget_code
from longlive_widget.widget.code import engine_code
from longlive_widget.widget.ensemble import Ensemble
from longlive_widget.widget.protocol import Unseen, WantedCodec
from longlive_widget.widget.tiled import TiledWidget

GAIN = 8


class Comparison(TiledWidget):
    """Two presets, or two engines, on one timeline and one seed, in step; left against right.

    Blocks are made in turns, and the latency of each side is that of its own work. The page shows
    both side by side, with a split that you drag, or their difference, so many times as large as it
    is (`gain`); below are both latencies and, block by block, PSNR and SSIM of the right one's
    pictures against the left one's, which are the kernel's own, before any coding.

    All else is as in `LongLiveWidget`, but for what is of one video: here are no branches, profile,
    manifest and page of a run, and a recording is an MP4 file, no folder. Studios on one of the
    engines are closed. Presets and size stay as they are.

    Args:
        left: an engine.
        right: another one, or the preset under which the model of `left` makes the right side.
        timeline: the prompts, or the only one.
        seed: the noise of both.
        size_px: width and height of each; None takes the model's own.
        gain: 1 to 64.
        codec: as in `LongLiveWidget`.
        when_unseen: as in `LongLiveWidget`.

    An unknown preset, and one that the model cannot run, are a `PresetError`; a left side that is
    no engine is a `SessionError`.
    """

    def __init__(
        self,
        left: Engine,
        right: Engine | Preset | str,
        timeline: Timeline | str,
        seed: int = 0,
        *,
        size_px: tuple[int, int] | None = None,
        gain: int = GAIN,
        codec: WantedCodec = "auto",
        when_unseen: Unseen = "go on",
    ) -> None:
        require_engine(left)
        other = right if isinstance(right, Engine) else left.under(right)
        labels = _labels(left, other)
        sides = (Side(labels[0], left), Side(labels[1], other, against=0))
        ensemble = Ensemble(sides, 2, size_px=size_px, gain=gain)
        super().__init__(ensemble, timeline, seed, codec=codec, when_unseen=when_unseen)

    @property
    def gain(self) -> int:
        """How many times as large as it is the difference is shown; assign it, from 1 to 64."""
        return self._ensemble.tiles.gain or 1

    @gain.setter
    def gain(self, gain: int) -> None:
        self._ensemble.amplify(gain)
        self._runner.use(self._open(), self.seed, None)

    def code(self) -> str:
        """The Python that makes this comparison: engines, presets, timeline, seed, size and gain.

        Engines are loaded as they were, with their adapters. One that was made in memory, and a
        video whose adapters have changed on the way, are a `SessionError`.
        """
        self._require_steady_adapters()
        left, right = (side.engine for side in self._ensemble.sides)
        lines = [engine_code("left", left, left.preset)]
        if _makes_both(left, right):
            second = preset_code(right.preset)
        else:
            second = Written("right")
            lines.append(engine_code("right", right, right.preset))
        arguments = [Written("left"), second, Written("timeline"), Written(f"seed={self.seed}")]
        arguments += self._size_argument()
        if self.gain != GAIN:
            arguments.append(Written(f"gain={self.gain}"))
        return widget_code("Comparison", "comparison", self.timeline, lines, arguments)

    def _amplify(self, gain: int) -> None:
        self.gain = gain

    def __repr__(self) -> str:
        left, right = self._ensemble.tiles.labels
        return f"Comparison({left!r}, {right!r}, seed={self.seed})"


def _makes_both(left: Engine, right: Engine) -> bool:
    """Whether `left.under` gives the right one: the same model, or it loaded for other layers."""
    if left.model is right.model:
        return True
    return left.origin is right.origin is not None and left.adapters == right.adapters


def _labels(left: Engine, right: Engine) -> tuple[str, str]:
    """What each side is called: by what tells the two apart, or by its place."""
    pairs = zip(_facts(left), _facts(right), strict=True)
    apart = [(one, other) for one, other in pairs if one != other]
    if not apart:
        return f"{left.preset.name}, left", f"{right.preset.name}, right"
    one, other = (", ".join(side) for side in zip(*apart, strict=True))
    return one, other


def _facts(engine: Engine) -> tuple[str, ...]:
    """What a reader may know an engine by, and what it keeps."""
    numbers = str(engine.model.dtype).removeprefix("torch.")
    weights = f"{engine.weights} weights"
    return engine.name, engine.preset.name, weights, str(engine.device), numbers
