"""How long a new process takes to its first steady block: with nothing compiled yet, and after.

That is imports, loading, compiling, recording and all blocks up to it. Files that the system has
read before may still be in its memory.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.stages import Stage, Tell
from longlive_widget.errors import CapabilityError
from longlive_widget.measure.benchmark import PROMPTS, blocks_until_steady
from longlive_widget.measure.environment import measured
from longlive_widget.measure.record import Record
from longlive_widget.measure.records import read

KIND = "startup"
Caches = Literal["cold", "warm"]
"""Whether what is compiled has to be, or lies on disk from the process before."""
_BEFORE: dict[Stage, str] = {
    "loading weights": "start_to_checked_s",
    "preparing layers": "start_to_weights_s",
}
"""What is reached where a stage of the load begins."""
_PLACES = (
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "CUDA_CACHE_PATH",
    "PYTORCH_KERNEL_CACHE_PATH",
    "LONGLIVE_CACHE",
    "PYTHONPYCACHEPREFIX",
)
"""What names the folders in which torch, Triton, CUDA, this package and Python keep things."""


def startup(
    arguments: Sequence[str], *, told: Callable[[str], None] = lambda _: None
) -> Iterator[Record]:
    """Have `longlive-widget startup` run by two processes in turn, and tell what each has measured.

    The first one finds all caches of compiled code empty, the second one what that has left.

    Args:
        arguments: what the command is given, but for `--out`.
        told: hears what is being done.

    A process that ends without a record is a `CapabilityError`, with what it said last.
    """
    with TemporaryDirectory(prefix="longlive-startup-") as name:
        folder = Path(name)
        places = {place: folder / place.lower() for place in _PLACES}
        for place in places.values():
            place.mkdir()
        env = os.environ | {name: str(place) for name, place in places.items()}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # the warm process is to find what Python compiled
        for caches in ("cold", "warm"):
            told(f"a new process, {caches}")
            out = folder / f"{caches}.jsonl"
            own = ["--caches", caches, "--began", str(time.monotonic()), "--out", str(out)]
            process = subprocess.run(
                [sys.executable, "-m", "longlive_widget", "startup", *arguments, *own],
                env=env,
                capture_output=True,
                text=True,
                check=False,
                start_new_session=True,  # Ctrl-C is for this process, which ends that one
            )
            if process.returncode:
                *_, last = process.stderr.splitlines() or ["nothing was said"]
                raise CapabilityError(
                    f"the {caches} process ended with {process.returncode} before its first steady "
                    f"block: {last.removeprefix('longlive-widget: ')}"
                )
            yield from read(out)


def first_steady_block(
    load: Callable[[Tell], Engine],
    caches: Caches,
    began_s: float,
    *,
    size_px: tuple[int, int] | None = None,
    seed: int = 0,
) -> Record:
    """Make blocks until one is steady, in a process that has done nothing else.

    The fact `cold_start_s` or `warm_start_s` is the time to the end of that block.

    Args:
        load: makes the engine, and tells in which stage it is.
        caches: what they hold.
        began_s: when the process began, by `time.monotonic`, which is one clock for all processes.
        size_px: width and height of the pictures; None takes the model's own.
        seed: the noise.
    """
    found: dict[str, float] = {}

    def reached(what: str) -> None:
        found[what] = time.monotonic() - began_s

    def begun(stage: Stage) -> None:
        reached(_BEFORE[stage])

    reached("start_to_torch_s")
    engine = load(begun)
    reached("start_to_engine_s")
    blocks = 2 + blocks_until_steady(engine)
    session = engine.session(PROMPTS[0], seed, size_px=size_px)
    for block in session.blocks(blocks):
        if block.index == 0:
            reached("start_to_picture_s")
    reached(f"{caches}_start_s")
    return measured(
        KIND,
        engine,
        geometry=session.geometry,
        counts={"blocks": blocks, "seed": seed},
        facts=found,
    )
