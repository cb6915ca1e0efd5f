"""A record comes back as it was written, whatever happened to the file meanwhile."""

import fcntl
import getpass
import importlib.util
import json
import math
import os
import platform
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import torch

from longlive_widget import Engine
from longlive_widget.engine.attention import AttentionChoice
from longlive_widget.errors import OutputError, RecordError
from longlive_widget.geometry import Geometry
from longlive_widget.measure import records
from longlive_widget.measure.environment import commit, measured
from longlive_widget.measure.record import SCHEMA, Commit, Machine
from longlive_widget.measure.records import append, read
from longlive_widget.presets import PRESETS, Preset
from tests.unit.short_disk import room_for
from tests.unit.written_record import MACHINE, VERSIONS, record

TWO = (record(), record(model="other", preset=PRESETS["ultra"]))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.jsonl"


@pytest.fixture
def file_of_two(path):
    for one in TWO:
        append(path, one)
    return path


def changed(line: str, **fields_of_line: object):
    """The line with other fields; None takes one away."""
    said = json.loads(line) | fields_of_line
    return json.dumps({name: value for name, value in said.items() if value is not None})


def test_records_come_back_equal_and_in_order(file_of_two):
    assert read(file_of_two) == TWO


@pytest.mark.parametrize("seed", range(20))
def test_any_record_comes_back_equal_to_the_last_bit(path, seed):
    drawn = random.Random(seed)
    bits = np.frombuffer(drawn.randbytes(8 * 200))
    settings = [preset.changes() for preset in PRESETS.values()]
    written = record(
        time=datetime.fromtimestamp(drawn.uniform(0, 2**32), UTC),
        commit=drawn.choice([None, Commit("abc", dirty=True)]),
        weights=drawn.choice(["trained", "random"]),
        model="".join(map(chr, drawn.choices(range(0xD800), k=20))),
        preset=PRESETS["reference"].with_(**drawn.choice(settings)),
        geometry=Geometry(
            16 * drawn.randint(1, 99), 16 * drawn.randint(1, 99), drawn.randint(1, 9)
        ),
        counts={"blocks": drawn.randrange(10**6)},
        samples={"drawn": bits[np.isfinite(bits)], "whole": [drawn.randrange(2**62)]},
        facts={"word": "\u2028\n\r\0\"'", "share": drawn.random(), "whole": -(2**53) - 1},
    )
    append(path, written)
    assert read(path) == (written,)
    assert all(
        ours.hex() == theirs.hex()
        for ours, theirs in zip(
            written.samples["drawn"], read(path)[0].samples["drawn"], strict=True
        )
    )


def test_a_record_is_one_line_with_its_schema_first(path):
    append(path, record(facts={"prompt": "two\nlines\u2028and more"}))
    written = path.read_bytes()
    assert written.startswith(b'{"schema": %d, ' % SCHEMA)
    assert written.count(b"\n") == 1
    assert written.endswith(b"}\n")


def test_a_record_has_every_setting_of_its_preset(path):
    append(path, record())
    said = json.loads(path.read_text())["preset"]
    assert list(said) == [field.name for field in fields(Preset)]
    assert Preset(**said) == PRESETS["turbo"]


def test_times_are_kept_in_utc():
    east = timezone(timedelta(hours=5, minutes=30))
    kept = record(time=datetime(2026, 1, 1, 1, 0, tzinfo=east))
    assert kept.time == datetime(2025, 12, 31, 19, 30, tzinfo=UTC)
    assert json.loads(kept.to_json())["time"] == "2025-12-31T19:30:00+00:00"


def test_numbers_of_numpy_and_torch_become_pythons():
    kept = record(
        samples={"a_ms": np.float32([0.1, 2]), "b_bytes": np.arange(2), "c_ms": torch.tensor([0.5])}
    )
    assert kept.samples == {
        "a_ms": (float(np.float32(0.1)), 2.0),
        "b_bytes": (0, 1),
        "c_ms": (0.5,),
    }
    assert {type(number) for number in kept.samples["b_bytes"]} == {int}


