"""A run is kept as a manifest, and made again from it, hash by hash."""

import gc
import getpass
import hashlib
import json
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from longlive_widget import Engine, Entry, Manifest, Recording, Timeline, Transition, replay
from longlive_widget.cli import main
from longlive_widget.engine.fingerprint import fingerprint
from longlive_widget.engine.source import model_folder
from longlive_widget.errors import ManifestError, ModelNotFoundError, OutputError
from longlive_widget.presets import PRESETS
from longlive_widget.runs.logbook import Logbook, maker_of
from longlive_widget.runs.manifest import VERSION, picture_hashes
from longlive_widget.runs.recording import RecordingFolder
from longlive_widget.runs.replay import differences
from longlive_widget.timeline import Taken
from longlive_widget.widget.runner import Runner
from longlive_widget.widget.tape import records_of, state_of

RED, BLUE, STAR = "a red ball moves right on black", "it turns blue", "a big yellow star spins"
SMALL_PX = (64, 48)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", PRESETS["reference"].with_(denoise_steps=(1000, 500)))


@pytest.fixture(scope="module")
def run(engine) -> Manifest:
    """Five blocks, with a live switch that is blended in."""
    session = engine.session(RED, seed=3, size_px=SMALL_PX)
    logbook = Logbook(engine, session)
    _add(logbook, session, 2)
    session.switch(BLUE, Transition(blocks=2))
    _add(logbook, session, 3)
    return logbook.manifest()


def _add(logbook, session, blocks):
    for block in session.blocks(blocks):
        logbook.add(session, block.index, picture_hashes(block.frames), 12.5, {"steps": 9.0})


def test_a_manifest_read_back_is_the_one_that_was_written(run, tmp_path):
    assert Manifest.read(run.write(tmp_path / "run.json")) == run
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_manifest_says_where_live_switches_landed_and_a_hash_for_each_picture(run):
    assert run.timeline == Timeline.of(RED, Entry(6, BLUE, Transition(blocks=2)))
    assert [(each.prompt, each.lands_at, each.block) for each in run.landings] == [
        (RED, 0, 0),
        (BLUE, 6, 2),
    ]
    assert [len(line.pictures) for line in run.blocks] == [9, 12, 12, 12, 12]
    assert len({*(h for line in run.blocks for h in line.pictures)}) == run.pictures == 57


def test_a_manifest_says_what_a_prompt_was_taken_as_and_so_do_a_player_and_a_part_of_it(run):
    in_full = "a blue ball moves right on black"
    assert run.taken == (Taken(2, in_full, alone=False),)
    assert (run.up_to(2).taken, run.since(3).taken) == ((), run.taken)
    assert [record.in_full for record in records_of(run)] == ["", "", in_full, in_full, in_full]
    alone = replace(run, taken=(Taken(2, BLUE, alone=True),))
    assert [record.alone for record in records_of(alone)] == [False, False, True, True, True]
    assert {record.in_full for record in records_of(alone)} == {""}


def test_a_replay_tells_of_prompts_that_are_taken_otherwise_but_not_where_that_is_not_known(
    engine, run
):
    in_full = "a blue square moves right on black"
    last = replace(run.blocks[4], pictures=tuple("0" * 64 for _ in run.blocks[4].pictures))
    other = replace(run, taken=(Taken(2, in_full, alone=False),), blocks=(*run.blocks[:4], last))
    assert replay(other, engine=engine).reasons == (
        f"{BLUE!r} was taken as {in_full!r}, here it is as {run.taken[0].in_full!r}",
    )
    assert replay(replace(other, taken=run.taken), engine=engine).reasons == ()
    assert replay(replace(other, taken=None), engine=engine).reasons == ()


def test_a_manifest_at_the_end_of_a_cell_is_one_line(run):
    maker = f"'tiny', preset={run.maker.preset.name!r}, seed=3"
    assert repr(run) == f"Manifest({maker}, 5 blocks from 0 on, 57 pictures)"
    assert repr(run.since(2)) == f"Manifest({maker}, 3 blocks from 2 on, 36 pictures)"


def test_a_hash_is_that_of_the_bytes_of_one_picture():
    frames = np.zeros((2, 16, 16, 3), np.uint8)
    frames[1, 0, 0, 0] = 1
    assert picture_hashes(frames) == tuple(
        hashlib.sha256(picture).hexdigest() for picture in (bytes(768), b"\1" + bytes(767))
    )


