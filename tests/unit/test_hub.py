"""A model on a hub, fetched over HTTP by huggingface_hub from a server of our own."""

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from filelock import FileLock

from longlive_widget.engine import large_files
from longlive_widget.engine.hub import SILENCE_S, is_called_by_hash, is_hub_id, kept
from longlive_widget.engine.official import WAN_HUB
from longlive_widget.errors import ModelNotFoundError
from tests.unit.official_files import WAN, Files

OWN_HUB = "someone/LongLive-small"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PATIENCE_S = 120
LOAD = """
import os, sys
from longlive_widget import Engine
from longlive_widget.engine import hub
from longlive_widget.errors import LongLiveError
hub.SILENCE_S = float(os.environ.get("SILENCE_S", hub.SILENCE_S))
for line in sys.stdin:
    try:
        engine = Engine.load(line.strip(), device=os.environ.get("DEVICE"))
    except LongLiveError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    else:
        print(repr(engine), flush=True)
"""


@dataclass
class Hub:
    """What a server has, by repository, and what it was asked for."""

    repositories: dict[str, Path]
    cuts: str = ""
    """The file of which nothing past three quarters ever comes: there every connection ends."""
    silent: str = ""
    """The file of which nothing past three quarters comes while the connection stays; or "api"."""
    waited_s: list[float] = field(default_factory=list)
    """How long each connection stayed that way until the other end left it."""
    swapped: str = ""
    """The file in which one byte is another than the hub's hash was taken of."""
    breaks: set[str] = field(default_factory=set)
    """The files whose next connection ends after three quarters."""
    sent: list[tuple[str, int, int]] = field(default_factory=list)
    """Of each file that was asked for, from which byte on and how many."""
    fetched: list[str] = field(default_factory=list)
    url: str = ""


class Server(ThreadingHTTPServer):
    """The part of the hub's interface that fetching needs."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[0] == self.server.hub.silent:
            self._be_silent()
        elif parts[:2] == ["api", "models"]:
            self._tell_of("/".join(parts[2:4]), parts[4:])
        elif parts[0] == "api":
            self._say(404)
        else:
            self._give("/".join(parts[:2]), "/".join(parts[4:]), body=body)

    def _tell_of(self, name: str, asked: list[str]) -> None:
        root = self.server.hub.repositories.get(name)
        if root is None:
            self._say(401, {"X-Error-Code": "RepoNotFound"})
        elif asked[1:2] not in ([], ["main"], [COMMIT]):
            self._say(404, {"X-Error-Code": "RevisionNotFound"})
        else:
            files = [_about(path, root) for path in root.rglob("*") if path.is_file()]
            about = {"id": name, "sha": COMMIT, "private": False, "siblings": files}
            self._say(200, {}, json.dumps(files if asked[:1] == ["tree"] else about).encode())

    def _give(self, name: str, file: str, *, body: bool) -> None:
        hub = self.server.hub
        path, asked = hub.repositories[name] / file, self.headers.get("Range", "")
        size = path.stat().st_size
        start = int(asked.removeprefix("bytes=").split("-")[0]) if body and asked else 0
        headers = {"ETag": f'"{_tag(path)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        headers["Content-Length"] = str(size - start)
        if body:
            hub.fetched.append(path.name)
        content = path.read_bytes()[start:] if body else b""
        if body and path.name == hub.swapped:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if path.name == hub.cuts:
            content, self.close_connection = content[: size * 3 // 4 - start], True
        if body and path.name in hub.breaks:
            hub.breaks.remove(path.name)
            content, self.close_connection = content[: len(content) * 3 // 4], True
        if body:
            hub.sent.append((path.name, start, len(content)))
        if body and path.name == hub.silent:
            self._say(206 if start else 200, headers, content[: len(content) * 3 // 4])
            self._be_silent()
        else:
            self._say(206 if start else 200, headers, content)

    def _be_silent(self) -> None:
        since_s = time.monotonic()
        self.connection.settimeout(PATIENCE_S)
        self.rfile.read(1)  # nothing, once the other end has left
        self.server.hub.waited_s.append(time.monotonic() - since_s)
        self.close_connection = True

    def _say(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _about(path: Path, root: Path) -> dict[str, object]:
    name = path.relative_to(root).as_posix()
    return {
        "type": "file",
        "path": name,
        "rfilename": name,
        "size": path.stat().st_size,
        "oid": _tag(path),
    }


def _tag(path: Path) -> str:
    """Git's own hash of a file, as the hub names small ones by it."""
    content = path.read_bytes()
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Files().write(tmp_path_factory.mktemp("hub"))


