"""Recordings and clips of a running video, written on a thread of their own.

The video waits for no file; what is told of a block that is recorded waits for it to be written.
Knows messages, but no engine.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from longlive_widget.errors import OutputError, SessionError, reachable
from longlive_widget.geometry import Geometry
from longlive_widget.widget.courier import Courier, Errand
from longlive_widget.widget.outbox import Outbox
from longlive_widget.widget.protocol import Clip, Notice
from longlive_widget.widget.recorder import Recorder, RunRecorder, Take, write_shots
from longlive_widget.widget.reel import Shot
from longlive_widget.widget.video import Video

PATIENCE_S = 1.0
"""A block waits so long at most to be written before it is told of."""


class Archive:
    """One recording at a time, over all videos of a studio, and any number of clips.

    `video` says their size and model; all that is to be told goes to the `outbox`.
    """

    def __init__(self, video: Video, outbox: Outbox) -> None:
        self._video = video
        self._outbox = outbox
        self._recorder: Recorder | RunRecorder | None = None
        self._ended: Future[Path] | None = None
        self._newest = threading.Event()
        """Whether the newest block that is to be recorded was written, or could not be."""
        self._newest.set()
        self._lock = threading.Lock()
        self._archivist = Courier("longlive-archivist")

    @property
    def recording(self) -> Path | None:
        """The file or folder that is being written."""
        recorder = self._recorder
        return None if recorder is None else recorder.path

    def record(self, path: str | Path | None, *, lossless: bool = False) -> Path:
        """Write all that is kept from now on; returns where it will be.

        A path without an ending is a folder, for one video and its manifest; else it is an MP4
        file, over all videos.

        Raises:
            SessionError: something is being recorded, an MP4 file is to be without loss, or several
                videos in step are to be in a folder.
        """
        with self._lock:
            if self._recorder is not None:
                raise SessionError(f"{str(self.recording)!r} is being recorded: cut() it first")
            name = reachable(path or f"longlive-{datetime.now():%Y%m%d-%H%M%S}.mp4")
            if lossless and name.suffix:
                raise SessionError(
                    f"{str(name)!r} is a file, and only a recording in a folder is kept without "
                    f"loss: call it {name.stem!r}"
                )
            self._recorder = recorder = self._begun(name, lossless=lossless)
            self._ended = None
        self._outbox.tell_state()
        return recorder.path

    def _begun(self, path: Path, *, lossless: bool) -> Recorder | RunRecorder:
        about = self._video.about
        if path.suffix or not path.name:
            return Recorder(path, about.width_px, about.height_px)
        if about.tiles is not None:
            raise SessionError(
                f"{str(path)!r} is a folder, which keeps the manifest of one video, and several "
                "are made here: record to a file that ends in .mp4"
            )
        geometry = Geometry(about.width_px, about.height_px, about.block_frames)
        return RunRecorder(path, geometry, lossless=lossless)

    def keep(self, take: Take) -> Errand:
        """A block was made: it is added, if something is being recorded.

        A recording of one video ends where the next one begins; `cut` then says where it is.

        Returns:
            What waits until the block is in the file, or could not be written: for `PATIENCE_S` at
            most, and not at all while the block before is still to be written. So a disk that hangs
            holds one block up, and no further one.
        """
        with self._lock:
            recorder = self._recorder
            if recorder is None:
                return _nothing
            ends = not recorder.is_of(take.run)
            if ends:
                self._recorder, self._ended = None, self._finished(recorder)
        if ends:
            self._outbox.tell_state()
            return _nothing
        before, self._newest = self._newest, threading.Event()
        self._archivist.put(partial(_write, recorder, take, self._newest), self._give_up)
        return partial(_wait, before, self._newest)

    def cut(self) -> "Future[Path]":
        """End the recording, if it has not ended by itself; returns where it is, once written.

        Of one that has failed it is an `OutputError`, which says why.

        Raises:
            SessionError: nothing was recorded since the last cut.
        """
        with self._lock:
            recorder, ended = self._recorder, self._ended
            self._recorder = self._ended = None
        if recorder is not None:
            self._outbox.tell_state()
            return self._finished(recorder)
        if ended is None:
            raise SessionError("nothing is being recorded: record() first")
        return ended

    def _finished(self, recorder: Recorder | RunRecorder) -> "Future[Path]":
        cut: Future[Path] = Future()

        def finish() -> None:
            if recorder.failure is not None:
                cut.set_exception(_failed(recorder))
                return
            with recorder:
                pass
            self._outbox.say(Notice(f"recorded {recorder.seconds:.1f} s to {recorder.path}"))
            cut.set_result(recorder.path)

        def fail(error: Exception) -> None:
            self._outbox.tell(error)
            cut.set_exception(error)

        self._archivist.put(finish, fail)
        return cut

    def clip(self, view: str, run: int, shots: Sequence[Shot]) -> None:
        """Send a view these blocks of video `run` as an MP4 file, once it is written.

        Raises:
            SessionError: there is none.
        """
        if not shots:
            raise SessionError("nothing was made yet: start() first")

        about = self._video.about

        def write() -> None:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "clip.mp4"
                write_shots(path, shots, about.width_px, about.height_px)
                content = path.read_bytes()
            name = f"{about.model}-{run}-{shots[0].latent_frame}.mp4"
            self._outbox.say(Clip(view, name), [content])

        self._archivist.put(write, partial(self._outbox.tell, view=view))

    def close(self, patience_s: float) -> None:
        """End the recording, if there is one, and the thread, and wait so long for that."""
        if self._recorder is not None:
            self.cut()
        self._archivist.close(patience_s)

    def _give_up(self, error: Exception) -> None:
        with self._lock:
            recorder = self._recorder
            if recorder is not None and recorder.failure is not None:
                self._recorder, self._ended = None, self._finished(recorder)
        self._outbox.tell_state()
        self._outbox.tell(error)


def _write(recorder: Recorder | RunRecorder, take: Take, written: threading.Event) -> None:
    try:
        recorder.take(take)
    finally:
        written.set()


def _wait(before: threading.Event, written: threading.Event) -> None:
    if before.is_set():
        written.wait(PATIENCE_S)


def _nothing() -> None:
    """Nothing is recorded: nothing is waited for."""


def _failed(recorder: Recorder | RunRecorder) -> OutputError:
    error = OutputError(
        f"the recording to {str(recorder.path)!r} has failed before ({recorder.failure}): record() "
        "anew"
    )
    error.__cause__ = recorder.failure
    for note in getattr(recorder.failure, "__notes__", ()):
        error.add_note(note)
    return error
