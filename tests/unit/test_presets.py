"""A preset is complete, possible and found by its name."""

import numpy as np
import pytest

from longlive_widget.errors import PresetError
from longlive_widget.presets import PRESETS, Preset, preset_named


def test_a_preset_is_found_by_its_name():
    for name, preset in PRESETS.items():
        assert preset_named(name) is preset
        assert preset.name == name


def test_the_reference_has_every_setting_at_its_default():
    reference = PRESETS["reference"]
    assert reference == Preset("reference", reference.summary)


def test_an_unknown_preset_is_told_with_all_that_exist():
    with pytest.raises(PresetError) as told:
        preset_named("turbp")
    assert "'turbp': did you mean 'turbo'?" in str(told.value)
    for name in PRESETS:
        assert name in str(told.value)


@pytest.mark.parametrize("denoise_steps", [(), (500, 750), (500, 500)])
def test_denoise_steps_go_down(denoise_steps):
    with pytest.raises(PresetError, match="must be some that go down: for example"):
        Preset("odd", "", denoise_steps=denoise_steps)


@pytest.mark.parametrize("denoise_steps", [(1001, 500), (1000, 0), (1000, -5)])
def test_denoise_steps_lie_in_the_training_schedule(denoise_steps):
    with pytest.raises(PresetError, match=r"denoise step .* is out of range: use 1 to 1000"):
        Preset("odd", "", denoise_steps=denoise_steps)


@pytest.mark.parametrize("denoise_steps", [(1000, 500.5), ("1000",), 1000, "1000", None])
def test_denoise_steps_are_whole_numbers(denoise_steps):
    with pytest.raises(PresetError, match=r"denoise.*is no"):
        Preset("odd", "", denoise_steps=denoise_steps)


def test_a_window_keeps_at_least_one_latent_frame():
    with pytest.raises(PresetError, match="window_frames 0 is out of range: use 1 or more"):
        Preset("odd", "", window_frames=0)


@pytest.mark.parametrize("window_frames", [8.5, "8", None, True])
def test_a_window_is_a_whole_number_of_latent_frames(window_frames):
    with pytest.raises(PresetError, match=r"window_frames .* is not a whole number"):
        Preset("odd", "", window_frames=window_frames)


def test_numbers_of_numpy_and_lists_are_settings_too():
    preset = Preset("odd", "", denoise_steps=list(np.array([1000, 250])), window_frames=np.int8(8))
    assert preset == Preset("odd", "", denoise_steps=(1000, 250), window_frames=8)
