"""Named settings that trade speed, memory and picture.

Loads no torch. Knows no model: what a field does is decided where it is read, in `engine/`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

import yaml

from longlive_widget import optimization_log
from longlive_widget.errors import (
    PresetError,
    choice_of,
    near_name,
    one_of,
    true_or_false,
    whole_number,
)
from longlive_widget.plain_data import MOST_LETTERS, NotPlainError, yaml_in

TRAINING_STEPS = 1000
WindowCache = Literal["rolling", "static", "ring"]
WindowDtype = Literal["model", "int8", "fp8"]
Decoder = Literal["full", "small"]
CompileMode = Literal["default", "max-autotune-no-cudagraphs", "reduce-overhead", "max-autotune"]
COMPILED_WITHOUT_GRAPHS: dict[CompileMode, CompileMode] = {
    "reduce-overhead": "default",
    "max-autotune": "max-autotune-no-cudagraphs",
}
"""The modes in which torch.compile records CUDA graphs of its own, and what each is without."""
UNSEEN = (
    "prompt_cache",
    "context",
    "memory_pool",
    "cuda_graphs",
    "decode_behind",
    "offload_text_encoder",
)
"""The settings that leave pictures as they are, to the bit."""
PICTURE = {
    "denoise_steps": "another picture",
    "window_frames": "another picture, as soon as the window is full",
    "window_cache": "the same picture, up to rounding",
    "window_dtype": "nearly the same picture",
    "prompt_cache": "the same picture, to the bit",
    "context": "the same picture, to the bit",
    "recache": "the same picture, up to rounding",
    "memory_pool": "the same picture, to the bit",
    "cuda_graphs": "the same picture, to the bit",
    "decoder": "another picture of the same latents",
    "decode_frames": "the same picture, up to rounding",
    "decode_first": "the same picture, up to rounding",
    "decode_behind": "the same picture, to the bit; a live switch lands a block later",
    "offload_text_encoder": "the same picture, to the bit",
    "compiled": "the same picture, up to rounding",
    "linear_dtype": "nearly the same picture",
    "attention": "the same picture, up to rounding; in FP8 nearly the same",
    "kernels": "the same picture, up to rounding",
}
"""What another value of each setting does to the pictures."""
Context = Literal["needed", "always"]
Recache = Literal["needed", "window"]
LinearDtype = Literal["model", "fp8"]
Attention = Literal[
    "torch", "fastest", "fastest-fp8", "math", "efficient", "flash", "cudnn", "fa3", "fa3-fp8"
]
FASTEST: tuple[Attention, ...] = "fastest", "fastest-fp8"
"""What is chosen where it runs, by timing; the second may change the picture."""
Kernels = Literal["torch", "fastest", "triton"]
OnGpus = Literal[False, True, "fastest"]
"""A switch that "fastest" turns on where there is a GPU."""
_ON_GPUS = "cuda_graphs", "decode_first"


@dataclass(frozen=True)
class Preset:
    """One choice for every setting; each default is the reference's value.

    `denoise_steps` are timesteps of the training schedule, high to low, before the shift is
    applied. `window_frames` is the memory in latent frames, the sink counted in, and
    `window_cache` where these lie: in new tensors ("rolling", the reference's way), moved inside
    buffers ("static"), or each over the oldest one ("ring"). `window_dtype` is the type in which it
    is held: the model's own, or 8 bits with a scale for each token and head. `prompt_cache`
    is how many prompts an engine remembers as the network reads them, so that asking for one again
    costs nothing. `context` is when a block's clean keys and values are written in a pass of their
    own: where the next block leaves some of them in memory, or "always" as LongLive's own code.
    `recache` is what is computed again as the prompt switches: the frames that are needed, or the
    "window" as LongLive's own code does, those too whose place the sink or the next block takes.
    `memory_pool` gives noise, prompt, latents, the decoder's past and 8-bit pictures places that
    are made once: over a "static" or "ring" window a steady block keeps nothing that it allocates.
    What a pass computes with is still allocated and given back, on a GPU out of what torch keeps.
    `cuda_graphs` has a GPU replay whole blocks, and then nothing at all is allocated; "fastest"
    does so where there is a GPU, where blocks are alike, and where pool, window and `compiled`
    leave it a place. `decoder` turns latents into pictures: the model's own, or a second one that
    is quicker and less exact; `decode_frames` is how many latent frames it takes at once, None a
    whole block, and `decode_first` has it take a block's first one alone, so that there are
    pictures of it before the rest is decoded; "fastest" does so where there is a GPU.
    `decode_behind` begins the next block while the last one is decoded. `offload_text_encoder`
    leaves the text encoder's weights on the host: a prompt takes longer to read. `compiled` has
    torch compile the networks at their first use, in that mode of its.
    `linear_dtype` is the type in which the transformer's linear layers multiply: the model's own,
    or FP8 with a scale for each token and for each row of a weight. `attention` is the kernel that
    computes it: the one that torch chooses, one by name, or the one that is found the fastest as
    the model is loaded, of those in FP8 too where it says so. `kernels` is what computes norms,
    turns and sums in the transformer's layers, what they see of the prompt, and the decoder: torch,
    our own kernels in "triton", which need a GPU and are not compiled by torch, or those where they
    run ("fastest").

    Raises:
        PresetError: a setting is of the wrong kind or out of range, the steps do not go down
            from at most 1000 to at least 1, or one setting rules out another.
    """

    name: str
    summary: str
    denoise_steps: tuple[int, ...] = (1000, 750, 500, 250)
    window_frames: int = 12
    window_cache: WindowCache = "rolling"
    window_dtype: WindowDtype = "model"
    prompt_cache: int = 0
    context: Context = "needed"
    recache: Recache = "needed"
    memory_pool: bool = False
    cuda_graphs: OnGpus = False
    decoder: Decoder = "full"
    decode_frames: int | None = None
    decode_first: OnGpus = False
    decode_behind: bool = False
    offload_text_encoder: bool = False
    compiled: CompileMode | None = None
    linear_dtype: LinearDtype = "model"
    attention: Attention = "torch"
    kernels: Kernels = "torch"

    def __post_init__(self) -> None:
        self._require_words()
        one_of("window_cache", self.window_cache, get_args(WindowCache), PresetError)
        one_of("window_dtype", self.window_dtype, get_args(WindowDtype), PresetError)
        one_of("linear_dtype", self.linear_dtype, get_args(LinearDtype), PresetError)
        one_of("context", self.context, get_args(Context), PresetError)
        one_of("recache", self.recache, get_args(Recache), PresetError)
        one_of("attention", self.attention, get_args(Attention), PresetError)
        one_of("kernels", self.kernels, get_args(Kernels), PresetError)
        one_of("decoder", self.decoder, get_args(Decoder), PresetError)
        if self.compiled is not None:
            one_of("compiled", self.compiled, (*get_args(CompileMode), None), PresetError)
        for name in _ON_GPUS:
            value: object = getattr(self, name)  # 0 and 1 equal False and True, and are neither
            if value != "fastest" and not isinstance(value, bool):
                some = " or ".join(map(repr, get_args(OnGpus)))
                raise PresetError(f"{name} {value!r} does not exist: use {some}")
        for switch in ("memory_pool", "decode_behind", "offload_text_encoder"):
            true_or_false(switch, getattr(self, switch), PresetError)
        for size, least in (("window_frames", 1), ("prompt_cache", 0)):
            number = whole_number(size, getattr(self, size), PresetError, least=least)
            object.__setattr__(self, size, number)
        if self.decode_frames is not None:
            at_once = whole_number("decode_frames", self.decode_frames, PresetError, least=1)
            object.__setattr__(self, "decode_frames", at_once)
        steps = _whole_steps(self.denoise_steps)
        object.__setattr__(self, "denoise_steps", steps)
        falling = all(a > b for a, b in pairwise(steps))
        if not steps or not falling:
            raise PresetError(
                f"denoise_steps {list(steps)} must be some that go down: for example "
                "[1000, 750, 500, 250]"
            )
        self._require_what_goes_together()

    def _require_words(self) -> None:
        for label in _LABELS:
            if not isinstance(getattr(self, label), str):
                raise PresetError(f"{label} {getattr(self, label)!r} is not text: use some")
        if not self.name.strip():
            raise PresetError(f"name {self.name!r} is empty: give the preset one")

    def _require_what_goes_together(self) -> None:
        why = self._rules_graphs_out()
        if self.cuda_graphs is True and why:
            raise PresetError(f"cuda_graphs True {why}, or cuda_graphs=False")
        if self.kernels == "triton" and self.compiled not in (None, "default"):
            raise PresetError(
                f"kernels 'triton' stand where torch would compile layers, and compiled "
                f"{self.compiled!r} would be of none: use compiled='default' or None, or "
                "kernels='torch'"
            )

    def _rules_graphs_out(self) -> str:
        """What leaves no place for CUDA graphs, and the way out; "" if they can be.

        They replay a block in the memory that it was recorded in.
        """
        if not self.memory_pool:
            return "needs noise in its place, and memory_pool is False: use memory_pool=True"
        if self.window_cache == "rolling":
            return (
                "cannot replay window_cache 'rolling', which lies elsewhere after each block: use "
                "window_cache='ring' or 'static'"
            )
        if self.compiled in COMPILED_WITHOUT_GRAPHS:
            return (
                f"would record those of compiled {self.compiled!r} inside its own: use "
                f"compiled={COMPILED_WITHOUT_GRAPHS[self.compiled]!r}"
            )
        return ""

    def on(self, device_type: str) -> "Preset":
        """This preset with its switches as they are on such a device: "cuda" or another."""
        return replace(
            self,
            cuda_graphs=self.replays(device_type),
            decode_first=_is_on(self.decode_first, device_type),
        )

    def replays(self, device_type: str) -> bool:
        """Whether blocks are replayed as CUDA graphs on such a device: "cuda" or another."""
        return _is_on(self.cuda_graphs, device_type) and not self._rules_graphs_out()

    def decoded_parts(self, frames: int, device_type: str) -> tuple[int, ...]:
        """How a block of so many latent frames, which `decode_frames` divides, is decoded there."""
        at_once = self.decode_frames or frames
        parts = [at_once] * (frames // at_once)
        if _is_on(self.decode_first, device_type) and parts[0] > 1:
            parts[:1] = [1, parts[0] - 1]
        return tuple(parts)

    def with_(self, **changes: object) -> "Preset":
        """This preset with other settings; its name tells which, unless `changes` names it.

        What a setting has already changes neither. A setting that does not exist, or a value that
        is not one for it, is a `PresetError`.
        """
        _require_settings(changes, _own_settings())
        others = {
            name: value
            for name, value in changes.items()
            if name not in _LABELS and value != getattr(self, name)
        }
        changed = [f"{name}={value!r}" for name, value in others.items()]
        labels = {
            "name": "+".join([self.name, *(f"{name}={_brief(v)}" for name, v in others.items())]),
            "summary": f"{self.name} with {', '.join(changed)}" if changed else self.summary,
        }
        return replace(self, **labels | changes)  # type: ignore[arg-type]  # checked as it is made

    def to_yaml(self) -> str:
        """All settings as YAML, each under its name."""
        settings = asdict(self) | {"denoise_steps": list(self.denoise_steps)}
        return str(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))

    def changes(self) -> dict[str, object]:
        """The settings that are not the reference's, by name."""
        return {
            one.name: getattr(self, one.name)
            for one in fields(self)
            if one.name not in _LABELS and getattr(self, one.name) != one.default
        }

    def as_seen(self) -> "Preset":
        """The preset without its words and without what changes no bit of a picture."""
        plain = {one.name: one.default for one in fields(self) if one.name in UNSEEN}
        return replace(self, name="as seen", summary="", **plain)  # type: ignore[arg-type]  # defaults

    @classmethod
    def from_yaml(cls, source: str | Path) -> "Preset":
        """The preset in a YAML text, or in the file at a path.

        Takes what `to_yaml` wrote, and the settings of optimization-log.md in its own words. What
        is left out is as in the reference; a preset without a name is called "custom".

        Raises:
            PresetError: the file cannot be read or is not YAML, a setting does not exist, is said
                twice, has no such value, or asks for a part that is not here yet.
        """
        said = _yaml_settings(source)
        try:
            return cls._of_yaml(said)
        except PresetError as error:
            if isinstance(source, Path):
                raise PresetError(f"{source}: {error}") from error
            raise

    @classmethod
    def _of_yaml(cls, said: Mapping[str, object]) -> "Preset":
        own = _own_settings()
        _require_settings(
            said, (*own, *optimization_log.KEYS), "; or update longlive-widget, if that wrote it"
        )
        settings = {key: value for key, value in said.items() if key in own}
        logged = {key: value for key, value in said.items() if key not in own}
        for name, value in optimization_log.settings_of(logged).items():
            if name in settings:
                raise PresetError(
                    f"{name} {settings[name]!r} is also said in the log's words: leave one out"
                )
            settings[name] = value
        labels: dict[str, object] = {"name": "custom", "summary": ""}
        return cls(**labels | settings)  # type: ignore[arg-type]  # checked as it is made


_LABELS = ("name", "summary")


def _is_on(switch: OnGpus, device_type: str) -> bool:
    return switch is True or (switch == "fastest" and device_type == "cuda")


def _brief(value: object) -> str:
    """A value as a part of a name."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _own_settings() -> tuple[str, ...]:
    return tuple(field.name for field in fields(Preset))


def _yaml_settings(source: str | Path) -> dict[str, object]:
    is_file = isinstance(source, Path)
    try:
        if isinstance(source, Path) and source.stat().st_size > 4 * MOST_LETTERS:
            raise NotPlainError(f"it has over {4 * MOST_LETTERS} bytes: give a shorter one")
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else str(source)
        said = yaml_in(text)
    except OSError as error:
        raise PresetError(f"{source} cannot be read ({error}): give the path of a file") from error
    except (NotPlainError, UnicodeDecodeError) as error:
        raise PresetError(
            f"{source if is_file else 'this'} is no plain YAML ({error}): write `setting: value` "
            "in lines"
        ) from error
    if not isinstance(said, dict):
        what, or_else = (source, "") if is_file else (repr(text), ", or give a pathlib.Path")
        raise PresetError(f"{what} is no settings: write `setting: value` in lines{or_else}")
    return said


def _require_settings(
    names: Iterable[object], settings: tuple[str, ...], or_else: str = ""
) -> None:
    """Tell all that do not exist at once; those that do only where none is near."""
    near = {name: near_name(name, settings) for name in names if name not in settings}
    told = [
        f"no setting is called {name!r}: did you mean {meant!r}?"
        for name, meant in near.items()
        if meant is not None
    ]
    if strange := " or ".join(repr(name) for name, meant in near.items() if meant is None):
        told.append(f"no setting is called {strange}: there are {', '.join(settings)}")
    if told:
        raise PresetError(f"{'; '.join(told)}{or_else}")


def _whole_steps(steps: object) -> tuple[int, ...]:
    if not isinstance(steps, Iterable) or isinstance(steps, str | Mapping):
        raise PresetError(f"denoise_steps {steps!r} is no list: for example [1000, 750, 500, 250]")
    return tuple(
        whole_number("denoise step", step, PresetError, least=1, most=TRAINING_STEPS)
        for step in steps
    )


_BALANCED = Preset(
    "balanced",
    "the same pictures, compiled: faster, after a first block that takes longer",
    window_cache="ring",
    prompt_cache=8,
    memory_pool=True,
    compiled="default",
    attention="fastest",
    kernels="fastest",
    cuda_graphs="fastest",
    decode_first="fastest",
)
_QUICKER = _BALANCED.with_(decode_first=False)
_TURBO = _QUICKER.with_(
    name="turbo",
    summary="3 steps and a window of 8 latent frames: faster, with less detail",
    denoise_steps=(1000, 500, 250),
    window_frames=8,
)
_FOR_A_GPU = {
    "cuda_graphs": True,
    "decode_behind": True,
    "linear_dtype": "fp8",
}
PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("reference", "what all others are compared with: 4 steps, 12 latent frames"),
        Preset(
            "quality",
            "the same pictures: prompts are remembered, memory has its place, decoding runs behind",
            window_cache="static",
            prompt_cache=8,
            memory_pool=True,
            decode_behind=True,
            kernels="fastest",
        ),
        _BALANCED,
        _QUICKER.with_(
            name="speed",
            summary="balanced for a GPU, with its linear layers in FP8",
            **_FOR_A_GPU,
        ),
        _TURBO,
        _TURBO.with_(
            name="turbo_fp8",
            summary="turbo for a GPU, with its linear layers in FP8",
            **_FOR_A_GPU,
        ),
        _QUICKER.with_(
            name="ultra",
            summary="2 steps and a window of 6 latent frames, the sink and the block: for drafts",
            denoise_steps=(1000, 250),
            window_frames=6,
        ),
        Preset(
            "low_memory",
            "the window in int8, the text encoder on the host: nearly the same pictures",
            window_cache="ring",
            window_dtype="int8",
            prompt_cache=8,
            memory_pool=True,
            decode_frames=1,
            offload_text_encoder=True,
            attention="fastest",
            kernels="fastest",
        ),
    )
}
"""Those that have a name, by it, in the order in which they are shown."""


def as_named(preset: Preset) -> Preset:
    """The preset of that name, if it has these settings; else this one."""
    named = PRESETS.get(preset.name)
    return named if named is not None and named.changes() == preset.changes() else preset


def is_yaml_file(said: str) -> bool:
    """Whether that is what a file of settings is called, and no preset."""
    return said.lower().endswith((".yaml", ".yml"))


def preset_named(name: object) -> Preset:
    """The preset of that name.

    Raises:
        PresetError: there is none; the message lists those that exist, or says how a file is read.
    """
    if isinstance(name, str) and name in PRESETS:
        return PRESETS[name]
    if isinstance(name, Path) or (isinstance(name, str) and is_yaml_file(name)):
        raise PresetError(
            f"{str(name)!r} is a file, not the name of a preset: give what is in it, "
            f"Preset.from_yaml(Path({str(name)!r}))"
        )
    raise PresetError(f"no preset is called {name!r}: {choice_of(name, PRESETS)}")
