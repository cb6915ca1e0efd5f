"""A player of a tape: all of it is known, and the page asks for the blocks that it is to show."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cache, partial

import traitlets

from longlive_widget.errors import SessionError
from longlive_widget.widget.bundle import asset, bundled, hear_where_sent
from longlive_widget.widget.courier import Courier
from longlive_widget.widget.frame_codec import encode_block, encode_png, h264_name
from longlive_widget.widget.outbox import sentence
from longlive_widget.widget.own_layout import OwnLayout
from longlive_widget.widget.protocol import (
    Asset,
    AssetRequest,
    Attach,
    BlockMessage,
    BlockRequest,
    Codec,
    Command,
    Exported,
    Failure,
    History,
    Leave,
    PageMessage,
    State,
    Still,
    StillRequest,
    concerned,
    encode,
    parse,
)
from longlive_widget.widget.tape import Tape


class TapePlayer(OwnLayout):
    """Plays a tape: forth, in steps, round and round, with its timeline and its charts.

    Blocks are read and coded on a thread that all players of a process share.

    Raises:
        CapabilityError: the page's part of this package was not built.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    page_state = traitlets.Dict().tag(sync=True)

    def __init__(self, tape: Tape, state: State) -> None:
        self._tape = tape
        h264 = h264_name(state.width_px, state.height_px)
        self._state = replace(state, h264=h264, codec="jpeg" if h264 is None else "h264")
        self._codecs: dict[str, Codec] = {}
        page, style = bundled("widget.js"), bundled("widget.css")
        super().__init__(_esm=page, _css=style, page_state=asdict(self._state))
        self.on_msg(self._on_page_message)
        hear_where_sent(self.comm)

    def _on_page_message(self, _widget: object, content: object, _buffers: object) -> None:
        view = concerned(content)
        _projectionist().put(lambda: self._obey(parse(content), view), partial(self._fail, view))

    def _later(self, act: Callable[[], None]) -> None:
        """Do it on the thread that reads tapes, after what was asked for so far."""
        _projectionist().put(act, partial(self._fail, None))

    def _fail(self, view: str | None, error: Exception) -> None:
        self._tell(Failure(sentence(error), "", "other", view))

    def _tell(self, message: PageMessage, buffers: Sequence[bytes] = ()) -> None:
        self.send(encode(message), list(buffers))

    def _obey(self, command: Command, view: str | None) -> None:
        del view  # each command that is obeyed here names its own
        match command:
            case Attach(view, codecs):
                decodes = self._state.h264 is not None and "h264" in codecs
                self._codecs[view] = "h264" if decodes else "jpeg"
                self._tell_records(view)
            case Leave(view):
                self._codecs.pop(view, None)
            case BlockRequest(view, run, block):
                self._show(view, run, block)
            case StillRequest(view, run, picture):
                png = self._exact(picture)
                self._tell(Still(view, run, picture, kept=bool(png)), png)
            case AssetRequest(name):
                self._tell(Asset(name), [asset(name)])
            case _:
                raise SessionError(
                    f"{type(command).__name__.lower()} is nothing that a recording can do: it plays"
                )

    def _tell_records(self, view: str) -> None:
        self._tell(History(view, self._state.run, tuple(self._tape.records.values())))

    def _show(self, view: str, run: int, block: int) -> None:
        if run != self._state.run:
            return  # the tape has changed since, and the page asks again
        frames = self._tape.frames(block)
        codec = self._codecs.get(view, "jpeg")
        record = self._tape.records[block]
        message = BlockMessage(run, record, codec, self._state.made, 0.0, view)
        self._tell(message, encode_block(frames, codec))

    def _tell_code(self, view: str, name: str, code: Callable[[], str]) -> None:
        """Bring the Python that a page wants, or say why none is: nothing else fails by that."""
        told: PageMessage
        try:
            told = Exported(view, "python", name, code())
        except SessionError as error:
            told = Failure(sentence(error), "", "code", view)
        self._tell(told)

    def _exact(self, picture: int) -> list[bytes]:
        """The picture as it was made, as a PNG, if the tape has it."""
        if not self._tape.exact:
            return []
        for record in self._tape.records.values():
            within = picture - record.first_picture
            if 0 <= within < record.pictures:
                return [encode_png(self._tape.frames(record.block)[within])]
        return []


_one_at_a_time = threading.Lock()


@cache
def _made() -> Courier:
    return Courier("longlive-projectionist")


def _projectionist() -> Courier:
    """The thread that reads tapes, begun when the first page asks for something."""
    with _one_at_a_time:
        return _made()
