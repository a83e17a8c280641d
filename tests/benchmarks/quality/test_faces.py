"""Stage 10, display (as judged): the geometry of identity and landmark error, with networks that see a white square."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.errors import NetsMissing, SettingError
from benchmarks.quality.face_mesh import (
    EYE_CORNERS,
    MOUTH_CORNERS,
    NOSE_TIP,
    OUTER_EYE_CORNERS,
    POINTS,
    SQUARE_PER_FACE,
    FaceMesh,
    Mesh,
    Square,
    five_points,
    landmark_error,
    square_about_points,
)
from benchmarks.quality.faces import FaceJudge
from benchmarks.quality.identity import PLACES, Identity, align, similarity
from benchmarks.quality.metrics import measure
from benchmarks.rate.eyes_and_mouth import strips_by_box, strips_by_mesh

SIDE = 256
FACE = 20  # half the width of the white square
INTEROCULAR = 1.5 * FACE


def template() -> NDArray[np.float64]:
    """478 places about (0, 0): within a box of twice FACE, the named points where a face has them."""
    points = np.random.default_rng(7).uniform(-FACE, FACE, (POINTS, 2))
    points[2:4] = (-FACE, -FACE), (FACE, FACE)
    points[list(OUTER_EYE_CORNERS)] = (-INTEROCULAR / 2, -5), (INTEROCULAR / 2, -5)
    points[[corner for corner in np.ravel(EYE_CORNERS) if corner not in OUTER_EYE_CORNERS]] = (-5, -5), (5, -5)
    points[list(MOUTH_CORNERS)] = (-6, 12), (6, 12)
    points[NOSE_TIP] = 0, 3
    return points


TEMPLATE = template()


class WhiteSquareNet:
    """Stands for the mesh network: finds a white square by its centre and width, and is sure when it is there."""

    def setInput(self, blob: NDArray[np.float32]) -> None:
        assert blob.shape == (1, 3, SIDE, SIDE)
        assert 0 <= blob.min() <= blob.max() <= 1
        self.white = blob[0, 0] > 0.75

    def forward(self, names: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        ys, xs = np.nonzero(self.white)
        if not len(xs):
            return np.zeros(3 * POINTS, np.float32), np.full((1, 1), -9, np.float32)
        scale = np.sqrt(len(xs)) / (2 * FACE)
        points = np.column_stack([TEMPLATE * scale + (xs.mean(), ys.mean()), np.zeros(POINTS)])
        return points.astype(np.float32).reshape(1, -1, 1, 1), np.full((1, 1), 9, np.float32)


class MeanColourNet:
    """Stands for the recognition network: a picture's mean colours are who it is."""

    def setInput(self, blob: NDArray[np.float32]) -> None:
        assert blob.shape == (1, 3, 112, 112)
        self.blob = blob

    def forward(self) -> NDArray[np.float32]:
        return self.blob.mean(axis=(2, 3))


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> FaceJudge:
    class Net(WhiteSquareNet):
        def getUnconnectedOutLayersNames(self) -> list[str]:
            return ["Identity", "Identity_1", "Identity_2"]

    monkeypatch.setattr(cv2.dnn, "readNetFromTFLite", lambda path: Net())
    monkeypatch.setattr(cv2.dnn, "readNetFromONNX", lambda path: MeanColourNet())
    return FaceJudge(Path("mesh"), Path("identity"))


def face_at(x: int, y: int, *, colour: tuple[int, int, int] = (255, 255, 255)) -> NDArray[np.uint8]:
    picture = np.full((SIDE, SIDE, 3), 30, np.uint8)
    picture[y - FACE : y + FACE, x - FACE : x + FACE] = colour
    return picture


def test_a_square_maps_its_corners_and_its_centre() -> None:
    square = Square(100.0, 80.0, 64.0, angle=np.pi / 2)
    to_picture = square.to_picture
    corners = np.array([[128, 128, 1], [0, 0, 1], [256, 0, 1]]) @ to_picture.T
    np.testing.assert_allclose(corners, [[100, 80], [132, 48], [132, 112]], atol=1e-9)


def test_an_upright_square_is_cut_as_it_is() -> None:
    picture = np.random.default_rng(8).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    np.testing.assert_array_equal(Square(128.0, 128.0, 256.0).cut(picture), picture)


@pytest.mark.parametrize("degrees", [0, 25, -40])
def test_the_square_about_points_levels_the_eyes(degrees: float) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    square = square_about_points(TEMPLATE @ turn.T + (90, 110))
    assert (square.x, square.y) == (pytest.approx(90), pytest.approx(110))
    assert square.side == pytest.approx(SQUARE_PER_FACE * 2 * FACE)
    assert square.angle == pytest.approx(angle)


