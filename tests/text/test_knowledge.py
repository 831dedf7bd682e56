import pytest
import torch
import torch.nn.functional as F

from worldreel.text import Knowledge, WordTable

TAUGHT = ["dog", "cat", "car", "ghost", "ladybug", "left", "right", "down", "red", "blue", "purple", "teal", "walks", "swims"]


@pytest.fixture(scope="module")
def knowledge(tokenizer, table):
    return Knowledge(tokenizer, WordTable(table))


def test_taught_words_are_known_as_themselves(knowledge):
    known = knowledge.nearest_known("A Dog walks LEFT, on a blue background.", TAUGHT)
    assert {"dog": "dog", "walks": "walks", "left": "left", "blue": "blue"}.items() <= known.items()


@pytest.mark.parametrize(
    ("word", "taught"),
    [("puppy", "dog"), ("kitten", "cat"), ("automobile", "car"), ("leftward", "left"), ("phantom", "ghost")],
)
def test_words_near_taught_ones_are_known(knowledge, word, taught):
    assert knowledge.nearest_known(f"a {word}", TAUGHT)[word] == taught


def test_foreign_words_are_not_known(knowledge):
    assert knowledge.nearest_known("the guitar of democracy 狗 🐕 qqqq", TAUGHT) == {}
    assert knowledge.nearest_known("", TAUGHT) == knowledge.nearest_known("a dog", []) == {}


def test_order_is_the_prompts(knowledge):
    assert list(knowledge.nearest_known("left red puppy dog", TAUGHT)) == ["left", "red", "puppy", "dog"]


NAMES = "dog", "cat", "cow", "turtle", "red", "blue", "gray", "pink", "purple"


@pytest.mark.parametrize(("word", "name"), [("hound", "dog"), ("heifer", "cow"), ("terrapin", "turtle"), ("scarlet", "red")])
def test_a_word_that_was_never_told_is_read_as_the_name_it_surely_means(knowledge, word, name):
    assert knowledge.renamed(f"A {word.upper()} on a wall", NAMES, ["wall"]) == {word: name}


def test_what_was_told_or_is_unsure_is_read_as_it_is(knowledge):
    assert knowledge.renamed("a hound", NAMES, ["hound"]) == knowledge.renamed("a dog", NAMES, []) == {}
    assert knowledge.renamed("a guitar, coloured, of many colors, 狗", NAMES, []) == {}
    assert knowledge.renamed("", NAMES, []) == knowledge.renamed("a hound", [], []) == {}


@pytest.mark.parametrize(
    ("prompt", "read", "left"),
    [
        ("A red car on a Blue wall", "a car on a blue wall", ["red"]),
        ("a black and white cat, and a blue puppy", "a cat, and a puppy", ["black", "white", "blue"]),
        ("a crimson-red automobile", "a automobile", ["crimson", "red"]),
        ("red red dogs", "dogs", ["red", "red"]),
    ],
)
def test_colours_of_subjects_are_left_out(knowledge, prompt, read, left):
    assert knowledge.uncoloured(prompt, ["dog", "cat", "car"], ["red", "blue", "black", "white"]) == (read, left)


@pytest.mark.parametrize(
    "prompt", ["on Red, a cat", "from red to blue where a dog is", "red and blue", "a red guitar", "", "a dog in red"]
)
def test_other_colours_are_not(knowledge, prompt):
    assert knowledge.uncoloured(prompt, ["dog", "cat"], ["red", "blue"]) == (prompt, [])
    assert knowledge.uncoloured("a red dog", [], ["red"]) == knowledge.uncoloured("a red dog", ["dog"], []) == ("a red dog", [])


@pytest.mark.parametrize(
    ("prompt", "read", "left"),
    [
        ("A dog heads Straight down", "a dog heads down", ["straight"]),
        ("straight, the dog (quickly) walks", ", the dog () walks", ["straight", "quickly"]),
        ("a straightforward  Dog", "a straightforward  Dog", []),
        ("straight, quickly", "straight, quickly", []),  # nothing would be left
        ("", "", []),
    ],
)
def test_idle_words_are_left_out(knowledge, prompt, read, left):
    assert knowledge.heeded(prompt, ["straight", "quickly", "slowly"]) == (read, left)


def test_the_table_puts_synonyms_nearer_than_strangers(tokenizer, table):
    def cosine(one, other):
        a, b = (table[tokenizer.encode(word)].mean(0) for word in (one, other))
        return float(F.cosine_similarity(a, b, dim=0))

    for synonym, word, stranger in (("crimson", "red", "car"), ("violet", "purple", "dog"), ("puppy", "dog", "table")):
        assert cosine(synonym, word) > 0.3 > cosine(synonym, stranger)


def test_rows_have_unit_rms(tokenizer, table):
    assert table.shape == (len(tokenizer), 128)
    torch.testing.assert_close(table.square().mean(1), torch.ones(len(tokenizer)), atol=0.01, rtol=0)
