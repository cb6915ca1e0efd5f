"""One block from noise to clean latents, and what it leaves in memory.

Axes: B batch, F latent frames, C channels, H rows, W columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from longlive_widget.cache.text import TextMemory
from longlive_widget.cache.window import Turning, Window
from longlive_widget.engine.noise_schedule import Level
from longlive_widget.engine.watch import Timed, untimed
from longlive_widget.model.transformer import Transformer


@dataclass(eq=False)
class Denoiser:
    """A network and the window that it reads and writes.

    While it is not `replaying`, nothing is replayed that has been recorded, but done anew.
    """

    network: Transformer
    window: Window
    replaying: bool = field(default=True, init=False)

    def flow(self, x_BFCHW: Tensor, timestep: float, text: TextMemory) -> Tensor:
        """One pass over the open block at one timestep: the predicted flow."""
        return self.network(x_BFCHW, _told(x_BFCHW, timestep), text, self.window)

    def denoise(
        self,
        noise_BFCHW: Tensor,
        renoise: Callable[[int], Tensor],
        text: TextMemory,
        levels: Sequence[Level],
        timed: Timed = untimed,
    ) -> Tensor:
        """The clean latents of the block that is open in the window.

        Args:
            noise_BFCHW: where denoising begins; of any type, on any device.
            renoise: fresh noise of the same shape for the way from step i to step i + 1.
            text: the prompt.
            levels: one noise level a step, from high to low.
            timed: what surrounds each step.
        """
        x = self._placed(noise_BFCHW)
        for step, level in enumerate(levels):
            with timed(step + 1):
                x0 = level.clean(x, self.flow(x, level.timestep, text))
                if step + 1 < len(levels):
                    x = levels[step + 1].noisy(x0, self._placed(renoise(step)))
        return x0

    def write_context(self, latent_BFCHW: Tensor, text: TextMemory) -> None:
        """The context pass: overwrite the open block's place with clean keys and values."""
        self.network.remember(latent_BFCHW, _told(latent_BFCHW, 0.0), text, self.window)

    def recache(
        self,
        latest_BFCHW: Tensor,
        next_frame: int,
        text: TextMemory,
        *,
        next_frames: int = 0,
        global_sink: bool = True,
        whole_window: bool = False,
    ) -> None:
        """Recompute memory for a new prompt, from the clean latents before `next_frame`.

        With a global sink and more frames than the window holds, the sink stays as it is and only
        the others are computed; else all are, and the oldest of them become the sink. They see
        each other both ways. Where the block to come leaves none of these in memory, as in a window
        of a sink and one block, nothing is computed.

        Args:
            latest_BFCHW: the last clean latents, as many as the window holds or all there are.
            next_frame: the first latent frame of the block to come.
            text: the new prompt.
            next_frames: how many latent frames the block to come has.
            global_sink: keep the sink over prompt switches, as interactive use does.
            whole_window: pass all frames that the window holds, as LongLive's own code does: those
                too that leave nothing which anybody sees.
        """
        window = self.window
        keep_sink = global_sink and next_frame > window.window_frames
        frames = min(window.window_frames, next_frame)
        spare = window.sink_frames if keep_sink else 0
        frames -= spare
        window.clear(keep_sink=keep_sink)
        if frames > (next_frames if keep_sink and not whole_window else 0):
            window.open_block(next_frame - frames, frames)
            if whole_window and spare:
                latent_BFCHW = latest_BFCHW[:, -frames - spare :]
                told_BF = _told(latent_BFCHW, 0.0)
                self.network.remember(latent_BFCHW, told_BF, text, _WithSpares(window, spare))
            else:
                self.write_context(latest_BFCHW[:, -frames:], text)

    def forget(self) -> None:
        """The network's weights have changed: nothing is kept here that was made with them."""

    def _placed(self, noise_BFCHW: Tensor) -> Tensor:
        weight = self.network.patch_embedding.weight
        return noise_BFCHW.to(weight.device, weight.dtype)


def _told(latent_BFCHW: Tensor, timestep: float) -> Tensor:
    """The timestep of each latent frame."""
    return torch.full(latent_BFCHW.shape[:2], timestep, device=latent_BFCHW.device)


class _WithSpares:
    """A window as a pass sees it whose first frames are too many: it looks, and keeps nothing."""

    def __init__(self, window: Window, spare_frames: int) -> None:
        self.relative = window.relative
        self.key_positions = window.key_positions
        own = window.query_positions
        self.query_positions = own[:1] * spare_frames + own
        self._window, self._spare_frames = window, spare_frames

    def append(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """Write all but the spare frames; return what the window shows."""
        return self._window.append(layer, *self._kept(k_BTHD, v_BTHD))

    def append_turned(
        self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor, turning: Turning
    ) -> tuple[Tensor, Tensor]:
        """As `append`, with the keys turned."""
        return self._window.append_turned(layer, *self._kept(k_BTHD, v_BTHD), turning)

    def write(self, layer: int, k_BTHD: Tensor, v_BTHD: Tensor) -> None:
        """Write all but the spare frames."""
        self._window.write(layer, *self._kept(k_BTHD, v_BTHD))

    def _kept(self, *block_BTHD: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values without those of the spare frames."""
        spare = block_BTHD[0].shape[1] // len(self.query_positions) * self._spare_frames
        k_BTHD, v_BTHD = (x[:, spare:] for x in block_BTHD)
        return k_BTHD, v_BTHD
