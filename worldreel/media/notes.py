"""Metadata as one line of JSON, which every format can hold in its comment field, whatever the keys and letters."""

import json
import re
from collections.abc import Mapping
from fractions import Fraction

_RATE = "worldreel.fps"  # GIF and WebP round times; this key tells the rate that was meant, and is ours alone


def pack(metadata: Mapping[str, str], fps: Fraction | None = None) -> str:
    """Plain ASCII, keys in order, so that the same metadata gives the same bytes."""
    rate = {} if fps is None else {_RATE: str(fps)}
    return json.dumps({**metadata, **rate}, sort_keys=True)


def unpack_with_rate(text: object) -> tuple[dict[str, str], Fraction | None]:
    """What `pack` was given; nothing if the text is a stranger's."""
    found = unpack(text) or {}
    rate = re.fullmatch(r"([1-9]\d{0,8})(?:/([1-9]\d{0,8}))?", found.pop(_RATE, ""), re.ASCII)  # Fraction takes "1e999999999"
    return found, Fraction(int(rate[1]), int(rate[2] or 1)) if rate else None


def unpack(text: object) -> dict[str, str] | None:
    """What `pack` was given, or None if the text is a stranger's."""
    if not isinstance(text, str) or not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    ours = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if ours else None
