"""The page waits for nothing without an end: its source is read, and each wait has its reason."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "js" / "src"
USER = "what the user has clicked, and may be asked by the browser: nothing else waits for it"
INSISTED = "the kernel: it is asked again after 5 s, ever less often, and the page says so"
PLOTLY = "a megabyte, on whatever line: after 5 s its place says that it waits for the kernel"
EACH = "several at once: each of them has its limit"
VIEW = "a picture of the screen after the other, until the view has gone"
WITHOUT_A_LIMIT = {
    ("browser.ts", "Promise.all"): EACH,
    ("browser.ts", "navigator.clipboard.writeText"): USER,
    ("charts/panel.ts", "loading"): PLOTLY,
    ("charts/plot.ts", "plotly.react"): "a drawing, on this thread: the next one is not held up",
    ("charts/plotly.ts", "import"): "what is here: the browser runs it, or says why it does not",
    ("charts/plotly.ts", "own"): PLOTLY,
    ("connection.ts", "new Promise"): "what the kernel brings: who waits for it is in this list",
    ("explorer/view.ts", "loading"): PLOTLY,
    ("patience.ts", "Promise.race"): "the limit itself",
    ("patience.ts", "coming"): "the end of the limit",
    ("patience.ts", "new Promise"): "the limit itself",
    ("patience.ts", "over"): "the limit itself",
    ("playback/beat.ts", "requestAnimationFrame"): VIEW,
    ("playback/decoder.ts", "this.last"): "the block before, which has its limit",
    ("recording/kernel-tape.ts", "coming"): PLOTLY,
    ("recording/kernel-tape.ts", "new Promise"): INSISTED,
    ("recording/questions.ts", "answer"): INSISTED,
    ("recording/tape-player.ts", "source.fetch"): INSISTED,
    ("recording/view.ts", "tape.records"): INSISTED,
    ("timeline/files.ts", "file.text"): USER,
    ("timeline/files.ts", "navigator.clipboard.writeText"): USER,
    ("timeline/filmstrip.ts", "new Promise"): "a small picture: who waits for it has a limit",
    ("timeline/filmstrip.ts", "source"): INSISTED,
    ("tradeoffs.ts", "coming"): PLOTLY,
    ("view/screen.ts", "document.exitFullscreen"): USER,
    ("view/screen.ts", "document.exitPictureInPicture"): USER,
    ("view/screen.ts", "element.requestFullscreen"): USER,
    ("view/screen.ts", "video.requestPictureInPicture"): USER,
    ("widget.ts", "source"): PLOTLY,
}
"""What waits for as long as it takes, and why that holds nobody up. All else has 5 s."""
LIMIT = "inTime"
COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", re.DOTALL)
OWN = re.compile(
    r"\basync (?:function )?(\w+)(?:<\w+>)?\("
    r"|\b(\w+)\([^()]*\): Promise<[^{;]*> \{"
    r"|\b(\w+)(?: =|:) async\b"
)
"""A function of the page that takes time: what it waits for is read where it is written."""
AWAIT = re.compile(r"\bawait (?!new )([\w.]+)")
PROMISE = re.compile(r"(?<!inTime\()(?<!inTime\( )\bnew Promise\b")


def plain(source):
    """Without its comments and its lines."""
    return " ".join(COMMENT.sub("", source).split())


def own_functions(source):
    """The functions in it that take time."""
    return {name for names in OWN.findall(plain(source)) for name in names if name}


def waits(source, own=frozenset()):
    """What is waited for without a limit, unless it is one of the page's own functions."""
    text = plain(source)
    found = set(AWAIT.findall(text))
    found |= {_before(text, match.start()) for match in re.finditer(r" ?\.then\(", text)}
    found = {what for what in found if what.split(".")[-1] not in own | {LIMIT}}
    found |= {"new Promise"} if PROMISE.search(text) else set()
    return found | ({"requestAnimationFrame"} if "requestAnimationFrame(" in text else set())


def _before(text, end):
    """The names before `end`, without what is handed to them."""
    names, depth = "", 0
    for letter in reversed(text[:end]):
        depth += letter == ")"
        if depth == 0 and not (letter.isalnum() or letter in "_."):
            break
        names = letter + names if depth == 0 else names
        depth -= letter == "("
    return names.removeprefix(".")


@pytest.mark.fault(
    "The page and its messages",
    "what a page waits for never comes",
    "no wait is without an end: the browser has 5 s to decode or to draw, and then that is told or "
    "done without; what a recording's page asks its kernel for is asked for again after 5 s, ever "
    "less often, and the page says that it waits",
)
def test_each_wait_in_the_source_of_the_page_has_a_limit_or_a_reason():
    sources = {
        module.relative_to(SOURCE).as_posix(): module.read_text(encoding="utf-8")
        for module in SOURCE.rglob("*.ts")
    }
    own = frozenset().union(*map(own_functions, sources.values()))
    found = {(name, what) for name, source in sources.items() for what in waits(source, own)}
    assert found == set(WITHOUT_A_LIMIT)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("await video.flush();", "video.flush"),
        ("const all = (await tape.records).length;", "tape.records"),
        ("await new Promise<void>((done) => {});", "new Promise"),
        ("const asked = new Promise((done) => {});", "new Promise"),
        ("this.decoder\n  .decode(block(1, 2))\n  .then(put);", "decode"),
        ("loading.then(begin);", "loading"),
        ("requestAnimationFrame(tick);", "requestAnimationFrame"),
        ("await inTime(video.flush(), late);\nawait other;", "other"),
    ],
)
def test_the_reader_sees_each_of_them(source, what):
    assert waits(source) == {what}


@pytest.mark.parametrize(
    "source",
    [
        "await inTime(video.flush(), late);",
        "return inTime(\n  new Promise((made) => canvas.toBlob(made)), late);",
        "inTime(coming, late).then(show);",
        "// await video.flush();",
        "/* new Promise */",
        "setTimeout(draw, 100);",
        "await handOver(form);",
        "tape\n  .decode(block)\n  .then(put);",
    ],
)
def test_what_has_a_limit_or_is_read_elsewhere_is_none(source):
    assert waits(source, {"handOver", "decode"}) == set()


@pytest.mark.parametrize(
    "source",
    [
        "export async function handOver(name: string): Promise<string> {}",
        "function handOver(name: string): Promise<Blob | null> {}",
        "private async handOver() {}",
        "const handOver = async () => {};",
        "return { handOver: async () => undefined };",
    ],
)
def test_a_function_of_the_page_is_known_by_what_it_gives(source):
    assert own_functions(source) == {"handOver"}


def test_what_only_tells_the_form_of_a_function_is_none_of_the_page():
    assert own_functions("type Plotly = { react: (data: object) => Promise<void>; };") == set()
