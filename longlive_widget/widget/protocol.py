"""The messages between kernel and page, in both directions.

Loads no torch. Knows neither threads nor comms: a message is a dict of plain values, and the
pictures of a block travel beside it, one buffer each. `js/src/protocol.ts` is the other side, and
`tests/fixtures/protocol.json` holds both to the same words.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from reprlib import repr as short
from typing import Literal, Self, get_args

from longlive_widget.cache.occupancy import Occupancy
from longlive_widget.errors import MessageError
from longlive_widget.geometry import PICTURES_PER_SECOND, Geometry
from longlive_widget.timeline import (
    CUT,
    Entry,
    Landing,
    Transition,
    require_prompt,
    transition_of,
)
from longlive_widget.timeline_forms import Form
from longlive_widget.widget.panel import Panel

Status = Literal["idle", "running", "paused", "done", "stopped", "failed", "closed", "recorded"]
AssetName = Literal["plotly"]
Topic = Literal["prompt", "remark", "code", "other"]
Codec = Literal["h264", "jpeg"]
WantedCodec = Literal["auto", "h264", "jpeg"]
Unseen = Literal["go on", "pause"]


@dataclass(frozen=True)
class Start:
    """Begin a video, or go on with the one that is paused."""


@dataclass(frozen=True)
class Pause:
    """Hold the video; the block in the making is finished first."""


@dataclass(frozen=True)
class Resume:
    """Go on after a pause."""


@dataclass(frozen=True)
class Stop:
    """End the video; the next start begins a new one, from the timeline as it is by then."""


@dataclass(frozen=True)
class Reset:
    """Begin a new video at once, under the prompt that steers this one."""


@dataclass(frozen=True)
class Record:
    """Write all blocks from now on to a file beside the notebook."""


@dataclass(frozen=True)
class Cut:
    """End the recording."""


@dataclass(frozen=True)
class ClipRequest:
    """A view wants the last `seconds` of the video as a file."""

    view: str
    seconds: int


@dataclass(frozen=True)
class Profile:
    """Tell where the time of the next block goes."""


@dataclass(frozen=True)
class Switch:
    """Steer by `prompt` from the next block on; `transition` is how it takes over."""

    prompt: str
    transition: Transition = CUT


@dataclass(frozen=True)
class PageTimes:
    """What a page has measured of a block's way to it; None is not known.

    `wire_ms` is the time from the kernel's sending to the page's having it, right to within
    `wire_within_ms`, for the two have clocks of their own. `decode_ms` is the time from there to
    its pictures.
    """

    wire_ms: float | None = None
    wire_within_ms: float | None = None
    decode_ms: float | None = None

    @property
    def way_s(self) -> float:
        """From the sending to the pictures, as far as that is known."""
        return ((self.wire_ms or 0.0) + (self.decode_ms or 0.0)) / 1e3


@dataclass(frozen=True)
class Credit:
    """A page has taken in block `block` of video `run` and has room for another one.

    By the kernel's clock, its viewer will have seen the block at `seen_ms`; None where the page
    does not know, or the video stands there.
    """

    run: int
    block: int
    times: PageTimes
    seen_ms: float | None = None


@dataclass(frozen=True)
class TimeRequest:
    """A view whose own clock says `asked_ms` wants to know what the kernel's says."""

    view: str
    asked_ms: float


@dataclass(frozen=True)
class Attach:
    """A view has appeared, can decode `codecs`, and wants to know what it missed.

    It comes again from a view that has found that it can decode something else.
    """

    view: str
    codecs: tuple[Codec, ...]


@dataclass(frozen=True)
class Leave:
    """A view has gone."""

    view: str


@dataclass(frozen=True)
class Look:
    """A view has come into sight, or has gone out of it: scrolled away, or in a hidden tab."""

    view: str
    looking: bool


@dataclass(frozen=True)
class StillRequest:
    """A view wants picture number `picture` of video `run` exactly as it was made."""

    view: str
    run: int
    picture: int


@dataclass(frozen=True)
class BlockRequest:
    """A view wants block `block` of video `run`, which it never had or has no longer."""

    view: str
    run: int
    block: int


@dataclass(frozen=True)
class AssetRequest:
    """The page wants a file that is too large to travel with each widget."""

    name: AssetName


