"""A recording in a notebook cell: it plays on the page, with no engine and no GPU. No torch."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import anywidget
import traitlets
from IPython.display import display

from longlive_widget.errors import SessionError
from longlive_widget.runs.recording import RecordedRun
from longlive_widget.widget.bundle import asset, bundled, hear_where_sent
from longlive_widget.widget.courier import Courier
from longlive_widget.widget.export import write_page
from longlive_widget.widget.frame_codec import encode_block, encode_png, h264_name
from longlive_widget.widget.outbox import sentence
from longlive_widget.widget.protocol import (
    Asset,
    AssetRequest,
    Attach,
    BlockMessage,
    BlockRecord,
    BlockRequest,
    Codec,
    Command,
    Failure,
    History,
    Leave,
    PageMessage,
    Still,
    StillRequest,
    concerned,
    encode,
    parse,
)
from longlive_widget.widget.tape import RUN, records_of, state_of


@dataclass(frozen=True)
class Recording(RecordedRun):
    """A kept run, which a notebook shows as a player: `open` it, and end a cell with it.

    `blocks` and `block` give its pictures, `manifest` what made them.
    """

    def player(self) -> "RecordingPlayer":
        """A player of it, to be put among other widgets."""
        return RecordingPlayer(self)

    def export_html(self, path: str | Path) -> Path:
        """Write it as one HTML file that plays with no kernel and no network; returns where."""
        return write_page(path, self.manifest, (block.frames for block in self.blocks()))

    def _ipython_display_(self) -> None:
        display(self.player())


class RecordingPlayer(anywidget.AnyWidget):
    """Plays a recording: forth, in steps, round and round, with its timeline and its charts.

    The page asks for the blocks that it is to show. They are read and coded on a thread that all
    players of a process share.

    Raises:
        CapabilityError: the page's part of this package was not built.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    page_state = traitlets.Dict().tag(sync=True)

    def __init__(self, recording: RecordedRun) -> None:
        self.recording = recording
        size = recording.manifest.geometry
        self._h264 = h264_name(size.width_px, size.height_px)
        self._codecs: dict[str, Codec] = {}
        self._records: Mapping[int, BlockRecord] = {
            record.block: record for record in records_of(recording.manifest)
        }
        state = state_of(
            recording.manifest, h264=self._h264, codec="jpeg" if self._h264 is None else "h264"
        )
        page, style = bundled("widget.js"), bundled("widget.css")
        super().__init__(_esm=page, _css=style, page_state=asdict(state))
        self.on_msg(self._on_page_message)
        hear_where_sent(self.comm)

    def __repr__(self) -> str:
        run = self.recording.manifest
        return f"RecordingPlayer({run.maker.model!r}, {len(run.blocks)} blocks, seed={run.seed})"

    def _on_page_message(self, _widget: object, content: object, _buffers: object) -> None:
        fail = partial(self._fail, concerned(content))
        _projectionist().put(lambda: self._obey(parse(content)), fail)

    def _fail(self, view: str | None, error: Exception) -> None:
        self._tell(Failure(sentence(error), "", "other", view))

    def _tell(self, message: PageMessage, buffers: Sequence[bytes] = ()) -> None:
        self.send(encode(message), list(buffers))

    def _obey(self, command: Command) -> None:
        match command:
            case Attach(view, codecs):
                decodes = self._h264 is not None and "h264" in codecs
                self._codecs[view] = "h264" if decodes else "jpeg"
                self._tell(History(view, RUN, tuple(self._records.values())))
            case Leave(view):
                self._codecs.pop(view, None)
            case BlockRequest(view, _, block):
                self._show(view, block)
            case StillRequest(view, _, picture):
                png = self._exact(picture)
                self._tell(Still(view, RUN, picture, kept=bool(png)), png)
            case AssetRequest(name):
                self._tell(Asset(name), [asset(name)])
            case _:
                raise SessionError(
                    f"{type(command).__name__.lower()} is nothing that a recording can do: it plays"
                )

    def _show(self, view: str, block: int) -> None:
        frames = self.recording.block(block).frames
        codec = self._codecs.get(view, "jpeg")
        end = self.recording.manifest.end
        message = BlockMessage(RUN, self._records[block], codec, end, 0.0, view)
        self._tell(message, encode_block(frames, codec))

    def _exact(self, picture: int) -> list[bytes]:
        """The picture as it was made, as a PNG, if the recording has it."""
        if not self.recording.lossless:
            return []
        for record in self._records.values():
            within = picture - record.first_picture
            if 0 <= within < record.pictures:
                return [encode_png(self.recording.block(record.block).frames[within])]
        return []


_one_at_a_time = threading.Lock()


@cache
def _made() -> Courier:
    return Courier("longlive-projectionist")


def _projectionist() -> Courier:
    """The thread that reads recordings, begun when the first page asks for something."""
    with _one_at_a_time:
        return _made()
