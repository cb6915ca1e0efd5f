"""With what a studio's videos are made: the preset, the seed, the size; and how that is changed.

The running video goes on meanwhile. Knows the runner and engines, but neither comms nor the page.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from longlive_widget.engine.changeover import OF_A_MODEL
from longlive_widget.errors import PresetError, SessionError, true_or_false
from longlive_widget.measure.environment import machine
from longlive_widget.measure.recommend import with_pictures
from longlive_widget.presets import PRESETS, Preset
from longlive_widget.timeline import drawn_seed, require_seed
from longlive_widget.widget.load_times import last_load_s, note_load
from longlive_widget.widget.offers import Offers, from_base
from longlive_widget.widget.outbox import let_go
from longlive_widget.widget.panel import Loading, Panel
from longlive_widget.widget.protocol import (
    BlockMessage,
    Cancel,
    Change,
    Lock,
    Notice,
    PageMessage,
    PanelMessage,
    Reseed,
    Resize,
    Use,
)
from longlive_widget.widget.runner import Runner
from longlive_widget.widget.timings import Figures
from longlive_widget.widget.video import CLOSED

if TYPE_CHECKING:
    from longlive_widget.engine.engine import Engine
    from longlive_widget.geometry import Geometry
    from longlive_widget.measure.recommend import Candidate, Recommendation
    from longlive_widget.measure.record import Record

_EVERY_BLOCKS = 16
"""The panel's figures are told anew after so many blocks, and after the first few."""
RECOMMENDED = "recommended"


class CancelledLoadError(SessionError):
    """Somebody has given up a preset that was being loaded."""


@dataclass(frozen=True, eq=False)
class _Engines:
    """The engine that a studio was built with, and the one that makes its videos now."""

    given: "Engine"
    present: "Engine"
    offers: Offers

    def then(self, engine: "Engine") -> "_Engines":
        """These, once that engine makes the videos."""
        return _Engines(self.given, engine, Offers(engine, (self.given,)))


@dataclass(frozen=True)
class _Load:
    """A preset on its way: the stage that it is in, since when, and how long it took before."""

    preset: str
    stage: str
    begun_s: float
    usual_s: float | None
    cancelled: bool = False

    def shown(self) -> Loading:
        """As the page is told of it."""
        elapsed_s = round(time.monotonic() - self.begun_s, 1)
        usual_s = None if self.usual_s is None else round(self.usual_s, 1)
        return Loading(self.preset, self.stage, elapsed_s, usual_s, self.cancelled)


