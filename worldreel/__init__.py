"""Worldreel: make videos from words, with models that one person can train, prompt, serve and measure.

```python
import worldreel

model = worldreel.load("tiny")
model.generate("a dog walks left on a blue background", seed=7).save("out.mp4")
```
"""

import os
from typing import TYPE_CHECKING

# A thread that waits for another one soon sleeps. OpenMP's default, to spin, costs a time slice at each kernel while another
# program takes a core: 15 to 140 seconds instead of 5 (`benchmarks/neighbour.py`). Read once, as torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")

if TYPE_CHECKING:
    from worldreel.api import load
    from worldreel.media import read

    __version__: str

__all__ = ["__version__", "load", "read"]


def __getattr__(name: str) -> object:
    # Lazily: `import worldreel` takes milliseconds, torch takes a second or more.
    if name == "load":
        from worldreel.api import load

        return load
    if name == "read":
        from worldreel.media import read

        return read
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("worldreel")
        except PackageNotFoundError:
            return "unknown"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
