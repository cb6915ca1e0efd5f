"""Presets and prompts as a grid of recorded videos, as a widget in plain Python."""

import io
import math
import threading
from base64 import b64decode

import numpy as np
import pytest
import torch
from PIL import Image

from longlive_widget import Engine, LongLiveWidget, Preset, Sweep
from longlive_widget.engine.side_by_side import psnr_db, squared_error
from longlive_widget.errors import (
    ManifestError,
    OutputError,
    PresetError,
    RecordError,
    SessionError,
)
from longlive_widget.measure.metrics import ssim
from longlive_widget.widget import sweep as sweep_module
from longlive_widget.widget.tape_player import _projectionist

COARSE = Preset("coarse", "", denoise_steps=(1000,))
PROMPTS = ["a red ball", "a blue star"]
SMALL_PX = (64, 32)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("tiny", device="cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sweeps") / "sweep"


@pytest.fixture(scope="module")
def grid(engine: Engine, folder):
    """Two presets by two prompts, all made."""
    built = of(engine, folder)
    built.run()
    yield built
    built.close()


def of(engine: Engine, folder=None) -> Sweep:
    return Sweep(
        engine, ["reference", COARSE], PROMPTS, 3, blocks=2, size_px=SMALL_PX, folder=folder
    )


def alone(engine: Engine, preset, prompt: str):
    session = engine.under(preset).session(prompt, 3, size_px=SMALL_PX)
    return np.concatenate([block.frames for block in session.blocks(2)])


def settle() -> None:
    """All that the page is told is told."""
    done = threading.Event()
    _projectionist().put(done.set, lambda _: None)
    assert done.wait(20)


def test_each_tile_is_the_video_of_its_preset_and_prompt_to_the_bit(engine: Engine, grid):
    whole = np.concatenate([grid._tape.frames(block) for block in (0, 1)])
    rows = [np.split(row, 2, axis=2) for row in np.split(whole, 2, axis=1)]
    for row, preset in zip(rows, ("reference", COARSE), strict=True):
        for seen, prompt in zip(row, PROMPTS, strict=True):
            assert np.array_equal(seen, alone(engine, preset, prompt)), (preset, prompt)


def test_figures_are_of_each_video_against_the_first_preset_with_the_same_prompt(engine, grid):
    table = grid.figures
    assert list(table.index) == [(p, w) for p in ("reference", "coarse") for w in PROMPTS]
    assert table.loc["reference"][["psnr_db", "ssim"]].isna().all(axis=None)
    for prompt in PROMPTS:
        one, other = (
            torch.from_numpy(alone(engine, preset, prompt)) for preset in ("reference", COARSE)
        )
        pairs = [(one[:9], other[:9]), (one[9:], other[9:])]
        found = table.loc[("coarse", prompt)]
        ratios = [psnr_db(squared_error(*pair)) for pair in pairs]
        assert found["psnr_db"] == pytest.approx(sum(ratios) / 2, abs=0.01)
        assert found["ssim"] == pytest.approx(sum(ssim(*pair) for pair in pairs) / 2, abs=1e-4)
    record = grid.records[0]
    first_ms, second_ms = record.samples["block_ms"]
    assert table["block_ms"].iloc[0] == pytest.approx((first_ms + second_ms) / 2, abs=0.01)
    assert table["picture_ms"].iloc[0] == pytest.approx(
        (first_ms / 9 + second_ms / 12) / 2, abs=0.01
    )
    assert table["process_bytes"].iloc[0] == record.facts["host_process_bytes"]
    assert len(grid.metrics) == 8


def test_what_stands_in_under_each_preset_is_told_once_and_recorded(tmp_path):
    engine = Engine.load("tiny", device="cpu", allow_fallback=True)
    eight = COARSE.with_(name="eight bits", linear_dtype="fp8")
    sweep = Sweep(engine, [COARSE, eight], PROMPTS, 3, blocks=1, size_px=SMALL_PX, folder=tmp_path)
    sweep.run()
    settle()
    (sentence,) = engine.under(eight).fallbacks
    assert sweep._state.fallbacks == (sentence,)
    recorded = [record.facts.get("fallbacks") for record in sweep.records]
    assert recorded == [None, None, sentence, sentence]
    sweep.close()


