"""A studio that is left running and disturbed at random, under a seed, with a model of one layer.

Prompts are typed, timelines edited, videos paused and left for branches; views come, look away and
go. Every picture must be that of the same timeline made alone, and nothing may grow: after a first
third, which warms up, threads and open files are as many at the end, and of memory the medians of
the second and the last third are within 1 % of each other. `python -m tests.soak --minutes 15` adds
a row to docs/reliability/soak.jsonl, and ends with 1 where that is not so.
"""

import argparse
import ctypes
import gc
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil
import torch

import longlive_widget.tiny
from longlive_widget import Engine, LongLiveWidget, Preset, Timeline
from longlive_widget.engine.model import TOKENIZER, Placement, Sizes, random_parts
from longlive_widget.errors import LongLiveError
from longlive_widget.geometry import Geometry
from longlive_widget.measure.environment import commit
from longlive_widget.model.tokenizer import load_tokenizer
from longlive_widget.runs.manifest import picture_hashes

RECORD = Path(__file__).parents[1] / "docs" / "reliability" / "soak.jsonl"
WEIGHTS = Path(longlive_widget.tiny.__file__).parent / "weights"
PRESET = Preset("soak", "", (1000, 500), window_frames=9, window_cache="ring")
PROMPTS = [
    f"a {colour} {shape} {verb}"
    for colour in ("red", "blue", "green", "yellow")
    for shape in ("ball", "star", "square")
    for verb in ("spins", "rests", "moves right on black")
]
VIEWS = ("1-1", "2-2", "3-3")
BLOCKS_A_VIDEO = 100
FLAT = 0.01
"""So much may memory differ between the second and the last third of a soak."""


@dataclass(frozen=True)
class Held:
    """What the process holds; of memory what it uses, not what the C library keeps for later."""

    threads: int
    files: int
    mib: float

    @classmethod
    def now(cls) -> "Held":
        gc.collect()
        if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
            trim(0)
        process = psutil.Process()
        memory = process.memory_info().rss / 2**20
        return cls(threading.active_count(), process.num_fds(), memory)


@dataclass(frozen=True)
class Soaked:
    """What came of it: blocks of `videos` that were compared, and those with other pictures."""

    blocks: int
    videos: int
    disturbances: int
    different: int
    minutes: float
    held: tuple[Held, ...]


def smallest_engine() -> Engine:
    """One layer, the smallest sizes; its weights are random, and prompts do change its pictures."""
    sizes = Sizes.read(WEIGHTS)
    transformer = replace(
        sizes.transformer, dim=24, heads=2, layers=1, ffn_dim=32, text_dim=16, frequency_dim=16
    )
    text = replace(sizes.text_encoder, dim=16, dim_attn=16, dim_ffn=16, num_heads=2, num_layers=1)
    smallest = replace(
        sizes,
        geometry=Geometry(32, 32),
        transformer=transformer,
        text_encoder=text,
        autoencoder=replace(sizes.autoencoder, dim=2),
        small_decoder=None,
        adapter=False,
    )
    model = random_parts(
        smallest, load_tokenizer(WEIGHTS / TOKENIZER), Placement(torch.device("cpu"))
    )
    return Engine(model, PRESET)


def soak(
    seed: int,
    folder: Path,
    *,
    blocks_a_video: int = BLOCKS_A_VIDEO,
    videos: int | None = None,
    blocks: int | None = None,
    minutes: float | None = None,
) -> Soaked:
    """Go on for that many videos, blocks or minutes; recordings come into the folder, and go."""
    draw, engine, began_s = random.Random(seed), smallest_engine(), time.monotonic()
    made = disturbances = different = 0
    held: list[Held] = []
    while (
        (videos is None or len(held) < videos)
        and (blocks is None or made < blocks)
        and (minutes is None or time.monotonic() - began_s < 60 * minutes)
    ):
        video = _Video(engine, draw, folder)
        disturbances += video.play(blocks_a_video)
        different += video.different()
        made += len(video.hashes)
        video.studio.close()
        del video
        held.append(Held.now())
    minutes_taken = (time.monotonic() - began_s) / 60
    return Soaked(made, len(held), disturbances, different, minutes_taken, tuple(held))


