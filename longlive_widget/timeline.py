"""What a video is asked for: prompts at latent frames, the blocks that they land on, and a seed.

Loads no torch. Knows no session: a timeline is a plan, what really happened is told by `Landing`s.
"""

import html
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise, zip_longest
from typing import Literal, get_args

import yaml

from longlive_widget.errors import (
    SessionError,
    TimelineError,
    known_version,
    one_of,
    true_or_false,
    whole_number,
)
from longlive_widget.geometry import seconds_at
from longlive_widget.plain_data import MOST_LETTERS, NotPlainError, json_in, yaml_in

FORMAT = "longlive-widget timeline"
VERSION = 1
"""Goes up with every change of what a timeline's file holds; a reader knows all up to its own."""
MOST_SEED = 2**32
MOST_BLEND_BLOCKS = 1000
Blend = Literal["linear", "slerp"]


@dataclass(frozen=True)
class Transition:
    """How one prompt gives way to the next one: at once, or over some blocks.

    `blocks` blocks are steered by blends of both prompts, ever more by the next one; 0 is a cut.
    `blend` is how their embeddings are mixed: on the straight line between them, or on the arc.
    With `recache` memory is computed again under each prompt and blend, as LongLive does; without
    it, memory stays as it was made under the prompts before.

    Raises:
        TimelineError: one of them is something else.
    """

    blocks: int = 0
    blend: Blend = "linear"
    recache: bool = True

    def __post_init__(self) -> None:
        blocks = whole_number(
            "blocks of a transition", self.blocks, TimelineError, least=0, most=MOST_BLEND_BLOCKS
        )
        object.__setattr__(self, "blocks", blocks)
        one_of("blend", self.blend, get_args(Blend), TimelineError)
        true_or_false("recache", self.recache, TimelineError)


CUT = Transition()


@dataclass(frozen=True)
class Entry:
    """A prompt, the latent frame from which it should steer, and how it takes over.

    Raises:
        TimelineError: the prompt is empty, or the latent frame is not a whole number from 0 up.
    """

    latent_frame: int
    prompt: str
    transition: Transition = CUT

    def __post_init__(self) -> None:
        latent_frame = whole_number("latent frame", self.latent_frame, TimelineError, least=0)
        object.__setattr__(self, "latent_frame", latent_frame)
        require_prompt(self.prompt)
        if not isinstance(self.transition, Transition):
            raise TimelineError(
                f"transition {self.transition!r} is none: write Transition(blocks=4)"
            )


@dataclass(frozen=True)
class Landing:
    """Where an entry takes effect.

    `lands_at` is the first latent frame of block number `block`. `replaced_by` is the later prompt
    that lands on the same block and so wins over this one.
    """

    prompt: str
    asked_at: int
    lands_at: int
    block: int
    replaced_by: str | None = None

    def __str__(self) -> str:
        place = f"lands at latent frame {self.lands_at} (block {self.block}, "
        place += f"{seconds_at(self.lands_at):.2f} s)"
        asked = "" if self.asked_at == self.lands_at else f", asked at {self.asked_at}"
        lost = "" if self.replaced_by is None else f"; replaced by {self.replaced_by!r}"
        return f"{self.prompt!r} {place}{asked}{lost}"


@dataclass(frozen=True)
class Taken:
    """What the prompt that landed on a block was taken as, which is not as it stands alone.

    `in_full` has what those before it have said too; or, where that is `alone`, it was not
    understood in a closed language, and nothing was added.
    """

    block: int
    in_full: str
    alone: bool


_ARE_NO_ENTRIES = "is no entry of a timeline: write Timeline.of('a red ball', (24, 'a blue star'))"