def test_a_report_is_one_output_of_all_pictures_and_figures_that_stays_where_nothing_runs(
    grid, monkeypatch
):
    shown = []
    monkeypatch.setattr(sweep_module, "display", lambda output, *, raw: shown.append((output, raw)))
    grid.report()
    ((output, raw),) = shown
    assert raw and set(output) == {"image/png", "text/plain"}
    first, *rows = output["text/plain"].splitlines()
    assert first == (
        "videos: 4 of 4 are made; 2 blocks of each, seed 3; PSNR and SSIM are against reference's"
    )
    for (preset, prompt), row, found in zip(
        grid.figures.index, rows, grid.figures.itertuples(), strict=True
    ):
        told = f"{preset} · {prompt}: median {found.block_ms:.0f} ms a block"
        assert row.startswith(f"{told}, {found.picture_ms:.1f} ms a picture; the process took ")
        alike = f"; PSNR {found.psnr_db:.1f} dB, SSIM {found.ssim:.3f}"
        assert row.endswith(alike if preset == "coarse" else " MiB")
    picture = np.asarray(Image.open(io.BytesIO(b64decode(output["image/png"]))))
    assert picture.shape[1] == 900
    middle = grid.recordings[3].block(1).frames[6]  # the last tile's second block, half of it
    strip = picture[:, : 2 * (128 + 6) + 6]
    wanted = np.asarray(Image.fromarray(middle).resize((128, 64), Image.Resampling.LANCZOS))
    tops = range(strip.shape[0] - 64)
    assert any(np.array_equal(strip[top : top + 64, 140:268], wanted) for top in tops)


def test_a_report_without_any_video_says_what_to_do(engine: Engine):
    built = of(engine)
    with pytest.raises(SessionError, match=r"nothing to report yet: make videos first, with run"):
        built.report()
    built.close()


def test_equal_videos_are_told_as_such(engine: Engine, monkeypatch):
    shown = []
    same = Sweep(
        engine, ["reference", engine.preset.with_(memory_pool=True)], PROMPTS[0],
        blocks=1, size_px=SMALL_PX,
    )  # fmt: skip
    same.run()
    assert math.isinf(same.figures["psnr_db"].iloc[1])
    assert same.page_state["sweep"]["figures"][1]["equal"]
    monkeypatch.setattr(sweep_module, "display", lambda output, **_: shown.append(output))
    same.report()
    assert shown[0]["text/plain"].endswith("MiB; equal pictures")
    same.close()


def test_a_page_is_told_of_each_video_as_it_comes_and_plays_those_that_are_there(engine: Engine):
    built = of(engine)
    told: list[tuple[dict, list[bytes]]] = []
    built.send = lambda content, buffers: told.append((content, list(buffers)))
    ask = lambda **command: (built._handle_custom_msg(command, []), settle())  # noqa: E731
    ask(type="attach", view="1-2", codecs=["jpeg"])
    assert told[-1][0]["records"] == ()
    built.run()
    histories = [content for content, _ in told if content["type"] == "history"]
    assert [len(each["records"][0]["sides"]) for each in histories[1:]] == [1, 2, 3, 4]
    words = [content["state"]["sweep"]["told"] for content, _ in told if content["type"] == "state"]
    assert "1 of 4 videos are made; reference · a blue star, block 2 of 2" in words
    assert words[-1] == "4 of 4 videos are made"
    run = built.page_state["run"]
    ask(type="block", view="1-2", run=run - 1, block=0)
    assert told[-1][0]["type"] != "block"  # what was asked for before a video came is asked again
    ask(type="block", view="1-2", run=run, block=1)
    content, pictures = told[-1]
    assert (content["record"]["block"], len(pictures)) == (1, 12)
    ask(type="still", view="1-2", run=run, picture=10)
    exact = np.asarray(Image.open(io.BytesIO(told[-1][1][0])))
    assert np.array_equal(exact, built._tape.frames(1)[1])
    built.close()


def test_one_that_was_stopped_goes_on_where_it_was_and_makes_nothing_twice(engine, tmp_path):
    built = of(engine, tmp_path / "sweep")
    keep = built._folder.keep
    built._folder.keep = lambda made: (keep(made), built.stop())
    built.run()
    assert len(built.recordings) <= 1
    built.close()
    again = of(engine, tmp_path / "sweep")
    begun = {item.key for item in again._grid.items} - set(_known(again))
    assert len(begun) == 3
    made: list[str] = []
    keep_again = again._folder.keep
    again._folder.keep = lambda one: (keep_again(one), made.append(one.item.key))
    again.run()
    assert set(made) == begun
    assert len(again.recordings) == 4
    again.close()


def _known(built: Sweep) -> list[str]:
    return [str(record.facts["item"]) for record in built.records]


def test_another_sweep_on_the_folder_has_its_videos_and_figures_at_once(engine, grid, folder):
    again = of(engine, folder)
    again._folder.keep = lambda _: pytest.fail("nothing is left to make")
    again.run()
    assert again.figures.equals(grid.figures)
    again.close()
    assert (folder / "records.jsonl").is_file()


