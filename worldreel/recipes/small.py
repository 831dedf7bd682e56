"""What one large GPU can teach in an hour: every animated emoji, deeds, places, solids, paraphrases, more shapes, longer clips.

It stands on the codec of `tiny`. The sprite pack must hold the whole cast (`python -m worldreel.worlds.prepare --cast all`).
"""

from worldreel.recipes.tiny import DRILL, tiny_transformer
from worldreel.training.latents import CanvasShare, PoolConfig
from worldreel.training.loop import Schedule
from worldreel.training.runs import TransformerRun
from worldreel.worlds.casts import cast
from worldreel.worlds.world import SpritesMix

SQUARE, WIDE, TALL = (128, 128), (176, 96), (96, 176)

CANVASES = (
    *(CanvasShare(width=width, height=height, frames=25, fps=(8, 12), weight=4) for width, height in (SQUARE, WIDE, TALL)),
    *(CanvasShare(width=width, height=height, frames=25, weight=1.5, cut=True) for width, height in (SQUARE, WIDE, TALL)),
    CanvasShare(width=64, height=64, frames=25, fps=(8, 12), weight=16),
    CanvasShare(width=96, height=96, frames=49, fps=(12, 24), weight=2),
    CanvasShare(width=64, height=64, frames=61, fps=(1, 2, 4, 12), weight=1),
    CanvasShare(width=192, height=192, frames=13, weight=0.5),
    CanvasShare(width=256, height=144, frames=13, weight=0.5),
    *(CanvasShare(width=width, height=height, frames=1, weight=6) for width, height in (SQUARE, WIDE, TALL)),
    CanvasShare(width=256, height=256, frames=1, weight=1),
    CanvasShare(width=64, height=64, frames=1, weight=8),
)
"""1:1, 16:9 and 9:16; sides of 64 to 256; one to five seconds at 8 to 24 frames a second, and a minute at one."""


def small_transformer() -> TransformerRun:
    """Its steps and rates are guesses until a GPU has run it: a first minute tells how many steps fit the time there is."""
    run = tiny_transformer()
    whole = cast("all")
    verbs = tuple(
        sorted({subject.verb for subject in whole.subjects} | {"moves", "stands", "stays", "grows", "shrinks", "turns"})
    )
    knows = run.task.model.knows.model_copy(
        update={
            "summary": "Animated emoji in pictured places and on plain or fading backgrounds: one to three, doing things.",
            "subjects": whole.names,
            "verbs": tuple(sorted(verbs)),
            "heard": "",  # captions of solids and of all other emoji have words that are not listed
            "sizes": tuple(dict.fromkeys(f"{canvas.width}x{canvas.height}" for canvas in CANVASES)),
            "seconds": (0.0, 60.0),
            "fps": (1.0, 24.0),
        }
    )
    network = run.task.model.transformer.model_copy(update={"width": 384, "heads": 6, "mlp_width": 1152})
    changes = {"name": "small", "transformer": network, "knows": knows, "predicts": "velocity"}
    model = run.task.model.with_expert(0.0, None).model_copy(update=changes)
    sprites = SpritesMix(
        cast="all", anywhere=0.3, lively=0.25, pictured=0.25, styled=0.1, changing=0.1, paraphrased=0.3, alone=0.7
    )
    pool = PoolConfig(
        canvases=CANVASES, sprites=sprites, solid=0.3, joined=0.5, edited=0.2, start=40_000, size=120_000, refresh=64, kept=False
    )
    drill = DRILL.model_copy(
        update={"sprites": DRILL.sprites.model_copy(update={"cast": "all"}), "start": 20_000, "size": 20_000}
    )
    task = run.task.model_copy(
        update={
            "model": model,
            "expert": None,
            "pool": pool,
            "drill": drill,
            "tokens": 65_536,
            "menus": 8,
            "early": 0.35,
            "boards": 0.3,
            "compiled": True,
        }
    )
    schedule = Schedule(steps=12_000, warmup=200, ema=0.9995, preview_every=2000, checkpoint_every=2000)
    return TransformerRun(task=task, schedule=schedule)
