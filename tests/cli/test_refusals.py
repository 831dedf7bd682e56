"""Each mistake a user can make: one clear line, status 2 (130 after Ctrl-C), nothing half-written."""

import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.cli.conftest import as_a_mere_user, listing
from tests.conftest import ROOT, make_model
from tests.media.making import moving
from worldreel.media import Clip
from worldreel.models import Model

ODD = "is odd and MP4 takes even sides; try"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("",), "the prompt is empty; say what to show"),
        (("  \t\n ",), "the prompt is empty; say what to show"),
        (("dog " * 1250,), "the prompt has 5000 characters; 4000 is the most"),
        (("a dog", "--negative", "x" * 5000), "--negative has 5000 characters"),
        (("a dog", "--size", "64"), "--size '64' is not WIDTHxHEIGHT in pixels; write it as 128x128"),
        (("a dog", "--size", "0x0"), "--size '0x0': each side must be a whole number of pixels from 1 up"),
        (("a dog", "--size", "-1x8"), "--size '-1x8' is not WIDTHxHEIGHT"),
        (("a dog", "--size", "1x1", "--out", "clip.mp4"), f"clip.mp4: 1x1 {ODD} 2x2"),
        (("a dog", "--size", "127x95", "--out", "clip.mp4"), f"clip.mp4: 127x95 {ODD} 126x94 or 128x96"),
        (("a dog", "--size", "100000x100000"), "--size 100000x100000: sides go up to 2048"),
        (("a dog", "--size", "100000x100000"), "GB of memory"),
        (("a dog", "--size", "1024x1024", "--seconds", "60"), "take a smaller --size or fewer --seconds"),
        (("a dog", "--seconds", "0"), "--seconds 0.0: take a time above 0"),
        (("a dog", "--seconds", "nan"), "--seconds nan: take a time above 0"),
        (("a dog", "--seconds", "-1"), "--seconds -1.0: take a time above 0"),
        (("a dog", "--seconds", "inf"), "--seconds inf"),
        (("a dog", "--seconds", "1e308"), "--seconds 1e+308: 60 is the most"),
        (("a dog", "--seconds", "abc"), "worldreel generate: --seconds: 'abc' is not a number; see `worldreel generate --help`"),
        (("a dog", "--seed", "1.5"), "--seed: '1.5' is not a whole number"),
        (("a dog", "--frames", "0"), "--frames 0: take 1 (an image) or more"),
        (("a dog", "--frames", "721"), "--frames 721: 720 (60 s at 12 fps) are the most"),
        (("a dog", "--frames", "9" * 400), "are the most"),
        (("a dog", "--frames", "5", "--seconds", "1"), "were both given; give one of them"),
        (("a dog", "--fps", "0"), "--fps 0.0: take 0.1 to 120 frames a second"),
        (("a dog", "--fps", "nan"), "--fps nan"),
        (("a dog", "--steps", "0"), "--steps 0: take 1 to 1000; 2 is the model's default"),
        (("a dog", "--steps", "-3"), "--steps -3"),
        (("a dog", "--steps", "9" * 30), "take 1 to 1000"),
        (("a dog", "--guidance", "nan"), "--guidance nan: take 0 to 100"),
        (("a dog", "--seed", "-1"), "--seed -1: take a whole number from 0"),
        (("a dog", "--seed", str(2**63)), "--seed"),
        (("a dog", "--count", "0"), "--count 0: take 1 to 1000"),
        (("a dog", "--device", "abacus"), "--device 'abacus' is not available here; use cpu"),
        (("a dog", "--out", "clip.xyz"), "clip.xyz: .xyz is not a format; end the name in .mp4"),
        (("a dog", "--out", "clip.png"), "clip.png: .png holds one image, not 6 frames"),
        (("a dog", "--out", "missing/clip.mp4"), "missing/clip.mp4: there is no folder missing; make it first"),
        (
            ("a dog", "--sise", "8x8"),
            "Unrecognized options: --sise, 8x8; perhaps you meant --size; see `worldreel generate --help`",
        ),
        ((), "missing PROMPT"),
    ],
)
def test_what_cannot_be_made(generate, refused, work, words, says):
    refused(generate(*words), says)
    assert listing(work) == []


def test_an_existing_file_stays(generate, refused, work):
    (work / "clip.mp4").write_text("old")
    refused(generate("a dog", "--out", "clip.mp4"), "clip.mp4 exists already; give another name, or --overwrite")
    assert (work / "clip.mp4").read_text() == "old"
    assert listing(work) == ["clip.mp4"]


def test_one_of_several_files_exists(generate, refused, work):
    (work / "x-8.mp4").write_text("old")
    refused(generate("a dog", "--seed", 7, "--count", 2, "--out", "x.mp4"), "x-8.mp4 exists already")
    assert listing(work) == ["x-8.mp4"]


def test_a_folder_that_may_not_be_written_to(generate, refused):
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        try:
            with as_a_mere_user():
                refused(generate("a dog", "--out", f"{name}/clip.mp4"), f"{name}/clip.mp4 cannot be written: permission denied")
                assert listing(name) == []
        finally:
            Path(name).chmod(0o755)


@pytest.mark.parametrize("ending", ["mp4", "webp"])
def test_a_full_disk(generate, refused, full_disk, ending):
    folder, says, _ = full_disk
    refused(generate("a dog", "--out", folder / f"clip.{ending}"), f"clip.{ending} cannot be written: ", says)
    assert listing(folder) == ["other"]


# Models.


def test_an_unknown_model(run, refused, work):
    refused(run("generate", "a dog", "--model", "hal"), "--model 'hal': no such model; bundled: ")


