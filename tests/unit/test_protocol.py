"""The messages of kernel and page; `js/test/protocol.test.ts` reads the same fixtures."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from longlive_widget.cache.occupancy import Occupancy
from longlive_widget.errors import LongLiveError, MessageError
from longlive_widget.timeline import Entry, Landing, Transition
from longlive_widget.widget.panel import (
    Loading,
    Measured,
    Panel,
    PresetOffer,
    SettingOffer,
    ValueOffer,
)
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
    Clip,
    ClipRequest,
    CodeRequest,
    Credit,
    Cut,
    Edit,
    Edited,
    Export,
    Exported,
    Failure,
    Gone,
    Heard,
    History,
    Import,
    Leave,
    Lock,
    Look,
    Node,
    Notice,
    Opening,
    PageTimes,
    PanelMessage,
    PartProfile,
    Pause,
    Profile,
    ProfileMessage,
    Read,
    Reading,
    Receipt,
    Record,
    Release,
    Reseed,
    Reset,
    Resize,
    Resume,
    SideRecord,
    Start,
    State,
    StateMessage,
    Still,
    StillRequest,
    Stop,
    SweepState,
    Switch,
    TileFigures,
    Tiles,
    Time,
    TimeRequest,
    TreeMessage,
    Use,
    Walk,
    encode,
    parse,
)
from tests.browser.stream import block_message

FIXTURES = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "protocol.json").read_text(encoding="utf-8")
)
STAR = Landing("a blue star", asked_at=22, lands_at=24, block=8)
MARKS = (
    Landing("a red ball", 0, 0, 0),
    Landing("eine gelbe Kugel ⭐ <b>", 9, 9, 3, replaced_by="a green square"),
    STAR,
)
STEPS_MS = {"steps": 250.0, "step 1": 130.5, "step 2": 119.0}
PARTS_MS = {"re-cache": 30.5, **STEPS_MS, "decode": 120.25, "transfer": 2.25}
SHOWN_IN = Occupancy(9, (0, 1, 2, 24, 25, 26, 21, 22, 23), (0, 1, 2), (24, 25, 26), (21, 22, 23))
UNSEEN_IN = Occupancy(9, (0, 1, 2, 24, 25, 26, 27, 28, 29), (0, 1, 2), (27, 28, 29), (24, 25, 26))
MIB = 2**20
SHOWN = BlockRecord(
    8, 24, 93, 12, "a blue star", "reference", STAR, 412.5, PARTS_MS, 3.25, 1, displayed=True,
    window=SHOWN_IN, window_bytes=6 * MIB, host_bytes=900 * MIB, device_bytes=None,
    device_reserved_bytes=None, page=PageTimes(4.5, 2.0, 31.25), in_full="a big blue star bounces",
)  # fmt: skip
UNSEEN = BlockRecord(
    9, 27, 105, 12, 'a "blue" star, <b>', "quality", None, 380.0, {}, 3.0, 0, displayed=False,
    window=UNSEEN_IN, window_bytes=6 * MIB, host_bytes=901 * MIB, device_bytes=300 * MIB,
    device_reserved_bytes=512 * MIB, profiled=True,
)  # fmt: skip
PARTS = (PartProfile("self attention", 96.5, 0.5, 40), PartProfile("feed-forward up", 80.0, 0, 40))
FOUND = BlockProfile(9, 380.0, 350.5, 12.25, PARTS)
ABOUT = ("tiny", "reference", "trained", ("the window is in int8 instead of FP8",), 160, 96, 3, 16)
ARC = Transition(4, "slerp", recache=False)
ENTRIES = (Entry(0, "a red ball"), Entry(9, "a green square"), Entry(22, "a blue star", ARC))
FILMED = ("longlive-1.mp4", "avc1.f4000a", "h264")
PLANNED = (11, 4, ENTRIES, ("a red ball bounces",))
STATE = State(9, "running", 2, *ABOUT, 7, 10, 1, *FILMED, MARKS, *PLANNED)
SIDES = (
    SideRecord(410.5), SideRecord(302.25, psnr_db=31.5, ssim=0.97),
    SideRecord(411.0, equal=True, ssim=1.0),
)  # fmt: skip
TILED = replace(SHOWN, sides=SIDES, gain=8)
FIGURES = (
    TileFigures(410.5, 34.21, 734_003_200),
    TileFigures(302.25, 25.19, 734_003_200, psnr_db=31.5, ssim=0.97),
)
IN_STEP = replace(
    STATE,
    tiles=Tiles(3, 1, ("reference", "turbo <b>"), 8, compared=True),
    sweep=SweepState(FIGURES, making=True, told="2 of 4 videos are made"),
    compiles=True,
)
CUT = {"blocks": 0, "blend": "linear", "recache": True}
ROWS = [{"latent_frame": 33, "prompt": "eine gelbe Kugel ⭐ <b>", "transition": CUT}]
REFERENCE = PresetOffer(
    "reference",
    "what all others are compared with",
    {},
    "now",
    "",
    Measured(310.5, 38.6, 12, on_record=False),
    recommended=True,
)
CHANGES = {
    "denoise_steps": (1000, 500, 250),
    "compiled": "default",
    "memory_pool": True,
    "prompt_cache": 8,
}
WHY = "compiled needs a model with code that is compiled for it"
TURBO = PresetOffer("turbo", "3 steps <b>", CHANGES, "reload", WHY, None, recommended=False)
OFF, ON = ValueOffer(value=False, way="now", why=""), ValueOffer(value=True, way="live", why="")
NONE, TUNED = ValueOffer(None, "now", ""), ValueOffer("max-autotune", "refused", "no graphs here")
BITS, ROUNDED = "the same picture, to the bit", "the same picture, up to rounding"
STEPS = (1000, 750, 500, 250)
SETTINGS = (
    SettingOffer("memory_pool", "switch", False, False, BITS, (OFF, ON), "live"),  # noqa: FBT003
    SettingOffer("denoise_steps", "steps", STEPS, STEPS, "another picture", (), "live"),
    SettingOffer("decode_frames", "number", None, None, ROUNDED, (), "live"),
    SettingOffer("compiled", "choice", None, None, ROUNDED, (NONE, TUNED), "reload"),
)
PANEL = Panel(
    preset="reference",
    seed_locked=True,
    own_size=(160, 96),
    presets=(REFERENCE, TURBO),
    settings=SETTINGS,
    advice="reference: 310.5 ms a block",
    loading=Loading("turbo", "loading weights", 1.5, None, cancelled=False),
)
AT_REST = Panel("reference", False, (160, 96), (), (), "", None)  # noqa: FBT003
NODES = (
    Node(0, None, 0, 9, "a red ball", (4, 8), pictured=False),
    Node(1, 0, 5, 7, 'a "blue" star, <b>', (), pictured=True),
)
TO_PAGE = {
    "tree": TreeMessage(
        NODES, 1, 2, 46_000_000, 256 * MIB, 3, branching=False, left_bytes=46_000_000
    ),
    "tree without a video": TreeMessage((), None, 0, 0, 256 * MIB, 0, branching=True, left_bytes=0),
    "panel": PanelMessage(PANEL),
    "panel at rest": PanelMessage(AT_REST),
    "block": BlockMessage(2, SHOWN, "h264", 11, 98765.5),
    "block for one view": BlockMessage(2, SHOWN, "jpeg", 11, 98765.5, "12-34"),
    "block that is not displayed": BlockMessage(2, UNSEEN, "h264", 11, 98765.5),
    "block whose first pictures came before": BlockMessage(2, SHOWN, "h264", 11, 98765.5, given=4),
    "opening": Opening(2, 8, 93, "a blue star", "h264"),
    "state": StateMessage(STATE),
    "state of videos in step": StateMessage(IN_STEP),
    "block of videos in step": BlockMessage(2, TILED, "h264", 11, 98765.5),
    "history": History("12-34", 2, (SHOWN, UNSEEN)),
    "receipt": Receipt(STAR),
    "failure": Failure("RuntimeError: out of paint", "Traceback ..."),
    "failure of a prompt": Failure("prompt '' is empty", "", "prompt", "12-34"),
    "heard": Heard("12-34", 3),
    "notice": Notice("recorded 12.8 s to longlive-1.mp4"),
    "clip": Clip("12-34", "tiny-1-24.mp4"),
    "still": Still("12-34", 2, 98, kept=True),
    "still that is gone": Still("12-34", 1, 98, kept=False),
    "block that is gone": Gone("12-34", 2, 3),
    "asset": Asset("plotly"),
    "time": Time("12-34", 5000.25, 98765.5, 7, 2, 11, (10, 11)),
    "profile": ProfileMessage(2, FOUND),
    "profile of a first block": ProfileMessage(2, BlockProfile(1, 380.0, None, 380.0, ())),
    "edited": Edited("12-34", accepted=True),
    "exported": Exported("12-34", "text", "timeline.txt", "0: a red ball\n"),
    "reading": Reading("12-34", "a striped zebra", ("striped", "zebra"), ""),
}
TO_KERNEL = {
    "branch": BranchRequest("12-34", 2, 5, "a blue star"),
    "branch without a prompt": BranchRequest("12-34", 2, 5, None),
    "release": Release("12-34", 1),
    "walk": Walk("12-34", 1),
    "amplify": Amplify(16),
    "code": CodeRequest("12-34", None),
    "tile code": CodeRequest("12-34", 2),
    "use": Use("turbo"),
    "change": Change("denoise_steps", [1000, 500]),
    "cancel": Cancel(),
    "seed": Reseed(7),
    "dice": Reseed(None),
    "lock": Lock(locked=False),
    "size": Resize(96, 64),
    "start": Start(),
    "pause": Pause(),
    "resume": Resume(),
    "stop": Stop(),
    "reset": Reset(),
    "record": Record(),
    "cut": Cut(),
    "clip": ClipRequest("12-34", 30),
    "switch": Switch("eine gelbe Kugel ⭐ <b>", ARC),
    "profile": Profile(),
    "credit": Credit(2, 8, PageTimes(4.5, 2.0, 31.25), 98765.5),
    "credit of a block whose way is not known": Credit(2, 8, PageTimes()),
    "time": TimeRequest("12-34", 5000.25),
    "attach": Attach("12-34", ("h264", "jpeg")),
    "leave": Leave("12-34"),
    "look": Look("12-34", looking=False),
    "still": StillRequest("12-34", 2, 98),
    "block": BlockRequest("12-34", 2, 3),
    "asset": AssetRequest("plotly"),
    "edit": Edit("12-34", 4, 11, ROWS),
    "export": Export("12-34", "scope"),
    "import": Import("12-34", "mine.txt", "a red ball"),
    "read": Read("12-34", "a striped zebra"),
}


def test_every_message_is_among_the_fixtures():
    assert TO_PAGE.keys() == FIXTURES["to_page"].keys()
    assert TO_KERNEL.keys() == FIXTURES["to_kernel"].keys()


@pytest.mark.parametrize("name", TO_PAGE)
def test_a_message_is_encoded_as_the_page_reads_it(name):
    assert json.loads(json.dumps(encode(TO_PAGE[name]))) == FIXTURES["to_page"][name]


def test_the_prerecorded_stream_says_of_a_block_what_a_studio_says():
    """The one of `tests.browser.bars`, which no other test runs."""
    said, known = encode(block_message(1, 2.0)), FIXTURES["to_page"]["block"]
    assert said.keys() == known.keys()
    assert said["record"].keys() == known["record"].keys()


@pytest.mark.parametrize("name", TO_KERNEL)
def test_a_command_is_parsed_as_the_page_sends_it(name):
    assert parse(FIXTURES["to_kernel"][name]) == TO_KERNEL[name]


@pytest.mark.parametrize("name", FIXTURES["no_command"])
def test_what_is_no_command_is_refused_in_a_sentence(name):
    with pytest.raises(LongLiveError, match=r"\w+ .*\w+"):
        parse(FIXTURES["no_command"][name])


@pytest.mark.parametrize("command", ["credit", "time"])
def test_a_number_that_no_float_can_be_is_refused_in_a_sentence(command):
    content = FIXTURES["to_kernel"][command]
    for field in (name for name, value in content.items() if isinstance(value, float)):
        with pytest.raises(MessageError, match=rf"{field} 10+\.\.\.0+ of command .* of 64 bits"):
            parse(content | {field: 10**400})


def test_messages_load_without_torch():
    probe = "import sys, longlive_widget.widget.protocol; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