def test_the_same_picture_is_the_same_face(judge: FaceJudge) -> None:
    pictures = np.stack([face_at(120, 130), face_at(122, 130)])
    quality = judge.find(pictures).compare(pictures)
    assert quality.identity == pytest.approx(1)
    assert quality.landmark_percent == 0
    assert quality.without_face == 0


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (0, -4), (6, 8)])
def test_a_shifted_face_is_off_by_its_shift(judge: FaceJudge, dx: int, dy: int) -> None:
    found = judge.find(face_at(120, 130)[None])
    error = found.compare(face_at(120 + dx, 130 + dy)[None]).landmark_percent
    assert error == pytest.approx(100 * np.hypot(dx, dy) / INTEROCULAR, rel=0.03)


def test_another_colour_is_another_person(judge: FaceJudge) -> None:
    found = judge.find(face_at(120, 130)[None])
    other = found.compare(face_at(120, 130, colour=(255, 90, 0))[None]).identity
    assert other is not None
    assert other < 0.9


def test_frames_without_a_face_are_left_out_and_counted(judge: FaceJudge) -> None:
    empty = np.full((SIDE, SIDE, 3), 30, np.uint8)
    originals = np.stack([empty, face_at(120, 130), empty])
    quality = judge.find(originals).compare(np.stack([face_at(50, 50), face_at(120, 130), empty]))
    assert quality.without_face == 2
    assert quality.landmark_percent == 0
    nothing = judge.find(empty[None]).compare(empty[None])
    assert (nothing.identity, nothing.landmark_percent, nothing.without_face) == (None, None, 1)


def test_measure_looks_at_every_nth_frame(judge: FaceJudge) -> None:
    originals = np.stack([face_at(120, 130)] * 4)
    decoded = np.stack([face_at(123 if index % 2 else 120, 130) for index in range(4)])
    quality = measure(originals, decoded, faces=judge.find(originals[::2]), every=2)
    assert quality.landmark_percent == 0
    assert quality.identity == pytest.approx(1)
    assert quality.without_face == 0


def test_landmarks_alone_give_no_identity(judge: FaceJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = FaceJudge(Path("mesh"))
    quality = alone.find(face_at(120, 130)[None]).compare(face_at(120, 130)[None])
    assert (quality.identity, quality.landmark_percent) == (None, 0)
    with pytest.raises(SettingError, match="needs the landmarks"):
        FaceJudge(None, Path("identity"))


def test_a_similarity_is_recovered() -> None:
    source = np.random.default_rng(9).normal(size=(5, 2))
    matrix = np.array([[1.2, -0.5, 7.0], [0.5, 1.2, -3.0]])
    np.testing.assert_allclose(similarity(source, source @ matrix[:, :2].T + matrix[:, 2]), matrix, atol=1e-12)


def test_alignment_brings_the_five_points_to_their_places() -> None:
    turn = np.array([[1.9, -0.6], [0.6, 1.9]])
    points = PLACES @ turn.T + (70, 20)
    for point, place in zip(points, PLACES, strict=True):
        picture = np.zeros((SIDE + 100, SIDE + 100, 3), np.uint8)
        cv2.circle(picture, tuple(map(int, np.rint(point))), 5, (255, 255, 255), -1)
        ys, xs = np.nonzero(align(picture, points)[..., 0] > 128)
        np.testing.assert_allclose([xs.mean(), ys.mean()], place, atol=0.7)


def test_five_points_are_eye_centres_nose_and_mouth_corners() -> None:
    mesh = Mesh(Square(0, 0, 1), TEMPLATE, 9.0)
    middle = (-INTEROCULAR / 2 - 5) / 2
    np.testing.assert_allclose(five_points(mesh), [(middle, -5), (-middle, -5), (0, 3), (-6, 12), (6, 12)])
    assert mesh.interocular == INTEROCULAR
    moved = Mesh(mesh.square, TEMPLATE + np.array((3, 4)), 9.0)
    assert landmark_error(mesh, moved) == pytest.approx(500 / INTEROCULAR)


def test_strips_lie_about_the_eyes_and_the_mouth() -> None:
    strips = strips_by_mesh(Mesh(Square(0, 0, 1), TEMPLATE + 128, 9.0), SIDE)
    assert strips.eyes.x + strips.eyes.width / 2 == pytest.approx(128 / SIDE)
    assert strips.eyes.y + strips.eyes.width / 4 == pytest.approx(123 / SIDE)
    assert strips.mouth.y + strips.mouth.width / 4 == pytest.approx(140 / SIDE)
    blank = strips_by_box(np.full((SIDE, SIDE, 3), 90, np.uint8))
    assert blank.eyes.y < blank.mouth.y
    assert blank.eyes.cut(face_at(100, 100), width=64).shape == (32, 64, 3)


@pytest.mark.parametrize("load", [FaceMesh, Identity])
def test_a_file_that_is_no_network_is_named(load: type[FaceMesh] | type[Identity], tmp_path: Path) -> None:
    with pytest.raises(NetsMissing, match="absent"):
        load(tmp_path / "absent")
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"not a network")
    with pytest.raises(NetsMissing, match="damaged"):
        load(damaged)
