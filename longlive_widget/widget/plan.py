"""The timeline that a studio's videos follow: live switches, edits, and where each prompt lands.

Knows the session that a prompt goes to, but neither its pictures nor who looks.
"""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from longlive_widget.errors import LongLiveError, SessionError, TimelineError
from longlive_widget.timeline import (
    CUT,
    Entry,
    Landing,
    Timeline,
    Transition,
    entries_of,
    require_prompt,
)
from longlive_widget.timeline_forms import Form, file_name, timeline_as
from longlive_widget.widget.outbox import Outbox
from longlive_widget.widget.protocol import Edit, Edited, Exported, Notice, Reading, Receipt
from longlive_widget.widget.video import Video

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine

MARKS = 200


class Plan:
    """What the present video follows, and the next one too: live switches are in it.

    `revision` counts its changes.
    """

    def __init__(self, timeline: Timeline, video: Video, outbox: Outbox) -> None:
        self.timeline = timeline
        self.revision = 0
        self._video = video
        self._outbox = outbox
        self.clear()

    def clear(self) -> None:
        """Nothing has landed; all of the timeline is to come."""
        self._asked: tuple[Landing, ...] = self.timeline.landings(self._block_frames)

    def begin(self) -> None:
        """A video begins: all is to come, and of prompts that are not read in full it is told."""
        self.clear()
        for entry in self.timeline.entries:
            self._read_later(entry.prompt)

    @property
    def asked(self) -> tuple[Landing, ...]:
        """All prompts of this video, landed or to come, under the lock of the video."""
        return self._asked

    def take_up(self, timeline: Timeline, past: tuple[Landing, ...], block: int) -> None:
        """Follow another video's timeline: what is `past` has landed before `block`."""
        coming = timeline.landings(self._block_frames)
        before = (landing for landing in past if landing.block < block)
        self._asked = (*before, *(landing for landing in coming if landing.block >= block))
        self.follow(timeline)

    @property
    def landings(self) -> tuple[Landing, ...]:
        """The prompts of this video that have landed, and those that were overtaken there."""
        with self._video.changed:
            return tuple(landing for landing in self._asked if landing.block < self._video.made)

    @property
    def prompt(self) -> str:
        """What steers the block that begins next; before a video, the one that it begins with."""
        with self._video.changed:
            return [mark.prompt for mark in self._asked if mark.block <= self._video.begun][-1]

    @property
    def marks(self) -> tuple[Landing, ...]:
        """The newest prompts, landed or to come, as a view is told of them."""
        return self._asked[-MARKS:]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The newest entries of the timeline's past, and all that are to come."""
        past = len(self.timeline.before(self._video.begun, self._block_frames))
        return self.timeline.entries[max(0, past - MARKS) :]

    def switch(self, prompt: str, transition: Transition = CUT) -> Landing:
        """Steer by `prompt` from the next block on; returns where it lands.

        `transition` is how it takes over.

        Raises:
            SessionError: no video has begun, or the studio is closed.
        """
        require_prompt(prompt)
        with self._video.changed:
            self._video.require_open()
            session = self._video.session
            if session is None:
                raise SessionError(
                    f"there is no video to steer, it is {self._video.status}: start() one first"
                )
            landing = session.switch(prompt, transition)
            self._asked = _with_switch(self._asked, landing)
            self.follow(session.timeline)
            self._outbox.tell_state()  # before the receipt: the page reads in it what gives way
            self._outbox.say(Receipt(landing))
            self._read_later(prompt)
            return landing

    def steer_by(self, prompt: str) -> None:
        """Go on with this prompt, or begin with it where no video has begun."""
        with self._video.changed:
            if self._video.session is not None:
                self.switch(prompt)
            else:
                self.replan(Timeline((*Timeline.of(prompt).entries, *self.timeline.entries[1:])))

    def replan(self, timeline: Timeline) -> None:
        """Follow this timeline: from the next block on, where a video has begun.

        One that changes what has landed on a block that was begun is a `TimelineError`; where the
        studio is closed, it is a `SessionError`.
        """
        with self._video.changed:
            self._video.require_open()
            if timeline == self.timeline:
                return
            session = self._video.session
            first = 0 if session is None else session.replan(timeline)
            landings = timeline.landings(self._block_frames)
            past = (landing for landing in self._asked if landing.block < first)
            self._asked = (*past, *(landing for landing in landings if landing.block >= first))
            known = {entry.prompt for entry in self.timeline.entries}
            self.follow(timeline)
            self._outbox.tell_state()
            for entry in timeline.entries:
                if session is not None and entry.prompt not in known:
                    self._read_later(entry.prompt)

    def follow(self, timeline: Timeline) -> None:
        """Have this timeline from now on; the landings are as they were."""
        self.timeline = timeline
        self.revision += 1

    def follow_file(self, name: str, timeline: Timeline) -> None:
        """Follow the timeline of a file; where a video has begun, with its own past before it.

        One that has nothing to come for a video that has begun is a `TimelineError`.
        """
        with self._video.changed:
            begun, frames = self._video.begun, self._block_frames
            kept = self.timeline.before(begun, frames)
            if kept == timeline.before(begun, frames):
                self.replan(timeline)
                return
            coming = timeline.entries[len(timeline.before(begun, frames)) :]
            if not coming:
                raise TimelineError(
                    f"{name} has no prompt from latent frame {begun * frames} on, where this video "
                    "could still follow it: stop the video to begin with that timeline"
                )
            self.replan(Timeline((*kept, *coming)))
            self._outbox.say(
                Notice(f"what has begun stays; to come is {name} from block {begun} on")
            )

    def edit(self, edit: Edit) -> None:
        """Follow the timeline that a view asks for, and tell it whether that is so."""
        try:
            with self._video.changed:
                if edit.revision != self.revision:
                    raise TimelineError(
                        "the timeline has changed meanwhile, this edit was left out: make it again"
                    )
                kept = self.timeline.before(edit.from_block, self._block_frames)
                self.replan(Timeline((*kept, *entries_of(edit.rows))))
        except LongLiveError as error:
            self._outbox.tell(error, edit.view)
            self._outbox.say(Edited(edit.view, accepted=False))
        else:
            self._outbox.say(Edited(edit.view, accepted=True))

    def read(self, view: str, prompt: str) -> None:
        """Tell a view which words of a prompt are not known, and which end is left out."""
        engine = self._video.engine
        self._outbox.say(Reading(view, prompt, engine.unknown_words(prompt), engine.unread(prompt)))

    def export(self, view: str, form: Form) -> None:
        """Tell a view the timeline as the text of a file."""
        self._outbox.say(Exported(view, form, file_name(form), timeline_as(self.timeline, form)))

    @property
    def _block_frames(self) -> int:
        return self._video.about.block_frames

    def _read_later(self, prompt: str) -> None:
        self._outbox.post(partial(self._remark_on, self._video.engine, prompt))

    def _remark_on(self, engine: "Engine", prompt: str) -> None:
        """Remark on a prompt of which the model does not read all."""
        if remark := engine.unheeded(prompt):
            self._outbox.remark(TimelineError(remark))


def _with_switch(asked: tuple[Landing, ...], switch: Landing) -> tuple[Landing, ...]:
    """The landings in the order of their blocks, with one more, to which others there give way."""
    others = (
        replace(landing, replaced_by=switch.prompt) if landing.block == switch.block else landing
        for landing in asked
    )
    return tuple(sorted((*others, switch), key=lambda landing: landing.block))
