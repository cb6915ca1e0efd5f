"""What a CUDA graph replays and was not told apart, and whose rates that would spoil.

The transformer and the decoder have graphs of their own.
"""

from collections.abc import Mapping

FEW = 0.01
"""So large a share of a block may be replayed and not told apart, and rates are told still."""
_AS_A_GRAPH = " as a cuda graph"
"""How the parts end that have it: see `parts.GRAPH_PARTS`."""


def plain(part: str) -> str:
    """A part's name as it is in a table, of a profile or of its record."""
    return part.lower().replace("-", " ").replace("_", " ")


def stored(part: str) -> str:
    """The same as samples and facts of a record begin with it."""
    return plain(part).replace(" ", "_")


def is_of_the_decoder(part: str) -> bool:
    """Whether that part is one of the decoder's."""
    return plain(part).startswith("decoder")


def replayed_ms(times_ms: Mapping[str, float], *, in_decoder: bool) -> float:
    """What is replayed and not told apart, of the decoder or of all else.

    Args:
        times_ms: what each part of a block takes, by its name.
        in_decoder: which of the two.
    """
    return sum(
        ms
        for name, ms in times_ms.items()
        if plain(name).endswith(_AS_A_GRAPH) and is_of_the_decoder(name) == in_decoder
    )


def has_all_kernels(part: str, times_ms: Mapping[str, float], block_ms: float) -> bool:
    """Whether all that a part computes is in its time, but for a little.

    Where it is not, its operations over that time would be too high a rate.
    """
    in_decoder = is_of_the_decoder(part)
    return replayed_ms(times_ms, in_decoder=in_decoder) <= FEW * block_ms
