"""A record as a test wants it."""

from datetime import UTC, datetime

from longlive_widget.geometry import Geometry
from longlive_widget.measure.record import Commit, Machine, Record, Versions
from longlive_widget.presets import PRESETS

MACHINE = Machine(
    device_type="cuda",
    device="NVIDIA H100",
    device_count=2,
    device_memory_bytes=85_000_000_000,
    driver="570.86.15",
    compute_capability="9.0",
    processor="AMD EPYC",
    cores=16,
    threads=8,
    memory_bytes=128 * 2**30,
    system="Linux x86_64",
)
VERSIONS = Versions(
    package="0.1.0",
    python="3.12.1",
    torch="2.13.0+cu130",
    cuda="13.0",
    cudnn="91002",
    triton=None,
    transformers="5.24.0",
)


def record(**changes: object):
    """A record of a benchmark, but for what is said."""
    told = {
        "kind": "benchmark",
        "time": datetime(2026, 11, 26, 12, 30, 15, 123456, tzinfo=UTC),
        "machine": MACHINE,
        "versions": VERSIONS,
        "commit": Commit("29f12caff94b19ba8017267aab058ae0e65d05fb", dirty=False),
        "model": "tiny",
        "weights": "trained",
        "dtype": "float32",
        "preset": PRESETS["turbo"],
        "geometry": Geometry(160, 96),
        "counts": {"blocks": 3},
        "samples": {"block_ms": [0.1 + 0.2, 1 / 3, 5e-324]},
        "facts": {"compile_s": 1e300, "attention": "flash", "as_the_log": True},
    }
    return Record(**told | changes)
