"""What is promised of safety: no code out of data, no network, no markup out of words, no names."""

import ast
import html
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from longlive_widget import Engine, LongLiveWidget, Manifest, Recording, Sweep
from longlive_widget.checkup.browser_page import write_browser_page
from longlive_widget.checkup.finding import Checkup, Finding
from longlive_widget.cli import main
from longlive_widget.geometry import Geometry
from longlive_widget.measure.log_html import log_html
from longlive_widget.measure.series import scale_figures
from longlive_widget.presets import PRESETS
from longlive_widget.runs.recording import MANIFEST
from longlive_widget.timeline_forms import write_timeline
from tests.unit.test_scale import point
from tests.unit.waiting import wait_until
from tests.unit.written_record import record

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "longlive_widget").rglob("*.py"))
SCRIPTS = sorted((ROOT / "js" / "src").rglob("*.ts"))

RUNS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
OF_MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
NETWORK = {"socket", "http", "urllib", "requests", "httpx", "aiohttp", "ftplib", "smtplib", "ssl"}
PLAIN_DATA = "plain_data.py"
TO_A_CLUSTER = "cluster.py"
"""Connects to the Ray cluster that `sweep --ray` names, and to nothing else."""
WAYS_INTO_THE_PAGE = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc"
    r"|new Function|sendBeacon|importScripts|\.src = [\"'`]"
)


def unsafe(source, name="x.py"):
    """What in a source could make code of data, or open a connection, with its lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [one.name for one in node.names]
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            roots = {module.partition(".")[0] for module in modules}
            found += [
                f"line {node.lineno}: import {each}"
                for each in roots & NETWORK
                if name != TO_A_CLUSTER
            ]
        if isinstance(node, ast.Call):
            found += [f"line {node.lineno}: {said}" for said in _unsafe_call(node, name)]
    return found


def _unsafe_call(call, name):
    module, _, function = ast.unparse(call.func).rpartition(".")
    given = {one.arg: ast.unparse(one.value) for one in call.keywords}
    if ast.unparse(call.func) in RUNS or module in OF_MODULES:
        yield ast.unparse(call.func)
    if module == "torch" and function == "load" and given.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if module == "yaml" and "load" in function and name != PLAIN_DATA:
        yield f"yaml.{function} outside of {PLAIN_DATA}"
    if given.get("shell") == "True" or given.get("trust_remote_code", "False") != "False":
        yield "shell=True or trust_remote_code"
    if given.get("allow_pickle", "False") != "False":
        yield "allow_pickle"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_module_makes_code_of_data_or_opens_a_connection_itself(module):
    assert unsafe(module.read_text(encoding="utf-8"), module.name) == []


@pytest.mark.parametrize(
    "source",
    [
        "eval(x)",
        "exec(x)",
        "compile(x, '', 'exec')",
        "__import__(x)",
        "os.system(x)",
        "pickle.load(x)",
        "pickle.Unpickler(x)",
        "marshal.loads(x)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
        "yaml.load(x, Loader=yaml.SafeLoader)",
        "yaml.unsafe_load(x)",
        "np.load(x, allow_pickle=True)",
        "subprocess.run(x, shell=True)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "import socket",
        "from urllib.request import urlopen",
        "from http import server",
    ],
)
def test_the_check_sees_each_of_them(source):
    assert len(unsafe(source)) == 1
    assert unsafe("torch.load(x, weights_only=True); re.compile(x); model.eval(); a.load()") == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_script_of_the_page_makes_markup_or_code_of_words(script):
    lines = script.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.search(WAYS_INTO_THE_PAGE, line)] == []


def test_the_check_of_scripts_sees_them():
    for line in ("a.innerHTML = b", "new Function(x)", "a.srcdoc = x", "a.src = 'https://x'"):
        assert re.search(WAYS_INTO_THE_PAGE, line)


REFUSING = """
import sys
asked = []

def refuse(event, given):
    if event in {"socket.connect", "socket.bind", "socket.listen", "socket.getaddrinfo"}:
        asked.append(event)
        raise OSError(f"{event}: nothing may go out or listen here")

