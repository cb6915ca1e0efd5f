"""One running video: blocks of pictures, steered by a timeline and by live switches.

Axes: B batch, F latent frames, C channels, H rows, W columns.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from longlive_widget.cache.occupancy import Occupancy
from longlive_widget.cache.text import PromptCache
from longlive_widget.cache.window import Window
from longlive_widget.engine.ahead import OneAhead
from longlive_widget.engine.attention import attention_in
from longlive_widget.engine.captured import GraphRecorder
from longlive_widget.engine.compile_gate import GATE
from longlive_widget.engine.decode import PictureOutlet, Pictures, decoder_for
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.gpu import current
from longlive_widget.engine.memory import is_out_of_memory, no_more_memory
from longlive_widget.engine.model import Model, Placement
from longlive_widget.engine.noise import BlockNoise
from longlive_widget.engine.noise_schedule import levels
from longlive_widget.engine.rollout import Rollout
from longlive_widget.engine.state import (
    Keeper,
    SessionState,
    decoder_on,
    memory_on_host,
    on_host,
    rollout_on,
)
from longlive_widget.engine.static_denoiser import StaticDenoiser
from longlive_widget.engine.steering import Steering
from longlive_widget.engine.watch import Unwatched, Watch
from longlive_widget.engine.windows import Positions
from longlive_widget.errors import SessionError, whole_number
from longlive_widget.geometry import Geometry
from longlive_widget.model.adapters import Sum
from longlive_widget.model.stream import DecoderStream
from longlive_widget.presets import Preset
from longlive_widget.timeline import (
    CUT,
    Entry,
    Landing,
    Taken,
    Timeline,
    Transition,
    require_seed,
    timeline_of,
)


@dataclass(frozen=True, eq=False)
class Block:
    """The pictures of latent frames that were denoised together.

    `latent_frame` is the first of them; `frames` are uint8 RGB, `FHWC`; `prompt` steered them, and
    `in_full` is what that was taken as after the prompts before it: as it stands where it says all,
    where it is not understood (`alone`: it is of a closed language, and says nothing to those after
    it either), and where the model's language is open. `landed` is set where a new prompt took
    effect with this block; `window` is what memory held while it was denoised; `preset` is what it
    was made under.
    """

    index: int
    latent_frame: int
    frames: Pictures = field(repr=False)
    prompt: str
    landed: Landing | None
    window: Occupancy
    preset: Preset
    in_full: str
    alone: bool


Early = Callable[[Block], None]
"""Gets a block whose `frames` are the first of its pictures."""


@dataclass(frozen=True, eq=False)
class Means:
    """With what blocks are made: a model under a preset, and the prompts that it has read.

    `fallbacks` has a sentence on each thing that stands in for one that this machine does not have.
    """

    model: Model
    preset: Preset
    prompts: PromptCache
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class TakenOver:
    """Another preset that made a video from a block on, as it ran there.

    Its `attention` is the kernel that it ran on. `fallbacks` are as in `Means`.
    """

    block: int
    preset: Preset
    fallbacks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Begun:
    """A block of which nothing is computed yet: what lands on it, and with what it is made."""

    index: int
    landed: Landing | None
    entry: Entry | None
    means: Means


@dataclass(frozen=True, eq=False)
class _Latents:
    """A block before it is decoded."""

    index: int
    clean_BFCHW: Tensor
    prompt: str
    in_full: str
    alone: bool
    landed: Landing | None
    window: Occupancy
    ready: torch.cuda.Event | None
    """On CUDA, that they are computed."""
    means: Means


class Session:
    """A video in the making. The same means, seed, timeline and switches give the same one.

    Blocks are made on the thread that iterates `blocks`; `switch` may come from any thread. If the
    preset decodes behind, a block is decoded there while a second thread begins the next one; then
    a switch lands one block later than it would have. `window` is what it remembers. `timeline` has
    the prompts of `switch` too: a new session that is given it makes the same video. `first_preset`
    is the one that it began under.

    Raises:
        SessionError: the seed is no whole number from 0 to 2**32 - 1.
    """

    def __init__(
        self,
        means: Means,
        geometry: Geometry,
        timeline: Timeline,
        seed: int,
        window: Window,
        watch: Watch | None = None,
        keeper: Keeper | None = None,
        begin: SessionState | None = None,
    ) -> None:
        self.timeline = timeline
        self.seed = require_seed(seed)
        self.geometry = geometry
        self.window = window
        self._means = self._next_means = means
        self.first_preset = means.preset
        self._steering = Steering(means.model, means.prompts)
        self._watch = watch or Unwatched()
        preset = means.preset
        self._denoiser = _denoiser_of(means, window)
        self._rollout = Rollout(
            self._denoiser,
            levels(preset.denoise_steps),
            context=preset.context,
            recache=preset.recache,
        )
        self._decoding = decoder_for(preset, means.model).stream()
        self._outlet = _outlet_of(means, self._decoding)
        self._decodes = means
        self._noise: BlockNoise | None = None
        self._weights: Sum | None = None
        self._adapters: list[tuple[int, dict[str, float]]] = []
        self._presets: list[TakenOver] = []
        self._asked = list(timeline.landings(geometry.block_frames))
        self._landed: list[Landing] = []
        self._begun = self._given = 0
        self._ahead = OneAhead[_Latents]()
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._keeper = keeper
        if begin is not None:
            self._go_on_from(begin)

    @torch.inference_mode()
    def _go_on_from(self, state: SessionState) -> None:
        memory, device = state.memory, self._means.model.device
        self._asked = [landing for landing in self._asked if landing.block >= memory.block]
        self._landed = list(memory.landed)
        self._begun = self._given = memory.block
        self._steering = copy(memory.steering)
        self._weights, self._adapters = memory.weights, list(memory.adapters)
        with current(device):
            self._rollout.restore(rollout_on(device, memory))
            self._outlet.restore(decoder_on(device, state.decoder))

    @property
    def next_block(self) -> int:
        """The number of the block that begins next."""
        return self._begun

    @property
    def model(self) -> Model:
        """That of the block that begins next."""
        return self._next_means.model

    @property
    def preset(self) -> Preset:
        """That of the block that begins next."""
        return self._next_means.preset

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """A sentence on each thing that stands in there for one that this machine does not have."""
        return self._next_means.fallbacks

    @property
    def landings(self) -> tuple[Landing, ...]:
        """The prompts that have landed so far, those that lost their block to a later one too."""
        with self._lock:
            return tuple(self._landed)

    @property
    def taken(self) -> tuple[Taken, ...]:
        """What those of them were taken as that were not taken just as they stand."""
        return self._steering.taken

    @property
    def positions(self) -> Positions:
        """Whether time positions are counted inside the window, or from the video's beginning."""
        return "relative" if self.window.relative else "absolute"

    @property
    def adapters(self) -> tuple[tuple[int, dict[str, float]], ...]:
        """The blocks from which on adapters had other scales, with all that are in use, by name."""
        return tuple(self._adapters)

    @property
    def presets(self) -> tuple[TakenOver, ...]:
        """The presets that took over from the first one on the way."""
        return tuple(self._presets)

    @property
    def window_bytes(self) -> int:
        """The bytes that keys and values of the window take; none before the first block."""
        return self.window.nbytes

    def switch(self, prompt: str, transition: Transition = CUT) -> Landing:
        """Steer by `prompt` from the next block on; returns where it lands.

        An empty prompt is a `TimelineError`; so is a transition before the first block.
        """
        with self._lock:
            frame = self._begun * self.geometry.block_frames
            timeline = self.timeline.with_entry(Entry(frame, prompt, transition))
            landing = Landing(prompt, asked_at=frame, lands_at=frame, block=self._begun)
            self._asked.append(landing)
            self.timeline = timeline
        return landing

    def replan(self, timeline: Timeline | str) -> int:
        """Follow this timeline from the next block on; returns the number of that block.

        One that changes what has landed on a block that was begun is a `TimelineError`.
        """
        timeline = timeline_of(timeline)
        with self._lock:
            self.timeline.require_past(timeline, self._begun, self.geometry.block_frames)
            landings = timeline.landings(self.geometry.block_frames)
            self._asked = [landing for landing in landings if landing.block >= self._begun]
            self.timeline = timeline
            return self._begun

    def blocks(self, count: int | None = None, *, early: Early | None = None) -> Iterator[Block]:
        """Make the next `count` blocks, or go on without end; each as soon as it is asked for.

        `early` gets each block with the first of its pictures as soon as these are on the host, on
        the thread that makes blocks: under a preset with `decode_first` or `decode_frames` before
        the rest is decoded. What is wrong with a block may show later. The block waits for it, and
        an error in it is one of the block: it should hand over, and return.

        A count that is no whole number from 1 up is a `SessionError`; so is going on after a block
        of this session has failed.
        """
        if count is not None:
            count = whole_number("number of blocks", count, SessionError, least=1)
        return self._make(count, early)

    def _make(self, count: int | None, early: Early | None) -> Iterator[Block]:
        made = 0
        while count is None or made < count:
            if self._failure is not None:
                raise SessionError(
                    f"block {self._given} of this session failed ({self._failure!r}): "
                    "start a new session"
                ) from self._failure
            made += 1
            try:
                block = self._next(early, last=made == count)
            except BaseException as failure:
                self._ahead.close(self._give_back)
                self._failure = self._explained(failure)
                if self._failure is failure:
                    raise
                raise self._failure from failure
            self._given += 1
            yield block

    def _explained(self, failure: BaseException) -> BaseException:
        """What is told of a failure: how to go on where memory ran out, else the failure itself."""
        if not is_out_of_memory(failure):
            return failure
        means = self._next_means
        where = Placement(means.model.device, means.model.dtype)
        return no_more_memory(means.preset, means.model.sizes, where, self._given)

    def _give_back(self) -> None:
        """Hold nothing on the device any more: a session that has failed makes no more blocks."""
        self.window.let_go()
        del self._denoiser, self._rollout, self._decoding, self._outlet

    def adopt(self, means: Means) -> int:
        """Make blocks with these means from the next block on; returns the number of that block.

        Memory, noise and the decoder's past go on as they are. Preset and model must be ones that
        `Engine.take_over` lets through.
        """
        with self._lock:
            self._next_means = means
            return self._begun

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """Inside, blocks launch their kernels one by one, where CUDA graphs would be replayed.

        They are the same blocks to the bit, slower, and take as much more memory as the first ones
        did. Under a preset that decodes behind, the block that is begun already may be replayed.
        """
        replayed = self._denoiser, self._outlet
        for part in replayed:
            part.replaying = False
        try:
            yield
        finally:
            for part in replayed:
                part.replaying = True

    @torch.inference_mode()
    def _next(self, early: Early | None, *, last: bool) -> Block:
        means = self._next_means
        behind = means.preset.decode_behind
        with current(means.model.device):
            if behind or self._ahead.under_way:
                made = self._ahead.next(self._denoised, go_on=behind and not last)
                with _beside_compiling(made.means.model):
                    pictures = self._decoded(made, early)
            else:
                begun = self._begin()
                model = begun.means.model
                with _beside_compiling(model), model.adapters.held():
                    made = self._latents(begun)
                    pictures = self._decoded(made, early)
                    self._settle(made.index)
            self._keep_decoder(made.index + 1)
            if made.ready is not None and not behind:  # the GPU is at work, and nobody else here
                self._noise = self._noise_of(made.index + 1)
                self._noise.draw_ahead(len(made.means.preset.denoise_steps))
            with self._watch.span("wait", made.index):
                frames = pictures()
            if not self._outlet.finite:
                raise SessionError(
                    f"block {made.index} came out with numbers that are not finite under preset "
                    f"{made.means.preset.name!r}: take one with less in FP8 or 8 bits, or smaller "
                    "scales of adapters"
                )
        return self._block(made, frames)

    def _block(self, made: _Latents, frames: Pictures) -> Block:
        first = made.index * self.geometry.block_frames
        return Block(
            made.index,
            first,
            frames,
            made.prompt,
            made.landed,
            made.window,
            made.means.preset,
            made.in_full,
            made.alone,
        )

    def _noise_of(self, block: int) -> BlockNoise:
        """Its noise, drawn already or not; to be used once."""
        noise, self._noise = self._noise, None
        wanted = self.seed, block
        return noise if noise and noise.of == wanted else BlockNoise(*wanted, self.geometry)

    def _decoded(self, made: _Latents, early: Early | None) -> Callable[[], Pictures]:
        if made.means is not self._decodes:
            self._decodes = made.means
            decoder = decoder_for(made.means.preset, made.means.model)
            self._decoding = replace(self._decoding, decoder=decoder)
            self._outlet = _outlet_of(made.means, self._decoding)
        return self._outlet.begin(
            made.clean_BFCHW,
            after=made.ready,
            surrounded=lambda name: self._watch.span(name, made.index),
            early=None if early is None else lambda frames: early(self._block(made, frames)),
        )

    def _keep_memory(self, block: int) -> None:
        """Have the state at the beginning of a block kept, if it is wanted."""
        if self._keeper is not None and self._keeper.wants(block):
            self._keeper.take_memory(
                memory_on_host(
                    block,
                    self._rollout.held(),
                    self._steering,
                    self._weights,
                    self.adapters,
                    tuple(landing for landing in self.landings if landing.block < block),
                )
            )

    def _keep_decoder(self, block: int) -> None:
        """The decoder's half, after all blocks before `block` were begun to be decoded."""
        if self._keeper is not None and self._keeper.wants(block):
            self._keeper.take_decoder(block, self._outlet.kept(on_host))

    def _settle(self, block: int) -> None:
        """Write what a block leaves in memory, unless the next text may compute that again."""
        with self._lock:
            is_due = any(landing.block == block + 1 for landing in self._asked)
        if not is_due and not self._steering.turns:
            with self._watch.span("context", block):
                self._rollout.settle()

    @torch.inference_mode()
    def _denoised(self) -> _Latents:
        begun = self._begin()
        model = begun.means.model
        with current(model.device), _beside_compiling(model):
            return self._latents(begun)

    def _latents(self, begun: _Begun) -> _Latents:
        block, model = begun.index, begun.means.model
        self._keep_memory(block)
        other = model is not self._means.model
        if begun.means is not self._means:
            self._go_on_with(begun.means, block)
        if begun.entry is not None:
            with self._watch.span("text", block):
                self._steering.turn(begun.entry, block)
        noise = self._noise_of(block)
        with model.adapters.held() as weights:
            swapped = weights != self._weights
            if swapped:
                self._denoiser.forget()
                self._adapters.append((block, model.adapters.scales_in(weights)))
            self._weights = weights
            turns = self._steering.turns
            if swapped or turns or other:
                self._steer(block, weights, recache=swapped or (turns and self._steering.recaches))
            elif not self._rollout.settled:
                with self._watch.span("context", block - 1):
                    self._rollout.settle()
            with self._watch.span("steps", block):
                each = partial(self._watch.span, "step", block)
                latent_BFCHW = self._rollout.next_block(noise(), noise, each)
        window = self.window.occupancy(self.geometry.block_frames)
        said = self._steering.prompt, self._steering.in_full, self._steering.alone
        ready = _ready(latent_BFCHW)
        return _Latents(block, latent_BFCHW, *said, begun.landed, window, ready, begun.means)

    def _go_on_with(self, means: Means, block: int) -> None:
        """Make blocks so from `block` on; what the one before leaves is written as before."""
        before, self._means = self._means, means
        preset = means.preset
        if preset != before.preset:
            ran = replace(preset, attention=attention_in(means.model))
            self._presets.append(TakenOver(block, ran, means.fallbacks))
        if means.model is not before.model or preset.memory_pool != before.preset.memory_pool:
            self._denoiser = _denoiser_of(means, self.window)
        self._steering.read_by(means.model, means.prompts)
        with self._watch.span("context", block - 1):
            self._rollout.go_on_with(
                self._denoiser, levels(preset.denoise_steps), preset.context, preset.recache
            )

    def _steer(self, block: int, weights: Sum, *, recache: bool) -> None:
        with self._watch.span("text", block):
            text = self._steering.read(weights)
        if recache:
            with self._watch.span("re-cache", block):
                self._rollout.steer(text)
        else:
            with self._watch.span("context", block - 1):
                self._rollout.follow(text)

    def _begin(self) -> _Begun:
        with self._lock:
            block = self._begun
            due = [landing for landing in self._asked if landing.block == block]
            self._asked = [landing for landing in self._asked if landing.block != block]
            self._begun += 1
            if not due:
                return _Begun(block, None, None, self._next_means)
            winner = replace(due[-1], replaced_by=None)
            self._landed += [replace(lost, replaced_by=winner.prompt) for lost in due[:-1]]
            self._landed.append(winner)
            return _Begun(block, winner, self.timeline.at(winner.asked_at), self._next_means)


def _beside_compiling(model: Model) -> AbstractContextManager[None]:
    """Inside, no other network is compiled: that would change what is computed meanwhile.

    Networks that are compiled themselves see to it call by call.
    """
    return GATE.together() if model.transformer.compiled is None else nullcontext()


def _denoiser_of(means: Means, window: Window) -> Denoiser:
    transformer = means.model.transformer
    if not means.preset.memory_pool:
        return Denoiser(transformer, window)
    replayed = means.preset.replays(means.model.device.type) and window.relative
    record = GraphRecorder() if replayed else None
    return StaticDenoiser(transformer, window, record)


def _outlet_of(means: Means, stream: DecoderStream) -> PictureOutlet:
    preset = means.preset
    return PictureOutlet(
        stream,
        in_place=preset.memory_pool,
        record=GraphRecorder() if preset.replays(means.model.device.type) else None,
        aside=preset.decode_behind,
        in_parts=partial(preset.decoded_parts, device_type=means.model.device.type),
    )


def _ready(latent_BFCHW: Tensor) -> torch.cuda.Event | None:
    if not latent_BFCHW.is_cuda:
        return None
    ready = torch.cuda.Event()
    ready.record()
    return ready
