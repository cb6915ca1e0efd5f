"""The videos of a studio that have left each other: a tree, and what is kept of each.

Knows neither the worker nor the page's messages' way: `Runner` asks for a branch, and takes it up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from longlive_widget.engine.branches import EVERY_BLOCKS, Branches
from longlive_widget.errors import SessionError, whole_number
from longlive_widget.timeline import Landing, Timeline, Transition
from longlive_widget.widget.delivery import Delivered
from longlive_widget.widget.protocol import Node, TreeMessage

if TYPE_CHECKING:
    from longlive_widget.engine.branches import Branch
    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.session import Block, Session
    from longlive_widget.runs.logbook import Logbook
    from longlive_widget.widget.gauges import Gauges

STATE_BYTES = 256 * 2**20
"""What the states of a studio's videos may take of the host's memory."""
PICTURE_BYTES = 512 * 2**20
"""What the pictures of videos that are not shown may take."""
WINDOW_BYTES = 12 * 2**30
"""What the windows of videos that are not shown may take: three or four at full size."""
_THUMBNAIL_PX = 48


@dataclass(eq=False)
class Kept:
    """One video of the tree: its session with its gauges, its log, and all that was shown of it.

    `delivered`, `landings` and `made`, the count of its blocks, are as they were when it was left.
    """

    number: int
    branch: "Branch"
    gauges: "Gauges"
    logbook: "Logbook"
    delivered: Delivered
    made: int = 0
    landings: tuple[Landing, ...] = ()
    thumbnail: bytes = b""

    @property
    def session(self) -> "Session":
        """What makes it."""
        return self.branch.session

    @property
    def prompt(self) -> str:
        """What it left its parent for; of the root, what it begins with."""
        entries = self.session.timeline.before(self.branch.block + 1)
        return entries[-1].prompt


class Branching:
    """The tree of the present video; `present` is the one that the studio shows.

    Whoever changes it holds the lock of the video, but for `branch`, which takes its time.
    """

    def __init__(
        self,
        limit_bytes: int,
        every_blocks: int = EVERY_BLOCKS,
        window_bytes: int = WINDOW_BYTES,
    ) -> None:
        self.limit_bytes = whole_number("branch_bytes", limit_bytes, SessionError, least=0)
        self._every_blocks = whole_number("every_blocks", every_blocks, SessionError, least=1)
        self.branching = False
        self.present: Kept | None = None
        self._window_bytes = window_bytes
        self._tree: Branches | None = None
        self._all: list[Kept] = []
        self._next = 0

    def begin(
        self,
        engine: "Engine",
        timeline: Timeline,
        seed: int,
        size_px: tuple[int, int] | None,
        gauges: "Gauges",
        fresh: Delivered,
    ) -> "Session":
        """A new video, the root of a tree of its own."""
        from longlive_widget.runs.logbook import Logbook

        self._tree = Branches(
            engine,
            timeline,
            seed,
            every_blocks=self._every_blocks,
            limit_bytes=self.limit_bytes,
            size_px=size_px,
            watch=gauges,
        )
        root = self._tree.root
        self.present = Kept(0, root, gauges, Logbook(engine, root.session), fresh)
        self._all, self._next = [self.present], 1
        return self.present.session

    def end(self) -> None:
        """The video has ended, and all of its branches."""
        self._tree = self.present = None
        self._all = []

    def branch(
        self,
        parent: Kept,
        block: int,
        prompt: str | None,
        transition: Transition,
        gauges: "Gauges",
    ) -> "Branch":
        """Have a branch made, on this thread: blocks may have to be made again for it.

        Raises:
            SessionError: the windows of all that are not shown would take too much.
        """
        taken = self.left_bytes + parent.session.window_bytes
        if taken > self._window_bytes:
            raise SessionError(
                f"the windows of {len(self._all)} videos would be kept in {taken / 2**30:.1f} GiB "
                f"while another one is shown, and {self._window_bytes / 2**30:.1f} GiB are the "
                "most: release() one, or stop() all"
            )
        return parent.branch.branch(block, prompt, transition, watch=gauges)

    def add(self, branch: "Branch", parent: Kept, gauges: "Gauges") -> Kept:
        """It is one of the tree; what its parent has shown before it is its own past."""
        frame = branch.block * branch.session.geometry.block_frames
        past = parent.delivered.until(branch.block, frame)
        logbook = parent.logbook.left(branch.block, branch.session)
        kept = Kept(self._next, branch, gauges, logbook, past, branch.block, parent.landings)
        self._next += 1
        self._all.append(kept)
        return kept

    def leave(self, delivered: Delivered, landings: tuple[Landing, ...], made: int) -> None:
        """The present video is shown no longer; all that is known of it is kept."""
        assert self.present is not None
        self.present.delivered, self.present.landings = delivered, landings
        self.present.made = made

    def take_up(self, kept: Kept) -> None:
        """It is the present one; the pictures of others are let go where they take too much."""
        self.present = kept
        others = sorted((one for one in self._all if one is not kept), key=lambda one: -one.number)
        taken = 0
        for one in others:
            taken += one.delivered.reel.nbytes
            if taken > PICTURE_BYTES:
                one.delivered = one.delivered.without_pictures()

    def numbered(self, number: int) -> Kept:
        """The video of that number.

        Raises:
            SessionError: there is none.
        """
        if not self._all:
            raise SessionError("there is no video, and so no branch of one: start() it first")
        asked = whole_number("branch", number, SessionError, least=0, most=self._next - 1)
        for kept in self._all:
            if kept.number == asked:
                return kept
        known = ", ".join(str(kept.number) for kept in self._all)
        raise SessionError(f"branch {asked} was released: there are {known}")

    @property
    def left_bytes(self) -> int:
        """What the windows of videos that are not shown take."""
        others = (kept for kept in self._all if kept is not self.present)
        return sum(kept.session.window_bytes for kept in others)

    def release(self, number: int) -> None:
        """Let go of a video, and of all that have left it.

        Raises:
            SessionError: there is none of that number, or the present one would go too.
        """
        kept = self.numbered(number)
        gone = set(kept.branch.walk())
        if self.present is not None and self.present.branch in gone:
            by = f"was left by the one that is shown, {self.present.number}"
            why = "is shown" if kept is self.present else by
            raise SessionError(f"video {kept.number} {why}: walk() to another one first")
        kept.branch.release()
        self._all = [one for one in self._all if one.branch not in gone]

    def made(self, block: "Block") -> bool:
        """A block of the present video was made; whether the tree looks another way by it."""
        kept = self.present
        if kept is None or kept.thumbnail:
            return False
        kept.thumbnail = _thumbnail(block)
        return True

    def message(self) -> tuple[TreeMessage, list[bytes]]:
        """The tree as the page is told of it, and its thumbnails."""
        states = None if self._tree is None else self._tree.states
        nodes = tuple(self._nodes())
        return (
            TreeMessage(
                nodes,
                None if self.present is None else self.present.number,
                states.count if states else 0,
                states.nbytes if states else 0,
                self.limit_bytes,
                states.dropped if states else 0,
                self.branching,
                self.left_bytes,
            ),
            [kept.thumbnail for kept in self._all if kept.thumbnail],
        )

    def _nodes(self) -> Iterator[Node]:
        for kept in self._all:
            branch = kept.branch
            parent = next((one for one in self._all if one.branch is branch.parent), None)
            yield Node(
                kept.number,
                None if parent is None else parent.number,
                branch.block,
                kept.session.next_block,
                kept.prompt,
                branch.kept_blocks,
                bool(kept.thumbnail),
            )


def _thumbnail(block: "Block") -> bytes:
    """The first picture of a block, as a small JPEG."""
    picture = Image.fromarray(block.frames[0])
    picture.thumbnail((4 * _THUMBNAIL_PX, _THUMBNAIL_PX))
    file = BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()