BAD = {
    "NaN": ({"samples": {"block_ms": [1, math.nan]}}, "samples 'block_ms' have nan: leave out"),
    "infinity": ({"samples": {"block_ms": [-math.inf]}}, "samples 'block_ms' have -inf"),
    "NaN as a fact": ({"facts": {"psnr_db": math.nan}}, "facts 'psnr_db' have nan"),
    "no samples": ({"samples": {"block_ms": []}}, "samples 'block_ms' are none: leave them out"),
    "one number": ({"samples": {"block_ms": 3}}, "samples 'block_ms' are 3: give a list"),
    "words": ({"samples": {"block_ms": "fast"}}, "samples 'block_ms' are 'fast': give a list"),
    "a word": (
        {"samples": {"block_ms": [1, "2"]}},
        "samples 'block_ms' have '2', which is no numb",
    ),
    "a truth": ({"samples": {"block_ms": [True]}}, "samples 'block_ms' have True, which is no"),
    "nothing": ({"facts": {"psnr_db": None}}, "facts 'psnr_db' have None, which is no number"),
    "a list": ({"facts": {"psnr_db": [1, 2]}}, r"facts 'psnr_db' have \[1, 2\], which is no numb"),
    "a name with a space": ({"facts": {"block ms": 1}}, "facts are called 'block ms': use small"),
    "no names": ({"samples": [1, 2]}, r"samples \[1, 2\] have no names"),
    "half a count": ({"counts": {"blocks": 1.5}}, "counts 'blocks' 1.5 is not a whole number"),
    "a negative count": ({"counts": {"blocks": -1}}, "counts 'blocks' -1 is out of range"),
    "other weights": ({"weights": "real"}, "weights 'real' does not exist: use 'trained' or 'rand"),
    "no zone": ({"time": datetime(2026, 1, 1)}, "is not one with a zone"),
    "no preset": ({"preset": "turbo"}, "preset 'turbo' is no Preset"),
    "no geometry": ({"geometry": (160, 96)}, "geometry .* is no Geometry"),
    "no commit": ({"commit": "abc"}, "commit 'abc' is no"),
    "no text": ({"model": 3}, "model 3 is not text"),
}


@pytest.mark.parametrize(("changes", "said"), BAD.values(), ids=BAD)
def test_what_a_record_cannot_have_is_told_before_it_is_written(changes, said):
    with pytest.raises(RecordError, match=said):
        record(**changes)


def test_what_a_machine_cannot_have_is_told():
    with pytest.raises(RecordError, match="cores '16' is no int: use one"):
        Machine(**asdict(MACHINE) | {"cores": "16"})
    with pytest.raises(RecordError, match="cores True is no int"):
        replace(MACHINE, cores=True)
    with pytest.raises(RecordError, match=r"triton 3 is no str \| None"):
        replace(VERSIONS, triton=3)


