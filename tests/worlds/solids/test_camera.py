import numpy as np
import pytest

from worldreel.worlds.solids.camera import DISTANCE, TARGET, Camera, extent, project
from worldreel.worlds.solids.kinds import MOVES

MOMENTS = np.linspace(0, 1, 9)


def camera(move, amount=0.5):
    return Camera(move, 0.25, amount)


def seen(move, point):
    """The point [3] in the picture at each moment, [T, 2]."""
    points = np.broadcast_to(np.array(point), (len(MOMENTS), 1, 3))
    return project(points, camera(move).poses(MOMENTS))[:, 0]


@pytest.mark.parametrize("move", MOVES)
def test_the_axes_are_square_and_the_middle_looks_along_z(move):
    poses = camera(move).poses(MOMENTS)
    squares = poses.axes @ poses.axes.transpose(0, 2, 1)
    assert np.allclose(squares, np.eye(3))
    assert np.allclose(poses.axes[4, 0], [1, 0, 0])
    assert np.allclose(poses.axes[4, 2], [0, -np.sin(0.25), np.cos(0.25)])
    assert (poses.eyes[:, 1] > 0.5).all()


@pytest.mark.parametrize("move", ["still", "orbit left", "orbit right", "dolly in", "dolly out"])
def test_the_target_stays_in_the_middle(move):
    assert np.abs(seen(move, TARGET)).max() < 1e-9


def test_an_orbit_goes_around_at_one_distance_by_its_angle():
    right, left = camera("orbit right").poses(MOMENTS), camera("orbit left").poses(MOMENTS)
    assert (np.diff(right.eyes[:, 0]) > 0).all()
    assert np.allclose(right.eyes, left.eyes[::-1])
    assert np.allclose(np.linalg.norm(right.eyes - TARGET, axis=1), DISTANCE)
    level = (right.eyes - TARGET)[:, [0, 2]]
    cosine = level[0] @ level[-1] / np.linalg.norm(level[0]) / np.linalg.norm(level[-1])
    assert np.arccos(cosine) == pytest.approx(0.5)
    # What is nearer than the target goes to the left in the picture, what is farther to the right.
    assert (np.diff(seen("orbit right", (0, 0, -1))[:, 0]) < 0).all()
    assert (np.diff(seen("orbit right", (0, 0, 1))[:, 0]) > 0).all()


def test_a_pan_turns_on_the_spot():
    poses = camera("pan right").poses(MOMENTS)
    assert np.allclose(poses.eyes, poses.eyes[0])
    for depth in (-1, 0, 2):
        assert (np.diff(seen("pan right", (0, 0, depth))[:, 0]) < 0).all()
        assert (np.diff(seen("pan left", (0, 0, depth))[:, 0]) > 0).all()


def test_a_dolly_comes_nearer_by_its_ratio():
    distances = np.linalg.norm(camera("dolly in").poses(MOMENTS).eyes - TARGET, axis=1)
    assert (np.diff(distances) < 0).all()
    assert np.log(distances[0] / distances[-1]) == pytest.approx(0.5)
    assert np.allclose(camera("dolly out").poses(MOMENTS).eyes, camera("dolly in").poses(MOMENTS).eyes[::-1])


def test_the_shorter_side_is_the_unit():
    assert extent(160, 80) == (2.0, 1.0)
    assert extent(60, 90) == (1.0, 1.5)
