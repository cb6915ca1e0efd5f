"""A block becomes H.264 that begins by itself, or one JPEG a picture."""

import av
import numpy as np
import pytest
import simplejpeg
from av.codec.codec import UnknownCodecError
from av.video.reformatter import ColorRange, Colorspace

from longlive_widget.geometry import Geometry
from longlive_widget.widget.frame_codec import encode_block, encode_h264, encode_jpegs, h264_name
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


IDR, SEQUENCE, PICTURE = 5, 7, 8


def kinds(unit):
    """The kinds of the NAL units in an access unit, in their order."""
    return [part[0] & 31 for part in unit.split(b"\0\0\1")[1:]]


def decoded(units):
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit))]
    frames += decoder.decode(None)
    assert {frame.colorspace for frame in frames} == {Colorspace.ITU709}
    return np.stack(
        [
            frame.reformat(
                format="rgb24", src_colorspace=Colorspace.ITU709, src_color_range=ColorRange.MPEG
            ).to_ndarray()
            for frame in frames
        ]
    )


def psnr_db(seen, made):
    return 10 * np.log10(255**2 / np.mean((seen.astype(float) - made) ** 2))


@pytest.mark.parametrize(("width", "height", "least_db"), [(160, 96, 42), (832, 480, 35)])
def test_a_block_of_h264_is_seen_as_it_was_made_without_the_block_before(width, height, least_db):
    frames = paint("a red ball", 1, Geometry(width, height))
    units = encode_h264(frames)
    assert all(isinstance(unit, bytes) for unit in units)
    assert len(units) == len(frames) == 12
    assert psnr_db(decoded(units), frames) > least_db


def test_a_block_of_h264_begins_with_its_parameters_and_the_only_picture_that_is_whole():
    first, *others = map(kinds, encode_h264(paint("a red ball", 1, Geometry(160, 96))))
    assert first.index(SEQUENCE) < first.index(PICTURE) < first.index(IDR)
    assert all(IDR not in unit and SEQUENCE not in unit for unit in others)


def test_a_small_picture_keeps_its_colour_edges_in_h264_too():
    frames = np.zeros((1, 96, 160, 3), np.uint8)
    frames[:, :, 81:] = (250, 20, 20)
    seen = decoded(encode_h264(frames))[0].astype(int)
    assert np.abs(seen[:, 80]).max() < 40
    assert np.abs(seen[:, 81] - (250, 20, 20)).max() < 40


def test_the_same_pictures_give_the_same_bytes():
    frames = paint("a red ball", 0, Geometry(832, 480))
    assert encode_h264(frames) == encode_h264(frames)


@pytest.mark.parametrize(
    ("width", "height", "name"), [(160, 96, "avc1.f4000a"), (832, 480, "avc1.64001e")]
)
def test_h264_has_the_name_that_browsers_know_it_by(width, height, name):
    assert h264_name(width, height) == name


def test_where_no_h264_can_be_made_it_has_no_name(monkeypatch):
    def unknown(*_):
        raise UnknownCodecError("libx264")

    monkeypatch.setattr(av.CodecContext, "create", unknown)
    assert h264_name(160, 96) is None


def test_a_block_is_coded_as_it_is_asked_for():
    frames = paint("a red ball", 0, Geometry(160, 96))
    assert encode_block(frames, "jpeg") == encode_jpegs(frames)
    assert encode_block(frames, "h264") == encode_h264(frames)
