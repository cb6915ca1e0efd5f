"""The sample strips of the embedded model that the repository shows."""

from pathlib import Path

import pytest
import simplejpeg

from longlive_widget.tiny.grounds import GROUNDS
from longlive_widget.tiny.motions import PICTURE
from longlive_widget.tiny.samples import SAMPLES_A_GROUND, prompts_page

SHOWN = Path(__file__).parents[2] / "docs" / "tiny" / "samples"


def test_the_page_of_the_samples_is_what_is_written_beside_them_and_no_more():
    assert (SHOWN / "prompts.md").read_text(encoding="utf-8") == prompts_page(0)


@pytest.mark.parametrize("ground", GROUNDS)
def test_each_ground_has_its_strips_one_under_the_other(ground):
    height_px, width_px, *_ = simplejpeg.decode_jpeg_header((SHOWN / f"{ground}.jpg").read_bytes())
    assert height_px == SAMPLES_A_GROUND * PICTURE.height_px
    assert width_px % PICTURE.width_px == 0
