"""What the player does on this machine: `python -m tests.browser.bars`, with names of bars or all.

Ends with 1 where a bar was missed, and says which. Figures hang on what else the machine does,
which is told too: a miss on a busy machine says nothing.
"""

import sys
import time
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
import simplejpeg
from av import CodecContext, Packet
from av.video.reformatter import ColorRange, Colorspace
from playwright.sync_api import Page

from longlive_widget.engine.engine import Engine
from longlive_widget.timeline import Timeline
from longlive_widget.widget.frame_codec import encode_block
from tests.browser.chromium import running_chromium
from tests.browser.lab import Lab, run_all_cells, running_lab, studio, wait_for_data, write_notebook

# What is wanted, as docs/log.md has it; rates as they are told there, to the nearest.
PICTURES_PER_S = 15.95
STREAM_PICTURES_PER_S = 59.5
NOT_DRAWN_PERCENT = 1.0
CLICK_TO_TOLD_MS = 150.0
TYPED_TO_SEEN_S = 2.0

SHOWN_S, STREAM_S, CLICKS, SWITCHES, STARTS = 60, 20, 20, 12, 5
COLORS = ("a red", "a blue", "a green", "a yellow")
COMPILED_S = 400
TINY = """
from longlive_widget import Engine, LongLiveWidget

engine = Engine.load("tiny", preset="balanced")
studio = LongLiveWidget(engine, "a big red ball bounces on a white background", codec={codec!r})
studio.run(blocks=6)  # so that all is compiled
studio.start()
studio
"""
STREAM = """
from tests.browser.stream import Stream

stream = Stream()
stream
"""
PAINTED = """
from longlive_widget import LongLiveWidget
from tests.unit.painted_engine import PaintedEngine

studio = LongLiveWidget(PaintedEngine(0.3), "a red ball", codec={codec!r})
studio.start()
studio
"""
FRAMES = """seconds => new Promise(resolve => {
  const player = [...document.querySelectorAll('.longlive')].at(-1);
  const seen = [];
  const watch = new MutationObserver(() => seen.push([performance.now(), +player.dataset.frame]));
  watch.observe(player, { attributes: true, attributeFilter: ['data-frame'] });
  setTimeout(() => { watch.disconnect(); resolve(seen); }, 1000 * seconds);
})"""
CLICK = """action => new Promise(resolve => {
  const player = [...document.querySelectorAll('.longlive')].at(-1);
  const begun = performance.now();
  const watch = new MutationObserver(() => {
    watch.disconnect();
    resolve(performance.now() - begun);
  });
  watch.observe(player, { attributes: true, attributeFilter: ['data-status'] });
  player.querySelector(`[data-action=${action}]`).click();
})"""
LANDED = """prompt => new Promise(resolve => {
  const player = [...document.querySelectorAll('.longlive')].at(-1);
  let typed;
  player.querySelector('.ll-input').addEventListener('keydown', event => {
    if (event.key === 'Enter') typed = performance.now();
  }, { capture: true, once: true });
  const watch = new MutationObserver(() => {
    if (player.dataset.landed !== prompt) return;
    watch.disconnect();
    resolve(performance.now() - typed);
  });
  watch.observe(player, { attributes: true, attributeFilter: ['data-landed'] });
})"""
STOPPED = """
from longlive_widget import Engine, LongLiveWidget
from longlive_widget.widget.delivery import Delivery

engine = Engine.load("tiny", preset="balanced")
engine = Engine(engine.model, engine.preset.with_(name="in parts", decode_first=True))
studio = LongLiveWidget(engine, "a big red ball bounces on a white background", codec={codec!r})
if {whole}:
    studio._runner.delivery.open = lambda run, block: None
studio.run(blocks=6)
studio.stop()
studio
"""
FIRST = """() => new Promise(resolve => {
  const player = [...document.querySelectorAll('.longlive')].at(-1);
  const begun = performance.now();
  const watch = new MutationObserver(() => {
    if (player.dataset.frame !== '0') return;
    watch.disconnect();
    resolve(performance.now() - begun);
  });
  watch.observe(player, { attributes: true, attributeFilter: ['data-frame'] });
  player.querySelector('[data-action=start]').click();
})"""
PROMPTS = Timeline.of(
    "a big red ball bounces on a white background",
    (12, "a big yellow star circles under a night sky with stars"),
    (24, "a red square and a white heart over a green meadow"),
    (36, "a small pink ring spins in the snow"),
)


