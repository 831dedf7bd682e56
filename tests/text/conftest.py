import pytest

from worldreel.assets import asset
from worldreel.text import Tokenizer, load_table


@pytest.fixture(scope="session")
def tokenizer():
    return Tokenizer(asset("text/tokenizer.json"))


@pytest.fixture(scope="session")
def table():
    return load_table(asset("text/embeddings.safetensors"))
