"""What is sent so that all who look can see it."""

import pytest

from longlive_widget.errors import CapabilityError, SessionError
from longlive_widget.widget.audience import SILENT_S, Audience

H264 = "avc1.f4000a"
BOTH, PLAIN = ("h264", "jpeg"), ("jpeg",)


def always():
    return 0.0


def test_h264_is_sent_until_a_view_comes_that_cannot_decode_it_and_again_when_it_has_gone():
    audience = Audience("auto", H264, always)
    assert audience.codec == "h264"
    audience.enter("1", BOTH)
    assert audience.codec == "h264"
    audience.enter("2", PLAIN)
    assert audience.codec == "jpeg"
    audience.require_seen_by("1")
    audience.require_seen_by("2")
    audience.leave("2")
    audience.leave("2")
    assert audience.codec == "h264"


def test_a_view_that_finds_that_it_cannot_decode_after_all_changes_what_is_sent():
    audience = Audience("auto", H264, always)
    audience.enter("1", BOTH)
    audience.enter("1", PLAIN)
    assert audience.codec == "jpeg"


@pytest.mark.fault("The page and its messages", "this machine makes no H.264", "JPEGs are sent")
def test_where_no_h264_is_made_jpegs_are_sent():
    assert Audience("auto", None, always).codec == "jpeg"


def test_what_is_wanted_by_name_is_sent_whoever_looks():
    jpegs, h264 = Audience("jpeg", H264, always), Audience("h264", H264, always)
    for audience in (jpegs, h264):
        audience.enter("1", BOTH)
        audience.enter("2", PLAIN)
    assert (jpegs.codec, h264.codec) == ("jpeg", "h264")
    h264.require_seen_by("1")
    with pytest.raises(CapabilityError, match=r"'h264' but jpeg: .*codec='auto'.*localhost"):
        h264.require_seen_by("2")


def test_what_cannot_be_sent_at_all_is_refused_with_the_way_out():
    with pytest.raises(SessionError, match="codec 'vp9' does not exist: use 'auto' or 'h264' or"):
        Audience("vp9", H264, always)
    with pytest.raises(CapabilityError, match=r"libx264.*pip install av.*codec='jpeg'"):
        Audience("h264", None, always)


def test_somebody_looks_until_the_last_view_is_out_of_sight_or_gone():
    audience = Audience("auto", H264, always)
    assert (audience.looking, audience.expected) == (False, True)
    audience.enter("1", BOTH)
    audience.enter("2", BOTH)
    audience.look("1", looking=False)
    audience.look("1", looking=False)
    assert audience.looking
    audience.leave("2")
    assert (audience.looking, audience.expected) == (False, False)
    audience.look("1", looking=True)
    assert audience.looking


def test_a_view_that_says_nothing_for_long_looks_no_more_until_it_is_heard_of_again():
    now_s = [100.0]
    audience = Audience("auto", H264, lambda: now_s[0])
    assert audience.told == "no view is there"
    audience.enter("1", BOTH)
    audience.enter("2", BOTH)
    audience.look("2", looking=False)
    now_s[0] += SILENT_S - 1
    audience.heard("2")
    assert (audience.looking, audience.told) == (True, "1 of 2 views look")
    now_s[0] += 1
    assert (audience.looking, audience.expected) == (False, False)
    assert audience.told == (
        "0 of 2 views look; 1 said nothing for 20 s or more, and count as gone until they do"
    )
    audience.heard("2")
    assert not audience.looking, "it is heard, and looks away"
    audience.heard("1")
    audience.heard("3")
    assert (audience.looking, audience.told) == (True, "1 of 2 views look")


def test_jpegs_for_a_view_alone_end_as_it_falls_silent_and_begin_as_it_is_heard_of_again():
    now_s = [100.0]
    audience = Audience("auto", H264, lambda: now_s[0])
    audience.enter("1", BOTH)
    audience.enter("2", PLAIN)
    assert audience.codec == "jpeg"
    now_s[0] += SILENT_S
    audience.heard("1")
    assert audience.codec == "h264"
    audience.heard("2")
    assert audience.codec == "jpeg"
