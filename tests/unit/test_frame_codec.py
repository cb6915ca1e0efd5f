"""A block becomes one JPEG a picture."""

import numpy as np
import pytest
import simplejpeg

from longlive_widget.geometry import Geometry
from longlive_widget.widget.frame_codec import encode_jpegs
from tests.unit.painted_engine import paint


@pytest.mark.parametrize(("width", "height"), [(160, 96), (832, 480)])
def test_each_picture_survives_as_a_jpeg_of_its_own(width, height):
    frames = paint("a red ball", 0, Geometry(width, height))
    jpegs = encode_jpegs(frames)
    assert len(jpegs) == len(frames) == 9
    for jpeg, picture in zip(jpegs, frames, strict=True):
        seen = simplejpeg.decode_jpeg(jpeg)
        assert seen.shape == picture.shape
        assert np.abs(seen.astype(int) - picture).mean() < 3


def test_a_small_picture_keeps_its_colour_edges():
    frames = np.zeros((1, 96, 160, 3), np.uint8)
    frames[:, :, 81:] = (250, 20, 20)
    seen = simplejpeg.decode_jpeg(encode_jpegs(frames)[0]).astype(int)
    assert np.abs(seen[:, 80]).max() < 40
    assert np.abs(seen[:, 81] - (250, 20, 20)).max() < 40


def test_a_jpeg_is_of_fresh_bytes_also_from_a_view_of_frames():
    frames = paint("a red ball", 0, Geometry(160, 96))[::2, :, ::-1]
    assert all(isinstance(jpeg, bytes) for jpeg in encode_jpegs(frames))
