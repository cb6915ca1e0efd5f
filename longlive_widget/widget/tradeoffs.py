"""What presets gain and cost, to be explored: charts on the page that load what is clicked at."""

import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, assert_never, cast, get_args

import traitlets

from longlive_widget.errors import RecordError, SessionError, one_of
from longlive_widget.measure.recommend import Candidate
from longlive_widget.measure.record import Record
from longlive_widget.measure.records import read
from longlive_widget.measure.trade_chart import Quality, qualities_of
from longlive_widget.presets import Preset
from longlive_widget.widget.bundle import asset, bundled, hear_where_sent
from longlive_widget.widget.cases import Case, Drawn, cases_of
from longlive_widget.widget.courier import Courier
from longlive_widget.widget.explored import View
from longlive_widget.widget.loop import Loop
from longlive_widget.widget.outbox import sentence
from longlive_widget.widget.own_layout import OwnLayout
from longlive_widget.widget.protocol import Asset, AssetRequest, encode
from longlive_widget.widget.studio import LongLiveWidget
from longlive_widget.widget.wishes import Choose, Take, wish_of

if TYPE_CHECKING:
    from longlive_widget.engine.session import Block
    from longlive_widget.measure.chart import Chart

_REFRESH_S = 2.0
"""The blocks of a studio come faster than anybody looks at their median."""
_LIVE = "made in this studio"