DAMAGED = {
    "cut in the middle": (lambda line: line[:100], "is damaged: this is not JSON"),
    "with a hole": (lambda line: line.replace('"tiny"', '"tin'), "is damaged: this is not JSON"),
    "NaN": (lambda line: line.replace("5e-324", "NaN"), "is damaged: .*NaN is no number"),
    "too large": (lambda line: line.replace("5e-324", "1e999"), "'block_ms' have inf"),
    "nested deep": (lambda _line: '{"schema": ' + "[" * 100_000, "is damaged: this is not JSON"),
    "no object": (lambda _line: "[1, 2]", r"\[1, 2\] is no record: it has no schema"),
    "no schema": (lambda line: changed(line, schema=None), "is no record: it has no schema"),
    "schema 0": (lambda line: changed(line, schema=0), "schema 0 of this record does not exist"),
    "schema yes": (lambda line: changed(line, schema=True), "is no record: it has no schema"),
    "no preset": (lambda line: changed(line, preset=None), "the record has no field 'preset'"),
    "a preset's name": (lambda line: changed(line, preset="x"), "preset 'x' has no fields"),
    "impossible preset": (
        lambda line: line.replace('"window_frames": 8', '"window_frames": 0'),
        "preset: window_frames 0 is out of range",
    ),
    "unknown setting": (
        lambda line: line.replace('"window_frames"', '"window_length"'),
        "preset has a field 'window_length' that schema 1 has not",
    ),
    "unknown field": (lambda line: changed(line, mood="good"), "has a field 'mood' that schema 1"),
    "geometry": (lambda line: line.replace("160", "161"), "geometry: width 161 is not a positive"),
    "machine": (lambda line: changed(line, machine={}), "machine has no field 'device_type'"),
    "time": (lambda line: changed(line, time="noon"), "time 'noon' is none"),
    "time without a zone": (lambda line: changed(line, time="2026-01-01"), "with a zone"),
    "time as a number": (lambda line: changed(line, time=12), "time 12 is none"),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_is_named_by_its_number(file_of_two, damage, said):
    first, second = file_of_two.read_text().splitlines()
    file_of_two.write_text(f"{second}\n\n{damage(first)}\n{second}\n")
    with pytest.raises(RecordError, match=f"line 3 of .*records.jsonl'.*{said}"):
        read(file_of_two)


def test_bytes_that_are_no_text_are_damage(file_of_two):
    file_of_two.write_bytes(b'{"schema": \xff}\n' + file_of_two.read_bytes())
    with pytest.raises(RecordError, match=r"line 1 of .* is damaged"):
        read(file_of_two)


def test_a_newer_schema_is_refused_with_the_way_out(file_of_two):
    later = changed(record().to_json(), schema=SCHEMA + 1, mood="good")
    with file_of_two.open("a") as file:
        file.write(later + "\n")
    with pytest.raises(RecordError) as told:
        read(file_of_two)
    assert str(told.value) == (
        f"line 3 of {str(file_of_two)!r}: this record has schema 2, and schemas up to 1 are known "
        "here: update longlive-widget"
    )


@pytest.mark.fault(
    "Files that are read",
    "a crash left half a line in a file of records",
    "it is passed over, and mended with the next record",
)
@pytest.mark.parametrize("kept", [1, 5, 50, 500, -1])
def test_half_a_line_left_by_a_crash_is_passed_over_and_then_mended(file_of_two, kept):
    whole = file_of_two.read_bytes()
    file_of_two.write_bytes(whole + whole.split(b"\n")[0][:kept])
    with pytest.warns(UserWarning, match=r"line 3 of .* is half a record, left by a crash"):
        assert read(file_of_two) == TWO
    with pytest.warns(UserWarning, match="half a record, left by a crash, was taken off the end"):
        append(file_of_two, TWO[0])
    assert read(file_of_two) == (*TWO, TWO[0])


def test_half_a_line_alone_is_mended_too(path):
    path.write_text(record().to_json()[:200])
    with pytest.warns(UserWarning, match="half a record"):
        assert read(path) == ()
    with pytest.warns(UserWarning, match="half a record"):
        append(path, TWO[1])
    assert read(path) == (TWO[1],)


def test_a_last_line_that_only_lacks_its_end_is_kept(file_of_two):
    file_of_two.write_bytes(file_of_two.read_bytes()[:-1])
    assert read(file_of_two) == TWO
    append(file_of_two, TWO[0])
    assert read(file_of_two) == (*TWO, TWO[0])


@pytest.mark.parametrize(
    "held", [b"a diary", b"a diary\n", b"\0" * 50, b"GOOD\na diary", b"GOOD\n" + b"\0" * 9]
)
def test_a_file_of_something_else_is_left_as_it_is(path, held):
    held = held.replace(b"GOOD", record().to_json().encode())
    path.write_bytes(held)
    with pytest.raises(RecordError, match=r"records.jsonl' is no"):
        append(path, record())
    assert path.read_bytes() == held


def test_what_cannot_be_written_or_read_is_told(tmp_path):
    for place in (tmp_path, tmp_path / "nowhere" / "x.jsonl", "zero\0byte", "~no-such-user/x"):
        with pytest.raises(OutputError, match=r"no record can be written to .*: choose another"):
            append(place, record())
        with pytest.raises(RecordError, match=r"cannot be read .*: give a file of records"):
            read(place)


def test_an_empty_file_has_no_records(path):
    path.touch()
    assert read(path) == ()


@pytest.mark.fault(
    "Memory and disks",
    "the disk is full while a record is written",
    "the file is as it was",
)
def test_a_disk_without_room_leaves_the_file_as_it_was(file_of_two):
    held = file_of_two.read_bytes()
    with room_for(len(held) + 100):
        with pytest.raises(OutputError, match="there is no room for a whole line"):
            append(file_of_two, TWO[0])
        assert file_of_two.stat().st_size == len(held)
    assert file_of_two.read_bytes() == held
    append(file_of_two, TWO[0])
    assert read(file_of_two) == (*TWO, TWO[0])


WRITER = """
import sys
from longlive_widget.measure.records import append
from tests.unit.written_record import record

for number in range(30):
    append(sys.argv[1], record(model=sys.argv[2], counts={"number": number}, samples={
        "block_ms": [number + sample / 7 for sample in range(2000)]}))
"""


@pytest.mark.fault(
    "Threads, processes and clocks",
    "several processes write records to one file",
    "no line is lost or torn",
)
def test_several_processes_write_to_one_file_and_no_line_is_lost_or_torn(path):
    names = [f"writer-{number}" for number in range(4)]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, name]) for name in names]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        so_far = read(path) if path.exists() else ()  # no half line is ever seen, or it would warn
        assert len(so_far) >= seen
        seen = len(so_far)
    assert [writer.returncode for writer in writers] == [0] * 4
    for name in names:
        written = [one.counts["number"] for one in read(path) if one.model == name]
        assert written == list(range(30))


@pytest.mark.fault(
    "Threads, processes and clocks",
    "a process is stopped while it holds a file of records",
    "whoever wants to read or write there is told after 5 s, and the file is as it was",
)
@pytest.mark.parametrize(
    ("work", "error"),
    [(lambda path: append(path, record()), OutputError), (read, RecordError)],
    ids=["write", "read"],
)
def test_a_file_that_another_process_holds_is_waited_for_5_seconds(path, monkeypatch, work, error):
    assert records.PATIENCE_S == 5
    monkeypatch.setattr(records, "PATIENCE_S", 0.1)
    append(path, record())
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(error, match=r"another process has held it for 0\.1 s"):
            work(path)
    assert read(path) == (record(),)
    work(path)


