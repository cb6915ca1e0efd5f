"""Real kernels of several versions, driven as JupyterLab drives them, without a page."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jupyter_client import BlockingKernelClient, KernelManager

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
STUDIO = """
from longlive_widget import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine

studio = LongLiveWidget(PaintedEngine(0.1), "a red ball", seed=1)
studio.start()
"""
BUSY = "import ipykernel, time; print(ipykernel.__version__); time.sleep(2)"
Message = dict[str, object]


class Kernel:
    """A kernel with a studio in it, and the studio's line to a page."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self.subshell = self._subshell()
        client.execute(STUDIO)
        opened = self.wait_for(
            lambda kind, content: kind == "comm_open" and "_esm" in content["data"]["state"]
        )
        self.comm = opened["comm_id"]
        self.wait_for(lambda _, content: content.get("execution_state") == "idle")

    def _subshell(self) -> str | None:
        """What JupyterLab sends messages of widgets to, where the kernel has such a thing."""
        info = self.client.kernel_info(reply=True, timeout=PATIENCE_S)["content"]
        if "kernel subshells" not in info.get("supported_features", ()):
            return None
        ask = self.client.session.msg("create_subshell_request")
        self.client.control_channel.send(ask)
        return self.client.get_control_msg(timeout=PATIENCE_S)["content"]["subshell_id"]

    def send(self, number: int, **command: object) -> None:
        asked = {"view": "12-34", "number": number}
        data = {"method": "custom", "content": {**command, "asked": asked}}
        message = self.client.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        if self.subshell is not None:
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)

    def wait_for(self, wanted: Callable[[str, Message], bool]) -> Message:
        """The content of the next message of that kind that the kernel publishes."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            message = self.client.get_iopub_msg(timeout=PATIENCE_S)
            if wanted(message["msg_type"], message["content"]):
                return message["content"]
        raise AssertionError("it was never published")

    def wait_for_page(self, **wanted: object) -> None:
        """Wait until the page is told a message with these fields."""
        self.wait_for(
            lambda kind, content: kind == "comm_msg" and wanted.items() <= told(content).items()
        )

    def has_ended(self, cell: str) -> bool:
        """Whether the kernel has answered that request to run a cell."""
        answered = []
        while self.client.shell_channel.msg_ready():
            answered.append(self.client.get_shell_msg()["parent_header"]["msg_id"])
        return cell in answered


def told(content: Message) -> Message:
    """What a message of the studio says to the page; nothing where it is about a trait."""
    message = content["data"].get("content", {})
    return {**message, **message.pop("state", {}), **message.pop("landing", {})}


@contextmanager
def kernel_of(folder: Path) -> Iterator[Kernel]:
    """A kernel whose ipykernel is the one in the folder."""
    manager = KernelManager()
    manager.kernel_spec.argv = [
        sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}",
    ]  # fmt: skip
    paths = os.pathsep.join(map(str, (folder, ROOT)))
    manager.start_kernel(env={**os.environ, "PYTHONPATH": paths}, cwd=ROOT)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE_S)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def installed(request) -> Callable[[str], Path]:
    """Get a version of ipykernel into a folder of its own, once and for all runs of the tests."""

    def install(version: str) -> Path:
        folder = request.config.cache.mkdir(f"ipykernel-{version}")
        if not (folder / "ipykernel_launcher.py").exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            subprocess.run([*pip, f"--target={folder}", f"ipykernel=={version}"], check=True)
        return folder

    return install


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "hears_while_a_cell_runs"),
    [("6.31.0", False), ("7.3.0", True), ("7.4.0", True)],
)
def test_controls_are_obeyed_at_once_or_when_the_cell_has_ended(
    installed, version, hears_while_a_cell_runs
):
    with kernel_of(installed(version)) as kernel:
        kernel.send(1, type="pause")
        kernel.wait_for_page(type="heard", number=1)
        kernel.wait_for_page(type="state", status="paused")
        kernel.send(2, type="resume")
        kernel.wait_for_page(type="state", status="running")

        cell = kernel.client.execute(BUSY)
        said = kernel.wait_for(lambda kind, _: kind == "stream")
        assert said["text"].strip() == version
        kernel.wait_for_page(type="block")  # something is published by a thread of the studio
        kernel.send(3, type="switch", prompt="a blue star")
        kernel.send(4, type="pause")
        kernel.wait_for_page(type="heard", number=3)
        assert kernel.has_ended(cell) != hears_while_a_cell_runs
        kernel.wait_for_page(type="receipt", prompt="a blue star")
        kernel.wait_for_page(type="state", status="paused")
