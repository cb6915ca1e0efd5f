"""Whatever a reader is handed: the right result, or an error of the package's own in one piece."""

import contextlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from longlive_widget import Engine, Recording, Timeline
from longlive_widget.cli.main import _parser
from longlive_widget.engine.language import LANGUAGE_FILE, Language
from longlive_widget.engine.model import Sizes
from longlive_widget.engine.session import Session
from longlive_widget.errors import LONGEST, LongLiveError
from longlive_widget.geometry import Geometry
from longlive_widget.measure.records import append, read
from longlive_widget.model.checkpoint import read_weights
from longlive_widget.presets import PRESETS, Preset
from longlive_widget.runs.journal import JournalFile, read_journal
from longlive_widget.runs.logbook import Logbook
from longlive_widget.runs.manifest import Manifest, picture_hashes
from longlive_widget.runs.recording import JOURNAL, MANIFEST, VIDEO, RecordingFolder
from longlive_widget.timeline import Transition
from longlive_widget.timeline_forms import timeline_as, timeline_from
from longlive_widget.tiny.language import tiny_language
from longlive_widget.widget.load_times import last_load_s
from longlive_widget.widget.protocol import parse
from tests.fuzz.conftest import ASKED, CI_EXAMPLES, RECORD
from tests.fuzz.made_up import as_json, changed_twice, files, numbers, texts, values
from tests.unit.written_record import record

FIXTURES = Path(__file__).parents[1] / "fixtures"
FORMS = ("json", "yaml", "longlive", "scope", "text")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
TIMELINE = Timeline.of("a red ball", (9, "a blue star"), (24, "it stops"))


