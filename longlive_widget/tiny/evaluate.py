"""How well a model does what prompts say: adherence, switches, endurance, fewer steps.

The prompts come from a seed that no training uses. Non-goal: how beautiful it is.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from statistics import mean, median

import numpy as np
import torch
from numpy.typing import NDArray

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.side_by_side import psnr_db, side_by_side, squared_error
from longlive_widget.errors import GeometryError
from longlive_widget.geometry import PICTURES_PER_LATENT_FRAME, pictures_before
from longlive_widget.model.stream import to_bytes
from longlive_widget.presets import PRESETS
from longlive_widget.timeline import Timeline
from longlive_widget.tiny.captions import caption, switch_caption, unusual_caption
from longlive_widget.tiny.judge import (
    BLOCK_PICTURES,
    Adherence,
    adherence,
    blocks_until_shown,
    outline_adherence,
    read_scene,
    said_probability,
    stays_in_place,
)
from longlive_widget.tiny.motions import PICTURE
from longlive_widget.tiny.probe import JUDGED_PICTURES
from longlive_widget.tiny.scenes import (
    LEARNED,
    Change,
    Scene,
    Vocabulary,
    draw,
    random_change,
    random_scene,
)
from longlive_widget.tiny.sightings import look
from longlive_widget.tiny.written import WrittenPrompt

START_BLOCKS = 6
"""So many blocks are made before the first judgement and the switch."""
SWITCHED_BLOCKS = 6
MOST_SWITCHED_BLOCKS = 18
"""So many are made where a thing is cut off in all pictures before, so that nobody could read it:
what moves slowly takes that long to come in again."""
SETTLING_BLOCKS = 2
"""What a switch asks for must show after so many blocks."""
EARLY_BLOCK, LATE_BLOCK = 10, 200
_BLOCK_FRAMES = PICTURE.block_frames
_BLOCKS = START_BLOCKS + SWITCHED_BLOCKS
_STRETCH_BLOCKS = JUDGED_PICTURES // BLOCK_PICTURES
SWITCH_PICTURE = pictures_before(START_BLOCKS * _BLOCK_FRAMES)
FEWER_STEPS: dict[str, tuple[int, ...]] = {
    "3 steps": (1000, 500, 250),
    "2 steps": (1000, 500),
    "2 steps of ultra": PRESETS["ultra"].denoise_steps,
}

Pictures = NDArray[np.uint8]
Video = Callable[[Timeline, int], Iterator[Pictures]]
"""From a timeline and a seed to the pictures of one block after the other, without end."""


@dataclass(frozen=True)
class Case:
    """An unseen prompt, the switch that follows it, and the scenes that they mean."""

    prompt: str
    switch_prompt: str
    scene: Scene
    switched: Scene
    change: Change
    seed: int

    @property
    def timeline(self) -> Timeline:
        """Both prompts."""
        first = START_BLOCKS * _BLOCK_FRAMES
        return Timeline.of(self.prompt, (first, self.switch_prompt))


@dataclass(frozen=True)
class Verdict:
    """What was judged of one case; None where there was nothing to judge."""

    case: Case
    start: Adherence
    said_probability: float
    switched: Adherence
    """Colour and ground of the second block after the switch, and motion of the 48 pictures that
    begin two blocks after it. Shape and size of the second block too, or of the first stretch after
    it that shows the thing whole; where none does, of the last that shows it."""
    outlines_seen: bool
    """Whether each thing was whole in any picture after the switch."""
    ground_kept: bool | None
    place_kept: bool | None
    blocks_until_shown: int | None


@dataclass(frozen=True)
class Shares:
    """The shares of videos, 0 to 1, in which an attribute is what the prompt says."""

    color: float
    shape: float
    size: float
    motion: float
    ground: float
    whole: float
    """Colour, shape, motion and ground at once."""

    @classmethod
    def of(cls, judged: Sequence[Adherence]) -> "Shares":
        """The shares over some videos, not a number if there are none."""
        return cls(**{f.name: _share(getattr(j, f.name) for j in judged) for f in fields(cls)})


@dataclass(frozen=True)
class Report:
    """What an evaluation found; shares are from 0 to 1."""

    verdicts: tuple[Verdict, ...]
    early: Shares
    """At block 10 of one prompt, of the few videos that go on to block 200."""
    late: Shares
    """The same videos at block 200."""
    unusual: Shares
    """After the first six blocks of prompts in an order of words that is the judge's own."""
    written: Shares
    """After the first six blocks of prompts that a person wrote."""

    @property
    def start(self) -> Shares:
        """After the first six blocks of a prompt, in the last 48 pictures."""
        return Shares.of([verdict.start for verdict in self.verdicts])

    @property
    def switched(self) -> Shares:
        """Two blocks after a switch, or as soon as it can be read; see `Verdict.switched`."""
        return Shares.of([verdict.switched for verdict in self.verdicts])

    @property
    def said_probability(self) -> float:
        """The mean probability, 0 to 1, that the judge gives to what the first prompts say."""
        return _mean(verdict.said_probability for verdict in self.verdicts)

    @property
    def ground_kept(self) -> float:
        """Of the switches that leave the ground alone, over which the right ground stays."""
        return _share(v.ground_kept for v in self.verdicts if v.ground_kept is not None)

    @property
    def place_kept(self) -> float:
        """Of the switches that leave the motion alone, over which the thing stays where it is."""
        return _share(v.place_kept for v in self.verdicts if v.place_kept is not None)

    @property
    def switches_shown(self) -> float:
        """Of the switches, that show at all within six blocks."""
        return _share(verdict.blocks_until_shown is not None for verdict in self.verdicts)

    @property
    def blocks_until_shown(self) -> float:
        """The mean number of whole blocks before a switch shows, of those that do."""
        return _mean(
            verdict.blocks_until_shown
            for verdict in self.verdicts
            if verdict.blocks_until_shown is not None
        )


