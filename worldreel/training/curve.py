"""The loss curve as a picture: raw in pale, smoothed in dark, both axes logarithmic where that helps."""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from worldreel.files import whole_file

WIDTH, HEIGHT, MARGIN = 900, 420, 60


def draw_curve(rows: Sequence[dict[str, float]], path: Path, key: str = "loss") -> None:
    """Draws `key` over steps, on a logarithmic scale if all of it is positive. Does nothing with fewer than two values."""
    points = [(row["step"], row[key]) for row in rows if key in row]
    if len(points) < 2:
        return
    logarithmic = all(value > 0 for _, value in points)
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    heights = [math.log10(value) if logarithmic else value for _, value in points]
    low, high = min(heights), max(max(heights), min(heights) + 1e-3)
    last = points[-1][0]

    def place(step: float, height: float) -> tuple[float, float]:
        return (
            MARGIN + (WIDTH - 2 * MARGIN) * step / last,
            HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (height - low) / (high - low),
        )

    for quarter in range(5):
        height, step = low + (high - low) * quarter / 4, last * quarter / 4
        draw.line([place(0, height), place(last, height)], fill="#e5e5e5")
        draw.text((6, place(0, height)[1] - 6), f"{10**height if logarithmic else height:.4g}", fill="#555555")
        draw.text((place(step, low)[0] - 12, HEIGHT - MARGIN + 8), f"{step:.0f}", fill="#555555")
    draw.text((WIDTH / 2 - 40, HEIGHT - 22), f"{key} by step", fill="#222222")
    draw.line([place(step, height) for (step, _), height in zip(points, heights, strict=True)], fill="#b9cdea")
    smooth, smoothed = heights[0], []
    for height in heights:
        smooth += 0.05 * (height - smooth)
        smoothed.append(smooth)
    draw.line([place(step, height) for (step, _), height in zip(points, smoothed, strict=True)], fill="#1f4e9c", width=2)
    with whole_file(path) as temporary:
        image.save(temporary)
