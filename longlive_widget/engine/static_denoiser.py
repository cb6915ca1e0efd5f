"""Blocks through tensors that stay where they are: a GPU may replay them, and allocates nothing.

Axes: B batch, F latent frames, C channels, H rows, W columns.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from longlive_widget.cache.text import TextMemory
from longlive_widget.engine.captured import Recorder, Step
from longlive_widget.engine.denoise import Denoiser
from longlive_widget.engine.noise_schedule import Level
from longlive_widget.engine.watch import Timed, untimed
from longlive_widget.geometry import LATENTS_PER_TOKEN


@dataclass(eq=False)
class StaticDenoiser(Denoiser):
    """A denoiser whose noise, prompt and latents have their places, made once for each size.

    The latents that `denoise` gives are overwritten after as many blocks as the window holds, and
    two more. With a recorder, what is done in one state of the window is recorded when that state
    comes a second time, and replayed from then on: a window without end has few states. The window
    must lie in buffers of its own and have relative positions.
    """

    record: Recorder | None = None
    _places: dict[torch.Size, "_Places"] = field(default_factory=dict)
    _text_in_place: TextMemory | None = None
    _text_copied: TextMemory | None = None
    _met_once: set[Hashable] = field(default_factory=set)
    _recorded: dict[Hashable, tuple[Step, object]] = field(default_factory=dict)
    """By state, the step replayed and the turns of keys that it reads, which live as long."""

    def denoise(
        self,
        noise_BFCHW: Tensor,
        renoise: Callable[[int], Tensor],
        text: TextMemory,
        levels: Sequence[Level],
        timed: Timed = untimed,
    ) -> Tensor:
        """As `Denoiser.denoise`; all noise is drawn first. Recorded steps are not timed."""
        places = self._places_for(noise_BFCHW.shape)
        places.take([noise_BFCHW, *(renoise(step) for step in range(len(levels) - 1))])
        steering = self._put_in_place(text)
        denoise = super().denoise  # no `super` inside another function
        timed = timed if self.record is None else untimed
        noises = places.noise[0], lambda i: places.noise[i + 1]
        made = partial(denoise, *noises, steering, levels, timed)
        step = lambda: places.latent_BFCHW.copy_(made())  # noqa: E731
        self._do_or_replay(("denoise", tuple(levels)), places, step)
        return places.hand_out()

    def write_context(self, latent_BFCHW: Tensor, text: TextMemory) -> None:
        """As `Denoiser.write_context`; the block that was made last has its place already."""
        places = self._places.get(latent_BFCHW.shape)
        if places is None or latent_BFCHW is not places.given:
            super().write_context(latent_BFCHW, text)
            return
        steering = self._put_in_place(text)
        remember = super().write_context

        def step() -> Tensor:
            remember(places.latent_BFCHW, steering)
            return places.latent_BFCHW

        self._do_or_replay(("context",), places, step)

    def forget(self) -> None:
        """Replay nothing that was recorded: the network's weights have changed."""
        self._met_once.clear()
        self._recorded.clear()

    def _do_or_replay(self, what: tuple[object, ...], places: "_Places", step: Step) -> None:
        """Do a step; from the third time on in one state of the window, replay it.

        The first time warms up what it calls, the second records it.
        """
        if self.record is None or not self.replaying:
            step()
            return
        window = self.window
        shape = places.latent_BFCHW.shape
        state = (what, shape, window.key_positions, window.query_positions)
        if state in self._recorded:
            again, _ = self._recorded[state]
            again()
        elif state in self._met_once:
            rows, columns = (side // LATENTS_PER_TOKEN for side in shape[-2:])
            turns = self.network.turns(window, rows, columns, places.latent_BFCHW.device)
            again = self.record(step)
            self._recorded[state] = again, turns
            again()
        else:
            self._met_once.add(state)
            step()

    def _put_in_place(self, text: TextMemory) -> TextMemory:
        """The prompt's keys and values where every step reads them."""
        if self._text_in_place is None:
            layers = tuple((torch.empty_like(k), torch.empty_like(v)) for k, v in text.layers)
            self._text_in_place = TextMemory(layers, torch.empty_like(text.told))
        if text is not self._text_copied:
            for place, said in zip(self._text_in_place.layers, text.layers, strict=True):
                torch._foreach_copy_(place, said)
            self._text_in_place.told.copy_(text.told)
            self._text_copied = text
        return self._text_in_place

    def _places_for(self, shape: torch.Size) -> "_Places":
        if shape not in self._places:
            weight = self.network.patch_embedding.weight
            kept = -(-self.window.window_frames // shape[1])
            self._places[shape] = _Places(weight.new_empty(shape), kept + 2)
        return self._places[shape]


class _Places:
    """The tensors of blocks of one size: noise for each step, the latents, and those given last.

    Noise comes from the host through memory of its own there, so that nobody waits for the copy.
    """

    def __init__(self, latent_BFCHW: Tensor, given: int) -> None:
        self.latent_BFCHW = latent_BFCHW
        self.noise: list[Tensor] = []
        self.given: Tensor | None = None
        self._ring = [torch.empty_like(latent_BFCHW) for _ in range(given)]
        self._turn = 0
        self._staged: list[Tensor] = []
        self._sent = torch.cuda.Event() if latent_BFCHW.is_cuda else None

    def take(self, drawn: Sequence[Tensor]) -> None:
        """Put noise in its place, a tensor for each step."""
        for _ in range(len(self.noise), len(drawn)):
            self.noise.append(torch.empty_like(self.latent_BFCHW))
            if self._sent is not None:
                staged = torch.empty_like(self.latent_BFCHW, device="cpu", pin_memory=True)
                self._staged.append(staged)
        if self._sent is None:
            torch._foreach_copy_(self.noise[: len(drawn)], list(drawn))
            return
        self._sent.synchronize()  # the copies of the block before
        for place, staged, noise in zip(self.noise, self._staged, drawn, strict=False):
            staged.copy_(noise)
            place.copy_(staged, non_blocking=True)
        self._sent.record()

    def hand_out(self) -> Tensor:
        """The latents, where they stay for some blocks."""
        self._turn = (self._turn + 1) % len(self._ring)
        self.given = self._ring[self._turn].copy_(self.latent_BFCHW)
        return self.given