def held(what: str, value: float, *, least: float = -inf, most: float = inf) -> list[str]:
    """Nothing, or the bar that this figure missed."""
    if least <= value <= most:
        return []
    bound = f"{least:.2f} or more" if value < least else f"{most:.2f} or less"
    return [f"{what}: {value:.2f}, wanted {bound}"]


def shown(lab: Lab, folder: Path) -> list[str]:
    """`tiny` on `balanced` by either codec: pictures shown in a second, and left out."""
    return played_of(lab, folder, "tiny, balanced", TINY)


def played(lab: Lab, folder: Path) -> list[str]:
    """The same of painted pictures of that size, which cost nothing: what the page alone does."""
    return played_of(lab, folder, "painted", PAINTED)


def played_of(lab: Lab, folder: Path, name: str, cell: str) -> list[str]:
    missed = []
    for codec in ("h264", "jpeg"):
        with lab.opened(write_notebook(folder / "bars.ipynb", cell.format(codec=codec))) as page:
            run_all_cells(page)
            page.locator(".longlive").wait_for(state="attached", timeout=1000 * COMPILED_S)
            studio(page)
            wait_for_data(page, "+d.frame > 120")
            missed += frames_seen(page, SHOWN_S, f"{name}, {codec}", PICTURES_PER_S)
            print(f"  {page.locator('.ll-health').inner_text()}")
    return missed


def stream(lab: Lab, folder: Path) -> list[str]:
    """A prerecorded video of 832 x 480 at 60 pictures a second."""
    with lab.opened(write_notebook(folder / "bars.ipynb", STREAM)) as page:
        run_all_cells(page)
        studio(page)
        wait_for_data(page, "+d.frame > 120")
        name = "832 x 480, H.264, prerecorded at 60 pictures/s"
        return frames_seen(page, STREAM_S, name, STREAM_PICTURES_PER_S, not_drawn_percent=inf)


def control(lab: Lab, folder: Path) -> list[str]:
    """From a click to the kernel's word that it was obeyed: there and back."""
    with lab.opened(write_notebook(folder / "bars.ipynb", PAINTED.format(codec="auto"))) as page:
        run_all_cells(page)
        studio(page)
        wait_for_data(page, "+d.frame > 24")
        there_and_back_ms = []
        for _ in range(CLICKS):
            for action in ("pause", "resume"):
                there_and_back_ms.append(page.evaluate(CLICK, action))
                page.wait_for_timeout(300)
        low, middle, high = np.percentile(there_and_back_ms, (0, 50, 100))
        print(f"click to obeyed and told: median {middle:.0f} ms, {low:.0f} to {high:.0f} ms")
        return held("median of a click to obeyed and told, ms", middle, most=CLICK_TO_TOLD_MS)


def prompt(lab: Lab, folder: Path) -> list[str]:
    """From the key that sends a typed prompt to the first picture that it changes."""
    with lab.opened(write_notebook(folder / "bars.ipynb", TINY.format(codec="auto"))) as page:
        run_all_cells(page)
        page.locator(".longlive").wait_for(state="attached", timeout=1000 * COMPILED_S)
        studio(page)
        wait_for_data(page, "+d.frame > 120")
        typed = page.locator(".longlive .ll-input")
        took_s = []
        for index in range(SWITCHES):
            said = f"{COLORS[index % len(COLORS)]} star circles in the snow"
            typed.fill(said)
            page.evaluate(f"void (window.landed = ({LANDED})({said!r}))")
            typed.press("Enter")
            took_s.append(page.evaluate("window.landed") / 1e3)
            page.wait_for_timeout(2000 + 61 * index)  # at other moments of a block
        low, middle, high = np.percentile(took_s, (0, 50, 100))
        print(
            f"typed prompt to its first picture: median {middle:.2f} s, {low:.2f} to {high:.2f} s, "
            f"{len(took_s)} prompts"
        )
        print(f"  {page.locator('.ll-health').inner_text()}")
        return held(
            "median of a typed prompt to its first picture, s", middle, most=TYPED_TO_SEEN_S
        )


