"""What happened in a run, block by block, kept while it goes on and told as a manifest.

However long the run, only some MiB are kept in memory: the rest lies in a file that has no name.
"""

import json
import threading
import weakref
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import SpooledTemporaryFile

import torch

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.fingerprint import fingerprint
from longlive_widget.engine.session import Session
from longlive_widget.errors import ManifestError
from longlive_widget.measure.environment import commit, machine, versions
from longlive_widget.runs.manifest import (
    NOTHING_MADE,
    BlockLine,
    Maker,
    Manifest,
    Swap,
    Turn,
    begun_before,
)
from longlive_widget.timeline import Landing, Taken, Timeline

IN_MEMORY_BYTES = 4 * 2**20
LIBRARIES = ("tokenizers", "ftfy")
"""What reads prompts, beside what every record names."""


@dataclass(frozen=True, eq=False)
class Course:
    """What steered a video, as far as that was known at a block."""

    timeline: Timeline
    landings: tuple[Landing, ...]
    taken: tuple[Taken, ...]
    adapters: tuple[Swap, ...]
    presets: tuple[Turn, ...]


@dataclass(frozen=True, eq=False)
class Page:
    """One block of a log; its manifest is asked for later, and on any thread."""

    logbook: "Logbook"
    course: Course
    line: BlockLine

    def manifest(self) -> Manifest:
        """That of a run of this block alone. The first one that is asked for reads all weights."""
        return self.logbook.told(self.course, (self.line,))


class Logbook:
    """The log of one session, which is not held, nor a model that it went on without.

    Threads may add and read at once: blocks are waited for by nobody. A model that takes over on
    the way has the weights of the first one, in other layers.
    """

    def __init__(self, engine: Engine, session: Session) -> None:
        self._engine: Engine | None = engine
        self._model = engine.model
        self._maker: Maker | None = None
        self._began = datetime.now(UTC)
        self._seed = session.seed
        self._geometry = session.geometry
        self._positions = session.positions
        self._begin_lines()
        self._note(session)

    def _begin_lines(self) -> None:
        """Nothing is noted yet."""
        self._lock = threading.Lock()
        self._lines = SpooledTemporaryFile(IN_MEMORY_BYTES, "w+", encoding="utf-8")  # noqa: SIM115  # lives as long as this
        weakref.finalize(self, self._lines.close)
        self._added = 0

    def left(self, block: int, session: Session) -> "Logbook":
        """The log of a session that left this one's at the beginning of a block.

        What is noted of the blocks before is its own past too. Both are of one model and seed.
        """
        with self._lock:
            log, past = copy(self), self._written()[:block]
        log._begin_lines()
        log._lines.writelines(past)
        log._added = len(past)
        log._note(session)
        return log

    def add(
        self,
        session: Session,
        block: int,
        pictures: Sequence[str],
        latency_ms: float,
        parts_ms: Mapping[str, float],
    ) -> Page:
        """Note a block that the session has given; returns what is noted.

        Args:
            session: the one that this is the log of.
            block: its number.
            pictures: a hash of each, by `picture_hashes`.
            latency_ms: how long it took.
            parts_ms: how long its parts took, by name.
        """
        line = BlockLine(block, latency_ms, dict(parts_ms), tuple(pictures))
        with self._lock:
            self._lines.write(json.dumps(asdict(line)) + "\n")
            self._added += 1
            self._note(session)
            return Page(self, self._course, line)

    def manifest(self) -> Manifest:
        """The run so far. The first time, it reads all weights for their hashes.

        Raises:
            ManifestError: there is no block.
        """
        with self._lock:
            if not self._added:
                raise ManifestError(NOTHING_MADE)
            course, lines = self._course, self._written()
        return self.told(course, tuple(BlockLine(**json.loads(line)) for line in lines))

    def told(self, course: Course, blocks: tuple[BlockLine, ...]) -> Manifest:
        """The manifest of a run of these blocks, which took this course."""
        end = blocks[-1].block + 1
        return Manifest(
            time=self._began,
            maker=self._made_by(),
            seed=self._seed,
            geometry=self._geometry,
            positions=self._positions,
            timeline=course.timeline,
            landings=begun_before(end, course.landings),
            taken=begun_before(end, course.taken),
            adapters=begun_before(end, course.adapters),
            presets=begun_before(end, course.presets),
            blocks=blocks,
        )

    def write(self, path: str | Path) -> Path:
        """Write the manifest of the run so far to a file; returns where it is.

        A place where no file can be is an `OutputError`.
        """
        return self.manifest().write(path)

    def _note(self, session: Session) -> None:
        self._course = _course_of(session)
        if self._engine is not None and session.model is not self._engine.model:
            self._maker = self._maker or _facts_of(self._engine)
            self._engine = None
        self._model = session.model

    def _made_by(self) -> Maker:
        """What makes the run; reads all weights the first time."""
        with self._lock:
            engine, model, maker = self._engine, self._model, self._maker
        maker = _facts_of(engine) if maker is None and engine is not None else maker
        assert maker is not None
        if not maker.fingerprints:
            maker = replace(maker, fingerprints=fingerprint(model))
        with self._lock:
            self._maker = maker
        return maker

    def _written(self) -> list[str]:
        """All lines so far; reading is at the file's end again, where more is written."""
        self._lines.seek(0)
        return self._lines.readlines()


def _course_of(session: Session) -> Course:
    return Course(
        session.timeline,
        session.landings,
        session.taken,
        tuple(Swap(block, scales) for block, scales in session.adapters),
        tuple(Turn(turn.block, turn.preset, turn.fallbacks) for turn in session.presets),
    )


def maker_of(engine: Engine) -> Maker:
    """What makes the runs of an engine, here and now."""
    return replace(_facts_of(engine), fingerprints=fingerprint(engine.model))


def _facts_of(engine: Engine) -> Maker:
    """All of it but what takes reading the weights."""
    return Maker(
        model=engine.name,
        weights=engine.weights,
        fingerprints={},
        dtype=str(engine.model.dtype).removeprefix("torch."),
        preset=engine.preset,
        attention=engine.attention.kernel,
        fallbacks=engine.fallbacks,
        machine=machine(engine.device),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        float32_matmul=torch.get_float32_matmul_precision(),
        versions=versions(),
        libraries={name: version(name) for name in LIBRARIES},
        commit=commit(),
    )