@dataclass(frozen=True)
class Edit:
    """View `view` wants another timeline from block `from_block` on.

    It was made on revision `revision`. The rows are as they came: what they say is judged where a
    timeline that is assigned is judged too.
    """

    view: str
    revision: int
    from_block: int
    rows: object


@dataclass(frozen=True)
class Read:
    """View `view` wants to know which words of a prompt, as far as it is typed, will be read."""

    view: str
    prompt: str


@dataclass(frozen=True)
class Export:
    """View `view` wants the timeline as a file of that form."""

    view: str
    form: Form


@dataclass(frozen=True)
class Import:
    """View `view` wants the timeline of a file followed: its name says the form of the text."""

    view: str
    name: str
    text: str


@dataclass(frozen=True)
class Use:
    """Make videos under the preset of that name."""

    preset: str


@dataclass(frozen=True)
class Change:
    """Make videos under the present preset with another value of one setting.

    What came is judged where a preset that is made in Python is judged too.
    """

    setting: str
    value: object


@dataclass(frozen=True)
class Cancel:
    """Give up the preset that is being loaded, at its next stage."""


@dataclass(frozen=True)
class Reseed:
    """Make videos from this seed; None draws one."""

    seed: int | None


@dataclass(frozen=True)
class Lock:
    """Have all videos begin with one seed, or each with one that is drawn."""

    locked: bool


@dataclass(frozen=True)
class Resize:
    """Make pictures of another size."""

    width_px: int
    height_px: int


@dataclass(frozen=True)
class Amplify:
    """Show the difference of two videos so many times as large as it is, from the next block on."""

    gain: int


@dataclass(frozen=True)
class CodeRequest:
    """View `view` wants the Python that makes what it shows, or one tile of it alone."""

    view: str
    tile: int | None


@dataclass(frozen=True)
class BranchRequest:
    """View `view` wants a video that leaves the present one, `run`, at block `block`.

    It goes on under `prompt`; None leaves the timeline as it is.
    """

    view: str
    run: int
    block: int
    prompt: str | None


@dataclass(frozen=True)
class Walk:
    """View `view` wants to go to video number `branch` of the tree."""

    view: str
    branch: int


@dataclass(frozen=True)
class Release:
    """View `view` wants video number `branch` of the tree let go of, and all that have left it."""

    view: str
    branch: int


Command = (
    Start | Pause | Resume | Stop | Reset | Record | Cut | Profile | Switch | Edit | Read | Export
    | Import | Credit | Attach | Leave | Look | ClipRequest | StillRequest | AssetRequest
    | BlockRequest | TimeRequest | Use | Change | Cancel | Reseed | Lock | Resize | Amplify
    | CodeRequest | BranchRequest | Walk | Release
)  # fmt: skip


@dataclass(frozen=True)
class SideRecord:
    """What was measured of one video's block, where several are made in step.

    `latency_ms` is the time of its own work. `psnr_db` and `ssim` say how like its pictures are to
    those that they are held against; `equal` pictures have no PSNR, and what is held against none
    has neither.
    """

    latency_ms: float
    equal: bool = False
    psnr_db: float | None = None
    ssim: float | None = None


@dataclass(frozen=True)
class BlockRecord:
    """What was measured of one block.

    `first_picture` counts from the beginning of the video. `in_full` is what its prompt was taken
    as after those before it, '' where that is the prompt itself; `alone` is set where that is so
    because it was not understood together with them. It was made under `preset`, by its
    name. `latency_ms` is the time from asking the engine for the block to having its pictures,
    `encode_ms` the time to code them for the page, 0 where they are not sent. The time to code
    first pictures that were sent in an opening lies inside of `latency_ms`.

    `parts_ms` is what of the engine's work has ended since the block before, by the engine's names
    for it: with what runs behind or on a GPU, also of that block. "step 1" and so on are inside of
    "steps", "transfer" inside of "decode". A block that is not `displayed`
    was made while the page had no room for it, or while nobody looked. `credits` is how many
    more blocks the page had room for then.

    `window` is what memory held while the block was denoised, in `window_bytes`. The process then
    took `host_bytes`; of a GPU its tensors took `device_bytes`, and torch held
    `device_reserved_bytes`. A block that was `profiled` is slower by that. `page` is what the first
    page to take the block in has measured. Where several videos are made in step, `sides` has
    their own figures, and the others are of the round: all times together, the first one's window.
    `gain` is how many times as large as it is its pictures show a difference.
    """

    block: int
    latent_frame: int
    first_picture: int
    pictures: int
    prompt: str
    preset: str
    landed: Landing | None
    latency_ms: float
    parts_ms: Mapping[str, float]
    encode_ms: float
    credits: int
    displayed: bool
    window: Occupancy
    window_bytes: int
    host_bytes: int
    device_bytes: int | None
    device_reserved_bytes: int | None
    profiled: bool = False
    page: PageTimes = PageTimes()
    in_full: str = ""
    alone: bool = False
    sides: tuple[SideRecord, ...] = ()
    gain: int | None = None


