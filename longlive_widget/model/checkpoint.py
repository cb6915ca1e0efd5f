"""Weight files into modules: read safely, compared in full, then loaded or not at all.

Knows the wrappings of LongLive's files; what the names inside mean is the modules' own business.
"""

import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from longlive_widget.errors import CheckpointError
from longlive_widget.plain_data import json_in

TORCH_SUFFIXES = (".pt", ".pth")
ADAPTER_PREFIX = "base_model.model."
SHOWN_NAMES = 3
WEIGHT_DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_FAILED_READS = (
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_NO_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # a method, a version or a password that zipfile has not
    ValueError,
)

Checkpoint = Mapping[str, object]


def read_weights(path: Path | str, *, checked: bool = True) -> dict[str, Tensor]:
    """All tensors of a file that holds nothing but named tensors, on the CPU.

    Any reason not to is a `CheckpointError`, as in `read_checkpoint`.
    """
    checkpoint = read_checkpoint(path, checked=checked)
    if (tensors := _tensors_of(checkpoint)) is None:
        raise CheckpointError(
            f"{path} is not a flat file of named tensors, it holds {_some(checkpoint)}: "
            f"give the file of this one network"
        )
    return tensors


def read_checkpoint(path: Path | str, *, checked: bool = True) -> Checkpoint:
    """What a `.safetensors`, `.pt` or `.pth` file holds, tensors on the CPU, read as needed.

    `checked` reads all of a `.pt` file at once, to hold it against its checksums: who wants only
    shapes leaves that to `require_undamaged`.

    Raises:
        CheckpointError: there is no such file, it is damaged, holds code, or is not what its name
            says.
    """
    path = Path(path)
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder: name the weight file inside it")
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist: check the path, or download it first")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in TORCH_SUFFIXES:
        return _read_torch(path, checked=checked)
    raise CheckpointError(
        f"{path} has the suffix {path.suffix!r}: weights are read from .safetensors, "
        f"{' or '.join(TORCH_SUFFIXES)} files"
    )


def read_json(path: Path) -> dict[str, object]:
    """What a JSON file says of a network.

    Raises:
        CheckpointError: it is not there, or no JSON object.
    """
    try:
        said = json_in(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}): download it again") from error
    if not isinstance(said, dict):
        raise CheckpointError(f"{path} holds {said!r}, no JSON object: download it again")
    return said


def load_strictly(module: nn.Module, weights: Mapping[str, Tensor], path: Path | str) -> None:
    """Load `weights` into `module` if every name and every shape agrees.

    A module on the meta device takes the tensors themselves, in the file's dtype; any other gets
    copies in its own. `path` is where the weights came from, for the message. If anything is
    missing, left over, of another shape or no floating point number, it is a `CheckpointError`,
    and nothing is loaded.
    """
    check_fit(shapes_of(module), weights, type(module).__name__, path)
    load_checked(module, weights)


