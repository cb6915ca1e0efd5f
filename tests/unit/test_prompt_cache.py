"""The cache of prompts keeps those that were asked for last."""

import random

import pytest
import torch

from longlive_widget.cache.text import PromptCache, TextMemory


def _read(prompt: str) -> TextMemory:
    number = torch.tensor([float(prompt)])
    return TextMemory(((number, number),), number)


@pytest.mark.parametrize("most", [0, 1, 3])
def test_it_remembers_what_a_plain_list_of_the_last_prompts_holds(most: int):
    rng, cache, last, hits = random.Random(most), PromptCache(most), [], 0
    for asked in range(1, 101):
        prompt = str(rng.randrange(5))
        hits += prompt in last
        ((key, _),) = cache.get(prompt, _read).layers
        assert key.item() == float(prompt)
        last = [*(other for other in last if other != prompt), prompt][-most:] if most else []
        assert len(cache) == len(last)
        assert (cache.hits, cache.misses) == (hits, asked - hits)


def test_a_prompt_is_remembered_for_the_weights_that_it_was_read_with():
    """Those it had last come back; all of them count as prompts."""
    cache = PromptCache(2)
    for weights, hits in ((), 0), (((1, 0.5),), 0), ((), 1), (((1, 0.5),), 2), (((2, 0.5),), 2):
        cache.get("1", _read, weights=weights)
        assert cache.hits == hits
    assert len(cache) == 2
    cache.get("1", _read, weights=())
    assert cache.hits == 2, "the oldest of three is forgotten"


def test_a_prompt_that_cannot_be_read_is_not_remembered():
    cache = PromptCache(1)
    with pytest.raises(ValueError, match="could not convert"):
        cache.get("three", _read)
    assert len(cache) == 0