def test_several_threads_mend_a_file_once(path):
    path.write_text(record().to_json()[:200])
    with pytest.warns(UserWarning) as warned, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: append(path, one), TWO * 20))
    assert len(warned) == 1
    assert len(read(path)) == 40


def test_a_record_of_an_engine_says_what_ran_and_where(path):
    engine = Engine.load("tiny", "low_memory")
    append(path, measured("benchmark", engine, samples={"block_ms": [40.5]}, counts={"blocks": 1}))
    (found,) = read(path)
    assert (found.model, found.weights, found.dtype) == ("tiny", "trained", "float32")
    assert found.preset == PRESETS["low_memory"]
    assert found.geometry == engine.geometry
    assert found.machine.device_type == engine.device.type
    assert found.machine.device
    assert 0 < found.machine.cores <= os.cpu_count()
    assert found.versions.torch == torch.__version__
    assert found.versions.python == platform.python_version()
    assert abs(datetime.now(UTC) - found.time) < timedelta(minutes=1)
    other = measured("benchmark", engine, geometry=Geometry(64, 64)).geometry
    assert other == Geometry(64, 64)


def test_a_record_does_not_tell_who_measured_it_or_in_which_folder():
    line = measured("benchmark", Engine.load("tiny")).to_json()
    names = {f'"{platform.node()}"', f'"{getpass.getuser()}"'}
    folders = {str(folder) for folder in (Path.home(), Path.cwd()) if folder.name}
    assert [private for private in names | folders if private in line] == []


def git(folder, *arguments):
    """What git prints, with a name of its own for who commits."""
    settings = ("user.name=Test", "user.email=test@example.org", "commit.gpgsign=false")
    given = [part for setting in settings for part in ("-c", setting)]
    done = subprocess.run(
        ["git", *given, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path):
    """A package in a repository of git, committed."""
    folder = tmp_path / "repository" / "package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    git(folder.parent, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def test_the_commit_is_that_of_the_source_tree(package):
    assert commit(package) == Commit(git(package, "rev-parse", "HEAD"), dirty=False)


def test_a_tree_is_dirty_by_a_changed_file_and_by_a_new_one(package):
    (package.parent / "notes.txt").write_text("not of the package")
    assert not commit(package).dirty
    (package / "new.py").write_text("x = 1")
    assert commit(package).dirty
    (package / "new.py").unlink()
    (package / "__init__.py").write_text("x = 1")
    assert commit(package).dirty


def test_a_commit_is_asked_of_its_own_repository_whatever_a_hook_says(package, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(package / "nowhere"))
    assert commit(package) is not None


def test_where_git_does_not_keep_the_package_there_is_no_commit(package, tmp_path, monkeypatch):
    (tmp_path / "alone").mkdir()
    assert commit(tmp_path / "alone") is None
    installed = package / "site-packages"  # in a folder of someone else's, which git keeps
    installed.mkdir()
    (installed / "__init__.py").write_text("")
    assert commit(installed) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(package) is None


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not installed")
def test_pandas_reads_a_file_of_records(path):
    pandas = importlib.import_module("pandas")
    for model in ("tiny", "other"):
        append(path, record(model=model, samples={"block_ms": [0.1 + 0.2, 1 / 3, 7]}))
    table = pandas.read_json(path, lines=True, precise_float=True)
    assert list(table["model"]) == ["tiny", "other"]
    assert table["samples"][0] == {"block_ms": [0.1 + 0.2, 1 / 3, 7]}
    assert table["preset"][1]["denoise_steps"] == [1000, 500, 250]


def test_a_record_says_which_kernels_ran_and_that_ours_are_not_compiled(
    monkeypatch: pytest.MonkeyPatch,
):
    engine = Engine.load("tiny", PRESETS["balanced"].with_(attention="torch"), device="cpu")
    assert measured("benchmark", engine).facts == {"kernels": "torch"}
    monkeypatch.setattr(engine.model.transformer, "fused", True)
    assert measured("benchmark", engine).facts == {
        "kernels": "triton",
        "compiled": "no layer: the kernels are our own",
    }
    plain = Engine.load("tiny", device="cpu")
    assert measured("benchmark", plain).facts == {}


def test_a_record_has_the_attention_that_was_chosen_and_the_time_of_each_candidate():
    engine = Engine.load("tiny", "balanced", device="cpu")
    engine.attention = AttentionChoice("fa3", {"cudnn": 1.029, "fa3": 0.857, "fa3-fp8": 0.9})
    assert measured("startup", engine).facts == {
        "kernels": "torch",
        "attention": "fa3",
        "attention_cudnn_ms": 1.029,
        "attention_fa3_ms": 0.857,
        "attention_fa3_fp8_ms": 0.9,
    }