@pytest.fixture
def hub(published: Path) -> Iterator[Hub]:
    hub = Hub({OWN_HUB: published / "LongLive-1.3B", WAN_HUB: published / WAN})
    server = Server(hub)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def loading(home: Path, hub: Hub, **environment: str) -> Iterator[Callable[[str], str]]:
    """What a fresh process says after loading a model, for one model after the other."""
    found = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | found | environment,
        text=True,
    )

    def load(model: str) -> str:
        print(model, file=process.stdin, flush=True)
        return process.stdout.readline()

    stop = threading.Timer(PATIENCE_S, process.kill)
    stop.start()
    try:
        with process:
            yield load
    finally:
        stop.cancel()
    assert process.returncode == 0


def test_a_model_on_the_hub_is_fetched_once_and_then_needs_no_network(hub: Hub, tmp_path: Path):
    (hub.repositories[WAN_HUB] / "diffusion_pytorch_model.safetensors").write_bytes(b"not needed")
    with loading(tmp_path, hub) as load:
        assert load(OWN_HUB).startswith("Engine('longlive', ")
        assert {"longlive_base.pt", "lora.pt", "Wan2.1_VAE.pth", "tokenizer.json"} <= {*hub.fetched}
        assert "diffusion_pytorch_model.safetensors" not in hub.fetched
        hub.fetched.clear()
        assert load(f"{OWN_HUB}@{COMMIT}").startswith("Engine('longlive', ")
        assert hub.fetched == []
    with loading(tmp_path, hub, HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9") as load:
        assert load(OWN_HUB).startswith("Engine('longlive', ")


@pytest.mark.fault(
    "Files that are read",
    "a download fails for good",
    "the next call goes on inside the file",
)
def test_a_file_whose_fetch_failed_goes_on_where_it_was_in_the_next_call(hub: Hub, tmp_path: Path):
    """In another process, from the last whole piece of 10 MiB that has come."""
    name = hub.cuts = "longlive_base.pt"
    size = next(hub.repositories[OWN_HUB].rglob(name)).stat().st_size
    piece = 10 * 2**20
    with loading(tmp_path, hub) as load:
        said = load(OWN_HUB)
    assert said.startswith(f"ModelNotFoundError: the model hub did not give all of {OWN_HUB} (")
    assert said.endswith("): call again, it goes on where it was\n")
    assert not [start for file, start, _ in hub.sent if file == name and start not in {0, piece}]
    hub.cuts = ""
    hub.sent.clear()
    with loading(tmp_path, hub) as load:
        assert load(OWN_HUB).startswith("Engine('longlive', ")
    assert [sent for sent in hub.sent if sent[0] == name] == [(name, piece, size - piece)]
    assert len({file for file, _, _ in hub.sent}) == len(hub.sent)


def test_on_a_disk_without_links_a_large_file_is_kept_once(hub: Hub, tmp_path: Path):
    with loading(tmp_path, hub, HF_HUB_DISABLE_SYMLINKS="1") as load:
        assert load(OWN_HUB).startswith("Engine('longlive', ")
    size = next(hub.repositories[OWN_HUB].rglob("longlive_base.pt")).stat().st_size
    kept_files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in kept_files if path.stat().st_size == size] == ["longlive_base.pt"]


