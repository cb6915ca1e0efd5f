"""Presets and prompts as a grid: every preset with every prompt, made one after the other."""

import atexit
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from IPython.display import display

from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Block
from longlive_widget.engine.watch import Abandoned
from longlive_widget.errors import PresetError, SessionError, require_engine, whole_number
from longlive_widget.geometry import Geometry, pictures_before
from longlive_widget.measure.record import Record
from longlive_widget.measure.sweep import Grid, Item, Loader, Maker, records_of, sweep
from longlive_widget.presets import Preset, preset_named
from longlive_widget.runs.sweep_folder import SweepFolder
from longlive_widget.timeline import Entry, Landing, Timeline
from longlive_widget.widget.cell import Written, preset_code, widget_code
from longlive_widget.widget.code import engine_code, studio_code
from longlive_widget.widget.courier import GOODBYE_S
from longlive_widget.widget.mosaic import Mosaic, Tile
from longlive_widget.widget.opened import Home, Opened, until_done
from longlive_widget.widget.protocol import (
    CodeRequest,
    Command,
    Start,
    State,
    StateMessage,
    Stop,
    SweepState,
    TileFigures,
    Tiles,
)
from longlive_widget.widget.recorded import Recording
from longlive_widget.widget.side_figures import side_metrics
from longlive_widget.widget.still import picture_strip, report_output, table_picture
from longlive_widget.widget.tape import RUN
from longlive_widget.widget.tape_player import TapePlayer

if TYPE_CHECKING:
    import pandas as pd

MOST_TILES = 16
MOST_BYTES = 512 * 2**20
"""What the pictures of one video may take, which are in memory while it is made."""
STRIP_PX = 900
"""The width of a report, so that a notebook stays small: a strip of `tiny` takes some 65 kB."""
CLOSED = "this sweep is closed: make a new Sweep"

log = logging.getLogger(__name__)


