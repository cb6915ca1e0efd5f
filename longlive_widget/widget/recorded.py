"""A recording in a notebook cell: it plays on the page, with no engine and no GPU. No torch."""

from dataclasses import dataclass
from pathlib import Path

from IPython.display import display

from longlive_widget.runs.recording import RecordedRun
from longlive_widget.widget.cell import run_code
from longlive_widget.widget.export import write_page
from longlive_widget.widget.protocol import CodeRequest, Command
from longlive_widget.widget.tape import RecordedTape, state_of
from longlive_widget.widget.tape_player import TapePlayer


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

    def code(self, *, model: str | None = None) -> str:
        """The Python that makes a studio of this video, from its beginning: a cell to go on with.

        `model` says where the model is, if its name does not. What a cell cannot
        say, as adapters of your own, is a `SessionError`.
        """
        return run_code(self.manifest, model)

    def _ipython_display_(self) -> None:
        display(self.player())


class RecordingPlayer(TapePlayer):
    """Plays a recording: forth, in steps, round and round, with its timeline and its charts.

    Raises:
        CapabilityError: the page's part of this package was not built.
    """

    def __init__(self, recording: RecordedRun) -> None:
        self.recording = recording
        super().__init__(RecordedTape(recording), state_of(recording.manifest))

    def _obey(self, command: Command, view: str | None) -> None:
        match command:
            case CodeRequest(asker, None):
                run = self.recording.manifest
                self._tell_code(asker, "recording.py", lambda: run_code(run))
            case _:
                super()._obey(command, view)

    def __repr__(self) -> str:
        run = self.recording.manifest
        return f"RecordingPlayer({run.maker.model!r}, {len(run.blocks)} blocks, seed={run.seed})"
