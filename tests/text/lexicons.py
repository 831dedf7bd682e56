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


ADVERBS = """\
  1 A licence.
all_over r 1 0 1 0 00000100
straight r 1 0 1 0 00000200
upward r 1 0 1 0 00000300
w7 r 1 0 1 0 00000400
"""
KINDS = """\
00000100 05 n 02 hound 0 pug 0 001 @ 00000200 n 0000 | a hunting dog
00000200 05 n 01 dog 0 003 ~ 00000100 n 0000 ~ 00000300 n 0000 ~ 00000400 n 0000 | a domestic animal
00000300 05 n 02 Maltese 0 lapdog 0 001 @ 00000200 n 0000 | a breed of dog
00000400 05 n 02 bulldog 0 wolf-dog 0 001 @ 00000200 n 0000 | large dogs
00000500 06 n 01 turtle 0 001 ~ 00000510 n 0000 | a jersey
00000510 06 n 01 rollneck 0 001 @ 00000500 n 0000 | a jersey too
00000600 05 n 01 turtle 0 001 ~ 00000610 n 0000 | a reptile with a shell
00000610 05 n 01 terrapin 0 001 @ 00000600 n 0000 | a small one
00000700 18 n 01 alien 0 001 ~ 00000710 n 0000 | somebody from elsewhere
00000710 18 n 01 stranger 0 001 @ 00000700 n 0000 | another
00000800 07 n 01 chromatic_color 0 001 ~ 00000810 n 0000 | a color that has hue
00000810 07 n 02 green 0 greenness 0 002 @ 00000800 n 0000 ~ 00000820 n 0000 | that of grass
00000820 07 n 01 teal 0 002 @ 00000810 n 0000 ~ 00000830 n 0000 | a blue-green one
00000830 07 n 01 cyan 0 001 @ 00000820 n 0000 | of light
"""
KINDS_INDEX = """\
alien n 1 1 ~ 1 1 00000700
bulldog n 1 1 @ 1 0 00000400
cyan n 1 1 @ 1 0 00000830
dog n 1 1 ~ 1 1 00000200
green n 1 1 @ 1 1 00000810
greenness n 1 1 @ 1 0 00000810
hound n 1 1 @ 1 0 00000100
lapdog n 2 1 @ 2 0 00000700 00000300
maltese n 1 1 @ 1 0 00000300
pug n 1 1 @ 1 0 00000100
rollneck n 1 1 @ 1 0 00000510
stranger n 1 1 @ 1 0 00000710
teal n 1 1 @ 1 0 00000820
terrapin n 1 1 @ 1 0 00000610
turtle n 2 1 ~ 2 1 00000500 00000600
"""


def write(folder: Path, nouns: str = NOUNS, index: str = NOUN_INDEX) -> Path:
    inside = folder / "package" / "dict"
    inside.mkdir(parents=True)
    (inside / "data.noun").write_text(nouns)
    (inside / "index.noun").write_text(index)
    (inside / "data.adj").write_text(ADJECTIVES)
    (inside / "index.adv").write_text(ADVERBS)
    return folder
