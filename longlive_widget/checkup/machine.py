"""What computes here: torch, GPUs, kernels, what presets need of them, and memory."""

import importlib
from collections.abc import Iterator

import psutil
import torch

from longlive_widget.checkup.finding import Finding
from longlive_widget.engine.attention import KERNELS, missing_for
from longlive_widget.engine.capability import has_compiler, within_reach
from longlive_widget.engine.engine import checked_device
from longlive_widget.engine.gpu import has_triton
from longlive_widget.engine.memory import free_bytes, needed_bytes, said_bytes
from longlive_widget.engine.names import NAME
from longlive_widget.engine.official import longlive_sizes
from longlive_widget.engine.source import source_of
from longlive_widget.errors import CapabilityError
from longlive_widget.measure.environment import commit, driver, machine, versions
from longlive_widget.measure.installed import installed
from longlive_widget.presets import PRESETS

_CUDA_BUILD = "install torch for CUDA: pytorch.org/get-started has the line for your driver"


def package() -> Iterator[Finding]:
    """Which code this is."""
    of = commit()
    fact = versions().package
    yield Finding("this package", "ok", f"{fact}, commit {of}" if of else fact)


def torch_build() -> Iterator[Finding]:
    """Which torch, what it was built for, and on what it would compute."""
    here = versions()
    built_for = f"CUDA {here.cuda}, cuDNN {here.cudnn}" if here.cuda else "the processor alone"
    yield Finding("torch", "ok", f"{here.torch}, built for {built_for}")
    about = machine(torch.device("cpu"))
    yield Finding("processor", "ok", f"{about.processor}, {about.cores} cores to use")
    yield from gpus() if torch.cuda.is_available() else [no_gpu(driver(), here.cuda)]


def gpus() -> Iterator[Finding]:
    """Each GPU, with the driver."""
    for number in range(torch.cuda.device_count()):
        device = torch.device("cuda", number)
        about, free = machine(device), free_bytes(device)
        memory = [
            said_bytes(count) for count in (about.device_memory_bytes, free) if count is not None
        ]
        fact = (
            f"{about.device}, compute capability {about.compute_capability}, "
            f"{' of which free '.join(memory)}, driver {about.driver or 'unknown'}"
        )
        yield Finding("GPU", "ok", fact)


def no_gpu(driver: str | None, cuda: str | None) -> Finding:
    """Why torch has no GPU; `driver` and `cuda` are the versions of both, where there are any."""
    if driver is None:
        return Finding("GPU", "ok", f"none: 'tiny' runs without one, {NAME!r} wants one")
    if cuda is None:
        fact = f"driver {driver} is here, and this torch was built without CUDA"
        return Finding("GPU", "warning", fact, _CUDA_BUILD)
    return Finding(
        "GPU",
        "warning",
        f"driver {driver} is here, and torch for CUDA {cuda} sees no GPU",
        "update the driver to one for that CUDA, or see what CUDA_VISIBLE_DEVICES hides",
    )


def kernels() -> Iterator[Finding]:
    """Triton, FlashAttention-3, and what torch compiles with."""
    device = checked_device(None)
    version = installed("triton")
    if device.type == "cuda" and not has_triton(device):
        fact = "not installed: presets that compile, and kernels of our own, are refused"
        yield Finding("Triton", "warning", fact, "pip install triton")
    else:
        yield Finding("Triton", "ok", version or "not installed, and not needed without a GPU")
    yield flash_attention_3(device)
    if device.type != "cuda" and not has_compiler(device):
        fact = "no C++ compiler: presets that compile are refused"
        yield Finding("compiler", "warning", fact, "install g++ or clang++")


def flash_attention_3(device: torch.device) -> Finding:
    """Whether attention may run on FlashAttention-3: no preset depends on it."""
    needs = KERNELS["fa3"]
    about = f"{needs.package} {installed(needs.package) or 'not installed'}"
    missing = missing_for("fa3", device)
    if missing is not None:
        return Finding(needs.package, "ok", f"not used: it needs {missing}")
    try:
        importlib.import_module(needs.module)
    except (ImportError, OSError) as error:
        return Finding(
            needs.package,
            "warning",
            f"{about} cannot be loaded: {error}",
            "install the build for this torch and CUDA, or pip uninstall fa3-fwd",
        )
    return Finding(needs.package, "ok", about)


def presets() -> Iterator[Finding]:
    """Which presets this machine has all things for, memory aside."""
    device = checked_device(None)
    lacks: dict[str, list[str]] = {}
    for preset in PRESETS.values():
        try:
            within_reach(preset, device, allow_fallback=False)
        except CapabilityError as error:
            why = str(error).removeprefix(f"preset {preset.name!r} ").split(": ")[0]
            lacks.setdefault(why, []).append(preset.name)
    runs = len(PRESETS) - sum(map(len, lacks.values()))
    told = "".join(f"; not {', '.join(names)}: each {why}" for why, names in lacks.items())
    yield Finding("presets", "ok", f"{runs} of {len(PRESETS)} run on {device.type}{told}")


def memory() -> Iterator[Finding]:
    """Whether the host has room for `tiny`, and a GPU for LongLive-1.3B."""
    host = torch.device("cpu")
    tiny = source_of("tiny")
    free = free_bytes(host) or 0
    needed = needed_bytes(PRESETS["reference"], tiny.sizes, tiny.dtype, host)
    total = said_bytes(int(psutil.virtual_memory().total))
    yield room_for_tiny(total, free, needed)
    device = checked_device(None)
    if device.type == "cuda":
        yield room_for_full_size(free_bytes(device) or 0)


def room_for_tiny(total: str, free: int, needed: int) -> Finding:
    """Whether there is room for `tiny`; counts are in bytes."""
    fact = f"{total} in the machine, {said_bytes(free)} free for this process"
    if free < needed:
        fact = f"{fact}, and 'tiny' needs {said_bytes(needed)}"
        return Finding("memory", "wrong", fact, "close what else uses it, or raise the limit")
    return Finding("memory", "ok", fact)


def room_for_full_size(free: int) -> Finding:
    """Under which presets LongLive-1.3B has room on a GPU with so many bytes free."""
    device, sizes = torch.device("cuda"), longlive_sizes()
    needs = {one.name: needed_bytes(one, sizes, torch.bfloat16, device) for one in PRESETS.values()}
    fitting = [name for name, needed in needs.items() if needed <= free]
    fact = f"{said_bytes(free)} free: room for {NAME!r} under"
    if fitting:
        return Finding("GPU memory", "ok", f"{fact} {', '.join(fitting)}")
    least = min(needs, key=lambda name: needs[name])
    return Finding(
        "GPU memory",
        "warning",
        f"{fact} no preset, {least!r} needs {said_bytes(needs[least])}",
        "close what else uses it, or take another device",
    )
