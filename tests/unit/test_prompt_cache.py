"""The cache of prompts keeps those that were asked for last."""

import random

import pytest
import torch

from longlive_widget.cache.text import PromptCache, TextMemory


def _read(prompt: str) -> TextMemory:
    number = torch.tensor([float(prompt)])
    return TextMemory(((number, number),))


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


def test_a_prompt_that_cannot_be_read_is_not_remembered():
    cache = PromptCache(1)
    with pytest.raises(ValueError, match="could not convert"):
        cache.get("three", _read)
    assert len(cache) == 0
