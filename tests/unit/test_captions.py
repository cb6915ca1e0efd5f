import random
import re
from dataclasses import replace

import pytest

from longlive_widget.engine.source import model_folder
from longlive_widget.model.tokenizer import load_tokenizer
from longlive_widget.tiny.captions import (
    caption,
    random_caption,
    switch_caption,
    switch_pair,
    unusual_caption,
)
from longlive_widget.tiny.loose_captions import loose_caption
from longlive_widget.tiny.motions import MOTIONS
from longlive_widget.tiny.phrases import PROMPT_TOKENS
from longlive_widget.tiny.scenes import (
    FULL,
    SIMPLE,
    WORLD,
    Change,
    Vocabulary,
    random_change,
    random_scene,
)
from longlive_widget.tiny.tokenizer import save_tokenizer, tiny_tokenizer
from longlive_widget.tiny.words import (
    COLOR_WORDS,
    MOTION_WORDS,
    READ_AS,
    SHAPE_WORDS,
    SIZE_WORDS,
    SPEED_WORDS,
    labels,
    places,
    verbs,
    words,
)

COLOR, SIZE, SHAPE = (
    f"(?:{'|'.join({word for words in table.values() for word in words})})"
    for table in (COLOR_WORDS, SIZE_WORDS, SHAPE_WORDS)
)
PAIRS = replace(WORLD, two_things=1.0)
WORDY = replace(
    PAIRS,
    sizes=("small", "big"),
    motions=("swings",),
    speeds=("slowly", "fast"),
    grounds=("meadow", "night"),
)


def ids_of(tokenizer, text):
    return [token.id for token in tokenizer.tokens(text)]


def require_known_and_short(tokenizer, text):
    ids = ids_of(tokenizer, text)
    assert tokenizer.unknown not in ids
    assert len(ids) < PROMPT_TOKENS  # the end token comes after them


def switched_pairs(seed, count):
    draws = random.Random(seed)
    plain = replace(
        PAIRS,
        shapes=("triangle", "star", "heart"),
        colors=("red", "yellow", "orange", "pink"),
        grounds=("grey", "snow"),
    )
    for _ in range(count):
        scene = random_scene(draws, plain)
        change = random_change(draws, scene, plain)
        yield scene, change, scene.switched(change, 24)


@pytest.mark.parametrize(
    "vocabulary",
    [SIMPLE, FULL, WORLD, Vocabulary(two_things=1.0), PAIRS, WORDY],
    ids=["simple", "full", "world", "two things", "two things side by side", "wordy"],
)
def test_the_word_list_is_closed_and_every_prompt_fits(vocabulary):
    tokenizer = tiny_tokenizer(vocabulary)
    draws = random.Random(1)
    for _ in range(1000):
        _, said, _, then = switch_pair(draws, 24, vocabulary)
        for text in (said, then):
            require_known_and_short(tokenizer, text)


def test_an_unusual_caption_has_known_words_in_an_order_that_no_caption_has():
    tokenizer, draws = tiny_tokenizer(WORLD), random.Random(8)
    before = rf"\b{COLOR} ({SIZE} )?{SHAPE}\b"
    usual = re.compile(rf"{before}|\b{SHAPE} that is\b", re.IGNORECASE)
    for _ in range(500):
        scene = random_scene(draws, WORLD)
        said = unusual_caption(scene, draws)
        require_known_and_short(tokenizer, said)
        assert not usual.search(said)
        assert usual.search(caption(scene, draws))


def test_a_loose_caption_has_known_words_in_no_order_that_the_judge_calls_unusual():
    tokenizer, draws = tiny_tokenizer(WORLD), random.Random(9)
    look = f"({COLOR}|{SIZE})"
    judged = re.compile(rf"(^|: |, | and ){SHAPE}, {look} and {look}\b", re.IGNORECASE)
    for _ in range(1000):
        scene = random_scene(draws, WORLD)
        said, unusual = loose_caption(scene, draws), unusual_caption(scene, draws)
        require_known_and_short(tokenizer, said)
        assert not judged.search(said), said
        assert judged.search(unusual), unusual
        assert not re.search(r" [,.]|[,.]{2}|[,.] ?[,.]", said), said


