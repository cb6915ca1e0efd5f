"""What is handed to readers: what they know, changed here and there, and what nobody means."""

import json
from collections.abc import Callable

from hypothesis import strategies as st

NASTY = (
    "", " ", "\x00", "\x1b[31m", "🔴⭐👩‍👩‍👧", "كرة حمراء", "\u202egnirts", "<b onclick=x>",
    "</script>", "\ud800", "a\udfffb", "\ufeff", "\r\n", "NaN", "-0", "1e999", "../..", "~nobody/x",
    "{}", "[", "!!python/object:os.system", "&a [*a]", "9" * 400, "x" * 100_000, "é" * 50_000,
)  # fmt: skip
# By their numbers: each draw that hypothesis takes back leaves it a note with the strategy's repr,
# which must not hold the long ones.
nasty = st.integers(0, len(NASTY) - 1).map(lambda number: NASTY[number])
texts = nasty | st.text(st.characters(), max_size=40)
numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, -1, 1, 2**31, 2**63, 2**64, 10**400, 1e308, -1e308])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def changed(draw: Callable, known: object) -> object:
    """A value like `known` of which some parts are others, are missing or are there twice."""
    if isinstance(known, dict) and known and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(known, key=str)))
        rest = {key: value for key, value in known.items() if key != name}
        match draw(st.integers(0, 5)):
            case 0:
                return rest
            case 1:
                return known | {draw(texts): draw(values)}
            case _:
                return rest | {name: draw(changed(known[name]))}
    if isinstance(known, list) and known and draw(st.integers(0, 9)):
        at = draw(st.integers(0, len(known) - 1))
        match draw(st.integers(0, 5)):
            case 0:
                return known[:at] + known[at + 1 :]
            case 1:
                return known[:at] + known[at : at + 1] + known[at:]
            case _:
                return [*known[:at], draw(changed(known[at])), *known[at + 1 :]]
    return draw(values)


@st.composite
def changed_twice(draw: Callable, known: object) -> object:
    """Sometimes in two places: what one reader passes on, another one meets."""
    once = draw(changed(known))
    return draw(changed(once)) if draw(st.booleans()) else once


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


@st.composite
def damaged(draw: Callable, known: bytes) -> bytes:
    """A file that is cut off, or has other bytes, some twice, or some too many."""
    content = bytearray(known)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        match draw(st.integers(0, 4)):
            case 0:
                del content[at:]
            case 1:
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=8))
            case 2:
                del content[at : at + draw(st.integers(1, 64))]
            case 3:
                content[at:at] = content[at : at + draw(st.integers(1, 64))]
            case _:
                content[at:at] = draw(texts).encode("utf-8", "surrogatepass")
    return bytes(content)


def files(known: bytes) -> st.SearchStrategy[bytes]:
    """What might lie in the place of a file: itself damaged, any bytes, or something endless."""
    deep = st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b"- " * 3_000, b"\n" * 10_000])
    return damaged(known) | st.binary(max_size=400) | deep