class Sweep(TapePlayer):
    """Every preset with every prompt, as a grid that plays in step: a row of tiles for each preset.

    Videos are made one after the other, by `start()` or `run()`, so each has the machine to itself,
    and they play as soon as they are there. Below them stand the figures of each: the medians of
    its blocks and pictures in ms, what the process took of memory at most, PSNR and SSIM against
    the first preset's video of the same prompt and seed, as the kernel made both. A click shows one
    tile alone; its menu has the Python that makes that video: `code_of(2)` gives it here.

    What is made lies in `folder`, lossless, with a file of records as `longlive-widget sweep`
    writes it. A sweep on the same folder goes on where that one was stopped. Without one, it is a
    folder for the time being, which goes as the sweep is closed.

    Args:
        engine: its model makes all of them; presets whose layers it lacks are loaded in their turn.
        presets: names, or presets of your own; the others are held against the first.
        prompts: one for each column.
        seed: the noise of all.
        blocks: how many of each video.
        size_px: width and height of each; None takes the model's own.
        folder: where the videos are kept.

    Raises:
        PresetError: a preset does not exist, or the model cannot run it here.
        RecordError: there is no preset, no prompt or no block, or two presets have one name.
        SessionError: there are more than 16 videos, one takes more than 512 MiB as it is made, the
            seed is none, or the engine is none.
        OutputError: the folder cannot be made.
    """

    _engine: Engine | None = None

    def __init__(
        self,
        engine: Engine,
        presets: Iterable[Preset | str] | Preset | str,
        prompts: Iterable[str] | str,
        seed: int = 0,
        *,
        blocks: int = 12,
        size_px: tuple[int, int] | None = None,
        folder: str | Path | None = None,
    ) -> None:
        require_engine(engine)
        self._grid = _grid(engine, presets, prompts, seed, blocks, size_px)
        tile = engine.geometry_at(size_px)
        _require_room(self._grid, tile)
        self._tile_px = None if size_px is None else (tile.width_px, tile.height_px)
        self._temporary = TemporaryDirectory(prefix="longlive-sweep-") if folder is None else None
        self._folder = SweepFolder(self._temporary.name if self._temporary else folder or "")
        columns, rows = len(self._grid.prompts), len(self._grid.presets)
        self._tiles = Tiles(columns, rows, _labels(self._grid), compared=rows > 1)
        self._changed = threading.Lock()
        self._made: tuple[Tile, ...] = ()
        self._errors: tuple[Exception, ...] = ()
        self._thread: threading.Thread | None = None
        self._done: Future[None] = Future()
        self._stopping = False
        whole = Geometry(tile.width_px * columns, tile.height_px * rows, tile.block_frames)
        self._engine = engine  # from here on there is something to close
        super().__init__(self._mosaic(), self._blank(engine, whole))
        self._opened = Opened(Home(), self._engines, self.stop, self.close)
        self._opened.come()
        atexit.register(self.close)

    def __repr__(self) -> str:
        grid = self._grid
        names = tuple(preset.name for preset in grid.presets)
        return f"Sweep({self._state.model!r}, {names}, {grid.prompts}, seed={grid.seeds[0]})"

    @property
    def errors(self) -> tuple[Exception, ...]:
        """What went wrong, oldest first."""
        return self._errors

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of the videos that are made, tile by tile."""
        known = records_of(self._folder.records)
        return tuple(known[item.key] for item in self._grid.items if item.key in known)

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The videos that are made, tile by tile: lossless, to be played or made again."""
        return tuple(Recording(tile.run.folder, tile.run.manifest) for tile in self._made)

    @property
    def figures(self) -> "pd.DataFrame":
        """A row for each tile that is made, as below the grid; the PSNR of equal ones is infinite.

        `process_bytes` is the most that the process took while that video was made, of the device,
        or of the host where the device is the processor.
        """
        import pandas as pd

        rows = [
            {"preset": item.preset.name, "prompt": item.prompt, **asdict(tile.figures)}
            for item, tile in zip(self._grid.items, self._made, strict=False)
        ]
        names = ["block_ms", "picture_ms", "process_bytes", "equal", "psnr_db", "ssim"]
        table = pd.DataFrame(rows, columns=["preset", "prompt", *names])
        table["psnr_db"] = table["psnr_db"].astype("float64")
        table.loc[table["equal"].astype(bool), "psnr_db"] = float("inf")
        return table.drop(columns="equal").set_index(["preset", "prompt"])

    @property
    def metrics(self) -> "pd.DataFrame":
        """A row for each block of each tile: its own time, and how like its pictures are."""
        made = self._mosaic()
        return side_metrics(tuple(made.records.values()), self._tiles.labels[: len(self._made)])

    def report(self) -> None:
        """Show what stays in a saved notebook: pictures of each video that is made, and figures.

        It is one output, as that of a studio. Where no video is made yet, it is a `SessionError`.
        """
        made = list(zip(self._tiles.labels, self._made, strict=False))
        if not made:
            raise SessionError("there is nothing to report yet: make videos first, with run()")
        pictures = [
            picture
            for label, tile in made
            for picture in (
                table_picture([(label, "")], STRIP_PX),
                picture_strip(list(tile.run.blocks()), width_px=STRIP_PX),
            )
        ]
        display(report_output(pictures, self._rows(made), STRIP_PX), raw=True)

    def _rows(self, made: "Sequence[tuple[str, Tile]]") -> list[tuple[str, str]]:
        """The rows of a report's table, a video each."""
        grid, first = self._grid, self._grid.presets[0].name
        each = f"{grid.blocks} blocks of each, seed {grid.seeds[0]}"
        told = f"{len(made)} of {len(grid.items)} are made; {each}; PSNR and SSIM are against"
        rows = [(label, _in_words(tile.figures)) for label, tile in made]
        return [("videos", f"{told} {first}'s" if self._tiles.compared else each), *rows]

    def start(self) -> None:
        """Make what is missing, one video after the other. Returns at once.

        Nothing happens while videos are being made, or where all are there.
        """
        engine = self._open()
        with self._changed:
            self._stopping = False
            if self._thread is not None and self._thread.is_alive():
                return
            self._done = Future()
            work = (engine, self._done)
            self._thread = threading.Thread(target=self._work, args=work, name="longlive-sweep")
            self._thread.daemon = True
        self._opened.come()
        self._thread.start()

    def run(self) -> None:
        """Make what is missing, and wait; an error that ends it is raised, and Ctrl-C stops it."""
        self.start()
        try:
            until_done(self._done)
        except KeyboardInterrupt:
            self.stop()
            raise

    def stop(self) -> None:
        """Make no more: the video in the making is thrown away as its present block is there.

        `start` goes on with the others. Nothing happens where none is being made.
        """
        with self._changed:
            self._stopping = True

    def close(self) -> None:
        """End the making, let go of the engine, and of the folder if it was for the time being.

        Waits 5 s at most: where a block takes longer, such a folder goes with the process.
        """
        if self._engine is None:
            return
        self.stop()
        maker = None if self._thread is threading.current_thread() else self._thread
        if maker is not None:
            maker.join(GOODBYE_S)
        self._engine = None
        self._opened.go()
        atexit.unregister(self.close)
        super().close()
        self._esm = self._css = ""  # IPython's Out keeps whatever a cell has shown
        if self._temporary is not None and not (maker is not None and maker.is_alive()):
            self._temporary.cleanup()

    def code(self) -> str:
        """The Python that makes this sweep; an engine made in memory is a `SessionError`."""
        engine, grid = self._open(), self._grid
        presets = [preset_code(preset) for preset in grid.presets]
        names = frozenset[str]().union(*(one.names for one in presets))
        arguments = [
            Written("engine"),
            Written(f"[{', '.join(one.text for one in presets)}]", names),
            Written(repr(list(grid.prompts))),
            Written(f"seed={grid.seeds[0]}, blocks={grid.blocks}"),
        ]
        if self._tile_px is not None:
            arguments.append(Written(f"size_px={self._tile_px}"))
        if self._temporary is None:
            arguments.append(Written(f"folder={str(self._folder.path)!r}"))
        load = engine_code("engine", engine, engine.preset)
        return widget_code("Sweep", "sweep", None, [load], arguments)

    def code_of(self, tile: int) -> str:
        """The Python that makes a studio of one of the videos; counted from 0, row by row.

        It makes the same video, from its beginning, and goes on with it alone.
        """
        items = self._grid.items
        item = items[whole_number("tile", tile, SessionError, least=0, most=len(items) - 1)]
        timeline = Timeline.of(item.prompt)
        presets = [(0, item.preset)]
        return studio_code(self._open(), presets, timeline, item.seed, self._tile_px)

    def _engines(self) -> set[Engine]:
        return set() if self._engine is None else {self._engine}

    def _open(self) -> Engine:
        if self._engine is None:
            raise SessionError(CLOSED)
        return self._engine

    def _obey(self, command: Command, view: str | None) -> None:
        match command:
            case Start():
                self.start()
            case Stop():
                self.stop()
            case CodeRequest(asker, tile):
                self._tell_code(
                    asker,
                    "sweep.py",
                    lambda: self.code() if tile is None else self.code_of(tile),
                )
            case _:
                super()._obey(command, view)

    def _work(self, engine: Engine, done: "Future[None]") -> None:
        """Make what is missing, on a thread of its own."""
        error: Exception | None = None
        try:
            self._take_in(engine)
            sweep(
                self._grid,
                engine.under,
                self._folder.records,
                spread=self._make,
                watched=lambda made, _: self._as_they_come(made, engine),
            )
        except Abandoned:
            log.info("a sweep was stopped")
        except Exception as found:
            log.exception("a sweep could not go on")
            error = found
        self._say(making=False)
        self._later(lambda: self._end(done, error))

    def _end(self, done: "Future[None]", error: Exception | None) -> None:
        """The page was told of all that was made: whoever waits hears of it."""
        if error is None:
            done.set_result(None)
            return
        self._errors = (*self._errors, error)
        self._fail(None, error)
        done.set_exception(error)

    def _make(self, load: Loader, left: Sequence[Item]) -> Iterator[Record]:
        maker = Maker(load, each=self._watch, keep=self._folder.keep)
        for item in left:
            self._say(f"{_name(item)} is begun", making=True)
            yield maker.make(item)

    def _as_they_come(self, made: Iterable[Record], engine: Engine) -> Iterator[Record]:
        """Each record once its video plays; what asks for the next one has written it down."""
        for record in made:
            yield record
            self._take_in(engine)

    def _watch(self, item: Item, block: Block) -> None:
        if self._stopping:
            raise Abandoned
        told = f"{_name(item)}, block {block.index + 1} of {item.grid.blocks}"
        self._say(told, making=True)

    def _take_in(self, engine: Engine) -> None:
        """Put what is made into the grid, as far as nothing before it is missing."""
        known = records_of(self._folder.records)
        while len(self._made) < len(self._grid.items):
            place = len(self._made)
            record = known.get(self._grid.items[place].key)
            if record is None:
                return
            if self._stopping:
                raise Abandoned
            run = Recording.open(self._folder.recording_of(self._grid.items[place]))
            above = place % self._tiles.columns
            against = self._made[above].run if place >= self._tiles.columns else None
            tile = Tile.of(run, record, against, engine.device)
            with self._changed:
                self._made = (*self._made, tile)
            self._say(making=True)
            self._show_made()

    def _mosaic(self) -> Mosaic:
        grid = self._grid
        presets = " | ".join(preset.name for preset in grid.presets)
        return Mosaic(self._made, self._tiles, " | ".join(grid.prompts), presets)

    def _blank(self, engine: Engine, whole: Geometry) -> State:
        grid = self._grid
        prompt, presets = " | ".join(grid.prompts), " | ".join(one.name for one in grid.presets)
        about = engine.name, presets, engine.weights, engine.fallbacks
        state = State.blank(*about, whole, grid.seeds[0])
        return replace(
            state,
            status="recorded",
            run=RUN,
            tiles=self._tiles,
            sweep=SweepState((), making=False, told=f"0 of {len(grid.items)} videos are made"),
            marks=(Landing(prompt, 0, 0, 0),),
            entries=(Entry(0, prompt),),
        )

    def _say(self, doing: str = "", *, making: bool) -> None:
        """Have all views told how far it is, and what is being done."""
        with self._changed:
            made = self._made
        told = f"{len(made)} of {len(self._grid.items)} videos are made"
        told = f"{told}; {doing}" if doing else told
        found = SweepState(tuple(tile.figures for tile in made), making, told)
        self._later(lambda: self._become(replace(self._state, sweep=found)))

    def _show_made(self) -> None:
        """Have all views play what is made by now."""
        mosaic, run = self._mosaic(), RUN + len(self._made)
        stood_in = self._made[-1].run.manifest.fallbacks

        def show() -> None:
            self._tape = mosaic
            told = tuple(dict.fromkeys((*self._state.fallbacks, *stood_in)))
            self._become(replace(self._state, run=run, made=self._grid.blocks, fallbacks=told))
            for view in self._codecs:
                self._tell_records(view)

        self._later(show)

    def _become(self, state: State) -> None:
        self._state = replace(state, told=state.told + 1)
        self._tell(StateMessage(self._state))
        self._opened.home.do(partial(self._write, asdict(self._state)))

    def _write(self, state: dict[str, object]) -> None:
        self.page_state = state