@pytest.mark.parametrize("two_things", [0.0, 1.0])
def test_loose_captions_put_and_where_captions_have_none(two_things):
    draws = random.Random(10)
    flat = replace(WORLD, two_things=two_things, grounds=("snow", "rain"))
    forms = {
        "between looks": rf"\b(an?|the) ({COLOR} and {SIZE}|{SIZE} and {COLOR}) {SHAPE}\b",
        "looks after": rf"\b(an?|the) {SHAPE}, ({COLOR} and {SIZE}|{SIZE} and {COLOR})\b",
        "looks said": rf"\b{SHAPE} is ({SIZE} and )?{COLOR}\b",
        "after a ground": r"^(it is )?(falling )?(snow|rain)\w*,? and (an?|the)\b",
        "before a ground": r"\band (it snows|it rains|it is raining|it is snowing)\b",
    }
    said = [loose_caption(random_scene(draws, flat), draws) for _ in range(1500)]
    usual = [caption(random_scene(draws, flat), draws) for _ in range(1500)]
    for name, pattern in forms.items():
        form = re.compile(pattern, re.IGNORECASE)
        assert any(map(form.search, said)), name
        assert not any(map(form.search, usual)), name


def test_a_loose_caption_says_all_that_is_not_medium_and_no_noun_where_a_verb_must_be():
    draws = random.Random(12)
    wrong = re.compile(r"\bthere (is|are) (there|two|an? \w+ is)\b|\bwith (there|two|an?|the)\b")
    for _ in range(1000):
        scene = random_scene(draws, replace(WORLD, two_things=0.5))
        said = loose_caption(scene, draws).lower()
        for thing in scene.things:
            if thing.size != "medium":
                assert any(word in said for word in SIZE_WORDS[thing.size]), said
            if thing.speed != "medium":
                assert any(word in said for word in SPEED_WORDS[thing.speed]), said
            ways = (*MOTION_WORDS[thing.motion], *verbs(thing.shape, thing.motion))
            forms = {form for verb in ways for form in (verb.says, verb.doing, verb.of_both.says)}
            assert any(form in said for form in forms), said
        assert any(way in said for way in (*places(scene.ground), *labels(scene.ground))), said
        assert not wrong.search(said.replace("there are two", "")), said


def test_two_things_of_one_shape_can_be_counted_and_each_is_told():
    tokenizer, draws = tiny_tokenizer(WORLD), random.Random(11)
    counted = 0
    for _ in range(1000):
        scene = random_scene(draws, replace(PAIRS, shapes=("star", "heart", "ball")))
        said = loose_caption(scene, draws).lower()
        assert tokenizer.unknown not in ids_of(tokenizer, said)
        if not re.search(r"\btwo (stars|hearts|balls|discs|spheres|circles)\b", said):
            continue
        counted += 1
        first, second = scene.things
        assert first.shape == second.shape
        for thing in scene.things:
            assert any(color in said for color in COLOR_WORDS[thing.color]), said
    assert counted > 100


def test_every_word_of_the_list_is_used():
    draws = random.Random(2)
    tokenizer = tiny_tokenizer(FULL)
    used = set()
    for _ in range(6000):
        _, said, _, then = switch_pair(draws, 24, FULL)
        used.update(ids_of(tokenizer, said), ids_of(tokenizer, then))
    for _ in range(2000):
        scene = random_scene(draws, replace(FULL, two_things=1.0))
        alike = replace(scene, things=(scene.things[0], scene.things[0]))
        used.update(ids_of(tokenizer, loose_caption(alike, draws)))
    for motion in MOTIONS * 250:
        alike = replace(PAIRS, motions=(motion,), speeds=("medium",))
        used.update(ids_of(tokenizer, caption(random_scene(draws, alike), draws)))
    known = tokenizer.vocabulary
    assert {word for word in words(FULL) if known[word] not in used} == set()


