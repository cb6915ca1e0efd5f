"""Pictures, latents and tokens in each other's units: the only home of the strides 8, 4 and 2.

Loads no torch.
"""

from dataclasses import dataclass

from longlive_widget.errors import GeometryError, whole_number

PICTURES_PER_SECOND = 16
LATENT_CHANNELS = 16
PIXELS_PER_LATENT = 8
PICTURES_PER_LATENT_FRAME = 4
LATENTS_PER_TOKEN = 2
PIXELS_PER_TOKEN = PIXELS_PER_LATENT * LATENTS_PER_TOKEN
LARGEST_PX = 16_384
"""The longest side of a picture that anything here is asked for."""


def pictures_before(latent_frame: int) -> int:
    """The pictures shown before a latent frame begins; the first latent frame is one picture."""
    return 0 if latent_frame == 0 else PICTURES_PER_LATENT_FRAME * (latent_frame - 1) + 1


def seconds_at(latent_frame: int) -> float:
    """The time in the video, in seconds, at which a latent frame begins."""
    return pictures_before(latent_frame) / PICTURES_PER_SECOND


def latent_frame_at(seconds: float) -> int:
    """The latent frame that begins nearest to a time in the video, 0 s or later."""
    picture = seconds * PICTURES_PER_SECOND
    if picture <= 1:
        return round(picture)
    return round((picture - 1) / PICTURES_PER_LATENT_FRAME) + 1


@dataclass(frozen=True)
class Geometry:
    """The sizes of one video: `width_px` x `height_px`, `block_frames` latent frames a block.

    Raises:
        GeometryError: a side is not a positive multiple of 16 up to `LARGEST_PX`, or a block has
            not at least one latent frame; whole numbers all.
    """

    width_px: int
    height_px: int
    block_frames: int = 3

    def __post_init__(self) -> None:
        for name, least, most in (
            ("width_px", PIXELS_PER_TOKEN, LARGEST_PX),
            ("height_px", PIXELS_PER_TOKEN, LARGEST_PX),
            ("block_frames", 1, None),
        ):
            number = whole_number(name, getattr(self, name), GeometryError, least=least, most=most)
            object.__setattr__(self, name, number)
        for name, side_px in (("width", self.width_px), ("height", self.height_px)):
            if side_px % PIXELS_PER_TOKEN:
                nearest_px = round(side_px / PIXELS_PER_TOKEN) * PIXELS_PER_TOKEN
                raise GeometryError(
                    f"{name} {side_px} is not a positive multiple of {PIXELS_PER_TOKEN}: "
                    f"use {nearest_px}"
                )

    @property
    def block_pictures(self) -> int:
        """The pictures of a block whose past is there; the first of a video has three fewer."""
        return self.block_frames * PICTURES_PER_LATENT_FRAME

    @property
    def latent_width(self) -> int:
        """Columns of a latent frame."""
        return self.width_px // PIXELS_PER_LATENT

    @property
    def latent_height(self) -> int:
        """Rows of a latent frame."""
        return self.height_px // PIXELS_PER_LATENT

    @property
    def tokens_per_frame(self) -> int:
        """Tokens of a latent frame; 1560 at 832 x 480."""
        return (self.latent_width // LATENTS_PER_TOKEN) * (self.latent_height // LATENTS_PER_TOKEN)

    @property
    def latent_block_shape(self) -> tuple[int, int, int, int]:
        """`(frames, channels, height, width)` of one block of latents."""
        return (self.block_frames, LATENT_CHANNELS, self.latent_height, self.latent_width)

    def pictures_in_block(self, block: int) -> int:
        """The pictures that block number `block` (from 0) decodes to: 9 for the first, then 12."""
        first = block * self.block_frames
        return pictures_before(first + self.block_frames) - pictures_before(first)