def test_a_manifest_names_no_folder_and_no_user(run):
    text = run.text()
    for private in (str(Path.home()), getpass.getuser(), str(Path.cwd())):
        assert len(private) < 5 or private not in text


def test_a_replay_gives_every_picture_to_the_bit(engine, run):
    found = replay(run, engine=engine)
    assert found.equal
    assert str(found) == "equal: all 57 pictures of 5 blocks, to the bit"


def test_a_replay_says_from_which_picture_on_and_why(engine, run):
    """Other steps; and a run whose hash of one picture in block 3 is another."""
    other = Engine(engine.model, engine.preset.with_(denoise_steps=(1000, 250)))
    found = replay(run, engine=other)
    assert (found.equal, found.different[0], found.different_block) == (False, 0, 0)
    assert "denoise steps of the preset was (1000, 500), here it is (1000, 250)" in str(found)

    line = run.blocks[3]
    wrong = replace(line, pictures=(*line.pictures[:5], "0" * 64, *line.pictures[6:]))
    found = replay(replace(run, blocks=(*run.blocks[:3], wrong, run.blocks[4])), engine=engine)
    assert found.different == (9 + 12 + 12 + 5,)
    assert found.different_block == 3
    assert "different from picture 38 on (block 3): 1 of 57 pictures are others" in str(found)
    assert "nothing that a manifest knows of is another" in str(found)


def test_a_replay_of_a_recording_says_by_how_much_each_block_is_another(engine, tmp_path):
    session = engine.session(RED, seed=3, size_px=SMALL_PX)
    logbook, made = Logbook(engine, session), []
    with (
        RecordingFolder(tmp_path / "exact", session.geometry, lossless=True) as exact,
        RecordingFolder(tmp_path / "lossy", session.geometry) as lossy,
    ):
        for block in session.blocks(2):
            page = logbook.add(session, block.index, picture_hashes(block.frames), 9.0, {})
            made.append(block.frames)
            exact.append(block.frames, page.manifest())
            lossy.append(block.frames, page.manifest())
    equal = replay(tmp_path / "exact", engine=engine)
    assert (equal.equal, equal.psnr_db, equal.measured_on) == (True, {}, None)

    other = Engine(engine.model, engine.preset.with_(denoise_steps=(1000, 250)))
    remade = []
    found = replay(
        str(tmp_path / "exact"), engine=other, on_block=lambda block: remade.append(block.frames)
    )
    for number, (then, now) in enumerate(zip(made, remade, strict=True)):
        error = ((then.astype(float) - now) ** 2).mean()
        assert found.psnr_db[number] == pytest.approx(10 * np.log10(255**2 / error))
    assert f"against the pictures as they were made: 0: {found.psnr_db[0]:.1f} dB, 1: " in str(
        found
    )
    near = replay(Recording.open(tmp_path / "lossy"), engine=other)
    assert near.measured_on == "a video with loss"
    assert near.psnr_db[0] == pytest.approx(found.psnr_db[0], abs=2)


def test_adapters_that_change_on_the_way_are_replayed_and_put_back(engine):
    own = Engine.load("tiny", engine.preset)
    session = own.session(RED, size_px=SMALL_PX)
    logbook = Logbook(own, session)
    _add(logbook, session, 2)
    own.use_adapters({"own": 0.5})
    _add(logbook, session, 2)
    run = logbook.manifest()
    assert [(swap.block, swap.scales) for swap in run.adapters] == [
        (0, {"own": 1.0}),
        (2, {"own": 0.5}),
    ]
    assert replay(run).equal
    assert replay(run, engine=own).equal
    assert own.adapters == {"own": 0.5}


def test_an_adapter_that_no_engine_has_is_named(engine, run):
    (swap,) = run.adapters
    with pytest.raises(ManifestError, match="has an adapter 'x', which no manifest holds: add it"):
        replay(replace(run, adapters=(replace(swap, scales={"x": 1.0}),)), engine=engine)


def test_differences_tell_weights_versions_and_machines(engine):
    maker = maker_of(engine)
    assert differences(maker, maker) == ()
    weights = replace(maker, fingerprints=maker.fingerprints | {"decoder": "0" * 64})
    assert differences(maker, weights) == (
        "the model's decoder has other weights (SHA-256) than then",
    )
    machine = replace(maker, machine=replace(maker.machine, device="H100", device_type="cuda"))
    assert differences(machine, maker)[0] == "device type was cuda, here it is cpu"
    versions = replace(maker, versions=replace(maker.versions, torch="9.9"))
    (said,) = differences(versions, maker)
    assert said.startswith("torch was 9.9, here it is 2.")
    unseen = replace(maker, preset=maker.preset.with_(prompt_cache=8))
    assert differences(unseen, maker) == ()