@dataclass(frozen=True)
class Tiles:
    """Where the videos that are made in step lie in each picture, row by row from the top left.

    `labels` has one for each video. With a `gain` the last tile is no video, but the difference
    of the two before it, so many times as large as it is. Those that are `seeded` have a seed each;
    where they are `compared`, pictures of some are held against those of others.
    """

    columns: int
    rows: int
    labels: tuple[str, ...]
    gain: int | None = None
    seeded: bool = False
    compared: bool = False


@dataclass(frozen=True)
class TileFigures:
    """What was measured of one video of a sweep.

    Medians of its blocks, and the most that the process took of the device's memory, or where it
    has none of its own of the host's. PSNR and SSIM are against the first preset's video; equal
    blocks, which have no PSNR, are left out there, and where all are `equal` there is none.
    """

    block_ms: float
    picture_ms: float
    process_bytes: int
    equal: bool = False
    psnr_db: float | None = None
    ssim: float | None = None


@dataclass(frozen=True)
class SweepState:
    """How far a sweep is: the figures of the videos that are made, and in words what goes on."""

    figures: tuple[TileFigures, ...]
    making: bool
    told: str


@dataclass(frozen=True)
class State:
    """All that a view must know to draw itself, pictures and measurements apart.

    It comes on two ways, as a message and as a trait, and one may overtake the other: `told` counts
    the states that were told, and a view that knows one leaves the older ones out.

    `run` counts the videos that were begun, `made` the blocks of this one, and `dropped` those of
    them that were not displayed although somebody looked. `marks` are the prompts of the timeline
    and the live switches, in the order of their blocks; the last one on a block steers it, and the
    others there are `replaced_by` it. `fallbacks` are sentences on what stands in for something
    that this machine does not have. `recording` names the file that is being written. `h264` is
    what browsers call the H.264 made here, None where there is none; blocks travel as `codec`.

    `entries` are those of the timeline, the newest ones of its past and all that is to come; what
    lands before block `begun` can no longer be changed. `revision` counts the timeline's changes.
    `library` are prompts to begin with. `tiles` is set where each picture shows several videos,
    `sweep` where these are made one after the other. What is made by a preset that `compiles` takes
    longer at its first use.
    """

    told: int
    status: Status
    run: int
    model: str
    preset: str
    weights: str
    fallbacks: tuple[str, ...]
    width_px: int
    height_px: int
    block_frames: int
    pictures_per_second: int
    seed: int
    made: int
    dropped: int
    recording: str | None
    h264: str | None
    codec: Codec
    marks: tuple[Landing, ...]
    begun: int
    revision: int
    entries: tuple[Entry, ...]
    library: tuple[str, ...]
    tiles: Tiles | None = None
    sweep: SweepState | None = None
    compiles: bool = False

    @classmethod
    def blank(
        cls,
        model: str,
        preset: str,
        weights: str,
        fallbacks: tuple[str, ...],
        geometry: Geometry,
        seed: int,
    ) -> Self:
        """Nothing but with what a video is made: it has not begun, and follows nothing yet."""
        return cls(
            told=0,
            status="idle",
            run=0,
            model=model,
            preset=preset,
            weights=weights,
            fallbacks=fallbacks,
            width_px=geometry.width_px,
            height_px=geometry.height_px,
            block_frames=geometry.block_frames,
            pictures_per_second=PICTURES_PER_SECOND,
            seed=seed,
            made=0,
            dropped=0,
            recording=None,
            h264=None,
            codec="jpeg",
            marks=(),
            begun=0,
            revision=0,
            entries=(),
            library=(),
        )


