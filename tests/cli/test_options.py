import pytest

from worldreel.cli.options import _line, parse
from worldreel.cli.train import Train
from worldreel.errors import UserError

DRAWN = """\
\x1b[31m╭─ Value error ────────────────────────────╮\x1b[0m
│ Error parsing --seconds: no type matching │
│ FLOAT could be instantiated from ['abc']. │
│                                           │
│ Got errors:                               │
│ - <class 'float'>: could not convert      │
│ ───────────────────────────────────────── │
│ For full helptext, see x --help           │
╰───────────────────────────────────────────╯
"""
PLAIN = """\
 Unrecognized options
 ---------------------------------
  Unrecognized options: --sise, 8x8
  --------------------------------
  Perhaps you meant:
      --size WIDTHxHEIGHT
"""


def test_a_box_becomes_a_line():
    """Drawn with lines on a UTF-8 terminal, with dashes elsewhere."""
    assert _line(DRAWN) == "--seconds: 'abc' is not a number"
    assert _line(PLAIN) == "Unrecognized options: --sise, 8x8; perhaps you meant --size"


def test_settings_may_be_given_again():
    options = parse("train", Train, ["tiny", "--set", "a=1", "--resume", "--set", "b=-2"])
    assert options == Train(recipe="tiny", settings=["a=1", "b=-2"], resume=True)


@pytest.mark.parametrize("words", [["tiny", "--set"], ["tiny", "more"], ["tiny", "--resume=perhaps"], []])
def test_mistakes(words):
    with pytest.raises(UserError, match="see `worldreel train --help`") as refusal:
        parse("train", Train, words)
    assert "\n" not in str(refusal.value)