@pytest.mark.fault("Files that are read", "a download breaks off", "it goes on where it was")
def test_a_file_that_breaks_off_goes_on_where_it_was(hub: Hub, tmp_path: Path):
    """Within one call, from the last whole piece of 10 MiB that has come."""
    name = "longlive_base.pt"
    size = next(hub.repositories[OWN_HUB].rglob(name)).stat().st_size
    piece = 10 * 2**20
    assert piece < size * 3 // 4
    hub.breaks = {name}
    with loading(tmp_path, hub) as load:
        assert load(OWN_HUB).startswith("Engine('longlive', ")
    assert [sent for sent in hub.sent if sent[0] == name] == [
        (name, 0, size * 3 // 4),
        (name, piece, size - piece),
    ]


def test_a_file_that_is_not_what_the_hub_has_named_is_refused_and_fetched_again(
    hub: Hub, tmp_path: Path
):
    hub.swapped = "longlive_base.pt"
    with loading(tmp_path, hub) as load:
        said = load(OWN_HUB)
        assert said.startswith(f"CheckpointError: 1 files of {OWN_HUB} came with other hashes than")
        hub.swapped = ""
        hub.fetched.clear()
        assert load(OWN_HUB).startswith("Engine('longlive', ")
    assert "longlive_base.pt" in hub.fetched
    assert "lora.pt" not in hub.fetched


@pytest.mark.parametrize(
    ("name", "content", "is_it"),
    [
        ("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", b"hello", True),
        ("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0", b"hello", True),
        ("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0", b"hellp", False),
        ("hello", b"hello", False),
    ],
)
def test_a_file_is_called_by_its_sha256_or_by_gits_hash(tmp_path, name, content, is_it):
    (tmp_path / name).write_bytes(content)
    assert is_called_by_hash(tmp_path / name) is is_it


def test_what_the_hub_does_not_have_is_told_in_a_sentence(hub: Hub, tmp_path: Path):
    expected = {
        "someone/else": "there is no folder someone/else, and the model hub has none or not",
        f"{OWN_HUB}@v9": f"the model hub has no revision 'v9' of {OWN_HUB}: leave it out",
        WAN_HUB: "it lacks longlive_base.pt, lora.pt: put",
    }
    with loading(tmp_path, hub) as load:
        for model, said in expected.items():
            told = load(model)
            assert told.startswith("ModelNotFoundError: ")
            assert said in told


@pytest.mark.fault(
    "Files that are read",
    "the model hub is out of reach",
    "a sentence; what was fetched is not fetched again",
)
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "is not on this machine, as a folder or from the model"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot be reached: connect to the net"),
        ({"HF_HOME": "/proc/none"}, "cannot be kept ("),
    ],
)
def test_a_hub_that_is_out_of_reach_is_told_in_a_sentence(
    hub: Hub, tmp_path: Path, environment: dict[str, str], said: str
):
    with loading(tmp_path, hub, **environment) as load:
        told = load(OWN_HUB)
    assert told.startswith("ModelNotFoundError: ")
    assert said in told


@pytest.mark.fault(
    "Files that are read",
    "the model hub takes a question and says nothing, or falls silent inside of a file",
    "5 s without a byte end each wait: it is asked again, and then told in a sentence",
)
@pytest.mark.parametrize(
    ("silent", "said"),
    [("api", "cannot be reached: connect to the net"), ("longlive_base.pt", "did not give all of")],
)
def test_a_hub_that_falls_silent_is_not_waited_for(
    hub: Hub, tmp_path: Path, silent: str, said: str
):
    hub.silent = silent
    with loading(tmp_path, hub, SILENCE_S="0.2") as load:
        told = load(OWN_HUB)
    assert told.startswith("ModelNotFoundError: ")
    assert said in told
    assert len(hub.waited_s) > 1
    assert max(hub.waited_s) < 2
    assert SILENCE_S == 5


@pytest.mark.fault(
    "Files that are read",
    "another process fetches the same file of the model hub",
    "it is waited for, and that is told after 2 s",
)
def test_another_process_that_fetches_a_file_is_waited_for_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(large_files, "UNTOLD_S", 0.1)
    lock, told = tmp_path / "x.lock", threading.Event()
    holder = FileLock(lock)
    holder.acquire()

    def warn(said: str, *, stacklevel: int) -> None:
        assert "another process fetches the same file" in said
        assert stacklevel
        told.set()
        holder.release()

    monkeypatch.setattr(warnings, "warn", warn)
    with large_files._alone(lock):
        assert told.is_set()
    told.clear()
    with large_files._alone(lock):
        assert not told.is_set()


def test_nothing_is_fetched_for_what_can_be_refused_without(hub: Hub, tmp_path: Path):
    with loading(tmp_path, hub, DEVICE="cuda:9") as load:
        assert load(OWN_HUB).startswith("CapabilityError: device 'cuda:9' is not here")
    assert hub.fetched == []


def test_names_on_a_hub_have_an_owner():
    assert is_hub_id("someone/LongLive-1.3B")
    assert is_hub_id("someone/LongLive-1.3B@v1.0")
    assert not any(map(is_hub_id, ("tiny", "a/b/c", "./model", "/model", "a/b@", "~/model x")))


def test_what_is_kept_of_a_name_that_no_hub_can_have_is_told():
    with pytest.raises(ModelNotFoundError, match=r"can have no some\.\.one/else \(.*: check the"):
        kept("some..one/else", ["config.json"])
