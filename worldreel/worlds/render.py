"""Draws scenes: every frame of every scene of one shape in one batch, on any device torch has."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldreel.worlds.backdrops import draw
from worldreel.worlds.scenes import Actor, Background, Scene
from worldreel.worlds.sprites import SHARPNESS, Sprite
from worldreel.worlds.styles import styled


def render(scenes: Sequence[Scene], sprites: Mapping[str, Sprite], device: str | torch.device = "cpu") -> tuple[Tensor, Tensor]:
    """Draws scenes that share size and length.

    Returns the video [B, 3, T, H, W] in [-1, 1] and how much of each pixel the actors cover, [B, 1, T, H, W] in [0, 1].
    """
    canvas = scenes[0].canvas
    shape = (len(scenes), canvas.frames, canvas.height, canvas.width)
    backgrounds = torch.stack([_backdrop(scene.background, canvas.height, canvas.width) for scene in scenes]).to(device)
    picture = backgrounds[:, None].expand(shape[0], shape[1], 3, shape[2], shape[3])
    cover = torch.zeros(shape[0], shape[1], 1, shape[2], shape[3], device=device)
    for layer in range(max(len(scene.actors) for scene in scenes)):
        drawn = [number for number, scene in enumerate(scenes) if layer < len(scene.actors)]
        layers = [_layer(scenes[number], scenes[number].actors[layer], sprites) for number in drawn]
        texture = torch.cat([texture for texture, _ in layers]).to(device)
        theta = torch.cat([theta for _, theta in layers]).to(device)
        grid = F.affine_grid(theta, [len(theta), 4, canvas.height, canvas.width], align_corners=False)
        rgba = F.grid_sample(texture.float() / 255, grid, align_corners=False).unflatten(0, (len(drawn), canvas.frames))
        colour, alpha = rgba[:, :, :3], rgba[:, :, 3:]
        if len(drawn) < len(scenes):
            everywhere = torch.zeros(len(scenes), *rgba.shape[1:], device=device)
            everywhere[drawn] = rgba
            colour, alpha = everywhere[:, :, :3], everywhere[:, :, 3:]
        picture = picture * (1 - alpha) + colour
        cover = cover + alpha - cover * alpha
    video = styled((picture * 2 - 1).transpose(1, 2).contiguous(), [scene.style for scene in scenes])
    return video, cover.transpose(1, 2).contiguous()


def to_frames(video: Tensor) -> np.ndarray:
    """One video tensor [3, T, H, W] in [-1, 1] as media frames [T, H, W, 3] uint8."""
    frames = ((video.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return frames.permute(1, 2, 3, 0).contiguous().cpu().numpy()


def _backdrop(background: Background, height: int, width: int) -> Tensor:
    """[3, H, W] in [0, 1]: a place, one colour, or the fade from top to bottom."""
    if background.picture is not None:
        return torch.from_numpy(draw(background.names[0], height, width, background.picture)).permute(2, 0, 1)
    top, bottom = torch.tensor(background.rgb[0]), torch.tensor(background.rgb[-1])
    along = torch.linspace(0, 1, height)
    rows = (top[:, None] * (1 - along) + bottom[:, None] * along) / 255
    return rows[:, :, None].expand(3, height, width)


def _layer(scene: Scene, actor: Actor, sprites: Mapping[str, Sprite]) -> tuple[Tensor, Tensor]:
    """The sprite's frame [T, 4, side, side] and the affine map from canvas to sprite [T, 2, 3] by frame of the scene."""
    canvas, sprite = scene.canvas, sprites[actor.subject.codepoint]
    sides, centres, angles = scene.sides(actor), scene.centres(actor), scene.angles(actor)
    levels = np.abs(np.array(SHARPNESS)[:, None] - sides / sprite.side).argmin(axis=0)
    shown = sprite.frame_at(canvas.seconds + actor.phase)
    texture = sprite.frames[torch.from_numpy(levels), torch.from_numpy(shown)]
    upright = np.zeros((canvas.frames, 2, 3))
    for axis, extent in enumerate((canvas.width, canvas.height)):
        upright[:, axis, axis] = extent / sides
        upright[:, axis, 2] = -(2 * centres[:, axis] / extent - 1) * extent / sides
    # From the canvas back to the sprite, so the turn is undone: y points down, and clockwise is what is seen.
    cosines, sines = np.cos(angles), np.sin(angles)
    back = np.stack([np.stack([cosines, sines], 1), np.stack([-sines, cosines], 1)], 1)
    theta = (back @ upright).astype(np.float32)
    if actor.mirrored:
        theta[:, 0] *= -1
    return texture, torch.from_numpy(theta)