def evaluate(
    engine: Engine,
    *,
    prompts: int = 200,
    long_prompts: int = 0,
    unusual_prompts: int = 0,
    written_prompts: Sequence[WrittenPrompt] = (),
    seed: int = 0,
    vocabulary: Vocabulary = LEARNED,
    watched: Callable[[Sequence[Case]], Iterable[Case]] = iter,
) -> Report:
    """Judge a model under its preset on unseen prompts, each with a switch after six blocks.

    Args:
        engine: the model; the reference preset has 4 steps.
        prompts: how many videos of 12 blocks are made, up to 24 where a thing is cut off.
        long_prompts: how many videos of 200 blocks are made, for `Report.early` and `late`.
        unusual_prompts: how many videos of 6 blocks are made, for `Report.unusual`.
        written_prompts: of each, a video of 6 blocks is made for `Report.written`.
        seed: the drawn prompts and the noise.
        vocabulary: what the prompts may be about.
        watched: how the cases are gone through, for a progress bar.

    A model of another picture size than the scenes have is a `GeometryError`.
    """
    if (engine.geometry.width_px, engine.geometry.height_px) != (
        PICTURE.width_px,
        PICTURE.height_px,
    ):
        raise GeometryError(
            f"{engine.name} makes pictures of {engine.geometry.width_px} x "
            f"{engine.geometry.height_px}, the judge reads {PICTURE.width_px} x "
            f"{PICTURE.height_px}: give it a model of drawn scenes, such as 'tiny'"
        )
    video = video_of(engine)
    rng = random.Random(f"evaluation {seed}")
    cases = [random_case(rng, vocabulary) for _ in range(prompts)]
    verdicts = tuple(watch(case, video(case.timeline, case.seed)) for case in watched(cases))
    far = [random_case(rng, vocabulary) for _ in range(long_prompts)]
    long = [_endurance(case, video) for case in watched(far)]
    odd = [_reworded(random_case(rng, vocabulary), rng) for _ in range(unusual_prompts)]
    unusual = [_begun(case, video) for case in watched(odd)]
    typed = [_unswitched(one, rng.randrange(2**32)) for one in written_prompts]
    written = [_begun(case, video) for case in watched(typed)]
    return Report(
        verdicts,
        unusual=Shares.of(unusual),
        written=Shares.of(written),
        early=Shares.of([early for early, _ in long]),
        late=Shares.of([late for _, late in long]),
    )


def pictures_per_second(engine: Engine, *, warm_up_blocks: int = 6, blocks: int = 20) -> float:
    """The rate from noise to 8-bit pictures, by the median of some blocks of a full window."""
    made = engine.session("a red ball bounces on a white background").blocks(
        warm_up_blocks + blocks
    )
    seconds, began = [], time.perf_counter()
    for _ in made:
        now = time.perf_counter()
        seconds.append(now - began)
        began = now
    return BLOCK_PICTURES / median(seconds[warm_up_blocks:])


def video_of(engine: Engine) -> Video:
    """How that engine makes videos."""

    def video(timeline: Timeline, seed: int) -> Iterator[Pictures]:
        return (block.frames for block in engine.session(timeline, seed).blocks())

    return video


def first_blocks(video: Iterator[Pictures], blocks: int) -> Pictures:
    """The pictures of the next blocks of a video."""
    return np.concatenate(list(islice(video, blocks)))


def random_case(rng: random.Random, vocabulary: Vocabulary) -> Case:
    """A prompt and a switch; the switched scene goes on from where a drawn one would be."""
    scene = random_scene(rng, vocabulary)
    change = random_change(rng, scene, vocabulary)
    switched = scene.switched(change, SWITCH_PICTURE)
    said = caption(scene, rng), switch_caption(switched, change, rng)
    return Case(*said, scene, switched, change, rng.randrange(2**32))