sys.addaudithook(refuse)
"""
ALONE = f"""{REFUSING}
from longlive_widget import Engine, LongLiveWidget
studio = LongLiveWidget(Engine.load("tiny"), "a red ball bounces on black", seed=1)
studio.run(blocks=1)
studio.switch("a blue star")
studio.run(blocks=1)
print(studio.frames.shape, studio.frames.std() > 0, asked)
studio.close()
"""
CONNECTING = f"{REFUSING}import socket; socket.create_connection(('127.0.0.1', 9))"
LISTENING = f"{REFUSING}import socket; socket.socket().bind(('127.0.0.1', 0))"


def test_a_video_of_tiny_is_made_with_no_connection_out_and_no_port_open(tmp_path):
    environment = os.environ | {"HF_HOME": str(tmp_path), "LONGLIVE_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", ALONE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout == "(21, 96, 160, 3) True []\n", done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("script", [CONNECTING, LISTENING])
def test_the_hook_sees_what_is_asked(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "nothing may go out or listen here" in done.stderr


PAYLOADS = (
    "<x-planted onload=alert(1)>",
    "'\"><x-planted>",
    "</script><x-planted>",
    "</pre></title></style><x-planted>",
    '" onmouseover="planted()" x="',
    "![x](https://planted.example/x.png) [x](javascript:planted())",
    "<svg><x-planted/></svg> &lt;x-planted&gt;",
)
"""Each would be an element, an attribute or a picture from elsewhere, if it were markup."""


class Elements(HTMLParser):
    """The elements of a page, by name, and all that their attributes say."""

    def __init__(self, page) -> None:
        super().__init__()
        self.names, self.attributes, self.words = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)


def require_text_only(page):
    """That nothing of a payload is an element or an attribute, and that nothing is loaded."""
    elements = Elements(page)
    assert "x-planted" not in elements.names
    assert not elements.names & {"img", "svg", "iframe", "object", "embed", "base", "link", "a"}
    events = [name for name, _ in elements.attributes if name.startswith("on")]
    loads = [name for name, _ in elements.attributes if name in {"src", "href", "srcset", "data"}]
    assert (events, loads) == ([], [])
    assert "default-src 'none'" in page
    assert "planted" in "".join(elements.words)


def test_the_check_of_pages_sees_markup():
    for payload in (PAYLOADS[0], PAYLOADS[1], '<a href="x">', '<p onclick="x">'):
        with pytest.raises(AssertionError):
            require_text_only(f"default-src 'none' planted {payload}")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The folder of all that the command writes, where home and user have names to look for."""
    home = tmp_path_factory.mktemp("Planted Person")
    (out := home / "out").mkdir()
    size = ["--size", "64x48"]
    video = ["--prompt", "a red ball", "--blocks", "2", "--preset", "quality", *size]
    short = ["--blocks", "1", "--switches", "1", "--turns", "1"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HOME": home, "USER": "planteduser", "LOGNAME": "planteduser"}.items():
            patch.setenv(name, str(value))
        patch.chdir(out)
        for command in (
            ["generate", *video, "--recording", "run", "--manifest", "run.json"],
            ["generate", *video, "--out", "run.mp4"],
            ["export", "run", "run.html"],
            ["benchmark", *short, "--out", "records.jsonl", *size],
            ["log", "records.jsonl", "--out", "log.html"],
            ["log", "records.jsonl", "--out", "log.md"],
            ["doctor", "--page", "browser.html"],
        ):
            assert main(command) == 0
        _kept_of_cells(out)
    return out


def _kept_of_cells(out):
    engine = Engine.load("tiny", "quality")
    studio = LongLiveWidget(engine, "a red ball", seed=1)
    studio.size_px = 64, 48
    studio.run(blocks=2)
    studio.save(out / "clip.mp4")
    studio.snapshot(out / "picture.png")
    write_timeline(studio.timeline, out / "plan.yaml")
    studio.close()
    sweep = Sweep(
        engine, ["quality"], ["a red ball"], 1, blocks=1, size_px=(64, 48), folder=out / "sweep"
    )
    sweep.run()
    sweep.close()


def test_a_notebook_that_is_saved_during_a_recording_names_no_folder(tmp_path):
    studio = LongLiveWidget(Engine.load("tiny", "quality"), "a red ball")
    studio.size_px = 64, 48
    studio.record(tmp_path / "take.mp4")
    studio.run(blocks=1)
    wait_until(lambda: "take.mp4" in str(studio.get_state()))
    assert str(tmp_path) not in str(studio.get_state())
    studio.close()


def test_no_file_that_is_handed_on_names_a_user_a_home_or_a_folder(kept):
    files = {
        path.relative_to(kept).as_posix(): path.read_bytes()
        for path in kept.rglob("*")
        if path.is_file()
    }
    assert {re.sub("[0-9a-f]{16}", "a video", path) for path in files} == {
        *("run/manifest.json", "run/video.mp4", "run.json", "run.mp4", "run.html"),
        *("records.jsonl", "log.html", "log.md", "browser.html"),
        *("clip.mp4", "picture.png", "plan.yaml", "sweep/records.jsonl"),
        *("sweep/a video/manifest.json", "sweep/a video/video.mp4"),
    }
    folders = (ROOT, Path.home() / "x", sys.prefix)
    for name in (b"planted", *(str(folder).removesuffix("x").encode() for folder in folders)):
        assert [path for path, content in files.items() if name in content.lower()] == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_words_are_text_in_every_page_that_is_written(kept, tmp_path, payload):
    name = f"planted {payload}"
    preset = PRESETS["quality"].with_(name=name, summary=name)
    times = {"block_ms": [800.0 + at for at in range(20)]}
    records = [
        record(preset=PRESETS["reference"], samples=times),
        record(preset=preset, samples=times),
    ]
    require_text_only(log_html(records))

    run = Recording.open(kept / "run").manifest
    told = json.loads(run.text())
    told["maker"] |= {"model": name, "fallbacks": [name], "preset": asdict(preset)}
    told["presets"] = [{"block": 1, "preset": asdict(preset), "fallbacks": [f"later {name}"]}]
    for place in ("timeline", "landings"):
        told[place][0]["prompt"] = name
    told["taken"] = [{"block": 0, "in_full": name, "alone": False}]
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / MANIFEST).write_text(json.dumps(told))
    (folder / "video.mp4").write_bytes((kept / "run" / "video.mp4").read_bytes())
    assert Manifest.read(folder / MANIFEST).maker.model == name
    page = Recording.open(folder).export_html(tmp_path / "run.html").read_text()
    require_text_only(page)
    assert html.escape(f"later {name}") in page

    sick = Checkup((Finding(name, "wrong", name, name),))
    require_text_only(write_browser_page(tmp_path / "browser.html", sick).read_text())


