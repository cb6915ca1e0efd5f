"""The studio's page in a host of our own: under a strict policy, over a line that is slow or cut.

The host does for the page what Jupyter and anywidget do, in a few lines of JavaScript, and brings
the real messages to a real studio of this process.
"""

import base64
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Route

from longlive_widget import LongLiveWidget
from longlive_widget.widget.bundle import bundled

PATIENCE_MS = 8000
ADDRESS = "http://localhost/"
"""Nothing listens there: the browser is answered by `_answered`."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' blob:",
        "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "img-src blob: data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What the page needs, and nothing more: docs/security.md has it. The hash is that of no text at
all: Plotly adds an empty style element, and its rules one by one."""
FILES = {
    "/": (
        "text/html",
        '<!doctype html><meta charset="utf-8"><title>A host</title>'
        '<link rel="stylesheet" href="/widget.css"><div id="cell"></div>'
        '<script type="module" src="/host.js"></script>',
    ),
    "/host.js": (
        "text/javascript",
        """
        globalThis.refused = [];
        addEventListener("securitypolicyviolation", (told) => {
          refused.push(`${told.effectiveDirective}: ${told.blockedURI} ${told.sample}`);
        });
        const heard = new Map();
        const listeners = (event) => heard.get(event) ?? heard.set(event, new Set()).get(event);
        let pageState = JSON.parse(await stateNow());
        const model = {
          get: (name) => (name === "page_state" ? pageState : undefined),
          on: (event, act) => listeners(event).add(act),
          off: (event, act) => listeners(event).delete(act),
          send: (content) => toKernel(JSON.stringify(content)),
        };
        const code = (letter) => letter.charCodeAt(0);
        const bytes = (text) => new DataView(Uint8Array.from(atob(text), code).buffer);
        const { default: source } = await import("/source.js");
        const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
        const { default: widget } = await import(address);
        const { signal } = new AbortController();
        widget().render({ model, el: document.querySelector("#cell"), signal });
        while (true) {
          for (const { state, content, buffers } of JSON.parse(await fromKernel())) {
            if (state !== null) {
              pageState = state;
              listeners("change:page_state").forEach((act) => act());
            } else {
              listeners("msg:custom").forEach((act) => act(content, buffers.map(bytes)));
            }
          }
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        """,
    ),
}


@dataclass
class Line:
    """What is between a page and a studio: messages in order, which take time, wait or are lost."""

    studio: LongLiveWidget
    bytes_per_s: float = float("inf")
    cut: Literal["no", "held", "lost"] = "no"
    loses: str | None = None
    """The kind of the next message to be lost, of either side, and no other."""
    heard: list[str] = field(default_factory=list)
    _down: deque[tuple[float, dict]] = field(default_factory=deque)
    _up: deque[dict] = field(default_factory=deque)
    _free_s: float = 0.0

    def __post_init__(self) -> None:
        self.studio.send = self._send
        self.studio.observe(lambda change: self._put({"state": change["new"]}), "page_state")

    def _send(self, content: dict, buffers: list[bytes]) -> None:
        coded = [base64.b64encode(buffer).decode() for buffer in buffers]
        self._put({"content": content, "buffers": coded}, sum(map(len, buffers)))

    def _put(self, message: dict, buffers_bytes: int = 0) -> None:
        whole = {"state": None, "content": None, "buffers": [], **message}
        size = buffers_bytes + len(json.dumps({**whole, "buffers": None}))
        self._free_s = max(self._free_s, time.monotonic()) + size / self.bytes_per_s
        if whole["content"] is not None and self._is_lost(whole["content"]):
            return
        if self.cut != "lost":
            self._down.append((self._free_s, whole))

    def _is_lost(self, content: dict) -> bool:
        lost = content["type"] == self.loses
        if lost:
            self.loses = None
        return lost

    @property
    def on_the_way(self) -> list[dict]:
        """What was sent to the page and has not come."""
        return [message for _, message in self._down]

    def from_kernel(self) -> str:
        """What has come through by now."""
        come = []
        while self._down and self.cut == "no" and self._down[0][0] <= time.monotonic():
            come.append(self._down.popleft()[1])
        return json.dumps(come)

    def to_kernel(self, text: str) -> None:
        """A page sends something."""
        content = json.loads(text)
        if not self._is_lost(content) and self.cut != "lost":
            self._up.append(content)
        while self._up and self.cut == "no":
            content = self._up.popleft()
            self.heard.append(content["type"])
            self.studio._handle_custom_msg(content, [])


def wait_on(page: Page, condition: Callable[[], bool]) -> None:
    """Wait until it holds, while the page goes on."""
    for _ in range(PATIENCE_MS // 50):
        if condition():
            return
        page.wait_for_timeout(50)
    pytest.fail("it never happened")


@contextmanager
def hosted(
    browser: Browser, studio: LongLiveWidget, policy: str = POLICY, loses: str | None = None
) -> Iterator[tuple[Page, Line, list[str]]]:
    """A page that shows the studio, the line between them, and what the browser complained of."""
    line, said = Line(studio, loses=loses), []
    files = FILES | {
        "/widget.css": ("text/css", bundled("widget.css")),
        "/source.js": ("text/javascript", f"export default {json.dumps(bundled('widget.js'))};"),
    }

    def answered(route: Route) -> None:
        kind, body = files["/" + route.request.url.removeprefix(ADDRESS)]
        headers = {"Content-Type": kind, "Content-Security-Policy": policy}
        route.fulfill(headers=headers, body=body)

    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
    page.expose_function("stateNow", lambda: json.dumps(studio.page_state))
    page.expose_function("fromKernel", line.from_kernel)
    page.expose_function("toKernel", line.to_kernel)
    page.route("**/*", answered)
    page.goto(ADDRESS)
    try:
        yield page, line, said
    finally:
        page.close()
