"""A run as one HTML file: all of it is inside, as text, and nothing of the machine's user."""

import base64
import getpass
import hashlib
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from longlive_widget import Engine, LongLiveWidget, Manifest, Recording
from longlive_widget.cli import main
from longlive_widget.errors import OutputError, SessionError
from longlive_widget.presets import Preset
from longlive_widget.timeline import Taken
from longlive_widget.widget.cell import run_code
from longlive_widget.widget.export import write_page
from longlive_widget.widget.still import summary_rows

MARKUP = "a blue star </script><img src=x onerror=alert(1)> & so on"


@pytest.fixture(scope="module")
def studio():
    built = LongLiveWidget(Engine.load("tiny", Preset("quick", "", (1000,))), "a red ball", seed=2)
    built.run(blocks=2)
    built.switch(MARKUP)
    built.run(blocks=2)
    yield built
    built.close()


@pytest.fixture(scope="module")
def page(studio, tmp_path_factory) -> str:
    path = studio.export_html(tmp_path_factory.mktemp("out") / "run.html")
    assert [each.name for each in path.parent.iterdir()] == ["run.html"]
    return path.read_text(encoding="utf-8")


def element(page, name):
    return re.search(rf'id="{name}">(.*?)</(?:script|pre)>', page, re.DOTALL).group(1)


def test_the_manifest_in_a_page_is_that_of_the_run(studio, page):
    assert Manifest.from_json(html.unescape(element(page, "manifest"))) == studio.manifest()


def test_a_page_has_the_cell_that_makes_its_run_again_where_one_can_say_it(studio, page, tmp_path):
    run = studio.manifest()
    code = html.unescape(element(page, "cell"))
    assert code == run_code(run)
    assert repr(MARKUP) in code
    elsewhere = replace(run, maker=replace(run.maker, model="mine"))
    blocks = (block.frames for block in studio.blocks)
    assert 'id="cell"' not in write_page(tmp_path / "x.html", elsewhere, blocks).read_text()


def test_a_page_says_what_its_prompts_were_taken_as(studio, page, tmp_path):
    assert "; taken as it stands, without what was said before" in page
    run = replace(studio.manifest(), taken=(Taken(2, "a <b> ball", alone=False),))
    other = write_page(tmp_path / "x.html", run, (block.frames for block in studio.blocks))
    assert "; taken as “a &lt;b&gt; ball”" in other.read_text(encoding="utf-8")


def test_the_video_in_a_page_is_the_one_that_was_made_and_each_block_lies_where_it_is_said(
    studio, page, tmp_path
):
    said = json.loads(element(page, "run"))
    (tmp_path / "x.mp4").write_bytes(mp4 := base64.b64decode(element(page, "video")))
    with av.open(str(tmp_path / "x.mp4")) as video:
        seen = np.stack([f.to_ndarray(format="rgb24") for f in video.decode(video=0)])
    assert seen.shape == (45, 192, 320, 3), "small pictures are twice as large"
    shrunk = seen.reshape(45, 96, 2, 160, 2, 3).mean(axis=(2, 4))
    assert 10 * np.log10(255**2 / ((shrunk - studio.frames) ** 2).mean()) > 38
    assert mp4.index(b"moov") < mp4.index(b"mdat")

    parameters = base64.b64decode(said["parameters"])
    for place, block in zip(said["places"], studio.blocks, strict=True):
        samples = [
            mp4[at : at + length]
            for at, length in zip(place["offsets"], place["lengths"], strict=True)
        ]
        decoder = av.CodecContext.create("h264", "r")
        coded = parameters + b"".join(map(annex_b, samples))
        packets = [*decoder.parse(coded), *decoder.parse(None)]
        frames = [frame for packet in packets for frame in decoder.decode(packet)]
        frames += decoder.decode(None)
        assert place["block"] == block.index
        assert len(frames) == len(block.frames), "a block is decoded without those before it"
    assert said["state"]["h264"].startswith("avc1.")


def annex_b(sample):
    made = b""
    while sample:
        length = int.from_bytes(sample[:4])
        made += b"\0\0\0\1" + sample[4 : 4 + length]
        sample = sample[4 + length :]
    return made


def test_a_page_runs_only_what_is_in_it_and_loads_nothing(page):
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page).group(1)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert rules["script-src"].split() == [f"'sha256-{each}'" for each in hashes]
    assert len(scripts) == 2
    assert "unsafe-eval" not in policy
    assert not re.search(r"<(?:link|iframe|base)\b|<[^>]*\ssrc=", page.replace(plotly(page), ""))


def plotly(page):
    return max(re.findall(r"<script>(.*?)</script>", page, re.DOTALL), key=len)


def test_what_was_typed_is_text_in_a_page_and_no_user_or_folder_is_named(page):
    assert MARKUP not in page
    assert "<img" not in page.replace(plotly(page), "")
    assert html.escape(MARKUP) in page
    for private in (str(Path.home()), getpass.getuser(), str(Path.cwd())):
        assert len(private) < 5 or private not in page


def test_a_page_is_small_beside_the_plotly_in_it(page):
    assert len(page) - len(plotly(page)) < 300_000


def test_a_recording_is_exported_by_the_command(tmp_path, capsys):
    given = ["--prompt", "a red ball", "--blocks", "2", "--size", "64x48", "--preset", "quality"]
    assert main(["generate", *given, "--recording", str(tmp_path / "run")]) == 0
    out = tmp_path / "x.html"
    assert main(["export", str(tmp_path / "run"), str(out)]) == 0
    assert re.search(r"x\.html, 1\.\d MB\n$", capsys.readouterr().out)
    run = Recording.open(tmp_path / "run").manifest
    assert Manifest.from_json(html.unescape(element(out.read_text(), "manifest"))) == run


def test_a_part_of_a_video_is_exported_where_only_that_is_kept(studio, tmp_path, monkeypatch):
    kept = studio.blocks[2:]
    monkeypatch.setattr(LongLiveWidget, "blocks", property(lambda _: kept))
    text = studio.export_html(tmp_path / "x.html").read_text()
    run = Manifest.from_json(html.unescape(element(text, "manifest")))
    assert (run.first_block, run.end) == (2, 4)
    records = json.loads(element(text, "run"))["records"]
    assert [record["prompt"] for record in records] == [MARKUP, MARKUP]


def test_a_place_where_no_page_can_be_is_told(studio, tmp_path):
    with pytest.raises(OutputError, match=r"does not end in \.html: call it '.*x\.html'"):
        studio.export_html(tmp_path / "x.pdf")
    with pytest.raises(OutputError, match="does not exist: make it first"):
        studio.export_html(tmp_path / "no" / "x.html")
    empty = LongLiveWidget(Engine.load("tiny"), "a red ball")
    with pytest.raises(SessionError, match="nothing was made yet"):
        empty.export_html(tmp_path / "x.html")
    empty.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SessionError, match="nothing to report"):
        summary_rows(())
