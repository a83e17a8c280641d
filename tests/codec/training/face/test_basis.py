"""Expression basis: fitted to drawn expressions it explains them, and the mean shape is a face of one io."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from codec.errors import MediaError
from codec.motion.expression import COEFFICIENTS, POSE, FaceShape
from codec.motion.landmarks import EYES, LEFT_CORNER, LIPS, OUTLINE, RIGHT_CORNER, RIGID
from codec.training.data.dataset import ClipFile
from codec.training.face.basis import fit_shape

Floats = npt.NDArray[np.float32]

FRAMES = 90


@pytest.fixture(scope="module")
def labelled_only(tmp_path_factory: pytest.TempPathFactory, drawing: Any) -> tuple[list[ClipFile], list[Floats]]:
    """Labels of four people without pictures."""
    folder, archive = tmp_path_factory.mktemp("labels"), {}
    landmarks = [drawing.landmarks(seed, FRAMES) for seed in range(4)]
    for number, points in enumerate(landmarks):
        archive[f"clip{number}.landmarks"] = drawing.labels(points)
        archive[f"clip{number}.presence"] = np.full(FRAMES, 9, np.float32)
    np.savez(folder / "labels.npz", **archive)
    files = [ClipFile(folder / f"clip{n}.mp4", f"a/clip{n}.mp4", f"a/{n}", None) for n in range(4)]
    return files, landmarks


@pytest.fixture(scope="module")
def fitted(labelled_only: tuple[list[ClipFile], list[Floats]]) -> FaceShape:
    return fit_shape(labelled_only[0][:3])


def test_the_mean_is_a_face_of_one_io(fitted: FaceShape) -> None:
    assert np.linalg.norm(fitted.mean[LEFT_CORNER] - fitted.mean[RIGHT_CORNER]) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(fitted.mean[RIGID].mean(0), 0, atol=1e-3)
    assert fitted.mean.dtype == fitted.basis.dtype == fitted.weight.dtype == np.float32


def test_the_basis_is_orthonormal(fitted: FaceShape) -> None:
    flat = fitted.basis.reshape(COEFFICIENTS, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(COEFFICIENTS), atol=1e-4)


def test_lids_weigh_more_than_lips_and_lips_more_than_the_rest(fitted: FaceShape) -> None:
    assert fitted.weight[EYES].min() > fitted.weight[LIPS].max() > fitted.weight[OUTLINE].max() > 0


@pytest.mark.parametrize("clip", range(4))
def test_the_basis_explains_expressions(
    clip: int, fitted: FaceShape, labelled_only: tuple[list[ClipFile], list[Floats]]
) -> None:
    """Those of somebody it was not fitted to as well: all of these people have them in common."""
    landmarks = labelled_only[1][clip]
    person = fitted.person(landmarks[0], side=256)
    with_expression, alone = [], []
    for points in landmarks[::5]:
        numbers = person.numbers(points)
        with_expression.append(np.abs(person.landmarks(numbers) - points)[:, :2].mean())
        numbers[POSE:] = 0
        alone.append(np.abs(person.landmarks(numbers) - points)[:, :2].mean())
    assert np.mean(with_expression) < 0.25 * np.mean(alone)
    assert np.mean(with_expression) < 0.3, "pixels of 256"


def test_pose_is_no_expression(fitted: FaceShape, faces: Any) -> None:
    """A head that only turns has the same coefficients all the time."""
    shape = faces.shape()
    person = shape.person(shape.mean * 90 + np.float32(128), side=256)
    numbers = person.own.copy()
    numbers[:POSE] += np.array([0.3, -0.2, 0.2, 0.1, 9, -7], np.float32)
    seen = fitted.person(person.landmarks(person.own), side=256).numbers(person.landmarks(numbers))
    assert np.abs(seen[POSE:]).max() < 0.01


def test_clips_without_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="labels"):
        fit_shape([ClipFile(tmp_path / "clip0.mp4", "a/clip0.mp4", "a/clip0", None)])