def watch(case: Case, video: Iterator[Pictures]) -> Verdict:
    """Judge a video that is watched until each of its things has been seen whole."""
    pictures = first_blocks(video, _BLOCKS)
    verdict = judged(case, pictures)
    for _ in range(_BLOCKS, START_BLOCKS + MOST_SWITCHED_BLOCKS, _STRETCH_BLOCKS):
        if verdict.outlines_seen:
            break
        pictures = np.concatenate([pictures, first_blocks(video, _STRETCH_BLOCKS)])
        verdict = judged(case, pictures)
    return verdict


def judged(case: Case, pictures: Pictures) -> Verdict:
    """Judge the pictures of a case, twelve blocks or more."""
    before, after = pictures[:SWITCH_PICTURE], pictures[SWITCH_PICTURE:]
    start = read_scene(before)
    settled = SETTLING_BLOCKS * BLOCK_PICTURES
    second = read_scene(after[settled - BLOCK_PICTURES : settled])
    later = [
        read_scene(after[first : first + JUDGED_PICTURES])
        for first in range(settled, len(after), JUDGED_PICTURES)
    ]
    soon, moving = (adherence(reading, case.switched) for reading in (second, later[0]))
    shape, size, whole = outline_adherence([second, *later], case.switched)
    began = adherence(start, case.scene)
    soonest = after[: SWITCHED_BLOCKS * BLOCK_PICTURES]
    change = case.change
    keeps_ground = change.ground is None and began.ground
    place = None
    if change.motion is None and change.size is None:
        leaves = _leaves(case.switched, SWITCH_PICTURE)
        place = stays_in_place(before[-2 * BLOCK_PICTURES :], after, may_leave=leaves)
    return Verdict(
        case,
        start=began,
        said_probability=said_probability(start, case.scene),
        switched=Adherence(soon.color, shape, size, moving.motion, soon.ground),
        outlines_seen=whole,
        ground_kept=soon.ground and moving.ground if keeps_ground else None,
        place_kept=place,
        blocks_until_shown=blocks_until_shown(soonest, case.switched, change),
    )


def fewer_steps_psnr_db(
    engine: Engine,
    *,
    prompts: int = 20,
    blocks: int = 6,
    seed: int = 0,
    schedules: dict[str, tuple[int, ...]] = FEWER_STEPS,
    vocabulary: Vocabulary = LEARNED,
) -> dict[str, float]:
    """How near pictures of fewer steps are to those of the reference's four, by schedule, in dB.

    Every block is made by each schedule from the same noise and the same history, that of the four
    steps; so errors do not add up over blocks. All else is as the engine's preset has it. The PSNR
    is that of the mean squared error over all blocks, of 8-bit pictures.
    """
    rng = random.Random(f"fewer steps {seed}")
    whole = PRESETS["reference"].denoise_steps
    stepping = [
        Engine(engine.model, engine.preset.with_(denoise_steps=steps))
        for steps in (whole, *schedules.values())
    ]
    errors: dict[str, list[float]] = {name: [] for name in schedules}
    for _ in range(prompts):
        case = random_case(rng, vocabulary)
        plan = Timeline.of(case.prompt)
        for right, *others in side_by_side(stepping, plan, blocks, seed=case.seed):
            for name, pictures in zip(schedules, others, strict=True):
                errors[name].append(squared_error(pictures, right))
    return {name: psnr_db(mean(found)) for name, found in errors.items()}


def _leaves(scene: Scene, first_picture: int) -> bool:
    """Whether a thing of the drawn scene is not seen in each picture of a latent frame from there.

    It is beyond an edge, or behind another one.
    """
    drawn = draw([scene], first_picture, PICTURES_PER_LATENT_FRAME + 1, torch.device("cpu"))
    seen = look(to_bytes(drawn)[0].numpy()).things
    return len(seen) < len(scene.things) or not all(thing.seen_F.all() for thing in seen)


def _reworded(case: Case, rng: random.Random) -> Case:
    return replace(case, prompt=unusual_caption(case.scene, rng))


def _unswitched(written: WrittenPrompt, seed: int) -> Case:
    prompt, scene = written.prompt, written.scene
    return Case(prompt, prompt, scene, scene, Change(), seed)


def _begun(case: Case, video: Video) -> Adherence:
    """The first six blocks of a prompt."""
    return adherence(
        read_scene(first_blocks(video(Timeline.of(case.prompt), case.seed), START_BLOCKS)),
        case.scene,
    )


def _endurance(case: Case, video: Video) -> tuple[Adherence, Adherence]:
    """One prompt without a switch, judged early and late."""
    pictures = first_blocks(video(Timeline.of(case.prompt), case.seed), LATE_BLOCK)
    early = pictures[: pictures_before(EARLY_BLOCK * _BLOCK_FRAMES)][-JUDGED_PICTURES:]
    readings = read_scene(early), read_scene(pictures[-JUDGED_PICTURES:])
    first, last = (adherence(reading, case.scene) for reading in readings)
    return first, last


def _share(facts: Iterable[bool | None]) -> float:
    return _mean(float(bool(fact)) for fact in facts)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return mean(found) if found else float("nan")