def test_a_caption_names_color_and_all_that_is_not_medium():
    draws = random.Random(3)
    for _ in range(500):
        scene, said = random_caption(draws)
        thing = scene.things[0]
        said = said.lower()
        if thing.color not in {"purple", "cyan"}:
            assert thing.color in said
        if thing.size == "big":
            assert any(word in said for word in ("big", "large", "huge"))
        if thing.speed == "slowly":
            assert any(word in said for word in ("slow", "gently"))


def test_a_scene_has_many_captions():
    scene, _ = random_caption(random.Random(4))
    draws = random.Random(5)
    assert len({caption(scene, draws) for _ in range(300)}) > 150


def test_there_is_that_is_and_a_motion_in_front_are_said_only_of_a_thing_that_is_alone():
    tokenizer, draws = tiny_tokenizer(WORLD), random.Random(14)
    doing = "|".join({verb.doing for verbs in MOTION_WORDS.values() for verb in verbs})
    forms = {
        "there is": rf"\bthere is [^,]*{SHAPE}( that is [^,]*)? ({doing})\b",
        "looks after": rf"\b{SHAPE} that is ({SIZE} and )?{COLOR}\b",
        "doing after": rf"\bthere is [^,]*{SHAPE}( that is [^,]*)? that (?!is)",
        "doing before": rf"\b({doing})\b[^,]*, [^,]*\b{SHAPE}\b",
    }
    for two_things, found in ((0.0, set(forms)), (1.0, set())):
        plain = replace(WORLD, two_things=two_things, grounds=("black", "navy"))
        said = [text for _ in range(400) for text in switch_pair(draws, 24, plain)[1::2]]
        used = {
            form
            for form, pattern in forms.items()
            if any(re.search(pattern, text, re.IGNORECASE) for text in said)
        }
        assert used == found
        assert tokenizer.unknown not in set().union(*(ids_of(tokenizer, text) for text in said))


def test_a_switch_says_what_changes():
    draws = random.Random(6)
    scene, _ = random_caption(draws)
    for change, allowed in (
        (Change(color="pink"), ("pink",)),
        (Change(ground="navy"), ("navy", "dark blue")),
        (Change(shape="star"), ("star",)),
    ):
        switched = scene.switched(change, 24)
        for _ in range(100):
            said = switch_caption(switched, change, draws).lower()
            assert any(word in said for word in allowed), said


def test_some_switches_say_only_what_changes():
    draws = random.Random(7)
    scene, _ = random_caption(draws)
    change = Change(color="pink")
    said = {switch_caption(scene.switched(change, 24), change, draws) for _ in range(300)}
    assert said & {"it is pink", "it turns pink", "now it becomes pink", "it is now pink"}


def test_one_seed_gives_one_pair():
    assert switch_pair(random.Random(8), 24) == switch_pair(random.Random(8), 24)


def test_the_saved_tokenizer_loads_as_it_was_made(tmp_path):
    save_tokenizer(tmp_path)
    made, loaded = tiny_tokenizer(), load_tokenizer(tmp_path)
    assert loaded.vocabulary == made.vocabulary
    assert (loaded.padding, loaded.end, loaded.unknown) == (0, 1, 2)
    assert (made.padding, made.end, made.unknown) == (0, 1, 2)
    assert [loaded.words.id_to_token(i) for i in range(3)] == ["<pad>", "</s>", "<unk>"]
    said = "A red ball, moving right."
    assert (
        ids_of(loaded, said)
        == ids_of(made, said)
        == [loaded.vocabulary[word] for word in ("a", "red", "ball", ",", "moving", "right", ".")]
    )


