import numpy as np
import pytest
import torch

from longlive_widget.model.video_decoder import Posterior
from longlive_widget.tiny.scenes import Sketch
from longlive_widget.tiny.train_autoencoder import (
    LONG_PICTURES,
    SHORT_PICTURES,
    divergence,
    picture_loss,
    psnr_db,
    training_clips,
)


def test_the_clips_of_a_step_depend_on_the_seed_and_its_number_alone():
    clips, again = (training_clips(seed=1, batch=2, step=7) for _ in range(2))
    assert clips.grounds_BF.shape == (2, SHORT_PICTURES)
    assert _same(clips, again)
    assert not _same(clips, training_clips(seed=1, batch=2, step=9))
    assert not _same(clips, training_clips(seed=2, batch=2, step=7))


def test_every_fourth_step_sees_long_clips_of_about_as_many_pictures():
    assert training_clips(seed=1, batch=8, step=8).grounds_BF.shape == (2, LONG_PICTURES)
    assert abs(2 * LONG_PICTURES - 8 * SHORT_PICTURES) < SHORT_PICTURES
    assert training_clips(seed=1, batch=1, step=8).grounds_BF.shape == (1, LONG_PICTURES)


def _same(one: Sketch, other: Sketch) -> bool:
    things = np.array_equal(one.things_BFTK, other.things_BFTK)
    return things and np.array_equal(one.grounds_BF, other.grounds_BF)


def test_an_error_on_a_thing_costs_more_than_one_on_the_ground():
    pictures, cover = torch.zeros(1, 1, 3, 32, 32), torch.zeros(1, 1, 1, 32, 32)
    cover[..., :8, :8] = 1
    on_thing, on_ground = pictures.clone(), pictures.clone()
    on_thing[..., 2, 2] = on_ground[..., 28, 28] = 0.5
    assert picture_loss(pictures, pictures, cover) == 0
    assert picture_loss(on_thing, pictures, cover) > 2 * picture_loss(on_ground, pictures, cover)


def test_divergence_agrees_with_torch():
    mean, log_variance = torch.randn(2, 3, 4, 5, 6, 7)
    theirs = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_variance).exp()),
        torch.distributions.Normal(0.0, 1.0),
    )
    assert divergence(Posterior(mean, log_variance)).item() == pytest.approx(
        theirs.mean().item(), rel=1e-5
    )


def test_psnr_counts_from_the_whole_range_of_pictures():
    assert psnr_db(torch.tensor(4.0)) == 0
    assert psnr_db(torch.tensor(0.04)) == pytest.approx(20)
