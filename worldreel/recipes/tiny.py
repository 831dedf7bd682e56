"""How the bundled model was taught, on two cores of a CPU: the autoencoder first, then text encoder and transformer."""

from worldreel.autoencoder import AutoencoderConfig, EnlargerConfig
from worldreel.data.mixture import MixtureConfig
from worldreel.models import Defaults, Fast, Knows, Limits, ModelConfig
from worldreel.models.library import BUNDLED, load_config
from worldreel.text.encoder import TextEncoderConfig
from worldreel.training.autoencoding import AutoencodingConfig
from worldreel.training.enlarging import EnlargingConfig
from worldreel.training.filling import FillingConfig
from worldreel.training.latents import CanvasShare, PoolConfig
from worldreel.training.loop import Schedule
from worldreel.training.runs import AutoencoderRun, EnlargerRun, TransformerRun, WordingRun
from worldreel.training.wording import WordingConfig
from worldreel.transformer import TransformerConfig
from worldreel.worlds.loose import heard_words
from worldreel.worlds.scenes import Style
from worldreel.worlds.subjects import COLOURS, DIRECTIONS, POSITIONS, SUBJECTS
from worldreel.worlds.world import SpritesMix

AUTOENCODER = AutoencoderConfig(
    patch=4,
    widths=(64, 128, 128),
    strides=((2, 2), (2, 1)),
    encoder_blocks=(2, 2, 3),
    decoder_blocks=(2, 1, 2),
)
"""4x8x8 compression to 16 channels, 9M parameters, more of them in the encoder: finding good latents is the harder half."""

ENLARGER = EnlargerConfig()
BOUNDARY, LATE_GUIDANCE = 0.75, 1.5
"""The level below which an expert with overlapping tokens takes over (see `tiny_late`), and guidance there: without any, bodies
are cleaner too, but who they are is told less often (`records/2026-11-28-tiny-late`, `-late-2`)."""
ENLARGED = (
    CanvasShare(width=128, height=128, frames=9, weight=3),
    CanvasShare(width=128, height=128, frames=1, weight=2),
    CanvasShare(width=96, height=96, frames=9),
    CanvasShare(width=160, height=96, frames=1),
    CanvasShare(width=192, height=192, frames=1),
    CanvasShare(width=80, height=80, frames=9, close=True),
    CanvasShare(width=128, height=128, frames=1, close=True),
)
"""For detail: stills, and clips long enough for a latent frame that holds four."""

CANVASES = (
    CanvasShare(width=128, height=128, frames=25, weight=4),
    CanvasShare(width=128, height=128, frames=25, weight=1.4, cut=True),
    CanvasShare(width=128, height=128, frames=29, weight=1.2, cut=True),
    CanvasShare(width=128, height=128, frames=37, weight=0.6, cut=True),
    CanvasShare(width=128, height=128, frames=13, weight=1.2),
    CanvasShare(width=128, height=128, frames=13, fps=(6,), weight=0.2),
    CanvasShare(width=96, height=96, frames=25, fps=(12, 12, 24), weight=1.2),
    CanvasShare(width=96, height=96, frames=37, weight=0.4),
    CanvasShare(width=64, height=64, frames=25, fps=(8, 12), weight=2),
    CanvasShare(width=64, height=64, frames=37, weight=1.5, cut=True),
    CanvasShare(width=64, height=64, frames=13, weight=0.8),
    CanvasShare(width=96, height=96, frames=29, weight=0.8, cut=True),
    CanvasShare(width=160, height=96, frames=25, weight=1.2),
    CanvasShare(width=96, height=160, frames=25, weight=0.8),
    CanvasShare(width=176, height=80, frames=25, weight=1.4),
    CanvasShare(width=224, height=96, frames=25, weight=2.6),
    CanvasShare(width=80, height=80, frames=25, weight=4, close=True),
    CanvasShare(width=80, height=80, frames=13, weight=4, close=True),
    CanvasShare(width=128, height=128, frames=1, weight=12),
    CanvasShare(width=96, height=96, frames=1, weight=4),
    CanvasShare(width=64, height=64, frames=1, weight=4),
    CanvasShare(width=160, height=160, frames=1, weight=3),
    CanvasShare(width=160, height=96, frames=1, weight=1.5),
    CanvasShare(width=96, height=160, frames=1, weight=1.5),
    CanvasShare(width=176, height=80, frames=1, weight=1),
    CanvasShare(width=224, height=96, frames=1, weight=2),
    CanvasShare(width=80, height=80, frames=1, weight=16, close=True),
)
"""Square, wide and tall; clips of one to three seconds, many stills, which teach what subjects look like for few tokens; views
from near, which are mostly subject; small clips, which so teach where things go; short ones, two of which make a storyboard; cut
ones, whose ends or middles are given."""

