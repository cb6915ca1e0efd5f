"""The studio: a running video in a notebook cell, steered by clicks or by methods alike."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, assert_never, get_args

import numpy as np
import traitlets
from IPython.display import display
from numpy.typing import NDArray
from PIL import Image

from longlive_widget.engine.branches import EVERY_BLOCKS
from longlive_widget.engine.video_file import VideoFile
from longlive_widget.errors import (
    SessionError,
    above_zero,
    one_of,
    reachable,
    require_engine,
    require_place,
    whole_number,
)
from longlive_widget.files import write_whole
from longlive_widget.geometry import pictures_before
from longlive_widget.measure.memory import reserved_bytes
from longlive_widget.measure.records import read
from longlive_widget.presets import Preset
from longlive_widget.timeline import (
    CUT,
    Landing,
    Timeline,
    Transition,
    require_seed,
    timeline_of,
)
from longlive_widget.timeline_forms import form_of, timeline_from
from longlive_widget.widget.branching import STATE_BYTES
from longlive_widget.widget.bundle import asset, bundled, hear_where_sent
from longlive_widget.widget.code import presets_of, require_steady_adapters, studio_code
from longlive_widget.widget.courier import uninterrupted
from longlive_widget.widget.export import write_page
from longlive_widget.widget.figures import (
    kernels_figure,
    latency_figure,
    memory_figure,
    parts_figure,
    window_figure,
)
from longlive_widget.widget.followed import Followed, Told
from longlive_widget.widget.frame_codec import encode_png
from longlive_widget.widget.freed import Freed, freed_since
from longlive_widget.widget.hearing import HearingClock
from longlive_widget.widget.host import Host, host
from longlive_widget.widget.metrics import metrics_of
from longlive_widget.widget.opened import Home, Opened, until_done
from longlive_widget.widget.own_layout import OwnLayout
from longlive_widget.widget.protocol import (
    Amplify,
    Asset,
    AssetRequest,
    Attach,
    BlockMessage,
    BlockProfile,
    BlockRecord,
    BlockRequest,
    BranchRequest,
    Cancel,
    Change,
    ClipRequest,
    CodeRequest,
    Command,
    Credit,
    Cut,
    Edit,
    Export,
    Exported,
    Import,
    Leave,
    Lock,
    Look,
    Node,
    PageMessage,
    PanelMessage,
    Pause,
    Profile,
    Read,
    Record,
    Release,
    Reseed,
    Reset,
    Resize,
    Resume,
    Start,
    StateMessage,
    Status,
    StillRequest,
    Stop,
    Switch,
    TimeRequest,
    Unseen,
    Use,
    Walk,
    WantedCodec,
    concerned,
    encode,
    heard_from,
    parse,
)
from longlive_widget.widget.recorder import write_shots
from longlive_widget.widget.runner import Runner
from longlive_widget.widget.setup import Setup
from longlive_widget.widget.still import picture_of, picture_strip, report_output, summary_rows
from longlive_widget.widget.video import CLOSED

if TYPE_CHECKING:
    from concurrent.futures import Future

    import pandas as pd
    import plotly.graph_objects as go

    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.session import Block
    from longlive_widget.measure.recommend import Candidate, Recommendation
    from longlive_widget.measure.record import Record as Measurement
    from longlive_widget.runs.manifest import Manifest

Chart = Literal["latency", "parts", "window", "memory", "kernels"]


class LongLiveWidget(OwnLayout):
    """The player, the timeline and the charts of one video after another.

    `start()` returns at once: the video is made on a thread of its own, at its own rate. An engine
    has one open studio: a second one closes the first, and so does running the same cell again.

    Blocks travel to the page as `codec`: "h264", "jpeg", or "auto" for H.264 where all views can
    decode it, which browsers do on https and localhost. None do while the player is scrolled away
    or its tab hidden, or nothing was heard of its page for 20 s in which no cell ran; `when_unseen`
    says whether a video that was started is held then.

    Traits to observe and to link, beside those of every widget:

    - `status`, which only the verbs change: idle, running, paused, done, stopped, failed or closed;
    - `prompt`, which steers the block that begins next: assigning it is a `switch`, and before a
      video has begun it is what that begins with;
    - `timeline`, which the video follows: it may be assigned at any time. What has landed on a
      block that was begun can no longer be changed; that is a `TimelineError`;
    - `preset`, by name ("recommended" asks `recommendation`, and where nothing was measured takes
      `Engine.preset_to_start`) or one of your own. The running video goes on under it from its
      next block where it can, or else begins anew once a model for it is loaded; what it cannot
      have leaves all as it was. The assignment waits for that, the video does not. Ctrl-C or
      `cancel_load` gives it up;
    - `seed`: assigning it begins a playing video anew, and None draws one. While `seed_locked` is
      False, every video but a first one begins with a seed that is drawn;
    - `size_px`: width and height, None for the model's own; a playing video begins anew.

    `records` is a file of measurements, as `longlive-widget benchmark --out` writes it: those that
    were made on this machine are shown beside the presets, and `recommendation` asks them.

    The state of a video is kept at one in `every_blocks` blocks, for `branch` to go on from, and
    all of them take `branch_bytes` of the host's memory at most: the fewer, the more blocks a
    branch makes again.

    Raises:
        SessionError: the engine is none, the seed is no whole number from 0 to 2**32 - 1, or a
            choice does not exist.
        TimelineError: the timeline is neither one nor a prompt.
        CapabilityError: the page's part of this package was not built, or H.264 cannot be made.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    page_state = traitlets.Dict().tag(sync=True)
    status: Followed[Status, Status] = Followed(lambda studio: studio._runner.status)
    prompt: Followed[str, str] = Followed(
        lambda studio: studio._runner.plan.prompt,
        lambda studio, prompt: studio._runner.plan.steer_by(prompt),
    )
    timeline: Followed[Timeline, Timeline | str] = Followed(
        lambda studio: studio._runner.plan.timeline,
        lambda studio, plan: studio._runner.plan.replan(timeline_of(plan)),
    )
    preset: Followed[Preset, Preset | str] = Followed(
        lambda studio: studio._setup.preset,
        lambda studio, preset: studio._take(preset),
    )
    seed: Followed[int, int | None] = Followed(
        lambda studio: studio._runner.seed, lambda studio, seed: studio._setup.reseed(seed)
    )
    seed_locked: Followed[bool, bool] = Followed(
        lambda studio: studio._runner.seed_locked,
        lambda studio, locked: studio._setup.lock_seed(locked=locked),
    )
    size_px: Followed[tuple[int, int] | None, tuple[int, int] | None] = Followed(
        lambda studio: studio._runner.size_px, lambda studio, size: studio._setup.resize(size)
    )
    _engine: "Engine | None" = None

    def __init__(
        self,
        engine: "Engine",
        timeline: Timeline | str,
        seed: int = 0,
        *,
        codec: WantedCodec = "auto",
        when_unseen: Unseen = "go on",
        records: str | Path | None = None,
        branch_bytes: int = STATE_BYTES,
        every_blocks: int = EVERY_BLOCKS,
    ) -> None:
        require_engine(engine)
        measured = () if records is None else read(records)
        plan, seed = timeline_of(timeline), require_seed(seed)
        one_of("when_unseen", when_unseen, get_args(Unseen), SessionError)
        page, style = bundled("widget.js"), bundled("widget.css")
        self._opened = Opened(Home(), self._engines, self.close, self.close)
        self._hearing = HearingClock()
        self._runner = Runner(
            engine,
            plan,
            seed,
            self._tell_page,
            codec=codec,
            when_unseen=when_unseen,
            branch_bytes=branch_bytes,
            every_blocks=every_blocks,
            hears_s=self._hearing,
        )
        self._setup = Setup(self._runner, engine, self._tell_page_later, measured)
        self._engine = engine  # from here on there is something to close
        self._hearing.open()
        super().__init__(_esm=page, _css=style, page_state=asdict(self._runner.state()))
        self._told = Told(
            self, "status", "prompt", "timeline", "preset", "seed", "seed_locked", "size_px"
        )
        self.on_msg(self._on_page_message)
        hear_where_sent(self.comm)
        self._opened.come()

    def __repr__(self) -> str:
        about = self._runner.state()
        return f"LongLiveWidget({about.model!r}, preset={about.preset!r}, seed={about.seed})"

    @property
    def recommendation(self) -> "Recommendation | None":
        """Which preset to take on this machine, and why; None where nothing was measured.

        It is asked of `records`, if some of them are of this model, device and size, or else of the
        blocks that this studio has made.
        """
        return self._setup.recommendation

    @property
    def host(self) -> Host:
        """Which program shows the notebook, as far as the kernel knows; the page knows more."""
        return host()

    @property
    def history(self) -> tuple[BlockRecord, ...]:
        """What was measured of each block of this video: the newest 10 000, oldest first."""
        return self._runner.delivery.history

    @property
    def metrics(self) -> "pd.DataFrame":
        """`history` as a table, a row for each block and a unit in each name."""
        return metrics_of(self.history)

    @property
    def profiled(self) -> BlockProfile | None:
        """Where the time of the block went that was profiled last, None before one was."""
        return self._runner.delivery.profiled

    @property
    def viewers(self) -> str:
        """Who looks, in a sentence; also which pages have said nothing for long."""
        return self._runner.delivery.viewers

    @property
    def errors(self) -> tuple[Exception, ...]:
        """What went wrong, oldest first."""
        return self._runner.outbox.errors

    @property
    def landings(self) -> tuple[Landing, ...]:
        """The prompts that have landed, and where; an overtaken one says by which it was."""
        return self._runner.plan.landings

    @property
    def blocks(self) -> "tuple[Block, ...]":
        """The newest blocks of this video, up to 256 MiB of pictures, oldest first.

        That is 6 minutes at 160 x 96 and 14 s at 832 x 480.
        """
        return self._runner.delivery.reel.blocks

    @property
    def frames(self) -> NDArray[np.uint8]:
        """The pictures of `blocks` as they were made: uint8 RGB, `[F, H, W, 3]`."""
        return np.concatenate([block.frames for block in self._made_blocks()])

    def start(self) -> None:
        """Begin a video, or go on with the one that is paused or done. Returns at once.

        After `stop` or a failure it begins anew: the same timeline and seed, and so, the prompts
        that were given by `switch` among them, the same video. Nothing happens while one is
        running.
        """
        self._runner.start()

    def pause(self) -> None:
        """Hold the video; the block in the making is finished first.

        Nothing happens if it is held already; where none is running, it is a `SessionError`.
        """
        self._runner.pause()

    def resume(self) -> None:
        """Go on after a pause.

        Nothing happens if the video is running; where none is paused, it is a `SessionError`.
        """
        self._runner.resume()

    def stop(self) -> None:
        """End the video; nothing happens where there is none.

        The next start begins a new one on the same timeline. What was made stays at hand till then.
        """
        self._runner.stop()

    def reset(self) -> None:
        """Begin a new video at 0 s, with nothing remembered, under the prompt that steers this one.

        That prompt is the timeline from then on. Where no video has begun, it is a `SessionError`.
        """
        self._runner.reset()

    def record(self, path: str | Path | None = None, *, lossless: bool = False) -> Path:
        """Write each block from the next one on, until `cut`; returns where.

        A path that ends in .mp4 is a video file. Large pictures are copied into it as they were
        shown; without a path it is called after the time, in the present folder.

        A path without an ending is a folder, a recording of this video: `Recording.open` plays it,
        meanwhile too, and after the kernel has died. It ends where the next video begins. With
        `lossless` each picture is kept to the bit. Record before `start` to have all of it.

        Either way every block is in it, those too that the page had no room for.
        """
        return self._runner.record(path, lossless=lossless)

    def cut(self) -> Path:
        """End the recording; returns where it is. A stop does not end it, closing does.

        One that has ended where the next video began is there too. One that has failed is an
        `OutputError` that says why; where nothing was recorded, it is a `SessionError`.
        """
        return until_done(self._runner.cut())

    def profile(self, *, every: int | None = None) -> None:
        """Profile a block of the running video, or of the next one; `profiled` is what was found.

        It is the second block that is made from now on, as the profiler begins with the first. Both
        are slower by that, the others as fast as ever. With `every`, one in so many blocks is
        profiled, until the next call of this.

        Fewer than 2 blocks to a profiled one, or no whole number of them, are a `SessionError`.
        """
        self._runner.profiling.ask(every)

    def on_block(self, callback: "Callable[[Block], None]") -> None:
        """Call it with each block from now on, right after it was put on its way to the page.

        It runs on the thread that makes the video, and the next block waits for it. A block that is
        recorded is in the file by then. An error is told on the page and in `errors`, and the video
        goes on.
        """
        self._runner.on_block(callback)

    def switch(self, prompt: str, transition: Transition = CUT) -> Landing:
        """Steer by `prompt` from the next block on; returns where it lands.

        `transition` is how it takes over: `Transition(blocks=4)` has it blended in.
        """
        return self._runner.plan.switch(prompt, transition)

    def branch(self, block: int, prompt: str | None = None, transition: Transition = CUT) -> int:
        """Leave this video at a past block for another one, and go there; returns its number.

        It goes on from the beginning of that block under `prompt`; without one, or with a cut to
        the one in force, it is the same, to the bit. `start`, or `run`, goes on with it. Blocks
        between the last state that is kept and this one are made again first, and the call waits
        for that. The video that was left stays as it is: `walk` goes back to it. A live video is
        held meanwhile. The branch is made under the studio's present preset.

        An empty prompt is a `TimelineError`; where no video has begun, `run` is making blocks, the
        block has not begun, or the video went on under another preset before it, it is a
        `SessionError`.
        """
        return self._runner.branch(block, prompt, transition)

    def walk(self, branch: int) -> None:
        """Go to a video of the tree by its number, as `branches` tells them; 0 is the first.

        `start`, or `run`, goes on with it where it was left. One that there is not is a
        `SessionError`.
        """
        self._runner.walk(branch)

    def release(self, branch: int) -> None:
        """Let go of a video of the tree, and of all that have left it: their windows and pictures.

        The windows of videos that are not shown take 12 GiB at most; where there is no more room,
        `branch` says so. The video that is shown, one that it has left, and one that there is not,
        are a `SessionError`; a stop lets go of all.
        """
        self._runner.release(branch)

    @property
    def branches(self) -> tuple[Node, ...]:
        """The videos that have left each other, parents first: number, parent, block and prompt.

        A stop ends all of them.
        """
        return self._runner.branching.message()[0].nodes

    def run(self, *, blocks: int) -> None:
        """Make that many blocks, as fast as they come, and wait for them; no page is needed.

        The video can be gone on with: by another `run`, or by `start`. Ctrl-C ends it.
        """
        made = self._runner.make(blocks)
        try:
            until_done(made)
        except KeyboardInterrupt:
            uninterrupted(self._runner.stop)
            raise

    def use(self, preset: Preset | str) -> "Future[None]":
        """Go over to a preset as assigning `preset` does, and return at once.

        Returns:
            What is done once it is so, or has the error for which all is as it was.

        A name that there is not is a `PresetError`; where another preset is being loaded it is a
        `SessionError`.
        """
        return self._setup.use(preset)

    def measured(self, records: "Sequence[Measurement]" = ()) -> "tuple[Candidate, ...]":
        """The presets under which three blocks or more were made here, with what they took.

        Of those at the present size. What `records` of `likeness` and `quality` say of their
        pictures stands beside it.
        """
        return self._setup.measured(records)

    def cancel_load(self) -> None:
        """Give up the preset that is being loaded; all stays as it was.

        It ends with the stage that it is in. Nothing happens where nothing is being loaded.
        """
        self._setup.cancel()

    def _take(self, preset: Preset | str) -> None:
        try:
            until_done(self.use(preset))
        except KeyboardInterrupt:
            self._setup.cancel()
            raise

    async def arun(self, *, blocks: int) -> None:
        """Make that many blocks as `run` does, while the kernel goes on listening to the page."""
        made = self._runner.make(blocks)
        try:
            await asyncio.wrap_future(made)
        except asyncio.CancelledError:
            self._runner.stop()
            raise

    def close(self) -> Freed:
        """End the video and its threads, and let go of the engine and of all pictures.

        Returns:
            How much of the device's memory was freed. What `engine` itself holds is not: that
            variable is yours.
        """
        if self._engine is None:
            return Freed("cpu", 0, 0)
        device = self._engine.device
        before_bytes = reserved_bytes(device)
        self._runner.close()
        self._hearing.close()
        self._setup.close()
        self._engine = None
        self._opened.go()
        super().close()
        self._esm = self._css = ""  # IPython's Out keeps whatever a cell has shown
        return freed_since(device, before_bytes)

    def figure(self, name: Chart = "latency") -> "go.Figure":
        """A chart of this video, as the page draws it.

        The latency of each block, the parts that it is made of, what its window held, what it took
        of memory; or the parts of the block that was profiled last.

        Another name is a `SessionError`, and so is "kernels" before a block was profiled.
        """
        one_of("chart", name, get_args(Chart), SessionError)
        match name:
            case "latency":
                return latency_figure(self.history)
            case "parts":
                return parts_figure(self.history)
            case "window":
                return window_figure(self.history)
            case "memory":
                return memory_figure(self.history)
            case "kernels":
                return kernels_figure(self.profiled)
            case _:
                assert_never(name)

    def save(self, path: str | Path, *, seconds: float | None = None) -> None:
        """Write the pictures of `blocks` to an MP4 file, at the video's own rate.

        With `seconds` only the newest of them, in whole blocks; large pictures are then copied as
        they were shown, which reaches further back than `blocks` does. No time above 0 is a
        `SessionError`.
        """
        blocks = self._made_blocks()
        height_px, width_px = blocks[0].frames.shape[1:3]
        if seconds is not None:
            above_zero("seconds", seconds, SessionError)
            write_shots(path, self._runner.delivery.lately(seconds)[1], width_px, height_px)
            return
        with VideoFile(path, width_px, height_px) as video:
            for block in blocks:
                video.append(block.frames)

    def snapshot(self, path: str | Path, *, picture: int | None = None) -> None:
        """Write one picture to a PNG file, exactly as it was made: the newest, or number `picture`.

        A place where no file can be is an `OutputError`, and so is a full disk.

        Raises:
            SessionError: it is not kept, or never was made.
        """
        blocks = self._made_blocks()
        first = pictures_before(blocks[0].latent_frame)
        last = pictures_before(blocks[-1].latent_frame) + len(blocks[-1].frames) - 1
        number = (
            last if picture is None else whole_number("picture", picture, SessionError, least=0)
        )
        made = self._runner.delivery.picture(number)
        if made is None:
            raise SessionError(f"picture {number} is not kept: use {first} to {last}")
        path = reachable(path)
        require_place(path, "picture")
        write_whole(path, encode_png(made))

    def manifest(self) -> "Manifest":
        """What this video is made by and of, so far, with a hash of each picture.

        `manifest().write("run.json")` keeps it, and `replay("run.json")` makes the video again.
        Where nothing was made yet, it is a `ManifestError`.
        """
        return self._runner.manifest()

    def export_html(self, path: str | Path) -> Path:
        """Write the video to one HTML file: it plays there with no kernel and no network.

        With its timeline, its charts and its manifest, of the blocks that are kept (`blocks`). Of a
        longer video, `record` it, and export the recording. Returns where the file is; a place
        where none can be is an `OutputError`.
        """
        blocks = self._made_blocks()
        run = self.manifest().up_to(blocks[-1].index + 1).since(blocks[0].index)
        return write_page(path, run, (block.frames for block in blocks))

    def report(self) -> None:
        """Show what stays in a saved notebook: pictures with their prompts, a chart, and a table.

        It is one output, a picture with the table's words, so that it shows where neither kernel
        nor script runs: in a notebook that is opened again, after nbconvert, on GitHub.
        """
        pictures, rows = self._reported()
        display(report_output(pictures, rows), raw=True)

    def _reported(self) -> tuple[list[Image.Image], list[tuple[str, str]]]:
        """The pictures of a report from above, and the rows of its table."""
        strip = picture_strip(self._made_blocks())
        return [strip, picture_of(parts_figure(self.history))], summary_rows(self.history)

    def code(self) -> str:
        """The Python that makes a studio as this one is now: engine, preset, timeline, seed, size.

        The engine is loaded as it was, with its adapters. Where presets have taken over in the
        video, the cell makes its blocks up to the last of these, so that they do so again.

        An engine that was made in memory, and a video whose adapters have changed on the way, are
        a `SessionError`.
        """
        self._open()
        engine, session = self._setup.engine, self._runner.session
        require_steady_adapters(engine, session)
        presets = presets_of(engine, session)
        return studio_code(engine, presets, self.timeline, self.seed, self.size_px)

    def _open(self) -> "Engine":
        if self._engine is None:
            raise SessionError(CLOSED)
        return self._engine

    def _made_blocks(self) -> "tuple[Block, ...]":
        if self.status == "closed":
            raise SessionError(CLOSED)
        if not self.blocks:
            raise SessionError("nothing was made yet: call run(blocks=8), or start()")
        return self.blocks

    def _engines(self) -> "set[Engine]":
        """Those that it makes videos with; none once it is closed."""
        return set() if self._engine is None else {self._engine}

    def _tell_page(self, message: PageMessage, buffers: Sequence[bytes] = ()) -> None:
        self.send(encode(message), list(buffers))
        if isinstance(message, StateMessage):
            self._opened.home.do(partial(self._write, asdict(message.state)))
        if isinstance(message, StateMessage | BlockMessage | PanelMessage):
            self._opened.home.do(self._told.tell)
        if isinstance(message, BlockMessage):
            self._setup.heard(message)

    def _tell_page_later(self, message: PageMessage) -> None:
        self._runner.outbox.post(partial(self._tell_page, message))

    def _write(self, state: dict[str, object]) -> None:
        self.page_state = state

    def _on_page_message(self, _widget: object, content: object, _buffers: object) -> None:
        if heard := heard_from(content):
            self._runner.outbox.post(lambda: self._tell_page(heard))
        view = concerned(content)
        self._runner.outbox.post(lambda: self._obey(parse(content), view), view)

    def _obey(self, command: Command, view: str | None) -> None:
        if view is not None:
            self._runner.delivery.heard(view)
        match command:
            case Credit() | Attach() | Leave() | Look():
                self._mind(command)
            case ClipRequest() | StillRequest() | BlockRequest() | AssetRequest() | TimeRequest():
                self._answer(command)
            case CodeRequest() | Amplify() | BranchRequest() | Walk() | Release():
                self._explore(command)
            case Record() | Cut():
                self._film(command)
            case Edit() | Read() | Export() | Import():
                self._plan(command)
            case Use() | Change() | Cancel() | Reseed() | Lock() | Resize():
                self._setup.obey(command, view)
            case _:
                self._steer(command)

    def _explore(self, command: CodeRequest | Amplify | BranchRequest | Walk | Release) -> None:
        match command:
            case CodeRequest(view, tile):
                code = self._code_for_page(tile)
                self._tell_page_later(Exported(view, "python", "studio.py", code))
            case Amplify(gain):
                self._amplify(gain)
            case BranchRequest(view, run, block, prompt):
                self._runner.turn(partial(self._branch_for_page, run, block, prompt), view)
            case Walk(view, branch):
                self._runner.turn(partial(self._walk_for_page, branch), view)
            case Release(view, branch):
                self._runner.turn(partial(self.release, branch), view)
            case _:
                assert_never(command)

    def _branch_for_page(self, run: int, block: int, prompt: str | None) -> None:
        """Whoever branches wants to see it: it goes on at once."""
        if run != self._runner.state().run:
            raise SessionError("another video has begun meanwhile: choose the block there")
        self.branch(block, prompt)
        self.start()

    def _walk_for_page(self, branch: int) -> None:
        played = self.status == "running"
        self.walk(branch)
        if played:
            self.start()

    def _code_for_page(self, tile: int | None) -> str:
        if tile is not None:
            raise SessionError(f"tile {tile} is for several videos: this is a single one")
        return self.code()

    def _amplify(self, gain: int) -> None:
        raise SessionError(f"a gain of {gain} is for a Comparison: this is a single video")

    def _mind(self, news: Credit | Attach | Leave | Look) -> None:
        match news:
            case Credit():
                self._runner.credit(news)
            case Attach(view, codecs):
                self._setup.tell()
                self._runner.tell_tree()
                self._runner.delivery.attach(view, codecs)
            case Leave(view):
                self._runner.delivery.leave(view)
            case Look(view, looking):
                self._runner.delivery.look(view, looking=looking)
            case _:
                assert_never(news)

    def _plan(self, command: Edit | Read | Export | Import) -> None:
        match command:
            case Edit():
                self._runner.plan.edit(command)
            case Read(view, prompt):
                self._runner.plan.read(view, prompt)
            case Export(view, form):
                self._runner.plan.export(view, form)
            case Import(_, name, text):
                self._runner.plan.follow_file(name, timeline_from(text, form_of(name)))
            case _:
                assert_never(command)

    def _answer(
        self, request: ClipRequest | StillRequest | BlockRequest | AssetRequest | TimeRequest
    ) -> None:
        match request:
            case ClipRequest(view, seconds):
                self._runner.clip(view, seconds)
            case StillRequest(view, run, picture):
                self._runner.delivery.still(view, run, picture)
            case BlockRequest(view, run, block):
                self._runner.delivery.repeat(view, run, block)
            case TimeRequest(view, asked_ms):
                self._runner.delivery.tell_time(view, asked_ms)
            case AssetRequest(name):
                self._tell_page(Asset(name), [asset(name)])
            case _:
                assert_never(request)

    def _film(self, command: Record | Cut) -> None:
        match command:
            case Record():
                self.record()
            case Cut():
                self._runner.cut()  # the page is told when the file is there
            case _:
                assert_never(command)

    def _steer(self, command: Start | Pause | Resume | Stop | Reset | Profile | Switch) -> None:
        match command:
            case Start():
                self.start()
            case Pause():
                self.pause()
            case Resume():
                self.resume()
            case Stop():
                self.stop()
            case Reset():
                self.reset()
            case Profile():
                self.profile()
            case Switch(prompt, transition):
                self.switch(prompt, transition)
            case _:
                assert_never(command)