SVG = "{http://www.w3.org/2000/svg}"


def require_words_only(svg):
    """That a chart has no element but what draws, runs nothing, and leads nowhere else."""
    drawn = ElementTree.fromstring(svg)
    names = {each.tag.removeprefix(SVG) for each in drawn.iter()}
    shapes = {"g", "defs", "style", "path", "use", "text", "clipPath", "rect"}
    assert {name for name in names if not name.startswith("{")} <= {"svg", "metadata", *shapes}
    attributes = [one for each in drawn.iter() for one in each.attrib.items()]
    assert [name for name, _ in attributes if name.startswith("on")] == []
    leads = [value for name, value in attributes if name.endswith("href")]
    assert [value for value in leads if not value.startswith("#")] == []
    assert "planted" in "".join(drawn.itertext())


@pytest.mark.parametrize("payload", PAYLOADS)
def test_words_are_text_in_every_chart_that_is_written(payload):
    name = f"planted {payload}"
    preset = PRESETS["balanced"].with_(name=name, summary=name)
    sizes = Geometry(832, 480), Geometry(480, 272)
    points = [point(300, 20, preset=preset, geometry=size) for size in sizes]
    charts = list(scale_figures(points))
    assert charts
    for _, figure, words in charts:
        assert name in words
        require_words_only(figure.svg(words))


def test_the_check_of_charts_sees_markup():
    for markup in ("<x-planted/>", '<g onload="x"/>', '<a href="x"/>', "<script/>"):
        with pytest.raises(AssertionError):
            require_words_only(f'<svg xmlns="http://www.w3.org/2000/svg">planted{markup}</svg>')


def test_all_writers_of_pages_are_known():
    """Whoever writes HTML is in the test above, or does so with what is tested there."""
    writers = {
        path.relative_to(ROOT / "longlive_widget").as_posix()
        for path in MODULES
        if "standing_alone(" in path.read_text() or "<html" in path.read_text()
    }
    assert writers == {
        "page_parts.py",
        "widget/export.py",
        "checkup/browser_page.py",
        "measure/log_html.py",
    }
