import pytest

from worldreel.errors import UserError
from worldreel.text import Tokenizer


def test_empty_and_blank_texts_have_no_tokens(tokenizer):
    assert tokenizer.encode("") == tokenizer.encode(" \n\t ") == []


def test_case_accents_and_spaces_do_not_matter(tokenizer):
    assert tokenizer.encode("A  Dog at the CAFÉ") == tokenizer.encode("a dog at the cafe")


def test_a_long_prompt_is_cut_at_the_maximum(tokenizer):
    tokens = tokenizer.encode("a dog walks left " * 1000)
    assert len(tokens) == tokenizer.maximum == 96
    assert tokens[:4] == tokenizer.encode("a dog walks left")


def test_names_of_special_tokens_are_only_words(tokenizer):
    special = {tokenizer.vocabulary().index(name) for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")}
    assert not special & set(tokenizer.encode("[MASK] [CLS] [SEP]"))


def test_every_text_is_taken(tokenizer):
    for text in ("狗", "🐕", "\udcff", "\x00", "x" * 5000, "שלום"):
        assert all(0 <= token < len(tokenizer) for token in tokenizer.encode(text))


def test_words_are_plain_and_each_once(tokenizer):
    assert tokenizer.words("A dog, a CAFÉ... and 2 dogs!") == ["a", "dog", "cafe", "and", "2", "dogs"]


def test_words_are_replaced_where_they_stand(tokenizer):
    assert tokenizer.replaced("A Hound; the café's hounds, a hound!", {"hound": "dog"}) == "a dog; the cafe's hounds, a dog!"
    assert tokenizer.replaced("A Dog", {"hound": "dog"}) == "A Dog" and tokenizer.replaced("", {"a": "b"}) == ""


def test_a_file_that_is_no_tokenizer_is_refused_by_name(tmp_path):
    path = tmp_path / "tokenizer.json"
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        Tokenizer(path)
    path.write_text("{}")
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        Tokenizer(path)