def load_checked(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load `weights` as `load_strictly` does, after `check_fit` has seen that they fit.

    Raises:
        CheckpointError: the module has tensors that no file holds.
    """
    on_meta = any(tensor.is_meta for tensor in module.state_dict().values())
    module.load_state_dict(weights, strict=True, assign=on_meta)
    left_on_meta = [
        name
        for named in (module.named_parameters(), module.named_buffers())
        for name, tensor in named
        if tensor.is_meta
    ]
    if left_on_meta:
        raise CheckpointError(
            f"{type(module).__name__} has tensors that no file holds, still without values: "
            f"{_some(left_on_meta)}: make them outside of the meta device"
        )


def check_fit(
    expected: Mapping[str, tuple[int, ...]],
    weights: Mapping[str, Tensor],
    what: str,
    path: Path | str,
) -> None:
    """Make sure that every name and every shape agrees, and that the values are numbers.

    Raises:
        CheckpointError: something is missing, left over, of another shape, not in floating point,
            or not finite; the message tells all of it at once.
    """
    reshaped = [
        f"{name} is {list(weights[name].shape)} where {list(shape)} belongs"
        for name, shape in expected.items()
        if name in weights and tuple(weights[name].shape) != shape
    ]
    typed = [
        f"{name} is {str(tensor.dtype).removeprefix('torch.')}"
        for name, tensor in weights.items()
        if name in expected and tensor.dtype not in WEIGHT_DTYPES
    ]
    faults = [
        f"{len(names)} {fault} ({_some(names)})"
        for fault, names in (
            ("missing", [name for name in expected if name not in weights]),
            ("unexpected", [name for name in weights if name not in expected]),
            ("of another shape", reshaped),
            ("not in floating point of 16 bits or more", typed),
        )
        if names
    ]
    if faults:
        raise CheckpointError(
            f"{path} does not fit {what}, it has {len(weights)} tensors where {len(expected)} "
            f"belong: {'; '.join(faults)}: give the file that belongs to this model"
        )
    broken = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(
            f"{path} has values that are not finite ({_some(broken)}): no picture comes of them, "
            "download it again or take an earlier save"
        )


def part_of(weights: Mapping[str, Tensor], prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """The tensors whose names begin with one of `prefixes`: one network of a file that has two."""
    return {name: tensor for name, tensor in weights.items() if name.startswith(prefixes)}


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """The name and the shape of each tensor that a file of this module holds."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def unwrap_generator(checkpoint: Checkpoint, path: Path | str) -> dict[str, Tensor]:
    """The transformer's weights out of what `longlive_base.pt` holds, under Wan's own names.

    A flat file of tensors may have the same as a prefix of its names, or be the transformer's own.

    Raises:
        CheckpointError: there is neither `generator` nor `generator_ema` in it, or one weight
            stands there twice.
    """
    tensors = _tensors_of(_unwrapped(checkpoint, ("generator", "generator_ema")))
    if not tensors:
        raise CheckpointError(
            f"{path} holds no 'generator' or 'generator_ema' of named tensors, but "
            f"{_some(checkpoint)}: give LongLive's longlive_base.pt"
        )
    plain = {_plain_name(name): tensor for name, tensor in tensors.items()}
    if len(plain) < len(tensors):
        raise CheckpointError(
            f"{path} holds some weights twice, under two names: give LongLive's longlive_base.pt"
        )
    return plain


def unwrap_lora(checkpoint: Checkpoint, path: Path | str) -> dict[str, Tensor]:
    """The adapter's weights out of what `lora.pt` holds, under peft's names.

    Raises:
        CheckpointError: it is neither an adapter nor a dict with one under `generator_lora`.
    """
    tensors = _tensors_of(_unwrapped(checkpoint, ("generator_lora",)))
    if tensors and any(name.startswith(ADAPTER_PREFIX) for name in tensors):
        return {name.replace(".default.weight", ".weight"): w for name, w in tensors.items()}
    raise CheckpointError(
        f"{path} holds no adapter, but {_some(checkpoint)}: give LongLive's lora.pt, or a file "
        f"of tensors whose names begin with {ADAPTER_PREFIX!r}"
    )


def _unwrapped(checkpoint: Checkpoint, keys: tuple[str, ...]) -> object:
    """What lies under the first of the keys that there is, or that names begin with; else all."""
    for key in keys:
        if key in checkpoint:
            return checkpoint[key]
        if any(str(name).startswith(f"{key}.") for name in checkpoint):
            return {str(n).removeprefix(f"{key}."): value for n, value in checkpoint.items()}
    return checkpoint


def rank_of(weights: Mapping[str, Tensor], path: Path | str) -> int:
    """The rank of an adapter.

    Raises:
        CheckpointError: it has none, or 0, or several, as where all A are of one and all B of
            another.
    """
    halves = {name: w for name, w in weights.items() if name.endswith("lora_A.weight")}
    flat = [name for name, half in halves.items() if half.ndim != 2]
    ranks = sorted({half.shape[0] for half in halves.values() if half.ndim == 2})
    if flat or len(ranks) != 1:
        fault = f"{_some(flat)} without a rank" if flat else f"adapters of ranks {ranks}"
        raise CheckpointError(
            f"{path} has {fault}: one rank for all is needed, give the adapter's own file"
        )
    if not ranks[0]:
        raise CheckpointError(
            f"{path} is an adapter of rank 0, which adds nothing: download it again, or save it "
            "anew"
        )
    others = [half for name, half in weights.items() if name.endswith("lora_B.weight")]
    of_b = sorted({half.shape[1] for half in others if half.ndim == 2})
    if len(of_b) == 1 and of_b != ranks:
        raise CheckpointError(
            f"{path} has A of rank {ranks[0]} and B of rank {of_b[0]}: one rank for all is needed, "
            "give the adapter's own file"
        )
    return ranks[0]


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    _refuse_text(path)
    if _begins_like_pickle(path):
        raise CheckpointError(
            f"{path} is a pickle under the name of a safetensors file: "
            f"rename it to .pt to have it read without running code, or get the real file"
        )
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged or cut short ({error}): download it again"
        ) from error


