"""The front door: a model under a preset, ready to make videos."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import torch

from longlive_widget.cache.text import PromptCache
from longlive_widget.engine.attention import AttentionChoice, attention_in
from longlive_widget.engine.capability import within_reach
from longlive_widget.engine.changeover import Changeover, changeover
from longlive_widget.engine.compiling import compile_model
from longlive_widget.engine.decode import require_decoder
from longlive_widget.engine.gpu import begin, current, has_triton
from longlive_widget.engine.layers import prepare_layers, require_layers, require_own_layers
from longlive_widget.engine.memory import require_memory, require_room, room_bytes
from longlive_widget.engine.model import Model, Placement, Weights
from longlive_widget.engine.official import OfficialFiles
from longlive_widget.engine.session import Means, Session
from longlive_widget.engine.source import Source, require_fetchable, source_of
from longlive_widget.engine.stages import Tell, shown
from longlive_widget.engine.starting import Place, Start, start_in
from longlive_widget.engine.state import Keeper, SessionState
from longlive_widget.engine.watch import Watch
from longlive_widget.engine.windows import Positions, new_window
from longlive_widget.errors import (
    CapabilityError,
    CheckpointError,
    GeometryError,
    LongLiveError,
    PresetError,
    SessionError,
    one_of,
)
from longlive_widget.geometry import Geometry
from longlive_widget.model.adapters import peft_adapter
from longlive_widget.presets import Preset, preset_named
from longlive_widget.timeline import Timeline, timeline_of

Dtype = Literal["float32", "bfloat16"]
_DTYPES: dict[Dtype, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, eq=False)
class Given:
    """What `Engine.load` was given of what decides where a model is and computes."""

    model: str | Path | OfficialFiles | Source
    device: str | None
    dtype: Dtype | None


@dataclass(frozen=True, eq=False)
class Origin:
    """Where an engine's model comes from, and how it was to be loaded: enough to do it again.

    `told` are sentences on what stands in for something, whatever the preset.
    """

    given: Given
    source: Source
    weights: Weights
    device: torch.device
    dtype: torch.dtype
    allow_fallback: bool
    emulate: bool
    told: tuple[str, ...]

    def checked(self, preset: Preset) -> tuple[Preset, tuple[str, ...]]:
        """The preset as it can run there, and a sentence on each thing that stands in.

        One that this model cannot run is a `PresetError`, something that is not here a
        `CapabilityError`. Whether there is room is not looked at.
        """
        chosen, others = within_reach(
            preset, self.device, allow_fallback=self.allow_fallback, emulate=self.emulate
        )
        require_fetchable(chosen, self.source, self.weights)
        sizes = self.source.sizes
        require_memory(chosen, sizes)
        require_decoder(chosen, sizes)
        require_layers(chosen, sizes, self.dtype, allow_fallback=self.allow_fallback)
        return chosen, (*self.told, *others)


class Engine:
    """A loaded model and the preset that it runs under; sessions share both.

    `prompts` are those that sessions have read last, as many as the preset says. `fallbacks` has a
    sentence on each thing that stands in for one that this machine does not have. `attention` tells
    the kernel that computes it, and why that one if the preset asks for the fastest.

    A preset that this model cannot run, or whose layers it was not loaded with, is a `PresetError`.
    `origin` is that of an engine that was loaded, None of one that was made in memory.
    """

    def __init__(
        self,
        model: Model,
        preset: Preset,
        *,
        fallbacks: Sequence[str] = (),
        attention: AttentionChoice | None = None,
        emulate: bool = False,
        origin: Origin | None = None,
    ) -> None:
        require_memory(preset, model.sizes)
        require_decoder(preset, model.sizes)
        within_reach(preset, model.device, allow_fallback=False, emulate=emulate)
        require_own_layers(preset, model)
        self.model = model
        self.preset = preset
        self.fallbacks = tuple(fallbacks)
        self.attention = attention or AttentionChoice(attention_in(model))
        self.prompts = PromptCache(preset.prompt_cache)
        self.origin = origin

    @classmethod
    def load(
        cls,
        model: str | Path | OfficialFiles | Source = "tiny",
        preset: str | Preset = "reference",
        *,
        device: str | None = None,
        dtype: Dtype | None = None,
        weights: Weights = "trained",
        allow_fallback: bool = False,
        emulate: bool = False,
        beside: Iterable["Engine"] = (),
        tell: Tell | None = None,
    ) -> "Engine":
        """A model, ready to make videos. A load that takes long says its stage and seconds.

        A cell that waited for it keeps one line: what was loaded, and where it computes.

        Args:
            model: "tiny", "longlive-1.3b" (fetched from the model hub), the folder of a model, the
                published files one by one, or a LongLive on the hub as `owner/name`.
            preset: a name, or a preset of your own.
            device: where to compute, as torch names it; None takes CUDA where there is one.
            dtype: the numbers to compute in; None takes what the model is made for, float32 for
                the embedded one and bfloat16 for the published files.
            weights: "random" takes only the model's sizes: for timing.
            allow_fallback: where this machine lacks something, run the nearest thing instead, and
                say so in `fallbacks`.
            emulate: compute in FP8 also on a processor, which has no unit for it: slow, and to see
                the pictures; `fallbacks` says so.
            beside: engines of the same files and kind of weights. The model of one whose preset
                asks for the same layers is shared, and else the text encoder, if it is in the same
                place: no other setting changes them.
            tell: hears of each stage as it begins; without one they are shown.

        An unknown model is a `ModelNotFoundError`, an unknown preset or one that this model cannot
        run a `PresetError`, a weight file that is missing, damaged, unsafe or of another model a
        `CheckpointError`, a device, compiler, type or room that is not there a `CapabilityError`.
        """
        one_of("kind of weights", weights, get_args(Weights), CheckpointError)
        if dtype is not None:
            one_of("dtype", dtype, tuple(_DTYPES), CapabilityError)
        place, told = _placed(device, allow_fallback=allow_fallback)
        begin(place)
        source = source_of(model)
        numbers = source.dtype if dtype is None else _DTYPES[dtype]
        given = Given(model, device, dtype)
        origin = Origin(given, source, weights, place, numbers, allow_fallback, emulate, told)
        asked = preset if isinstance(preset, Preset) else preset_named(preset)
        load = partial(cls._loaded, origin, asked, beside)
        return load(tell) if tell else _shown(asked, load)

    @classmethod
    def _loaded(
        cls,
        origin: Origin,
        asked: Preset,
        beside: Iterable["Engine"],
        tell: Tell,
    ) -> "Engine":
        chosen, known = origin.checked(asked)
        where = Placement(origin.device, origin.dtype, chosen.offload_text_encoder)
        beside = tuple(beside)
        for other in beside:
            has_layers = other.way_to(chosen).how != "reload"
            if other.model.is_at(where) and has_layers:
                return cls(
                    other.model,
                    chosen,
                    fallbacks=known,
                    attention=other.attention,
                    emulate=origin.emulate,
                    origin=origin,
                )
            where = other.model.beside(where)
        source, fallback = origin.source, origin.allow_fallback
        require_room(chosen, source.sizes, where, beside=bool(beside))
        tell("loading weights")
        loaded = source.random(where) if origin.weights == "random" else source.load(where)
        tell("preparing layers")
        with current(origin.device):
            attention, chosen, told = prepare_layers(loaded, chosen, allow_fallback=fallback)
        if chosen.compiled is not None:
            compile_model(loaded, chosen.compiled)
        return cls(
            loaded,
            chosen,
            fallbacks=(*known, *told),
            attention=attention,
            emulate=origin.emulate,
            origin=origin,
        )

    def under(
        self,
        preset: str | Preset,
        *,
        beside: Iterable["Engine"] = (),
        tell: Tell | None = None,
    ) -> "Engine":
        """The same model under another preset, loaded as this one was, with its adapters.

        Nothing is loaded where this engine, or one of those `beside`, has the layers that the
        preset asks for. `tell` hears of each stage as it begins; without one they are shown as by
        `load`. The first blocks of a preset that compiles take longer.

        An unknown preset, one that this model cannot run, and one for which a model would have to
        be loaded that was never loaded from anywhere, are a `PresetError`; else as `load`.
        """
        asked = preset if isinstance(preset, Preset) else preset_named(preset)
        if self.origin is not None:
            load = partial(Engine._loaded, self.origin, asked, (self, *beside))
            other = load(tell) if tell else _shown(asked, load)
            other.model.adapters.follow(self.model.adapters)
            return other
        way = self.way_to(asked)
        if way.how == "reload":
            raise PresetError(
                f"preset {asked.name!r}: {way.reasons[0]}, and this one was made in memory: use "
                "Engine.load"
            )
        return Engine(self.model, asked, fallbacks=self.fallbacks, attention=self.attention)

    def way_to(self, preset: Preset) -> Changeover:
        """What it takes to go from this engine's preset to another, on its device."""
        return changeover(
            self.preset,
            preset,
            own_kernels=has_triton(self.model.device),
            device_type=self.model.device.type,
        )

    def why_not(self, preset: Preset) -> str:
        """Why this model cannot run under that preset here, in a sentence; '' if it can.

        Whether there is room for it is not looked at.
        """
        try:
            if self.origin is not None:
                self.origin.checked(preset)
            else:
                self.under(preset)
        except LongLiveError as error:
            return str(error)
        return ""

    def preset_to_start(self) -> Start:
        """The preset to start with here where nothing was measured, and why."""
        room = room_bytes(self.device)
        return start_in(Place(self.model.sizes, self.model.dtype, self.device, room), self.why_not)

    def why_not_take_over(self, session: Session) -> str:
        """Why a session cannot go on under this engine, as the end of a sentence; '' if it can.

        Raises:
            SessionError: it is no session.
        """
        if not isinstance(session, Session):
            raise SessionError(f"{session!r} is no session: give one that an engine has begun")
        way = self.way_to(session.preset)
        if not way.goes_on:
            return way.reasons[-1]
        one, other = session.model, self.model
        same = (one.sizes, one.device, one.dtype) == (other.sizes, other.device, other.dtype)
        return "" if same else "it is another model, or on another device or in other numbers"

    def take_over(self, session: Session) -> int:
        """Have a session go on under this engine from its next block on; returns that block.

        Memory is kept, and so is all that the settings of the two presets do not change.

        Raises:
            SessionError: the presets differ in what a video keeps from its first block on, or the
                session is one of another model, or none.
        """
        if why := self.why_not_take_over(session):
            raise SessionError(
                f"this video cannot go on under preset {self.preset.name!r} ({why}): begin a new "
                "session"
            )
        return session.adopt(self._means)

    @property
    def _means(self) -> Means:
        return Means(self.model, self.preset, self.prompts, self.fallbacks)

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

    def geometry_at(self, size_px: tuple[int, int] | None) -> Geometry:
        """The sizes of a video of this width and height; None takes the model's own.

        A size that is no multiple of 16 is a `GeometryError`.
        """
        own = self.geometry
        return own if size_px is None else Geometry(*_sides(size_px), own.block_frames)

    def session(
        self,
        timeline: Timeline | str,
        seed: int = 0,
        *,
        size_px: tuple[int, int] | None = None,
        positions: Positions = "relative",
        watch: Watch | None = None,
        keeper: Keeper | None = None,
        begin: SessionState | None = None,
    ) -> Session:
        """A new video.

        Args:
            timeline: the prompts, or the only one.
            seed: the noise; the same seed and timeline give the same pictures, bit by bit, on one
                machine.
            size_px: width and height of the pictures; None takes the model's own.
            positions: "relative" to the window, for videos without end; "absolute" is the paper's.
            watch: who is told when each part of a block begins and ends.
            keeper: who keeps its states; see `Branches`.
            begin: the state of another session with this timeline's past, to go on from; it must be
                of this engine and size.

        An empty prompt is a `TimelineError`, a size that is no multiple of 16 a `GeometryError`,
        a seed out of range or an unknown kind of positions a `SessionError`.
        """
        plan = timeline_of(timeline)
        geometry = self.geometry_at(size_px)
        one_of("positions", positions, get_args(Positions), SessionError)
        if self.preset.cuda_graphs is True and positions == "absolute":
            raise SessionError(
                f"preset {self.preset.name!r} replays blocks as CUDA graphs, and with positions "
                "'absolute' no two are alike: use 'relative', or cuda_graphs=False"
            )
        window = new_window(self.preset, self.model.sizes, geometry, positions)
        return Session(self._means, geometry, plan, seed, window, watch, keeper, begin)

    @property
    def adapters(self) -> dict[str, float]:
        """The scale of each adapter that the transformer has; "own" is the one it came with."""
        return self.model.adapters.scales

    def add_adapter(self, name: str, path: str | Path, *, scale: float = 1.0) -> None:
        """Add a LoRA to the weights, beside those that are there.

        Running videos go on with it from their next block, whose past is re-cached.

        Args:
            name: what to call it; one of the same name makes room for it.
            path: its file or folder in peft's form, or a file as LongLive's `lora.pt`; it may leave
                layers out. The strength that peft's `adapter_config.json` beside it says is its
                own; without one, an alpha / rank other than 1 belongs in `scale`.
            scale: how much of it is added.

        A file that is missing, damaged or of another model, a name that is no text, and a scale
        that is no number, are a `CheckpointError`; nothing changes then.
        """
        self.model.adapters.add(name, peft_adapter(path), path, scale=scale, file=path)

    def use_adapters(self, scales: Mapping[str, float]) -> None:
        """Give the adapters these scales, by name, and 0 to those that are not named.

        Running videos go on so from their next block, whose past is re-cached. Taken back, the same
        pictures come again, to the bit. An unknown name and a scale that is no number are a
        `CheckpointError`.
        """
        self.model.adapters.use(scales)

    def unread(self, prompt: str) -> str:
        """The end of a prompt that is too long for the model; '' if it reads all."""
        return self.model.text_encoder.unread(prompt)

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        """The words of a prompt that the model does not know, as written, each once."""
        return self.model.unknown_words(prompt)

    def in_full(self, timeline: Timeline | str) -> tuple[str, ...]:
        """What each prompt of a timeline is taken as after those before it, in their order.

        One that says all, or is not understood, is taken as it is, and so is each where the model's
        language is open. A prompt that gives way to a later one on the same block steers nothing,
        and is taken as ''.
        """
        return tuple(taken for _, taken, _ in self._taken(timeline))

    def not_understood(self, timeline: Timeline | str) -> tuple[str, ...]:
        """The prompts of a timeline that are not understood together with those before them.

        Each is taken as it stands, and says nothing to those after it. None where the model's
        language is open: there all are taken so.
        """
        return tuple(prompt for prompt, _, alone in self._taken(timeline) if alone)

    def _taken(self, timeline: Timeline | str) -> Iterator[tuple[str, str, bool]]:
        """Each prompt of a timeline, what it is taken as, and whether it was not understood."""
        known = ""
        for landing in timeline_of(timeline).landings(self.geometry.block_frames):
            if landing.replaced_by is None:
                taken, known = self.model.take(landing.prompt, known)
                yield landing.prompt, taken, self.model.is_alone(taken, known)
            else:
                yield landing.prompt, "", False

    def unheeded(self, prompt: str) -> str:
        """A sentence on what a prompt is taken without: unknown words, the end of a long prompt.

        '' if the model reads all. HTML entities and spare white space are left out before.
        """
        parts = []
        if rest := self.unread(prompt):
            parts.append(f"without {rest!r}, for which it is too long")
        if words := self.unknown_words(prompt):
            quoted = ", ".join(map(repr, words))
            parts.append(f"without {quoted}, which {self.name} does not know")
        return f"prompt {prompt!r} is taken {', and '.join(parts)}" if parts else ""

    def __repr__(self) -> str:
        random = ", random weights" if self.weights == "random" else ""
        size = f"{self.geometry.width_px} x {self.geometry.height_px}"
        told = "".join(f"; {sentence}" for sentence in self.fallbacks)
        return f"Engine({self.name!r}, preset {self.preset.name!r}, {size}{random}{told})"