def test_the_same_code_saves_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save_tokenizer(tmp_path / name)
    one, two = ((tmp_path / name / "tokenizer.json").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("ground", ["sea", "snow", "rain"])
def test_a_moving_ground_has_many_names(ground):
    draws = random.Random(9)
    names = {"sea": ("sea", "wave", "ocean"), "snow": ("snow",), "rain": ("rain",)}[ground]
    resting = Vocabulary(grounds=(ground,), motions=("rests",))
    said = [random_caption(draws, resting)[1].lower() for _ in range(300)]
    assert all(any(name in text for name in names) for text in said)
    assert len({tuple(text.strip(".").split(" ")[-3:]) for text in said}) > 12


def test_a_caption_of_two_things_names_both_in_their_order_and_the_ground_once():
    draws = random.Random(10)
    for _ in range(300):
        scene = random_scene(draws, replace(PAIRS, colors=("red", "yellow"), grounds=("snow",)))
        said = caption(scene, draws).lower()
        one, two = (thing.color for thing in scene.things)
        assert said.index(one) < said.index(two)
        assert said.count("snow") == 1


def test_things_that_move_alike_may_share_a_verb():
    draws = random.Random(11)
    alike = replace(PAIRS, motions=("bounces",), speeds=("medium",))
    said = [caption(random_scene(draws, alike), draws).lower() for _ in range(300)]
    assert any(" both bounce" in text for text in said)
    assert any(text.count("bounc") + text.count("jump") + text.count("hop") == 2 for text in said)


def test_a_switch_of_one_of_two_things_says_which():
    draws = random.Random(12)
    for scene, change, switched in switched_pairs(13, 1000):
        if change == Change(ground=change.ground, thing=change.thing):
            continue
        said = switch_caption(switched, change, draws).lower()
        named = re.findall(
            rf"(?:(red|yellow|orange|pink) )?(?:{SIZE} )?(triangle|star|heart)", said
        )
        if named == [(thing.color, thing.shape) for thing in switched.things]:
            continue
        color, shape = named[0]
        fit = [(thing.color == color) + (thing.shape == shape) for thing in scene.things]
        assert fit[change.thing] > fit[1 - change.thing], said


@pytest.mark.parametrize("mark", [":", ";", " -", " \u2013", "!"])
def test_other_marks_are_read_as_commas(mark):
    tokenizer = tiny_tokenizer(WORLD)
    with_mark, with_comma = (ids_of(tokenizer, f"rain{m} a red ball") for m in (mark, ","))
    assert with_mark == with_comma


def test_no_caption_has_a_word_that_is_read_as_another():
    others = [word for variants in READ_AS.values() for word in variants]
    assert len(others) == len(set(others))
    known = set(words(FULL))
    assert known.isdisjoint(others)
    assert known.issuperset(word for said in READ_AS for word in said.split())


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("It\u2019s snowing", "it is snowing"),
        ("there's an orb & a disk", "there is an sphere and a disc"),
        ("a Giant dark-blue box", "a huge dark blue box"),
        ("a ball (big) glides upward above the sea", "a ball, big, slides upwards over the sea"),
    ],
)
def test_what_means_the_same_is_read_as_a_known_word(typed, said):
    tokenizer = tiny_tokenizer()
    assert ids_of(tokenizer, typed) == ids_of(tokenizer, said)


@pytest.mark.parametrize(
    "word", ["ballroom", "ball's", "aboveboard", "crimson", "cube", "dusk", "three"]
)
def test_what_means_something_else_is_read_as_no_known_word(word):
    tokenizer = tiny_tokenizer()
    assert tokenizer.unknown in ids_of(tokenizer, word)


def test_unknown_words_are_left_out_of_what_the_embedded_model_reads(tmp_path):
    save_tokenizer(tmp_path)
    for tokenizer in (tiny_tokenizer(), load_tokenizer(tmp_path)):
        with_them, without = "a nice red zebra ball above", "a red ball over"
        read = [token.id for token in tokenizer.read(with_them)]
        assert read == ids_of(tokenizer, without)


def test_the_tokenizer_that_comes_with_the_package_is_that_of_the_code(tmp_path):
    save_tokenizer(tmp_path)
    shipped = model_folder("tiny") / "tokenizer"
    for made in tmp_path.iterdir():
        assert (shipped / made.name).read_bytes() == made.read_bytes()