class Tradeoffs(OwnLayout):
    """What presets gain and cost: a chart of time, pictures and memory, a waterfall, a roofline.

    A click on a preset has `studio` make its video under it, as the presets panel does; without a
    studio the page shows the Python that loads it. A chart is of one case, that is of one model at
    one size on one machine: where there are several, the page has a menu of them.

    Args:
        records: files that `longlive-widget benchmark`, `ablate`, `likeness`, `quality` and
            `profile` have written, or records themselves.
        studio: a studio; the blocks that it has made are a case of their own.
        case: some words of the case that is shown first, as "H200"; without any it is the first.

    Raises:
        RecordError: a file cannot be read, there is no benchmark and no studio, or two settings of
            one case have one name.
        SessionError: the studio is none of a single video, or not one case has these words.
        CapabilityError: the page's part of this package was not built.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    page_state = traitlets.Dict().tag(sync=True)
    _open = False

    def __init__(
        self,
        *records: str | Path | Record,
        studio: LongLiveWidget | None = None,
        case: str | None = None,
    ) -> None:
        _require_single(studio)
        self._studio = studio
        self._records = tuple(
            one
            for given in records
            for one in ((given,) if isinstance(given, Record) else read(given))
        )
        self._kept = cases_of(self._records)
        if not self._cases():
            raise RecordError(
                "there is nothing to explore: give a file that `longlive-widget benchmark --out` "
                "has written, or a studio"
            )
        first = self._cases()[0] if case is None else self._named(case)
        self._view = View(first).of(first)
        self._said = ""
        self._tellings = count(1)
        self._told_s = 0.0
        self._loop = Loop()
        self._courier = Courier("longlive-tradeoffs")
        page, style = bundled("tradeoffs.js"), bundled("widget.css")
        super().__init__(_esm=page, _css=style, page_state=self._shown())
        self.on_msg(self._on_page_message)
        hear_where_sent(self.comm)
        if studio is not None:
            studio.observe(self._hear_of_preset, "preset")
            studio.on_block(_hearing(weakref.ref(self)))
        self._open = True

    def __repr__(self) -> str:
        return f"Tradeoffs({self.case!r})"

    @property
    def cases(self) -> tuple[str, ...]:
        """All that there is to choose from: model, numbers, size, device, threads, torch."""
        return tuple(case.label for case in self._cases())

    @property
    def case(self) -> str:
        """The one that is shown; assign some words that no other has, as "H200"."""
        return self._view.case.label

    @case.setter
    def case(self, words: str) -> None:
        self._see(self._view.of(self._named(words)))

    @property
    def quality(self) -> Quality:
        """The figure of pictures that is shown: "psnr", "ssim" or "judge"; assign another one.

        One that no record of this case has is a `SessionError`.
        """
        return self._view.quality

    @quality.setter
    def quality(self, quality: Quality) -> None:
        one_of("quality", quality, qualities_of(self.candidates), SessionError)
        self._see(replace(self._view, quality=quality))

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The presets of the case that is shown, with what was measured of each."""
        return self._present_view().case.candidates

    def figure(self, name: Drawn = "trade", preset: str | None = None) -> "Chart":
        """A chart of the case that is shown, as the page draws it.

        "trade" is time against pictures, the larger a dot, the more memory; "waterfall" is what
        each optimisation gives on the way from the reference to `preset`, "roofline" how near the
        parts of its block are to what the device can do. Without `preset` it is the one that was
        clicked last.

        Where the records lack what it is drawn from, it is a `RecordError` with the command that
        measures it; a chart or a preset that there is not is a `SessionError`.
        """
        view = self._present_view()
        view = view if preset is None else view.at(preset)
        return view.case.figure(name, view.quality, view.chosen)

    def close(self) -> None:
        """End its thread, and hear of the studio no more."""
        if self._open:
            self._open = False
            if self._studio is not None:
                self._studio.unobserve(self._hear_of_preset, "preset")
            self._courier.close()
        super().close()

    def _cases(self) -> tuple[Case, ...]:
        """Those on record, then that of the studio, which grows."""
        if self._studio is None:
            return self._kept
        about = self._studio.page_state
        label = f"{about['model']} at {about['width_px']} x {about['height_px']}, {_LIVE}"
        closed = self._studio.status == "closed"
        made = () if closed else self._studio.measured(self._records)
        return (*self._kept, Case(label, made, ()))

    def _named(self, words: str) -> Case:
        cases = self._cases()
        found = [case for case in cases if case.label == words]
        found = found or [case for case in cases if words in case.label]
        if len(found) != 1:
            labels = "; ".join(case.label for case in cases)
            raise SessionError(f"{len(found)} cases have {words!r} in them: choose one of {labels}")
        return found[0]

    def _present_view(self) -> View:
        """What is looked at, as it is now: the studio's own case grows, and may be resized."""
        cases = self._cases()
        same = [case for case in cases if case.label == self._view.case.label]
        return self._view.of((same or cases[-1:])[0])

    def _see(self, view: View, said: str = "") -> None:
        self._view, self._said = view, said
        self._refresh()

    def _refresh(self) -> None:
        """Show on all pages how things are now."""
        self._loop.do(partial(setattr, self, "page_state", self._shown()))

    def _shown(self) -> dict[str, object]:
        self._view = self._present_view()
        return {
            "told": next(self._tellings),
            "cases": list(self.cases),
            "present": self._present(),
            "live": self._studio is not None,
            "said": self._said,
            **self._view.shown(live=self._studio is not None),
        }

    def _present(self) -> str:
        """Which of the presets the studio makes its video under; "" if none of them."""
        if self._studio is None:
            return ""
        changes = self._studio.preset.changes()
        candidates = self._view.case.candidates
        return next((one.name for one in candidates if one.preset.changes() == changes), "")

    def _on_page_message(self, _widget: object, content: object, _buffers: object) -> None:
        self._courier.put(lambda: self._obey(content), self._fail)

    def _obey(self, content: object) -> None:
        match wish_of(content):
            case AssetRequest():
                self.send(encode(Asset("plotly")), [asset("plotly")])
            case Choose(case, quality, preset):
                one_of("quality", quality, get_args(Quality), SessionError)
                wanted = replace(self._view, quality=cast("Quality", quality), preset=preset)
                self._see(wanted.of(self._named(case)))
            case Take(preset):
                self._see(self._present_view().at(preset))
                self._load()
            case wish:
                assert_never(wish)

    def _load(self) -> None:
        """Have the studio do what a click in its presets panel would."""
        preset = self._view.chosen
        if self._studio is not None and preset is not None:
            self._see(self._view, f"{preset.name} is on its way to the studio")
            self._studio.use(preset).add_done_callback(self._loaded)

    def _loaded(self, done: "Future[None]") -> None:
        def tell() -> None:
            done.result(timeout=0)
            self._see(self._view)

        self._courier.put(tell, self._fail)

    def _fail(self, error: Exception) -> None:
        self._see(self._view, sentence(error))

    def _hear_of_preset(self, _change: object) -> None:
        self._courier.put(self._refresh, self._fail)

    def _hear_of_block(self) -> None:
        """A block was made: what the studio has measured is told anew, not too often."""
        if self.case.endswith(_LIVE) and time.monotonic() - self._told_s > _REFRESH_S:
            self._told_s = time.monotonic()
            self._courier.put(self._refresh, self._fail)


def _require_single(studio: object) -> None:
    """Nothing, unless it is no studio, or one of several videos, which have no one preset."""
    if studio is None or (isinstance(studio, LongLiveWidget) and isinstance(studio.preset, Preset)):
        return
    raise SessionError(f"{studio!r} is no studio of a single video: give a LongLiveWidget")


def _hearing(whom: "weakref.ref[Tradeoffs]") -> "Callable[[Block], None]":
    """What a studio calls with each block: it keeps no explorer alive."""

    def hear(_block: "Block") -> None:
        explorer = whom()
        if explorer is not None:
            explorer._hear_of_block()

    return hear
