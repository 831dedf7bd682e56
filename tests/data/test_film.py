import json
from fractions import Fraction

import av
import numpy as np
import pytest

from worldreel.data.film import FilmStrip, Piece, StripInfo, find_strips, held_out_pieces, main, prepare, write_strip
from worldreel.errors import UserError


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """30 frames of 64x36 at 10 a second; frame k is grey at 8 k."""
    path = tmp_path_factory.mktemp("film") / "short.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        stream.options = {"crf": "4"}
        for number in range(30):
            picture = np.full((36, 64, 3), 8 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def counting(path, count=20, height=12, width=16, stills=False):
    """A strip whose frame k has k in red, the row in green and the column in blue."""
    rows, columns = np.mgrid[:height, :width]
    frames = (np.stack([np.full_like(rows, k), rows, columns], -1).astype(np.uint8) for k in range(count))
    write_strip(path, frames, StripInfo(source="made", sha256="0", fps="30000/1001", frames=0, stills=stills))
    return FilmStrip(path)


def numbers(strip):
    """Which of the film's frames a strip holds, read back from their grey."""
    return np.round(np.asarray(strip.frames, float).mean((1, 2, 3)) / 8).astype(int).tolist()


def test_a_film_becomes_a_strip_of_all_its_frames_at_the_width_asked_for(film, tmp_path):
    [path] = prepare(film, [Piece(tmp_path)], width=32)
    strip = FilmStrip(path)
    assert strip.frames.shape == (30, 18, 32, 3)
    assert strip.frames.dtype == np.uint8
    assert numbers(strip) == list(range(30))
    assert strip.fps == 10
    assert (strip.info.source, strip.info.frames, len(strip.info.sha256)) == ("short.mp4", 30, 64)


def test_the_height_is_even(film, tmp_path):
    [path] = prepare(film, [Piece(tmp_path)], width=30)
    assert FilmStrip(path).frames.shape[1:] == (16, 30, 3)


def test_pieces_hold_their_own_seconds_and_leave_the_gaps_out(film, tmp_path):
    paths = prepare(film, [Piece(tmp_path, 0, 0.5), Piece(tmp_path / "apart", 0.7, 1.2), Piece(tmp_path, 2.5)], width=32)
    assert [numbers(FilmStrip(path)) for path in paths] == [[0, 1, 2, 3, 4], [7, 8, 9, 10, 11], [25, 26, 27, 28, 29]]
    assert [path.parent.name for path in paths] == [tmp_path.name, "apart", tmp_path.name]
    assert [FilmStrip(path).info.start for path in paths] == [0, 0.7, 2.5]


def test_nothing_held_out_is_trained_on_and_two_seconds_lie_between(tmp_path):
    pieces = held_out_pieces(tmp_path)
    [held_out] = [piece for piece in pieces if piece.folder.name == "heldout"]
    assert (held_out.start, held_out.end) == (300, 360)
    for piece in pieces:
        for start, end in ((300, 360), (47.7, 53)):
            if piece.folder.name == "train":
                assert piece.start >= end + 2 or (piece.end is not None and piece.end <= start - 2)


def test_a_piece_after_the_films_end_is_refused_and_leaves_nothing(film, tmp_path):
    with pytest.raises(UserError, match="no frames"):
        prepare(film, [Piece(tmp_path, 99)], width=32)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_nothing(tmp_path):
    def frames():
        yield np.zeros((4, 4, 3), np.uint8)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        write_strip(tmp_path / "x.npy", frames(), StripInfo(source="made", sha256="0", fps="24", frames=0))
    assert list(tmp_path.iterdir()) == []


def test_frames_of_two_sizes_are_refused(tmp_path):
    frames = [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)]
    with pytest.raises(ValueError, match="frame 1"):
        write_strip(tmp_path / "x.npy", frames, StripInfo(source="made", sha256="0", fps="24", frames=0))


def test_a_strip_is_an_ordinary_numpy_file(tmp_path):
    strip = counting(tmp_path / "x.npy", count=45)
    assert np.array_equal(np.load(strip.path), strip.frames)
    assert json.loads((tmp_path / "x.json").read_text())["frames"] == 45
    assert strip.fps == Fraction(30000, 1001)


def test_a_clip_takes_every_step_th_frame(tmp_path):
    strip = counting(tmp_path / "x.npy")
    assert strip.clip(3, 4, 5)[:, 0, 0, 0].tolist() == [3, 8, 13, 18]
    for start, frames, step in ((-1, 2, 1), (3, 5, 5), (20, 1, 1)):
        with pytest.raises(ValueError, match="of 20"):
            strip.clip(start, frames, step)


def test_a_random_crop_is_a_box_of_the_strip_and_reaches_all_of_it(tmp_path):
    strip, rng = counting(tmp_path / "x.npy"), np.random.default_rng(0)
    corners = []
    for _ in range(500):
        crop = strip.random_crop(rng, 3, 8, 10, step=2)
        assert crop.shape == (3, 8, 10, 3)
        k, top, left = (int(value) for value in crop[0, 0, 0])
        assert np.array_equal(crop, strip.frames[k : k + 5 : 2, top : top + 8, left : left + 10])
        corners.append((k, top, left))
    assert np.min(corners, axis=0).tolist() == [0, 0, 0]
    assert np.max(corners, axis=0).tolist() == [15, 4, 6]


def test_a_crop_larger_than_the_strip_is_refused(tmp_path):
    strip, rng = counting(tmp_path / "x.npy"), np.random.default_rng(0)
    assert strip.random_crop(rng, 20, 12, 16).shape == (20, 12, 16, 3)
    for frames, height, width, step in ((21, 1, 1, 1), (1, 13, 1, 1), (1, 1, 17, 1), (8, 1, 1, 3)):
        with pytest.raises(ValueError, match="too small"):
            strip.random_crop(rng, frames, height, width, step)


def test_stills_give_single_pictures_only(tmp_path):
    strip = counting(tmp_path / "x.npy", stills=True)
    assert strip.random_crop(np.random.default_rng(0), 1, 12, 16).shape == (1, 12, 16, 3)
    with pytest.raises(ValueError, match="pictures"):
        strip.clip(0, 2)


def test_a_truncated_strip_is_a_user_error(tmp_path):
    strip = counting(tmp_path / "x.npy")
    strip.path.write_bytes(strip.path.read_bytes()[:500])
    with pytest.raises(UserError, match="not a whole film strip"):
        _ = FilmStrip(strip.path).frames


def test_an_empty_folder_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="no film strips"):
        find_strips(tmp_path)


def test_the_command_prepares_a_folder(film, tmp_path, monkeypatch, capsys):
    arguments = ["film", str(film.parent), "--out", str(tmp_path), "--width", "16", "--start", "1", "--seconds", "0.5"]
    monkeypatch.setattr("sys.argv", arguments)
    main()
    assert "short-1s.npy 5 8 16 3" in capsys.readouterr().out
    assert [numbers(strip) for strip in find_strips(tmp_path)] == [[10, 11, 12, 13, 14]]
