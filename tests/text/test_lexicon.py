import pytest

from tests.text import lexicons
from worldreel.errors import UserError
from worldreel.text.lexicon import Lexicon


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory):
    return Lexicon(lexicons.write(tmp_path_factory.mktemp("wordnet")))


def test_what_can_be_seen_is_told_by_the_commonest_meaning(lexicon):
    assert [word for word in ("swine", "animal", "idea", "red", "nothing of it") if lexicon.visible(word)] == ["swine", "animal"]


def test_colours_are_said_by_other_colours(lexicon):
    colours = lexicon.colours()
    assert sorted(colours) == ["cherry-red", "lilac", "red", "redness", "scarlet", "vermilion"]  # none says what blue is
    assert sorted(colours["lilac"]) == ["blue", "red"]
    assert sorted(colours["scarlet"]) == [
        "cherry-red",
        "red",
        "red",
        "redness",
        "vermilion",
    ]  # what it is a kind of, its definition
    assert colours["red"] == ["redness"] and "blue" not in colours["scarlet"]  # examples define nothing


def test_things_are_said_by_kinds_definitions_and_what_they_are_kinds_of(lexicon):
    """Of names of several words the last one counts; ideas say nothing of things."""
    things = lexicon.things()
    assert sorted(things) == ["animal", "piglet", "swine"]
    assert things["animal"] == ["swine"]  # its kind
    assert things["piglet"] == ["swine", "swine", "swine", "animal"]  # its definition, two degrees above, and the third
    assert things["swine"] == ["animal"]


def test_kinds_are_of_the_nearest_name_and_never_people(tmp_path):
    """Nor short words, those with a capital, those that are commonly something else, or jerseys where there are animals."""
    kinds = Lexicon(lexicons.write(tmp_path, lexicons.KINDS, lexicons.KINDS_INDEX)).kinds(
        ["dog", "turtle", "alien", "teal", "green", "cow"]
    )
    found = {"dog": ["bulldog", "hound"], "turtle": ["terrapin"], "teal": ["cyan"], "green": ["greenness"]}
    assert kinds == {"alien": [], "cow": [], **found}


def test_adverbs_are_single_words(lexicon):
    assert lexicon.adverbs == ["straight", "upward"]


def test_a_folder_without_a_lexicon_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"data\.noun"):
        Lexicon(tmp_path)
