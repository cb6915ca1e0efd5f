"""Timelines as text in the forms of others and of our own, and in files.

| form | file | what it is |
|---|---|---|
| json | .json | latent frames and prompts, with a version; a list of them alone is read too |
| yaml | .yaml, .yml | the same |
| longlive | .jsonl | LongLive's prompts of an interactive video: a line each |
| scope | .scope.json | the timeline of daydream Scope, which is in seconds |
| text | .txt | a line for each prompt: `24: a blue star` |
| python | .py | the call that makes it; it is written only |

Loads no torch.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeGuard, get_args

from longlive_widget.errors import (
    TimelineError,
    one_of,
    reachable,
    require_place,
    whole_number,
)
from longlive_widget.files import whole_text_file
from longlive_widget.geometry import latent_frame_at, seconds_at
from longlive_widget.plain_data import NotPlainError, json_in
from longlive_widget.timeline import CUT, FORMAT, Blend, Entry, Timeline, Transition

Form = Literal["json", "yaml", "longlive", "scope", "text", "python"]
SUFFIXES: dict[str, Form] = {
    ".scope.json": "scope",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".jsonl": "longlive",
    ".txt": "text",
    ".py": "python",
}
LONGLIVE_EVERY = 40
"""The latent frames between two prompts in LongLive's own configuration."""
SCOPE_LAST_S = 5.0
"""How long the last prompt is said to be, which goes on without an end."""
_MOST_BYTES = 2**20
_MOST_S = 1e9


def timeline_as(timeline: Timeline, form: Form) -> str:
    """A timeline as text.

    A form that cannot say all of it is a `TimelineError`.
    """
    one_of("form", form, get_args(Form), TimelineError)
    return _WRITERS[form](timeline)


def timeline_from(text: str, form: Form, *, line: int | None = None) -> Timeline:
    """The timeline that a text says.

    Of LongLive's lines, each of which is a video, `line` is the one to take, from 1 on. A text that
    is not of that form, or says no timeline, is a `TimelineError`.
    """
    one_of("form", form, get_args(Form), TimelineError)
    if form == "longlive":
        return _from_longlive(text, line)
    if form not in _READERS:
        raise TimelineError("Python is written only: run it, and pass on the timeline it makes")
    return _READERS[form](text)


def read_timeline(path: str | Path, *, line: int | None = None) -> Timeline:
    """The timeline in a file, whose form its name says; JSON of Scope is known by what is in it.

    A file that is not there, or says no timeline, is a `TimelineError`.
    """
    path = reachable(path)
    form = form_of(path.name)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise TimelineError(f"{str(path)!r} has over {_MOST_BYTES} bytes: is it a timeline?")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TimelineError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TimelineError(f"{str(path)!r} is no text in UTF-8: {error}") from error
    return timeline_from(text, form, line=line)


def write_timeline(timeline: Timeline, path: str | Path) -> None:
    """Write a timeline to a file, whose form its name says.

    A form that cannot say all of it is a `TimelineError`, a place that cannot be written to an
    `OutputError`.
    """
    path = reachable(path)
    text = timeline_as(timeline, form_of(path.name))
    require_place(path, "timeline")
    with whole_text_file(path) as file:
        file.write(text)


def form_of(name: str) -> Form:
    """The form of a file of that name; another name is a `TimelineError`."""
    for suffix, form in SUFFIXES.items():
        if name.lower().endswith(suffix):
            return form
    raise TimelineError(f"{name!r} says no form of a timeline: end it in {', '.join(SUFFIXES)}")


def file_name(form: Form) -> str:
    """What a file of that form is called."""
    return "timeline" + next(suffix for suffix, each in SUFFIXES.items() if each == form)


def _from_json(text: str) -> Timeline:
    """Our own, or the object that Scope writes."""
    said = _json(text)
    of_scope = isinstance(said, Mapping) and said.get("format") != FORMAT
    return _from_scope_object(said) if of_scope else Timeline.from_json(text)


def _json(text: str) -> object:
    try:
        return json_in(text)
    except NotPlainError as error:
        raise TimelineError(f"this is not JSON: {error}") from error


def _to_longlive(timeline: Timeline) -> str:
    """One line; LongLive passes over the frames, which belong into its configuration."""
    for entry in timeline.entries:
        if entry.transition != CUT:
            raise TimelineError(
                f"LongLive's files know cuts only, and {entry.prompt!r} is none: make it one, or "
                "choose another form"
            )
    frames = [entry.latent_frame for entry in timeline.entries[1:]]
    prompts = [entry.prompt for entry in timeline.entries]
    row = {"prompts": prompts, "switch_frame_indices": frames}
    return json.dumps(row, ensure_ascii=False) + "\n"


