"""A tree of videos that share their pasts: going on from any past block, under another prompt.

States are kept every few blocks on the host, within a bound of bytes. A block between two of them
is reached from the one before it: those in between are made again, and are the same to the bit.
"""

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from longlive_widget.engine.decode import DecoderState
from longlive_widget.engine.engine import Engine
from longlive_widget.engine.session import Block, Session
from longlive_widget.engine.state import MemoryState, SessionState
from longlive_widget.engine.watch import Watch
from longlive_widget.engine.windows import Positions
from longlive_widget.errors import SessionError, whole_number
from longlive_widget.timeline import CUT, Timeline, Transition

EVERY_BLOCKS = 4
LIMIT_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class _Kept:
    """A state, and the keeper that it is of."""

    keeper: "_Keeper"
    state: SessionState

    @property
    def block(self) -> int:
        return self.state.memory.block


class States:
    """The states of all sessions of a tree, within `limit_bytes`.

    Where there is no room, the one goes that leaves the smallest gap between its neighbours, of
    several the oldest: so the past is thinned evenly, and the newest state of a session stays
    longest. Threads may share it.
    """

    def __init__(self, every_blocks: int, limit_bytes: int) -> None:
        self.every_blocks = whole_number("every_blocks", every_blocks, SessionError, least=1)
        self.limit_bytes = whole_number("limit_bytes", limit_bytes, SessionError, least=0)
        self.dropped = 0
        """So many states were forgotten for want of room."""
        self._kept: list[_Kept] = []
        self._largest = 0
        self._lock = threading.Lock()

    @property
    def roomy(self) -> bool:
        """Whether there is room for one state, as far as is known."""
        return 0 < self.limit_bytes >= self._largest

    @property
    def count(self) -> int:
        """How many are kept."""
        with self._lock:
            return len(self._kept)

    @property
    def nbytes(self) -> int:
        """The bytes that are taken."""
        with self._lock:
            return self._sum()

    def blocks_of(self, keeper: "_Keeper") -> tuple[int, ...]:
        """The blocks of a session whose states are kept."""
        with self._lock:
            return tuple(kept.block for kept in self._kept if kept.keeper is keeper)

    def add(self, keeper: "_Keeper", state: SessionState) -> None:
        """Keep a state, and forget others where there is no room."""
        with self._lock:
            if keeper.released:
                return
            self._kept.append(_Kept(keeper, state))
            self._largest = max(self._largest, state.nbytes)
            while self._kept and self._sum() > self.limit_bytes:
                self._kept.remove(min(self._kept, key=self._gap))
                self.dropped += 1

    def forget(self, keeper: "_Keeper") -> None:
        """Let go of all states of a session; it has no more of them kept."""
        with self._lock:
            keeper.released = True
            self._kept = [kept for kept in self._kept if kept.keeper is not keeper]

    def latest(self, keeper: "_Keeper", block: int) -> SessionState | None:
        """The last kept state of a session at a block or before it."""
        with self._lock:
            found = [k for k in self._kept if k.keeper is keeper and k.block <= block]
        return max(found, key=lambda kept: kept.block).state if found else None

    def _sum(self) -> int:
        return sum(kept.state.nbytes for kept in self._kept)

    def _gap(self, kept: _Kept) -> float:
        """The blocks between the states before and after one; without end after the newest."""
        others = [k.block for k in self._kept if k.keeper is kept.keeper]
        later = [block for block in others if block > kept.block]
        before = [block for block in others if block < kept.block]
        return min(later, default=math.inf) - max(before, default=kept.keeper.begin)


class _Keeper:
    """Puts the two halves of each state of one session together."""

    def __init__(self, states: States, begin: int) -> None:
        self.begin = begin
        self.released = False
        self._states = states
        self._memory: dict[int, MemoryState] = {}
        self._decoder: dict[int, DecoderState] = {}
        self._lock = threading.Lock()

    def wants(self, block: int) -> bool:
        due = block > self.begin and block % self._states.every_blocks == 0
        return due and self._states.roomy and not self.released

    def take_memory(self, memory: MemoryState) -> None:
        with self._lock:
            self._memory[memory.block] = memory
        self._match(memory.block)

    def take_decoder(self, block: int, decoder: DecoderState) -> None:
        with self._lock:
            self._decoder[block] = decoder
        self._match(block)

    def _match(self, block: int) -> None:
        with self._lock:
            if block not in self._memory or block not in self._decoder:
                return
            state = SessionState(self._memory.pop(block), self._decoder.pop(block))
        self._states.add(self, state)


