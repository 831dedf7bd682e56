"""`worldreel models check`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import tyro

from worldreel.cli.options import Device, Json
from worldreel.cli.terminal import Terminal


@dataclass(frozen=True, kw_only=True)
class Check:
    """Compares a published checkpoint with diffusers on this machine: two steps from the same noise and prompt, at a small size.

    Says the relative error after each, and whether rounding explains it: up to 0.01 in bf16, 0.0001 in fp32."""

    name: Annotated[
        str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME", help="A folder with a repository, or OWNER/NAME on the hub.")
    ]
    size: Annotated[str, tyro.conf.arg(metavar="WIDTHxHEIGHT", help="Size in pixels.")] = "256x256"
    frames: Annotated[int, tyro.conf.arg(metavar="N", help="Frames, 4k + 1 of them.")] = 9
    device: Device = None
    json: Json = False

    def run(self, terminal: Terminal) -> Mapping[str, object]:
        from worldreel.devices import describe, pick_device
        from worldreel.evaluation.parity import compare
        from worldreel.shapes import parse_size

        device = pick_device(self.device)
        found = compare(self.name, device, *parse_size(self.size), self.frames)
        for number, error in enumerate(found.errors, 1):
            terminal.say(f"step {number}: relative error {error:.1e}")
        verdict = "ok" if found.ok else "not ok"
        terminal.say(f"{verdict}: {self.name} in {found.dtype} on {describe(device)}, {found.goal:g} allowed")
        return {
            "model": self.name,
            "size": self.size,
            "frames": self.frames,
            "device": describe(device),
            "dtype": found.dtype,
            "errors": list(found.errors),
            "goal": found.goal,
            "ok": found.ok,
        }