SAID = (
    CanvasShare(width=64, height=64, frames=25, fps=(8, 12), weight=10),
    CanvasShare(width=80, height=80, frames=13, weight=2, close=True),
    CanvasShare(width=96, height=96, frames=25, weight=2),
    CanvasShare(width=128, height=128, frames=13, weight=2),
    CanvasShare(width=128, height=128, frames=25, weight=0.7),
    CanvasShare(width=128, height=128, frames=1, weight=3),
    CanvasShare(width=160, height=96, frames=13, weight=0.7),
    CanvasShare(width=224, height=96, frames=13, weight=0.7),
)
"""For words: mostly small clips, of which many fit in a step."""


HARD_STYLES: tuple[Style, ...] = ("mosaic", "grey", "sepia", "sepia", "outline", "outline")
"""More mosaics teach no more of them, and put blocks into bodies that have no style."""

DRILL = PoolConfig(
    canvases=(
        CanvasShare(width=64, height=64, frames=1),
        CanvasShare(width=96, height=96, frames=1),
        CanvasShare(width=128, height=128, frames=1, weight=0.5),
        CanvasShare(width=64, height=64, frames=25, weight=0.4, cut=True),
    ),
    edited=0.35,
    sprites=SpritesMix(alone=0.35, plain=0.4, short=0.8, styled=0.2, styles=HARD_STYLES),
    start=3000,
    size=3000,
    refresh=0,
)
"""Small stills of some side by side, over fading backgrounds, in a style, a third of them made of another picture, and clips of
which an end or both are given: who of two is on the left, which of two colours is above, how all is rendered, what becomes of
what is there, and how what moves goes on, are the last things that are learned."""


ALIKE = ("dog", "car", "cow", "ladybug")
"""Who is learned last: a dog is soon drawn, and for long it is a cat."""


FAST = Fast(near=0.25, guided_above=0.0, cost="nothing that the judge sees (100 prompts), 34 dB")


def tiny_model() -> ModelConfig:
    text = TextEncoderConfig(neighbours=True, pairs=1024)
    channels = 4 * AUTOENCODER.latent_channels
    return ModelConfig(
        name="tiny",
        autoencoder=AUTOENCODER,
        text=text,
        enlarger=ENLARGER,
        transformer=TransformerConfig(channels=2 * channels + 1, outputs=channels, text_width=text.width, blocks=8),
        evened=True,
        carried=True,
        defaults=Defaults(guidance=2.0, given_guidance=1.5, solver="stochastic", fast=FAST),
        limits=Limits(),
        knows=sprites_knowledge(),
    ).with_expert(BOUNDARY, LATE_GUIDANCE)


def tiny_autoencoder() -> AutoencoderRun:
    """Three and a half hours on two cores (`--time-limit` cuts it into parts).

    Wants film strips: `--set task.data.film=FOLDER --set task.data.pictures=FOLDER`; without them it learns sprites only.
    """
    return AutoencoderRun(
        task=AutoencodingConfig(
            network=AUTOENCODER,
            data=MixtureConfig(world=0.85, taught=0.9, sides=(96, 96, 128, 128, 160)),
            absolute=0.1,
            squared=0.0,
            decibels=0.1,
            subject=16.0,
        ),
        schedule=Schedule(steps=40000, warmup=100, ema=0.998, preview_every=500, checkpoint_every=500),
    )


def tiny_enlarger() -> EnlargerRun:
    """A quarter of an hour on two cores, after `tiny_autoencoder`."""
    sprites = SpritesMix(alone=0.7, styled=0.1)
    return EnlargerRun(
        task=EnlargingConfig(
            model=tiny_model(),
            autoencoder=BUNDLED / "tiny/autoencoder.safetensors",
            pool=PoolConfig(canvases=ENLARGED, coarse=1.0, sprites=sprites, start=2000, size=2000, refresh=0),
            seen=3.0,
        ),
        schedule=Schedule(steps=3000, warmup=50, ema=0.995, preview_every=1000, checkpoint_every=500),
    )


