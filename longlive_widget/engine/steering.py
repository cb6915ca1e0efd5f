"""What steers each block: a prompt, or a blend on the way from one prompt to the next.

Axes: B batch, L text tokens, C channels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from longlive_widget.cache.text import PromptCache, TextMemory
from longlive_widget.engine.model import Model
from longlive_widget.model.adapters import Sum
from longlive_widget.timeline import Blend, Entry, Taken, Transition

PARALLEL_SINE = 1e-4


@dataclass(frozen=True, eq=False)
class _Way:
    """From the embeddings of one prompt, or of a blend, to those of the next prompt."""

    start_BLC: Tensor
    end_BLC: Tensor
    transition: Transition

    def at(self, done: int) -> Tensor:
        """The blend of the block after `done` blocks of the transition."""
        share = (done + 1) / (self.transition.blocks + 1)
        return blended(self.start_BLC, self.end_BLC, share, self.transition.blend)


class Steering:
    """The text of one block after the other.

    It is asked once a block, and told of a new prompt before the block on which that lands.
    """

    def __init__(self, model: Model, prompts: PromptCache) -> None:
        self.prompt = ""
        self.in_full = ""
        """What the prompt is taken as after those before it: this is what is read."""
        self.alone = False
        """Whether it is of a closed language, and not understood: nothing before it is added."""
        self.taken: tuple[Taken, ...] = ()
        """The prompts so far that were not taken just as they stand."""
        self._known = ""
        """The last prompt in full: one that is not understood says nothing to those after it."""
        self._model = model
        self._prompts = prompts
        self._way: _Way | None = None
        self._recache = True
        self._done = 0
        self._turned = False

    @property
    def turns(self) -> bool:
        """Whether the next block has another text than the last one."""
        return self._turned or self._way is not None

    @property
    def recaches(self) -> bool:
        """Whether memory is to be computed again under the next text, where that is another one."""
        return self._recache

    def turn(self, entry: Entry, block: int) -> None:
        """Let an entry take over from the next block on, which has this number."""
        transition = entry.transition
        in_full, self._known = self._model.take(entry.prompt, self._known)
        self.alone = self._model.is_alone(in_full, self._known)
        if transition.blocks:
            self._way = _Way(self._embeds(), self._model.embed(in_full), transition)
        else:
            self._way = None
        self.prompt, self.in_full = entry.prompt, in_full
        self._recache = transition.recache
        self._done = 0
        self._turned = True
        if self.alone or in_full != entry.prompt:
            self.taken += (Taken(block, in_full, self.alone),)

    def read_by(self, model: Model, prompts: PromptCache) -> None:
        """Have this model read from the next block on; `prompts` are those that it has read."""
        self._model, self._prompts = model, prompts

    def read(self, weights: Sum) -> TextMemory:
        """The text of the next block, read by the transformer with these adapters."""
        self._turned = False
        if self._way is not None and self._done < self._way.transition.blocks:
            blend_BLC = self._way.at(self._done)
            self._done += 1
            return self._model.transformer.read_text(blend_BLC)
        self._way = None
        return self._prompts.get(self.in_full, self._model.read, weights=weights)

    def _embeds(self) -> Tensor:
        """What steered the last block."""
        if self._way is None:
            return self._model.embed(self.in_full)
        return self._way.at(self._done - 1) if self._done else self._way.start_BLC


def blended(start_BLC: Tensor, end_BLC: Tensor, share: float, blend: Blend) -> Tensor:
    """Embeddings between two prompts, a `share` of the way from 0 to 1, token by token.

    "slerp" goes along the arc between their directions: the lengths in between are not shorter than
    both, as they are on the straight line. Tokens that point the same way, or opposite ones, are
    mixed on the line.

    Source: Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
    """
    start, end = start_BLC.float(), end_BLC.float()
    line = torch.lerp(start, end, share)
    if blend == "linear":
        return line.to(start_BLC.dtype)
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=-1).clamp(-1, 1)[..., None]
    angle = torch.acos(cosine)
    sine = torch.sin(angle)
    before, after = torch.sin((1 - share) * angle), torch.sin(share * angle)
    arc = (before * start + after * end) / sine.clamp(min=PARALLEL_SINE)
    return torch.where(sine > PARALLEL_SINE, arc, line).to(start_BLC.dtype)
