"""Models: whether the files of one are here and can be read, and whether `tiny` makes a video."""

import time
from collections.abc import Iterator, Sequence

from longlive_widget.checkup.finding import Finding
from longlive_widget.engine import hub
from longlive_widget.engine.engine import Engine
from longlive_widget.engine.hub import is_hub_id
from longlive_widget.engine.names import NAME
from longlive_widget.engine.official import (
    FILES_BYTES,
    LONGLIVE_NAMES,
    WAN_HUB,
    WAN_NAMES,
    OfficialSource,
)
from longlive_widget.engine.source import HubSource, source_of
from longlive_widget.errors import CheckpointError, ModelNotFoundError
from longlive_widget.geometry import pictures_before
from longlive_widget.model.tokenizer import WORDS
from longlive_widget.widget.frame_codec import h264_name

_PROMPT = "a red ball bounces on a white background"


def weights(model: str = NAME) -> Iterator[Finding]:
    """Whether the files of a model are here, all of them, and can be opened.

    Nothing is fetched. Of those on a hub it is told which are here; a folder's are opened.
    """
    try:
        source = source_of(model)
        if isinstance(source, HubSource):
            yield on_hub(source.hub_id)
            return
        if isinstance(source, OfficialSource):
            source.require_readable()
        fact = f"those of {source.sizes.name!r} are all there, and can be opened"
    except (CheckpointError, ModelNotFoundError) as error:
        fact = str(error) if is_hub_id(model) else str(error).replace(model, "(the one asked for)")
        yield Finding("weights", "wrong", fact, "get the files named above")
        return
    yield Finding("weights", "ok", fact)


def on_hub(hub_id: str) -> Finding:
    """Which of the files that are fetched from a hub are on this machine already."""
    own, rest = _parts_kept(hub_id, _OWN_PLACES), _parts_kept(WAN_HUB, _WAN_PLACES)
    here, all_parts = {**own, **rest}, (*_OWN_PLACES, *_WAN_PLACES)
    missing = [part for part in all_parts if part not in here]
    size = f"{FILES_BYTES / 1e9:.0f} GB"
    if len(missing) == len(all_parts):
        fact = f"none of {hub_id}: its first load fetches {size}"
        return Finding("weights", "ok", fact)
    if missing:
        return Finding(
            "weights",
            "warning",
            f"{hub_id} lacks {', '.join(missing)}",
            f"load it where there is a network: of {size} in all, what is missing is fetched",
        )
    return Finding("weights", "ok", f"{hub_id} is here in all its {len(all_parts)} parts")


_OWN_PLACES = {
    part: tuple(f"models/{name}" for name in names) for part, names in LONGLIVE_NAMES.items()
}
_WAN_PLACES = WAN_NAMES | {"tokenizer": tuple(f"{n}/{WORDS}" for n in WAN_NAMES["tokenizer"])}


def _parts_kept(hub_id: str, places: dict[str, tuple[str, ...]]) -> dict[str, Sequence[str]]:
    found = {part: list(hub.kept(hub_id, names)) for part, names in places.items()}
    return {part: names for part, names in found.items() if names}


def coding() -> Iterator[Finding]:
    """Whether pictures can be coded as H.264."""
    if h264_name(*PICTURES_PX) is None:
        fact = "PyAV has no libx264: pages get JPEGs, and no video file can be written"
        yield Finding("H.264", "warning", fact, "pip install --force-reinstall av")
    else:
        yield Finding("H.264", "ok", "PyAV codes it")


PICTURES_PX = (832, 480)


def tiny() -> Iterator[Finding]:
    """Whether the embedded model loads and makes a block, with the times that it took."""
    began = time.perf_counter()
    engine = Engine.load("tiny")
    loaded = time.perf_counter()
    block = next(iter(engine.session(_PROMPT, seed=1).blocks(1)))
    ended = time.perf_counter()
    times = f"loaded in {loaded - began:.1f} s, a block in {ended - loaded:.1f} s"
    fact = f"{times}, on {engine.device.type}"
    wanted = pictures_before(engine.geometry.block_frames)
    if len(block.frames) != wanted or block.frames.std() == 0:
        fact = f"{fact}, and its {len(block.frames)} pictures show nothing: {wanted} should"
        yield Finding("tiny", "wrong", fact, "report it, with all that stands here")
    else:
        yield Finding("tiny", "ok", fact)
