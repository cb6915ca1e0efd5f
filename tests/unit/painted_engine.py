"""A stand-in for an engine: it paints moving stripes in a colour of the prompt."""

import threading
import time
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from longlive_widget.cache.window import RingWindow
from longlive_widget.engine.changeover import changeover
from longlive_widget.engine.session import Block
from longlive_widget.engine.starting import Start
from longlive_widget.engine.watch import Unwatched
from longlive_widget.geometry import Geometry, pictures_before
from longlive_widget.presets import PRESETS
from longlive_widget.timeline import CUT, Entry, Landing, Timeline

STEPS = 4
PATIENCE_S = 20


def _set_event():
    event = threading.Event()
    event.set()
    return event


@dataclass(eq=False)
class PaintedEngine:
    """Paints a block in `seconds_per_block`; block number `fails_at` raises instead.

    It gives the first `opens` pictures of a block before the rest, and that once it `goes_on`. Of a
    prompt it reads `reads` characters, and it knows no zebra.
    """

    seconds_per_block: float = 0.0
    fails_at: int | None = None
    opens: int = 0
    goes_on: threading.Event = field(default_factory=_set_event)
    reads: int = 60
    name: str = "painted"
    weights: str = "trained"
    fallbacks: tuple[str, ...] = ()
    preset: object = PRESETS["reference"]
    model: object = field(default_factory=object)
    geometry: Geometry = field(default_factory=lambda: Geometry(160, 96))
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    adapters: dict = field(default_factory=dict)

    def session(self, timeline, seed=0, *, size_px=None, watch=None, **_without_states):  # noqa: ANN003
        return PaintedSession(self, timeline, seed, watch, self.geometry_at(size_px))

    def geometry_at(self, size_px):
        return self.geometry if size_px is None else Geometry(*size_px)

    def under(self, preset, *, beside=(), tell=None):  # noqa: ARG002  nothing is loaded
        return replace(self, preset=preset)

    def way_to(self, preset):
        return changeover(self.preset, preset, own_kernels=False, device_type="cpu")

    def why_not(self, preset):
        return "" if preset.linear_dtype == "model" else "no FP8 in this paint"

    def preset_to_start(self):
        return Start("quality", "quality to start with, in any paint")

    def why_not_take_over(self, session):
        return "" if session.engine.preset.window_frames == self.preset.window_frames else "window"

    def take_over(self, session):
        session.engine = self
        return session.next_block

    def unread(self, prompt):
        return prompt[self.reads :]

    def unknown_words(self, prompt):
        return ("zebra",) if "zebra" in prompt.split() else ()

    def unheeded(self, prompt):
        rest = self.unread(prompt)
        return f"{rest!r} is left out" if rest else ""


class PaintedSession:
    positions = "relative"
    adapters = ((0, {}),)
    landings = ()
    taken = ()
    presets = ()

    def __init__(self, engine, timeline, seed, watch=None, geometry=None) -> None:
        self.engine = engine
        self.geometry = geometry or engine.geometry
        self.watch = watch or Unwatched()
        self.timeline = Timeline.of(timeline) if isinstance(timeline, str) else timeline
        self.seed = seed
        self.next_block = 0
        self.window_bytes = 0
        self._window = RingWindow(0, 1, window_frames=12, sink_frames=3)
        self._asked = list(self.timeline.landings(engine.geometry.block_frames))
        self._prompt = ""
        self._lock = threading.Lock()

    @property
    def preset(self):
        return self.engine.preset

    @property
    def model(self):
        return self.engine.model

    def switch(self, prompt, transition=CUT):
        with self._lock:
            frame = self.next_block * self.engine.geometry.block_frames
            timeline = self.timeline.with_entry(Entry(frame, prompt, transition))
            landing = Landing(prompt, frame, frame, self.next_block)
            self._asked.append(landing)
            self.timeline = timeline
        return landing

    def replan(self, timeline):
        frames = self.engine.geometry.block_frames
        with self._lock:
            self.timeline.require_past(timeline, self.next_block, frames)
            landings = timeline.landings(frames)
            self._asked = [each for each in landings if each.block >= self.next_block]
            self.timeline = timeline
            return self.next_block

    def blocks(self, count=None, *, early=None):
        made = 0
        while count is None or made < count:
            yield self._next(early)
            made += 1

    def _next(self, early):
        with self._lock:
            index, preset = self.next_block, self.preset
            self.next_block += 1
            landed = [landing for landing in self._asked if landing.block == index]
            self._prompt = landed[-1].prompt if landed else self._prompt
        self._window.open_block(index * self.engine.geometry.block_frames, 3)
        window = self._window.occupancy(3)
        with self.watch.span("steps", index):
            for step in range(1, STEPS + 1):
                with self.watch.span("step", index, step):
                    time.sleep(self.engine.seconds_per_block / STEPS)
        frame = index * self.engine.geometry.block_frames
        with self.watch.span("decode", index), self.watch.span("wait", index):
            frames = paint(self._prompt, index, self.geometry)
        landing = landed[-1] if landed else None
        said = self._prompt
        block = Block(index, frame, frames, said, landing, window, preset, said, alone=False)
        if early is not None and self.engine.opens:
            early(replace(block, frames=frames[: self.engine.opens]))
            assert self.engine.goes_on.wait(PATIENCE_S)
        if index == self.engine.fails_at:
            raise RuntimeError("the painter ran out of paint")
        return block


def paint(prompt, block, geometry):
    """Diagonal stripes that move by two pixels a picture."""
    count = geometry.pictures_in_block(block)
    first = pictures_before(block * geometry.block_frames)
    colour = np.random.default_rng(sum(prompt.encode())).integers(40, 256, 3)
    rows, columns = np.mgrid[: geometry.height_px, : geometry.width_px]
    at = np.arange(first, first + count)[:, None, None]
    bright = 0.55 + 0.45 * np.sin((columns + rows - 2 * at) / 12)
    return (bright[..., None] * colour).astype(np.uint8)
