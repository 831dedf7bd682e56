"""The loss curve as a picture: raw in pale, smoothed in dark, both axes logarithmic where that helps."""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from worldreel.files import whole_file

WIDTH, HEIGHT, MARGIN = 900, 420, 60


def draw_curve(rows: Sequence[dict[str, float]], path: Path, key: str = "loss") -> None:
    """Draws `key` over steps, on a logarithmic scale. Does nothing with fewer than two positive values."""
    points = [(row["step"], row[key]) for row in rows if row.get(key, 0) > 0]
    if len(points) < 2:
        return
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    logs = [math.log10(value) for _, value in points]
    low, high = min(logs), max(max(logs), min(logs) + 1e-3)
    last = points[-1][0]

    def place(step: float, log: float) -> tuple[float, float]:
        return (
            MARGIN + (WIDTH - 2 * MARGIN) * step / last,
            HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (log - low) / (high - low),
        )

    for quarter in range(5):
        log, step = low + (high - low) * quarter / 4, last * quarter / 4
        draw.line([place(0, log), place(last, log)], fill="#e5e5e5")
        draw.text((6, place(0, log)[1] - 6), f"{10**log:.4g}", fill="#555555")
        draw.text((place(step, low)[0] - 12, HEIGHT - MARGIN + 8), f"{step:.0f}", fill="#555555")
    draw.text((WIDTH / 2 - 40, HEIGHT - 22), f"{key} by step", fill="#222222")
    draw.line([place(step, log) for (step, _), log in zip(points, logs, strict=True)], fill="#b9cdea")
    smooth, smoothed = logs[0], []
    for log in logs:
        smooth += 0.05 * (log - smooth)
        smoothed.append(smooth)
    draw.line([place(step, log) for (step, _), log in zip(points, smoothed, strict=True)], fill="#1f4e9c", width=2)
    with whole_file(path) as temporary:
        image.save(temporary)
