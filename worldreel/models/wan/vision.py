"""What Wan 2.1 sees of an image beside its latents: the tokens of CLIP's image encoder (Radford et al. 2021), one layer early."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from worldreel.checkpoints import load_shards
from worldreel.models.wan.needs import needed
from worldreel.models.wan.repository import Repository


class Viewer:
    """In memory only while it looks. Raises UserError for an encoder that is damaged or another model's."""

    def __init__(self, repository: Repository, device: torch.device, dtype: torch.dtype) -> None:
        self.repository, self.device, self.dtype = repository, device, dtype
        self.files = repository.weights("image_encoder")
        self.settings = repository.config("image_processor", "preprocessor_config.json")

    @torch.inference_mode()
    def look(self, picture: NDArray[np.uint8]) -> Tensor:
        """Tokens [L, image width] fp32 of a picture [H, W, 3]."""
        pixels = prepared(picture, self.settings).to(self.device, self.dtype)
        states = self._encoder()(pixel_values=pixels[None], output_hidden_states=True).hidden_states[-2]
        found: Tensor = states[0].float()
        return found

    def _encoder(self) -> nn.Module:
        transformers, config = needed("transformers"), self.repository.config("image_encoder")
        encoder: nn.Module = transformers.CLIPVisionModel(transformers.CLIPVisionConfig.from_dict(config))
        names = set(encoder.state_dict())

        def renamed(tensors: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
            """Versions of the library differ in a prefix, and older ones stored the numbers of places too."""
            kept = {name: tensor for name, tensor in tensors.items() if not name.endswith("position_ids")}
            plain = {name: name.removeprefix("vision_model.") for name in kept}
            return {plain[name] if plain[name] in names else f"vision_model.{plain[name]}": kept[name] for name in kept}

        load_shards(encoder, self.files, renamed, lambda name, tensor: tensor.to(self.dtype), self.device)
        return encoder.to(self.device).eval().requires_grad_(False)


def prepared(picture: NDArray[np.uint8], settings: Mapping[str, Any]) -> Tensor:
    """[3, H, W]: the shorter side scaled, the middle cut out, the values normalised, as `preprocessor_config.json` says."""
    side, crop = int(settings["size"]["shortest_edge"]), settings["crop_size"]
    height, width = picture.shape[:2]
    short = min(height, width)
    scaled = (int(width * side / short), int(height * side / short))
    resized = np.asarray(Image.fromarray(picture).resize(scaled, Image.Resampling(settings.get("resample", 3))))
    top, left = ((have - want) // 2 for have, want in zip(resized.shape, (crop["height"], crop["width"]), strict=False))
    middle = resized[top : top + crop["height"], left : left + crop["width"]]
    values = torch.from_numpy(np.ascontiguousarray(middle)).float() / 255
    mean, std = (torch.tensor(settings[name]) for name in ("image_mean", "image_std"))
    return ((values - mean) / std).permute(2, 0, 1)
