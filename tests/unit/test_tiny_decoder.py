import torch

from longlive_widget.model.tiny_decoder import TinyDecoder

WIDTHS = (16, 8, 8, 8)


def test_a_batch_of_videos_decodes_as_each_of_them_alone():
    torch.manual_seed(0)
    decoder, latents = TinyDecoder(WIDTHS), torch.randn(2, 4, 16, 4, 6)
    with torch.inference_mode():
        together = decoder.stream().decode(latents)
        alone = torch.cat([decoder.stream().decode(video) for video in latents.split(1)])
    assert together.shape == (2, 13, 3, 32, 48)
    assert torch.allclose(together, alone, atol=1e-5)


def test_whole_clips_train_every_parameter():
    torch.manual_seed(0)
    decoder = TinyDecoder(WIDTHS)
    pictures, _ = decoder(torch.randn(2, 3, 16, 4, 6))
    pictures.square().mean().backward()
    assert all(parameter.grad is not None for parameter in decoder.parameters())
