"""What the sprites world can show: the taught subjects, the directions, the places and the background colours.

The list was fixed before any training. The art is Microsoft's animated Fluent emoji (see THIRD_PARTY.md).
"""

import hashlib
from typing import NamedTuple


def article(words: str) -> str:
    """How it sounds decides: an owl, a unicorn, an hourglass."""
    return "an" if words.startswith(("a", "e", "i", "o", "un", "up", "hour")) and not words.startswith("uni") else "a"


class Subject(NamedTuple):
    """A sprite with a name. `faces_left` sprites are mirrored when they move to the right."""

    name: str
    codepoint: str
    verb: str
    faces_left: bool = False

    @property
    def phrase(self) -> str:
        return f"{article(self.name)} {self.name}"


SUBJECTS: tuple[Subject, ...] = (
    Subject("dog", "1f415", "walks", True),
    Subject("cat", "1f408", "walks", True),
    Subject("cow", "1f404", "walks", True),
    Subject("elephant", "1f418", "walks", True),
    Subject("penguin", "1f427", "walks", True),
    Subject("octopus", "1f419", "swims"),
    Subject("bee", "1f41d", "flies", True),
    Subject("ladybug", "1f41e", "crawls"),
    Subject("turtle", "1f422", "crawls", True),
    Subject("chick", "1f424", "walks", True),
    Subject("frog", "1f438", "hops"),
    Subject("pig", "1f437", "runs"),
    Subject("panda", "1f43c", "runs"),
    Subject("whale", "1f433", "swims", True),
    Subject("ghost", "1f47b", "floats"),
    Subject("alien", "1f47d", "floats"),
    Subject("rocket", "1f680", "flies"),
    Subject("car", "1f697", "drives", True),
    Subject("robot", "1f916", "rolls"),
    Subject("pumpkin", "1f383", "rolls"),
    Subject("unicorn", "1f984", "gallops", True),
    Subject("dinosaur", "1f996", "runs", True),
    Subject("owl", "1f989", "flies"),
    Subject("snowman", "26c4", "slides"),
)
BY_NAME = {subject.name: subject for subject in SUBJECTS}

DIRECTIONS: dict[str, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
POSITIONS: dict[str, float] = {"left": 0.27, "middle": 0.5, "right": 0.73}
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (205, 40, 45),
    "orange": (240, 140, 40),
    "yellow": (246, 218, 70),
    "green": (60, 160, 75),
    "teal": (30, 172, 172),
    "blue": (50, 90, 210),
    "purple": (122, 58, 172),
    "pink": (246, 156, 196),
    "brown": (116, 76, 44),
    "gray": (130, 130, 130),
    "white": (245, 245, 245),
    "black": (20, 20, 22),
}


def withheld(subject: str, attribute: str) -> bool:
    """Whether this subject x direction or subject x background pair is never shown in training (about one in six)."""
    digest = hashlib.sha256(f"{subject}|{attribute}".encode()).digest()
    return digest[0] % 6 == 0