@dataclass(frozen=True)
class BlockMessage:
    """A block; its pictures follow as buffers if it is displayed, coded as `codec`.

    One that was not displayed may come again once there is room for it. With a `view`, it repeats
    a block for that view alone. `begun` blocks of this video have been begun by now, which is
    `sent_ms` by the kernel's clock. Its first `given` pictures do not follow: they were sent in its
    opening, and all of them are coded as one.
    """

    run: int
    record: BlockRecord
    codec: Codec
    begun: int
    sent_ms: float
    view: str | None = None
    given: int = 0


@dataclass(frozen=True)
class Opening:
    """The first pictures of a block that is still being decoded follow as buffers.

    The rest comes with the block, unless the video ends before it, or nobody looks any more.
    """

    run: int
    block: int
    first_picture: int
    prompt: str
    codec: Codec


@dataclass(frozen=True)
class StateMessage:
    """The state has changed."""

    state: State


@dataclass(frozen=True)
class History:
    """The measurements that a view missed, oldest first."""

    view: str
    run: int
    records: tuple[BlockRecord, ...]


@dataclass(frozen=True)
class Receipt:
    """A live switch was taken, and will land here; the state before it knows what gives way."""

    landing: Landing


@dataclass(frozen=True)
class Failure:
    """Something went wrong: a sentence for the user and, where there is one, the traceback.

    What is said of a prompt holds until a later prompt is taken, and so does a remark: the prompt
    was taken, but not read in full. Of code it is that no cell can say what a recording's page
    wanted one of. With a `view`, it is about what that view alone wanted.
    """

    message: str
    details: str
    topic: Topic = "other"
    view: str | None = None


@dataclass(frozen=True)
class Heard:
    """The kernel has come to the control that view `view` has sent as its `number`-th one.

    Where this stays out, the control waits: some kernels hear nothing while a cell runs.
    """

    view: str
    number: int


@dataclass(frozen=True)
class Notice:
    """Something was done, in a sentence."""

    message: str


@dataclass(frozen=True)
class Clip:
    """An MP4 file for the view that wanted it, as the only buffer."""

    view: str
    name: str


@dataclass(frozen=True)
class Still:
    """A picture for the view that wanted it, as a PNG in the only buffer.

    Where it is no longer `kept`, there is none.
    """

    view: str
    run: int
    picture: int
    kept: bool


@dataclass(frozen=True)
class Gone:
    """A block that a view wanted is no longer kept, nor are those before it."""

    view: str
    run: int
    block: int


@dataclass(frozen=True)
class Time:
    """What the kernel's clock said as a view asked, and what that view's own said before.

    By what was sent before it a view knows whether something was lost: so many states were told, up
    to the newest block of video `run` (-1 before there is one), and no credit has come for `owed`.
    """

    view: str
    asked_ms: float
    kernel_ms: float
    told: int
    run: int
    newest: int
    owed: tuple[int, ...]


@dataclass(frozen=True)
class PartProfile:
    """One part of a profiled block: its share of the time, and how long nothing ran in it.

    `calls` are operators that were called from the model, or kernels on a GPU.
    """

    name: str
    ms: float
    gap_ms: float
    calls: int


@dataclass(frozen=True)
class BlockProfile:
    """Where the time of one block went, the longest part first; parts and `gaps_ms` are all of it.

    `unprofiled_ms` is the median of blocks before it that were not profiled: by so much it is
    slower. None where there was none.
    """

    block: int
    block_ms: float
    unprofiled_ms: float | None
    gaps_ms: float
    parts: tuple[PartProfile, ...]


@dataclass(frozen=True)
class ProfileMessage:
    """The last block that was profiled of video `run`."""

    run: int
    profile: BlockProfile


@dataclass(frozen=True)
class Asset:
    """A file that the page asked for; its bytes follow as the only buffer."""

    name: AssetName


@dataclass(frozen=True)
class Edited:
    """What became of the edit of a view; the state, or a failure, was told before."""

    view: str
    accepted: bool


@dataclass(frozen=True)
class Reading:
    """The words of a prompt that the model does not know, and the end that it leaves out."""

    view: str
    prompt: str
    unknown: tuple[str, ...]
    unread: str


