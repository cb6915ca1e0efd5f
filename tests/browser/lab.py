"""A JupyterLab or Notebook 7 of its own, and headless pages that look at notebooks in it."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from tempfile import mkdtemp
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

ROOT = Path(__file__).parents[2]
TOKEN = "nobody-else"
NO_NEWS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}
KERNEL_IS = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
OPEN = "async path => { await window.jupyterapp.commands.execute('docmanager:open', { path }) }"
CLOSE_ALL = """
  async () => {
    const { commands, shell } = window.jupyterapp;
    [...shell.widgets('main')].forEach(each => each.dispose());
    await commands.execute('filebrowser:go-to-path', { path: '/', dontShowBrowser: true });
  }
"""
CHANGE_THEME = """
  theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })
"""
WIDE = ViewportSize(width=1280, height=1000)
PATIENCE_S = 120  # of a machine that does much beside
STARTS_S = 180  # a server that many tests hang on
SETTLES_MS = 700
expect.set_options(timeout=1000 * PATIENCE_S)
App = Literal["jupyterlab", "notebook"]


@dataclass(frozen=True)
class Screenshots:
    """What pages looked like, for a person to see: nothing is taken where there is no folder."""

    folder: Path | None

    def take(self, shown: Page | Locator, name: str, *, whole: bool = False) -> None:
        """Once it has settled; `whole` is a page's own height."""
        if self.folder is None:
            return
        page = shown if isinstance(shown, Page) else shown.page
        page.wait_for_timeout(SETTLES_MS)
        if isinstance(shown, Page):
            shown.screenshot(path=self.folder / name, full_page=whole)
        else:
            shown.screenshot(path=self.folder / name)

    def keep(self, picture: Path, name: str) -> None:
        """One that a page has saved itself."""
        if self.folder is not None:
            shutil.copy(picture, self.folder / name)


@dataclass
class Lab:
    """A JupyterLab or Notebook 7 with all its files in one folder, and a browser."""

    app: App
    url: str
    work: Path
    browser: Browser
    _left: list[Page] = field(default_factory=list)
    """A page that waits for its next notebook, or none."""

    @contextmanager
    def opened(
        self, notebook: Path, *, dark: bool = False, before: str = "", alone: bool = False
    ) -> Iterator[Page]:
        """A page that shows a copy of `notebook`, its kernel ready; kernels and files go with it.

        The page itself is used again, for JupyterLab takes longer to load than most tests do. A new
        one is for whatever loads or changes the page itself (`alone`), or has JavaScript `before`
        run before all scripts of the page; what fails leaves none behind.
        """
        alone = alone or bool(before) or self.app == "notebook"
        folder = Path(mkdtemp(dir=self.work))
        shutil.copy(notebook, folder)
        page = self.new_page(before) if alone or not self._left else self._left.pop()
        try:
            self._show(page, folder.name, notebook.name)
            page.evaluate(CHANGE_THEME, "JupyterLab Dark" if dark else "JupyterLab Light")
            page.locator("#jupyterlab-splash").wait_for(state="detached")
            yield page
            if not alone:
                page.evaluate(CLOSE_ALL)
                self._left.append(page)
        finally:
            if page not in self._left:
                page.close()
            for session in json.load(self._answer("GET", "api/sessions")):
                self._answer("DELETE", f"api/sessions/{session['id']}")
            shutil.rmtree(folder)

    def new_page(self, before: str = "") -> Page:
        page = self.browser.new_page(viewport=WIDE)
        page.set_default_timeout(1000 * PATIENCE_S)
        page.add_init_script(before)
        return page

    def _show(self, page: Page, folder: str, name: str) -> None:
        page.set_viewport_size(WIDE)
        if page.url.startswith(self.url):
            page.evaluate(OPEN, f"{folder}/{name}")
        else:
            place = "notebooks" if self.app == "notebook" else f"lab/workspaces/{folder}/tree"
            page.goto(f"{self.url}/{place}/{folder}/{name}?token={TOKEN}")
        page.wait_for_function(f"{KERNEL_IS} === 'idle'")

    def _answer(self, method: str, path: str) -> HTTPResponse:
        told = {"Authorization": f"token {TOKEN}"}
        asked = urllib.request.Request(f"{self.url}/{path}", method=method, headers=told)
        return urllib.request.urlopen(asked, timeout=PATIENCE_S)


