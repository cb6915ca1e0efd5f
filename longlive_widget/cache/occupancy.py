"""What a window holds, as plain numbers. Loads no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Occupancy:
    """The latent frames that a window holds while a block is open in it, by their numbers.

    `frames` are all of them, in the order of their places; at most `window_frames`. Of these `sink`
    are the first ones, which stay, `opened` those of the block itself, and `evicted_next` those
    that give way as the next block is opened.
    """

    window_frames: int
    frames: tuple[int, ...]
    sink: tuple[int, ...]
    opened: tuple[int, ...]
    evicted_next: tuple[int, ...]