def _grid(
    engine: Engine,
    presets: Iterable[Preset | str] | Preset | str,
    prompts: Iterable[str] | str,
    seed: int,
    blocks: int,
    size_px: tuple[int, int] | None,
) -> Grid:
    for name, given in (("presets", presets), ("prompts", prompts)):
        if not isinstance(given, Iterable | Preset):
            raise SessionError(f"{name} {given!r} are none: give one, or several in a list")
    asked = (presets,) if isinstance(presets, Preset | str) else tuple(presets)
    known = tuple(one if isinstance(one, Preset) else preset_named(one) for one in asked)
    for preset in known:
        if why := engine.why_not(preset):
            raise PresetError(why)
    words = (prompts,) if isinstance(prompts, str) else tuple(prompts)
    return Grid(_model(engine), known, words, (seed,), blocks, size_px)


def _model(engine: Engine) -> str:
    """The model with all that makes it another one: what it made is not made by this one."""
    numbers = str(engine.model.dtype).removeprefix("torch.")
    scaled = ", ".join(f"{name} {scale}" for name, scale in engine.adapters.items() if scale)
    return f"{engine.name}, {engine.weights} weights, {numbers}, adapters: {scaled or 'none'}"


def _require_room(grid: Grid, tile: Geometry) -> None:
    count = len(grid.items)
    if count > MOST_TILES:
        raise SessionError(
            f"{len(grid.presets)} presets x {len(grid.prompts)} prompts are {count} videos, and a "
            f"grid has room for {MOST_TILES}: take fewer, or `longlive-widget sweep`"
        )
    taken = pictures_before(grid.blocks * tile.block_frames) * tile.width_px * tile.height_px * 3
    if taken > MOST_BYTES:
        raise SessionError(
            f"the pictures of {grid.blocks} blocks take {taken >> 20} MiB as a video is made, and "
            f"{MOST_BYTES >> 20} MiB are the most: make fewer blocks, or a smaller size_px"
        )


def _labels(grid: Grid) -> tuple[str, ...]:
    """What each tile is called: by what tells it from the others."""
    if len(grid.prompts) == 1:
        return tuple(item.preset.name for item in grid.items)
    if len(grid.presets) == 1:
        return tuple(item.prompt for item in grid.items)
    return tuple(map(_name, grid.items))


def _name(item: Item) -> str:
    return f"{item.preset.name} · {item.prompt}"


def _in_words(figures: TileFigures) -> str:
    """The medians of a video, and how like it is to the first preset's."""
    told = [
        f"median {figures.block_ms:.0f} ms a block, {figures.picture_ms:.1f} ms a picture",
        f"the process took {figures.process_bytes / 2**20:.0f} MiB",
    ]
    if figures.equal:
        told.append("equal pictures")
    elif figures.psnr_db is not None and figures.ssim is not None:
        told.append(f"PSNR {figures.psnr_db:.1f} dB, SSIM {figures.ssim:.3f}")
    return "; ".join(told)
