"""A preset is complete, possible and found by its name."""

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


@pytest.mark.parametrize(
    "denoise_steps", [(), (1001, 500), (500, 750), (500, 500), (1000, 0), (1000, -5)]
)
def test_denoise_steps_go_down_within_the_training_schedule(denoise_steps):
    with pytest.raises(PresetError, match="must go down from at most 1000 to at least 1"):
        Preset("odd", "", denoise_steps=denoise_steps)


def test_a_window_keeps_at_least_one_latent_frame():
    with pytest.raises(PresetError, match="window_frames 0 keeps nothing: the reference keeps 12"):
        Preset("odd", "", window_frames=0)
