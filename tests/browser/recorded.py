"""A recording to look at: two prompts, a transition, and every picture as it was made."""

from pathlib import Path

from longlive_widget import Engine, Entry, Timeline, Transition
from longlive_widget.presets import Preset
from longlive_widget.runs.logbook import Logbook
from longlive_widget.runs.manifest import picture_hashes
from longlive_widget.runs.recording import RecordingFolder

BALL = "a red ball bounces on a white background"
MARKUP = "a big yellow star <b onmouseover=alert(1)>spins</b> </script>"
TIMELINE = Timeline.of(BALL, Entry(9, MARKUP, Transition(blocks=2)))
BLOCKS, LANDS_AT = 8, 3


def record(path: Path) -> Path:
    """Eight blocks of tiny in two steps, without loss; the second prompt lands at block 3."""
    engine = Engine.load("tiny", Preset("quick", "", (1000, 500)))
    session = engine.session(TIMELINE, 3)
    logbook = Logbook(engine, session)
    with RecordingFolder(path, session.geometry, lossless=True) as folder:
        for block in session.blocks(BLOCKS):
            latency_ms = 200.0 + 20 * block.index
            parts_ms = {"text": 5.0, "steps": 150.0, "step 1": 75.0, "step 2": 75.0, "decode": 30.0}
            hashes = picture_hashes(block.frames)
            page = logbook.add(session, block.index, hashes, latency_ms, parts_ms)
            folder.append(block.frames, page.manifest())
    return path
