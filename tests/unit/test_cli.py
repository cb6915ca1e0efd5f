"""The command makes a video or says in one sentence why not."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import av
import pytest

from longlive_widget import Recording
from longlive_widget.cli import main
from longlive_widget.cli.videos import require_landings
from longlive_widget.engine.engine import Engine
from longlive_widget.engine.source import model_folder
from longlive_widget.errors import TimelineError
from longlive_widget.measure import judgement
from longlive_widget.measure.records import read
from longlive_widget.presets import PRESETS
from longlive_widget.timeline import Timeline
from longlive_widget.tiny import evaluate, train_autoencoder

PROMPT = "a red circle moves right over a blue ground"
SWITCH = "a yellow square moves up over a green ground"


def run(*arguments: object):
    """The exit code of the command, whether it returns it or exits with it."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        return stopped.code


def test_a_video_is_made_and_the_switch_is_told(tmp_path, capsys):
    out = tmp_path / "x.mp4"
    given = ["--seed", 3, "--blocks", 3, "--prompt", PROMPT, "--switch", 5, SWITCH, "--out", out]
    assert run("generate", *given) == 0
    with av.open(str(out)) as file:
        assert sum(1 for _ in file.decode(video=0)) == 9 + 12 + 12
    told = capsys.readouterr()
    assert f"{SWITCH!r} lands at latent frame 6 (block 2, 1.31 s), asked at 5" in told.out
    assert "33 pictures" in told.out
    assert "pictures/s" in told.out
    assert told.out.endswith(f"{out}\n")
    assert "left" in told.err


