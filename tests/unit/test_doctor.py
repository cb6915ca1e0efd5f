"""The checkup tells what is so and what to do, and nothing about whose machine it is."""

import base64
import getpass
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import av
import pytest
import torch
from packaging.requirements import Requirement

import longlive_widget
from longlive_widget.checkup import machine, models, packages, places
from longlive_widget.checkup.browser_page import write_browser_page
from longlive_widget.checkup.doctor import FULL_SIZE, looked
from longlive_widget.checkup.finding import Checkup, Finding
from longlive_widget.checkup.private import without_names
from longlive_widget.cli import main
from longlive_widget.engine import official
from longlive_widget.errors import OutputError
from tests.unit.official_files import BASE, VAE, Files

ROOT = Path(__file__).parents[2]
PLANTED = {
    "USER": "planteduser",
    "LOGNAME": "planteduser",
    "HF_TOKEN": "hf_plantedtoken",
    "HF_ENDPOINT": "https://plantedhub.example/api",
    "PIP_INDEX_URL": "https://name:plantedpassword@plantedindex.example/simple",
    "UV_INDEX": "plantedmirror",
}


@pytest.fixture(scope="module")
def found() -> Checkup:
    return longlive_widget.doctor()


def only(findings):
    (finding,) = findings
    return finding


def test_all_is_looked_at_and_a_block_is_really_made(found):
    about = [finding.about for finding in found.findings]
    assert about[:4] == ["Python", "packages", "Jupyter", "anywidget"]
    assert {"page's part", "model files", "torch", "GPU", "Triton", "fa3-fwd"} <= set(about)
    assert {"presets", "memory", "weights", "H.264"} <= set(about)
    assert about[-1] == "tiny"
    assert found.healthy, found
    made = re.fullmatch(r"loaded in (\d+\.\d) s, a block in (\d+\.\d) s, on \w+", last(found).fact)
    assert float(made[2]) > 0
    assert str(torch.__version__) in repr(found)


def last(found):
    return found.findings[-1]


def test_every_finding_that_is_not_well_says_what_to_do(found):
    told = [one for one in found.findings if one.verdict != "ok"]
    told += [machine.no_gpu("570.1", None), machine.no_gpu("570.1", "13.0")]
    told += [machine.room_for_tiny("8 GB", 0, 1), machine.room_for_full_size(10**9)]
    assert all(one.verdict != "ok" and one.way_out for one in told)