@dataclass(frozen=True)
class Exported:
    """The timeline as the text of a file that is called `name`."""

    view: str
    form: Form
    name: str
    text: str


@dataclass(frozen=True)
class Node:
    """One video of a tree: it left its `parent` at `block`, under `prompt`; the root left none.

    It has been made up to block `made`. `frozen` are those of its blocks from which one can go on
    without making any again. `pictured`: a thumbnail travels with the message.
    """

    number: int
    parent: int | None
    block: int
    made: int
    prompt: str
    frozen: tuple[int, ...]
    pictured: bool


@dataclass(frozen=True)
class TreeMessage:
    """The videos that have left each other, parents first, and which of them is `present`.

    Thumbnails of those that are pictured follow as JPEGs, in their order. `states` are kept in
    `state_bytes` of at most `limit_bytes`; `dropped` of them were forgotten for want of room. Where
    `branching`, a branch is on its way. The windows of those that are not shown take `left_bytes`.
    """

    nodes: tuple[Node, ...]
    present: int | None
    states: int
    state_bytes: int
    limit_bytes: int
    dropped: int
    branching: bool
    left_bytes: int


@dataclass(frozen=True)
class PanelMessage:
    """What may be chosen has changed, or what is known of it."""

    panel: Panel


PageMessage = (
    BlockMessage | Opening | StateMessage | History | Receipt | Failure | Heard | Notice | Clip
    | Still | Gone | Asset | Edited | Reading | Exported | PanelMessage | Time | ProfileMessage
    | TreeMessage
)  # fmt: skip

_NAMES: dict[type[PageMessage], str] = {
    BlockMessage: "block",
    Opening: "opening",
    StateMessage: "state",
    History: "history",
    Receipt: "receipt",
    Failure: "failure",
    Heard: "heard",
    Notice: "notice",
    Clip: "clip",
    Still: "still",
    Gone: "gone",
    Asset: "asset",
    Edited: "edited",
    Reading: "reading",
    Exported: "exported",
    PanelMessage: "panel",
    Time: "time",
    ProfileMessage: "profile",
    TreeMessage: "tree",
}
_CODECS: tuple[Codec, ...] = get_args(Codec)


def encode(message: PageMessage) -> dict[str, object]:
    """The message as plain values, its kind under `type`."""
    return {"type": _NAMES[type(message)], **asdict(message)}


Fields = Mapping[object, object]


def heard_from(content: object) -> Heard | None:
    """What the page is told as the kernel comes to a control; None of what is no control."""
    match content:
        case {"asked": {"view": str() as view, "number": int() as number}}:
            return Heard(view, number)
        case _:
            return None


def concerned(content: object) -> str | None:
    """The view that a command comes from, which is told what goes wrong; None if unknown."""
    match content:
        case {"view": str() as view} | {"asked": {"view": str() as view}}:
            return view
        case _:
            return None


def parse(content: object) -> Command:
    """The command that a page has sent; an empty prompt is told as `require_prompt` tells it.

    Raises:
        MessageError: it is none, or one of its fields has a wrong type.
    """
    if not isinstance(content, Mapping):
        raise MessageError(f"a command is an object with a type, not {content!r}")
    kind = content.get("type")
    if not isinstance(kind, str) or kind not in _PARSERS:
        raise MessageError(f"no command is called {kind!r}: there are {', '.join(_PARSERS)}")
    return _PARSERS[kind](content)


def _switch(content: Fields) -> Switch:
    prompt = require_prompt(content.get("prompt")).strip()
    return Switch(prompt, transition_of(content.get("transition", {})))


def _edit(content: Fields) -> Edit:
    revision, block = (_whole_number(content, field) for field in ("revision", "from_block"))
    return Edit(_text(content, "view"), revision, block, content.get("entries"))


def _export(content: Fields) -> Export:
    form = content.get("form")
    for known in get_args(Form):
        if form == known:
            return Export(_text(content, "view"), known)
    raise MessageError(f"no form is called {form!r}: there are {', '.join(get_args(Form))}")


def _whole_number(content: Fields, field: str) -> int:
    value = content.get(field)
    if isinstance(value, bool) or not isinstance(value, int):
        raise MessageError(
            f"{field} {value!r} of command {content['type']!r} is not a whole number"
        )
    return value


