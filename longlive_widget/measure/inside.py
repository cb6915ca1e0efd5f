"""Looking inside of a video while it is made: each step's picture, attention, what a re-cache does.

Axes: S steps, L layers, F latent frames, B batch, T tokens, H heads, D head size; of pictures F
pictures, H rows, W columns, C colours.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longlive_widget.engine.decode import Pictures, decoder_for
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.engine import Engine
from longlive_widget.engine.gpu import current
from longlive_widget.engine.noise import BlockNoise
from longlive_widget.engine.noise_schedule import Level, levels
from longlive_widget.engine.rollout import Rollout
from longlive_widget.engine.side_by_side import psnr_db, squared_error
from longlive_widget.engine.windows import new_window
from longlive_widget.errors import SessionError, require_engine, whole_number
from longlive_widget.model.attention import Attend
from longlive_widget.model.stream import to_bytes
from longlive_widget.timeline import Entry, Timeline, Transition, require_seed, timeline_of

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Step:
    """What the network takes the clean block for after one step, as pictures, uint8 `FHWC`.

    `timestep` is the noise level that the step began at, as the network is told it: 1000 is noise.
    """

    timestep: float
    pictures: Pictures

    def psnr_db(self, last: "Step") -> float:
        """How near it is to the last step's pictures; infinite for equal ones."""
        one, other = (torch.from_numpy(step.pictures) for step in (self, last))
        return psnr_db(squared_error(one, other))


@dataclass(frozen=True, eq=False)
class Attention:
    """How self attention of one block shares itself out over the latent frames in the window.

    `frames` are those, in the order of time, and `ages` how many latent frames each lies before the
    block; 0 is of the block itself. `sink` are the frames that are never forgotten. `share_SLF`
    has a number from 0 to 1 for each step, layer and frame, the mean over queries and heads: those
    of all frames are 1 together.
    """

    frames: tuple[int, ...]
    ages: tuple[int, ...]
    sink: tuple[int, ...]
    share_SLF: Numbers

    @property
    def mean_F(self) -> Numbers:
        """The mean over steps and layers, of each frame."""
        mean: Numbers = self.share_SLF.mean(axis=(0, 1))
        return mean


@dataclass(frozen=True, eq=False)
class Look:
    """One block, looked into: its number, what each step made of it, and what its layers saw."""

    block: int
    steps: tuple[Step, ...]
    attention: Attention

    @property
    def pictures(self) -> Pictures:
        """The block as a session gives it: what the last step has made."""
        return self.steps[-1].pictures


@dataclass(frozen=True, eq=False)
class Recached:
    """What a re-cache has changed in memory: relative distances, 0 for what stays as it was.

    `frames` are those that were in memory before and after, in the order of time, `sink` those of
    them that are never computed again. `key_LF` and `value_LF` have the length of the difference as
    a share of the length before, for each layer and frame.
    """

    prompts: tuple[str, str]
    frames: tuple[int, ...]
    sink: tuple[int, ...]
    key_LF: Numbers
    value_LF: Numbers