@dataclass(frozen=True)
class Timeline:
    """Prompts in the order of their latent frames; the first one starts at 0.

    Raises:
        TimelineError: no entry, something else than an entry, a first entry that is not at 0,
            entries out of order, or two at one latent frame.
    """

    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.entries, Iterable):
            raise TimelineError(f"{self.entries!r} {_ARE_NO_ENTRIES}")
        object.__setattr__(self, "entries", tuple(self.entries))
        for entry in self.entries:
            if not isinstance(entry, Entry):
                raise TimelineError(f"{entry!r} {_ARE_NO_ENTRIES}")
        _require_beginning(self.entries)
        for before, after in pairwise(self.entries):
            if after.latent_frame == before.latent_frame:
                raise TimelineError(
                    f"{before.prompt!r} and {after.prompt!r} both start at latent frame "
                    f"{after.latent_frame}: keep one of them"
                )
            if after.latent_frame < before.latent_frame:
                raise TimelineError(
                    f"latent frame {after.latent_frame} comes after {before.latent_frame}: "
                    "sort the entries by latent frame"
                )

    @classmethod
    def of(cls, prompt: str, *switches: "tuple[int, str] | Entry") -> "Timeline":
        """A timeline that begins with `prompt` and switches at `(latent frame, prompt)` pairs.

        An `Entry` in the place of a pair says how its prompt takes over.
        """
        return cls((Entry(0, prompt), *map(_switch, switches)))

    def landings(self, block_frames: int = 3) -> tuple[Landing, ...]:
        """Where each entry lands: the first block that starts at or after its latent frame."""
        blocks = [_block_of(entry.latent_frame, block_frames) for entry in self.entries]
        last_on = dict(zip(blocks, self.entries, strict=True))
        return tuple(
            Landing(
                prompt=entry.prompt,
                asked_at=entry.latent_frame,
                lands_at=block * block_frames,
                block=block,
                replaced_by=None if last_on[block] is entry else last_on[block].prompt,
            )
            for entry, block in zip(self.entries, blocks, strict=True)
        )

    def with_entry(self, entry: Entry) -> "Timeline":
        """The timeline with one entry more, in the place of one that starts at its frame."""
        if not isinstance(entry, Entry):
            raise TimelineError(f"{entry!r} {_ARE_NO_ENTRIES}")
        others = (each for each in self.entries if each.latent_frame != entry.latent_frame)
        return Timeline(tuple(sorted((*others, entry), key=lambda each: each.latent_frame)))

    def turned(
        self, block: int, prompt: str, transition: Transition, block_frames: int = 3
    ) -> "Timeline":
        """The timeline up to a block, and from there on under a prompt.

        A cut to the prompt that is in force there, with no transition to it still on its way, is no
        change, and adds no entry: memory would be computed again for it.

        An empty prompt is a `TimelineError`.
        """
        past = self.before(block, block_frames)
        entry = Entry(block * block_frames, prompt, transition)
        if past and transition == CUT and clean(past[-1].prompt) == clean(prompt):
            landed = _block_of(past[-1].latent_frame, block_frames)
            if landed + past[-1].transition.blocks <= block:
                return Timeline(past)
        return Timeline((*past, entry))

    def at(self, latent_frame: int) -> Entry:
        """The entry that starts at a latent frame; a `TimelineError` where none does."""
        for entry in self.entries:
            if entry.latent_frame == latent_frame:
                return entry
        raise TimelineError(f"no prompt starts at latent frame {latent_frame}")

    def before(self, block: int, block_frames: int = 3) -> tuple[Entry, ...]:
        """The entries that land before a block."""
        return tuple(e for e in self.entries if _block_of(e.latent_frame, block_frames) < block)

    def require_past(self, plan: "Timeline", begun_blocks: int, block_frames: int = 3) -> None:
        """Make sure that `plan` can follow: it changes nothing that has landed on a begun block.

        Raises:
            TimelineError: it does.
        """
        mine, theirs = (each.before(begun_blocks, block_frames) for each in (self, plan))
        if mine == theirs:
            return
        changed = next(a or b for a, b in zip_longest(mine, theirs) if a != b)
        first = begun_blocks * block_frames
        raise TimelineError(
            f"{changed.prompt!r} at latent frame {changed.latent_frame} is too late to change, "
            f"block {begun_blocks - 1} has begun: change what comes from latent frame "
            f"{first} ({seconds_at(first):.2f} s) on"
        )

    def to_json(self) -> str:
        """The timeline as JSON, with its version: `rows` under "entries"."""
        return json.dumps(self._said(), ensure_ascii=False, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Timeline":
        """The timeline that `to_json` wrote; `rows` alone are one too.

        Raises:
            TimelineError: the text is not JSON, not a timeline, or one of a later version.
        """
        _require_text(text)
        try:
            rows = json_in(text)
        except NotPlainError as error:
            raise TimelineError(f"this is not JSON: {error}") from error
        return cls(entries_of(_rows_in(rows)))

    def to_yaml(self) -> str:
        """The timeline as YAML, with all that `to_json` says.

        Raises:
            TimelineError: it would be longer than what is read as YAML.
        """
        readable = not any(end in entry.prompt for entry in self.entries for end in _YAML_ENDS)
        text = str(yaml.safe_dump(self._said(), allow_unicode=readable, sort_keys=False))
        if len(text) > MOST_LETTERS:
            raise TimelineError(
                f"as YAML this timeline has {len(text)} letters, and no more than {MOST_LETTERS} "
                "are read again: write it as JSON"
            )
        return text

    @classmethod
    def from_yaml(cls, text: str) -> "Timeline":
        """The timeline that `to_yaml` wrote; `rows` alone are one too.

        Raises:
            TimelineError: the text is not YAML, not a timeline, or one of a later version.
        """
        _require_text(text)
        try:
            rows = yaml_in(text)
        except NotPlainError as error:
            raise TimelineError(f"this is no plain YAML: {error}") from error
        return cls(entries_of(_rows_in(rows)))

    def rows(self) -> list[dict[str, object]]:
        """The entries in plain values: a list of `{"latent_frame": ..., "prompt": ...}`."""
        return [_row(entry) for entry in self.entries]

    def _said(self) -> dict[str, object]:
        return {"format": FORMAT, "version": VERSION, "entries": self.rows()}


def _require_text(text: object) -> None:
    if not isinstance(text, str):
        raise TimelineError(f"{text!r} is no text of a timeline: give a str, or read_timeline it")


_YAML_ENDS = "\x85\u2028\u2029"
"""What ends a line for YAML alone: its writer loses these where it does not escape them."""


def timeline_of(plan: object) -> Timeline:
    """A timeline itself, or the one of a single prompt.

    Raises:
        TimelineError: it is neither, or the prompt is empty.
    """
    if isinstance(plan, Timeline):
        return plan
    if isinstance(plan, str):
        return Timeline.of(plan)
    raise TimelineError(
        f"{plan!r} is neither a prompt nor a timeline: write Timeline.of('a red ball', "
        "(24, 'a blue star'))"
    )


def require_seed(seed: object) -> int:
    """The seed as an `int`; all but a whole number from 0 to 2**32 - 1 is a `SessionError`."""
    return whole_number("seed", seed, SessionError, least=0, most=MOST_SEED - 1)


def drawn_seed() -> int:
    """A seed by chance, from all that there are."""
    return secrets.randbelow(MOST_SEED)


def clean(prompt: str) -> str:
    """A prompt without mojibake, HTML entities (escaped once or twice) and spare white space.

    Source: Wan2.1, which cleans all prompts so before it reads them.
    """
    from ftfy import fix_text  # slow to import

    return " ".join(html.unescape(html.unescape(fix_text(prompt))).split())


def require_prompt(prompt: object) -> str:
    """The prompt itself, if it says anything.

    Raises:
        TimelineError: it is no text, has half a character of UTF-16, or nothing is left of it once
            it is cleaned.
    """
    if not isinstance(prompt, str):
        raise TimelineError(f"prompt {prompt!r} is not text: write what the video should show")
    if any("\ud800" <= letter <= "\udfff" for letter in prompt):
        raise TimelineError(
            f"prompt {prompt!r} has half a character in it, which no file takes: leave it out"
        )
    if not clean(prompt):
        raise TimelineError(f"prompt {prompt!r} is empty: write what the video should show")
    return prompt


def _require_beginning(entries: Sequence[Entry]) -> None:
    if not entries:
        raise TimelineError("a timeline needs a prompt at latent frame 0, this one has none")
    first = entries[0]
    if first.latent_frame != 0:
        raise TimelineError(
            f"the first prompt starts at latent frame {first.latent_frame}: start it at 0"
        )
    if first.transition != CUT:
        raise TimelineError(
            f"the first prompt {first.prompt!r} has none to take over from: give it no transition"
        )


def _block_of(latent_frame: int, block_frames: int) -> int:
    """The first block that starts at a latent frame or after it."""
    return -(-latent_frame // block_frames)


def _row(entry: Entry) -> dict[str, object]:
    row: dict[str, object] = {"latent_frame": entry.latent_frame, "prompt": entry.prompt}
    return row if entry.transition == CUT else {**row, "transition": asdict(entry.transition)}


def _switch(switch: object) -> Entry:
    if isinstance(switch, Entry):
        return switch
    if not isinstance(switch, Sequence) or isinstance(switch, str) or len(switch) != 2:
        raise TimelineError(
            f"switch {switch!r} is not (latent frame, prompt): for example (24, 'a blue star')"
        )
    return Entry(*switch)


def _rows_in(said: object) -> object:
    """The rows of a file; those that stand alone, without a version, are of the first one."""
    if not isinstance(said, Mapping) or said.get("format") != FORMAT:
        return said
    known_version("this timeline", said.get("version"), VERSION, TimelineError)
    return said.get("entries")


def entries_of(rows: object) -> tuple[Entry, ...]:
    """The entries that the rows of a file or of a message say.

    Raises:
        TimelineError: they are no rows, or one of them is no entry.
    """
    wanted = 'a list of {"latent_frame": ..., "prompt": ...}'
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise TimelineError(f"a timeline is {wanted}, not {type(rows).__name__}")
    return tuple(_entry(row, wanted) for row in _mappings(rows, wanted))


def _mappings(rows: Iterable[object], wanted: str) -> Iterable[Mapping[object, object]]:
    for row in rows:
        if not isinstance(row, Mapping):
            raise TimelineError(f"a timeline is {wanted}, but one row is {row!r}")
        yield row


def _entry(row: Mapping[object, object], wanted: str) -> Entry:
    if set(row) - {"transition"} != {"latent_frame", "prompt"}:
        raise TimelineError(f"a timeline is {wanted}, but one row is {dict(row)!r}")
    transition = transition_of(row.get("transition", {}))
    return Entry(row["latent_frame"], row["prompt"], transition)  # type: ignore[arg-type]  # Entry checks


def transition_of(said: object) -> Transition:
    """The transition that a file or a message says; what it leaves out is as in a cut.

    Raises:
        TimelineError: it is none.
    """
    known = {"blocks", "blend", "recache"}
    if not isinstance(said, Mapping) or set(said) - known:
        raise TimelineError(f"transition {said!r} is none: it may have blocks, blend and recache")
    return Transition(**said)