class Branch:
    """One video of a tree: its session, the video that it left, and those that left it.

    `block` is the number of the first block that is its own: 0 for the root. The blocks before are
    its parent's.
    """

    def __init__(
        self, tree: "Branches", parent: "Branch | None", block: int, session: Session
    ) -> None:
        self.tree = tree
        self.parent = parent
        self.block = block
        self.session = session
        self.children: list[Branch] = []

    def blocks(self, count: int | None = None) -> Iterator[Block]:
        """Make the next blocks, as `Session.blocks` does."""
        return self.session.blocks(count)

    @property
    def path(self) -> "tuple[Branch, ...]":
        """From the root to this one."""
        return (self,) if self.parent is None else (*self.parent.path, self)

    @property
    def kept_blocks(self) -> tuple[int, ...]:
        """Its own blocks from which one can go on without making any again."""
        return self.tree._kept_blocks(self)

    def walk(self) -> "Iterator[Branch]":
        """This one, and all that left it and each other, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def branch(
        self,
        block: int,
        prompt: str | None = None,
        transition: Transition = CUT,
        *,
        watch: Watch | None = None,
    ) -> "Branch":
        """A new video that goes on from the beginning of a past block; this one stays as it is.

        With a prompt that steers from there, and what this video's timeline has later is left out;
        without one the timeline is the same, and so are all pictures, to the bit. So they are under
        a cut to the prompt that is in force there, up to the next one. Blocks between the last kept
        state and this one are made again first. `watch` is told of all its blocks.

        An empty prompt is a `TimelineError`; a block that has not begun, one after another preset
        has taken over, and blocks to be made again whose adapters had other scales than now, are a
        `SessionError`.
        """
        return self.tree._branched(self, block, prompt, transition, watch)

    def release(self) -> None:
        """Leave the tree, with all that left this one: their states are let go of.

        A session, with its window, goes as its branch does. The root is a `SessionError`.
        """
        self.tree._release(self)

    def __repr__(self) -> str:
        prompts = [entry.prompt for entry in self.session.timeline.entries]
        return f"Branch(block={self.block}, next_block={self.session.next_block}, {prompts})"


class Branches:
    """A tree of videos of one engine, seed and size; `root` is the first.

    Args:
        engine: what makes them.
        timeline: that of the root.
        seed: the noise of all: a block of one number begins from the same in each.
        every_blocks: how many blocks lie between two kept states.
        limit_bytes: how much of the host's memory these take; those that lie closest together are
            thinned out first.
        size_px: as in `Engine.session`.
        positions: as in `Engine.session`.
        watch: that of the root, as in `Engine.session`.

    Raises:
        SessionError: `every_blocks` is no whole number from 1 up, or `limit_bytes` none from 0 up.
    """

    def __init__(
        self,
        engine: Engine,
        timeline: Timeline | str,
        seed: int = 0,
        *,
        every_blocks: int = EVERY_BLOCKS,
        limit_bytes: int = LIMIT_BYTES,
        size_px: tuple[int, int] | None = None,
        positions: Positions = "relative",
        watch: Watch | None = None,
    ) -> None:
        self.states = States(every_blocks, limit_bytes)
        self._engine = engine
        self._seed = seed
        self._size_px = size_px
        self._positions: Positions = positions
        self._keepers: dict[Branch, _Keeper] = {}
        self.root = self._new(None, 0, timeline, None, watch)

    def _new(
        self,
        parent: Branch | None,
        block: int,
        timeline: Timeline | str,
        begin: SessionState | None,
        watch: Watch | None,
    ) -> Branch:
        keeper = _Keeper(self.states, block)
        session = self._engine.session(
            timeline,
            self._seed,
            size_px=self._size_px,
            positions=self._positions,
            watch=watch,
            keeper=keeper,
            begin=begin,
        )
        branch = Branch(self, parent, block, session)
        self._keepers[branch] = keeper
        return branch

    def _kept_blocks(self, branch: Branch) -> tuple[int, ...]:
        self._require_kept(branch)
        return self.states.blocks_of(self._keepers[branch])

    def _release(self, branch: Branch) -> None:
        if branch.parent is None:
            raise SessionError("the first video is what all others have left: let go of the tree")
        self._require_kept(branch)
        branch.parent.children.remove(branch)
        for one in branch.walk():
            self.states.forget(self._keepers.pop(one))

    def _require_kept(self, branch: Branch) -> None:
        if branch not in self._keepers:
            raise SessionError(f"{branch} was released: use one that root.walk() gives")

    def _branched(
        self,
        parent: Branch,
        block: int,
        prompt: str | None,
        transition: Transition,
        watch: Watch | None,
    ) -> Branch:
        self._require_kept(parent)
        begun = parent.session.next_block
        block = whole_number("block", block, SessionError, least=0, most=begun)
        for turn in parent.session.presets[:1]:
            if turn.block < block:
                raise SessionError(
                    f"this video went on under preset {turn.preset.name!r} from block {turn.block} "
                    f"on, and no branch can leave it at block {block}: a tree is of one preset, "
                    f"{self._engine.preset.name!r}, branch at block {turn.block} or before"
                )
        timeline = parent.session.timeline
        frames = parent.session.geometry.block_frames
        begin = self._state_before(parent, block)
        first = 0 if begin is None else begin.memory.block
        self._require_adapters(parent.session, first, block)
        if prompt is not None:  # also judged before anything is made again
            timeline = timeline.turned(block, prompt, transition, frames)
        made = self._new(parent, block, timeline, begin, watch)
        for _ in made.session.blocks(block - first) if block > first else ():
            pass
        parent.children.append(made)
        return made

    def _state_before(self, branch: Branch, block: int) -> SessionState | None:
        """The last state at a block or before it that is kept of this branch or its parents."""
        for one in reversed(branch.path):
            found = self.states.latest(self._keepers[one], block)
            if found is not None:
                return found
            block = min(block, one.block)
        return None

    def _require_adapters(self, session: Session, first: int, block: int) -> None:
        """Make sure that blocks which are made again get the adapters that they had."""
        swaps = session.adapters
        had = [scales for at, scales in swaps if at <= first][-1:]
        had += [scales for at, scales in swaps if first < at < block]
        now = {name: scale for name, scale in self._engine.adapters.items() if scale}
        for scales in had if block > first else ():
            if scales != now:
                raise SessionError(
                    f"adapters were {scales} before block {block}, and now they are {now}: give "
                    f"them these scales first, or branch at a block whose state is kept"
                )
