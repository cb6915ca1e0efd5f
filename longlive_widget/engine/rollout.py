"""A video as clean latents, block after block: what a session computes.

Knows neither seeds nor words nor pictures: noise, and prompts that were read, are handed in.

Axes: B batch, F latent frames, C channels, H rows, W columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from longlive_widget.cache.text import TextMemory
from longlive_widget.cache.window import WindowState
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise_schedule import Level
from longlive_widget.engine.watch import Timed, untimed
from longlive_widget.errors import SessionError
from longlive_widget.presets import Context, Recache


@dataclass(frozen=True, eq=False)
class RolloutState:
    """A rollout between two blocks: the prompt, the last latents, and what the window holds.

    `settled` is whether the last block has left in memory what it leaves.
    """

    text: TextMemory | None
    latest: tuple[Tensor, ...]
    next_frame: int
    settled: bool
    window: WindowState

    def copied(self, copy: Callable[[Tensor], Tensor]) -> "RolloutState":
        """The same with other tensors, each made by `copy`; the prompt's are never written to."""
        return replace(self, latest=tuple(map(copy, self.latest)), window=self.window.copied(copy))

    @property
    def nbytes(self) -> int:
        """The bytes of its tensors, the prompt's too."""
        said = () if self.text is None else (t for layer in self.text.layers for t in layer)
        return self.window.nbytes + sum(tensor.nbytes for tensor in (*self.latest, *said))


class Rollout:
    """The latents of one video. It is steered by a prompt first, and again as often as wanted.

    All its blocks have as many latent frames as the first. `global_sink` keeps the sink over prompt
    switches, as interactive use does; `context` and `recache` are the preset's. What makes the
    blocks may be another denoiser on the same window, from any block on.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        levels: Sequence[Level],
        *,
        global_sink: bool = True,
        context: Context = "needed",
        recache: Recache = "needed",
    ) -> None:
        self._denoiser = denoiser
        self._levels = levels
        self._global_sink = global_sink
        self._context = context
        self._recache = recache
        self._text: TextMemory | None = None
        self._latest: list[Tensor] = []
        self._next_frame = 0
        self._unsettled: Tensor | None = None

    @property
    def settled(self) -> bool:
        """Whether what the last block leaves in memory is written, or there is none."""
        return self._unsettled is None

    def go_on_with(
        self, denoiser: Denoiser, levels: Sequence[Level], context: Context, recache: Recache
    ) -> None:
        """Make the next blocks so; what the last one leaves in memory is written as before."""
        self.settle()
        self._denoiser, self._levels = denoiser, levels
        self._context, self._recache = context, recache

    def steer(self, text: TextMemory) -> None:
        """Follow this prompt from the next block on: memory is computed again under it."""
        self._unsettled = None  # the last block is computed again with the others
        self._text = text
        if self._latest:
            latest = torch.cat(self._latest, dim=1)[:, -self._denoiser.window.window_frames :]
            self._denoiser.recache(
                latest,
                self._next_frame,
                text,
                next_frames=self._latest[-1].shape[1],
                global_sink=self._global_sink,
                whole_window=self._recache == "window",
            )

    def follow(self, text: TextMemory) -> None:
        """Follow this prompt from the next block on, with memory as the prompts before left it."""
        self.settle()
        self._text = text

    def next_block(
        self,
        noise_BFCHW: Tensor,
        renoise: Callable[[int], Tensor],
        timed: Timed = untimed,
    ) -> Tensor:
        """The clean latents of the next block, from noise of the same shape.

        What it leaves in memory is written by `settle`, at the latest before the next block.

        Args:
            noise_BFCHW: where denoising begins.
            renoise: fresh noise of the same shape for the way from step i to step i + 1.
            timed: what surrounds each step.

        Raises:
            SessionError: no prompt steers yet, or the block is not as long as those before.
        """
        if self._text is None:
            raise SessionError("no prompt steers this video yet: give it one at latent frame 0")
        frames = noise_BFCHW.shape[1]
        if self._latest and frames != self._latest[-1].shape[1]:
            raise SessionError(
                f"a block of {frames} latent frames after others of {self._latest[-1].shape[1]}: "
                "give all blocks of a video the same length"
            )
        self.settle()
        self._denoiser.window.open_block(self._next_frame, frames)
        latent_BFCHW = self._denoiser.denoise(noise_BFCHW, renoise, self._text, self._levels, timed)
        self._unsettled = latent_BFCHW
        self._next_frame += frames
        self._remember(latent_BFCHW)
        return latent_BFCHW

    def held(self) -> RolloutState:
        """Where it is, between two blocks; the next one overwrites these tensors: copy them."""
        return RolloutState(
            self._text,
            tuple(self._latest),
            self._next_frame,
            settled=self._unsettled is None,
            window=self._denoiser.window.held(),
        )

    def restore(self, state: RolloutState) -> None:
        """Go on from there; the tensors are this rollout's from now on."""
        self._text = state.text
        self._latest = list(state.latest)
        self._next_frame = state.next_frame
        self._unsettled = None if state.settled else self._latest[-1]
        self._denoiser.window.restore(state.window)

    def replace_last(self, latent_BFCHW: Tensor) -> None:
        """Go on from these latents in place of those of the last block, before it is settled."""
        self._unsettled = self._latest[-1] = latent_BFCHW

    def settle(self) -> None:
        """Write what the last block leaves in memory, if that has not been done.

        Its pictures do not depend on it: they may be on their way first. Nothing is written where
        the next block leaves none of it in memory, unless `context` is "always".
        """
        if self._unsettled is None or self._text is None:
            return
        frames = self._unsettled.shape[1]
        if self._context == "always" or self._denoiser.window.keeps_open_block(frames):
            self._denoiser.write_context(self._unsettled, self._text)
        self._unsettled = None

    def _remember(self, latent_BFCHW: Tensor) -> None:
        """Keep the last blocks, as many as the window has a frame of."""
        self._latest.append(latent_BFCHW)
        window = self._denoiser.window.window_frames
        while sum(block.shape[1] for block in self._latest[1:]) >= window:
            del self._latest[0]
