"""What happened in a run, block by block, kept while it goes on and told as a manifest.

However long the run, only some MiB are kept in memory: the rest lies in a file that has no name.
"""

import json
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import asdict
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
from longlive_widget.runs.manifest import NOTHING_MADE, BlockLine, Maker, Manifest, Swap

IN_MEMORY_BYTES = 4 * 2**20
LIBRARIES = ("tokenizers", "ftfy")
"""What reads prompts, beside what every record names."""


class Logbook:
    """The log of one session, which is not held; the engine is, while there can be a manifest.

    Threads may add and read at once: blocks are waited for by nobody.
    """

    def __init__(self, engine: Engine, session: Session) -> None:
        self._engine: Engine | None = engine
        self._began = datetime.now(UTC)
        self._seed = session.seed
        self._geometry = session.geometry
        self._positions = session.positions
        self._lock = threading.Lock()
        self._lines = SpooledTemporaryFile(IN_MEMORY_BYTES, "w+", encoding="utf-8")  # noqa: SIM115  # lives as long as this
        weakref.finalize(self, self._lines.close)
        self._added = 0
        self._took_over = ""
        self._note(session)

    def add(
        self,
        session: Session,
        block: int,
        pictures: Sequence[str],
        latency_ms: float,
        parts_ms: Mapping[str, float],
    ) -> None:
        """Note a block that the session has given.

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

    def manifest(self) -> Manifest:
        """The run so far. Reads all weights once, for their hashes.

        Raises:
            ManifestError: there is no block, or the run went on under another preset on the way.
        """
        with self._lock:
            if not self._added:
                raise ManifestError(NOTHING_MADE)
            if self._engine is None:
                raise ManifestError(
                    f"this video went on under preset {self._took_over!r} on the way, which "
                    "no manifest says yet: make it under one preset from the start"
                )
            engine, lines = self._engine, self._written()
            timeline, landings, adapters = self._timeline, self._landings, self._adapters
        blocks = tuple(BlockLine(**json.loads(line)) for line in lines)
        end = blocks[-1].block + 1
        return Manifest(
            time=self._began,
            maker=maker_of(engine),
            seed=self._seed,
            geometry=self._geometry,
            positions=self._positions,
            timeline=timeline,
            landings=tuple(each for each in landings if each.block < end),
            adapters=tuple(Swap(block, scales) for block, scales in adapters if block < end),
            blocks=blocks,
        )

    def write(self, path: str | Path) -> Path:
        """Write the manifest of the run so far to a file; returns where it is.

        A place where no file can be is an `OutputError`.
        """
        return self.manifest().write(path)

    def _note(self, session: Session) -> None:
        self._timeline = session.timeline
        self._landings = session.landings
        self._adapters = session.adapters
        if session.presets:
            self._took_over = session.presets[0][1].name
            self._engine = None

    def _written(self) -> list[str]:
        """All lines so far; reading is at the file's end again, where more is written."""
        self._lines.seek(0)
        return self._lines.readlines()


def maker_of(engine: Engine) -> Maker:
    """What makes the runs of an engine, here and now."""
    return Maker(
        model=engine.name,
        weights=engine.weights,
        fingerprints=fingerprint(engine.model),
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
