"""Going on from a past block is the same as never having branched, to the bit."""

import threading

import numpy as np
import pytest

from longlive_widget import Branches, Engine, Entry, Timeline, Transition
from longlive_widget.errors import SessionError, TimelineError
from longlive_widget.presets import PRESETS, Preset

RED, BLUE, STAR = "a red ball moves right on black", "it turns blue", "a big yellow star spins"
TIMELINE = Timeline.of(
    RED,
    Entry(6, BLUE, Transition(blocks=2, blend="slerp")),  # blocks 2 and 3 blend
    Entry(15, STAR, Transition(recache=False)),  # so a window stays as it was turned
)
BLOCKS = 9
SMALL_PX = (48, 32)
PLAIN = Preset("plain", "", (1000, 500), window_frames=8)
KINDS = {
    "rolling": PLAIN,
    "static": PLAIN.with_(window_cache="static"),
    "ring": PLAIN.with_(window_cache="ring"),
    "int8, rolling": PLAIN.with_(window_dtype="int8"),
    "int8, ring": PLAIN.with_(window_cache="ring", window_dtype="int8"),
    "pool, ring": PLAIN.with_(window_cache="ring", memory_pool=True, prompt_cache=2),
    "behind": PLAIN.with_(decode_behind=True),
    "behind, pool": PLAIN.with_(decode_behind=True, memory_pool=True, window_cache="static"),
    "small decoder": PLAIN.with_(decoder="small"),
    "sink and block": PLAIN.with_(window_frames=6, window_cache="ring"),
    "LongLive's own passes": PLAIN.with_(context="always", recache="window"),
    "low_memory": PRESETS["low_memory"].with_(denoise_steps=(1000, 500), window_frames=9),
    "quality": PRESETS["quality"].with_(denoise_steps=(1000, 500), window_frames=9),
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", PLAIN)


def _under(engine, preset):
    if preset.offload_text_encoder:
        return Engine.load("tiny", preset)
    return Engine(engine.model, preset)


def _made(branch, count):
    return {block.index: block.frames for block in branch.blocks(count)}


def _same(some, others):
    return all(np.array_equal(some[block], others[block]) for block in others)


@pytest.mark.parametrize("preset", KINDS.values(), ids=KINDS)
def test_going_on_from_a_past_block_equals_never_having_branched(engine, preset):
    """From a kept state and from between two; before, inside and at a change of prompts."""
    tree = Branches(_under(engine, preset), TIMELINE, 3, every_blocks=2, size_px=SMALL_PX)
    whole = _made(tree.root, BLOCKS)
    assert set(tree.root.kept_blocks) >= {2, 4, 6}
    for block in (1, 2, 3, 5, 7) if preset is PLAIN else (3, 7):
        made = _made(tree.root.branch(block), min(3, BLOCKS - block))
        assert min(made) == block
        assert _same(whole, made), block


def test_a_branch_from_block_20_equals_a_session_without_a_tree(engine):
    session = engine.session(TIMELINE, 3, size_px=SMALL_PX)
    plain = {block.index: block.frames for block in session.blocks(23)}
    tree = Branches(engine, TIMELINE, 3, every_blocks=8, size_px=SMALL_PX)
    _made(tree.root, 21)
    assert tree.root.kept_blocks == (8, 16)
    assert _same(plain, _made(tree.root.branch(20), 3))


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("block", [2, 3, 5])
def test_a_new_prompt_goes_on_as_a_video_that_had_it_from_the_start(engine, block, behind):
    """In place of a planned switch, and inside a transition, with one of its own."""
    engine = Engine(engine.model, PLAIN.with_(decode_behind=behind, window_cache="ring"))
    tree = Branches(engine, TIMELINE, 3, every_blocks=2, size_px=SMALL_PX)
    whole = _made(tree.root, 7)
    other = tree.root.branch(block, STAR, Transition(blocks=2))
    past = TIMELINE.before(block)
    assert other.session.timeline == Timeline((*past, Entry(3 * block, STAR, Transition(blocks=2))))
    straight = engine.session(other.session.timeline, 3, size_px=SMALL_PX)
    right = {made.index: made.frames for made in straight.blocks(block + 3)}
    made = _made(other, 3)
    assert all(np.array_equal(made[number], right[number]) for number in made)
    assert not np.array_equal(made[block], whole[block])
    assert other.session.landings == straight.landings


def test_the_prompt_in_force_is_no_change_however_it_is_typed(engine):
    """At block 20 of a steered video: no entry, no re-cache, the same pictures."""
    tree = Branches(engine, TIMELINE, 3, every_blocks=4, size_px=SMALL_PX)
    whole = _made(tree.root, 22)
    for again in (STAR, f"  {STAR.replace(' ', '   ')} "):
        same = tree.root.branch(20, again)
        assert same.session.timeline == TIMELINE
        assert _same(whole, _made(same, 2))
    other = tree.root.branch(20, STAR, Transition(recache=False, blocks=1))
    assert len(other.session.timeline.entries) == 4


def test_the_prompt_in_force_leaves_out_what_was_planned_later(engine):
    tree = Branches(engine, TIMELINE, 3, every_blocks=2, size_px=SMALL_PX)
    whole = _made(tree.root, 3)
    red = tree.root.branch(1, RED)
    assert red.session.timeline == Timeline.of(RED)
    made = _made(red, 2)
    assert np.array_equal(made[1], whole[1])
    assert not np.array_equal(made[2], whole[2])


def test_a_cut_inside_a_transition_to_the_same_prompt_ends_it(engine):
    """Blocks 2 and 3 blend to it: only from block 4 on it is in force."""
    tree = Branches(engine, TIMELINE, 3, every_blocks=2, size_px=SMALL_PX)
    whole = _made(tree.root, 4)
    cut = tree.root.branch(3, BLUE)
    assert cut.session.timeline.entries[-1] == Entry(9, BLUE)
    assert not np.array_equal(_made(cut, 1)[3], whole[3])
    assert tree.root.branch(4, BLUE).session.timeline.entries == TIMELINE.entries[:2]


def test_branches_form_a_tree_that_can_be_walked(engine):
    tree = Branches(engine, RED, 3, every_blocks=2, size_px=SMALL_PX)
    _made(tree.root, 4)
    blue = tree.root.branch(2, BLUE)
    _made(blue, 3)
    star, back = blue.branch(4, STAR), tree.root.branch(3)
    assert list(tree.root.walk()) == [tree.root, blue, star, back]
    assert star.path == (tree.root, blue, star)
    assert (star.parent, star.block, star.session.next_block) == (blue, 4, 4)
    assert star.session.timeline == Timeline.of(RED, (6, BLUE), (12, STAR))
    assert repr(star) == f"Branch(block=4, next_block=4, [{RED!r}, {BLUE!r}, {STAR!r}])"


def test_a_branch_reaches_back_into_the_past_of_its_parents(engine):
    """From a block that is the root's, and from a block of its own without a kept state."""
    tree = Branches(engine, RED, 3, every_blocks=2, size_px=SMALL_PX)
    _made(tree.root, 5)
    blue = tree.root.branch(3, BLUE)
    straight = engine.session(blue.session.timeline, 3, size_px=SMALL_PX)
    right = {made.index: made.frames for made in straight.blocks(7)}
    _made(blue, 4)
    assert blue.kept_blocks == (4, 6)
    for block in (1, 2, 3, 5):
        again = _made(blue.branch(block), 2)
        assert all(np.array_equal(again[number], right[number]) for number in again), block


def test_states_keep_within_their_bytes_and_the_oldest_are_thinned_first(engine):
    tree = Branches(engine, RED, every_blocks=1, size_px=SMALL_PX)
    _made(tree.root, 5)
    assert tree.root.kept_blocks == (1, 2, 3, 4, 5)[: len(tree.root.kept_blocks)]
    tree.states.limit_bytes = tree.states.nbytes  # what four or five states take
    kept, whole = [], {}
    for block in tree.root.blocks(6):
        whole[block.index] = block.frames
        assert tree.states.nbytes <= tree.states.limit_bytes
        kept.append(tree.root.kept_blocks)
    gaps = np.diff([0, *kept[-1]])
    assert max(gaps) <= 2 * (len(whole) + 5) / len(kept[-1])
    assert list(gaps) == sorted(gaps, reverse=True)
    assert kept[-1][-1] == tree.root.session.next_block - 1
    assert _same(whole, _made(tree.root.branch(7), 2))


def test_without_room_for_any_state_a_branch_is_made_from_the_start(engine):
    tree = Branches(engine, TIMELINE, 3, every_blocks=1, limit_bytes=0, size_px=SMALL_PX)
    whole = _made(tree.root, 5)
    assert (tree.root.kept_blocks, tree.states.nbytes) == ((), 0)
    assert _same(whole, _made(tree.root.branch(4), 1))


def test_a_branch_may_be_taken_while_its_parent_goes_on(engine):
    tree = Branches(engine, TIMELINE, 3, every_blocks=2, size_px=SMALL_PX)
    whole, begun = {}, threading.Event()

    def go_on():
        for block in tree.root.blocks(BLOCKS):
            whole[block.index] = block.frames
            if block.index == 4:
                begun.set()

    thread = threading.Thread(target=go_on)
    thread.start()
    assert begun.wait(60)
    branch = tree.root.branch(4)
    made = _made(branch, 2)
    thread.join()
    assert _same(whole, made)


def test_adapters_that_have_changed_since_are_told_before_blocks_are_made_again():
    engine = Engine.load("tiny", PLAIN)
    tree = Branches(engine, RED, 3, every_blocks=2, size_px=SMALL_PX)
    whole = _made(tree.root, 4)
    engine.use_adapters({"own": 0.5})
    with pytest.raises(SessionError, match=r"adapters were {'own': 1.0} before block 3, and now"):
        tree.root.branch(3)
    other = _made(tree.root.branch(2), 1)  # from a kept state, on with the present scales
    assert not np.array_equal(whole[2], other[2])
    engine.use_adapters({"own": 1.0})
    assert _same(whole, _made(tree.root.branch(3), 1))


def test_a_video_that_went_on_under_another_preset_is_left_only_before_that(engine):
    tree = Branches(engine, RED, size_px=SMALL_PX)
    _made(tree.root, 1)
    other = engine.under(engine.preset.with_(name="more", denoise_steps=(1000, 250)))
    other.take_over(tree.root.session)
    engine.take_over(tree.root.session)
    tree.root.branch(1)  # no block was made under the other one
    for one in (other, engine):
        one.take_over(tree.root.session)
        _made(tree.root, 1)
    with pytest.raises(SessionError, match=r"from block 1 on, and no branch .* at block 2"):
        tree.root.branch(2)
    whole = _made(engine.session(RED, size_px=SMALL_PX), 3)
    assert _same(whole, _made(tree.root.branch(1), 2))  # under the tree's own preset


def test_a_released_branch_takes_its_states_and_its_children_along_and_keeps_none_any_more(engine):
    tree = Branches(engine, TIMELINE, 3, every_blocks=1, size_px=SMALL_PX)
    list(tree.root.blocks(4))
    own = tree.states.count
    gone = tree.root.branch(2, STAR)
    list(gone.blocks(2))
    keeper, late = tree._keepers[gone], tree.states.latest(tree._keepers[gone], 4)
    child = gone.branch(3)
    stays = tree.root.branch(3, BLUE)
    gone.release()
    assert list(tree.root.walk()) == [tree.root, stays]
    assert tree.states.count == own
    list(gone.blocks(2))  # whoever holds it may go on with it
    tree.states.add(keeper, late)  # as of a block that was in the making
    assert tree.states.count == own
    for released in (gone, child):
        with pytest.raises(SessionError, match=r"was released: use one that root\.walk\(\) gives"):
            released.branch(3)
    with pytest.raises(SessionError, match="the first video is what all others have left"):
        tree.root.release()


@pytest.mark.fault(
    "What is asked for",
    "a branch is asked for that cannot be",
    "a sentence, and no branch",
)
def test_bad_input_is_told_and_leaves_no_branch(engine):
    with pytest.raises(SessionError, match="every_blocks 0 is out of range: use 1 or more"):
        Branches(engine, RED, every_blocks=0)
    with pytest.raises(SessionError, match="limit_bytes -1 is out of range"):
        Branches(engine, RED, limit_bytes=-1)
    tree = Branches(engine, RED, size_px=SMALL_PX)
    _made(tree.root, 1)
    with pytest.raises(SessionError, match="block 2 is out of range: use 0 to 1"):
        tree.root.branch(2)
    with pytest.raises(TimelineError, match="is empty"):
        tree.root.branch(1, " ")
    assert tree.root.children == []
