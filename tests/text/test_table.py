import pytest
import torch

from worldreel.checkpoints import save_tensors
from worldreel.errors import UserError
from worldreel.text import WordTable, load_table
from worldreel.text.table import stored_table


@pytest.fixture
def vectors():
    return torch.randn(40, 12) * torch.logspace(-2, 2, 40)[:, None]


def test_a_row_errs_by_half_a_step_at_most(vectors):
    error = (WordTable(vectors).whole() - vectors).abs().amax(dim=1)
    assert bool((error <= vectors.abs().amax(dim=1) / 254 * 1.0001).all())


def test_pieces_are_rows(vectors):
    table, pieces = WordTable(vectors), torch.tensor([3, 0, 3, 39])
    assert torch.equal(table(pieces), table.whole()[pieces])


def test_what_was_stored_is_read_exactly_and_stays_so(vectors, tmp_path):
    vectors[5] = 0
    save_tensors(tmp_path / "table.safetensors", stored_table(vectors))
    found = load_table(tmp_path / "table.safetensors")
    assert torch.equal(found, WordTable(vectors).whole())
    assert torch.equal(WordTable(found).whole(), found)


@pytest.mark.parametrize("tensors", [{"table": torch.zeros(4, 2)}, {"table.rows": torch.zeros(4, 2, dtype=torch.int8)}])
def test_other_files_are_refused(tensors, tmp_path):
    save_tensors(tmp_path / "other.safetensors", tensors)
    with pytest.raises(UserError, match="holds no table"):
        load_table(tmp_path / "other.safetensors")