def test_the_same_seed_makes_the_same_file_and_another_one_another(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / f"{name}.mp4"
        assert run("generate", "--blocks", 1, "--seed", seed, "--prompt", PROMPT, "--out", out) == 0
    first, again, other = ((tmp_path / f"{name}.mp4").read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_all_presets_are_listed(capsys):
    assert run("presets") == 0
    told = capsys.readouterr().out
    for preset in PRESETS.values():
        assert preset.name in told
        assert preset.summary in told


BAD_INPUT = {
    "model without a name": (["--model", ""], "no model is called ''"),
    "unknown model": (
        ["--model", "tinny"],
        "'tinny': did you mean 'tiny'? there are tiny, longlive",
    ),
    "folder of no model": (["--model", "folder.mp4"], "folder.mp4 has no model.json"),
    "unknown preset": (
        ["--preset", "turbp"],
        "did you mean 'turbo'? there are reference, quality, balanced",
    ),
    "empty prompt": (["--prompt", " "], "prompt ' ' is empty"),
    "prompt of white space": (["--prompt", "&nbsp;"], "prompt '&nbsp;' is empty"),
    "empty prompt of a switch": (["--switch", 9, ""], "prompt '' is empty"),
    "negative switch": (["--switch", -3, "b"], "latent frame -3 is out of range: use 0 or more"),
    "switch at no number": (
        ["--switch", "soon", "it's b"],
        """'soon' is not a whole number: write --switch LATENT_FRAME 'it'"'"'s b'""",
    ),
    "switch the wrong way round": (
        ["--switch", "it's b", 9],
        """the latent frame comes before the prompt: write --switch 9 'it'"'"'s b'""",
    ),
    "switch at half a number": (
        ["--switch", 3.5, "b"],
        "is not a whole number: write --switch 4 b",
    ),
    "switches out of order": (["--switch", 9, "b", "--switch", 6, "c"], "6 comes after 9: sort"),
    "two switches at one place": (["--switch", 9, "b", "--switch", 9, "c"], "keep one of them"),
    "switch after the end": (["--blocks", 3, "--switch", 9, "b"], "make 4 blocks or more"),
    "no blocks": (["--blocks", 0], "0 blocks are no video: ask for 1 or more"),
    "blocks that are no number": (["--blocks", "few"], "'few' is not a whole number"),
    "seed that is no number": (
        ["--seed", "x"],
        "seed 'x' is not a whole number: use 0 to 4294967295",
    ),
    "negative seed": (["--seed", -1], "seed -1 is out of range: use 0 to 4294967295"),
    "large seed": (["--seed", 2**32], "seed 4294967296 is out of range: use 0 to 4294967295"),
    "missing folder": (["--out", "nowhere/x.mp4"], "the folder of 'nowhere/x.mp4' does not exist"),
    "no video file": (["--out", "x.gif"], "'x.gif' does not end in .mp4: call it 'x.mp4'"),
    "no name": (["--out", ""], "'' gives the video no name: call it 'video.mp4'"),
    "a name too long": (
        ["--out", "x" * 260 + ".mp4"],
        "(File name too long): give it another name",
    ),
    "a folder": (["--out", "folder.mp4"], "'folder.mp4' is a folder"),
    "unknown option": (
        ["--sede", 3],
        "generate: there is no '--sede': did you mean '--seed'? there are -h, --help, --prompt",
    ),
}


@pytest.mark.fault(
    "What is asked for",
    "the command is given what cannot be",
    "one sentence, and nothing is written",
)
@pytest.mark.parametrize(("arguments", "said"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_told_in_one_sentence_and_nothing_is_written(
    arguments, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.mp4").mkdir()
    assert run("generate", "--prompt", PROMPT, "--out", "x.mp4", *arguments) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.startswith("longlive-widget")
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert [path.name for path in tmp_path.rglob("*")] == ["folder.mp4"]


def test_what_is_left_out_is_named(capsys):
    assert run("generate") == 2
    assert "the following arguments are required: --prompt" in capsys.readouterr().err


@pytest.mark.parametrize("bad", [["--prompt", ""], ["--seed", "-1"]])
def test_bad_input_is_told_before_torch_is_loaded(tmp_path, bad):
    script = f"""
import atexit, os, sys
from longlive_widget.cli import main
atexit.register(lambda: "torch" in sys.modules and os._exit(90))
sys.exit(main(["generate", "--prompt", "a", *{bad}, "--out", {str(tmp_path / "x.mp4")!r}]))
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 2


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (["--blocks", 3, "--switch", 9, "b"], "make 4 blocks or more"),
        (["--out", "/proc/x.mp4"], "/proc/x.mp4'"),
        (["--preset", "turbo", "--model", "deep"], "keeps 8 latent frames, but 'tiny' needs 12"),
    ],
    ids=["switch after the end", "unwritable place", "preset too small for the model"],
)
def test_bad_input_is_told_before_weights_are_read(tmp_path, monkeypatch, capsys, bad, said):
    monkeypatch.chdir(tmp_path)
    sizes = json.loads((model_folder("tiny") / "model.json").read_text())
    for folder, sink_frames in (("shallow", 3), ("deep", 9)):  # the weights are missing
        (tmp_path / folder).mkdir()
        said_sizes = json.dumps(sizes | {"sink_frames": sink_frames})
        (tmp_path / folder / "model.json").write_text(said_sizes)
    given = ["--model", "shallow", "--prompt", PROMPT, "--out", "x.mp4"]
    assert run("generate", *given, *bad) == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_the_quality_of_a_model_is_printed_as_json_and_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train_autoencoder, "_UNSEEN_CLIPS", 1)
    monkeypatch.setattr(train_autoencoder, "_CLIPS_AT_ONCE", 1)
    monkeypatch.setattr(train_autoencoder, "_UNSEEN_PICTURES", 17)
    briefly = partial(evaluate.fewer_steps_psnr_db, blocks=1)
    monkeypatch.setattr(judgement, "fewer_steps_psnr_db", briefly)
    at_once = partial(evaluate.pictures_per_second, warm_up_blocks=1, blocks=1)
    monkeypatch.setattr(judgement, "pictures_per_second", at_once)
    monkeypatch.setattr(judgement, "TIMED_PRESET", "low_memory")  # nothing is compiled
    quick = tmp_path / "quick.yaml"
    quick.write_text("decoder: small\nname: quick\n", encoding="utf-8")
    given = ["--prompts", 1, "--long-prompts", 0, "--unusual-prompts", 1, "--json"]
    typed = tmp_path / "typed.jsonl"
    thing = {"shape": "ball", "color": "red", "size": "big", "motion": "bounces"}
    asked = {"prompt": "it's a giant red ball, bouncing", "things": [thing], "ground": "white"}
    typed.write_text(json.dumps({**asked, "prompt": f"{asked['prompt']}, white background"}))
    given += ["--written-prompts", typed]
    assert run("quality", *given, "--preset", quick, "--out", tmp_path / "records.jsonl") == 0
    found = json.loads(capsys.readouterr().out)
    (record,) = read(tmp_path / "records.jsonl")
    assert record.kind == "quality"
    assert record.preset.name == found["preset"] == "quick"
    assert record.facts["adherence_color"] == found["adherence"]["color"]
    assert record.samples["fewer_steps_psnr_db_2_steps"] == tuple(
        found["fewer_steps_psnr_db"]["2 steps"]
    )
    assert "adherence_at_block_200" not in record.facts
    assert found["adherence"]["ground"] == 1
    assert 25 < found["autoencoder_psnr_db"]["psnr_db"] < 40
    assert found["adherence_at_block_200"] is None
    assert found["adherence_in_unusual_words"]["ground"] == 1
    assert found["written_prompts"] == 1
    assert found["adherence_in_written_prompts"]["color"] == 1
    assert record.facts["adherence_in_written_prompts_color"] == 1
    assert [len(of_seeds) for of_seeds in found["fewer_steps_psnr_db"].values()] == [5] * 3
    assert found["pictures_per_second"] > 0
    bars = found["bars"]
    assert bars["adherence_ground"] == {"figure": 1.0, "bar": 0.97, "held": True}
    decibels = bars["autoencoder_psnr_db"]
    assert decibels["figure"] == found["autoencoder_psnr_db"]["psnr_db"]
    assert decibels["held"] == (decibels["figure"] >= 34)
    assert bars["block_200_against_10"] == {"figure": None, "bar": 0.97, "held": None, "count": 0}
    assert bars["pictures_per_second_balanced"]["figure"] != found["pictures_per_second"]
    assert all(bar.keys() >= {"figure", "bar", "held"} for bar in bars.values())


def test_the_command_alone_tells_what_there_is(capsys):
    assert run() == 0
    assert "generate" in capsys.readouterr().out


def test_what_the_model_does_not_read_of_a_prompt_is_told(tmp_path, capsys):
    long = f"{PROMPT}, " * 6 + "the end"
    given = ["--blocks", 1, "--prompt", long, "--out", tmp_path / "x.mp4"]
    assert run("generate", *given) == 0
    told = capsys.readouterr()
    assert f"prompt {long!r} is taken without '" in told.out
    assert "the end', for which it is too long, and without 'end', which tiny does" in told.out
    assert "Token indices" not in told.err


@pytest.mark.parametrize("words", [["presets"], ["generate", "--blocks", "few"]])
def test_the_package_is_run_as_the_command_is(words, capsys):
    done = subprocess.run(
        [sys.executable, "-m", "longlive_widget", *words], capture_output=True, text=True
    )
    code, told = run(*words), capsys.readouterr()
    assert (done.returncode, done.stdout, done.stderr) == (code, told.out, told.err)
    assert told.out or told.err


def started(out, stderr):
    """The command, making a video that takes minutes."""
    words = ["generate", "--blocks", "400", "--prompt", PROMPT, "--out", str(out)]
    return subprocess.Popen(
        [sys.executable, "-m", "longlive_widget", *words],
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def until(holds, process):
    while not holds():
        assert process.poll() is None
        time.sleep(0.02)


@pytest.fixture
def interruptible():
    """Children hear SIGINT, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.fault(
    "Threads, processes and clocks",
    "the command is ended by a signal",
    "it stops in order, and no half file is left",
)
@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_signal_stops_the_command_in_order_and_no_file_is_left(tmp_path):
    """Two at once: one is stopped while the weights are read, the other amid its pictures."""
    for name in ("early", "late"):
        (tmp_path / name).mkdir()
    told = tmp_path / "told"
    with told.open("wb") as stderr:
        early = started(tmp_path / "early" / "x.mp4", subprocess.DEVNULL)
        late = started(tmp_path / "late" / "x.mp4", stderr)
        until(lambda: list((tmp_path / "early").iterdir()), early)
        early.send_signal(signal.SIGTERM)
        until(lambda: b" of 4797 pictures" in told.read_bytes().replace(b" 0 of", b""), late)
        late.send_signal(signal.SIGINT)
        assert (early.wait(60), late.wait(60)) == (128 + signal.SIGTERM, 128 + signal.SIGINT)
    assert told.read_text().endswith("longlive-widget: stopped, nothing was written\n")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["told"]


def test_every_prompt_lands_before_the_video_ends():
    require_landings(Timeline.of("a", (24, "b")), blocks=9, block_frames=3)
    with pytest.raises(TimelineError, match=r"'b' lands at block 8, .* after 8 blocks: make 9"):
        require_landings(Timeline.of("a", (24, "b")), blocks=8, block_frames=3)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_was_swallowed_stops_the_command_at_its_next_block(tmp_path, monkeypatch):
    class Swallowing:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    kept, load = [Swallowing()], Engine.load

    def loaded(*given, **options: object):
        kept.clear()
        return load(*given, **options)

    monkeypatch.setattr(Engine, "load", loaded)
    arguments = ["generate", "--blocks", 2, "--prompt", PROMPT, "--out", tmp_path / "x.mp4"]
    assert run(*arguments) == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_the_size_of_a_video_is_that_which_was_asked_for(tmp_path):
    out = tmp_path / "x.mp4"
    assert run("generate", "--prompt", PROMPT, "--size", "64x32", "--blocks", 1, "--out", out) == 0
    with av.open(out) as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (64, 32)


def test_a_recording_is_written_and_plays(tmp_path, capsys):
    folder = tmp_path / "run"
    given = ("--prompt", PROMPT, "--size", "64x48", "--blocks", 2)
    assert run("generate", *given, "--recording", folder, "--lossless") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(folder)
    assert Recording.open(folder).different() == ()
    assert run("generate", *given, "--recording", folder) == 2
    assert "exists already: give the recording another name" in capsys.readouterr().err
    assert run("generate", *given) == 2
    assert "nowhere to write to: give --out x.mp4, or --rec" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "said"),
    [("100x96", "width 100 is not a positive multiple of 16"), ("832", "write width x height")],
)
def test_a_size_that_cannot_be_is_told(tmp_path, capsys, size, said):
    assert run("generate", "--prompt", PROMPT, "--size", size, "--out", tmp_path / "x.mp4") == 2
    assert said in capsys.readouterr().err


def test_a_preset_may_be_a_file_and_another_size_is_remarked(tmp_path, capsys):
    own = tmp_path / "mine.yaml"
    own.write_text("denoise_steps: [1000]\nname: mine\n", encoding="utf-8")
    made = ("--blocks", "1", "--size", "64x48", "--out", str(tmp_path / "x.mp4"))
    assert run("generate", "--prompt", "a red ball", "--preset", str(own), *made) == 0
    assert "tiny was made for pictures of 160 x 96: of another size" in capsys.readouterr().out
    for name in ("gone.yaml", "GONE.YAML", "gone.Yml"):
        gone = str(tmp_path / name)
        assert run("generate", "--prompt", "a red ball", "--preset", gone, *made) == 2
        assert f"{name} cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["benchmark", "likeness", "rounding", "measure"])
def test_different_presets_of_one_name_are_refused_before_anything_runs(tmp_path, capsys, command):
    """No log could be written of their records."""
    for name, frames in (("one", 6), ("other", 8)):
        (tmp_path / f"{name}.yaml").write_text(f"local_attn_size: {frames}\n", encoding="utf-8")
    given = ["--preset", tmp_path / "one.yaml", "--preset", tmp_path / "other.yaml"]
    assert run(command, *given, "--out", tmp_path / "records.jsonl") == 2
    assert "different presets are called 'custom', and records" in capsys.readouterr().err
    assert not (tmp_path / "records.jsonl").exists()