def _number(content: Fields, field: str) -> float:
    value = content.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MessageError(f"{field} {value!r} of command {content['type']!r} is no number")
    try:
        return float(value)
    except OverflowError:
        raise MessageError(
            f"{field} {short(value)} of command {content['type']!r} is no number of 64 bits"
        ) from None


def _credit(content: Fields) -> Credit:
    def known(field: str) -> float | None:
        return None if content.get(field) is None else _number(content, field)

    times = PageTimes(known("wire_ms"), known("wire_within_ms"), known("decode_ms"))
    run, block = _whole_number(content, "run"), _whole_number(content, "block")
    return Credit(run, block, times, known("seen_ms"))


def _true_or_false(content: Fields, field: str) -> bool:
    value = content.get(field)
    if not isinstance(value, bool):
        raise MessageError(
            f"{field} {value!r} of command {content['type']!r} is neither true nor false"
        )
    return value


def _text(content: Fields, field: str) -> str:
    value = content.get(field)
    if not isinstance(value, str):
        raise MessageError(f"{field} {value!r} of command {content['type']!r} is not text")
    return value


def _codecs(content: Fields) -> tuple[Codec, ...]:
    names = content.get("codecs")
    if not isinstance(names, list) or not names or not all(name in _CODECS for name in names):
        raise MessageError(
            f"codecs {names!r} of command {content['type']!r} are no list of "
            f"{' or '.join(map(repr, _CODECS))}"
        )
    return tuple(codec for codec in _CODECS if codec in names)


def _asset(content: Fields) -> AssetName:
    if content.get("name") != "plotly":
        raise MessageError(f"no asset is called {content.get('name')!r}: there is 'plotly'")
    return "plotly"


_PARSERS: dict[str, Callable[[Fields], Command]] = {
    "start": lambda _: Start(),
    "pause": lambda _: Pause(),
    "resume": lambda _: Resume(),
    "stop": lambda _: Stop(),
    "reset": lambda _: Reset(),
    "record": lambda _: Record(),
    "cut": lambda _: Cut(),
    "clip": lambda content: ClipRequest(_text(content, "view"), _whole_number(content, "seconds")),
    "switch": _switch,
    "edit": _edit,
    "read": lambda content: Read(_text(content, "view"), _text(content, "prompt")),
    "export": _export,
    "import": lambda content: Import(
        _text(content, "view"), _text(content, "name"), _text(content, "text")
    ),
    "profile": lambda _: Profile(),
    "time": lambda content: TimeRequest(_text(content, "view"), _number(content, "asked_ms")),
    "credit": _credit,
    "attach": lambda content: Attach(_text(content, "view"), _codecs(content)),
    "leave": lambda content: Leave(_text(content, "view")),
    "look": lambda content: Look(_text(content, "view"), _true_or_false(content, "looking")),
    "still": lambda content: StillRequest(
        _text(content, "view"), _whole_number(content, "run"), _whole_number(content, "picture")
    ),
    "block": lambda content: BlockRequest(
        _text(content, "view"), _whole_number(content, "run"), _whole_number(content, "block")
    ),
    "asset": lambda content: AssetRequest(_asset(content)),
    "use": lambda content: Use(_text(content, "preset")),
    "change": lambda content: Change(_text(content, "setting"), content.get("value")),
    "cancel": lambda _: Cancel(),
    "seed": lambda content: Reseed(
        None if content.get("seed") is None else _whole_number(content, "seed")
    ),
    "amplify": lambda content: Amplify(_whole_number(content, "gain")),
    "branch": lambda content: BranchRequest(
        _text(content, "view"),
        _whole_number(content, "run"),
        _whole_number(content, "block"),
        None if content.get("prompt") is None else _text(content, "prompt"),
    ),
    "release": lambda content: Release(_text(content, "view"), _whole_number(content, "branch")),
    "walk": lambda content: Walk(_text(content, "view"), _whole_number(content, "branch")),
    "code": lambda content: CodeRequest(
        _text(content, "view"),
        None if content.get("tile") is None else _whole_number(content, "tile"),
    ),
    "lock": lambda content: Lock(_true_or_false(content, "locked")),
    "size": lambda content: Resize(
        _whole_number(content, "width_px"), _whole_number(content, "height_px")
    ),
}
