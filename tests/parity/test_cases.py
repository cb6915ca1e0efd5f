"""The golden folder has something to hold the model to, and what it lacks is told."""

import shutil

import pytest

from tests.parity import cases
from tests.parity.cases import OWN, require_cases, require_part


def copied(folder, *names):
    for name in names:
        shutil.copy(OWN / name, folder / name)
    return folder


def test_the_golden_folder_holds_cases():
    require_cases()


def test_a_folder_that_is_not_there_or_empty_fails(tmp_path):
    with pytest.raises(pytest.fail.Exception, match="nowhere is not there: LONGLIVE_GOLDEN names"):
        require_cases(tmp_path / "nowhere")
    with pytest.raises(pytest.fail.Exception, match="holds no case: LONGLIVE_GOLDEN names"):
        require_cases(copied(tmp_path, "dit.json"))


def test_a_folder_with_a_network_and_no_rollout_fails(tmp_path):
    folder = copied(tmp_path, "dit.json", "dit_passes.safetensors", "vae_io.safetensors")
    with pytest.raises(pytest.fail.Exception, match=r"has no rollout_\*.safetensors"):
        require_cases(folder)


def test_a_folder_of_rollouts_alone_or_of_another_part_alone_is_enough(tmp_path):
    for name, files in {
        "rollouts": ("dit.json", "rollout_plain.safetensors"),
        "decoder": ("tiny_decoder.json", "tiny_decoder_io.safetensors"),
    }.items():
        (tmp_path / name).mkdir()
        require_cases(copied(tmp_path / name, *files))


def test_a_part_that_a_foreign_folder_lacks_is_skipped_by_its_name(tmp_path):
    with pytest.raises(pytest.skip.Exception, match=r"holds no vae.json and no vae_io.safetensors"):
        require_part("vae.json", "vae_io.safetensors", folder=tmp_path)


def test_a_part_that_is_not_whole_fails_anywhere(tmp_path):
    with pytest.raises(pytest.fail.Exception, match=r"lacks vae_io.safetensors"):
        require_part("vae.json", "vae_io.safetensors", folder=copied(tmp_path, "vae.json"))


def test_no_part_of_our_own_folder_is_ever_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(cases, "OWN", tmp_path)
    with pytest.raises(pytest.fail.Exception, match=r"lacks vae.json and vae_io.safetensors"):
        require_part("vae.json", "vae_io.safetensors", folder=tmp_path)
