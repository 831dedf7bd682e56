"""What Wan 2.1 sees of an image beside its latents: the tokens of CLIP's image encoder (Radford et al. 2021), one layer early."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from worldreel.checkpoints import load_shards
from worldreel.errors import UserError
from worldreel.models.wan.needs import build, needed
from worldreel.models.wan.repository import Repository

FILE = "preprocessor_config.json"


class Viewer:
    """In memory only while it looks. Raises UserError for an encoder that is damaged or another model's."""

    def __init__(self, repository: Repository, device: torch.device, dtype: torch.dtype) -> None:
        self.repository, self.device, self.dtype = repository, device, dtype
        self.files = repository.weights("image_encoder")
        self.lens = Lens.of(repository.config("image_processor", FILE), repository.path("image_processor", FILE))

    @torch.inference_mode()
    def look(self, picture: NDArray[np.uint8]) -> Tensor:
        """Tokens [L, image width] fp32 of a picture [H, W, 3]."""
        pixels = self.lens.prepared(picture).to(self.device, self.dtype)
        states = self._encoder()(pixel_values=pixels[None], output_hidden_states=True).hidden_states[-2]
        found: Tensor = states[0].float()
        return found

    def _encoder(self) -> nn.Module:
        transformers, config = needed("transformers"), self.repository.config("image_encoder")
        path = self.repository.path("image_encoder", "config.json")
        encoder = build(path, lambda: transformers.CLIPVisionModel(transformers.CLIPVisionConfig.from_dict(config)))
        names = set(encoder.state_dict())

        def renamed(tensors: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
            """Versions of the library differ in a prefix; older ones stored the numbers of places too, and some a projection
            that nobody looks through."""
            unused = ("position_ids", "visual_projection.weight")
            kept = {name: tensor for name, tensor in tensors.items() if not name.endswith(unused)}
            plain = {name: name.removeprefix("vision_model.") for name in kept}
            return {plain[name] if plain[name] in names else f"vision_model.{plain[name]}": kept[name] for name in kept}

        load_shards(encoder, self.files, renamed, lambda name, tensor: tensor.to(self.dtype), self.device)
        return encoder.to(self.device).eval().requires_grad_(False)


class Lens(NamedTuple):
    """How a picture is made ready, as a repository's `preprocessor_config.json` says."""

    side: int
    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: int

    @classmethod
    def of(cls, settings: Mapping[str, Any], path: Path) -> "Lens":
        """Raises UserError for settings of another kind."""
        try:
            mean, std = (tuple(float(value) for value in settings[name]) for name in ("image_mean", "image_std"))
            side, crop = int(settings["size"]["shortest_edge"]), settings["crop_size"]
            return cls(side, int(crop["height"]), int(crop["width"]), mean, std, int(settings.get("resample", 3)))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is not of CLIP ({error!r}); fetch the repository again") from error

    def prepared(self, picture: NDArray[np.uint8]) -> Tensor:
        """[H, W, 3] to [3, H, W]: the shorter side scaled, the middle cut out, the values normalised."""
        height, width = picture.shape[:2]
        short = min(height, width)
        scaled = (width * self.side // short, height * self.side // short)
        resized = np.array(Image.fromarray(picture).resize(scaled, Image.Resampling(self.resample)))
        top, left = (resized.shape[0] - self.height) // 2, (resized.shape[1] - self.width) // 2
        middle = resized[top : top + self.height, left : left + self.width]
        values = torch.from_numpy(middle).float() / 255
        return ((values - torch.tensor(self.mean)) / torch.tensor(self.std)).permute(2, 0, 1)