class Inside:
    """A video whose making can be looked into, block by block; its pictures are a session's.

    What makes a preset quick and changes no number (memory in its place, replayed blocks, decoding
    behind) is left out. While a block is looked into, nothing else may run on the engine's model:
    its attention is watched.

    Args:
        engine: what makes it.
        timeline: the prompts, or the only one; each must take over by a cut.
        seed: the noise.
        size_px: width and height of the pictures; None takes the model's own.

    Raises:
        SessionError: the engine is none, a prompt takes over by a blend, or the seed is no whole
            number from 0 to 2**32 - 1.
    """

    def __init__(
        self,
        engine: Engine,
        timeline: Timeline | str,
        seed: int = 0,
        *,
        size_px: tuple[int, int] | None = None,
    ) -> None:
        require_engine(engine)
        plan = timeline_of(timeline)
        _require_cuts(plan)
        self.geometry = engine.geometry_at(size_px)
        self.next_block = 0
        self.prompt = self._known = ""
        self._model, self._seed = engine.model, require_seed(seed)
        self._window = new_window(engine.preset, self._model.sizes, self.geometry, "relative")
        self._seen: list[Tensor] = []
        self._levels = levels(engine.preset.denoise_steps)
        self._rollout = Rollout(
            Denoiser(self._model.transformer, self._window),
            [_SeenLevel(level.timestep, level.sigma, self._seen) for level in self._levels],
            context=engine.preset.context,
            recache=engine.preset.recache,
        )
        self._stream = decoder_for(engine.preset, self._model).stream()
        landings = plan.landings(self.geometry.block_frames)
        self._due = {landing.block: landing.prompt for landing in landings}

    @torch.inference_mode()
    def skip(self, blocks: int) -> None:
        """Make so many blocks, from 1 up, without looking into them."""
        for _ in range(whole_number("number of blocks", blocks, SessionError, least=1)):
            with current(self._model.device):
                self._begin()
                self._stream.decode(self._denoised())

    @torch.inference_mode()
    def look(self) -> Look:
        """Make the next block, and look into it."""
        block = self.next_block
        with current(self._model.device):
            self._begin()
            self._rollout.settle()  # or its passes would be among those of the block
            with self._watched() as shares:
                latent_BFCHW = self._denoised()
            attention = self._attention(shares)
            steps = tuple(
                Step(level.timestep, self._pictures(x0_BFCHW))
                for level, x0_BFCHW in zip(self._levels, self._seen, strict=True)
            )
            self._stream.decode(latent_BFCHW)
        return Look(block, steps, attention)

    @torch.inference_mode()
    def switch(self, prompt: str) -> Recached:
        """Steer by `prompt` from the next block on; returns what that changes in memory.

        An empty prompt is a `TimelineError`.

        Raises:
            SessionError: nothing was made yet, so that nothing is in memory.
        """
        if self.next_block == 0:
            raise SessionError("nothing is in memory before the first block: skip(1) first")
        entry = Entry(0, prompt)  # which judges it
        with current(self._model.device):
            self._rollout.settle()
            before, sink = self._memory(), self._window.occupancy(0).sink
            prompts = self.prompt, entry.prompt
            self._steer(entry.prompt)
            after = self._memory()
        frames = tuple(sorted(before.keys() & after.keys()))
        key_LF, value_LF = (
            np.array([_distances(before[frame][of], after[frame][of]) for frame in frames]).T
            for of in (0, 1)
        )
        return Recached(prompts, frames, sink, key_LF, value_LF)

    def _begin(self) -> None:
        if prompt := self._due.pop(self.next_block, None):
            self._steer(prompt)

    def _steer(self, prompt: str) -> None:
        self.prompt = prompt
        taken, self._known = self._model.take(prompt, self._known)
        self._rollout.steer(self._model.read(taken))

    def _denoised(self) -> Tensor:
        self._seen.clear()
        noise = BlockNoise(self._seed, self.next_block, self.geometry)
        self.next_block += 1
        return self._rollout.next_block(noise(), noise)

    def _pictures(self, latent_BFCHW: Tensor) -> Pictures:
        """Latents as pictures that come next; the decoder's past stays as it is."""
        (pictures,) = to_bytes(self._stream.branch().decode(latent_BFCHW))
        seen: Pictures = pictures.cpu().numpy()
        return seen

    @contextmanager
    def _watched(self) -> "Iterator[_Shares]":
        transformer = self._model.transformer
        attend = transformer.attend
        shares = _Shares(attend, self.geometry.tokens_per_frame)
        transformer.attend_with(shares, rows=attend)
        try:
            yield shares
        finally:
            transformer.attend_with(attend)

    def _attention(self, shares: "_Shares") -> Attention:
        held = self._window.occupancy(0)
        order = np.argsort(held.frames)
        frames = tuple(held.frames[place] for place in order)
        first = min(held.opened)
        ages = tuple(max(0, first - frame) for frame in frames)
        share_SLF = torch.stack(shares.of_layers).double().cpu().numpy()
        share_SLF = share_SLF.reshape(len(self._levels), -1, len(frames))[..., order]
        return Attention(frames, ages, held.sink, share_SLF)

    def _memory(self) -> dict[int, tuple[list[Tensor], list[Tensor]]]:
        """Keys and values of each latent frame in memory, layer by layer."""
        state, storage = self._window.held(), self._window.storage
        layers = [storage.unpack(parts, state.dtype) for parts in state.memory]
        tokens = self.geometry.tokens_per_frame
        return {
            frame: (
                [k.narrow(1, place * tokens, tokens).clone() for k, _ in layers],
                [v.narrow(1, place * tokens, tokens).clone() for _, v in layers],
            )
            for place, frame in enumerate(self._window.frames)
        }


@dataclass(frozen=True, order=True)
class _SeenLevel(Level):
    """A noise level that keeps what the network takes for clean there."""

    seen: list[Tensor] = field(default_factory=list, compare=False)

    def clean(self, x: Tensor, flow: Tensor) -> Tensor:
        x0 = super().clean(x, flow)
        self.seen.append(x0)
        return x0


class _Shares:
    """Computes self attention as before, and keeps how it is shared out over latent frames."""

    def __init__(self, attend: Attend, tokens_per_frame: int) -> None:
        self.of_layers: list[Tensor] = []
        self._attend = attend
        self._tokens_per_frame = tokens_per_frame

    def __call__(self, q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
        heads = zip(q_BTHD[0].unbind(1), k_BTHD[0].unbind(1), strict=True)
        shares = [self._share(q_TD, k_TD) for q_TD, k_TD in heads]
        self.of_layers.append(torch.stack(shares).mean(dim=0))
        return self._attend(q_BTHD, k_BTHD, v_BTHD)

    def _share(self, q_TD: Tensor, k_TD: Tensor) -> Tensor:
        """Of one head, in the order of the keys' frames."""
        scores = q_TD.float() @ k_TD.float().T * q_TD.shape[-1] ** -0.5
        mean_T = scores.softmax(dim=-1).mean(dim=0)
        return mean_T.unflatten(0, (-1, self._tokens_per_frame)).sum(dim=1)


def _distances(before: Sequence[Tensor], after: Sequence[Tensor]) -> list[float]:
    return [
        float((now.float() - was.float()).norm() / was.float().norm())
        for was, now in zip(before, after, strict=True)
    ]


def _require_cuts(plan: Timeline) -> None:
    for entry in plan.entries:
        if entry.transition != Transition():
            raise SessionError(
                f"{entry.prompt!r} takes over by {entry.transition}, and here only cuts are known: "
                "leave the transition out"
            )
