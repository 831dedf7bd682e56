"""One prediction of a Wan transformer of 6 layers and width 384 at 3,024 tokens, beside diffusers with the same weights.

Run: python -m benchmarks.wan_transformer [--dtype bfloat16] [--repeats 9]. Text and keys of the text are those of a clip in the
making: read once, as sampling does. Ours too has two columns: as it is loaded on this device, and with blocks compiled
(`--compiled`; on CUDA that is how it is loaded). Errors are against diffusers in fp32.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks import beside, wan
from benchmarks.beside import OURS, PLAIN, TUNED
from worldreel.devices import describe
from worldreel.patches import Grid, Segment, pack, to_tokens
from worldreel.transformer.kept import Kept

SHAPE = {"num_attention_heads": 3, "attention_head_dim": 128, "ffn_dim": 2240, "num_layers": 6}
CODEC = {"base_dim": 8}
GRID = Grid(9, 16, 21, seconds=1 / 24)
GOAL, LEVEL = 1.2, 0.75


def main() -> None:
    parser = beside.parser(__doc__, repeats=9)
    parser.add_argument("--without-tuned", action="store_true", help="leave out what must be compiled first")
    parser.add_argument("--compiled", action="store_true", help="ours with blocks compiled")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder, torch.inference_mode():
        dtype = beside.TYPES[asked.dtype]
        results = measure(wan.write(Path(folder), SHAPE, CODEC), dtype, asked.repeats, asked.compiled, not asked.without_tuned)
    about = {"hardware": describe(torch.device("cpu")), "tokens": GRID.tokens, "dtype": asked.dtype}
    about["ours compiled"] = asked.compiled
    beside.report("wan-transformer", about, results, asked.json)


def measure(folder: Path, dtype: torch.dtype, repeats: int, quick: bool, compiling: bool) -> dict[str, beside.Row]:
    cpu = torch.device("cpu")
    model, theirs = wan.ours(folder, cpu, dtype), wan.transformer(folder, cpu, dtype)
    exact = wan.transformer(folder, cpu, torch.float32)
    if quick:
        model.quicken()
    latents = torch.randn(1, 16, GRID.frames, 2 * GRID.height, 2 * GRID.width)
    text = torch.randn(1, 512, wan.TEXT_WIDTH)
    tokens, levels = to_tokens(latents[0], 2), torch.full((GRID.tokens,), LEVEL)
    layout, kept = pack([Segment((GRID,), ((GRID.tokens, 0),))]), Kept()

    def mine() -> torch.Tensor:
        return model.denoise(tokens, levels, layout, [text[0]], kept=kept)

    def other(network: torch.nn.Module, kind: torch.dtype = dtype) -> torch.Tensor:
        return network(latents.to(kind), torch.tensor([1000 * LEVEL]), text.to(kind), return_dict=False)[0]

    def clean(velocity: torch.Tensor) -> torch.Tensor:
        return tokens - LEVEL * to_tokens(velocity[0].float(), 2)

    columns = {OURS: mine, PLAIN: lambda: other(theirs)}
    if compiling:
        best = wan.tuned(theirs)
        columns[TUNED] = lambda: other(best)
    results = beside.speed(beside.in_turns(columns, repeats), (GOAL, GOAL))
    wanted = clean(other(exact, torch.float32))
    errors = beside.error(mine(), wanted), beside.error(clean(other(theirs)), wanted)
    return {**results, "error": beside.figure(*errors, 1e-5 if dtype == torch.float32 else None)}


if __name__ == "__main__":
    main()
