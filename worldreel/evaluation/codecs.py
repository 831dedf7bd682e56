"""A model's autoencoder as a function of video, or of frames."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from worldreel.devices import autocast, compute_dtype
from worldreel.evaluation import reconstruction
from worldreel.models import Bundle
from worldreel.worlds.render import to_frames


def video_codec(model: Bundle, refine: int = 0) -> Callable[[Tensor], Tensor]:
    """Video [B, 3, T, H, W] in [-1, 1] to its reconstruction; `refine`: of latents refined by so many steps, one video at a
    time."""

    def refined(video: Tensor) -> Tensor:
        stream = model.encode_latents([video.to(model.device)], video.shape[-2], video.shape[-1], refine)
        return torch.cat(list(model.decode_latents(torch.cat(list(stream), dim=2))), dim=2).cpu()

    def through(video: Tensor) -> Tensor:
        if refine:
            return torch.cat([refined(one) for one in video.split(1)])
        with torch.inference_mode(), autocast(model.device, compute_dtype(model.device)):
            return model.autoencoder.decode(model.autoencoder.encode(video.to(model.device))).float().cpu()

    return through


def frame_codec(model: Bundle) -> Callable[[np.ndarray], np.ndarray]:
    """Frames [T, H, W, 3] uint8 to what the autoencoder gives back."""
    through = video_codec(model)
    return lambda frames: to_frames(reconstruction.through(through, reconstruction.as_video(frames))[0])