def test_a_fingerprint_is_of_the_weights_as_they_were_loaded(engine):
    before = fingerprint(engine.model)
    eight_bits = Engine.load("tiny", engine.preset.with_(linear_dtype="fp8"), emulate=True)
    eight_bits.use_adapters({})
    assert fingerprint(eight_bits.model) == before
    random = fingerprint(Engine.load("tiny", weights="random").model)
    assert {part for part in random if random[part] == before[part]} == {"tokenizer"}


def test_an_engine_is_let_go_once_a_run_went_on_with_another_model(engine):
    first = Engine.load("tiny", engine.preset, emulate=True)
    session = first.session(RED, size_px=SMALL_PX)
    logbook = Logbook(first, session)
    _add(logbook, session, 1)
    before = fingerprint(first.model)
    first.under(engine.preset.with_(name="eight bits", linear_dtype="fp8")).take_over(session)
    _add(logbook, session, 2)
    gone = weakref.ref(first.model)
    del first
    gc.collect()
    assert gone() is None, "its weights are those of the model that went on"
    run = logbook.manifest()
    assert (run.maker.fingerprints, run.maker.preset) == (before, engine.preset)
    assert replay(run).equal


def test_blocks_are_noted_while_a_manifest_is_read(engine, monkeypatch):
    session = engine.session(RED, size_px=SMALL_PX)
    logbook = Logbook(engine, session)
    _add(logbook, session, 2)
    noted = []

    class Reading:
        dumps = json.dumps

        @staticmethod
        def loads(text) -> dict:
            adding = threading.Thread(target=_add, args=(logbook, session, 1))
            adding.start()
            adding.join(10)
            noted.append(not adding.is_alive())
            return json.loads(text)

    monkeypatch.setattr("longlive_widget.runs.logbook.json", Reading)
    assert [line.block for line in logbook.manifest().blocks] == [0, 1]
    assert noted == [True, True]
    monkeypatch.undo()
    assert [line.block for line in logbook.manifest().blocks] == [0, 1, 2, 3]


def test_a_run_that_went_on_under_other_presets_is_replayed_with_each_change(engine, tmp_path):
    """Fewer steps from block 1, FP8 numbers and an adapter's other scale from block 3."""
    own = Engine.load("tiny", engine.preset, emulate=True)
    session = own.session(RED, size_px=SMALL_PX)
    logbook = Logbook(own, session)
    _add(logbook, session, 1)
    present = own.under(own.preset.with_(name="one", denoise_steps=(1000,)))
    present.take_over(session)
    _add(logbook, session, 2)
    present = present.under(own.preset.with_(name="eight bits", linear_dtype="fp8"))
    present.use_adapters({"own": 0.5})
    present.take_over(session)
    _add(logbook, session, 2)
    run = Manifest.read(logbook.write(tmp_path / "run.json"))
    assert [(turn.block, turn.preset.name) for turn in run.presets] == [
        (1, "one"),
        (3, "eight bits"),
    ]
    assert run.presets[0].preset.attention == run.maker.attention
    assert [len(turn.fallbacks) for turn in run.presets] == [0, 1]
    assert "FP8 that is emulated" in run.presets[1].fallbacks[0]
    assert replay(run).equal
    found = replay(replace(run, presets=run.presets[:1]))
    assert (found.equal, found.different_block) == (False, 3)


def test_a_run_tells_what_stood_in_under_a_preset_that_took_over(tmp_path):
    """In the manifest, in a page of it, to a player, and where a replay is another."""
    quick = PRESETS["reference"].with_(denoise_steps=(1000,))
    own = Engine.load("tiny", quick, device="cpu", allow_fallback=True)
    session = own.session(RED, size_px=SMALL_PX)
    logbook = Logbook(own, session)
    _add(logbook, session, 1)
    present = own.under(quick.with_(name="eight bits", linear_dtype="fp8"))
    present.take_over(session)
    _add(logbook, session, 1)
    run = Manifest.read(logbook.write(tmp_path / "run.json"))
    (sentence,) = present.fallbacks
    assert sentence.startswith("the linear layers are in the model's numbers instead of FP8")
    assert [turn.fallbacks for turn in run.presets] == [(sentence,)]
    assert run.maker.fallbacks == run.up_to(1).fallbacks == ()
    assert run.fallbacks == state_of(run).fallbacks == (sentence,)
    last = replace(run.blocks[1], pictures=tuple("0" * 64 for _ in run.blocks[1].pictures))
    other = replay(replace(run, blocks=(run.blocks[0], last)), engine=own)
    assert f"{sentence} (then, from block 1 on)" in other.reasons