def test_the_video_in_the_making_is_thrown_away_at_a_stop(engine: Engine, monkeypatch):
    seen: list[int] = []

    def stop_at_first(self, item, block):
        seen.append(block.index)
        self.stop()
        watch(self, item, block)

    watch = Sweep._watch
    monkeypatch.setattr(Sweep, "_watch", stop_at_first)
    built = of(engine)
    built.run()
    assert (seen, built.records, built.recordings) == ([0], (), ())
    assert not built.page_state["sweep"]["making"]
    built.close()


def test_a_video_that_was_interrupted_as_it_was_written_gives_way(engine: Engine, tmp_path):
    built = of(engine, tmp_path / "sweep")
    begun = built._folder._folder(built._grid.items[0])
    begun.mkdir()
    (begun / "video.mp4").write_bytes(b"half")
    built.run()
    assert len(built.recordings) == 4
    first = built.recordings[0].block(0).frames
    assert np.array_equal(first, alone(engine, "reference", PROMPTS[0])[:9])
    built.close()


def test_without_a_folder_nothing_is_left_once_it_is_closed(engine: Engine):
    built = of(engine)
    place = built._folder.path
    assert place.is_dir()
    built.close()
    assert not place.exists()


def test_the_code_of_a_tile_makes_that_video_alone_and_that_of_all_the_same_grid(engine, grid):
    made: dict[str, object] = {}
    exec(grid.code_of(3), made)
    studio = made["studio"]
    assert isinstance(studio, LongLiveWidget)
    studio.run(blocks=2)
    assert studio.preset == COARSE
    assert np.array_equal(studio.frames, alone(engine, COARSE, "a blue star"))
    studio.close()
    exec(grid.code(), made)
    again = made["sweep"]
    assert isinstance(again, Sweep)
    assert again._grid == grid._grid
    assert again._folder.path == grid._folder.path
    again.close()


def test_recordings_play_alone(engine: Engine, grid):
    recording = grid.recordings[2]
    frames = np.concatenate([block.frames for block in recording.blocks()])
    assert np.array_equal(frames, alone(engine, COARSE, "a red ball"))


def test_an_error_ends_it_and_is_told(engine: Engine):
    built = of(engine)

    def fail(_made):
        raise OutputError("the disk is full")

    built._folder.keep = fail
    told: list[dict] = []
    built.send = lambda content, _buffers: told.append(content)
    with pytest.raises(OutputError, match="the disk is full"):
        built.run()
    assert [str(error) for error in built.errors] == ["the disk is full"]
    assert any(content.get("message") == "the disk is full" for content in told)
    assert not built.page_state["sweep"]["making"]
    built.close()


def test_a_studio_that_opens_on_its_engine_stops_the_making(engine: Engine):
    built = of(engine)
    studio = LongLiveWidget(engine, "a red ball")
    assert built._stopping
    built.start()
    assert studio.status == "closed"
    built.close()


@pytest.mark.parametrize(
    ("presets", "prompts", "changes", "error", "told"),
    [
        ("turbo_", "a ball", {}, PresetError, "no preset is called 'turbo_'"),
        ([], "a ball", {}, RecordError, "a sweep over no presets"),
        ("turbo", [], {}, RecordError, "a sweep over no prompts"),
        ("turbo", "a ball", {"blocks": 0}, RecordError, "blocks 0 is out of range"),
        ("turbo", "a ball", {"seed": -1}, SessionError, "seed -1 is out of range"),
        (
            ["reference", "turbo"],
            [f"a ball {n}" for n in range(9)],
            {},
            SessionError,
            "2 presets x 9 prompts are 18 videos, and a grid has room for 16: take fewer",
        ),
        ("turbo", "a ball", {"blocks": 5000}, SessionError, "MiB are the most: make fewer blocks"),
        ("turbo", "a ball", {"folder": "no/such/place"}, OutputError, "does not exist: make it"),
    ],
)
def test_what_is_no_grid_is_refused_in_a_sentence(engine, presets, prompts, changes, error, told):
    with pytest.raises(error, match=told):
        Sweep(engine, presets, prompts, **changes)


def test_a_closed_one_says_so_and_a_missing_recording_too(engine: Engine, tmp_path):
    built = of(engine, tmp_path / "sweep")
    built.run()
    (tmp_path / "sweep" / built.recordings[0].folder.name).rename(tmp_path / "elsewhere")
    built.close()
    with pytest.raises(SessionError, match="this sweep is closed: make a new Sweep"):
        built.start()
    again = of(engine, tmp_path / "sweep")
    with pytest.raises(ManifestError, match=r"delete records\.jsonl there, and all is made again"):
        again.run()
    again.close()
