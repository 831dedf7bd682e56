import pytest
import torch
from pydantic import ValidationError

from worldreel.checkpoints import load_into, save_tensors
from worldreel.text import TextEncoder, TextEncoderConfig

PROMPTS = [
    "a dog walks left on a blue background",
    "",
    "a cat",
    "an owl flies up on a red background",
    "a dog walks left on a blue background",
    "a car",
    "A video of a penguin and a whale on a background fading from teal to pink. The small penguin walks slowly to the right.",
]


@pytest.fixture(params=[False, True], ids=["", "neighbours and pairs"])
def encoder(table, request):
    torch.manual_seed(0)
    encoder = TextEncoder(TextEncoderConfig(neighbours=request.param, pairs=64 * request.param), table)
    if encoder.neighbours is not None and encoder.pairs is not None:
        torch.nn.init.normal_(encoder.neighbours.weight, std=0.06)
        torch.nn.init.normal_(encoder.pairs.narrow.weight, std=0.06)
    for block in encoder.blocks:  # as after training: at birth the blocks are the identity
        torch.nn.init.normal_(block.out.weight, std=0.06)
        torch.nn.init.normal_(block.narrow.weight, std=0.06)
    return encoder


@pytest.fixture
def tokens(tokenizer):
    return [tokenizer.encode(prompt) for prompt in PROMPTS]


def test_each_prompt_gives_a_start_and_its_words(encoder, tokens):
    assert [tuple(output.shape) for output in encoder(tokens)] == [(1 + len(one), 256) for one in tokens]
    assert encoder([]) == []


def test_a_pack_is_the_same_as_one_by_one(encoder, tokens):
    for packed, one in zip(encoder(tokens), tokens, strict=True):
        torch.testing.assert_close(packed, encoder([one])[0], atol=1e-5, rtol=0)


def test_order_of_prompts_and_of_words_is_kept(encoder, tokens):
    for there, back in zip(encoder(tokens), reversed(encoder(tokens[::-1])), strict=True):
        torch.testing.assert_close(there, back, atol=1e-5, rtol=0)
    forward, swapped = encoder([[3899, 4937, 2187], [4937, 3899, 2187]])
    assert (forward[0] - swapped[0]).abs().max() > 1e-3


def test_neighbours_are_told_at_once_and_not_across_prompts(table):
    """Without any attention: what comes before and after a word, and what does not."""
    encoder = TextEncoder(TextEncoderConfig(neighbours=True, layers=0), table)
    plain = TextEncoder(TextEncoderConfig(layers=0), table)
    plain.load_state_dict({name: value for name, value in encoder.state_dict().items() if name != "neighbours.weight"})
    words = [[3899, 4937, 2187, 2000], [2187, 3899]]
    assert all(torch.equal(one, other) for one, other in zip(encoder(words), plain(words), strict=True))  # at birth
    torch.nn.init.normal_(encoder.neighbours.weight, std=0.06)
    (first, _), (alone,) = encoder(words), encoder(words[:1])
    assert torch.allclose(first, alone, atol=1e-6)  # the next prompt is no neighbour
    (moved,) = encoder([[3899, 4937, 2187, 2010]])
    changed = (first - moved).abs().amax(1) > 1e-4
    assert changed.tolist() == [False, False, False, True, True]


def test_a_start_is_told_the_pairs_of_its_own_prompt(table):
    encoder = TextEncoder(TextEncoderConfig(pairs=64, layers=0), table)
    plain = TextEncoder(TextEncoderConfig(layers=0), table)
    plain.load_state_dict({name: value for name, value in encoder.state_dict().items() if "pairs" not in name})
    words = [[3899, 4937, 2187], [3899, 2187, 4937], [3899]]
    assert all(torch.equal(one, other) for one, other in zip(encoder(words), plain(words), strict=True))  # at birth
    torch.nn.init.normal_(encoder.pairs.narrow.weight, std=0.5)
    first, swapped, short = encoder(words)
    assert (first[0] - swapped[0]).abs().max() > 1e-2  # the same words in another order
    assert all(torch.equal(one[1:], other[1:]) for one, other in zip((first, swapped, short), plain(words), strict=True))
    assert torch.allclose(first, encoder(words[:1])[0], atol=1e-6)


def test_the_same_call_gives_the_same_bits(encoder, tokens):
    assert all(torch.equal(one, other) for one, other in zip(encoder(tokens), encoder(tokens), strict=True))


def test_a_list_past_the_maximum_is_cut(encoder):
    long, cut = encoder([list(range(2000, 2200)), list(range(2000, 2096))])
    assert torch.equal(long, cut)


def test_gradients_reach_all_but_the_table(encoder, tokens):
    before = encoder.table.whole()
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    weigh = torch.randn(256)
    sum((output @ weigh).square().mean() for output in encoder(tokens)).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in encoder.parameters())
    optimizer.step()
    assert torch.equal(encoder.table.whole(), before)
    assert not list(encoder.table.parameters())


def test_the_table_survives_saving_and_loading(encoder, tokens, tmp_path):
    path = tmp_path / "text.safetensors"
    save_tensors(path, encoder.state_dict())
    loaded = TextEncoder(encoder.config)
    load_into(loaded, path)
    assert torch.equal(loaded.table.whole(), encoder.table.whole())
    for one, other in zip(loaded(tokens), encoder(tokens), strict=True):
        torch.testing.assert_close(one, other, atol=0.1, rtol=0)


def test_half_precision_stays_near(encoder, tokens):
    expected = encoder(tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        automatic = encoder(tokens)
    for one, cast in zip(expected, automatic, strict=True):
        torch.testing.assert_close(cast.float(), one, atol=0.2, rtol=0)
    assert all(output.dtype == torch.bfloat16 for output in encoder.bfloat16()(tokens))


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValidationError, match="heads"):
        TextEncoderConfig(width=100, heads=3)
    with pytest.raises(ValueError, match="table"):
        TextEncoder(TextEncoderConfig(vocabulary=8), torch.zeros(9, 128))