def _shown(preset: Preset, load: Callable[[Tell], Engine]) -> Engine:
    """What `load` gives; whoever waits for it sees its stages, and then what was loaded."""
    with shown(f"preset {preset.name!r}") as stages:
        engine = load(stages.tell)
        numbers = str(engine.model.dtype).removeprefix("torch.")
        random = ", random weights" if engine.weights == "random" else ""
        stages.loaded = f"{engine.name} on {engine.device} in {numbers}{random}"
        return engine


def _placed(device: str | None, *, allow_fallback: bool) -> tuple[torch.device, tuple[str, ...]]:
    """The device of that name, or the processor with a sentence on why."""
    try:
        return checked_device(device), ()
    except CapabilityError:
        if not allow_fallback:
            raise
        return torch.device("cpu"), (f"the processor computes: device {device!r} is not here",)


def checked_device(device: str | None) -> torch.device:
    """The device of that name; CUDA where there is one, if None.

    Raises:
        CapabilityError: torch does not know the name, or has no such device here.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError) as error:
        raise CapabilityError(f"device {device!r} is not here ({error}): use 'cpu'") from error


def _sides(size_px: object) -> tuple[int, int]:
    if not isinstance(size_px, Sequence) or isinstance(size_px, str) or len(size_px) != 2:
        raise GeometryError(f"size {size_px!r} is not (width, height): for example (160, 96)")
    return size_px[0], size_px[1]