def test_a_manifest_of_the_first_version_is_read_as_one_under_one_preset(run):
    said = json.loads(run.text())
    first = _without(_without(said, "presets"), "taken") | {"version": 1}
    assert Manifest.from_json(json.dumps(first)) == replace(run, taken=None)


def test_a_run_that_was_begun_without_a_block_has_no_manifest(engine):
    logbook = Logbook(engine, engine.session(RED))
    with pytest.raises(ManifestError, match="nothing was made yet: make a block first"):
        logbook.manifest()


def test_a_paced_run_with_switches_and_replans_replays_in_a_new_process(tmp_path):
    """Live switches, a transition, one without re-cache, and a replan, while a studio plays."""
    engine = Engine.load("tiny", PRESETS["quality"].with_(denoise_steps=(1000, 500)))
    runner = Runner(engine, Timeline.of(RED, (24, STAR)), 5, lambda *_: None)

    def steer(block):
        if block.index == 1:
            runner.plan.switch(BLUE, Transition(blocks=2, blend="slerp"))
        elif block.index == 3:
            plan = Timeline((*runner.plan.timeline.before(runner.state().begun), Entry(27, STAR)))
            runner.plan.replan(plan)
        elif block.index == 5:
            runner.plan.switch(RED, Transition(recache=False))
        elif block.index == 10:
            runner.pause()

    runner.on_block(steer)
    runner.start()
    for _ in range(600):
        if runner.status == "paused":
            break
        runner._thread.join(0.1)
    run = runner.manifest()
    runner.close()
    assert [each.prompt for each in run.landings] == [RED, BLUE, RED, STAR]
    assert len(run.blocks) >= 11
    path = run.write(tmp_path / "run.json")
    command = [sys.executable, "-m", "longlive_widget", "replay", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert f"equal: all {run.pictures} pictures" in done.stdout, done.stderr
    assert done.returncode == 0


DAMAGED = {
    "cut off": (lambda said: json.dumps(said)[:-40], "no whole JSON"),
    "something else": (lambda _: "[1, 2]", "no manifest: its format is not 'longlive-widget run'"),
    "a later version": (
        lambda said: json.dumps(said | {"version": VERSION + 1}),
        f"has version {VERSION + 1}, and versions up to {VERSION} are known here: update",
    ),
    "no version": (
        lambda said: json.dumps(said | {"version": "x"}),
        "version 'x' of this manifest",
    ),
    "no seed": (lambda said: json.dumps(_without(said, "seed")), "has no field 'seed'"),
    "no blocks": (lambda said: json.dumps(_without(said, "blocks")), "has no 'blocks'"),
    "blocks of none": (lambda said: json.dumps(said | {"blocks": []}), "it has no block"),
    "another seed": (lambda said: json.dumps(said | {"seed": -1}), "seed -1 is out of range"),
    "a time of none": (lambda said: json.dumps(said | {"time": "soon"}), "is damaged: Invalid"),
    "infinite times": (lambda said: json.dumps(said | {"seed": float("inf")}), "Infinity is no"),
    "a block twice": (
        lambda said: json.dumps(said | {"blocks": said["blocks"][:1] * 2}),
        "block 0 stands where block 1 belongs",
    ),
    "a picture too few": (
        lambda said: json.dumps(_with_block(said, pictures=said["blocks"][0]["pictures"][:-1])),
        "block 0 has 8 pictures, and 9 belong there",
    ),
    "a hash of none": (
        lambda said: json.dumps(_with_block(said, pictures=["x"] * 9)),
        "hash 'x' of a picture is no SHA-256",
    ),
    "an unknown field": (
        lambda said: json.dumps(said | {"mood": 1}),
        "field 'mood' that version",
    ),
    "another timeline": (
        lambda said: json.dumps(said | {"timeline": said["timeline"][:1]}),
        "its landings are not those of its timeline",
    ),
    "a preset of none": (
        lambda said: json.dumps(
            said | {"maker": said["maker"] | {"preset": {"name": "x", "summary": 3}}}
        ),
        "summary 3 is not text",
    ),
    "a prompt that was taken where none landed": (
        lambda said: json.dumps(said | {"taken": [said["taken"][0] | {"block": 1}]}),
        "prompts were taken at blocks [1]",
    ),
    "a prompt that was taken twice": (
        lambda said: json.dumps(said | {"taken": said["taken"] * 2}),
        "prompts were taken at blocks [2, 2]",
    ),
    "a prompt that was taken as none": (
        lambda said: json.dumps(said | {"taken": [said["taken"][0] | {"in_full": 3}]}),
        "in_full 3 is no str",
    ),
    "adapters of none": (lambda said: json.dumps(said | {"adapters": []}), "adapters are said at"),
    "presets of none": (
        lambda said: json.dumps(said | {"presets": {"block": 1}}),
        "are no list of objects",
    ),
    "a preset after the end": (
        lambda said: json.dumps(said | {"presets": [_turn(said, block=5)]}),
        "presets took over at blocks [5]",
    ),
    "fallbacks that are no sentences": (
        lambda said: json.dumps(said | {"presets": [_turn(said, fallbacks=[3])]}),
        "a fallback 3 is no",
    ),
    "a maker of none": (lambda said: json.dumps(said | {"maker": 3}), "maker 3 has no fields"),
}


def _turn(said, block=1, fallbacks=()):
    return {"block": block, "preset": said["maker"]["preset"], "fallbacks": fallbacks}


def _without(said, name):
    return {key: value for key, value in said.items() if key != name}


def _with_block(said, pictures):
    first, *others = said["blocks"]
    return said | {"blocks": [first | {"pictures": pictures}, *others]}


@pytest.mark.parametrize(("damage", "told"), DAMAGED.values(), ids=DAMAGED)
def test_a_manifest_that_is_none_is_refused_in_one_sentence(run, tmp_path, damage, told):
    path = tmp_path / "run.json"
    path.write_text(damage(json.loads(run.text())))
    with pytest.raises(ManifestError, match=r"run\.json") as refused:
        Manifest.read(path)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.fault("Files that are read", "a manifest is cut off anywhere", "a sentence")
def test_no_byte_that_is_lost_goes_unseen(run):
    """Wherever the file is cut off, it is refused."""
    text = run.text().rstrip()
    for cut in np.random.default_rng(0).integers(0, len(text), 40):
        with pytest.raises(ManifestError):
            Manifest.from_json(text[:cut])


def test_a_manifest_is_written_whole_or_not_at_all(run, tmp_path):
    with pytest.raises(OutputError, match="is a folder"):
        run.write(tmp_path)
    (tmp_path / "run.json").write_text("older")
    broken = replace(run, seed=3)
    object.__setattr__(broken, "seed", object())  # fails while it is written
    with pytest.raises(TypeError):
        broken.write(tmp_path / "run.json")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_text() == "older"


def test_the_command_writes_a_manifest_and_replays_it_to_a_video(tmp_path, capsys):
    video, run, again = (tmp_path / name for name in ("x.mp4", "run.json", "again.mp4"))
    given = ["--prompt", RED, "--blocks", "2", "--size", "64x48", "--out", str(video)]
    assert main(["generate", *given, "--manifest", str(run)]) == 0
    assert main(["replay", str(run), "--out", str(again)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-2:] == ["equal: all 21 pictures of 2 blocks, to the bit", str(again)]
    assert again.read_bytes() == video.read_bytes()

    said = json.loads(run.read_text())
    said["maker"]["preset"]["denoise_steps"] = [1000, 500]
    run.write_text(json.dumps(said))
    assert main(["replay", str(run)]) == 1
    assert "different from picture 0 on (block 0): 21 of 21" in capsys.readouterr().out
    assert main(["replay", str(tmp_path / "no.json")]) == 2
    assert "cannot be read (No such file or directory)" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["someone/else", "../secret", "/etc", "tiny2"])
def test_a_manifest_opens_no_folder_and_fetches_nothing_by_a_name_of_its_own(
    run, tmp_path, monkeypatch, named
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny2").symlink_to(model_folder("tiny"))
    foreign = replace(run, maker=replace(run.maker, model=named))
    with pytest.raises(
        ModelNotFoundError, match=f"'{named}', which is none of tiny, longlive-1.3b"
    ):
        replay(foreign)
    assert replay(foreign, model=tmp_path / "tiny2").different == ()
