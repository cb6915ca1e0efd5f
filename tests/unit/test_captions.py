import random

import pytest
from transformers import AutoTokenizer

from longlive_widget.tiny.captions import (
    caption,
    random_caption,
    switch_caption,
    switch_pair,
    words,
)
from longlive_widget.tiny.scenes import FULL, SIMPLE, Change, Vocabulary
from longlive_widget.tiny.tokenizer import (
    LONGEST,
    save_tokenizer,
    tiny_tokenizer,
    unknown_words,
)


@pytest.mark.parametrize(
    "vocabulary", [SIMPLE, FULL, Vocabulary(two_things=1.0)], ids=["simple", "full", "two things"]
)
def test_the_word_list_is_closed_and_every_prompt_fits(vocabulary):
    tokenizer = tiny_tokenizer(vocabulary)
    draws = random.Random(1)
    for _ in range(1000):
        _, said, _, then = switch_pair(draws, 24, vocabulary)
        assert unknown_words(tokenizer, said) == ()
        assert unknown_words(tokenizer, then) == ()
        assert max(len(ids) for ids in tokenizer([said, then]).input_ids) <= LONGEST


def test_every_word_of_the_list_is_used():
    draws = random.Random(2)
    tokenizer = tiny_tokenizer(FULL)
    used = set()
    for _ in range(6000):
        _, said, _, then = switch_pair(draws, 24, FULL)
        used.update(*tokenizer([said, then]).input_ids)
    known = tokenizer.get_vocab()
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


def test_the_saved_tokenizer_loads_without_network_and_marks_the_end(tmp_path):
    save_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    encoded = tokenizer(["A red ball, moving right.", "it spins"], padding=True)
    short = encoded.input_ids[1]
    assert tokenizer.convert_ids_to_tokens(short[:3]) == ["it", "spins", "</s>"]
    assert set(short[3:]) == {tokenizer.pad_token_id} == {0}
    assert sum(encoded.attention_mask[1]) == 3


def test_the_same_code_saves_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save_tokenizer(tmp_path / name)
    one, two = ((tmp_path / name / "tokenizer.json").read_bytes() for name in ("one", "two"))
    assert one == two


def test_unknown_words_come_back_as_written_and_once(tmp_path):
    save_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    prompt = "A red Elephant and an elephant, then an Elephant on black"
    assert unknown_words(tokenizer, prompt) == ("Elephant", "elephant", "then")
    assert unknown_words(tokenizer, "A RED ball") == ()
