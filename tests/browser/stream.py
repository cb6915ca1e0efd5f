"""A prerecorded video in the place of a studio: large, at 60 pictures a second, H.264."""

import threading
import time
from dataclasses import asdict

import anywidget
import numpy as np
import traitlets

from longlive_widget.cache.occupancy import Occupancy
from longlive_widget.errors import LongLiveError
from longlive_widget.geometry import Geometry
from longlive_widget.widget import bundle
from longlive_widget.widget.frame_codec import encode_h264, h264_name
from longlive_widget.widget.protocol import (
    Attach,
    BlockMessage,
    BlockRecord,
    Credit,
    State,
    encode,
    parse,
)
from tests.unit.painted_engine import paint

SIZE = Geometry(832, 480)
PICTURES_PER_SECOND = 60
PICTURES, SCENES = 12, 8
CREDITS = 3
NO_WINDOW = Occupancy(0, (), (), (), ())


class Stream(anywidget.AnyWidget):
    """Sends blocks over and over, as soon as there is a credit and as they play: never faster."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    page_state = traitlets.Dict().tag(sync=True)

    def __init__(self) -> None:
        page, style = (
            (bundle.STATIC / name).read_text(encoding="utf-8")
            for name in ("widget.js", "widget.css")
        )
        width_px, height_px = SIZE.width_px, SIZE.height_px
        state = State(
            told=0,
            status="running",
            run=1,
            model="prerecorded",
            preset="-",
            weights="trained",
            fallbacks=(),
            width_px=width_px,
            height_px=height_px,
            block_frames=3,
            pictures_per_second=PICTURES_PER_SECOND,
            seed=0,
            made=0,
            dropped=0,
            recording=None,
            h264=h264_name(width_px, height_px),
            codec="h264",
            marks=(),
            begun=0,
            revision=0,
            entries=(),
            library=(),
        )
        super().__init__(_esm=page, _css=style, page_state=asdict(state))
        self._blocks = [encode_h264(_scene(number)) for number in range(SCENES)]
        self._uncredited: set[int] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self.on_msg(self._take)

    def _take(self, _widget: object, content: object, _buffers: object) -> None:
        try:
            command = parse(content)
        except LongLiveError:
            return
        with self._changed:
            if isinstance(command, Credit):
                self._uncredited.discard(command.block)
                self._changed.notify_all()
            elif isinstance(command, Attach) and not self._thread.is_alive():
                self._thread.start()

    def _send_all(self) -> None:
        begun_s = time.monotonic()
        number = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: len(self._uncredited) < CREDITS)
                self._uncredited.add(number)
            message = encode(block_message(number, 1e3 * time.monotonic()))
            self.send(message, list(self._blocks[number % SCENES]))
            number += 1
            due_s = begun_s + (number - 1) * PICTURES / PICTURES_PER_SECOND
            time.sleep(max(0.0, due_s - time.monotonic()))


def block_message(number: int, sent_ms: float) -> BlockMessage:
    """What is said of a block of the prerecorded video."""
    record = BlockRecord(
        block=number,
        latent_frame=SIZE.block_frames * number,
        first_picture=PICTURES * number,
        pictures=PICTURES,
        prompt="prerecorded",
        preset="-",
        landed=None,
        latency_ms=1.0,
        parts_ms={},
        encode_ms=0.0,
        credits=1,
        displayed=True,
        window=NO_WINDOW,
        window_bytes=0,
        host_bytes=0,
        device_bytes=None,
        device_reserved_bytes=None,
    )
    return BlockMessage(1, record, "h264", number + 1, sent_ms)


def _scene(number: int) -> np.ndarray:
    """Moving stripes under a grain that stays, so that a picture has the size of a real one."""
    frames = paint(f"scene {number}", 1, SIZE).astype(np.int16)
    grain = np.random.default_rng(number).normal(0, 3, (SIZE.height_px, SIZE.width_px, 1))
    return np.clip(frames + grain.astype(np.int16), 0, 255).astype(np.uint8)
