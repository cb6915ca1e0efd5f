"""The videos of a studio that have left each other: a tree, and what is kept of each.

Knows neither the worker nor the page's messages' way: `Runner` asks for a branch, and takes it up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from longlive_widget.errors import SessionError, whole_number
from longlive_widget.timeline import Landing, Timeline, Transition
from longlive_widget.widget.delivery import Delivered
from longlive_widget.widget.protocol import Node, TreeMessage

if TYPE_CHECKING:
    from longlive_widget.engine.branches import Branch, Branches
    from longlive_widget.engine.engine import Engine
    from longlive_widget.engine.session import Block, Session
    from longlive_widget.runs.logbook import Logbook
    from longlive_widget.widget.gauges import Gauges

STATE_BYTES = 256 * 2**20
"""What the states of a studio's videos may take of the host's memory."""
PICTURE_BYTES = 512 * 2**20
"""What the pictures of videos that are not shown may take."""
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

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = whole_number("branch_bytes", limit_bytes, SessionError, least=0)
        self.branching = False
        self.present: Kept | None = None
        self._tree: Branches | None = None
        self._all: list[Kept] = []

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
        from longlive_widget.engine.branches import Branches  # loads torch, as the engine has
        from longlive_widget.runs.logbook import Logbook

        self._tree = Branches(
            engine, timeline, seed, limit_bytes=self.limit_bytes, size_px=size_px, watch=gauges
        )
        root = self._tree.root
        self.present = Kept(0, root, gauges, Logbook(engine, root.session), fresh)
        self._all = [self.present]
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
        """Have a branch made, on this thread: blocks may have to be made again for it."""
        return parent.branch.branch(block, prompt, transition, watch=gauges)

    def add(self, branch: "Branch", parent: Kept, gauges: "Gauges") -> Kept:
        """It is one of the tree; what its parent has shown before it is its own past."""
        frame = branch.block * branch.session.geometry.block_frames
        past = parent.delivered.until(branch.block, frame)
        logbook = parent.logbook.left(branch.block, branch.session)
        kept = Kept(len(self._all), branch, gauges, logbook, past, branch.block, parent.landings)
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
        most = len(self._all) - 1
        if most < 0:
            raise SessionError("there is no video, and so no branch of one: start() it first")
        return self._all[whole_number("branch", number, SessionError, least=0, most=most)]

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