class Setup:
    """The choices of one studio.

    Args:
        runner: what makes the videos.
        engine: what it makes them with, to begin with; it is kept, and shared where it can be.
        say: brings a message to the page.
        records: measurements that were made before, some of them on this machine.
    """

    def __init__(
        self,
        runner: Runner,
        engine: "Engine",
        say: Callable[[PageMessage], None],
        records: Sequence["Record"] = (),
    ) -> None:
        self._runner = runner
        self._kept: _Engines | None = _Engines(engine, engine, Offers(engine))
        self._base = self.preset = engine.preset
        self._say = say
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="longlive-loader")
        self._loading: _Load | None = None
        self._lock = threading.RLock()
        self._figures = Figures(records)
        self._begin_era(engine)
        if records:
            self._figures.recommendation(engine, engine.geometry)  # or say what is wrong with them

    @property
    def engine(self) -> "Engine":
        """What makes the videos now."""
        return self._engines().present

    @property
    def recommendation(self) -> "Recommendation | None":
        """Which preset to take on this machine; None where nothing was measured."""
        engine = self._engines().present
        return self._figures.recommendation(engine, self._geometry(engine))

    def measured(self, records: Sequence["Record"]) -> "tuple[Candidate, ...]":
        """The presets under which three blocks or more were made here, at the present size.

        Args:
            records: those of `likeness` and `quality` among them say how their pictures are.
        """
        engine = self._engines().present
        geometry = self._geometry(engine)
        return tuple(
            with_pictures(one, records, engine.name, geometry)
            for one in self._figures.here(geometry)
        )

    def use(self, preset: str | Preset) -> Future[None]:
        """Make videos under this preset: from the next block on, or a new one, once it is loaded.

        "recommended" is the one that `recommendation` has chosen, or where nothing was measured the
        one to start with on such a machine.

        Returns:
            What is done once it is so, or has the error for which all is as it was.

        A name that there is not is a `PresetError`; where another one is being loaded, where a
        `make` goes on that would have to begin anew, and in a closed studio, it is a
        `SessionError`. One that is cancelled on its way has a `CancelledLoadError`.
        """
        asked = preset if isinstance(preset, Preset) else self._named(preset)
        return self._begin(asked, base=asked)

    def _named(self, name: str) -> Preset:
        if name != RECOMMENDED:
            return self._engines().offers.named(name)
        preset, why = self._advice(self._engines())
        if preset is None:
            raise PresetError(f"no preset is recommended: {why}")
        return PRESETS.get(preset.name, preset)

    def _advice(self, engines: _Engines) -> tuple[Preset | None, str]:
        """The preset to take, by what was measured or else by what is here; and why."""
        engine = engines.present
        if measured := self._figures.recommendation(engine, self._geometry(engine)):
            chosen = measured.chosen
            return None if chosen is None else chosen.preset, measured.sentence
        start = engines.offers.start
        return None if start.preset is None else PRESETS[start.preset], start.sentence

    def change(self, setting: str, value: object) -> Future[None]:
        """As `use`, the present preset with another setting."""
        with self._lock:
            base, present = self._base, self.preset
        return self._begin(from_base(base, present, setting, value), base=base)

    def _begin(self, asked: Preset, *, base: Preset) -> Future[None]:
        with self._lock:
            engines = self._engines()
            if self._loading is not None:
                raise SessionError(f"preset {self._loading.preset!r} is being loaded: wait for it")
            self._runner.require_may_take(asked)
            usual_s = last_load_s(self._load_of(engines.present, asked))
            self._loading = _Load(asked.name, "checking", time.monotonic(), usual_s)
            return self._loader.submit(self._bring, engines, asked, base)

    def cancel(self) -> None:
        """Give up what is being loaded, at its next stage; nothing happens where nothing is."""
        with self._lock:
            if self._loading is None:
                return
            self._loading = replace(self._loading, cancelled=True)
        self.tell()

    def reseed(self, seed: int | None) -> None:
        """Make videos from this seed's noise, or from one that is drawn: the present one anew."""
        chosen = drawn_seed() if seed is None else require_seed(seed)
        with self._lock:
            engine = self._engines().present
            self._runner.use(engine, chosen, self._runner.size_px, fresh_seed=True)
            self._begin_era(engine)

    def lock_seed(self, *, locked: bool) -> None:
        """Have all videos begin with the seed, or each with one that is drawn as it begins."""
        true_or_false("seed_locked", locked, SessionError)
        self._runner.seed_locked = locked
        self.tell()

    def resize(self, size_px: tuple[int, int] | None) -> None:
        """Make videos of this width and height, None for the model's own: the present one anew."""
        with self._lock:
            engine = self._engines().present
            geometry = engine.geometry_at(size_px)
            if geometry == self._geometry(engine):
                return
            size = None if geometry == engine.geometry else (geometry.width_px, geometry.height_px)
            self._runner.use(engine, self._runner.seed, size)
            self._begin_era(engine)
        self.tell()

    def close(self) -> None:
        """Let go of the engines; one that is being loaded is thrown away."""
        with self._lock:
            self._kept = None
        self._loader.shutdown(wait=False, cancel_futures=True)

    def obey(
        self, command: Use | Change | Cancel | Reseed | Lock | Resize, view: str | None
    ) -> None:
        """Do what a view asks for; of an error that comes later it is told then."""
        match command:
            case Use(name):
                self._tell_of_failure(self.use(name), view)
            case Change(setting, value):
                self._tell_of_failure(self.change(setting, value), view)
            case Cancel():
                self.cancel()
            case Reseed(seed):
                self.reseed(seed)
            case Lock(locked):
                self.lock_seed(locked=locked)
            case Resize(width_px, height_px):
                self.resize((width_px, height_px))
            case _:
                assert_never(command)

    def _tell_of_failure(self, done: Future[None], view: str | None) -> None:
        def tell() -> None:
            try:
                done.result(timeout=0)
            except CancelledLoadError as cancelled:
                self._say(Notice(str(cancelled)))

        done.add_done_callback(lambda _: self._runner.outbox.post(tell, view))

    def heard(self, message: BlockMessage) -> None:
        """A block was made: its time counts, and now and then the page is told.

        Not while something loads beside it: that takes as much of the machine as it can.
        """
        if message.view is not None or self._loading is not None:
            return
        counted = self._figures.heard(message.run, message.record)
        if counted in {3, 8} or (counted and counted % _EVERY_BLOCKS == 0):
            self.tell()

    def tell(self) -> None:
        """Bring the page up to date, if the studio is open."""
        with self._lock:
            if self._kept is not None:
                self._say(PanelMessage(self.panel()))

    def panel(self) -> Panel:
        """All that the page shows of this."""
        with self._lock:
            engines, loading = self._engines(), self._loading
        engine, geometry = engines.present, self._geometry(engines.present)
        recommended, why = self._advice(engines)
        presets = engines.offers.presets(
            lambda preset: self._figures.of(preset, engine, geometry),
            recommended.name if recommended else None,
        )
        return Panel(
            preset=engine.preset.name,
            seed_locked=self._runner.seed_locked,
            own_size=(engine.geometry.width_px, engine.geometry.height_px),
            presets=tuple(presets),
            settings=engines.offers.settings,
            advice=why,
            loading=None if loading is None else loading.shown(),
        )

    def _bring(self, engines: _Engines, asked: Preset, base: Preset) -> None:
        """Have the engine made and taken, on the loader's thread."""
        try:
            self._load_and_take(engines, asked, base)
        except Exception as error:
            let_go(error)  # or it would keep the model that was loaded
            raise
        finally:
            with self._lock:
                self._loading = None
            self.tell()

    def _load_and_take(self, engines: _Engines, asked: Preset, base: Preset) -> None:
        begun_s = time.monotonic()
        present = engines.present
        engine = present.under(asked, beside=(engines.given,), tell=self._stage)
        if engine.model is not present.model and engine.model is not engines.given.model:
            if engine.preset.compiled is not None:
                self._warm_up(engine)
            note_load(self._load_of(present, asked), time.monotonic() - begun_s)
        with self._lock:
            self._require_wanted()
            self._runner.use(engine, self._runner.seed, self._runner.size_px)
            self._kept = engines.then(engine)
            self._base, self.preset = base, engine.preset
            self._begin_era(engine)

    def _require_wanted(self) -> None:
        """Nothing, unless what is being loaded was given up, or the studio closed."""
        self._engines()
        if self._loading is not None and self._loading.cancelled:
            raise CancelledLoadError(
                f"loading preset {self._loading.preset!r} was cancelled: all is as it was"
            )

    def _warm_up(self, engine: "Engine") -> None:
        """Have torch compile what blocks call: while memory fills, once it is full, at a switch."""
        prompt, size_px = self._runner.plan.timeline.entries[0].prompt, self._runner.size_px
        blocks = -(-engine.preset.window_frames // engine.geometry.block_frames) + 2
        session = engine.session(prompt, size_px=size_px)
        for block in range(blocks):
            self._stage(f"compiling, block {block + 1} of {blocks}")
            if block == blocks - 1:
                session.switch(prompt)
            next(session.blocks(1))

    def _stage(self, stage: str) -> None:
        with self._lock:
            self._require_wanted()
            if self._loading is not None:
                self._loading = replace(self._loading, stage=stage)
        self.tell()

    def _engines(self) -> _Engines:
        if self._kept is None:
            raise SessionError(CLOSED)
        return self._kept

    def _begin_era(self, engine: "Engine") -> None:
        run, block = self._runner.place
        self._figures.begin(run, block, engine.preset, self._geometry(engine))

    def _geometry(self, engine: "Engine") -> "Geometry":
        return engine.geometry_at(self._runner.size_px)

    def _load_of(self, engine: "Engine", preset: Preset) -> str:
        """All that decides how long loading takes, in a line."""
        layers = (f"{setting}={getattr(preset, setting)!r}" for setting in OF_A_MODEL)
        size = self._runner.size_px or (engine.geometry.width_px, engine.geometry.height_px)
        about = (engine.name, engine.weights, f"{size[0]}x{size[1]}", machine(engine.device).device)
        return ", ".join((*about, *layers, f"window_frames={preset.window_frames}"))
