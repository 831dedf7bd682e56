"""Layers that see only the past, and remember it between chunks.

Every layer takes `x [B, C, T, H, W]` and a `Memory` (or None). With a memory, a clip fed in chunks gives what
the whole clip gives; without one, the chunk is the whole clip. The shapes and the rules for the first frame are those
of Wan 2.1 and 2.2 (Wan et al. 2025, section 4.1), so that their weights fit.
"""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldreel.autoencoder import winograd


class Memory:
    """The last frames that each layer has seen."""

    def __init__(self) -> None:
        self._past: dict[nn.Module, Tensor] = {}
        self._own: set[nn.Module] = set()
        """Layers whose frames no other memory holds: they are renewed where they lie."""

    def __contains__(self, layer: nn.Module) -> bool:
        return layer in self._past

    def copy(self) -> "Memory":
        """One that goes on from here by itself."""
        other = Memory()
        other._past = dict(self._past)
        self._own.clear()
        return other

    def past(self, layer: nn.Module) -> Tensor | None:
        return self._past.get(layer)

    def join(self, layer: nn.Module, x: Tensor, length: int) -> Tensor:
        """`x` with the `length` frames before it in front (zeros before the first), and remembers the last `length`."""
        past = self._past.get(layer)
        joined = _zeros_before(x, length) if past is None else torch.cat([past, x], dim=2)
        self.keep(layer, joined, length)
        return joined

    def keep(self, layer: nn.Module, x: Tensor, length: int) -> None:
        """The last `length` frames of x, zeros before the first."""
        last = x[:, :, max(0, x.shape[2] - length) :]
        past = self._past.get(layer)
        if past is not None and past.shape == last.shape and layer in self._own and not torch.is_grad_enabled():
            past.copy_(last)  # what stays would else lie between what comes and goes, and memory grow from frame to frame
            return
        # A copy: a view would keep the whole chunk alive.
        self._past[layer] = last.clone() if last.shape[2] >= length else _zeros_before(last, length - last.shape[2])
        self._own.add(layer)


def _zeros_before(x: Tensor, length: int) -> Tensor:
    return F.pad(x, (0, 0, 0, 0, length, 0))


class CausalConv3d(nn.Conv3d):
    """A convolution whose kernel ends at the present frame."""

    def __init__(self, inputs: int, outputs: int, kernel: int | tuple[int, int, int]) -> None:
        sizes = (kernel,) * 3 if isinstance(kernel, int) else kernel
        super().__init__(inputs, outputs, sizes)
        self.past = sizes[0] - 1
        self.border = (sizes[1] // 2, sizes[2] // 2)
        self.activate: Activate = activated

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        if not self.past:
            return self._convolved(x)
        if x.shape[2] > 1 or (memory is not None and self in memory):
            return self._convolved(_zeros_before(x, self.past) if memory is None else memory.join(self, x, self.past))
        if memory is not None:
            memory.keep(self, x, self.past)
        return self._convolved(x)

    def after(self, norm: "PixelNorm", x: Tensor, memory: Memory | None = None) -> Tensor:
        """As `forward`, of SiLU(norm(x)); the past is what came out of both."""
        if not self.past or (torch.is_grad_enabled() and self.activate is activated):  # which writes in place
            out: Tensor = self(F.silu(norm(x)), memory)
            return out
        past = None if memory is None else memory.past(self)
        if past is None and x.shape[2] > 1:
            past = x.new_zeros(x.shape[0], x.shape[1], self.past, *x.shape[3:])
        joined = self.activate(x, norm.gamma, past)
        del x, past  # the one is large, of the other another will be kept
        if memory is not None:
            memory.keep(self, joined, self.past)
        return self._convolved(joined)

    def _convolved(self, x: Tensor) -> Tensor:
        # A first frame alone has no past: only the kernel's last slice meets it.
        weight = self.weight if x.shape[2] > 1 or not self.past else self.weight[:, :, -1:]
        if winograd.suits(x, weight):
            return winograd.convolved(x, weight, self.bias, self.border)
        return F.conv3d(x, weight, self.bias, padding=(0, *self.border))


Activate = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def activated(x: Tensor, gamma: Tensor, past: Tensor | None) -> Tensor:
    """SiLU of the `PixelNorm` of x [B, C, T, H, W], behind frames that have been there before. One pass of memory once compiled;
    as it is, everything is written where it will stay, since on CPUs passes over memory take as long as convolutions."""
    before = 0 if past is None else past.shape[2]
    shape = x.shape[0], x.shape[1], before + x.shape[2], *x.shape[3:]
    joined = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last_3d)
    if past is not None:
        joined[:, :, :before] = past
    present = joined[:, :, before:]
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp(min=1e-12)
    torch.div(x, length, out=present)
    present *= (gamma * len(gamma) ** 0.5).to(x.dtype)[:, None, None, None]
    F.silu(present, inplace=True)
    return joined