def _from_longlive(text: str, line: int | None) -> Timeline:
    """Its prompts, at the frames that the line says, else at every 40th, as LongLive has it."""
    lines = [each for each in text.split("\n") if each.strip()]
    if not lines:
        raise TimelineError("this file has no line: LongLive's have one for each video")
    if line is None and len(lines) > 1:
        raise TimelineError(
            f"this file has {len(lines)} lines, each a video of its own: choose line=1 to "
            f"{len(lines)}, or keep one of them"
        )
    chosen = whole_number("line", 1 if line is None else line, TimelineError, least=1)
    if chosen > len(lines):
        raise TimelineError(f"line {chosen} is not there: this file has {len(lines)}")
    return _from_longlive_row(_json(lines[chosen - 1]), chosen)


def _from_longlive_row(row: object, line: int) -> Timeline:
    fields = row if isinstance(row, Mapping) else {}
    prompts = fields.get("prompts")
    if not isinstance(prompts, list) or not prompts:
        raise TimelineError(f'line {line} is not {{"prompts": ["...", ...]}}, as LongLive has it')
    every = [LONGLIVE_EVERY * number for number in range(1, len(prompts))]
    frames = fields.get("switch_frame_indices", every)
    if not isinstance(frames, list) or len(frames) != len(prompts) - 1:
        raise TimelineError(
            f"line {line} has {len(prompts)} prompts: give it {len(prompts) - 1} "
            "switch_frame_indices, or none"
        )
    return Timeline(tuple(map(Entry, (0, *frames), prompts)))


def _to_scope(timeline: Timeline) -> str:
    starts_s = [seconds_at(entry.latent_frame) for entry in timeline.entries]
    ends_s = [*starts_s[1:], starts_s[-1] + SCOPE_LAST_S]
    rows = [
        _scope_row(entry, start_s, end_s)
        for entry, start_s, end_s in zip(timeline.entries, starts_s, ends_s, strict=True)
    ]
    return json.dumps({"prompts": rows}, ensure_ascii=False, indent=2) + "\n"


def _scope_row(entry: Entry, start_s: float, end_s: float) -> dict[str, object]:
    if not entry.transition.recache:
        raise TimelineError(
            f"Scope's files cannot say that {entry.prompt!r} takes over without re-cache: switch "
            "it on, or choose another form"
        )
    prompts = [{"text": entry.prompt, "weight": 1.0}]
    row: dict[str, object] = {"startTime": start_s, "endTime": end_s, "prompts": prompts}
    if entry.transition.blocks:
        row["transitionSteps"] = entry.transition.blocks
        row["temporalInterpolationMethod"] = entry.transition.blend
    return row


def _from_scope(text: str) -> Timeline:
    return _from_scope_object(_json(text))


def _from_scope_object(said: object) -> Timeline:
    """Of a timeline file its `prompts`, of a workflow its `timeline`: both have the same rows.

    The first one's transition is left out, there as here: it has no prompt to take over from.
    """
    rows = said.get("prompts") if isinstance(said, Mapping) else None
    if isinstance(said, Mapping) and isinstance(said.get("timeline"), Mapping):
        rows = said["timeline"].get("entries")
    if not isinstance(rows, list) or not rows or not all(isinstance(r, Mapping) for r in rows):
        raise TimelineError(
            'this is no timeline of Scope: it has neither "prompts" with times nor a "timeline"'
        )
    entries = [_scope_entry(row, number) for number, row in enumerate(rows, 1)]
    first, *rest = sorted(entries, key=lambda entry: entry.latent_frame)
    return Timeline((Entry(first.latent_frame, first.prompt), *rest))


def _scope_entry(row: Mapping[str, object], number: int) -> Entry:
    start_s = _either(row, "startTime", "start_time")
    if not _is_seconds(start_s):
        raise TimelineError(f"prompt {number} begins at {start_s!r}: give it seconds, 0 or more")
    steps = _either(row, "transitionSteps", "transition_steps") or 0
    blend = _either(row, "temporalInterpolationMethod", "temporal_interpolation_method")
    transition = Transition(steps, blend or "linear")  # type: ignore[arg-type]  # it checks both
    return Entry(latent_frame_at(start_s), _scope_prompt(row, number), transition)