@dataclass(frozen=True)
class Known:
    """What readers know, to be changed: files as bytes, an engine and a video of it.

    The changed files are put into a folder in which nothing else lies.
    """

    folder: Path
    engine: Engine
    session: Session
    manifest: dict
    journal: bytes
    video: bytes
    records: bytes
    safetensors: bytes
    pickle: bytes
    model: dict
    handed: dict[str, bytes] = field(default_factory=dict)

    def at(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        self.handed[name] = content
        return path

    def away(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)
        self.handed.pop(name, None)

    @property
    def untouched(self) -> bool:
        """Whether the folder holds what was put there, and that alone."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir()} == self.handed

    @property
    def asked(self) -> tuple:
        """What the session has been asked to make."""
        video = self.session
        return video.timeline, video.preset, video.landings, len(video._asked), video.next_block


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    engine = Engine.load("tiny", Preset("quick", "", (1000,)))
    session = engine.session(TIMELINE, 3, size_px=(48, 32))
    logbook, journal = Logbook(engine, session), JournalFile(folder / "journal")
    with RecordingFolder(folder / "run", session.geometry) as recording:
        for block in session.blocks(2):
            hashes = picture_hashes(block.frames)
            page = logbook.add(session, block.index, hashes, 7.0, {"steps": 4.0}).manifest()
            journal.add(page)
            recording.append(block.frames, page)
    journal.close()
    append(folder / "records", record())
    tensors = {"a.weight": torch.ones(3, 2), "b": torch.zeros(4, dtype=torch.bfloat16)}
    save_file(tensors, folder / "x.safetensors")
    torch.save(tensors, folder / "x.pt")
    files = ("journal", "run/video.mp4", "records", "x.safetensors", "x.pt")
    embedded = Path(__file__).parents[2] / "longlive_widget" / "tiny" / "weights" / "model.json"
    return Known(
        folder,
        engine,
        session,
        json.loads(logbook.manifest().text()),
        *((folder / name).read_bytes() for name in files),
        json.loads(embedded.read_bytes()),
    )


@pytest.fixture
def known(written, tmp_path, monkeypatch):
    """In a folder of its own, which is also the present one: whatever is written there is seen."""
    monkeypatch.chdir(tmp_path)
    return replace(written, folder=tmp_path, handed={})


def a_prompt_goes_to_every_form_and_back(text: str) -> None:
    timeline = Timeline.of(text)
    for form in FORMS:
        try:
            written = timeline_as(timeline, form)
        except LongLiveError:  # this form cannot say it
            continue
        written.encode()  # or no file takes it
        assert timeline_from(written, form).entries[0].prompt.split() == text.split()


def a_transition(blocks: object, blend: object, recache: object) -> Transition:
    return Transition(blocks, blend, recache)


def preset_of(said: object) -> Preset | None:
    """None where a name is missing or is no setting's: Python itself refuses that."""
    names = asdict(PRESETS["turbo"])
    if isinstance(said, dict) and {"name", "summary"} <= set(said) <= set(names):
        return Preset(**said)
    return None


def arguments(given: list[str]) -> None:
    """Read, but not run."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        try:
            _parser().parse_args(given)
        except SystemExit as ended:
            assert ended.code in {0, 2}
            assert ended.code == 0 or "longlive-widget" in told.getvalue()


def load_times(known: Known, content: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LONGLIVE_CACHE", str(known.folder))
        known.at("load-times.json", content)
        last_load_s("tiny")


def play(known: Known, content: bytes) -> None:
    """A recording with that video: one that was ended, or one whose writer was killed."""
    known.at(VIDEO, content)
    if len(content) % 2:
        known.at(MANIFEST, as_json(known.manifest))
        known.away(JOURNAL)
    else:
        known.at(JOURNAL, known.journal)
        known.away(MANIFEST)
    for _ in Recording.open(known.folder).blocks():
        pass


def read_model(known: Known, content: bytes) -> Sizes:
    known.at("model.json", content)
    return Sizes.read(known.folder)


def read_language(known: Known, content: bytes) -> Language | None:
    known.at(LANGUAGE_FILE, content)
    return Language.read(known.folder)


REQUESTS = {
    "blocks": lambda known, said: known.session.blocks(said),
    "replan": lambda known, said: known.session.replan(said),
    "switch": lambda known, said: known.session.switch(said),
    "transition": lambda known, said: known.session.switch("a blue star", said),
    "timeline": lambda known, said: known.engine.session(said, 1),
    "seed": lambda known, said: known.engine.session("a blue star", said),
    "size": lambda known, said: known.engine.session("a blue star", 1, size_px=said),
    "adapters": lambda known, said: known.engine.use_adapters(said),
}


def ask(known: Known, asked: tuple[str, object]) -> None:
    """Of a video: what is refused leaves it as it was."""
    way, said = asked
    before = known.asked
    try:
        REQUESTS[way](known, said)
    except LongLiveError:
        assert known.asked == before
        raise


COMMAND = """generate presets benchmark profile ablate quality recommend sweep compare log replay
lab train-tiny --prompt --preset --seed --size --blocks --out --timeline --device --help x 64x48"""
WORDS = st.sampled_from(COMMAND.split())
ROWS = [{"latent_frame": 0, "prompt": "a"}, {"latent_frame": 9, "prompt": "b", "transition": {
    "blocks": 2, "blend": "slerp", "recache": False}}]  # fmt: skip
COMMANDS = [
    *json.loads((FIXTURES / "protocol.json").read_text(encoding="utf-8"))["to_kernel"].values()
]
Way = tuple[Callable[[Known], st.SearchStrategy], Callable[[Known, object], object]]
READERS: dict[str, Way] = {
    "manifests": (
        lambda known: changed_twice(known.manifest).map(as_json) | files(as_json(known.manifest)),
        lambda known, content: Manifest.read(known.at("run.json", content)),
    ),
    "journals of recordings": (
        lambda known: files(known.journal),
        lambda known, content: read_journal(known.at("journal.jsonl", content)),
    ),
    "records (JSONL)": (
        lambda known: (
            changed_twice(json.loads(known.records)).map(lambda row: as_json(row) + b"\n")
            | files(known.records)
        ),
        lambda known, content: read(known.at("records.jsonl", content)),
    ),
    "safetensors": (
        lambda known: files(known.safetensors),
        lambda known, content: read_weights(known.at("weights.safetensors", content)),
    ),
    "pickled tensors (.pt)": (
        lambda known: files(known.pickle),
        lambda known, content: read_weights(known.at("weights.pt", content)),
    ),
    "sizes of a model (model.json)": (
        lambda known: changed_twice(known.model).map(as_json) | files(as_json(known.model)),
        read_model,
    ),
    "a closed language (language.json)": (
        lambda _: changed_twice(asdict(tiny_language())).map(as_json),
        read_language,
    ),
    "presets (YAML)": (
        lambda _: (
            changed_twice(asdict(PRESETS["turbo"])).map(dumped)
            | files(PRESETS["turbo"].to_yaml().encode()).map(decoded)
        ),
        lambda _, text: Preset.from_yaml(text),
    ),
    "presets by their settings": (
        lambda _: changed_twice(asdict(PRESETS["turbo"])),
        lambda _, said: preset_of(said),
    ),
    "timelines (rows)": (
        lambda _: changed_twice(ROWS).map(lambda rows: as_json({"entries": rows}).decode()),
        lambda _, text: timeline_from(text, "json"),
    ),
    **{
        f"timelines ({form})": (
            lambda _, form=form: (
                rows_of(form) | files(timeline_as(TIMELINE, form).encode()).map(decoded)
            ),
            lambda _, text, form=form: timeline_from(text, form),
        )
        for form in FORMS
    },
    "prompts": (lambda _: texts, lambda _, text: a_prompt_goes_to_every_form_and_back(text)),
    "transitions": (
        lambda _: st.tuples(values, values, values),
        lambda _, said: a_transition(*said),
    ),
    "image sizes": (
        lambda _: st.tuples(values | numbers, values | numbers),
        lambda _, size: Geometry(*size),
    ),
    "arguments of the command": (
        lambda _: st.lists(WORDS | texts.filter(lambda text: not text.startswith("@")), max_size=8),
        lambda _, given: arguments(given),
    ),
    "load times": (
        lambda _: changed_twice({"here: tiny": 3.0}).map(as_json) | files(b'{"here: tiny": 3.0}'),
        load_times,
    ),
    "requests to a session": (lambda _: st.tuples(st.sampled_from(sorted(REQUESTS)), values), ask),
    "commands of the page": (
        lambda _: st.sampled_from(COMMANDS).flatmap(changed_twice) | values,
        lambda _, content: parse(content),
    ),
}


def rows_of(form: str) -> st.SearchStrategy[str]:
    """JSON in that form, or what is read like it, with other values in it."""
    known = timeline_as(TIMELINE, form if form in {"longlive", "scope"} else "json")
    return changed_twice(json.loads(known)).map(json.dumps)


def dumped(value: object) -> str:
    return yaml.safe_dump(value, allow_unicode=True)


def decoded(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def require_read_or_refused(reading, known, content) -> None:
    """It is read, or refused in a sentence, and leaves its folder as it was."""
    try:
        reading(known, content)
    except LongLiveError as error:
        require_sentence(str(error))
    assert known.untouched


def require_sentence(told: str) -> None:
    """What a user can be shown: any terminal and any file takes it, and somebody may read it."""
    told.encode()
    assert 0 < len(told) <= LONGEST
    assert "Traceback" not in told
    assert not CONTROL.search(told), told


@pytest.mark.fault(
    "Files that are read",
    "a file, a message or an argument is anything at all",
    "the right result, or an error of the package's own; no file is left or changed, and a "
    "video is as it was",
)
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_reads_or_refuses_whatever_it_is_handed(known, reader, record_property):
    made_up, reading = READERS[reader]
    count = 0

    @given(made_up(known))
    def read_or_refused(content):
        nonlocal count
        count += 1
        require_read_or_refused(reading, known, content)

    read_or_refused()
    record_property("reader", reader)
    record_property("examples", count)


def test_a_recording_with_any_video_plays_or_is_refused(known):
    """Not among the readers above: a hundred thousand would take the better part of an hour."""

    @settings(max_examples=max(CI_EXAMPLES, ASKED // 20))
    @given(files(known.video))
    def played_or_refused(content):
        require_read_or_refused(play, known, content)

    played_or_refused()


def test_each_reader_was_handed_as_much_as_is_promised():
    rows = map(json.loads, RECORD.read_text(encoding="utf-8").splitlines())
    tried = {row["reader"]: row["examples"] for row in rows}
    assert set(tried) == {*READERS, "messages to a playing studio"}
    assert min(tried.values()) >= 100_000


def test_what_hypothesis_notes_of_draws_that_it_takes_back_is_short():
    assert len(repr(values)) < 2_000  # kept once for each such draw, to the end of a run