@cache
def compiled() -> Activate:
    """`activated` as one kernel, whatever the shape, and with gradients. Wants a C++ compiler (CPU) or Triton (CUDA)."""
    from torch._dynamo import config as dynamo  # a second to import

    dynamo.recompile_limit = max(dynamo.recompile_limit, 64)  # stills, equal sides, no past: each is a case of its own
    return torch.compile(_fused, dynamic=True)


def _fused(x: Tensor, gamma: Tensor, past: Tensor | None) -> Tensor:
    """`activated` as a compiler likes it: without a write into a part."""
    norm = x.float().square().sum(dim=1, keepdim=True).sqrt().clamp(min=1e-12)
    scaled = x.float() / norm * (gamma * len(gamma) ** 0.5)[:, None, None, None]
    out = F.silu(scaled).to(x.dtype)
    return out if past is None else torch.cat([past, out], dim=2)


class PixelNorm(nn.Module):
    """RMS norm over the channels of one pixel: no pixel depends on another, so chunks and bands stay exact."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.movedim(1, -1), self.gamma.shape, self.gamma.to(x.dtype), eps=1e-12).movedim(-1, 1)


class ResidualBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = PixelNorm(inputs), CausalConv3d(inputs, outputs, 3)
        self.norm2, self.conv2 = PixelNorm(outputs), CausalConv3d(outputs, outputs, 3)
        self.shortcut = CausalConv3d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)  # a block begins as nothing but its shortcut

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        hidden = self.conv2.after(self.norm2, self.conv1.after(self.norm1, x, memory), memory)
        if torch.is_grad_enabled():
            out: Tensor = self.shortcut(x) + hidden
            return out
        return hidden.add_(self.shortcut(x))


class FrameAttention(nn.Module):
    """Single-head attention among the pixels of one frame (Wan's middle block)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = PixelNorm(channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        batch, _, frames, height, width = x.shape
        rows = self.norm(x).movedim(1, -1).reshape(batch * frames, 1, height * width, -1)
        q, k, v = self.qkv(rows).chunk(3, dim=-1)
        mixed = self.out(F.scaled_dot_product_attention(q, k, v))
        out: Tensor = x + mixed.reshape(batch, frames, height, width, -1).movedim(-1, 1)
        return out


class Downsample(nn.Module):
    """Halves space and, if asked, time. The first frame keeps a frame of its own."""

    def __init__(self, channels: int, time: int, space: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(channels, channels, 3, stride=2) if space == 2 else None
        self.time = nn.Conv3d(channels, channels, (3, 1, 1), stride=(2, 1, 1)) if time == 2 else None

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        if self.space is not None:
            x = by_frame(self.space, F.pad(x, (0, 1, 0, 1)))
        if self.time is None:
            return x
        if memory is not None and self in memory:
            out: Tensor = self.time(memory.join(self, x, 1))  # one frame of past plus an even number of new ones
            return out
        if memory is not None:
            memory.keep(self, x, 1)
        return x if x.shape[2] == 1 else torch.cat([x[:, :, :1], self.time(x)], dim=2)


class Upsample(nn.Module):
    """Doubles time, if asked, and space (nearest, then a convolution). The first frame stays one frame."""

    def __init__(self, inputs: int, outputs: int, time: int, space: int) -> None:
        super().__init__()
        self.time = CausalConv3d(inputs, 2 * inputs, (3, 1, 1)) if time == 2 else None
        self.scale = space
        self.space = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        if self.time is not None:
            x = self._doubled(self.time, x, memory)
        if self.scale == 2 and not torch.is_grad_enabled():
            return by_frame(self._enlarged, x)
        if self.scale > 1:
            x = by_frame(lambda frames: F.interpolate(frames, scale_factor=float(self.scale), mode="nearest"), x)
        return by_frame(self.space, x)

    def _enlarged(self, frames: Tensor) -> Tensor:
        """Nearest doubling and the convolution at once: of the pixels under a 3x3 kernel on the doubled frame only 2x2 differ, so
        that the four pixels of each old one have a 2x2 kernel each, of sums of taps that meet the same pixel."""
        outputs, (_, _, height, width) = self.space.out_channels, frames.shape
        # [column, row, O, C, 2, 2], which column and row of the four.
        kernels = _met(_met(self.space.weight, 2), 4).flatten(0, 2)
        bias = None if self.space.bias is None else self.space.bias.repeat(4)
        kernels = kernels.contiguous(memory_format=torch.channels_last)
        four = F.conv2d(frames, kernels, bias, padding=1).unflatten(1, (2, 2, outputs))
        size = len(frames), outputs, 2 * height, 2 * width
        grown = torch.empty(size, dtype=four.dtype, device=four.device, memory_format=torch.channels_last)
        for row in range(2):
            for column in range(2):
                part = four[:, column, row, :, row : row + height, column : column + width]
                grown[:, :, row::2, column::2] = part
        return grown

    def _doubled(self, time: CausalConv3d, x: Tensor, memory: Memory | None) -> Tensor:
        if memory is not None and self in memory:
            return _interleave(time(x, memory))
        if memory is not None:
            memory.keep(self, x, 1)
        first, rest = x[:, :, :1], x[:, :, 1:]
        if rest.shape[2] == 0:
            return first
        # The first frame is no part of the past here (zeros are), as in Wan's cache.
        padded = _zeros_before(rest, time.past) if memory is None else memory.join(time, rest, time.past)
        return torch.cat([first, _interleave(F.conv3d(padded, time.weight, time.bias))], dim=2)


class AveragedDown(nn.Module):
    """Parameter-free shortcut past a stage that shrinks: pixels to channels, then means of groups of channels (DC-AE, Chen
    et al. 2024; Wan 2.2). The first frame is paired with zeros."""

    def __init__(self, inputs: int, outputs: int, time: int, space: int) -> None:
        super().__init__()
        self.outputs, self.time, self.space = outputs, time, space
        if inputs * time * space**2 % outputs:
            raise ValueError(f"{inputs} channels at strides {time}, {space} do not group into {outputs}")

    def forward(self, x: Tensor) -> Tensor:
        x = _zeros_before(x, -x.shape[2] % self.time)
        batch, channels, frames, height, width = x.shape
        time, space = self.time, self.space
        cells = x.reshape(batch, channels, frames // time, time, height // space, space, width // space, space)
        cells = cells.permute(0, 1, 3, 5, 7, 2, 4, 6)
        return cells.reshape(batch, self.outputs, -1, frames // time, height // space, width // space).mean(dim=2)


class RepeatedUp(nn.Module):
    """Parameter-free shortcut past a stage that grows: channels repeated, then channels to pixels (DC-AE; Wan 2.2)."""

    def __init__(self, inputs: int, outputs: int, time: int, space: int) -> None:
        super().__init__()
        self.outputs, self.time, self.space = outputs, time, space
        if outputs * time * space**2 % inputs:
            raise ValueError(f"{inputs} channels do not repeat to {outputs} at strides {time}, {space}")
        self.repeats = outputs * time * space**2 // inputs

    def forward(self, x: Tensor, *, starts: bool) -> Tensor:
        """`starts`: whether the clip's first frame is here, which gives one frame and not `time`."""
        batch, _, frames, height, width = x.shape
        time, space = self.time, self.space
        cells = x.repeat_interleave(self.repeats, dim=1).reshape(batch, self.outputs, time, space, space, frames, height, width)
        cells = cells.permute(0, 1, 5, 2, 6, 3, 7, 4)
        grown = cells.reshape(batch, self.outputs, frames * time, height * space, width * space)
        return grown[:, :, time - 1 :] if starts else grown


class Stage(nn.Module):
    """Residual blocks, then a change of resolution, then (where wanted) a parameter-free shortcut past both."""

    def __init__(self, blocks: list[ResidualBlock], resample: Downsample | Upsample | None, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.blocks, self.resample, self.shortcut = nn.ModuleList(blocks), resample, shortcut

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        starts = memory is None or self not in memory
        if memory is not None:
            memory.keep(self, x, 0)
        whole = x
        for block in self.blocks:
            x = block(x, memory)
        if self.resample is not None:
            x = self.resample(x, memory)
        if self.shortcut is not None:
            x = x + (self.shortcut(whole, starts=starts) if isinstance(self.shortcut, RepeatedUp) else self.shortcut(whole))
        return x


def _met(kernel: Tensor, axis: int) -> Tensor:
    """Of three taps along an axis, on pixels that are each there twice: the sums of those that meet the same pixel, for the first
    of a pair and for the second, before all other axes."""
    before, here, after = kernel.unbind(axis)
    return torch.stack([torch.stack([before, here + after], axis), torch.stack([before + here, after], axis)])


def _interleave(x: Tensor) -> Tensor:
    """[B, 2C, T, H, W] -> [B, C, 2T, H, W]: each frame gives two."""
    batch, channels, frames, height, width = x.shape
    pairs = x.reshape(batch, 2, channels // 2, frames, height, width).permute(0, 2, 3, 1, 4, 5)
    return pairs.reshape(batch, channels // 2, 2 * frames, height, width)


def by_frame(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Applies a layer for pictures [B, C, H, W] to every frame."""
    batch, channels, frames, height, width = x.shape
    flat = x.transpose(1, 2).reshape(batch * frames, channels, height, width)
    out: Tensor = layer(flat).unflatten(0, (batch, frames)).transpose(1, 2)
    return out