def tiny_transformer() -> TransformerRun:
    """Six hours on two cores (`--time-limit` cuts it into parts).

    Takes autoencoder, word table and tokenizer of the bundled model, or those it is given.
    """
    bundled = BUNDLED / "tiny"
    return TransformerRun(
        task=FillingConfig(
            model=tiny_model(),
            autoencoder=bundled / "autoencoder.safetensors",
            enlarger=bundled / "enlarger.safetensors",
            expert=bundled / "late.safetensors",
            table=bundled / "text.safetensors",
            tokenizer=bundled / "tokenizer.json",
            pool=PoolConfig(
                canvases=CANVASES,
                joined=0.6,
                edited=0.4,
                coarse=0.05,
                sprites=SpritesMix(
                    alone=0.62,
                    changing=0.15,
                    anywhere=0.5,
                    favoured=ALIKE,
                    favour=0.25,
                    plain=0.5,
                    styled=0.18,
                    styles=HARD_STYLES,
                    terse=0.2,
                    paraphrased=0.4,
                    loose=0.5,
                ),
            ),
            early=0.2,
            fine=0.25,
            given=0.3,
            graded=0.1,
            boards=0.3,
            same=0.03,
            drill=DRILL,
            drill_least=0.8,
            drill_every=3,
        ),
        schedule=Schedule(steps=20000, warmup=100, ema=0.998, preview_every=500, checkpoint_every=500),
    )


def tiny_late() -> TransformerRun:
    """Two and a half hours on two cores, after `tiny_transformer`: by default, after that of the bundled model.

    It learns what it will do (see `Model.expert`): clips and stills of which nothing is given, with one level for all of them,
    and storyboards, of which it saw too few in packs like the transformer's.
    """
    run = tiny_transformer()
    pool = run.task.pool
    whole = tuple(_more_shots(share) for share in pool.canvases if not share.cut)
    changes = {
        "late": True,
        "start": BUNDLED / "tiny",
        "pool": pool.model_copy(update={"canvases": whole, "joined": 0.0, "edited": 0.0, "coarse": 0.0}),
        "drill": None,
        "given": 0.0,
        "graded": 0.0,
        "boards": 0.6,
        "same": 0.0,
        "muon_rate": 1e-3,
        "adamw_rate": 5e-4,
    }
    return run.model_copy(update={"task": run.task.model_copy(update=changes)})


def _more_shots(share: CanvasShare) -> CanvasShare:
    """Short clips of the usual size five times as often: two in a pack are a storyboard."""
    usual = (share.width, share.height, share.frames, share.fps) == (128, 128, 13, (12,))
    return share.model_copy(update={"weight": 5 * share.weight}) if usual else share


def tiny_wordings() -> WordingRun:
    """Three quarters of an hour on two cores, after `tiny_transformer`: from the bundled model, or from `task.start`."""
    task = tiny_transformer().task
    sprites = SpritesMix(alone=0.9, anywhere=0.2, plain=0.6, styled=0.05, terse=0.15)
    return WordingRun(
        task=WordingConfig(
            model=task.model,
            autoencoder=task.autoencoder,
            start=BUNDLED / "tiny",
            enlarger=task.enlarger,
            expert=task.expert,
            table=task.table,
            tokenizer=task.tokenizer,
            pool=PoolConfig(canvases=SAID, sprites=sprites, start=1500, size=1500, refresh=0),
            muon_rate=1e-3,
            adamw_rate=3e-4,
        ),
        schedule=Schedule(steps=2700, warmup=50, ema=0.99, preview_every=900, checkpoint_every=300),
    )


def sprites_knowledge() -> Knows:
    """What a model taught on the sprites world can be asked for."""
    sizes = tuple(dict.fromkeys(f"{canvas.width}x{canvas.height}" for canvas in CANVASES if not canvas.close))
    return Knows(
        summary="Animated emoji over plain and fading backgrounds: one to three subjects, standing or moving.",
        subjects=tuple(subject.name for subject in SUBJECTS),
        verbs=tuple(sorted({subject.verb for subject in SUBJECTS} | {"moves", "stands", "stays"})),
        directions=tuple(DIRECTIONS),
        positions=tuple(POSITIONS),
        backgrounds=tuple(COLOURS),
        heard=" ".join(sorted(heard_words())),
        kinds=load_config("tiny").knows.kinds,
        idle=load_config("tiny").knows.idle,
        own_colours=True,
        sizes=sizes,
        seconds=(0.0, 3.1),
        fps=(6.0, 24.0),
        canvases=("text", "first frame", "prefix", "suffix", "both ends", "middle", "storyboard", "draft"),
        limits="It knows nothing beyond these words: no people, no places, no real footage.",
    )