def _is_seconds(value: object) -> TypeGuard[float]:
    """Whether it is a number of seconds that a video may have, from 0 up."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < _MOST_S


def _scope_prompt(row: Mapping[str, object], number: int) -> str:
    texts = row.get("prompts") or [{"text": row.get("text")}]
    if not isinstance(texts, list) or not all(isinstance(each, Mapping) for each in texts):
        raise TimelineError(f"prompt {number} has no list of prompts: {texts!r}")
    if len(texts) != 1:
        raise TimelineError(
            f"prompt {number} mixes {len(texts)} prompts at once, here one steers at a time: keep "
            "one of them"
        )
    return texts[0].get("text")  # type: ignore[no-any-return]  # Entry checks it


def _either(row: Mapping[str, object], name: str, other: str) -> object:
    return row.get(name, row.get(other))


_LINE = re.compile(r"(?:(?P<s>\d{1,9}(?:\.\d+)?)\s*s|(?P<frame>\d{1,9}))\s*:\s*(?P<rest>.*)")
_OPTIONS = re.compile(r"(?P<prompt>.*?)\s*\[(?P<options>[^\[\]]*)\]")


def _to_text(timeline: Timeline) -> str:
    return "".join(f"{entry.latent_frame}: {_text_line(entry)}\n" for entry in timeline.entries)


def _text_line(entry: Entry) -> str:
    prompt, transition = entry.prompt.strip(" \t\r\n"), entry.transition
    if len(f"{prompt}.".splitlines()) > 1:  # at its end too
        raise TimelineError(f"{prompt!r} has more than one line: join them, or take another form")
    said = [
        "cut" if transition == CUT and prompt.endswith("]") else "",
        f"over {transition.blocks} blocks" if transition.blocks else "",
        "slerp" if transition.blend == "slerp" else "",
        "" if transition.recache else "no re-cache",
    ]
    return f"{prompt} [{', '.join(filter(None, said))}]" if any(said) else prompt


def _from_text(text: str) -> Timeline:
    """A line for each prompt: `24: a blue star`, or `5.8 s: a blue star`.

    The first one may leave out its `0:`. What begins with # is passed over, and so are empty lines.
    How a prompt takes over stands behind it: `[over 4 blocks, slerp, no re-cache]`, or `[cut]`
    behind one that ends in brackets of its own.
    """
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
    said = [(n, line) for n, line in lines if line and not line.startswith("#")]
    if not said:
        raise TimelineError("this says no prompt: write one, then others as 24: a blue star")
    return Timeline(tuple(_text_entries(said)))


def _text_entries(said: Sequence[tuple[int, str]]) -> Iterator[Entry]:
    for number, line in said:
        found = _LINE.fullmatch(line)
        if found is None and number != said[0][0]:
            raise TimelineError(
                f"line {number}, {line!r}, has no time: begin it as 24: (latent frame) or 5.8 s:"
            )
        rest = line if found is None else found["rest"]
        optional = _OPTIONS.fullmatch(rest)
        prompt = rest if optional is None else optional["prompt"]
        options = "" if optional is None else optional["options"]
        yield Entry(_text_frame(found), prompt, _text_transition(options, number))


def _text_frame(found: re.Match[str] | None) -> int:
    if found is None:
        return 0
    return int(found["frame"]) if found["frame"] else latent_frame_at(float(found["s"]))


def _text_transition(options: str, number: int) -> Transition:
    transition: dict[str, object] = {}
    for option in filter(None, map(str.strip, options.split(","))):
        over = re.fullmatch(r"over (\d+) blocks?", option)
        if over:
            transition["blocks"] = int(over[1])
        elif option in get_args(Blend):
            transition["blend"] = option
        elif option == "no re-cache":
            transition["recache"] = False
        elif option != "cut":
            raise TimelineError(
                f"line {number}: {option!r} says no way to take over: there are cut, "
                "over 4 blocks, linear, slerp and no re-cache"
            )
    return Transition(**transition)  # type: ignore[arg-type]  # as the branches above put them in


def _to_python(timeline: Timeline) -> str:
    """The call that makes it, with the import that it needs."""
    cuts = all(entry.transition == CUT for entry in timeline.entries)
    names = "Timeline" if cuts else "Entry, Timeline, Transition"
    lines = "".join(f"    {_python_of(entry)},\n" for entry in timeline.entries)
    return f"from longlive_widget import {names}\n\ntimeline = Timeline.of(\n{lines})\n"


def _python_of(entry: Entry) -> str:
    if entry.latent_frame == 0:
        return repr(entry.prompt)
    if entry.transition == CUT:
        return repr((entry.latent_frame, entry.prompt))
    return f"Entry({entry.latent_frame}, {entry.prompt!r}, {entry.transition!r})"


_WRITERS: dict[Form, Callable[[Timeline], str]] = {
    "json": lambda timeline: timeline.to_json() + "\n",
    "yaml": Timeline.to_yaml,
    "longlive": _to_longlive,
    "scope": _to_scope,
    "text": _to_text,
    "python": _to_python,
}
_READERS: dict[Form, Callable[[str], Timeline]] = {
    "json": _from_json,
    "yaml": Timeline.from_yaml,
    "scope": _from_scope,
    "text": _from_text,
}