@contextmanager
def running_lab(
    folder: Path,
    browser: Browser,
    app: App = "jupyterlab",
    more: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Lab]:
    """A server of our own, all files under `folder`; its environment has `more`."""
    work = folder / "work"
    work.mkdir(parents=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = start_server(app, work, folder, port, more)
    try:
        wait_until_up(f"{url}/api?token={TOKEN}", server, folder / "log")
        yield Lab(app, url, work, browser)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def start_server(
    app: App, work: Path, folder: Path, port: int, more: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    settings = folder / "settings"
    settings.mkdir()
    (settings / "overrides.json").write_text(json.dumps(NO_NEWS))
    fresh = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environment = {
        **os.environ,
        **more,
        **{f"JUPYTER_{name}": str(folder / name.lower()) for name in fresh},
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(ROOT),
    }
    command = [
        sys.executable, "-m", app, "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
        "--expose-app-in-browser", f"--LabServerApp.app_settings_dir={settings}",
    ]  # fmt: skip
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=work, env=environment, stdout=log, stderr=log)


def write_notebook(path: Path, *cells: str, kernel: str = "python3") -> Path:
    """A notebook with these cells; returns its path."""
    rows = [
        {
            "cell_type": "code",
            "id": f"cell-{index}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": cell,
        }
        for index, cell in enumerate(cells)
    ]
    spec = {"name": kernel, "display_name": "Python 3", "language": "python"}
    content = {"cells": rows, "metadata": {"kernelspec": spec}, "nbformat": 4}
    path.write_text(json.dumps({**content, "nbformat_minor": 5}))
    return path


def wait_until_up(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTS_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the server did not come up:\n{log.read_text()[-3000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_all_cells(page: Page) -> None:
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")


def studio(page: Page) -> Locator:
    """The last player on the page, once it is there."""
    found = page.locator(".longlive").last
    found.wait_for(state="attached")
    found.scroll_into_view_if_needed()
    return found


def wait_for_data(page: Page, condition: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until JavaScript `condition` holds of `d`, the dataset of the last player."""
    page.wait_for_function(
        f"() => {{ const d = [...document.querySelectorAll('.longlive')].at(-1)?.dataset;"
        f" return d !== undefined && ({condition}); }}",
        timeout=1000 * patience_s,
    )


def data(page: Page) -> dict[str, str]:
    """The dataset of the last player."""
    return page.evaluate("() => ({...[...document.querySelectorAll('.longlive')].at(-1).dataset})")


def shown_picture(page: Page) -> tuple[int, NDArray[np.uint8]]:
    """The number of the picture that the last player shows, and its pixels: RGB, `[H, W, 3]`."""
    number, address = page.evaluate(
        """() => {
          const player = [...document.querySelectorAll('.longlive')].at(-1);
          const canvas = player.querySelector('canvas.ll-canvas');
          return [+player.dataset.frame, canvas.toDataURL('image/png')];
        }"""
    )
    png = base64.b64decode(address.partition(",")[2])
    return number, np.asarray(Image.open(BytesIO(png)).convert("RGB"))


def copied(page: Page, button: Locator) -> str:
    """What a click leaves in the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('')")
    button.click()
    until = time.monotonic() + PATIENCE_S
    while True:
        text = page.evaluate("navigator.clipboard.readText()")
        if text or time.monotonic() > until:
            return text
        page.wait_for_timeout(50)


def save_notebook(page: Page) -> None:
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