class _Video:
    """One video of a studio, and the hashes of its pictures, block by block."""

    def __init__(self, engine: Engine, draw: random.Random, folder: Path) -> None:
        self.engine, self.draw, self.folder = engine, draw, folder
        self.seed = draw.randrange(2**32)
        timeline = Timeline.of(draw.choice(PROMPTS), (30, draw.choice(PROMPTS)))
        self.studio = LongLiveWidget(engine, timeline, seed=self.seed)
        self.studio.on_block(self._seen)
        self.hashes: dict[int, tuple[str, ...]] = {}
        self.disturbed = 0

    def _seen(self, block) -> None:
        self.hashes[block.index] = picture_hashes(block.frames)

    def play(self, blocks: int) -> int:
        """Make at least that many; how often it was disturbed."""
        while len(self.hashes) < blocks:
            stretch = self.studio._runner.make(self.draw.randint(4, 16))
            while not stretch.done():
                self.draw.choice((self._switch, self._pause, self._edit, self._look))()
                self.disturbed += 1
                time.sleep(self.draw.random() / 50)
            stretch.result()
            self.draw.choice((self._branch, self._walk, self._record, self._save))()
            self.disturbed += 1
        # what came too late, as a pause after the last block, is told in a sentence
        assert all(isinstance(error, LongLiveError) for error in self.studio.errors)
        return self.disturbed

    def different(self) -> int:
        """How many blocks have other pictures than the same timeline has alone."""
        session = self.engine.session(self.studio.timeline, self.seed)
        alone = (picture_hashes(block.frames) for block in session.blocks(len(self.hashes)))
        return sum(hashes != self.hashes[n] for n, hashes in enumerate(alone))

    def _send(self, kind: str, **fields: object) -> None:
        self.studio._handle_custom_msg({"type": kind, **fields}, [])

    def _switch(self) -> None:
        self.studio.switch(self.draw.choice(PROMPTS))

    def _pause(self) -> None:
        self._send("pause")
        time.sleep(self.draw.random() / 100)
        self._send("resume")

    def _edit(self) -> None:
        state = self.studio._runner.state()
        block = state.begun + 2 + self.draw.randint(0, 3)
        row = {"latent_frame": 3 * block, "prompt": self.draw.choice(PROMPTS)}
        self._send("edit", view=VIEWS[0], revision=state.revision, from_block=block, entries=[row])

    def _look(self) -> None:
        view = self.draw.choice(VIEWS)
        match self.draw.randrange(4):
            case 0:
                self._send("attach", view=view, codecs=["jpeg"])
            case 1:
                self._send("leave", view=view)
            case 2:
                self._send("look", view=view, looking=self.draw.random() < 0.5)
            case _:
                run = self.studio._runner.state().run
                self._send("block", view=view, run=run, block=self.draw.randrange(20))

    def _branch(self) -> None:
        block = self.draw.randrange(max(1, len(self.hashes) - 8), len(self.hashes) + 1)
        self.studio.branch(block, self.draw.choice(PROMPTS))
        self.hashes = {n: hashes for n, hashes in self.hashes.items() if n < block}

    def _walk(self) -> None:
        """There and back: to the root of the tree, and to the video that was shown."""
        present = self.studio._runner.branching.present
        self.studio.walk(0)
        self.studio.walk(present.number)

    def _record(self) -> None:
        path = self.studio.record(self.folder / "soak.mp4")
        self.studio.run(blocks=1)
        self.studio.cut()
        path.unlink()

    def _save(self) -> None:
        path = self.folder / "run.json"
        self.studio.manifest().write(path)
        path.unlink()


@dataclass(frozen=True)
class Verdict:
    """A soak after its first third, which warms up: pairs are of its second third and its last.

    Threads and files are those at the end of each, memory the median in each; `mib_range` is the
    least and the most of it.
    """

    threads: tuple[int, int]
    files: tuple[int, int]
    mib: tuple[float, float]
    mib_range: tuple[float, float]

    @classmethod
    def of(cls, held: Sequence[Held]) -> "Verdict":
        """What is said of what was held after each video; three at least."""
        third = len(held) // 3
        thirds = held[third:-third], held[-third:]
        middle, last = (part[-1] for part in thirds)
        mib = [[one.mib for one in part] for part in thirds]
        return cls(
            (middle.threads, last.threads),
            (middle.files, last.files),
            (statistics.median(mib[0]), statistics.median(mib[1])),
            (min(map(min, mib)), max(map(max, mib))),
        )

    @property
    def flat(self) -> bool:
        """Whether all is as it was, memory within `FLAT`."""
        before, after = self.mib
        steady = abs(after - before) <= FLAT * before
        return steady and all(one == other for one, other in (self.threads, self.files))


def main() -> int:
    """Soak for some minutes, tell what came of it, and put it on record; 1 where it is not well."""
    parser = argparse.ArgumentParser(description="Leave a studio running, and disturb it.")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="15 where no number of blocks is given")
    length.add_argument("--blocks", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        minutes = 15 if given.minutes is None and given.blocks is None else given.minutes
        soaked = soak(given.seed, Path(folder), blocks=given.blocks, minutes=minutes)
    verdict = Verdict.of(soaked.held)
    plain = {name: value for name, value in asdict(soaked).items() if name != "held"}
    row = json.dumps({"seed": given.seed, "commit": str(commit()), **plain, **asdict(verdict)})
    print(row)  # noqa: T201
    with RECORD.open("a", encoding="utf-8") as file:
        file.write(row + "\n")
    return 0 if verdict.flat and not soaked.different else 1


if __name__ == "__main__":
    sys.exit(main())
