"""A small lexicon in the files of WordNet: animals, an idea, and some colours."""

from pathlib import Path

NOUNS = """\
  1 A licence, in lines that begin with two spaces.
00000100 05 n 02 swine 0 hog 0 001 @ 00000200 n 0000 | stout omnivorous animals; "a herd of swine"
00000200 05 n 01 animal 0 001 ~ 00000100 n 0000 | a living being
00000300 09 n 01 swine 0 000 | an idea of somebody
00000900 05 n 01 piglet 0 001 @ 00000910 n 0000 | a young swine
00000910 05 n 02 young_swine 0 young_idea 0 001 @ 00000100 n 0000 | a small one
00000400 09 n 01 idea 0 000 | what is thought
00000500 07 n 01 chromatic_color 0 002 ~ 00000600 n 0000 ~ 00000700 n 0000 | a color that has hue
00000600 07 n 02 red 0 redness 0 002 @ 00000500 n 0000 ~ 00000800 n 0000 | the hue of blood
00000700 07 n 01 blue 0 001 @ 00000500 n 0000 | the hue of the clear sky; "he had eyes of bright blue"
00000800 07 n 02 scarlet 0 vermilion 0 002 @ 00000600 n 0000 + 00000100 a 0101 | a vivid red; "not blue"
"""
NOUN_INDEX = """\
  1 A licence.
animal n 1 1 ~ 1 1 00000200
blue n 1 1 @ 1 1 00000700
idea n 1 0 1 0 00000400
piglet n 1 1 @ 1 0 00000900
red n 1 2 @ ~ 1 1 00000600
scarlet n 1 2 @ + 1 0 00000800
swine n 2 1 @ 2 1 00000100 00000300
"""
ADJECTIVES = """\
00000100 00 s 02 scarlet 0 cherry-red(a) 0 001 & 00000200 a 0000 | of a color like blood
00000200 00 a 01 chromatic 0 002 & 00000100 a 0000 & 00000300 a 0000 | having a hue
00000300 00 s 01 lilac 0 001 & 00000200 a 0000 | of a pale blue, with some red
"""


def write(folder: Path) -> Path:
    inside = folder / "package" / "dict"
    inside.mkdir(parents=True)
    (inside / "data.noun").write_text(NOUNS)
    (inside / "index.noun").write_text(NOUN_INDEX)
    (inside / "data.adj").write_text(ADJECTIVES)
    return folder
