"""Pictures, latents and tokens agree with each other, and with the sizes of Wan2.1."""

import numpy as np
import pytest

from longlive_widget.errors import GeometryError
from longlive_widget.geometry import Geometry, pictures_before, seconds_at


def test_the_full_size_has_the_shapes_of_wan():
    full = Geometry(width_px=832, height_px=480)
    assert full.tokens_per_frame == 1560
    assert full.latent_block_shape == (3, 16, 60, 104)
    assert (full.latent_width, full.latent_height) == (104, 60)


def test_the_first_block_has_9_pictures_and_every_other_12():
    geometry = Geometry(160, 96)
    assert [geometry.pictures_in_block(block) for block in range(4)] == [9, 12, 12, 12]


def test_the_blocks_together_have_all_pictures():
    for block_frames in (1, 2, 3, 5):
        geometry = Geometry(160, 96, block_frames)
        pictures = sum(geometry.pictures_in_block(block) for block in range(10))
        assert pictures == pictures_before(10 * block_frames) == 4 * 10 * block_frames - 3


def test_the_first_latent_frame_is_one_picture():
    assert [pictures_before(latent_frame) for latent_frame in range(4)] == [0, 1, 5, 9]


def test_a_latent_frame_begins_when_its_first_picture_is_shown():
    assert seconds_at(0) == 0
    assert seconds_at(5) == 17 / 16


@pytest.mark.parametrize(
    ("width_px", "height_px", "said"),
    [
        (830, 480, "width 830 is not a positive multiple of 16: use 832"),
        (832, 479, "height 479 is not a positive multiple of 16: use 480"),
        (0, 480, "width_px 0 is out of range: use 16 to 16384"),
        (16_400, 480, "width_px 16400 is out of range: use 16 to 16384"),
        (832, 10**400 + 1, "height_px 10*1 is out of range: use 16 to 16384"),
        (832, -16, "height_px -16 is out of range: use 16 to 16384"),
    ],
)
def test_a_side_that_is_no_multiple_of_16_is_refused_with_the_nearest_one(
    width_px, height_px, said
):
    with pytest.raises(GeometryError, match=said):
        Geometry(width_px, height_px)


def test_a_block_without_latent_frames_is_refused():
    with pytest.raises(GeometryError, match="block_frames 0 is out of range: use 1 or more"):
        Geometry(160, 96, block_frames=0)


@pytest.mark.parametrize(
    "sizes", [(160.0, 96), ("160", 96), (160, None), (160, 96, 3.0), (True, 96)], ids=str
)
def test_a_size_that_is_no_whole_number_is_refused(sizes):
    with pytest.raises(GeometryError, match=r"is not a whole number: use \d+ (or more|to \d+)"):
        Geometry(*sizes)


def test_numbers_of_numpy_are_sizes_too():
    geometry = Geometry(np.int64(160), np.uint8(96))
    assert geometry == Geometry(160, 96)
    assert type(geometry.width_px) is int