def _read_torch(path: Path, *, checked: bool) -> Checkpoint:
    _refuse_text(path)
    if _begins_like_safetensors(path):
        raise CheckpointError(
            f"{path} is a safetensors file under the name of a pickle: rename it to .safetensors"
        )
    whole_zip = _is_zip(path)
    if whole_zip:
        _refuse_packed(path)
    if checked:
        require_undamaged(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=whole_zip)
    except _FAILED_READS as error:
        require_undamaged(path)
        refused = isinstance(error, pickle.UnpicklingError) and _begins_like_pickle(path)
        if whole_zip or refused:
            raise CheckpointError(
                f"{path} holds more than tensors, and reading it could run code: save its "
                "state_dict alone, best as .safetensors"
            ) from None  # torch's own words advise to run the code
        raise CheckpointError(f"{path} is damaged or cut short: download it again") from None
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not named tensors")
    return content


def _is_zip(path: Path) -> bool:
    with _readable_zip(path):
        return zipfile.is_zipfile(path)


def _refuse_packed(path: Path) -> None:
    """Torch packs nothing: what is packed may unpack to more than a memory holds."""
    with _readable_zip(path), zipfile.ZipFile(path) as parts:
        packed = [one.filename for one in parts.infolist() if one.compress_type]
    if packed:
        raise CheckpointError(
            f"{path} holds packed parts ({_some(packed)}), which torch never writes: save its "
            "state_dict anew, best as .safetensors"
        )


def require_undamaged(path: Path) -> None:
    """Hold each part of a `.pt` file against its checksum, which torch does not; others have none.

    A part that is not what was written is a `CheckpointError`.
    """
    if not _is_zip(path):
        return
    with _readable_zip(path), zipfile.ZipFile(path) as parts:
        damaged = parts.testzip()
    if damaged is not None:
        raise _damaged(path, damaged)


@contextmanager
def _readable_zip(path: Path) -> Iterator[None]:
    """What zipfile cannot read is damaged: torch may read it, but nobody has looked inside then."""
    try:
        yield
    except _NO_ZIP as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{path} is damaged ({what}): download it again")


def _refuse_text(path: Path) -> None:
    start = _start_of(path).lstrip()
    if start.startswith(b"<"):
        raise CheckpointError(
            f"{path} is a web page, not weights: download the file itself, not the page about it"
        )
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path} is a git-lfs pointer, not weights: get the file with `git lfs pull`"
        )


def _begins_like_pickle(path: Path) -> bool:
    start = _start_of(path)
    return start.startswith((b"PK\x03\x04", *(bytes([0x80, version]) for version in range(2, 6))))


def _begins_like_safetensors(path: Path) -> bool:
    start = _start_of(path)
    header_bytes = int.from_bytes(start[:8], "little")
    return start[8:9] == b"{" and header_bytes <= path.stat().st_size - 8


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}): check it") from error


def _tensors_of(content: object) -> dict[str, Tensor] | None:
    if not isinstance(content, Mapping):
        return None
    tensors = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    return tensors if len(tensors) == len(content) else None


def _plain_name(name: str) -> str:
    return name.replace("_fsdp_wrapped_module.", "").removeprefix("model.")


def _some(names: Iterable[str]) -> str:
    names = [str(name) for name in names]
    shown = ", ".join(names[:SHOWN_NAMES]) or "nothing"
    return shown if len(names) <= SHOWN_NAMES else f"{shown}, and {len(names) - SHOWN_NAMES} more"
