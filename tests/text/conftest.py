import pytest

from worldreel.models.library import BUNDLED
from worldreel.text import Tokenizer, load_table


@pytest.fixture(scope="session")
def tokenizer():
    return Tokenizer(BUNDLED / "tiny/tokenizer.json")


@pytest.fixture(scope="session")
def table():
    return load_table(BUNDLED / "tiny/text.safetensors")
