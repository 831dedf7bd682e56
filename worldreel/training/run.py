"""A run's folder: checkpoints that are whole or absent, the log, and the loss curve.

```
RUN/config.json  RUN/log.jsonl  RUN/loss.png  RUN/previews/  RUN/checkpoints/step-00001000/  RUN/model/
```
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from worldreel.checkpoints import load_tensors, save_tensors
from worldreel.errors import UserError
from worldreel.files import whole_file, whole_folder


class RunFolder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.previews = path / "previews"
        self.model = path / "model"
        self.log_path = path / "log.jsonl"

    def create(self) -> None:
        with self.writing():
            for folder in (self.path, self.checkpoints, self.previews):
                folder.mkdir(parents=True, exist_ok=True)

    def latest(self) -> Path | None:
        """The newest whole checkpoint. Half-written ones have hidden names, and are never looked at."""
        return max(self.checkpoints.glob("step-*"), default=None)

    def save(self, step: int, parts: Mapping[str, Mapping[str, Tensor]], keep: int = 2) -> Path:
        """Writes a checkpoint of several tensor files in one step, then drops all but the newest `keep`."""
        path = self.checkpoints / f"step-{step:08d}"
        if not path.exists():
            with self.writing(), whole_folder(path) as folder:
                for name, tensors in parts.items():
                    if tensors:  # the format cannot hold none
                        save_tensors(folder / f"{name}.safetensors", tensors)
        for old in sorted(self.checkpoints.glob("step-*"))[:-keep]:
            shutil.rmtree(old)
        return path

    def load(self, checkpoint: Path) -> tuple[int, dict[str, dict[str, Tensor]]]:
        """The step and the parts of a checkpoint."""
        parts = {path.stem: load_tensors(path) for path in checkpoint.glob("*.safetensors")}
        return int(checkpoint.name.removeprefix("step-")), parts

    def log(self, row: Mapping[str, object]) -> None:
        with self.writing(), self.log_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[dict[str, float]]:
        """The log; a last line cut short by a kill is left out."""
        rows = []
        for line in self.log_path.read_text(encoding="utf-8").splitlines() if self.log_path.exists() else []:
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def forget_after(self, step: int) -> None:
        """Drops log rows from steps that will be repeated after a resume."""
        rows = [row for row in self.rows() if row["step"] <= step]
        with self.writing(), whole_file(self.log_path) as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turns what the disk says into a UserError."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise UserError(
                f"--out {self.path} cannot be written ({reason}); free some space or choose another folder"
            ) from error

    def claim(self, resume: bool) -> None:
        """Refuses to start over an older run; clears away what a kill left half-written. Raises UserError."""
        if resume and self.latest() is None:
            raise UserError(f"--resume: {self.path} holds no checkpoint; start it without --resume")
        if not resume and self.latest() is not None:
            raise UserError(f"--out {self.path} holds a run already; add --resume to go on with it, or name another folder")
        for half_written in self.checkpoints.glob(".step-*"):
            shutil.rmtree(half_written)