def first(lab: Lab, folder: Path) -> list[str]:
    """From a click on start to the first picture, of whole blocks and of opened ones; no bar."""
    for codec in ("h264", "jpeg"):
        for name, whole in (
            ("blocks as a whole", True),
            ("their first pictures before the rest", False),
        ):
            cell = STOPPED.format(codec=codec, whole=whole)
            with lab.opened(write_notebook(folder / "bars.ipynb", cell)) as page:
                run_all_cells(page)
                page.locator(".longlive").wait_for(state="attached", timeout=1000 * COMPILED_S)
                player = studio(page)
                took_ms = []
                for _ in range(STARTS):
                    page.wait_for_timeout(1000)
                    took_ms.append(page.evaluate(FIRST))
                    wait_for_data(page, "+d.frame > 12")
                    player.locator("[data-action=stop]").click()
                low, middle, high = np.percentile(took_ms, (0, 50, 100))
                print(
                    f"start to first picture, {codec}, {name}: "
                    f"median {middle:.0f} ms, {low:.0f} to {high:.0f} ms"
                )
    return []


def codec(_lab: Lab, _folder: Path) -> list[str]:
    """What either codec makes of `tiny`'s pictures; no bar."""
    session = Engine.load("tiny").session(PROMPTS, seed=1)
    blocks = [block.frames for block in session.blocks(16)]
    count = sum(map(len, blocks))
    for name, decode in (("h264", decoded_h264), ("jpeg", decoded_jpegs)):
        begun_s = time.perf_counter()
        coded = [encode_block(frames, name) for frames in blocks]
        took_ms = 1e3 * (time.perf_counter() - begun_s) / count
        seen = np.concatenate([decode(units) for units in coded])
        error = ((seen.astype(float) - np.concatenate(blocks)) ** 2).mean(axis=(1, 2, 3))
        db = 10 * np.log10(255**2 / error)
        kib = sum(len(unit) for units in coded for unit in units) / count / 1024
        print(
            f"tiny, {name}: PSNR mean {db.mean():.1f} dB, worst {db.min():.1f} dB; "
            f"{kib:.2f} KiB and {took_ms:.2f} ms a picture, {count} pictures"
        )
    return []


def frames_seen(
    page: Page,
    seconds: float,
    name: str,
    least_rate: float,
    *,
    not_drawn_percent: float = NOT_DRAWN_PERCENT,
) -> list[str]:
    before = psutil.cpu_times()
    seen = page.evaluate(FRAMES, seconds)
    after = psutil.cpu_times()
    busy = 1 - (after.idle - before.idle) / (sum(after) - sum(before))
    at_ms, numbers = np.array(seen).T
    span = numbers[-1] - numbers[0]
    rate = 1e3 * span / (at_ms[-1] - at_ms[0])
    undrawn_percent = 100 * (1 - (len(numbers) - 1) / span)
    gaps_ms = np.diff(at_ms)
    print(
        f"{name}: {rate:.2f} pictures/s over {seconds} s, {undrawn_percent:.2f} % not drawn, "
        f"longest on the screen {gaps_ms.max():.0f} ms; processors {100 * busy:.0f} % busy"
    )
    return [
        *held(f"{name}, pictures/s", rate, least=least_rate),
        *held(f"{name}, not drawn, %", undrawn_percent, most=not_drawn_percent),
    ]


def decoded_h264(units: list[bytes]) -> np.ndarray:
    decoder = CodecContext.create("h264", "r")
    frames = [frame for unit in units for frame in decoder.decode(Packet(unit))]
    frames += decoder.decode(None)
    return np.stack(
        [
            frame.reformat(
                format="rgb24", src_colorspace=Colorspace.ITU709, src_color_range=ColorRange.MPEG
            ).to_ndarray()
            for frame in frames
        ]
    )


def decoded_jpegs(units: list[bytes]) -> np.ndarray:
    return np.stack([simplejpeg.decode_jpeg(unit) for unit in units])


def tell(bars: "Bars", names: Sequence[str], lab: Lab, folder: Path) -> int:
    """Measure these, and say which missed; returns what the program ends with."""
    missed = [each for name in names for each in bars[name](lab, folder)]
    print("\n".join(f"missed: {each}" for each in missed) or "no bar was missed")
    return 1 if missed else 0


Bars = dict[str, Callable[[Lab, Path], list[str]]]
BARS: Bars = {bar.__name__: bar for bar in (shown, played, stream, control, prompt, first, codec)}

if __name__ == "__main__":
    with (
        TemporaryDirectory() as folder,
        running_chromium() as browser,
        running_lab(Path(folder), browser) as lab,
    ):
        print(f"load of the last minute {psutil.getloadavg()[0]:.1f}, {psutil.cpu_count()} cores")
        ended = tell(BARS, sys.argv[1:] or list(BARS), lab, Path(folder))
    sys.exit(ended)
