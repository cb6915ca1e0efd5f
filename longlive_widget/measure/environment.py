"""This machine, what runs on it and which code that is, as a record keeps them.

Asks for no name of a host, a user or a folder.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import torch

import longlive_widget
from longlive_widget.engine.attention import AttentionChoice
from longlive_widget.engine.engine import Engine
from longlive_widget.geometry import Geometry
from longlive_widget.measure.installed import installed
from longlive_widget.measure.record import Commit, Fact, Machine, Record, Versions
from longlive_widget.presets import FASTEST

PACKAGE = Path(longlive_widget.__file__).parent
_ANSWER_S = 5


def measured(
    kind: str,
    engine: Engine,
    *,
    geometry: Geometry | None = None,
    counts: Mapping[str, int] | None = None,
    samples: Mapping[str, Sequence[float]] | None = None,
    facts: Mapping[str, Fact] | None = None,
) -> Record:
    """A record of what an engine was found to do, here and now.

    What stood in for something that this machine has not is told in its facts, and which kernels
    ran where the preset left that open, of attention with the time of each that was tried; where
    they are our own, no layer is compiled.

    Args:
        kind: which measurement, as "benchmark".
        engine: what was measured; its preset is the one that ran, after any fallback.
        geometry: the sizes of the video; None takes the model's own.
        counts: how much was measured, as {"blocks": 100}.
        samples: the raw numbers, as {"block_ms": [...]}.
        facts: single numbers and words, as {"compile_s": 12.5}.

    Names and numbers that a record cannot have are a `RecordError`.
    """
    ran: dict[str, Fact] = {"fallbacks": "; ".join(engine.fallbacks)} if engine.fallbacks else {}
    ours = engine.model.transformer.fused
    if engine.preset.attention in FASTEST:
        ran |= _attention(engine.attention)
    if engine.preset.kernels == "fastest":
        ran["kernels"] = "triton" if ours else "torch"
    if engine.preset.compiled is not None and ours:
        ran["compiled"] = "no layer: the kernels are our own"
    return Record(
        kind=kind,
        time=datetime.now(UTC),
        machine=machine(engine.device),
        versions=versions(),
        commit=commit(),
        model=engine.name,
        weights=engine.weights,
        dtype=str(engine.model.dtype).removeprefix("torch."),
        preset=engine.preset,
        geometry=engine.geometry if geometry is None else geometry,
        counts=counts or {},
        samples=samples or {},
        facts={**(facts or {}), **ran},
    )


def _attention(choice: AttentionChoice) -> dict[str, Fact]:
    """The kernel that was taken, and the ms of one call of each by which it was."""
    times_ms: dict[str, Fact] = {
        f"attention_{name.replace('-', '_')}_ms": ms for name, ms in choice.elapsed_ms.items()
    }
    return {"attention": choice.kernel, **times_ms}


def machine(device: torch.device) -> Machine:
    """What this machine has, and what it computes on if that is `device`."""
    on_cuda = device.type == "cuda"
    gpu = torch.cuda.get_device_properties(device) if on_cuda else None
    processor = _processor()
    return Machine(
        device_type=device.type,
        device=processor if gpu is None else gpu.name,
        device_count=torch.cuda.device_count() if on_cuda else 1,
        device_memory_bytes=None if gpu is None else gpu.total_memory,
        driver=driver() if on_cuda else None,
        compute_capability=None if gpu is None else f"{gpu.major}.{gpu.minor}",
        processor=processor,
        cores=_cores(),
        threads=torch.get_num_threads(),
        memory_bytes=int(psutil.virtual_memory().total),
        system=f"{platform.system()} {platform.machine()}",
    )


def versions() -> Versions:
    """What is installed here."""
    cudnn = torch.backends.cudnn.version() if torch.backends.cudnn.is_available() else None
    return Versions(
        package=longlive_widget.__version__,
        python=platform.python_version(),
        torch=str(torch.__version__),
        cuda=torch.version.cuda,
        cudnn=None if cudnn is None else str(cudnn),
        triton=installed("triton"),
        transformers=installed("transformers"),
    )


def commit(package: Path = PACKAGE) -> Commit | None:
    """The commit that the package's folder is of; None where git does not keep it."""
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None  # installed, perhaps below a folder of someone else's that git keeps
    name = _git(package, "rev-parse", "HEAD")
    changes = _git(package, "status", "--porcelain", "--", ".")
    return None if name is None or changes is None else Commit(name, dirty=bool(changes))


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says of a folder; None if there is no git, or it knows nothing."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return _answer(["git", *arguments], folder, own)


def driver() -> str | None:
    """The version of NVIDIA's driver; None where there is none."""
    said = _answer(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    return said.splitlines()[0] if said else None


def _answer(
    command: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> str | None:
    """What a program prints; None if it is not there, fails or does not answer."""
    program = shutil.which(command[0])
    if program is None:
        return None
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            [program, *command[1:]],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=_ANSWER_S,
        )
        return done.stdout.strip()
    return None


def _processor() -> str:
    """The name of the processor, or at least its kind."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            label, _, name = line.partition(":")
            if label.strip() == "model name" and name.strip():
                return name.strip()
    if platform.system() == "Darwin":
        name = _answer(["sysctl", "-n", "machdep.cpu.brand_string"]) or ""
        if name:
            return name
    return platform.processor() or platform.machine()


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