def test_lines_are_to_read_and_json_says_the_same(found, capsys):
    sick = Checkup((Finding("a", "ok", "is so"), Finding("b", "wrong", "is not", "mend it")))
    assert repr(sick).splitlines() == [
        "ok       a              is so",
        "wrong    b              is not",
        "                        -> mend it",
        "1 ok, 0 to know of, 1 wrong",
    ]
    assert not sick.healthy
    assert main(["doctor", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["version"], said["healthy"]) == (
        "longlive-widget checkup",
        1,
        True,
    )
    assert [one["about"] for one in said["findings"]] == [one.about for one in found.findings]


def test_the_command_ends_with_1_where_something_needed_is_wrong(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(places, "STATIC", tmp_path)
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert re.search(r"wrong +page's part +widget\.js, .* not built.*\n +-> make setup", told)


def test_what_breaks_in_a_check_is_a_finding_and_what_it_found_before_stays():
    def check():
        yield Finding("x", "ok", "here")
        raise RuntimeError("no such\nthing")

    assert [(one.about, one.verdict, one.fact) for one in looked("x", check)] == [
        ("x", "ok", "here"),
        ("x", "wrong", "RuntimeError: no such thing"),
    ]


def test_a_torch_that_cannot_be_loaded_is_told_and_all_else_still_is(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.12 is not there')")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = command("doctor", environment=environment)
    assert done.returncode == 1
    assert "wrong    torch          ImportError: libcudart.so.12 is not there" in done.stdout
    assert "ok       packages" in done.stdout


def command(*arguments, environment):
    return subprocess.run(
        [sys.executable, "-m", "longlive_widget", *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )


THREE_TIMES = """
import getpass, os, platform, sys
from longlive_widget.checkup import models
from longlive_widget.cli import main

platform.node = lambda: "plantedhost"

def breaks():
    who = f"{getpass.getuser()}@{platform.node()} with {os.environ['HF_TOKEN']}"
    raise OSError(f"{who} cannot open {os.environ['HOME']}/libx264.so from {os.getcwd()}")

for model in ([], ["--model", sys.argv[1]], ["--model", "planted model"]):
    print("ends with", main(["doctor", *model]))
    models.coding = breaks  # in the words of others, which know more than a checkup says
"""


def test_nothing_says_who_asks_where_and_with_which_secrets(tmp_path):
    home = tmp_path / "Planted Person"
    home.mkdir()
    (home / "file").write_text("")
    kept = home / "hub" / "hub" / "models--Efficient-Large-Model--LongLive-1.3B"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0" * 40)
    (kept / "snapshots" / ("0" * 40) / "models").mkdir(parents=True)
    (kept / "snapshots" / ("0" * 40) / "models" / "longlive_base.pt").write_text("x")
    places = {"HOME": str(home), "HF_HOME": str(home / "hub"), "TMPDIR": str(tmp_path)}
    places["LONGLIVE_CACHE"] = str(home / "file" / "below")
    environment = os.environ | PLANTED | places
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", THREE_TIMES, str(home)],
        env=environment,
        capture_output=True,
        text=True,
    )
    here, folder, relative, rest = re.split(r"ends with \d\n", done.stdout)
    assert re.findall(r"ends with (\d)", done.stdout) == ["0", "1", "1"], done.stderr
    assert re.search(r"warning +own cache +nothing can be written there \(Not a dir", here)
    assert re.search(r"warning +weights .*LongLive-1.3B lacks adapter, autoencoder,", here)
    assert re.search(r"wrong +weights +\(the one asked for\).* lacks longlive_base.pt", folder)
    for broken in (folder, relative):
        assert re.search(
            r"wrong +H.264 +OSError: \(the user\)@\(the host\) with \(a secret\) cannot open "
            r"\(a path\) from \(a path\)$",
            broken,
            re.MULTILINE,
        )
    assert "no model is called '(the one asked for)'" in relative
    assert rest == ""
    assert "planted" not in done.stdout.lower()
    assert platform.node() not in done.stdout
    assert str(Path.home()) + "/" not in done.stdout
    assert str(ROOT) not in done.stdout


def test_words_of_others_lose_paths_addresses_users_hosts_and_secrets(monkeypatch):
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", "/home/planted person")
    monkeypatch.setattr(platform, "node", lambda: "plantedhost.example.com")
    text = (
        "open('/home/planted person/x y.pt') as planteduser@plantedhost, token hf_plantedtoken, "
        "C:\\Users\\planted\\x, ~/planted/x, /mnt/planted: https://plantedindex.example/simple; "
        "plantedmirror said 16.7 pictures/s of 5 / 7 on plantedhost.example.com"
    )
    text += " '/data/planted one/x' and /data/planted two/planted three/x is damaged"
    told = without_names(text)
    assert "planted" not in told.lower().replace("y.pt", "")
    assert "said 16.7 pictures/s of 5 / 7 on (the host)" in told
    assert getpass.getuser() == "planteduser"
    plain = "6 of 8 run on cpu; torch 2.13.0+cu128 needs 'longlive-widget[fa3]' of owner/name"
    assert without_names(plain) == plain


def test_a_folder_is_tried_and_left_as_it_was(tmp_path):
    assert places.place("x", tmp_path, "VARIABLE").verdict == "ok"
    assert places.place("x", tmp_path / "not" / "there", "VARIABLE").verdict == "ok"
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    refused = places.place("x", tmp_path / "file", "VARIABLE")
    assert refused.verdict == "warning"
    assert "VARIABLE" in refused.way_out


def test_a_package_that_lacks_or_is_too_old_is_named_with_what_is_needed():
    assert packages.fault_of(Requirement("torch>=2")) is None
    assert (
        packages.fault_of(Requirement("no-such-package>=1")) == "no-such-package is not installed"
    )
    fault = packages.fault_of(Requirement("torch>=999"))
    assert fault == f"torch is {torch.__version__}, and >=999 is needed"


@pytest.mark.parametrize(
    ("page", "verdict"),
    [("{here}", "ok"), ("{minor}.99", "ok"), ("0.1.0", "wrong"), (None, "wrong")],
)
def test_the_pages_anywidget_is_held_against_the_kernels(tmp_path, monkeypatch, page, verdict):
    here = packages.installed("anywidget")
    minor = here.rpartition(".")[0]
    names = ["@jupyter-widgets/jupyterlab-manager", *(["anywidget"] if page else [])]
    for name in names:
        (tmp_path / name).mkdir(parents=True)
        version = (page or "").format(here=here, minor=minor)
        (tmp_path / name / "package.json").write_text(json.dumps({"version": version}))
    monkeypatch.setattr(packages, "_extension_folders", lambda: [tmp_path / "none", tmp_path])
    assert [one.verdict for one in packages.jupyter()] == ["ok", verdict]


def test_a_driver_that_torch_does_not_use_is_told():
    assert "built without CUDA" in machine.no_gpu("570.1", None).fact
    assert "CUDA_VISIBLE_DEVICES" in machine.no_gpu("570.1", "13.0").way_out
    assert machine.no_gpu(None, "13.0").verdict == "ok"


def test_the_presets_that_have_room_are_those_whose_need_is_on_the_page():
    assert machine.room_for_full_size(12 * 10**9).fact.endswith("under low_memory")
    assert "low_memory" in machine.room_for_full_size(80 * 10**9).fact
    assert "'low_memory' needs 11.7 GB" in machine.room_for_full_size(8 * 10**9).fact


def test_files_that_are_whole_can_be_opened_and_those_cut_short_are_told(tmp_path):
    folder = Files().write(tmp_path)
    assert only(models.weights(str(folder))).verdict == "ok"
    whole = (folder / BASE).read_bytes()
    (folder / BASE).write_bytes(whole[: len(whole) // 2])
    (folder / VAE).unlink()
    (folder / VAE).write_bytes(b"<html>")
    told = only(models.weights(str(folder)))
    assert told.verdict == "wrong"
    assert "longlive_base.pt is damaged or cut short" in told.fact
    assert "Wan2.1_VAE.pth is a web page" in told.fact


def test_the_full_size_model_is_the_one_that_the_engine_knows():
    assert FULL_SIZE == official.NAME


def test_the_page_for_a_browser_has_pictures_that_decode_and_words_as_text(tmp_path):
    sick = Checkup((Finding("a", "wrong", "</script><img src=x onerror=alert(1)>", "mend"),))
    text = write_browser_page(tmp_path / "x.html", sick).read_text()
    assert "<img" not in text
    assert "&lt;/script&gt;&lt;img" in text
    said = json.loads(re.search(r'id="samples">(.*?)</script>', text).group(1))
    assert [(one["width"], one["height"]) for one in said] == [(160, 96), (832, 480)]
    for sample in said:
        units = {one["codec"]: one["pictures"] for one in sample["coded"]}
        assert {name: len(pictures) for name, pictures in units.items()} == {"h264": 3, "jpeg": 3}
        decoder = av.CodecContext.create("h264", "r")
        coded = b"".join(map(base64.b64decode, units["h264"]))
        packets = [*decoder.parse(coded), *decoder.parse(None)]
        frames = [f for p in packets for f in decoder.decode(p)] + decoder.decode(None)
        assert {(frame.width, frame.height) for frame in frames} == {
            (sample["width"], sample["height"])
        }
    with pytest.raises(OutputError, match=r"does not end in \.html"):
        write_browser_page(tmp_path / "x.txt", sick)
