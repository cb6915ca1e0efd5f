"""What a page is told of a run that is over: its state, and the record of each block. No torch."""

from collections.abc import Iterator
from dataclasses import replace

from longlive_widget.cache.occupancy import Occupancy
from longlive_widget.geometry import pictures_before
from longlive_widget.runs.manifest import Manifest
from longlive_widget.widget.protocol import BlockRecord, Codec, State

RUN = 1
"""The number of the one video of a recording."""
_NO_WINDOW = Occupancy(0, (), (), (), ())


def state_of(run: Manifest, *, h264: str | None, codec: Codec) -> State:
    """All that a view must know to draw a recording, pictures and measurements apart."""
    maker, geometry = run.maker, run.geometry
    later = "".join(f" → {turn.preset.name}" for turn in run.presets)
    video = State.blank(
        maker.model, maker.preset.name + later, maker.weights, maker.fallbacks, geometry, run.seed
    )
    return replace(
        video,
        status="recorded",
        run=RUN,
        made=run.end,
        h264=h264,
        codec=codec,
        marks=run.landings,
        entries=run.timeline.before(run.end, geometry.block_frames),
    )


def records_of(run: Manifest) -> Iterator[BlockRecord]:
    """What was measured of each block; a manifest knows neither window nor memory."""
    landed = {each.block: each for each in run.landings if each.replaced_by is None}
    turns = {turn.block: turn.preset.name for turn in run.presets}
    prompt, preset = "", run.maker.preset.name
    for block in range(run.end):
        landing = landed.get(block)
        prompt = prompt if landing is None else landing.prompt
        preset = turns.get(block, preset)
        if block < run.first_block:
            continue
        line = run.blocks[block - run.first_block]
        frame = block * run.geometry.block_frames
        yield BlockRecord(
            block=block,
            latent_frame=frame,
            first_picture=pictures_before(frame),
            pictures=len(line.pictures),
            prompt=prompt,
            preset=preset,
            landed=landing,
            latency_ms=line.latency_ms,
            parts_ms=line.parts_ms,
            encode_ms=0.0,
            credits=0,
            displayed=True,
            window=_NO_WINDOW,
            window_bytes=0,
            host_bytes=0,
            device_bytes=None,
            device_reserved_bytes=None,
        )
