"""A prompt in full: what it leaves unsaid is as the prompts before it have said.

"It turns blue" says nothing of a shape, a motion or a ground, and who hears it alone has only the
pictures to go by. Here it becomes "a big blue ball bounces on white". Understands scenes of one or
two things in a closed `Language`; a prompt that it does not understand stays as it is.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import permutations

from longlive_widget.engine.commands import (
    ARE,
    ARTICLES,
    BECOMES,
    GROUND,
    LOOKS,
    STAYS,
    SUBJECTS,
    Verb,
    as_statement,
    begins_command,
    ground_stated,
)
from longlive_widget.engine.language import Aspect, Language, Part
from longlive_widget.engine.phrasing import in_plain_words

_STAYS = STAYS | {"staying"}
_MEANINGLESS = frozenset({"and", ",", ".", "now", "there", "that", "two"})
_LINKS = frozenset({"and", "then", ",", "."})
_MOST_THINGS = 2
_NAMED_BY: tuple[Aspect, ...] = ("shape", "color")
Values = dict[Aspect, str]


@dataclass
class _Mention:
    """What a prompt says of one thing: what it is, what it becomes, what it does."""

    article: str = ""
    is_now: Values = field(default_factory=dict)
    becomes: Values = field(default_factory=dict)
    does: Values = field(default_factory=dict)
    ends: Part | None = None
    """What it does no more."""
    is_paced: bool = False
    """Whether a speed is said of it and not of how it becomes what it becomes."""
    trails: bool = False
    """Whether it is a participle behind the noun that says what it does."""
    looks_behind: bool = False
    """Whether looks stand behind its noun: "the star yellow"."""
    refers: bool = False
    """Whether its noun is "one": it is a thing that is there and looks so."""

    @property
    def closed(self) -> bool:
        """Whether its noun has been said."""
        return "shape" in self.is_now or self.article in SUBJECTS or self.refers

    @property
    def takes_back(self) -> bool:
        """Whether it is to be something else than what it is called."""
        return any(
            self.is_now.get(aspect, value) != value for aspect, value in self.becomes.items()
        )

    @property
    def is_changed(self) -> bool:
        """Whether more is said of it than what it is called."""
        return bool(self.looks_behind or self.becomes or self.does or self.ends)

    @property
    def asked(self) -> Values:
        """What it is to be: of one that is there already, without what it is called."""
        is_there = self.refers or self.article in SUBJECTS | {"the"}
        return ({} if is_there else self.is_now) | self.becomes | self.does

    @property
    def said(self) -> Values:
        """All that is said of it, as it is to be."""
        return self.is_now | self.becomes | self.does


class _NotUnderstoodError(Exception):
    """A prompt says what no scene of this language is, or says it in another way."""


@dataclass(frozen=True)
class _Scene:
    """One or two things and what is known of each, and the ground."""

    things: tuple[Values, ...]
    ground: str | None


def in_full(
    prompt: str, words: Sequence[str], before: Sequence[str], language: Language
) -> str | None:
    """A prompt with all that the one before it, itself in full, has said and it does not change.

    A thing that is named anew goes by its colour and shape. A new motion brings its own speed.

    Args:
        prompt: as it was typed; given back where nothing is missing.
        words: its words, as the tokenizer takes them.
        before: those of the last prompt in full, or none.
        language: what both are in.

    Returns:
        None where it is not understood, or leaves something unsaid that nothing before has said.
    """
    try:
        orders = _orders(words, language)
        scene = _after(orders, _whole(_read(before, language)) if before else None)
    except _NotUnderstoodError:
        return None
    if len(orders) == 1 and _says_all(orders[0], scene):
        return prompt
    mentions = [mention for order in orders for mention in order.mentions]
    named = {pair for mention in mentions for pair in mention.said.items()}
    return _written(language, scene, named)


def _after(orders: Sequence["_Reader"], scene: _Scene | None) -> _Scene:
    """What is there after one or more orders, each of what the one before has made.

    Of two things "it" is the one that the order before has spoken of. What one has asked for, none
    behind it may undo.
    """
    told: list[set[Aspect]] = []
    ground, it = None, None
    has_gone = False
    made = scene
    for order in orders:
        if order.ground is not None and ground not in (None, order.ground):
            raise _NotUnderstoodError
        if has_gone and order.speaks_of_it:
            raise _NotUnderstoodError  # "remove the ball and make it green"
        ground = order.ground or ground
        before = () if made is None else made.things
        made = _made(order, made, it)
        told = _told(told, order, before, made.things)
        it = _spoken_of(before, made.things)
        has_gone = order.verb == "remove"
    if made is None:
        raise _NotUnderstoodError
    return made


def _made(order: "_Reader", before: _Scene | None, it: int | None) -> _Scene:
    """What an order makes of a scene, or says by itself where there is none."""
    if before is None:
        return _whole(order)
    if it is None or not order.speaks_of_it or len(before.things) < _MOST_THINGS:
        return _resolved(order, before)
    things = list(before.things)
    things[it] = _changed(things[it], order.mentions[0])
    return _Scene(tuple(things), order.ground or before.ground)


def _spoken_of(before: tuple[Values, ...], now: tuple[Values, ...]) -> int | None:
    """Which thing of those that are there now an order has changed, if it is one alone."""
    others = [at for at, thing in enumerate(now) if not any(old is thing for old in before)]
    return others[0] if len(others) == 1 else None


def _told(
    told: list[set[Aspect]], order: "_Reader", before: tuple[Values, ...], now: tuple[Values, ...]
) -> list[set[Aspect]]:
    """What orders have asked for of each thing so far."""
    found = []
    asked = [mention.asked for mention in order.mentions]
    for at, thing in enumerate(now):
        same = [index for index, old in enumerate(before) if old is thing]
        was = same[0] if same else at if len(now) == len(before) else None
        earlier = told[was] if was is not None and told else set()
        changed = (
            set() if was is None else {aspect for aspect, _ in thing.items() ^ before[was].items()}
        )
        if changed & earlier:
            raise _NotUnderstoodError
        named = [values.keys() for values in asked if values.items() <= thing.items()]
        found.append(changed.union(earlier, *named))
    return found


def _says_all(order: "_Reader", scene: _Scene) -> bool:
    """Whether a prompt is this scene by itself, and takes nothing back of what it names."""
    said = _Scene(tuple(mention.said for mention in order.mentions), order.ground)
    takes_back = any(mention.takes_back for mention in order.mentions)
    return scene == said and not order.verb and not takes_back


def is_read(words: Sequence[str], language: Language) -> bool:
    """Whether each word of a prompt says something in a language, or asks for it."""
    try:
        _orders(words, language)
    except _NotUnderstoodError:
        return False
    return True


def _orders(words: Sequence[str], language: Language) -> list["_Reader"]:
    """What a prompt asks for, in turn: it may be a command behind something else."""
    ends = [
        at for at in range(1, len(words)) if words[at - 1] in _LINKS and begins_command(words[at:])
    ]
    starts = [0, *ends]
    return [
        _read(_without_link(words[start:end]), language)
        for start, end in zip(starts, [*ends, len(words)], strict=True)
        if start or _without_link(words[:end])
    ]


def _without_link(words: Sequence[str]) -> Sequence[str]:
    """The words without what leads over to those behind them."""
    end = len(words)
    while end and words[end - 1] in _LINKS:
        end -= 1
    return words[:end]


def _read(words: Sequence[str], language: Language) -> "_Reader":
    command = as_statement(language.parts(ground_stated(in_plain_words(words))), language)
    if command is None:
        raise _NotUnderstoodError
    return _Reader(*command)


class _Reader:
    """The things and the ground that a prompt speaks of."""

    def __init__(self, parts: Sequence[Part], verb: Verb) -> None:
        self.verb = verb
        self.mentions: list[_Mention] = []
        self.ground: str | None = None
        self._into: list[Values] = []
        """What looks are said of now, where that is not the noun before its shape."""
        self._expects_complement = False
        self._together = False
        """What follows is said of all things so far."""
        self._counted: str | None = None
        """The shape of which there are two."""
        self._expects_ground = False
        self.adds = verb == "add" or (bool(parts) and parts[0].words == "and")
        """Whether its thing is one more."""
        before = Part("")
        for at, part in enumerate(parts):
            if self._expects_ground:
                self._take_of_ground(part)
            else:
                self._take(part, before, parts[at + 1 :])
            before = part
        if self._expects_ground:
            raise _NotUnderstoodError
        self._tidy()

    @property
    def speaks_of_it(self) -> bool:
        """Whether what it speaks of is called "it" alone."""
        return [mention.article for mention in self.mentions] == ["it"]

    def _take(self, part: Part, before: Part, following: Sequence[Part]) -> None:
        if before.aspect == "ground" and part.words in BECOMES | ARE:
            raise _NotUnderstoodError  # "the snow is red"
        if part.words in BECOMES | _STAYS and _is_complement(part, following):
            self._become()
        elif part.aspect is None:
            self._take_glue(part.words, before)
        elif part.form == "no more":
            self._end(part)
        elif part.aspect == "motion":
            self._move(part, before, following)
        elif part.also is not None and _is_verb(part, before):
            self._move(part.also, before, following)
        elif part.form == "two":
            self._counted = part.value
        else:
            self._take_value(part.aspect, part, before, following)

    def _take_value(
        self, aspect: Aspect, part: Part, before: Part, following: Sequence[Part]
    ) -> None:
        if aspect == "ground":
            self._stand(part.value)
        elif aspect == "speed":
            self._pace(part, before, following)
        else:
            self._look(aspect, part.value, of_another=_leads_to_shape([part, *following]))

    def _take_glue(self, word: str, before: Part) -> None:
        if word in GROUND:
            self._expects_ground = True
        elif word in ("one", "other"):
            self._take_one(word)
        elif word == "both" and self.mentions:
            self._together = True
            self._into = [mention.is_now for mention in self.mentions]
        elif word in ARTICLES or word in SUBJECTS:
            self._begin(word)
        elif word in BECOMES or (word in ARE and before.words not in ("that", "there")):
            self._become()
        elif word in ARE and before.words == "that":
            self._into = [self._latest.is_now]
        elif word not in _MEANINGLESS and word not in ARE:
            raise _NotUnderstoodError

    def _take_one(self, word: str) -> None:
        """One of two that were counted: "one red", "a red one", "the other"; or "the red one"."""
        if self._counted is None:
            self._refer(word)
            return
        if not self.mentions or self._latest.closed:
            if word == "other":
                raise _NotUnderstoodError
            self._mention()
        if word == "other":
            self._latest.article = word
        _put(self._latest.is_now, "shape", self._counted)

    def _refer(self, word: str) -> None:
        looks = self.mentions and self._latest.article == "the" and self._latest.is_now
        if word != "one" or not looks or self._latest.closed or self._latest.does:
            raise _NotUnderstoodError
        self._latest.refers = True

    def _take_of_ground(self, part: Part) -> None:
        """After "the background": that it is, or becomes, and what."""
        if part.aspect == "ground":
            self._stand(part.value)
            self._expects_ground = False
        elif part.words not in ARE | ARTICLES | {"now"}:
            raise _NotUnderstoodError

    def _stand(self, ground: str) -> None:
        if self.ground not in (None, ground):
            raise _NotUnderstoodError
        self.ground = ground

    def _begin(self, article: str) -> None:
        """A noun, unless this is the article of what something becomes, or of what does already."""
        if self._expects_complement and article in ARTICLES:
            self._expects_complement = False
        elif self.mentions and not self._latest.is_now and not self._latest.article:
            self._latest.article = article
        elif self.mentions and article == "it":
            self._into = []  # what was named in the same breath
        else:
            self._mention(article)

    def _mention(self, article: str = "") -> None:
        self.mentions.append(_Mention(article))
        self._into = []

    def _mention_another(self) -> None:
        """A noun without an article, behind one that has been said."""
        if self.mentions and self._latest.closed:
            self._mention()

    def _become(self) -> None:
        """Of two nouns of which nothing is said yet, both become."""
        latest = self._latest
        both = not any(mention.becomes or mention.does for mention in self.mentions)
        self._into = [m.becomes for m in (self.mentions if both else [latest])]
        self._expects_complement = True

    def _look(self, aspect: Aspect, value: str, *, of_another: bool) -> None:
        self._expects_complement = False
        if of_another and not self._into:
            self._mention_another()
        self._latest.looks_behind |= not self._into and self._latest.closed
        for values in self._into or [self._latest.is_now]:
            _put(values, aspect, value)

    def _precedes(self, following: Sequence[Part]) -> bool:
        """Whether a motion stands before its thing: "moving left: a star"."""
        named = [part for part in following[:3] if part.words not in ARTICLES][:2]
        is_next = len(named) == 2 and named[0].words == "," and _is_look(named[1:])
        return is_next and bool(self.mentions) and "motion" in self._latest.does

    def _move(self, part: Part, before: Part, following: Sequence[Part]) -> None:
        attributive = _is_look(following)
        if before.aspect == "ground" and not self.mentions and not attributive:
            raise _NotUnderstoodError  # "snow falls"
        self._expects_complement, self._into = False, []
        if attributive or self._precedes(following):
            self._mention_another()
        self._together = self._together or (part.form == "of both" and len(self.mentions) != 1)
        self._latest.trails = part.form == "doing" and self._latest.closed
        for mention in self._moving:
            _put(mention.does, "motion", part.value)

    def _end(self, part: Part) -> None:
        """What is said no more to move so; of all, where it is said of nothing."""
        self._expects_complement, self._into = False, []
        fresh = not any(m.becomes or m.does or m.ends for m in self.mentions)
        self._together = self._together or (fresh and len(self.mentions) != 1)
        for mention in self._moving:
            if mention.ends is not None:
                raise _NotUnderstoodError
            mention.ends = part

    def _pace(self, part: Part, before: Part, following: Sequence[Part]) -> None:
        """A speed: of what moves already, or of what is about to."""
        if following and following[0].aspect == "motion":
            self._together = self._together or following[0].form == "of both"
            if _is_look(following[1:]):
                self._mention_another()
        for mention in self._moving:
            _put(mention.does, "speed", part.value)
            mention.is_paced = before.words == "and" or following[:1] == [Part("and")]

    @property
    def _moving(self) -> list[_Mention]:
        """Whom a motion or a speed is said of."""
        return self.mentions if self._together and self.mentions else [self._latest]

    @property
    def _latest(self) -> _Mention:
        if not self.mentions:
            self._mention()
        return self.mentions[-1]

    def _tidy(self) -> None:
        """Leave out nouns of which nothing is said; a participle at the end is said of all."""
        self.mentions = _each_once([m for m in self.mentions if m.said or m.ends is not None])
        _require_things(self.mentions)
        if len(self.mentions) == 1 and self._together and not self.mentions[0].is_now:
            self.mentions[0].article = "both"  # "stop", "bounce": whatever is there
        alone = len(self.mentions) < _MOST_THINGS
        if alone and (
            self._counted or (self._together and [m.article for m in self.mentions] != ["both"])
        ):
            raise _NotUnderstoodError
        for mention in self.mentions:
            if mention.becomes and mention.does.keys() == {"speed"} and not mention.is_paced:
                mention.does = {}  # "slowly it turns blue": it is the change that is slow
        if len(self.mentions) == _MOST_THINGS:
            first, last = self.mentions
            if last.trails and not first.does:
                first.does = dict(last.does)


def _each_once(mentions: list[_Mention]) -> list[_Mention]:
    """Mentions, those of a thing that was named before, as "the ball", joined to the first."""
    found: list[_Mention] = []
    for mention in mentions:
        named = [m for m in found if mention.is_now and mention.is_now.items() <= m.is_now.items()]
        if mention.article == "the" and len(named) == 1:
            for old, new in ((named[0].becomes, mention.becomes), (named[0].does, mention.does)):
                for aspect, value in new.items():
                    _put(old, aspect, value)
        else:
            found.append(mention)
    return found


def _require_things(mentions: Sequence[_Mention]) -> None:
    """Make sure that these are one or two things, or "it", and each of two has its noun."""
    nameless = [m for m in mentions if "shape" not in m.is_now and not m.refers]
    if (
        len(mentions) > _MOST_THINGS
        or any(mention.article in ARTICLES for mention in nameless)
        or (nameless and len(mentions) == _MOST_THINGS)
    ):
        raise _NotUnderstoodError


def _is_look(following: Sequence[Part]) -> bool:
    return bool(following) and following[0].aspect in LOOKS


def _is_verb(part: Part, before: Part) -> bool:
    """Whether "circle" or "circles", which may be shapes, say what something does."""
    if part.form == "two":
        return before.words != "two"
    return before.aspect in ("shape", "speed")


def _leads_to_shape(following: Sequence[Part]) -> bool:
    """Whether these begin with looks of a shape, and not with looks behind one."""
    for part in following:
        if part.aspect == "shape":
            return part.form != "two"
        if part.aspect not in ("color", "size") and part.words not in ("and", ","):
            return False
    return False


def _is_complement(verb: Part, following: Sequence[Part]) -> bool:
    """Whether "turns" means "becomes" before these, and not "spins"; "stays", "is"."""
    if verb.words == "turning" or verb.words in _STAYS:  # "a turning red ball" spins
        return _is_look(following) and not _leads_to_shape(following)
    names = ARTICLES | {"it"}
    return _is_look(following) or (bool(following) and following[0].words in names)


def _put(values: Values, aspect: Aspect, value: str) -> None:
    if values.setdefault(aspect, value) != value:
        raise _NotUnderstoodError


def _whole(reader: _Reader) -> _Scene:
    """The scene that a prompt describes by itself."""
    if reader.verb not in ("", "make", "add") or any(m.refers for m in reader.mentions):
        raise _NotUnderstoodError
    things = tuple(mention.said for mention in reader.mentions)
    if not things or not all("shape" in thing for thing in things):
        raise _NotUnderstoodError
    return _Scene(things, reader.ground)


def _resolved(reader: _Reader, before: _Scene) -> _Scene:
    """What a prompt asks for where that scene is."""
    return _Scene(tuple(_things(reader, before.things)), reader.ground or before.ground)


def _things(reader: _Reader, before: tuple[Values, ...]) -> Iterator[Values]:
    if reader.verb == "remove" or (reader.verb == "only" and _picks_one(reader, before)):
        yield from _left(reader, before)
    elif reader.adds and len(reader.mentions) == len(before) == 1 and _is_new(reader):
        yield from (*before, reader.mentions[0].said)
    elif reader.verb == "add":
        raise _NotUnderstoodError
    elif not reader.mentions:
        yield from before
    else:
        yield from _said_of(reader.mentions, before, asked=reader.verb == "make")


def _picks_one(reader: _Reader, before: tuple[Values, ...]) -> bool:
    """Whether "only" is said of one of two things, and not of a new one."""
    mentions = reader.mentions
    return len(before) == _MOST_THINGS and bool(mentions) and mentions[0].article == "the"


def _is_new(reader: _Reader) -> bool:
    """Whether it names a thing, and none that is there: "a star", not "the star"."""
    (mention,) = reader.mentions
    return "shape" in mention.is_now and mention.article != "the"


def _said_of(
    mentions: list[_Mention], before: tuple[Values, ...], *, asked: bool
) -> Iterator[Values]:
    """What things are after something was said of them, or `asked` for as a command."""
    if mentions[0].article == "both" and len(before) == _MOST_THINGS:
        yield from (_changed(old, mentions[0]) for old in before)
    elif len(mentions) == _MOST_THINGS:
        yield from _both(mentions, before)
    elif len(before) == 1:
        is_there = asked or mentions[0].becomes or mentions[0].refers
        if is_there and not _may_be(mentions[0], before[0]):
            raise _NotUnderstoodError
        yield _changed(before[0], mentions[0])
    elif mentions[0].article == "the" or mentions[0].becomes:
        meant = _meant(mentions[0], before)
        yield from (_changed(old, mentions[0]) if old is meant else old for old in before)
    elif "shape" in mentions[0].is_now:  # the only one from now on
        yield _changed(_likest(mentions[0], before) or {}, mentions[0])
    else:
        raise _NotUnderstoodError


def _left(reader: _Reader, before: tuple[Values, ...]) -> Iterator[Values]:
    """Of two things the one that stays."""
    if len(reader.mentions) != 1 or len(before) != _MOST_THINGS:
        raise _NotUnderstoodError
    if reader.verb == "remove" and reader.mentions[0].is_changed:
        raise _NotUnderstoodError
    meant = _meant(reader.mentions[0], before)
    if reader.verb == "only":
        yield _changed(meant, reader.mentions[0])
    else:
        yield from (old for old in before if old is not meant)


def _both(mentions: list[_Mention], before: tuple[Values, ...]) -> Iterator[Values]:
    """Two things that are named, in the order of before where there were two."""
    if len(before) == 1:
        if any(mention.refers for mention in mentions):
            raise _NotUnderstoodError
        alike = [_alike(mention, before[0]) for mention in mentions]
        old = alike.index(max(alike)) if any(alike) else None
        for index, mention in enumerate(mentions):
            yield _changed(before[0] if index == old else {}, mention)
        return
    first, last = mentions
    if first.is_changed and not last.is_changed and last.article == "the":
        raise _NotUnderstoodError  # "the ball grows and the star": that it does too, or what?
    refers = first.refers or last.refers
    orders = [
        order
        for order in permutations(mentions)
        if not refers or all(map(_is_meant, order, before))
    ]
    if not orders:
        raise _NotUnderstoodError
    ordered = max(orders, key=lambda order: sum(map(_nearness, order, before)))
    yield from map(_changed, before, ordered)


def _is_meant(mention: _Mention, old: Values) -> bool:
    """Whether a thing is the one that is spoken of, beside another that is called "one"."""
    named = sum(aspect in mention.is_now for aspect in _NAMED_BY)
    return _may_be(mention, old) if mention.refers else _alike(mention, old) == named


def _meant(mention: _Mention, before: tuple[Values, ...]) -> Values:
    """The one of two things that is spoken of: by what it was, or what it keeps."""
    if mention.refers:
        found = [old for old in before if _may_be(mention, old)]
        if len(found) != 1:
            raise _NotUnderstoodError
        return found[0]
    meant = _likest(mention, before)
    named = sum(aspect in mention.is_now for aspect in _NAMED_BY)
    if meant is None or (mention.becomes and _alike(mention, meant) < named):
        raise _NotUnderstoodError
    return meant


def _likest(mention: _Mention, before: tuple[Values, ...]) -> Values | None:
    """The thing that a mention is most like; None where it is like none, or as like another."""
    scores = [_alike(mention, old) for old in before]
    best = max(scores)
    return before[scores.index(best)] if best and scores.count(best) == 1 else None


def _may_be(mention: _Mention, old: Values) -> bool:
    """Whether a thing is the one that is spoken of: "the star turns red" is said of no ball."""
    if mention.refers:
        return mention.is_now.items() <= old.items()
    named = mention.is_now.get("shape", old.get("shape"))
    return mention.article != "the" or named == old.get("shape")


def _alike(mention: _Mention, old: Values) -> int:
    """In how many of colour and shape a mention is what a thing was."""
    return sum(aspect in old and mention.is_now.get(aspect) == old[aspect] for aspect in _NAMED_BY)


def _nearness(mention: _Mention, old: Values) -> float:
    """How alike they are; of two that are, a shape says more than a colour."""
    return _alike(mention, old) + 0.5 * (mention.is_now.get("shape") == old.get("shape"))


def _changed(old: Values, mention: _Mention) -> Values:
    """A thing after a mention; where that says what it becomes, its noun says only which it is."""
    kept = {aspect: value for aspect, value in old.items() if aspect != "speed"}
    named = {} if old and mention.becomes else mention.is_now
    does, end = mention.does, mention.ends
    if end is not None and end.also is not None and end.value in ("", old.get("motion")):
        instead: Values = {"motion": end.also.value}
        does = instead | does
    now = kept if "motion" in does else old
    return now | named | mention.becomes | does


def _written(language: Language, scene: _Scene, named: Set[tuple[Aspect, str]]) -> str:
    """A scene as a prompt; what is meant where nothing is said is left out, unless it was named."""
    clauses = []
    for thing in scene.things:
        said = {
            aspect: language.written(aspect, value)
            for aspect, value in thing.items()
            if language.unsaid.get(aspect) != value or (aspect, value) in named
        }
        noun = " ".join(said[a] for a in ("size", "color", "shape") if a in said)
        does = [said[a] for a in ("motion", "speed") if a in said]
        clauses.append(" ".join(["an" if noun[0] in "aeiou" else "a", noun, *does]))
    place = [] if scene.ground is None else [language.written("ground", scene.ground)]
    return " ".join([" and ".join(clauses), *place])