def test_a_folder_that_is_no_model(run, refused, work):
    refused(run("generate", "a dog", "--model", "."), "the folder holds no model.json and no model_index.json, so it is no model")
    for text in ("{", "[]", "{}", "[" * 100_000, '{"format": "another"}'):
        (work / "model.json").write_text(text)
        refused(run("generate", "a dog", "--model", "."), "model.json")
    (work / "model.json").write_text('{"format": "worldreel-model", "name": "x"}')
    refused(run("generate", "a dog", "--model", "."), "model.json: autoencoder: Field required")
    assert listing(work) == ["model.json"]


@pytest.fixture
def spoiled(model_folder, tmp_path):
    """A copy of the model, to be broken."""
    return Path(shutil.copytree(model_folder, tmp_path / "spoiled"))


@pytest.mark.parametrize("part", ["autoencoder", "text", "transformer"])
@pytest.mark.parametrize("kept", [0, 4, 5000, -1])
def test_truncated_weights(run, refused, work, spoiled, part, kept):
    path = spoiled / f"{part}.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refused(run("generate", "a dog", "--model", spoiled), f"{part}.safetensors is not a whole safetensors file")
    assert listing(work) == []


def test_foreign_weights(run, refused, work, spoiled, tmp_path):
    path = spoiled / "transformer.safetensors"
    good = {name: tensor.clone() for name, tensor in load_file(path).items()}  # which are windows on the file until then
    other = make_model(tmp_path / "other", width=64) / "transformer.safetensors"
    shutil.copy(other, path)
    refused(run("generate", "a dog", "--model", spoiled), "these weights belong to another model")
    shutil.copy(spoiled / "text.safetensors", path)
    refused(run("generate", "a dog", "--model", spoiled), "transformer.safetensors lacks", "belong to another model")
    path.write_text("these are no weights at all, but words\n" * 10)
    refused(run("generate", "a dog", "--model", spoiled), "is not a whole safetensors file")
    save_file({**good, "head.weight": torch.full_like(good["head.weight"], torch.nan)}, path)
    refused(run("generate", "a dog", "--model", spoiled), "'head.weight' holds values that are not finite")
    path.unlink()
    refused(run("generate", "a dog", "--model", spoiled), "transformer.safetensors")
    assert listing(work) == []


def test_foreign_parts_of_a_model(run, refused, work, spoiled):
    config = (spoiled / "model.json").read_text()
    (spoiled / "model.json").write_text(config.replace('"vocabulary": 31047', '"vocabulary": 100'))
    refused(run("generate", "a dog", "--model", spoiled), "tokenizer.json has 31047 pieces, above the 100 of the text encoder")
    (spoiled / "model.json").write_text(config)
    (spoiled / "tokenizer.json").write_text("{}")
    refused(run("generate", "a dog", "--model", spoiled), "tokenizer.json is not a tokenizer")


# Videos.


def _gif_bomb():
    return b"GIF89a" + b"\xff\xff\xff\xff\0\0\0" + bytes(50) + b";"


def _png_bomb():
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("clip.mp4", b"just words\n" * 20, "clip.mp4 is not a video or image that Worldreel reads"),
        ("clip.mp4", b"", "clip.mp4 is empty"),
        ("clip.mp4", PLAYLIST, "clip.mp4 is not a video or image that Worldreel reads"),
        ("list.m3u8", PLAYLIST, "list.m3u8 is not a video or image that Worldreel reads"),
        ("bomb.gif", _gif_bomb(), "bomb.gif is 65535x65535, above"),
        ("bomb.png", _png_bomb(), "bomb.png is 30000x30000, above"),
    ],
)
def test_what_is_no_video(run, refused, work, model_folder, name, content, says):
    (work / name).write_bytes(content)
    refused(run("compress", name, "--model", model_folder), says)
    assert listing(work) == [name]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_mp4(run, refused, work, model_folder, part):
    whole = Clip.from_array(moving(20), 12).save(work / "clip.mp4").read_bytes()
    (work / "clip.mp4").write_bytes(whole[: int(part * len(whole))])
    refused(run("compress", "clip.mp4", "--model", model_folder), "clip.mp4")
    assert listing(work) == ["clip.mp4"]


def test_a_video_that_is_missing_or_a_folder(run, refused, work, model_folder):
    refused(run("compress", "clip.mp4", "--model", model_folder), "clip.mp4 cannot be read: no such file")
    refused(run("compress", ".", "--model", model_folder), ". is a folder; give one video or image file")


# Half way.


def test_ctrl_c_half_way(work, model_folder):
    """The note comes right before the first step; a thousand steps take far longer than the wait."""
    words = ["generate", "zzz qqq", "--model", str(model_folder), "--steps", "1000", "--size", "256x256", "--out", "clip.mp4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "worldreel", *words],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline().startswith("note: small knows no word")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, "")
    assert err == "worldreel generate: interrupted; nothing half-written is left\n"
    assert listing(work) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_frames_are_decoded(generate, refused, work, monkeypatch, number):
    whole = Model.decode_latents

    def half(model, *rest):
        for piece in whole(model, *rest):
            yield piece
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Model, "decode_latents", half)
    before = signal.getsignal(signal.SIGTERM)
    refused(generate("a dog", "--out", "clip.mp4"), "interrupted; nothing half-written is left", status=130)
    assert listing(work) == []
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"
        ),
        torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20.00 GiB"),
    ],
)
def test_memory_that_runs_out(generate, refused, work, monkeypatch, error):
    def fail(*rest):
        raise error

    monkeypatch.setattr(Model, "denoise", fail)
    refused(generate("a dog"), "this takes more memory than there is")
    assert listing(work) == []


def test_our_own_mistakes_keep_their_traceback(generate, work, monkeypatch):
    def fail(*rest):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Model, "denoise", fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        generate("a dog")
    assert listing(work) == []
