"""The command makes a video or says in one sentence why not."""

import subprocess
import sys

import av
import pytest

from longlive_widget.cli import main, require_landings
from longlive_widget.errors import TimelineError
from longlive_widget.presets import PRESETS
from longlive_widget.timeline import Timeline

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
    "unknown model": (["--model", "tinny"], "tiny"),
    "folder of no model": (["--model", "folder.mp4"], "folder.mp4 has no model.json"),
    "unknown preset": (["--preset", "turbp"], "did you mean 'turbo'? there are reference, turbo"),
    "empty prompt": (["--prompt", " "], "prompt ' ' is empty"),
    "empty prompt of a switch": (["--switch", 9, ""], "prompt '' is empty"),
    "negative switch": (["--switch", -3, "b"], "latent frame -3 is before the video begins"),
    "switch at no number": (["--switch", "soon", "b"], "latent frame 'soon' is not a whole number"),
    "switches out of order": (["--switch", 9, "b", "--switch", 6, "c"], "6 comes after 9: sort"),
    "two switches at one place": (["--switch", 9, "b", "--switch", 9, "c"], "keep one of them"),
    "switch after the end": (["--blocks", 3, "--switch", 9, "b"], "make 4 blocks or more"),
    "no blocks": (["--blocks", 0], "0 blocks are no video: ask for 1 or more"),
    "blocks that are no number": (["--blocks", "few"], "'few' is not a whole number"),
    "seed that is no number": (["--seed", "x"], "invalid int value: 'x'"),
    "negative seed": (["--seed", -1], "seed -1 is out of range"),
    "missing folder": (["--out", "nowhere/x.mp4"], "the folder of 'nowhere/x.mp4' does not exist"),
    "no video file": (["--out", "x.gif"], "'x.gif' does not end in .mp4: call it 'x.mp4'"),
    "a folder": (["--out", "folder.mp4"], "'folder.mp4' is a folder"),
    "unknown option": (["--sede", 3], "unrecognized arguments: --sede 3"),
}


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


@pytest.mark.parametrize(
    ("arguments", "said"), [([], "COMMAND"), (["generate"], "--prompt, --out")]
)
def test_what_is_left_out_is_named(arguments, said, capsys):
    assert run(*arguments) == 2
    assert f"the following arguments are required: {said}" in capsys.readouterr().err


def test_bad_input_is_told_before_torch_is_loaded(tmp_path):
    script = f"""
import sys
from longlive_widget.cli import main
code = main(["generate", "--prompt", "", "--out", {str(tmp_path / "x.mp4")!r}])
sys.exit(90 if "torch" in sys.modules else code)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 2


def test_every_prompt_lands_before_the_video_ends():
    require_landings(Timeline.of("a", (24, "b")), blocks=9, block_frames=3)
    with pytest.raises(TimelineError, match=r"'b' lands at block 8, .* after 8 blocks: make 9"):
        require_landings(Timeline.of("a", (24, "b")), blocks=8, block_frames=3)
