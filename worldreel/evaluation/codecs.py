"""A model's autoencoder as a function of video, or of frames."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from worldreel.devices import autocast, compute_dtype
from worldreel.evaluation import reconstruction
from worldreel.models import Bundle
from worldreel.worlds.render import to_frames


def video_codec(model: Bundle) -> Callable[[Tensor], Tensor]:
    """Video [B, 3, T, H, W] in [-1, 1] to its reconstruction."""

    def through(video: Tensor) -> Tensor:
        with torch.inference_mode(), autocast(model.device, compute_dtype(model.device)):
            return model.autoencoder.decode(model.autoencoder.encode(video.to(model.device))).float().cpu()

    return through


def frame_codec(model: Bundle) -> Callable[[np.ndarray], np.ndarray]:
    """Frames [T, H, W, 3] uint8 to what the autoencoder gives back."""
    through = video_codec(model)
    return lambda frames: to_frames(reconstruction.through(through, reconstruction.as_video(frames))[0])
